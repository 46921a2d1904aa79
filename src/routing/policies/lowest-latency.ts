// `lowest-latency`: the quickest of late goes first: to the first token of a stream, to the end of any other answer.
import { requestOf } from "../contenders.ts";
import type { Policy } from "../policy.ts";
import { rank } from "../ranking.ts";

export const lowestLatency: Policy = {
  id: "lowest-latency",
  order(contenders, context) {
    const { stream } = requestOf(context);
    return rank(contenders, context, {
      measure: (_contender, stats) => (stream ? stats.firstTokenMs : stats.totalMs),
      describe: (ms) => `${stream ? "first token" : "answer"} after ${Math.round(ms)} ms`,
    });
  },
};
