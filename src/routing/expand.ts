// From a provider's model, or a deployment of a route, to candidates: one for each key.
import type {
  Config,
  Deployment,
  NamedSecret,
  Parameters,
  ResolvedProvider,
  Route,
  Unsupported,
} from "../config/config.ts";
import type { Candidate } from "./candidate.ts";
import type { Standing } from "./fallbacks.ts";
import type { Gate } from "./limits.ts";

/** How a deployment was come to. */
export interface Path extends Pick<Standing, "via" | "fallbackFor"> {
  /** The route that it stands in, and those whose groups that is in, outermost first. */
  routes: readonly Route[];
}

export type Expand = (
  provider: ResolvedProvider,
  model: string,
  way: Path,
  deployment?: Deployment,
) => Candidate[];

/** A deployment with each key that it may use, in the order of the configuration. */
export function createExpand(config: Config): Expand {
  const settled = createSettled(config);
  return (provider, model, way, deployment) => {
    const { via, fallbackFor, routes } = way;
    const settings = settled(provider, routes, deployment);
    return settings.keys.map((key) => ({
      ...settings.common,
      provider,
      model: provider.models?.get(model) ?? model,
      key,
      via,
      ...(fallbackFor && { fallbackFor }),
    }));
  };
}

/** What of a candidate is the same for all requests that come to it in one way. */
interface Settled {
  routes: readonly Route[];
  keys: readonly (NamedSecret | null)[];
  common: Omit<Candidate, "provider" | "model" | "key" | "via" | "fallbackFor">;
}

/** Worked out once for each deployment and the routes that lead to it; a provider stands for itself where no route names it. */
function createSettled(config: Config) {
  const known = new WeakMap<ResolvedProvider | Deployment, Settled[]>();
  return (
    provider: ResolvedProvider,
    routes: readonly Route[],
    deployment: Deployment | undefined,
  ): Settled => {
    const place = deployment ?? provider;
    const found = known.get(place) ?? [];
    const one = found.find(
      ({ routes: own }) =>
        own.length === routes.length && own.every((route, at) => route === routes[at]),
    );
    if (one) return one;
    const made = settle(provider, routes, { config, deployment });
    known.set(place, [...found, made]);
    return made;
  };
}

function settle(
  provider: ResolvedProvider,
  routes: readonly Route[],
  { config, deployment }: { config: Config; deployment: Deployment | undefined },
): Settled {
  const hedged = routes.findLast(({ hedge }) => hedge);
  const mirrored = routes.find(({ shadows }) => shadows);
  const cached = routes.flatMap(({ cache }) => cache ?? []);
  const guardrails = routes.flatMap((route) => route.guardrails ?? []);
  const keys = provider.keys.filter(
    (key) => deployment?.key === undefined || key.name === deployment.key,
  );
  return {
    routes,
    keys: keys.length === 0 ? [null] : keys,
    common: {
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
      ...(cached.length > 0 && { cached }),
      ...(guardrails.length > 0 && { guardrails }),
      ...(routes.length > 1 && { within: routes.slice(1).map(({ name }) => name) }),
      order: deployment?.order ?? 0,
      gates: gatesOf(provider, deployment),
      parameters: mergeParameters(
        {
          unsupported:
            routes.findLast(({ unsupported }) => unsupported)?.unsupported ?? config.unsupported,
        },
        provider.parameters,
        deployment?.parameters,
      ),
    },
  };
}

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
