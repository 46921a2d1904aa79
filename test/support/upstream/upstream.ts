// What an upstream double is: its handle, what it records, what it bills, and the scenarios it plays.

export interface Upstream {
  /** Origin, without a trailing slash: `http://127.0.0.1:41234`. */
  readonly url: string;
  /** What a vendor's SDK is given as its base URL (`/v1` included where that vendor's SDK wants it). */
  readonly baseUrl: string;
  readonly port: number;
  /** The only key the double accepts. */
  readonly key: string;
  /** Every request received, refused ones included, in order of arrival. */
  readonly requests: Recorded[];
  /** The double's own account of what it served: the oracle of accounting tests. */
  readonly bill: Bill;
  /** Connections that clients closed before the answer was complete. */
  readonly aborts: Abort[];
  /** Appends what the next answers are. Without a scenario an answer is made from the request. */
  script(next: Scenario | readonly Scenario[]): void;
  /** Forgets requests, bill, aborts, scripted answers and cached prompts. */
  reset(): void;
  /** Closes the listener and every connection. */
  stop(): Promise<void>;
}

export interface UpstreamOptions {
  /** 0 (default) takes a free port. */
  port?: number;
  hostname?: string;
  /** Default `k`. */
  key?: string;
  /** Scenarios played in order, or a function asked for each accepted request (undefined: the default answer). */
  script?: Script;
  /** Model names taken besides the vendor's own; nothing particular is known of them. */
  models?: readonly string[];
  /** Told of each request when its verdict is known. */
  onRequest?: (request: Recorded) => void;
  /** Prompt prefixes shorter than this many tokens are not cached. Default 1024, as both vendors. */
  cacheMinTokens?: number;
  /** Reasoning that was told together with calls must come back with them, whatever the model (Gemini, Responses). */
  demandSignatures?: boolean;
  /** Signatures, sealed reasoning and ids that the double did not issue are taken as good (Gemini, Responses). */
  trustSignatures?: boolean;
}

export type Script = readonly Scenario[] | ((request: Recorded) => Scenario | undefined);

export interface Recorded {
  /** The id sent back in the vendor's request-id header. */
  id: string;
  method: string;
  /** Path without the query. */
  path: string;
  query: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  /** The body's bytes as received. */
  body: Uint8Array;
  /** The body as JSON; undefined when it is none. */
  parsed: unknown;
  /** HTTP status of the answer; 0 until it is known, and for scenarios that never answer. */
  status: number;
  /** Why the request was refused; undefined when it was accepted. */
  refusal?: Refusal;
  /** Where the key was found, for vendors that look in several places: `x-goog-api-key`, `?key=`, `authorization`. */
  credential?: string;
  /** Monotonic milliseconds of arrival. */
  at: number;
}

/** A refusal in the vendor's own words. */
export interface Refusal {
  status: number;
  type: string;
  message: string;
  /** OpenAI only. */
  param?: string | null;
  /** OpenAI only. */
  code?: string | null;
  /** Anthropic only: what machines read. */
  details?: Record<string, unknown>;
  /** Google only: what is wrong, field by field. */
  violations?: readonly { field: string; description: string }[];
  /** Google only: the reason in `ErrorInfo`. */
  reason?: string;
  /** Of a scripted error: told in the body where the vendor does so. */
  retryAfter?: number | string;
}

export interface Abort {
  /** Monotonic milliseconds. */
  at: number;
  /** {@link Recorded.id} of the request left. */
  id: string;
  path: string;
}

export interface Bill {
  readonly entries: BillEntry[];
  /** Sums over all entries, or over those of one model. */
  total(model?: string): BillTotal;
}

export interface BillEntry {
  /** The id in the answer's body (`msg_…`, `chatcmpl-…`, `resp_…`). */
  id: string;
  /** {@link Recorded.id} of the request. */
  requestId: string;
  path: string;
  /** The model as the answer names it. */
  model: string;
  inputTokens: number;
  /** Part of `inputTokens`. */
  cachedInputTokens: number;
  /** Part of `inputTokens`; written with the five-minute lifetime. */
  cacheWrite5mTokens: number;
  /** Part of `inputTokens`; written with the one-hour lifetime. */
  cacheWrite1hTokens: number;
  /** What was generated before the answer ended, was cut or was left. */
  outputTokens: number;
  /** Part of `outputTokens`. */
  reasoningTokens: number;
  stream: boolean;
  /** The whole answer, with its terminal event, was handed to the connection. */
  complete: boolean;
  /** The client left first. */
  aborted: boolean;
}

export type BillTotal = Pick<
  BillEntry,
  | "inputTokens"
  | "cachedInputTokens"
  | "cacheWrite5mTokens"
  | "cacheWrite1hTokens"
  | "outputTokens"
  | "reasoningTokens"
