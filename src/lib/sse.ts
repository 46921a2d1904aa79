// Server-sent events at the byte level: split, parse, encode.
import { createRest } from "./byte-rest.ts";
import type { Frame } from "./frame.ts";
import type { Framing, Splitter } from "./framing.ts";

export interface SseOptions {
  /** Largest event accepted, in bytes. Default 64 MiB. */
  maxEventBytes?: number;
}

/** Events out of a byte stream. */
export interface SseParser {
  /** Frames that `chunk` completes. @throws FramingError when one event grows beyond the cap. */
  push(chunk: Uint8Array): Frame[];
  /**
   * The stream ended. The standard drops an event without its blank line; many servers leave the
   * last newlines away, so one that has data is given back here.
   */
  end(): Frame[];
}

const lf = 0x0a;
const cr = 0x0d;
const bom = Uint8Array.of(0xef, 0xbb, 0xbf);
const defaultMaxEventBytes = 64 * 1024 * 1024;

/**
 * Splits a stream into raw event blocks, exact to the byte and independent of how the stream was
 * cut into chunks. LF, CR and CRLF may be mixed. A byte order mark at the start of the stream and
 * every surplus blank line are blocks of their own, which hold no message.
 * @example splitter.push(Buffer.from("data: a\n\ndata:")) // → [Buffer.from("data: a\n\n")]
 */
export function createSseSplitter(options: SseOptions = {}): Splitter {
  const maxEventBytes = options.maxEventBytes ?? defaultMaxEventBytes;
  const rest = createRest(maxEventBytes);
  /** Nothing of the current line has been seen. */
  let lineStart = true;
  /** How the line before ended; decides whether a blank line's CR must wait for its LF. */
  let lastEnd: "none" | "lf" | "cr" | "crlf" = "none";
  /** The last byte seen is a CR whose LF may be in the next chunk. */
  let openCr: "none" | "line" | "blank" = "none";
  /** Bytes of a byte order mark seen so far; -1 when the stream's start is past. */
  let bomBytes = 0;

  function push(chunk: Uint8Array): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    const { length } = chunk;
    let at = 0;
    let blockStart = 0;
    const emit = (end: number): void => {
      blocks.push(rest.take(chunk, blockStart, end));
      blockStart = end;
      lineStart = true;
    };
    while (bomBytes >= 0 && at < length) {
      if (chunk[at] !== bom[bomBytes]) bomBytes = -1;
      else {
        at += 1;
        bomBytes += 1;
        lineStart = false;
        if (bomBytes === bom.length) {
          emit(at);
          bomBytes = -1;
        }
      }
    }
    if (openCr !== "none" && at < length) {
      const blank = openCr === "blank";
      const hasLf = chunk[at] === lf;
      openCr = "none";
      lastEnd = hasLf ? "crlf" : "cr";
      if (hasLf) at += 1;
      if (blank) emit(at);
      else lineStart = true;
    }
    let nextLf = -1;
    let nextCr = -1;
    while (at < length) {
      const byte = chunk[at];
      const blank = lineStart && (byte === lf || byte === cr);
      let end = at;
      if (!blank) {
        if (nextLf < at) nextLf = indexOrEnd(chunk, lf, at);
        if (nextCr < at) nextCr = indexOrEnd(chunk, cr, at);
        end = Math.min(nextLf, nextCr);
        if (end === length) {
          lineStart = false;
          break;
        }
      }
      if (chunk[end] === lf) {
        lastEnd = "lf";
        at = end + 1;
      } else if (blank && lastEnd === "cr") {
        // CR CR: a stream that ends lines with CR alone; waiting for an LF would delay every event.
        at = end + 1;
      } else if (end + 1 === length) {
        openCr = blank ? "blank" : "line";
        break;
      } else {
        lastEnd = chunk[end + 1] === lf ? "crlf" : "cr";
        at = end + (lastEnd === "crlf" ? 2 : 1);
      }
      if (blank) emit(at);
      else lineStart = true;
    }
    if (blockStart < length) rest.add(chunk, blockStart, length);
    return blocks;
  }

  return { push, end: () => rest.end() };
}

/**
 * One event from its raw block, by the rules of the HTML standard: comments and unknown fields are
 * ignored, `data` lines are joined by a line feed. Null when the block has no `data` field.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function parseSseBlock(block: Uint8Array): Frame | null {
  return parseText(decoder.decode(block));
}

/** A byte order mark here is not at the stream's start, so it is text like any other. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Splits and parses. @example createSseParser().push(Buffer.from("data: a\n\n")) // → [{ data: "a" }] */
export function createSseParser(options: SseOptions = {}): SseParser {
  const splitter = createSseSplitter(options);
  return {
    push(chunk) {
      const frames: Frame[] = [];
      for (const block of splitter.push(chunk)) {
        const frame = parseSseBlock(block);
        if (frame) frames.push(frame);
      }
      return frames;
    },
    end() {
      const rest = splitter.end();
      const frame = rest && parseSseBlock(rest);
      return frame ? [frame] : [];
    },
  };
}

/** An event in its plainest form. @example encodeSse({ event: "ping", data: "{}" }) // → "event: ping\ndata: {}\n\n" */
export function encodeSse(frame: Frame): string {
  const data = lineEnd.test(frame.data) ? frame.data.split(lineEnd).join("\ndata: ") : frame.data;
  return frame.event === undefined
    ? `data: ${data}\n\n`
    : `event: ${frame.event}\ndata: ${data}\n\n`;
}

const lineEnd = /\r\n|\r|\n/;
const lineEnds = /\r\n?/g;

function parseText(text: string): Frame | null {
  let event: string | undefined;
  let data: string | undefined;
  const lines = text.includes("\r") ? text.replaceAll(lineEnds, "\n") : text;
  for (let at = 0; at < lines.length;) {
    const next = lines.indexOf("\n", at);
    const end = next < 0 ? lines.length : next;
    if (lines.startsWith("data", at)) {
      const value = fieldValue(lines, at + 4, end);
      if (value !== undefined) data = data === undefined ? value : `${data}\n${value}`;
    } else if (lines.startsWith("event", at)) {
      event = fieldValue(lines, at + 5, end) ?? event;
    }
    at = end + 1;
  }
  if (data === undefined) return null;
  return event ? { event, data } : { data };
}

const colon = 0x3a;
const space = 0x20;

/** The value behind a field name that ends at `at`, in a line that ends at `end`; undefined when the name goes on. */
function fieldValue(text: string, at: number, end: number): string | undefined {
  if (at === end) return "";
  if (text.charCodeAt(at) !== colon) return undefined;
  return text.slice(text.charCodeAt(at + 1) === space ? at + 2 : at + 1, end);
}

function indexOrEnd(bytes: Uint8Array, byte: number, from: number): number {
  const index = bytes.indexOf(byte, from);
  return index < 0 ? bytes.length : index;
}

const nothing = new Uint8Array();
const utf8 = new TextEncoder();

/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export const sse: Framing = {
  id: "sse",
  contentType: "text/event-stream; charset=utf-8",
  createSplitter: createSseSplitter,
  parse: parseSseBlock,
  blockEnd: "\n\n",
  createWriter: () => ({ write: (frame) => utf8.encode(encodeSse(frame)), end: () => nothing }),
};
