// Server-sent events at the byte level: split, parse, encode.
import type { Frame } from "./frame.ts";

/** The stream breaks a limit of this reader; `message` says which. */
export class SseError extends Error {
  override readonly name = "SseError";
}

/** Cuts a byte stream into raw event blocks. */
export interface SseSplitter {
  /**
   * Blocks that `chunk` completes, each with its terminating blank line. A byte order mark at the
   * start of the stream and every surplus blank line are blocks of their own (they parse to null),
   * so all outputs in order, with {@link SseSplitter.end}, are exactly the input.
   * A returned block may share memory with `chunk`.
   * @throws SseError when one event grows beyond the cap.
   */
  push(chunk: Uint8Array): Uint8Array[];
  /** The bytes after the last complete block, or null when there are none. */
  end(): Uint8Array | null;
}

export interface SseOptions {
  /** Largest event accepted, in bytes. Default 64 MiB. */
  maxEventBytes?: number;
}

/** Events out of a byte stream. */
export interface SseParser {
  /** Frames that `chunk` completes. @throws SseError when one event grows beyond the cap. */
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
 * cut into chunks. LF, CR and CRLF may be mixed.
 * @example splitter.push(Buffer.from("data: a\n\ndata:")) // → [Buffer.from("data: a\n\n")]
 */
export function createSseSplitter(options: SseOptions = {}): SseSplitter {
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
    const length = chunk.length;
    if (length === 0) return blocks;
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, length);
    let at = 0;
    let blockStart = 0;
    const emit = (end: number): void => {
      blocks.push(rest.take(buffer.subarray(blockStart, end)));
      blockStart = end;
      lineStart = true;
    };
    while (bomBytes >= 0 && at < length) {
      if (buffer[at] !== bom[bomBytes]) bomBytes = -1;
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
      const hasLf = buffer[at] === lf;
      openCr = "none";
      lastEnd = hasLf ? "crlf" : "cr";
      if (hasLf) at += 1;
      if (blank) emit(at);
      else lineStart = true;
    }
    // -2: not searched yet; beyond the end: there is none.
    let nextLf = -2;
    let nextCr = -2;
    while (at < length) {
      if (nextLf < at) nextLf = indexOrEnd(buffer, lf, at);
      if (nextCr < at) nextCr = indexOrEnd(buffer, cr, at);
      const end = nextLf < nextCr ? nextLf : nextCr;
      if (end >= length) {
        lineStart = false;
        break;
      }
      const blank = lineStart && end === at;
      if (end === nextLf) {
        lastEnd = "lf";
        at = end + 1;
      } else if (blank && lastEnd === "cr") {
        // CR CR: a stream that ends lines with CR alone; waiting for an LF would delay every event.
        at = end + 1;
      } else if (end + 1 === length) {
        openCr = blank ? "blank" : "line";
        break;
      } else {
        lastEnd = buffer[end + 1] === lf ? "crlf" : "cr";
        at = end + (lastEnd === "crlf" ? 2 : 1);
      }
      if (blank) emit(at);
      else lineStart = true;
    }
    rest.add(buffer.subarray(blockStart));
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
  return parseText(Buffer.from(block.buffer, block.byteOffset, block.length).toString("utf8"));
}

/** Splits and parses. @example createSseParser().push(Buffer.from("data: a\n\n")) // → [{ data: "a" }] */
export function createSseParser(options: SseOptions = {}): SseParser {
  const splitter = createSseSplitter(options);
  const parse = (block: Uint8Array): Frame[] => {
    const frame = parseSseBlock(block);
    return frame ? [frame] : [];
  };
  return {
    push: (chunk) => splitter.push(chunk).flatMap(parse),
    end() {
      const rest = splitter.end();
      return rest ? parse(rest) : [];
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

function parseText(text: string): Frame | null {
  let event: string | undefined;
  let data: string | undefined;
  const lines = text.includes("\r") ? text.split(lineEnd) : text.split("\n");
  for (const line of lines) {
    if (line.startsWith("data")) {
      const value = fieldValue(line, 4);
      if (value !== undefined) data = data === undefined ? value : `${data}\n${value}`;
    } else if (line.startsWith("event")) {
      const value = fieldValue(line, 5);
      if (value !== undefined) event = value;
    }
  }
  if (data === undefined) return null;
  return event ? { event, data } : { data };
}

/** What follows a field name of `nameLength`; undefined when the line's field is another one. */
function fieldValue(line: string, nameLength: number): string | undefined {
  if (line.length === nameLength) return "";
  if (line[nameLength] !== ":") return undefined;
  return line.slice(line[nameLength + 1] === " " ? nameLength + 2 : nameLength + 1);
}

function indexOrEnd(buffer: Buffer, byte: number, from: number): number {
  const index = buffer.indexOf(byte, from);
  return index < 0 ? buffer.length : index;
}

/** The unfinished block, in one buffer that doubles, so that many small chunks stay linear. */
function createRest(maxBytes: number) {
  let held: Buffer | undefined;
  let size = 0;
  const check = (bytes: number): void => {
    if (bytes > maxBytes) throw new SseError(`one event is larger than ${maxBytes} bytes`);
  };
  const add = (piece: Buffer): void => {
    if (piece.length === 0) return;
    const needed = size + piece.length;
    check(needed);
    if (held === undefined || held.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, size * 2, 256));
      if (held) held.copy(grown, 0, 0, size);
      held = grown;
    }
    piece.copy(held, size);
    size = needed;
  };
  const end = (): Uint8Array | null => {
    const bytes = held && size > 0 ? held.subarray(0, size) : null;
    held = undefined;
    size = 0;
    return bytes;
  };
  /** What was held with `piece` behind it, as one block. */
  const take = (piece: Buffer): Uint8Array => {
    if (size === 0) {
      check(piece.length);
      return piece;
    }
    add(piece);
    return end() ?? piece;
  };
  return { add, end, take };
}
