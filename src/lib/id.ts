// Ids and randomness, in one place, so that tests can fix them.

let source: () => string = () => Bun.randomUUIDv7().replaceAll("-", "");

/** A time-ordered unique id with a readable prefix, e.g. `req_0192f0c2…`. */
export const createId = (prefix: string): string => `${prefix}_${source()}`;

/** A secret of `bytes` random bytes (default 32 = 256 bits), base64url. */
export const randomSecret = (bytes = 32): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64url");

/** Replaces the id source (tests only). Returns a function that puts the real one back. */
export function setIdSource(next: () => string): () => void {
  const previous = source;
  source = next;
  return () => {
    source = previous;
  };
}
