// The part of the store's contract that is about several openings of one database: writers, versions, owners.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Driver, Statement, StatementGroup } from "../../src/store/driver.ts";
import { type Store, StoreError, type SettleOutcome } from "../../src/store/store.ts";
import { attemptOf, startOf, usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

const settleSome = join(import.meta.dir, "..", "support", "settle-some.ts");

const failureOf = async (work: () => unknown): Promise<StoreError> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("did not fail");
};

export function sharedSuite(
  current: () => { harness: StoreHarness; store: Store },
  create: () => Promise<StoreHarness>,
): void {
  describe("two writers", () => {
    test("in parallel lose and double nothing", async () => {
      const { harness, store } = current();
      if (!harness.persistent) return;
      const other = await harness.open();
      try {
        const settleAs = (writer: Store, name: string): Promise<SettleOutcome>[] =>
          Array.from({ length: 400 }, (_unused, index) => {
            // Every other request is settled by both.
            const id = index % 2 === 0 ? `both-${index}` : `${name}-${index}`;
            writer.begin(startOf(id));
            return writer.settle(usageOf(id, { costNanos: 7n }), [attemptOf(id, 0)]);
          });
        const outcomes = await Promise.all([...settleAs(store, "a"), ...settleAs(other, "b")]);
        expect(outcomes.filter((outcome) => outcome === "committed")).toHaveLength(600);
        expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(200);
        const [sums] = await other.usage({ by: "model" });
        expect(sums).toMatchObject({ requests: 600, costNanos: 4_200n });
        expect((await store.request("both-0"))?.attempts).toHaveLength(1);
      } finally {
        await other.close();
      }
    });

    test("a limit that both draw on is never passed", async () => {
      const { harness } = current();
      if (!harness.persistent) return;
      await harness.run("create table purse (name text primary key, held bigint not null)");
      await harness.run("create table draw (name text primary key)");
      await harness.run("insert into purse values ('shared', 0)");
      const drivers = await Promise.all([harness.driver(), harness.driver()]);
      try {
        const drawing = (name: string): StatementGroup => [
          statement(
            "insert into draw select $1 where exists (select 1 from purse where name = 'shared' and held + $2 <= 50)",
            [name, 1n],
          ),
          statement("update purse set held = held + $1 where name = 'shared'", [1n]),
        ];
        // Many small transactions of both, all at once.
        const outcomes = await Promise.all(
          drivers.flatMap((driver, which) =>
            Array.from({ length: 40 }, (_unused, batch) =>
              driver.transact(
                Array.from({ length: 5 }, (_none, index) => drawing(`${which}-${batch}-${index}`)),
              ),
            ),
          ),
        );
        expect(outcomes.flat()).toHaveLength(400);
        expect(outcomes.flat().filter(Boolean)).toHaveLength(50);
      } finally {
        for (const driver of drivers) await driver.close();
      }
    });

    test("one is no ghost to the other: only what the dead left is taken over", async () => {
      const { harness, store } = current();
      if (!harness.persistent) return;
      const [one, other] = await Promise.all([harness.driver(), harness.driver()]);
      try {
        expect(await one.deadOwners([one.owner])).toEqual([]);
        expect(await one.deadOwners([one.owner, "store_of_old"])).toEqual(["store_of_old"]);
        if (one.recheckMs !== null) {
          expect(await one.deadOwners([other.owner])).toEqual([]);
          store.begin(startOf("req_alive"));
          await store.flush();
          const next = await harness.open();
          expect(await next.recover()).toBe(0);
          await next.close();
          expect(await store.settle(usageOf("req_alive"), [])).toBe("committed");
        }
      } finally {
        await other.close();
        expect(await one.deadOwners([other.owner])).toEqual([other.owner]);
        await one.close();
      }
    });
  });

  describe("transactions", () => {
    /** A driver with a table of its own. */
    const withDriver = async (work: (driver: Driver) => Promise<void>): Promise<void> => {
      const { harness } = current();
      if (!harness.persistent) return;
      await harness.run(
        "create table note (name text primary key, number bigint, part double precision)",
      );
      const driver = await harness.driver();
      try {
        await work(driver);
      } finally {
        await driver.close();
      }
    };
    const insert = (name: string, number: unknown, part: unknown = null): Statement =>
      statement("insert into note values ($1, $2, $3) on conflict do nothing", [
        name,
        number,
        part,
      ]);
    const rowsOf = async ({ db }: Driver): Promise<unknown[]> =>
      (
        await db
          .selectFrom("note" as never)
          .selectAll()
          .execute()
      ).map((row) => Object.values(row));

    test("the rest of a group runs only when its first statement changed a row", () =>
      withDriver(async (driver) => {
        expect(
          await driver.transact([
            [insert("a", 1), insert("b", 2)],
            [insert("a", 3), insert("c", 3)],
            [statement("update note set number = number + $1 where name = $2", [5n, "b"])],
            [statement("delete from note where name = $1", ["none"]), insert("d", 4)],
          ]),
        ).toEqual([true, false, true, false]);
        expect(await rowsOf(driver)).toEqual([
          ["a", 1n, null],
          ["b", 7n, null],
        ]);
        expect(await driver.transact([])).toEqual([]);
      }));

    test("values come back as they went, whatever they hold", () =>
      withDriver(async (driver) => {
        const names = ["'; drop table note; --", "$1 $2 %1$L %s %% \\ \\' E'", "\u202E😀\n\t", ""];
        const numbers = [2n ** 63n - 1n, -(2n ** 63n), 0, null];
        const parts = [0.1, -1.7976931348623157e308, 5e-324, null];
        await driver.transact(
          names.map((name, index) => [insert(name, numbers[index], parts[index])]),
        );
        expect(await rowsOf(driver)).toEqual(
          names.map((name, index) => {
            const number = numbers[index];
            return [name, number === null ? null : BigInt(number ?? 0), parts[index]];
          }),
        );
      }));

    test("one refused statement undoes all", () =>
      withDriver(async (driver) => {
        const refused = await failureOf(() =>
          driver.transact([
            [insert("a", 1)],
            [statement("insert into note values ($1, $2, $3)", ["a", 2, null])],
          ]),
        );
        expect(refused.code).toBe("invalid_row");
        expect(await rowsOf(driver)).toEqual([]);
        expect(await driver.transact([[insert("a", 1)]])).toEqual([true]);
      }));

    test("a row that the database refuses does not hold up the others", async () => {
      const { store } = current();
      const broken = attemptOf("req_2", 0, { status: null as unknown as "ok" });
      const outcomes = ["req_1", "req_2", "req_3"].map((id) =>
        store
          .settle(usageOf(id), id === "req_2" ? [broken] : [])
          .catch((error: unknown) => (error instanceof StoreError ? error.code : error)),
      );
      expect(await Promise.all(outcomes)).toEqual(["committed", "invalid_row", "committed"]);
      expect(await store.request("req_2")).toBeNull();
      expect(store.health()).toMatchObject({ queued: 0, failing: null });
    });
  });

  describe("R37: versions", () => {
    test("openers that race to make the tables all find them made", async () => {
      const fresh = await create();
      if (!fresh.persistent) return;
      try {
        const children = ["a", "b", "c"].map((prefix) =>
          Bun.spawn([process.execPath, settleSome, JSON.stringify(fresh.location), prefix, "20"], {
            stdout: "ignore",
            stderr: "inherit",
          }),
        );
        expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0, 0]);
        const store = await fresh.open();
        expect(await store.count()).toBe(60);
        await store.close();
      } finally {
        await fresh.dispose();
      }
    });

    test("a newer schema is refused, also to look at", async () => {
      const { harness, store } = current();
      if (!harness.persistent) return;
      await store.settle(usageOf("req_1"), []);
      await store.close();
      await harness.run("insert into schema_version values (999, 0)");
      for (const readOnly of [false, true]) {
        const refused = await failureOf(() => harness.open({ readOnly }));
        expect(refused.code).toBe("newer_schema");
        expect(refused.message).toContain("version 999");
      }
      await harness.run("delete from schema_version where version = 999");
      const again = await harness.open({ readOnly: true });
      expect(await again.count()).toBe(1);
      expect((await failureOf(() => again.settle(usageOf("req_2"), []))).code).toBe("closed");
      await again.close();
    });

    test("an older schema is migrated by a writer and refused by a reader", async () => {
      const fresh = await create();
      if (!fresh.persistent) return;
      try {
        await fresh.run(
          "create table schema_version (version integer primary key, applied_at_ms bigint not null)",
        );
        expect((await failureOf(() => fresh.open({ readOnly: true }))).code).toBe("older_schema");
        const store = await fresh.open();
        expect(await store.settle(usageOf("req_1"), [])).toBe("committed");
        await store.close();
      } finally {
        await fresh.dispose();
      }
    });

    test("somebody else's database is refused and left alone", async () => {
      const fresh = await create();
      if (!fresh.persistent) return;
      try {
        await fresh.run("create table songs (title text)");
        expect((await failureOf(() => fresh.open())).code).toBe("not_ours");
        await fresh.run("drop table songs");
        await (await fresh.open()).close();
      } finally {
        await fresh.dispose();
      }
    });
  });
}

/** Placeholders stand in order: SQLite takes `$1` too, but counts them by place. */
const statement = (sql: string, parameters: readonly unknown[]): Statement => ({
  sql,
  parameters,
  locks: ["purse:shared"],
});
