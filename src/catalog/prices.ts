// What a request costs, in integer nano-dollars.
import type { Usage } from "../ir/usage.ts";

/** Nano-dollars per million tokens, `request` per request; null: not said. */
export interface Price {
  readonly input: bigint;
  readonly output: bigint;
  readonly cacheRead: bigint | null;
  readonly cacheWrite5m: bigint | null;
  readonly cacheWrite1h: bigint | null;
  readonly request: bigint | null;
}

/** The operator's own price for the models that match `pattern` (`*` is any run of characters). */
export interface PriceOverride {
  readonly pattern: string;
  readonly price: Price;
}

export interface PriceQuery {
  provider: string;
  model: string;
  usage: Usage;
  atMs: number;
  overrides?: readonly PriceOverride[];
}

export interface PricedUsage {
  nanos: bigint;
  source: string;
}

export async function priceUsage(_query: PriceQuery): Promise<PricedUsage | null> {
  return null;
}

export async function pricePerMillion(
  _provider: string,
  _model: string,
  _overrides: readonly PriceOverride[] = [],
): Promise<{ input: bigint; output: bigint; source: string } | null> {
  return null;
}
