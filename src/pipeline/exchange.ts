// One client request from arrival to settlement, whatever is done in between: known, recorded, refused in its own dialect.
import type { Principal } from "../access/authenticate.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import type { Envelope } from "../dialects/envelope.ts";
import { type ErrorCode, GatewayError, toGatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import { parseObject } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import { createRetryPlan, maxAttempts } from "../routing/retry.ts";
import { type Candidate, modelId } from "../routing/router.ts";
import { createEntrance } from "./entrance.ts";
import { lineUp } from "./order.ts";
import { createRecord, type RequestRecord } from "./record.ts";
import type { Generation, Services } from "./services.ts";
import { createWatch, subjectOf, type Turn, type Watch } from "./traffic.ts";

/** A request under way. */
export interface Exchange {
  request: Request;
  generation: Generation;
  services: Services;
  record: RequestRecord;
  /** Tells health and statistics how the attempts went. */
  watch: Watch;
  caller: Principal;
  /** Aborted when the client leaves, or with a GatewayError when the daemon gives up. */
  signal: AbortSignal;
  /** The client is gone, whatever its connection says. */
  leave(): void;
  /** What the request failed with in the end. Failures of the gateway's own are logged. */
  failure(thrown: unknown): GatewayError;
}

/** A request with the turn of the deployment that is being asked. */
export interface Attempting extends Exchange {
  turn: Turn;
}

/** What a request's path says of it. */
interface About {
  dialect: Dialect;
  operation: Operation;
  envelope?: Envelope;
}

/**
 * Authenticates, opens the account, and does `work`; a failure is settled and told in the client's dialect. Never rejects.
 * `work` settles the record itself when it succeeds.
 */
export async function exchange(
  request: Request,
  about: About,
  context: { generation: Generation; services: Services },
  work: (exchange: Exchange) => Promise<Response>,
): Promise<Response> {
  const { generation, services } = context;
  const { dialect, operation } = about;
  const speaks = dialects[about.envelope?.errors ?? dialect.id];
  const record = createRecord({
    requestId: createId("req"),
    dialect: dialect.id,
    operation,
    startedAt: monotonic(),
    store: services.store,
    log: services.log,
    prices: generation.config.prices,
    onSettled: () => {
      watch.settled();
      services.inFlight.delete(record.requestId);
    },
  });
  const watch = createWatch(record);
  let caller: Principal;
  try {
    caller = generation.access.authenticate(request.headers, new URL(request.url).searchParams);
    record.caller(caller.key);
  } catch (error) {
    // No row: a stranger's guesses must not fill the ledger.
    return errorResponse(toGatewayError(error), speaks, record);
  }
  services.inFlight.add(record.requestId);
  const left = new AbortController();
  const signal = AbortSignal.any([request.signal, services.shutdown, left.signal]);
  const failure = (thrown: unknown): GatewayError =>
    failureOf(thrown, signal, record, services.log);
  try {
    return await work({
      request,
      generation,
      services,
      record,
      watch,
      caller,
      signal,
      leave: () => left.abort(),
      failure,
    });
  } catch (thrown) {
    return await refuse(failure(thrown), speaks, record);
  }
}

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

export interface AttemptOptions {
  /** About how many tokens the request will count for. */
  tokens?: number;
  /** Nobody is asked twice: what the request makes could be made twice. */
  once?: boolean;
  /** Told which deployment answered. */
  answered?: (candidate: Candidate) => void;
}

/** A client waits no longer than this for a deployment that asks for a pause: it is told how long instead. */
const longestPauseMs = 5_000;

/**
 * Tries the deployments until one answers: those that rest are passed by, what may pass is tried again after a wait,
 * and never more than the retry budget allows.
 * @throws GatewayError the last failure
 */
export async function attemptAll(
  candidates: readonly Candidate[],
  current: Exchange,
  attempt: (candidate: Candidate, attempting: Attempting) => Promise<Response>,
  options: AttemptOptions = {},
): Promise<Response> {
  const { generation, request, services, signal, watch } = current;
  const { budget, health, stats } = services.traffic;
  const { retry, health: healthSettings } = generation.config;
  const { queue, lastResort } = lineUp(candidates, { generation, services });
  const plan = createRetryPlan({
    budget,
    random: Math.random,
    lastResort,
    settings: {
      ...retry,
      ...candidates[0]?.retry,
      maxRetryAfterMs: longestPauseMs,
      // A provider in this process fails because it was asked to.
      ...((options.once || candidates.every(({ provider }) => provider.preset.serve)) && {
        retries: 0,
      }),
      maxAttempts: maxAttempts(request.headers, retry.maxAttempts),
    },
  });
  const enter = createEntrance(current, () => abortReason(signal));
  let last: GatewayError | undefined;
  for (let at = 0; at < queue.length;) {
    if (signal.aborted) throw abortReason(signal);
    const permit = await enter(queue, at, last);
    const candidate = queue[at];
    // While it waited for a place, everybody may have come to rest.
    const isLast = lastResort || (last === undefined && at === queue.length - 1);
    const pass =
      candidate && healthSettings.enabled
        ? health.begin(subjectOf(candidate), { lastResort: isLast })
        : undefined;
    if (!candidate || pass === null) {
      // It rests by now, or somebody else is finding out whether it is back.
      permit?.release();
      at += 1;
      continue;
    }
    const measured = stats.begin(modelId(candidate), options.tokens ?? 0);
    const turn = watch.open({ pass: pass ?? null, measured, permit });
    try {
      const response = await attempt(candidate, { ...current, turn });
      turn.handOver();
      options.answered?.(candidate);
      return response;
    } catch (thrown) {
      last = failedAttempt(toGatewayError(thrown), candidate, { ...current, turn });
    }
    const decision = plan.after(last, queue.length - at - 1);
    if (signal.aborted || decision.next === "stop") break;
    if (decision.next === "retry") await pause(decision.waitMs, signal);
    else at += 1;
  }
  throw last ?? new GatewayError("no_route", "No deployment could be tried.");
}

/** @throws the error itself when it is the gateway's own */
function failedAttempt(
  error: GatewayError,
  candidate: Candidate,
  { record, services, turn }: Attempting,
): GatewayError {
  turn.close(error);
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
  return error;
}

/** Until the time is up or the client leaves. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
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
    ...dialect.error.headers?.(error),
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
