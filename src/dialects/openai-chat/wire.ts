// What is OpenAI chat's own in reading and writing JSON: its words for wrong fields, its `ext`, its limits.
import { createHash } from "node:crypto";
import type { DialectId } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { createExt } from "../ext.ts";
import { createFieldReaders } from "../fields.ts";

export const dialectId: DialectId = "openai-chat";

/** Why something of another wire is left out. */
export const noForm = "OpenAI chat has no form for it";

export const { withExt, ownExt, foreignFields, opaque } = createExt(dialectId);

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
 * Marks the fields of a request that used `functions` instead of `tools`, so that its answer does too.
 * A symbol, since it is no field: it is not sent, and no other dialect loses anything.
 */
export const legacyForm = Symbol("functions");

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
