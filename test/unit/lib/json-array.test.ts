// A JSON array as a stream of objects: cut anywhere, exact to the byte.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FramingError } from "../../../src/lib/framing.ts";
import { createJsonArraySplitter, jsonArray } from "../../../src/lib/json-array.ts";

function read(text: string, sizes: readonly number[] = []): { blocks: string; data: string[] } {
  const bytes = Buffer.from(text);
  const splitter = jsonArray.createSplitter();
  const blocks: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    blocks.push(...splitter.push(bytes.subarray(at, at + size)).map((block) => block.slice()));
    at += size;
  }
  const rest = splitter.end();
  if (rest) blocks.push(rest);
  const frames = blocks.map((block) => jsonArray.parse(block));
  return {
    blocks: Buffer.concat(blocks).toString(),
    data: frames.filter((frame) => frame !== null).map(({ data }) => data),
  };
}

describe("json array", () => {
  test.each<[string, string[]]>([
    ['[{"a":1},\r\n{"b":[{"c":"]}"}]}\n]\n', ['{"a":1}', '{"b":[{"c":"]}"}]}']],
    ["[]", []],
    [" [ \n ] ", []],
    ['\ufeff[{"a":"\\"}"}]', ['{"a":"\\"}"}']],
    // Errors come bare, or in an array of their own.
    ['{"error":{"code":400}}', ['{"error":{"code":400}}']],
    // A stream that broke off.
    ['[{"a":1}\n,\n{"b":', ['{"a":1}', '{"b":']],
  ])("%p", (text, data) => {
    expect(read(text)).toEqual({ blocks: text, data });
  });

  test("anything but objects is refused", () => {
    expect(() => read("[1,2]")).toThrow(FramingError);
    const small = createJsonArraySplitter({ maxItemBytes: 8 });
    expect(() => small.push(Buffer.from('[{"a":"0123456789"}]'))).toThrow(FramingError);
  });

  test("cut anywhere, and written back, it says the same", () => {
    const item = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(item), fc.array(fc.nat(20)), fc.boolean(), (items, sizes, isPretty) => {
        const writer = jsonArray.createWriter();
        const pieces = items.map((value) =>
          writer.write({ data: JSON.stringify(value, null, isPretty ? 2 : 0) }),
        );
        const text = Buffer.concat([...pieces, writer.end()]).toString();
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(items)));
        const { blocks, data } = read(text, sizes);
        expect(blocks).toBe(text);
        expect(data.map((each) => JSON.parse(each))).toEqual(JSON.parse(JSON.stringify(items)));
      }),
    );
  });
});
