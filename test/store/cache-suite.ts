// Cached answers on any driver: found while they are young, gone by age, by size, by order and with their person.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createUsage } from "../../src/ir/usage.ts";
import { setClock } from "../../src/lib/clock.ts";
import type { CachedAnswer } from "../../src/store/cached-answers.ts";
import type { Store } from "../../src/store/store.ts";
import { usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

const hour = 3_600_000;
const start = 20_000 * 24 * hour;

export const answerOf = (key: string, changes: Partial<CachedAnswer> = {}): CachedAnswer => ({
  key,
  atMs: start,
  expiresMs: start + hour,
  requestId: `req_${key}`,
  route: "fast",
  provider: "openai",
  model: "gpt-4o",
  form: "whole",
  contentType: "application/json",
  hasUsage: false,
  usage: createUsage({ total: 3 }, { total: 4 }),
  costNanos: 12_345n,
  owner: {
    keyId: "key_1",
    keyName: "laptop",
    userId: "user_1",
    organizationId: "org_1",
    endUser: "end-9",
  },
  body: Buffer.from(`{"of":"${key}","é":"\u2028"}`),
  ...changes,
});

const nobody = { keyId: null, keyName: null, userId: null, organizationId: null, endUser: null };

/** Text that packing makes no smaller than three quarters. */
const noise = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export function cacheSuite(name: string, create: () => Promise<StoreHarness>): void {
  describe(`cached answers: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;
    let nowMs: number;
    let restore: () => void;

    beforeEach(async () => {
      nowMs = start;
      restore = setClock({ now: () => nowMs });
      harness = await create();
      store = await harness.open();
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
      restore();
    });

    const keys = async (...all: string[]): Promise<string[]> => {
      const found = await Promise.all(all.map((key) => store.cachedAnswers.get(key)));
      return found.flatMap((each) => each?.key ?? []);
    };
    const same = (found: CachedAnswer | null, put: CachedAnswer): void => {
      expect(found && { ...found, body: Buffer.from(found.body) }).toEqual({
        ...put,
        body: Buffer.from(put.body),
      });
    };

    test("come back as they were put, whatever their bytes are", async () => {
      const bodies = [
        Buffer.from(""),
        Buffer.from("short"),
        Buffer.from("a\0b"),
        Buffer.from([0xff, 0xfe, 0x00]),
        Buffer.from("long ".repeat(5_000)),
        Buffer.from(noise(50_000)),
      ];
      for (const [at, body] of bodies.entries()) {
        const put = answerOf(`k${at}`, { body });
        await store.cachedAnswers.put(put);
        same(await store.cachedAnswers.get(put.key), put);
      }
      const bare = answerOf("bare", {
        route: null,
        provider: null,
        model: null,
        usage: null,
        costNanos: null,
        owner: nobody,
        form: "stream",
        hasUsage: true,
        contentType: "text/event-stream",
      });
      await store.cachedAnswers.put(bare);
      same(await store.cachedAnswers.get("bare"), bare);
      expect(await store.cachedAnswers.get("other")).toBeNull();
    });

    test("a newer one takes the place of an older one", async () => {
      await store.cachedAnswers.put(answerOf("k"));
      const newer = answerOf("k", { atMs: start + 5, body: Buffer.from("newer"), owner: nobody });
      await store.cachedAnswers.put(newer);
      same(await store.cachedAnswers.get("k"), newer);
      expect((await store.cachedAnswers.size()).entries).toBe(1);
    });

    test("expire, and are then swept in small deletes", async () => {
      for (let at = 0; at < 250; at += 1) {
        await store.cachedAnswers.put(
          answerOf(`k${at}`, { expiresMs: start + 1 + (at % 2) * hour }),
        );
      }
      nowMs = start + 1;
      expect(await keys("k0", "k1")).toEqual(["k1"]);
      expect((await store.cachedAnswers.size()).entries).toBe(250);
      expect(await store.cachedAnswers.sweep()).toBe(125);
      expect((await store.cachedAnswers.size()).entries).toBe(125);
      expect(await store.cachedAnswers.sweep()).toBe(0);
    });

    test("the oldest go first where room is needed, and no more than needed", async () => {
      for (let at = 0; at < 230; at += 1) {
        await store.cachedAnswers.put(answerOf(`k${at}`, { atMs: start + at, body: noise(3_000) }));
      }
      const { bytes } = await store.cachedAnswers.size();
      expect(bytes).toBeGreaterThan(230 * 3_000);
      const each = bytes / 230;
      const gone = await store.cachedAnswers.evict(Math.ceil(each * 119.5));
      expect(gone.entries).toBeGreaterThanOrEqual(119);
      expect(gone.entries).toBeLessThanOrEqual(121);
      expect(gone.bytes).toBe(bytes - (await store.cachedAnswers.size()).bytes);
      expect(await keys("k0", "k100", "k118", "k122", "k229")).toEqual(["k122", "k229"]);
      expect(await store.cachedAnswers.evict(0)).toEqual({ entries: 0, bytes: 0 });
    });

    test("are cleared: one, those of a model, all", async () => {
      await store.cachedAnswers.put(answerOf("a"));
      await store.cachedAnswers.put(answerOf("b"));
      await store.cachedAnswers.put(answerOf("c", { route: "slow" }));
      expect(await store.cachedAnswers.clear({ key: "a", route: "slow" })).toBe(0);
      expect(await store.cachedAnswers.clear({ key: "a" })).toBe(1);
      expect(await store.cachedAnswers.clear({ route: "slow" })).toBe(1);
      expect(await keys("a", "b", "c")).toEqual(["b"]);
      expect(await store.cachedAnswers.clear()).toBe(1);
      expect(await store.cachedAnswers.size()).toEqual({ entries: 0, bytes: 0 });
    });

    test("figures tell of entries, of hits since a time and of what they saved", async () => {
      const free = { inputTokens: 0, outputTokens: 0, attempts: 0, costNanos: 0n };
      const hit = { ...free, priceSource: "cache", provider: null, model: null };
      await store.settle(usageOf("req_1", { ...hit, atMs: start, savedNanos: 2n ** 40n }), []);
      await store.settle(usageOf("req_2", { ...hit, atMs: start + hour, savedNanos: 5n }), []);
      await store.settle(usageOf("req_3", { ...hit, atMs: start + hour }), []);
      await store.settle(usageOf("req_4", { atMs: start + hour }), []);
      await store.cachedAnswers.put(answerOf("a", { atMs: start + 7 }));
      expect(await store.cachedAnswers.figures(0)).toMatchObject({
        entries: 1,
        oldestMs: start + 7,
        hits: 3,
        savedNanos: 2n ** 40n + 5n,
      });
      expect(await store.cachedAnswers.figures(start + 1)).toMatchObject({
        hits: 2,
        savedNanos: 5n,
      });
      expect((await store.request("req_1"))?.usage.savedNanos).toBe(2n ** 40n);
      expect((await store.request("req_3"))?.usage.savedNanos).toBeUndefined();
    });

    test("stay when the store is opened again", async () => {
      if (!harness.persistent) return;
      const put = answerOf("k", { body: Buffer.from("x".repeat(5_000)) });
      await store.cachedAnswers.put(put);
      await store.close();
      store = await harness.open();
      same(await store.cachedAnswers.get("k"), put);
    });

    test("a store for reading only takes none", async () => {
      if (!harness.persistent) return;
      await store.cachedAnswers.put(answerOf("k"));
      await store.close();
      store = await harness.open({ readOnly: true });
      expect(await keys("k")).toEqual(["k"]);
      expect(store.cachedAnswers.put(answerOf("l"))).rejects.toThrow("reading only");
      expect(store.cachedAnswers.clear()).rejects.toThrow("reading only");
    });

    test("the ledger's own limit does not count them", async () => {
      await store.settle(usageOf("req_1", { atMs: start - 5 * hour }), []);
      await store.cachedAnswers.put(answerOf("big", { body: noise(900_000) }));
      const policy = { rowsMs: null, hoursMs: null, daysMs: null, bodiesMs: null };
      const removed = await store.retention.apply({ ...policy, maxBytes: 900_000 });
      expect(removed.rows).toBe(0);
      expect(await keys("big")).toEqual(["big"]);
    });

    describe("of one person", () => {
      const fill = async (): Promise<void> => {
        const owner = { ...answerOf("").owner, organizationId: null };
        await store.cachedAnswers.put(answerOf("user", { owner }));
        await store.cachedAnswers.put(
          answerOf("key", { owner: { ...nobody, keyId: `key_${"a".repeat(32)}` } }),
        );
        await store.cachedAnswers.put(
          answerOf("configured", { owner: { ...nobody, keyName: "static" } }),
        );
        await store.cachedAnswers.put(
          answerOf("other", { owner: { ...nobody, endUser: "end-1" } }),
        );
      };

      test.each([
        ["end_user", "end-9", "user"],
        ["user", "user_1", "user"],
        ["key", `key_${"a".repeat(32)}`, "key"],
        ["key", "static", "configured"],
      ] as const)("%s %s: counted, handed out, and gone", async (kind, id, mine) => {
        await fill();
        const subject = { kind, id };
        expect(await store.subjectData.count(subject)).toMatchObject({ items: 1 });
        const records = [];
        for await (const record of store.subjectData.export(subject)) records.push(record);
        expect(records).toEqual([
          { type: "item", kind: "cached-answer", key: mine, value: expect.stringContaining(mine) },
        ]);
        await store.subjectData.erase(subject, { actor: "admin" });
        const all = ["user", "key", "configured", "other"];
        expect(await keys(...all)).toEqual(all.filter((key) => key !== mine));
        expect(await store.subjectData.count(subject)).toMatchObject({ items: 0 });
      });

      test("an end user whose name has what no database takes is found by it", async () => {
        const id = "a\0b";
        await store.cachedAnswers.put(answerOf("odd", { owner: { ...nobody, endUser: id } }));
        await store.subjectData.erase({ kind: "end_user", id }, { actor: "admin" });
        expect(await keys("odd")).toEqual([]);
      });

      test("whose organization they belong to is told", async () => {
        await store.cachedAnswers.put(answerOf("k"));
        const subject = { kind: "end_user", id: "end-9" } as const;
        expect([...(await store.subjectData.organizationsOf(subject))]).toEqual(["org_1"]);
      });
    });
  });
}
