// A provider's bill: what it says was used and what it cost, by model and day.
import type { Amount } from "./decimal.ts";

/** A file that is no bill, in words for whoever exported it. */
export class BillError extends Error {
  override readonly name = "BillError";
}

/** Null where the export does not say. */
export interface Billed {
  requests: number | null;
  inputTokens: number | null;
  /** Of the input. */
  cacheReadTokens: number | null;
  outputTokens: number | null;
  cost: Amount | null;
  /** How much of a difference may come from the export's own rounding. */
  slack: Amount;
}

export interface BillLine extends Billed {
  /** UTC, `2026-01-31`. */
  readonly day: string;
  /** As {@link modelName} gives it. */
  readonly model: string;
}

export interface Bill {
  /** What kind of export it is, for people. */
  readonly format: string;
  readonly lines: readonly BillLine[];
}

export const nothingBilled = (): Billed => ({
  requests: null,
  inputTokens: null,
  cacheReadTokens: null,
  outputTokens: null,
  cost: null,
  slack: 0n,
});

/** Adds what `more` says to `sum`. */
export function addBilled(sum: Billed, more: Billed): void {
  for (const name of ["requests", "inputTokens", "cacheReadTokens", "outputTokens"] as const) {
    const value = more[name];
    if (value !== null) sum[name] = (sum[name] ?? 0) + value;
  }
  if (more.cost !== null) sum.cost = (sum.cost ?? 0n) + more.cost;
  sum.slack += more.slack;
}

/**
 * Names of the same model alike: bills have dates behind a name, or the name for people.
 * @example modelName("Claude Haiku 4.5") // → "claude-haiku-4-5"
 * @example modelName("gpt-4o-2024-08-06") // → "gpt-4o"
 */
export const modelName = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s._]+/g, "-")
    .replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)(?=$|:)/, "");
