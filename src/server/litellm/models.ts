// LiteLLM's `/model/info` and `/model_group/info`: what is served, by whom, for how much.
import { reachOf } from "../../access/reach.ts";
import { modelFacts } from "../../catalog/facts.ts";
import { pricePerMillion } from "../../catalog/prices.ts";
import { type Config, type Deployment, isGroup, type Route } from "../../config/config.ts";
import { perToken } from "./dollars.ts";
import type { OpenRoute, OpenScene } from "./route.ts";

/** One deployment under one name of a client's. */
interface Entry {
  readonly name: string;
  /** As the configuration calls it. */
  readonly provider: string;
  /** The kind of provider that it is. */
  readonly preset: string;
  /** The provider's own name. */
  readonly model: string;
}

/** Of a route and the routes in it. */
function deploymentsOf(
  route: Route,
  config: Config,
  seen: ReadonlySet<string> = new Set(),
): Deployment[] {
  if (seen.has(route.name)) return [];
  const names = new Set([...seen, route.name]);
  return route.deployments.flatMap((entry) => {
    if (!isGroup(entry)) return [entry];
    const inner = config.routes.get(entry.route);
    return inner ? deploymentsOf(inner, config, names) : [];
  });
}

/** What the caller may use: the deployments of routes, then models by the names of their providers. */
async function entriesOf({ services, principal }: OpenScene): Promise<Entry[]> {
  const { config, router } = services.current();
  const reach = principal ? reachOf(principal) : {};
  const providers = new Map(config.providers.map((provider) => [provider.name, provider]));
  const entries: Entry[] = [];
  for (const { id, owner, catalog } of await router.list(reach)) {
    const route = config.routes.get(id);
    if (route) {
      for (const { provider: name, model } of deploymentsOf(route, config)) {
        const provider = providers.get(name);
        if (!provider || reach.mayUse?.(id, `${name}/${model}`) === false) continue;
        const own = provider.models?.get(model) ?? model;
        entries.push({ name: id, provider: name, preset: provider.preset.id, model: own });
      }
    } else if (catalog) {
      const { provider: preset, model } = catalog;
      entries.push({ name: id, provider: owner, preset, model });
    }
  }
  return entries;
}

async function factsOf({ preset, model, provider: name }: Entry, config: Config) {
  const facts = await modelFacts(preset, model);
  const provider = config.providers.find((each) => each.name === name);
  const price = await pricePerMillion(preset, model, [
    ...(provider?.prices ?? []),
    ...config.prices,
  ]);
  return {
    // No catalogue says what a model is for; their names do.
    mode: /embed/i.test(model) ? "embedding" : "chat",
    max_tokens: facts.maxOutputTokens ?? facts.contextWindow ?? null,
    max_input_tokens: facts.contextWindow ?? null,
    max_output_tokens: facts.maxOutputTokens ?? null,
    input_cost_per_token: price && perToken(price.input),
    output_cost_per_token: price && perToken(price.output),
    supports_vision: facts.inputModalities?.includes("image") ?? null,
    supports_function_calling: facts.toolCalls ?? null,
    supports_reasoning: facts.reasoning ?? null,
  };
}

async function modelInfo(scene: OpenScene): Promise<unknown> {
  const { config } = scene.services.current();
  const { litellm_model_id: wished } = scene.query;
  const data = [];
  for (const entry of await entriesOf(scene)) {
    const id = `${entry.provider}/${entry.model}`;
    if (wished !== undefined && wished !== id) continue;
    data.push({
      model_name: entry.name,
      // Neither addresses nor keys: those are the operator's.
      litellm_params: { model: id, custom_llm_provider: entry.provider },
      model_info: {
        id,
        db_model: false,
        key: entry.model,
        litellm_provider: entry.provider,
        ...(await factsOf(entry, config)),
      },
    });
  }
  return { data };
}

async function groupInfo(scene: OpenScene): Promise<unknown> {
  const { config } = scene.services.current();
  const { model_group: wished } = scene.query;
  const groups = new Map<string, Entry[]>();
  for (const entry of await entriesOf(scene)) {
    if (wished !== undefined && wished !== entry.name) continue;
    groups.set(entry.name, [...(groups.get(entry.name) ?? []), entry]);
  }
  const data = [];
  for (const [name, entries] of groups) {
    const [first] = entries;
    if (!first) continue;
    const { max_tokens: _most, ...facts } = await factsOf(first, config);
    data.push({
      model_group: name,
      providers: [...new Set(entries.map(({ provider }) => provider))],
      ...facts,
    });
  }
  return { data };
}

export const modelRoutes: readonly OpenRoute[] = [
  { method: "GET", path: "/model/info", handle: modelInfo },
  { method: "GET", path: "/v1/model/info", handle: modelInfo },
  { method: "GET", path: "/model_group/info", handle: groupInfo },
];
