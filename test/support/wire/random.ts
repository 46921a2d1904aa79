// Randomness that every run repeats: chunk cuts and odd spellings of JSON.

/** A number in 0..1 at each call, the same row for the same seed (mulberry32). */
export function createRandom(seed: string): () => number {
  let state = Number(Bun.hash(seed) & 0xff_ff_ff_ffn);
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every byte apart. */
export const singleBytes = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));

/** Cut at random places: pieces of 1 to 400 bytes, mostly small. */
export function randomPieces(bytes: Uint8Array, seed: string): Uint8Array[] {
  const random = createRandom(seed);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(random() ** 3 * 400);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

const spaces = ["", "", "", " ", "  ", "\n\t"];

/**
 * JSON as no serialiser would write it again: odd spaces, needless escapes. What is relayed must keep them.
 * @example spell({ a: "é/" }, createRandom("x")) // → '{"a" :  "\\u00e9\\/"}'
 */
export function spell(value: unknown, random: () => number): string {
  const space = (): string => spaces[Math.floor(random() * spaces.length)] ?? "";
  const write = (item: unknown): string => {
    if (Array.isArray(item)) {
      return `[${item.map((inner) => space() + write(inner) + space()).join(",")}]`;
    }
    if (typeof item === "object" && item !== null) {
      const members = Object.entries(item).map(
        ([key, inner]) => `${space()}${text(key)}${space()}:${space()}${write(inner)}${space()}`,
      );
      return `{${members.join(",")}}`;
    }
    return typeof item === "string" ? text(item) : JSON.stringify(item);
  };
  const text = (plain: string): string =>
    JSON.stringify(plain).replaceAll(/[/\u{80}-\u{10ffff}]/gu, (character) => {
      if (random() < 0.5) return character;
      return character === "/" ? "\\/" : character.replaceAll(/[^]/g, escaped);
    });
  return write(value);
}

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
