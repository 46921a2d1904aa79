// A request's life, top to bottom: authenticate, read, route, attempt until one answers, respond, settle.
import type { Access } from "./access/authenticate.ts";
import {
  buildOutbound,
  chooseEndpoint,
  keyless,
  named,
  type Outbound,
  send,
  withoutKey,
} from "./attempt.ts";
import { estimateRequestTokens, roughRequestTokens } from "./catalog/estimate.ts";
import type { Config } from "./config/config.ts";
import type { AnswerContext, Body, Decoded, Dialect } from "./dialects/dialect.ts";
import type { Egress, EgressResponse } from "./egress.ts";
import { type Inbound, inspect, readBody } from "./inbound.ts";
import type { ChatResponse, Operation } from "./ir/chat.ts";
import { type ErrorCode, GatewayError, toGatewayError } from "./ir/error.ts";
import { expand } from "./ir/fold.ts";
import { createUsage } from "./ir/usage.ts";
import { monotonic } from "./lib/clock.ts";
import { pickHeaders } from "./lib/headers.ts";
import { createId } from "./lib/id.ts";
import { JsonError, parseObject } from "./lib/json.ts";
import type { Logger } from "./lib/log.ts";
import { silent, within } from "./lib/within.ts";
import { type AttemptRecord, createRecord, type RequestRecord } from "./record.ts";
import { errorBytes, openStream, pulledBody } from "./respond.ts";
import type { Candidate, Router } from "./routing/router.ts";
import type { Store } from "./store/store.ts";

/** What one configuration gives a request. A reload makes a new one; a request keeps the one it began with. */
export interface Generation {
  config: Config;
  access: Access;
  router: Router;
}

/** How long clients are waited for, when a stream starts, and what keeps it alive. */
export interface Pacing {
  /** Patience with a request body that comes too slowly, ms. */
  bodyMs: number;
  /** How long the start of a stream is held back for its first content, ms. */
  holdMs: number;
  /** Silence on a stream after which something is written so that nobody on the way hangs up, ms. */
  keepAliveMs: number;
  /** A stream whose upstream has not even answered by then is opened anyway, so that keep-alives can flow, ms. */
  openEarlyMs: number;
  /** A reader that takes nothing for so long is gone, whatever its connection says, ms. */
  frozenMs: number;
}

/** What outlives configurations. */
export interface Services {
  store: Store;
  egress: Egress;
  log: Logger;
  /** Ids of the requests being answered now. */
  inFlight: Set<string>;
  /** Aborted with the reason when the daemon gives up on requests that outlast its drain. */
  shutdown: AbortSignal;
  pacing: Pacing;
}

/** Largest complete (not streamed) answer taken from an upstream, bytes. */
const maxAnswerBytes = 256 * 1024 * 1024;
export const defaultPacing: Pacing = {
  bodyMs: 30_000,
  holdMs: 2_000,
  keepAliveMs: 10_000,
  openEarlyMs: 12_000,
  frozenMs: 600_000,
};

/** Answers one client request of `dialect`; never rejects. */
export async function handle(
  request: Request,
  route: { dialect: Dialect; operation: Operation },
  generation: Generation,
  services: Services,
): Promise<Response> {
  const { dialect, operation } = route;
  const record = createRecord({
    requestId: createId("req"),
    dialect: dialect.id,
    operation,
    startedAt: monotonic(),
    store: services.store,
    log: services.log,
    prices: generation.config.prices,
    onSettled: () => services.inFlight.delete(record.requestId),
  });
  try {
    record.caller(generation.access.authenticate(request.headers).key);
  } catch (error) {
    // No row: a stranger's guesses must not fill the ledger.
    return errorResponse(toGatewayError(error), dialect, record);
  }
  services.inFlight.add(record.requestId);
  const left = new AbortController();
  const signal = AbortSignal.any([request.signal, services.shutdown, left.signal]);
  try {
    const { pacing } = services;
    const bytes = await readBody(request, {
      maxBytes: generation.config.server.maxBodyBytes,
      patienceMs: pacing.bodyMs,
    });
    const inbound = inspect(bytes, request, dialect, operation);
    record.identify(inbound);
    const candidates = await generation.router.candidates(inbound.model);
    const answered = attemptAll(inbound, candidates, record, services, signal);
    if (!inbound.stream) return await answered;
    const response = await within(answered, pacing.openEarlyMs);
    if (response !== silent) return response;
    return openEarly(answered, inbound, record, {
      keepAliveMs: pacing.keepAliveMs,
      frozenMs: pacing.frozenMs,
      failure: (thrown) => failureOf(thrown, signal, record, services.log),
      signal,
      stop: () => left.abort(),
    });
  } catch (thrown) {
    return await refuse(failureOf(thrown, signal, record, services.log), dialect, record);
  }
}

/** What a request failed with in the end. Failures of the gateway's own are logged. */
function failureOf(
  thrown: unknown,
  signal: AbortSignal,
  record: RequestRecord,
  log: Logger,
): GatewayError {
  if (signal.aborted) return abortReason(signal);
  const error = toGatewayError(thrown);
  if (error.code === "internal") {
    log.error("request.failed", { requestId: record.requestId }, thrown);
  }
  return error;
}

