// `highest-throughput`: the most output tokens per second of late go first.
import type { Policy } from "../policy.ts";
import { rank } from "../ranking.ts";

export const highestThroughput: Policy = {
  id: "highest-throughput",
  order: (contenders, context) =>
    rank(contenders, context, {
      // Seconds per token, since less is better.
      measure: (_contender, { tokensPerSecond }) =>
        tokensPerSecond === null || tokensPerSecond <= 0 ? null : 1 / tokensPerSecond,
      describe: (seconds) => `${(1 / seconds).toFixed(1)} tokens per second`,
      score: (seconds) => 1 / seconds,
    }),
};
