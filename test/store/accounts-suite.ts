// What accounts must do on every driver: hold within the limit, and charge once.
import { describe, expect, test } from "bun:test";
import { StoreError } from "../../src/store/store.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { usageOf } from "../support/store-rows.ts";
import { runHistories, runMixed } from "./accounts-histories.ts";
import { recoverySuite } from "./accounts-recovery.ts";
import { shortOf, useScene } from "./accounts-scene.ts";
import { settlingSuite } from "./accounts-settling.ts";
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
    const scene = useScene(create);

    describe("holding", () => {
      test(`B01: ${repetitions} bursts of 1,000 from ${gateways} on a limit that pays 10: 10 each`, async () => {
        let held = 0;
        const stores = [scene.store];
        while (stores.length < gateways) stores.push(await scene.harness.open());
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
              scene.settle(`${budget}_${index}`, index % 2 === 0 ? 10n : 5n, [
                budget,
                `${budget}-team`,
              ]),
            ),
          );
          const spent = won.reduce((sum, index) => sum + (index % 2 === 0 ? 10n : 5n), 0n);
          expect(await scene.counters(budget)).toEqual([spent, 0n]);
          expect(await scene.counters(`${budget}-team`)).toEqual([spent, 0n]);
          held += won.length;
        }
        await scene.expectRight();
        await Promise.all(stores.slice(1).map((each) => each.close()));
        console.log(
          `${name}: ${repetitions} bursts of 1,000 from ${gateways}: ${held} held of ${repetitions * 10} that could be, 0 above the limit`,
        );
      }, 300_000);

      test("B02: the first 8 requests of a new budget", async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_unused, index) =>
            scene.store.accounts.hold(holdOf(`r${index}`, 3n, { "tag#new": 10n })),
          ),
        );
        expect(outcomes.filter(({ held }) => held)).toHaveLength(3);
        expect(await scene.counters("tag#new")).toEqual([0n, 9n]);
      });

      test("all accounts or none; the one with the least left is told", async () => {
        await scene.store.accounts.hold(holdOf("r0", 8n, { key: 100n, team: 10n, org: 9n }));
        const account = shortOf(
          await scene.store.accounts.hold(holdOf("r1", 2n, { key: 100n, team: 10n, org: 9n })),
        );
        expect(account).toEqual({
          ...accountOf("org"),
          spentNanos: 0n,
          heldNanos: 8n,
          limitNanos: 9n,
        });
        expect(await scene.counters("key")).toEqual([0n, 8n]);
        expect(await scene.counters("team")).toEqual([0n, 8n]);
        // An account that several budgets share is asked once, with the lowest limit.
        const shared = { ...accountOf("pool"), limitNanos: 5n };
        const twice = holdOf("r2", 3n, {}, { accounts: [{ ...shared, limitNanos: 9n }, shared] });
        expect(await scene.store.accounts.hold(twice)).toEqual({ held: true });
        expect(await scene.counters("pool")).toEqual([0n, 3n]);
        expect(
          shortOf(await scene.store.accounts.hold({ ...twice, requestId: "r3" })).limitNanos,
        ).toBe(5n);
        await scene.expectRight();
      });

      test("B07: nothing is held where less is left than it costs", async () => {
        await scene.store.accounts.hold(holdOf("r0", 91n, { key: 100n }));
        expect(
          shortOf(await scene.store.accounts.hold(holdOf("r1", 10n, { key: 100n }))).heldNanos,
        ).toBe(91n);
        expect(await scene.store.accounts.hold(holdOf("r2", 9n, { key: 100n }))).toEqual({
          held: true,
        });
        expect(await scene.counters("key")).toEqual([0n, 100n]);
      });

      test("B09: nothing, everything, and more than there is", async () => {
        const hold = (id: string, cost: bigint, limit: bigint) =>
          scene.store.accounts.hold(holdOf(id, cost, { key: limit }));
        expect(await hold("r0", 0n, 0n)).toEqual({ held: true });
        expect((await hold("r1", 1n, 0n)).held).toBe(false);
        expect((await hold("r2", 0n, -1n)).held).toBe(false);
        expect((await hold("r3", 2n ** 80n, 2n ** 40n)).held).toBe(false);
        expect((await hold("r4", 2n ** 61n, 2n ** 63n)).held).toBe(true);
        expect((await hold("r5", 2n ** 61n, 2n ** 63n)).held).toBe(false);
        const refused = await hold("r6", -1n, 10n).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(StoreError);
        expect(refused).toMatchObject({ code: "invalid_row" });
        expect(await scene.counters("key")).toEqual([0n, 2n ** 61n]);
        expect(await scene.store.accounts.hold(holdOf("r7", 5n, {}))).toEqual({ held: true });
        await scene.expectRight();
      });

      test("is given back once", async () => {
        await scene.store.accounts.hold(holdOf("r0", 8n, { key: 10n, team: 10n }));
        await Promise.all([
          scene.store.accounts.release("r0", "r0/0"),
          scene.store.accounts.release("r0", "r0/0"),
        ]);
        await scene.store.accounts.release("r0", "other");
        expect(await scene.counters("key")).toEqual([0n, 0n]);
        expect(await scene.counters("team")).toEqual([0n, 0n]);
        expect((await scene.store.accounts.hold(holdOf("r1", 10n, { key: 10n }))).held).toBe(true);
        await scene.expectRight();
      });

      test("all that a request holds is given back at once, and what others hold is not", async () => {
        const again = { ...holdOf("r0", 1n, { key: 20n }), holdId: "r0/1" };
        for (const hold of [holdOf("r0", 8n, { key: 20n, team: 10n }), again]) {
          expect((await scene.store.accounts.hold(hold)).held).toBe(true);
        }
        await scene.store.accounts.hold(holdOf("r1", 2n, { key: 20n, team: 10n }));
        await scene.store.accounts.giveBack("r0");
        await scene.store.accounts.giveBack("r0");
        expect(await scene.counters("key")).toEqual([0n, 2n]);
        expect(await scene.counters("team")).toEqual([0n, 2n]);
        await scene.expectRight();
      });

      test("a request that has settled holds nothing any more", async () => {
        await scene.store.settle(usageOf("r0"), []);
        const refused = await scene.store.accounts
          .hold(holdOf("r0", 1n, { key: 10n }))
          .catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "invalid_row" });
        expect(await scene.counters("key")).toEqual([0n, 0n]);
      });
    });

    test(`${histories} random histories are as the model says, after every step`, async () => {
      const steps = await runHistories(create, { runs: histories, seed: 55, verifyEvery: 1 });
      console.log(`${name}: ${histories} histories, ${steps} steps verified`);
      expect(steps).toBeGreaterThan(histories * 5);
    }, 300_000);

    test(`B05: ${mixed} mixed requests from ${gateways}: counters, rows and the tally are one`, async () => {
      const stores = [scene.store];
      while (stores.length < gateways) stores.push(await scene.harness.open());
      const tally = await runMixed(stores, { requests: mixed, seed: 7 });
      expect(await scene.counters("mixed")).toEqual([tally.spent, tally.held]);
      expect(await scene.counters("mixed-team")).toEqual([tally.spent, tally.held]);
      expect(tally.spent + tally.held).toBeLessThanOrEqual(40_000n);
      expect(tally.refused).toBeGreaterThan(0);
      await scene.expectRight();
      await Promise.all(stores.slice(1).map((each) => each.close()));
      console.log(
        `${name}: ${mixed} mixed requests from ${gateways}: ${tally.admitted} admitted, ${tally.refused} refused, 0 nano-dollars apart`,
      );
    }, 300_000);

    describe("handing on to the next attempt", () => {
      const next = (cost: bigint, limits: Readonly<Record<string, bigint>>, at = 1) =>
        scene.store.accounts.hold(
          holdOf("r0", cost, limits, { holdId: `r0/${at}`, replaces: `r0/${at - 1}` }),
        );

      test("what the last one held is free for it, no more", async () => {
        await scene.store.accounts.hold(holdOf("other", 3n, { key: 10n }));
        await scene.store.accounts.hold(holdOf("r0", 5n, { key: 10n }));
        expect((await next(8n, { key: 10n })).held).toBe(false);
        expect(await scene.counters("key")).toEqual([0n, 8n]);
        expect((await next(7n, { key: 10n })).held).toBe(true);
        expect(await scene.counters("key")).toEqual([0n, 10n]);
        expect((await next(1n, { key: 10n }, 2)).held).toBe(true);
        expect(await scene.counters("key")).toEqual([0n, 4n]);
        await scene.expectRight();
      });

      test("to other accounts, all or none", async () => {
        await scene.store.accounts.hold(holdOf("r0", 5n, { key: 10n, "model-a": 10n }));
        expect((await next(6n, { key: 10n, "model-b": 5n })).held).toBe(false);
        expect(await scene.counters("model-a")).toEqual([0n, 5n]);
        expect((await next(6n, { key: 10n, "model-b": 6n })).held).toBe(true);
        expect(await scene.counters("key")).toEqual([0n, 6n]);
        expect(await scene.counters("model-a")).toEqual([0n, 0n]);
        expect(await scene.counters("model-b")).toEqual([0n, 6n]);
        expect((await next(6n, {}, 2)).held).toBe(true);
        expect(await scene.counters("key")).toEqual([0n, 0n]);
        await scene.expectRight();
      });

      test("B14: under a limit that was lowered it may not grow", async () => {
        await scene.store.accounts.hold(holdOf("r0", 5n, { key: 10n }));
        expect((await next(6n, { key: 2n })).held).toBe(false);
        expect((await next(5n, { key: 2n })).held).toBe(true);
        expect((await next(4n, { key: 2n }, 2)).held).toBe(true);
        expect((await scene.store.accounts.hold(holdOf("r1", 1n, { key: 2n }))).held).toBe(false);
        expect(await scene.counters("key")).toEqual([0n, 4n]);
      });
    });

    settlingSuite(scene);
    recoverySuite(scene);
  });
}