> & { requests: number };

/** Tokens a scenario states instead of counting them. Cached tokens are part of `input`, reasoning of `output`. */
export interface StatedUsage {
  input?: number;
  cached?: number;
  cacheWrite5m?: number;
  cacheWrite1h?: number;
  output?: number;
  reasoning?: number;
  /** What the vendor's own tools brought into the prompt: beside `input`, and billed with it (Gemini). */
  toolPrompt?: number;
}

export interface ScriptedCall {
  name: string;
  /** Arguments: a value, or the exact JSON text to send (invalid text included). */
  args: unknown;
  id?: string;
}

export type StopCause = "end" | "length" | "stop" | "tool" | "refusal" | "pause";

interface AnswerSettings {
  /** Shown before the answer (Anthropic: a signed thinking block; OpenAI: counted, not shown). */
  reasoning?: string;
  /** Signature of the thinking, as it stands, instead of one that the double takes back (Anthropic). */
  signature?: string;
  /** Thinking that only the vendor can read (Anthropic). */
  redacted?: string;
  usage?: StatedUsage;
  /** Why the answer ends; by default what follows from the content and the limits asked for. */
  stop?: StopCause;
  /** The vendor's own word for the end, as it stands (Gemini). */
  finish?: string;
  /** The prompt is blocked for this reason: there is no answer (Gemini). */
  blocked?: string;
  /** Pictures the model made, base64 (Gemini, Responses). */
  images?: readonly { mediaType: string; data: string }[];
  /** Pages that the text rests on (Gemini, Responses). */
  sources?: readonly { title: string; url: string }[];
}

/** A proper answer. */
export type Answer =
  | ({ kind: "text"; text: string } & AnswerSettings)
  | ({
      kind: "tool-calls";
      calls: ScriptedCall[];
      /** Text before the calls. */
      text?: string;
    } & AnswerSettings)
  /** The last user text, whatever else the request asks for. */
  | ({ kind: "echo" } & AnswerSettings)
  /** A JSON value as text. */
  | ({ kind: "json"; value: unknown } & AnswerSettings)
  | ({ kind: "refusal"; text: string } & AnswerSettings)
  /** Made from the request, as when nothing is scripted. */
  | { kind: "default"; usage?: StatedUsage };

/** An error in the vendor's shape. */
export interface ErrorAnswer {
  kind: "error";
  status: number;
  type: string;
  message: string;
  code?: string | null;
  param?: string | null;
  /** Sent as it stands in `retry-after`. */
  retryAfter?: number | string;
  headers?: Record<string, string>;
}

/** Any bytes at all. A number among the chunks is a pause in milliseconds. */
export interface RawAnswer {
  kind: "raw";
  status: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array | readonly (string | Uint8Array | number)[];
}

/**
 * Faults. `answer` is what would have been said; a stream is cut into frames (events) as the vendor sends them.
 * `pauseMs` (default 20) is the silence between what is told and the break, so that both arrive apart.
 */
export type Fault =
  /** The connection is broken after so many frames (of a plain answer: after half the bytes). */
  | { kind: "cut"; afterFrames: number; pauseMs?: number; answer?: Answer }
  /** The stream is closed properly, without its last events; by default only the terminal ones are missing. */
  | { kind: "half-stream"; afterFrames?: number; pauseMs?: number; answer?: Answer }
  /** Silence: after so many frames; without `afterFrames` not even a status line is sent. */
  | { kind: "hang"; afterFrames?: number; answer?: Answer }
  /** So many bytes at a time (default 1), with a pause between (default 0: next turn of the loop). */
  | { kind: "drip"; bytes?: number; delayMs?: number; answer?: Answer }
  | { kind: "slow"; firstByteMs: number; betweenFramesMs?: number; answer?: Answer }
  /** A web server's error page. Default 502. */
  | { kind: "html"; status?: number }
  /** A status and no body at all. Default 200. */
  | { kind: "empty"; status?: number }
  /** Bytes that are no JSON and no event stream, under the right content type. Default 200. */
  | { kind: "garbage"; status?: number }
  /** An error event inside a 200 stream (default after one frame), then a proper close. */
  | {
      kind: "error-in-stream";
      afterFrames?: number;
      pauseMs?: number;
      type?: string;
      message?: string;
      answer?: Answer;
    }
  | { kind: "wrong-content-type"; contentType?: string; answer?: Answer }
  /** The answer compressed, with `content-encoding`; `declared: false` leaves the header out. */
  | { kind: "gzip"; declared?: boolean; answer?: Answer }
  | { kind: "no-content" }
  /** The connection is broken before a status line. */
  | { kind: "reset" };

export type Scenario = Answer | ErrorAnswer | RawAnswer | Fault;
