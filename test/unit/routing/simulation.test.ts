// The policies over 100,000 simulated requests each, an outage, and hedging: `bun test test/unit/routing/simulation.test.ts` prints the tables.
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { createHedgeSpend, hedgeAfter } from "../../../src/routing/hedge.ts";
import { policies, type PolicyName } from "../../../src/routing/policies/index.ts";
import type { PolicyContext } from "../../../src/routing/policy.ts";
import { createRandom, type Random } from "../../../src/routing/random.ts";
import { createStats } from "../../../src/routing/stats.ts";
import {
  around,
  createTimeline,
  quantile,
  simulate,
  type SimulatedDeployment,
  table,
  total,
} from "./simulation.ts";

setDefaultTimeout(60_000);

const requests = 100_000;
const printed: string[] = [];
afterAll(() => console.log(`\n${printed.join("\n\n")}\n`));

const usd = (dollars: number): bigint => BigInt(Math.round(dollars * 1e9));
const price = (input: number, output: number) => ({ input: usd(input), output: usd(output) });

const served =
  (firstTokenMs: number, totalMs: number) =>
  (_nowMs: number, random: Random): { firstTokenMs: number; totalMs: number } => {
    const first = around(firstTokenMs, random);
    return { firstTokenMs: first, totalMs: first + around(totalMs - firstTokenMs, random) };
  };

/** Cheap and slow; dear and quick; in between, and one in a hundred fails; of unknown price. */
const four: readonly SimulatedDeployment[] = [
  { id: "cheap", weight: 70, order: 0, price: price(0.1, 0.4), answer: served(900, 4000) },
  { id: "quick", weight: 20, order: 0, price: price(3, 15), answer: served(150, 1200) },
  {
    id: "middle",
    weight: 10,
    order: 0,
    price: price(0.5, 1.5),
    answer: (nowMs, random) => ({
      ...served(400, 2500)(nowMs, random),
      ...(random() < 0.05 && { error: new GatewayError("upstream_unavailable", "busy") }),
    }),
  },
  { id: "unpriced", weight: 0, order: 0, price: null, answer: served(500, 2000) },
];

