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
    const score = createScore(contenders, context);
    return rank(contenders, context, {
      // Less is better in a ranking.
      measure: (contender, stats) => 1 / Math.max(tiny, score(contender, stats)),
      describe: (inverse) => `a score of ${(1 / inverse).toFixed(3)}`,
      buffer: 0.02,
    });
  },
};

const tiny = 1e-6;

/** 0 to 1, higher is better. What is not measured yet counts as the best, so that it is; an unknown price as the worst. */
function createScore(
  contenders: readonly Contender[],
  context: PolicyContext,
): (contender: Contender, stats: DeploymentStats) => number {
  const request = requestOf(context);
  const weights = { ...defaultBalance, ...context.settings?.balance };
  const sum = weights.cost + weights.latency + weights.success + weights.headroom || 1;
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
  return (contender, stats) => {
    const { share, fits } = headroomOf(contender, stats, request, context.nowMs ?? 0);
    const parts: BalanceWeights = {
      cost: against(cheapest, costs.get(contender) ?? Infinity),
      latency: against(quickest, latencyOf(stats) ?? quickest),
      success: reliability(stats),
      headroom: fits ? share : 0,
    };
    const weighed =
      weights.cost * parts.cost +
      weights.latency * parts.latency +
      weights.success * parts.success +
      weights.headroom * parts.headroom;
    return weighed / sum;
  };
}

/** 1 for the best, 0.5 for what is twice as much. When nobody's is known all are equal. */
const against = (best: number, value: number): number =>
  value === best ? 1 : value === Infinity || value <= 0 ? 0 : best / value;
