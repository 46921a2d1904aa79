// JSON text laid out for reading, every value spelt as it was.

export interface Layout {
  /** Longer texts are cut, with a note of their length; absent: none is. */
  maxText?: number;
}

/**
 * Indents JSON by two spaces; short lists and objects without anything nested stay on one line.
 * The text must be JSON: it is not checked.
 * @example indentJson('{"a":1.0}') // → '{ "a": 1.0 }'
 */
export function indentJson(text: string, { maxText = Infinity }: Layout = {}): string {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? [];
  const lines = new Writer(tokens, maxText);
  return lines.value("");
}

/** Widest line that holds a whole list or object. */
const maxLine = 80;

/** Reads the tokens front to back; recursion is bounded by the depth that the gateway takes. */
class Writer {
  #at = 0;
  readonly #tokens: readonly string[];
  readonly #maxText: number;

  constructor(tokens: readonly string[], maxText: number) {
    this.#tokens = tokens;
    this.#maxText = maxText;
  }

  value(indent: string): string {
    const token = this.#next();
    if (token === "{" || token === "[") return this.#group(token, indent);
    return this.#shown(token);
  }

  #group(open: string, indent: string): string {
    const close = open === "{" ? "}" : "]";
    const inner = `${indent}  `;
    const items: string[] = [];
    while (this.#at < this.#tokens.length && this.#tokens[this.#at] !== close) {
      if (this.#tokens[this.#at] === ",") {
        this.#at += 1;
        continue;
      }
      items.push(open === "{" ? `${this.#key()}: ${this.value(inner)}` : this.value(inner));
    }
    this.#at += 1;
    if (items.length === 0) return `${open}${close}`;
    const space = open === "{" ? " " : "";
    const line = `${open}${space}${items.join(", ")}${space}${close}`;
    const isFlat = !items.some((item) => item.includes("\n")) && line.length <= maxLine;
    if (isFlat && !/[[{].*[[{]/.test(line)) return line;
    return `${open}\n${items.map((item) => inner + item).join(",\n")}\n${indent}${close}`;
  }

  #key(): string {
    const key = this.#next();
    this.#at += 1;
    return key;
  }

  #next(): string {
    const token = this.#tokens[this.#at] ?? "";
    this.#at += 1;
    return token;
  }

  #shown(token: string): string {
    if (token.length - 2 <= this.#maxText) return token;
    const start = token.slice(0, this.#maxText + 1);
    const cut = /^"(?:\\u[\da-fA-F]{4}|\\[^u]|[^"\\])*/.exec(start)?.[0] ?? start;
    return `${cut}" …(${token.length - 2} characters)`;
  }
}
