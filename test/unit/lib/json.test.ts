// JSON by its bytes: scan, splice, parse, stringify and raw slices, against JSON.parse as the judge.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  JsonError,
  maxDepth,
  parse,
  parseObject,
  RawJson,
  rawAt,
  scan,
  splice,
  stringify,
} from "../../../src/lib/json.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "utf8");
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** Any JSON object with distinct keys, and one spelling of it: spaces, escapes and number forms vary. */
const spelling = fc
  .tuple(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 5 })), fc.nat())
  .map(([value, seed]) => ({ value, text: spell(value, seed) }));

function spell(value: unknown, seed: number): string {
  let state = seed;
  const next = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % bound;
  };
  const space = (): string => ["", "", "", " ", "\n  ", "\t", "\r\n"][next(7)] ?? "";
  const escaped = (text: string): string => {
    let out = "";
    for (let at = 0; at < text.length; at += 1) {
      out += `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }
    return out;
  };
  const string = (text: string): string =>
    next(3) === 0 ? `"${escaped(text)}"` : JSON.stringify(text);
  const write = (item: unknown): string => {
    if (typeof item === "string") return string(item);
    if (Array.isArray(item))
      return `[${space()}${item.map((one) => write(one) + space()).join(`,${space()}`)}]`;
    if (typeof item === "object" && item !== null) {
      const members = Object.entries(item).map(
        ([key, one]) => `${string(key)}${space()}:${space()}${write(one)}${space()}`,
      );
      return `{${space()}${members.join(`,${space()}`)}}`;
    }
    return JSON.stringify(item);
  };
  return space() + write(value) + space();
}

describe("scan", () => {
  test("finds exactly the members that JSON.parse finds, with their exact text", () => {
    fc.assert(
      fc.property(spelling, ({ text }) => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const bytes = bytesOf(text);
        const members = scan(bytes);
        expect([...members.keys()].toSorted()).toEqual(Object.keys(parsed).toSorted());
        for (const [key, { key: keySpan, value }] of members) {
          expect(JSON.parse(textOf(bytes.subarray(keySpan.start, keySpan.end)))).toBe(key);
          expect(JSON.parse(textOf(bytes.subarray(value.start, value.end)))).toEqual(
            Object.getOwnPropertyDescriptor(parsed, key)?.value,
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test("on any bytes: a result or a JsonError, nothing else", () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ":",
          ",",
          '"',
          "\\",
          '\\"',
          '"a"',
          "1",
          "-",
          "true",
          " ",
          "\n",
          "\u0000",
          "é",
          "😀",
        ),
        fc.string(),
      ),
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        try {
          scan(bytesOf(parts.join("")));
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError);
        }
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          scan(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("a document cut at any byte is a JsonError", () => {
    const text =
      '{"model":"gpt-4o","n":[1,-2.5e+3,{"a":"\\"\\\\\\u00e9\\n"}],"é":"żółw 😀 ¾","t":true,"f":false,"z":null,"long":"' +
      `${"x".repeat(40)}\\\\","e":{},"r":[]}`;
    const bytes = bytesOf(text);
    expect(scan(bytes).size).toBe(9);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => scan(bytes.subarray(0, length))).toThrow(JsonError);
      expect(() => parse(textOf(bytes.subarray(0, length)))).toThrow(JsonError);
    }
  });

  test.each([
    ["", "object"],
    ["null", "object"],
    ["[]", "object"],
    ['"a"', "object"],
    ["{} {}", "after the end"],
    ["{}x", "after the end"],
    ["{,}", "quoted key"],
    ['{"a":1,}', "quoted key"],
    ['{"a":1 "b":2}', "`,` or `}`"],
    ['{"a" 1}', "`:`"],
    ['{"a":}', "expected a value"],
    ['{"a":tru}', "expected a value"],
    ['{"a":NaN}', "expected a value"],
    ['{"a":Infinity}', "expected a value"],
    ['{"a":01}', "expected a value"],
    ['{"a":.5}', "expected a value"],
    ['{"a":+1}', "expected a value"],
    ['{"a":0x10}', "expected a value"],
    ["{'a':1}", "quoted key"],
    ['{"a":[1}', "do not match"],
    ['{"a":{]}', "do not match"],
    ['{"a":"b}', "does not end"],
    ['{"a\\x":1}', "bad escape"],
    ['{"a\u0001":1}', "control character"],
  ])("%s is refused", (text, words) => {
    expect(() => scan(bytesOf(text))).toThrow(words);
  });

  test("S46 a key that stands twice is refused, also when spelt by escapes", () => {
    for (const text of [
      '{"model":"cheap","model":"dear"}',
      '{"model":"cheap","mod\\u0065l":"dear"}',
      '{"\\u006dodel":1,"x":{"model":2},"model":3}',
    ]) {
      expect(() => scan(bytesOf(text))).toThrow("stands twice");
    }
    expect(scan(bytesOf('{"a":{"model":1},"model":{"model":2}}')).size).toBe(2);
  });

  test("bytes that are not UTF-8 are refused, a byte order mark is passed over", () => {
    for (const bad of [
      [0xff],
      [0xc3],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
    ]) {
      const bytes = Buffer.concat([bytesOf('{"a":"'), Buffer.from(bad), bytesOf('"}')]);
      expect(() => scan(bytes)).toThrow("UTF-8");
    }
    expect(scan(bytesOf('\ufeff {"a":1}')).get("a")?.value).toEqual({ start: 9, end: 10 });
  });

  test("S47 depth: 256 pass, 257 and 200,000 are refused, in both kinds of bracket", () => {
    const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(scan(bytesOf(`{"a":${nested(maxDepth)}}`)).size).toBe(1);
    for (const deep of [
      nested(maxDepth + 1),
      nested(200_000),
      `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`,
    ]) {
      expect(() => scan(bytesOf(`{"a":${deep}}`))).toThrow("nesting deeper");
      expect(() => parse(`{"a":${deep}}`)).toThrow("nesting deeper");
    }
    expect(() => scan(bytesOf(`{"a":${"[".repeat(200_000)}`))).toThrow(JsonError);
    // Brackets in strings are text.
    expect(parse(`{"a":"${"[".repeat(100_000)}"}`)).toEqual({ a: "[".repeat(100_000) });
  });

  test("S47 M21 huge numbers keep their spelling", () => {
    const bytes = bytesOf('{"id":9007199254740993,"f":1.0,"e":1e400,"m":-0}');
    const members = scan(bytes);
    const raw = (key: string): string => {
      const span = members.get(key)?.value;
      return span ? textOf(bytes.subarray(span.start, span.end)) : "";
    };
    expect(["id", "f", "e", "m"].map(raw)).toEqual(["9007199254740993", "1.0", "1e400", "-0"]);
    expect(() => scan(bytesOf(`{"a":${"9".repeat(5_000)}}`))).toThrow(JsonError);
  });

  test("time is linear in the worst strings: quotes escaped without end, backslashes without end", () => {
    for (const filler of ['\\"', "\\\\", "\\", '"', "[", "{", '"a":', "1,"]) {
      const bytes = bytesOf(`{"a":"${filler.repeat(500_000)}`);
      const start = performance.now();
      expect(() => scan(bytes)).toThrow(JsonError);
      expect(performance.now() - start).toBeLessThan(10_000);
    }
  });
});

