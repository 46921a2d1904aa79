// Retry-After in all its forms (R26).
import { afterAll, describe, expect, test } from "bun:test";
import { setClock } from "../../../src/lib/clock.ts";
import { parseRetryAfter } from "../../../src/lib/retry-after.ts";

const restore = setClock({ now: () => Date.parse("2026-11-21T12:00:00Z") });
afterAll(restore);

describe("R26 parseRetryAfter", () => {
  test.each([
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": " 0 " }, 0],
    [{ "retry-after": "0.25" }, 250],
    [{ "retry-after-ms": "1500" }, 1500],
    [{ "retry-after-ms": "12.3", "retry-after": "9" }, 13],
    [{ "retry-after-ms": "soon", "retry-after": "9" }, 9000],
    [{ "retry-after": "Sat, 21 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Saturday, 21-Nov-26 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Sat Nov 21 12:00:30 2026" }, 30_000],
    [{ "retry-after": "Sat, 21 Nov 2026 11:00:00 GMT" }, 0],
  ] as [Record<string, string>, number][])("%j is %d ms", (headers, expected) => {
    expect(parseRetryAfter(new Headers(headers))).toBe(expected);
  });

  test.each([
    "",
    "-3",
    "soon",
    "1e400",
    "NaN",
    "Infinity",
    "2 seconds",
    "Sat, rubbish",
    "99999999999999999999",
  ])("%j is nothing", (value) => {
    expect(parseRetryAfter(new Headers({ "retry-after": value }))).toBeUndefined();
  });

  test("absent is nothing", () => {
    expect(parseRetryAfter(new Headers())).toBeUndefined();
  });
});
