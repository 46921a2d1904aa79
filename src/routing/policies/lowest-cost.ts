// `lowest-cost`: the least expected cost of this request goes first; an unknown price goes last; equals take turns.
import { formatNanos } from "../../lib/money.ts";
import { requestOf, rotated } from "../contenders.ts";
import { expectedCost } from "../cost.ts";
import type { Contender, Policy } from "../policy.ts";

export const lowestCost: Policy = {
  id: "lowest-cost",
  order(contenders, context) {
    const costs = new Map<Contender, number>();
    const request = requestOf(context);
    for (const contender of contenders) {
      const cost = expectedCost(contender, request);
      costs.set(contender, cost === null ? Infinity : Number(cost));
      context.note?.(contender, {
        ...(cost !== null && { score: -Number(cost) / 1e9 }),
        parts: {
          ...(cost !== null && { usd: Number(cost) / 1e9 }),
          input_tokens: request.inputTokens,
          output_tokens: request.expectedOutputTokens,
        },
        why: cost === null ? "its price is not known" : `about ${formatNanos(cost)} USD`,
      });
    }
    return rotated(contenders, context.turn).toSorted((one, other) => {
      const [left = 0, right = 0] = [costs.get(one), costs.get(other)];
      return left === right ? 0 : left - right;
    });
  },
};