describe("splice", () => {
  test("gives what parse, edit and stringify would give, and nothing else changes", () => {
    fc.assert(
      fc.property(spelling, fc.jsonValue(), fc.nat(), ({ text }, replacement, pick) => {
        const bytes = bytesOf(text);
        const members = [...scan(bytes)];
        if (members.length === 0) return;
        const [key, member] = members[pick % members.length]!;
        const written = JSON.stringify(replacement);
        const edited = splice(bytes, [{ ...member.value, text: written }]);
        const expected = JSON.parse(text) as Record<string, unknown>;
        Object.defineProperty(expected, key, {
          value: JSON.parse(written),
          enumerable: true,
          configurable: true,
          writable: true,
        });
        expect(JSON.parse(textOf(edited))).toEqual(expected);
        expect(edited.subarray(0, member.value.start)).toEqual(
          bytes.subarray(0, member.value.start),
        );
        const after = bytes.length - member.value.end;
        expect(edited.subarray(edited.length - after)).toEqual(bytes.subarray(member.value.end));
      }),
      { numRuns: 500 },
    );
  });

  test("several edits in any order, insertions, and none", () => {
    const bytes = bytesOf("0123456789");
    expect(
      textOf(
        splice(bytes, [
          { start: 8, end: 9, text: "ż" },
          { start: 0, end: 2, text: "" },
          { start: 4, end: 4, text: "++" },
        ]),
      ),
    ).toBe("23++4567ż9");
    expect(splice(bytes, [])).toBe(bytes);
  });
});

