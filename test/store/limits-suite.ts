// Rate limits on a database: taken all or none, never above, put right at the end, remembered by the next who opens it.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { setClock } from "../../src/lib/clock.ts";
import type { LimitUnit } from "../../src/store/directory-types.ts";
import { createStore } from "../../src/store/ledger.ts";
import { counterIdOf, type LimitUse, type LimitWant } from "../../src/store/limits.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { farMs, holdOf } from "../support/store-accounts.ts";
import { startOf, usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";
import { createModel } from "./limits-model.ts";

const minute = 60_000;
const day = 86_400_000;
/** Begins a bucket of every window. */
const beginMs = 20_000 * day;

export interface LimitsSuiteOptions {
  /** Stores on one database at once. */
  gateways: number;
  /** Runs of the property. */
  runs: number;
}

const idOf = ({ limitId, unit, windowMs }: LimitWant): string =>
  counterIdOf(limitId, unit, windowMs);

const requests = (amount: number, more: Partial<LimitWant> = {}): LimitWant => ({
  limitId: "limit_1",
  unit: "requests",
  windowMs: minute,
  amount,
  asked: 1,
  ...more,
});
const parallel = (amount: number, limitId = "limit_p"): LimitWant =>
  requests(amount, { limitId, unit: "parallel", windowMs: null });
const tokens = (amount: number, asked: number, unit: LimitUnit = "tokens"): LimitWant =>
  requests(amount, { limitId: `limit_${unit}`, unit, asked });

export function limitsSuite(
  name: string,
  create: () => Promise<StoreHarness>,
  { gateways, runs }: LimitsSuiteOptions,
): void {
  describe(`rate limits: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;
    let nowMs = beginMs;
    const at = (ms: number): void => void (nowMs = beginMs + ms);

    beforeEach(async () => {
      harness = await create();
      store = await harness.open();
      await store.recover();
      at(0);
      setClock({ now: () => nowMs });
    });
    afterEach(async () => {
      setClock({});
      await store.close();
      await harness.dispose();
    });

    let made = 0;
    /** The id of the request that was admitted, or null. */
    const admit = async (
      wants: readonly LimitWant[],
      { of = store, budgets = {}, cost = 1n }: AdmitOptions = {},
    ): Promise<string | null> => {
      made += 1;
      const requestId = `req_${made}`;
      const { admitted } = await of.accounts.admit(holdOf(requestId, cost, budgets), wants);
      return admitted ? requestId : null;
    };
    const end = async (
      requestId: string,
      wants: readonly LimitWant[],
      { used, of = store }: { used: LimitUse["used"]; of?: Store },
    ): Promise<void> => {
      const limits = { counterIds: wants.map(idOf), used };
      await of.settle(usageOf(requestId), [], { nanos: 0n, accounts: [], limits });
    };
    const used = async (wants: readonly LimitWant[], of = store): Promise<number[]> =>
      (await of.limits.outlook(wants)).map((each) => each.used);

    test("the window slides, and the outlook says when to come back", async () => {
      for (let count = 0; count < 3; count += 1) expect(await admit([requests(3)])).not.toBeNull();
      expect(await admit([requests(3)])).toBeNull();
      const [outlook] = await store.limits.outlook([requests(3)]);
      expect(outlook).toEqual({ used: 3, resetMs: 61_000, waitMs: 61_000 });
      at(60_999);
      expect(await admit([requests(3)])).toBeNull();
      at(61_000);
      expect(await admit([requests(3)])).not.toBeNull();
      expect(await used([requests(3)])).toEqual([1]);
    });

    test("how the limits stand is told with the admission itself", async () => {
      await admit([requests(3), tokens(1_000, 400)]);
      at(30_000);
      const outcome = await store.accounts.admit(holdOf("req_told", 0n, {}), [
        tokens(1_000, 100),
        requests(3),
        parallel(2),
      ]);
      expect(outcome).toEqual({
        admitted: true,
        limits: [
          { used: 500, resetMs: 61_000 },
          { used: 2, resetMs: 61_000 },
          { used: 1, resetMs: 0 },
        ],
      });
    });

    test("a refused request takes nothing, of limits nor of budgets", async () => {
      const wants = [requests(100, { limitId: "wide" }), requests(1, { limitId: "narrow" })];
      expect(await admit(wants, { budgets: { rich: 100n } })).not.toBeNull();
      for (let count = 0; count < 20; count += 1) {
        expect(await admit(wants, { budgets: { rich: 100n } })).toBeNull();
      }
      expect(await used(wants)).toEqual([1, 1]);
      const [rich] = await store.accounts.states(["rich@0"]);
      expect([rich?.spentNanos, rich?.heldNanos]).toEqual([0n, 1n]);
      // And the other way round: what the budget cannot pay counts for no limit.
      const poor = await store.accounts.admit(holdOf("req_poor", 5n, { rich: 100n, poor: 4n }), [
        requests(100, { limitId: "wide" }),
        parallel(1),
      ]);
      expect(poor).toMatchObject({ admitted: false, account: { budgetId: "poor" } });
      expect(await used([requests(100, { limitId: "wide" }), parallel(1)])).toEqual([1, 0]);
      expect((await store.accounts.states(["poor@0"]))[0]?.heldNanos ?? 0n).toBe(0n);
    });

    test("tokens are put right in the bucket of their request, each kind by itself", async () => {
      const wants = [
        tokens(1_000, 600),
        tokens(1_000, 100, "input_tokens"),
        tokens(1_000, 500, "output_tokens"),
        requests(10),
      ];
      const request = await admit(wants);
      at(30_000);
      await end(request ?? "", wants, { used: { inputTokens: 90, outputTokens: 10 } });
      expect(await used(wants)).toEqual([100, 90, 10, 1]);
      // A second end changes nothing.
      await end(request ?? "", wants, { used: { inputTokens: 9_000, outputTokens: 9_000 } });
      expect(await used(wants)).toEqual([100, 90, 10, 1]);
      at(61_000);
      expect(await used(wants)).toEqual([0, 0, 0, 0]);
    });

    test("what was refused elsewhere counts for nothing, settled or given back", async () => {
      const wants = [requests(10), tokens(1_000, 600), parallel(4)];
      const [one, other] = [await admit(wants), await admit([...wants.slice(0, 1), parallel(4)])];
      await end(one ?? "", wants, { used: null });
      expect(await used(wants)).toEqual([1, 0, 1]);
      await store.limits.giveBack(other ?? "", wants.map(idOf));
      await store.limits.giveBack(other ?? "", wants.map(idOf));
      expect(await used(wants)).toEqual([0, 0, 0]);
    });

    test("a request larger than its whole limit passes alone", async () => {
      expect(await admit([tokens(1_000, 5_000)])).not.toBeNull();
      expect(await admit([tokens(1_000, 1)])).toBeNull();
      expect((await store.limits.outlook([tokens(1_000, 1)]))[0]?.waitMs).toBe(61_000);
      expect(await admit([tokens(0, 1, "input_tokens")])).toBeNull();
      expect(await admit([requests(0, { limitId: "none" })])).toBeNull();
    });

    test("a place is free again when its request is over", async () => {
      const [first, second] = [await admit([parallel(2)]), await admit([parallel(2)])];
      expect(second).not.toBeNull();
      expect(await admit([parallel(2)])).toBeNull();
      expect((await store.limits.outlook([parallel(2)]))[0]).toEqual({
        used: 2,
        resetMs: 0,
        waitMs: 1_000,
      });
      await end(first ?? "", [parallel(2)], { used: { inputTokens: 1, outputTokens: 1 } });
      expect(await admit([parallel(2)])).not.toBeNull();
      expect(await admit([parallel(2)])).toBeNull();
    });

    test("a request that has settled takes nothing any more", async () => {
      await store.settle(usageOf("req_over"), []);
      for (const budgets of [{}, { rich: 100n }] as Record<string, bigint>[]) {
        const late = store.accounts.admit(holdOf("req_over", 1n, budgets), [parallel(2)]);
        expect(await late.catch((error: unknown) => error)).toBeInstanceOf(StoreError);
      }
      expect(await used([parallel(2)])).toEqual([0]);
    });

    test("a hold that takes another's place takes limits along, or neither", async () => {
      const { accounts } = store;
      const first = holdOf("req_1", 5n, { key: 10n });
      expect(await accounts.admit(first, [])).toEqual({ admitted: true, limits: [] });
      const next = holdOf("req_1", 8n, { key: 10n }, { holdId: "next", replaces: first.holdId });
      expect((await accounts.admit(next, [requests(0)])).admitted).toBe(false);
      expect((await accounts.states(["key@0"]))[0]?.heldNanos).toBe(5n);
      expect((await accounts.admit(next, [requests(1)])).admitted).toBe(true);
      expect((await accounts.states(["key@0"]))[0]?.heldNanos).toBe(8n);
      expect(await used([requests(1)])).toEqual([1]);
    });

    test("one limit that is asked for twice counts once, by the lower amount", async () => {
      expect(await admit([requests(5), requests(1)])).not.toBeNull();
      expect(await used([requests(5)])).toEqual([1]);
      expect(await admit([requests(5), requests(1)])).toBeNull();
      expect(await admit([requests(5)])).not.toBeNull();
    });

    test("a clock that was wrong by years holds nobody up, one that was set back a little lets nobody through", async () => {
      at(40 * 365 * day);
      await admit([requests(1)]);
      at(0);
      expect(await admit([requests(1)])).not.toBeNull();
      at(-30_000);
      expect(await admit([requests(1)])).toBeNull();
    });

    test("what counts is the clock that the gateways share, not the own", async () => {
      if (!harness.persistent) return;
      const driver = await harness.driver();
      const other = createStore({ ...driver, clock: () => nowMs + 45_000 });
      try {
        expect(await admit([requests(1)])).not.toBeNull();
        at(20_000);
        expect(await admit([requests(1)])).toBeNull();
        expect(await admit([requests(1)], { of: other })).not.toBeNull();
        // What is counted ahead of the own time is counted.
        expect(await used([requests(1)])).toEqual([2]);
      } finally {
        await other.close();
      }
    });

    test("a place that an ended request has left behind is free after a while, one that is taken is not", async () => {
      const [left, running] = [await admit([parallel(2)]), await admit([parallel(2)])];
      // As when its row was dropped, or refused: nothing was put right.
      await store.settle(usageOf(left ?? ""), []);
      await store.recover();
      expect(await used([parallel(2)])).toEqual([2]);
      at(61_000);
      await store.recover();
      expect(await used([parallel(2)])).toEqual([1]);
      await end(running ?? "", [parallel(2)], { used: null });
      expect(await used([parallel(2)])).toEqual([0]);
    });

    test("what no window counts any more is deleted, and nothing else", async () => {
      for (let index = 0; index < 30; index += 1) {
        at(index * 1_000);
        await admit([requests(100), requests(100, { limitId: "long", windowMs: day })]);
      }
      at(75_000);
      expect(await used([requests(100)])).toEqual([15]);
      await store.recover();
      expect(await used([requests(100)])).toEqual([15]);
      const long = [requests(100, { limitId: "long", windowMs: day })];
      expect(await used(long)).toEqual([30]);
      at(200_000);
      await store.recover();
      // Set back: what was deleted is not found again.
      at(29_000);
      expect(await used([requests(100)])).toEqual([0]);
      expect(await used(long)).toEqual([30]);
    });

    test("many at once: exactly as many as there is room for", async () => {
      const stores = [store];
      while (harness.persistent && stores.length < gateways) stores.push(await harness.open());
      try {
        const wants = [requests(20), parallel(30)];
        const outcomes = await Promise.all(
          Array.from({ length: 200 }, (_unused, index) =>
            admit(wants, { of: stores[index % stores.length] ?? store, budgets: { rich: 999n } }),
          ),
        );
        expect(outcomes.filter(Boolean)).toHaveLength(20);
        for (const each of stores) expect(await used(wants, each)).toEqual([20, 20]);
        const [rich] = await store.accounts.states(["rich@0"]);
        expect(rich?.heldNanos).toBe(20n);
        const places = await Promise.all(
          Array.from({ length: 100 }, (_unused, index) =>
            admit([parallel(30)], { of: stores[index % stores.length] ?? store }),
          ),
        );
        expect(places.filter(Boolean)).toHaveLength(10);
      } finally {
        for (const other of stores.slice(1)) await other.close();
      }
    });

    test("the next who opens the database counts on, and frees the places of the dead", async () => {
      if (!harness.persistent) return;
      const wants = [requests(5, { windowMs: day }), tokens(1_000, 300), parallel(2)];
      const [done, open] = [await admit(wants), await admit(wants)];
      await end(done ?? "", wants, { used: { inputTokens: 20, outputTokens: 30 } });
      store.begin(startOf(open ?? ""));
      await store.flush();
      await harness.kill(store);
      const next = await harness.open();
      try {
        expect(await used(wants, next)).toEqual([2, 350, 1]);
        expect(await next.recover()).toBe(1);
        // The one that nobody saw the end of counts as what it was expected to use.
        expect(await used(wants, next)).toEqual([2, 350, 0]);
        expect((await next.request(open ?? ""))?.usage.status).toBe("interrupted");
        expect(await admit(wants, { of: next })).not.toBeNull();
      } finally {
        await next.close();
      }
    });

    test(`like a simple model, ${runs} histories`, async () => {
      let history = 0;
      const limit = fc.record({
        unit: fc.constantFrom<LimitUnit>(
          "requests",
          "tokens",
          "input_tokens",
          "output_tokens",
          "parallel",
        ),
        windowMs: fc.constantFrom(minute, 60 * minute, day),
        amount: fc.integer({ min: 0, max: 12 }),
      });
      const step = fc.oneof(
        fc.record({ kind: fc.constant("wait" as const), ms: fc.nat({ max: 90_000 }) }),
        fc.record({ kind: fc.constant("wait" as const), ms: fc.nat({ max: 2 * day }) }),
        fc.record({
          kind: fc.constant("admit" as const),
          which: fc.uniqueArray(fc.nat({ max: 3 }), { minLength: 1, maxLength: 4 }),
          input: fc.nat({ max: 6 }),
          output: fc.nat({ max: 6 }),
          cost: fc.option(fc.nat({ max: 9 })),
        }),
        fc.record({
          kind: fc.constant("end" as const),
          which: fc.nat(),
          used: fc.option(fc.record({ inputTokens: fc.nat(9), outputTokens: fc.nat(9) })),
        }),
        fc.constant({ kind: "sweep" as const }),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(limit, { minLength: 4, maxLength: 4 }),
          fc.array(step, { maxLength: 40 }),
          async (limits, steps) => {
            history += 1;
            at(history * 1_000 * day);
            const model = createModel(30);
            const budgetId = `budget_${history}`;
            const running: {
              requestId: string;
              wants: LimitWant[];
              hold: ReturnType<typeof holdOf>;
            }[] = [];
            const wantsOf = (which: readonly number[], input: number, output: number) =>
              which.map((index): LimitWant => {
                const { unit, windowMs, amount } = limits[index] ?? {
                  unit: "requests",
                  windowMs: minute,
                  amount: 1,
                };
                const asked = {
                  tokens: input + output,
                  input_tokens: input,
                  output_tokens: output,
                  requests: 1,
                  parallel: 1,
                }[unit];
                return {
                  limitId: `h${history}l${index}`,
                  unit,
                  windowMs: unit === "parallel" ? null : windowMs,
                  amount,
                  asked,
                };
              });
            for (const each of steps) {
              switch (each.kind) {
                case "wait":
                  nowMs += each.ms;
                  break;
                case "sweep":
                  await store.recover();
                  break;
                case "admit": {
                  const wants = wantsOf(each.which, each.input, each.output);
                  made += 1;
                  const requestId = `req_${made}`;
                  const budgets = each.cost === null ? {} : { [budgetId]: 30n };
                  const hold = holdOf(requestId, BigInt(each.cost ?? 0), budgets, {
                    expiresMs: farMs * 100,
                  });
                  const { admitted } = await store.accounts.admit(hold, wants);
                  expect(admitted).toBe(
                    model.admit(requestId, { wants, nowMs, cost: each.cost ?? 0 }),
                  );
                  if (admitted) running.push({ requestId, wants, hold });
                  break;
                }
                case "end": {
                  const [ended] = running.splice(each.which % Math.max(1, running.length), 1);
                  if (!ended) break;
                  const { requestId, wants, hold } = ended;
                  const limitUse = { counterIds: wants.map(idOf), used: each.used };
                  await store.settle(usageOf(requestId), [], {
                    nanos: 1n,
                    accounts: hold.accounts,
                    limits: limitUse,
                  });
                  model.end(requestId, { used: each.used, paid: hold.accounts.length > 0 ? 1 : 0 });
                  break;
                }
                default:
                  each satisfies never;
              }
              const all = wantsOf([0, 1, 2, 3], 1, 1);
              expect(await store.limits.outlook(all)).toEqual(
                all.map((want) => model.outlook(want, nowMs)),
              );
            }
            for (const { requestId, wants } of running) await end(requestId, wants, { used: null });
          },
        ),
        process.env["PROPERTY_RUNS"] === undefined ? { numRuns: runs } : {},
      );
    }, 120_000);
  });
}

interface AdmitOptions {
  of?: Store;
  budgets?: Readonly<Record<string, bigint>>;
  cost?: bigint;
}
