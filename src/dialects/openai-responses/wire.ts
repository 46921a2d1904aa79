// What is OpenAI Responses' own in reading and writing JSON: its `ext`, its frames, its limits.
import type { DialectId, Ext, Origin, ReasoningPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { createExt, frameKey } from "../ext.ts";
import { fitCallId as fit } from "../openai-words.ts";

export const dialectId: DialectId = "openai-responses";

/** Why something of another wire is left out. */
export const noForm = "OpenAI Responses has no form for it";

const ext = createExt(dialectId);
export const { foreignFields, opaque } = ext;

/**
 * How an item of this wire stands around a part. An item may be several parts: all have its `id`, the last one `end`
 * and the rest of it.
 */
export interface ItemFrame extends JsonObject {
  id?: string;
  end?: true;
  /** Where it is not `completed`. */
  status?: string;
  /** `commentary` or `final_answer`, on messages. */
  phase?: string;
  /** The whole item, of kinds that only this wire has. */
  item?: JsonObject;
  /** The part only shows what the item before it holds. */
  isShadow?: true;
  /** The part is one of a message's content, or of a reasoning item's `content`. */
  isContent?: true;
}

/** `{ ext }` for a part, message or tool: fields that others lose, and the frame, which nobody misses. */
export function withExt(fields: JsonObject | undefined, frame: JsonObject = {}): { ext?: Ext } {
  const hasFrame = Object.keys(frame).length > 0;
  return ext.withExt(hasFrame ? { ...fields, [frameKey]: frame } : fields);
}

/** This dialect's own fields of a part, message, tool or request, without the frame. */
export function ownExt(of: Ext | undefined): JsonObject {
  const { [frameKey]: _, ...fields } = ext.ownExt(of);
  return fields;
}

export function frameOf(of: Ext | undefined): ItemFrame {
  const frame = ext.ownExt(of)[frameKey];
  return isObject(frame) ? frame : {};
}

/** OpenAI refuses longer ones: `string too long. Expected a string with maximum length 64`; and empty ones. */
const maxCallId = 64;

/** The id of a tool call as this wire takes it. */
export const fitCallId = (id: string): string => (id === "" ? "call_unnamed" : fit(id, maxCallId));

/** Names of one model with and without its date. */
const family = (model: string): string => model.replace(/-\d{4}-\d{2}-\d{2}$/, "");

/** Reasoning that a server of this wire made: shown as it is. */
export const isOwn = (part: ReasoningPart): boolean => part.origin.dialect === dialectId;

/** Can the target read what was made there? Without a named origin the client sent it to this wire itself. */
export const matches = (origin: Origin, target: { provider: string; model: string }): boolean =>
  origin.dialect === dialectId &&
  (origin.provider === undefined || origin.provider === target.provider) &&
  (origin.model === undefined || family(origin.model) === family(target.model));
