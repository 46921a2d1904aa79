// `Idempotency-Key`: a request that is sent twice is answered once, and the second gets the same answer.
// https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
import { GatewayError, toGatewayError } from "../ir/error.ts";
import type { Logger } from "../lib/log.ts";
import { deliveryOf } from "../routing/delivery.ts";
import type { Items } from "../store/items.ts";
import { type AnswerCopy, type CopyEnd, createAnswerCopy } from "./answer-copy.ts";
import { type Exchange, failureOf } from "./exchange.ts";
import {
  idempotencyHeader,
  itemOf,
  type Kept,
  type Outcome,
  readKept,
} from "./idempotent-outcome.ts";
import { pulledBody } from "./respond.ts";

/** `resend`: what may have been sent already is sent again, and perhaps paid for twice. */
const resendHeader = "x-megallm-idempotency";

const kind = "idempotency";
const maxKeyLength = 255;
/** Longest answer that is kept, bytes. */
const maxAnswerBytes = 4 * 1024 * 1024;

/** What is done for a request. `failed` is told of, and gives back, a failure that the answer's status does not show. */
export type Work = (held: Exchange, failed: (thrown: unknown) => unknown) => Promise<Response>;

export interface Keyed {
  /** What must be the same for the request to be the same. */
  content(): Content | Promise<Content>;
  /** Puts on record what is asked for, where the work is not done that would. */
  identify(): void;
}

export type Content = Uint8Array | string;

export interface Idempotency {
  /**
   * Does the work, unless a POST with this key has been seen: then its answer is given again. A request without the
   * header is left alone.
   * @throws GatewayError `conflict` where the answer is not to be had again, `invalid_request` for a key that stands for
   * another request; whatever the work throws
   */
  once(current: Exchange, keyed: Keyed, work: Work): Promise<Response>;
}

/** What came of the claim: an answer that is being given, or what was on record already. */
type Led = { response: Response; copy: AnswerCopy } | { found: Kept };

/** A request that is being answered in this process. */
interface Run {
  fingerprint: string;
  requestId: string;
  /** Rejects with what the request failed with. */
  led: Promise<Led>;
}

/** Who leads: the first to come with a key. */
type Leader = Omit<Run, "led"> & { place: string; current: Exchange };

