// `first`: priority tiers; the lowest `order` goes first, equals as written.
import type { Policy } from "../policy.ts";

export const first: Policy = {
  id: "first",
  order(contenders, { note }) {
    if (note) {
      for (const [place, contender] of contenders.entries()) {
        const { order } = contender;
        note(contender, { parts: { order }, why: `listed at place ${place + 1}, order ${order}` });
      }
    }
    return contenders.toSorted((left, right) => left.order - right.order);
  },
};
