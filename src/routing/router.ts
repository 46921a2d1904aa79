// From the model name a client sends to the deployments that can answer, in the order to try them.
import { undated } from "../catalog/facts.ts";
import type {
  Config,
  Deployment,
  NamedSecret,
  Parameters,
  ResolvedProvider,
  Retry,
  Route,
  Timeouts,
  Unsupported,
} from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { nearest } from "../lib/suggest.ts";
import type { NameKind, Observer } from "./fact.ts";
import { policies, type PolicyName } from "./policies/index.ts";
import type { Contender, PolicyContext, RequestFacts, PolicySettings } from "./policy.ts";
import { pricePerMillion } from "../catalog/prices.ts";
import type { Gate } from "./limits.ts";
import { createWildcards, isWildcard, namesFor } from "./wildcards.ts";

/** One place a request can go: a provider's model with one set of credentials. */
export interface Candidate {
  provider: ResolvedProvider;
  /** The provider's own name of the model. */
  model: string;
  /** Null where the provider needs no key. */
  key: NamedSecret | null;
  timeouts: Timeouts;
  parameters: Parameters;
  retry: Partial<Retry>;
  /** Priority tier; fallbacks stand behind all of a route's own. */
  order: number;
  /** Limits on how many requests it has at once. */
  gates: readonly Gate[];
}

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

export interface ListedModel {
  /** As a client may send it. */
  id: string;
  /** Who answers: a provider's name, or `megallm` for a route. */
  owner: string;
  /** What the catalogue calls it: the provider's type and its own name of the model; of a route, its first deployment's. */
  catalog?: { provider: string; model: string };
}

/** What policies may look at besides whose turn it is. */
export type RoutingContext = Pick<PolicyContext, "random" | "nowMs" | "stats" | "complexity"> & {
  /** Facts of the request; its session only where that is asked for, since finding it may need the whole body. */
  facts?: (withSession: boolean) => RequestFacts;
  /** The request's own wish; absent: each route's policy. */
  policy?: PolicyName;
  note?: Observer;
};

export interface Router {
  /**
   * The whole order for a model name: a route, `provider/model`, or a bare name (dated or not) that exactly one provider has.
   * @throws GatewayError `model_not_found` with the nearest names.
   */
  candidates(name: string, context?: RoutingContext): Promise<Candidate[]>;
  /**
   * The credentials with which one provider's own API may be called; an empty model is none at all.
   * @throws GatewayError `not_found` for a provider that is not configured, `model_not_found` for a model it is not to serve
   */
  through(provider: string, model: string): Candidate[];
  /** Whether somebody is known to have exactly this name, so that its ending is part of it. */
  isWritten(name: string): Promise<boolean>;
  /** A router that decides as this one does now, but takes nobody's turn and asks no provider for its models. */
  rehearsal(): Router;
  /** Every name worth showing: routes first, then `provider/model` where the provider's models are known. */
  list(): Promise<ListedModel[]>;
}

/** Model names a provider is known to have (catalogue, discovery); empty when nobody knows. */
export type KnownModels = (
  provider: ResolvedProvider,
  /** Nobody is known to have the model: who might is asked, for a moment. `never`: not even in the background. */
  ask?: boolean | "never",
) => Promise<readonly string[]>;

