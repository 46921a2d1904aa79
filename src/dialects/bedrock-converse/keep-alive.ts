// What keeps an idle stream alive: a delta that adds nothing to the block that is open.
//
// There is no other form that every SDK takes. An event of an unknown type is skipped by the current JavaScript SDK and
// by Python's, is handed out as an unknown one by those of Java, Go and Rust, and as no event at all (`undefined`) by
// JavaScript's version 2, whose programs break at it. Before the first block, and between two, nothing is sent.
import type { Frame } from "../../lib/frame.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../../lib/json.ts";
import { field } from "../fields.ts";

/** `last`: what the client got before. Null where no block is open that takes an empty delta. */
export function keepAlive(last: Frame | undefined): Frame | null {
  const isOpen = last?.event === "contentBlockDelta" || last?.event === "contentBlockStart";
  if (!last || !isOpen || last.exception) return null;
  const told = objectIn(last.data);
  const contentBlockIndex = field(told, "contentBlockIndex");
  const delta = emptyOf(field(told, last.event === "contentBlockDelta" ? "delta" : "start"));
  if (delta === undefined || typeof contentBlockIndex !== "number") return null;
  return { event: "contentBlockDelta", data: JSON.stringify({ contentBlockIndex, delta }) };
}

/** A delta without content, of the kind of what was said of the block last. */
function emptyOf(said: unknown): JsonObject | undefined {
  if (!isObject(said)) return undefined;
  if (typeof field(said, "text") === "string") return { text: "" };
  const call = field(said, "toolUse");
  if (isObject(call)) return { toolUse: { input: "" } };
  const reasoning = field(said, "reasoningContent");
  const isText = isObject(reasoning) && typeof field(reasoning, "text") === "string";
  return isText ? { reasoningContent: { text: "" } } : undefined;
}

function objectIn(text: string): JsonObject {
  try {
    return parseObject(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return {};
  }
}
