// Rate limits as providers state them; the values are as recorded from them or as their pages show.
import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { readRateLimits } from "../../../src/routing/rate-headers.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

const startMs = Date.parse("2025-06-23T10:26:50Z");
let clock: VirtualClock;
beforeEach(() => {
  clock = useVirtualClock(startMs);
});
afterEach(() => clock.restore());

type Expected = [limit: number, remaining: number, resetInMs: number | null] | null;

const seen = (headers: Record<string, string>): { requests: Expected; tokens: Expected } | null => {
  const limits = readRateLimits(new Headers(headers));
  const short = (each: NonNullable<typeof limits>["requests"]): Expected =>
    each && [each.limit, each.remaining, each.resetAtMs === null ? null : each.resetAtMs - startMs];
  return limits && { requests: short(limits.requests), tokens: short(limits.tokens) };
};

test.each<[string, Record<string, string>, Expected, Expected]>([
  [
    "OpenAI",
    {
      "x-ratelimit-limit-requests": "200",
      "x-ratelimit-remaining-requests": "197",
      "x-ratelimit-reset-requests": "20m52.666s",
      "x-ratelimit-limit-tokens": "5000000",
      "x-ratelimit-remaining-tokens": "4976251",
      "x-ratelimit-reset-tokens": "284ms",
      "x-ratelimit-limit-input-images": "50000",
      "x-ratelimit-remaining-input-images": "1",
    },
    [200, 197, 1_252_666],
    [5_000_000, 4_976_251, 284],
  ],
  [
    "Anthropic, the tightest of its token limits",
    {
      "anthropic-ratelimit-requests-limit": "4000",
      "anthropic-ratelimit-requests-remaining": "3999",
      "anthropic-ratelimit-requests-reset": "2025-06-23T10:26:53Z",
      "anthropic-ratelimit-input-tokens-limit": "200000",
      "anthropic-ratelimit-input-tokens-remaining": "199000",
      "anthropic-ratelimit-input-tokens-reset": "2025-06-23T10:26:53Z",
      "anthropic-ratelimit-output-tokens-limit": "80000",
      "anthropic-ratelimit-output-tokens-remaining": "59000",
      "anthropic-ratelimit-output-tokens-reset": "2025-06-23T10:26:56Z",
    },
    [4000, 3999, 3000],
    [80_000, 59_000, 6000],
  ],
  [
    "Groq",
    {
      "x-ratelimit-limit-requests": "14400",
      "x-ratelimit-remaining-requests": "14397",
      "x-ratelimit-reset-requests": "17.399999999s",
      "x-ratelimit-limit-tokens": "6000",
      "x-ratelimit-remaining-tokens": "5987",
      "x-ratelimit-reset-tokens": "130ms",
    },
    [14_400, 14_397, 17_400],
    [6000, 5987, 130],
  ],
  [
    "Azure: plain milliseconds",
    {
      "x-ratelimit-abusepenalty-active": "False",
      "x-ratelimit-limit-requests": "120",
      "x-ratelimit-remaining-requests": "119",
      "x-ratelimit-renewalperiod-requests": "60",
      "x-ratelimit-reset-requests": "500",
      "x-ratelimit-limit-tokens": "120000",
      "x-ratelimit-remaining-tokens": "119986",
      "x-ratelimit-renewalperiod-tokens": "60",
      "x-ratelimit-reset-tokens": "7",
    },
    [120, 119, 500],
    [120_000, 119_986, 7],
  ],
  [
    "Cerebras: plain seconds, periods in the name",
    {
      "x-ratelimit-limit-requests-day": "1000",
      "x-ratelimit-remaining-requests-day": "900",
      "x-ratelimit-reset-requests-day": "33011.382867097",
      "x-ratelimit-limit-tokens-minute": "60000",
      "x-ratelimit-remaining-tokens-minute": "50000",
      "x-ratelimit-reset-tokens-minute": "11.5",
    },
    [1000, 900, 33_011_383],
    [60_000, 50_000, 11_500],
  ],
  [
    "Mistral: no resets but periods",
    {
      "x-ratelimit-limit-req-10-second": "60",
      "x-ratelimit-remaining-req-10-second": "51",
      "x-ratelimit-limit-tokens-minute": "2000000",
      "x-ratelimit-remaining-tokens-minute": "1999147",
      "x-ratelimit-limit-tokens-month": "10000000000",
      "x-ratelimit-remaining-tokens-month": "9999999147",
      "x-ratelimit-tokens-query-cost": "107",
    },
    [60, 51, 10_000],
    [2_000_000, 1_999_147, 60_000],
  ],
  [
    "Together",
    { "x-ratelimit-limit": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2" },
    [2, 0, 2000],
    null,
  ],
  [
    "OpenRouter: a moment in milliseconds",
    {
      "x-ratelimit-limit": "20",
      "x-ratelimit-remaining": "7",
      "x-ratelimit-reset": String(startMs + 30_000),
    },
    [20, 7, 30_000],
    null,
  ],
  [
    "a moment in seconds",
    {
      "x-ratelimit-limit": "20",
      "x-ratelimit-remaining": "7",
      "x-ratelimit-reset": String(startMs / 1000 + 30),
    },
    [20, 7, 30_000],
    null,
  ],
  [
    "the IETF draft's",
    { "ratelimit-limit": "600", "ratelimit-remaining": "599", "ratelimit-reset": "1" },
    [600, 599, 1000],
    null,
  ],
  [
    "more left than there is, a reset gone by",
    {
      "anthropic-ratelimit-tokens-limit": "10",
      "anthropic-ratelimit-tokens-remaining": "99",
      "anthropic-ratelimit-tokens-reset": "2024-01-01T00:00:00Z",
    },
    null,
    [10, 10, 0],
  ],
])("%s", (_name, headers, requests, tokens) => {
  expect(seen(headers)).toEqual({ requests, tokens });
});

test.each<[string, Record<string, string>]>([
  ["nothing", { "content-type": "application/json" }],
  ["no limit", { "x-ratelimit-remaining-requests": "5" }],
  ["half of it (Replicate)", { "ratelimit-remaining": "599", "ratelimit-reset": "1" }],
  ["words", { "x-ratelimit-limit": "burst:100;rate:10", "x-ratelimit-remaining": "many" }],
  ["no limit at all", { "x-ratelimit-limit": "0", "x-ratelimit-remaining": "0" }],
  ["below nothing", { "x-ratelimit-limit": "5", "x-ratelimit-remaining": "-1" }],
])("%s tells nothing", (_name, headers) => {
  expect(readRateLimits(new Headers(headers))).toBeNull();
});

test.each([
  ["a month and more", "99999999"],
  ["words", "soon"],
  ["a date that is none", "2025-99-99T00:00:00Z"],
])("a reset of %s is none", (_name, reset) => {
  const headers = {
    "x-ratelimit-limit": "5",
    "x-ratelimit-remaining": "1",
    "x-ratelimit-reset": reset,
  };
  expect(seen(headers)?.requests).toEqual([5, 1, null]);
});

test("a Retry-After alone is told as well", () => {
  expect(readRateLimits(new Headers({ "retry-after": "12" }))).toEqual({
    requests: null,
    tokens: null,
    retryAfterMs: 12_000,
  });
});

test("no header makes it throw, or gives a figure that is none", () => {
  const name = fc.constantFrom(
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "__proto__-ratelimit-tokens-limit",
    "retry-after",
  );
  const value = fc.oneof(
    fc.stringMatching(/^[ -~]{0,30}$/),
    fc.constantFrom("1", "0", "1e9", "99999999999999", "1.5s", "-3", "NaN", "Infinity"),
  );
  fc.assert(
    fc.property(fc.dictionary(name, value), (headers) => {
      const limits = readRateLimits(new Headers(headers));
      for (const each of [limits?.requests, limits?.tokens]) {
        if (!each) continue;
        expect(each.remaining).toBeGreaterThanOrEqual(0);
        expect(each.remaining).toBeLessThanOrEqual(each.limit);
        expect(Number.isFinite(each.resetAtMs ?? 0)).toBe(true);
      }
    }),
  );
});
