// Reading and writing OpenAI chat JSON: checked field access, unknown fields, losses.
import { createHash } from "node:crypto";
import type { DialectId, Ext } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Warning } from "../../ir/warning.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";

export const dialectId: DialectId = "openai-chat";

/** A client's field has the wrong form. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `Invalid value for \`${path}\`: ${problem}.`, {
    param: path,
  });
}

/** A client's field is not there. @throws always */
export function rejectMissing(path: string): never {
  throw new GatewayError("invalid_request", `Missing required parameter: \`${path}\`.`, {
    param: path,
  });
}

/** What a value is, in words for an error message. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/** Own property only: a key such as `constructor` is not there unless the JSON has it. */
export const field = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

export function optionalString(object: JsonObject, key: string, path = ""): string | undefined {
  const value = field(object, key);
  if (value === undefined || typeof value === "string") return value;
  return reject(join(path, key), `expected a string, got ${kindOf(value)}`);
}

export function requiredString(object: JsonObject, key: string, path = ""): string {
  const value = optionalString(object, key, path);
  return value === undefined ? rejectMissing(join(path, key)) : value;
}

export function optionalNumber(object: JsonObject, key: string): number | undefined {
  const value = field(object, key);
  if (value === undefined) return undefined;
  // JSON can spell numbers beyond every double (1e400): they arrive as Infinity.
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return reject(key, `expected a number, got ${kindOf(value)}`);
}

export function optionalInteger(object: JsonObject, key: string): number | undefined {
  const value = optionalNumber(object, key);
  if (value === undefined || Number.isInteger(value)) return value;
  return reject(key, `expected an integer, got ${value}`);
}

export function optionalBoolean(object: JsonObject, key: string, path = ""): boolean | undefined {
  const value = field(object, key);
  if (value === undefined || typeof value === "boolean") return value;
  return reject(join(path, key), `expected a boolean, got ${kindOf(value)}`);
}

export function optionalObject(object: JsonObject, key: string, path = ""): JsonObject | undefined {
  const value = field(object, key);
  if (value === undefined || isObject(value)) return value;
  return reject(join(path, key), `expected an object, got ${kindOf(value)}`);
}

export function requiredObject(object: JsonObject, key: string, path = ""): JsonObject {
  return optionalObject(object, key, path) ?? rejectMissing(join(path, key));
}

export function optionalArray(object: JsonObject, key: string, path = ""): unknown[] | undefined {
  const value = field(object, key);
  if (value === undefined || Array.isArray(value)) return value;
  return reject(join(path, key), `expected an array, got ${kindOf(value)}`);
}

/** String where it is one, else undefined: for answers and extensions, which are never refused over a detail. */
export const stringOr = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

/** The fields that `known` does not name and that say something; undefined when there are none. */
export function unknownFields(
  object: JsonObject,
  known: ReadonlySet<string>,
): JsonObject | undefined {
  const entries = Object.entries(object).filter(
    ([key, value]) => !known.has(key) && key !== "__proto__" && value !== null,
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** `{ ext }` to be spread into a part, message or tool; empty when there is nothing to keep. */
export const withExt = (fields: JsonObject | undefined): { ext?: Ext } =>
  fields ? { ext: { [dialectId]: fields } } : {};

/** This dialect's own fields of a part, message, tool or request. */
export const ownExt = (ext: Ext | undefined): JsonObject => ext?.[dialectId] ?? {};

/**
 * Marks the fields of a request that used `functions` instead of `tools`, so that its answer does too.
 * A symbol, since it is no field: it is not sent, and no other dialect loses anything.
 */
export const legacyForm = Symbol("functions");

/** The fields of other dialects, which this wire cannot carry. */
export const foreignFields = (ext: Ext | undefined): string[] =>
  Object.entries(ext ?? {})
    .filter(([dialect]) => dialect !== dialectId)
    .flatMap(([, fields]) => Object.keys(fields ?? {}));

/** OpenAI refuses longer ones: `string too long. Expected a string with maximum length 40`. */
const maxCallId = 40;

/** The id of a tool call as OpenAI takes it: one that is too long becomes a short one, always the same. */
export const fitCallId = (id: string): string =>
  id.length <= maxCallId
    ? id
    : `call_${createHash("sha256")
        .update(id)
        .digest("base64url")
        .slice(0, maxCallId - 5)}`;

/** What an encoding could not carry. The same loss at several places becomes one warning, which names the first and counts. */
export interface Losses {
  lose(field: string, reason: string): void;
  warnings(): Warning[];
}

export function createLosses(target: string): Losses {
  const found = new Map<string, { field: string; reason: string; count: number }>();
  return {
    lose(path, reason) {
      const key = `${path.replace(/\[\d+\]/g, "[]")} ${reason}`;
      const known = found.get(key);
      if (known) known.count += 1;
      else found.set(key, { field: path, reason, count: 1 });
    },
    warnings: () =>
      [...found.values()].map(({ field: path, reason, count }) => ({
        field: path,
        reason: count === 1 ? reason : `${reason} (${count} places)`,
        target,
      })),
  };
}
