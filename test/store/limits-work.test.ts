// What rate limits cost the database: one transaction for each admission, by indexes alone, however many there are; and what they do while it fails.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { createLogger } from "../../src/lib/log.ts";
import type { Driver, Statement, StatementGroup } from "../../src/store/driver.ts";
import { createStore } from "../../src/store/ledger.ts";
import { counterIdOf, type LimitWant } from "../../src/store/limits.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { openSqlite } from "../../src/store/sqlite/open.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile } from "../support/sqlite-harness.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { usageOf } from "../support/store-rows.ts";

const wants: readonly LimitWant[] = [
  { limitId: "limit_r", unit: "requests", windowMs: 60_000, amount: 1_000, asked: 1 },
  { limitId: "limit_t", unit: "tokens", windowMs: 86_400_000, amount: 1_000_000, asked: 600 },
  { limitId: "limit_p", unit: "parallel", windowMs: null, amount: 10, asked: 1 },
];
const counterIds = wants.map(({ limitId, unit, windowMs }) => counterIdOf(limitId, unit, windowMs));
const used = { inputTokens: 90, outputTokens: 10 };

/** A store, and what it asks the database for. */
function watched(driver: Driver): {
  store: Store;
  asked: { groups: StatementGroup[]; transactions: number; reads: number };
  forget(): void;
} {
  const asked = { groups: [] as StatementGroup[], reads: 0, transactions: 0 };
  const db = driver.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      asked.reads += 1;
      return result;
    },
  });
  const store = createStore({
    ...driver,
    db,
    transact(groups) {
      asked.groups.push(...groups);
      asked.transactions += 1;
      return driver.transact(groups);
    },
  });
  return {
    store,
    asked,
    forget() {
      asked.groups = [];
      asked.transactions = 0;
      asked.reads = 0;
    },
  };
}

describe("SQLite", () => {
  test("every statement finds its rows by an index", async () => {
    const harness = await sqliteFile();
    const { store, asked } = watched(await harness.driver());
    try {
      await store.accounts.admit(holdOf("req_alone", 0n, {}), wants);
      await store.accounts.admit(holdOf("req_paid", 5n, { key: 100n }), wants);
      const charges = { nanos: 1n, accounts: [accountOf("key")] };
      await store.settle(usageOf("req_paid"), [], { ...charges, limits: { counterIds, used } });
      await store.settle(usageOf("req_alone"), [], {
        nanos: 0n,
        accounts: [],
        limits: { counterIds, used: null },
      });
      await store.limits.giveBack("req_other", counterIds);
      const statements = asked.groups.flat().filter(({ sql }) => /limit_(?:take|count)/.test(sql));
      expect(statements.length).toBeGreaterThan(10);
      const file = new Database("path" in harness.location ? harness.location.path : "");
      const plans = statements.flatMap((statement) => planOf(file, statement));
      file.close();
      const found = plans.filter((line) => /limit_|place/.test(line));
      expect(found.filter((line) => line.startsWith("SCAN"))).toEqual([]);
      expect(found.some((line) => line.includes("SEARCH limit_count USING"))).toBe(true);
      expect(found.some((line) => line.includes("limit_place"))).toBe(true);
    } finally {
      await store.close();
      await harness.dispose();
    }
  });

  test("with a million rows of requests and a hundred thousand counters nothing is counted again", async () => {
    const harness = await sqliteFile();
    const filler = await harness.open();
    await filler.close();
    await harness.run(`with recursive n(i) as (select 0 union all select i + 1 from n where i < 99999)
      insert into limit_count (counter_id, epoch, amount, ends_ms)
      select 'requests 86400000 limit_' || i, 20000, 1, 9000000000000 from n`);
    await harness.run(`with recursive n(i) as (select 0 union all select i + 1 from n where i < 999999)
      insert into usage (request_id, at_ms, inbound_dialect, operation, relayed, stream, status, usage_estimated,
        input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, input_audio_tokens,
        output_tokens, reasoning_tokens, output_audio_tokens, warnings, attempts, rolled)
      select 'req_' || i, i, 'openai-chat', 'chat', 0, 0, 'ok', 0, 1, 0, 0, 0, 0, 1, 0, 0, '[]', 1, 1 from n`);
    const { store, asked, forget } = watched(await harness.driver());
    try {
      await store.recover();
      forget();
      expect((await store.accounts.admit(holdOf("req_new", 0n, {}), wants)).admitted).toBe(true);
      // No look at what requests have used, at the start or at the first use.
      expect([asked.transactions, asked.reads]).toEqual([1, 0]);
    } finally {
      await store.close();
      await harness.dispose();
    }
  }, 120_000);
});

function planOf(file: Database, { sql, parameters }: Statement): string[] {
  const rows = file.query(`explain query plan ${sql}`).all(...(parameters as string[]));
  return (rows as { detail: string }[]).map(({ detail }) => detail);
}

