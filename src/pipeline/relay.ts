// Requests that are relayed without being understood: media, forms, and whatever else a provider's own API has.
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { EgressResponse } from "../egress.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { boundaryOf, createFormScanner, FormError, type FormField } from "../lib/form-scanner.ts";
import { connectionHeaders, hopByHopHeaders } from "../lib/headers.ts";
import { JsonError, parseObject } from "../lib/json.ts";
import { withMembers } from "../lib/json-members.ts";
import { endpointsFor } from "../providers/endpoint.ts";
import type { Candidate } from "../routing/router.ts";
import { attemptAll, type Exchange, exchange } from "./exchange.ts";
import { readBody } from "./inbound.ts";
import { shellOf, vendor } from "./outbound.ts";
import type { AttemptRecord } from "./record.ts";
import { pulledBody } from "./respond.ts";
import { named, type Sendable, send } from "./send.ts";
import type { Generation, Services } from "./services.ts";
import { createSpool, type Spool } from "./spool.ts";
import { createUsageTap } from "./usage-tap.ts";

/** What a client posted, read as far as needed to route it. */
interface Parcel {
  /** As the client wrote it; empty where the body names none. */
  model: string;
  stream: boolean;
  /** `content-type` to send it with; null where there is no body. */
  contentType: string | null;
  /** The body with another name of the model in it, each time anew. */
  body(model: string): Uint8Array | ReadableStream<Uint8Array> | undefined;
  dispose(): Promise<void>;
}

/** Answers a request of an operation that is relayed as it is: images, speech, transcriptions; never rejects. */
export const handleMedia = (
  request: Request,
  asked: { dialect: Dialect; operation: Operation },
  context: { generation: Generation; services: Services },
): Promise<Response> =>
  exchange(request, asked, context, async (current) => {
    const { dialect, operation } = asked;
    const { generation, record } = current;
    const parcel = await readParcel(current);
    let isHandedOver = false;
    try {
      if (parcel.model === "") {
        throw new GatewayError(
          "invalid_request",
          "The field `model` is missing. Send the name of a model; GET /v1/models lists them.",
          { param: "model" },
        );
      }
      record.identify({ model: parcel.model, stream: parcel.stream, operation });
      const candidates = await generation.router.candidates(parcel.model);
      const response = await attemptAll(candidates, current, async (candidate) => {
        const endpoint = endpointsFor(candidate.provider.preset, operation, candidate.model).find(
          (each) => each.dialect === dialect.id,
        );
        if (!endpoint) {
          throw new GatewayError(
            "unsupported_feature",
            `The provider \`${candidate.provider.name}\` has no ${operation} endpoint of this API.`,
          );
        }
        const shell = shellOf(
          {
            dialect,
            headers: request.headers,
            url: new URL(request.url),
            stream: parcel.stream,
            carriesForeign: () => false,
            asksSchema: () => false,
          },
          candidate,
          endpoint,
        );
        const { headers } = shell;
        if (parcel.contentType) headers.set("content-type", parcel.contentType);
        headers.set("accept", request.headers.get("accept") ?? "*/*");
        for (const [name, value] of Object.entries(candidate.provider.headers)) {
          headers.set(name, value);
        }
        const body = parcel.body(candidate.model);
        return relayOnce({ ...shell, ...(body && { body }) }, current, {
          operation,
          dialects: [dialect],
          finished: () => parcel.dispose(),
        });
      });
      isHandedOver = true;
      return response;
    } finally {
      if (!isHandedOver) await parcel.dispose();
    }
  });

/** A call of a provider's own API. */
export interface ThroughCall {
  /** Name of the configured provider. */
  provider: string;
  /** Below the provider's base URL, e.g. `/files/file-1`. */
  path: string;
}

/** Passes a request on to one provider's own API, whatever it is; keys, limits and the ledger apply all the same. Never rejects. */
export const handleThrough = (
  request: Request,
  call: ThroughCall,
  context: { generation: Generation; services: Services; dialect: Dialect },
  /** Looks at the whole answer where it is JSON, before its last bytes leave. */
  onAnswer?: (answer: Record<string, unknown>, current: Exchange) => Promise<void>,
): Promise<Response> => {
  const operation = "pass-through";
  return exchange(request, { dialect: context.dialect, operation }, context, async (current) => {
    const { generation, record } = current;
    const parcel = await readParcel(current);
    let isHandedOver = false;
    try {
      record.identify({ model: parcel.model || call.path, stream: parcel.stream, operation });
      const candidates = generation.router.through(call.provider, parcel.model);
      const response = await attemptAll(candidates, current, async (candidate) => {
        const sendable = throughSendable(request, call, candidate);
        const body = parcel.body(candidate.model);
        if (parcel.contentType) sendable.headers.set("content-type", parcel.contentType);
        const spoken = new Set(
          Object.values(candidate.provider.preset.speaks).flatMap((all) =>
            (all ?? []).map((endpoint) => endpoint.dialect),
          ),
        );
        return relayOnce({ ...sendable, ...(body && { body }) }, current, {
          operation: "chat",
          dialects: [...spoken].map((id) => dialects[id]),
          finished: () => parcel.dispose(),
          ...(onAnswer && { onAnswer }),
        });
      });
      isHandedOver = true;
      return response;
    } finally {
      if (!isHandedOver) await parcel.dispose();
    }
  });
};

