// From a name to candidates: what routes, their groups and their fallbacks lead to, without those that the request may not have.
import {
  type Config,
  type Deployment,
  type Fallbacks,
  isGroup,
  type ResolvedProvider,
  type Route,
} from "../config/config.ts";
import { type FailureKind, GatewayError } from "../ir/error.ts";
import { type Candidate, fallbackOrder, modelId } from "./candidate.ts";
import {
  armsOf,
  asArm,
  blindPolicies,
  contenderOf,
  judge,
  maxOrder,
  nameOf,
  settingsOf,
  standingOf,
} from "./entries.ts";
import type { Expand } from "./expand.ts";
import { type NameKind, tellExcluded } from "./fact.ts";
import { type ModelsOf, ownerOf } from "./owners.ts";
import { policies } from "./policies/index.ts";
import type { AutoDecision } from "./policy.ts";
import type { RoutingContext } from "./router.ts";
import { isWithin, withTags } from "./selection.ts";
import type { WildcardMatch } from "./wildcards.ts";

/** How a name was come to. */
export interface Way {
  /** What was visited already, by the list it was reached through. */
  seen: Set<string>;
  /** The names before this one; empty for the one that was asked for. */
  via: readonly string[];
  /** Of the list for a kind of failure that it stands in. */
  fallbackFor?: FailureKind;
  /** The route whose list that is. */
  listOf?: string;
  /** Those whose groups it stands in, outermost first. */
  routes: readonly Route[];
  /** It is not the first to be asked, or is only looked at: whose turn it is falls by lot, so that turns stay exact. */
  byLot?: boolean;
  /** Why somebody was left out. */
  left: { forbidden?: string; tags?: boolean; region?: boolean };
}

/** Undefined: nobody is known to have the name. */
export type Follow = (
  name: string,
  way: Way,
  context: RoutingContext,
) => Promise<Candidate[] | undefined>;

