// What follows a failed attempt (faults R24 to R29).
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { exchangeFailure } from "../../../src/egress/failure.ts";
import { type ErrorCode, errorTable, GatewayError } from "../../../src/ir/error.ts";
import { AbortReason } from "../../../src/lib/deadline.ts";
import { deliveryOf } from "../../../src/routing/delivery.ts";
import { createRandom } from "../../../src/routing/random.ts";
import { createRetryBudget, type RetryBudget } from "../../../src/routing/retry-budget.ts";
import {
  backoffMs,
  createRetryPlan,
  defaultRetry,
  maxAttempts,
  type RetryPlan,
  type RetrySettings,
} from "../../../src/routing/retry.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
beforeEach(() => {
  clock = useVirtualClock();
});
afterEach(() => clock.restore());

const answered = (code: ErrorCode, retryAfterMs?: number): GatewayError =>
  new GatewayError(code, code, { retryAfterMs, upstream: { status: 503 } });
const busy = answered("upstream_unavailable");

const plan = (settings: Partial<RetrySettings> = {}, budget?: RetryBudget): RetryPlan =>
  createRetryPlan({
    budget: budget ?? createRetryBudget({ floor: 1000 }),
    random: () => 0.5,
    settings,
  });

/** Each decision in a word, until it stops. */
function story(
  errors: GatewayError,
  others: number,
  settings: Partial<RetrySettings> = {},
): string {
  const made = plan(settings);
  const words: string[] = [];
  for (let left = others; ;) {
    const decision = made.after(errors, left);
    if (decision.next === "stop") return [...words, decision.because].join(" ");
    if (decision.next === "fallback") left -= 1;
    words.push(decision.next === "retry" ? `${decision.waitMs}` : decision.next);
  }
}

describe("after a race that both lost", () => {
  const unsure = new GatewayError("upstream_timeout", "silence");

  test("it takes one further attempt from the budget, and counts as two", () => {
    const budget = createRetryBudget({ floor: 1000 });
    const made = plan({}, budget);
    expect(made.after(busy, 1, busy)).toEqual({ next: "fallback" });
    expect(made.attempts).toBe(2);
    expect(budget.snapshot().extra).toBe(1);
  });

  test("nobody is asked again who may be at work on it", () => {
    expect(plan().after(busy, 0, unsure)).toMatchObject({ next: "stop", because: "ambiguous" });
  });

  test("the longer of both waits is kept", () => {
    const long = answered("upstream_rate_limited", 3_000);
    const decision = plan().after(answered("upstream_rate_limited", 1_000), 0, long);
    expect(decision).toEqual({ next: "retry", waitMs: 3_250 });
  });

  test("it is run only where both attempts are allowed", () => {
    expect(plan({ maxAttempts: 1 }).allowsRace).toBe(false);
    const made = plan({ maxAttempts: 3 });
    expect(made.allowsRace).toBe(true);
    made.after(busy, 1, busy);
    expect(made.allowsRace).toBe(false);
  });
});

describe("what follows a refusal that others of its kind take", () => {
  const tooLong = new GatewayError("upstream_rejected", "too long", { kind: "context_window" });

  test("each of them once, and never the same again", () => {
    expect(story(tooLong, 2)).toBe("fallback fallback final");
    expect(story(tooLong, 0)).toBe("final");
    expect(story(tooLong, 3, { retriesBeforeFallback: 2, maxAttempts: 2 })).toBe(
      "fallback attempts",
    );
  });

  test("one without a kind ends it", () => {
    expect(story(new GatewayError("upstream_rejected", "no"), 2)).toBe("final");
  });
});

describe("what follows", () => {
  test.each([
    ["nobody else: twice more, waiting longer", busy, 0, {}, "250 500 attempts"],
    ["others first, at once", busy, 2, {}, "fallback fallback 250 500 attempts"],
    [
      "retries before fallback",
      busy,
      1,
      { retriesBeforeFallback: 1 },
      "250 fallback 250 500 attempts",
    ],
    ["no retries", busy, 1, { retries: 0 }, "fallback attempts"],
    ["attempts in all", busy, 9, { maxAttempts: 3 }, "fallback fallback attempts"],
    ["one attempt", busy, 9, { maxAttempts: 1 }, "attempts"],
    ["refused credentials are not asked again", answered("upstream_auth"), 1, {}, "fallback final"],
    ["what it cannot do", answered("unsupported_feature"), 1, {}, "fallback final"],
    ["the caller's fault", answered("upstream_rejected"), 3, {}, "final"],
    ["too long a wait", answered("upstream_rate_limited", 61_000), 0, {}, "wait"],
    ["too long a wait, others", answered("upstream_rate_limited", 61_000), 1, {}, "fallback wait"],
    [
      "a wait that is bearable",
      answered("upstream_rate_limited", 3_000),
      0,
      {},
      "3250 3500 attempts",
    ],
  ])("%s", (_name, error, others, settings, expected) => {
    expect(story(error, others, settings)).toBe(expected);
  });

  test("final errors are final, whatever is left (R24)", () => {
    const codes = Object.keys(errorTable) as ErrorCode[];
    for (const code of codes.filter((each) => !errorTable[each].retryable)) {
      expect(plan().after(answered(code), 5)).toEqual({
        next: "stop",
        because: "final",
        spent: false,
      });
    }
  });

  test("a last resort is asked once", () => {
    const made = createRetryPlan({
      budget: createRetryBudget(),
      random: () => 0.5,
      lastResort: true,
    });
    expect(made.after(busy, 0)).toMatchObject({ next: "stop" });
  });

  test("a caller is told when trying was done here (R28)", () => {
    const made = plan({ retries: 1 });
    made.after(busy, 0);
    expect(made.after(busy, 0)).toEqual({ next: "stop", because: "attempts", spent: true });
    expect(made.attempts).toBe(2);
  });
});