describe("parse and parseObject", () => {
  test("agree with JSON.parse, and fail with JsonError only", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        let expected: unknown;
        let fails = false;
        try {
          expected = JSON.parse(text);
        } catch {
          fails = true;
        }
        if (fails) expect(() => parse(text)).toThrow(JsonError);
        else expect(parse(text)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
    for (const text of ["[]", "null", "1", '"a"'])
      expect(() => parseObject(text)).toThrow(JsonError);
  });

  test("S45 `__proto__` is a plain member and changes no prototype", () => {
    const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const value = parseObject(text);
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect([...scan(bytesOf(text)).keys()]).toEqual(["__proto__", "constructor"]);
    expect((() => ({}) as { polluted?: unknown })().polluted).toBeUndefined();
  });
});

describe("stringify", () => {
  test("is JSON.stringify where no raw text stands", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(stringify(value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test("emits raw text as it stands, at any depth", () => {
    const raw = new RawJson('{"b":1.0, "10":9007199254740993,"2":"\\u00e9$&$1"}');
    expect(stringify({ a: raw, list: [raw, "raw-json-0", undefined], gone: undefined })).toBe(
      `{"a":${raw.text},"list":[${raw.text},"raw-json-0",null]}`,
    );
    expect(stringify(raw)).toBe(raw.text);
  });

  test("a string that imitates the inner marks stays a string", () => {
    const value = { a: new RawJson("1"), b: "raw-json-00000000-0000-0000-0000-000000000000-0" };
    expect(JSON.parse(stringify(value))).toEqual({ a: 1, b: value.b });
  });
});

describe("rawAt", () => {
  test("gives the exact text of every match", () => {
    const text =
      '{"content":[{"type":"text"},{"input" : {"a":1.0,"z":[ ]}},{"input":null}],"input":{}}';
    expect(rawAt(text, ["content", "*", "input"])).toEqual([
      { path: ["content", 1, "input"], text: '{"a":1.0,"z":[ ]}' },
      { path: ["content", 2, "input"], text: "null" },
    ]);
    expect(rawAt(text, ["content", "1", "input", "a"])).toEqual([
      { path: ["content", 1, "input", "a"], text: "1.0" },
    ]);
    expect(rawAt(text, ["nothing"])).toEqual([]);
    expect(rawAt(" [1, 2 ]", ["*"]).map((match) => match.text)).toEqual(["1", "2"]);
    expect(rawAt('{"\\u0061":"x"}', ["a"])).toEqual([{ path: ["a"], text: '"x"' }]);
  });

  test("on any document, `*` gives every member in order", () => {
    fc.assert(
      fc.property(spelling, ({ text }) => {
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const found = rawAt(text, ["*"]);
        expect(found.length).toBe(Object.keys(parsed).length);
        for (const { path, text: raw } of found) {
          expect(JSON.parse(raw)).toEqual(
            Object.getOwnPropertyDescriptor(parsed, String(path[0]))?.value,
          );
        }
        for (const { path, text: raw } of rawAt(text, ["*", "*"])) {
          const outer = Object.getOwnPropertyDescriptor(parsed, String(path[0]))?.value as object;
          expect(JSON.parse(raw)).toEqual(
            Object.getOwnPropertyDescriptor(outer, String(path[1]))?.value,
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});
