// What pictures and tools cost, and how often tools are called: what is taken, and what is refused where.
import { expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { providers as presets } from "../../../src/providers/index.ts";

const mine = { type: "openai-compatible", base_url: "http://127.0.0.1:1/v1", api_key: "k" };
const read = (more: object) =>
  configFromObject({ providers: { mine }, ...more }, { env: {}, presets }).config;

function problems(more: object): string {
  try {
    read(more);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
    throw error;
  }
  return "";
}

test("prices for a picture and for a tool's call, exact", () => {
  const { prices } = read({
    prices: { painter: { input: "0", output: "0", image: "0.03", tool: "0.000000001" } },
  });
  expect(prices[0]?.price).toMatchObject({ image: 30_000_000n, tool: 1n, request: null });
  const plain = read({ prices: { other: { input: "1", output: "2" } } }).prices[0]?.price;
  expect(plain).not.toHaveProperty("image");
  expect(plain).not.toHaveProperty("tool");
});

test("ten calls of tools where nothing is said, else what is said", () => {
  expect(read({}).rules.maxToolCalls).toBe(10);
  expect(read({ budgets: { max_tool_calls: 3 } }).rules.maxToolCalls).toBe(3);
});

test.each([
  [{ prices: { m: { input: "0", output: "0", image: "-1" } } }, "image"],
  [{ prices: { m: { input: "0", output: "0", tool: "cheap" } } }, "tool"],
  [{ budgets: { max_tool_calls: 0 } }, "max_tool_calls"],
  [{ budgets: { max_tool_calls: 1.5 } }, "max_tool_calls"],
])("%j is refused", (more, where) => {
  expect(problems(more)).toContain(where);
});
