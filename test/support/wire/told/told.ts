// What every wire's reader gives, and the small tools that they share.
import { isObject, type JsonObject, rawAt } from "../../../../src/lib/json.ts";
import type { Payload } from "../payloads.ts";

/** One answer (the first candidate) in words that every wire has. */
export interface Told {
  text: string;
  reasoning: string;
  calls: Call[];
  /** Web addresses that are cited, each once, sorted. */
  citations: string[];
  /** Pictures: their data, or their address. */
  images: string[];
  /** Part of the text is a refusal in a field of its own. */
  isRefused: boolean;
  finish: Finish;
  usage: ToldUsage | null;
}

export type Finish = "stop" | "length" | "tool-calls" | "filtered" | "none";

export interface Call {
  name: string;
  args: string;
}

/** `input` includes the cached tokens once, `output` the reasoning. */
export interface ToldUsage {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
}

/** An error inside an answer. */
export interface Failure {
  message: string;
}

export interface Reader {
  whole(payload: Payload): Told;
  stream(payloads: readonly Payload[]): Told;
  failure(json: JsonObject): Failure | undefined;
  /** Names of what only this wire has. */
  strangers(json: JsonObject): string[];
}

export const text = (value: unknown): string => (typeof value === "string" ? value : "");
export const list = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : [];
export const count = (value: unknown): number => (typeof value === "number" ? value : 0);
export const inside = (value: unknown, ...keys: string[]): unknown =>
  keys.reduce((outer, key) => (isObject(outer) ? outer[key] : undefined), value);
export const object = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** Each once, sorted. */
export const addresses = (found: readonly unknown[]): string[] =>
  [...new Set(found.map(text).filter((url) => url !== ""))].toSorted();

/** Servers that always send the field leave the name empty. No arguments are written `""` or `{}`. */
export const realCalls = (calls: Iterable<Call>): Call[] =>
  [...calls]
    .filter(({ name }) => name !== "")
    .map(({ name, args }) => ({ name, args: args || "{}" }));

/** Gives the JSON text of a value as it stands on the wire: by its path, below one pattern. */
export function spellingOf(
  { text: written }: Payload,
  pattern: readonly string[],
): (path: readonly (string | number)[], value: unknown) => string {
  const spelt = new Map(
    written === undefined
      ? []
      : rawAt(written, [...pattern]).map((found) => [found.path.join(), found.text]),
  );
  return (path, value) =>
    spelt.get(path.join()) ?? (value === undefined ? "" : JSON.stringify(value, withoutBigInt));
}

/** Amazon's SDK keeps what JavaScript's numbers cannot hold. */
const withoutBigInt = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? Number(value) : value;

/** True where there is any text or number but 0 in it. */
export function says(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  return Object.values(value).some(says);
}
