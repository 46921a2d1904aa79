// `first`: priority tiers; the lowest `order` goes first, equals as written.
import type { Policy } from "../policy.ts";

export const first: Policy = {
  id: "first",
  order: (contenders) => contenders.toSorted((left, right) => left.order - right.order),
};
