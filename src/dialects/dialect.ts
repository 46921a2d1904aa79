// A dialect: one wire protocol, both directions, pure. No I/O, no clock, no configuration.
import type { ChatRequest, ChatResponse, DialectId, Operation, Origin } from "../ir/chat.ts";
import type { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import type { Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import type { Frame } from "../lib/frame.ts";
import type { JsonObject, Member } from "../lib/json.ts";

/** A request path of this dialect, e.g. `POST /v1/messages`. Paths are Hono patterns. */
export interface DialectRoute {
  method: "GET" | "POST";
  path: string;
  operation: Operation;
}

/** A JSON body, parsed once; `text` is there for codecs that must keep a value's exact spelling. */
export interface Body {
  json: JsonObject;
  text: string;
}

/** What a provider or model does differently from the dialect's own vendor. Data only. */
export interface Quirks {
  /** The field for the output limit in OpenAI chat bodies. Default `max_tokens`; OpenAI itself wants `max_completion_tokens`. */
  maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** How a stream is made to report usage: by `stream_options.include_usage` (default), without asking, or not at all. */
  usageInStream?: "option" | "always" | "never";
  /** The role for system text in OpenAI chat bodies. Default `system`. */
  systemRole?: "system" | "developer";
  /** The field that shows reasoning in OpenAI-compatible answers. Default: `reasoning_content` and `reasoning` are both read. */
  reasoningField?: "reasoning_content" | "reasoning";
  /** Request fields (top level) that the provider refuses: dropped with a warning. */
  drop?: readonly string[];
  /** Messages with fields that show reasoning are refused: such a body is not relayed but translated, which leaves them out. */
  refusesReasoning?: boolean;
  /** The provider honours Anthropic-style `cache_control` in OpenAI chat parts. */
  cacheControl?: boolean;
  /** Structured output by JSON schema is not supported: `json_object` is asked for instead. */
  noJsonSchema?: boolean;
}

/** Facts about the target model that an encoder needs. Absent means unknown. */
export interface ModelFacts {
  contextWindow?: number;
  maxOutputTokens?: number;
  reasoning?: boolean;
}

/** Where an encoded request is going. */
export interface Target {
  provider: string;
  /** The model name to send upstream. */
  model: string;
  quirks: Quirks;
  facts: ModelFacts;
}

export interface Decoded<T> {
  value: T;
  warnings: Warning[];
}

export interface EncodedRequest {
  /** The JSON text to send. */
  body: string;
  /** Headers that belong to the body, e.g. `anthropic-beta`. Lower-case names. */
  headers: Record<string, string>;
  warnings: Warning[];
}

/** What an answer encoder must know of the request it answers. */
export interface AnswerContext {
  /** The model name to show, used where the upstream gave none. */
  model: string;
  /** The client asked for usage in the stream (OpenAI `stream_options.include_usage`). Anthropic streams always have it. */
  includeUsage: boolean;
  /** Best known input token count, shown where the wire wants one before the provider told (Anthropic `message_start`). */
  inputTokens?: number;
  /** The request that is answered, where it was decoded: some wires answer in the form they were asked in. */
  request?: ChatRequest;
  /** Called for whatever cannot be shown in this dialect. */
  warn(warning: Warning): void;
}

export interface StreamDecoder {
  /** Events of one frame. Throws nothing: what cannot be read becomes an `error` event (`upstream_invalid`). */
  push(frame: Frame): ChatEvent[];
  /** The upstream ended. Without a terminal marker before, the last event is an `error` (`upstream_invalid`), unless every candidate had finished. */
  end(): ChatEvent[];
}

export interface StreamEncoder {
  /** Frames for one event. After an `error` event the encoder gives no more frames. */
  push(event: ChatEvent): Frame[];
}

/** One replacement in a request body's bytes. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** Makes a relayed stream report usage although the client did not ask, and keeps what that adds from the client. */
export interface UsageOption {
  /** Edits that ask for usage; empty when the client asked already. */
  edits(body: Uint8Array, members: ReadonlyMap<string, Member>): Edit[];
  /** True for a frame that is there only because of the edits. */
  isUsageOnly(frame: Frame): boolean;
}

export interface Dialect {
  readonly id: DialectId;
  readonly routes: readonly DialectRoute[];
  /** Request headers of a client that belong to this wire and may reach an upstream of the same dialect (lower case). */
  readonly requestHeaders: readonly string[];
  /** Response headers of an upstream of this dialect that may reach the client; a trailing `*` matches a prefix. */
  readonly responseHeaders: readonly string[];
  readonly request: {
    /**
     * `operation`, where known, decides which fields are required (`count-tokens` bodies have no output limit).
     * @throws GatewayError `invalid_request` naming the field.
     */
    decode(body: Body, operation?: Operation): Decoded<ChatRequest>;
    encode(request: ChatRequest, target: Target): EncodedRequest;
  };
  readonly response: {
    /** @throws GatewayError `upstream_invalid` when the body is not this wire's answer. */
    decode(body: Body, origin: Origin): Decoded<ChatResponse>;
    /** JSON text of the answer. */
    encode(response: ChatResponse, context: AnswerContext): string;
  };
  readonly stream: {
    decoder(origin: Origin): StreamDecoder;
    encoder(context: AnswerContext): StreamEncoder;
    /** Written to an idle stream so that nobody on the way hangs up; never inside an event. */
    readonly keepAlive: string;
  };
  readonly error: {
    /** An upstream's error answer. `body` may be anything at all: JSON, HTML, nothing. */
    decode(status: number, headers: Headers, body: string): GatewayError;
    /** The body of a native error answer, JSON text. */
    encode(error: GatewayError, requestId: string): string;
  };
  /** Absent where the wire's streams always report usage. */
  readonly usageOption?: UsageOption;
  /** The answer to `count-tokens` when the gateway counted itself; absent where the wire has no such operation. */
  readonly encodeTokenCount?: (tokens: number) => string;
  /**
   * True for a request body that holds content which the gateway made up for the client (another provider's
   * reasoning in this wire's form): an upstream of this dialect would refuse it, so the body must be translated, not relayed.
   * `quirks` are the upstream's.
   */
  readonly carriesForeign?: (body: Uint8Array, quirks: Quirks) => boolean;
  /** Query parameters of a client that belong to this wire and may reach an upstream of the same dialect. */
  readonly requestQuery?: readonly string[];
  /** Usage in a complete JSON answer of any operation of this dialect, without decoding the rest; undefined when it has none. */
  usage(operation: Operation, body: JsonObject): Usage | undefined;
}
