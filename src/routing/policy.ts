// A policy puts the deployments of a route in the order in which they are tried.
import type { Deployment } from "../config/config.ts";

/** What a policy may look at. */
export interface PolicyContext {
  /** How many requests this route has had before this one. */
  turn: number;
}

/** Returns every deployment exactly once, best first, so that retry and fallback are one loop. Pure. */
export interface Policy {
  readonly id: string;
  order(deployments: readonly Deployment[], context: PolicyContext): Deployment[];
}
