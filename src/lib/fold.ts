// One spelling for what looks alike: case, width, accents, letters of other scripts, and what nobody sees.

/** `sight`: what looks alike, in lower case. `plain`: width and what nobody sees alone, the case stays. */
export type Folding = "sight" | "plain";

/** Of Cyrillic, Greek and others, lower case, those that pass for Latin letters in most typefaces. */
const lookalikes: Readonly<Record<string, string>> = Object.fromEntries(
  (
    "аa вb еe кk мm нh оo рp сc тt уy хx ѕs іi јj ԁd ԛq ԝw һh ӏl ьb " +
    "αa βb εe ηn ιi κk νv οo ρp τt υu χx γy ωw ϲc ϳj " +
    "ıi ɡg ɑa ℓl ɩi ʟl ſs øo đd łl ħh"
  )
    .split(" ")
    .map((pair) => {
      const [sign = "", ...rest] = pair;
      return [sign, rest.join("")];
    }),
);

/** Zero width, direction, tags, soft hyphen, variation selectors, fillers, NUL. */
const unseen = /^[\p{Default_Ignorable_Code_Point}\p{Cf}\0]$/u;
const space = /^[\p{Z}\s]$/u;
const known = { sight: new Map<number, string>(), plain: new Map<number, string>() };
/** Texts hold few signs; whoever sends all of Unicode must not fill the memory. */
const maxKnown = 20_000;

/**
 * What a code point is read as: nothing, one unit, or several.
 * @example foldPoint(0x410, "sight") // "А", Cyrillic → "a"
 */
export function foldPoint(point: number, folding: Folding): string {
  const memory = known[folding];
  const remembered = memory.get(point);
  if (remembered !== undefined) return remembered;
  const folded = fold(String.fromCodePoint(point), folding);
  if (memory.size < maxKnown) memory.set(point, folded);
  return folded;
}

function fold(sign: string, folding: Folding): string {
  if (unseen.test(sign)) return "";
  if (space.test(sign)) return " ";
  if (folding === "plain") return sign.normalize("NFKC");
  const base = sign.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const spelt = base === "ß" ? "ss" : base;
  return Array.from(spelt)
    .map((each) => lookalikes[each] ?? each)
    .join("");
}

/** A text as {@link foldPoint} reads it. */
export const foldText = (text: string, folding: Folding): string =>
  Array.from(text, (sign) => foldPoint(sign.codePointAt(0) ?? 0, folding)).join("");
