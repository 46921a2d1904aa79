// When a second attempt races the first, and what that may cost.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHedgeSpend, hedgeAfter } from "../../../src/routing/hedge.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
beforeEach(() => {
  clock = useVirtualClock();
});
afterEach(() => clock.restore());

test.each([
  ["after the deployment's own p95", { p95Ms: 812.4, others: 1 }, {}, 812],
  ["never sooner than the least", { p95Ms: 3, others: 1 }, {}, 50],
  ["after a time of the operator's", { p95Ms: null, others: 1 }, { after: 900 }, 900],
  ["too little is known", { p95Ms: null, others: 1 }, {}, null],
  ["nobody else is there", { p95Ms: 800, others: 0 }, {}, null],
] as const)("%s", (_name, circumstances, settings, expected) => {
  expect(hedgeAfter(circumstances, settings)).toBe(expected);
});

test("losers stay under the cap, and what they did not cost is given back", () => {
  const spend = createHedgeSpend({ maxExtraSpend: 0.05 });
  expect(spend.hold(1)).toBeNull();
  for (let request = 0; request < 100; request += 1) spend.charge(1000);
  const first = spend.hold(3000);
  expect(spend.hold(3000)).toBeNull();
  first?.settle(500);
  first?.settle(0);
  const second = spend.hold(3000);
  expect(second).not.toBeNull();
  second?.settle(null);
  expect(spend.snapshot()).toEqual({ spend: 100_000, extra: 3500, requests: 100, hedges: 2 });
});

test("where the price is unknown, requests are counted", () => {
  const spend = createHedgeSpend({ maxExtraSpend: 0.05 });
  for (let request = 0; request < 40; request += 1) spend.charge(null);
  expect([spend.hold(null), spend.hold(null), spend.hold(null)].map(Boolean)).toEqual([
    true,
    true,
    false,
  ]);
});

test("the past is forgotten", () => {
  const spend = createHedgeSpend({ windowMs: 1000 });
  spend.charge(1_000_000);
  clock.nowMs += 1100;
  expect(spend.hold(1)).toBeNull();
});

test("a second attempt that never began counts for nothing", () => {
  const spend = createHedgeSpend({ maxExtraSpend: 0.05 });
  for (let request = 0; request < 20; request += 1) spend.charge(null);
  spend.hold(null)?.release();
  const hold = spend.hold(null);
  expect(hold).not.toBeNull();
  hold?.settle(null);
  hold?.release();
  expect(spend.snapshot().hedges).toBe(1);
});
