// Did-you-mean.
import { expect, test } from "bun:test";
import { nearest } from "../../../src/lib/suggest.ts";

test.each([
  ["opnai", ["openai", "anthropic"], ["openai"]],
  ["OpenAI", ["openai", "anthropic"], ["openai"]],
  ["prot", ["port", "level"], ["port"]],
  ["gpt-4", ["claude", "gpt-4o", "gpt-4-turbo"], ["gpt-4-turbo", "gpt-4o"]],
  ["zzzz", ["port", "host"], []],
  ["", ["port"], []],
  ["port", [], []],
  ["a", ["b", "c"], ["b", "c"]],
  ["fallback", ["fallbacks", "fallbacks"], ["fallbacks"]],
])("%s in %j", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toEqual(expected);
});

test("at most `max`, nearest first; a megabyte of a word costs nothing", () => {
  expect(nearest("model1", ["model2", "model3", "model10", "model4"], 2).length).toBe(2);
  const start = performance.now();
  nearest(
    "x".repeat(1 << 20),
    Array.from({ length: 1_000 }, (_value, index) => `model-${index}`),
  );
  expect(performance.now() - start).toBeLessThan(10_000);
});
