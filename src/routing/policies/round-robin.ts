// `round-robin`: each request starts one deployment further than the one before it.
import { rotated } from "../contenders.ts";
import type { Policy } from "../policy.ts";

export const roundRobin: Policy = {
  id: "round-robin",
  order(contenders, { turn, note }) {
    const order = rotated(contenders, turn);
    if (note) {
      for (const [place, contender] of order.entries()) {
        note(contender, { parts: { turn }, why: place === 0 ? "its turn" : `${place} after it` });
      }
    }
    return order;
  },
};
