// The internal representation of a chat request and its answer: plain JSON data, no dialect's own.
import type { Usage } from "./usage.ts";

/** A wire protocol. */
export type DialectId =
  | "openai-chat"
  | "openai-responses"
  | "anthropic-messages"
  | "gemini"
  | "ollama"
  | "bedrock-converse"
  | "cohere";

/** What a client asks for. Chat, embeddings, rerank and token counts can be translated between dialects; the others are relayed. */
export type Operation =
  | "chat"
  | "count-tokens"
  | "embeddings"
  | "rerank"
  | "completions"
  | "moderations"
  | "images"
  | "image-edits"
  | "image-variations"
  | "speech"
  | "transcriptions"
  | "translations"
  | "compact"
  /** Objects kept by a provider: see `pipeline/objects.ts`. */
  | "files"
  | "batches"
  | "uploads"
  /** Anything else of a provider's own API, passed through. */
  | "pass-through"
  | "realtime";

/** Where a piece of content was made: signed reasoning is replayed only to the same origin. */
export interface Origin {
  dialect: DialectId;
  provider?: string;
  model?: string;
}

/** Fields that only one dialect understands, by dialect. Only that dialect's own encoder reads them. */
export type Ext = Partial<Record<DialectId, Record<string, unknown>>>;

/** A prompt-cache breakpoint behind this part. */
export interface CacheHint {
  ttl?: "5m" | "1h";
}

/** Proof that `origin` made a part that is not reasoning itself (Gemini `thoughtSignature` on text and calls): opaque, never edited. */
export interface Proof {
  signature: string;
  origin: Origin;
}

interface PartBase {
  cache?: CacheHint;
  ext?: Ext;
  proof?: Proof;
}

export interface TextPart extends PartBase {
  type: "text";
  text: string;
  /** Sources of this text, in the shape of the dialect it came from. */
  citations?: { origin: DialectId; raw: unknown }[];
}

/** Media by URL, by base64 data, or by the id of a file uploaded to the provider. */
export type MediaSource =
  | { kind: "url"; url: string; mediaType?: string }
  | { kind: "base64"; data: string; mediaType: string }
  | { kind: "text"; text: string; mediaType: string }
  | { kind: "file-id"; id: string; mediaType?: string };

export interface ImagePart extends PartBase {
  type: "image";
  source: MediaSource;
  /** OpenAI's resolution hint. */
  detail?: string;
}

export interface AudioPart extends PartBase {
  type: "audio";
  source: MediaSource;
  /** `wav`, `mp3` ... */
  format?: string;
}

export interface FilePart extends PartBase {
  type: "file";
  source: MediaSource;
  name?: string;
  title?: string;
  context?: string;
  /** The client wants the answer to cite it, by this id. */
  citedAs?: string;
}

export interface ReasoningPart extends PartBase {
  type: "reasoning";
  /** Readable reasoning; empty when the provider shows none. */
  text: string;
  /** Proof that the provider made `text`; opaque, never edited. */
  signature?: string;
  /** Reasoning that only the provider can read (Anthropic `redacted_thinking.data`, OpenAI `encrypted_content`). */
  encrypted?: string;
  origin: Origin;
  /** The gateway put it back: what stands around it is as the client spelt it. */
  restored?: true;
}

export interface ToolCallPart extends PartBase {
  type: "tool-call";
  id: string;
  name: string;
  /** The arguments as the untouched JSON string; parsed only where a wire wants an object. */
  args: string;
  /** Who runs the tool. A provider's own tool calls never come back from the client. */
  executor: "client" | "provider";
  /** The tool is free-form (OpenAI `custom`): `args` is plain text, not JSON. */
  freeform?: boolean;
  /** The group the tool stands in (OpenAI Responses `namespace`). */
  namespace?: string;
}

export interface ToolResultPart extends PartBase {
  type: "tool-result";
  callId: string;
  /** Text, images and files the tool gave back. */
  parts: (TextPart | ImagePart | FilePart | OpaquePart)[];
  isError: boolean;
}

export interface RefusalPart extends PartBase {
  type: "refusal";
  text: string;
}

/** Something only `origin` understands, kept whole. */
export interface OpaquePart extends PartBase {
  type: "opaque";
  origin: DialectId;
  raw: unknown;
}

