// Checked access to a request's JSON fields; each dialect refuses wrong ones in its vendor's words.
import { isObject, type JsonObject } from "../lib/json.ts";

/** Own property only: a key such as `constructor` is not there unless the JSON has it. Null counts as absent. */
export const field = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;

/** String where it is one, else undefined: for answers and extensions, which are never refused over a detail. */
export const stringOr = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

/** A value of unknown type in a text: `String` would call what a hostile `toString` member holds. */
export const wordOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");

/** Without the members that are undefined. */
export const defined = <T extends object>(object: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as Partial<T>;

/** What a field should have been. */
export type Kind = "string" | "number" | "integer" | "boolean" | "object" | "array";

/** How a dialect refuses a field. `path` as in `messages[2].content`. @throws both, always */
export interface Refusals {
  wrongKind(path: string, kind: Kind, value: unknown): never;
  missing(path: string): never;
}

/** Readers of `object[key]`; `path` says where the object stands, "" for the body itself. @throws GatewayError `invalid_request` */
export interface FieldReaders {
  optionalString(object: JsonObject, key: string, path?: string): string | undefined;
  requiredString(object: JsonObject, key: string, path?: string): string;
  optionalNumber(object: JsonObject, key: string, path?: string): number | undefined;
  optionalInteger(object: JsonObject, key: string, path?: string): number | undefined;
  optionalBoolean(object: JsonObject, key: string, path?: string): boolean | undefined;
  optionalObject(object: JsonObject, key: string, path?: string): JsonObject | undefined;
  requiredObject(object: JsonObject, key: string, path?: string): JsonObject;
  optionalArray(object: JsonObject, key: string, path?: string): unknown[] | undefined;
  /** A list's item that must be an object. */
  objectAt(value: unknown, path: string): JsonObject;
}

export function createFieldReaders({ wrongKind, missing }: Refusals): FieldReaders {
  const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
  const optional =
    <T>(kind: Kind, is: (value: unknown) => value is T) =>
    (object: JsonObject, key: string, path = ""): T | undefined => {
      const value = field(object, key);
      return value === undefined || is(value) ? value : wrongKind(join(path, key), kind, value);
    };
  const required =
    <T>(read: (object: JsonObject, key: string, path?: string) => T | undefined) =>
    (object: JsonObject, key: string, path = ""): T =>
      read(object, key, path) ?? missing(join(path, key));
  const optionalString = optional("string", (value) => typeof value === "string");
  const optionalObject = optional("object", isObject);
  return {
    optionalString,
    requiredString: required(optionalString),
    // JSON can spell numbers beyond every double (1e400): they arrive as Infinity.
    optionalNumber: optional("number", (value): value is number => Number.isFinite(value)),
    optionalInteger: optional("integer", (value): value is number => Number.isSafeInteger(value)),
    optionalBoolean: optional("boolean", (value) => typeof value === "boolean"),
    optionalObject,
    requiredObject: required(optionalObject),
    optionalArray: optional("array", (value): value is unknown[] => Array.isArray(value)),
    objectAt: (value, path) => (isObject(value) ? value : wrongKind(path, "object", value)),
  };
}
