// What is Anthropic Messages' own in reading and writing JSON: its words for wrong fields, its `ext`.
import type { DialectId, Ext } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { createExt } from "../ext.ts";
import { createFieldReaders } from "../fields.ts";

export const dialectId: DialectId = "anthropic-messages";

/** Why something of another wire is left out. */
export const noForm = "Anthropic Messages has no form for it";

export const { withExt, ownExt, foreignFields, opaque } = createExt(dialectId);

/** A client's field is wrong. The wording is the vendor's own, e.g. `messages.0.role: Field required`. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `${path}: ${problem}`, { param: path });
}

export const rejectMissing = (path: string): never => reject(path, "Field required");

const words: Readonly<Record<string, string>> = { object: "dictionary", array: "list" };

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
  wrongKind: (path, kind) => reject(path, `Input should be a valid ${words[kind] ?? kind}`),
  missing: rejectMissing,
});

/**
 * A wire object that only this dialect fully understands but that others can read in part: kept whole in `ext` under
 * its own type, so that this dialect's encoder emits it as it came.
 */
export const wholeBlock = (ext: Ext | undefined): JsonObject | undefined =>
  Object.entries(ownExt(ext))
    .filter(([key, value]) => isObject(value) && value["type"] === key)
    .map(([, value]) => value as JsonObject)[0];
