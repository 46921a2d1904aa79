// How the messages of a streaming wire are cut out of bytes, and written into them.
import type { Frame } from "./frame.ts";

/** The stream breaks a rule or a limit of its framing; `message` says which. */
export class FramingError extends Error {
  override readonly name: string = "FramingError";
}

/** Cuts a byte stream into raw blocks, independent of how it was cut into chunks. All outputs in order are exactly the input. */
export interface Splitter {
  /** Blocks that `chunk` completes; they may share memory with it. @throws FramingError */
  push(chunk: Uint8Array): Uint8Array[];
  /** The bytes after the last complete block, or null when there are none. */
  end(): Uint8Array | null;
}

/** Writes one stream. */
export interface FrameWriter {
  write(frame: Frame): Uint8Array;
  /** What closes a stream of this framing; empty for most. */
  end(): Uint8Array;
}

/** One framing: server-sent events, lines of JSON, a JSON array, or AWS's binary messages. Pure. */
export interface Framing {
  readonly id: string;
  /** `content-type` of a streamed answer. */
  readonly contentType: string;
  createSplitter(): Splitter;
  /** The message of one block; null for one that holds none (comments, blank lines). @throws FramingError */
  parse(block: Uint8Array): Frame | null;
  createWriter(): FrameWriter;
  /** What makes a block whole that came without its end, where text can. */
  readonly blockEnd?: string;
}
