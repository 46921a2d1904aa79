// What a request costs, in integer nano-dollars: the operator's prices first, then the catalogue's.
import type { ModelPrice } from "@pydantic/genai-prices";
import type { Usage } from "../ir/usage.ts";
import { now } from "../lib/clock.ts";
import { type Nanos, parseUsd, type PricedTokens, tokensCost } from "../lib/money.ts";
import { findOverride } from "./override.ts";
import { catalogEntries } from "./sources.ts";

/** Nano-dollars (1e-9 USD) per million tokens; exact. Null: the operator did not say. */
export interface Price {
  readonly input: bigint;
  readonly output: bigint;
  readonly cacheRead: bigint | null;
  readonly cacheWrite5m: bigint | null;
  readonly cacheWrite1h: bigint | null;
  /** Nano-dollars per request. */
  readonly request: bigint | null;
  /** Nano-dollars for each picture that is made. */
  readonly image?: bigint | null;
  /** Nano-dollars for each call of a tool that the provider runs. */
  readonly tool?: bigint | null;
}

/** A price for the models that match `pattern`, where `*` is any run of characters. */
export interface PriceOverride {
  readonly pattern: string;
  readonly price: Price;
}

export interface PriceQuery {
  /** Our provider id (the preset's). */
  provider: string;
  /** The provider's own name of the model. */
  model: string;
  usage: Usage;
  /** When it was used, ms since the Unix epoch: prices change, some by the hour. */
  atMs: number;
  overrides?: readonly PriceOverride[];
  /** Pictures that were made. */
  images?: number;
}

export interface PricedUsage {
  nanos: Nanos;
  /** `override:<pattern>`, `genai-prices:<provider>/<model>` or `free`. */
  source: string;
}

/**
 * The cost of a request, null when nobody knows it: never 0 for unknown. Summed exactly, rounded once, half up.
 * @example (await priceUsage({ provider: "openai", model: "gpt-4o", usage: createUsage({ total: 1000 }, { total: 100 }), atMs }))?.nanos // → 3_500_000n
 */
export async function priceUsage(query: PriceQuery): Promise<PricedUsage | null> {
  const { provider, model, usage } = query;
  const override = findOverride(query.overrides ?? [], provider, model);
  if (override) {
    const nanos = overrideCost(override.price, usage, query.images);
    return { nanos, source: `override:${override.pattern}` };
  }
  if (catalogEntries.get(provider)?.free) return { nanos: 0n, source: "free" };
  const found = await findListPrice(provider, model, query.atMs);
  const lines = found && listLines(found.prices, usage);
  return lines ? { nanos: tokensCost(lines), source: found.source } : null;
}

/** Nano-dollars per million tokens for small requests, for display; null when unknown. */
export async function pricePerMillion(
  provider: string,
  model: string,
  overrides: readonly PriceOverride[] = [],
): Promise<{ input: Nanos; output: Nanos; source: string } | null> {
  const override = findOverride(overrides, provider, model);
  if (override) {
    const { input, output } = override.price;
    return { input, output, source: `override:${override.pattern}` };
  }
  if (catalogEntries.get(provider)?.free) return { input: 0n, output: 0n, source: "free" };
  const found = await findListPrice(provider, model, now());
  const input = found && priceAt(found.prices.input_mtok, 0);
  if (!found || input === undefined) return null;
  const output = priceAt(found.prices.output_mtok, 0) ?? 0n;
  return { input, output, source: found.source };
}

function overrideCost(price: Price, usage: Usage, images = 0): Nanos {
  const { input, output } = price;
  const parts = splitInput(usage);
  const tokens = tokensCost([
    { tokens: parts.plain + parts.audio + parts.image, nanosPerMillion: input },
    { tokens: parts.cacheRead, nanosPerMillion: price.cacheRead ?? input },
    { tokens: parts.cacheWrite5m, nanosPerMillion: price.cacheWrite5m ?? input },
    {
      tokens: parts.cacheWrite1h,
      nanosPerMillion: price.cacheWrite1h ?? price.cacheWrite5m ?? input,
    },
    { tokens: usage.output.total, nanosPerMillion: output },
  ]);
  const calls = Object.entries(usage.serverTools)
    .filter(([name]) => !name.endsWith("_units"))
    .reduce((sum, [, count]) => sum + count, 0);
  const pieces = (price.image ?? 0n) * BigInt(images) + (price.tool ?? 0n) * BigInt(calls);
  return tokens + (price.request ?? 0n) + pieces;
}

interface InputParts {
  plain: number;
  audio: number;
  image: number;
  cacheRead: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
}

/** Every input token once. Counts that do not add up (a provider's mistake) never make a negative part. */
function splitInput({ input }: Usage): InputParts {
  let left = input.total;
  const take = (tokens: number): number => {
    const taken = Math.min(tokens, left);
    left -= taken;
    return taken;
  };
  const cacheRead = take(input.cacheRead);
  const cacheWrite5m = take(input.cacheWrite5m);
  const cacheWrite1h = take(input.cacheWrite1h);
  const audio = take(input.audio);
  const image = take(input.image ?? 0);
  return { cacheRead, cacheWrite5m, cacheWrite1h, audio, image, plain: left };
}

export interface ListPrice {
  prices: ModelPrice;
  source: string;
}

