// Rate limits of callers: sliding windows in memory, all limits of a request taken at once or none.
import { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import type { LimitUnit } from "../store/directory-types.ts";

/** One limit of one subject. */
export interface AppliedLimit {
  /** Names the counter: the limit's id, and the subject where each has its own. */
  readonly id: string;
  /** In the refusal, e.g. `team Search`. */
  readonly of: string;
  readonly unit: LimitUnit;
  /** Null for `parallel`. */
  readonly windowMs: number | null;
  readonly amount: number;
}

/** What a request counts for. */
export interface Want {
  readonly inputTokens: number;
  /** What it is expected to say; put right when it has. */
  readonly outputTokens: number;
}

/** A request's part of its limits. */
export interface Ticket {
  /** The tightest of requests and of tokens, for `x-ratelimit-*`. Null: there is none. */
  readonly requests: Standing | null;
  readonly tokens: Standing | null;
  /**
   * Puts the tokens right and gives the place among the parallel ones back. Null: the request was refused elsewhere,
   * and all that it took is given back. Only the first call counts.
   */
  settle(used: Want | null): void;
}

export interface Standing {
  readonly limit: number;
  readonly remaining: number;
  /** Until as much is free again as would be without any request, ms. */
  readonly resetMs: number;
}

export interface RateLimiter {
  /** @throws GatewayError `rate_limited` with `retryAfterMs`; then nothing is taken anywhere */
  admit(limits: readonly AppliedLimit[], want: Want): Ticket;
  /** How each of the limits stands, and the refusal that a request would meet; nothing is taken. */
  rehearse(
    limits: readonly AppliedLimit[],
    want: Want,
  ): { standings: readonly Standing[]; refusal: GatewayError | null };
  /** How the tightest of the limits stand now; nothing is taken. */
  standings(limits: readonly AppliedLimit[]): Pick<Ticket, "requests" | "tokens">;
}

/** Finer means more exact and more memory: a request leaves the count up to a sixtieth of the window late, never early. */
const buckets = 60;
const units = {
  requests: "requests",
  tokens: "tokens",
  input_tokens: "input tokens",
  output_tokens: "output tokens",
  parallel: "parallel requests",
} as const;
/** How long somebody who found too many requests running waits before the next try, ms. */
const parallelRetryMs = 1_000;

/** Counters that nobody uses any more are looked for so often at most, ms. */
const sweepEveryMs = 1_000;

/** About 1 KB. */
interface Counter {
  readonly windowMs: number;
  readonly counts: Float64Array;
  readonly epochs: Float64Array;
}

const noTicket: Ticket = { requests: null, tokens: null, settle: () => {} };

/**
 * @example
 * const ticket = limiter.admit(limits, { inputTokens: 900, outputTokens: 500 });
 * ticket.settle({ inputTokens: 912, outputTokens: 87 });
 */
export function createRateLimiter(options: { maxCounters?: number } = {}): RateLimiter {
  const { maxCounters = 50_000 } = options;
  const counters = new Map<string, Counter>();
  const running = new Map<string, number>();
  let sweptMs = -Infinity;

  const counterOf = (id: string, windowMs: number, nowMs: number): Counter => {
    const key = `${id} ${windowMs}`;
    const known = counters.get(key);
    if (known) return known;
    if (counters.size >= maxCounters && nowMs - sweptMs >= sweepEveryMs) {
      sweptMs = nowMs;
      for (const [name, counter] of counters) if (sum(counter, nowMs) === 0) counters.delete(name);
    }
    // Whoever still counts is not forgotten for the sake of a name that a caller has made up.
    if (counters.size >= maxCounters) {
      throw new GatewayError(
        "rate_limited",
        "Too many callers are being counted. Try again later.",
        {
          retryAfterMs: sweepEveryMs,
        },
      );
    }
    const made = {
      windowMs,
      counts: new Float64Array(buckets + 1),
      epochs: new Float64Array(buckets + 1).fill(-1),
    };
    counters.set(key, made);
    return made;
  };

  const standings = (limits: readonly AppliedLimit[], nowMs: number) => ({
    requests: tightest(limits, nowMs, (unit) => unit === "requests", counters),
    tokens: tightest(limits, nowMs, (unit) => unit.endsWith("tokens"), counters),
  });

  /** How long a request waits for this limit, ms; null: not at all. */
  const waitAt = (limit: AppliedLimit, want: Want, nowMs: number): number | null => {
    const { id, amount, unit, windowMs } = limit;
    if (unit === "parallel" || windowMs === null) {
      return (running.get(id) ?? 0) >= amount ? parallelRetryMs : null;
    }
    const counter = counters.get(`${id} ${windowMs}`);
    const asked = amountOf(unit, want);
    const used = counter ? sum(counter, nowMs) : 0;
    // A request that is larger than the whole limit passes when nothing else is counted: else it never could.
    const fits = used + asked <= amount || (used === 0 && unit !== "requests" && amount > 0);
    if (fits) return null;
    return counter ? waitFor(counter, nowMs, { asked, amount }) : windowMs;
  };

  const standingOf = ({ id, amount, windowMs }: AppliedLimit, nowMs: number): Standing => {
    const counter = windowMs === null ? undefined : counters.get(`${id} ${windowMs}`);
    const used = windowMs === null ? (running.get(id) ?? 0) : counter ? sum(counter, nowMs) : 0;
    const resetMs = counter && used > 0 ? waitFor(counter, nowMs, { asked: 0, amount: 0 }) : 0;
    return { limit: amount, remaining: Math.max(0, amount - used), resetMs };
  };

  return {
    standings: (limits) => standings(limits, monotonic()),
    rehearse(limits, want) {
      const nowMs = monotonic();
      let refusal: { error: GatewayError; waitMs: number } | null = null;
      for (const limit of limits) {
        const waitMs = waitAt(limit, want, nowMs);
        if (waitMs === null || (refusal && waitMs <= refusal.waitMs)) continue;
        refusal = { error: exceeded(limit, waitMs), waitMs };
      }
      return {
        standings: limits.map((limit) => standingOf(limit, nowMs)),
        refusal: refusal?.error ?? null,
      };
    },
    admit(limits, want) {
      if (limits.length === 0) return noTicket;
      const nowMs = monotonic();
      const taken: { counter: Counter; amount: number; unit: LimitUnit; epoch: number }[] = [];
      const places: string[] = [];
      let refusal: { error: GatewayError; waitMs: number } | null = null;
      const refuse = (limit: AppliedLimit, waitMs: number): void => {
        if (!refusal || waitMs > refusal.waitMs)
          refusal = { error: exceeded(limit, waitMs), waitMs };
      };
      for (const limit of limits) {
        const { id, unit, windowMs } = limit;
        const isPlace = unit === "parallel" || windowMs === null;
        // Made before it is looked at: where there is no room for one more, nobody passes.
        const counter = isPlace ? null : counterOf(id, windowMs, nowMs);
        const waitMs = waitAt(limit, want, nowMs);
        if (waitMs !== null) refuse(limit, waitMs);
        else if (!counter) places.push(id);
        else {
          const epoch = epochOf(counter, nowMs);
          taken.push({ counter, amount: amountOf(unit, want), unit, epoch });
        }
      }
      if (refusal) throw (refusal as { error: GatewayError }).error;
      for (const { counter, amount, epoch } of taken) add(counter, amount, epoch);
      for (const id of places) running.set(id, (running.get(id) ?? 0) + 1);
      let isSettled = false;
      return {
        ...standings(limits, nowMs),
        settle(used) {
          if (isSettled) return;
          isSettled = true;
          for (const id of places) {
            const left = (running.get(id) ?? 1) - 1;
            if (left > 0) running.set(id, left);
            else running.delete(id);
          }
          // What it said is counted in the bucket in which it came: so it leaves the window with its request.
          for (const { counter, amount, unit, epoch } of taken) {
            if (!used) add(counter, -amount, epoch);
            else if (unit !== "requests") add(counter, amountOf(unit, used) - amount, epoch);
          }
        },
      };
    },
  };
}

const epochOf = ({ windowMs }: Counter, nowMs: number): number =>
  Math.floor(nowMs / (windowMs / buckets));

function add({ counts, epochs }: Counter, amount: number, epoch: number): void {
  const slot = epoch % counts.length;
  const known = epochs[slot] ?? -1;
  // The window has moved on: nobody counts it any more.
  if (known > epoch) return;
  if (known < epoch) {
    epochs[slot] = epoch;
    counts[slot] = 0;
  }
  counts[slot] = (counts[slot] ?? 0) + amount;
}

/** The bucket that the window's beginning falls into counts whole: a limit is never passed. */
function sum(counter: Counter, nowMs: number): number {
  const oldest = epochOf(counter, nowMs) - buckets;
  let total = 0;
  for (let slot = 0; slot < counter.counts.length; slot += 1) {
    if ((counter.epochs[slot] ?? -1) >= oldest) total += counter.counts[slot] ?? 0;
  }
  return Math.max(0, total);
}

/** Until enough has left the window. */
function waitFor(
  counter: Counter,
  nowMs: number,
  { asked, amount }: { asked: number; amount: number },
): number {
  const bucketMs = counter.windowMs / buckets;
  const now = epochOf(counter, nowMs);
  let left = sum(counter, nowMs);
  for (let epoch = now - buckets; epoch <= now; epoch += 1) {
    const slot = epoch % counter.counts.length;
    if (epoch >= 0 && counter.epochs[slot] === epoch) left -= counter.counts[slot] ?? 0;
    if (left + asked <= amount || left <= 0) {
      return Math.max(1, Math.ceil((epoch + buckets + 1) * bucketMs - nowMs));
    }
  }
  return counter.windowMs;
}

const amountOf = (unit: LimitUnit, { inputTokens, outputTokens }: Want): number => {
  switch (unit) {
    case "requests":
    case "parallel":
      return 1;
    case "input_tokens":
      return inputTokens;
    case "output_tokens":
      return outputTokens;
    case "tokens":
      return inputTokens + outputTokens;
    default:
      return unit satisfies never;
  }
};

function tightest(
  limits: readonly AppliedLimit[],
  nowMs: number,
  isKind: (unit: LimitUnit) => boolean,
  counters: ReadonlyMap<string, Counter>,
): Standing | null {
  let found: Standing | null = null;
  for (const { id, unit, amount, windowMs } of limits) {
    const counter = isKind(unit) ? counters.get(`${id} ${windowMs}`) : undefined;
    if (!counter) continue;
    const remaining = Math.max(0, amount - sum(counter, nowMs));
    if (found && found.remaining <= remaining) continue;
    const resetMs = waitFor(counter, nowMs, { asked: 0, amount: 0 });
    found = { limit: amount, remaining, resetMs };
  }
  return found;
}

function exceeded({ amount, of, unit, windowMs }: AppliedLimit, waitMs: number): GatewayError {
  const per =
    windowMs === null ? "" : ` per ${windowNames.get(windowMs) ?? `${windowMs / 1000} s`}`;
  return new GatewayError(
    "rate_limited",
    `The limit of ${amount} ${units[unit]}${per} of ${of} is reached. Try again in ${Math.ceil(waitMs / 1000)} s.`,
    { retryAfterMs: waitMs },
  );
}

const windowNames: ReadonlyMap<number, string> = new Map([
  [60_000, "minute"],
  [3_600_000, "hour"],
  [86_400_000, "day"],
]);
