// One answer for several readers: each gets all its bytes from the start, as they come, and a bounded copy is kept.
import { background } from "../lib/background.ts";

/** What became of an answer. */
export type CopyEnd =
  | { type: "whole"; bytes: Uint8Array }
  /** Too large to be held: only its first reader has it. */
  | { type: "too-large" }
  /** It broke off. */
  | { type: "broken" };

export interface AnswerCopy {
  /** Whoever the answer was made for: has it whatever its size. Once only. */
  first(): AsyncGenerator<Uint8Array>;
  /** Anybody else. @throws Error when the answer breaks off, or is too large to be held for them */
  follow(): AsyncGenerator<Uint8Array>;
  /** Whoever it was made for has left: what is too large to be held is given up. */
  leave(): void;
}

export interface CopyOptions {
  /** Most bytes held. */
  maxBytes: number;
  /** Told once; nobody sees the end before what it returns is over. */
  ended(end: CopyEnd): Promise<void>;
}

/** Reads `body` to its end whether anybody does or not; once it is too large, only as fast as its first reader takes it. */
export function createAnswerCopy(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes, ended }: CopyOptions,
): AnswerCopy {
  const reader = body?.getReader();
  /** From the start; emptied as they are read once there are too many. */
  let pieces: Uint8Array[] = [];
  let size = 0;
  let isLarge = false;
  let isOver = false;
  let broke: { cause: unknown } | null = null;
  let isLeft = false;
  let reading: Promise<void> | null = null;

  const end = async (how: CopyEnd): Promise<void> => {
    // A large one was told when it became so.
    if (!isLarge) await ended(how);
  };

  const read = async (): Promise<void> => {
    let piece: Uint8Array | undefined;
    try {
      piece = (await reader?.read())?.value;
    } catch (cause) {
      await end({ type: "broken" });
      broke = { cause };
      isOver = true;
      return;
    }
    if (piece === undefined) {
      await end({ type: "whole", bytes: Buffer.concat(pieces) });
      isOver = true;
      return;
    }
    size += piece.length;
    if (!isLarge && size > maxBytes) {
      await end({ type: "too-large" });
      isLarge = true;
    }
    pieces.push(piece);
  };

  /** One read at a time, whoever asks. */
  const advance = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };

  const giveUp = async (): Promise<void> => {
    if (isLarge && isLeft) await reader?.cancel();
  };

  const readAhead = async (): Promise<void> => {
    while (!isOver && !isLarge) await advance();
    await giveUp();
  };
  background(readAhead(), "an answer that is kept");

  return {
    async *first() {
      for (let at = 0; ;) {
        const piece = pieces[at];
        if (piece) {
          at += 1;
          // What nobody else gets is not held.
          if (isLarge) {
            pieces = pieces.slice(at);
            at = 0;
          }
          yield piece;
        } else if (broke) throw broke.cause;
        else if (isOver) return;
        else await advance();
      }
    },
    async *follow() {
      for (let at = 0; ;) {
        if (isLarge) throw new Error(`the answer is larger than ${maxBytes} bytes`);
        const piece = pieces[at];
        if (piece) {
          at += 1;
          yield piece;
        } else if (broke) throw broke.cause;
        else if (isOver) return;
        else await advance();
      }
    },
    leave() {
      isLeft = true;
      background(giveUp(), "an answer whose client left");
    },
  };
}
