// What becomes of holds whose requests never settle, and how accounts are verified and mended.
import { describe, expect, test } from "bun:test";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { startOf } from "../support/store-rows.ts";
import type { Scene } from "./accounts-scene.ts";

export function recoverySuite(scene: Scene): void {
  describe("holds past their time", () => {
    test("are charged, and corrected when the request settles after all", async () => {
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 20n }, { expiresMs: 1_000 }));
      await scene.store.accounts.hold(holdOf("r1", 3n, { key: 20n }));
      expect(await scene.store.accounts.expire()).toBe(1);
      expect(await scene.store.accounts.expire()).toBe(0);
      expect(await scene.counters("key")).toEqual([8n, 3n]);
      expect(await scene.settle("r0", 5n, ["key"])).toBe("committed");
      expect(await scene.counters("key")).toEqual([5n, 3n]);
      expect(await scene.states("r0")).toEqual([
        ["unresolved", 8n],
        ["settled", -3n],
      ]);
      expect((await scene.store.accounts.unresolved()).charges).toEqual([]);
      await scene.expectRight();
    });
  });

  describe("B10: crashes", () => {
    const holding = () =>
      scene.store.accounts.hold(holdOf("r0", 8n, { key: 20n, team: 20n }, { expiresMs: 1_000 }));
    const steps: Readonly<
      Record<
        string,
        { run(): Promise<unknown>; counters: [bigint, bigint]; states: [string, bigint][] }
      >
    > = {
      "before anything was held": {
        run: () => scene.store.flush(),
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
          await scene.store.accounts.release("r0", "r0/0");
        },
        counters: [0n, 0n],
        states: [],
      },
      "when it was handed on": {
        async run() {
          await holding();
          const next = { holdId: "r0/1", replaces: "r0/0" };
          await scene.store.accounts.hold(holdOf("r0", 9n, { key: 20n, team: 20n }, next));
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
          await scene.store.accounts.hold(holdOf("r0", 9n, { key: 20n }, { holdId: "r0/1" }));
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
          await scene.settle("r0", 5n, ["key", "team"]);
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
          if (!scene.harness.persistent) return;
          const found = steps[step]!;
          if (noted) scene.store.begin(startOf("r0"));
          await found.run();
          await scene.harness.kill(scene.store);
          const dead = scene.store;
          scene.store = await scene.harness.open();
          await scene.store.recover();
          await dead.close();
          expect(await scene.counters("key")).toEqual(found.counters);
          expect(await scene.states("r0")).toEqual(found.states);
          expect(await scene.store.recover()).toBe(0);
          expect(await scene.counters("key")).toEqual(found.counters);
          expect(await scene.states("r0")).toEqual(found.states);
          const { charges } = await scene.store.accounts.unresolved();
          expect(charges).toHaveLength(
            found.states.filter(([state]) => state === "unresolved").length,
          );
          await scene.expectRight();
        },
      );
    }

    test("what a living gateway holds is not touched", async () => {
      if (!scene.harness.persistent) return;
      await scene.store.accounts.hold(holdOf("r0", 8n, { key: 20n }));
      await scene.store.recover();
      expect(await scene.counters("key")).toEqual([0n, 8n]);
    });
  });

  describe("what nobody knows", () => {
    test("is told with the deployment that it was held for, and when it was corrected", async () => {
      const { accounts } = scene.store;
      const held = { expiresMs: 1 };
      const one = { key: 100n };
      await accounts.hold({ ...holdOf("d1", 8n, one, held), deployment: "openai/m" });
      await accounts.hold({ ...holdOf("d2", 8n, one, held), deployment: "openai/m" });
      await accounts.hold({
        ...holdOf("d2", 8n, one, held),
        holdId: "second",
        deployment: "other/m",
      });
      await accounts.hold(holdOf("d3", 8n, one, held));
      await accounts.hold({ ...holdOf("d4", 8n, one, held), deployment: "openai/m" });
      expect(await accounts.expire()).toBe(4);
      // One that settles after all is none of them.
      await scene.settle("d4", 4n, ["key"]);
      expect(await accounts.resolve("d1", 3n)).toBe(1);
      const told = async (corrected: boolean) =>
        (await accounts.unresolved({ corrected })).charges.map((each) => [
          each.requestId,
          each.deployment,
          each.nanos,
          each.isOpen,
        ]);
      expect(await told(false)).toEqual([
        ["d2", null, 16n, true],
        ["d3", null, 8n, true],
      ]);
      expect(await told(true)).toEqual([
        ["d1", "openai/m", 3n, false],
        ["d2", null, 16n, true],
        ["d3", null, 8n, true],
      ]);
      expect((await accounts.verify()).wrong).toBe(0);
    });

    test("is listed by page and corrected, keeping what was", async () => {
      for (let index = 0; index < 7; index += 1) {
        const id = `r${index}`;
        await scene.store.accounts.hold(
          holdOf(id, 8n, { key: 100n, team: 100n }, { expiresMs: 1 }),
        );
      }
      expect(await scene.store.accounts.expire()).toBe(7);
      const seen: string[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await scene.store.accounts.unresolved({
          limit: 3,
          cursor: cursor ?? undefined,
        });
        seen.push(...page.charges.map(({ requestId, budgetId }) => `${requestId} ${budgetId}`));
        cursor = page.next;
      } while (cursor !== null);
      expect(seen).toEqual(
        Array.from({ length: 7 }, (_unused, index) => [`r${index} key`, `r${index} team`]).flat(),
      );
      expect(await scene.store.accounts.resolve("r0", 3n)).toBe(2);
      expect(await scene.store.accounts.resolve("r0", 3n)).toBe(0);
      expect(await scene.store.accounts.resolve("r1", 0n, accountOf("key").accountId)).toBe(1);
      expect(await scene.store.accounts.resolve("nobody", 3n)).toBe(0);
      expect(await scene.counters("key")).toEqual([7n * 8n - 5n - 8n, 0n]);
      expect(await scene.counters("team")).toEqual([7n * 8n - 5n, 0n]);
      expect(await scene.states("r0")).toEqual([
        ["unresolved", 8n],
        ["correction", -5n],
        ["unresolved", 8n],
        ["correction", -5n],
      ]);
      expect((await scene.store.accounts.unresolved()).charges).toHaveLength(11);
      // One that had settled can be corrected, too, by its account.
      await scene.settle("s0", 4n, ["key"]);
      expect(await scene.store.accounts.resolve("s0", 6n, accountOf("key").accountId)).toBe(1);
      expect(await scene.states("s0")).toEqual([
        ["settled", 4n],
        ["correction", 2n],
      ]);
      await scene.expectRight();
      for (const wrong of ["", "x", "[]", "[1,2]", "null"]) {
        const refused = await scene.store.accounts
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
        await scene.store.accounts.hold(holdOf(id, 10n, { key: 1_000n, team: 1_000n }));
        if (index % 4 !== 0) await scene.settle(id, BigInt(index), ["key", "team"]);
      }
    };
    const right =
      BigInt(Array.from({ length: 20 }, (_unused, i) => i).reduce((a, b) => a + b)) -
      BigInt(0 + 4 + 8 + 12 + 16);

    test("finds corrupted counters; rebuilding mends them, and only them", async () => {
      await fill();
      await scene.expectRight();
      expect(await scene.store.accounts.rebuild()).toBe(0);
      await scene.harness.run(
        "update account set spent_nanos = 7, held_nanos = 1 where budget_id = 'key'",
      );
      await scene.harness.run("delete from account where budget_id = 'team'");
      const { wrong, differences, charges } = await scene.store.accounts.verify();
      expect(charges).toBe(30);
      expect(wrong).toBe(4);
      expect(differences).toEqual([
        { kind: "spent", accountId: "key@0", requestId: null, found: 7n, expected: right },
        { kind: "held", accountId: "key@0", requestId: null, found: 1n, expected: 50n },
        { kind: "spent", accountId: "team@0", requestId: null, found: 0n, expected: right },
        { kind: "held", accountId: "team@0", requestId: null, found: 0n, expected: 50n },
      ]);
      expect(await scene.store.accounts.rebuild()).toBe(2);
      expect(await scene.counters("key")).toEqual([right, 50n]);
      expect(await scene.counters("team")).toEqual([right, 50n]);
      await scene.expectRight();
      await scene.settle("r0", 1n, ["key", "team"]);
      expect(await scene.counters("team")).toEqual([right + 1n, 40n]);
      await scene.expectRight();
    });

    test("finds charges that are not what the request cost", async () => {
      await fill();
      await scene.harness.run("update usage set cost_nanos = 99 where request_id = 'r5'");
      await scene.harness.run("delete from usage where request_id = 'r6'");
      await scene.harness.run(
        "insert into hold (request_id, hold_id, account_id, owner, at_ms, expires_ms, cost_nanos) values ('r7', 'h', 'key@0', 'somebody', 1, 1, 0)",
      );
      const { differences } = await scene.store.accounts.verify();
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
        scene.store.accounts.verify({ onProgress: ({ charges }) => told.push(charges) }),
        ...Array.from({ length: 50 }, (_unused, index) => scene.settle(`s${index}`, 3n, ["key"])),
      ]);
      expect(differences).toEqual([]);
      expect(told.length).toBeGreaterThan(0);
      const stopped = scene.store.accounts.verify({
        signal: AbortSignal.abort(new Error("enough")),
      });
      expect(await stopped.catch((error: unknown) => (error as Error).message)).toBe("enough");
    });
  });
}
