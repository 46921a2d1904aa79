// Values of a source in the forms that this gateway's configuration has.
import { formatDuration, maxDurationMs } from "../config/quantity.ts";
import { Template, type Text, withSuffix } from "./text.ts";

/** Seconds as a duration; undefined when they are none. @example secondsText(90, String) // → "1m30s" */
export function secondsText(value: unknown, readText: (text: string) => Text): Text | undefined {
  const text = typeof value === "string" ? readText(value) : value;
  if (text instanceof Template) return withSuffix(text, "s");
  const amount = typeof text === "string" && text.trim() !== "" ? Number(text) : text;
  if (typeof amount !== "number" || !Number.isFinite(amount)) return undefined;
  return millisecondsText(amount * 1000);
}

/** Milliseconds as a duration; undefined when they are none. */
export function millisecondsText(value: unknown): string | undefined {
  const ms = Math.round(Number(value));
  return typeof value !== "boolean" && ms >= 1 && ms <= maxDurationMs
    ? formatDuration(ms)
    : undefined;
}

/** A whole number within bounds; undefined when it is none. */
export function wholeNumber(value: unknown, min: number, max: number): number | undefined {
  const amount = typeof value === "string" && /^\d{1,12}$/.test(value) ? Number(value) : value;
  return typeof amount === "number" && Number.isInteger(amount) && amount >= min && amount <= max
    ? amount
    : undefined;
}

/** true and false, also as text. */
export function flagOf(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return undefined;
  return new Map([
    ["true", true],
    ["false", false],
  ]).get(value.trim().toLowerCase());
}

/** The texts of a list; of a single text a list of one. */
export const textList = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");

/** What people write where a server wants a key and does not look at it. */
export const isDummyKey = (text: string): boolean =>
  /^(?:|-|none|null|empty|dummy|fake|any|anything|no-?key|na|n\/a|test|ollama|vllm|lm-?studio|not-?needed|not-?required|sk-no-key-required|sk-x+|x+|fake-?(?:api-?)?key|dummy-?(?:api-?)?key)$/i.test(
    text.trim(),
  );

/** A scalar as text; undefined for anything else. */
export const scalarText = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;

/** An entry of a table, by a name that a source gives. */
export const entryOf = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;
