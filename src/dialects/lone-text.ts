// Content of one plain text block alone, which most wires may also write as a string.
import type { JsonObject } from "../lib/json.ts";

/** The text where `blocks` is one plain text block alone; the simplest servers understand only that. */
export function loneText(blocks: readonly JsonObject[]): string | undefined {
  const [only, ...others] = blocks;
  const isPlain = only?.["type"] === "text" && Object.keys(only).length === 2;
  return isPlain && others.length === 0 ? String(only["text"]) : undefined;
}
