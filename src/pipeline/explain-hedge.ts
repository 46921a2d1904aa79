// Whether and when a slow first attempt would be raced by a second one, as an explanation tells it.
import { type Candidate, fallbackOrder } from "../routing/candidate.ts";
import { maxAttempts } from "../routing/retry.ts";
import type { Look } from "./explain-candidate.ts";
import { racingOf } from "./effects.ts";
import { hindranceOf, raceAfter } from "./hedging.ts";
import type { Plan } from "./plan.ts";

/** Names are those of the admin API's JSON. */
export interface ExplainedHedge {
  route: string;
  /** When the second one begins, as the route says of such requests: after so many ms, or the first one's usual time. */
  after: "p95" | "off" | number;
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
  const { maxExtraSpend, route } = settings;
  const { headers, stream } = inbound;
  // Another model is asked after a failure, never for speed.
  const others = queue.slice(1).filter(({ order }) => order < fallbackOrder).length;
  const attempts = maxAttempts(headers, generation.config.retry.maxAttempts);
  const hindrance = hindranceOf(settings, { stream, race: racingOf(inbound), headers });
  const { stats } = services.traffic;
  const starts =
    hindrance !== null || attempts < 2
      ? null
      : raceAfter(first, settings, { others, stats, stream });
  const whyNot =
    hindrance ??
    (attempts < 2
      ? "one attempt is all that is allowed"
      : others === 0
        ? "nobody else of the route could be asked"
        : "how long the first one usually takes is not known yet");
  return {
    route,
    after: (stream ? settings.after : settings.wholeAfter) ?? "off",
    max_extra_spend: maxExtraSpend,
    starts_after_ms: starts,
    why_not: starts === null ? whyNot : null,
  };
}
