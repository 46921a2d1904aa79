// Rate limits in words: what a request wants of them, how they stand, and what the refusal says.
import { describe, expect, test } from "bun:test";
import {
  type AppliedLimit,
  lateRefusal,
  refusalOf,
  refusing,
  standingsOf,
  type Want,
  wantsOf,
} from "../../../src/access/rate-limits.ts";

const one: Want = { inputTokens: 10, outputTokens: 5 };
const limit = (more: Partial<AppliedLimit> = {}): AppliedLimit => ({
  id: "limit_1",
  of: "key `ci`",
  unit: "requests",
  windowMs: 60_000,
  amount: 3,
  ...more,
});

test.each([
  ["requests", 1],
  ["parallel", 1],
  ["tokens", 15],
  ["input_tokens", 10],
  ["output_tokens", 5],
] as const)("of %s a request wants %d", (unit, asked) => {
  expect(wantsOf([limit({ unit })], one)).toEqual([
    { limitId: "limit_1", unit, windowMs: 60_000, amount: 3, asked },
  ]);
});

describe("the refusal", () => {
  test("is of the limit that is waited for the longest, and says when to come back", () => {
    const limits = [
      limit(),
      limit({
        id: "limit_2",
        of: "team `search`",
        unit: "tokens",
        windowMs: 3_600_000,
        amount: 90,
      }),
      limit({ id: "limit_3", unit: "parallel", windowMs: null }),
    ];
    const outlooks = [
      { used: 3, resetMs: 61_000, waitMs: 1_500 },
      { used: 90, resetMs: 61_000, waitMs: 61_000 },
      { used: 2, resetMs: 0, waitMs: null },
    ];
    const refusal = refusalOf(limits, outlooks);
    expect(refusal).toMatchObject({ code: "rate_limited", status: 429, retryAfterMs: 61_000 });
    expect(refusal?.message).toBe(
      "The limit of 90 tokens per hour of team `search` is reached. Try again in 61 s.",
    );
    expect(refusing(limits, outlooks).map(({ id }) => id)).toEqual(["limit_1", "limit_2"]);
  });

  test("is none where all have room", () => {
    expect(refusalOf([limit()], [{ used: 2, resetMs: 61_000, waitMs: null }])).toBeNull();
    expect(refusalOf([], [])).toBeNull();
  });

  test("names requests at once without a window", () => {
    const parallel = limit({ unit: "parallel", windowMs: null, amount: 2 });
    expect(refusalOf([parallel], [{ used: 2, resetMs: 0, waitMs: 1_000 }])?.message).toBe(
      "The limit of 2 parallel requests of key `ci` is reached. Try again in 1 s.",
    );
  });

  test("that came too late to be explained is one all the same", () => {
    const refusal = lateRefusal([limit({ amount: 9, of: "gateway" }), limit()]);
    expect(refusal).toMatchObject({ code: "rate_limited", retryAfterMs: 1_000 });
    expect(refusal.message).toContain("of key `ci` is reached");
    expect(lateRefusal([]).code).toBe("rate_limited");
  });
});

test("the tightest of requests and of tokens stand for all", () => {
  const limits = [
    limit({ id: "wide", amount: 100 }),
    limit({ id: "narrow", amount: 3 }),
    limit({ id: "in", unit: "input_tokens", amount: 1_000 }),
    limit({ id: "all", unit: "tokens", amount: 900 }),
    limit({ id: "places", unit: "parallel", windowMs: null, amount: 1 }),
  ];
  const states = [99, 1, 500, 950, 1].map((used, at) => ({ used, resetMs: 1_000 * at }));
  expect(standingsOf(limits, states)).toEqual({
    requests: { limit: 100, remaining: 1, resetMs: 0 },
    tokens: { limit: 900, remaining: 0, resetMs: 3_000 },
  });
  expect(standingsOf(limits.slice(4), states.slice(4))).toEqual({ requests: null, tokens: null });
});
