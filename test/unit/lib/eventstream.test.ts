// AWS event streams: the layout, both checksums, every cut, corrupt bytes, and chunks that wrap another vendor's messages.
import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import {
  createChunkFraming,
  createEventStreamSplitter,
  eventstream,
  eventstreamChunks,
  parseEventStreamBlock,
  writeEventStreamBlock,
} from "../../../src/lib/eventstream.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import { type Framing, FramingError } from "../../../src/lib/framing.ts";

/** One message as the documentation lays it out, without the library. */
function message(headers: Record<string, string>, payload: string): Buffer<ArrayBuffer> {
  const head = Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const [key, text] = [Buffer.from(name), Buffer.from(value)];
      const lengths = Buffer.from([7, text.length >> 8, text.length & 0xff]);
      return Buffer.concat([Buffer.from([key.length]), key, lengths, text]);
    }),
  );
  const body = Buffer.from(payload);
  const bytes = Buffer.alloc(16 + head.length + body.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(head.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  head.copy(bytes, 12);
  body.copy(bytes, 12 + head.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

/** A prelude whose checksum holds, whatever it says. */
function prelude(total: number, headers: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(total >>> 0, 0);
  bytes.writeUInt32BE(headers >>> 0, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  return bytes;
}

function framesOf(framing: Framing, chunks: readonly Uint8Array[]): Frame[] {
  const splitter = framing.createSplitter();
  const blocks = chunks.flatMap((chunk) => splitter.push(chunk));
  const rest = splitter.end();
  return [...blocks, ...(rest ? [rest] : [])].flatMap((block) => framing.parse(block) ?? []);
}

const pieces = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted(
    (a, b) => a - b,
  );
  return [0, ...places].map((start, index) => bytes.slice(start, places[index] ?? bytes.length));
};

const frame: fc.Arbitrary<Frame> = fc
  .record(
    {
      event: fc.stringMatching(/^[a-zA-Z]{1,20}$/),
      data: fc.string({ maxLength: 80, unit: "grapheme" }),
      exception: fc.constant(true as const),
    },
    { requiredKeys: ["event", "data"] },
  )
  // A lone surrogate has no UTF-8.
  .map((item) => ({ ...item, data: item.data.toWellFormed() }));

describe("one message", () => {
  test("an event", () => {
    const bytes = message(
      {
        ":event-type": "messageStart",
        ":content-type": "application/json",
        ":message-type": "event",
      },
      '{"role":"assistant","p":"ab"}',
    );
    expect(parseEventStreamBlock(bytes)).toEqual({
      event: "messageStart",
      data: '{"role":"assistant","p":"ab"}',
    });
  });

  test("what is written is what the documentation says", () => {
    expect(
      Buffer.copyBytesFrom(writeEventStreamBlock({ event: "messageStop", data: '{"a":"é"}' })),
    ).toEqual(
      message(
        {
          ":event-type": "messageStop",
          ":content-type": "application/json",
          ":message-type": "event",
        },
        '{"a":"é"}',
      ),
    );
    expect(
      Buffer.copyBytesFrom(
        writeEventStreamBlock({ event: "throttlingException", data: "{}", exception: true }),
      ),
    ).toEqual(
      message(
        {
          ":exception-type": "throttlingException",
          ":content-type": "application/json",
          ":message-type": "exception",
        },
        "{}",
      ),
    );
  });

  test("an exception and an unmodelled error", () => {
    const exception = message(
      { ":exception-type": "throttlingException", ":message-type": "exception" },
      '{"message":"slow down"}',
    );
    expect(parseEventStreamBlock(exception)).toEqual({
      event: "throttlingException",
      data: '{"message":"slow down"}',
      exception: true,
    });
    const error = message(
      { ":error-code": "InternalError", ":error-message": "oops", ":message-type": "error" },
      "",
    );
    expect(parseEventStreamBlock(error)).toEqual({
      event: "InternalError",
      data: '{"message":"oops"}',
      exception: true,
    });
  });

  test("a header that reaches beyond the message reads nothing of its neighbours", () => {
    const bytes = message({ ":event-type": "a", ":message-type": "event" }, "secret");
    const at = bytes.indexOf(":message-type") + ":message-type".length + 1;
    bytes.writeUInt16BE(5000, at);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    expect(() => parseEventStreamBlock(bytes)).toThrow(FramingError);
  });

  test("a header named `__proto__` changes nobody's prototype", () => {
    const bytes = message({ __proto__x: "1", ":event-type": "a" }, "");
    const renamed = Buffer.from(
      bytes.toString("latin1").replace("__proto__x", "__proto__ "),
      "latin1",
    );
    renamed.writeUInt32BE(crc32(renamed.subarray(0, -4)), renamed.length - 4);
    expect(parseEventStreamBlock(renamed)).toEqual({ event: "a", data: "" });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("properties", () => {
  test("any cut gives the same frames, and the blocks are the input", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map(writeEventStreamBlock));
          const chunks = pieces(bytes, cuts);
          expect(framesOf(eventstream, chunks)).toEqual(frames);
          const splitter = createEventStreamSplitter();
          const blocks = chunks.flatMap((chunk) => splitter.push(chunk));
          expect(Buffer.concat([...blocks, splitter.end() ?? Buffer.alloc(0)])).toEqual(bytes);
          expect(blocks).toHaveLength(frames.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("one changed byte is a FramingError after the messages before it, and nothing else", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (frames, place, flip, cuts) => {
          const bytes = Buffer.concat(frames.map(writeEventStreamBlock));
          const at = place % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ flip;
          const seen: Frame[] = [];
          const read = (): void => {
            const splitter = createEventStreamSplitter();
            const take = (block: Uint8Array): void => void seen.push(parseEventStreamBlock(block));
            for (const chunk of pieces(bytes, cuts)) splitter.push(chunk).forEach(take);
            const rest = splitter.end();
            if (rest) take(rest);
          };
          expect(read).toThrow(FramingError);
          expect(frames.slice(0, seen.length)).toEqual(seen);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("random bytes give a FramingError or frames, never another error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          framesOf(eventstream, [bytes]);
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("lengths", () => {
  test.each([
    ["shorter than a message can be", prelude(15, 0)],
    ["headers longer than the message", prelude(40, 25)],
    ["beyond the cap", prelude(24 * 1024 * 1024 + 1, 0)],
    ["four gigabytes", prelude(0xff_ff_ff_ff, 0)],
  ])("%s", (_name, bytes) => {
    expect(() => createEventStreamSplitter().push(bytes)).toThrow(FramingError);
  });

  test("a believed length takes no memory before its bytes come", () => {
    const before = process.memoryUsage().arrayBuffers;
    const splitters = Array.from({ length: 50 }, () => {
      const splitter = createEventStreamSplitter();
      expect(splitter.push(prelude(24 * 1024 * 1024, 0))).toEqual([]);
      return splitter;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(splitters).toHaveLength(50);
  });

  test("a cap of one's own", () => {
    const block = writeEventStreamBlock({ event: "a", data: "x".repeat(500) });
    expect(() => createEventStreamSplitter({ maxMessageBytes: 400 }).push(block)).toThrow(
      "larger than 400 bytes",
    );
  });

  test("a stream that breaks off within a message", () => {
    const block = writeEventStreamBlock({ event: "a", data: "{}" });
    expect(() => framesOf(eventstream, [block.subarray(0, -1)])).toThrow(FramingError);
    expect(() => framesOf(eventstream, [block.subarray(0, 5)])).toThrow(FramingError);
  });

  test("good messages before a broken one are not lost", () => {
    const good = writeEventStreamBlock({ event: "a", data: "{}" });
    const splitter = createEventStreamSplitter();
    const blocks = splitter.push(Buffer.concat([good, good, Buffer.alloc(64, 7)]));
    expect(blocks).toHaveLength(2);
    expect(() => splitter.push(good)).toThrow(FramingError);
  });
});

describe("chunks", () => {
  const chunk = (json: unknown): Frame => ({ event: "chunk", data: JSON.stringify(json) });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");

  test("the message within, by its own type", () => {
    const data =
      '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"é"}}';
    const block = writeEventStreamBlock(chunk({ bytes: base64(data), p: "abcdef" }));
    expect(eventstreamChunks.parse(block)).toEqual({ event: "content_block_delta", data });
  });

  test("a message without a type; padding alone", () => {
    const titan = '{"outputText":"hi","index":0}';
    expect(eventstreamChunks.parse(writeEventStreamBlock(chunk({ bytes: base64(titan) })))).toEqual(
      {
        data: titan,
      },
    );
    expect(eventstreamChunks.parse(writeEventStreamBlock(chunk({ p: "abc" })))).toBeNull();
  });

  test.each([
    ["no JSON", { event: "chunk", data: "nope" }],
    ["bytes that are no text", chunk({ bytes: 7 })],
    ["bytes that are no JSON", chunk({ bytes: base64("hello") })],
  ])("%s is a FramingError", (_name, bad) => {
    expect(() => eventstreamChunks.parse(writeEventStreamBlock(bad))).toThrow(FramingError);
  });

  test("written and read again, exceptions kept", () => {
    const frames: Frame[] = [
      { event: "message_start", data: '{"type":"message_start"}' },
      { event: "throttlingException", data: '{"message":"slow"}', exception: true },
    ];
    const writer = eventstreamChunks.createWriter();
    const bytes = Buffer.concat([...frames.map((each) => writer.write(each)), writer.end()]);
    expect(framesOf(eventstreamChunks, [bytes])).toEqual(frames);
    const [first] = framesOf(eventstream, [bytes]);
    expect(first).toEqual(chunk({ bytes: base64('{"type":"message_start"}') }));
  });

  test("a vendor's error can be written as an exception", () => {
    const framing = createChunkFraming(({ event }) =>
      event === "error"
        ? { event: "internalServerException", data: "{}", exception: true }
        : undefined,
    );
    const block = framing.createWriter().write({ event: "error", data: '{"type":"error"}' });
    expect(framing.parse(block)).toEqual({
      event: "internalServerException",
      data: "{}",
      exception: true,
    });
  });
});
