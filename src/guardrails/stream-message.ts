// One message of a guarded stream: its texts, and its block with other ones in it.
import type { Frame } from "../lib/frame.ts";
import { type Framing, FramingError } from "../lib/framing.ts";
import { JsonError, parse, splice } from "../lib/json.ts";
import { type JsonScalar, scalarsIn } from "../lib/json-scalars.ts";

/** The scalars of a message that is JSON; null: it is none. */
export function readMessage(data: string): { value: unknown; scalars: JsonScalar[] } | null {
  if (!/^\s*[[{]/.test(data)) return null;
  try {
    return { value: parse(data), scalars: scalarsIn(Buffer.from(data)) };
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

/** The message with other texts in it. */
export function withTexts(data: string, changed: ReadonlyMap<JsonScalar, string>): string {
  const whole = [...changed].find(([scalar]) => scalar.end === 0);
  if (whole) return whole[1];
  const edits = [...changed].map(([{ start, end }, text]) => ({
    start,
    end,
    text: JSON.stringify(text),
  }));
  return Buffer.from(splice(Buffer.from(data), edits)).toString("utf8");
}

/** The block with another message in it: in place where it is text, else written anew. */
export function blockOf(
  block: Uint8Array,
  frame: Frame,
  edited: Frame,
  framing: Framing,
): Uint8Array {
  const text = Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString("utf8");
  const at = text.indexOf(frame.data);
  if (at >= 0) {
    const bytes = Buffer.from(text.slice(0, at) + edited.data + text.slice(at + frame.data.length));
    if (readsAs(bytes, edited, framing)) return bytes;
  }
  return framing.createWriter().write(edited);
}

/** Binary messages have sums that no longer fit. */
function readsAs(bytes: Uint8Array, { data }: Frame, framing: Framing): boolean {
  try {
    return framing.parse(bytes)?.data === data;
  } catch (error) {
    if (error instanceof FramingError) return false;
    throw error;
  }
}
