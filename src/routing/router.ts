// From the model name a client sends to the deployments that can answer, in the order to try them.
import {
  type Config,
  type Deployment,
  type Fallbacks,
  type HealthCheck,
  isGroup,
  type NamedSecret,
  type Parameters,
  type ResolvedProvider,
  type Retry,
  type Route,
  type Shadow,
  type RouteHedge,
  type Timeouts,
  type Unsupported,
} from "../config/config.ts";
import { type FailureKind, GatewayError } from "../ir/error.ts";
import { nearest } from "../lib/suggest.ts";
import { type NameKind, type Observer, tellExcluded } from "./fact.ts";
import { policies, type PolicyName } from "./policies/index.ts";
import type {
  AutoDecision,
  Contender,
  PolicyContext,
  RequestFacts,
  PolicySettings,
} from "./policy.ts";
import { pricePerMillion } from "../catalog/prices.ts";
import type { ArmStanding } from "./experiment.ts";
import type { Gate } from "./limits.ts";
import { type Aim, aimOf, type Aliases } from "./aliases.ts";
import type { MayUse } from "./allowed.ts";
import { type Standing, withYields } from "./fallbacks.ts";
import { type ListedModel, listModels, type Reader } from "./listing.ts";
import { type ModelsOf, ownerOf } from "./owners.ts";
import { type Choice, isWithin, withTags } from "./selection.ts";
import { createWildcards } from "./wildcards.ts";

export type { ListedModel } from "./listing.ts";

/** One place a request can go: a provider's model with one set of credentials. */
export interface Candidate extends Standing {
  provider: ResolvedProvider;
  /** The provider's own name of the model. */
  model: string;
  /** Null where the provider needs no key. */
  key: NamedSecret | null;
  timeouts: Timeouts;
  /** The caller's own limits, where they are shorter. */
  patience?: Patience;
  parameters: Parameters;
  retry: Partial<Retry>;
  /** Another one goes on where its answer breaks off. */
  continues?: boolean;
  /** How a slow one is raced, and the route whose races these are. */
  hedge?: RouteHedge & { route: string };
  /** The groups of its route that it stands in, outermost first. */
  within?: readonly string[];
  /** Priority tier; fallbacks stand behind all of a route's own. */
  order: number;
  /** Where `auto` ordered it. */
  auto?: AutoStanding;
  /** The arm of an experiment that it is, or is part of. */
  standsFor?: ArmStanding;
  /** Where copies of its route's requests go. */
  mirrored?: { route: string; shadows: readonly Shadow[] };
  /** Limits on how many requests it has at once. */
  gates: readonly Gate[];
}

/** A deployment among the quality tiers of its route. */
export interface AutoStanding {
  /** Its tier. */
  quality: number;
  /** What the session is to remember: the tier that was chosen, unless a pin chose it. */
  keep: number | null;
  /** A pin named the first of them. */
  isPinned: boolean;
}

/** What passes counts against nobody. */
export type Patience = Partial<Record<"firstTokenMs" | "idleMs", number>>;

/** Under which statistics are kept: all keys of a provider reach the same model. @example "openai/gpt-4o" */
export const modelId = ({ provider, model }: { provider: { name: string }; model: string }) =>
  `${provider.name}/${model}`;

/** Under which health is kept. @example "openai/gpt-4o#default" */
export const deploymentId = ({
  provider,
  model,
  key,
}: Pick<Candidate, "provider" | "model" | "key">) =>
  `${modelId({ provider, model })}${key ? `#${key.name}` : ""}`;

/** What policies may look at besides whose turn it is. */
export type RoutingContext = Pick<
  PolicyContext,
  "random" | "nowMs" | "stats" | "complexity" | "lastQuality" | "pinned"
> & {
  /** Facts of the request; its session only where that is asked for, since finding it may need the whole body. */
  facts?: (withSession: boolean) => RequestFacts;
  /** The request's own wish; absent: each route's policy. */
  policy?: PolicyName;
  /** What the request says of where it may go. */
  choice?: Choice;
  /** The caller's own names for models. */
  aliases?: Aliases | undefined;
  /** Absent: every model. */
  mayUse?: MayUse | undefined;
  /** The name has been through {@link Router.aim}. */
  isAimed?: boolean;
  /** Whose turn it is falls by lot: the request does not count. */
  byLot?: boolean;
  /** Models and routes without fallbacks have the default ones. */
  defaults?: boolean;
  note?: Observer;
};

/** A place that requests can be expected to go. */
export interface StandingDeployment {
  candidate: Candidate;
  /** How it is checked, where it or its provider says so. */
  check: Partial<HealthCheck>;
}

