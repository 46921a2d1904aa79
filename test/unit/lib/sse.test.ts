// Server-sent events: the grammar (R07), every cut (R06), long events (R08), exact bytes.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Frame } from "../../../src/lib/frame.ts";
import { FramingError } from "../../../src/lib/framing.ts";
import {
  createSseParser,
  createSseSplitter,
  encodeSse,
  parseSseBlock,
} from "../../../src/lib/sse.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "utf8");

function framesOf(chunks: readonly Uint8Array[]): Frame[] {
  const parser = createSseParser();
  return [...chunks.flatMap((chunk) => parser.push(chunk)), ...parser.end()];
}

const parse = (text: string): Frame[] => framesOf([bytesOf(text)]);

function blocksOf(chunks: readonly Uint8Array[]): { blocks: string[]; rest: string } {
  const splitter = createSseSplitter();
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  const blocks = chunks.flatMap((chunk) => splitter.push(chunk)).map(text);
  const rest = splitter.end();
  return { blocks, rest: rest ? text(rest) : "" };
}

/** The HTML standard's algorithm, line by line, as plainly as it can be written. */
function judge(text: string): Frame[] {
  const frames: Frame[] = [];
  let event = "";
  let data: string[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  lines.pop();
  for (const line of lines) {
    if (line === "") {
      if (data.length > 0)
        frames.push(event ? { event, data: data.join("\n") } : { data: data.join("\n") });
      event = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") event = value;
    if (name === "data") data.push(value);
  }
  return frames;
}

describe("R07 grammar", () => {
  const table: [name: string, text: string, frames: Frame[]][] = [
    ["one event", "data: a\n\n", [{ data: "a" }]],
    ["no space", "data:a\n\n", [{ data: "a" }]],
    ["only one space goes", "data:  a \n\n", [{ data: " a " }]],
    ["a tab is data", "data:\ta\n\n", [{ data: "\ta" }]],
    ["several lines", "data: a\ndata: b\ndata\n\n", [{ data: "a\nb\n" }]],
    ["event name", "event: x\ndata: a\n\n", [{ event: "x", data: "a" }]],
    ["event name after the data", "data: a\nevent: x\n\n", [{ event: "x", data: "a" }]],
    ["the last event name wins", "event: x\nevent: y\ndata: a\n\n", [{ event: "y", data: "a" }]],
    ["an empty event name is none", "event:\ndata: a\n\n", [{ data: "a" }]],
    ["an event name is forgotten", "event: x\n\ndata: a\n\n", [{ data: "a" }]],
    ["an empty data field counts", "data:\n\ndata\n\n", [{ data: "" }, { data: "" }]],
    ["comments", ": ping\n\n:data: no\ndata: a\n:\n\n", [{ data: "a" }]],
    ["id and retry", "id: 1\nretry: 5\ndata: a\n\n", [{ data: "a" }]],
    ["unknown fields", "datax: 1\nDATA: 2\n data: 3\nfoo\ndata: a\n\n", [{ data: "a" }]],
    ["colons in data", "data: a: b:c\n\n", [{ data: "a: b:c" }]],
    ["CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", [{ data: "a" }, { data: "b" }]],
    ["CR", "data: a\r\rdata: b\r\r", [{ data: "a" }, { data: "b" }]],
    [
      "mixed",
      "data: a\r\n\ndata: b\n\r\ndata: c\r\ndata: d\r\r\n",
      [{ data: "a" }, { data: "b" }, { data: "c\nd" }],
    ],
    ["LF CR is two line ends", "data: a\n\rdata: b\n\r", [{ data: "a" }, { data: "b" }]],
    [
      "surplus blank lines",
      "\n\r\n\rdata: a\n\n\n\n\ndata: b\n\n\r\n",
      [{ data: "a" }, { data: "b" }],
    ],
    ["a byte order mark first", "\ufeffdata: a\n\n", [{ data: "a" }]],
    ["a byte order mark alone", "\ufeff\n\ndata: a\n\n", [{ data: "a" }]],
    [
      "a byte order mark later is part of the field's name",
      "data: a\n\n\ufeffdata: b\n\n",
      [{ data: "a" }],
    ],
    ["two byte order marks", "\ufeff\ufeffdata: a\n\n", []],
    ["NUL", "data: a\0b\n\n", [{ data: "a\0b" }]],
    [
      "separators of other worlds are data",
      "data: a\u0085\u2028\v\fb\n\n",
      [{ data: "a\u0085\u2028\v\fb" }],
    ],
    ["other letters", "data: żółw 你好 😀\n\n", [{ data: "żółw 你好 😀" }]],
  ];
  test.each(table)("%s", (_name, text, frames) => {
    expect(parse(text)).toEqual(frames);
    expect(judge(text)).toEqual(frames);
  });

  test("R07 no final newline: an event that has data is given at the end", () => {
    for (const tail of ["data: [DONE]", "data: [DONE]\n", "data: [DONE]\r\n", "data: [DONE]\r"]) {
      const parser = createSseParser();
      expect(parser.push(bytesOf(`data: a\n\n${tail}`))).toEqual([{ data: "a" }]);
      expect(parser.end()).toEqual([{ data: "[DONE]" }]);
      expect(parser.end()).toEqual([]);
    }
    for (const tail of ["", ": comment", "event: x\n", "dat", "id: 1\n"]) {
      expect(parse(`data: a\n\n${tail}`)).toEqual([{ data: "a" }]);
    }
  });

  test("an event is given as soon as its blank line is there", () => {
    for (const [text, count] of [
      ["data: a\n\n", 1],
      ["data: a\r\n\r\n", 1],
      ["data: a\r\r", 1],
    ] as const) {
      expect(createSseParser().push(bytesOf(text)).length).toBe(count);
    }
  });

  test("bytes that are not UTF-8 become replacement characters, as the standard says", () => {
    expect(
      parseSseBlock(Buffer.concat([bytesOf("data: "), Buffer.from([0xff]), bytesOf("a\n\n")])),
    ).toEqual({ data: "\ufffda" });
  });
});

/** Streams made of everything that matters to a splitter. */
const stream = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\n\r\n") },
      {
        weight: 3,
        arbitrary: fc.constantFrom("data", "data:", "data: ", "event: x", ":", "id: 1", "\ufeff"),
      },
      { weight: 2, arbitrary: fc.constantFrom("a", " ", "ż", "😀", '{"a":1}') },
      { weight: 1, arbitrary: fc.string() },
    ),
    { maxLength: 30 },
  )
  // Ended by a blank line: a CR at the very end would wait for its LF, which `end()` tells apart.
  .map((parts) => `${parts.join("")}\n\n`);

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.slice(start, at[index] ?? bytes.length));
}

