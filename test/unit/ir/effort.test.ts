// Effort words and token budgets stand for one another.
import { expect, test } from "bun:test";
import { budgetOfEffort, effortOfBudget } from "../../../src/ir/effort.ts";

test.each([
  [0, "low"],
  [1024, "low"],
  [2047, "low"],
  [2048, "medium"],
  [4095, "medium"],
  [4096, "high"],
  [31_999, "high"],
] as const)("a budget of %d is %s", (tokens, effort) => {
  expect(effortOfBudget(tokens)).toBe(effort);
});

test("the three common words survive the way to a budget and back", () => {
  for (const effort of ["low", "medium", "high"] as const) {
    expect(effortOfBudget(budgetOfEffort(effort))).toBe(effort);
  }
  expect(budgetOfEffort("constructor")).toBe(2048);
  expect(budgetOfEffort("max")).toBe(16_384);
});
