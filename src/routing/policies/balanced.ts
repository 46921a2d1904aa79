// `balanced`: one score of cost, latency, success and headroom, each against the best of its kind.
import { requestOf, statsOf } from "../contenders.ts";
import { expectedCost } from "../cost.ts";
import { headroomOf } from "../headroom.ts";
import type { BalanceWeights, Contender, Policy, PolicyContext } from "../policy.ts";
import { rank } from "../ranking.ts";
import { reliability } from "../reliability.ts";
import type { DeploymentStats } from "../stats.ts";

/** What counts how much unless the operator says otherwise. */
export const defaultBalance: BalanceWeights = { cost: 1, latency: 1, success: 2, headroom: 0.5 };

export const balanced: Policy = {
  id: "balanced",
  order(contenders, context) {
    const { partsOf, weights } = createScore(contenders, context);
    const sum = weights.cost + weights.latency + weights.success + weights.headroom || 1;
    return rank(contenders, context, {
      measure: (contender, stats) => {
        const parts = partsOf(contender, stats);
        const weighed =
          weights.cost * parts.cost +
          weights.latency * parts.latency +
          weights.success * parts.success +
          weights.headroom * parts.headroom;
        // Less is better in a ranking.
        return 1 / Math.max(tiny, weighed / sum);
      },
      parts: (contender, stats) => ({ ...partsOf(contender, stats) }),
      score: (inverse) => 1 / inverse,
      describe: (inverse) => `a score of ${(1 / inverse).toFixed(3)}`,
      buffer: 0.02,
    });
  },
};

const tiny = 1e-6;

/** What a score is made of, each 0 to 1, higher is better. What is not measured yet counts as the best, so that it is; an unknown price as the worst. */
function createScore(
  contenders: readonly Contender[],
  context: PolicyContext,
): {
  partsOf(contender: Contender, stats: DeploymentStats): BalanceWeights;
  weights: BalanceWeights;
} {
  const request = requestOf(context);
  const weights = { ...defaultBalance, ...context.settings?.balance };
  const costs = new Map<Contender, number>();
  for (const contender of contenders) {
    const cost = expectedCost(contender, request);
    costs.set(contender, cost === null ? Infinity : Number(cost));
  }
  const latencyOf = (stats: DeploymentStats): number | null =>
    request.stream ? stats.firstTokenMs : stats.totalMs;
  const cheapest = Math.min(...costs.values());
  const quickest = Math.min(
    ...contenders.map((each, place) => latencyOf(statsOf(each, place, context)) ?? Infinity),
  );
  return {
    weights,
    partsOf(contender, stats) {
      const { share, fits } = headroomOf(contender, stats, request, context.nowMs ?? 0);
      return {
        cost: against(cheapest, costs.get(contender) ?? Infinity),
        latency: against(quickest, latencyOf(stats) ?? quickest),
        success: reliability(stats),
        headroom: fits ? share : 0,
      };
    },
  };
}

/** 1 for the best, 0.5 for what is twice as much. When nobody's is known all are equal. */
const against = (best: number, value: number): number =>
  value === best ? 1 : value === Infinity || value <= 0 ? 0 : best / value;
