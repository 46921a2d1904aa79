// What is OpenAI chat's own in reading and writing JSON: its `ext`, its limits.
import { createHash } from "node:crypto";
import type { DialectId } from "../../ir/chat.ts";
import { createExt } from "../ext.ts";
import { fitCallId as fit } from "../openai-words.ts";

export const dialectId: DialectId = "openai-chat";

/** Why something of another wire is left out. */
export const noForm = "OpenAI chat has no form for it";

export const { withExt, ownExt, foreignFields, opaque } = createExt(dialectId);

/**
 * Marks the fields of a request that used `functions` instead of `tools`, so that its answer does too.
 * A symbol, since it is no field: it is not sent, and no other dialect loses anything.
 */
export const legacyForm = Symbol("functions");

const maxCallId = 40;

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export const isFixedCallId = (id: unknown, length: number): boolean =>
  typeof id === "string" && id.length === length && /^[A-Za-z0-9]*$/.test(id);

/** An id of exactly `length` ASCII letters and digits: itself where it is one, else always the same one. */
export function fixedCallId(id: string, length: number): string {
  if (isFixedCallId(id, length)) return id;
  const bytes = createHash("sha256").update(id).digest();
  return Array.from({ length }, (_, at) => letters[(bytes[at % bytes.length] ?? 0) % 62]).join("");
}

/** The id of a tool call as this wire takes it. */
export const fitCallId = (id: string): string => fit(id, maxCallId);