describe("100,000 requests", () => {
  const rows: (string | number)[][] = [
    ["policy", ...four.map(({ id }) => id), "attempts", "failed", "p50 ms", "USD/1000"],
  ];

  const run = (policy: PolicyName, context: Partial<PolicyContext> = {}) => {
    const outcome = simulate({
      deployments: four,
      policy: policies[policy],
      requests,
      rate: 100,
      seed: 7,
      context,
      retry: { replay: true },
    });
    const spent = four.reduce((sum, { id, price: listed }) => {
      const each = listed ? Number(listed.input) * 1000 + Number(listed.output) * 300 : 0;
      return sum + (outcome.attempts[id]! * each) / 1e15;
    }, 0);
    rows.push([
      policy,
      ...four.map(({ id }) => `${((outcome.led[id]! / requests) * 100).toFixed(1)} %`),
      total(outcome.attempts),
      outcome.failed,
      Math.round(quantile(outcome.firstTokensMs, 0.5)),
      ((spent * 1000) / requests).toFixed(3),
    ]);
    expect(total(outcome.led)).toBe(requests);
    expect(outcome.failed).toBe(0);
    return Object.fromEntries(four.map(({ id }) => [id, outcome.led[id]! / requests]));
  };

  afterAll(() => printed.push(`100,000 requests at 100/s, share led to each\n${table(rows)}`));

  test("first: as written", () => {
    expect(run("first")).toEqual({ cheap: 1, quick: 0, middle: 0, unpriced: 0 });
  });

  test("weighted: within half a percent of 70/20/10", () => {
    const share = run("weighted");
    expect(share["cheap"]).toBeCloseTo(0.7, 2.3);
    for (const [id, wanted] of [
      ["cheap", 0.7],
      ["quick", 0.2],
      ["middle", 0.1],
      ["unpriced", 0],
    ] as const) {
      expect(Math.abs(share[id]! - wanted)).toBeLessThan(0.005);
    }
  });

  test("round-robin: a quarter each", () => {
    expect(Object.values(run("round-robin")).map((share) => share.toFixed(3))).toEqual([
      "0.250",
      "0.250",
      "0.250",
      "0.250",
    ]);
  });

  test("least-busy: the sooner one is done, the more it gets", () => {
    const share = run("least-busy");
    expect(share["quick"]).toBeGreaterThan(share["unpriced"]!);
    expect(share["unpriced"]).toBeGreaterThan(share["middle"]! - 0.01);
    expect(share["middle"]).toBeGreaterThan(share["cheap"]!);
  });

  test("lowest-cost: the cheapest alone", () => {
    expect(run("lowest-cost")["cheap"]).toBe(1);
  });

  test("lowest-latency: the quickest but for what exploring takes", () => {
    const share = run("lowest-latency");
    expect(share["quick"]).toBeGreaterThan(0.99);
    expect(share["cheap"]).toBeGreaterThan(0);
  });

  test("highest-throughput: the quickest writer", () => {
    expect(run("highest-throughput")["quick"]).toBeGreaterThan(0.99);
  });

  test("rate-limit-aware: no limits known, so by turns", () => {
    expect(run("rate-limit-aware")["cheap"]).toBeCloseTo(0.25, 2);
  });

  test("balanced: by what counts", () => {
    const cost = { cost: 10, latency: 0.1, success: 0, headroom: 0 };
    const latency = { cost: 0, latency: 10, success: 0, headroom: 0 };
    expect(run("balanced", { settings: { balance: cost } })["cheap"]).toBeGreaterThan(0.9);
    expect(run("balanced", { settings: { balance: latency } })["quick"]).toBeGreaterThan(0.9);
  });

  test("availability: never the one that fails, the others by weight", () => {
    const share = run("availability");
    expect(share["middle"]).toBeLessThan(0.01);
    expect(share["cheap"]! / share["quick"]!).toBeCloseTo(3.5, 0);
  });

  test("auto: a tier by difficulty", () => {
    let turn = 0;
    const random = createRandom(11);
    const tiered = four.map((each, quality) => ({ ...each, quality: Math.floor(quality / 2) }));
    const outcome = simulate({
      deployments: tiered,
      policy: policies.auto,
      requests,
      rate: 100,
      seed: 3,
      context: {
        complexity: () => {
          turn += 1;
          return random();
        },
        settings: { auto: { within: "round-robin", thresholds: [0.8] } },
      },
      retry: { replay: true },
    });
    expect(turn).toBe(requests);
    expect((outcome.led["cheap"]! + outcome.led["quick"]!) / requests).toBeCloseTo(0.8, 2);
    rows.push([
      "auto",
      ...four.map(({ id }) => `${((outcome.led[id]! / requests) * 100).toFixed(1)} %`),
      total(outcome.attempts),
      outcome.failed,
      Math.round(quantile(outcome.firstTokensMs, 0.5)),
      "",
    ]);
  });

  test("the same seed gives the same run", () => {
    const once = () =>
      simulate({
        deployments: four,
        policy: policies.balanced,
        requests: 5_000,
        rate: 100,
        seed: 42,
      });
    expect(once().leads).toEqual(once().leads);
  });
});

test("sticky weights: each user stays, shares hold within half a percent", () => {
  const home = new Map<string, string>();
  const counts: Record<string, number> = {};
  for (let turn = 0; turn < requests; turn += 1) {
    const user = `user-${turn % 50_000}`;
    const [lead] = policies.weighted.order(four, {
      turn,
      request: { inputTokens: 1, expectedOutputTokens: 1, stream: true, user },
      settings: { stickyBy: "user", salt: "experiment" },
    });
    expect(home.get(user) ?? lead!.id).toBe(lead!.id);
    home.set(user, lead!.id);
    counts[lead!.id] = (counts[lead!.id] ?? 0) + 1;
  }
  expect(Math.abs(counts["cheap"]! / requests - 0.7)).toBeLessThan(0.005);
  expect(Math.abs(counts["quick"]! / requests - 0.2)).toBeLessThan(0.005);
  expect(counts["unpriced"]).toBeUndefined();
});

