// Priority tiers: whatever the policy, a contender of a lower `order` goes before all of a higher one.
import type { Policy } from "./policy.ts";

/** The policy, applied within each tier. */
export const inTiers = (policy: Policy): Policy => ({
  id: policy.id,
  order(contenders, context) {
    const tiers = Map.groupBy(contenders, ({ order }) => order);
    if (tiers.size < 2) return policy.order(contenders, context);
    return [...tiers]
      .toSorted(([one], [other]) => one - other)
      .flatMap(([, tier]) => policy.order(tier, context));
  },
});
