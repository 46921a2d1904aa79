// A client's request as it arrived: its exact bytes, the few fields routing needs, and a lazy decode.
import type { Unsupported } from "../config/config.ts";
import type { Body, Decoded, Dialect, Quirks } from "../dialects/dialect.ts";
import type { Envelope } from "../dialects/envelope.ts";
import { demandDialect, unwrapBody } from "../dialects/enveloped.ts";
import { freeKeys, freeMembers } from "../dialects/free-json.ts";
import { dialects } from "../dialects/index.ts";
import type { ChatRequest, Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Warning } from "../ir/warning.ts";
import { monotonic } from "../lib/clock.ts";
import { decompress, DecompressError, parseContentEncoding } from "../lib/decompress.ts";
import { exactly, withExactNumbers } from "../lib/exact-numbers.ts";
import { JsonError, type Member, parseObject, scan, scanArray } from "../lib/json.ts";
import type { Framing } from "../lib/framing.ts";
import { withMembers } from "../lib/json-members.ts";
import { silent, within } from "../lib/within.ts";

/** What the path of a request says. */
export interface Asked {
  /** The client's dialect: it is answered in it. */
  dialect: Dialect;
  operation: Operation;
  /** The only provider that may answer, where the path names one. */
  provider?: string;
  /** The model's name, where the path holds it. */
  model?: string;
  /** Whether the answer is streamed, where the path says so. */
  stream?: boolean;
  /** Which of the dialect's forms the path stands for. */
  form?: string;
  /** What the caller's key wants done with unsupported parameters. */
  unsupported?: Unsupported;
  /** How the client's API carries the dialect when not as its own vendor does. */
  envelope?: Envelope;
}

export interface Inbound {
  /** The client's: it is answered in it. */
  dialect: Dialect;
  /** The one the body is written in; another one only where clients mix them up. */
  bodyDialect: Dialect;
  operation: Operation;
  headers: Headers;
  url: URL;
  /** The body, decompressed, without a byte order mark and out of its envelope, otherwise untouched. */
  bytes: Uint8Array;
  /** Which of the dialect's forms the path stands for. */
  form?: string;
  /** Where the client's API wraps the dialect: how, and the body as it came. */
  wrapped?: { envelope: Envelope; bytes: Uint8Array };
  members: ReadonlyMap<string, Member>;
  /** What the caller wants done with unsupported parameters; absent: as the deployment says. */
  unsupported?: Unsupported;
  /** A scalar at the top level of the body; undefined when it is not there or null. */
  member(name: string): unknown;
  /** What is told of this request whatever becomes of it, e.g. wishes that nobody can meet. */
  notes?: readonly Omit<Warning, "target">[];
  /** The answer that the request goes on from, where the gateway has not put it into the body: who has it, if that is known. */
  goesOn?: { id: string; provider: string | null; account?: string };
  /** The answer that the request went on from, where the gateway has put what was before into the body. */
  resumedFrom?: string;
  /** Model name as the client wrote it. */
  model: string;
  stream: boolean;
  /** How a stream is written to the client. */
  framing: Framing;
  /** The body holds what the gateway made up for the client; an upstream of the same dialect would refuse it as it is. */
  carriesForeign(quirks: Quirks): boolean;
  /** The answer is to fit a JSON schema. Decodes the request. */
  asksSchema(): boolean;
  /** The client wants usage in the stream, or its wire always has it. */
  includeUsage: boolean;
  /** The body, parsed once, on first use. @throws GatewayError `invalid_request` */
  body(): Body;
  /** The request as internal representation; decoded once, on first use. @throws GatewayError `invalid_request` */
  chat(): Decoded<ChatRequest>;
}

export interface BodyLimits {
  /** Largest body, before and after decompression. */
  maxBytes: number;
  /** How long a body may fall behind {@link slowestBytesPerMs}. */
  patienceMs: number;
  /** The setting that `maxBytes` comes from. */
  setting?: "server.max_body" | "server.max_upload";
}

