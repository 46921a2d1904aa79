// Money as whole nano-dollars: decimal text in and out, exact sums, one rounding per request.

/** 10⁻⁹ US dollars, as a bigint: no sum is ever rounded. */
export type Nanos = bigint;

/** So many tokens of one kind at one price. */
export interface PricedTokens {
  tokens: number;
  nanosPerMillion: Nanos;
}

const decimal = /^(-?)(\d{1,30})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,2}))?$/;
const perDollar = 1_000_000_000n;

/**
 * Reads a decimal amount in dollars digit by digit; exponents as JavaScript prints them are understood.
 * Undefined when it is not a decimal, or finer than a nano-dollar.
 * @example parseUsd("2.50") // → 2_500_000_000n
 * @example parseUsd(String(0.0000001)) // → 100n
 */
export function parseUsd(text: string): Nanos | undefined {
  const match = decimal.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction);
  const shift = 9 - fraction.length + Number(exponent);
  const nanos = shift >= 0 ? digits * 10n ** BigInt(shift) : wholeOrNothing(digits, -shift);
  return sign === "-" && nanos !== undefined ? -nanos : nanos;
}

function wholeOrNothing(digits: bigint, places: number): bigint | undefined {
  const divisor = 10n ** BigInt(places);
  return digits % divisor === 0n ? digits / divisor : undefined;
}

/** Dollars with all nine decimals. @example formatNanos(123_450n) // → "0.000123450" */
export function formatNanos(nanos: Nanos): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = (size % perDollar).toString().padStart(9, "0");
  return `${nanos < 0n ? "-" : ""}${size / perDollar}.${fraction}`;
}

/**
 * What tokens of several kinds cost together. The products are summed exactly in millionths of a
 * nano-dollar and rounded once, half up, so the parts of a request never round apart.
 * @throws RangeError when a count is not a non-negative safe integer, or a price is negative.
 * @example tokensCost([{ tokens: 1_000, nanosPerMillion: 2_500_000_000n }]) // → 2_500_000n
 */
export function tokensCost(lines: readonly PricedTokens[]): Nanos {
  let millionths = 0n;
  for (const { tokens, nanosPerMillion } of lines) {
    if (!Number.isSafeInteger(tokens) || tokens < 0) {
      throw new RangeError(`\`${tokens}\` is not a count of tokens`);
    }
    if (nanosPerMillion < 0n) throw new RangeError(`\`${nanosPerMillion}\` is a negative price`);
    millionths += BigInt(tokens) * nanosPerMillion;
  }
  return (millionths + 500_000n) / 1_000_000n;
}
