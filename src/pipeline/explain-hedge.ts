// Whether and when a slow first attempt would be raced by a second one, as an explanation tells it.
import { type Candidate, fallbackOrder, modelId } from "../routing/candidate.ts";
import { hedgeAfter } from "../routing/hedge.ts";
import { maxAttempts } from "../routing/retry.ts";
import type { Look } from "./explain-candidate.ts";
import { idempotencyHeader } from "./idempotent-outcome.ts";
import type { Plan } from "./plan.ts";

/** Names are those of the admin API's JSON. */
export interface ExplainedHedge {
  route: string;
  /** When the second one begins, as the route says: after so many ms, or the first one's usual time. */
  after: "p95" | number;
  /** What losers may cost, as a share. */
  max_extra_spend: number;
  /** For this request, now; null: it would not be raced. */
  starts_after_ms: number | null;
  /** Why it would not be raced; else null. */
  why_not: string | null;
}

/** @param queue those that would be asked, in order */
export function hedgeOf(
  queue: readonly Candidate[],
  { candidates, inbound }: Plan,
  { generation, services }: Look["situation"],
): ExplainedHedge | null {
  const settings = candidates[0]?.hedge;
  const [first] = queue;
  if (!settings || !first) return null;
  const { after, maxExtraSpend, route } = settings;
  const p95Ms = services.traffic.stats.firstTokenP95(modelId(first));
  // Another model is asked after a failure, never for speed.
  const others = queue.slice(1).filter(({ order }) => order < fallbackOrder).length;
  const once = Boolean(inbound.headers.get(idempotencyHeader));
  const attempts = maxAttempts(inbound.headers, generation.config.retry.maxAttempts);
  const starts =
    attempts < 2 ? null : hedgeAfter({ p95Ms, others, stream: inbound.stream, once }, settings);
  const whyNot = !inbound.stream
    ? "only streams are raced"
    : once
      ? "it has an `Idempotency-Key`, so nothing is done twice"
      : attempts < 2
        ? "one attempt is all that is allowed"
        : others === 0
          ? "nobody else of the route could be asked"
          : "how long the first one usually takes is not known yet";
  return {
    route,
    after,
    max_extra_spend: maxExtraSpend,
    starts_after_ms: starts,
    why_not: starts === null ? whyNot : null,
  };
}