/**
 * Reads a request body.
 * @throws GatewayError `too_large`, `unsupported_encoding`, `invalid_request` (damaged compression; status 408 when the body does not come).
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { maxBytes } = limits;
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > maxBytes) throw tooLarge(limits);
  const raw = Number.isNaN(declared)
    ? await readCapped(request.body, limits)
    : new Uint8Array(await inTime(request.arrayBuffer(), timeFor(declared, limits)));
  try {
    const codings = parseContentEncoding(request.headers.get("content-encoding"));
    return codings.length === 0 ? raw : await decompress(raw, codings, { maxBytes });
  } catch (error) {
    if (!(error instanceof DecompressError)) throw error;
    if (error.kind === "too_large") throw tooLarge(limits);
    throw new GatewayError(
      error.kind === "unsupported" ? "unsupported_encoding" : "invalid_request",
      error.message,
    );
  }
}

const tooLarge = ({ maxBytes, setting = "server.max_body" }: BodyLimits): GatewayError =>
  new GatewayError("too_large", `The request body is larger than ${maxBytes} bytes (${setting}).`);

async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  limits: BodyLimits,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(body, limits)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A body's pieces as they come, up to the limits. @throws GatewayError `too_large`, `invalid_request` (status 408) */
export async function* chunksOf(
  body: ReadableStream<Uint8Array> | null,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  const began = monotonic();
  let size = 0;
  try {
    while (reader) {
      const left = timeFor(size, limits) - (monotonic() - began);
      const { done, value } = await inTime(reader.read(), left);
      if (done) break;
      size += value.byteLength;
      if (size > limits.maxBytes) throw tooLarge(limits);
      yield value;
    }
  } catch (error) {
    reader?.cancel().catch(() => {
      // The client may be gone as well; the first failure is the one that is told.
    });
    throw error;
  }
}

/** 32 KB/s: whoever is slower holds a connection rather than sending a body. */
const slowestBytesPerMs = 32;

const timeFor = (bytes: number, { patienceMs }: BodyLimits): number =>
  patienceMs + bytes / slowestBytesPerMs;

async function inTime<T>(piece: Promise<T>, ms: number): Promise<T> {
  const value = await within(piece, ms);
  if (value !== silent) return value;
  throw new GatewayError("invalid_request", "The request body came too slowly.", { status: 408 });
}

/**
 * Looks at a body just closely enough to route it.
 * @throws GatewayError `invalid_request` naming what is wrong with the JSON or with `model` or `stream`.
 */
export function inspect(body: Uint8Array, request: Request, asked: Asked): Inbound {
  const { dialect, operation, envelope } = asked;
  const given = withoutBom(body);
  let headers = request.headers;
  let bytes = given;
  if (envelope) {
    const plain = orInvalid(() => unwrapBody(given, envelope));
    headers = new Headers(headers);
    for (const [name, value] of Object.entries(plain.headers)) headers.set(name, value);
    bytes = orInvalid(() => withMembers(plain.bytes, { model: asked.model, stream: asked.stream }));
  }
  let members = orInvalid(() => scan(bytes));
  const first = asked.model === undefined && !envelope ? firstModel(bytes, members, asked) : null;
  if (first !== null) {
    bytes = withMembers(bytes, { model: first });
    members = scan(bytes);
  }
  const model = asked.model ?? readMember(bytes, members, "model");
  if (typeof model !== "string" || model.trim() === "") {
    throw new GatewayError(
      "invalid_request",
      model === undefined
        ? "The field `model` is missing. Send the name of a model; GET /v1/models lists them."
        : "The field `model` must be a non-empty string.",
      { param: "model" },
    );
  }
  const wantsStream =
    asked.stream ?? readMember(bytes, members, "stream") ?? dialect.streamsByDefault ?? false;
  if (typeof wantsStream !== "boolean") {
    throw new GatewayError("invalid_request", "The field `stream` must be true or false.", {
      param: "stream",
    });
  }
  const written = operation === "chat" ? dialect.bodyDialect?.(members) : undefined;
  const bodyDialect = written === undefined ? dialect : dialects[written];
  const url = new URL(request.url);
  const stream = wantsStream && streamedOperations.has(operation);
  let parsed: Body | undefined;
  let decoded: Decoded<ChatRequest> | undefined;
  const inbound: Inbound = {
    dialect,
    bodyDialect,
    operation,
    headers,
    url,
    bytes,
    ...unsupportedOf(request.headers, asked),
    ...(asked.form !== undefined && { form: asked.form }),
    ...(envelope && { wrapped: { envelope, bytes: given } }),
    members,
    member: (name) => readMember(bytes, members, name),
    model,
    stream,
    framing: envelope?.framing ?? dialect.stream.framingFor?.(url) ?? dialect.stream.framing,
    carriesForeign: (quirks) =>
      bodyDialect !== dialect || (dialect.carriesForeign?.(bytes, quirks) ?? false),
    asksSchema: () =>
      operation === "chat" && inbound.chat().value.responseFormat?.type === "json-schema",
    includeUsage: !dialect.usageOption || dialect.usageOption.edits(bytes, members).length === 0,
    body() {
      parsed ??= parseBody(bytes, members, asked);
      return parsed;
    },
    chat() {
      if (!decoded && envelope)
        demandDialect(
          orInvalid(() => scan(given)),
          envelope,
        );
      decoded ??= bodyDialect.request.decode(inbound.body(), operation);
      return decoded;
    },
  };
  return inbound;
}