test("rate limits: requests follow what the providers' headers leave", () => {
  const limited = (id: string, perMinute: number): SimulatedDeployment => {
    let used = 0;
    let minute = 0;
    return {
      id,
      weight: 1,
      order: 0,
      answer(nowMs) {
        if (Math.floor(nowMs / 60_000) !== minute) {
          minute = Math.floor(nowMs / 60_000);
          used = 0;
        }
        used += 1;
        const resetAtMs = (minute + 1) * 60_000;
        if (used > perMinute) {
          const retryAfterMs = resetAtMs - nowMs;
          const error = new GatewayError("upstream_rate_limited", "slow", { retryAfterMs });
          return { firstTokenMs: 5, totalMs: 5, error };
        }
        const seen = { limit: perMinute, remaining: perMinute - used, resetAtMs, seenAtMs: nowMs };
        return {
          firstTokenMs: 50,
          totalMs: 500,
          limits: { requests: seen, tokens: null, retryAfterMs: null },
        };
      },
    };
  };
  const world = { requests, rate: 45, seed: 1 };
  const make = () => [limited("small", 600), limited("large", 2400)];
  const aware = simulate({ ...world, deployments: make(), policy: policies["rate-limit-aware"] });
  const blind = simulate({ ...world, deployments: make(), policy: policies["round-robin"] });
  const extra = (outcome: typeof aware): number => total(outcome.attempts) - requests;
  printed.push(
    `rate limits of 600 and 2,400 a minute, 2,700 requests a minute\n${table([
      ["policy", "small", "large", "refused attempts"],
      ["rate-limit-aware", aware.led["small"]!, aware.led["large"]!, extra(aware)],
      ["round-robin", blind.led["small"]!, blind.led["large"]!, extra(blind)],
    ])}`,
  );
  expect(aware.led["small"]! / requests).toBeCloseTo(0.2, 1);
  expect(extra(aware)).toBeLessThan(extra(blind));
  expect(aware.failed).toBe(0);
});

test("lowest-latency leaves one that has slowed down and finds it again", () => {
  const slowFrom = 100_000;
  const slowTo = 300_000;
  const outcome = simulate({
    deployments: [
      { id: "steady", weight: 1, order: 0, answer: served(400, 900) },
      {
        id: "changing",
        weight: 1,
        order: 0,
        answer: (nowMs, random) =>
          nowMs >= slowFrom && nowMs < slowTo
            ? served(8_000, 9_000)(nowMs, random)
            : served(100, 500)(nowMs, random),
      },
    ],
    policy: policies["lowest-latency"],
    requests: 60_000,
    rate: 100,
    seed: 5,
  });
  const share = (fromMs: number, toMs: number): number => {
    const within = outcome.leads.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return within.filter(({ id }) => id === "changing").length / within.length;
  };
  const regular = (fromMs: number, wanted: (share: number) => boolean): number => {
    for (let atMs = fromMs; atMs < 600_000; atMs += 1000) {
      if (wanted(share(atMs, atMs + 1000))) return atMs - fromMs;
    }
    return Infinity;
  };
  const leftAfter = regular(slowFrom, (value) => value < 0.1);
  const foundAfter = regular(slowTo, (value) => value > 0.9);
  printed.push(
    `lowest-latency: slowed down, left after ${leftAfter / 1000} s; recovered, found again after ${foundAfter / 1000} s; ` +
      `led there while slow: ${(share(slowFrom + leftAfter, slowTo) * 100).toFixed(2)} %`,
  );
  expect(share(50_000, slowFrom)).toBeGreaterThan(0.98);
  expect(leftAfter).toBeLessThanOrEqual(30_000);
  expect(share(slowFrom + leftAfter, slowTo)).toBeLessThan(0.01);
  expect(foundAfter).toBeLessThanOrEqual(60_000);
  expect(share(550_000, 600_000)).toBeGreaterThan(0.98);
});

