// A window that slides: never more in any of its lengths than allowed, and nobody kept out for long without need.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Bucket,
  countedAt,
  spanAt,
  untilEmpty,
  waitUntil,
} from "../../../src/lib/sliding-window.ts";

const windowMs = 60_000;

test("a bucket is a sixtieth of the window, and counts until the window has left it whole", () => {
  expect(spanAt(windowMs, 90_500)).toEqual({ epoch: 90, from: 30, to: 150, endsMs: 151_000 });
  expect(spanAt(86_400_000, 0).endsMs).toBe(86_400_000 + 1_440_000);
  expect(untilEmpty(90, { windowMs, nowMs: 90_500 })).toBe(60_500);
  expect(untilEmpty(0, { windowMs, nowMs: 90_500 })).toBe(1);
});

describe("the wait", () => {
  const buckets: readonly Bucket[] = [
    { epoch: 0, amount: 3 },
    { epoch: 10, amount: 0 },
    { epoch: 20, amount: 4 },
  ];
  const at = (nowMs: number) => ({ windowMs, nowMs });

  test.each([
    [7, 0],
    [6, 41_000],
    [4, 41_000],
    [3, 61_000],
    [0, 61_000],
  ])("until at most %d are counted is %d ms", (room, waitMs) => {
    expect(waitUntil(buckets, room, at(20_000))).toBe(waitMs);
  });

  test("for what never fits is a window", () => {
    expect(waitUntil([], -1, at(0))).toBe(windowMs);
  });

  test("what a clock counted that was far ahead is not waited for", () => {
    const wrong = [{ epoch: 1e9, amount: 100 }];
    expect(countedAt(wrong, spanAt(windowMs, 20_000))).toBe(0);
    expect(waitUntil(wrong, 0, at(20_000))).toBe(0);
  });
});

test("in any window of any history there are no more than allowed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(20_000), { maxLength: 200 }),
      fc.constantFrom(60_000, 3_600_000),
      fc.integer({ min: 1, max: 8 }),
      (pauses, length, most) => {
        const buckets = new Map<number, number>();
        const counted = (): Bucket[] => [...buckets].map(([epoch, amount]) => ({ epoch, amount }));
        const passed: number[] = [];
        let nowMs = 5_000_000;
        for (const pause of pauses) {
          nowMs += pause;
          const span = spanAt(length, nowMs);
          const waitMs = waitUntil(counted(), most - 1, { windowMs: length, nowMs });
          const isIn = countedAt(counted(), span) < most;
          expect(isIn).toBe(waitMs === 0);
          if (isIn) {
            passed.push(nowMs);
            buckets.set(span.epoch, (buckets.get(span.epoch) ?? 0) + 1);
          } else {
            // Back then, it passes.
            const later = nowMs + waitMs;
            expect(countedAt(counted(), spanAt(length, later))).toBeLessThan(most);
            expect(countedAt(counted(), spanAt(length, later - 1))).toBe(most);
          }
          const inWindow = passed.filter((time) => time > nowMs - length).length;
          expect(inWindow).toBeLessThanOrEqual(most);
          // Nobody is kept out for more than a sixtieth of the window too long.
          const surely = passed.filter((time) => time > nowMs - length * (1 + 1 / 60) - 1).length;
          if (!isIn) expect(surely).toBeGreaterThanOrEqual(most);
        }
      },
    ),
  );
});
