// Statistics of attempts, under a virtual clock.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createLatencySketch } from "../../../src/routing/latency-sketch.ts";
import { createSlidingWindow } from "../../../src/routing/sliding-window.ts";
import { createStats } from "../../../src/routing/stats.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
beforeEach(() => {
  clock = useVirtualClock();
});
afterEach(() => clock.restore());

test("an attempt is counted once: in flight, first token, end, speed", () => {
  const stats = createStats();
  const attempt = stats.begin("a", 500);
  expect(stats.of("a").inFlight).toBe(1);
  clock.nowMs += 200;
  attempt.firstToken();
  attempt.firstToken();
  clock.nowMs += 1000;
  attempt.end({ kind: "answered", outputTokens: 100 });
  attempt.end({ kind: "failed" });
  expect({ ...stats.of("a") }).toMatchObject({
    inFlight: 0,
    attempts: 1,
    successRate: 1,
    firstTokenMs: 200,
    totalMs: 1200,
    tokensPerSecond: 100,
    requestsLastMinute: 1,
    tokensLastMinute: 500,
  });
  expect(stats.of("b").attempts).toBe(0);
});

test("failures lower the rate until the window has passed; void ones change nothing", () => {
  const stats = createStats({ windowMs: 60_000 });
  for (const kind of ["answered", "failed", "void", "failed"] as const) {
    stats.begin("a", 1).end({ kind });
  }
  expect(stats.of("a").successRate).toBeCloseTo(1 / 3);
  clock.nowMs += 61_000;
  expect(stats.of("a").successRate).toBe(1);
});

test("a quick failure says nothing about speed, a timeout that it takes at least so long", () => {
  const stats = createStats();
  stats.begin("a", 1).end({ kind: "failed" });
  expect(stats.of("a").firstTokenMs).toBeNull();
  const attempt = stats.begin("a", 1);
  clock.nowMs += 9000;
  attempt.end({ kind: "failed", timeout: true });
  expect(stats.of("a").firstTokenMs).toBe(9000);
});

test("the average follows: after a silence one new value counts most", () => {
  const stats = createStats({ memoryMs: 10_000 });
  const take = (ms: number): void => {
    const attempt = stats.begin("a", 1);
    clock.nowMs += ms;
    attempt.firstToken();
    attempt.end({ kind: "answered" });
  };
  take(1000);
  take(1000);
  clock.nowMs += 60_000;
  take(100);
  expect(stats.of("a").firstTokenMs).toBeLessThan(110);
});

test("learned limits shrink with what is sent, until they are learned anew", () => {
  const stats = createStats();
  const seen = { resetAtMs: null, seenAtMs: clock.nowMs };
  const attempt = stats.begin("a", 1);
  attempt.limits({
    requests: { limit: 10, remaining: 2, ...seen },
    tokens: { limit: 1000, remaining: 900, ...seen },
    retryAfterMs: null,
  });
  stats.begin("a", 400);
  expect(stats.of("a").requests?.remaining).toBe(1);
  expect(stats.of("a").tokens?.remaining).toBe(500);
  stats.begin("a", 4000);
  stats.begin("a", 1);
  expect(stats.of("a").requests?.remaining).toBe(0);
  expect(stats.of("a").tokens?.remaining).toBe(0);
  attempt.limits(null);
  expect(stats.of("a").requests?.remaining).toBe(0);
});

test("memory is bounded: the least used are forgotten, those under way last", () => {
  const stats = createStats({ maxDeployments: 3 });
  const busy = stats.begin("busy", 1);
  for (let index = 0; index < 10; index += 1)
    stats.begin(`id ${index}`, 1).end({ kind: "answered" });
  expect(stats.of("busy").inFlight).toBe(1);
  expect(stats.of("id 0").attempts).toBe(0);
  expect(stats.of("id 9").attempts).toBe(1);
  busy.end({ kind: "answered" });
});

describe("quantiles", () => {
  test("within a tenth, and nothing from too few", () => {
    const sketch = createLatencySketch();
    for (let ms = 1; ms <= 19; ms += 1) sketch.add(ms, 0);
    expect(sketch.quantile(0.5, 0)).toBeNull();
    for (let ms = 20; ms <= 1000; ms += 1) sketch.add(ms, 0);
    expect(Math.abs(sketch.quantile(0.5, 0)! / 500 - 1)).toBeLessThan(0.1);
    expect(Math.abs(sketch.quantile(0.95, 0)! / 950 - 1)).toBeLessThan(0.1);
    expect(sketch.quantile(1, 0)).toBeGreaterThanOrEqual(1000);
  });

  test("forget by halves", () => {
    const sketch = createLatencySketch(1000);
    for (let count = 0; count < 100; count += 1) sketch.add(5000, 0);
    for (let count = 0; count < 100; count += 1) sketch.add(100, 1500);
    expect(sketch.quantile(0.95, 1500)).toBeGreaterThan(4500);
    expect(sketch.quantile(0.95, 2600)).toBeLessThan(112);
    expect(sketch.quantile(0.95, 9000)).toBeNull();
  });

  test("the usual ones leave out what hangs", () => {
    const sketch = createLatencySketch();
    for (let count = 0; count < 100; count += 1) sketch.add(count % 10 === 0 ? 4000 : 200, 0);
    expect(sketch.quantile(0.95, 0)).toBeGreaterThan(3600);
    expect(sketch.usual(0.95, 0)).toBeLessThan(225);
  });

  test("no duration is too short or too long", () => {
    const sketch = createLatencySketch();
    for (const ms of [0, -5, 1e12]) for (let count = 0; count < 20; count += 1) sketch.add(ms, 0);
    expect(sketch.quantile(0.1, 0)).toBe(1);
    expect(sketch.quantile(1, 0)).toBeGreaterThanOrEqual(3_600_000);
  });
});

test("a window counts what is young enough", () => {
  const window = createSlidingWindow({ windowMs: 1000, lanes: 2 });
  window.add(0, 1, 50);
  window.add(0, 1, 950);
  window.add(1, 5, 950);
  expect([window.sum(0, 990), window.sum(1, 990)]).toEqual([2, 5]);
  expect([window.sum(0, 1050), window.sum(1, 1050)]).toEqual([1, 5]);
  window.add(0, 1, 900);
  expect(window.sum(0, 1050)).toBe(2);
  expect(window.sum(0, 99_999)).toBe(0);
  window.clear();
  expect(window.sum(1, 1050)).toBe(0);
});
