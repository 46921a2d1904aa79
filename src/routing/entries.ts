// The entries of a route as its policy sees them: deployments, groups, arms of an experiment.
import {
  type Config,
  type Deployment,
  isGroup,
  type ResolvedProvider,
  type Route,
} from "../config/config.ts";
import { pricePerMillion } from "../catalog/prices.ts";
import { type AutoStanding, type Candidate, modelId } from "./candidate.ts";
import type { Observer } from "./fact.ts";
import type { PolicyName } from "./policies/index.ts";
import type { AutoDecision, Contender, PolicyContext, PolicySettings } from "./policy.ts";

/** In messages. @example "openai/gpt-4o", "route cheap" */
export const nameOf = (entry: Route["deployments"][number]): string =>
  isGroup(entry) ? `route ${entry.route}` : `${entry.provider}/${entry.model}`;

/** As pins name it. */
const writtenAs = (entry: Route["deployments"][number]): string =>
  isGroup(entry) ? entry.route : nameOf(entry);

/** The highest rank that can be written. */
export const maxOrder = 1000;

/** Arms are told apart by their names: two may be of one model. */
export const asArm = <C extends Contender & { arm?: string }>(contender: C): C =>
  contender.arm === undefined ? contender : { ...contender, id: contender.arm };

/** Marks candidates with the arm of the route's experiment that they stand for, and keeps each arm in a tier of its own. */
export function armsOf(
  { experiment, deployments }: Route,
  ordered: readonly { arm?: string }[],
): (entry: { arm?: string }, candidate: Candidate) => Candidate {
  const drawn = ordered[0]?.arm;
  if (!experiment || drawn === undefined) return (_entry, candidate) => candidate;
  const all = deployments.flatMap(({ arm, weight }) => (arm && weight > 0 ? [arm] : []));
  return ({ arm }, candidate) => {
    if (arm === undefined) return candidate;
    const place = ordered.findIndex((each) => each.arm === arm);
    return {
      ...candidate,
      order: candidate.order + place * (maxOrder + 1),
      standsFor: { experiment: experiment.name, arm, drawn, all },
    };
  };
}

/** Tells how a policy judged each. */
export const judge =
  (route: string, note: Observer): NonNullable<PolicyContext["note"]> =>
  ({ id = "" }, judgement) =>
    note({ type: "judged", route, deployment: id, judgement });

/** Policies that do not look at the request. */
export const blindPolicies: ReadonlySet<PolicyName> = new Set(["first", "weighted", "round-robin"]);

export const settingsOf = (route: Route): PolicySettings => {
  const { experiment, hysteresis, name, pins, slider, sticky, thresholds } = route;
  return {
    ...(sticky && { stickyBy: sticky, salt: experiment?.name ?? name }),
    auto: {
      ...(slider !== undefined && { slider }),
      ...(thresholds && { thresholds }),
      ...(hysteresis !== undefined && { hysteresis }),
      ...(pins && { pins }),
    },
  };
};

export const standingOf = (
  { quality = 0 }: Pick<Deployment, "quality">,
  { by, last, pin, quality: chosen }: AutoDecision,
  { pins }: Route,
): AutoStanding => ({
  quality,
  keep: by === "pin" ? last : chosen,
  isPinned: pin !== undefined && pins?.[pin - 1]?.model !== undefined,
});

/** What a model costs by the prices that its answers are accounted with; null when nobody knows. */
export const priceAt = (
  { provider, model }: Pick<Candidate, "provider" | "model">,
  { prices }: Pick<Config, "prices">,
) => pricePerMillion(provider.preset.id, model, [...provider.prices, ...prices]);

/**
 * An entry of a route with what policies ask of it. Prices are looked up only where they decide.
 * @param by the deployment that it is judged by
 */
export async function contenderOf(
  entry: Route["deployments"][number],
  by: Deployment | Candidate | undefined,
  known: {
    policy: PolicyName;
    config: Config;
    providers: ReadonlyMap<string, ResolvedProvider>;
  },
): Promise<Route["deployments"][number] & Contender> {
  if (!by) return { ...entry, id: nameOf(entry), name: writtenAs(entry) };
  const { policy, config, providers } = known;
  // `auto` takes the cheapest of a tier.
  const byPrice = policy === "lowest-cost" || policy === "balanced" || policy === "auto";
  const isFound = typeof by.provider !== "string";
  const name = typeof by.provider === "string" ? by.provider : by.provider.name;
  const provider = typeof by.provider === "string" ? providers.get(by.provider) : by.provider;
  const model = isFound ? by.model : (provider?.models?.get(by.model) ?? by.model);
  const price = byPrice && provider ? await priceAt({ provider, model }, config) : undefined;
  return {
    ...entry,
    id: modelId({ provider: { name }, model }),
    name: writtenAs(entry),
    ...(price !== undefined && { price }),
  };
}
