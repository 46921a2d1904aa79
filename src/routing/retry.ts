// After a failed attempt: the next deployment, the same one again after a wait, or the end.
import type { GatewayError } from "../ir/error.ts";
import { deliveryOf } from "./delivery.ts";
import type { Random } from "./random.ts";
import type { RetryBudget } from "./retry-budget.ts";

export interface RetrySettings {
  /** Attempts at the same deployment after its first. Default 2. */
  retries: number;
  /** Of those, how many are made before another deployment is tried. Default 0: another one answers sooner. */
  retriesBeforeFallback: number;
  /** Attempts of one request in all. Default 8. */
  maxAttempts: number;
  /** The bound of the first wait, doubled for each further one. Default 500 ms. */
  baseMs: number;
  /** Default 8 s. */
  maxMs: number;
  /** Nobody waits longer than this because an upstream asks for it. Default 60 s. */
  maxRetryAfterMs: number;
  /** The same deployment may be asked again although it may have had the request. Default false; another one always may. */
  replay: boolean;
}

export const defaultRetry: RetrySettings = {
  retries: 2,
  retriesBeforeFallback: 0,
  maxAttempts: 8,
  baseMs: 500,
  maxMs: 8_000,
  maxRetryAfterMs: 60_000,
  replay: false,
};

export type RetryDecision =
  /** The next deployment, at once. */
  | { next: "fallback" }
  /** The same deployment, after a wait. */
  | { next: "retry"; waitMs: number }
  /** The client gets the error. `spent`: tell it with `x-should-retry: false` that trying was done here. */
  | { next: "stop"; because: StopReason; spent: boolean };

export type StopReason =
  /** The request's own fault, or the client's will. */
  | "final"
  /** The upstream may be at work on it. */
  | "ambiguous"
  | "attempts"
  | "budget"
  /** The upstream wants to be left alone for longer than anybody waits. */
  | "wait";

export interface RetryPlan {
  /**
   * @param others how many deployments are left to try
   * @param beside what another attempt failed with that raced this one
   */
  after(error: GatewayError, others: number, beside?: GatewayError): RetryDecision;
  /** Two attempts may be made at once. */
  readonly allowsRace: boolean;
  /** Attempts made so far, the one that just failed included. */
  readonly attempts: number;
}

/**
 * The decisions for one request. Counts the request in the budget.
 * @example
 * const plan = createRetryPlan({ budget, random, settings: { retries: 1 } });
 * const decision = plan.after(error, candidates.length - tried);
 */
export function createRetryPlan(options: {
  budget: RetryBudget;
  random: Random;
  settings?: Partial<RetrySettings>;
  /** Asked although it rests, since nobody else is there: once is enough. */
  lastResort?: boolean;
}): RetryPlan {
  const { budget, random } = options;
  const settings = { ...defaultRetry, ...options.settings };
  if (options.lastResort) settings.retries = 0;
  let attempts = 0;
  /** At the present deployment. */
  let retries = 0;
  budget.request();

  const stop = (because: StopReason): RetryDecision => ({
    next: "stop",
    because,
    spent: because !== "final" && attempts > 1,
  });

  return {
    get attempts() {
      return attempts;
    },
    get allowsRace() {
      return attempts + 2 <= settings.maxAttempts;
    },
    after(error, others, beside) {
      const failures = beside ? [error, beside] : [error];
      attempts += failures.length;
      // What a request is refused for here may be taken elsewhere, where somebody stands ready for it.
      const isTaken = error.kind !== undefined && others > 0;
      if (!error.retryable && !isTaken) return stop("final");
      // It may be at work on the request: only somebody else is asked.
      const isAmbiguous =
        !settings.replay && failures.some((each) => deliveryOf(each) === "unknown");
      if (isAmbiguous && others === 0) return stop("ambiguous");
      const isWorth = failures.every(isWorthRetrying);
      const mayRetry = !isAmbiguous && isWorth && retries < settings.retries;
      const isFallback = others > 0 && !(mayRetry && retries < settings.retriesBeforeFallback);
      if (!isFallback && !mayRetry) return stop(isWorth ? "attempts" : "final");
      if (attempts >= settings.maxAttempts) return stop("attempts");
      if (isFallback) {
        if (!budget.take("fallback")) return stop("budget");
        retries = 0;
        return { next: "fallback" };
      }
      const retryAfterMs = Math.max(...failures.map((each) => each.retryAfterMs ?? 0));
      const waitMs = backoffMs(retries, { ...settings, random, retryAfterMs });
      if (waitMs === null) return stop("wait");
      if (!budget.take("retry")) return stop("budget");
      retries += 1;
      return { next: "retry", waitMs };
    },
  };
}

/** The same deployment may answer another time. Refused credentials and what it cannot do stay as they are, and a broken answer was billed. */
export function isWorthRetrying({ code }: GatewayError): boolean {
  return (
    code === "upstream_unavailable" ||
    code === "upstream_timeout" ||
    code === "upstream_rate_limited"
  );
}

export interface Backoff {
  baseMs: number;
  maxMs: number;
  maxRetryAfterMs: number;
  random: Random;
  /** The upstream's wish: the wait is never shorter. */
  retryAfterMs?: number | undefined;
}

/**
 * How long to wait before the retry number `retry` (from 0): anything up to the doubled bound ("full jitter"), on top
 * of what the upstream asks for. Null: it asks for more than anybody waits.
 * @example backoffMs(2, { ...defaultRetry, random: () => 0.5 }) // → 1000
 */
export function backoffMs(retry: number, backoff: Backoff): number | null {
  const { baseMs, maxMs, maxRetryAfterMs, random, retryAfterMs = 0 } = backoff;
  if (retryAfterMs > maxRetryAfterMs) return null;
  return Math.round(retryAfterMs + random() * Math.min(maxMs, baseMs * 2 ** retry));
}

/** The header by which a caller that tries again itself, e.g. another gateway, says how many attempts are left to us. */
export const attemptsHeader = "x-megallm-max-attempts";

/**
 * How many attempts a request may have: the caller's header can only lower the operator's number. Garbage is no limit.
 * @example maxAttempts(new Headers({ "x-megallm-max-attempts": "1" }), 8) // → 1
 */
export function maxAttempts(headers: Headers, configured: number): number {
  const text = headers.get(attemptsHeader)?.trim() ?? "";
  return /^\d{1,3}$/.test(text) ? Math.min(configured, Math.max(1, Number(text))) : configured;
}
