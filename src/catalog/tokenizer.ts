// Byte-pair encoding as `o200k_base` does it, counted only, and never in the way of other requests.
import { monotonic } from "../lib/clock.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface Tokenizer {
  /**
   * Exact but for unbroken runs of more than 256 characters, which can be off by a token for each 256, and for
   * a text that is not done within {@link maxCountMs}, whose rest is extrapolated. Texts that spell a special token
   * are texts.
   */
  count(text: string): Promise<number>;
  /**
   * The longest beginning of at most `maxTokens` tokens, never cut inside a character. Where {@link maxExact}
   * characters do not use them up, the whole text.
   */
  truncate(text: string, maxTokens: number): Promise<string>;
}

/** Most characters of a text that are worth the time to look at one by one (UTF-16 units). */
export const maxExact = 200_000;

/** A count that takes longer, because it is one of many, is finished by extrapolation, ms. */
export const maxCountMs = 2_000;

/** UTF-8 bytes that one token stands for, on average over English, code and other scripts. */
export const bytesPerToken = 4;

/** Tokens of a text by rule of thumb. */
export const roughTokens = (text: string): number =>
  Math.ceil(Buffer.byteLength(text) / bytesPerToken);

/** The time of a merge grows with the square of its length, so words beyond it are cut (fault S43). UTF-16 units. */
const maxPiece = 256;
const maxPieceBytes = maxPiece * 3;

/** Characters counted without a look at the clock. */
const unwatched = 1_024;

/** How long others wait at most, ms. */
const sliceMs = 4;

/** @example await createTokenizer(vocabulary).count("hello world") // 2 */
export function createTokenizer(vocabulary: Vocabulary): Tokenizer {
  const count = createCounter(vocabulary);
  let sliceStart = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** One text at a time, so that many do not add up to one long slice. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** Lets others in when the slice is used up. */
  const yieldLoop = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    sliceStart = monotonic();
  };
  const isSliceOver = (): boolean => monotonic() - sliceStart > sliceMs;

  return {
    count(text) {
      const deadline = monotonic() + maxCountMs;
      return inTurn(async () => {
        let tokens = 0;
        let done = 0;
        let unseen = unwatched;
        for (const piece of piecesOf(text)) {
          unseen += piece.length;
          if (unseen > unwatched) {
            unseen = 0;
            if (isSliceOver()) await yieldLoop();
            if (monotonic() > deadline) return extrapolate(text, tokens, done);
          }
          tokens += count(piece);
          done += piece.length;
        }
        return tokens;
      });
    },
    truncate(text, maxTokens) {
      return inTurn(async () => {
        let left = maxTokens;
        let kept = 0;
        for (const piece of piecesOf(text.slice(0, maxExact))) {
          if (isSliceOver()) await yieldLoop();
          const tokens = count(piece);
          if (tokens > left) return text.slice(0, kept) + beginning(piece, left, count);
          left -= tokens;
          kept += piece.length;
        }
        return text;
      });
    },
  };
}

const extrapolate = (text: string, tokens: number, done: number): number =>
  done === 0 ? roughTokens(text) : Math.round((tokens * text.length) / done);

/**
 * Text falls into words, numbers, signs and white space, and no token spans two of them.
 * https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py, `o200k_base`
 */
const words = ((): RegExp => {
  const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
  const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
  const before = String.raw`[^\r\n\p{L}\p{N}]?`;
  const after = "(?:'(?:[sS]|[dD]|[mM]|[tT]|[lL][lL]|[vV][eE]|[rR][eE]))?";
  const alternatives = [
    `${before}${upper}*${lower}+${after}`,
    `${before}${upper}+${lower}*${after}`,
    String.raw`\p{N}{1,3}`,
    String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`,
    String.raw`\s*[\r\n]+`,
    String.raw`\s+(?!\S)`,
    String.raw`\s+`,
  ];
  return new RegExp(alternatives.join("|"), "gu");
})();

/** The words of a text, long ones cut. */
function* piecesOf(text: string): Generator<string, void, void> {
  for (const [word] of text.matchAll(words)) {
    let start = 0;
    while (word.length - start > maxPiece) {
      const end =
        start + maxPiece - (isHighSurrogate(word.charCodeAt(start + maxPiece - 1)) ? 1 : 0);
      yield word.slice(start, end);
      start = end;
    }
    yield start === 0 ? word : word.slice(start);
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

/** Found by halving: tokens may end inside a character, texts not. */
function beginning(piece: string, maxTokens: number, count: (piece: string) => number): string {
  const characters = Array.from(piece);
  const firstOf = (length: number): string => characters.slice(0, length).join("");
  const tokensOf = (text: string): number =>
    piecesOf(text).reduce((sum, each) => sum + count(each), 0);
  let fits = 0;
  let tooLong = characters.length;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (tokensOf(firstOf(middle)) <= maxTokens) fits = middle;
    else tooLong = middle;
  }
  return firstOf(fits);
}

/** Byte-pair encoding of one piece: neighbours that make the token of the lowest rank merge, until none do. */
function createCounter({ rankOf }: Vocabulary): (piece: string) => number {
  const encoder = new TextEncoder();
  const bytes = new Uint8Array(maxPieceBytes);
  /** Where the parts start, and behind the last one where it ends. */
  const starts = new Uint16Array(maxPieceBytes + 1);
  /** Rank of the token that a part makes with the next. */
  const ranks = new Uint32Array(maxPieceBytes);
  const never = 0xffff_ffff;

  const encode = (piece: string): number => {
    for (let index = 0; index < piece.length; index += 1) {
      const unit = piece.charCodeAt(index);
      if (unit > 0x7f) return encoder.encodeInto(piece, bytes).written;
      bytes[index] = unit;
    }
    return piece.length;
  };

  const rankAt = (part: number, parts: number): number => {
    if (part + 2 > parts) return never;
    const rank = rankOf(bytes, starts[part] ?? 0, starts[part + 2] ?? 0);
    return rank < 0 ? never : rank;
  };

  return (piece) => {
    let parts = encode(piece);
    if (rankOf(bytes, 0, parts) >= 0) return 1;
    for (let part = 0; part <= parts; part += 1) starts[part] = part;
    for (let part = 0; part < parts; part += 1) ranks[part] = rankAt(part, parts);
    for (;;) {
      let lowest = never;
      let at = -1;
      for (let part = 0; part < parts; part += 1) {
        const rank = ranks[part] ?? never;
        if (rank < lowest) {
          lowest = rank;
          at = part;
        }
      }
      if (at < 0) return parts;
      starts.copyWithin(at + 1, at + 2, parts + 1);
      ranks.copyWithin(at + 1, at + 2, parts);
      parts -= 1;
      ranks[at] = rankAt(at, parts);
      if (at > 0) ranks[at - 1] = rankAt(at - 1, parts);
    }
  };
}
