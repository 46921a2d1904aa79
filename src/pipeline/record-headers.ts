// What an answer's headers say of its request: `x-megallm-*`, `x-request-id`, `server-timing`, and LiteLLM's where they are wanted.
import { monotonic } from "../lib/clock.ts";
import { encodeHeaderValue } from "../lib/headers.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { Account } from "./account.ts";
import { litellmHeaders } from "./litellm-headers.ts";
import { type CacheTold, costOf, type RecordState, told, waited } from "./record-state.ts";
import { warningsText } from "./warnings-header.ts";

export interface HeaderSources {
  /** `x-ratelimit-*`. */
  limits?: Record<string, string>;
  /** Absent: LiteLLM's headers are not wanted. */
  litellm?: { keySpend(): Nanos | null };
  /** The provider's own. */
  theirs?: Headers;
}

/** @param account whose answer it is */
export function headersOf(
  state: RecordState,
  account: Account | undefined,
  { limits, litellm, theirs }: HeaderSources,
): Record<string, string> {
  const { accounts, cached, given, guardrails, replayOf, requestId } = state;
  const total = monotonic() - state.startedAt;
  const upstream = waited(state);
  const overhead = Math.max(0, total - upstream);
  const headers: Record<string, string> = {
    "x-request-id": requestId,
    "x-megallm-provider": account?.candidate.provider.name ?? "none",
    "x-megallm-model": account?.candidate.model
      ? encodeHeaderValue(account.candidate.model, 200)
      : "none",
    "x-megallm-attempts": String(accounts.length),
    "x-megallm-overhead-ms": overhead.toFixed(2),
    "server-timing": `gateway;dur=${overhead.toFixed(2)}, upstream;dur=${upstream.toFixed(2)}`,
  };
  const shown = told(state, account);
  if (shown.length > 0) headers["x-megallm-warnings"] = warningsText(shown);
  if (guardrails.length > 0) headers["x-megallm-guardrails"] = guardrails.join(", ");
  if (cached) Object.assign(headers, cacheHeaders(cached));
  if (replayOf !== null) {
    headers["idempotent-replayed"] = "true";
    headers["x-megallm-replay-of"] = replayOf;
  }
  if (given) headers["x-megallm-experiment"] = `${given.experiment}=${given.arm}`;
  Object.assign(headers, limits);
  headers["x-megallm-cost-usd"] = costText(state);
  if (litellm) {
    const facts = {
      requestId,
      group: state.inbound?.model ?? null,
      attempts: accounts.map(({ candidate }) => candidate),
      answering: account?.candidate,
      cost: state.isPriced ? costOf(state) : null,
      keySpend: litellm.keySpend(),
      durationMs: total,
      overheadMs: overhead,
      guardrails,
      theirs,
    };
    Object.assign(headers, litellmHeaders(facts));
    if (cached && "key" in cached) headers["x-litellm-cache-key"] = cached.key;
  }
  return headers;
}

function costText(state: RecordState): string {
  if (!state.isPriced && state.own === undefined) return "pending";
  const nanos = costOf(state);
  if (nanos !== null) return formatNanos(nanos);
  const isUsed = state.isAnswered || state.accounts.some(({ used }) => used);
  return isUsed ? "unknown" : formatNanos(0n);
}

function cacheHeaders(cached: CacheTold): Record<string, string> {
  if (cached.status !== "hit") return { "x-megallm-cache": cached.status };
  const { ageMs, model, provider } = cached;
  return {
    "x-megallm-cache": "hit",
    age: String(Math.floor(ageMs / 1000)),
    ...(provider !== null && { "x-megallm-provider": provider }),
    ...(model !== null && { "x-megallm-model": encodeHeaderValue(model, 200) }),
  };
}
