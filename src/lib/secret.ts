// A secret string that cannot be printed by accident.

const inspectSymbol = Symbol.for("nodejs.util.inspect.custom");

/** Holds a credential. Prints as `***` in logs, JSON, templates and inspection; only {@link Secret.reveal} gives the text. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself. Call it only where the bytes leave for their owner. */
  reveal(): string {
    return this.#text;
  }

  /** The last four characters, for people who must tell keys apart; `***` when the secret is short. */
  hint(): string {
    return this.#text.length >= 12 ? `…${this.#text.slice(-4)}` : "***";
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [inspectSymbol](): string {
    return "***";
  }
}
