// What a test asks and what it is told, in no SDK's terms; each SDK has a client that says it in its own.

/** The two strict upstreams, by the provider names of the daemon's configuration. */
export type UpstreamName = "openai" | "anthropic";

export interface Asking {
  model: string;
  system?: string;
  messages: Turn[];
  tools?: ToolSpec[];
  choice?: "auto" | "none" | "required" | { name: string };
  /** `false`: at most one call in an answer. */
  parallel?: boolean;
  reasoning?: { effort: string } | { budget: number };
  /** The answer must be JSON that fits. */
  format?: { name: string; schema: Record<string, unknown> };
  stop?: string[];
  /** Default 4096. */
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  seed?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  user?: string;
  /** A prompt-cache hint behind the system prompt, where the SDK has one. */
  cacheSystem?: boolean;
}

export type Turn =
  | { role: "user"; text?: string; media?: Media[] }
  | { role: "assistant"; text: string }
  /** The answer as the SDK gave it, sent back. */
  | { role: "echo"; reply: Reply }
  | { role: "results"; results: ToolResult[] };

export type Media =
  | { kind: "image" | "pdf"; base64: string; mediaType: string }
  | { kind: "image" | "pdf"; url: string };

export interface ToolSpec {
  name: string;
  description: string;
  schema: Record<string, unknown>;
  strict?: boolean;
}

export interface ToolCall {
  id: string;
  name: string;
  args: unknown;
}

export interface ToolResult {
  call: ToolCall;
  text?: string;
  image?: { base64: string; mediaType: string };
  isError?: boolean;
}

export type Finish = "stop" | "length" | "tool-calls" | "refusal" | "other";

export interface Reply {
  text: string;
  /** What the SDK shows of the model's thinking. */
  reasoning: string;
  /** Text of a refusal, where the wire has a place for it. */
  refusal: string;
  calls: ToolCall[];
  finish: Finish;
  /** Anthropic's `stop_sequence`. */
  stopSequence?: string;
  usage: Counts;
  /** In the SDK's own form, for {@link Turn} `echo`. */
  native: unknown;
}

/** Tokens as an SDK tells them; null where its wire does not tell. Cached tokens are part of the input, reasoning of the output. */
export interface Counts {
  input: number;
  cacheRead: number;
  cacheWrite: number | null;
  output: number;
  reasoning: number | null;
}

/** What an SDK speaks and can do, where SDKs differ. */
export interface ClientTraits {
  /** The wire it speaks. */
  dialect: "openai-chat" | "anthropic-messages";
  /** Shows the model's thinking. */
  showReasoning: boolean;
  /** Sends signed thinking back. */
  replayReasoning: boolean;
  /** Takes a token budget for thinking. */
  budget: boolean;
  /** Says that a tool result is an error. */
  toolErrors: boolean;
  /** Has prompt-cache hints on the system prompt. */
  cacheHints: boolean;
  topK: boolean;
  /** Sends `seed` and the penalties. */
  openAiSampling: boolean;
}

/** One SDK, pointed at the gateway. */
export interface PairClient {
  name: string;
  dialect: ClientTraits["dialect"];
  can: ClientTraits;
  ask(asking: Asking, stream: boolean): Promise<Reply>;
}

export const defaultMaxTokens = 4096;

/** Arguments as a value; text that is no JSON stays as it is. */
export function parseArgs(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
