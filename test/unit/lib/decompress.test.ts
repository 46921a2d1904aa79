// Content codings: every kind, bombs, damage (S40, R17).
import { describe, expect, test } from "bun:test";
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import fc from "fast-check";
import {
  decompress,
  DecompressError,
  decompressStream,
  parseContentEncoding,
  type Coding,
} from "../../../src/lib/decompress.ts";

const encoders: Record<Coding, (bytes: Uint8Array) => Uint8Array> = {
  gzip: (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  zstd: (bytes) => zstdCompressSync(bytes),
};
const codings = Object.keys(encoders) as Coding[];
const limit = { maxBytes: 10 << 20 };

async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof DecompressError ? error.kind : `other: ${String(error)}`;
  }
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let index = 0;
  return new ReadableStream(
    {
      pull(controller) {
        const chunk = chunks[index];
        index += 1;
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

describe("parseContentEncoding", () => {
  test.each([
    [null, []],
    ["", []],
    ["identity", []],
    ["gzip", ["gzip"]],
    [" GZip ", ["gzip"]],
    ["x-gzip", ["gzip"]],
    ["gzip, br", ["gzip", "br"]],
    ["identity, zstd", ["zstd"]],
    ["deflate,", ["deflate"]],
  ] as [string | null, Coding[]][])("%j", (header, expected) => {
    expect(parseContentEncoding(header)).toEqual(expected);
  });

  test.each([
    "compress",
    "lzma",
    "gzip, rot13",
    "gzip, br, zstd",
    "__proto__",
    "constructor",
    "gzip;q=1",
  ])("%s is unsupported", (header) => {
    expect(() => parseContentEncoding(header)).toThrow(DecompressError);
  });
});

describe("decompress", () => {
  test("what was encoded comes back, each coding, each pair, any chunks", async () => {
    const pairs: Coding[][] = [
      ...codings.map((one) => [one]),
      ...codings.flatMap((one) => codings.map((two) => [one, two])),
    ];
    for (const chain of pairs) {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ minLength: 1, maxLength: 5_000 }),
          fc.integer({ min: 1, max: 1_000 }),
          async (bytes, size) => {
            const encoded = chain.reduce<Uint8Array>(
              (data, coding) => encoders[coding](data),
              bytes,
            );
            expect(Buffer.compare(await decompress(encoded, chain, limit), bytes)).toBe(0);
            const chunks: Uint8Array[] = [];
            for (let at = 0; at < encoded.length; at += size)
              chunks.push(encoded.subarray(at, at + size));
            expect(Buffer.compare(await decompress(streamOf(chunks), chain, limit), bytes)).toBe(0);
          },
        ),
        { numRuns: 8 },
      );
    }
  });

  test("bare deflate is known by its first bytes, whole or cut after the first", async () => {
    const text = Buffer.from("hello ".repeat(1_000));
    const raw = deflateRawSync(text);
    expect(Buffer.compare(await decompress(raw, ["deflate"], limit), text)).toBe(0);
    const zlib = deflateSync(text);
    const cut = streamOf([zlib.subarray(0, 1), zlib.subarray(1)]);
    expect(Buffer.compare(await decompress(cut, ["deflate"], limit), text)).toBe(0);
  });

  test("an empty body is empty, and no coding passes the bytes", async () => {
    for (const coding of codings)
      expect((await decompress(new Uint8Array(), [coding], limit)).length).toBe(0);
    const bytes = Buffer.from("plain");
    expect(Buffer.compare(await decompress(bytes, [], limit), bytes)).toBe(0);
  });

  test("damage and cuts are corrupt", async () => {
    const text = Buffer.from(
      JSON.stringify(Array.from({ length: 2_000 }, (_value, index) => index * 7)),
    );
    for (const coding of codings) {
      const good = encoders[coding](text);
      expect(await kindOf(decompress(good.subarray(0, good.length - 3), [coding], limit))).toBe(
        "corrupt",
      );
      expect(await kindOf(decompress(good.subarray(0, good.length >> 1), [coding], limit))).toBe(
        "corrupt",
      );
      expect(await kindOf(decompress(Buffer.from("not at all"), [coding], limit))).toBe("corrupt");
      expect(
        await kindOf(decompress(Buffer.concat([good, Buffer.from("junk")]), [coding], limit)),
      ).toBe("corrupt");
    }
  });

  test("the cap holds to the byte, with and without a coding", async () => {
    const bytes = new Uint8Array(1_000);
    for (const chain of [[], ["gzip"], ["gzip", "br"]] as Coding[][]) {
      const encoded = chain.reduce<Uint8Array>((data, coding) => encoders[coding](data), bytes);
      expect((await decompress(encoded, chain, { maxBytes: 1_000 })).length).toBe(1_000);
      expect(await kindOf(decompress(encoded, chain, { maxBytes: 999 }))).toBe("too_large");
    }
  });

  test("S40 bombs, also nested ones, stop at the cap with at most 32 MB more memory", async () => {
    const size = 96 << 20;
    const bombs = codings.map((coding): [Coding[], Uint8Array] => [
      [coding],
      encoders[coding](new Uint8Array(size)),
    ]);
    const [, gzipBomb] = bombs[0] ?? [];
    if (gzipBomb) bombs.push([["gzip", "gzip"], gzipSync(gzipBomb)]);
    Bun.gc(true);
    for (const [chain, bomb] of bombs) {
      expect(size / bomb.length).toBeGreaterThan(500);
      const before = process.memoryUsage().rss;
      expect(await kindOf(decompress(bomb, chain, { maxBytes: 4 << 20 }))).toBe("too_large");
      expect(process.memoryUsage().rss - before).toBeLessThan(32 << 20);
    }
  });

  test("a stream is decoded as it is read, not before", async () => {
    let pulled = 0;
    const bomb = gzipSync(new Uint8Array(256 << 20));
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const chunk = bomb.subarray(pulled, pulled + 1_024);
          pulled += chunk.length;
          if (chunk.length === 0) controller.close();
          else controller.enqueue(chunk);
        },
      },
      { highWaterMark: 0 },
    );
    const reader = decompressStream(source, ["gzip"], { maxBytes: 1 << 30 }).getReader();
    await Bun.sleep(5);
    expect(pulled).toBe(0);
    await reader.read();
    await Bun.sleep(30);
    expect(pulled).toBeLessThan(8_192);
    await reader.cancel();
  });

  test("the source's own error stays itself, and cancelling reaches the source", async () => {
    class Own extends TypeError {}
    const failing = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Own("mine"));
      },
    });
    expect(await kindOf(decompress(failing, ["gzip"], limit))).toContain("mine");
    let cancelled = 0;
    const open = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue(gzipSync("hello").subarray(0, 12));
          return new Promise(() => {});
        },
        cancel() {
          cancelled += 1;
        },
      });
    await decompressStream(open(), ["gzip"], limit).cancel();
    expect(cancelled).toBe(1);
    await decompressStream(open(), ["gzip", "br"], limit).cancel();
    expect(cancelled).toBe(2);
    const begun = decompressStream(open(), ["gzip"], limit).getReader();
    await begun.read();
    const waiting = begun.read();
    await Bun.sleep(10);
    await begun.cancel();
    await waiting;
    expect(cancelled).toBe(3);
  });
});
