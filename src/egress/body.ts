// The body of an upstream's answer: pulled as it is read, decoded once, under its deadlines.
import { GatewayError } from "../ir/error.ts";
import type { Deadlines } from "../lib/deadline.ts";
import { DecompressError, decompressStream, type Coding } from "../lib/decompress.ts";
import { exchangeFailure, type Exchange } from "./failure.ts";

export interface BodyOptions {
  /** What is to be decoded; empty for none. */
  codings: readonly Coding[];
  deadlines: Deadlines;
  host: string;
  timeouts: Exchange["timeouts"];
  /** Cap on a decoded body. */
  maxDecodedBytes: number;
}

export interface Body {
  /** The next piece, null at the end. @throws GatewayError */
  read(): Promise<Uint8Array | null>;
  /** The rest as a stream that reads only when it is read. */
  stream(): ReadableStream<Uint8Array>;
  /** The rest in one piece. @throws GatewayError `upstream_invalid` beyond `maxBytes` */
  bytes(maxBytes: number): Promise<Uint8Array>;
  cancel(reason?: string): void;
}

export function createBody(source: ReadableStream<Uint8Array> | null, options: BodyOptions): Body {
  const { deadlines, host } = options;
  let failure: GatewayError | undefined;
  let ended = false;

  const end = (): null => {
    ended = true;
    deadlines.dispose();
    return null;
  };
  const fail = (error: unknown): GatewayError => {
    failure ??= asGatewayError(error, options);
    deadlines.cancel("cancelled");
    return failure;
  };
  if (!source) end();
  const raw = source ? createReader(source, options) : async () => null;
  const next = source && options.codings.length > 0 ? createDecodingReader(raw, options) : raw;

  async function read(): Promise<Uint8Array | null> {
    if (failure) throw failure;
    if (ended) return null;
    try {
      return (await next()) ?? end();
    } catch (error) {
      throw fail(error);
    }
  }

  function cancel(reason?: string): void {
    if (ended || failure) return;
    deadlines.cancel("cancelled", reason);
  }

  async function bytes(maxBytes: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for (let piece = await read(); piece !== null; piece = await read()) {
      size += piece.length;
      if (size > maxBytes) {
        throw fail(
          new GatewayError(
            "upstream_invalid",
            `the answer of \`${host}\` is larger than ${maxBytes} bytes`,
          ),
        );
      }
      pieces.push(piece);
    }
    return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  }

  let stream: ReadableStream<Uint8Array> | undefined;
  return {
    read,
    bytes,
    cancel,
    stream: () => (stream ??= pulling(read, () => cancel("the reader left"))),
  };
}

type Read = () => Promise<Uint8Array | null>;

/** Reads under the idle deadline, and ends at once when the exchange is aborted, whatever the source does. */
function createReader(source: ReadableStream<Uint8Array>, options: BodyOptions): Read {
  const { deadlines, timeouts } = options;
  const { signal } = deadlines;
  const reader = source.getReader();
  let interrupt: ((reason: unknown) => void) | undefined;
  const onAbort = (): void => {
    interrupt?.(signal.reason);
    reader.cancel(signal.reason).catch(() => {
      // The source failed first; whoever reads is told why by the signal.
    });
  };
  signal.addEventListener("abort", onAbort, { once: true });

  return () =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      interrupt = reject;
      deadlines.arm("idle", timeouts.idleMs);
      reader.read().then(
        ({ done, value }) => {
          deadlines.disarm("idle");
          resolve(done ? null : value);
        },
        (error: unknown) => {
          deadlines.disarm("idle");
          reject(error);
        },
      );
    });
}

function createDecodingReader(read: Read, options: BodyOptions): Read {
  const decoded = decompressStream(
    pulling(read, () => options.deadlines.cancel("cancelled")),
    options.codings,
    { maxBytes: options.maxDecodedBytes },
  );
  const reader = decoded.getReader();
  return async () => {
    const { done, value } = await reader.read();
    return done ? null : value;
  };
}

function pulling(read: Read, cancel: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await read();
        if (piece === null) controller.close();
        else controller.enqueue(piece);
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
}

function asGatewayError(error: unknown, options: BodyOptions): GatewayError {
  const { deadlines, host, timeouts } = options;
  if (error instanceof DecompressError) {
    return new GatewayError("upstream_invalid", `the answer of \`${host}\`: ${error.message}`, {
      cause: error,
    });
  }
  return exchangeFailure(error, {
    why: deadlines.fired(),
    host,
    timeouts,
    phase: "in the middle of the answer",
  });
}
