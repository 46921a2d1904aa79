// What is deleted, what stays and what adds up, on any driver: retention, checks of the ledger, one person's data.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import type { RetentionPolicy } from "../../src/store/retention.ts";
import type { Store, UsageRow } from "../../src/store/store.ts";
import type { DataRecord, DataSubject } from "../../src/store/subject-data.ts";
import { percentile } from "../support/numbers.ts";
import { attemptOf, usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = 20_000 * day;

const forever: RetentionPolicy = {
  rowsMs: null,
  hoursMs: null,
  daysMs: null,
  bodiesMs: null,
  maxBytes: null,
};

const by = [
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

const reports = async (store: Store, sinceMs = 0) =>
  Object.fromEntries(
    await Promise.all(
      by.map(async (name) => [name, await store.usage({ by: name, sinceMs })] as const),
    ),
  );

export function retentionSuite(name: string, create: () => Promise<StoreHarness>): void {
  describe(`retention: ${name}`, () => {
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

    /** A request with two attempts, at a time that the clock is set to. */
    const settleAt = async (requestId: string, atMs: number, changes: Partial<UsageRow> = {}) => {
      nowMs = atMs;
      const row = usageOf(requestId, { atMs, ...changes });
      const half = { ...row, inputTokens: 0, outputTokens: 0, costNanos: null };
      const nothing = Object.fromEntries(
        Object.keys(half)
          .filter((field) => field.endsWith("Tokens"))
          .map((field) => [field, 0]),
      );
      await store.settle(row, [
        attemptOf(requestId, 0, {
          ...nothing,
          provider: "other",
          status: "error",
          costNanos: null,
        }),
        attemptOf(requestId, 1, {
          ...Object.fromEntries(
            Object.keys(nothing).map((field) => [field, row[field as "inputTokens"]]),
          ),
          startedAtMs: atMs,
          costNanos: row.costNanos,
        }),
      ]);
    };

    const account = (id: string) => ({
      accountId: `budget_1@0#${id}`,
      budgetId: "budget_1",
      windowStartMs: 0,
      windowEndMs: null,
      limitNanos: 10n ** 15n,
    });

    test("rows go by age, hours after them, days last; the sums of whole spans stay as they were", async () => {
      for (let index = 0; index < 400; index += 1) {
        await settleAt(`req_${index}`, start + index * hour, { key: `k${index % 3}` });
      }
      nowMs = start + 400 * hour;
      const before = await reports(store);
      const removed = await store.retention.apply({ ...forever, rowsMs: 5 * day });
      expect(removed.rows).toBe(400 - 5 * 24);
      expect(await store.count()).toBe(5 * 24);
      expect(await store.request("req_0")).toBeNull();
      expect(await reports(store)).toEqual(before);
      // From the middle of an hour of which the rows are gone the whole hour counts.
      expect(await reports(store, start + 30 * 60_000)).toEqual(before);
      const later = await store.usage({ by: "status", sinceMs: start + hour });
      expect(later[0]?.requests).toBe(399);

      expect(
        (await store.retention.apply({ ...forever, hoursMs: 10 * day })).hours,
      ).toBeGreaterThan(0);
      expect(await reports(store)).toEqual(before);
      // And from the middle of a day of which the hours are gone, the whole day.
      expect((await store.usage({ by: "status", sinceMs: start + 5 * hour }))[0]?.requests).toBe(
        400,
      );
      expect(await store.check.verify()).toMatchObject({ wrong: 0 });

      // A row that comes late goes into the sums, and then where the others went.
      await settleAt("req_late", start + 90 * 60_000);
      nowMs = start + 400 * hour;
      await store.retention.apply({ ...forever, rowsMs: 5 * day });
      expect(await store.request("req_late")).toBeNull();
      expect((await store.usage({ by: "status" }))[0]?.requests).toBe(401);
      expect(await store.check.verify()).toMatchObject({ wrong: 0 });

      const days = (await store.retention.apply({ ...forever, daysMs: 14 * day })).days;
      expect(days).toBeGreaterThan(0);
      expect((await store.usage({ by: "day" }))[0]?.group).toBe("2024-10-06");
    }, 60_000);

    test("what is held or unresolved stays; charges and the audit log always do", async () => {
      const hold = async (requestId: string) => {
        await store.accounts.hold({
          requestId,
          holdId: "a",
          costNanos: 100n,
          expiresMs: start + 999 * day,
          accounts: [account("one")],
        });
      };
      await hold("req_paid");
      nowMs = start;
      await store.settle(usageOf("req_paid", { atMs: start, costNanos: 60n }), [], {
        nanos: 60n,
        accounts: [account("one")],
      });
      await hold("req_unresolved");
      await store.settle(usageOf("req_unresolved", { atMs: start, costNanos: null }), [], {
        nanos: null,
        accounts: [account("one")],
      });
      await store.audit.append([
        { actor: "admin", action: "a.b", kind: "a", subjectId: "x", before: null, after: null },
      ]);
      nowMs = start + 100 * day;
      expect((await store.retention.apply({ ...forever, rowsMs: day })).rows).toBe(1);
      expect(await store.request("req_paid")).toBeNull();
      expect(await store.request("req_unresolved")).not.toBeNull();
      expect(await store.accounts.charges("req_paid")).toHaveLength(1);
      expect(await store.accounts.verify()).toMatchObject({ wrong: 0, charges: 2 });
      expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 1 });
      await store.accounts.resolve("req_unresolved", 0n);
      expect((await store.retention.apply({ ...forever, rowsMs: day })).rows).toBe(0);
      nowMs += 2 * day;
      expect((await store.retention.apply({ ...forever, rowsMs: day })).rows).toBe(1);
      expect(await store.accounts.verify()).toMatchObject({ wrong: 0 });
    });

    test("bodies come back as they were, are deleted by age, and with their request", async () => {
      await settleAt("req_1", start);
      const text = `{"messages":"${"grüße 😀 ".repeat(2_000)}"}`;
      await store.bodies.put([
        {
          requestId: "req_1",
          part: "response",
          contentType: "text/event-stream",
          size: 9,
          isCut: true,
          text: "data: x\n\n",
        },
        {
          requestId: "req_1",
          part: "request",
          contentType: null,
          size: text.length,
          isCut: false,
          text,
        },
      ]);
      expect(
        (await store.bodies.get("req_1")).map((each) => [each.part, each.isCut, each.text]),
      ).toEqual([
        ["request", false, text],
        ["response", true, "data: x\n\n"],
      ]);
      nowMs = start + 8 * day;
      await settleAt("req_2", nowMs);
      await store.bodies.put([
        {
          requestId: "req_2",
          part: "request",
          contentType: null,
          size: 1,
          isCut: false,
          text: "x",
        },
      ]);
      expect((await store.retention.apply({ ...forever, bodiesMs: 7 * day })).bodies).toBe(1);
      expect(await store.bodies.get("req_1")).toEqual([]);
      expect(await store.bodies.get("req_2")).toHaveLength(1);
      nowMs += 2 * day;
      expect((await store.retention.apply({ ...forever, rowsMs: day })).rows).toBe(2);
      expect(await store.bodies.get("req_2")).toEqual([]);
    });

    test("by size the oldest go first, until it fits", async () => {
      for (let batch = 0; batch < 40; batch += 1) {
        nowMs = start + batch * hour;
        await Promise.all(
          Array.from({ length: 50 }, (_unused, index) =>
            store.settle(
              usageOf(`req_${batch}_${index}`, { atMs: start + batch * hour + index }),
              [],
            ),
          ),
        );
      }
      nowMs = start + 41 * hour;
      const before = await reports(store);
      const driver = harness.persistent ? await harness.driver() : null;
      const used = (await driver?.usedBytes()) ?? 0;
      await driver?.close();
      if (!driver) return;
      expect(used).toBeGreaterThan(100_000);
      const { rows } = await store.retention.apply({
        ...forever,
        maxBytes: Math.round(used * 0.7),
      });
      expect(rows).toBeGreaterThan(400);
      expect(rows).toBeLessThan(1_600);
      expect(await store.count()).toBe(2_000 - rows);
      const first = Math.floor(rows / 50);
      expect(await store.request(`req_${first + 1}_49`)).not.toBeNull();
      expect(await store.request(`req_${first - 1}_0`)).toBeNull();
      expect(await reports(store)).toEqual(before);
    }, 60_000);

    test("R41: beside a running retention settles go on", async () => {
      const rows = 6_000;
      for (let from = 0; from < rows; from += 500) {
        await Promise.all(
          Array.from({ length: 500 }, (_unused, index) =>
            store.settle(
              usageOf(`old_${from + index}`, { atMs: start + (from + index) * 1_000 }),
              [],
            ),
          ),
        );
      }
      nowMs = start + 100 * day;
      const timeSettles = async (prefix: string, until: () => boolean): Promise<number[]> => {
        const took: number[] = [];
        for (let index = 0; index < 100 || !until(); index += 1) {
          const sinceMs = performance.now();
          await store.settle(usageOf(`${prefix}_${index}`, { atMs: nowMs }), []);
          took.push(performance.now() - sinceMs);
          await Bun.sleep(1);
        }
        return took;
      };
      const alone = await timeSettles("alone", () => true);
      let isOver = false;
      const removing = store.retention.apply({ ...forever, rowsMs: day }).finally(() => {
        isOver = true;
      });
      const beside = await timeSettles("beside", () => isOver);
      expect((await removing).rows).toBe(rows);
      const ms = (times: number[], share: number) => `${percentile(times, share).toFixed(1)} ms`;
      console.log(
        `${name}: a settle alone p50 ${ms(alone, 0.5)}, p99 ${ms(alone, 0.99)}; beside a retention of ${rows} rows p50 ${ms(beside, 0.5)}, p99 ${ms(beside, 0.99)} (${beside.length} settles)`,
      );
      expect(await store.count()).toBe(alone.length + beside.length);
    }, 60_000);

    describe("checks", () => {
      const corruptions: readonly [string, string, { kind: string; field: string }][] = [
        [
          "an attempt's tokens",
          "update attempt set input_tokens = 7 where request_id = 'req_3' and attempt_index = 0",
          { kind: "attempts", field: "inputTokens" },
        ],
        [
          "an attempt's cost",
          "update attempt set cost_nanos = 1 where request_id = 'req_3' and attempt_index = 1",
          { kind: "attempts", field: "costNanos" },
        ],
        [
          "an attempt that is gone",
          "delete from attempt where request_id = 'req_3' and attempt_index = 0",
          { kind: "attempts", field: "attempts" },
        ],
        [
          "a row that is gone",
          "delete from usage where request_id = 'req_3'",
          { kind: "hour", field: "requests" },
        ],
        [
          "the sums of an hour",
          `update rollup set cost_low = cost_low + 1 where span_ms = ${hour} and start_ms = ${start} and requests > 0`,
          { kind: "hour", field: "costNanos" },
        ],
        [
          "sums of an hour that are gone",
          `delete from rollup where span_ms = ${hour} and start_ms = ${start}`,
          { kind: "hour", field: "requests" },
        ],
        [
          "the sums of a day",
          `update rollup set requests = requests + 5 where span_ms = ${day} and start_ms = ${start} and requests > 0`,
          { kind: "day", field: "requests" },
        ],
        [
          "a percentile's counts",
          `update rollup set durations = '1:1' where span_ms = ${hour} and start_ms = ${start} and requests > 0`,
          { kind: "hour", field: "durations" },
        ],
      ];

      test.each(corruptions)(
        "%s: found and named, and sums are mended",
        async (_what, statement, wanted) => {
          if (!harness.persistent) return;
          for (let index = 0; index < 12; index += 1) {
            await settleAt(`req_${index}`, start + index * 10 * 60_000);
          }
          nowMs = start + 2 * day;
          await store.rollups.roll();
          expect(await store.check.verify()).toMatchObject({ wrong: 0, rows: 12 });
          await harness.run(statement);
          const verdict = await store.check.verify();
          expect(verdict.wrong).toBeGreaterThan(0);
          const found = verdict.differences.find(
            ({ kind, field }) => kind === wanted.kind && field.startsWith(wanted.field),
          );
          expect(found).toBeDefined();
          if (wanted.kind === "attempts") expect(found?.requestId).toBe("req_3");
          else expect(found?.atMs).toBe(start);
          const mended = await store.check.rebuild();
          const after = await store.check.verify();
          // What rows themselves say wrongly nobody can know better.
          expect(after.differences.every(({ kind }) => kind === "attempts")).toBe(true);
          expect(mended > 0 || wanted.kind === "attempts").toBe(true);
        },
      );
    });

    describe("one person's data", () => {
      const collect = async (subject: DataSubject): Promise<DataRecord[]> =>
        Array.fromAsync(store.subjectData.export(subject));
      const dump = async (): Promise<string> => {
        const driver = await harness.driver();
        try {
          const parts: unknown[] = [];
          for (const table of [
            "usage",
            "attempt",
            "item",
            "body",
            "feedback",
            "rollup",
            "account",
            "hold",
            "charge",
            "user_account",
            "virtual_key",
            "membership",
            "budget_subject",
            "rate_limit",
          ] as const) {
            parts.push(await driver.db.selectFrom(table).selectAll().execute());
          }
          return JSON.stringify(parts, (_key, value: unknown) =>
            typeof value === "bigint" ? String(value) : value,
          );
        } finally {
          await driver.close();
        }
      };

      /** Requests of a user with two keys, of an end user, and of somebody else. */
      const fill = async () => {
        const admin = { actor: "admin" };
        const user = await store.directory.users.create(
          { email: "jane@example.com", name: "Jane Roe" },
          admin,
        );
        const organization = await store.directory.organizations.create({ name: "Acme" }, admin);
        await store.directory.memberships.create(
          { userId: user.id, organizationId: organization.id, role: "member" },
          admin,
        );
        const key = await store.directory.keys.create(
          {
            name: "jane-laptop",
            kind: "user",
            userId: user.id,
            hash: "h".repeat(64),
            last4: "abcd",
          },
          admin,
        );
        const item = { atMs: start, expiresMs: null };
        await store.items.put("answer", [
          {
            ...item,
            key: "resp_1",
            owner: key.id,
            value: `{"whole":{"input":[],"answer":{"user":"end-9"}}}`,
          },
          {
            ...item,
            key: "resp_2",
            owner: "static",
            value: `{"whole":{"input":[],"answer":{"user":"end-9"}}}`,
          },
          {
            ...item,
            key: "resp_3",
            owner: "static",
            value: `{"whole":{"input":["end-9"],"answer":{}}}`,
          },
        ]);
        await settleAt("req_user", start, { userId: user.id, keyId: null, key: "x", user: null });
        await settleAt("req_key", start + hour, {
          userId: null,
          keyId: key.id,
          key: "jane-laptop",
          user: "end-9",
        });
        await settleAt("req_end", start + 2 * hour, {
          user: "end-9",
          key: "static",
          keyId: null,
          userId: null,
        });
        await settleAt("req_else", start + 3 * hour, {
          user: "end-1",
          key: "static",
          keyId: null,
          userId: null,
        });
        for (const id of ["req_key", "req_end", "req_else"]) {
          await store.bodies.put([
            {
              requestId: id,
              part: "request",
              contentType: null,
              size: 4,
              isCut: false,
              text: `of ${id}`,
            },
          ]);
          await store.experiments.feedback({
            requestId: id,
            name: "stars",
            key: null,
            value: 5,
            comment: `by ${id}`,
          });
        }
        const accounts = [account("end-9")];
        await store.accounts.hold({
          requestId: "req_charged",
          holdId: "a",
          costNanos: 9n,
          expiresMs: start + day,
          accounts,
        });
        await store.settle(
          usageOf("req_charged", {
            attempts: 0,
            atMs: start + 4 * hour,
            user: "end-9",
            key: "static",
            keyId: null,
            userId: null,
            costNanos: 9n,
          }),
          [],
          { nanos: 9n, accounts },
        );
        nowMs = start + 2 * day;
        await store.rollups.roll();
        return { user, key };
      };

      test("a user's is exported whole, counted, and erased while sums add up", async () => {
        if (!harness.persistent) return;
        const { user, key } = await fill();
        const records = await collect({ kind: "user", id: "Jane@example.com" });
        const types = records.map(({ type }) => type);
        expect(types).toContain("membership");
        expect(records.find(({ type }) => type === "user")).toMatchObject({
          email: "jane@example.com",
        });
        expect(records.find(({ type }) => type === "key")).toMatchObject({ name: "jane-laptop" });
        expect(JSON.stringify(records)).not.toContain("hhhh");
        const requests = records.filter(({ type }) => type === "request");
        expect(requests.map(({ requestId }) => requestId)).toEqual(["req_user", "req_key"]);
        expect(requests[1]).toMatchObject({ attempts: [{}, {}], bodies: [{ text: "of req_key" }] });
        expect(types.filter((type) => type === "item")).toHaveLength(1);
        expect(types).toContain("sum");
        expect(types).toContain("audit");

        const counts = await store.subjectData.count({ kind: "user", id: user.id });
        expect(counts).toMatchObject({ requests: 2, bodies: 1, items: 1, directory: 3 });
        const before = await store.usage({ by: "model" });
        expect(
          await store.subjectData.erase({ kind: "user", id: user.id }, { actor: "admin" }),
        ).toEqual(counts);
        expect(await store.usage({ by: "model" })).toEqual(before);
        expect(await store.check.verify()).toMatchObject({ wrong: 0 });
        expect(await store.audit.verify()).toMatchObject({ ok: true });
        const left = await dump();
        for (const trace of [user.id, key.id, "jane", "Jane", "by req_key"])
          expect(left).not.toContain(trace);
        expect(left).toContain("by req_else");
        expect(await store.bodies.get("req_key")).toEqual([]);
        expect(await store.bodies.get("req_else")).toHaveLength(1);
        const [written] = (await store.audit.list({ action: "data.erase" })).rows;
        expect(written).toMatchObject({ kind: "user", subjectId: user.id, before: null });
        expect(JSON.stringify(written)).not.toContain("jane");
        expect((await store.subjectData.count({ kind: "user", id: user.id })).requests).toBe(0);
        expect(store.subjectData.count({ kind: "user", id: "jane@example.com" })).rejects.toThrow(
          "no user",
        );
      });

      test("an end user's: rows, bodies, kept answers and their own budgets' windows", async () => {
        if (!harness.persistent) return;
        await fill();
        const subject = { kind: "end_user", id: "end-9" } as const;
        const counts = await store.subjectData.count(subject);
        expect(counts).toMatchObject({
          requests: 3,
          bodies: 2,
          items: 2,
          accounts: 1,
          sums: 0,
          directory: 0,
        });
        expect(await store.subjectData.erase(subject, { actor: "admin" })).toEqual(counts);
        const left = await dump();
        expect(left.replaceAll('["end-9"]', "").replaceAll('[\\"end-9\\"]', "")).not.toContain(
          "end-9",
        );
        expect(left).toContain("end-1");
        expect(await store.accounts.verify()).toMatchObject({ wrong: 0, charges: 1 });
        expect(await store.check.verify()).toMatchObject({ wrong: 0, rows: 5 });
        const [written] = (await store.audit.list({ action: "data.erase" })).rows;
        expect(JSON.stringify(written)).not.toContain("end-9");
      });

      test("a configured key's: its rows and sums lose the name, the tenant's sums stay", async () => {
        if (!harness.persistent) return;
        await fill();
        const before = await store.usage({ by: "team" });
        const subject = { kind: "key", id: "static" } as const;
        expect(await store.subjectData.erase(subject, { actor: "admin" })).toMatchObject({
          requests: 3,
          items: 2,
        });
        expect(await store.usage({ by: "team" })).toEqual(before);
        const keys = new Set((await store.usage({ by: "key" })).map(({ group }) => group));
        expect(keys).toEqual(new Set(["jane-laptop", null, "x"]));
      });
    });
  });
}