describe("R06 every cut", () => {
  test("frames are those of the standard's own algorithm, however the bytes arrive", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), (text, cuts) => {
        const bytes = bytesOf(text);
        const expected = judge(text);
        const parser = createSseParser();
        expect(cutAt(bytes, cuts).flatMap((chunk) => parser.push(chunk))).toEqual(expected);
      }),
      { numRuns: 3_000 },
    );
  });

  test("blocks do not depend on the cuts, and joined they are the input", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), (text, cuts) => {
        const bytes = bytesOf(text);
        const whole = blocksOf([bytes]);
        expect(blocksOf(cutAt(bytes, cuts))).toEqual(whole);
        expect(blocksOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
        expect(whole.blocks.join("") + whole.rest).toBe(Buffer.from(bytes).toString("latin1"));
        const again = whole.blocks.flatMap((block) => {
          const frame = parseSseBlock(Buffer.from(block, "latin1"));
          return frame ? [frame] : [];
        });
        expect(again).toEqual(judge(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test("a real-looking stream, cut in two at every byte and sent byte by byte", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = [
        "\ufeffevent: message_start",
        'data: {"type":"message_start","text":"żółw 你好"}',
        "",
        ": keep-alive",
        "",
        "event: ping",
        "data: {}",
        "",
        "data: one",
        "data: two 😀",
        "",
        "data: [DONE]",
        "",
        "",
      ].join(end);
      const bytes = bytesOf(text);
      const expected = judge(text);
      expect(expected.length).toBe(4);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        expect(framesOf([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(expected);
      }
      expect(framesOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    }
  });

  test("a chunk that is reused after push does not change what is held", () => {
    const parser = createSseParser();
    const chunk = Buffer.from("data: he");
    parser.push(chunk);
    chunk.fill(0);
    expect(parser.push(bytesOf("llo\n\n"))).toEqual([{ data: "hello" }]);
  });
});

describe("R08 long events", () => {
  test.each([64 << 10, 1 << 20, 16 << 20])(
    "one event of %d bytes in 4 KB chunks, in linear time",
    (size) => {
      const parser = createSseParser();
      const chunk = new Uint8Array(4096).fill(120);
      const start = performance.now();
      expect(parser.push(bytesOf("data: "))).toEqual([]);
      for (let sent = 0; sent < size; sent += chunk.length) expect(parser.push(chunk)).toEqual([]);
      const [frame] = parser.push(bytesOf("\n\n"));
      expect(frame?.data.length).toBe(size);
      expect(performance.now() - start).toBeLessThan(20_000);
    },
  );

  test("1 MB byte by byte stays linear", () => {
    const splitter = createSseSplitter();
    const byte = Uint8Array.of(120);
    const start = performance.now();
    for (let index = 0; index < 1 << 20; index += 1) splitter.push(byte);
    expect(splitter.push(bytesOf("\n\n"))[0]?.length).toBe((1 << 20) + 2);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test("beyond the cap there is an error, whether the event comes whole or in pieces", () => {
    const event = bytesOf(`data: ${"x".repeat(200)}\n\n`);
    expect(() => createSseSplitter({ maxEventBytes: 100 }).push(event)).toThrow(FramingError);
    const parser = createSseParser({ maxEventBytes: 100 });
    expect(() => {
      for (const byte of event) parser.push(Uint8Array.of(byte));
    }).toThrow("larger than 100 bytes");
    const exact = createSseParser({ maxEventBytes: event.length });
    expect(exact.push(event).length).toBe(1);
  });
});

describe("encodeSse", () => {
  test("the plainest form", () => {
    expect(encodeSse({ data: "a" })).toBe("data: a\n\n");
    expect(encodeSse({ event: "x", data: "a\nb" })).toBe("event: x\ndata: a\ndata: b\n\n");
    expect(encodeSse({ data: "" })).toBe("data: \n\n");
  });

  test("what is written is read back", () => {
    const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n]/g, ""));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.option(line), (lines, event) => {
        const frame: Frame = { data: Buffer.from(lines.join("\n")).toString() };
        if (event) frame.event = Buffer.from(event).toString();
        expect(parse(encodeSse(frame))).toEqual([frame]);
      }),
    );
  });

  test("a carriage return in data cannot break out of its line", () => {
    expect(encodeSse({ data: "a\r\revent: evil\r\n\r\nb" })).not.toContain("\r");
    expect(parse(encodeSse({ data: "a\revent: evil" }))).toEqual([{ data: "a\nevent: evil" }]);
  });
});
