// Whether and when a second attempt races a slow first one, and what all such races may cost.
import { monotonic } from "../lib/clock.ts";
import { createSlidingWindow } from "./sliding-window.ts";

export interface HedgeSettings {
  /** `p95`: after the deployment's own usual time; else so many ms. */
  after: "p95" | number;
  /** What losers may cost, as a share of what all requests cost. Default 0.05. */
  maxExtraSpend: number;
  /** Never sooner than this. Default 50 ms. */
  leastMs: number;
  /** The spend is counted over so long. Default 10 minutes. */
  windowMs: number;
}

export const defaultHedge: HedgeSettings = {
  after: "p95",
  maxExtraSpend: 0.05,
  leastMs: 50,
  windowMs: 600_000,
};

export interface HedgeCircumstances {
  /** Of the deployment that was asked first: `stats.firstTokenP95` of a stream, `stats.wholeP95` of what comes in one piece. */
  p95Ms: number | null;
  /** Deployments that are ready and not tried yet. */
  others: number;
}

/**
 * When the second attempt starts, in ms after the first; null: never.
 * @example hedgeAfter({ p95Ms: 800, others: 1 }) // → 800
 */
export function hedgeAfter(
  { p95Ms, others }: HedgeCircumstances,
  settings: Partial<HedgeSettings> = {},
): number | null {
  const { after, leastMs } = { ...defaultHedge, ...settings };
  if (others === 0) return null;
  const ms = after === "p95" ? p95Ms : after;
  return ms === null ? null : Math.max(leastMs, Math.round(ms));
}

/** Money set aside for a loser. Settled once. */
export interface HedgeHold {
  /** What the loser did cost; null when nobody knows: then what was set aside. */
  settle(nanos: number | null): void;
  /** There was no second attempt after all. */
  release(): void;
}

/** What races have cost against what requests have cost. Nano-dollars as numbers: sums here guard, they do not bill. */
export interface HedgeSpend {
  /** A request's own cost; null where the price is unknown: then requests are counted instead. */
  charge(nanos: number | null): void;
  /**
   * Call when the second attempt is about to start, with what the loser may cost. Null: the cap is reached, no second
   * attempt.
   */
  hold(nanos: number | null): HedgeHold | null;
  snapshot(): { spend: number; extra: number; requests: number; hedges: number };
}

const spend = 0;
const extra = 1;
const requests = 2;
const hedges = 3;

export function createHedgeSpend(settings: Partial<HedgeSettings> = {}): HedgeSpend {
  const { maxExtraSpend, windowMs } = { ...defaultHedge, ...settings };
  const window = createSlidingWindow({ windowMs, lanes: 4 });

  const isWithin = (nanos: number | null, nowMs: number): boolean =>
    nanos === null
      ? window.sum(hedges, nowMs) + 1 <= window.sum(requests, nowMs) * maxExtraSpend
      : window.sum(extra, nowMs) + nanos <= window.sum(spend, nowMs) * maxExtraSpend;

  return {
    charge(nanos) {
      const nowMs = monotonic();
      window.add(requests, 1, nowMs);
      if (nanos !== null) window.add(spend, nanos, nowMs);
    },
    hold(nanos) {
      const nowMs = monotonic();
      if (!isWithin(nanos, nowMs)) return null;
      window.add(hedges, 1, nowMs);
      if (nanos !== null) window.add(extra, nanos, nowMs);
      let isSettled = false;
      const settle = (actual: number | null): void => {
        if (isSettled) return;
        isSettled = true;
        if (actual !== null) window.add(extra, actual - (nanos ?? 0), monotonic());
      };
      return {
        settle,
        release() {
          if (!isSettled) window.add(hedges, -1, monotonic());
          settle(0);
        },
      };
    },
    snapshot() {
      const nowMs = monotonic();
      return {
        spend: window.sum(spend, nowMs),
        extra: window.sum(extra, nowMs),
        requests: window.sum(requests, nowMs),
        hedges: window.sum(hedges, nowMs),
      };
    },
  };
}
