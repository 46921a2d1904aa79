// What is Ollama's own in reading and writing JSON: its words for wrong fields, its `ext`, its two chat forms.
import type { ChatRequest, DialectId } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { createExt } from "../ext.ts";
import { createFieldReaders } from "../fields.ts";

export const dialectId: DialectId = "ollama";

/** Why something of another wire is left out. */
export const noForm = "Ollama has no form for it";

export const { withExt, ownExt, foreignFields } = createExt(dialectId);

/** A client's field has the wrong form. @throws always */
export function reject(path: string, problem: string): never {
  throw new GatewayError("invalid_request", `invalid \`${path}\`: ${problem}`, { param: path });
}

/** A client's field is not there. @throws always */
export function rejectMissing(path: string): never {
  throw new GatewayError("invalid_request", `${path} is required`, { param: path });
}

/** What a value is, in words for an error message. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
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

/**
 * Marks the fields of a request that came as `/api/generate` takes them, so that its answer has that form too.
 * A symbol, since it is no field: it is not sent, and no other dialect loses anything.
 */
export const generateForm = Symbol("generate");

/** Is an answer wanted in the form of `/api/generate`? */
export const asksForGenerate = (request: ChatRequest | undefined): boolean =>
  generateForm in ownExt(request?.ext);
