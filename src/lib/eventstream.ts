// AWS's binary event streams: split, parse, write; also the form in which each event wraps another vendor's message.
// https://docs.aws.amazon.com/transcribe/latest/dg/event-stream-med.html shows the layout
import { crc32 } from "node:zlib";
import { EventStreamCodec } from "@smithy/core/event-streams";
import { createRest } from "./byte-rest.ts";
import type { Frame } from "./frame.ts";
import { type Framing, FramingError, type Splitter } from "./framing.ts";
import { JsonError, type JsonObject, parseObject } from "./json.ts";

export interface EventStreamOptions {
  /** Largest message accepted, in bytes. Default 24 MiB. */
  maxMessageBytes?: number;
}

/** Two lengths and their checksum. */
const preludeBytes = 12;
/** A message without headers and payload. */
const leastBytes = 16;
const defaultMaxMessageBytes = 24 * 1024 * 1024;

/**
 * Splits a stream at the lengths that its messages declare. A length is believed only when its checksum holds, and
 * memory is taken as bytes arrive, never for what is merely declared. Messages before a broken one are given back first.
 */
export function createEventStreamSplitter(options: EventStreamOptions = {}): Splitter {
  const maxBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
  const rest = createRest(maxBytes);
  const prelude = Buffer.alloc(preludeBytes);
  /** Bytes of the current message that arrived in earlier chunks. */
  let seen = 0;
  /** Length of the current message; 0 while its prelude is incomplete. */
  let total = 0;
  let failure: FramingError | undefined;

  /** Reads on in the prelude of the message that begins at `start`. */
  const readPrelude = (chunk: Uint8Array, start: number): void => {
    const wanted = preludeBytes - Math.min(seen, preludeBytes);
    const piece = chunk.subarray(start, start + wanted);
    prelude.set(piece, preludeBytes - wanted);
    if (piece.length === wanted) total = declaredLength(prelude, maxBytes);
  };

  return {
    push(chunk) {
      if (failure) throw failure;
      const blocks: Uint8Array[] = [];
      let start = 0;
      while (start < chunk.length) {
        try {
          if (total === 0) readPrelude(chunk, start);
        } catch (error) {
          if (!(error instanceof FramingError)) throw error;
          if (blocks.length === 0) throw error;
          failure = error;
          rest.add(chunk, start, Math.min(chunk.length, start + leastBytes));
          return blocks;
        }
        const end = start + total - seen;
        if (total === 0 || end > chunk.length) {
          rest.add(chunk, start, chunk.length);
          seen += chunk.length - start;
          break;
        }
        blocks.push(rest.take(chunk, start, end));
        start = end;
        seen = 0;
        total = 0;
      }
      return blocks;
    },
    end: () => rest.end(),
  };
}

/** @throws FramingError for a prelude that no message has. */
function declaredLength(prelude: Buffer, maxBytes: number): number {
  if (crc32(prelude.subarray(0, 8)) !== prelude.readUInt32BE(8)) {
    throw new FramingError("the checksum of a message's length is wrong");
  }
  const total = prelude.readUInt32BE(0);
  const headers = prelude.readUInt32BE(4);
  if (total < leastBytes || headers > total - leastBytes) {
    throw new FramingError("a message declares impossible lengths");
  }
  if (total > maxBytes) throw new FramingError(`one message is larger than ${maxBytes} bytes`);
  return total;
}

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { ignoreBOM: true });
const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === "string" ? bytes : text.decode(bytes)),
  (value) => utf8.encode(value),
);

/** One message: an event, or an exception that ends the stream. @throws FramingError */
export function parseEventStreamBlock(block: Uint8Array): Frame {
  const { headers, body } = decode(block);
  const header = (name: string): string | undefined => {
    const value = Object.hasOwn(headers, name) ? headers[name]?.value : undefined;
    return typeof value === "string" ? value : undefined;
  };
  const event = header(":event-type");
  const data = text.decode(body);
  switch (header(":message-type")) {
    case "exception":
      return { event: header(":exception-type") ?? event ?? "exception", data, exception: true };
    case "error": {
      const message = header(":error-message");
      return {
        event: header(":error-code") ?? "error",
        data: data === "" && message !== undefined ? JSON.stringify({ message }) : data,
        exception: true,
      };
    }
    default:
      return event === undefined ? { data } : { event, data };
  }
}

function decode(block: Uint8Array): ReturnType<EventStreamCodec["decode"]> {
  try {
    // The codec reads header values as far as they claim to reach: a copy leaves it nothing beyond the message.
    return codec.decode(block.slice());
  } catch (error) {
    const reason = error instanceof Error ? error.message : "not a message";
    throw new FramingError(`a message cannot be read: ${reason}`);
  }
}

/** @example writeEventStreamBlock({ event: "messageStart", data: '{"role":"assistant"}' }) */
export function writeEventStreamBlock({ event, data, exception }: Frame): Uint8Array {
  const header = (value: string) => ({ type: "string" as const, value });
  return codec.encode({
    headers: {
      [exception ? ":exception-type" : ":event-type"]: header(event ?? "message"),
      ":content-type": header("application/json"),
      ":message-type": header(exception ? "exception" : "event"),
    },
    body: utf8.encode(data),
  });
}

const nothing = new Uint8Array();
const contentType = "application/vnd.amazon.eventstream";

/** Events by their own names (Bedrock `converse-stream`). */
export const eventstream: Framing = {
  id: "eventstream",
  contentType,
  createSplitter: createEventStreamSplitter,
  parse: parseEventStreamBlock,
  createWriter: () => ({ write: writeEventStreamBlock, end: () => nothing }),
};

/**
 * Bedrock's `invoke-with-response-stream`: every event is a `chunk` that wraps one JSON message of the model's own vendor.
 * @param exceptionOf The vendor's error messages as AWS's exceptions; undefined for any other message.
 */
export const createChunkFraming = (
  exceptionOf: (frame: Frame) => Frame | undefined = () => undefined,
): Framing => ({
  id: "eventstream-chunks",
  contentType,
  createSplitter: createEventStreamSplitter,
  parse: unwrapChunk,
  createWriter: () => ({
    write: (frame) => writeEventStreamBlock(wrapChunk(exceptionOf(frame) ?? frame)),
    end: () => nothing,
  }),
});

export const eventstreamChunks: Framing = createChunkFraming();

const wrapChunk = (frame: Frame): Frame =>
  frame.exception
    ? frame
    : {
        event: "chunk",
        data: JSON.stringify({ bytes: Buffer.from(frame.data, "utf8").toString("base64") }),
      };

function unwrapChunk(block: Uint8Array): Frame | null {
  const frame = parseEventStreamBlock(block);
  if (frame.exception || frame.event !== "chunk") return frame;
  const { bytes } = parseJson(frame.data);
  // A chunk may carry padding alone.
  if (bytes === undefined || bytes === null) return null;
  if (typeof bytes !== "string") throw new FramingError("a chunk's `bytes` are no text");
  const data = Buffer.from(bytes, "base64").toString("utf8");
  const { type } = parseJson(data);
  return typeof type === "string" ? { event: type, data } : { data };
}

function parseJson(data: string): JsonObject {
  try {
    return parseObject(data);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new FramingError("a chunk holds no JSON object");
  }
}
