// Patterns against the runtime's own engine, and the texts that make such engines hang.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createPattern } from "../../../src/lib/pattern.ts";
import { PatternError } from "../../../src/lib/pattern-syntax.ts";

/** Random patterns of the shared syntax over a small alphabet, so that they do match. */
const patterns = fc.letrec<{ any: string; all: string; one: string }>((tie) => ({
  any: fc.array(tie("all"), { minLength: 1, maxLength: 3 }).map((all) => all.join("|")),
  all: fc.array(tie("one"), { maxLength: 4 }).map((ones) => ones.join("")),
  one: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constantFrom("a", "b", "c", ".", "\\d", "\\w", "\\s", "[ab]", "[^a]", "[a-c1]", "\\.", "é"),
    fc.constantFrom("^", "$", "\\b", "\\B"),
    fc
      .tuple(
        fc.oneof(
          fc.constantFrom("a", "b", "[bc]", "."),
          tie("any").map((each) => `(${each})`),
          tie("any").map((each) => `(?:${each})`),
        ),
        fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "+?"),
      )
      .map((pair) => pair.join("")),
  ),
}));

const texts = fc
  .array(fc.constantFrom("a", "b", "c", "A", "1", " ", "\n", ".", "é", "É"), { maxLength: 12 })
  .map((signs) => signs.join(""));

const compiled = (source: string) => {
  try {
    return createPattern(source);
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
};

describe("what it matches", () => {
  test.each([
    ["", ""],
    ["(?i)", "i"],
  ])("is what the runtime's engine matches: %s", (prefix, flags) => {
    let seen = 0;
    fc.assert(
      fc.property(patterns.any, texts, (source, text) => {
        const pattern = compiled(prefix + source);
        if (!pattern) return;
        seen += 1;
        expect(pattern.test(text)).toBe(new RegExp(source, flags).test(text));
      }),
      { numRuns: 3000, seed: 7 },
    );
    expect(seen).toBeGreaterThan(2000);
  });

  test.each([
    ["(?i)\\b(?:prove|theorem)\\b", "Please PROVE this.", true],
    ["(?i)\\b(?:prove|theorem)\\b", "it improves", false],
    ["^\\s*\\/review", "  /review this", true],
    ["[\\w.-]+@[\\w-]+\\.com", "write to a.b@example.com", true],
    ["\\x41\\u00e9", "Aé", true],
    ["[\\]a-]", "-", true],
    ["a{3}", "aa", false],
  ])("%s on %j: %p", (source, text, expected) => {
    expect(createPattern(source).test(text)).toBe(expected);
  });
});

test.each([
  ["(a", "without its `)`"],
  ["a)", "without its `(`"],
  ["[a", "without its `]`"],
  ["*a", "nothing to repeat"],
  ["a**", "two repetitions"],
  ["(?=a)b", "linear time"],
  ["(?<!a)b", "linear time"],
  ["(a)\\1", "linear time"],
  ["\\p{L}", "not known here"],
  ["[z-a]", "ends before it begins"],
  ["a{3,1}", "ends before it begins"],
  ["(?:a{100}){100}", "too large"],
  ["a{1000}", "repetitions"],
  ["a\\", "at the end"],
  ["x".repeat(2_000), "longer than"],
])("%s is refused: %s", (source, message) => {
  expect(() => createPattern(source)).toThrow(message);
});

test("texts on which backtracking takes for ever are done at once", () => {
  const text = "a".repeat(8_000);
  // Each of these would take the runtime's engine longer than anybody waits.
  for (const source of [
    "(a+)+b",
    "(a|a)*b",
    "(a|aa)+$b",
    "a*a*a*a*a*b",
    "(.*)(.*)(.*)x",
    "(a?){50}a{50}b",
  ]) {
    expect(createPattern(source).test(text)).toBe(false);
  }
});
