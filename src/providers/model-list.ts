// One page of a provider's list of models, in whichever of the vendors' shapes it comes.
import { field } from "../dialects/fields.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { type Nanos, parseUsd } from "../lib/money.ts";

/** A model as its provider describes it. Whatever is absent the provider did not say. */
export interface LiveModel {
  /** As it is asked for. */
  id: string;
  contextWindow?: number;
  maxOutputTokens?: number;
  capabilities?: ModelCapabilities;
  prices?: ModelPrices;
  ownedBy?: string;
}

export interface ModelCapabilities {
  tools?: boolean;
  /** Takes pictures. */
  vision?: boolean;
  reasoning?: boolean;
  /** Answers in JSON on demand, by a schema or without. */
  json?: boolean;
}

/** Nano-dollars per million tokens. */
export interface ModelPrices {
  input?: Nanos;
  output?: Nanos;
  cacheRead?: Nanos;
}

export interface ModelPage {
  models: LiveModel[];
  /** Query parameters that lead to the next page; absent on the last. */
  next?: Readonly<Record<string, string>>;
}

/**
 * The models of one answer; undefined when it is no list of models. Entries without a usable name are left out.
 * @example parseModelPage({ object: "list", data: [{ id: "gpt-4o", object: "model" }] })?.models // → [{ id: "gpt-4o" }]
 */
export function parseModelPage(body: unknown): ModelPage | undefined {
  const found = findList(body);
  if (!found) return undefined;
  const models = found.entries.flatMap((entry) => {
    const model = isObject(entry) ? readModel(entry, found.names) : undefined;
    return model ? [model] : [];
  });
  const next = isObject(body) ? nextPage(body) : undefined;
  return next ? { models, next } : { models };
}

interface FoundList {
  entries: readonly unknown[];
  /** Where the entries' names are, best first. */
  names: readonly string[];
}

const usualNames = ["id", "model_id", "name", "model"] as const;

/** Members of the body that hold the list, and the members of its entries that hold the name. */
const listMembers: readonly (readonly [member: string, names: readonly string[]])[] = [
  ["data", usualNames],
  // Gemini, Cohere, Ollama.
  ["models", usualNames],
  // Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
  ["modelSummaries", ["modelId"]],
  // Databricks: https://docs.databricks.com/api/workspace/servingendpoints/list
  ["endpoints", ["name"]],
  // Cloudflare, whose ids are not what is asked for: https://developers.cloudflare.com/api/resources/ai/subresources/models/
  ["result", ["name"]],
  // watsonx: https://cloud.ibm.com/apidocs/watsonx-ai#list-foundation-model-specs
  ["resources", ["model_id"]],
  // Vertex AI's Model Garden.
  ["publisherModels", ["name"]],
  // Oracle: https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai/latest/ModelCollection/ListModels
  ["items", ["displayName", "id"]],
];

function findList(body: unknown): FoundList | undefined {
  if (Array.isArray(body)) return { entries: body, names: usualNames };
  if (!isObject(body)) return undefined;
  for (const [member, names] of listMembers) {
    const entries = field(body, member);
    if (Array.isArray(entries)) return { entries, names };
  }
  // Ollama writes null for an empty list.
  return field(body, "object") === "list" ? { entries: [], names: usualNames } : undefined;
}

