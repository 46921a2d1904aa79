// What is learned of a deployment whose slow attempts are cut short by races.
import { describe, expect, test } from "bun:test";
import { hedgeAfter } from "../../../src/routing/hedge.ts";
import { createLatencySketch } from "../../../src/routing/latency-sketch.ts";
import { createRandom, type Random } from "../../../src/routing/random.ts";
import { createStats, type Stats } from "../../../src/routing/stats.ts";
import { createTimeline, quantile } from "./simulation.ts";

/** Log-normal around `ms`. */
const around = (ms: number, random: Random): number =>
  ms * Math.exp(0.35 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));

interface World {
  draw: (random: Random) => number;
  isStream: boolean;
  /** Whether what lost is told of. */
  tells: boolean;
  /** When races begin; absent: after what was learned. */
  after?: number;
  seed: number;
}

/** 20,000 requests, 50 a second, each raced by one to a twin when it is later than what was learned. */
function learn({ draw, isStream, tells, after, seed }: World): {
  stats: Stats;
  drawn: number[];
  races: number;
} {
  const random = createRandom(seed);
  const timeline = createTimeline();
  const stats = createStats();
  const drawn: number[] = [];
  let races = 0;
  const one = (): void => {
    const startedMs = timeline.now();
    const [own, twin] = [draw(random), draw(random)];
    drawn.push(own);
    const p95Ms = isStream ? stats.firstTokenP95("a") : stats.wholeP95("a");
    const afterMs = hedgeAfter({ p95Ms, others: 1 }, { after: after ?? "p95" });
    const other = afterMs === null ? Number.POSITIVE_INFINITY : afterMs + twin;
    if (afterMs !== null && own > afterMs) races += 1;
    const measured = stats.begin("a", 1, isStream);
    timeline.at(startedMs + Math.min(own, other), () => {
      if (own > other) {
        measured.end({ kind: tells ? "beaten" : "void" });
        return;
      }
      if (isStream) measured.firstToken();
      measured.end({ kind: "answered" });
    });
  };
  for (let turn = 0; turn < 20_000; turn += 1) timeline.at(turn * 20, one);
  timeline.run();
  return { stats, drawn, races };
}

const slowStarts = (slowMs: number) => (random: Random) =>
  random() < 0.1 ? around(slowMs, random) : around(250, random);

/** Of those that are no outliers, as the sketch sees them. */
const usualP95 = (drawn: readonly number[]): number => {
  const median = quantile(drawn, 0.5);
  return quantile(
    drawn.filter((ms) => ms <= 5 * median),
    0.95,
  );
};

const off = (learned: number | null, truth: number): number => Math.abs((learned ?? 0) / truth - 1);

describe("one start in ten is slow, and what is late is raced", () => {
  for (const isStream of [true, false]) {
    const kind = isStream ? "first tokens" : "whole answers";
    const learned = ({ stats }: ReturnType<typeof learn>): number | null =>
      isStream ? stats.firstTokenP95("a") : stats.wholeP95("a");

    test.each([1, 2, 3, 4, 5])(
      `${kind}: the p95 stays within 15 %% of the true one (seed %i)`,
      (seed) => {
        const world = learn({ draw: slowStarts(4_000), isStream, tells: true, seed });
        expect(world.races).toBeGreaterThan(1_000);
        expect(off(learned(world), usualP95(world.drawn))).toBeLessThan(0.15);
      },
    );

    test(`${kind}: so it does where races begin early; untold, it would be half of that`, () => {
      const early = { draw: slowStarts(1_000), isStream, after: 300, seed: 6 };
      const told = learn({ ...early, tells: true });
      const untold = learn({ ...early, tells: false });
      expect(off(learned(told), usualP95(told.drawn))).toBeLessThan(0.15);
      expect(learned(untold)).toBeLessThan(0.55 * usualP95(untold.drawn));
    });
  }

  test("the spread that is shown counts the slow ones, too", () => {
    const { stats, drawn } = learn({
      draw: slowStarts(4_000),
      isStream: true,
      tells: true,
      seed: 7,
    });
    const spread = stats.of("a").firstTokenSpread;
    expect(off(spread?.p50Ms ?? null, quantile(drawn, 0.5))).toBeLessThan(0.15);
    expect(spread?.p95Ms).toBeGreaterThan(2_000);
  });
});

describe("a sketch with times that were cut short", () => {
  const sketchOf = (whole: readonly number[], cut: readonly number[]) => {
    const sketch = createLatencySketch();
    for (const ms of whole) sketch.add(ms, 0);
    for (const ms of cut) sketch.addAtLeast(ms, 0);
    return sketch;
  };
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);

  test("none: as ever", () => {
    const sketch = sketchOf(range(1, 1_000), []);
    expect(off(sketch.quantile(0.95, 0), 950)).toBeLessThan(0.1);
  });

  test("what was cut at once says nothing", () => {
    const sketch = sketchOf(
      range(101, 1_000),
      Array.from({ length: 5_000 }, () => 1),
    );
    expect(off(sketch.quantile(0.5, 0), 550)).toBeLessThan(0.1);
  });

  test("half of them cut at the median leave the other quantiles where they were", () => {
    const late = range(501, 1_000);
    const sketch = sketchOf(
      [...range(1, 500), ...late.filter((ms) => ms % 2 === 0)],
      late.filter((ms) => ms % 2 === 1).map(() => 500),
    );
    expect(off(sketch.quantile(0.95, 0), 950)).toBeLessThan(0.12);
  });

  test("where nobody saw the end, the longest time that is known of", () => {
    const sketch = sketchOf(
      range(81, 120),
      Array.from({ length: 100 }, () => 4_000),
    );
    expect(off(sketch.quantile(0.95, 0), 4_000)).toBeLessThan(0.1);
    expect(sketchOf([], range(1, 100)).quantile(0.5, 0)).toBeNull();
  });

  test("they are forgotten like the others", () => {
    const sketch = createLatencySketch(1_000);
    for (const ms of range(100, 150)) sketch.addAtLeast(ms, 0);
    for (const ms of range(1, 100)) sketch.add(ms, 2_500);
    expect(off(sketch.quantile(0.5, 2_500), 50)).toBeLessThan(0.12);
  });
});
