// Members come, go and change; every other byte stays.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { withMembers, withoutMembers, withoutPath } from "../../../src/lib/json-members.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | null): string | null =>
  value && Buffer.from(value).toString("utf8");

test.each([
  ['{ "a":1.0 }', { model: "x" }, '{ "model":"x","a":1.0 }'],
  ["{}", { model: "x", stream: true }, '{"model":"x","stream":true}'],
  ["{ }", { model: "x" }, '{ "model":"x"}'],
  ['{"model" : "old","a":[1]}', { model: "x", b: undefined }, '{"model" : "x","a":[1]}'],
])("%s with %o", (given, values, expected) => {
  expect(text(withMembers(bytes(given), values))).toBe(expected);
});

test.each([
  ['{"a":1,"b":2,"c":3}', ["a"], '{"b":2,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ["b"], '{"a":1,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ["c"], '{"a":1,"b":2}'],
  ['{"a":1,"b":2,"c":3}', ["b", "c"], '{"a":1}'],
  ['{"a":1,"b":2,"c":3}', ["a", "c"], '{"b":2}'],
  ['{ "a":1 , "b":2 }', ["a", "b"], "{  }"],
  ['{"a":1}', ["z"], '{"a":1}'],
])("%s without %o", (given, names, expected) => {
  expect(text(withoutMembers(bytes(given), names))).toBe(expected);
});

test.each([
  [
    '{"tools":[{"strict":true,"n":1.0},{"n":2,"strict":null}],"x":1}',
    "tools.*.strict",
    '{"tools":[{"n":1.0},{"n":2}],"x":1}',
  ],
  ['{"a":{"b":{"c":1}}}', "a.b", '{"a":{}}'],
  ['{"a":{"b":{"c":1},"d":{"c":2}}}', "a.*.c", '{"a":{"b":{},"d":{}}}'],
  ['{"a":1}', "a.b", null],
  ['{"a":"[1]"}', "a.*", null],
])("%s without the path %s", (given, path, expected) => {
  expect(text(withoutPath(bytes(given), path.split(".")))).toBe(expected);
});

test("what JSON.parse sees is what was asked for", () => {
  const objects = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(objects, fc.array(fc.string()), (object, names) => {
      delete object["__proto__"];
      const gone = [...names, ...Object.keys(object).filter((_, at) => at % 2 === 0)];
      const left = withoutMembers(bytes(JSON.stringify(object)), gone);
      const expected = Object.entries(object).filter(([name]) => !gone.includes(name));
      expect(JSON.parse(text(left) ?? "")).toEqual(
        JSON.parse(JSON.stringify(Object.fromEntries(expected))),
      );
      const added = withMembers(left, { fresh: [1, "two"] });
      expect(JSON.parse(text(added) ?? "")).toEqual(
        JSON.parse(JSON.stringify({ ...Object.fromEntries(expected), fresh: [1, "two"] })),
      );
    }),
  );
});
