// Alerts and spending on any driver: each thing is told once, by whichever gateway, and delivered by one.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import type { AlertFacts } from "../../src/store/alerts.ts";
import type { Store } from "../../src/store/store.ts";
import type { StoreHarness } from "./contract.ts";

export const factsOf = (over: Partial<AlertFacts> = {}): AlertFacts => ({
  kind: "threshold",
  budgetId: "budget_a",
  budgetName: "A",
  accountId: "budget_a@0",
  of: null,
  share: 0.8,
  amountNanos: 10n,
  spentNanos: 8n,
  heldNanos: 0n,
  window: "1d",
  windowStartMs: 0,
  windowEndMs: 86_400_000,
  ...over,
});

export function alertsSuite(name: string, create: () => Promise<StoreHarness>): void {
  describe(`alerts: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;
    let restore = (): void => {};
    let nowMs = 1_000_000;
    beforeEach(async () => {
      nowMs = 1_000_000;
      restore = setClock({ now: () => nowMs });
      harness = await create();
      store = await harness.open();
    });
    afterEach(async () => {
      restore();
      await store.close();
      await harness.dispose();
    });

    test("one account and threshold is told once, whoever tells it", async () => {
      const other = harness.persistent ? await harness.open() : store;
      try {
        const told = await Promise.all(
          Array.from({ length: 100 }, (_none, at) =>
            (at % 2 === 0 ? store : other).alerts.raise(factsOf(), { deliver: true }),
          ),
        );
        expect(told.filter((alert) => alert !== null)).toHaveLength(1);
        const { rows, next } = await store.alerts.list();
        expect(rows).toEqual(told.filter((alert) => alert !== null));
        expect(next).toBeNull();
      } finally {
        if (other !== store) await other.close();
      }
    });

    test("another threshold, window, end user or amount, and a refusal, are other alerts", async () => {
      const all: Partial<AlertFacts>[] = [
        {},
        { share: 1 },
        { accountId: "budget_a@86400000" },
        { accountId: "budget_a@0#ann", of: "ann" },
        { amountNanos: 2n ** 62n },
        { kind: "refused", share: null },
      ];
      for (const over of all) {
        expect(await store.alerts.raise(factsOf(over), { deliver: false })).not.toBeNull();
        expect(await store.alerts.raise(factsOf(over), { deliver: false })).toBeNull();
      }
      const { rows } = await store.alerts.list();
      expect(rows).toHaveLength(all.length);
      expect(rows.map((row) => row.amountNanos)).toContain(2n ** 62n);
      expect(await store.alerts.due(nowMs + 1e12, 10)).toEqual([]);
      expect(await store.alerts.nextDue()).toBeNull();
    });

    test("pages, since, by budget", async () => {
      for (let at = 0; at < 7; at += 1) {
        nowMs += 1_000;
        await store.alerts.raise(
          factsOf({ accountId: `x@${at}`, budgetId: at % 2 === 0 ? "even" : "odd" }),
          { deliver: false },
        );
      }
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.alerts.list({ limit: 3, ...(cursor && { cursor }) });
        seen.push(...page.rows.map(({ accountId }) => accountId));
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      expect(seen).toEqual(["x@6", "x@5", "x@4", "x@3", "x@2", "x@1", "x@0"]);
      const since = await store.alerts.list({ sinceMs: nowMs - 1_000 });
      expect(since.rows.map(({ accountId }) => accountId)).toEqual(["x@6", "x@5"]);
      expect((await store.alerts.list({ budgetId: "odd" })).rows).toHaveLength(3);
      expect(store.alerts.list({ cursor: "x'; drop table alert" })).rejects.toMatchObject({
        code: "invalid_request",
      });
    });

    test("a due alert is taken by one; one that fails comes again, one that arrived does not", async () => {
      await store.alerts.raise(factsOf(), { deliver: true });
      const [due] = await store.alerts.due(nowMs, 10);
      if (!due) throw new Error("nothing is due");
      const taken = await Promise.all(
        Array.from({ length: 20 }, () => store.alerts.take(due, nowMs + 30_000)),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await store.alerts.due(nowMs, 10)).toEqual([]);
      // Whoever took it died: it is due again.
      expect(await store.alerts.nextDue()).toBe(nowMs + 30_000);
      const [again] = await store.alerts.due(nowMs + 30_000, 10);
      expect(again).toMatchObject({ id: due.id, tries: 1, deliveredMs: null });
      await store.alerts.failed(due.id, nowMs + 5_000);
      expect(await store.alerts.nextDue()).toBe(nowMs + 5_000);
      await store.alerts.delivered(due.id);
      expect(await store.alerts.nextDue()).toBeNull();
      expect((await store.alerts.list()).rows[0]).toMatchObject({
        deliveredMs: nowMs,
        nextMs: null,
      });
      await store.alerts.failed(due.id, null);
      expect(await store.alerts.nextDue()).toBeNull();
    });

    test("is on record when the database is opened again, and not for ever", async () => {
      await store.alerts.raise(factsOf(), { deliver: true });
      if (harness.persistent) {
        await store.close();
        store = await harness.open();
      }
      expect(await store.alerts.raise(factsOf(), { deliver: true })).toBeNull();
      expect(await store.alerts.due(nowMs, 10)).toHaveLength(1);
      nowMs += 401 * 86_400_000;
      await store.alerts.raise(factsOf({ accountId: "b" }), { deliver: false });
      expect((await store.alerts.list()).rows.map(({ accountId }) => accountId)).toEqual(["b"]);
    });

    test("spending: of each budget's window the accounts that spent most", async () => {
      const hold = (budgetId: string, of: string, costNanos: bigint, windowStartMs = 0) =>
        store.accounts.hold({
          requestId: `${budgetId}${of}${windowStartMs}`,
          holdId: `${budgetId}${of}${windowStartMs}`,
          costNanos,
          expiresMs: 9e12,
          accounts: [
            {
              accountId: `${budgetId}@${windowStartMs}${of && `#${of}`}`,
              budgetId,
              windowStartMs,
              windowEndMs: null,
              limitNanos: 1_000n,
            },
          ],
        });
      for (let at = 1; at <= 30; at += 1) await hold("each", `u${at}`, BigInt(at));
      await hold("one", "", 7n);
      await hold("one", "", 9n, 500);
      const found = await store.spending.of(
        [
          { budgetId: "each", windowStartMs: 0 },
          { budgetId: "one", windowStartMs: 500 },
          { budgetId: "none", windowStartMs: 0 },
        ],
        3,
      );
      expect(found.map(({ accountId, heldNanos }) => [accountId, heldNanos])).toEqual([
        ["each@0#u30", 30n],
        ["each@0#u29", 29n],
        ["each@0#u28", 28n],
        ["one@500", 9n],
      ]);
      expect(await store.spending.of([], 3)).toEqual([]);
    });
  });
}
