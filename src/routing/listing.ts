// The names of models that are worth showing to a client.
import {
  type Config,
  type Deployment,
  isGroup,
  type ResolvedProvider,
  type Route,
} from "../config/config.ts";
import type { MayUse } from "./allowed.ts";
import type { Aliases } from "./aliases.ts";
import type { ModelsOf } from "./owners.ts";
import { isWildcard, namesFor } from "./wildcards.ts";

export interface ListedModel {
  /** As a client may send it. */
  id: string;
  /** Who answers: a provider's name, or `megallm` for a route. */
  owner: string;
  /** What the catalogue calls it: the provider's type and its own name of the model; of a route, its first deployment's. */
  catalog?: { provider: string; model: string };
}

/** Who asks for the list. */
export interface Reader {
  aliases?: Aliases | undefined;
  mayUse?: MayUse | undefined;
}

/** Routes first, then aliases, then `provider/model` where the provider's models are known. */
export async function listModels(
  config: Config,
  modelsOf: ModelsOf,
  { aliases, mayUse = () => true }: Reader,
): Promise<ListedModel[]> {
  const providers = new Map(config.providers.map((provider) => [provider.name, provider]));
  const all = [...providers.values()];
  const lists = await Promise.all(all.map((provider) => modelsOf(provider)));
  const known = new Map(all.map((provider, at) => [provider, lists[at] ?? []]));
  const listed = new Map<string, ListedModel>();
  const add = (id: string, owner: string, catalog: Pick<ListedModel, "catalog">): void => {
    if (!listed.has(id)) listed.set(id, { id, owner, ...catalog });
  };
  for (const route of config.routes.values()) {
    const first = firstOf(route.name, config);
    const provider = providers.get(first?.provider ?? "");
    if (!isWildcard(route.name)) {
      if (!isOpen(route, config, mayUse)) continue;
      add(route.name, "megallm", first && provider ? named(provider, first.model) : {});
    } else if (first && provider) {
      for (const model of known.get(provider) ?? []) {
        const [id] = namesFor(route, first.model, [model]);
        if (id !== undefined && mayUse(id, `${provider.name}/${model}`))
          add(id, "megallm", named(provider, model));
      }
    }
  }
  const models = new Map<string, ListedModel>();
  for (const [provider, own] of known) {
    for (const model of own) {
      const id = `${provider.name}/${model}`;
      // Whoever was granted the bare name asks by it.
      const shown = [id, model].find((name) => mayUse(name));
      if (shown === undefined || models.has(shown)) continue;
      models.set(shown, { id: shown, owner: provider.name, ...named(provider, model) });
    }
  }
  // An alias is worth as much as what it stands for.
  for (const list of [aliases, config.aliases]) {
    for (const [alias, target] of list ?? []) {
      const found = listed.get(target) ?? models.get(target);
      if (!isWildcard(alias) && found && !listed.has(alias)) {
        listed.set(alias, { ...found, id: alias, owner: "megallm" });
      }
    }
  }
  for (const model of models.values()) if (!listed.has(model.id)) listed.set(model.id, model);
  return [...listed.values()];
}

/** Some of what the route leads to may be used. */
function isOpen(
  { name, deployments }: Route,
  config: Config,
  mayUse: MayUse,
  outer: readonly string[] = [],
): boolean {
  const names = [...outer, name];
  return deployments.some((entry) => {
    if (!isGroup(entry)) return mayUse(...names, `${entry.provider}/${entry.model}`);
    const inner = config.routes.get(entry.route);
    return inner && !names.includes(inner.name) && isOpen(inner, config, mayUse, names);
  });
}

/** The first deployment of a route, or of the first of its groups that has any. */
function firstOf(
  name: string,
  config: Config,
  seen: ReadonlySet<string> = new Set(),
): Deployment | undefined {
  if (seen.has(name)) return undefined;
  for (const entry of config.routes.get(name)?.deployments ?? []) {
    const found = isGroup(entry) ? firstOf(entry.route, config, new Set([...seen, name])) : entry;
    if (found) return found;
  }
  return undefined;
}

const named = ({ preset, models }: ResolvedProvider, model: string) => ({
  catalog: { provider: preset.id, model: models?.get(model) ?? model },
});