/** The same number of round trips on either database. */
function tripsSuite(name: string, open: () => Promise<Driver>): void {
  test(`${name}: one transaction admits, with budgets or without, and the one of the row settles`, async () => {
    const { store, asked, forget } = watched(await open());
    try {
      for (const [id, budgets] of [
        ["limits", {}],
        ["both", { key: 100n, team: 100n }],
      ] as const) {
        forget();
        const hold = holdOf(`req_${id}`, 5n, budgets);
        expect((await store.accounts.admit(hold, wants)).admitted).toBe(true);
        expect([id, asked.transactions, asked.reads]).toEqual([id, 1, 0]);
        forget();
        const { accounts } = hold;
        await store.settle(usageOf(`req_${id}`), [], {
          nanos: 1n,
          accounts,
          limits: { counterIds, used },
        });
        expect([id, asked.transactions, asked.reads]).toEqual([id, 1, 0]);
      }
      forget();
      // Refused: one more read, shared by all that are refused at the time.
      const none = wants.map((want) => ({ ...want, amount: 0 }));
      await Promise.all(
        Array.from({ length: 20 }, async (_unused, index) => {
          const refused = await store.accounts.admit(
            holdOf(`req_no${index}`, 5n, { key: 100n }),
            none,
          );
          expect(refused).toEqual({ admitted: false, account: null });
          return store.limits.outlook(none);
        }),
      );
      expect(asked.transactions).toBe(1);
      expect(asked.reads).toBeLessThanOrEqual(4);
    } finally {
      await store.close();
    }
  });
}

tripsSuite("SQLite", () => openSqlite({ path: ":memory:" }));

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  tripsSuite("PostgreSQL", async () => openPostgres({ url: (await server.createDatabase()).url }));

  test("R44: while the server is away nothing is admitted, and nothing stays taken that nobody was told of", async () => {
    const { url } = await server.createDatabase();
    const store = createStore(await openPostgres({ url }), { settleTimeoutMs: 300, log: quiet });
    const admit = (id: string): Promise<string> =>
      store.accounts.admit(holdOf(id, 0n, {}), wants).then(
        ({ admitted }) => (admitted ? "admitted" : "refused"),
        (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
      );
    expect(await admit("req_before")).toBe("admitted");
    await server.stop("immediate");
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_unused, at) => admit(`req_${at}`)),
    );
    expect(new Set(codes)).toEqual(new Set(["store_unavailable"]));
    const looked = await store.limits.outlook(wants).catch((error: unknown) => error);
    expect(looked).toBeInstanceOf(StoreError);
    await server.start();
    await store.flush().catch(() => {});
    while (store.health().failing !== null || store.health().queued > 0) {
      await admit("req_before");
      await Bun.sleep(50);
    }
    const states = await store.limits.outlook(wants);
    expect(states.map((each) => each.used)).toEqual([1, 600, 1]);
    expect(await admit("req_after")).toBe("admitted");
    await store.close();
  }, 60_000);
});

const quiet = createLogger({ write: () => {} });

describe("R40: the disk fails", () => {
  const full = () => new StoreError("store_unavailable", "The disk is full.");

  test.each(["before", "after"] as const)(
    "%s the transaction: what nobody was told of is given back",
    async (when) => {
      const driver = await openSqlite({ path: ":memory:" });
      let fails = false;
      const failing: Driver = {
        ...driver,
        async transact(groups) {
          if (fails && when === "before") throw full();
          const changed = await driver.transact(groups);
          if (fails) throw full();
          return changed;
        },
      };
      const store = createStore(failing, { log: quiet, settleTimeoutMs: 60 });
      const admit = (id: string, budgets = {}): Promise<string> =>
        store.accounts.admit(holdOf(id, 1n, budgets), wants).then(
          ({ admitted }) => (admitted ? "admitted" : "refused"),
          (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
        );
      expect(await admit("req_1")).toBe("admitted");
      fails = true;
      expect(await admit("req_2")).toBe("store_unavailable");
      expect(await admit("req_3", { key: 100n })).toBe("store_unavailable");
      fails = false;
      await store.flush();
      const states = await store.limits.outlook(wants);
      expect(states.map((each) => each.used)).toEqual([1, 600, 1]);
      const [key] = await store.accounts.states([accountOf("key").accountId]);
      expect(key?.heldNanos ?? 0n).toBe(0n);
      await store.close();
    },
  );

  test("once, unseen: the next try finds what was taken, and takes it once", async () => {
    const driver = await openSqlite({ path: ":memory:" });
    let times = 1;
    const failing: Driver = {
      ...driver,
      async transact(groups) {
        const changed = await driver.transact(groups);
        if (times-- > 0) throw full();
        return changed;
      },
    };
    const store = createStore(failing, { log: quiet });
    const outcome = await store.accounts.admit(holdOf("req_1", 0n, {}), wants);
    expect(outcome.admitted).toBe(true);
    times = 1;
    const paid = await store.accounts.admit(holdOf("req_2", 1n, { key: 100n }), wants);
    expect(paid.admitted).toBe(true);
    expect((await store.limits.outlook(wants)).map((each) => each.used)).toEqual([2, 1_200, 2]);
    await store.close();
  });
});
