// Names of functions and ids of calls that this wire does not have, spelt so that it does, and back.

/** Characters beyond these are refused in function names: https://ai.google.dev/api/caching#FunctionDeclaration */
const refused = /[^a-zA-Z0-9_.:-]/gu;
const escaped = /_u([0-9a-f]{2,6})_/g;

/** @example escapeName("files/read") // → "files_u2f_read" */
export const escapeName = (name: string): string =>
  name
    .toWellFormed()
    .replace(
      refused,
      (character) => `_u${character.codePointAt(0)?.toString(16).padStart(2, "0")}_`,
    );

/** Undoes {@link escapeName}; text that it cannot have made stays as it is. */
export const unescapeName = (name: string): string =>
  name.replace(escaped, (whole, hex: string) => {
    const code = Number.parseInt(hex, 16);
    if (code > 0x10_ff_ff) return whole;
    const character = String.fromCodePoint(code);
    return /\p{Cc}/u.test(character) || escapeName(character) !== whole ? whole : character;
  });

/** How ids of calls begin that came without one; OpenAI takes 40 characters. */
export const madeUpPrefix = "gemcall";

/** Gemini gave the call no id, so it gets none back. */
export const isMadeUp = (id: string): boolean => id.startsWith(`${madeUpPrefix}_`);
