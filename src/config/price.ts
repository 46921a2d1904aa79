// Prices as people write them: exact decimals in, integer nano-dollars out.
import { formatNanos, type Nanos, parseUsd } from "../lib/money.ts";

/**
 * A price in nano-dollars, or undefined when it is not a decimal, is negative, absurdly large, or finer than a nano-dollar.
 * @example parseDollars("2.50") // → 2_500_000_000n
 */
export function parseDollars(text: string): Nanos | undefined {
  const nanos = parseUsd(text);
  return nanos !== undefined && nanos >= 0n && nanos < 10n ** 18n ? nanos : undefined;
}

/** @example formatDollars(2_500_000_000n) // → "2.5" */
export const formatDollars = (nanos: Nanos): string => formatNanos(nanos).replace(/\.?0+$/, "");
