// Seeded randomness and stable hashes: the same seed gives the same decision, so that one can be explained afterwards.

/** A number from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** A source of random numbers that always gives the same ones for the same seed (mulberry32). Not for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed made of a text, e.g. of a request's id. */
export const seedOf = (text: string): number => Bun.hash.xxHash32(text);

/** Where a text falls between 0 and 1, both excluded: always at the same place. */
export const fractionOf = (text: string): number => (seedOf(text) + 0.5) / 2 ** 32;
