// Lines of JSON at the byte level: split, parse, encode.
import { createRest } from "./byte-rest.ts";
import type { Frame } from "./frame.ts";
import type { Framing, Splitter } from "./framing.ts";

export interface NdjsonOptions {
  /** Largest line accepted, in bytes. Default 64 MiB. */
  maxLineBytes?: number;
}

const lf = 0x0a;
const defaultMaxLineBytes = 64 * 1024 * 1024;

/**
 * Splits a stream into raw lines with their line feeds, exact to the byte and independent of how the stream was cut into
 * chunks. JSON never holds a bare line feed, so each line is whole.
 * @example splitter.push(Buffer.from('{"a":1}\n{"b"')) // → [Buffer.from('{"a":1}\n')]
 */
export function createNdjsonSplitter(options: NdjsonOptions = {}): Splitter {
  const rest = createRest(options.maxLineBytes ?? defaultMaxLineBytes);
  return {
    push(chunk) {
      const blocks: Uint8Array[] = [];
      let start = 0;
      for (let at = chunk.indexOf(lf); at >= 0; at = chunk.indexOf(lf, start)) {
        blocks.push(rest.take(chunk, start, at + 1));
        start = at + 1;
      }
      if (start < chunk.length) rest.add(chunk, start, chunk.length);
      return blocks;
    },
    end: () => rest.end(),
  };
}

/** Not JSON's white space, but some servers begin their streams with it. */
const byteOrderMark = /^\ufeff/;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The message of one line; null for a blank one. The text is not checked to be JSON. */
export function parseNdjsonLine(block: Uint8Array): Frame | null {
  const data = decoder.decode(block).replace(byteOrderMark, "").trim();
  return data === "" ? null : { data };
}

const lineFeeds = /[\r\n]+/g;
const utf8 = new TextEncoder();
const nothing = new Uint8Array();

/** One line. Line feeds between JSON's tokens mean nothing and would end the line. @example encodeNdjson({ data: "{}" }) // → "{}\n" */
export const encodeNdjson = ({ data }: Frame): string => `${data.replaceAll(lineFeeds, " ")}\n`;

/** Newline-delimited JSON. https://github.com/ndjson/ndjson-spec */
export const ndjson: Framing = {
  id: "ndjson",
  contentType: "application/x-ndjson",
  createSplitter: createNdjsonSplitter,
  parse: parseNdjsonLine,
  createWriter: () => ({ write: (frame) => utf8.encode(encodeNdjson(frame)), end: () => nothing }),
};
