// What is OpenAI chat's own in reading and writing JSON: its `ext`, its limits.
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

/** The id of a tool call as this wire takes it. */
export const fitCallId = (id: string): string => fit(id, maxCallId);
