// JSON laid out for reading.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { indentJson } from "../../../src/lib/json-indent.ts";

test("short values stay on one line, nested ones do not", () => {
  expect(indentJson('{"a":[1,2],"b":{},"c":[],"d":"x, [y] {z}"}')).toBe(
    '{\n  "a": [1, 2],\n  "b": {},\n  "c": [],\n  "d": "x, [y] {z}"\n}',
  );
  expect(indentJson('{"a":{"b":{"c":1}}}')).toBe('{\n  "a": {\n    "b": { "c": 1 }\n  }\n}');
  expect(indentJson(" [ 1.0 , 1e400 , 9007199254740993 ] ")).toBe("[1.0, 1e400, 9007199254740993]");
});

test("long texts are cut on request, never within an escape", () => {
  const text = JSON.stringify({ a: "x".repeat(50), b: "short" });
  expect(indentJson(text, { maxText: 10 })).toBe(
    '{ "a": "xxxxxxxxxx" …(50 characters), "b": "short" }',
  );
  for (let maxText = 1; maxText < 14; maxText += 1) {
    const shown = indentJson(String.raw`"a\u00e9\n\\b\u0007ccccccccc"`, { maxText });
    const cut = /^("(?:[^"\\]|\\.)*") …/.exec(shown)?.[1] ?? shown;
    expect(() => JSON.parse(cut)).not.toThrow();
  }
});

test("any JSON means the same as before", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(JSON.parse(indentJson(text))).toEqual(JSON.parse(text));
    }),
  );
});
