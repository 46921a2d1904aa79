// How likely a deployment answers, by its latest attempts: a few failures of a few attempts prove little.
import type { DeploymentStats } from "./stats.ts";

/** As if so many attempts had succeeded before. */
const credit = 4;

/** Above 0, at most 1. */
export function reliability(stats: DeploymentStats): number {
  const { attempts, successRate } = stats;
  return (attempts * successRate + credit) / (attempts + credit);
}