describe("where it failed (R29)", () => {
  const failure = (cause: unknown, why?: "connect" | "first_byte" | "total"): GatewayError =>
    exchangeFailure(cause, {
      why,
      host: "host",
      timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
      phase: "before the answer",
    });
  const coded = (code: string): Error => Object.assign(new Error(code), { code });

  test.each([
    ["refused", "not-sent", failure(coded("ConnectionRefused"))],
    ["no such name", "not-sent", failure(coded("ENOTFOUND"))],
    ["untrusted", "not-sent", failure(coded("CERT_HAS_EXPIRED"))],
    ["no connection in time", "not-sent", failure(new AbortReason("connect"), "connect")],
    ["reset", "unknown", failure(coded("ECONNRESET"))],
    ["silence", "unknown", failure(new AbortReason("first_byte"), "first_byte")],
    ["too long", "unknown", failure(new AbortReason("total"), "total")],
    ["anything else", "unknown", failure(new Error("?"))],
    ["a status", "answered", busy],
    ["nonsense", "answered", failure(coded("Malformed_HTTP_Response"))],
    ["no credentials", "not-sent", new GatewayError("upstream_auth", "no key")],
    ["not even tried", "not-sent", new GatewayError("unsupported_feature", "no tools")],
  ] as const)("%s: %s", (_name, expected, error) => {
    expect(deliveryOf(error)).toBe(expected);
  });

  test("what the upstream may have had goes to it once, unless allowed; to others at once", () => {
    const reset = failure(coded("ECONNRESET"));
    expect(story(reset, 2)).toBe("fallback fallback ambiguous");
    expect(story(reset, 0)).toBe("ambiguous");
    expect(story(reset, 1, { replay: true })).toBe("fallback 250 500 attempts");
    expect(story(failure(coded("ConnectionRefused")), 1)).toBe("fallback 250 500 attempts");
  });
});

describe("backoff (R26)", () => {
  test("is spread over the whole doubled bound, on top of what is asked for", () => {
    const random = createRandom(3);
    for (const [retry, bound] of [
      [0, 500],
      [1, 1000],
      [2, 2000],
      [4, 8000],
      [30, 8000],
    ] as const) {
      const waits = Array.from({ length: 2000 }, () =>
        backoffMs(retry, { ...defaultRetry, random, retryAfterMs: 700 }),
      ).map(Number);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(700);
      expect(Math.min(...waits)).toBeLessThan(700 + bound * 0.05);
      expect(Math.max(...waits)).toBeLessThanOrEqual(700 + bound);
      expect(Math.max(...waits)).toBeGreaterThan(700 + bound * 0.95);
    }
  });
});

describe("the budget (R27)", () => {
  test("further attempts stay within a fifth of the requests of the last minute", () => {
    const budget = createRetryBudget();
    let taken = 0;
    for (let second = 0; second < 300; second += 1) {
      for (let request = 0; request < 100; request += 1) {
        budget.request();
        for (let attempt = 0; attempt < 3; attempt += 1) taken += Number(budget.take("retry"));
      }
      clock.nowMs += 1000;
      const { requests, extra } = budget.snapshot();
      expect(extra).toBeLessThanOrEqual(Math.max(10, requests * 0.2));
    }
    expect(taken / 30_000).toBeGreaterThan(0.19);
    expect(taken / 30_000).toBeLessThanOrEqual(0.2);
  });

  test("a few are allowed however little there is, and falling back has a limit of its own", () => {
    const budget = createRetryBudget({ floor: 2 });
    for (let request = 0; request < 5; request += 1) budget.request();
    expect([1, 2, 3].map(() => budget.take("retry"))).toEqual([true, true, false]);
    expect([3, 4, 5, 6].map(() => budget.take("fallback"))).toEqual([true, true, true, false]);
    expect(budget.snapshot()).toEqual({ requests: 5, extra: 5, refused: 2 });
  });

  test("spent: the error is the answer", () => {
    const budget = createRetryBudget({ floor: 0, ratio: 0, fallbackRatio: 0 });
    expect(plan({}, budget).after(busy, 1)).toMatchObject({ because: "budget" });
    expect(plan({}, budget).after(busy, 0)).toMatchObject({ because: "budget" });
  });

  test("never more than allowed, whatever the order of events", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom("request", "retry", "fallback"), fc.nat(20_000)), {
          maxLength: 200,
        }),
        (steps) => {
          const budget = createRetryBudget({ floor: 3 });
          for (const step of steps) {
            if (typeof step === "number") clock.nowMs += step;
            else if (step === "request") budget.request();
            else budget.take(step);
          }
          const { extra } = budget.snapshot();
          expect(extra).toBeLessThanOrEqual(steps.filter((step) => step === "request").length + 3);
        },
      ),
    );
  });
});

test.each([
  ["2", 2],
  ["0", 1],
  ["100", 8],
  ["-1", 8],
  ["many", 8],
  ["", 8],
])("the header %p allows %d attempts (R28)", (text, expected) => {
  expect(maxAttempts(new Headers({ "x-megallm-max-attempts": text }), 8)).toBe(expected);
});
