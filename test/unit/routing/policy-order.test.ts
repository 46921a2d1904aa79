// Each policy that looks at prices, statistics or limits, against orders worked out by hand.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chooseTier } from "../../../src/routing/policies/auto.ts";
import { policies, type PolicyName } from "../../../src/routing/policies/index.ts";
import type { Contender, PolicyContext } from "../../../src/routing/policy.ts";
import { createRandom } from "../../../src/routing/random.ts";
import { type DeploymentStats, noStats } from "../../../src/routing/stats.ts";

const contender = (id: string, facts: Partial<Contender> = {}): Contender => ({
  id,
  weight: 1,
  order: 0,
  ...facts,
});

const ids = (contenders: readonly Contender[]): string => contenders.map(({ id }) => id).join("");

/** Statistics by id; measured just now, unless said otherwise. */
const stats =
  (table: Record<string, Partial<DeploymentStats>>) =>
  (id: string): DeploymentStats => ({ ...noStats, attempts: 10, measuredAtMs: 1000, ...table[id] });

const never = { settings: { explore: 0 } } as const;
const context = (more: Partial<PolicyContext> = {}): PolicyContext => ({
  turn: 0,
  nowMs: 1000,
  random: createRandom(1),
  request: { inputTokens: 1_000, expectedOutputTokens: 100, stream: true },
  ...never,
  ...more,
});

const three = ["a", "b", "c"].map((id) => contender(id));

describe("lowest-cost", () => {
  const price = (input: bigint, output: bigint, request?: bigint) => ({ input, output, request });
  test.each([
    ["long input", 1000, 10, "bac"],
    ["long output", 10, 1000, "abc"],
  ])("%s", (_name, inputTokens, expectedOutputTokens, expected) => {
    const list = [
      contender("c", { price: null }),
      contender("a", { price: price(3_000_000n, 4_000_000n) }),
      contender("b", { price: price(1_000_000n, 9_000_000n) }),
    ];
    const request = { inputTokens, expectedOutputTokens, stream: false };
    expect(ids(policies["lowest-cost"].order(list, context({ request })))).toBe(expected);
  });

  test("a fee per request counts, equals take turns, unknown prices too", () => {
    const list = [
      contender("a", { price: price(1n, 1n, 5_000_000n) }),
      contender("b", { price: price(1_000_000n, 0n) }),
      contender("c", { price: price(1_000_000n, 0n) }),
      contender("d"),
      contender("e", { price: null }),
    ];
    const at = (turn: number): string =>
      ids(policies["lowest-cost"].order(list, context({ turn })));
    expect(at(0)).toBe("bcade");
    expect(at(2)).toBe("cbade");
    expect(at(4)).toBe("bcaed");
  });
});

describe("least-busy", () => {
  test.each([
    [{ a: 3, b: 1, c: 2 }, 0, "bca"],
    [{ a: 1, b: 1, c: 0 }, 0, "cab"],
    [{ a: 0, b: 0, c: 0 }, 1, "bca"],
  ])("%j at turn %d → %s", (busy, turn, expected) => {
    const table = Object.fromEntries(
      Object.entries(busy).map(([id, inFlight]) => [id, { inFlight }]),
    );
    const order = policies["least-busy"].order(three, context({ turn, stats: stats(table) }));
    expect(ids(order)).toBe(expected);
  });
});

describe("lowest-latency", () => {
  const order = (table: Record<string, Partial<DeploymentStats>>, more = {}): string =>
    ids(policies["lowest-latency"].order(three, context({ stats: stats(table), ...more })));

  const measured = {
    a: { firstTokenMs: 300, totalMs: 1000 },
    b: { firstTokenMs: 100, totalMs: 3000 },
    c: { firstTokenMs: 200, totalMs: 2000 },
  };

  test("streams by their first token, other answers by their end", () => {
    expect(order(measured)).toBe("bca");
    const request = { inputTokens: 1, expectedOutputTokens: 1, stream: false };
    expect(order(measured, { request })).toBe("acb");
  });

  test("within the buffer deployments share, by weight", () => {
    const near = { a: { firstTokenMs: 109 }, b: { firstTokenMs: 100 }, c: { firstTokenMs: 900 } };
    const random = createRandom(4);
    const leads = Array.from({ length: 2000 }, () => order(near, { random })[0]);
    expect(leads.filter((id) => id === "a").length / 2000).toBeCloseTo(0.5, 1);
    expect(leads).not.toContain("c");
  });

  test("a new one is tried first, but not twice at the same time", () => {
    const fresh = { ...measured, c: { attempts: 0, measuredAtMs: null } };
    expect(order(fresh)).toBe("cba");
    expect(order({ ...fresh, c: { ...fresh.c, inFlight: 1 } })).toBe("bac");
  });

  test("one that never gets measured is no longer new", () => {
    expect(order({ ...measured, c: { attempts: 5 } })).toBe("bac");
  });

  test("one not measured of late is tried now and then", () => {
    const old = { ...measured, a: { firstTokenMs: 300, measuredAtMs: -30_000 } };
    const random = createRandom(8);
    const leads = Array.from(
      { length: 2000 },
      () => order(old, { random, settings: { explore: 0.05 } })[0],
    );
    expect(leads.filter((id) => id === "a").length / 2000).toBeCloseTo(0.05, 1);
    expect(leads).not.toContain("c");
  });
});

