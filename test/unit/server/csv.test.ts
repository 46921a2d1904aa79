// S28: a table for spreadsheets in which nothing runs.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { csv } from "../../../src/server/admin-v1/csv.ts";

test("quotes what must be, and ends its lines as RFC 4180 says", () => {
  expect(
    csv(
      ["a", "b"],
      [
        ["x,y", 1],
        ['say "hi"', null],
        ["two\nlines", -2.5],
      ],
    ),
  ).toBe('a,b\r\n"x,y",1\r\n"say ""hi""",\r\n"two\nlines",-2.5\r\n');
});

test.each([
  "=1+1",
  '=HYPERLINK("http://evil")',
  "+cmd|'/C calc'!A0",
  "-2+3",
  "@SUM(A1)",
  "\t=1",
  "\r=1",
  " =1",
  "\u200b=1",
  "＝1+1",
  "|x",
  "%0A=1",
])("S28: %j is text", (value) => {
  const field = csv([], [[value]]).slice(2);
  expect(field).toMatch(/^"?'/);
});

test("S28: no field begins as a formula does, whatever it holds; and nothing is lost", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 20 }), (value) => {
      const [, field = ""] = /^\r\n([\s\S]*)\r\n$/.exec(csv([], [[value]])) ?? [];
      const bare = field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
      expect(bare).not.toMatch(/^[\s\p{Cc}\p{Cf}]*[=+\-@]/u);
      expect(bare.replace(/^'/, "")).toBe(
        value.startsWith("'") && bare === value ? value.slice(1) : value,
      );
    }),
    { seed: 7, numRuns: 2_000 },
  );
});
