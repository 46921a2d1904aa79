// What a caller may ask for. (S21)
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fits, mayUse } from "../../../src/access/grants.ts";

const chat = (name: string | null, modelId: string | null) => ({
  name,
  modelId,
  operation: "chat",
});

describe("patterns", () => {
  test.each([
    ["*", "anything", true],
    ["*", "", true],
    ["gpt-5", "gpt-5", true],
    ["gpt-5", "gpt-5-mini", false],
    ["gpt-5", "GPT-5", false],
    ["openai/*", "openai/gpt-5", true],
    ["openai/*", "openai/", true],
    ["openai/*", "xopenai/gpt-5", false],
    ["openai/*", "openai2/gpt-5", false],
    ["*/gpt-5", "openai/gpt-5", true],
    ["*mini*", "openai/gpt-5-mini-2025", true],
    ["a*b*c", "abc", true],
    ["a*b*c", "acb", false],
    ["ab*ba", "aba", false],
    ["a**c", "abc", true],
    ["a.c", "abc", false],
    ["[a-z]*", "abc", false],
  ])("%s on %s: %p", (pattern, text, expected) => {
    expect(fits(pattern, text)).toBe(expected);
  });

  test("agree with a plain expression, and take no longer for hostile ones", () => {
    const letters = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 8 });
    const texts = fc.array(fc.constantFrom("a", "b"), { maxLength: 12 });
    fc.assert(
      fc.property(letters, texts, (pattern, text) => {
        const expression = new RegExp(`^${pattern.join("").replaceAll("*", ".*")}$`);
        return fits(pattern.join(""), text.join("")) === expression.test(text.join(""));
      }),
      { seed: 1, numRuns: 2_000 },
    );
    expect(fits("*a".repeat(500) + "b", "a".repeat(100_000))).toBe(false);
  });
});

describe("grants", () => {
  const free = { models: [], operations: null };
  test("without limits everything may be asked", () => {
    expect(mayUse(free, chat("x", "y/z")).allowed).toBe(true);
    expect(mayUse(free, { name: null, modelId: null, operation: "pass-through" }).allowed).toBe(
      true,
    );
  });

  test("a route that is granted reaches all of its deployments, and no other route", () => {
    const granted = { models: [["fast"]], operations: null };
    expect(mayUse(granted, chat("fast", "openai/gpt-5-mini")).allowed).toBe(true);
    expect(mayUse(granted, chat("smart", "openai/gpt-5-mini"))).toMatchObject({
      allowed: false,
      because: "model",
    });
    expect(mayUse(granted, chat("openai/gpt-5-mini", "openai/gpt-5-mini")).allowed).toBe(false);
  });

  test("a deployment that is granted is reached through any route, its neighbours are not", () => {
    const granted = { models: [["anthropic/*"]], operations: null };
    expect(mayUse(granted, chat("smart", "anthropic/claude")).allowed).toBe(true);
    expect(mayUse(granted, chat("smart", "openai/gpt-5")).allowed).toBe(false);
  });

  test("every level must let it through", () => {
    const granted = { models: [["fast", "smart"], ["*"], ["smart"]], operations: null };
    expect(mayUse(granted, chat("smart", null)).allowed).toBe(true);
    expect(mayUse(granted, chat("fast", null)).allowed).toBe(false);
    expect(mayUse({ models: [["*"], []], operations: null }, chat("x", "y")).allowed).toBe(false);
  });

  test("where no model is named, a limited key may not go", () => {
    expect(mayUse({ models: [["fast"]], operations: null }, chat(null, null)).allowed).toBe(false);
    expect(mayUse({ models: [["*"]], operations: null }, chat(null, null)).allowed).toBe(true);
  });

  test("operations are granted apart", () => {
    const granted = { models: [], operations: ["chat", "image*"] };
    expect(mayUse(granted, chat("x", null)).allowed).toBe(true);
    const ask = (operation: string) => mayUse(granted, { ...chat("x", null), operation });
    expect(ask("image-edits").allowed).toBe(true);
    expect(ask("embeddings")).toMatchObject({ allowed: false, because: "operation" });
    expect(mayUse({ models: [], operations: [] }, chat("x", null)).allowed).toBe(false);
  });

  test("refusals say what, and not too much of it", () => {
    const verdict = mayUse({ models: [["a"]], operations: null }, chat("x".repeat(10_000), null));
    expect(verdict.allowed ? "" : verdict.message).toMatch(/may not use the model `x{100}`/);
  });
});
