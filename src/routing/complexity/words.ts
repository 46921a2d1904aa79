// A text cut into words, once, for every feature that counts them.

/** Longest text that is looked at, UTF-16 units: of a longer one, the first and the last half of this. */
export const textLimit = 8192;

/** A text and its words. */
export interface WordedText {
  /** At most `textLimit` units; `length` tells what the whole text was. */
  text: string;
  lower: string;
  length: number;
  /** Lower case, in order; numbers are `0`-normalised words of their own in `numbers`, not here. */
  words: string[];
  /** As written: `1,200.50`, `3`. */
  numbers: string[];
  /** Words that begin with a capital although they do not begin a sentence. */
  names: number;
  sentences: number;
  /** Letters of scripts written without spaces between words (Chinese, Japanese, Thai). */
  unspaced: number;
  /** Letters outside ASCII. */
  foreign: number;
}

const token =
  /[A-Za-z\u00C0-\u024F\u0370-\u058F\u0590-\u08FF\u0900-\u0DFF\uAC00-\uD7AF](?:[A-Za-z\u00C0-\u024F\u0370-\u08FF\u0900-\u0DFF\uAC00-\uD7AF'’+#-]*[A-Za-z\u00C0-\u024F\u0370-\u08FF\u0900-\u0DFF\uAC00-\uD7AF+#])?|\d+(?:[.,]\d+)*|[.!?\n]+|[\u0E00-\u0E7F\u3040-\u30FF\u3400-\u9FFF]/g;

/** Cuts a text into words, numbers and sentences. */
export function wordsOf(whole: string): WordedText {
  const half = textLimit / 2;
  const text =
    whole.length <= textLimit
      ? whole
      : `${whole.slice(0, half)}\n${whole.slice(whole.length - half)}`;
  const words: string[] = [];
  const numbers: string[] = [];
  let names = 0;
  let sentences = 0;
  let unspaced = 0;
  let foreign = 0;
  let opening = true;
  for (const match of text.matchAll(token)) {
    const found = match[0];
    const first = found.charCodeAt(0);
    if (first >= 0x30 && first <= 0x39) {
      numbers.push(found);
      opening = false;
    } else if (first === 0x2e || first === 0x21 || first === 0x3f || first === 0x0a) {
      if (!opening) sentences += 1;
      opening = true;
    } else {
      if (first > 0x7f) foreign += found.length;
      if (first >= 0x0e00 && found.length === 1 && first < 0xac00) unspaced += 1;
      if (!opening && first >= 0x41 && first <= 0x5a && found !== "I") names += 1;
      words.push(found.toLowerCase().replaceAll("’", "'"));
      opening = false;
    }
  }
  if (!opening) sentences += 1;
  return {
    text,
    lower: text.toLowerCase(),
    length: whole.length,
    words,
    numbers,
    names,
    sentences,
    unspaced,
    foreign,
  };
}
