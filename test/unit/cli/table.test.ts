// Tables: aligned, cut, and harmless whatever names clients send.
import { expect, test } from "bun:test";
import { harmless } from "../../../src/cli/output.ts";
import { renderTable, shortCount } from "../../../src/cli/table.ts";

const columns = [{ title: "model" }, { title: "cost", align: "right" as const }];

test("columns are aligned, also for wide characters", () => {
  const lines = renderTable(columns, [
    ["gpt-4o", "1.5"],
    ["日本語", "10.25"],
  ]).split("\n");
  expect(lines.map((line) => Bun.stringWidth(line))).toEqual([13, 13, 13]);
  expect(lines[2]).toBe("日本語  10.25");
});

test("a very long name is cut in the middle", () => {
  const [, line = ""] = renderTable(columns, [["x".repeat(5_000), "1"]]).split("\n");
  expect(line.length).toBeLessThan(80);
  expect(line).toMatch(/^x{40}…x{19} +1$/);
});

test("a name cannot act on the terminal or fake a line", () => {
  const text = renderTable(columns, [["\u001b[2J\u001b]0;evil\u0007\nfree\u202e", "1"]]);
  expect(text).not.toMatch(/[\u001b\u0007\u202e]/);
  expect(text.split("\n").length).toBe(2);
});

test("an answer keeps its lines", () => {
  expect(harmless("a\tb\nc\r\u001b[0m", "\n\t")).toBe("a\tb\nc\uFFFD\uFFFD[0m");
});

test.each([
  [999, "999"],
  [8_192, "8k"],
  [128_000, "128k"],
  [999_999, "1M"],
  [1_048_576, "1.05M"],
  [10_000_000, "10M"],
])("%d tokens are %s", (value, text) => {
  expect(shortCount(value)).toBe(text);
});
