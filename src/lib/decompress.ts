// Decoding of `content-encoding`: streamed, bounded, at most two codings deep.

export type Coding = "gzip" | "deflate" | "br" | "zstd";

/** `too_large`: more bytes than the cap. `unsupported`: a coding this reader lacks, or too many. `corrupt`: not what the header says, or cut short. */
export type DecompressFailure = "too_large" | "unsupported" | "corrupt";

export class DecompressError extends Error {
  override readonly name = "DecompressError";
  readonly kind: DecompressFailure;

  constructor(kind: DecompressFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface DecompressOptions {
  /** Cap on the decoded bytes. */
  maxBytes: number;
}

const maxCodings = 2;

const codingNames: Readonly<Record<string, Coding | "identity">> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
  br: "br",
  zstd: "zstd",
  identity: "identity",
};

/**
 * The codings of a `content-encoding` header, in the order they were applied; `identity` is left out.
 * @throws DecompressError `unsupported`
 * @example parseContentEncoding("gzip, br") // → ["gzip", "br"]
 */
export function parseContentEncoding(header: string | null | undefined): Coding[] {
  const codings: Coding[] = [];
  for (const part of (header ?? "").split(",")) {
    const name = part.trim().toLowerCase();
    if (name === "") continue;
    const coding = Object.hasOwn(codingNames, name) ? codingNames[name] : undefined;
    if (coding === undefined) {
      throw new DecompressError(
        "unsupported",
        `the content encoding \`${name.slice(0, 40)}\` is not supported; use gzip, deflate, br or zstd`,
      );
    }
    if (coding !== "identity") codings.push(coding);
  }
  if (codings.length > maxCodings) {
    throw new DecompressError("unsupported", `more than ${maxCodings} content encodings`);
  }
  return codings;
}

/**
 * The decoded stream, made as it is read: memory stays at a few buffers whatever the ratio.
 * Reading it fails with a {@link DecompressError}, or with `body`'s own error; cancelling it cancels `body`.
 */
export function decompressStream(
  body: ReadableStream<Uint8Array>,
  codings: readonly Coding[],
  options: DecompressOptions,
): ReadableStream<Uint8Array> {
  const source = watch(body);
  const chunks = decode(source, codings, options.maxBytes);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await chunks.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      // Straight to the source: a read that is under way may be waiting for it.
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** The whole decoded body. @throws DecompressError, or `body`'s own error */
export async function decompress(
  body: Uint8Array | ReadableStream<Uint8Array>,
  codings: readonly Coding[],
  options: DecompressOptions,
): Promise<Uint8Array> {
  const stream = body instanceof ReadableStream ? body : oneChunk(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of decode(watch(stream), codings, options.maxBytes)) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

async function* decode(
  source: Source,
  codings: readonly Coding[],
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  try {
    let { stream } = source;
    for (const coding of codings.toReversed()) stream = await decodeOne(stream, coding);
    for await (const chunk of stream) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new DecompressError("too_large", `the decoded body is larger than ${maxBytes} bytes`);
      }
      yield chunk;
    }
  } catch (error) {
    if (source.failed() || error instanceof DecompressError) throw error;
    throw new DecompressError("corrupt", `the body is not valid ${codings.join(", ")}`, {
      cause: error,
    });
  }
}

interface Source {
  stream: ReadableStream<Uint8Array>;
  /** The source failed by itself: such an error is not the decoder's. */
  failed(): boolean;
  cancel(reason: unknown): Promise<void>;
}

function watch(body: ReadableStream<Uint8Array>): Source {
  const reader = body.getReader();
  const cancel = (reason: unknown): Promise<void> => reader.cancel(reason);
  let failed = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await reader.read();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          failed = true;
          throw error;
        }
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  return { stream, failed: () => failed, cancel };
}

async function decodeOne(
  stream: ReadableStream<Uint8Array>,
  coding: Coding,
): Promise<ReadableStream<Uint8Array>> {
  const reader = stream.getReader();
  let first = await reader.read();
  while (!first.done && first.value.length === 0) first = await reader.read();
  if (first.done) return oneChunk(new Uint8Array());
  let head: Uint8Array | undefined = first.value;
  const whole = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (head) {
          controller.enqueue(head);
          head = undefined;
          return;
        }
        const next = await reader.read();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  const { readable, writable } = new DecompressionStream(formatOf(coding, first.value));
  return whole.pipeThrough({ readable, writable: writable as WritableStream<Uint8Array> });
}

function formatOf(coding: Coding, first: Uint8Array): Bun.CompressionFormat {
  switch (coding) {
    case "gzip":
    case "zstd":
      return coding;
    case "br":
      return "brotli";
    case "deflate":
      // The name means the zlib format; some servers send bare deflate all the same.
      return isZlib(first) ? "deflate" : "deflate-raw";
    default:
      throw coding satisfies never;
  }
}

/** RFC 1950 §2.2: method 8 in the low bits, and both header bytes together a multiple of 31. */
function isZlib(bytes: Uint8Array): boolean {
  const [first = 0, second] = bytes;
  return (first & 0x0f) === 8 && (second === undefined || ((first << 8) | second) % 31 === 0);
}

const oneChunk = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
