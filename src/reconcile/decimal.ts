// Amounts as providers write them: decimal text with as many digits as they like, summed exactly, rounded once.
import type { Nanos } from "../lib/money.ts";

/** Digits behind the point that are kept: more than any export has. */
const scale = 30;
const perNano = 10n ** BigInt(scale - 9);

/** An exact amount, in units of 10⁻³⁰ dollars. */
export type Amount = bigint;

export interface ParsedAmount {
  readonly amount: Amount;
  /** How far off rounding may have made it: half of its last digit; 0 where it has many. */
  readonly slack: Amount;
}

/** Amounts with more digits than this are not taken for rounded ones. */
const maxRoundedDigits = 4;

/** Reads `12.5`, `-0.03`, `1e-7` or `1,234.56`; null for what is none. @param cents the unit is 0.01 dollars */
export function parseAmount(text: string, { cents = false } = {}): ParsedAmount | null {
  const plain = text
    .trim()
    .replace(/^\$/, "")
    .replaceAll(/,(?=\d{3}\b)/g, "");
  const match = /^(-?)(\d{1,20})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(plain);
  if (!match) return null;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const places = fraction.length - Number(exponent) + (cents ? 2 : 0);
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const shift = scale - places;
  const amount = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  const isRounded = fraction !== "" && places <= maxRoundedDigits;
  return { amount, slack: isRounded ? 10n ** BigInt(scale - places) / 2n : 0n };
}

/** Nano-dollars, rounded half away from 0. */
export function toNanos(amount: Amount): Nanos {
  const half = amount < 0n ? -perNano / 2n : perNano / 2n;
  return (amount + half) / perNano;
}
