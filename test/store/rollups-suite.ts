// Sums by hour and day on any driver: reports from them equal the rows, whenever rows come, and outlive them.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { setClock } from "../../src/lib/clock.ts";
import type {
  AttemptRow,
  Store,
  TokenCounts,
  UsageGroup,
  UsageQuery,
  UsageRow,
} from "../../src/store/store.ts";
import { attemptOf, usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

const hour = 3_600_000;
const day = 24 * hour;
/** A midnight. */
const start = 20_000 * day;

const noTokens: TokenCounts = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  outputAudioTokens: 0,
};

interface Settled {
  row: UsageRow;
  attempts: AttemptRow[];
}

const groupings = [
  "hour",
  "key_id",
  "model",
  "provider",
  "day",
  "key",
  "route",
  "status",
  "organization",
  "team",
  "user",
] as const;

type Grouping = (typeof groupings)[number];

const attempt = fc.record({
  provider: fc.constantFrom("a", "b", "c"),
  model: fc.constantFrom("m1", "m2"),
  inputTokens: fc.nat(1_000),
  outputTokens: fc.nat(1_000),
  costNanos: fc.option(fc.bigInt({ min: 0n, max: 2n ** 61n }), { nil: null, freq: 4 }),
});

/** Rows as the gateway writes them: what a row used is what its attempts used. */
const settledRow = fc.record({
  atMs: fc.integer({ min: start - 3 * hour, max: start + 2 * day + 3 * hour }),
  key: fc.option(fc.constantFrom("k1", "k2"), { nil: null }),
  route: fc.constantFrom("r1", "r2"),
  userId: fc.option(fc.constantFrom("user_1", "user_2"), { nil: null }),
  teamId: fc.option(fc.constantFrom("team_1"), { nil: null }),
  status: fc.constantFrom<UsageRow["status"]>("ok", "error", "client_closed", "interrupted"),
  usageEstimated: fc.boolean(),
  durationMs: fc.option(fc.double({ min: 0, max: 90_000, noNaN: true }), { nil: null }),
  attempts: fc.array(attempt, { maxLength: 3 }),
});

let serial = 0;
const settledOf = (
  shape: typeof settledRow extends fc.Arbitrary<infer Row> ? Row : never,
): Settled => {
  const requestId = `req_${(serial += 1)}`;
  const attempts = shape.attempts.map((each, index) =>
    attemptOf(requestId, index, { ...each, startedAtMs: shape.atMs }),
  );
  const last = attempts.at(-1);
  const sum = (name: "inputTokens" | "outputTokens"): number =>
    attempts.reduce((total, each) => total + (each[name] ?? 0), 0);
  const isKnown = attempts.length > 0 && attempts.every((each) => each.costNanos !== null);
  const { attempts: _attempts, ...fields } = shape;
  return {
    attempts,
    row: usageOf(requestId, {
      ...noTokens,
      ...fields,
      provider: last?.provider ?? null,
      model: last?.model ?? null,
      inputTokens: sum("inputTokens"),
      outputTokens: sum("outputTokens"),
      costNanos: isKnown
        ? attempts.reduce((total, each) => total + (each.costNanos ?? 0n), 0n)
        : null,
      attempts: attempts.length,
    }),
  };
};

