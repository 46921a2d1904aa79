// Rate limits: never more in any window than allowed, refusals that take nothing, and when to come back.
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type AppliedLimit,
  createRateLimiter,
  type Want,
} from "../../../src/access/rate-limits.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { setClock } from "../../../src/lib/clock.ts";

let nowMs = 1_000_000;
const at = (ms: number): void => {
  nowMs = ms;
  setClock({ now: () => nowMs, monotonic: () => nowMs });
};
afterEach(() => void setClock({}));

const one: Want = { inputTokens: 10, outputTokens: 5 };
const limit = (more: Partial<AppliedLimit> = {}): AppliedLimit => ({
  id: "limit_1",
  of: "key `ci`",
  unit: "requests",
  windowMs: 60_000,
  amount: 3,
  ...more,
});

function refusalOf(run: () => unknown): GatewayError | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

describe("requests", () => {
  test("the window slides, and the refusal says when to come back", () => {
    at(0);
    const limiter = createRateLimiter();
    for (let count = 0; count < 3; count += 1) limiter.admit([limit()], one);
    const refusal = refusalOf(() => limiter.admit([limit()], one));
    expect(refusal).toMatchObject({ code: "rate_limited", status: 429 });
    expect(refusal?.message).toBe(
      "The limit of 3 requests per minute of key `ci` is reached. Try again in 61 s.",
    );
    at((refusal?.retryAfterMs ?? 0) - 1);
    expect(refusalOf(() => limiter.admit([limit()], one))).not.toBeNull();
    at(refusal?.retryAfterMs ?? 0);
    expect(limiter.admit([limit()], one).requests).toMatchObject({ limit: 3, remaining: 2 });
  });

  test("a refused request takes nothing from the limits that had room", () => {
    at(0);
    const limiter = createRateLimiter();
    const wide = limit({ id: "wide", amount: 100 });
    const narrow = limit({ id: "narrow", amount: 1 });
    limiter.admit([wide, narrow], one);
    for (let count = 0; count < 50; count += 1) {
      expect(refusalOf(() => limiter.admit([wide, narrow], one))).not.toBeNull();
    }
    expect(limiter.admit([wide], one).requests?.remaining).toBe(98);
  });

  test("in any window of any length of any history there are no more than allowed", () => {
    const step = fc.tuple(fc.nat(20_000), fc.constantFrom(60_000, 3_600_000));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 8 }),
        (steps, most) => {
          at(5_000_000);
          const limiter = createRateLimiter();
          const passed = new Map<number, number[]>();
          for (const [pause, windowMs] of steps) {
            at(nowMs + pause);
            const own = limit({ id: "l", windowMs, amount: most });
            const times = passed.get(windowMs) ?? [];
            passed.set(windowMs, times);
            const refusal = refusalOf(() => limiter.admit([own], one));
            if (!refusal) times.push(nowMs);
            else expect(refusal.retryAfterMs).toBeGreaterThan(0);
            const inWindow = times.filter((time) => time > nowMs - windowMs).length;
            expect(inWindow).toBeLessThanOrEqual(most);
            // Nobody is kept out for more than a sixtieth of the window too long.
            const surely = times.filter(
              (time) => time > nowMs - windowMs * (1 + 1 / 60) - 1,
            ).length;
            if (refusal) expect(surely).toBeGreaterThanOrEqual(most);
          }
        },
      ),
    );
  });
});

