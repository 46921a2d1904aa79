// Money, windows, limits and moments as people read them.
import { now } from "../../lib/clock.ts";
import { parseUsd } from "../../lib/money.ts";
import { groupDigits, shortCount } from "../table.ts";
import type { BudgetRow, LimitRow, SpendingRow } from "./rows.ts";

/** Exact, without zeros that say nothing. @example dollars("12.500000000") // → "$12.50" */
export function dollars(text: string): string {
  const [whole = "0", fraction = ""] = text.split(".");
  const kept = fraction.replace(/0+$/, "").padEnd(2, "0");
  return `$${groupDigits(BigInt(whole))}.${kept}`;
}

const windows: Readonly<Record<string, string>> = {
  "1h": "each hour",
  "1d": "each day",
  "1w": "each week",
  "1M": "each month",
  total: "in all",
};

/** @example windowText({ window: "1M", zone: "Europe/Berlin", aligned: true }) // → "each month (Europe/Berlin)" */
export function windowText({
  window,
  zone,
  aligned,
}: Pick<BudgetRow, "window" | "zone" | "aligned">): string {
  const words = windows[window] ?? window;
  if (window === "total") return words;
  if (!aligned) return `${words} since it was made`;
  return zone === "UTC" ? words : `${words} (${zone})`;
}

const cells = 10;

/** How much of an amount is spent. @example bar("2.50", "10") // → "██▌······· 25 %" */
export function bar(spent: string, amount: string): string {
  const [part = 0n, whole = 0n] = [parseUsd(spent), parseUsd(amount)];
  if (whole <= 0n) return part > 0n ? `${"█".repeat(cells)} 100 %` : `${"·".repeat(cells)} 0 %`;
  // Rounded up: nothing that is spent looks like nothing.
  const halves = Math.min(cells * 2, Number((part * BigInt(cells * 2) + whole - 1n) / whole));
  const filled = "█".repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? "▌" : "");
  const hundredths = (part * 100n) / whole;
  const percent = part > 0n && hundredths === 0n ? "<1" : String(hundredths);
  return `${filled.padEnd(cells, "·")} ${percent} %`;
}

/** What is spent of a budget, by the account that spent most. */
export function spentText({ accounts, amount_usd: amount, each }: SpendingRow): string {
  const [first] = accounts;
  const spent = first?.spent_usd ?? "0";
  const whose = each === null || !first ? "" : ` ${first.of ?? ""}`;
  return `${bar(spent, amount)} ${dollars(spent)}${whose}`;
}

/** @example limitText({ unit: "tokens", window: "day", amount: 2000000 }) // → "2M tokens a day" */
export function limitText({
  unit,
  window,
  amount,
}: Pick<LimitRow, "unit" | "window" | "amount">): string {
  if (unit === "parallel") return `${groupDigits(amount)} at once`;
  const number = amount % 1_000 === 0 ? shortCount(amount) : groupDigits(amount);
  const article = window === "hour" ? "an" : "a";
  return `${number} ${unit.replaceAll("_", " ")} ${article} ${window ?? "minute"}`;
}

/** To the minute, UTC. @example moment(0) // → "1970-01-01 00:00" */
export const moment = (ms: number): string =>
  new Date(ms).toISOString().slice(0, 16).replace("T", " ");

/** A moment to come, from now; `-` for none. */
export function until(ms: number | null): string {
  if (ms === null) return "-";
  const left = ms - now();
  if (left <= 0) return "now";
  const hours = left / 3_600_000;
  if (hours < 1) return `in ${Math.ceil(left / 60_000)} min`;
  return hours < 48 ? `in ${Math.round(hours)} h` : `in ${Math.round(hours / 24)} days`;
}

/** Names, `all` where there is no limit. */
export const namesText = (names: readonly string[] | null): string =>
  names === null ? "all" : names.length === 0 ? "none" : names.join(", ");