/** Whether clients of this wire may say in such bodies how they are routed. */
export const takesRoutingFields = (
  { routingFields = [] }: Pick<Dialect, "routingFields">,
  operation: Operation,
): boolean => routingFields === true || routingFields.includes(operation);

/** OpenRouter's clients may send `models` alone: the first is the model. */
function firstModel(
  bytes: Uint8Array,
  members: ReadonlyMap<string, Member>,
  { dialect, operation }: Asked,
): string | null {
  const list = members.get("models")?.value;
  if (
    !takesRoutingFields(dialect, operation) ||
    !list ||
    bytes[list.start] !== 0x5b ||
    members.has("model")
  )
    return null;
  const [first] = orInvalid(() => scanArray(bytes.subarray(list.start, list.end)));
  if (!first) return null;
  const [from, to] = [list.start + first.start, list.start + first.end];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    "utf8",
    from,
    to,
  );
  return text.startsWith('"') ? String(orInvalid(() => parseScalar(text))) : null;
}

/** How a single request may say what becomes of parameters that the target does not take. */
export const unsupportedHeader = "x-megallm-unsupported";

const modes: ReadonlySet<string> = new Set<Unsupported>(["warn", "error", "drop"]);
const isMode = (text: string): text is Unsupported => modes.has(text);

/** The request's own wish goes before its key's. @throws GatewayError `invalid_request` */
function unsupportedOf(headers: Headers, asked: Asked): Pick<Inbound, "unsupported"> {
  const wish = headers.get(unsupportedHeader) ?? asked.unsupported;
  if (wish === undefined) return {};
  if (isMode(wish)) return { unsupported: wish };
  throw new GatewayError(
    "invalid_request",
    `The header ${unsupportedHeader} must be \`warn\`, \`error\` or \`drop\`.`,
  );
}

/** The others answer in one piece, whatever a client says in `stream`. */
const streamedOperations: ReadonlySet<Operation> = new Set(["chat", "completions"]);

/** RFC 8259 lets a reader ignore one; upstreams mostly refuse it. */
const withoutBom = (body: Uint8Array): Uint8Array =>
  body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;

/** What the path says stands in the parsed body all the same, so that codecs need not know where it came from. */
function parseBody(
  bytes: Uint8Array,
  members: ReadonlyMap<string, Member>,
  { form, model, stream }: Asked,
): Body {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("utf8");
  const json = orInvalid(() => parseObject(text));
  // Schemas and the like are the client's own: their numbers are handed on as they are spelt.
  for (const name of freeMembers) {
    const value = members.get(name)?.value;
    if (!value) continue;
    const spelt = buffer.toString("utf8", value.start, value.end);
    json[name] = freeKeys.has(name)
      ? exactly(json[name], spelt)
      : withExactNumbers(json[name], spelt, freeKeys);
  }
  if (model !== undefined) json["model"] = model;
  if (stream !== undefined) json["stream"] = stream;
  return { json, text, ...(form !== undefined && { form }) };
}

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const place = error.offset === undefined ? "" : ` (at byte ${error.offset})`;
    throw new GatewayError(
      "invalid_request",
      `The request body is not acceptable JSON: ${error.message}${place}.`,
    );
  }
}

function readMember(
  bytes: Uint8Array,
  members: ReadonlyMap<string, Member>,
  name: string,
): unknown {
  const member = members.get(name);
  if (!member) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    "utf8",
    member.value.start,
    member.value.end,
  );
  if (text === "null") return undefined;
  if (/^-?\d/.test(text)) return Number(text);
  // A list or object is of the wrong type whatever it holds, so it is not parsed.
  if (!/^["tf]/.test(text)) return 0;
  return orInvalid(() => parseScalar(text));
}

function parseScalar(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonError("a string holds a control character or a bad escape");
  }
}