export function createFollow(gateway: {
  config: Config;
  providers: ReadonlyMap<string, ResolvedProvider>;
  wildcards: (name: string) => WildcardMatch | undefined;
  modelsOf: ModelsOf;
  nextTurn: (name: string) => number;
  /** With its keys in turn. */
  expand: Expand;
}): Follow {
  const { config, providers, wildcards, modelsOf, nextTurn, expand } = gateway;

  /** `openrouter/anthropic/claude` names the provider `openrouter`. */
  const direct = (name: string): { provider: ResolvedProvider; model: string } | undefined => {
    const slash = name.indexOf("/");
    const provider = slash > 0 ? providers.get(name.slice(0, slash)) : undefined;
    const model = name.slice(slash + 1);
    return provider && model !== "" && (provider.models?.has(model) ?? true)
      ? { provider, model }
      : undefined;
  };

  const collect = async (
    name: string,
    way: Way,
    context: RoutingContext,
  ): Promise<Candidate[] | undefined> => {
    const { note, mayUse = () => true } = context;
    if (isVisited(name, way)) return [];
    const wildcard = config.routes.has(name) ? undefined : wildcards(name);
    // Whoever is known to have the model goes before a route that takes everything.
    const own = wildcard && !wildcard.isCatchAll ? wildcard.route : config.routes.get(name);
    const resolved = (as: NameKind, to: string): void => note?.({ type: "resolved", name, as, to });
    const defaults = context.defaults && way.via.length === 0 ? config.defaultFallbacks : {};
    if (!own) {
      const written = direct(name);
      const settled = wildcard !== undefined;
      const owner = written
        ? undefined
        : await ownerOf(
            name,
            [...providers.values()].filter((each) => mayUse(name, `${each.name}/${name}`)),
            { modelsOf, settled },
          );
      const found = written ?? (owner && { provider: owner, model: name });
      if (found) {
        const full = modelId(found);
        resolved(written ? "provider/model" : "bare model name", full);
        if (!mayUse(name, full)) {
          note?.({ type: "excluded", deployment: full, why: "the key may not use it" });
          return forbid(name, way);
        }
        const there = { ...way, via: [...way.via, name], routes: [] };
        const candidates = withinRegion(found.provider, undefined, { way, context })
          ? expand(found.provider, found.model, there)
          : [];
        return [...candidates, ...(await behindOf(name, defaults, { way: there, context }))];
      }
      if (!wildcard) return undefined;
    }
    const route = own ?? wildcard?.route;
    if (!route) return undefined;
    resolved(wildcard ? "wildcard route" : "route", route.name);
    const there = { ...way, via: [...way.via, name], routes: [route] };
    const found = await ofRoute(route, there, context);
    const lists = { ...defaults, ...route.fallbacks };
    for (const [kind, names] of note ? Object.entries(lists) : []) {
      if (names.length === 0) continue;
      const which = kind === "general" ? "fallbacks" : `fallbacks for ${kind}`;
      note?.({ type: "noted", why: `${which} of \`${route.name}\`: ${names.join(", ")}` });
    }
    return [...found, ...(await behindOf(route.name, lists, { way: there, context }))];
  };

  const forbid = (name: string, { left }: Way): Candidate[] => {
    left.forbidden ??= name;
    return [];
  };

  const withinRegion = (
    { settings }: ResolvedProvider,
    deployment: Deployment | undefined,
    { way, context }: { way: Way; context: RoutingContext },
  ): boolean => {
    const place = deployment?.region ?? settings["region"] ?? settings["location"];
    const isIn = isWithin(place, context.choice?.region);
    if (!isIn) way.left.region = true;
    return isIn;
  };

  /** The fallbacks of one route: the general ones, then those for one kind of failure alone. */
  const behindOf = async (
    listOf: string,
    { general = [], ...special }: Fallbacks,
    { way, context }: { way: Way; context: RoutingContext },
  ): Promise<Candidate[]> => {
    const found: Candidate[] = [];
    for (const name of general) found.push(...((await collect(name, way, context)) ?? []));
    for (const [kind, names] of Object.entries(special)) {
      const fallbackFor = isKind(kind) ? kind : undefined;
      if (!fallbackFor) continue;
      for (const name of names) {
        const list = { ...way, fallbackFor, listOf, byLot: false };
        found.push(...((await collect(name, list, context)) ?? []));
      }
    }
    return found.map((each) => ({ ...each, order: each.order + fallbackOrder }));
  };

  /** The deployments of a route in the order of its policy; a group's in the order of its own, in the group's place. */
  const ofRoute = async (route: Route, way: Way, context: RoutingContext): Promise<Candidate[]> => {
    const { facts, note, policy: wished, choice, mayUse = () => true, ...rest } = context;
    // Arms are drawn, whatever a request wishes; within an arm its wish holds.
    const policy = route.experiment ? route.policy : (wished ?? route.policy);
    const isBlind = blindPolicies.has(policy) && !route.sticky;
    const turn = way.byLot
      ? Math.floor((context.random ?? Math.random)() * lots)
      : nextTurn(route.name);
    const request = facts && !isBlind ? facts(route.sticky === "session") : undefined;
    if (!way.byLot) {
      note?.({ type: "ordered", route: route.name, policy, turn, ...(request && { request }) });
    }
    const tagged = withTags(route.deployments, choice?.tags, config.tagMatch);
    if (tagged.length < route.deployments.length) way.left.tags = true;
    tellExcluded(note, [route.deployments, tagged], {
      idOf: nameOf,
      why: () => "its tags are for other requests",
    });
    const here = tagged.filter((each) => {
      const provider = isGroup(each) ? undefined : providers.get(each.provider);
      return isGroup(each) || !provider || withinRegion(provider, each, { way, context });
    });
    tellExcluded(note, [tagged, here], { idOf: nameOf, why: () => "it is in another region" });
    const [asked = route.name] = way.via.slice(-1);
    const names = [asked, ...way.routes.slice(1).map(({ name }) => name)];
    const open = here.filter((each) => isGroup(each) || mayUse(...names, nameOf(each)));
    if (open.length < here.length) forbid(asked, way);
    tellExcluded(note, [here, open], { idOf: nameOf, why: () => "the key may not use it" });
    const isMeasured = !blindPolicies.has(policy);
    const contenders = await Promise.all(
      open.map(async (each) => {
        const known = { policy, config, providers };
        if (!isGroup(each)) return contenderOf(each, each, known);
        const lead = isMeasured ? await leadOf(each.route, way, context) : undefined;
        return contenderOf(each, lead, known);
      }),
    );
    let decided: AutoDecision | undefined;
    const ordered = policies[policy].order(contenders.map(asArm), {
      ...rest,
      turn,
      ...(request && { request }),
      ...(note && !way.byLot && { note: judge(route.name, note) }),
      decided(decision) {
        decided = decision;
        note?.({ type: "decided", route: route.name, decision });
      },
      settings: settingsOf(route),
    });
    const found: Candidate[] = [];
    const inherited: (() => Promise<Candidate[]>)[] = [];
    const armed = armsOf(route, ordered);
    for (const entry of ordered) {
      const standing = decided && standingOf(entry, decided, route);
      const stood = (each: Candidate): Candidate =>
        armed(entry, standing ? { ...each, auto: standing } : each);
      if (isGroup(entry)) {
        const inner = config.routes.get(entry.route);
        if (!inner || isVisited(inner.name, way)) continue;
        const routes = [...way.routes, inner];
        const byLot = way.byLot === true || found.length > 0;
        const part = { ...way, routes, byLot };
        const own = await ofRoute(inner, part, context);
        found.push(
          ...own.map((each) =>
            stood({ ...each, order: entry.order + each.order / (maxOrder + 1) }),
          ),
        );
        const fallbacks = inner.fallbacks;
        // After every group, so that one that stands here is not taken for somebody's fallback.
        inherited.push(async () => {
          const behind = await behindOf(inner.name, fallbacks, { way: part, context });
          return behind.map((each) => armed(entry, each));
        });
        continue;
      }
      const provider = providers.get(entry.provider);
      if (provider && (provider.models?.has(entry.model) ?? true)) {
        found.push(...expand(provider, entry.model, way, entry).map(stood));
        continue;
      }
      note?.({
        type: "excluded",
        deployment: nameOf(entry),
        why: provider ? "not among the models of its provider" : "its provider is not enabled",
      });
    }
    for (const behind of inherited) found.push(...(await behind()));
    return found;
  };

  /** The deployment by which a group is judged: the one that it would send this request to. */
  const leadOf = async (
    name: string,
    way: Way,
    context: RoutingContext,
  ): Promise<Candidate | undefined> => {
    const inner = config.routes.get(name);
    const seen = new Set(way.seen);
    const part = { ...way, seen, routes: [], byLot: true, left: {} };
    if (!inner || isVisited(name, part)) return undefined;
    const { note: _, ...quiet } = context;
    const [first] = await ofRoute(inner, part, quiet);
    return first;
  };

  return collect;
}