/** Request headers that are about the caller and this gateway, not about the provider. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...hopByHopHeaders,
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "cookie",
  "host",
  "origin",
  "referer",
  "content-length",
  "content-encoding",
  "accept-encoding",
  "forwarded",
  "openai-organization",
  "openai-project",
]);

const isOwn = (name: string): boolean =>
  ownHeaders.has(name) || /^(?:x-megallm-|x-forwarded-|x-real-ip|sec-|proxy-|cf-)/.test(name);

/** Query parameters that hold a caller's key. */
const keyParameters = ["key", "api_key", "api-key", "access_token"];

function throughSendable(request: Request, { path }: ThroughCall, candidate: Candidate): Sendable {
  const { provider } = candidate;
  const preset = provider.preset;
  const [first] = Object.values(preset.speaks).flatMap((all) => all ?? []);
  const dialect = dialects[first?.dialect ?? "openai-chat"];
  const url = throughUrl(provider, path);
  const search = new URL(request.url).searchParams;
  for (const name of keyParameters) search.delete(name);
  url.search = search.toString();
  const headers = new Headers(preset.headers);
  const nominated = connectionHeaders(request.headers);
  for (const [name, value] of request.headers) {
    if (!isOwn(name) && !nominated.has(name)) headers.set(name, value);
  }
  for (const [name, value] of Object.entries(provider.headers)) headers.set(name, value);
  return {
    candidate,
    dialect,
    origin: { dialect: dialect.id, provider: vendor(candidate), model: candidate.model },
    method: request.method,
    url,
    headers,
  };
}

/** Nothing may lead out of the provider's own base. @throws GatewayError `not_found`, `no_route` */
function throughUrl(provider: Candidate["provider"], path: string): URL {
  const base = URL.parse(provider.baseUrl ?? "");
  if (!base) {
    throw new GatewayError(
      "no_route",
      `The provider \`${provider.name}\` has no address to pass through to.`,
    );
  }
  const root = base.pathname.replace(/\/+$/, "");
  // The version that the base ends in may be repeated by clients whose base URL was this gateway's.
  const version = /\/v\d+[a-z0-9]*$/.exec(root)?.[0];
  const below =
    version !== undefined && path.startsWith(`${version}/`) ? path.slice(version.length) : path;
  const url = new URL(base.href);
  url.pathname = root + below;
  if (
    !url.pathname.startsWith(`${root}/`) ||
    /%(?:2e|2f|5c|00)/i.test(below) ||
    below.includes("\\")
  ) {
    throw new GatewayError("not_found", "This path leads out of the provider's API.");
  }
  return url;
}

/** One attempt, relayed as it comes. @throws GatewayError when the provider does not answer, or refuses */
async function relayOnce(
  sendable: Sendable,
  current: Exchange,
  options: {
    operation: Operation;
    dialects: readonly Dialect[];
    finished(): Promise<void>;
    onAnswer?: (answer: Record<string, unknown>, current: Exchange) => Promise<void>;
  },
): Promise<Response> {
  const { record, services, signal } = current;
  const { candidate, dialect } = sendable;
  const attempted = record.attempt(candidate, dialect.id, true);
  try {
    const answer = await send(sendable, "any", services, signal);
    attempted.firstByte();
    const headers = { ...answerHeaders(answer), ...record.headers() };
    const chunks = relayed(answer, { ...options, attempted, current });
    const body = pulledBody(chunks, {
      signal,
      frozenMs: services.pacing.frozenMs,
      stop: () => answer.cancel(),
    });
    return new Response(answer.body === null ? null : body, { status: answer.status, headers });
  } catch (thrown) {
    const error = named(toGatewayError(thrown), candidate.provider.name);
    attempted.finish(error);
    throw error;
  }
}

