// What people type: money, windows, rates, times, lists; and how the same is shown.
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseBudget,
  parseExpiry,
  parseLength,
  parseLimit,
  parseList,
  parseMoney,
  parseNames,
  parsePairs,
  parseShares,
} from "../../../../src/cli/admin/amounts.ts";
import {
  bar,
  dollars,
  limitText,
  moment,
  until,
  windowText,
} from "../../../../src/cli/admin/amount-text.ts";
import { ExitError, exitCodes } from "../../../../src/cli/exit.ts";
import { setClock } from "../../../../src/lib/clock.ts";
import { formatNanos, parseUsd } from "../../../../src/lib/money.ts";

const refused = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof ExitError && error.exitCode === exitCodes.usage) return error.message;
    throw error;
  }
  throw new Error("was taken");
};

describe("budgets", () => {
  test.each([
    ["10/day", "10", "1d"],
    ["12.50/hour", "12.50", "1h"],
    ["$500/month", "500", "1M"],
    ["5/w", "5", "1w"],
    ["1_000/1M", "1000", "1M"],
    ["0.000000001/1h", "0.000000001", "1h"],
    [" 3 / mo ", "3", "1M"],
    ["100", "100", "total"],
    ["100/total", "100", "total"],
    ["0/day", "0", "1d"],
  ] as const)("%j is %s in %s", (text, amount_usd, window) => {
    expect(parseBudget(text)).toEqual({ amount_usd, window });
  });

  test.each([
    "",
    "ten/day",
    "10/year",
    "10/constructor",
    "-1/day",
    "1,5/day",
    "0.0000000001",
    "10/day/2",
    "1e3",
  ])("%j is refused with what would do", (text) => {
    expect(refused(() => parseBudget(text))).toContain("`10/day`");
  });

  test("an amount alone has no window", () => {
    expect(parseMoney("12.50")).toBe("12.50");
    expect(refused(() => parseMoney("12.50/day"))).toContain("`12.50`");
  });
});

describe("limits", () => {
  test.each([
    ["60rpm", "requests", "minute", 60],
    ["1000 RPH", "requests", "hour", 1_000],
    ["100ktpm", "tokens", "minute", 100_000],
    ["2Mtpd", "tokens", "day", 2_000_000],
    ["1.5Mitpd", "input_tokens", "day", 1_500_000],
    ["50k otph", "output_tokens", "hour", 50_000],
    ["60/min", "requests", "minute", 60],
    ["1 request/minute", "requests", "minute", 1],
    ["2M tokens/day", "tokens", "day", 2_000_000],
    ["50k input_tokens/hour", "input_tokens", "hour", 50_000],
    ["4parallel", "parallel", null, 4],
    ["10 parallel", "parallel", null, 10],
    ["0rpm", "requests", "minute", 0],
  ] as const)("%j is %s a %s: %d", (text, unit, window, amount) => {
    expect(parseLimit(text)).toEqual({ unit, window, amount });
  });

  test.each([
    "",
    "60",
    "60rps",
    "rpm",
    "-1rpm",
    "0.5rpm",
    "60 cats/day",
    "60/week",
    "99999999999Mtpd",
  ])("%j is refused with what would do", (text) => {
    expect(refused(() => parseLimit(text))).toContain("`60rpm`");
  });

  test.each([
    [{ unit: "requests", window: "minute", amount: 60 }, "60 requests a minute"],
    [{ unit: "tokens", window: "hour", amount: 100_000 }, "100k tokens an hour"],
    [{ unit: "input_tokens", window: "day", amount: 1_234 }, "1,234 input tokens a day"],
    [{ unit: "parallel", window: null, amount: 4 }, "4 at once"],
  ])("%j reads %j", (limit, text) => {
    expect(limitText(limit)).toBe(text);
  });
});

