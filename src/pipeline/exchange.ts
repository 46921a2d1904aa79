// One client request from arrival to settlement, whatever is done in between: known, recorded, refused in its own dialect.
import type { Principal } from "../access/authenticate.ts";
import type { Rechecks } from "../access/rechecks.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import type { Envelope } from "../dialects/envelope.ts";
import { type ErrorCode, GatewayError, toGatewayError } from "../ir/error.ts";
import { monotonic, now } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import { parseObject } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import { type Admission, createAdmission } from "./admission.ts";
import { createRecord, type RequestRecord } from "./record.ts";
import type { Belonging } from "./record-state.ts";
import type { Guard } from "./guard.ts";
import type { Generation, Services } from "./services.ts";
import { createWatch, type Turn, type Watch } from "./traffic.ts";

/** A request under way. */
export interface Exchange {
  request: Request;
  generation: Generation;
  services: Services;
  record: RequestRecord;
  /** Tells health and statistics how the attempts went. */
  watch: Watch;
  caller: Principal;
  /** What it may use. */
  admission: Admission;
  /** Looks at what comes and goes; absent: nothing does. */
  guard?: Guard;
  /** Aborted when the client leaves, or as {@link Exchange.givenUp}. */
  signal: AbortSignal;
  /** Aborted with a GatewayError when the daemon gives up, or the caller's key is taken away. */
  givenUp: AbortSignal;
  /** The client is gone, whatever its connection says. */
  leave(): void;
  /** What the request failed with in the end. Failures of the gateway's own are logged. */
  failure(thrown: unknown): GatewayError;
}

/** A request with the turn of the deployment that is being asked. */
export interface Attempting extends Exchange {
  turn: Turn;
  /** The start of a stream is held back until its content comes, however long that takes. */
  untilContent?: boolean;
  /**
   * It may be raced: to be called with a whole answer, before anything comes of it.
   * @throws GatewayError when another attempt was first
   */
  claim?: () => void;
  /**
   * The next deployment after a failure in the middle of an answer, where one is to go on with it; null: there is none.
   * `moreInput`: tokens at most that it is sent besides the request.
   */
  successor?: (failure: GatewayError, moreInput: number) => Promise<Successor | null>;
  /** The answer may have so many tokens: as many as its budgets can pay. Absent: what the request says. */
  outputCap?: number;
  /** Tools that the provider runs may be called so often. Absent: what the request says. */
  toolCap?: number;
}

/** Who goes on with an answer. */
export interface Successor {
  candidate: Candidate;
  attempting: Attempting;
  /** It has begun to. */
  took(): void;
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
  let caller: Principal | GatewayError;
  try {
    caller = await generation.access.authenticate(request);
  } catch (error) {
    caller = toGatewayError(error);
    if (caller.code === "internal") services.log.error("request.failed", {}, error);
  }
  const requestId = createId("req");
  const principal = caller instanceof GatewayError ? { key: null } : caller;
  const admission = admissionOf(requestId, principal, context);
  const { givenUp, unwatch } = standing(principal, services);
  const keySpend = keySpendOf(principal, context);
  const record = createRecord({
    requestId,
    dialect: dialect.id,
    operation,
    startedAt: monotonic(),
    store: services.store,
    log: services.log,
    prices: generation.config.prices,
    defaultPrice: generation.config.rules.defaultPrice,
    ambiguous: generation.config.ledger.ambiguous,
    admission,
    ...(keySpend && { litellm: { keySpend } }),
    onSettled: () => {
      watch.settled();
      unwatch();
      services.inFlight.delete(record.requestId);
    },
  });
  const watch = createWatch(record);
  // No row: a stranger's guesses must not fill the ledger.
  if (caller instanceof GatewayError) return errorResponse(caller, speaks, record);
  record.caller(caller.key, belongingOf(caller));
  const { caller: holder } = caller;
  if (keySpend && holder) {
    await services.keySpends.know(holder.key.id);
    record.onPriced((cost) => services.keySpends.add(holder.key.id, cost ?? 0n));
  }
  services.inFlight.add(record.requestId);
  const left = new AbortController();
  const signal = AbortSignal.any([request.signal, givenUp, left.signal]);
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
      admission,
      signal,
      givenUp,
      leave: () => left.abort(),
      failure,
    });
  } catch (thrown) {
    return await refuse(failure(thrown), speaks, record);
  }
}

/** Aborts when the daemon gives up, or the caller's key is taken away. `unwatch` must be called. */
export function standing(
  principal: Principal,
  { rechecks, shutdown }: Services,
): { givenUp: AbortSignal; unwatch: () => void } {
  const revoked = new AbortController();
  const unwatch = whileWelcome(principal, rechecks, (error) => revoked.abort(error));
  if (!unwatch) return { givenUp: shutdown, unwatch: () => {} };
  return { givenUp: AbortSignal.any([shutdown, revoked.signal]), unwatch };
}

/** Calls `revoked` when the caller's key is taken away. Returns what ends the watch, which must be called; null: it has none. */
export function whileWelcome(
  { caller, configured }: Principal,
  rechecks: Rechecks,
  revoked: (error: GatewayError) => void,
): (() => void) | null {
  if (caller) return rechecks.watch(caller, revoked);
  return configured ? rechecks.watchKey(configured, revoked) : null;
}

/** What the caller's key has spent, where LiteLLM's headers tell it. */
function keySpendOf(
  { caller }: Principal,
  { generation, services }: { generation: Generation; services: Services },
): (() => Nanos | null) | null {
  if (!generation.config.compat.litellm) return null;
  return () => (caller ? services.keySpends.of(caller.key.id) : null);
}

/** What a request of this caller may use. */
export const admissionOf = (
  requestId: string,
  principal: Principal,
  { generation, services }: { generation: Generation; services: Services },
): Admission =>
  createAdmission({
    requestId,
    atMs: now(),
    principal,
    config: generation.config,
    store: services.store,
    callers: services.callers,
    alerts: services.alerts,
  });

export const belongingOf = ({ caller, tags = [] }: Principal): Belonging => ({
  keyId: caller?.key.id ?? null,
  userId: caller?.user?.id ?? null,
  teamId: caller?.team?.id ?? null,
  organizationId: caller?.organization?.id ?? null,
  tags,
});

/** What a request failed with in the end, where `signal` is what gives it up. */
export function failureOf(
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

/** Why a request was given up: the daemon said so, the key is gone, or the client left. */
export function abortReason(signal: AbortSignal): GatewayError {
  return signal.reason instanceof GatewayError
    ? signal.reason
    : new GatewayError("client_closed", "The client closed the connection.");
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
  // What was tried again here would be tried again nine times for three (fault R28).
  if (error.spent || hopeless.has(error.code)) headers["x-should-retry"] = "false";
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
