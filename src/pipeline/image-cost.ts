// What pictures can cost at a deployment at most, and what those that were made did cost.
import { worstCost } from "../access/worst-cost.ts";
import { type ImageOrder, mostImageTokens, pricePerImage } from "../catalog/images.ts";
import { findOverride } from "../catalog/override.ts";
import { type Price, type PricedUsage, type PriceOverride, priceUsage } from "../catalog/prices.ts";
import { catalogEntries } from "../catalog/sources.ts";
import type { Usage } from "../ir/usage.ts";
import type { Nanos } from "../lib/money.ts";

export interface ImagePricing {
  /** Our provider id (the preset's). */
  provider: string;
  /** The provider's own name of the model. */
  model: string;
  atMs: number;
  overrides: readonly PriceOverride[];
  /** Where nobody knows the price. */
  defaultPrice: Price | null;
}

/** The most that an order can cost, tokens or pieces; null where nobody knows. */
export async function imageBound(order: ImageOrder, pricing: ImagePricing): Promise<Nanos | null> {
  const { provider, model, overrides, defaultPrice } = pricing;
  const override = findOverride(overrides, provider, model)?.price;
  const own = override ? byPiece(override, order.count) : null;
  const listed = pricePerImage(provider, model, order);
  if (!override && listed !== undefined) return listed * BigInt(order.count);
  const tokens = await tokensBound(order, { ...pricing, price: override });
  if (tokens !== null) {
    const pieces = (listed ?? 0n) * BigInt(order.count) + (override?.request ?? 0n);
    const sum = tokens + (own ?? 0n);
    return sum > pieces ? sum : pieces;
  }
  if (!defaultPrice) return null;
  const byDefault = await tokensBound(order, { ...pricing, price: defaultPrice });
  return byDefault === null ? null : byDefault + (byPiece(defaultPrice, order.count) ?? 0n);
}

/**
 * What an answer with `made` pictures cost. `used`: what it told; without that, pictures are priced by the piece or the
 * request, and null where nobody has such a price.
 */
export async function imageCost(
  order: ImageOrder,
  pricing: ImagePricing,
  { made, used }: { made: number; used: Usage | undefined },
): Promise<PricedUsage | null> {
  const { provider, model, atMs, overrides, defaultPrice } = pricing;
  if (used && used.input.total + used.output.total > 0) {
    const query = { provider, model, atMs, usage: drawn(used), images: made };
    const known = await priceUsage({ ...query, overrides });
    if (known || !defaultPrice) return known;
    const other = await priceUsage({
      ...query,
      overrides: [{ pattern: "*", price: defaultPrice }],
    });
    return other && { nanos: other.nanos, source: "default" };
  }
  const override = findOverride(overrides, provider, model);
  const listed = pricePerImage(provider, model, order);
  if (override) {
    const { price, pattern } = override;
    const nanos = flat(price, made) ?? (listed === undefined ? null : listed * BigInt(made));
    return nanos === null ? null : { nanos, source: `override:${pattern}` };
  }
  if (catalogEntries.get(provider)?.free) return { nanos: 0n, source: "free" };
  if (listed !== undefined) return { nanos: listed * BigInt(made), source: `images:${provider}` };
  const nanos = defaultPrice && flat(defaultPrice, made);
  return nanos === null ? null : { nanos, source: "default" };
}

/** What such an answer has of output is pictures, where it does not say otherwise. */
function drawn(used: Usage): Usage {
  const { input, output } = used;
  return output.image === undefined
    ? { ...used, input, output: { ...output, image: output.total } }
    : used;
}

/** Of the piece and the request; null where the price has neither. */
const flat = ({ image, request }: Price, count: number): Nanos | null =>
  (image ?? null) === null && request === null
    ? null
    : (image ?? 0n) * BigInt(count) + (request ?? 0n);

const byPiece = ({ image }: Price, count: number): Nanos | null =>
  (image ?? null) === null ? null : (image ?? 0n) * BigInt(count);

async function tokensBound(
  order: ImageOrder,
  { provider, model, atMs, price }: ImagePricing & { price: Price | undefined },
): Promise<Nanos | null> {
  const { input, output } = mostImageTokens(model, order);
  return worstCost({
    provider,
    model,
    atMs,
    inputTokens: input,
    outputCap: output,
    mayCacheWrite: false,
    hasImages: order.pictures > 0,
    ...(price && { overrides: [{ pattern: "*", price }] }),
  });
}
