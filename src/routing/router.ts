// From the model name a client sends to the deployments that can answer, in the order to try them.
import {
  type Config,
  type Deployment,
  type HealthCheck,
  isGroup,
  type ResolvedProvider,
  type Route,
} from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { nearest } from "../lib/suggest.ts";
import { type Aim, aimOf, type Aliases } from "./aliases.ts";
import type { MayUse } from "./allowed.ts";
import { type Candidate, deploymentId, isSame } from "./candidate.ts";
import { createExpand, type Expand } from "./expand.ts";
import type { Observer } from "./fact.ts";
import { withYields } from "./fallbacks.ts";
import { createFollow, nobodyLeft, notAllowed, type Way } from "./follow.ts";
import { type ListedModel, listModels, type Reader } from "./listing.ts";
import type { ModelsOf } from "./owners.ts";
import { isPolicyName, type PolicyName } from "./policies/index.ts";
import type { PolicyContext, RequestFacts } from "./policy.ts";
import type { Choice } from "./selection.ts";
import { createWildcards } from "./wildcards.ts";

/** What policies may look at besides whose turn it is. */
export type RoutingContext = Pick<
  PolicyContext,
  "random" | "nowMs" | "stats" | "complexity" | "lastQuality" | "pinned"
> & {
  /** Facts of the request; its session only where that is asked for, since finding it may need the whole body. */
  facts?: (withSession: boolean) => RequestFacts;
  /** The request's own wish; absent: each route's policy. */
  policy?: PolicyName;
  /** Instead of each route's policy where the request wishes none; a name that is no policy's means nothing. */
  usualPolicy?: string;
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

  const eachKey = createExpand(config);
  /** Its keys in turn. */
  const expand: Expand = (provider, ...rest) => {
    const all = eachKey(provider, ...rest);
    const start = all.length > 1 ? nextTurn(`key of ${provider.name}`) % all.length : 0;
    return [...all.slice(start), ...all.slice(0, start)];
  };
  const follow = createFollow({ config, providers, wildcards, modelsOf, nextTurn, expand });

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
      for (const candidate of eachKey(provider, model, way, own)) {
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
      const policy =
        context.policy ??
        (name === written ? undefined : aimed?.policy) ??
        usualOf(context.usualPolicy, context.note);
      const { byLot = false } = context;
      const way: Way = { seen: new Set(), via: [], routes: [], byLot, left: {} };
      const found = await follow(name, way, { ...context, ...(policy && { policy }) });
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

function usualOf(name: string | undefined, note: Observer | undefined): PolicyName | undefined {
  if (name === undefined || isPolicyName(name)) return name;
  note?.({ type: "noted", why: `the key's own policy \`${name}\` is none that is known` });
  return undefined;
}
