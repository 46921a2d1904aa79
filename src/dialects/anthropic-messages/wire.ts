// Reading and writing Anthropic Messages JSON: checked field access in the vendor's words, unknown fields, losses.
import type { DialectId, Ext, OpaquePart } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Warning } from "../../ir/warning.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";

export const dialectId: DialectId = "anthropic-messages";

/** Why something of another wire is left out. */
export const noForm = "Anthropic Messages has no form for it";

/** A client's field is wrong. The wording is the vendor's own, e.g. `messages.0.role: Field required`. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `${path}: ${problem}`, { param: path });
}

export const rejectMissing = (path: string): never => reject(path, "Field required");

/** Own property only: a key such as `constructor` is not there unless the JSON has it. Null counts as absent. */
export const field = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

export function optionalString(object: JsonObject, key: string, path = ""): string | undefined {
  const value = field(object, key);
  if (value === undefined || typeof value === "string") return value;
  return reject(join(path, key), "Input should be a valid string");
}

export function requiredString(object: JsonObject, key: string, path = ""): string {
  return optionalString(object, key, path) ?? rejectMissing(join(path, key));
}

export function optionalNumber(object: JsonObject, key: string): number | undefined {
  const value = field(object, key);
  if (value === undefined) return undefined;
  // JSON can spell numbers beyond every double (1e400): they arrive as Infinity.
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return reject(key, "Input should be a valid number");
}

export function optionalInteger(object: JsonObject, key: string, path = ""): number | undefined {
  const value = field(object, key);
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value)) return value as number;
  return reject(join(path, key), "Input should be a valid integer");
}

export function optionalBoolean(object: JsonObject, key: string, path = ""): boolean | undefined {
  const value = field(object, key);
  if (value === undefined || typeof value === "boolean") return value;
  return reject(join(path, key), "Input should be a valid boolean");
}

export function optionalObject(object: JsonObject, key: string, path = ""): JsonObject | undefined {
  const value = field(object, key);
  if (value === undefined || isObject(value)) return value;
  return reject(join(path, key), "Input should be a valid dictionary");
}

export function requiredObject(object: JsonObject, key: string, path = ""): JsonObject {
  return optionalObject(object, key, path) ?? rejectMissing(join(path, key));
}

export function optionalArray(object: JsonObject, key: string, path = ""): unknown[] | undefined {
  const value = field(object, key);
  if (value === undefined || Array.isArray(value)) return value;
  return reject(join(path, key), "Input should be a valid list");
}

/** String where it is one, else undefined: for answers, which are never refused over a detail. */
export const stringOr = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

/** The fields that `known` does not name and that say something; undefined when there are none. */
export function unknownFields(
  object: JsonObject,
  known: ReadonlySet<string>,
): JsonObject | undefined {
  const entries = Object.entries(object).filter(
    ([key, value]) =>
      !known.has(key) && key !== "__proto__" && value !== null && value !== undefined,
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** `{ ext }` to be spread into a part, message or tool; empty when there is nothing to keep. */
export const withExt = (fields: JsonObject | undefined): { ext?: Ext } =>
  fields && Object.keys(fields).length > 0 ? { ext: { [dialectId]: fields } } : {};

/** This dialect's own fields of a part, message, tool or request. */
export const ownExt = (ext: Ext | undefined): JsonObject => ext?.[dialectId] ?? {};

/** The fields of other dialects, which this wire cannot carry. */
export const foreignFields = (ext: Ext | undefined): string[] =>
  Object.entries(ext ?? {})
    .filter(([dialect]) => dialect !== dialectId)
    .flatMap(([, fields]) => Object.keys(fields ?? {}));

export const opaque = (raw: unknown): OpaquePart => ({ type: "opaque", origin: dialectId, raw });

/**
 * A wire object that only this dialect fully understands but that others can read in part: kept whole in `ext` under
 * its own type, so that this dialect's encoder emits it as it came.
 */
export const wholeBlock = (ext: Ext | undefined): JsonObject | undefined =>
  Object.entries(ownExt(ext))
    .filter(([key, value]) => isObject(value) && value["type"] === key)
    .map(([, value]) => value as JsonObject)[0];

/** The same field in another message or block. @example placeless("tools[3].strict") // → "tools[].strict" */
export const placeless = (path: string): string => path.replace(/\[\d+\]/g, "[]");

/** What an encoding could not carry. The same loss in several places becomes one warning with a count. */
export interface Losses {
  lose(field: string, reason: string): void;
  warnings(): Warning[];
}

export function createLosses(target: string): Losses {
  const found = new Map<string, { field: string; reason: string; count: number }>();
  return {
    lose(path, reason) {
      const key = `${placeless(path)} ${reason}`;
      const known = found.get(key);
      if (known) known.count += 1;
      else found.set(key, { field: path, reason, count: 1 });
    },
    warnings: () =>
      Array.from(found.values(), ({ field: path, reason, count }) => ({
        field: path,
        reason: count === 1 ? reason : `${reason} (${count} places)`,
        target,
      })),
  };
}
