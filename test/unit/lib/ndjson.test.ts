// Lines of JSON: every cut, exact bytes, long lines.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FramingError } from "../../../src/lib/framing.ts";
import {
  createNdjsonSplitter,
  encodeNdjson,
  ndjson,
  parseNdjsonLine,
} from "../../../src/lib/ndjson.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "utf8");
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function split(chunks: readonly Uint8Array[]): { blocks: string[]; rest: string } {
  const splitter = createNdjsonSplitter();
  const blocks = chunks.flatMap((chunk) => splitter.push(chunk)).map(textOf);
  const rest = splitter.end();
  return { blocks, rest: rest ? textOf(rest) : "" };
}

/** The bytes in pieces that end at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
    (left, right) => left - right,
  );
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** Much of what matters: line ends, blanks, several bytes a character. */
const wire = fc
  .array(fc.constantFrom("\n", "\r\n", "\r", " ", "{", '{"a":"é"}', "\ufeff", "😀", '"\\n"'), {
    maxLength: 40,
  })
  .map((pieces) => bytesOf(pieces.join("")));

describe("splitting", () => {
  test("lines keep their line feed; the rest comes at the end", () => {
    expect(split([bytesOf('{"a":1}\n\r\n{"b":2}')])).toEqual({
      blocks: ['{"a":1}\n', "\r\n"],
      rest: '{"b":2}',
    });
  });

  test("the same blocks wherever the stream is cut, and together every byte", () => {
    fc.assert(
      fc.property(
        fc.oneof(wire, fc.uint8Array({ maxLength: 200 })),
        fc.array(fc.nat()),
        (bytes, places) => {
          const whole = split([bytes]);
          expect(split(cut(bytes, places))).toEqual(whole);
          expect(whole.blocks.join("") + whole.rest).toBe(textOf(bytes));
          for (const block of whole.blocks) expect(block.indexOf("\n")).toBe(block.length - 1);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a line beyond the cap is refused, in one chunk or in many", () => {
    const long = bytesOf(`${"x".repeat(64)}\n`);
    expect(() => createNdjsonSplitter({ maxLineBytes: 64 }).push(long)).toThrow(FramingError);
    const splitter = createNdjsonSplitter({ maxLineBytes: 64 });
    expect(() => {
      for (const byte of long) splitter.push(Uint8Array.of(byte));
    }).toThrow(FramingError);
    expect(createNdjsonSplitter({ maxLineBytes: 65 }).push(long)).toHaveLength(1);
  });
});

describe("parsing", () => {
  const table: [name: string, line: string, data: string | null][] = [
    ["one object", '{"a":1}\n', '{"a":1}'],
    ["CR LF", '{"a":1}\r\n', '{"a":1}'],
    ["white space around", '  {"a":1}\t\n', '{"a":1}'],
    ["no line end", '{"a":1}', '{"a":1}'],
    ["blank", "\n", null],
    ["blank with CR", "\r\n", null],
    ["white space only", " \t\n", null],
    ["a byte order mark", '\ufeff{"a":1}\n', '{"a":1}'],
  ];
  for (const [name, line, data] of table) {
    test(name, () => {
      expect(parseNdjsonLine(bytesOf(line))).toEqual(data === null ? null : { data });
    });
  }
});

describe("writing", () => {
  test("what is written is read back as one message, whatever the JSON's spelling", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const line = encodeNdjson({ data: JSON.stringify(value, null, indent) });
        expect(line.indexOf("\n")).toBe(line.length - 1);
        const frame = parseNdjsonLine(bytesOf(line));
        expect(JSON.parse(frame?.data ?? "")).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("the framing writes lines and closes with nothing", () => {
    const writer = ndjson.createWriter();
    expect(textOf(writer.write({ data: '{"a":1}' }))).toBe('{"a":1}\n');
    expect(writer.end()).toHaveLength(0);
    expect(ndjson.contentType).toBe("application/x-ndjson");
  });
});
