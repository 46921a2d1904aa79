// What the answer cache would be to a request, without looking into it.
import type { CacheScope } from "../config/config.ts";
import { cachePlan, type CacheSituation } from "./caching.ts";
import type { Plan } from "./plan.ts";

/** Names are those of the admin API's JSON. */
export interface ExplainedCache {
  /** An answer that was given before would do. */
  looks: boolean;
  /** The answer would be kept, if it came to its end by itself. */
  keeps: boolean;
  /** Two requests with one key are the same request; null: it passes the cache by. */
  key: string | null;
  scope: CacheScope | null;
  /** An older answer would not do, ms. */
  max_age_ms: number | null;
  /** It would be kept for so long, ms. */
  ttl_ms: number | null;
  why_not: string | null;
}

/** @throws GatewayError `invalid_request` for wishes that cannot be read */
export function explainCache(
  planned: Pick<Plan, "inbound" | "candidates" | "wishes" | "experiment" | "guardrails">,
  situation: CacheSituation,
): ExplainedCache | null {
  const found = cachePlan(planned, situation);
  if (!found) return null;
  if (!found.uses) {
    const nothing = { key: null, scope: null, max_age_ms: null, ttl_ms: null };
    return { looks: false, keeps: false, ...nothing, why_not: found.why };
  }
  const { key, maxAgeMs, rule, ttlMs, wishes } = found;
  return {
    looks: wishes.looks,
    keeps: wishes.keeps,
    key,
    scope: rule.scope,
    max_age_ms: maxAgeMs,
    ttl_ms: ttlMs,
    why_not: null,
  };
}