/** @example isSnapshot("gpt-4o-2024-08-06", "gpt-4o") // → true */
const isSnapshot = (name: string, model: string): boolean => {
  const family = undated(name);
  return family !== name && family === undated(model);
};

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

  const modelsOf = async (provider: ResolvedProvider, ask = false): Promise<readonly string[]> =>
    provider.models ? [...provider.models.keys()] : knownModels(provider, ask);

  const expand = (
    provider: ResolvedProvider,
    model: string,
    deployment?: Deployment,
    route?: Route,
  ): Candidate[] => {
    const keys: (NamedSecret | null)[] = provider.keys.filter(
      (key) => deployment?.key === undefined || key.name === deployment.key,
    );
    if (keys.length === 0) keys.push(null);
    const gates = gatesOf(provider, deployment);
    const start = keys.length > 1 ? nextTurn(`key of ${provider.name}`) % keys.length : 0;
    return [...keys.slice(start), ...keys.slice(0, start)].map((key) => ({
      provider,
      model: provider.models?.get(model) ?? model,
      key,
      timeouts: {
        ...config.timeouts,
        ...provider.timeouts,
        ...route?.timeouts,
        ...deployment?.timeouts,
      },
      retry: route?.retry ?? {},
      order: deployment?.order ?? 0,
      gates,
      parameters: mergeParameters(
        { unsupported: route?.unsupported ?? config.unsupported },
        provider.parameters,
        deployment?.parameters,
      ),
    }));
  };

  /** `openrouter/anthropic/claude` names the provider `openrouter`. */
  const direct = (name: string): Candidate[] | undefined => {
    const slash = name.indexOf("/");
    const provider = slash > 0 ? providers.get(name.slice(0, slash)) : undefined;
    const model = name.slice(slash + 1);
    return provider && model !== "" && (provider.models?.has(model) ?? true)
      ? expand(provider, model)
      : undefined;
  };

  const collect = async (
    name: string,
    seen: Set<string>,
    context: RoutingContext,
  ): Promise<Candidate[] | undefined> => {
    if (seen.has(name)) return [];
    seen.add(name);
    const wildcard = config.routes.has(name) ? undefined : wildcards(name);
    // Whoever is known to have the model goes before a route that takes everything.
    const own = wildcard && !wildcard.isCatchAll ? wildcard.route : config.routes.get(name);
    const { facts, note, policy: wished, ...rest } = context;
    const resolved = (as: NameKind, to: string): void => note?.({ type: "resolved", name, as, to });
    if (!own) {
      const named = direct(name);
      const found = named ?? (await bare(name, wildcard !== undefined));
      const [first] = found ?? [];
      if (first) resolved(named ? "provider/model" : "bare model name", modelId(first));
      if (found || !wildcard) return found;
    }
    const route = own ?? wildcard?.route;
    if (!route) return undefined;
    resolved(wildcard ? "wildcard route" : "route", route.name);
    const policy = wished ?? route.policy;
    const isBlind = blindPolicies.has(policy) && !route.sticky;
    const turn = nextTurn(route.name);
    const request = facts && !isBlind ? facts(route.sticky === "session") : undefined;
    note?.({ type: "ordered", route: route.name, policy, turn, ...(request && { request }) });
    const ordered = policies[policy].order(await contendersOf(route, policy, config, providers), {
      ...rest,
      turn,
      ...(request && { request }),
      ...(note && { note: judge(route.name, note) }),
      settings: settingsOf(route),
    });
    const found = ordered.flatMap((deployment) => {
      const provider = providers.get(deployment.provider);
      const isServed = provider?.models?.has(deployment.model) ?? true;
      if (provider && isServed) return expand(provider, deployment.model, deployment, route);
      note?.({
        type: "excluded",
        deployment: modelId({ provider: { name: deployment.provider }, model: deployment.model }),
        why: provider ? "not among the models of its provider" : "its provider is not enabled",
      });
      return [];
    });
    if (note && route.fallbacks.length > 0) {
      note({ type: "noted", why: `fallbacks of \`${route.name}\`: ${route.fallbacks.join(", ")}` });
    }
    for (const fallback of route.fallbacks) {
      const behind = (await collect(fallback, seen, context)) ?? [];
      found.push(...behind.map((each) => ({ ...each, order: each.order + fallbackOrder })));
    }
    return found;
  };

  /** `settled`: another route takes the name if nobody is known to have it, so nobody is asked and nothing is in doubt. */
  const bare = async (name: string, settled: boolean): Promise<Candidate[] | undefined> =>
    (await ownerOf(name, { ask: false, settled })) ??
    (settled ? undefined : ownerOf(name, { ask: true, settled }));

  const ownerOf = async (
    name: string,
    { ask, settled }: { ask: boolean; settled: boolean },
  ): Promise<Candidate[] | undefined> => {
    const owners: ResolvedProvider[] = [];
    const relatives: ResolvedProvider[] = [];
    const all = [...providers.values()];
    const lists = await Promise.all(all.map((provider) => modelsOf(provider, ask)));
    for (const [at, provider] of all.entries()) {
      const models = lists[at] ?? [];
      if (models.includes(name)) owners.push(provider);
      // Catalogues leave out most dated names of a model, and agents send those. A list that the operator wrote is final.
      else if (!provider.models && models.some((model) => isSnapshot(name, model))) {
        relatives.push(provider);
      }
    }
    if (owners.length === 0) owners.push(...relatives);
    if (owners.length > 1 && settled) return undefined;
    if (owners.length > 1) {
      const choices = owners.map((owner) => `\`${owner.name}/${name}\``).join(", ");
      throw new GatewayError(
        "model_not_found",
        `Several providers have the model \`${name}\`. Say which one: ${choices}.`,
        { param: "model" },
      );
    }
    return owners[0] ? expand(owners[0], name) : undefined;
  };

  const isWritten = async (name: string): Promise<boolean> => {
    if (config.routes.has(name)) return true;
    const has = async (provider: ResolvedProvider | undefined, model: string): Promise<boolean> =>
      provider !== undefined &&
      (provider.preset.routesItself === true || (await modelsOf(provider)).includes(model));
    const slash = name.indexOf("/");
    const asked = await Promise.all([
      ...(wildcards(name)?.route.deployments ?? []).map(({ provider, model }) =>
        has(providers.get(provider), model),
      ),
      has(providers.get(name.slice(0, Math.max(0, slash))), name.slice(slash + 1)),
      ...[...providers.values()].map(async (each) => (await modelsOf(each)).includes(name)),
    ]);
    return asked.includes(true);
  };

  const list = async (): Promise<ListedModel[]> => {
    const all = [...providers.values()];
    const lists = await Promise.all(all.map((provider) => modelsOf(provider)));
    const known = new Map(all.map((provider, at) => [provider, lists[at] ?? []]));
    const listed = new Map<string, ListedModel>();
    const add = (id: string, owner: string, catalog: Pick<ListedModel, "catalog">): void => {
      if (!listed.has(id)) listed.set(id, { id, owner, ...catalog });
    };
    for (const route of config.routes.values()) {
      const [first] = route.deployments;
      const provider = providers.get(first?.provider ?? "");
      if (!isWildcard(route.name)) {
        add(route.name, "megallm", first && provider ? named(provider, first.model) : {});
      } else if (first && provider) {
        for (const model of known.get(provider) ?? []) {
          const [id] = namesFor(route, first.model, [model]);
          if (id !== undefined) add(id, "megallm", named(provider, model));
        }
      }
    }
    for (const [provider, models] of known) {
      for (const model of models) {
        add(`${provider.name}/${model}`, provider.name, named(provider, model));
      }
    }
    return [...listed.values()];
  };

  const notFound = async (name: string): Promise<GatewayError> => {
    const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
    const known = (await list()).map((model) => model.id);
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
    async candidates(name, context = {}) {
      const found = await collect(name, new Set(), context);
      if (!found) throw await notFound(name);
      if (found.length === 0) {
        throw new GatewayError(
          "no_route",
          `The route \`${name}\` has no deployment on an enabled provider.`,
        );
      }
      return found.filter((each, at) => found.findIndex((other) => isSame(each, other)) === at);
    },
    through(name, model) {
      const provider = providers.get(name);
      if (provider && (model === "" || (provider.models?.has(model) ?? true))) {
        return expand(provider, model);
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
    rehearsal: () =>
      createRouter(config, (provider) => knownModels(provider, "never"), new Map(turns)),
    list,
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

const settingsOf = ({ name, sticky, slider }: Route): PolicySettings => ({
  ...(sticky && { stickyBy: sticky, salt: name }),
  ...(slider !== undefined && { auto: { slider } }),
});

/** Behind every rank that can be written. */
export const fallbackOrder = 1_000_000;

/** What a model costs by the prices that its answers are accounted with; null when nobody knows. */
export const priceAt = (
  { provider, model }: Pick<Candidate, "provider" | "model">,
  { prices }: Pick<Config, "prices">,
) => pricePerMillion(provider.preset.id, model, [...provider.prices, ...prices]);

/** A route's deployments with what policies ask of them. Prices are looked up only where they decide. */
async function contendersOf(
  { deployments }: Route,
  policy: PolicyName,
  config: Config,
  providers: ReadonlyMap<string, ResolvedProvider>,
): Promise<(Deployment & Contender)[]> {
  // `auto` takes the cheapest of a tier.
  const byPrice = policy === "lowest-cost" || policy === "balanced" || policy === "auto";
  return Promise.all(
    deployments.map(async (deployment) => {
      const provider = providers.get(deployment.provider);
      const model = provider?.models?.get(deployment.model) ?? deployment.model;
      const price = byPrice && provider ? await priceAt({ provider, model }, config) : undefined;
      return {
        ...deployment,
        id: modelId({ provider: { name: deployment.provider }, model }),
        ...(price !== undefined && { price }),
      };
    }),
  );
}

const named = ({ preset, models }: ResolvedProvider, model: string) => ({
  catalog: { provider: preset.id, model: models?.get(model) ?? model },
});

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

/** A fallback may lead to what was tried already. */
const isSame = (one: Candidate, other: Candidate): boolean =>
  one.provider === other.provider && one.model === other.model && one.key === other.key;