/** The answer's pieces; the last one waits until the request is on record. */
async function* relayed(
  answer: EgressResponse,
  life: {
    operation: Operation;
    dialects: readonly Dialect[];
    attempted: AttemptRecord;
    current: Exchange;
    finished(): Promise<void>;
    onAnswer?: (answer: Record<string, unknown>, current: Exchange) => Promise<void>;
  },
): AsyncGenerator<Uint8Array> {
  const { attempted, current, onAnswer } = life;
  const { record } = current;
  const tap = createUsageTap(
    answer.headers.get("content-type") ?? "",
    life.dialects,
    life.operation,
  );
  let isSettled = false;
  const settle = async (error: GatewayError | null): Promise<void> => {
    if (isSettled) return;
    isSettled = true;
    record.usage(tap.usage());
    attempted.finish(error);
    await life.finished();
    await record.settle({
      error,
      httpStatus: error?.code === "client_closed" ? 499 : answer.status,
    });
  };
  try {
    let held: Uint8Array | null = null;
    for (let piece = await answer.read(); piece !== null; piece = await answer.read()) {
      tap.push(piece);
      if (held) yield held;
      held = piece;
    }
    const json = onAnswer && tap.json();
    if (json) await onAnswer(json, current);
    await settle(null);
    if (held) yield held;
  } catch (thrown) {
    const error = current.failure(thrown);
    await settle(error);
    throw error;
  } finally {
    await settle(new GatewayError("client_closed", "The client closed the connection."));
    answer.cancel();
  }
}

/** Belongs to a connection, to the provider's own session with us, or is said by this gateway itself. */
const closedAnswerHeaders: ReadonlySet<string> = new Set([
  ...hopByHopHeaders,
  "set-cookie",
  "content-length",
  "alt-svc",
  "strict-transport-security",
  "server",
  "via",
  "report-to",
  "nel",
]);

const answerHeaders = ({ headers }: EgressResponse): Record<string, string> =>
  Object.fromEntries(
    [...headers].filter(
      ([name]) =>
        !closedAnswerHeaders.has(name) && !/^(?:access-control-|x-megallm-|cf-|sec-)/.test(name),
    ),
  );

/** @throws GatewayError `invalid_request`, `too_large` */
async function readParcel(current: Exchange): Promise<Parcel> {
  const { request } = current;
  const contentType = request.headers.get("content-type");
  const boundary = boundaryOf(contentType);
  if (boundary !== undefined) return readForm(current, boundary, contentType);
  const bytes = await readBody(request, bodyLimits(current));
  const nothing = async (): Promise<void> => {};
  if (bytes.length === 0) {
    return { model: "", stream: false, contentType: null, body: () => undefined, dispose: nothing };
  }
  const json = /json/i.test(contentType ?? "json") ? jsonOf(bytes) : undefined;
  const model = json?.["model"];
  return {
    model: typeof model === "string" ? model : "",
    stream: json?.["stream"] === true || json?.["stream_format"] === "sse",
    contentType: contentType ?? "application/json",
    body: (name) =>
      typeof model === "string" && name !== model ? withMembers(bytes, { model: name }) : bytes,
    dispose: nothing,
  };
}

const bodyLimits = ({ generation, services }: Exchange) => ({
  maxBytes: generation.config.server.maxBodyBytes,
  patienceMs: services.pacing.bodyMs,
});

function jsonOf(bytes: Uint8Array): Record<string, unknown> {
  try {
    return parseObject(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"),
    );
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError(
      "invalid_request",
      `The request body is not acceptable JSON: ${error.message}.`,
    );
  }
}

async function readForm(
  current: Exchange,
  boundary: string,
  contentType: string | null,
): Promise<Parcel> {
  const spool = createSpool();
  try {
    const fields = await spoolForm(current, boundary, spool);
    const textOf = (name: string): string | undefined =>
      fields.findLast((field) => field.name === name && field.fileName === undefined)?.text;
    const model = fields.find((field) => field.name === "model" && field.text !== undefined);
    return {
      model: model?.text ?? "",
      stream: textOf("stream") === "true",
      contentType,
      body: (name) => streamOf(formPieces(spool, model, name)),
      dispose: () => spool.dispose(),
    };
  } catch (error) {
    await spool.dispose();
    if (!(error instanceof FormError)) throw error;
    throw new GatewayError("invalid_request", `The form is not acceptable: ${error.message}.`);
  }
}

async function spoolForm(
  { request, generation }: Exchange,
  boundary: string,
  spool: Spool,
): Promise<FormField[]> {
  const { maxBodyBytes } = generation.config.server;
  const scanner = createFormScanner(boundary);
  const fields: FormField[] = [];
  for await (const chunk of request.body ?? []) {
    if (spool.size + chunk.length > maxBodyBytes) {
      throw new GatewayError(
        "too_large",
        `The request body is larger than ${maxBodyBytes} bytes (server.max_body).`,
      );
    }
    fields.push(...scanner.push(chunk));
    await spool.write(chunk);
  }
  scanner.end();
  return fields;
}

async function* formPieces(
  spool: Spool,
  model: FormField | undefined,
  name: string,
): AsyncGenerator<Uint8Array> {
  if (!model || model.text === name) {
    yield* spool.read(0, spool.size);
    return;
  }
  yield* spool.read(0, model.start);
  yield Buffer.from(name, "utf8");
  yield* spool.read(model.end, spool.size);
}

const streamOf = (pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> =>
  new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
