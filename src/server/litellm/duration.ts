// LiteLLM's durations ("30s", "15m", "1h", "30d", "2w", "1mo"), and the window of a budget that one stands for.
import { GatewayError } from "../../ir/error.ts";
import type { BudgetWindow } from "../../store/directory-types.ts";

const unitMs = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  mo: 30 * 86_400_000,
} as const;

type Unit = keyof typeof unitMs;

const pattern = /^(\d{1,6})\s*(s|m|h|d|w|mo|hr|min|sec)$/;
const synonyms: Readonly<Record<string, Unit>> = { hr: "h", min: "m", sec: "s" };

/**
 * How long it is, ms; a month counts 30 days.
 * @throws GatewayError `invalid_request`
 * @example durationMs("30d", "duration") // → 2_592_000_000
 */
export function durationMs(text: string, param: string): number {
  const [, count = "", written = ""] = pattern.exec(text.trim().toLowerCase()) ?? [];
  const unit = synonyms[written] ?? (written as Unit);
  if (count === "") {
    throw new GatewayError(
      "invalid_request",
      `\`${param}\` is no duration. Write e.g. \`30s\`, \`15m\`, \`12h\`, \`30d\`, \`2w\` or \`1mo\`.`,
      { param },
    );
  }
  return Number(count) * unitMs[unit];
}

const windows: readonly (readonly [number, BudgetWindow])[] = [
  [unitMs.h, "1h"],
  [unitMs.d, "1d"],
  [unitMs.w, "1w"],
  [31 * unitMs.d, "1M"],
];

/**
 * The shortest window of this gateway that is not shorter than the duration: a budget is never laxer than it was asked for.
 * @example windowOf("30d") // → { window: "1M", isExact: true }
 */
export function windowOf(duration: string | null): { window: BudgetWindow; isExact: boolean } {
  if (duration === null) return { window: "total", isExact: true };
  const ms = durationMs(duration, "budget_duration");
  // Days of a month that LiteLLM itself takes to mean the month.
  const isMonth = ms === 30 * unitMs.d || ms === 31 * unitMs.d;
  const [length, window] = windows.find(([most]) => ms <= most) ?? [Infinity, "total" as const];
  return { window, isExact: ms === length || (window === "1M" && isMonth) };
}

/** As LiteLLM writes it; null: it never begins anew. */
export const durationOf = (window: BudgetWindow): string | null => names[window];

const names: Readonly<Record<BudgetWindow, string | null>> = {
  "1h": "1h",
  "1d": "1d",
  "1w": "7d",
  "1M": "30d",
  total: null,
};
