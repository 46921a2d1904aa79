// Ids and randomness, in one place.

const unique = (): string => Bun.randomUUIDv7().replaceAll("-", "");
let source = unique;

/** A time-ordered unique id with a readable prefix, e.g. `req_0192f0c2…`. */
export const createId = (prefix: string): string => `${prefix}_${source()}`;

/** Replaces what ids are made of (tests only). Returns a function that makes them unique again. */
export function setIdSource(next: () => string): () => void {
  source = next;
  return () => {
    source = unique;
  };
}

/** A secret of `bytes` random bytes (default 32 = 256 bits), base64url. */
export const randomSecret = (bytes = 32): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64url");