export interface Router {
  /**
   * The whole order for a model name: a route, `provider/model`, or a bare name (dated or not) that exactly one provider has.
   * @throws GatewayError `model_not_found` with the nearest names, `forbidden` where the caller may use none of them,
   * `invalid_request` where nobody is left whom the request's choice allows
   */
  candidates(name: string, context?: RoutingContext): Promise<Candidate[]>;
  /**
   * The credentials with which one provider's own API may be called; an empty model is none at all.
   * @throws GatewayError `not_found` for a provider that is not configured, `model_not_found` for a model it is not to serve, `forbidden`
   */
  through(provider: string, model: string, mayUse?: MayUse): Candidate[];
  /** What a client's name stands for, by the aliases and its ending. */
  aim(name: string, aliases?: Aliases): Promise<Aim>;
  /** Whether somebody is known to have exactly this name, so that its ending is part of it. */
  isWritten(name: string): Promise<boolean>;
  /** A router that decides as this one does now, but takes nobody's turn and asks no provider for its models. */
  rehearsal(): Router;
  /** What routes name, wildcards left out, and the models that providers are checked with, each with every key; nobody's turn passes. */
  deployments(): StandingDeployment[];
  /** Every name worth showing: routes first, then `provider/model` where the provider's models are known. */
  list(reader?: Reader): Promise<ListedModel[]>;
}

/** Model names a provider is known to have (catalogue, discovery); empty when nobody knows. */
export type KnownModels = (
  provider: ResolvedProvider,
  /** Nobody is known to have the model: who might is asked, for a moment. `never`: not even in the background. */
  ask?: boolean | "never",
) => Promise<readonly string[]>;

