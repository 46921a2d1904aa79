// Every text of a JSON document, keys and texts within texts included, with the place that it stands at in the bytes.
import { JsonError, parse, type Path, splice } from "./json.ts";

/** A key, a text, or a whole number that is long enough to mean something. */
export interface JsonScalar {
  /** Where it stands, bytes, quotes included. */
  start: number;
  end: number;
  /** As it is meant: without quotes and escapes. */
  text: string;
  /** Of a key: of the object that has it. */
  path: Path;
  type: "key" | "text" | "number";
}

/** Digits that could be the number of a card or an account. */
const minDigits = 9;

/**
 * In the order of the document; what stands twice is given twice, so that nobody can hide behind a second key.
 * @throws JsonError where the bytes are no JSON, or nest too deep
 * @example scalarsIn(Buffer.from('{"a":["b"]}')) // → the key `a`, and the text `b` at ["a", 0]
 */
export function scalarsIn(bytes: Uint8Array): JsonScalar[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  parse(buffer.toString("utf8").replace(/^\uFEFF/, ""));
  const found: JsonScalar[] = [];
  /** What is open: how far a list has come, or the key whose value is next; null: a key is next. */
  const open: (number | string | null)[] = [];
  const isList: boolean[] = [];
  const path = (): Path => open.filter((step) => step !== null);

  for (let at = 0; at < buffer.length; at += 1) {
    switch (buffer[at]) {
      case 0x7b:
        open.push(null);
        isList.push(false);
        break;
      case 0x5b:
        open.push(0);
        isList.push(true);
        break;
      case 0x7d:
      case 0x5d:
        open.pop();
        isList.pop();
        break;
      case 0x2c: {
        const last = open.pop();
        open.push(typeof last === "number" ? last + 1 : null);
        break;
      }
      case 0x22: {
        const end = stringEnd(buffer, at);
        const text = textOf(buffer, at, end);
        const isKey = isList.at(-1) === false && open.at(-1) === null;
        found.push({ start: at, end, text, path: path(), type: isKey ? "key" : "text" });
        if (isKey) open[open.length - 1] = text;
        at = end - 1;
        break;
      }
      default: {
        if (!isNumberByte(buffer[at])) break;
        let end = at + 1;
        while (isNumberByte(buffer[end])) end += 1;
        const text = end - at >= minDigits ? buffer.toString("latin1", at, end) : "";
        // What has a point or an exponent is no number of anything.
        if (/^\d+$/.test(text)) {
          found.push({ start: at, end, text, path: path(), type: "number" });
        }
        at = end - 1;
      }
    }
  }
  return found;
}

/** Puts other texts in the place of some scalars; all else stays byte for byte. `edit` gives null for what stays. */
export function withScalars(
  bytes: Uint8Array,
  edit: (scalar: JsonScalar) => string | null,
): Uint8Array {
  const edits = scalarsIn(bytes).flatMap((scalar) => {
    const text = edit(scalar);
    return text === null || text === scalar.text
      ? []
      : [{ start: scalar.start, end: scalar.end, text: JSON.stringify(text) }];
  });
  return splice(bytes, edits);
}

/** The scalars of a text that is itself an object or a list; null: it is none. */
export function scalarsWithin(text: string): JsonScalar[] | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return scalarsIn(Buffer.from(text));
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

/** `0-9 + - . e E`, and the letters of `true` and the like, which are shorter than any number that matters. */
const isNumberByte = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x65 ||
    byte === 0x45);

function stringEnd(buffer: Buffer, from: number): number {
  for (let at = buffer.indexOf(0x22, from + 1); at >= 0; at = buffer.indexOf(0x22, at + 1)) {
    let slashes = 0;
    while (buffer[at - 1 - slashes] === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
  return buffer.length;
}

function textOf(buffer: Buffer, start: number, end: number): string {
  const raw = buffer.toString("utf8", start, end);
  if (!raw.includes("\\")) return raw.slice(1, -1);
  const text: unknown = JSON.parse(raw);
  return typeof text === "string" ? text : "";
}
