// Every policy, by the name users write.
import type { PolicyId } from "../../config/config.ts";
import type { Policy } from "../policy.ts";
import { first } from "./first.ts";
import { roundRobin } from "./round-robin.ts";
import { weighted } from "./weighted.ts";

export const policies: Readonly<Record<PolicyId, Policy>> = {
  first,
  weighted,
  "round-robin": roundRobin,
};