describe("a 60 s outage of the primary at 100 requests/s", () => {
  const outage = { fromMs: 20_000, toMs: 80_000 };
  const rows: (string | number)[][] = [
    ["failure", "requests", "attempts", "ratio", "failed", "opens s", "probes", "closes s"],
  ];
  afterAll(() => printed.push(`60 s outage, 100 requests/s, one fallback\n${table(rows)}`));

  test.each([
    ["refused at once", 2, new GatewayError("upstream_unavailable", "refused")],
    ["503 after 300 ms", 300, new GatewayError("upstream_unavailable", "503")],
    ["timeout of 3 s", 3_000, new GatewayError("upstream_timeout", "silent")],
    [
      "529, retry-after 5",
      100,
      new GatewayError("upstream_unavailable", "529", { retryAfterMs: 5000 }),
    ],
  ])("%s", (name, totalMs, error) => {
    const outcome = simulate({
      deployments: [
        {
          id: "primary",
          weight: 1,
          order: 0,
          answer: (nowMs, random) =>
            nowMs >= outage.fromMs && nowMs < outage.toMs
              ? { firstTokenMs: totalMs, totalMs, error }
              : served(300, 1500)(nowMs, random),
        },
        { id: "backup", weight: 1, order: 1, answer: served(400, 1500) },
      ],
      policy: policies.first,
      requests: 14_000,
      rate: 100,
      seed: 9,
      retry: { replay: true },
    });
    const attempts = total(outcome.attempts);
    const opened = outcome.events.find(({ type }) => type === "opened");
    const closed = outcome.events.filter(({ type }) => type === "closed");
    const during = outcome.leads.filter(
      ({ atMs }) => atMs >= outage.fromMs && atMs < outage.toMs,
    ).length;
    const extra = attempts - 14_000;
    const opensAfter = opened!.atMs - outage.fromMs;
    const closesAfter = closed[0]!.atMs - outage.toMs;
    rows.push([
      name,
      during,
      during + extra,
      ((during + extra) / during).toFixed(3),
      outcome.failed,
      (opensAfter / 1000).toFixed(2),
      outcome.events.filter(({ type }) => type === "probing").length,
      (closesAfter / 1000).toFixed(2),
    ]);
    expect(outcome.failed).toBe(0);
    expect((during + extra) / during).toBeLessThanOrEqual(1.2);
    expect(opensAfter).toBeLessThanOrEqual(5000);
    expect(closed.length).toBe(1);
    expect(closesAfter).toBeGreaterThanOrEqual(0);
    expect(closesAfter).toBeLessThanOrEqual(31_000);
    expect(outcome.leads.slice(-1000).every(({ id }) => id === "primary")).toBe(true);
  });

  test("without a fallback: attempts stay within 1.2, and it heals by itself", () => {
    const outcome = simulate({
      deployments: [
        {
          id: "lone",
          weight: 1,
          order: 0,
          answer: (nowMs, random) =>
            nowMs >= outage.fromMs && nowMs < outage.toMs
              ? {
                  firstTokenMs: 50,
                  totalMs: 50,
                  error: new GatewayError("upstream_unavailable", "down"),
                }
              : served(300, 1500)(nowMs, random),
        },
      ],
      policy: policies.first,
      requests: 14_000,
      rate: 100,
      seed: 9,
      retry: { replay: true },
    });
    const extra = total(outcome.attempts) - 14_000;
    rows.push([
      "lone deployment",
      6000,
      6000 + extra,
      ((6000 + extra) / 6000).toFixed(3),
      outcome.failed,
      "",
      "",
      "",
    ]);
    expect((6000 + extra) / 6000).toBeLessThanOrEqual(1.2);
    expect(outcome.health.snapshot()[0]!.state).toBe("closed");
  });
});

test("hedging: one in ten first tokens hangs", () => {
  const random = createRandom(21);
  const stats = createStats();
  const spend = createHedgeSpend();
  const draw = (): number => (random() < 0.1 ? 4000 : around(250, random));
  const inputCost = 1000;
  const outputCost = 2500;
  const plain: number[] = [];
  const hedged: number[] = [];
  let races = 0;
  const timeline = createTimeline();
  const one = (): void => {
    const startedMs = timeline.now();
    const own = draw();
    plain.push(own);
    const afterMs = hedgeAfter({ p95Ms: stats.firstTokenP95("a"), others: 1 });
    const measured = stats.begin("a", 1, true);
    const hold = afterMs !== null && own > afterMs ? spend.hold(inputCost) : null;
    if (hold === null || afterMs === null) {
      timeline.at(startedMs + own, () => {
        measured.firstToken();
        measured.end({ kind: "answered" });
        spend.charge(inputCost + outputCost);
        hedged.push(own);
      });
      return;
    }
    races += 1;
    const other = afterMs + draw();
    timeline.at(startedMs + Math.min(own, other), () => {
      if (own <= other) measured.firstToken();
      measured.end(own <= other ? { kind: "answered" } : { kind: "beaten" });
      hold.settle(inputCost);
      spend.charge(inputCost + outputCost);
      hedged.push(Math.min(own, other));
    });
  };
  for (let turn = 0; turn < 20_000; turn += 1) timeline.at(turn * 20, one);
  timeline.run();
  const { extra, spend: base } = spend.snapshot();
  const before = quantile(plain, 0.99);
  const after = quantile(hedged, 0.99);
  printed.push(
    `hedging, 10 % of first tokens after 4 s\n${table([
      ["", "p50 ms", "p95 ms", "p99 ms", "races", "extra spend"],
      ["plain", ...[0.5, 0.95, 0.99].map((q) => Math.round(quantile(plain, q))), 0, "0 %"],
      [
        "hedged",
        ...[0.5, 0.95, 0.99].map((q) => Math.round(quantile(hedged, q))),
        races,
        `${((extra / base) * 100).toFixed(2)} %`,
      ],
    ])}`,
  );
  expect(before / after).toBeGreaterThanOrEqual(3);
  expect(extra / base).toBeLessThanOrEqual(0.05);
});