describe("times", () => {
  let restore = (): void => {};
  afterEach(() => restore());
  const at = (ms: number): void => {
    restore = setClock({ now: () => ms });
  };

  test("expiry: from now on, a date, or never", () => {
    at(1_000_000);
    expect(parseExpiry("30d")).toBe(1_000_000 + 30 * 86_400_000);
    expect(parseExpiry("12h")).toBe(1_000_000 + 43_200_000);
    expect(parseExpiry("2027-01-31")).toBe(Date.UTC(2027, 0, 31));
    expect(parseExpiry("2027-01-31T10:00:00Z")).toBe(Date.UTC(2027, 0, 31, 10));
    expect(parseExpiry("never")).toBeNull();
    for (const text of ["", "soon", "2027-13-01", "999999999y", "1.5h"]) {
      expect(refused(() => parseExpiry(text))).toContain("--expires takes");
    }
  });

  test("lengths", () => {
    expect(parseLength("--grace", "90m")).toBe(5_400_000);
    expect(parseLength("--grace", "2w")).toBe(14 * 86_400_000);
    expect(refused(() => parseLength("--grace", "later"))).toContain("--grace takes");
  });

  test("what is left, in words", () => {
    at(0);
    expect([null, -1, 60_000, 5 * 3_600_000, 10 * 86_400_000].map((ms) => until(ms))).toEqual([
      "-",
      "now",
      "in 1 min",
      "in 5 h",
      "in 10 days",
    ]);
    expect(moment(0)).toBe("1970-01-01 00:00");
  });
});

test("lists, names, shares and pairs", () => {
  expect(parseList(["a, b", "c", ""])).toEqual(["a", "b", "c"]);
  expect(parseNames(["all"])).toBeNull();
  expect(parseNames(["gpt-4o*,claude"])).toEqual(["gpt-4o*", "claude"]);
  expect(parseNames([""])).toEqual([]);
  expect(parseShares(["50%,80%", "100%"])).toEqual([0.5, 0.8, 1]);
  expect(parseShares(["33.3%"])).toEqual([0.333]);
  expect(parseShares(["none"])).toEqual([]);
  for (const text of ["80", "0%", "101%", "most"]) {
    expect(refused(() => parseShares([text]))).toContain("--alert-at takes");
  }
  expect(parsePairs("--alias", ["gpt-4=fast", "a=b=c"])).toEqual({ "gpt-4": "fast", a: "b=c" });
  expect(Object.hasOwn(parsePairs("--alias", ["__proto__=x"]), "__proto__")).toBe(true);
  expect(refused(() => parsePairs("--alias", ["x"]))).toContain("--alias takes");
});

test("money is shown exactly, without zeros that say nothing", () => {
  expect(["10.000000000", "12.500000000", "0.000031000", "1234567.1"].map(dollars)).toEqual([
    "$10.00",
    "$12.50",
    "$0.000031",
    "$1,234,567.10",
  ]);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), (nanos) => {
      const shown = dollars(formatNanos(nanos)).slice(1).replaceAll(",", "");
      expect(parseUsd(shown)).toBe(nanos);
    }),
  );
});

test("a bar is as long as what is spent", () => {
  expect(bar("0", "10")).toBe("·········· 0 %");
  expect(bar("0.001", "10")).toBe("▌········· <1 %");
  expect(bar("2.50", "10")).toBe("██▌······· 25 %");
  expect(bar("9.99", "10")).toBe("██████████ 99 %");
  expect(bar("10", "10")).toBe("██████████ 100 %");
  expect(bar("15", "10")).toBe("██████████ 150 %");
  expect(bar("0", "0")).toBe("·········· 0 %");
  expect(bar("1", "0")).toBe("██████████ 100 %");
});

test("windows in words", () => {
  const rule = { window: "1M", zone: "UTC", aligned: true };
  expect(windowText(rule)).toBe("each month");
  expect(windowText({ ...rule, zone: "Europe/Berlin" })).toBe("each month (Europe/Berlin)");
  expect(windowText({ ...rule, window: "1d", aligned: false })).toBe("each day since it was made");
  expect(windowText({ ...rule, window: "total", zone: "Europe/Berlin" })).toBe("in all");
});
