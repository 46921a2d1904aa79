// Rate limits of callers: what a request wants of them, how they stand in words of an answer, and the refusal.
import { GatewayError } from "../ir/error.ts";
import type { LimitUnit } from "../store/directory-types.ts";
import type { LimitOutlook, LimitState, LimitWant } from "../store/limits.ts";

/** One limit of one subject. */
export interface AppliedLimit {
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
  /** Requests that it stands for; default 1. */
  readonly requests?: number;
  readonly inputTokens: number;
  /** What it is expected to say; put right when it has. */
  readonly outputTokens: number;
}

export interface Standing {
  readonly limit: number;
  readonly remaining: number;
  /** Until as much is free again as would be without any request, ms. */
  readonly resetMs: number;
}

/** The tightest of requests and of tokens, for `x-ratelimit-*`. Null: there is none. */
export interface Standings {
  readonly requests: Standing | null;
  readonly tokens: Standing | null;
}

const units = {
  requests: "requests",
  tokens: "tokens",
  input_tokens: "input tokens",
  output_tokens: "output tokens",
  parallel: "parallel requests",
} as const;

/** Where what refused has gone by the time that it is looked for, ms. */
const soonMs = 1_000;

/** What is asked of the store, in the order of the limits. */
export const wantsOf = (limits: readonly AppliedLimit[], want: Want): LimitWant[] =>
  limits.map(({ id, unit, windowMs, amount }) => ({
    limitId: id,
    unit,
    windowMs,
    amount,
    asked: amountOf(unit, want),
  }));

export const standingOf = ({ amount }: AppliedLimit, { used, resetMs }: LimitState): Standing => ({
  limit: amount,
  remaining: Math.max(0, amount - used),
  resetMs,
});

/** @param states in the order of the limits */
export function standingsOf(
  limits: readonly AppliedLimit[],
  states: readonly LimitState[],
): Standings {
  const tightest = (isKind: (unit: LimitUnit) => boolean): Standing | null => {
    let found: Standing | null = null;
    for (const [index, limit] of limits.entries()) {
      const state = states[index];
      if (!state || !isKind(limit.unit)) continue;
      const standing = standingOf(limit, state);
      if (!found || standing.remaining < found.remaining) found = standing;
    }
    return found;
  };
  return {
    requests: tightest((unit) => unit === "requests"),
    tokens: tightest((unit) => unit.endsWith("tokens")),
  };
}

/** The refusal of the limit that is waited for the longest; null where all have room. */
export function refusalOf(
  limits: readonly AppliedLimit[],
  outlooks: readonly LimitOutlook[],
): GatewayError | null {
  let longest: { limit: AppliedLimit; waitMs: number } | null = null;
  for (const limit of refusing(limits, outlooks)) {
    const waitMs = outlooks[limits.indexOf(limit)]?.waitMs ?? 0;
    if (!longest || waitMs > longest.waitMs) longest = { limit, waitMs };
  }
  return longest && exceeded(longest.limit, longest.waitMs);
}

/** Those that have no room. */
export const refusing = (
  limits: readonly AppliedLimit[],
  outlooks: readonly LimitOutlook[],
): AppliedLimit[] => limits.filter((_limit, index) => (outlooks[index]?.waitMs ?? null) !== null);

/** The refusal where the limits have room again by the time they are looked at. */
export function lateRefusal(limits: readonly AppliedLimit[]): GatewayError {
  const [limit] = limits.toSorted((one, other) => one.amount - other.amount);
  return limit
    ? exceeded(limit, soonMs)
    : new GatewayError("rate_limited", "A rate limit is reached. Try again in 1 s.", {
        retryAfterMs: soonMs,
      });
}

const amountOf = (unit: LimitUnit, { inputTokens, outputTokens, requests = 1 }: Want): number => {
  switch (unit) {
    case "requests":
      return requests;
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
