// JSON with its exact spelling: a byte-level scan of the top level, splicing, and raw slices.
import { isUtf8 } from "node:buffer";

export type JsonObject = Record<string, unknown>;

/** Deepest nesting accepted in a request or an answer. Real traffic stays under 40. */
export const maxDepth = 256;

/** The text is not JSON that the gateway accepts. `offset` counts bytes (scan) or characters (parse) from the start. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

/** JSON text that {@link stringify} emits as it stands, so that numbers and key order keep their spelling. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** For `JSON.stringify`: within {@link stringify} a mark, which is far cheaper there than looking at every value. */
  toJSON(): unknown {
    if (!raws) return { text: this.text };
    raws.push(this.text);
    return `${mark}${raws.length - 1}`;
  }
}

/** Texts of the values that {@link stringify} has met; null outside it. */
let raws: string[] | null = null;
/** Never leaves this process, so that no value can hold it. */
const mark = `raw-json-${crypto.randomUUID()}-`;
const marks = new RegExp(`"${mark}(\\d+)"`, "g");

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A byte range, end exclusive. */
export interface Span {
  start: number;
  end: number;
}

/** One top-level member of an object: where its key (with quotes) and its value stand. */
export interface Member {
  key: Span;
  value: Span;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Finds the top-level members of a JSON object without parsing their values.
 * Checks brackets, strings, depth and UTF-8; scalars inside are left to whoever parses them.
 * @throws JsonError when the bytes are not one object, nest deeper than {@link maxDepth}, or name a top-level key twice.
 * @example scan(bytes).get("model") // → { key: {…}, value: { start: 9, end: 17 } }
 */
export function scan(bytes: Uint8Array): Map<string, Member> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isUtf8(buffer)) throw new JsonError("the body is not valid UTF-8");
  const members = new Map<string, Member>();
  let at = skipSpace(buffer, skipBom(buffer));
  if (buffer[at] !== openBrace) throw new JsonError("the body must be a JSON object", at);
  at = skipSpace(buffer, at + 1);
  if (buffer[at] === closeBrace) return finish(buffer, at + 1, members);
  for (;;) {
    if (buffer[at] !== quote) throw new JsonError("expected a quoted key", at);
    const keyStart = at;
    at = endOfString(buffer, at);
    const key = decodeString(buffer, keyStart, at);
    const keySpan = { start: keyStart, end: at };
    at = skipSpace(buffer, at);
    if (buffer[at] !== colon) throw new JsonError("expected `:` after a key", at);
    const start = skipSpace(buffer, at + 1);
    const end = endOfValue(buffer, start);
    if (members.has(key)) throw new JsonError(`the key \`${clip(key)}\` stands twice`, keyStart);
    members.set(key, { key: keySpan, value: { start, end } });
    at = skipSpace(buffer, end);
    if (buffer[at] === closeBrace) return finish(buffer, at + 1, members);
    if (buffer[at] !== comma) throw new JsonError("expected `,` or `}`", at);
    at = skipSpace(buffer, at + 1);
  }
}

function finish(buffer: Buffer, after: number, members: Map<string, Member>): Map<string, Member> {
  const at = skipSpace(buffer, after);
  if (at !== buffer.length) throw new JsonError("text after the end of the JSON object", at);
  return members;
}

/**
 * Finds the items of a JSON list without parsing them, as {@link scan} does for an object.
 * @throws JsonError when the bytes are not one list.
 */
export function scanArray(bytes: Uint8Array): Span[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: Span[] = [];
  let at = skipSpace(buffer, 0);
  if (buffer[at] !== openBracket) throw new JsonError("expected a JSON list", at);
  at = skipSpace(buffer, at + 1);
  if (buffer[at] === closeBracket) return items;
  for (;;) {
    const end = endOfValue(buffer, at);
    items.push({ start: at, end });
    at = skipSpace(buffer, end);
    if (buffer[at] === closeBracket) return items;
    if (buffer[at] !== comma) throw new JsonError("expected `,` or `]`", at);
    at = skipSpace(buffer, at + 1);
  }
}