export function createIdempotency(items: Items, log: Logger): Idempotency {
  const running = new Map<string, Run>();

  const write = async ({ place, current, ...run }: Leader, outcome: Outcome): Promise<void> => {
    try {
      await items.put(kind, [itemOf(place, current.record.tenant, { ...run, outcome })]);
    } catch (error) {
      // The answer is there and paid for; what stays on record is that it was begun.
      log.warn("idempotency.not_kept", { requestId: run.requestId }, error);
    }
  };

  /** What is there already; null when the place is this request's now. */
  const claim = async (leader: Leader, isSecond = false): Promise<Kept | null> => {
    const { place, current, ...run } = leader;
    let isKnownTaken = false;
    try {
      const item = itemOf(place, current.record.tenant, { ...run, outcome: { type: "begun" } });
      if (await items.claim(kind, item)) return null;
      isKnownTaken = true;
    } catch (error) {
      // What cannot be written can perhaps be read; and this process remembers for as long as it lives.
      log.warn("idempotency.not_kept", { requestId: run.requestId }, error);
    }
    try {
      const [item] = await items.get(kind, [place]);
      // Another gateway may have let go of it in between.
      if (!item && isKnownTaken && !isSecond) return await claim(leader, true);
      return item ? readKept(item.value) : null;
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      throw new GatewayError(
        "unavailable",
        "The gateway cannot look up whether a request with this `Idempotency-Key` was answered. Try again shortly.",
        { cause },
      );
    }
  };

  const conclude = async (leader: Leader, outcome: Outcome | null): Promise<void> => {
    const { place, requestId } = leader;
    if (outcome === null) {
      await items.remove(kind, place).catch((error: unknown) => {
        log.warn("idempotency.not_removed", { requestId }, error);
      });
    } else if (outcome.type !== "begun") await write(leader, outcome);
    running.delete(place);
  };

  const lead = async (leader: Leader, work: Work): Promise<Led> => {
    const { place, current, fingerprint } = leader;
    try {
      const found = await claim(leader);
      if (found && !(found.fingerprint === fingerprint && isResent(found, current))) {
        running.delete(place);
        return { found };
      }
      if (found) await write(leader, { type: "begun" });
    } catch (error) {
      running.delete(place);
      throw error;
    }
    const held = detached(current);
    let failure: GatewayError | null = null;
    try {
      const response = await work(held, (thrown) => {
        failure = toGatewayError(thrown);
        return thrown;
      });
      const { status } = response;
      const headers = repeatable(response.headers);
      const copy = createAnswerCopy(response.body, {
        maxBytes: maxAnswerBytes,
        ended: (end) =>
          conclude(
            leader,
            failure ? costOf(failure, held) : keptOf(end, { status, headers }, held),
          ),
      });
      return { response, copy };
    } catch (thrown) {
      const error = toGatewayError(thrown);
      await conclude(leader, costOf(error, held));
      throw error;
    }
  };

  return {
    async once(current, keyed, work) {
      const { request, record } = current;
      const key = request.headers.get(idempotencyHeader);
      if (key === null || key === "" || request.method !== "POST") {
        return work(current, (thrown) => thrown);
      }
      const place = placeOf(record.tenant, request, key);
      const fingerprint = digest(await keyed.content(), new URL(request.url).search);
      const known = running.get(place);
      if (known) {
        keyed.identify();
        return follow(known, fingerprint, current);
      }
      const leader: Leader = { place, fingerprint, requestId: record.requestId, current };
      const led = lead(leader, work);
      running.set(place, { fingerprint, requestId: record.requestId, led });
      const answer = await led;
      if ("copy" in answer) return first(answer, current);
      keyed.identify();
      return again(answer.found, fingerprint, current);
    },
  };
}

/** Goes on although its client leaves: whoever sends a key may come back for the answer. */
function detached(current: Exchange): Exchange {
  const { givenUp, record, services } = current;
  const left = new AbortController();
  const signal = AbortSignal.any([givenUp, left.signal]);
  return {
    ...current,
    signal,
    leave: () => left.abort(),
    failure: (thrown) => failureOf(thrown, signal, record, services.log),
  };
}

/** For the client that the answer is made for. */
function first(
  { response, copy }: Extract<Led, { copy: AnswerCopy }>,
  current: Exchange,
): Response {
  const { signal, services } = current;
  const stop = (): void => copy.leave();
  if (signal.aborted) stop();
  const chunks = stoppable(copy.first(), stop);
  const body = pulledBody(chunks, { signal, frozenMs: services.pacing.frozenMs, stop });
  return new Response(response.body === null ? null : body, {
    status: response.status,
    headers: response.headers,
  });
}

async function* stoppable(
  chunks: AsyncGenerator<Uint8Array>,
  stop: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } finally {
    stop();
  }
}

/** The answer that another request is getting, as it comes. */
async function follow(run: Run, fingerprint: string, current: Exchange): Promise<Response> {
  const { record, services, signal } = current;
  if (run.fingerprint !== fingerprint) throw otherRequest();
  const led = await orGone(run.led, signal);
  if ("found" in led) return again(led.found, fingerprint, current);
  record.replays(run.requestId);
  const { response, copy } = led;
  const { status } = response;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let error: GatewayError | null = new GatewayError("client_closed", "The client left.");
    try {
      yield* copy.follow();
      error = null;
    } catch (thrown) {
      error = current.failure(
        new GatewayError("upstream_unavailable", "The answer broke off.", { cause: thrown }),
      );
      throw thrown;
    } finally {
      await record.settle({ error, httpStatus: error?.code === "client_closed" ? 499 : status });
    }
  }
  const body = pulledBody(chunks(), {
    signal,
    frozenMs: services.pacing.frozenMs,
    stop: () => {},
  });
  const headers = { ...record.headers(), ...Object.fromEntries(repeatable(response.headers)) };
  return new Response(response.body === null ? null : body, { status, headers });
}

