// OpenAI's `o200k_base` tokenizer, loaded when first needed and kept from running away.

/** Token work on one piece of text at a time. */
export interface Tokenizer {
  count(text: string): number;
  /** The longest beginning of at most `maxTokens` tokens. Where {@link maxExact} characters do not use them up, the whole text. */
  truncate(text: string, maxTokens: number): string;
}

let loading: Promise<Tokenizer> | undefined;

/** Loaded on first use: the vocabulary is large (100 MB of memory), and many runs never need it. */
export function loadTokenizer(): Promise<Tokenizer> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Tokenizer> {
  const { countTokens, setMergeCacheSize } = await import("gpt-tokenizer/encoding/o200k_base");
  // The cache holds pieces of what people wrote, so it is kept small.
  setMergeCacheSize(10_000);
  // Text that spells a special token, e.g. `<|endoftext|>`, is text.
  const options = { disallowedSpecial: new Set<string>() };
  const count = (text: string): number =>
    pieces(text).reduce((sum, piece) => sum + countTokens(piece, options), 0);
  return {
    count,
    truncate(text, maxTokens) {
      let left = maxTokens;
      let kept = "";
      for (const window of windows(text.slice(0, maxExact))) {
        const tokens = count(window);
        if (tokens > left) return kept + beginning(window, left, count);
        left -= tokens;
        kept += window;
      }
      return text;
    },
  };
}

/** The longest beginning of at most `maxTokens` tokens, found by halving: tokens may end inside a character, texts not. */
function beginning(text: string, maxTokens: number, count: (text: string) => number): string {
  const characters = Array.from(text);
  let fits = 0;
  let tooLong = characters.length;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (count(characters.slice(0, middle).join("")) <= maxTokens) fits = middle;
    else tooLong = middle;
  }
  return characters.slice(0, fits).join("");
}

/** Most characters of a text that are worth the time to look at one by one (UTF-16 units). */
export const maxExact = 200_000;

/** Length of a window, characters. */
export const windowSize = 4_096;

/** Pieces of about {@link windowSize} characters, cut at white space where there is some. */
export function* windows(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + windowSize, text.length);
    if (end < text.length) {
      const space = text.lastIndexOf(" ", end);
      if (space > start + windowSize / 2) end = space;
      else if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    }
    yield text.slice(start, end);
    start = end;
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

/** The tokenizer's time grows with the square of an unbroken run, so long runs are cut (fault S43). */
const pieces = (text: string): readonly string[] =>
  /\S{129}|\s{129}/u.test(text) ? (text.match(/\s{0,128}\S{1,128}|\s{1,128}/gu) ?? []) : [text];