/** How a name was come to. */
interface Way {
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

export function createRouter(
  config: Config,
  knownModels: KnownModels,
  /** How many turns each route and each provider's keys have had. */
  turns = new Map<string, number>(),
): Router {
  const providers = new Map(config.providers.map((provider) => [provider.name, provider]));
  const wildcards = createWildcards(config.routes.values());

  const nextTurn = (name: string): number => {
    const turn = turns.get(name) ?? 0;
    turns.set(name, turn + 1);
    return turn;
  };

  const modelsOf: ModelsOf = async (provider, ask = false) =>
    provider.models ? [...provider.models.keys()] : knownModels(provider, ask);

  /** Its keys in turn. */
  const expand = (
    provider: ResolvedProvider,
    model: string,
    way: Pick<Way, "via" | "fallbackFor" | "routes">,
    deployment?: Deployment,
  ): Candidate[] => {
    const all = withEachKey(provider, model, way, deployment);
    const start = all.length > 1 ? nextTurn(`key of ${provider.name}`) % all.length : 0;
    return [...all.slice(start), ...all.slice(0, start)];
  };

  const withEachKey = (
    provider: ResolvedProvider,
    model: string,
    way: Pick<Way, "via" | "fallbackFor" | "routes">,
    deployment?: Deployment,
  ): Candidate[] => {
    const { via, fallbackFor, routes } = way;
    const hedged = routes.findLast(({ hedge }) => hedge);
    const mirrored = routes.find(({ shadows }) => shadows);
    const keys: (NamedSecret | null)[] = provider.keys.filter(
      (key) => deployment?.key === undefined || key.name === deployment.key,
    );
    if (keys.length === 0) keys.push(null);
    const gates = gatesOf(provider, deployment);
    return keys.map((key) => ({
      provider,
      model: provider.models?.get(model) ?? model,
      key,
      timeouts: {
        ...config.timeouts,
        ...provider.timeouts,
        ...Object.assign({}, ...routes.map(({ timeouts }) => timeouts)),
        ...deployment?.timeouts,
      },
      retry: Object.assign({}, ...routes.map(({ retry }) => retry)),
      ...(routes.some((each) => each.onMidstreamFailure) && { continues: true }),
      ...(hedged?.hedge && { hedge: { ...hedged.hedge, route: hedged.name } }),
      ...(mirrored?.shadows && {
        mirrored: { route: mirrored.name, shadows: mirrored.shadows },
      }),
      via,
      ...(fallbackFor && { fallbackFor }),
      ...(routes.length > 1 && { within: routes.slice(1).map(({ name }) => name) }),
      order: deployment?.order ?? 0,
      gates,
      parameters: mergeParameters(
        {
          unsupported:
            routes.findLast(({ unsupported }) => unsupported)?.unsupported ?? config.unsupported,
        },
        provider.parameters,
        deployment?.parameters,
      ),
    }));
  };

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
        if (!mayUse(name, full)) return forbid(name, way);
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
          const found = await behindOf(inner.name, fallbacks, { way: part, context });
          return found.map((each) => armed(entry, each));
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

  const isWritten = async (name: string): Promise<boolean> => {
    if (config.routes.has(name)) return true;
    const has = async (provider: ResolvedProvider | undefined, model: string): Promise<boolean> =>
      provider !== undefined &&
      (provider.preset.routesItself === true || (await modelsOf(provider)).includes(model));
    const slash = name.indexOf("/");
    const asked = await Promise.all([
      ...(wildcards(name)?.route.deployments ?? []).map((each) =>
        isGroup(each) ? false : has(providers.get(each.provider), each.model),
      ),
      has(providers.get(name.slice(0, Math.max(0, slash))), name.slice(slash + 1)),
      ...[...providers.values()].map(async (each) => (await modelsOf(each)).includes(name)),
    ]);
    return asked.includes(true);
  };

  const deployments = (): StandingDeployment[] => {
    const found = new Map<string, StandingDeployment>();
    const add = (provider: ResolvedProvider, model: string, route?: Route, own?: Deployment) => {
      const way = { via: [], routes: route ? [route] : [] };
      for (const candidate of withEachKey(provider, model, way, own)) {
        const id = deploymentId(candidate);
        if (found.has(id)) continue;
        found.set(id, { candidate, check: { ...provider.healthCheck, ...own?.healthCheck } });
      }
    };
    for (const route of config.routes.values()) {
      for (const each of route.deployments) {
        const provider = isGroup(each) ? undefined : providers.get(each.provider);
        if (isGroup(each) || !provider || each.model.includes("*")) continue;
        if (provider.models?.has(each.model) ?? true) add(provider, each.model, route, each);
      }
    }
    for (const provider of providers.values()) {
      const { model } = provider.healthCheck ?? {};
      const isNamed = [...found.values()].some(({ candidate }) => candidate.provider === provider);
      if (model !== undefined && !isNamed) add(provider, model);
    }
    return [...found.values()];
  };

  const list = (reader: Reader = {}): Promise<ListedModel[]> =>
    listModels(config, modelsOf, reader);

  const aim = (name: string, aliases?: Aliases): Promise<Aim> =>
    aimOf(name, [aliases, config.aliases], isWritten);

  const notFound = async (name: string, context: Reader): Promise<GatewayError> => {
    // Whoever may not use everything learns nothing of what there is besides.
    if (context.mayUse?.(name) === false) return notAllowed(name);
    const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
    const known = (await list(context)).map((model) => model.id);
    const bareNames = known.map((id) => id.slice(id.indexOf("/") + 1));
    const near = nearest(shown, [...new Set([...known, ...bareNames])]);
    const here =
      providers.size > 0
        ? ` Providers here: ${[...providers.keys()].join(", ")}; write \`provider/model\`.`
        : " No provider is configured; add one under `providers`.";
    const hint =
      near.length > 0 ? ` Did you mean ${near.map((other) => `\`${other}\``).join(", ")}?` : here;
    return new GatewayError(
      "model_not_found",
      `The model \`${shown}\` is not served here.${hint}`,
      {
        param: "model",
      },
    );
  };

  return {
    deployments,
    async candidates(written, context = {}) {
      const aimed = context.isAimed ? undefined : await aim(written, context.aliases);
      // An ending is a wish of the request, and those are read elsewhere.
      const name = aimed && aimed.ending === undefined ? aimed.name : written;
      const policy = context.policy ?? (name === written ? undefined : aimed?.policy);
      const { byLot = false } = context;
      const way: Way = { seen: new Set(), via: [], routes: [], byLot, left: {} };
      const found = await collect(name, way, { ...context, ...(policy && { policy }) });
      if (!found) throw await notFound(name, context);
      if (found.every(({ fallbackFor }) => fallbackFor)) throw nobodyLeft(name, way, context);
      return withYields(
        found.filter((each, at) => found.findIndex((other) => isSame(each, other)) === at),
      );
    },
    through(name, model, mayUse) {
      const full = `${name}/${model === "" ? "*" : model}`;
      if (mayUse?.(full) === false) throw notAllowed(full);
      const provider = providers.get(name);
      if (provider && (model === "" || (provider.models?.has(model) ?? true))) {
        return expand(provider, model, { via: [full], routes: [] });
      }
      if (provider) {
        throw new GatewayError(
          "model_not_found",
          `The model \`${model.slice(0, 100)}\` is not served by \`${name}\` here.`,
          { param: "model" },
        );
      }
      throw new GatewayError(
        "not_found",
        `\`${name.slice(0, 100)}\` is not a provider here. Providers: ${[...providers.keys()].join(", ") || "none"}.`,
      );
    },
    isWritten,
    aim,
    rehearsal: () =>
      createRouter(config, (provider) => knownModels(provider, "never"), new Map(turns)),
    list,
  };
}

