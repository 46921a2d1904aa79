// Money, windows, rates, times and lists as people type them.
import { now } from "../../lib/clock.ts";
import { parseUsd } from "../../lib/money.ts";
import type { BudgetWindow, LimitUnit, LimitWindow } from "../../store/directory-types.ts";
import { ExitError, exitCodes } from "../exit.ts";

const usage = (message: string): ExitError => new ExitError(exitCodes.usage, message);

/** An amount in a window of time. */
export interface TypedBudget {
  amount_usd: string;
  window: BudgetWindow;
}

export interface TypedLimit {
  unit: LimitUnit;
  /** Null for `parallel`. */
  window: LimitWindow | null;
  amount: number;
}

/** Shares of a budget that raise an alert, where nobody says which. */
export const usualShares: readonly number[] = [0.8, 1];

const budgetWindows: Readonly<Record<string, BudgetWindow>> = {
  h: "1h",
  "1h": "1h",
  hour: "1h",
  d: "1d",
  "1d": "1d",
  day: "1d",
  w: "1w",
  "1w": "1w",
  week: "1w",
  "1M": "1M",
  mo: "1M",
  month: "1M",
  total: "total",
};

/**
 * Dollars, and how long they last; without a window, for ever.
 * @example parseBudget("10/day") // → { amount_usd: "10", window: "1d" }
 * @throws ExitError `usage`
 */
export function parseBudget(text: string): TypedBudget {
  const [, amount = "", window = "total"] =
    /^\$?\s*([\d._,]+)\s*(?:\/\s*(\w+))?$/.exec(text.trim()) ?? [];
  const found = Object.hasOwn(budgetWindows, window) ? budgetWindows[window] : undefined;
  const nanos = parseUsd(amount.replaceAll("_", ""));
  if (found && nanos !== undefined && nanos >= 0n && !amount.includes(",")) {
    return { amount_usd: amount.replaceAll("_", ""), window: found };
  }
  throw usage(
    `A budget is dollars and how long they last, such as \`10/day\`, \`12.50/hour\`, \`500/month\` or \`100\` (for ever), not \`${text}\`. Windows are hour, day, week, month, total.`,
  );
}

/** Dollars alone. @throws ExitError `usage` */
export function parseMoney(text: string): string {
  const { amount_usd: amount, window } = parseBudget(text);
  if (window === "total" && !text.includes("/")) return amount;
  throw usage(`An amount is dollars such as \`12.50\`, not \`${text}\`.`);
}

const windowLetters: Readonly<Record<string, LimitWindow>> = { m: "minute", h: "hour", d: "day" };
const unitLetters: Readonly<Record<string, LimitUnit>> = {
  r: "requests",
  t: "tokens",
  it: "input_tokens",
  ot: "output_tokens",
};
const unitWords: Readonly<Record<string, LimitUnit>> = {
  "": "requests",
  request: "requests",
  requests: "requests",
  token: "tokens",
  tokens: "tokens",
  input_tokens: "input_tokens",
  output_tokens: "output_tokens",
};
const windowWords: Readonly<Record<string, LimitWindow>> = {
  min: "minute",
  minute: "minute",
  m: "minute",
  hour: "hour",
  h: "hour",
  day: "day",
  d: "day",
};
const multiples: Readonly<Record<string, number>> = { "": 1, k: 1_000, m: 1_000_000 };

const short = /^([\d_]+(?:\.\d+)?)\s*([km]?)\s*(r|t|it|ot)p([mhd])$/i;
const long = /^([\d_]+(?:\.\d+)?)\s*([km]?)\s*([a-z_]*)\s*\/\s*([a-z]+)$/i;
const atOnce = /^([\d_]+)\s*(?:parallel|at once)$/i;

/**
 * A rate, as providers write theirs or in words.
 * @example parseLimit("60rpm") // → { unit: "requests", window: "minute", amount: 60 }
 * @example parseLimit("2M tokens/day") // → { unit: "tokens", window: "day", amount: 2000000 }
 * @throws ExitError `usage`
 */
