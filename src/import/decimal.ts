// Prices by the token as prices by the million, digit by digit.

/**
 * A price per token times a million, in the form that this gateway's prices have.
 * Undefined when it is not a decimal, is negative, or is finer or larger than prices can be.
 * @example perMillion("1.5e-07") // → "0.15"
 */
export function perMillion(text: string): string | undefined {
  const match = /^\+?(\d{0,30})(?:\.(\d{0,60}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (!match) return undefined;
  const [, whole = "", fraction = "", exponent = "0"] = match;
  if (whole + fraction === "") return undefined;
  const places = fraction.length - Number(exponent) - 6;
  const digits = (whole + fraction).replace(/^0+/, "") || "0";
  if (digits === "0") return "0";
  const padded = places > 0 ? digits.padStart(places + 1, "0") : digits + "0".repeat(-places);
  const point = places > 0 ? padded.length - places : padded.length;
  const left = padded.slice(0, point);
  const right = padded.slice(point).replace(/0+$/, "");
  if (left.length > 9 || right.length > 9) return undefined;
  return right === "" ? left : `${left}.${right}`;
}
