// Dollars on LiteLLM's wire: decimal numbers in JSON, read and written digit by digit.
import { type JsonObject, RawJson, rawAt, isObject } from "../../lib/json.ts";
import { formatNanos, type Nanos } from "../../lib/money.ts";

const decimal = /^(\d{1,30})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,2}))?$/;
const most = 2n ** 62n;

/**
 * Nano-dollars of a decimal text, rounded half up where it is finer (programs send sums of floats); undefined for
 * what is no amount.
 * @example nanosOf("0.30000000000000004") // → 300_000_000n
 */
export function nanosOf(text: string): Nanos | undefined {
  const match = decimal.exec(text.trim());
  if (!match) return undefined;
  const [, whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction);
  const shift = 9 - fraction.length + Number(exponent);
  const nanos =
    shift >= 0
      ? digits * 10n ** BigInt(shift)
      : (digits + 10n ** BigInt(-shift) / 2n) / 10n ** BigInt(-shift);
  return nanos > most ? undefined : nanos;
}

/** A JSON number with exactly these digits. @example usd(1_500_000_000n) // → 1.5 */
export const usd = (nanos: Nanos): RawJson => new RawJson(formatNanos(nanos).replace(/\.?0+$/, ""));

/** Dollars for one token, exactly. */
export function perToken(nanosPerMillion: Nanos): RawJson {
  const digits = nanosPerMillion.toString().padStart(16, "0");
  return new RawJson(`${digits.slice(0, -15)}.${digits.slice(-15)}`.replace(/\.?0+$/, ""));
}

/** Where requests have amounts of money. */
const places: readonly (readonly string[])[] = [
  ["max_budget"],
  ["soft_budget"],
  ["max_budget_in_team"],
  ["max_budget_in_organization"],
  ["model_max_budget", "*"],
  ["model_max_budget", "*", "max_budget"],
  ["model_max_budget", "*", "budget_limit"],
];

/** The body with every amount of money as the text that was sent, so that no float has touched it. */
export function withExactMoney(text: string, body: JsonObject): JsonObject {
  for (const place of places) {
    const [name = ""] = place;
    if (!Object.hasOwn(body, name)) continue;
    for (const { path, text: found } of rawAt(text, place)) {
      if (!/^-?\d/.test(found)) continue;
      const last = path.at(-1) ?? "";
      let holder: unknown = body;
      for (const step of path.slice(0, -1)) {
        holder = isObject(holder) && Object.hasOwn(holder, step) ? holder[step] : undefined;
      }
      if (isObject(holder) && Object.hasOwn(holder, last)) holder[last] = found;
    }
  }
  return body;
}
