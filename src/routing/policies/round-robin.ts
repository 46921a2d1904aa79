// `round-robin`: each request starts one deployment further than the one before it.
import { rotated } from "../contenders.ts";
import type { Policy } from "../policy.ts";

export const roundRobin: Policy = {
  id: "round-robin",
  order: (contenders, { turn }) => rotated(contenders, turn),
};