/** The price list's entry for a model at a time, undefined when it has none. */
export async function findListPrice(
  provider: string,
  model: string,
  atMs: number,
): Promise<ListPrice | undefined> {
  const providerId = catalogEntries.get(provider)?.prices;
  if (providerId === undefined) return undefined;
  // Loaded on first use: the data is large, and many runs never need it.
  const { calcPrice } = await import("@pydantic/genai-prices");
  // Only the lookup is the library's: it computes in floating point.
  const found = calcPrice({}, model, { providerId, timestamp: new Date(atMs) });
  return found
    ? { prices: found.model_price, source: `genai-prices:${providerId}/${found.model.id}` }
    : undefined;
}

/**
 * One line per kind of token, or undefined where a kind that was used has no known price.
 * As in the price list's own rules: a kind of text without its own price costs what plain tokens cost, and the
 * whole input decides the tier of every line. Audio is never guessed: it costs many times the text.
 */
function listLines(prices: ModelPrice, usage: Usage): PricedTokens[] | undefined {
  const size = usage.input.total;
  const priceOf = (...keys: string[]): Nanos | undefined => {
    for (const key of keys) {
      const price = priceAt(prices[key], size);
      if (price !== undefined) return price;
    }
    return undefined;
  };
  const { plain, audio, image, cacheRead, cacheWrite5m, cacheWrite1h } = splitInput(usage);
  const spoken = Math.min(usage.output.audio, usage.output.total);
  const thought = Math.min(usage.output.reasoning, usage.output.total - spoken);
  const drawn = Math.min(usage.output.image ?? 0, usage.output.total - spoken - thought);
  const written = usage.output.total - spoken - thought - drawn;
  const kinds: [tokens: number, nanosPerMillion: Nanos | undefined][] = [
    [plain, priceOf("input_mtok")],
    [audio, priceOf("input_audio_mtok")],
    [image, priceOf("input_image_mtok", "input_mtok")],
    [cacheRead, priceOf("cache_read_mtok", "input_mtok")],
    [cacheWrite5m, priceOf("cache_write_5m_mtok", "cache_write_mtok", "input_mtok")],
    [cacheWrite1h, priceOf("cache_write_1h_mtok", "cache_write_mtok", "input_mtok")],
    [written, priceOf("output_mtok")],
    [thought, priceOf("output_reasoning_mtok", "output_mtok")],
    [spoken, priceOf("output_audio_mtok")],
    [drawn, priceOf("output_image_mtok", "output_mtok")],
    ...soundLine(prices, usage.input.seconds ?? 0),
    ...countedLines(prices, usage),
  ];
  const lines: PricedTokens[] = [];
  for (const [tokens, nanosPerMillion] of kinds) {
    if (tokens === 0) continue;
    if (nanosPerMillion === undefined) return undefined;
    lines.push({ tokens, nanosPerMillion });
  }
  const isPriced = prices.input_mtok !== undefined || soundPrice(prices) !== undefined;
  return lines.length > 0 || isPriced ? lines : undefined;
}

/** Milliseconds and what a million of them cost; undefined where it has no price. */
function soundLine(prices: ModelPrice, seconds: number): [number, Nanos | undefined][] {
  if (seconds <= 0) return [];
  return [[Math.round(seconds * 1_000), soundPrice(prices)]];
}

const hourMs = 3_600_000n;

/** Of a million milliseconds. */
export function soundPrice(prices: ModelPrice): Nanos | undefined {
  const hour = priceAt(prices["input_audio_hours"] ?? prices["audio_hours"], 0);
  return hour === undefined ? undefined : (hour * 1_000_000n) / hourMs;
}

/** What is counted instead of measured in tokens: the request itself, and tools that the provider ran. Tools without a price are free. */
function countedLines(prices: ModelPrice, usage: Usage): [number, Nanos | undefined][] {
  const calls = (prefix: string): number =>
    Object.entries(usage.serverTools)
      .filter(([name]) => name.startsWith(prefix))
      .reduce((sum, [, count]) => sum + count, 0);
  const counted: [count: number, key: string][] = [
    [1, "requests_kcount"],
    [calls("web_search"), "web_searches_kcount"],
    [calls("file_search"), "storage_searches_kcount"],
    [calls("code_execution"), "code_executions_kcount"],
  ];
  return counted.flatMap(([count, key]) => {
    const perThousand = priceAt(prices[key], usage.input.total);
    if (perThousand === undefined) return [];
    const line: [number, Nanos] = [count, perThousand * 1000n];
    return [line];
  });
}

/** A price, or several by the size of the input. */
export type ListedPrice = ModelPrice[string];

/** Nano-dollars per the list's own unit, for a request with so many input tokens. */
export function priceAt(price: ListedPrice, inputTokens: number): Nanos | undefined {
  if (price === undefined) return undefined;
  if (typeof price === "number") return nanosOf(price);
  const tier = price.tiers
    .filter(({ start }) => inputTokens > start)
    .reduce((highest, each) => (each.start >= highest.start ? each : highest), {
      start: -1,
      price: price.base,
    });
  return nanosOf(tier.price);
}

/** Prices finer than a nano-dollar per million tokens are the noise of a division somewhere upstream. */
const nanosOf = (dollars: number): Nanos | undefined =>
  parseUsd(String(dollars)) ?? parseUsd(dollars.toFixed(9));
