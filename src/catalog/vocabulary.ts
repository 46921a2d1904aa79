// The byte sequences that are tokens, in one table of bytes: 4 MB that open at once, where objects take 100 MB.

/** @example openVocabulary(await packVocabulary(tiktokenFile)).rankOf(new TextEncoder().encode("hello"), 0, 5) // 24912 */
export interface Vocabulary {
  /** Rank of the token that is exactly these bytes, or -1. Of two neighbours that could merge, the lower rank goes first. */
  rankOf(bytes: Uint8Array, start: number, end: number): number;
}

/** Four numbers: {@link magic}, tokens, their bytes together, most bytes of one. */
const headerNumbers = 4;
const magic = 0x314b_4f54;

/**
 * Open addressing, two fifths full. A slot holds a token's rank + 1 in its low {@link rankBits}, and above it bits of the
 * hash, which tell nearly every wrong token apart without a look at its bytes. 0 is free.
 */
const slotCount = 1 << 19;
const rankBits = 18;
const rankMask = (1 << rankBits) - 1;
const tagMask = ~rankMask;

/** FNV-1a, then mixed so that the slot number and the tag differ. */
const hashSeed = 0x811c_9dc5 | 0;
const hashByte = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x0100_0193);
const hashEnd = (hash: number): number => Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
const slotOf = (hash: number): number => (hash >>> 13) & (slotCount - 1);
const tagOf = (hash: number): number => Math.imul(hash, 0x297a_2d39) & tagMask;

const linesPerSlice = 10_000;

/**
 * Packs a `.tiktoken` file: a line for each token, its bytes in base64, a space, its rank; ranks count from 0.
 * In slices of a few milliseconds.
 * @throws Error when the file is another kind of file.
 */
export async function packVocabulary(file: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(file.length);
  const ends: number[] = [0];
  const slots = new Uint32Array(slotCount);
  let written = 0;
  let longest = 0;
  let place = 0;
  while (place < file.length) {
    const start = written;
    let hash = hashSeed;
    let bits = 0;
    let pending = 0;
    for (;;) {
      const digit = base64Digits[file[place] ?? 0] ?? notDigit;
      place += 1;
      if (digit === notDigit) break;
      pending = (pending << 6) | digit;
      bits += 6;
      if (bits < 8) continue;
      bits -= 8;
      const byte = (pending >> bits) & 0xff;
      bytes[written] = byte;
      written += 1;
      hash = hashByte(hash, byte);
    }
    const rank = ends.length - 1;
    if (written === start || rank + 1 > rankMask) {
      throw new Error(`the vocabulary is broken at token ${rank}`);
    }
    ends.push(written);
    longest = Math.max(longest, written - start);
    hash = hashEnd(hash);
    let slot = slotOf(hash);
    while (slots[slot] !== 0) slot = (slot + 1) & (slotCount - 1);
    slots[slot] = tagOf(hash) | (rank + 1);
    place = file.indexOf(lineFeed, place - 1) + 1;
    if (place === 0) break;
    if (ends.length % linesPerSlice === 0) await pause();
  }
  const header = [magic, ends.length - 1, written, longest];
  const packed = new Uint8Array((header.length + ends.length + slotCount) * 4 + written);
  const numbers = new Uint32Array(packed.buffer, 0, header.length + ends.length + slotCount);
  numbers.set(header);
  numbers.set(ends, header.length);
  numbers.set(slots, header.length + ends.length);
  packed.set(bytes.subarray(0, written), numbers.byteLength);
  return packed;
}

const lineFeed = 0x0a;
const notDigit = 0xff;
const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64Digits = Uint8Array.from({ length: 256 }, (_, character) => {
  const digit = base64.indexOf(String.fromCharCode(character));
  return digit < 0 ? notDigit : digit;
});

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Nothing is copied or made: the packed bytes are the table. Numbers are in the byte order of the machine, which is
 * the same for every target.
 * @throws Error when the bytes are not what {@link packVocabulary} gave.
 */
export function openVocabulary(packed: Uint8Array<ArrayBuffer>): Vocabulary {
  const numbers = new Uint32Array(packed.buffer, packed.byteOffset, packed.length >> 2);
  const [mark, tokens = 0, size = 0, longest = 0] = numbers;
  const length = headerNumbers + tokens + 1 + slotCount;
  if (mark !== magic || packed.length !== length * 4 + size) {
    throw new Error("the packed vocabulary is broken");
  }
  const ends = numbers.subarray(headerNumbers, headerNumbers + tokens + 1);
  const slots = numbers.subarray(headerNumbers + tokens + 1, length);
  const known = packed.subarray(length * 4);

  const isToken = (rank: number, bytes: Uint8Array, start: number, end: number): boolean => {
    let place = ends[rank] ?? 0;
    if ((ends[rank + 1] ?? 0) - place !== end - start) return false;
    for (let index = start; index < end; index += 1, place += 1) {
      if (known[place] !== bytes[index]) return false;
    }
    return true;
  };

  return {
    rankOf(bytes, start, end) {
      if (end - start > longest) return -1;
      let hash = hashSeed;
      for (let index = start; index < end; index += 1) hash = hashByte(hash, bytes[index] ?? 0);
      hash = hashEnd(hash);
      const tag = tagOf(hash);
      for (let slot = slotOf(hash); ; slot = (slot + 1) & (slotCount - 1)) {
        const entry = slots[slot] ?? 0;
        if (entry === 0) return -1;
        const rank = (entry & rankMask) - 1;
        if ((entry & tagMask) === tag && isToken(rank, bytes, start, end)) return rank;
      }
    },
  };
}
