// How much of its rate limits a deployment has left, by the provider's own figures and by the operator's.
import type { Contender, RequestFacts } from "./policy.ts";
import type { Allowance } from "./rate-headers.ts";
import type { DeploymentStats } from "./stats.ts";

export interface Headroom {
  /** What is left of the tightest limit, 0 to 1; 1 where no limit is known. */
  share: number;
  /** No known limit is too small for this request now. */
  fits: boolean;
}

export function headroomOf(
  { limits }: Contender,
  stats: DeploymentStats,
  request: RequestFacts,
  nowMs: number,
): Headroom {
  const headroom: Headroom = { share: 1, fits: true };
  const consider = (limit: number, remaining: number, needed: number): void => {
    headroom.share = Math.min(headroom.share, Math.max(0, remaining / limit));
    if (remaining < needed) headroom.fits = false;
  };
  const needed = request.inputTokens + request.expectedOutputTokens;
  if (stats.requests) consider(stats.requests.limit, refilled(stats.requests, nowMs), 1);
  if (stats.tokens) consider(stats.tokens.limit, refilled(stats.tokens, nowMs), needed);
  if (limits?.rpm) consider(limits.rpm, limits.rpm - stats.requestsLastMinute, 1);
  if (limits?.tpm) consider(limits.tpm, limits.tpm - stats.tokensLastMinute, needed);
  return headroom;
}

/** Limits fill up steadily until they are whole again; one that says nothing of that does in a minute, the usual window. */
function refilled({ limit, remaining, resetAtMs, seenAtMs }: Allowance, nowMs: number): number {
  const wholeAtMs = resetAtMs ?? seenAtMs + 60_000;
  if (nowMs >= wholeAtMs) return limit;
  const passed = Math.max(0, nowMs - seenAtMs) / (wholeAtMs - seenAtMs);
  return remaining + (limit - remaining) * passed;
}
