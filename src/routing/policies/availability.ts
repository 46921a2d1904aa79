// `availability`: the highest share of successes goes first; within a percent of the best counts as equal.
import type { Policy } from "../policy.ts";
import { rank } from "../ranking.ts";
import { reliability } from "../reliability.ts";

export const availability: Policy = {
  id: "availability",
  order: (contenders, context) =>
    rank(contenders, context, {
      measure: (_contender, stats) => 1 / reliability(stats),
      describe: (inverse) => `${(100 / inverse).toFixed(1)} % of its answers succeed`,
      parts: (_contender, { attempts, successRate }) => ({ attempts, success_rate: successRate }),
      score: (inverse) => 1 / inverse,
      buffer: 0.01,
      settles: true,
    }),
};
