// Names and ids that this wire does not admit, spelt so that it does, and back.

/** Characters beyond these are refused in tool names and call ids: https://platform.claude.com/docs/en/api/messages */
const refused = /[^a-zA-Z0-9_-]/gu;
const escaped = /_u([0-9a-f]{2,6})_/g;
/** Printable and refused: what {@link escapeName} is there for. Control characters are left alone on the way back. */
const restorable = /^(?:(?![a-zA-Z0-9_-])[!-~]|[\u{a0}-\u{10ffff}])$/u;

/** @example escapeName("files.read") // → "files_u2e_read" */
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
    return restorable.test(character) && escapeName(character) === whole ? character : whole;
  });
