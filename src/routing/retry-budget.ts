// How many attempts beyond one per request may be made: a share of the traffic, so that an outage is not answered by a storm.
import { monotonic } from "../lib/clock.ts";
import { createSlidingWindow } from "./sliding-window.ts";

export interface RetryBudgetSettings {
  /** Over how long attempts are counted. Default 60 s. */
  windowMs: number;
  /** Attempts beyond the first, as a share of the requests in the window. Default 0.2. */
  ratio: number;
  /** The same for another deployment, which is not the one in trouble. Default 1: each request may fall back once. */
  fallbackRatio: number;
  /** So many are allowed however little traffic there is. Default 10. */
  floor: number;
}

export const defaultRetryBudget: RetryBudgetSettings = {
  windowMs: 60_000,
  ratio: 0.2,
  fallbackRatio: 1,
  floor: 10,
};

/** `retry`: the same deployment again; `fallback`: another one. Both count, each has its own limit. */
export type ExtraAttempt = "retry" | "fallback";

export interface RetryBudget {
  /** A request has come. Once per request, before its first attempt. */
  request(): void;
  /** May this further attempt be made? If so it is counted. */
  take(kind: ExtraAttempt): boolean;
  /** In the window. */
  snapshot(): { requests: number; extra: number; refused: number };
}

const requests = 0;
const extra = 1;
const refused = 2;

/** One for each route, or one for the gateway. */
export function createRetryBudget(settings: Partial<RetryBudgetSettings> = {}): RetryBudget {
  const { windowMs, ratio, fallbackRatio, floor } = { ...defaultRetryBudget, ...settings };
  const window = createSlidingWindow({ windowMs, lanes: 3, buckets: 20 });
  const share: Readonly<Record<ExtraAttempt, number>> = { retry: ratio, fallback: fallbackRatio };
  return {
    request: () => window.add(requests, 1, monotonic()),
    take(kind) {
      const nowMs = monotonic();
      const allowed = Math.max(floor, window.sum(requests, nowMs) * share[kind]);
      const isAllowed = window.sum(extra, nowMs) + 1 <= allowed;
      window.add(isAllowed ? extra : refused, 1, nowMs);
      return isAllowed;
    },
    snapshot() {
      const nowMs = monotonic();
      return {
        requests: window.sum(requests, nowMs),
        extra: window.sum(extra, nowMs),
        refused: window.sum(refused, nowMs),
      };
    },
  };
}
