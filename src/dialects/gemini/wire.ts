// What is Gemini's own in reading and writing JSON: both spellings of its fields, its words for wrong ones, its `ext`.
// https://protobuf.dev/programming-guides/json: a name may be written in lowerCamelCase or as the .proto file has it.
import type { DialectId } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { createExt } from "../ext.ts";
import { createFieldReaders, field } from "../fields.ts";

export const dialectId: DialectId = "gemini";

/** Why something of another wire is left out. */
export const noForm = "Gemini has no form for it";

export const { withExt, ownExt, foreignFields, opaque } = createExt(dialectId);

/** A client's field is wrong. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `Invalid value at '${path}': ${problem}.`, {
    param: path,
  });
}

/** A client's field is not there. @throws always */
export function rejectMissing(path: string): never {
  throw new GatewayError(
    "invalid_request",
    `${path}: ${path.split(".").at(-1)} is not specified.`,
    {
      param: path,
    },
  );
}

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
  wrongKind: (path, kind) => reject(path, `expected ${/^[aio]/.test(kind) ? "an" : "a"} ${kind}`),
  missing: rejectMissing,
});

const snake = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/;

/**
 * The fields of one message in lowerCamelCase, however they were written. Only this level: values may be free-form JSON.
 * Where a field stands in both spellings the camel one counts.
 * @example camel({ inline_data: { mime_type: "a/b" } }) // → { inlineData: { mime_type: "a/b" } }
 */
export function camel(message: JsonObject): JsonObject {
  if (!Object.keys(message).some((key) => key.includes("_"))) return message;
  const read = new Map<string, unknown>();
  for (const [key, value] of Object.entries(message)) {
    if (key === "__proto__") continue;
    const name = camelName(key);
    if (name === key || !Object.hasOwn(message, name)) read.set(name, value);
  }
  return Object.fromEntries(read);
}

const camelName = (key: string): string =>
  snake.test(key)
    ? key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    : key;

/** A repeated field: a list, or its one item alone, as Google's own examples write it. */
export function listAt(message: JsonObject, key: string, path = ""): unknown[] | undefined {
  const value = field(message, key);
  return isObject(value) ? [value] : optionalArray(message, key, path);
}

/** A message within a message, its fields in lowerCamelCase. */
export function messageIn(message: JsonObject, key: string, path = ""): JsonObject | undefined {
  const found = optionalObject(message, key, path);
  return found && camel(found);
}

/** Bytes in standard base64: JSON clients may send them in the URL-safe alphabet, which other wires do not take. */
export function standardBase64(data: string): string {
  if (!/[-_]/.test(data) && data.length % 4 === 0) return data;
  const text = data.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

/**
 * Under this key stands what the client wrote and any other wire does unasked. A symbol, since it is no field: no other
 * dialect loses anything by it.
 */
export const unasked = Symbol("unasked");
