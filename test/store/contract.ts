// What every driver of the store must do: one suite, run on each.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../src/ir/error.ts";
import type { Driver } from "../../src/store/driver.ts";
import type { Item } from "../../src/store/items.ts";
import { type Store, StoreError, type UsageRow } from "../../src/store/store.ts";
import { attemptOf, startOf, usageOf } from "../support/store-rows.ts";
import { experimentsSuite } from "./experiments-suite.ts";
import { sharedSuite } from "./shared.ts";

/** One empty database. */
export interface StoreHarness {
  /** Opens the database, again after the store before was closed or left behind. */
  open(options?: { readOnly?: boolean }): Promise<Store>;
  /** What was committed is there when it is opened again; what follows is there only then. */
  persistent: boolean;
  /** What {@link openStore} takes, as JSON, for other processes. */
  location: { path: string } | { url: string };
  driver(): Promise<Driver>;
  /** Makes a store silent, as if its process had been killed. */
  kill(store: Store): Promise<void>;
  /** Writes with SQL of its own. */
  run(sql: string): Promise<void>;
  dispose(): Promise<void>;
}

export function storeSuite(name: string, create: () => Promise<StoreHarness>): void {
  describe(`store contract: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;

    beforeEach(async () => {
      harness = await create();
      store = await harness.open();
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });

    const settleAll = (rows: readonly UsageRow[]) =>
      Promise.all(rows.map((row) => store.settle(row, [])));

    describe("items", () => {
      const item = (key: string, over: Partial<Item> = {}): Item => ({
        key,
        owner: "alice",
        value: `{"of":"${key}"}`,
        atMs: 1_000,
        expiresMs: null,
        ...over,
      });

      test("are kept by kind and key, replaced, and removed", async () => {
        await store.items.put("a", [item("1"), item("2", { owner: null })]);
        await store.items.put("b", [item("1", { value: "other" })]);
        await store.items.put("a", [item("1", { value: "newer" })]);
        const found = await store.items.get("a", ["1", "2", "3"]);
        expect(found.toSorted((one, other) => one.key.localeCompare(other.key))).toEqual([
          item("1", { value: "newer" }),
          item("2", { owner: null }),
        ]);
        expect(await store.items.remove("a", "1")).toBe(true);
        expect(await store.items.remove("a", "1")).toBe(false);
        expect(await store.items.get("a", ["1"])).toEqual([]);
        expect(await store.items.get("b", ["1"])).toEqual([item("1", { value: "other" })]);
      });

      test("of many that claim a key one gets it, and again when it has expired or is removed", async () => {
        const claims = await Promise.all(
          Array.from({ length: 20 }, (_, at) => store.items.claim("a", item("1", { atMs: at }))),
        );
        expect(claims.filter(Boolean)).toHaveLength(1);
        const [kept] = await store.items.get("a", ["1"]);
        expect(kept?.atMs).toBe(claims.indexOf(true));
        expect(await store.items.claim("b", item("1", { expiresMs: 2_000 }))).toBe(true);
        expect(await store.items.claim("b", item("1", { value: "2" }))).toBe(true);
        expect(await store.items.claim("b", item("1"))).toBe(false);
        expect(await store.items.get("b", ["1"])).toEqual([item("1", { value: "2" })]);
        await store.items.remove("b", "1");
        expect(await store.items.claim("b", item("1"))).toBe(true);
      });

      test("expire, and are swept", async () => {
        const keys = Array.from({ length: 1_200 }, (_, at) => String(at));
        const old = keys.map((key) => item(key, { expiresMs: 2_000 }));
        await store.items.put("a", old);
        await store.items.put("a", [item("fresh", { expiresMs: 9e15 })]);
        expect(await store.items.get("a", ["0", "fresh"])).toEqual([
          item("fresh", { expiresMs: 9e15 }),
        ]);
        expect(await store.items.sweep()).toBe(1_200);
        expect(await store.items.sweep()).toBe(0);
        expect(await store.items.get("a", ["fresh"])).toHaveLength(1);
      });
    });

    describe("writing", () => {
      test("a row and its attempts come back as they were given", async () => {
        const row = usageOf("req_1", { costNanos: 9_007_199_254_740_993n });
        const attempts = [
          attemptOf("req_1", 0, {
            status: "error",
            httpStatus: 529,
            errorCode: "upstream_unavailable",
          }),
          attemptOf("req_1", 1, { inputTokens: 12, outputTokens: 5, costNanos: 2n ** 62n + 1n }),
        ];
        expect(await store.settle(row, attempts)).toBe("committed");
        const found = await store.request("req_1");
        expect(found?.usage).toEqual(row);
        expect(
          found?.attempts.map(({ index, status, httpStatus }) => [index, status, httpStatus]),
        ).toEqual([
          [0, "error", 529],
          [1, "ok", 200],
        ]);
        expect(found?.attempts[1]).toMatchObject({
          ...attempts[1],
          cacheReadTokens: 0,
          costNanos: 4_611_686_018_427_387_905n,
        });
        expect(found?.attempts[0]?.costNanos).toBeNull();
      });

      test("nulls stay null: an unknown price is not 0", async () => {
        const nothing = {
          key: null,
          user: null,
          route: null,
          provider: null,
          model: null,
          outboundDialect: null,
          httpStatus: null,
          costNanos: null,
          priceSource: null,
          durationMs: null,
          firstTokenMs: null,
          overheadMs: null,
          warnings: [],
        } satisfies Partial<UsageRow>;
        await settleAll([usageOf("req_null", nothing), usageOf("req_free", { costNanos: 0n })]);
        expect((await store.request("req_null"))?.usage).toEqual(usageOf("req_null", nothing));
        expect((await store.request("req_free"))?.usage.costNanos).toBe(0n);
      });

      test("what is settled in one tick is one transaction", async () => {
        const before = store.health().commits;
        const outcomes = await settleAll(
          Array.from({ length: 200 }, (_unused, index) => usageOf(`req_${index}`)),
        );
        expect(new Set(outcomes)).toEqual(new Set(["committed"]));
        expect(store.health().commits - before).toBe(1);
        expect(await store.count()).toBe(200);
      });

      test("a second settle of the same request changes nothing and says so", async () => {
        expect(await store.settle(usageOf("req_1"), [attemptOf("req_1", 0)])).toBe("committed");
        const other = usageOf("req_1", { costNanos: 1n, status: "error" });
        const attempts = [attemptOf("req_1", 0), attemptOf("req_1", 1)];
        expect(await store.settle(other, attempts)).toBe("duplicate");
        const both = [store.settle(usageOf("req_2"), []), store.settle(usageOf("req_2"), [])];
        expect(await Promise.all(both)).toEqual(["committed", "duplicate"]);
        const found = await store.request("req_1");
        expect(found?.usage).toEqual(usageOf("req_1"));
        expect(found?.attempts).toHaveLength(1);
        expect(await store.count()).toBe(2);
      });

      test("B09: impossible numbers never become spend; the row exists all the same", async () => {
        const odd = [Number.NaN, -5, 1e300, 1.5, Number.POSITIVE_INFINITY];
        await settleAll(
          odd.map((inputTokens, index) => usageOf(`req_tokens_${index}`, { inputTokens })),
        );
        await settleAll([
          usageOf("req_negative", { costNanos: -1n }),
          usageOf("req_huge", { costNanos: 2n ** 63n }),
          usageOf("req_largest", { costNanos: 2n ** 63n - 1n }),
        ]);
        expect(await store.count()).toBe(odd.length + 3);
        for (const index of odd.keys()) {
          expect((await store.request(`req_tokens_${index}`))?.usage.inputTokens).toBe(0);
        }
        expect((await store.request("req_negative"))?.usage.costNanos).toBeNull();
        expect((await store.request("req_huge"))?.usage.costNanos).toBeNull();
        expect((await store.request("req_largest"))?.usage.costNanos).toBe(2n ** 63n - 1n);
      });

      test("S20: hostile text is stored, never run; long text is cut", async () => {
        const hostile = `'; drop table usage; -- %_" \\ \u202E`;
        const warnings = Array.from({ length: 200 }, (_unused, index) => ({
          field: `messages[${index}]`,
          reason: "x".repeat(1_000),
          target: "t",
        }));
        await store.settle(
          usageOf("req_1", { route: hostile, model: "m".repeat(5_000), warnings }),
          [],
        );
        await store.settle(
          usageOf("req_2", { route: "a\0b\uD800", user: `${"u".repeat(511)}😀` }),
          [],
        );
        const first = (await store.request("req_1"))?.usage;
        expect(first?.route).toBe(hostile);
        expect(first?.model).toHaveLength(512);
        expect(JSON.stringify(first?.warnings).length).toBeLessThanOrEqual(4_096);
        expect(first?.warnings.at(-1)?.reason).toMatch(/^\d+ more$/);
        const second = (await store.request("req_2"))?.usage;
        expect(second?.route).toBe("a\uFFFDb\uFFFD");
        expect(second?.user).toBe(`${"u".repeat(511)}\uFFFD`);
        expect((await store.usage({ by: "route" })).map(({ group }) => group)).toContain(hostile);
        expect(await store.request(hostile)).toBeNull();
      });

      test("flush waits for notes and rows; a closed store refuses", async () => {
        store.begin(startOf("req_1"));
        const settled = store.settle(usageOf("req_2"), []);
        await store.flush();
        expect(store.health().queued).toBe(0);
        expect(await settled).toBe("committed");
        expect(await store.writable()).toBe(true);
        await store.close();
        await store.close();
        expect(await store.writable()).toBe(false);
        const refused = await store.settle(usageOf("req_3"), []).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(StoreError);
        expect(refused).toMatchObject({ code: "closed" });
      });
    });

    describe("crashes", () => {
      test("R35: what was begun and never settled becomes interrupted, once", async () => {
        if (!harness.persistent) return;
        store.begin(startOf("req_lost", { atMs: 1_760_000_000_500 }));
        store.begin(startOf("req_ended"));
        await store.flush();
        await store.settle(usageOf("req_ended"), []);
        // The store is left behind as a killed process would leave it: never closed.
        await harness.kill(store);
        const next = await harness.open();
        try {
          next.begin(startOf("req_running"));
          await next.flush();
          expect(await next.recover()).toBe(1);
          expect(await next.recover()).toBe(0);
          expect(await next.count()).toBe(2);
          expect((await next.request("req_lost"))?.usage).toMatchObject({
            atMs: 1_760_000_000_500,
            status: "interrupted",
            key: "team-a",
            route: "gpt-4",
            costNanos: null,
            durationMs: null,
            stream: true,
          });
          expect(await next.request("req_running")).toBeNull();
          expect(await next.settle(usageOf("req_running"), [])).toBe("committed");
          const [group] = await next
            .usage({ by: "status", limit: 10 })
            .then((groups) => groups.filter((each) => each.group === "interrupted"));
          expect(group).toMatchObject({ requests: 1, errors: 1, unpriced: 1, durationMs: null });
        } finally {
          await next.close();
        }
      });

      test("what was committed is there after opening again", async () => {
        if (!harness.persistent) return;
        await settleAll([usageOf("req_1"), usageOf("req_2")]);
        await store.close();
        store = await harness.open();
        expect(await store.count()).toBe(2);
        expect(await store.settle(usageOf("req_1"), [])).toBe("duplicate");
      });
    });

    sharedSuite(() => ({ harness, store }), create);

    describe("reading", () => {
      test("sums by every grouping, exact beyond 2^53", async () => {
        const day = 86_400_000;
        await settleAll([
          usageOf("a", { atMs: day * 20_000 + 1, costNanos: 2n ** 62n, model: "m1", key: "k1" }),
          usageOf("b", {
            atMs: day * 20_000 + 2,
            costNanos: 2n ** 62n + 1n,
            model: "m1",
            key: null,
          }),
          usageOf("c", {
            atMs: day * 20_001,
            costNanos: 5n,
            model: "m2",
            provider: "other",
            route: "r",
          }),
          usageOf("d", {
            atMs: day * 20_001,
            costNanos: null,
            model: "m2",
            status: "error",
            durationMs: 10,
          }),
          usageOf("e", {
            atMs: day * 20_001,
            costNanos: null,
            model: null,
            status: "client_closed",
            inputTokens: 0,
            outputTokens: 0,
            usageEstimated: true,
          }),
        ]);
        const byModel = await store.usage({ by: "model" });
        expect(
          byModel.map((each) => [
            each.group,
            each.requests,
            each.errors,
            each.costNanos,
            each.unpriced,
          ]),
        ).toEqual([
          ["m1", 2, 0, 2n ** 63n + 1n, 0],
          ["m2", 2, 1, 5n, 1],
          [null, 1, 0, 0n, 0],
        ]);
        expect(byModel[0]).toMatchObject({
          inputTokens: 2_400,
          cacheReadTokens: 1_800,
          cacheWrite5mTokens: 200,
          cacheWrite1hTokens: 100,
          inputAudioTokens: 14,
          outputTokens: 690,
          reasoningTokens: 600,
          outputAudioTokens: 6,
          estimated: 0,
        });
        const names = async (by: "provider" | "day" | "key" | "route" | "status") =>
          (await store.usage({ by })).map((each) => [each.group, each.requests]);
        expect(await names("day")).toEqual([
          ["2024-10-04", 2],
          ["2024-10-05", 3],
        ]);
        expect(await names("key")).toEqual([
          [null, 1],
          ["k1", 1],
          ["team-a", 3],
        ]);
        expect(await names("provider")).toEqual([
          ["claude", 4],
          ["other", 1],
        ]);
        expect(await names("route")).toEqual([
          ["gpt-4", 4],
          ["r", 1],
        ]);
        expect(await names("status")).toEqual([
          ["ok", 3],
          ["client_closed", 1],
          ["error", 1],
        ]);
        const window = { sinceMs: day * 20_000 + 2, untilMs: day * 20_001 };
        expect(
          (await store.usage({ by: "model", ...window })).map((each) => each.requests),
        ).toEqual([1]);
        expect(await store.usage({ by: "model", limit: 1 })).toHaveLength(1);
        expect(await store.usage({ by: "model", sinceMs: day * 30_000 })).toEqual([]);
      });

      test("sums over many slices equal the sum of the rows", async () => {
        const rows = Array.from({ length: 9_500 }, (_unused, index) =>
          usageOf(`req_${index}`, {
            // Five thousand in one millisecond, the rest spread.
            atMs: 1_760_000_000_000 + Math.max(0, index - 5_000),
            costNanos: BigInt(index) * 1_000_003n,
            model: `m${index % 3}`,
            durationMs: 1 + (index % 1_000),
          }),
        );
        await settleAll(rows);
        const groups = await store.usage({ by: "model" });
        const cost = (model: string) =>
          rows
            .filter((row) => row.model === model)
            .reduce((sum, row) => sum + (row.costNanos ?? 0n), 0n);
        expect(groups.map((each) => each.requests).toSorted((a, b) => a - b)).toEqual([
          3_166, 3_167, 3_167,
        ]);
        for (const group of groups) {
          expect(group.costNanos).toBe(cost(group.group ?? ""));
          expect(group.durationMs?.mean).toBeCloseTo(500, -2);
          expect(Math.abs((group.durationMs?.p50 ?? 0) / 500 - 1)).toBeLessThan(0.06);
          expect(Math.abs((group.durationMs?.p95 ?? 0) / 950 - 1)).toBeLessThan(0.06);
        }
      });

      test("any rows: sums, pages and single rows agree", async () => {
        const model = fc.option(fc.constantFrom("a", "b", "c"), { nil: null });
        const cost = fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), { nil: null });
        const shape = fc.array(
          fc.record({
            model,
            costNanos: cost,
            atMs: fc.integer({ min: 1_000, max: 1_020 }),
            inputTokens: fc.nat(1_000_000),
          }),
          { maxLength: 40 },
        );
        let run = 0;
        await fc.assert(
          fc.asyncProperty(shape, async (changes) => {
            run += 1;
            // Each run in its own thousand milliseconds.
            const offset = run * 10_000;
            const rows = changes.map((each, index) =>
              usageOf(`run_${run}_${index}`, { ...each, atMs: each.atMs + offset }),
            );
            await settleAll(rows);
            const window = { sinceMs: offset, untilMs: offset + 5_000 };
            const groups = await store.usage({ by: "model", ...window });
            const nanos = (values: readonly (bigint | null)[]): bigint =>
              values.reduce<bigint>((sum, value) => sum + (value ?? 0n), 0n);
            const total = (values: readonly number[]): number =>
              values.reduce((sum, value) => sum + value, 0);
            expect(total(groups.map((each) => each.requests))).toBe(rows.length);
            expect(nanos(groups.map((each) => each.costNanos))).toBe(
              nanos(rows.map((row) => row.costNanos)),
            );
            expect(total(groups.map((each) => each.inputTokens))).toBe(
              total(rows.map((row) => row.inputTokens)),
            );
            const paged: UsageRow[] = [];
            let cursor: string | null | undefined;
            do {
              const page = await store.requests({
                ...window,
                limit: 7,
                cursor: cursor ?? undefined,
              });
              paged.push(...page.rows);
              cursor = page.next;
            } while (cursor !== null);
            const order = (left: UsageRow, right: UsageRow): number =>
              right.atMs - left.atMs || (left.requestId < right.requestId ? 1 : -1);
            expect(paged).toEqual(rows.toSorted(order));
          }),
          { numRuns: 25 },
        );
      });

      test("S42: pages are capped and a cursor that is none is refused", async () => {
        await settleAll(Array.from({ length: 1_100 }, (_unused, index) => usageOf(`req_${index}`)));
        for (const [limit, length] of [
          [1e9, 1_000],
          [0, 1],
          [-3, 1],
          [Number.NaN, 50],
          [undefined, 50],
        ] as const) {
          expect((await store.requests({ limit })).rows).toHaveLength(length);
        }
        for (const cursor of ["", "x", "1", "_", "-1_a", "1e3_a", `${"9".repeat(40)}_a`]) {
          const refused = await store.requests({ cursor }).catch((error: unknown) => error);
          expect(refused).toBeInstanceOf(GatewayError);
          expect(refused).toMatchObject({ code: "invalid_request" });
        }
        expect((await store.requests({ cursor: "1_%" })).rows).toEqual([]);
      });
    });

    experimentsSuite(() => store);
  });
}
