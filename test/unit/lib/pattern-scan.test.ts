// Where patterns match in a text that comes in pieces: the same places however it is cut, and in linear time.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createPattern } from "../../../src/lib/pattern.ts";
import { compilePattern, createPatternScan, type Range } from "../../../src/lib/pattern-scan.ts";

function found(source: string, text: string): string[] {
  return rangesIn(source, text).map(({ start, end }) => text.slice(start, end));
}

function rangesIn(source: string, text: string): Range[] {
  const scan = createPatternScan(compilePattern(source));
  const ranges: Range[] = [];
  for (let at = 0; at < text.length; at += 1) {
    scan.push(text.charCodeAt(at), at, at + 1);
    ranges.push(...scan.take());
  }
  scan.end();
  return [...ranges, ...scan.take()];
}

describe("what is found", () => {
  test.each([
    ["abc", "xabcabcx", ["abc", "abc"]],
    ["a+", "baaab a", ["aaa", "a"]],
    [String.raw`\bcat\b`, "cat concat cat", ["cat", "cat"]],
    ["a|ab", "ab", ["ab"]],
    ["^a", "aa", ["a"]],
    ["a$", "aa", ["a"]],
    ["x*", "yy", []],
    ["(?i)zebra", "ZeBrA", ["ZeBrA"]],
    ["aa", "aaa", ["aaa"]],
    ["a.*c|b", "abbc", ["abbc"]],
  ])("%s in %s", (source, text, expected) => {
    expect(found(source, text)).toEqual(expected);
  });

  test("a match that may still grow is open, and one that cannot is not", () => {
    const scan = createPatternScan(compilePattern("ab+"));
    for (const [at, sign] of Array.from("xab").entries()) scan.push(sign.charCodeAt(0), at, at + 1);
    expect(scan.open).toBe(1);
    expect(scan.take()).toEqual([]);
    scan.push("c".charCodeAt(0), 3, 4);
    expect(scan.open).toBe(1);
    expect(scan.take()).toEqual([{ start: 1, end: 3 }]);
    expect(scan.open).toBeNull();
  });
});

const sources = [
  "a",
  "ab",
  "a+b",
  "(ab|ba)+",
  "a.c",
  String.raw`\ba`,
  "a{2,3}",
  "^ab",
  "b$",
  "[^a]b",
];
const texts = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "\n"), maxLength: 40 });

test("something is found exactly where the pattern matches at all, and every find matches", () => {
  fc.assert(
    fc.property(fc.constantFrom(...sources), texts, (source, text) => {
      const ranges = rangesIn(source, text);
      expect(ranges.length > 0).toBe(createPattern(source).test(text));
      for (const [at, { start, end }] of ranges.entries()) {
        expect(start).toBeLessThan(end);
        expect(start).toBeGreaterThanOrEqual(ranges[at - 1]?.end ?? 0);
      }
    }),
  );
});

test("all that a backtracking engine finds is within what is found", () => {
  fc.assert(
    fc.property(fc.constantFrom(...sources), texts, (source, text) => {
      const ranges = rangesIn(source, text);
      for (const match of text.matchAll(new RegExp(source, "g"))) {
        const [start, end] = [match.index, match.index + match[0].length];
        expect(ranges.some((range) => range.start <= start && range.end >= end)).toBe(true);
      }
    }),
  );
});