test("highest-throughput", () => {
  const table = {
    a: { tokensPerSecond: 50 },
    b: { tokensPerSecond: 20 },
    c: { tokensPerSecond: 90 },
  };
  const order = policies["highest-throughput"].order(three, context({ stats: stats(table) }));
  expect(ids(order)).toBe("cab");
});

describe("rate-limit-aware", () => {
  const allowance = (remaining: number, more = {}) => ({
    limit: 100_000,
    remaining,
    resetAtMs: 61_000,
    seenAtMs: 1000,
    ...more,
  });
  const order = (
    table: Record<string, Partial<DeploymentStats>>,
    list: readonly Contender[] = three,
    nowMs = 1000,
  ): string =>
    ids(policies["rate-limit-aware"].order(list, context({ stats: stats(table), nowMs })));

  test("the most left goes first, too little for the request goes last", () => {
    expect(
      order({
        a: { tokens: allowance(500) },
        b: { tokens: allowance(40_000) },
        c: { tokens: allowance(90_000), requests: allowance(20_000) },
      }),
    ).toBe("bca");
  });

  test("limits fill up again as time passes", () => {
    const table = {
      a: { tokens: allowance(500) },
      b: { tokens: allowance(50_000, { resetAtMs: null }) },
    };
    const two = three.slice(0, 2);
    expect(order(table, two)).toBe("ba");
    expect(
      order({ ...table, b: { tokens: allowance(50_000, { resetAtMs: 1e9 }) } }, two, 61_000),
    ).toBe("ab");
  });

  test("the operator's own limits count", () => {
    const list = [
      contender("a", { limits: { rpm: 10 } }),
      contender("b", { limits: { tpm: 5_000 } }),
      contender("c", { limits: { rpm: 100 } }),
    ];
    const used = { requestsLastMinute: 9, tokensLastMinute: 4_500 };
    expect(order({ a: used, b: used, c: used }, list)).toBe("cab");
  });
});

describe("balanced", () => {
  const list = [
    contender("a", { price: { input: 1_000_000n, output: 0n } }),
    contender("b", { price: { input: 10_000_000n, output: 0n } }),
  ];
  const table = {
    a: { firstTokenMs: 1000, attempts: 100, successRate: 0.9 },
    b: { firstTokenMs: 100, attempts: 100, successRate: 1 },
  };
  const zero = { cost: 0, latency: 0, success: 0, headroom: 0 };
  test.each([
    ["cost", { ...zero, cost: 1 }, "ab"],
    ["latency", { ...zero, latency: 1 }, "ba"],
    ["success", { ...zero, success: 1 }, "ba"],
    ["cost more than latency", { ...zero, cost: 2, latency: 1 }, "ab"],
  ])("%s", (_name, balance, expected) => {
    const settings = { explore: 0, balance };
    const order = policies.balanced.order(list, context({ stats: stats(table), settings }));
    expect(ids(order)).toBe(expected);
  });

  test("says its scores", () => {
    const notes: string[] = [];
    policies.balanced.order(
      list,
      context({ stats: stats(table), note: ({ id }, { why }) => notes.push(`${id}: ${why}`) }),
    );
    expect(notes).toEqual(["b: a score of 0.800", "a: a score of 0.757"]);
  });
});