const isKind = (kind: string): kind is FailureKind =>
  kind === "context_window" || kind === "content_policy";

/** Marks it as visited. A list for one kind of failure may name again what stands elsewhere. */
function isVisited(name: string, { seen, fallbackFor, listOf }: Way): boolean {
  const mark = JSON.stringify([fallbackFor, listOf, name]);
  return seen.has(mark) || !seen.add(mark);
}

const nameOf = (entry: Route["deployments"][number]): string =>
  isGroup(entry) ? `route ${entry.route}` : `${entry.provider}/${entry.model}`;

/** As pins name it. */
const writtenAs = (entry: Route["deployments"][number]): string =>
  isGroup(entry) ? entry.route : nameOf(entry);

const notAllowed = (name: string): GatewayError =>
  new GatewayError(
    "forbidden",
    `This key may not use \`${name.slice(0, 100)}\`. GET /v1/models lists what it may use.`,
    { param: "model" },
  );

function nobodyLeft(name: string, { left }: Way, { choice = {} }: RoutingContext): GatewayError {
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

/** Arms are told apart by their names: two may be of one model. */
const asArm = <C extends Contender & { arm?: string }>(contender: C): C =>
  contender.arm === undefined ? contender : { ...contender, id: contender.arm };

/** Marks candidates with the arm of the route's experiment that they stand for, and keeps each arm in a tier of its own. */
function armsOf(
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

const judge =
  (route: string, note: Observer): NonNullable<PolicyContext["note"]> =>
  ({ id = "" }, judgement) =>
    note({ type: "judged", route, deployment: id, judgement });

/** Policies that do not look at the request. */
const blindPolicies: ReadonlySet<PolicyName> = new Set(["first", "weighted", "round-robin"]);

/** A deployment's limit holds for all routes that name it so, and for all keys that it may use. */
function gatesOf({ name, maxConcurrent }: ResolvedProvider, deployment?: Deployment): Gate[] {
  const { model, key, maxConcurrent: own } = deployment ?? {};
  return [
    ...(maxConcurrent === undefined ? [] : [{ name: `provider ${name}`, limit: maxConcurrent }]),
    ...(own === undefined
      ? []
      : [{ name: `deployment ${name}/${model}${key ? `#${key}` : ""}`, limit: own }]),
  ];
}

const settingsOf = (route: Route): PolicySettings => {
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

const standingOf = (
  { quality = 0 }: Pick<Deployment, "quality">,
  { by, last, pin, quality: chosen }: AutoDecision,
  { pins }: Route,
): AutoStanding => ({
  quality,
  keep: by === "pin" ? last : chosen,
  isPinned: pin !== undefined && pins?.[pin - 1]?.model !== undefined,
});

/** The highest rank that can be written. */
const maxOrder = 1000;

/** More than any policy's cycle. */
const lots = 1_000_000_007;

/** Behind every rank that can be written. */
export const fallbackOrder = 1_000_000;

/** What a model costs by the prices that its answers are accounted with; null when nobody knows. */
export const priceAt = (
  { provider, model }: Pick<Candidate, "provider" | "model">,
  { prices }: Pick<Config, "prices">,
) => pricePerMillion(provider.preset.id, model, [...provider.prices, ...prices]);

/**
 * An entry of a route with what policies ask of it. Prices are looked up only where they decide.
 * @param by the deployment that it is judged by
 */
async function contenderOf(
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

/** What comes later wins; lists add up. */
const mergeParameters = (
  base: { unsupported: Unsupported },
  ...layers: (Partial<Parameters> | undefined)[]
): Parameters => ({
  unsupported: layers.findLast((layer) => layer?.unsupported)?.unsupported ?? base.unsupported,
  allow: layers.flatMap((layer) => layer?.allow ?? []),
  drop: layers.flatMap((layer) => layer?.drop ?? []),
  extraBody: Object.assign({}, ...layers.map((layer) => layer?.extraBody)),
  extraHeaders: Object.assign({}, ...layers.map((layer) => layer?.extraHeaders)),
});

/** A fallback may lead to what was tried already; what waits for a failure of its kind stands for itself. */
const isSame = (one: Candidate, other: Candidate): boolean =>
  one.provider === other.provider &&
  one.model === other.model &&
  one.key === other.key &&
  (!one.standsFor || !other.standsFor || one.standsFor.arm === other.standsFor.arm) &&
  one.fallbackFor === other.fallbackFor &&
  (one.fallbackFor === undefined || one.via.join("\n") === other.via.join("\n"));
