// How OpenAI's wires speak of wrong fields, and what both hold of call ids.
import { createHash } from "node:crypto";
import { GatewayError } from "../ir/error.ts";
import { createFieldReaders } from "./fields.ts";

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
  wrongKind(path, kind, value) {
    const article = /^[aio]/.test(kind) ? "an" : "a";
    const found = typeof value === "number" ? String(value) : kindOf(value);
    return reject(path, `expected ${article} ${kind}, got ${found}`);
  },
  missing: rejectMissing,
});

/**
 * The id of a tool call in at most `length` characters: one that is too long becomes a short one, always the same.
 * OpenAI refuses longer ones: `string too long. Expected a string with maximum length 40`.
 */
export const fitCallId = (id: string, length: number): string =>
  id.length <= length
    ? id
    : `call_${createHash("sha256")
        .update(id)
        .digest("base64url")
        .slice(0, length - 5)}`;
