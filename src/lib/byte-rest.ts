// The unfinished block of a stream that is being split.
import { FramingError } from "./framing.ts";

/** Room that is kept from block to block. */
const keptBytes = 64 * 1024;

/** What is left of a stream after its last complete block, in one buffer that doubles, so that many small chunks stay linear. */
export function createRest(maxBytes: number) {
  let held = new Uint8Array(1024);
  let size = 0;
  const check = (bytes: number): void => {
    if (bytes > maxBytes) throw new FramingError(`one message is larger than ${maxBytes} bytes`);
  };
  const add = (chunk: Uint8Array, start: number, end: number): void => {
    const needed = size + end - start;
    check(needed);
    if (held.length < needed) {
      const grown = new Uint8Array(Math.max(needed, size * 2));
      grown.set(held.subarray(0, size));
      held = grown;
    }
    held.set(end - start === chunk.length ? chunk : chunk.subarray(start, end), size);
    size = needed;
  };
  const end = (): Uint8Array | null => {
    if (size === 0) return null;
    const isKept = held.length <= keptBytes;
    const bytes = isKept ? held.slice(0, size) : held.subarray(0, size);
    if (!isKept) held = new Uint8Array(1024);
    size = 0;
    return bytes;
  };
  /** What was held with a piece of `chunk` behind it, as one block. */
  const take = (chunk: Uint8Array, start: number, stop: number): Uint8Array => {
    if (size > 0) add(chunk, start, stop);
    else check(stop - start);
    return end() ?? chunk.subarray(start, stop);
  };
  return { add, end, take };
}
