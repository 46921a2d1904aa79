// The most that a request can cost before it is sent: what its budgets must be able to pay.
import { findOverride } from "../catalog/override.ts";
import {
  findListPrice,
  type ListedPrice,
  type ListPrice,
  type Price,
  priceAt,
  type PriceOverride,
  soundPrice,
} from "../catalog/prices.ts";
import { catalogEntries } from "../catalog/sources.ts";
import { type Nanos, type PricedTokens, tokensCost } from "../lib/money.ts";

export interface WorstCase {
  /** Our provider id (the preset's). */
  provider: string;
  /** The provider's own name of the model. */
  model: string;
  /** Most input tokens, cached ones and audio included. */
  inputTokens: number;
  /** Most output tokens, reasoning and audio included. */
  outputCap: number;
  overrides?: readonly PriceOverride[];
  /** The time that the request will be priced at, ms since the epoch. */
  atMs: number;
  /** Input may be written to the provider's prompt cache. */
  mayCacheWrite: boolean;
  /** Where there may be audio. */
  hasAudio?: { input: boolean; output: boolean };
  /** There may be pictures in the input. */
  hasImages?: boolean;
  /** Most seconds of sound, for models that are priced by its length. */
  seconds?: number;
  /** Most calls of tools that the provider runs and may charge for. */
  serverToolCalls?: number;
}

/**
 * An upper bound of `priceUsage` for every usage that stays within the bounds, null when nobody knows the price
 * of a kind of token that it may have.
 * @throws RangeError when a count is not a non-negative safe integer.
 * @example await worstCost({ provider: "openai", model: "gpt-4o", inputTokens: 1_000, outputCap: 100, atMs, mayCacheWrite: false }) // → 3_500_000n
 */
export async function worstCost(bounds: WorstCase): Promise<Nanos | null> {
  const { provider, model, atMs } = bounds;
  const override = findOverride(bounds.overrides ?? [], provider, model);
  if (override) return dearestByOverride(override.price, bounds);
  if (catalogEntries.get(provider)?.free) return 0n;
  const found = await findListPrice(provider, model, atMs);
  const lines = found && dearestLines(found.prices, bounds);
  return lines ? tokensCost(lines) : null;
}

function dearestByOverride(
  price: Price,
  { inputTokens, outputCap, mayCacheWrite, serverToolCalls = 0 }: WorstCase,
) {
  const write5m = price.cacheWrite5m ?? price.input;
  const inputs = [price.input, price.cacheRead ?? price.input];
  if (mayCacheWrite) inputs.push(write5m, price.cacheWrite1h ?? write5m);
  const tokens = tokensCost([
    { tokens: inputTokens, nanosPerMillion: largest(inputs) },
    { tokens: outputCap, nanosPerMillion: price.output },
  ]);
  return tokens + (price.request ?? 0n) + (price.tool ?? 0n) * BigInt(serverToolCalls);
}

type Prices = ListPrice["prices"];

/** Undefined where a kind of token that there may be has no price. */
function dearestLines(prices: Prices, bounds: WorstCase): PricedTokens[] | undefined {
  const { inputTokens, outputCap, mayCacheWrite, hasAudio, serverToolCalls = 0 } = bounds;
  const sound = bounds.seconds === undefined ? undefined : soundPrice(prices);
  if (sound !== undefined && prices.input_mtok === undefined) {
    return [{ tokens: (bounds.seconds ?? 0) * 1_000, nanosPerMillion: sound }];
  }
  const dearest = (...keys: string[]): Nanos | undefined => dearestOf(prices, keys, inputTokens);
  const input = [dearest("input_mtok"), dearest("cache_read_mtok", "input_mtok")];
  if (mayCacheWrite) {
    input.push(
      dearest("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
      dearest("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    );
  }
  if (hasAudio?.input) input.push(dearest("input_audio_mtok"));
  if (bounds.hasImages) input.push(dearest("input_image_mtok", "input_mtok"));
  const output = [dearest("output_mtok"), dearest("output_reasoning_mtok", "output_mtok")];
  if (hasAudio?.output) output.push(dearest("output_audio_mtok"));
  // Models that draw have a price for it, and nobody has to ask them to.
  output.push(dearest("output_image_mtok", "output_mtok"));
  const calls = ["web_searches_kcount", "storage_searches_kcount", "code_executions_kcount"].map(
    (key) => dearest(key) ?? 0n,
  );
  const kinds: [tokens: number, prices: (Nanos | undefined)[]][] = [
    [inputTokens, input],
    [outputCap, output],
    [1, [perThousand(dearest("requests_kcount") ?? 0n)]],
    [serverToolCalls, [perThousand(largest(calls))]],
  ];
  const lines: PricedTokens[] = [];
  for (const [tokens, known] of kinds) {
    if (tokens === 0) continue;
    if (known.includes(undefined)) return undefined;
    lines.push({ tokens, nanosPerMillion: largest(known.filter((each) => each !== undefined)) });
  }
  // Nothing but the fee of each request: as unknown as `priceUsage` finds it.
  const isPriced = prices.input_mtok !== undefined || prices.requests_kcount !== undefined;
  return isPriced || inputTokens + outputCap > 0 ? lines : undefined;
}

/**
 * The dearest price that an input of at most so many tokens can meet. The whole input decides the tier, and it may
 * turn out smaller: every tier that begins below it counts. Of several keys the first that has a price does.
 */
function dearestOf(prices: Prices, keys: readonly string[], size: number): Nanos | undefined {
  const sizes = new Set([0, size, ...keys.flatMap((key) => tierSizes(prices[key], size))]);
  let most: Nanos | undefined;
  for (const each of sizes) {
    const key = keys.find((name) => priceAt(prices[name], each) !== undefined);
    const price = key === undefined ? undefined : priceAt(prices[key], each);
    if (price === undefined) return undefined;
    if (most === undefined || price > most) most = price;
  }
  return most;
}

/** The smallest input of each tier that an input of `size` tokens can reach. */
const tierSizes = (price: ListedPrice, size: number): number[] =>
  price === undefined || typeof price === "number"
    ? []
    : price.tiers.map(({ start }) => Math.floor(start) + 1).filter((each) => each <= size);

/** The list has prices for a thousand, sums are made of prices for a million. */
const perThousand = (nanos: Nanos): Nanos => nanos * 1_000n;

const largest = (prices: readonly Nanos[]): Nanos =>
  prices.reduce((most, price) => (price > most ? price : most), 0n);
