// A failed tool's result on wires that have no field for it: its text says so.
import type { JsonObject } from "../lib/json.ts";

/** Marks `blocks` in place; `type` is what the wire calls a text block. */
export function markError(blocks: JsonObject[], type: string): void {
  const first = blocks[0];
  const text = first?.["text"];
  if (first === undefined || typeof text !== "string") {
    blocks.unshift({ type, text: "Error" });
  } else if (!/^\W*error/i.test(text)) {
    first["text"] = `Error: ${text}`;
  }
}
