// Numbers whose spelling JavaScript would change (`1.0`, `1e21`, integers beyond 2^53), kept as they were written.
import { closingQuote, isObject, type JsonObject } from "./json.ts";

declare global {
  interface JSON {
    /** A scalar's text that `JSON.stringify` emits as it stands. */
    rawJSON(text: string): object;
  }
}

/** A number that `JSON.stringify` writes as it was spelt. It counts and compares like the number that is nearest to it. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): unknown {
    return JSON.rawJSON(this.text);
  }

  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }
}

/** The value of a number however it is kept; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return value instanceof ExactNumber ? value.valueOf() : undefined;
}

const quote = 0x22;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;

/** True for JSON text with a number that JavaScript would write otherwise. Strings are skipped, so that it costs little. */
export function mayRespell(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = closingQuote(text, at);
    else if (code === minus || (code >= zero && code <= nine)) {
      const end = endOfNumber(text, at);
      const spelt = text.slice(at, end);
      // Most numbers are short and whole.
      if (end - at > 1 && spelt !== JSON.stringify(Number(spelt))) return true;
      at = end - 1;
    }
  }
  return false;
}

function endOfNumber(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && numeric.has(text.charCodeAt(at))) at += 1;
  return at;
}

const numeric: ReadonlySet<number> = new Set(
  Array.from("0123456789.eE+-", (letter) => letter.charCodeAt(0)),
);

/** As `JSON.parse`, with an {@link ExactNumber} for each number that would be written otherwise. */
const parseExactly = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown, ...[context]: unknown[]) => {
    const spelt = isObject(context) ? context["source"] : undefined;
    return typeof value === "number" && typeof spelt === "string" && spelt !== JSON.stringify(value)
      ? new ExactNumber(spelt)
      : value;
  });

/**
 * `value`, what `text` is parsed, with exact numbers in all that stands under one of `keys`. Elsewhere numbers are plain.
 * @example withExactNumbers({ n: 1, schema: { minimum: 1 } }, '{"n":1.0,"schema":{"minimum":1.0}}', new Set(["schema"]))
 */
export function withExactNumbers(value: unknown, text: string, keys: ReadonlySet<string>): unknown {
  return mayRespell(text) ? graft(value, parseExactly(text), keys) : value;
}

/** As {@link withExactNumbers}, with exact numbers everywhere. */
export const exactly = (value: unknown, text: string): unknown =>
  mayRespell(text) ? parseExactly(text) : value;

function graft(plain: unknown, exact: unknown, keys: ReadonlySet<string>): unknown {
  if (Array.isArray(plain) && Array.isArray(exact)) {
    return plain.map((item, index) => graft(item, exact[index], keys));
  }
  if (!isObject(plain) || !isObject(exact)) return plain;
  const grafted: JsonObject = {};
  for (const key of Object.keys(plain)) {
    Object.defineProperty(grafted, key, {
      value: keys.has(key) ? exact[key] : graft(plain[key], exact[key], keys),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return grafted;
}
