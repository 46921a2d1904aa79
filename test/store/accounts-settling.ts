// What accounts are charged when requests settle, and what their rows say of whom.
import { describe, expect, test } from "bun:test";
import type { AccountState } from "../../src/store/accounts.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { usageOf } from "../support/store-rows.ts";
import { type Scene, shortOf } from "./accounts-scene.ts";

export function settlingSuite(scene: Scene): void {
  describe("settling", () => {
    test("charges what it cost and gives every hold back, once", async () => {
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 20n, team: 20n }));
      await scene.store.accounts.hold(
        holdOf("r0", 9n, { key: 20n, team: 20n }, { holdId: "r0/1" }),
      );
      expect(await scene.counters("key")).toEqual([0n, 17n]);
      expect(await scene.settle("r0", 11n, ["key", "team"])).toBe("committed");
      expect(await scene.counters("key")).toEqual([11n, 0n]);
      expect(await scene.counters("team")).toEqual([11n, 0n]);
      expect(await scene.states("r0")).toEqual([
        ["settled", 11n],
        ["settled", 11n],
      ]);
      // Told again, of other money and other accounts: nothing changes.
      expect(await scene.settle("r0", 19n, ["key", "elsewhere"])).toBe("duplicate");
      expect(await scene.counters("key")).toEqual([11n, 0n]);
      expect(await scene.states("r0")).toHaveLength(2);
      await scene.expectRight();
    });

    test("overshoot is charged in full, and the next request refused", async () => {
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 10n }));
      await scene.settle("r0", 25n, ["key"]);
      expect(await scene.counters("key")).toEqual([25n, 0n]);
      const account: AccountState = shortOf(
        await scene.store.accounts.hold(holdOf("r1", 0n, { key: 10n })),
      );
      expect(account).toMatchObject({ spentNanos: 25n, heldNanos: 0n });
      await scene.expectRight();
    });

    test("B14: the limit was lowered while it ran: charged all the same", async () => {
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 10n }));
      expect((await scene.store.accounts.hold(holdOf("r1", 1n, { key: 5n }))).held).toBe(false);
      await scene.settle("r0", 8n, ["key"]);
      expect(await scene.counters("key")).toEqual([8n, 0n]);
    });

    test("B13: what began in a window is charged to it, whatever the time", async () => {
      const before = accountOf("key", 0);
      const after = accountOf("key", 86_400_000);
      const hold = holdOf("r0", 8n, {}, { accounts: [{ ...before, limitNanos: 10n }] });
      await scene.store.accounts.hold(hold);
      const next = holdOf("r1", 10n, {}, { accounts: [{ ...after, limitNanos: 10n }] });
      expect((await scene.store.accounts.hold(next)).held).toBe(true);
      await scene.store.settle(usageOf("r0", { costNanos: 6n }), [], {
        nanos: 6n,
        accounts: [before],
      });
      const found = await scene.store.accounts.states([before.accountId, after.accountId]);
      expect(found.map(({ spentNanos, heldNanos }) => [spentNanos, heldNanos])).toEqual([
        [6n, 0n],
        [0n, 10n],
      ]);
    });

    test("B09: zero, unknown, impossible and huge costs", async () => {
      for (const id of ["zero", "unknown", "negative", "huge", "huge2"]) {
        await scene.store.accounts.hold(holdOf(id, 8n, { [id]: 10n }));
      }
      await scene.settle("zero", 0n, ["zero"]);
      expect(await scene.counters("zero")).toEqual([0n, 0n]);
      expect(await scene.states("zero")).toEqual([["settled", 0n]]);
      // Nobody knows: what was held is charged.
      await scene.settle("unknown", null, ["unknown"]);
      expect(await scene.counters("unknown")).toEqual([8n, 0n]);
      expect(await scene.states("unknown")).toEqual([["unresolved", 8n]]);
      await scene.settle("negative", -5n, ["negative"]);
      expect(await scene.counters("negative")).toEqual([0n, 0n]);
      // Counters stay where they can count no more.
      await scene.settle("huge", 2n ** 63n - 1n, ["huge"]);
      await scene.settle("huge2", 2n ** 62n - 1n, ["huge2", "huge"]);
      const most = 2n ** 62n - 2n ** 32n;
      expect(await scene.counters("huge")).toEqual([most, 0n]);
      expect((await scene.store.accounts.hold(holdOf("r9", 1n, { huge: 2n ** 70n }))).held).toBe(
        false,
      );
      await scene.expectRight();
    });

    test("some accounts pay for some of the attempts only", async () => {
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 30n, "model-a": 30n }));
      await scene.store.accounts.hold(
        holdOf("r0", 9n, { key: 30n, "model-b": 30n }, { holdId: "r0/1" }),
      );
      await scene.store.settle(usageOf("r0", { costNanos: 12n }), [], {
        nanos: 12n,
        accounts: [
          accountOf("key"),
          { ...accountOf("model-a"), nanos: 7n },
          { ...accountOf("model-b"), nanos: null },
        ],
      });
      expect(await scene.counters("key")).toEqual([12n, 0n]);
      expect(await scene.counters("model-a")).toEqual([7n, 0n]);
      expect(await scene.counters("model-b")).toEqual([9n, 0n]);
      await scene.expectRight();
    });

    test("without a word of charges, what is held is charged", async () => {
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 10n }));
      expect(await scene.store.settle(usageOf("r0"), [])).toBe("committed");
      expect(await scene.counters("key")).toEqual([8n, 0n]);
      expect(await scene.states("r0")).toEqual([["unresolved", 8n]]);
      // What was refused holds nothing, and is charged nothing.
      await scene.store.accounts.hold(holdOf("r1", 8n, { key: 10n }));
      await scene.store.settle(usageOf("r1"), []);
      expect(await scene.states("r1")).toEqual([]);
      expect(await scene.counters("key")).toEqual([8n, 0n]);
      await scene.expectRight();
    });

    test("whom a row belongs to is kept; tags are bounded, and absent in rows of older versions", async () => {
      const tags = Array.from({ length: 70 }, (_unused, at) => `${at}${"\u{1F4B0}".repeat(100)}`);
      await scene.store.settle(usageOf("r0", { tags }), []);
      await scene.store.settle(usageOf("r1", { tags: ['"', "\0", ""], teamId: null }), []);
      const found = async (id: string) => (await scene.store.request(id))?.usage;
      const first = await found("r0");
      expect(first?.tags).toHaveLength(64);
      expect(first?.tags.every((tag) => tag.length === 128 && tag.isWellFormed())).toBe(true);
      expect(first).toMatchObject({
        keyId: "key_01",
        userId: "user_01",
        organizationId: "org_01",
      });
      expect(await found("r1")).toMatchObject({ tags: ['"', "\uFFFD", ""], teamId: null });
      await scene.harness.run(
        "update usage set tags = null, key_id = null where request_id = 'r1'",
      );
      expect(await found("r1")).toMatchObject({ tags: [], keyId: null });
    });

    test("an account that never held anything is charged", async () => {
      await scene.settle("r0", 4n, ["fresh"]);
      expect(await scene.counters("fresh")).toEqual([4n, 0n]);
      const [state] = await scene.store.accounts.states([accountOf("fresh").accountId]);
      expect(state).toEqual({ ...accountOf("fresh"), spentNanos: 4n, heldNanos: 0n });
      await scene.expectRight();
    });
  });
}
