// Money: exact text, exact sums, one rounding.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatNanos, parseUsd, tokensCost } from "../../src/lib/money.ts";

describe("parseUsd", () => {
  test.each([
    ["0", 0n],
    ["2.50", 2_500_000_000n],
    ["0.000123450", 123_450n],
    ["0.0000000010", 1n],
    ["-3.5", -3_500_000_000n],
    ["1e-7", 100n],
    ["1.5E+3", 1_500_000_000_000n],
    ["9007199.254740993", 9_007_199_254_740_993n],
    ["123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890_000_000_000n],
    ["-0", 0n],
  ])("%s", (text, nanos) => {
    expect(parseUsd(text)).toBe(nanos);
  });

  test.each([
    "",
    " 1",
    "1 ",
    "$1",
    "1,5",
    "1_000",
    ".5",
    "+1",
    "--1",
    "0x10",
    "NaN",
    "Infinity",
    "1e",
    "1e999",
    "0.0000000001",
    "1e-10",
    "1\n",
    "١",
  ])("refuses %j", (text) => {
    expect(parseUsd(text)).toBeUndefined();
  });

  test("reads every price that JavaScript prints, without floating point in between", () => {
    // 0.1 + 0.2 in nano-dollars is 300,000,000 exactly; 0.07 × 10⁹ as doubles is 70000000.00000001.
    expect(parseUsd(String(0.07))).toBe(70_000_000n);
    fc.assert(
      fc.property(fc.nat(1_000_000_000), fc.integer({ min: 0, max: 9 }), (digits, places) => {
        const nanos = BigInt(digits) * 10n ** BigInt(9 - places);
        expect(parseUsd(String(digits / 10 ** places))).toBe(nanos);
      }),
    );
  });
});

describe("formatNanos", () => {
  test.each([
    [0n, "0.000000000"],
    [123_450n, "0.000123450"],
    [1_000_000_000n, "1.000000000"],
    [-1n, "-0.000000001"],
    [-1_500_000_000n, "-1.500000000"],
    [2n ** 63n - 1n, "9223372036.854775807"],
  ])("%p", (nanos, text) => {
    expect(formatNanos(nanos)).toBe(text);
  });

  test("is undone by parseUsd", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), (nanos) => {
        expect(parseUsd(formatNanos(nanos))).toBe(nanos);
      }),
    );
  });
});

describe("tokensCost", () => {
  const usd = (text: string): bigint => parseUsd(text) ?? -1n;

  test("rounds half up, once for all kinds together", () => {
    const half = { tokens: 1, nanosPerMillion: 500_000n };
    const less = { tokens: 1, nanosPerMillion: 499_999n };
    expect(tokensCost([])).toBe(0n);
    expect(tokensCost([less])).toBe(0n);
    expect(tokensCost([half])).toBe(1n);
    // Each alone would be rounded up to 1: together they are exactly 1, and one and a half is 2.
    expect(tokensCost([half, half])).toBe(1n);
    expect(tokensCost([half, half, half])).toBe(2n);
    // Each alone would be rounded down to nothing.
    expect(tokensCost([less, less, less])).toBe(1n);
  });

  test("a priced request: input, cache read, cache write, output", () => {
    const lines = [
      { tokens: 1_234, nanosPerMillion: usd("3") },
      { tokens: 98_765, nanosPerMillion: usd("0.3") },
      { tokens: 4_321, nanosPerMillion: usd("3.75") },
      { tokens: 777, nanosPerMillion: usd("15") },
    ];
    // 3.702 + 29.6295 + 16.20375 + 11.655 thousandths of a dollar.
    expect(formatNanos(tokensCost(lines))).toBe("0.061190250");
  });

  test("order and grouping of the kinds do not matter; the result is within half a nano-dollar", () => {
    const line = fc.record({
      tokens: fc.nat(2_000_000_000),
      nanosPerMillion: fc.bigInt({ min: 0n, max: 10n ** 18n }),
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const cost = tokensCost(lines);
        expect(tokensCost(lines.toReversed())).toBe(cost);
        const exact = lines.reduce(
          (sum, each) => sum + BigInt(each.tokens) * each.nanosPerMillion,
          0n,
        );
        const error = 2n * (cost * 1_000_000n - exact);
        expect(error > -1_000_000n && error <= 1_000_000n).toBe(true);
      }),
    );
  });

  test.each([
    [{ tokens: -1, nanosPerMillion: 1n }],
    [{ tokens: 1.5, nanosPerMillion: 1n }],
    [{ tokens: Number.NaN, nanosPerMillion: 1n }],
    [{ tokens: 2 ** 53, nanosPerMillion: 1n }],
    [{ tokens: 1, nanosPerMillion: -1n }],
  ])("refuses %p", (line) => {
    expect(() => tokensCost([line])).toThrow(RangeError);
  });
});
