// A client's request as it arrived: its exact bytes, the few fields routing needs, and a lazy decode.
import type { Decoded, Dialect, Quirks } from "./dialects/dialect.ts";
import type { ChatRequest, Operation } from "./ir/chat.ts";
import { GatewayError } from "./ir/error.ts";
import { monotonic } from "./lib/clock.ts";
import { decompress, DecompressError, parseContentEncoding } from "./lib/decompress.ts";
import { JsonError, type Member, parseObject, scan } from "./lib/json.ts";
import { silent, within } from "./lib/within.ts";

export interface Inbound {
  dialect: Dialect;
  operation: Operation;
  headers: Headers;
  url: URL;
  /** The body, decompressed and without a byte order mark, otherwise untouched. */
  bytes: Uint8Array;
  members: ReadonlyMap<string, Member>;
  /** Model name as the client wrote it. */
  model: string;
  stream: boolean;
  /** The body holds what the gateway made up for the client; an upstream of the same dialect would refuse it as it is. */
  carriesForeign(quirks: Quirks): boolean;
  /** The client wants usage in the stream, or its wire always has it. */
  includeUsage: boolean;
  /** The request as internal representation; decoded once, on first use. @throws GatewayError `invalid_request` */
  chat(): Decoded<ChatRequest>;
}

export interface BodyLimits {
  /** Largest body, before and after decompression. */
  maxBytes: number;
  /** How long a body may fall behind {@link slowestBytesPerMs}. */
  patienceMs: number;
}

/**
 * Reads a request body.
 * @throws GatewayError `too_large`, `unsupported_encoding`, `invalid_request` (damaged compression; status 408 when the body does not come).
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { maxBytes } = limits;
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const raw = Number.isNaN(declared)
    ? await readCapped(request.body, limits)
    : new Uint8Array(await inTime(request.arrayBuffer(), timeFor(declared, limits)));
  try {
    const codings = parseContentEncoding(request.headers.get("content-encoding"));
    return codings.length === 0 ? raw : await decompress(raw, codings, { maxBytes });
  } catch (error) {
    if (!(error instanceof DecompressError)) throw error;
    if (error.kind === "too_large") throw tooLarge(maxBytes);
    throw new GatewayError(
      error.kind === "unsupported" ? "unsupported_encoding" : "invalid_request",
      error.message,
    );
  }
}

const tooLarge = (maxBytes: number): GatewayError =>
  new GatewayError(
    "too_large",
    `The request body is larger than ${maxBytes} bytes (server.max_body).`,
  );

async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  limits: BodyLimits,
): Promise<Uint8Array> {
  const reader = body?.getReader();
  const chunks: Uint8Array[] = [];
  const began = monotonic();
  let size = 0;
  try {
    while (reader) {
      const left = timeFor(size, limits) - (monotonic() - began);
      const { done, value } = await inTime(reader.read(), left);
      if (done) break;
      size += value.byteLength;
      if (size > limits.maxBytes) throw tooLarge(limits.maxBytes);
      chunks.push(value);
    }
  } catch (error) {
    reader?.cancel().catch(() => {
      // The client may be gone as well; the first failure is the one that is told.
    });
    throw error;
  }
  return Buffer.concat(chunks);
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
export function inspect(
  body: Uint8Array,
  request: Request,
  dialect: Dialect,
  operation: Operation,
): Inbound {
  const bytes = withoutBom(body);
  const members = scanBody(bytes);
  const model = readMember(bytes, members, "model");
  if (typeof model !== "string" || model.trim() === "") {
    throw new GatewayError(
      "invalid_request",
      model === undefined
        ? "The field `model` is missing. Send the name of a model; GET /v1/models lists them."
        : "The field `model` must be a non-empty string.",
      { param: "model" },
    );
  }
  const wantsStream = readMember(bytes, members, "stream") ?? false;
  if (typeof wantsStream !== "boolean") {
    throw new GatewayError("invalid_request", "The field `stream` must be true or false.", {
      param: "stream",
    });
  }
  let decoded: Decoded<ChatRequest> | undefined;
  return {
    dialect,
    operation,
    headers: request.headers,
    url: new URL(request.url),
    bytes,
    members,
    model,
    stream: wantsStream && streamedOperations.has(operation),
    carriesForeign: (quirks) => dialect.carriesForeign?.(bytes, quirks) ?? false,
    includeUsage: !dialect.usageOption || dialect.usageOption.edits(bytes, members).length === 0,
    chat() {
      decoded ??= decode(bytes, dialect, operation);
      return decoded;
    },
  };
}

/** The others answer in one piece, whatever a client says in `stream`. */
const streamedOperations: ReadonlySet<Operation> = new Set(["chat", "completions"]);

/** RFC 8259 lets a reader ignore one; upstreams mostly refuse it. */
const withoutBom = (body: Uint8Array): Uint8Array =>
  body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;

function decode(bytes: Uint8Array, dialect: Dialect, operation: Operation): Decoded<ChatRequest> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  return dialect.request.decode({ json: orInvalid(() => parseObject(text)), text }, operation);
}

const scanBody = (bytes: Uint8Array): Map<string, Member> => orInvalid(() => scan(bytes));

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
  // A number, list or object is of the wrong type whatever it holds, so it is not parsed.
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