export function parseLimit(text: string): TypedLimit {
  const typed = text.trim();
  const whole = atOnce.exec(typed);
  if (whole) return checked(text, { unit: "parallel", window: null, amount: count(whole[1], "") });
  const letters = short.exec(typed);
  const words = long.exec(typed);
  const [, amount, multiple] = letters ?? words ?? [];
  const unit = letters ? own(unitLetters, letters[3]) : own(unitWords, words?.[3]);
  const window = letters ? own(windowLetters, letters[4]) : own(windowWords, words?.[4]);
  if (unit && window) return checked(text, { unit, window, amount: count(amount, multiple) });
  throw notLimit(text);
}

const own = <T>(table: Readonly<Record<string, T>>, name: string | undefined): T | undefined => {
  const key = name?.toLowerCase();
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
};

const count = (amount = "", multiple = ""): number =>
  Number((Number(amount.replaceAll("_", "")) * (own(multiples, multiple) ?? 1)).toFixed(6));

function checked(text: string, limit: TypedLimit): TypedLimit {
  if (Number.isSafeInteger(limit.amount) && limit.amount >= 0) return limit;
  throw notLimit(text);
}

const notLimit = (text: string): ExitError =>
  usage(
    `A limit is a whole number, what it counts and a time, such as \`60rpm\`, \`100ktpm\`, \`1000 requests/hour\`, \`2M tokens/day\`, \`50k input_tokens/hour\`, or \`4 parallel\`, not \`${text}\`.`,
  );

const timeUnits: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 365 * 86_400_000,
};
const maxMoment = 8.64e15;

/** A length of time, ms. @example parseLength("--grace", "24h") // → 86400000 @throws ExitError `usage` */
export function parseLength(option: string, text: string): number {
  const [, amount = "", unit = ""] = /^(\d{1,9})\s*([smhdwy])$/.exec(text.trim()) ?? [];
  const length = own(timeUnits, unit);
  const ms = Number(amount) * (length ?? Number.NaN);
  if (Number.isSafeInteger(ms)) return ms;
  throw usage(`${option} takes a time such as 90m, 24h, 30d or 2w, not \`${text}\`.`);
}

/** A moment from now on or a date, ms since the epoch; null for `never`. @throws ExitError `usage` */
export function parseExpiry(text: string): number | null {
  const typed = text.trim();
  if (typed === "never") return null;
  const date = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?$/.test(typed)
    ? Date.parse(typed)
    : Number.NaN;
  if (!Number.isNaN(date)) return date;
  const moment = /^\d+\s*[smhdwy]$/.test(typed) ? now() + parseLength("--expires", typed) : null;
  if (moment !== null && moment <= maxMoment) return Math.trunc(moment);
  throw usage(
    `--expires takes a time from now such as 12h, 30d or 1y, a date such as 2027-01-31, or \`never\`, not \`${text}\`.`,
  );
}

/** Shares of an amount. @example parseShares(["50%,80%"]) // → [0.5, 0.8] @throws ExitError `usage` */
export function parseShares(texts: readonly string[]): number[] {
  const parts = parseList(texts);
  if (parts.length === 1 && parts[0] === "none") return [];
  return parts.map((part) => {
    const share = /^\d{1,3}(?:\.\d{1,4})?%$/.test(part)
      ? Number((Number(part.slice(0, -1)) / 100).toFixed(6))
      : Number.NaN;
    if (share > 0 && share <= 1) return share;
    throw usage(`--alert-at takes shares such as 50%,80%,100%, or \`none\`, not \`${part}\`.`);
  });
}

/** What was given several times, or with commas between. */
export const parseList = (texts: readonly string[]): string[] =>
  texts
    .flatMap((text) => text.split(","))
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** Null for `all`: no limit. */
export function parseNames(texts: readonly string[]): string[] | null {
  const names = parseList(texts);
  return names.length === 1 && names[0] === "all" ? null : names;
}

/** `a=b`, several times. @throws ExitError `usage` */
export function parsePairs(option: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at > 0) return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
      throw usage(`${option} takes a name and a value, such as a=b, not \`${text}\`.`);
    }),
  );
}
