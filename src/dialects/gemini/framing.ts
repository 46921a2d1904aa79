// Server-sent events as Google's servers write them: an error in the middle of a stream may come as bare JSON.
import type { Frame } from "../../lib/frame.ts";
import type { Framing } from "../../lib/framing.ts";
import { sse } from "../../lib/sse.ts";

const decoder = new TextDecoder();

/** A block without any field of an event that is JSON by its looks. */
function parseBare(block: Uint8Array): Frame | null {
  const text = decoder.decode(block).trim();
  return /^[[{]/.test(text) ? { data: text } : null;
}

export const events: Framing = { ...sse, parse: (block) => sse.parse(block) ?? parseBare(block) };