const skipBom = (buffer: Buffer): number =>
  buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf ? 3 : 0;

function skipSpace(buffer: Buffer, from: number): number {
  let at = from;
  while (isSpace(buffer[at])) at += 1;
  return at;
}

/** Beyond so many bytes a native search is faster than looking at each. */
const shortString = 24;

/** Index after the closing quote of the string that opens at `from`. */
function endOfString(buffer: Buffer, from: number): number {
  let at = from + 1;
  for (const short = at + shortString; at < short; at += 1) {
    const byte = buffer[at];
    if (byte === quote) return at + 1;
    if (byte === backslash) at += 1;
  }
  for (;;) {
    at = buffer.indexOf(quote, at);
    if (at < 0) throw new JsonError("a string does not end", from);
    let slashes = 0;
    while (buffer[at - 1 - slashes] === backslash) slashes += 1;
    at += 1;
    if (slashes % 2 === 0) return at;
  }
}

function decodeString(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString("utf8", start, end);
  if (plainString.test(text)) return text.slice(1, -1);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {
    // Told below.
  }
  throw new JsonError("a string holds a control character or a bad escape", start);
}

const plainString = /^"[\w .$-]*"$/;

/** Which bracket closes each open one; one scan at a time, so one stack does for all. */
const closers = new Uint8Array(maxDepth);

/** Index after the value that begins at `from`. */
function endOfValue(buffer: Buffer, from: number): number {
  const first = buffer[from];
  if (first === quote) return endOfString(buffer, from);
  if (first !== openBrace && first !== openBracket) return endOfScalar(buffer, from);
  const { length } = buffer;
  let depth = 0;
  let at = from;
  while (at < length) {
    const byte = buffer[at];
    if (byte === quote) {
      at = endOfString(buffer, at);
      continue;
    }
    if (byte === openBrace || byte === openBracket) {
      if (depth === maxDepth) throw new JsonError(`nesting deeper than ${maxDepth}`, at);
      closers[depth] = byte === openBrace ? closeBrace : closeBracket;
      depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (closers[depth] !== byte) throw new JsonError("brackets do not match", at);
      if (depth === 0) return at + 1;
    }
    at += 1;
  }
  throw new JsonError("the JSON ends too early", from);
}

const scalar = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

function endOfScalar(buffer: Buffer, from: number): number {
  let at = from;
  while (at < buffer.length) {
    const byte = buffer[at];
    if (byte === comma || byte === closeBrace || byte === closeBracket || isSpace(byte)) break;
    at += 1;
  }
  if (at - from > 1024 || !scalar.test(buffer.toString("latin1", from, at))) {
    throw new JsonError("expected a value", from);
  }
  return at;
}

const clip = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Replaces byte ranges. `edits` may come in any order but must not overlap; an insertion is an empty range. */
export function splice(
  bytes: Uint8Array,
  edits: readonly { start: number; end: number; text: string }[],
): Uint8Array {
  if (edits.length === 0) return bytes;
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const edit of edits.toSorted((left, right) => left.start - right.start)) {
    pieces.push(bytes.subarray(at, edit.start), Buffer.from(edit.text, "utf8"));
    at = edit.end;
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces);
}

/**
 * Parses a JSON object from untrusted text.
 * @throws JsonError on anything else, also when it nests deeper than {@link maxDepth}.
 */
export function parseObject(text: string): JsonObject {
  const value = parse(text);
  if (!isObject(value)) throw new JsonError("expected a JSON object");
  return value;
}

/** Parses any JSON value from untrusted text. @throws JsonError */
export function parse(text: string): unknown {
  checkDepth(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new JsonError(error instanceof Error ? error.message : "not JSON");
  }
}

