// Every policy, by the name users write.
import type { Policy } from "../policy.ts";
import { inTiers } from "../tiers.ts";
import { createAuto } from "./auto.ts";
import { availability } from "./availability.ts";
import { balanced } from "./balanced.ts";
import { first } from "./first.ts";
import { highestThroughput } from "./highest-throughput.ts";
import { leastBusy } from "./least-busy.ts";
import { lowestCost } from "./lowest-cost.ts";
import { lowestLatency } from "./lowest-latency.ts";
import { rateLimitAware } from "./rate-limit-aware.ts";
import { roundRobin } from "./round-robin.ts";
import { weighted } from "./weighted.ts";

export const policies = {
  first,
  weighted: inTiers(weighted),
  "round-robin": inTiers(roundRobin),
  "least-busy": inTiers(leastBusy),
  "lowest-cost": inTiers(lowestCost),
  "lowest-latency": inTiers(lowestLatency),
  "highest-throughput": inTiers(highestThroughput),
  "rate-limit-aware": inTiers(rateLimitAware),
  balanced: inTiers(balanced),
  availability: inTiers(availability),
  auto: createAuto(policyNamed),
} as const satisfies Readonly<Record<string, Policy>>;

export type PolicyName = keyof typeof policies;

export const isPolicyName = (name: string): name is PolicyName => Object.hasOwn(policies, name);

function policyNamed(name: string): Policy | undefined {
  const all: Readonly<Record<string, Policy>> = policies;
  return Object.hasOwn(all, name) ? all[name] : undefined;
}
