// Secrets covered in bytes that pass by in pieces, wherever these are cut.

export interface Cover {
  /** The piece, with what came before it and could have been the beginning of a secret. */
  push(piece: Uint8Array): Uint8Array;
  /** What is left. */
  end(): Uint8Array;
}

const nothing = new Uint8Array(0);
const mask = Buffer.from("***");

/**
 * Puts `***` in the place of each secret. Only an end that a secret begins with is held back until the next piece.
 * @example createCover(["sk-1"]).push(Buffer.from("key sk-1.")) // → "key ***."
 */
export function createCover(secrets: readonly string[]): Cover {
  // The longest first: one may begin with another.
  const wanted = secrets
    .filter((secret) => secret !== "")
    .map((secret) => Buffer.from(secret))
    .toSorted((one, other) => other.length - one.length);
  let held: Uint8Array = nothing;

  const covered = (bytes: Buffer): Buffer => {
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (;;) {
      let at = -1;
      let found = mask;
      for (const secret of wanted) {
        const place = bytes.indexOf(secret, from);
        if (place >= 0 && (at < 0 || place < at)) [at, found] = [place, secret];
      }
      if (at < 0) break;
      pieces.push(bytes.subarray(from, at), mask);
      from = at + found.length;
    }
    return pieces.length === 0 ? bytes : Buffer.concat([...pieces, bytes.subarray(from)]);
  };

  return {
    push(piece) {
      const bytes = covered(held.length > 0 ? Buffer.concat([held, piece]) : Buffer.from(piece));
      const open = Math.max(0, ...wanted.map((secret) => openEnd(bytes, secret)));
      held = bytes.subarray(bytes.length - open);
      return bytes.subarray(0, bytes.length - open);
    },
    end() {
      const rest = held;
      held = nothing;
      return rest;
    },
  };
}

/** How many bytes at the end are the beginning of the secret. */
function openEnd(bytes: Buffer, secret: Buffer): number {
  const most = Math.min(bytes.length, secret.length - 1);
  for (let length = most; length > 0; length -= 1) {
    const from = bytes.length - length;
    if (bytes[from] === secret[0] && bytes.compare(secret, 0, length, from) === 0) return length;
  }
  return 0;
}
