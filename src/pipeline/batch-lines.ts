// Lines of JSON that stream by, one object each; what is longer than any provider takes is told as unreadable.
import { JsonError, type JsonObject, parseObject } from "../lib/json.ts";

/** Longest line that is held. */
const maxLineBytes = 32 * 1024 * 1024;
const newline = 0x0a;

export interface LineReader {
  /** `null`: a line that is no object. Blank lines are none. */
  push(chunk: Uint8Array): (Line | null)[];
  end(): (Line | null)[];
}

export interface Line {
  bytes: Uint8Array;
  json: JsonObject;
}

export function createLineReader(): LineReader {
  let rest: Uint8Array[] = [];
  let size = 0;
  const take = (last: Uint8Array): (Line | null)[] => {
    const isTooLong = size + last.length > maxLineBytes;
    const bytes = isTooLong ? null : Buffer.concat([...rest, last]);
    [rest, size] = [[], 0];
    if (bytes === null) return [null];
    return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
      ? []
      : [read(bytes)];
  };
  return {
    push(chunk) {
      const found: (Line | null)[] = [];
      let from = 0;
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
        found.push(...take(chunk.subarray(from, at)));
        from = at + 1;
      }
      const left = chunk.subarray(from);
      size += left.length;
      if (size <= maxLineBytes) rest.push(Uint8Array.from(left));
      else rest = [];
      return found;
    },
    end: () => take(new Uint8Array()),
  };
}

function read(bytes: Uint8Array): Line | null {
  try {
    return {
      bytes,
      json: parseObject(
        Buffer.from(bytes)
          .toString("utf8")
          .replace(/^\uFEFF/, ""),
      ),
    };
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}
