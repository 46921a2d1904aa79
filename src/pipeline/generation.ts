// A configuration made ready to answer requests: who may ask, and where each name leads.
import { createAccess } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import { listCatalog } from "../catalog/facts.ts";
import type { Config, ResolvedProvider } from "../config/config.ts";
import type { Egress } from "../egress.ts";
import { readModelList } from "../egress/model-lists.ts";
import { now } from "../lib/clock.ts";
import { silent, within } from "../lib/within.ts";
import type { LocalFind } from "../providers/discover.ts";
import { findProvider } from "../providers/index.ts";
import { createModelCache, type ModelCache } from "../providers/model-cache.ts";
import { createRouter } from "../routing/router.ts";
import type { Generation, Services } from "./services.ts";

/** What a generation asks besides its configuration. */
export interface Means {
  /** Null: no provider is asked for its models. */
  lists: ModelCache | null;
  /** Null: the keys of the configuration are all there are. */
  callers: CallerDirectory | null;
}

/** One generation: the operator's providers, then local servers that were found and are not configured. */
export function compose(
  config: Config,
  found: readonly LocalFind[],
  { lists, callers }: Means,
): Generation {
  const configured = new Set(config.providers.map((provider) => provider.name));
  const localOnes = config.discover.local
    ? found.filter(({ provider }) => !configured.has(provider)).flatMap(localProvider)
    : [];
  const whole = { ...config, providers: [...config.providers, ...localOnes] };
  return {
    config: whole,
    access: createAccess({ keys: config.keys, required: config.server.requireKey, callers }),
    router: createRouter(whole, async (provider, ask = false) => {
      const { name, preset, baseUrl = "" } = provider;
      const here = baseUrl.replace("//localhost:", "//127.0.0.1:");
      const local = found.find((each) => each.baseUrl === here);
      if (local) return local.models;
      const catalog = await listCatalog(preset.id);
      if (!lists || !config.discover.models || !hasList(provider)) return catalog;
      // Whoever wants a list gets it at once, a little older; whoever names an unknown model waits a moment.
      const reading = ask === "never" ? undefined : lists.get(name);
      const known = lists.peek(name);
      const listing =
        !reading || (known && !ask) ? known : await within(reading, ask ? askMs : listMs);
      const models = listing === silent || !listing ? [] : listing.models.map(({ id }) => id);
      return models.length === 0 ? catalog : [...new Set([...models, ...catalog])];
    }),
  };
}

/** What access goes by. */
export const keysOf = ({ keys, server }: Config) => ({ keys, required: server.requireKey });

/** How long the first list of models waits for the providers, and a request for a model that nobody is known to have, ms. */
const listMs = 1_500;
const askMs = 3_000;

/** Only a provider that can be asked with a key of its own, or that needs none. */
const hasList = ({ keys, models, preset }: ResolvedProvider): boolean =>
  models === null && !preset.serve && (keys.length > 0 || preset.local === true);

/** Reads the lists of the providers of `current`. */
export const modelLists = (
  current: () => Config,
  egress: Egress,
  env: Services["env"],
): ModelCache =>
  createModelCache({
    now,
    async load(name) {
      const provider = current().providers.find((each) => each.name === name);
      return provider ? readModelList(provider, egress, env) : [];
    },
  });

/** Whether local servers matter: those to be discovered, and configured ones whose models only they can tell. */
export const asksLocalServers = ({ discover, providers }: Config): boolean =>
  discover.local ||
  providers.some(({ preset, models }) => preset.local && !preset.serve && models === null);

/** Any model may be asked of it, since local servers know short names too; those found are listed. */
function localProvider({ provider, baseUrl }: LocalFind): ResolvedProvider[] {
  const preset = findProvider(provider);
  if (!preset) return [];
  return [
    {
      name: provider,
      preset,
      baseUrl,
      customBaseUrl: true,
      settings: {},
      secrets: {},
      keys: [],
      headers: {},
      models: null,
      prices: [],
      timeouts: {},
      parameters: {},
      origin: "environment",
    },
  ];
}
