// What is Cohere's own in reading and writing JSON: its words for wrong fields, its `ext`.
import type { DialectId, TextPart } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { createExt } from "../ext.ts";
import { createFieldReaders } from "../fields.ts";

export const dialectId: DialectId = "cohere";

/** Why something of another wire is left out. */
export const noForm = "Cohere has no form for it";

export const { withExt, ownExt, foreignFields, opaque } = createExt(dialectId);

/** A client's field has the wrong form. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `invalid request: \`${path}\`: ${problem}`, {
    param: path,
  });
}

/** A client's field is not there. @throws always */
export function rejectMissing(path: string): never {
  throw new GatewayError("invalid_request", `invalid request: \`${path}\` is required`, {
    param: path,
  });
}

/** What a value is, in words for an error message. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
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
  wrongKind: (path, kind, value) => reject(path, `expected ${kind}, got ${kindOf(value)}`),
  missing: rejectMissing,
});

const planMark = Symbol("tool_plan");

/**
 * What the model says it will do before it calls tools: text to every other wire. A symbol marks it, since it is no
 * field that another dialect could lose.
 */
export const planPart = (text: string): TextPart => ({
  type: "text",
  text,
  ext: { [dialectId]: { [planMark]: true } },
});

export const isPlan = (part: TextPart): boolean => planMark in ownExt(part.ext);
