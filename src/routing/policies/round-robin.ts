// `round-robin`: each request starts one deployment further than the one before it.
import type { Policy } from "../policy.ts";

export const roundRobin: Policy = {
  id: "round-robin",
  order(deployments, { turn }) {
    const start = turn % deployments.length;
    return [...deployments.slice(start), ...deployments.slice(0, start)];
  },
};