/** Why a request was given up: the daemon said so, or the client left. */
function abortReason(signal: AbortSignal): GatewayError {
  return signal.reason instanceof GatewayError
    ? signal.reason
    : new GatewayError("client_closed", "The client closed the connection.");
}

/** Tries each deployment in turn until one answers. @throws the last failure */
async function attemptAll(
  inbound: Inbound,
  candidates: readonly Candidate[],
  record: RequestRecord,
  services: Services,
  signal: AbortSignal,
): Promise<Response> {
  let last: GatewayError | undefined;
  for (const candidate of candidates) {
    if (signal.aborted) throw abortReason(signal);
    try {
      return await attempt(inbound, candidate, record, services, signal);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.code === "internal") throw error;
      services.log.warn(
        "attempt.failed",
        {
          requestId: record.requestId,
          provider: candidate.provider.name,
          model: candidate.model,
          code: error.code,
          upstreamStatus: error.upstream?.status,
        },
        error,
      );
      last = error;
      if (!error.retryable || signal.aborted) break;
    }
  }
  throw last ?? new GatewayError("no_route", "No deployment could be tried.");
}

async function attempt(
  inbound: Inbound,
  candidate: Candidate,
  record: RequestRecord,
  services: Services,
  signal: AbortSignal,
): Promise<Response> {
  const endpoint = chooseEndpoint(inbound, candidate);
  if (!endpoint) {
    if (inbound.dialect.encodeTokenCount && inbound.operation === "count-tokens") {
      return countTokens(inbound, candidate, record);
    }
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${candidate.provider.name}\` has no ${inbound.operation} endpoint that the gateway can reach from this API.`,
    );
  }
  const outbound = await buildOutbound(inbound, candidate, endpoint);
  const attempted = record.attempt(candidate, outbound.dialect.id, outbound.relayed);
  for (const warning of outbound.warnings) record.warn(warning);
  try {
    const answer = await send(outbound, inbound.stream, services.egress, signal);
    attempted.firstByte();
    return inbound.stream
      ? await streamed(answer, outbound, inbound, { record, attempted, signal, services })
      : await complete(answer, outbound, inbound, record, attempted);
  } catch (thrown) {
    const error = named(toGatewayError(thrown), candidate.provider.name);
    attempted.finish(error);
    throw error;
  }
}

/** What an answer encoder must know of the request; a relay knows it undecoded. */
const answerContext = (
  inbound: Inbound,
  record: RequestRecord,
  relayed: boolean,
): AnswerContext => ({
  model: inbound.model,
  includeUsage: inbound.includeUsage,
  ...(relayed ? {} : { request: inbound.chat().value }),
  warn: (warning) => record.warn(warning),
});

async function complete(
  answer: EgressResponse,
  outbound: Outbound,
  inbound: Inbound,
  record: RequestRecord,
  attempted: AttemptRecord,
): Promise<Response> {
  const bytes = await answer.bytes(maxAnswerBytes);
  attempted.received();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const json = answerJson(text, answer.status);
  let body: Uint8Array | string = bytes;
  if (outbound.relayed) {
    const usage = outbound.dialect.usage(inbound.operation, json);
    // Perhaps no answer, although it came with status 200; or one whose tokens the gateway must count.
    if (inbound.operation === "chat" && (!usage || json["error"])) {
      for (const event of expand(decodeAnswer({ json, text }, outbound).value)) record.event(event);
    }
    record.usage(usage);
  } else {
    const { value, warnings } = decodeAnswer({ json, text }, outbound);
    for (const warning of warnings) record.warn(warning);
    for (const event of expand(value)) record.event(event);
    body = inbound.dialect.response.encode(value, answerContext(inbound, record, false));
  }
  attempted.finish(null);
  await record.settle({ error: null, httpStatus: 200 });
  return new Response(body, { status: 200, headers: answerHeaders(answer, outbound, record) });
}

/** @throws GatewayError when it is an error after all; a client of the same dialect then gets the body as it is. */
function decodeAnswer(body: Body, outbound: Outbound): Decoded<ChatResponse> {
  const { dialect, origin, candidate } = outbound;
  try {
    return dialect.response.decode(body, origin);
  } catch (thrown) {
    const native = { dialect: dialect.id, body: withoutKey(body.text, outbound) };
    throw named(keyless(toGatewayError(thrown), outbound), candidate.provider.name, native);
  }
}