/** Anthropic, Gemini and Cohere give lists in pages. */
function nextPage(body: JsonObject): ModelPage["next"] {
  const last = field(body, "last_id");
  if (field(body, "has_more") === true && isText(last)) return { after_id: last };
  const camel = field(body, "nextPageToken");
  if (isText(camel)) return { pageToken: camel };
  const snake = field(body, "next_page_token");
  return isText(snake) ? { page_token: snake } : undefined;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** Google writes names as resources: `models/gemini-x`, `publishers/google/models/gemini-x`. */
const resource = /^(?:publishers\/[^/]+\/)?models\//;

function readModel(entry: JsonObject, names: readonly string[]): LiveModel | undefined {
  const name = names.map((key) => field(entry, key)).find(isText);
  const id = name?.replace(resource, "");
  if (id === undefined || !/^[^\p{Cc}]{1,300}$/u.test(id)) return undefined;
  const model: LiveModel = { id };
  const contextWindow = firstCount(entry, contextPaths);
  if (contextWindow !== undefined) model.contextWindow = contextWindow;
  const maxOutputTokens = firstCount(entry, outputPaths);
  if (maxOutputTokens !== undefined) model.maxOutputTokens = maxOutputTokens;
  const capabilities = readCapabilities(entry);
  if (Object.keys(capabilities).length > 0) model.capabilities = capabilities;
  const prices = readPrices(entry);
  if (Object.keys(prices).length > 0) model.prices = prices;
  const ownedBy = ownerPaths.map((path) => at(entry, path)).find(isText);
  if (ownedBy !== undefined) model.ownedBy = ownedBy;
  return model;
}

/** What vendors call the size of the context window, with dots for nesting. */
const contextPaths = [
  "context_length",
  "context_window",
  "max_context_length",
  "context_size",
  "max_model_len",
  "inputTokenLimit",
  "max_input_tokens",
  "limits.max_input_tokens",
  "capabilities.limits.max_context_window_tokens",
  "top_provider.context_length",
  "metadata.context_length",
  "model_spec.availableContextTokens",
  "model_limits.max_sequence_length",
  "meta.n_ctx_train",
] as const;

const outputPaths = [
  "max_completion_tokens",
  "max_output_tokens",
  "max_output_length",
  "outputTokenLimit",
  "limits.max_output_tokens",
  "capabilities.limits.max_output_tokens",
  "top_provider.max_completion_tokens",
  "metadata.max_tokens",
  "model_spec.maxCompletionTokens",
  "model_limits.max_output_tokens",
  "max_tokens",
] as const;

const ownerPaths = ["owned_by", "organization", "publisher", "providerName", "vendor"] as const;

/** The value at a path such as `top_provider.context_length`. */
function at(entry: JsonObject, path: string): unknown {
  let value: unknown = entry;
  for (const key of path.split(".")) value = isObject(value) ? field(value, key) : undefined;
  return value;
}

/** Zero stands for unknown everywhere. */
const firstCount = (entry: JsonObject, paths: readonly string[]): number | undefined =>
  paths
    .map((path) => at(entry, path))
    .find((value): value is number => Number.isSafeInteger(value) && Number(value) > 0);

type Capability = keyof ModelCapabilities;

/** Words for each ability, in lower case and without separators. */
const abilityWords: ReadonlyMap<string, Capability> = new Map<string, Capability>([
  ...words("tools", "tools", "tooluse", "toolcalling", "toolcalls", "functioncalling"),
  ...words("tools", "supportstools", "supportsfunctioncalling"),
  ...words("vision", "vision", "image", "imageinput", "supportsvision"),
  ...words("vision", "supportsimageinput", "supportsimagein"),
  ...words("reasoning", "reasoning", "thinking", "supportsreasoning"),
  ...words("json", "structuredoutputs", "structuredoutput", "responseformat", "jsonschema"),
  ...words("json", "jsonmode", "supportsresponseschema", "supportsstructuredoutput"),
]);

function words(capability: Capability, ...spellings: string[]): [string, Capability][] {
  return spellings.map((word) => [word, capability]);
}

const abilityOf = (word: string): Capability | undefined =>
  abilityWords.get(word.toLowerCase().replaceAll(/[^a-z]/g, ""));

/** Lists of what a model can do. What a complete list leaves out, of the abilities named here, the model cannot do. */
const abilityLists: readonly (readonly [path: string, complete: readonly Capability[]])[] = [
  ["supported_parameters", ["tools", "reasoning", "json"]],
  ["supported_features", ["tools", "reasoning", "json"]],
  ["features", []],
  ["capabilities", []],
  ["tags", []],
  ["metadata.tags", []],
  ["architecture.input_modalities", ["vision"]],
  ["input_modalities", ["vision"]],
  ["inputModalities", ["vision"]],
  ["supported_input_modalities", ["vision"]],
];

/** Objects of switches, `true` or `{ supported: true }`; the empty path is the entry itself. */
const abilitySwitches = [
  "capabilities",
  "capabilities.supports",
  "model_spec.capabilities",
  "",
] as const;

function readCapabilities(entry: JsonObject): ModelCapabilities {
  const found: ModelCapabilities = {};
  for (const [path, complete] of abilityLists) {
    const list = at(entry, path);
    if (!Array.isArray(list)) continue;
    for (const capability of complete) found[capability] ??= false;
    for (const word of list.filter(isText)) {
      const capability = abilityOf(word);
      if (capability) found[capability] = true;
    }
  }
  for (const path of abilitySwitches) {
    const switches = path === "" ? entry : at(entry, path);
    if (!isObject(switches)) continue;
    for (const [word, value] of Object.entries(switches)) {
      const capability = abilityOf(word);
      const state = isObject(value) ? field(value, "supported") : value;
      if (capability === undefined || typeof state !== "boolean") continue;
      if (state || found[capability] === undefined) found[capability] = state;
    }
  }
  return found;
}

/** Where prices are, and what they are called there. */
const priceObjects = ["pricing", "metadata.pricing", "model_spec.pricing"] as const;
const priceNames: Readonly<Record<keyof ModelPrices, readonly string[]>> = {
  input: ["prompt", "input", "input_tokens"],
  output: ["completion", "output", "output_tokens"],
  cacheRead: ["input_cache_read", "cached_input", "cache_input", "cache_read_tokens"],
};

function readPrices(entry: JsonObject): ModelPrices {
  const found: ModelPrices = {};
  for (const path of priceObjects) {
    const prices = at(entry, path);
    if (!isObject(prices)) continue;
    for (const kind of ["input", "output", "cacheRead"] as const) {
      const price = priceNames[kind].map((name) => readPrice(prices, name)).find(isPrice);
      if (price !== undefined) found[kind] ??= price;
    }
  }
  return found;
}

const isPrice = (price: Nanos | undefined): price is Nanos => price !== undefined && price >= 0n;

/**
 * Texts are dollars per token (OpenRouter, Vercel), numbers dollars per million tokens (Together, DeepInfra; Venice
 * as `{ usd }`). A number called `prompt` or `completion` is one or the other, so it is not read.
 */
function readPrice(prices: JsonObject, name: string): Nanos | undefined {
  const value = field(prices, name);
  if (typeof value === "string") return parseUsd(`${value}e6`);
  const dollars = isObject(value) ? field(value, "usd") : value;
  if (typeof dollars !== "number" || name === "prompt" || name === "completion") return undefined;
  return Number.isFinite(dollars) && dollars < 1e9 ? parseUsd(dollars.toFixed(9)) : undefined;
}