/** The report, made from the rows by hand. */
function reportOf(
  all: readonly Settled[],
  query: UsageQuery & { by: Grouping },
): Map<string | null, Partial<UsageGroup>> {
  const groups = new Map<string | null, Partial<UsageGroup> & { durations: number[] }>();
  const at = (name: string | null) => {
    const known = groups.get(name) ?? {
      requests: 0,
      attempts: 0,
      errors: 0,
      inputTokens: 0,
      outputTokens: 0,
      costNanos: 0n,
      estimated: 0,
      unpriced: 0,
      durations: [],
    };
    groups.set(name, known);
    return known as Required<typeof known>;
  };
  const nameOf = (row: UsageRow, by: Grouping): string | null => {
    if (by === "day") return new Date(row.atMs).toISOString().slice(0, 10);
    if (by === "hour") return new Date(row.atMs).toISOString().slice(0, 13);
    if (by === "key_id") return row.keyId;
    if (by === "organization" || by === "team" || by === "user") return row[`${by}Id`];
    return row[by];
  };
  for (const { row, attempts } of all) {
    if (row.atMs < (query.sinceMs ?? 0) || row.atMs >= (query.untilMs ?? Infinity)) continue;
    const isByAttempt = query.by === "provider" || query.by === "model";
    const whole = at(nameOf(row, query.by));
    whole.requests += 1;
    if (row.status === "error" || row.status === "interrupted") whole.errors += 1;
    if (row.usageEstimated) whole.estimated += 1;
    if (row.durationMs !== null) whole.durations.push(Math.round(row.durationMs * 1000) / 1000);
    for (const each of attempts) {
      const group = isByAttempt ? at(query.by === "provider" ? each.provider : each.model) : whole;
      group.attempts += 1;
      group.inputTokens += each.inputTokens ?? 0;
      group.outputTokens += each.outputTokens ?? 0;
      group.costNanos += each.costNanos ?? 0n;
    }
    const isUsed = row.inputTokens + row.outputTokens > 0;
    if (row.costNanos !== null || !(isUsed || row.status === "interrupted")) continue;
    const culprit = attempts.find(
      (each) => each.costNanos === null && (each.inputTokens ?? 0) + (each.outputTokens ?? 0) > 0,
    );
    const group =
      isByAttempt && culprit
        ? at(query.by === "provider" ? culprit.provider : culprit.model)
        : whole;
    group.unpriced += 1;
  }
  return new Map(
    [...groups].map(([name, { durations, ...sums }]) => [
      name,
      { ...sums, durationMean: mean(durations) },
    ]),
  );
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0
    ? null
    : Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 100) / 100;

const told = (groups: readonly UsageGroup[]) =>
  new Map(
    groups.map((each) => [
      each.group,
      {
        requests: each.requests,
        attempts: each.attempts,
        errors: each.errors,
        inputTokens: each.inputTokens,
        outputTokens: each.outputTokens,
        costNanos: each.costNanos,
        estimated: each.estimated,
        unpriced: each.unpriced,
        durationMean:
          each.durationMs === null ? null : Math.round(each.durationMs.mean * 100) / 100,
      },
    ]),
  );

/** What every report says, percentiles included. */
const everything = async (store: Store, range: Pick<UsageQuery, "sinceMs" | "untilMs"> = {}) =>
  Object.fromEntries(
    await Promise.all(
      groupings.map(async (by) => [by, await store.usage({ by, ...range })] as const),
    ),
  );

