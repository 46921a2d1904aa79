// A stream written as one JSON array of objects, at the byte level: split, parse, encode.
import { createRest } from "./byte-rest.ts";
import type { Frame } from "./frame.ts";
import { type Framing, FramingError, type Splitter } from "./framing.ts";

export interface JsonArrayOptions {
  /** Largest item accepted, in bytes. Default 64 MiB. */
  maxItemBytes?: number;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const defaultMaxItemBytes = 64 * 1024 * 1024;

/**
 * Splits the stream behind each item, exact to the byte and independent of how it was cut into chunks: a block is an
 * item with the punctuation before it. An object that stands alone, without an array around it, is a block too.
 * @example splitter.push(Buffer.from('[{"a":1},\n{"b"')) // → [Buffer.from('[{"a":1}')]
 */
export function createJsonArraySplitter(options: JsonArrayOptions = {}): Splitter {
  const rest = createRest(options.maxItemBytes ?? defaultMaxItemBytes);
  let inString = false;
  let isEscaped = false;
  /** Brackets that are open within the item. */
  let depth = 0;
  return {
    push(chunk) {
      const blocks: Uint8Array[] = [];
      let start = 0;
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at];
        if (isEscaped) isEscaped = false;
        else if (inString) {
          if (byte === quote) inString = false;
          else isEscaped = byte === backslash;
        } else if (byte === quote) inString = true;
        else if (byte === openBrace || (byte === openBracket && depth > 0)) depth += 1;
        else if ((byte === closeBrace || byte === closeBracket) && depth > 0) {
          depth -= 1;
          if (depth > 0) continue;
          blocks.push(rest.take(chunk, start, at + 1));
          start = at + 1;
        }
      }
      if (start < chunk.length) rest.add(chunk, start, chunk.length);
      return blocks;
    },
    end: () => rest.end(),
  };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const before = /^\ufeff?[\s,[]+|^\ufeff/;
const behind = /^[\s\],]*$/;

/**
 * The item of one block, null for punctuation alone. The text is not checked to be JSON.
 * @throws FramingError for anything but an object.
 */
export function parseJsonArrayBlock(block: Uint8Array): Frame | null {
  const data = decoder.decode(block).replace(before, "");
  if (behind.test(data)) return null;
  if (!data.startsWith("{")) throw new FramingError("an item of the array is no JSON object");
  return { data };
}

const utf8 = new TextEncoder();

/** One JSON array whose items are objects. */
export const jsonArray: Framing = {
  id: "json-array",
  contentType: "application/json; charset=UTF-8",
  createSplitter: createJsonArraySplitter,
  parse: parseJsonArrayBlock,
  createWriter() {
    let hasItems = false;
    return {
      write({ data }) {
        const lead = hasItems ? ",\r\n" : "[";
        hasItems = true;
        return utf8.encode(lead + data);
      },
      end: () => utf8.encode(hasItems ? "]" : "[]"),
    };
  },
};