/** @throws what the signal aborts with, when that comes first */
async function orGone<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, gone]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What is on record, once more. @throws GatewayError where it cannot be had again */
async function again(
  { fingerprint, requestId, outcome }: Kept,
  wanted: string,
  { record }: Exchange,
): Promise<Response> {
  if (fingerprint !== wanted) throw otherRequest();
  const anew = `Use a new key to ask anew, or send \`${resendHeader}: resend\` with this one.`;
  switch (outcome.type) {
    case "answered": {
      const { status, headers, body } = outcome;
      record.replays(requestId);
      await record.settle({ error: null, httpStatus: status });
      return new Response(body, {
        status,
        headers: { ...record.headers(), ...Object.fromEntries(headers) },
      });
    }
    case "failed":
      record.replays(requestId);
      throw new GatewayError(outcome.code, outcome.message, { status: outcome.status });
    case "too-large":
      throw new GatewayError(
        "conflict",
        `The request with this \`Idempotency-Key\` (${requestId}) was answered with more than ${maxAnswerBytes} bytes, which are not kept. ${anew}`,
      );
    case "begun":
      throw new GatewayError(
        "conflict",
        `A request with this \`Idempotency-Key\` (${requestId}) was begun and nobody knows how it ended: it may be running elsewhere, or was cut off when the gateway stopped. It may have been paid for, and is not sent again. ${anew}`,
      );
    default:
      return outcome satisfies never;
  }
}

const isResent = ({ outcome }: Kept, { request }: Exchange): boolean =>
  outcome.type !== "answered" && request.headers.get(resendHeader) === "resend";

const otherRequest = (): GatewayError =>
  new GatewayError(
    "invalid_request",
    "This `Idempotency-Key` was used for a request with another body or query. Use a new key for each request.",
    { status: 422 },
  );

/** What is kept of a failure; null where it cannot have cost anything, so that it may be tried again. */
function costOf(error: GatewayError, { record, signal }: Exchange): Outcome | null {
  // The gateway stopped while the provider was at work.
  if (signal.aborted) return { type: "begun" };
  const { code, message, status, upstream } = error;
  const isBrokenAnswer = code === "upstream_invalid" && (upstream?.status ?? 200) < 400;
  // Attempts before the last one may have been billed, whatever that one says.
  const mayHaveCost =
    isBrokenAnswer || code === "internal" || deliveryOf(error) === "unknown" || record.mayHaveCost;
  return mayHaveCost ? { type: "failed", code, message, status } : null;
}

function keptOf(
  end: CopyEnd,
  head: Pick<Extract<Outcome, { type: "answered" }>, "status" | "headers">,
  { signal }: Exchange,
): Outcome | null {
  // A provider's refusal that is passed on as it is.
  if (head.status >= 400) return null;
  if (signal.aborted || end.type === "broken") return { type: "begun" };
  return end.type === "whole"
    ? { type: "answered", ...head, body: end.bytes }
    : { type: "too-large" };
}

/** About this one answer, not about its being given again. */
const ownHeaders =
  /^(?:x-request-id|server-timing|x-megallm-(?:attempts|cache|cost-usd|overhead-ms)|age|content-length|date|x-litellm-.*|retry-after.*|.*ratelimit.*)$/;

const repeatable = (headers: Headers): [string, string][] =>
  [...headers].filter(([name]) => !ownHeaders.test(name));

/** Nobody else's, nor another operation's. @throws GatewayError `invalid_request` */
function placeOf(tenant: string | null, request: Request, key: string): string {
  if (key.length > maxKeyLength || !/^[ -~]+$/.test(key)) {
    throw new GatewayError(
      "invalid_request",
      `The header \`Idempotency-Key\` must be 1 to ${maxKeyLength} printable ASCII characters, e.g. a UUID.`,
    );
  }
  return digest(JSON.stringify([tenant, request.method, new URL(request.url).pathname, key]));
}

function digest(...parts: Content[]): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const part of parts) {
    hasher.update(`${part.length}:`);
    hasher.update(part);
  }
  return hasher.digest("hex");
}
