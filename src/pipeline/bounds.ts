// What one attempt can cost at most, and how long an answer the money that is left can pay for.
import { modelFacts } from "../catalog/facts.ts";
import type { ImageOrder } from "../catalog/images.ts";
import { mostPerPicture } from "../catalog/media.ts";
import type { PriceOverride } from "../catalog/prices.ts";
import { worstCost } from "../access/worst-cost.ts";
import type { Config } from "../config/config.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Demand } from "./demand.ts";
import { imageBound } from "./image-cost.ts";

export interface Pricing {
  config: Pick<Config, "prices" | "rules">;
  /** Wall clock at which prices hold. */
  atMs: number;
  /** Tokens that it brings along besides the request's own. */
  moreInput: number;
}

/** Cheaper answers than so many tokens are not worth their request. */
const leastOutput = 256;
/** Of models that no catalogue knows: their answers, and what they can read. */
const usualCap = 32_768;
const usualWindow = 200_000;

/**
 * The bound of an attempt at this deployment; `nanos` is null where nobody knows a price. `outputCap`: the request
 * leaves it open how long the answer may be, and the bound holds for one of so many tokens.
 */
export async function boundOf(
  demand: Demand,
  candidate: Candidate,
  pricing: Pricing,
): Promise<{ nanos: Nanos | null; outputCap?: number }> {
  const { tokens } = demand;
  if (demand.flat) {
    const known = await demand.flat(candidate);
    const each = pricing.config.rules.defaultPrice?.request ?? null;
    return { nanos: known ?? (each === null ? null : each * BigInt(demand.lines ?? 1)) };
  }
  if (demand.images) return { nanos: await imagesAt(demand.images(candidate), candidate, pricing) };
  if (!tokens?.hasOutput) return { nanos: await costAt(demand, candidate, { ...pricing, cap: 0 }) };
  if (tokens.output !== null) {
    return { nanos: await costAt(demand, candidate, { ...pricing, cap: tokens.output }) };
  }
  const { contextWindow, maxOutputTokens } = await modelFacts(
    candidate.provider.preset.id,
    candidate.model,
  );
  const outputCap = maxOutputTokens ?? Math.min(contextWindow ?? usualCap, usualCap);
  const nanos = await costAt(demand, candidate, { ...pricing, cap: outputCap });
  return tokens.takesLimit ? { nanos, outputCap } : { nanos };
}

/** The longest answer that what is left can pay; null where that is hardly any. */
export async function affordableCap(
  demand: Demand,
  candidate: Candidate,
  { left, ...pricing }: Pricing & { left: Nanos },
): Promise<{ cap: number; nanos: Nanos } | null> {
  const at = (cap: number) => costAt(demand, candidate, { ...pricing, cap });
  const [none, some] = [await at(0), await at(leastOutput)];
  if (none === null || some === null || some > left || some === none) return null;
  const cap = Number(((left - none) * BigInt(leastOutput)) / (some - none));
  const nanos = await at(cap);
  return nanos === null || nanos > left ? { cap: leastOutput, nanos: some } : { cap, nanos };
}

const imagesAt = (
  order: ImageOrder,
  candidate: Candidate,
  { config, atMs }: Pricing,
): Promise<Nanos | null> =>
  imageBound(order, {
    provider: candidate.provider.preset.id,
    model: candidate.model,
    atMs,
    overrides: overridesOf(candidate, config),
    defaultPrice: config.rules.defaultPrice,
  });

/** What an answer of `cap` tokens costs at most; null where nobody knows. */
async function costAt(
  { tokens, orRequest }: Demand,
  candidate: Candidate,
  { cap, config, atMs, moreInput }: Pricing & { cap: number },
): Promise<Nanos | null> {
  if (!tokens) return config.rules.defaultPrice?.request ?? null;
  const { provider, model } = candidate;
  const said = tokens.input + tokens.pictures * mostPerPicture(model) + moreInput;
  const window = tokens.isOpen
    ? ((await modelFacts(provider.preset.id, model)).contextWindow ?? usualWindow)
    : 0;
  const bounds = {
    provider: provider.preset.id,
    model,
    inputTokens: within(Math.max(said, window)),
    outputCap: within(cap * tokens.answers),
    atMs,
    mayCacheWrite: tokens.mayCacheWrite,
    hasAudio: tokens.hasAudio,
    hasImages: tokens.pictures > 0 || tokens.isOpen,
    ...(tokens.seconds !== undefined && { seconds: tokens.seconds }),
    serverToolCalls: within(
      tokens.toolCalls.calls + tokens.toolCalls.open * config.rules.maxToolCalls,
    ),
  };
  const known = await worstCost({ ...bounds, overrides: overridesOf(candidate, config) });
  const { defaultPrice } = config.rules;
  if (known !== null || !defaultPrice) return known;
  if (orRequest && defaultPrice.request !== null) return defaultPrice.request;
  return worstCost({ ...bounds, overrides: [{ pattern: "*", price: defaultPrice }] });
}

/** A count that money can be reckoned with: more cannot be paid anyway. */
const within = (tokens: number): number => Math.min(tokens, Number.MAX_SAFE_INTEGER);

const overridesOf = (
  { provider }: Candidate,
  { prices }: Pick<Config, "prices">,
): PriceOverride[] => [...provider.prices, ...prices];