function answerJson(text: string, status: number): Record<string, unknown> {
  try {
    return parseObject(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("upstream_invalid", `answered something that is not a JSON object`, {
      upstream: { status, body: text.slice(0, 2_000) },
      cause: error,
    });
  }
}

async function streamed(
  answer: EgressResponse,
  outbound: Outbound,
  inbound: Inbound,
  life: {
    record: RequestRecord;
    attempted: AttemptRecord;
    signal: AbortSignal;
    services: Services;
  },
): Promise<Response> {
  const { record, attempted, signal, services } = life;
  const { holdMs, keepAliveMs, frozenMs } = services.pacing;
  const body = await openStream(answer, outbound, {
    signal,
    client: inbound.dialect,
    context: {
      ...answerContext(inbound, record, outbound.relayed),
      ...(outbound.relayed ? {} : { inputTokens: roughRequestTokens(inbound.chat().value) }),
    },
    holdMs,
    keepAliveMs,
    frozenMs,
    observer: {
      event: (event) => record.event(event),
      settle(error) {
        if (error?.code === "internal") {
          services.log.error("request.failed", { requestId: record.requestId }, error.cause);
        }
        attempted.finish(error);
        return record.settle({ error, httpStatus: error?.code === "client_closed" ? 499 : 200 });
      },
    },
  });
  return new Response(body, {
    status: 200,
    headers: { ...answerHeaders(answer, outbound, record), ...streamHeaders },
  });
}

const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** The upstream's own headers where both sides speak one dialect, then ours. */
function answerHeaders(
  answer: EgressResponse,
  outbound: Outbound,
  record: RequestRecord,
): Record<string, string> {
  const theirs = outbound.relayed
    ? Object.fromEntries(pickHeaders(answer.headers, outbound.dialect.responseHeaders))
    : {};
  return { ...theirs, "content-type": "application/json", ...record.headers() };
}

/** The gateway's own count, where the provider cannot be asked in a dialect the client understands. */
async function countTokens(
  inbound: Inbound,
  candidate: Candidate,
  record: RequestRecord,
): Promise<Response> {
  const { value, warnings } = inbound.chat();
  for (const warning of warnings) record.warn(warning);
  record.warn({
    field: "input_tokens",
    reason: "estimated by the gateway: this provider cannot count tokens",
    target: candidate.provider.name,
  });
  const tokens = await estimateRequestTokens(value);
  record.usage({ ...createUsage(), estimated: true });
  await record.settle({ error: null, httpStatus: 200 });
  return new Response(inbound.dialect.encodeTokenCount?.(tokens), {
    headers: { "content-type": "application/json", ...record.headers() },
  });
}

/**
 * Opens a stream before any upstream has answered. Deployments can still be tried in turn, since
 * nothing has been shown; a final failure ends the stream with the client's own error event.
 */
function openEarly(
  answered: Promise<Response>,
  inbound: Inbound,
  record: RequestRecord,
  life: {
    keepAliveMs: number;
    frozenMs: number;
    failure(thrown: unknown): GatewayError;
    signal: AbortSignal;
    stop(): void;
  },
): Response {
  const { dialect } = inbound;
  const headers = { ...record.headers(), ...streamHeaders };
  const keepAlive = new TextEncoder().encode(dialect.stream.keepAlive);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let isOver = false;
    try {
      let response: Response | typeof silent = silent;
      while (response === silent) {
        yield keepAlive;
        response = await within(answered, life.keepAliveMs);
      }
      yield* response.body ?? [];
      isOver = true;
    } catch (thrown) {
      isOver = true;
      const error = life.failure(thrown);
      const isGone = error.code === "client_closed";
      await record.settle({ error, httpStatus: isGone ? 499 : 200 });
      if (!isGone) yield errorBytes(dialect, answerContext(inbound, record, true), error);
    } finally {
      // The client left; perhaps before anything had answered.
      if (!isOver) {
        life.stop();
        const error = new GatewayError("client_closed", "The client closed the connection.");
        await record.settle({ error, httpStatus: 499 });
      }
    }
  }
  return new Response(pulledBody(chunks(), life), { status: 200, headers });
}

/** Settles a failed request, then answers it in the client's dialect. */
async function refuse(
  error: GatewayError,
  dialect: Dialect,
  record: RequestRecord,
): Promise<Response> {
  await record.settle({ error, httpStatus: error.status });
  return errorResponse(error, dialect, record);
}

/** Seconds a client is told to wait when nobody upstream said how long. */
const defaultRetryAfterSeconds = 2;

/** A person must mend these. Some agents would ask again for minutes; the vendors' SDKs obey the header that forbids it. */
const hopeless: ReadonlySet<ErrorCode> = new Set(["unauthenticated", "forbidden", "upstream_auth"]);

function errorResponse(error: GatewayError, dialect: Dialect, record: RequestRecord): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...record.headers(),
  };
  if (error.retryAfterMs !== undefined || error.status === 429 || error.status === 503) {
    const seconds = Math.ceil((error.retryAfterMs ?? defaultRetryAfterSeconds * 1000) / 1000);
    headers["retry-after"] = String(Math.max(1, seconds));
  }
  if (hopeless.has(error.code)) headers["x-should-retry"] = "false";
  return new Response(nativeBody(error, dialect) ?? dialect.error.encode(error, record.requestId), {
    status: error.status,
    headers,
  });
}

/** What the provider said of a faulty request, word for word, when client and provider speak one dialect. */
function nativeBody(error: GatewayError, dialect: Dialect): string | undefined {
  const { upstream } = error;
  if (error.code !== "upstream_rejected" || upstream?.dialect !== dialect.id) return undefined;
  try {
    return upstream.body && parseObject(upstream.body) ? upstream.body : undefined;
  } catch {
    return undefined;
  }
}
