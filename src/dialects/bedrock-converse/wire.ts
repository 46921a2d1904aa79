// What is Bedrock Converse's own in reading and writing JSON: its words for wrong fields, its `ext`.
import type { DialectId } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { createExt } from "../ext.ts";
import { createFieldReaders, field, type Kind } from "../fields.ts";

export const dialectId: DialectId = "bedrock-converse";

/** Why something of another wire is left out. */
export const noForm = "Bedrock Converse has no form for it";

export const { withExt, ownExt, foreignFields, opaque } = createExt(dialectId);

/** A client's field is wrong. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `The field \`${path}\` is not valid: ${problem}`, {
    param: path,
  });
}

const missing = (path: string): never => reject(path, "it is required.");

const words: Readonly<Record<Kind, string>> = {
  string: "a string",
  number: "a number",
  integer: "an integer",
  boolean: "true or false",
  object: "an object",
  array: "a list",
};

export const {
  optionalString,
  requiredString,
  optionalNumber,
  optionalInteger,
  optionalBoolean,
  optionalObject,
  requiredObject,
  optionalArray,
  objectAt,
} = createFieldReaders({
  wrongKind: (path, kind) => reject(path, `it must be ${words[kind]}.`),
  missing,
});

export function requiredArray(object: JsonObject, key: string, path = ""): unknown[] {
  return optionalArray(object, key, path) ?? missing(path === "" ? key : `${path}.${key}`);
}

/** Blocks and sources are unions: an object with one member, whose name says the kind. */
export function member(
  block: JsonObject,
  kinds: ReadonlySet<string>,
): [kind: string, value: unknown] | undefined {
  for (const key of Object.keys(block)) {
    const value = kinds.has(key) ? field(block, key) : undefined;
    if (value !== undefined) return [key, value];
  }
  return undefined;
}

/** The object at `key`, or an empty one: for answers, which are read as far as they go. */
export function objectIn(object: JsonObject, key: string): JsonObject {
  const value = field(object, key);
  return isObject(value) ? value : {};
}