export type Part =
  | TextPart
  | ImagePart
  | AudioPart
  | FilePart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart
  | RefusalPart
  | OpaquePart;

/** Tool results live in user turns; system messages may stand anywhere. */
export interface Message {
  role: "system" | "user" | "assistant";
  parts: Part[];
  /** Name of the participant (OpenAI `name`). */
  name?: string;
  /** Where the client wrote it, e.g. `messages[3]` or `system`: what warnings about it name. */
  place?: string;
  ext?: Ext;
}

export type Tool =
  | {
      type: "function";
      name: string;
      description?: string;
      /** JSON Schema of the arguments, untouched. */
      parameters?: unknown;
      strict?: boolean;
      /** The group it stands in (OpenAI Responses `namespace`); `name` alone may not be unique. */
      namespace?: string;
      cache?: CacheHint;
      ext?: Ext;
    }
  | {
      /** Free-form tool (OpenAI `custom`); `format` is the wire's grammar object. */
      type: "custom";
      name: string;
      description?: string;
      format?: unknown;
      namespace?: string;
      cache?: CacheHint;
      ext?: Ext;
    }
  | {
      /** A tool that the vendor defines and nearly always runs itself; only `origin` understands `raw`. */
      type: "provider";
      name: string;
      origin: DialectId;
      raw: unknown;
      /** `client`: the client runs it, although only the vendor's models know it (Anthropic `bash`, `computer` ...). */
      executor?: "client";
      cache?: CacheHint;
    };

export type ToolChoice =
  | { type: "auto" }
  | { type: "none" }
  | { type: "required" }
  | { type: "tool"; name: string };

export interface Settings {
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  stop?: string[];
  seed?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  candidateCount?: number;
  parallelToolCalls?: boolean;
  /** Log probabilities of the answer's tokens, with so many alternatives each. */
  logprobs?: { top?: number };
  /** How wordy the answer should be, as the client wrote it: `low`, `medium`, `high`. */
  verbosity?: string;
}

/** How hard to think: off, an effort word as the client wrote it (`minimal` … `xhigh`, `max`), a token budget, or as the model sees fit. */
export type Reasoning = (
  | { mode: "off" }
  | { mode: "effort"; effort: string; display?: string }
  | { mode: "budget"; tokens: number; display?: string }
  | { mode: "adaptive"; effort?: string; display?: string }
) & {
  /** The client's own spelling of the same wish, for its own dialect's encoder: no loss for any other. */
  ext?: Ext;
  /** Paths of what that spelling says beyond the wish, e.g. `thinking.clear_thinking`: lost to any other dialect. */
  beyond?: readonly string[];
};

export type ResponseFormat =
  | { type: "text" }
  | { type: "json" }
  | {
      type: "json-schema";
      name?: string;
      description?: string;
      schema: unknown;
      strict?: boolean;
    };

export interface ChatRequest {
  model: string;
  messages: Message[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  settings: Settings;
  reasoning?: Reasoning;
  responseFormat?: ResponseFormat;
  stream: boolean;
  /** The end user, for the provider's abuse detection. */
  user?: string;
  /** What several vendors take under one name, with values of their own: passed on as it is where the target has it. */
  account?: {
    serviceTier?: string;
    store?: boolean;
    metadata?: Record<string, unknown>;
    promptCacheKey?: string;
    promptCacheRetention?: string;
    safetyIdentifier?: string;
  };
  ext: Ext;
}

export type FinishReason =
  | "stop"
  | "length"
  | "tool-calls"
  | "content-filter"
  | "refusal"
  | "pause"
  | "context-window"
  | "other";

export interface Finish {
  reason: FinishReason;
  /** As the provider spelt it. */
  raw?: string;
  /** Which stop sequence ended the answer, if one did. */
  stopSequence?: string;
}

export interface Candidate {
  parts: Part[];
  finish: Finish;
  /** e.g. OpenAI `logprobs`. */
  ext?: Ext;
}

export interface ChatResponse {
  id: string;
  model: string;
  /** Milliseconds since the Unix epoch, where the provider says. */
  createdMs?: number;
  /** One per requested candidate (`n`), nearly always exactly one. */
  candidates: Candidate[];
  usage?: Usage;
  ext?: Ext;
}
