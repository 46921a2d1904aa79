// A dialect: one wire protocol, both directions, pure. No I/O, no clock, no configuration.
import type { ChatRequest, ChatResponse, DialectId, Operation, Origin } from "../ir/chat.ts";
import type { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import type {
  EmbedPurpose,
  EmbedRequest,
  EmbedResponse,
  RerankRequest,
  RerankResponse,
} from "../ir/operations.ts";
import type { Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import type { Frame } from "../lib/frame.ts";
import type { Framing } from "../lib/framing.ts";
import type { JsonObject, Member } from "../lib/json.ts";
import type { Envelope } from "./envelope.ts";

/** A request path of this dialect, e.g. `POST /v1/messages`. */
export interface DialectRoute {
  method: "GET" | "POST";
  /** `{model}` stands for a model's name, slashes included; any other `{name}` for one segment. */
  path: string;
  operation: Operation;
  /** Whether the answer is streamed, where the path says so. Absent: the body's `stream` does. */
  stream?: boolean;
  /** How this API carries the dialect when not as its own vendor does. */
  envelope?: Envelope;
  /** Where paths of one operation differ in their bodies, which form this one takes: it becomes {@link Body.form}. */
  form?: string;
}

/**
 * A JSON body, parsed once; `text` is there for codecs that must keep a value's exact spelling.
 * Where a wire has the model's name and the wish for a stream in its path, `json` holds them as `model` and `stream` all the same.
 */
export interface Body {
  json: JsonObject;
  text: string;
  /** A request's form by its path, see {@link DialectRoute.form}; absent: by its shape. */
  form?: string;
}

/** What differs in embeddings bodies of OpenAI's form. */
export interface EmbeddingsQuirks {
  /** The field for the kind of numbers (`int8`, `ubinary` …); absent: only floats are made. */
  dtype?: "output_dtype";
  /** The field that says what the vectors are for, and its words. */
  purpose?: { field: string; words: Readonly<Partial<Record<EmbedPurpose, string>>> };
  /** The field, a boolean, that shortens inputs which are too long. */
  truncation?: string;
  /** Most inputs in one request, when not the dialect's own number. */
  maxInputs?: number;
}

/** What differs in rerank bodies of the common form. */
export interface RerankQuirks {
  /** Documents may be objects; default: texts alone. */
  objects?: boolean;
  /** Most documents in one request, when not the dialect's own number. */
  maxInputs?: number;
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
  /** As `drop`, for some models only. */
  dropFor?: readonly { models: RegExp; fields: readonly string[] }[];
  /** Request fields (top level) under another name here, e.g. `{ seed: "random_seed" }`. Applied after `drop`. */
  rename?: Readonly<Record<string, string>>;
  /** All fields (top level) of chat bodies that the vendor knows, by their names here; it refuses every other. */
  accepts?: readonly string[];
  /** Numbers (top level, by the dialect's name) that the provider takes within these bounds only: brought inside with a warning. */
  clamp?: Readonly<Record<string, { min?: number; max?: number }>>;
  /** Fields of chat messages that the provider refuses: left out with a warning. */
  dropMessageFields?: readonly string[];
  /** All fields of chat messages that the provider knows, by role; it refuses every other. */
  acceptsMessageFields?: Readonly<
    Record<"system" | "user" | "assistant" | "tool", readonly string[]>
  >;
  /** Most stop sequences that the provider takes; the rest are left out with a warning. */
  maxStop?: number;
  /** Ids of tool calls must be exactly this many ASCII letters and digits; others are mapped, the same id to the same one. */
  toolCallIdLength?: number;
  /** Tool choices that the provider takes, when not all. Another becomes the first with a warning; `none` is said by leaving the tools out. */
  toolChoices?: readonly ("auto" | "none" | "required" | "tool")[];
  /** How "must call some tool" is spelt in OpenAI chat bodies. Default `required`. */
  requiredToolChoice?: "required" | "any";
  /** The field by which an assistant's message at the end is continued; without it the provider refuses or answers anew. */
  prefillField?: "prefix" | "partial";
  /** An answer that goes on from an assistant's message repeats it: what is translated leaves that out. */
  echoesPrefill?: boolean;
  /**
   * How reasoning is asked for in OpenAI chat bodies: `reasoning_effort` (default), `thinking: { type: "enabled" | "disabled" }`,
   * `enable_thinking` with `thinking_budget`, or OpenRouter's `reasoning: { effort, max_tokens, enabled }`.
   */
  reasoningRequest?: "reasoning_effort" | "thinking" | "enable_thinking" | "reasoning";
  /** The words that `reasoning_effort` may be, weakest first, when not all; the nearest is sent. */
  reasoningEfforts?: readonly string[];
  /** Reasoning is a part of the content, `{ type: "thinking", thinking: [{ type: "text", text }] }`, both ways, instead of a field beside it. */
  reasoningPart?: "thinking";
  /** A user's message right after a tool's result is refused: an assistant's message must stand between. */
  noUserAfterTool?: boolean;
  /** System messages behind an assistant's message or a tool's result, or at the end, are refused: they are sent as the user's. */
  systemFirst?: boolean;
  /** An assistant's message with neither text nor calls is refused: left out with a warning. */
  refusesEmptyTurns?: boolean;
  /** The values that a picture's `detail` may have, when not all: another is left out with a warning. */
  imageDetails?: readonly string[];
  /** Tools are functions with parameters, nothing else: free-form ones become functions whoever declared them. */
  plainTools?: boolean;
  /** How a file is shown in OpenAI chat bodies. Default `file`; `document_url` holds a web address or a data URL. */
  filePart?: "file" | "document_url";
  /** What OpenAI's SDKs add to the answers that they hand out (`parsed_arguments` …) is refused when it comes back: cut out. */
  refusesSdkFields?: boolean;
  /** The client's vendor itself: fields that tell it of the client's machine (Anthropic `safeguards`) go there and nowhere else. */
  keepsPrivate?: boolean;
  /** An empty list of tools is refused: on relays it is left out, with what is said of choosing among none. */
  refusesEmptyTools?: boolean;
  /** The member of a rerank answer that holds the results. Default `results`. */
  rerankResults?: "results" | "data";
  embeddings?: EmbeddingsQuirks;
  rerank?: RerankQuirks;
}

/** The top level of a body on its way to a provider: an object, or bytes that are edited as little as can be. */
export interface Draft {
  names(): string[];
  has(name: string): boolean;
  /** Parsed; undefined when it is not there. */
  value(name: string): unknown;
  /** Tells without parsing. */
  isEmptyList(name: string): boolean;
  /** `reason`: what is told; absent where nothing is lost. */
  remove(name: string, reason?: string): void;
  rename(name: string, to: string): void;
  /** Replaces or adds. */
  set(name: string, value: unknown, reason?: string): void;
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
  /** Id of the answer that the request went on from, where the decoded request does not say. */
  resumedFrom?: string;
  /** Called for whatever cannot be shown in this dialect. */
  warn(warning: Warning): void;
}

/** An operation of small bodies that is not streamed. */
export interface OperationCodec<Request, Response> {
  /** @throws GatewayError `invalid_request` naming the field. */
  decodeRequest(body: Body): Decoded<Request>;
  /** @throws GatewayError `unsupported_feature` where the wire cannot say it at all. */
  encodeRequest(request: Request, target: Target): EncodedRequest;
  /** `request`: what was asked, for wires whose answers do not tell. @throws GatewayError `upstream_invalid` */
  decodeResponse(body: Body, origin: Origin, request: Request): Decoded<Response>;
  /** JSON text of the answer. */
  encodeResponse(response: Response, request: Request, warn: (warning: Warning) => void): string;
  /** Most inputs (texts, documents) that the vendor takes in one request; larger ones are split. */
  readonly maxInputs?: number;
}

/** What clients ask of answers that were kept, in the vendor's words. */
export interface KeptCodec {
  /** For an id that is not there. */
  missing(id: string): GatewayError;
  /** JSON text of a page of what was said before the answer. @throws GatewayError `invalid_request` */
  inputItems(input: readonly JsonObject[], id: string, query: URLSearchParams): string;
  /** JSON text. */
  deleted(id: string): string;
  /** An answer that is done cannot be cancelled. */
  cannotCancel(): GatewayError;
  /** An answer that was not made in the background cannot be streamed again. */
  cannotStream(): GatewayError;
}

/** A wire whose servers keep answers, so that a later request may go on from one by its id. */
export interface StateCodec {
  /** Id of the answer that a request goes on from. `read` gives a top-level scalar of the body. */
  previousId(read: (name: string) => unknown): string | undefined;
  /** Id of the vendor's own conversation that a request is a part of: only a server that has it can answer. */
  conversationOf(body: JsonObject): string | undefined;
  /** The client wants the answer kept. */
  wantsKept(read: (name: string) => unknown): boolean;
  /** What the conversation held before the answer, as items. */
  inputOf(body: JsonObject): JsonObject[];
  outputOf(answer: JsonObject): JsonObject[];
  idOf(answer: JsonObject): string | undefined;
  /** The whole answer, in the frame of a stream that tells it; undefined for all others. */
  answerIn(frame: Frame): JsonObject | undefined;
  /** The body's bytes with all that went before in them, for a server that knows nothing of it. */
  goOn(bytes: Uint8Array, before: readonly JsonObject[]): Uint8Array;
  /** Id of an answer that has only begun, in the frame of a stream that tells it first. */
  idIn(frame: Frame): string | undefined;
  /** The answer is still being made, and nobody knows yet what it used. */
  isOpen(answer: JsonObject): boolean;
  /** @throws always: GatewayError `not_found` in the vendor's words. */
  unknown(id: string): never;
  readonly kept: KeptCodec;
}

export interface StreamDecoder {
  /** Events of one frame. Throws nothing: what cannot be read becomes an `error` event (`upstream_invalid`). */
  push(frame: Frame): ChatEvent[];
  /** The upstream ended. Without a terminal marker before, the last event is an `error` (`upstream_invalid`), unless every candidate had finished. */
  end(): ChatEvent[];
  /** Of wires without a terminal marker: whether the answer is whole, so that only the connection's end is left. */
  isWhole?(): boolean;
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

/** How often tools may be called that the provider runs, as a wire says it. */
export interface ToolCallsCodec {
  /** `calls`: as many as the request allows by itself; `open`: how many bounds it leaves out. */
  stated(body: JsonObject): { calls: number; open: number };
  /** The body with `most` wherever it left a bound out; the rest byte for byte. */
  capped(bytes: Uint8Array, most: number): Uint8Array;
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
    readonly framing: Framing;
    /** The framing that a client's URL asks for, where there is a choice (Gemini `alt=sse`). */
    readonly framingFor?: (url: URL) => Framing;
    /**
     * Written to an idle stream so that nobody on the way hangs up; never inside an event. A frame, or raw text where
     * the framing allows what is no message (SSE comments, blank lines); null where the wire has nothing harmless.
     * `last`: what the client got before it, where it got something.
     */
    keepAlive(context: AnswerContext, last?: Frame): Frame | string | null;
  };
  /** Whether the model answers by a JSON schema that its encoder asks for; absent: always. */
  readonly enforcesSchema?: (target: Target) => boolean;
  /** Where a chat request of this dialect says how many tokens its answer may have, to a provider with these quirks. */
  readonly outputCap: (quirks: Quirks) => readonly string[];
  /** Where this wire can say how often tools may be called that the provider runs and charges for. */
  readonly toolCalls?: ToolCallsCodec;
  /** The member of the body, and its member, that name the end user, where that is not `user` at the top. */
  readonly userAt?: readonly [string, string];
  /** Whether an assistant's last message is gone on from, as the beginning of the answer. Absent: it is not. */
  readonly beginsAnswers?: (target: Target) => boolean;
  readonly state?: StateCodec;
  readonly embeddings?: OperationCodec<EmbedRequest, EmbedResponse>;
  /** For endpoints whose form (`Endpoint.form`) is not what `embeddings` writes, by that form. */
  readonly embeddingForms?: Readonly<Record<string, OperationCodec<EmbedRequest, EmbedResponse>>>;
  readonly rerank?: OperationCodec<RerankRequest, RerankResponse>;
  /** A request without `stream` is streamed (Ollama). */
  readonly streamsByDefault?: boolean;
  /**
   * Clients mix bodies up: the dialect that a body posted to this dialect's chat path is really written in.
   * The answer is given in this one. Absent: always its own.
   */
  readonly bodyDialect?: (members: ReadonlyMap<string, Member>) => DialectId;
  /** Clients of this wire write in the body how a gateway is to route, in all or in those of some operations: see `pipeline/wishes.ts`. */
  readonly routingFields?: true | readonly Operation[];
  /** Edits that put another model's name into a body, where that is more than the value of `model`. */
  readonly renameModel?: (
    body: Uint8Array,
    members: ReadonlyMap<string, Member>,
    model: string,
  ) => Edit[];
  readonly error: {
    /** An upstream's error answer. `body` may be anything at all: JSON, HTML, nothing. */
    decode(status: number, headers: Headers, body: string): GatewayError;
    /** The body of a native error answer, JSON text. */
    encode(error: GatewayError, requestId: string): string;
    /** Headers of such an answer that clients of this wire read the error by (`x-amzn-errortype`). */
    headers?(error: GatewayError): Record<string, string>;
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
  /** Makes the top level of a relayed body one that the provider takes. Absent: bodies are relayed as they are. */
  readonly fit?: (
    draft: Draft,
    target: Pick<Target, "model" | "quirks">,
    operation: Operation,
  ) => void;
  /** Where OpenAI's SDKs add fields of their own, see {@link Quirks.refusesSdkFields}; a body without `sign` has none. */
  readonly sdkFields?: readonly { sign: string; path: readonly string[] }[];
  /**
   * What stands in every answer with reasoning or parts that the provider signed, as JSON text: one without any of these
   * need not be read for it. Absent: there are none.
   */
  readonly proofs?: readonly string[];
  /** Query parameters of a client that belong to this wire and may reach an upstream of the same dialect. */
  readonly requestQuery?: readonly string[];
  /** Usage in a complete JSON answer of any operation of this dialect, without decoding the rest; undefined when it has none. */
  usage(operation: Operation, body: JsonObject): Usage | undefined;
}