test("availability: a few failures of a few attempts prove little", () => {
  const table = {
    a: { attempts: 1, successRate: 0 },
    b: { attempts: 1000, successRate: 0.5 },
    c: { attempts: 1000, successRate: 0.995 },
  };
  expect(ids(policies.availability.order(three, context({ stats: stats(table) })))).toBe("cab");
});

describe("auto", () => {
  const list = [
    contender("a", { quality: 3 }),
    contender("b", { quality: 1, price: { input: 9n, output: 9n } }),
    contender("c", { quality: 2 }),
    contender("d", { quality: 1, price: { input: 1_000_000n, output: 9n } }),
  ];
  test.each([
    [0, "bdca"],
    [0.5, "cabd"],
    [0.9, "acbd"],
  ])("difficulty %d → %s", (score, expected) => {
    expect(ids(policies.auto.order(list, context({ complexity: () => score })))).toBe(expected);
  });

  test.each([
    ["in the middle", 0.6, {}, undefined, 1],
    ["all cost", 0.99, { slider: 0 }, undefined, 0],
    ["all quality", 0, { slider: 1 }, undefined, 2],
    ["leaning to quality", 0.4, { slider: 0.75 }, undefined, 2],
    ["own thresholds", 0.4, { thresholds: [0.1, 0.3] }, undefined, 2],
    ["a little easier than before", 0.64, {}, 3, 2],
    ["much easier than before", 0.4, {}, 3, 1],
    ["a little harder than before", 0.36, {}, 1, 0],
    ["much harder than before", 0.9, {}, 1, 2],
    ["a tier that is gone", 0.36, {}, 7, 1],
  ])("%s", (_name, score, settings, last, expected) => {
    expect(chooseTier(score, [1, 2, 3], settings, last)).toBe(expected);
  });
});

test("a lower order goes first, whatever the policy", () => {
  const list = [contender("a", { order: 1 }), contender("b"), contender("c", { order: 1 })];
  for (const [name, policy] of Object.entries(policies)) {
    if (name === "auto") continue;
    for (let turn = 0; turn < 20; turn += 1) {
      expect(ids(policy.order(list, context({ turn })))).toStartWith("b");
    }
  }
});

test("what a failed one leaves is shared out by weight", () => {
  const list = [
    contender("a", { weight: 50 }),
    contender("b", { weight: 30 }),
    contender("c", { weight: 20 }),
  ];
  const seconds = { a: 0, b: 0, c: 0 };
  for (let turn = 0; turn < 20_000; turn += 1) {
    const [lead, second] = policies.weighted.order(list, { turn });
    if (lead?.id === "a") seconds[second?.id as "b" | "c"] += 1;
  }
  expect(seconds.b / (seconds.b + seconds.c)).toBeCloseTo(0.6, 1);
});

test("every policy gives every contender exactly once, and the same for the same seed", () => {
  const amount = fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1e6, noNaN: true }));
  const facts = fc.record({
    weight: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
    order: fc.integer({ min: -2, max: 2 }),
    quality: fc.integer({ min: 0, max: 3 }),
    price: fc.oneof(
      fc.constant(null),
      fc.record({ input: fc.bigInt(0n, 10n ** 12n), output: fc.bigInt(0n, 10n ** 12n) }),
    ),
    stats: fc.record({
      inFlight: fc.nat(100),
      attempts: fc.nat(100),
      successRate: fc.double({ min: 0, max: 1, noNaN: true }),
      firstTokenMs: amount,
      totalMs: amount,
      tokensPerSecond: amount,
      measuredAtMs: amount,
    }),
  });
  fc.assert(
    fc.property(fc.array(facts, { maxLength: 6 }), fc.nat(), fc.boolean(), (list, turn, stream) => {
      const contenders = list.map((each, place) => ({ ...each, id: String(place) }));
      for (const name of Object.keys(policies) as PolicyName[]) {
        const order = (): string[] =>
          policies[name]
            .order(contenders, {
              turn,
              nowMs: 1e6,
              random: createRandom(turn),
              request: { inputTokens: 10, expectedOutputTokens: 10, stream },
              stats: (id) => ({ ...noStats, ...list[Number(id)]?.stats }),
              complexity: () => 0.5,
            })
            .map(({ id }) => id);
        const once = order();
        expect(once.toSorted()).toEqual(contenders.map(({ id }) => id));
        expect(order()).toEqual(once);
      }
    }),
    { numRuns: 300 },
  );
});
