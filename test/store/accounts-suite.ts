// What accounts must do on every driver: hold within the limit, charge once, lose nothing in a crash.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { AccountState, HoldOutcome } from "../../src/store/accounts.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { startOf, usageOf } from "../support/store-rows.ts";
import { runHistories, runMixed } from "./accounts-histories.ts";
import type { StoreHarness } from "./contract.ts";

export interface AccountsSuiteOptions {
  /** Of the burst of B01. */
  repetitions: number;
  /** Gateways on one database that the burst comes from. */
  gateways: number;
  /** Random histories. */
  histories: number;
  /** Requests side by side. */
  mixed: number;
}

export function accountsSuite(
  name: string,
  create: () => Promise<StoreHarness>,
  { repetitions, gateways, histories, mixed }: AccountsSuiteOptions,
): void {
  describe(`accounts: ${name}`, () => {
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

    const counters = async (budgetId: string): Promise<[spent: bigint, held: bigint]> => {
      const [state] = await store.accounts.states([accountOf(budgetId).accountId]);
      return [state?.spentNanos ?? -1n, state?.heldNanos ?? -1n];
    };
    const settle = (requestId: string, costNanos: bigint | null, budgets: readonly string[]) =>
      store.settle(usageOf(requestId, { costNanos }), [], {
        nanos: costNanos,
        accounts: budgets.map((budgetId) => accountOf(budgetId)),
      });
    const states = async (requestId: string) =>
      (await store.accounts.charges(requestId)).map(({ state, nanos }) => [state, nanos]);
    const expectRight = async () => {
      expect((await store.accounts.verify()).differences).toEqual([]);
    };
    const shortOf = (outcome: HoldOutcome) => {
      if (outcome.held) throw new Error("it was held");
      return outcome.account;
    };

    describe("holding", () => {
      test(`B01: ${repetitions} bursts of 1,000 from ${gateways} on a limit that pays 10: 10 each`, async () => {
        let held = 0;
        const stores = [store];
        while (stores.length < gateways) stores.push(await harness.open());
        for (let run = 0; run < repetitions; run += 1) {
          const budget = `burst${run}`;
          const limits = { [budget]: 109n, [`${budget}-team`]: 100_000n };
          const outcomes = await Promise.all(
            Array.from({ length: 1_000 }, (_unused, index) =>
              stores[index % gateways]!.accounts.hold(holdOf(`${budget}_${index}`, 10n, limits)),
            ),
          );
          const won = outcomes.flatMap((outcome, index) => (outcome.held ? [index] : []));
          expect(won).toHaveLength(10);
          const refused = outcomes.flatMap((outcome) => (outcome.held ? [] : [outcome.account]));
          expect(new Set(refused.map(({ accountId }) => accountId))).toEqual(
            new Set([`${budget}@0`]),
          );
          expect(refused[0]).toEqual({
            ...accountOf(budget),
            spentNanos: 0n,
            heldNanos: 100n,
            limitNanos: 109n,
          });
          // Half of them cost less than was held: there is room for exactly as many as that pays.
          await Promise.all(
            won.map((index) =>
              settle(`${budget}_${index}`, index % 2 === 0 ? 10n : 5n, [budget, `${budget}-team`]),
            ),
          );
          const spent = won.reduce((sum, index) => sum + (index % 2 === 0 ? 10n : 5n), 0n);
          expect(await counters(budget)).toEqual([spent, 0n]);
          expect(await counters(`${budget}-team`)).toEqual([spent, 0n]);
          held += won.length;
        }
        await expectRight();
        await Promise.all(stores.slice(1).map((each) => each.close()));
        console.log(
          `${name}: ${repetitions} bursts of 1,000 from ${gateways}: ${held} held of ${repetitions * 10} that could be, 0 above the limit`,
        );
      }, 300_000);

      test("B02: the first 8 requests of a new budget", async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_unused, index) =>
            store.accounts.hold(holdOf(`r${index}`, 3n, { "tag#new": 10n })),
          ),
        );
        expect(outcomes.filter(({ held }) => held)).toHaveLength(3);
        expect(await counters("tag#new")).toEqual([0n, 9n]);
      });

      test("all accounts or none; the one with the least left is told", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 100n, team: 10n, org: 9n }));
        const account = shortOf(
          await store.accounts.hold(holdOf("r1", 2n, { key: 100n, team: 10n, org: 9n })),
        );
        expect(account).toEqual({
          ...accountOf("org"),
          spentNanos: 0n,
          heldNanos: 8n,
          limitNanos: 9n,
        });
        expect(await counters("key")).toEqual([0n, 8n]);
        expect(await counters("team")).toEqual([0n, 8n]);
        // An account that several budgets share is asked once, with the lowest limit.
        const shared = { ...accountOf("pool"), limitNanos: 5n };
        const twice = holdOf("r2", 3n, {}, { accounts: [{ ...shared, limitNanos: 9n }, shared] });
        expect(await store.accounts.hold(twice)).toEqual({ held: true });
        expect(await counters("pool")).toEqual([0n, 3n]);
        expect(shortOf(await store.accounts.hold({ ...twice, requestId: "r3" })).limitNanos).toBe(
          5n,
        );
        await expectRight();
      });

      test("B07: nothing is held where less is left than it costs", async () => {
        await store.accounts.hold(holdOf("r0", 91n, { key: 100n }));
        expect(shortOf(await store.accounts.hold(holdOf("r1", 10n, { key: 100n }))).heldNanos).toBe(
          91n,
        );
        expect(await store.accounts.hold(holdOf("r2", 9n, { key: 100n }))).toEqual({ held: true });
        expect(await counters("key")).toEqual([0n, 100n]);
      });

      test("B09: nothing, everything, and more than there is", async () => {
        const hold = (id: string, cost: bigint, limit: bigint) =>
          store.accounts.hold(holdOf(id, cost, { key: limit }));
        expect(await hold("r0", 0n, 0n)).toEqual({ held: true });
        expect((await hold("r1", 1n, 0n)).held).toBe(false);
        expect((await hold("r2", 0n, -1n)).held).toBe(false);
        expect((await hold("r3", 2n ** 80n, 2n ** 40n)).held).toBe(false);
        expect((await hold("r4", 2n ** 61n, 2n ** 63n)).held).toBe(true);
        expect((await hold("r5", 2n ** 61n, 2n ** 63n)).held).toBe(false);
        const refused = await hold("r6", -1n, 10n).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(StoreError);
        expect(refused).toMatchObject({ code: "invalid_row" });
        expect(await counters("key")).toEqual([0n, 2n ** 61n]);
        expect(await store.accounts.hold(holdOf("r7", 5n, {}))).toEqual({ held: true });
        await expectRight();
      });

      test("is given back once", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 10n, team: 10n }));
        await Promise.all([
          store.accounts.release("r0", "r0/0"),
          store.accounts.release("r0", "r0/0"),
        ]);
        await store.accounts.release("r0", "other");
        expect(await counters("key")).toEqual([0n, 0n]);
        expect(await counters("team")).toEqual([0n, 0n]);
        expect((await store.accounts.hold(holdOf("r1", 10n, { key: 10n }))).held).toBe(true);
        await expectRight();
      });

      test("a request that has settled holds nothing any more", async () => {
        await store.settle(usageOf("r0"), []);
        const refused = await store.accounts
          .hold(holdOf("r0", 1n, { key: 10n }))
          .catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "invalid_row" });
        expect(await counters("key")).toEqual([0n, 0n]);
      });
    });

    test(`${histories} random histories are as the model says, after every step`, async () => {
      const steps = await runHistories(create, { runs: histories, seed: 55, verifyEvery: 1 });
      console.log(`${name}: ${histories} histories, ${steps} steps verified`);
      expect(steps).toBeGreaterThan(histories * 5);
    }, 300_000);

    test(`B05: ${mixed} mixed requests from ${gateways}: counters, rows and the tally are one`, async () => {
      const stores = [store];
      while (stores.length < gateways) stores.push(await harness.open());
      const tally = await runMixed(stores, { requests: mixed, seed: 7 });
      expect(await counters("mixed")).toEqual([tally.spent, tally.held]);
      expect(await counters("mixed-team")).toEqual([tally.spent, tally.held]);
      expect(tally.spent + tally.held).toBeLessThanOrEqual(40_000n);
      expect(tally.refused).toBeGreaterThan(0);
      await expectRight();
      await Promise.all(stores.slice(1).map((each) => each.close()));
      console.log(
        `${name}: ${mixed} mixed requests from ${gateways}: ${tally.admitted} admitted, ${tally.refused} refused, 0 nano-dollars apart`,
      );
    }, 300_000);

    describe("handing on to the next attempt", () => {
      const next = (cost: bigint, limits: Readonly<Record<string, bigint>>, at = 1) =>
        store.accounts.hold(
          holdOf("r0", cost, limits, { holdId: `r0/${at}`, replaces: `r0/${at - 1}` }),
        );

      test("what the last one held is free for it, no more", async () => {
        await store.accounts.hold(holdOf("other", 3n, { key: 10n }));
        await store.accounts.hold(holdOf("r0", 5n, { key: 10n }));
        expect((await next(8n, { key: 10n })).held).toBe(false);
        expect(await counters("key")).toEqual([0n, 8n]);
        expect((await next(7n, { key: 10n })).held).toBe(true);
        expect(await counters("key")).toEqual([0n, 10n]);
        expect((await next(1n, { key: 10n }, 2)).held).toBe(true);
        expect(await counters("key")).toEqual([0n, 4n]);
        await expectRight();
      });

      test("to other accounts, all or none", async () => {
        await store.accounts.hold(holdOf("r0", 5n, { key: 10n, "model-a": 10n }));
        expect((await next(6n, { key: 10n, "model-b": 5n })).held).toBe(false);
        expect(await counters("model-a")).toEqual([0n, 5n]);
        expect((await next(6n, { key: 10n, "model-b": 6n })).held).toBe(true);
        expect(await counters("key")).toEqual([0n, 6n]);
        expect(await counters("model-a")).toEqual([0n, 0n]);
        expect(await counters("model-b")).toEqual([0n, 6n]);
        expect((await next(6n, {}, 2)).held).toBe(true);
        expect(await counters("key")).toEqual([0n, 0n]);
        await expectRight();
      });

      test("B14: under a limit that was lowered it may not grow", async () => {
        await store.accounts.hold(holdOf("r0", 5n, { key: 10n }));
        expect((await next(6n, { key: 2n })).held).toBe(false);
        expect((await next(5n, { key: 2n })).held).toBe(true);
        expect((await next(4n, { key: 2n }, 2)).held).toBe(true);
        expect((await store.accounts.hold(holdOf("r1", 1n, { key: 2n }))).held).toBe(false);
        expect(await counters("key")).toEqual([0n, 4n]);
      });
    });

    describe("settling", () => {
      test("charges what it cost and gives every hold back, once", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 20n, team: 20n }));
        await store.accounts.hold(holdOf("r0", 9n, { key: 20n, team: 20n }, { holdId: "r0/1" }));
        expect(await counters("key")).toEqual([0n, 17n]);
        expect(await settle("r0", 11n, ["key", "team"])).toBe("committed");
        expect(await counters("key")).toEqual([11n, 0n]);
        expect(await counters("team")).toEqual([11n, 0n]);
        expect(await states("r0")).toEqual([
          ["settled", 11n],
          ["settled", 11n],
        ]);
        // Told again, of other money and other accounts: nothing changes.
        expect(await settle("r0", 19n, ["key", "elsewhere"])).toBe("duplicate");
        expect(await counters("key")).toEqual([11n, 0n]);
        expect(await states("r0")).toHaveLength(2);
        await expectRight();
      });

      test("overshoot is charged in full, and the next request refused", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 10n }));
        await settle("r0", 25n, ["key"]);
        expect(await counters("key")).toEqual([25n, 0n]);
        const account: AccountState = shortOf(
          await store.accounts.hold(holdOf("r1", 0n, { key: 10n })),
        );
        expect(account).toMatchObject({ spentNanos: 25n, heldNanos: 0n });
        await expectRight();
      });

      test("B14: the limit was lowered while it ran: charged all the same", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 10n }));
        expect((await store.accounts.hold(holdOf("r1", 1n, { key: 5n }))).held).toBe(false);
        await settle("r0", 8n, ["key"]);
        expect(await counters("key")).toEqual([8n, 0n]);
      });

      test("B13: what began in a window is charged to it, whatever the time", async () => {
        const before = accountOf("key", 0);
        const after = accountOf("key", 86_400_000);
        const hold = holdOf("r0", 8n, {}, { accounts: [{ ...before, limitNanos: 10n }] });
        await store.accounts.hold(hold);
        const next = holdOf("r1", 10n, {}, { accounts: [{ ...after, limitNanos: 10n }] });
        expect((await store.accounts.hold(next)).held).toBe(true);
        await store.settle(usageOf("r0", { costNanos: 6n }), [], { nanos: 6n, accounts: [before] });
        const found = await store.accounts.states([before.accountId, after.accountId]);
        expect(found.map(({ spentNanos, heldNanos }) => [spentNanos, heldNanos])).toEqual([
          [6n, 0n],
          [0n, 10n],
        ]);
      });

      test("B09: zero, unknown, impossible and huge costs", async () => {
        for (const id of ["zero", "unknown", "negative", "huge", "huge2"]) {
          await store.accounts.hold(holdOf(id, 8n, { [id]: 10n }));
        }
        await settle("zero", 0n, ["zero"]);
        expect(await counters("zero")).toEqual([0n, 0n]);
        expect(await states("zero")).toEqual([["settled", 0n]]);
        // Nobody knows: what was held is charged.
        await settle("unknown", null, ["unknown"]);
        expect(await counters("unknown")).toEqual([8n, 0n]);
        expect(await states("unknown")).toEqual([["unresolved", 8n]]);
        await settle("negative", -5n, ["negative"]);
        expect(await counters("negative")).toEqual([0n, 0n]);
        // Counters stay where they can count no more.
        await settle("huge", 2n ** 63n - 1n, ["huge"]);
        await settle("huge2", 2n ** 62n - 1n, ["huge2", "huge"]);
        const most = 2n ** 62n - 2n ** 32n;
        expect(await counters("huge")).toEqual([most, 0n]);
        expect((await store.accounts.hold(holdOf("r9", 1n, { huge: 2n ** 70n }))).held).toBe(false);
        await expectRight();
      });

      test("some accounts pay for some of the attempts only", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 30n, "model-a": 30n }));
        await store.accounts.hold(
          holdOf("r0", 9n, { key: 30n, "model-b": 30n }, { holdId: "r0/1" }),
        );
        await store.settle(usageOf("r0", { costNanos: 12n }), [], {
          nanos: 12n,
          accounts: [
            accountOf("key"),
            { ...accountOf("model-a"), nanos: 7n },
            { ...accountOf("model-b"), nanos: null },
          ],
        });
        expect(await counters("key")).toEqual([12n, 0n]);
        expect(await counters("model-a")).toEqual([7n, 0n]);
        expect(await counters("model-b")).toEqual([9n, 0n]);
        await expectRight();
      });

      test("without a word of charges, what is held is charged", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 10n }));
        expect(await store.settle(usageOf("r0"), [])).toBe("committed");
        expect(await counters("key")).toEqual([8n, 0n]);
        expect(await states("r0")).toEqual([["unresolved", 8n]]);
        // What was refused holds nothing, and is charged nothing.
        await store.accounts.hold(holdOf("r1", 8n, { key: 10n }));
        await store.settle(usageOf("r1"), []);
        expect(await states("r1")).toEqual([]);
        expect(await counters("key")).toEqual([8n, 0n]);
        await expectRight();
      });

      test("an account that never held anything is charged", async () => {
        await settle("r0", 4n, ["fresh"]);
        expect(await counters("fresh")).toEqual([4n, 0n]);
        const [state] = await store.accounts.states([accountOf("fresh").accountId]);
        expect(state).toEqual({ ...accountOf("fresh"), spentNanos: 4n, heldNanos: 0n });
        await expectRight();
      });
    });

    describe("holds past their time", () => {
      test("are charged, and corrected when the request settles after all", async () => {
        await store.accounts.hold(holdOf("r0", 8n, { key: 20n }, { expiresMs: 1_000 }));
        await store.accounts.hold(holdOf("r1", 3n, { key: 20n }));
        expect(await store.accounts.expire()).toBe(1);
        expect(await store.accounts.expire()).toBe(0);
        expect(await counters("key")).toEqual([8n, 3n]);
        expect(await settle("r0", 5n, ["key"])).toBe("committed");
        expect(await counters("key")).toEqual([5n, 3n]);
        expect(await states("r0")).toEqual([
          ["unresolved", 8n],
          ["settled", -3n],
        ]);
        expect((await store.accounts.unresolved()).charges).toEqual([]);
        await expectRight();
      });
    });

    describe("B10: crashes", () => {
      const holding = () =>
        store.accounts.hold(holdOf("r0", 8n, { key: 20n, team: 20n }, { expiresMs: 1_000 }));
      const steps: Readonly<
        Record<string, { run(): Promise<unknown>; counters: [bigint, bigint]; states: unknown[] }>
      > = {
        "before anything was held": {
          run: () => store.flush(),
          counters: [-1n, -1n],
          states: [],
        },
        "when it was held": {
          run: holding,
          counters: [8n, 0n],
          states: [
            ["unresolved", 8n],
            ["unresolved", 8n],
          ],
        },
        "when it was given back": {
          async run() {
            await holding();
            await store.accounts.release("r0", "r0/0");
          },
          counters: [0n, 0n],
          states: [],
        },
        "when it was handed on": {
          async run() {
            await holding();
            const next = { holdId: "r0/1", replaces: "r0/0" };
            await store.accounts.hold(holdOf("r0", 9n, { key: 20n, team: 20n }, next));
          },
          counters: [9n, 0n],
          states: [
            ["unresolved", 9n],
            ["unresolved", 9n],
          ],
        },
        "when two attempts held": {
          async run() {
            await holding();
            await store.accounts.hold(holdOf("r0", 9n, { key: 20n }, { holdId: "r0/1" }));
          },
          counters: [17n, 0n],
          states: [
            ["unresolved", 17n],
            ["unresolved", 8n],
          ],
        },
        "when it was settled": {
          async run() {
            await holding();
            await settle("r0", 5n, ["key", "team"]);
          },
          counters: [5n, 0n],
          states: [
            ["settled", 5n],
            ["settled", 5n],
          ],
        },
      };
      for (const noted of [true, false]) {
        test.each(Object.keys(steps))(
          `%s, ${noted ? "with" : "without"} a note that it began`,
          async (step) => {
            if (!harness.persistent) return;
            const found = steps[step]!;
            if (noted) store.begin(startOf("r0"));
            await found.run();
            await harness.kill(store);
            const dead = store;
            store = await harness.open();
            await store.recover();
            await dead.close();
            expect(await counters("key")).toEqual(found.counters);
            expect(await states("r0")).toEqual(found.states);
            expect(await store.recover()).toBe(0);
            expect(await counters("key")).toEqual(found.counters);
            expect(await states("r0")).toEqual(found.states);
            const { charges } = await store.accounts.unresolved();
            expect(charges).toHaveLength(
              found.states.filter((each) => (each as string[])[0] === "unresolved").length,
            );
            await expectRight();
          },
        );
      }

      test("what a living gateway holds is not touched", async () => {
        if (!harness.persistent) return;
        await store.accounts.hold(holdOf("r0", 8n, { key: 20n }));
        await store.recover();
        expect(await counters("key")).toEqual([0n, 8n]);
      });
    });

    describe("what nobody knows", () => {
      test("is listed by page and corrected, keeping what was", async () => {
        for (let index = 0; index < 7; index += 1) {
          const id = `r${index}`;
          await store.accounts.hold(holdOf(id, 8n, { key: 100n, team: 100n }, { expiresMs: 1 }));
        }
        expect(await store.accounts.expire()).toBe(7);
        const seen: string[] = [];
        let cursor: string | null | undefined;
        do {
          const page = await store.accounts.unresolved({ limit: 3, cursor: cursor ?? undefined });
          seen.push(...page.charges.map(({ requestId, budgetId }) => `${requestId} ${budgetId}`));
          cursor = page.next;
        } while (cursor !== null);
        expect(seen).toEqual(
          Array.from({ length: 7 }, (_unused, index) => [`r${index} key`, `r${index} team`]).flat(),
        );
        expect(await store.accounts.resolve("r0", 3n)).toBe(2);
        expect(await store.accounts.resolve("r0", 3n)).toBe(0);
        expect(await store.accounts.resolve("r1", 0n, accountOf("key").accountId)).toBe(1);
        expect(await store.accounts.resolve("nobody", 3n)).toBe(0);
        expect(await counters("key")).toEqual([7n * 8n - 5n - 8n, 0n]);
        expect(await counters("team")).toEqual([7n * 8n - 5n, 0n]);
        expect(await states("r0")).toEqual([
          ["unresolved", 8n],
          ["correction", -5n],
          ["unresolved", 8n],
          ["correction", -5n],
        ]);
        expect((await store.accounts.unresolved()).charges).toHaveLength(11);
        // One that had settled can be corrected, too, by its account.
        await settle("s0", 4n, ["key"]);
        expect(await store.accounts.resolve("s0", 6n, accountOf("key").accountId)).toBe(1);
        expect(await states("s0")).toEqual([
          ["settled", 4n],
          ["correction", 2n],
        ]);
        await expectRight();
        for (const wrong of ["", "x", "[]", "[1,2]", "null"]) {
          const refused = await store.accounts
            .unresolved({ cursor: wrong })
            .catch((error: unknown) => error);
          expect(refused).toMatchObject({ code: "invalid_request" });
        }
      });
    });

    describe("verifying", () => {
      const fill = async () => {
        for (let index = 0; index < 20; index += 1) {
          const id = `r${index}`;
          await store.accounts.hold(holdOf(id, 10n, { key: 1_000n, team: 1_000n }));
          if (index % 4 !== 0) await settle(id, BigInt(index), ["key", "team"]);
        }
      };
      const right =
        BigInt(Array.from({ length: 20 }, (_unused, i) => i).reduce((a, b) => a + b)) -
        BigInt(0 + 4 + 8 + 12 + 16);

      test("finds corrupted counters; rebuilding mends them, and only them", async () => {
        await fill();
        await expectRight();
        expect(await store.accounts.rebuild()).toBe(0);
        await harness.run(
          "update account set spent_nanos = 7, held_nanos = 1 where budget_id = 'key'",
        );
        await harness.run("delete from account where budget_id = 'team'");
        const { wrong, differences, charges } = await store.accounts.verify();
        expect(charges).toBe(30);
        expect(wrong).toBe(4);
        expect(differences).toEqual([
          { kind: "spent", accountId: "key@0", requestId: null, found: 7n, expected: right },
          { kind: "held", accountId: "key@0", requestId: null, found: 1n, expected: 50n },
          { kind: "spent", accountId: "team@0", requestId: null, found: 0n, expected: right },
          { kind: "held", accountId: "team@0", requestId: null, found: 0n, expected: 50n },
        ]);
        expect(await store.accounts.rebuild()).toBe(2);
        expect(await counters("key")).toEqual([right, 50n]);
        expect(await counters("team")).toEqual([right, 50n]);
        await expectRight();
        await settle("r0", 1n, ["key", "team"]);
        expect(await counters("team")).toEqual([right + 1n, 40n]);
        await expectRight();
      });

      test("finds charges that are not what the request cost", async () => {
        await fill();
        await harness.run("update usage set cost_nanos = 99 where request_id = 'r5'");
        await harness.run("delete from usage where request_id = 'r6'");
        await harness.run("insert into hold values ('r7', 'h', 'key@0', 'somebody', 1, 1, 0)");
        const { differences } = await store.accounts.verify();
        expect(differences).toEqual([
          { kind: "charge", accountId: "key@0", requestId: "r5", found: 5n, expected: 99n },
          { kind: "charge", accountId: "team@0", requestId: "r5", found: 5n, expected: 99n },
          { kind: "usage", accountId: "key@0", requestId: "r6", found: 6n, expected: 0n },
          { kind: "usage", accountId: "team@0", requestId: "r6", found: 6n, expected: 0n },
          { kind: "hold", accountId: "key@0", requestId: "r7", found: 0n, expected: 0n },
        ]);
      });

      test("can be watched and stopped, and goes on beside other work", async () => {
        await fill();
        const told: number[] = [];
        const [{ differences }] = await Promise.all([
          store.accounts.verify({ onProgress: ({ charges }) => told.push(charges) }),
          ...Array.from({ length: 50 }, (_unused, index) => settle(`s${index}`, 3n, ["key"])),
        ]);
        expect(differences).toEqual([]);
        expect(told.length).toBeGreaterThan(0);
        const stopped = store.accounts.verify({ signal: AbortSignal.abort(new Error("enough")) });
        expect(await stopped.catch((error: unknown) => (error as Error).message)).toBe("enough");
      });
    });
  });
}
