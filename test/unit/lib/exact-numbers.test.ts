// Numbers keep their spelling where they are asked to, and nowhere else.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ExactNumber,
  exactly,
  mayRespell,
  numberOf,
  withExactNumbers,
} from "../../../src/lib/exact-numbers.ts";

const respelt = ["1.0", "1e21", "1E5", "-0", "0.10", "0.0000001", "9007199254740993", "1e400"];
const kept = ["0", "5", "-7", "0.5", "1.25", "1e-7", "1e+21", "123456789012"];

describe("a number that JavaScript spells otherwise", () => {
  test.each(respelt)("%s is written as it was", (spelt) => {
    expect(mayRespell(`[${spelt}]`)).toBe(true);
    const value = exactly(JSON.parse(`[${spelt}]`), `[${spelt}]`);
    expect(JSON.stringify(value)).toBe(`[${spelt}]`);
  });

  test.each(kept)("%s needs nothing", (spelt) => {
    expect(mayRespell(`{"a":${spelt}}`)).toBe(false);
  });

  test("within a text is no number", () => {
    const text = '{"a":"costs 1.0, \\"or: 2.0, 1e9\\"","b":[1]}';
    expect(mayRespell(text)).toBe(false);
    const value: unknown = JSON.parse(text);
    expect(exactly(value, text)).toBe(value);
  });

  test("counts and compares like a number", () => {
    expect(numberOf(new ExactNumber("1.50"))).toBe(1.5);
    expect(numberOf(2)).toBe(2);
    expect(numberOf("2")).toBeUndefined();
    expect(new ExactNumber("1.50").toString()).toBe("1.50");
  });
});

describe("only under the keys that are named", () => {
  const text = '{"n":1.0,"tools":[{"max":2.0,"schema":{"minimum":3.0,"properties":{"n":{}}}}]}';

  test("all else is plain", () => {
    const value = withExactNumbers(JSON.parse(text), text, new Set(["schema"]));
    expect(JSON.stringify(value)).toBe(
      '{"n":1,"tools":[{"max":2,"schema":{"minimum":3.0,"properties":{"n":{}}}}]}',
    );
  });

  test("no prototype is touched", () => {
    const hostile = '{"schema":{"__proto__":{"polluted":1.0}},"__proto__":{"schema":{"a":1.0}}}';
    const value = withExactNumbers(JSON.parse(hostile), hostile, new Set(["schema"]));
    expect(JSON.stringify(value)).toBe(hostile);
    expect("polluted" in {}).toBe(false);
  });
});

test("any JSON is written as it was parsed, its numbers as they were spelt", () => {
  const number = fc.oneof(
    fc.constantFrom(...respelt, ...kept),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toFixed(3)),
    fc.bigInt().map(String),
  );
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { depthSize: "small" },
      number,
      fc.string().map((text) => JSON.stringify(text)),
      fc.array(tie("json"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`),
      fc
        .uniqueArray(fc.tuple(fc.string(), tie("json")), { maxLength: 4, selector: ([key]) => key })
        .map((members) => members.filter(([key]) => !/^\d+$/.test(key)))
        .map(
          (members) =>
            `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`,
        ),
    ),
  }));
  fc.assert(
    fc.property(json, (text) => {
      expect(JSON.stringify(exactly(JSON.parse(text), text))).toBe(text);
    }),
  );
});
