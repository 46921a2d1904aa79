// What is known of a model, and from where each fact is: the configuration, the provider itself, or the catalogue.
import { modelFacts } from "../catalog/facts.ts";
import { findOverride } from "../catalog/override.ts";
import { pricePerMillion, type PriceOverride } from "../catalog/prices.ts";
import type { Nanos } from "../lib/money.ts";
import type { LiveModel, ModelCapabilities } from "./model-list.ts";

/** `live`: the provider's own list of models. */
export type FactSource = "config" | "live" | "catalogue";

export interface Fact<T> {
  value: T;
  source: FactSource;
}

/** Each fact is that of the first source that knows it: configuration, then live, then catalogue. Absent: nobody knows. */
export interface ModelDescription {
  contextWindow?: Fact<number>;
  maxOutputTokens?: Fact<number>;
  tools?: Fact<boolean>;
  vision?: Fact<boolean>;
  reasoning?: Fact<boolean>;
  json?: Fact<boolean>;
  price?: Fact<{ input: Nanos; output: Nanos; detail: string }>;
}

export interface ModelQuestion {
  /** The preset's id. */
  provider: string;
  /** The provider's own name of the model. */
  model: string;
  /** What the provider says of it. */
  live?: LiveModel | undefined;
  /** The operator's prices. */
  overrides?: readonly PriceOverride[];
}

/** @example (await describeModel({ provider: "openai", model: "gpt-4o" })).contextWindow // → { value: 128000, source: "catalogue" } */
export async function describeModel(question: ModelQuestion): Promise<ModelDescription> {
  const { live, model, provider } = question;
  const known = await modelFacts(provider, model);
  const found: ModelDescription = {};
  const put = <K extends Exclude<keyof ModelDescription, "price">>(
    name: K,
    said: NonNullable<ModelDescription[K]>["value"] | undefined,
    listed: NonNullable<ModelDescription[K]>["value"] | undefined,
  ): void => {
    const value = said ?? listed;
    if (value === undefined) return;
    Object.assign(found, { [name]: { value, source: said === undefined ? "catalogue" : "live" } });
  };
  put("contextWindow", live?.contextWindow, known.contextWindow);
  put("maxOutputTokens", live?.maxOutputTokens, known.maxOutputTokens);
  const capabilities: ModelCapabilities = live?.capabilities ?? {};
  put("tools", capabilities.tools, known.toolCalls);
  put("vision", capabilities.vision, known.inputModalities?.includes("image"));
  put("reasoning", capabilities.reasoning, known.reasoning);
  put("json", capabilities.json, undefined);
  const price = await findPrice(question);
  if (price) found.price = price;
  return found;
}

async function findPrice({
  live,
  model,
  overrides = [],
  provider,
}: ModelQuestion): Promise<ModelDescription["price"]> {
  const isWritten = findOverride(overrides, provider, model) !== undefined;
  const { input, output } = live?.prices ?? {};
  if (!isWritten && input !== undefined && output !== undefined) {
    return { value: { input, output, detail: "live" }, source: "live" };
  }
  const price = await pricePerMillion(provider, model, overrides);
  if (!price) return undefined;
  const { source: detail, ...dollars } = price;
  return { value: { ...dollars, detail }, source: isWritten ? "config" : "catalogue" };
}