export function rollupsSuite(
  name: string,
  create: () => Promise<StoreHarness>,
  { runs }: { runs: number },
): void {
  describe(`sums: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;
    let restore: () => void;

    beforeEach(async () => {
      restore = setClock({ now: () => start + 30 * day });
      harness = await create();
      store = await harness.open();
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
      restore();
    });

    const settle = (all: readonly Settled[]) =>
      Promise.all(all.map(({ row, attempts }) => store.settle(row, attempts)));

    test("reports from sums equal the rows, in any range, with rows that come late", async () => {
      const all: Settled[] = [];
      let reports = 0;
      const moment = fc.integer({ min: start - 4 * hour, max: start + 2 * day + 4 * hour });
      await fc.assert(
        fc.asyncProperty(
          fc.array(settledRow, { minLength: 5, maxLength: 60 }),
          fc.constantFrom("none", "some", "all"),
          fc.tuple(moment, moment),
          fc.constantFrom(1, hour, day),
          async (shapes, rolled, [one, other], grain) => {
            const fresh = shapes.map(settledOf);
            all.push(...fresh);
            await settle(fresh);
            if (rolled !== "none") {
              await store.rollups.roll(rolled === "some" ? { untilMs: start + day } : {});
            }
            const snap = (atMs: number): number => Math.floor(atMs / grain) * grain;
            const range = {
              sinceMs: snap(Math.min(one, other)),
              untilMs: snap(Math.max(one, other)),
            };
            for (const by of groupings) {
              const expected = reportOf(all, { by, ...range });
              for (const [group, sums] of expected) {
                // A request whose tokens and money are all at others than its own last provider.
                if (sums.requests === 0 && sums.attempts === 0) expected.delete(group);
              }
              expect(told(await store.usage({ by, ...range }))).toEqual(expected as never);
              reports += 1;
            }
          },
        ),
        { numRuns: runs, seed: 5 },
      );
      const whole = await everything(store);
      expect(whole["status"]?.reduce((sum, each) => sum + each.requests, 0) ?? 0).toBe(all.length);
      expect(await store.check.verify()).toMatchObject({ wrong: 0, rows: all.length });
      console.log(`${name}: ${reports} reports over ${all.length} rows equal the rows`);
    });

    test("a fallback's and a lost hedge's tokens count where they were billed, the request once", async () => {
      const row = usageOf("req_1", {
        ...noTokens,
        provider: "b",
        model: "m2",
        inputTokens: 130,
        outputTokens: 12,
        costNanos: 1_300n,
        attempts: 3,
      });
      const attempts = [
        attemptOf("req_1", 0, {
          provider: "a",
          model: "m1",
          inputTokens: 100,
          outputTokens: 2,
          costNanos: 1_000n,
        }),
        attemptOf("req_1", 1, {
          provider: "b",
          model: "m2",
          inputTokens: 30,
          outputTokens: 10,
          costNanos: 300n,
        }),
        attemptOf("req_1", 2, { provider: "c", model: "m3", status: "error" }),
      ];
      await store.settle(row, attempts);
      for (const rolled of [false, true]) {
        if (rolled) expect(await store.rollups.roll({ untilMs: row.atMs + 1 })).toBe(1);
        const groups = await store.usage({ by: "provider" });
        expect(
          groups.map((each) => [
            each.group,
            each.requests,
            each.attempts,
            each.inputTokens,
            each.outputTokens,
            each.costNanos,
          ]),
        ).toEqual([
          ["a", 0, 1, 100, 2, 1_000n],
          ["b", 1, 1, 30, 10, 300n],
          ["c", 0, 1, 0, 0, 0n],
        ]);
        const filtered = await store.usage({ by: "key", where: { provider: "a" } });
        expect(filtered.map((each) => [each.group, each.requests, each.costNanos])).toEqual([
          ["team-a", 0, 1_000n],
        ]);
        expect((await store.usage({ by: "route", where: { userId: null } })).length).toBe(0);
      }
    });

    test("several roll at once: each row goes into the sums once", async () => {
      const all = fc.sample(settledRow, { numRuns: 700, seed: 3 }).map(settledOf);
      await settle(all);
      const before = await everything(store);
      const second = harness.persistent ? await harness.open() : store;
      const rolled = await Promise.all([
        store.rollups.roll(),
        second.rollups.roll(),
        store.rollups.roll(),
      ]);
      if (second !== store) await second.close();
      expect(await store.rollups.roll()).toBe(0);
      expect(rolled.reduce((sum, each) => sum + each, 0)).toBe(700);
      expect(await everything(store)).toEqual(before);
      expect(await store.check.verify()).toMatchObject({ wrong: 0, rows: 700 });
    });

    test("reports while rows are rolled and settled never count one twice or not at all", async () => {
      const all = fc.sample(settledRow, { numRuns: 1_500, seed: 4 }).map(settledOf);
      await settle(all);
      const rolling = store.rollups.roll();
      const totals: number[] = [];
      for (let report = 0; report < 8; report += 1) {
        const groups = await store.usage({ by: "status" });
        totals.push(groups.reduce((sum, each) => sum + each.requests, 0));
      }
      await rolling;
      expect(totals).toEqual(totals.map(() => 1_500));
    });

    test("names that clients make up without end are summed together, and nothing is lost", async () => {
      const all = Array.from({ length: 5_600 }, (_unused, index): Settled => {
        const requestId = `req_${(serial += 1)}`;
        const tokens = { ...noTokens, inputTokens: 1 };
        const fields = { atMs: start, route: `made-up-${index}`, attempts: 1 };
        return {
          row: usageOf(requestId, { ...tokens, ...fields, costNanos: 1n }),
          attempts: [attemptOf(requestId, 0, { ...tokens, costNanos: 1n })],
        };
      });
      await settle(all);
      await store.rollups.roll();
      const groups = await store.usage({ by: "route", limit: 10_000 });
      expect(groups.length).toBeLessThan(5_100);
      expect(groups.some(({ group }) => group === "(other)")).toBe(true);
      expect(groups.reduce((sum, each) => sum + each.costNanos, 0n)).toBe(5_600n);
      const [team] = await store.usage({ by: "team" });
      expect(team).toMatchObject({ requests: 5_600, inputTokens: 5_600 });
      expect(await store.check.verify()).toMatchObject({ wrong: 0 });
    }, 60_000);
  });
}