function checkDepth(text: string): void {
  // Shorter text cannot nest that deep and close again.
  if (text.length < maxDepth * 2) return;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = closingQuote(text, at);
    else if (code === openBrace || code === openBracket) {
      depth += 1;
      if (depth > maxDepth) throw new JsonError(`nesting deeper than ${maxDepth}`, at);
    } else if (code === closeBrace || code === closeBracket) depth -= 1;
  }
}

/** Index of the quote that closes the string opened at `from`, or the text's length when none does. */
export function closingQuote(text: string, from: number): number {
  let at = from + 1;
  for (const short = at + shortString; at < short; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    if (code === backslash) at += 1;
  }
  for (;;) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return at;
    at += 1;
  }
}

/** `JSON.stringify` that emits every {@link RawJson} as its own text. Undefined members are left out. */
export function stringify(value: unknown): string {
  const found: string[] = [];
  raws = found;
  try {
    const text = JSON.stringify(value);
    if (found.length === 0) return text;
    return text.replace(marks, (match, index: string) => found[Number(index)] ?? match);
  } finally {
    raws = null;
  }
}

/** A place in a document: object keys and array indexes. */
export type Path = readonly (string | number)[];

/**
 * The exact text of the values that match `pattern`, where `*` stands for any key or index.
 * The text must have been parsed already (it is trusted to be JSON).
 * @example rawAt('{"c":[{"input":{"a":1.0}}]}', ["c", "*", "input"]) // → [{ path: ["c", 0, "input"], text: '{"a":1.0}' }]
 */
export function rawAt(
  text: string,
  pattern: readonly string[],
): { path: (string | number)[]; text: string }[] {
  const found: { path: (string | number)[]; text: string }[] = [];
  const buffer = Buffer.from(text, "utf8");
  const spelt = new Map(pattern.map((step) => [step, Buffer.from(JSON.stringify(step))]));
  /** The key in quotes there, if it is the wanted one. Most are told apart by their bytes alone. */
  const keyAt = (from: number, end: number, wanted: string): string | undefined => {
    if (wanted === "*") return decodeString(buffer, from, end);
    const bytes = spelt.get(wanted);
    let isSame = bytes?.length === end - from;
    for (let at = from; at < end; at += 1) {
      // An escape may stand for any letter.
      if (buffer[at] === backslash) {
        return decodeString(buffer, from, end) === wanted ? wanted : undefined;
      }
      isSame = isSame && buffer[at] === bytes?.[at - from];
    }
    return isSame ? wanted : undefined;
  };
  /** Walks to the end of the value at `start`; what cannot match is skipped whole, so no byte is read twice. */
  const visit = (start: number, depth: number, path: (string | number)[]): number => {
    if (depth === pattern.length) {
      const end = endOfValue(buffer, start);
      found.push({ path, text: buffer.toString("utf8", start, end) });
      return end;
    }
    const wanted = pattern[depth];
    const isList = buffer[start] === openBracket;
    if (!isList && buffer[start] !== openBrace) return endOfValue(buffer, start);
    const close = isList ? closeBracket : closeBrace;
    let at = skipSpace(buffer, start + 1);
    for (let index = 0; buffer[at] !== close; index += 1) {
      let step: string | number | undefined = index;
      if (isList) {
        if (wanted !== "*" && wanted !== String(index)) step = undefined;
      } else {
        const keyEnd = endOfString(buffer, at);
        step = keyAt(at, keyEnd, wanted ?? "*");
        at = skipSpace(buffer, skipSpace(buffer, keyEnd) + 1);
      }
      at = step === undefined ? endOfValue(buffer, at) : visit(at, depth + 1, [...path, step]);
      at = skipSpace(buffer, at);
      if (buffer[at] === comma) at = skipSpace(buffer, at + 1);
    }
    return at + 1;
  };
  visit(skipSpace(buffer, skipBom(buffer)), 0, []);
  return found;
}
