// The texts of a JSON document: all of them, at their places, however they are written.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { JsonError } from "../../../src/lib/json.ts";
import { scalarsIn, withScalars } from "../../../src/lib/json-scalars.ts";

const read = (text: string) =>
  scalarsIn(Buffer.from(text)).map(({ text: found, path, type }) => [type, found, path]);

describe("what is found", () => {
  test("keys, texts and long whole numbers, with their paths", () => {
    expect(
      read('{"a":["b",{"c\\u0064":"\\"e"}],"f":4111111111111111,"g":1.234567890123,"h":12}'),
    ).toEqual([
      ["key", "a", []],
      ["text", "b", ["a", 0]],
      ["key", "cd", ["a", 1]],
      ["text", '"e', ["a", 1, "cd"]],
      ["key", "f", []],
      ["number", "4111111111111111", ["f"]],
      ["key", "g", []],
      ["key", "h", []],
    ]);
  });

  test("what stands twice is found twice", () => {
    expect(read('{"a":"x","a":"y"}').filter(([type]) => type === "text")).toEqual([
      ["text", "x", ["a"]],
      ["text", "y", ["a"]],
    ]);
  });

  test("what is no JSON is told", () => {
    for (const text of ["", "{", '{"a":}', '"a', "[1,]", "{'a':1}"]) {
      expect(() => scalarsIn(Buffer.from(text))).toThrow(JsonError);
    }
  });
});

const documents = fc.jsonValue().map((value) => JSON.stringify(value));

test("without a change every byte stays", () => {
  fc.assert(
    fc.property(documents, (text) => {
      const bytes = Buffer.from(text);
      expect(withScalars(bytes, () => null)).toBe(bytes);
      expect(Buffer.from(withScalars(bytes, (scalar) => scalar.text)).toString()).toBe(text);
    }),
  );
});

test("whatever is put in, it is JSON, and all else is as it was", () => {
  fc.assert(
    fc.property(documents, fc.string({ unit: "binary" }), (text, other) => {
      const edited = withScalars(Buffer.from(text), ({ type }) => (type === "text" ? other : null));
      const expected: unknown = JSON.parse(text, (_key, value: unknown) =>
        typeof value === "string" ? other.toWellFormed() : value,
      );
      expect(JSON.parse(Buffer.from(edited).toString())).toEqual(expected);
    }),
  );
});
