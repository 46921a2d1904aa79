// Prices as people write them: exact decimals in, integer nano-dollars out.

export const pricePattern = /^\d{1,9}(?:\.\d{1,9})?$/;

/**
 * Nano-dollars of a decimal amount in dollars, read digit by digit: no floating point in between.
 * Undefined when it is not a decimal, is negative, or is finer than a nano-dollar.
 * @example parseDollars("2.50") // → 2_500_000_000n
 */
export function parseDollars(text: string): bigint | undefined {
  const plain = expand(text);
  if (plain === undefined || !pricePattern.test(plain)) return undefined;
  const [whole = "0", fraction = ""] = plain.split(".");
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** Writes out the exponent that numbers print with: `1e-7` → `0.0000001`. */
function expand(text: string): string | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = "", fraction = "", exponentText = "0"] = match;
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const padded = point <= 0 ? "0".repeat(1 - point) + digits : digits.padEnd(point, "0");
  const at = Math.max(point, 1);
  const left = padded.slice(0, at).replace(/^0+(?=\d)/, "");
  const right = padded.slice(at).replace(/0+$/, "");
  return right === "" ? left : `${left}.${right}`;
}

/** @example formatDollars(2_500_000_000n) // → "2.5" */
export function formatDollars(nanos: bigint): string {
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = (nanos / 1_000_000_000n).toString();
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