/** More than any policy's cycle. */
const lots = 1_000_000_007;

const isKind = (kind: string): kind is FailureKind =>
  kind === "context_window" || kind === "content_policy";

/** Marks it as visited. A list for one kind of failure may name again what stands elsewhere. */
function isVisited(name: string, { seen, fallbackFor, listOf }: Way): boolean {
  const mark = fallbackFor ? JSON.stringify([fallbackFor, listOf, name]) : `=${name}`;
  return seen.has(mark) || !seen.add(mark);
}

export const notAllowed = (name: string): GatewayError =>
  new GatewayError(
    "forbidden",
    `This key may not use \`${name.slice(0, 100)}\`. GET /v1/models lists what it may use.`,
    { param: "model" },
  );

/** Why no candidate is left. */
export function nobodyLeft(
  name: string,
  { left }: Way,
  { choice = {} }: RoutingContext,
): GatewayError {
  if (left.forbidden !== undefined) return notAllowed(left.forbidden);
  const { region, tags = [] } = choice;
  if (left.region && region !== undefined) {
    return new GatewayError(
      "invalid_request",
      `\`${name}\` has no deployment that is known to be in the region \`${region}\`.`,
      { param: "x-megallm-region" },
    );
  }
  if (left.tags) {
    const said = tags.length > 0 ? `the tags ${tags.join(", ")}` : "a request without tags";
    return new GatewayError("invalid_request", `\`${name}\` has no deployment for ${said}.`, {
      param: "tags",
    });
  }
  return new GatewayError(
    "no_route",
    `The route \`${name}\` has no deployment on an enabled provider.`,
  );
}