describe("tokens", () => {
  const tokens = limit({ unit: "tokens", amount: 1_000 });

  test("what was expected is put right by what was used, in the bucket of its request", () => {
    at(0);
    const limiter = createRateLimiter();
    const ticket = limiter.admit([tokens], { inputTokens: 100, outputTokens: 500 });
    expect(ticket.tokens?.remaining).toBe(400);
    at(30_000);
    ticket.settle({ inputTokens: 90, outputTokens: 10 });
    ticket.settle({ inputTokens: 9_000, outputTokens: 9_000 });
    const next = limiter.admit([tokens], { inputTokens: 100, outputTokens: 0 });
    expect(next.tokens?.remaining).toBe(800);
    at(61_001);
    expect(limiter.admit([tokens], { inputTokens: 1, outputTokens: 0 }).tokens?.remaining).toBe(
      899,
    );
  });

  test("input and output are limited apart", () => {
    at(0);
    const limiter = createRateLimiter();
    const input = limit({ id: "in", unit: "input_tokens", amount: 100 });
    const output = limit({ id: "out", unit: "output_tokens", amount: 10 });
    limiter.admit([input, output], { inputTokens: 90, outputTokens: 10 });
    const refusal = refusalOf(() =>
      limiter.admit([input, output], { inputTokens: 1, outputTokens: 1 }),
    );
    expect(refusal?.message).toContain("10 output tokens per minute");
  });

  test("a request larger than its whole limit passes alone", () => {
    at(0);
    const limiter = createRateLimiter();
    const large = { inputTokens: 5_000, outputTokens: 0 };
    const ticket = limiter.admit([tokens], large);
    expect(refusalOf(() => limiter.admit([tokens], one))).not.toBeNull();
    ticket.settle(large);
    const refusal = refusalOf(() => limiter.admit([tokens], one));
    expect(refusal?.retryAfterMs).toBe(61_000);
    const none = limit({ unit: "tokens", amount: 0 });
    expect(refusalOf(() => limiter.admit([none], one))).not.toBeNull();
  });

  test("an answer that came when its window had gone changes nothing", () => {
    at(0);
    const limiter = createRateLimiter();
    const ticket = limiter.admit([tokens], { inputTokens: 500, outputTokens: 0 });
    at(200_000);
    limiter.admit([tokens], { inputTokens: 100, outputTokens: 0 });
    ticket.settle({ inputTokens: 0, outputTokens: 0 });
    expect(limiter.admit([tokens], { inputTokens: 0, outputTokens: 0 }).tokens?.remaining).toBe(
      900,
    );
  });
});

test("a rehearsal says what would happen, and takes nothing", () => {
  at(0);
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 20_000 }),
    input: fc.integer({ min: 0, max: 700 }),
    output: fc.integer({ min: 0, max: 700 }),
    ends: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const limiter = createRateLimiter();
      const limits = [
        limit({ id: "requests", amount: 5 }),
        limit({ id: "tokens", unit: "tokens", amount: 1_000 }),
        limit({ id: "parallel", unit: "parallel", windowMs: null, amount: 3 }),
      ];
      for (const { wait, input, output, ends } of steps) {
        at(nowMs + wait);
        const want = { inputTokens: input, outputTokens: output };
        const told = limiter.rehearse(limits, want);
        expect(limiter.rehearse(limits, want)).toEqual(told);
        let ticket: ReturnType<typeof limiter.admit> | null = null;
        const refused = refusalOf(() => {
          ticket = limiter.admit(limits, want);
        });
        expect(told.refusal?.message).toBe(refused?.message);
        expect(told.refusal?.retryAfterMs).toBe(refused?.retryAfterMs);
        const left = limiter.rehearse(limits, want).standings.map(({ remaining }) => remaining);
        const before = told.standings.map(({ remaining }) => remaining);
        const taken = refused ? [0, 0, 0] : [1, input + output, 1];
        expect(left).toEqual(before.map((each, index) => Math.max(0, each - (taken[index] ?? 0))));
        if (ends) (ticket as ReturnType<typeof limiter.admit> | null)?.settle(want);
      }
    }),
    { numRuns: 200 },
  );
});

describe("parallel requests", () => {
  test("a place is free again when its request is over, once", () => {
    at(0);
    const limiter = createRateLimiter();
    const parallel = limit({ unit: "parallel", windowMs: null, amount: 2 });
    const [first] = [limiter.admit([parallel], one), limiter.admit([parallel], one)];
    expect(refusalOf(() => limiter.admit([parallel], one))?.message).toContain(
      "2 parallel requests of",
    );
    first.settle(null);
    first.settle(null);
    limiter.admit([parallel], one);
    expect(refusalOf(() => limiter.admit([parallel], one))).not.toBeNull();
  });
});

test("counters of names that nobody uses any more make room", () => {
  at(0);
  const limiter = createRateLimiter({ maxCounters: 100 });
  for (let round = 0; round < 1_000; round += 1) {
    at(nowMs + 1_000);
    limiter.admit([limit({ id: `user ${round}` })], one);
  }
  // Nobody who still counts is forgotten: newcomers wait.
  const small = createRateLimiter({ maxCounters: 2 });
  for (const id of ["a", "b"]) small.admit([limit({ id })], one);
  expect(refusalOf(() => small.admit([limit({ id: "c" })], one))?.code).toBe("rate_limited");
  // Whoever is within the window is still counted.
  const recent = limit({ id: "user 999", amount: 1 });
  expect(refusalOf(() => limiter.admit([recent], one))).not.toBeNull();
});
