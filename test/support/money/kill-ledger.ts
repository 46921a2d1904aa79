// The ledger of gateways that are killed, on either database, read apart from them.
import { Database as Sqlite } from "bun:sqlite";
import { join } from "node:path";
import { openStore, type Store } from "../../../src/store/store.ts";
import type { Daemon } from "../daemon.ts";
import { createFrontedDatabase } from "../pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../postgres.ts";
import type { KillLoad } from "./kill-load.ts";

type Row = Record<string, string | bigint | null>;

export interface KillLedger {
  /** For `store` of the configuration; absent where it is the file in the first gateway's folder. */
  url?: string;
  /** Where there is one. */
  server?: PostgresServer;
  /** Whole numbers as bigint. */
  rows(sql: string): Promise<Row[]>;
  open(): Promise<Store>;
  /** Resolves when gateways can reach it. */
  untilItAnswers(): Promise<void>;
  dispose(): Promise<void>;
}

export const sqliteLedger = (daemon: () => Daemon): KillLedger => {
  const path = (): string => join(daemon().dataDir, "megallm.db");
  return {
    async rows(sql) {
      const database = new Sqlite(path(), { readonly: true, safeIntegers: true });
      try {
        return database.query(sql).all() as Row[];
      } finally {
        database.close();
      }
    },
    open: () => openStore({ path: path(), readOnly: true }),
    untilItAnswers: async () => {},
    dispose: async () => {},
  };
};

/** A server of its own. With `MEGALLM_TEST_PGBOUNCER=transaction|session` gateways reach it through pgbouncer. */
export async function postgresLedger(): Promise<KillLedger> {
  // Replayed after an immediate shutdown, flushed before a commit is told: as a server is run.
  const server = await startPostgres({ fsync: "on", synchronous_commit: "on" });
  const database = await server.createDatabase();
  const fronted = await createFrontedDatabase(server, database);
  return {
    url: fronted.url.reveal(),
    server,
    async rows(sql) {
      const found = await database.query(sql);
      return found.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, plain(value)] as const),
        ),
      );
    },
    open: () => openStore({ url: database.url, readOnly: true }),
    untilItAnswers: fronted.untilItAnswers,
    async dispose() {
      await fronted.stop();
      await server.dispose();
    },
  };
}

const plain = (value: unknown): string | bigint | null => {
  switch (typeof value) {
    case "string":
      return /^-?\d+$/.test(value) ? BigInt(value) : value;
    case "number":
    case "bigint":
      return BigInt(value);
    default:
      return null;
  }
};

/** Of all budgets the largest share that is spent and held: 1 is all of it. */
export async function mostUsed(ledger: KillLedger, load: KillLoad): Promise<number> {
  const accounts = await ledger.rows(
    "select account_id as id, spent_nanos + held_nanos as used from account",
  );
  return Math.max(
    0,
    ...accounts.map(({ id, used }) => Number(used) / Number(load.limitOf(String(id)))),
  );
}

/** Begun requests, holds, places of rate limits. */
async function countOpen(ledger: KillLedger): Promise<bigint> {
  const [open] = await ledger.rows(
    "select (select count(*) from started) + (select count(*) from hold) + (select count(*) from limit_take) as n",
  );
  return BigInt(open?.["n"] ?? 0n);
}

/** Longer than the lease of a dead gateway and two looks at it, on a busy machine. */
const patienceMs = 120_000;

/** Resolves when all that dead gateways have left is taken over. Returns how long that took, ms. */
export async function untilCleared(ledger: KillLedger): Promise<number> {
  const began = performance.now();
  for (;;) {
    const open = await countOpen(ledger);
    const ms = performance.now() - began;
    if (open === 0n) return ms;
    if (ms > patienceMs) throw new Error(`${open} requests, holds and places are still open`);
    await Bun.sleep(50);
  }
}

export interface Findings {
  lost: string[];
  /** Answers whose row has another cost than the bill. */
  wrong: string[];
  stuck: { holds: bigint; nanos: bigint };
  twice: bigint;
  unresolved: bigint;
  interrupted: number;
  charged: bigint;
  billed: bigint;
  differences: readonly unknown[];
}

/** The ledger beside what clients and the provider know. */
export async function findings(ledger: KillLedger, load: KillLoad): Promise<Findings> {
  const rows = await ledger.rows("select request_id as id, status, cost_nanos as cost from usage");
  const [held] = await ledger.rows(
    `select (select count(*) from hold) as holds,
      (select coalesce(sum(held_nanos), 0) from account) as nanos`,
  );
  const [charged] = await ledger.rows(
    `select coalesce(sum(nanos), 0) as nanos,
      coalesce(sum(case when state = 'unresolved' then 1 else 0 end), 0) as unresolved,
      (select count(*) from
        (select 1 as one from charge group by request_id, account_id having count(*) > 1) as again
      ) as twice
    from charge where account_id like 'config:gateway%'`,
  );
  const costs = new Map(rows.map(({ id, cost }) => [String(id), cost]));
  const store = await ledger.open();
  const { differences } = await store.accounts.verify();
  await store.close();
  return {
    lost: [...load.acknowledged.keys()].filter((id) => !costs.has(id)),
    wrong: [...load.acknowledged]
      .filter(([id, plan]) => costs.get(id) !== load.upstream.total(plan))
      .map(([id]) => id),
    stuck: { holds: BigInt(held?.["holds"] ?? -1n), nanos: BigInt(held?.["nanos"] ?? -1n) },
    twice: BigInt(charged?.["twice"] ?? -1n),
    unresolved: BigInt(charged?.["unresolved"] ?? -1n),
    interrupted: rows.filter(({ status }) => status === "interrupted").length,
    charged: BigInt(charged?.["nanos"] ?? -1n),
    billed: load.upstream.total(),
    differences,
  };
}

/** For the log of a test. */
export function describeFindings(found: Findings, load: KillLoad): string {
  const { lost, wrong, stuck, twice, unresolved, interrupted, charged, billed } = found;
  const list = (counts: Iterable<[string, number]>): string =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  return [
    `${load.made} requests, ${load.acknowledged.size} acknowledged, answers by status: ${list(load.answers)}`,
    `broken off: ${list(Object.entries(load.phases))}`,
    `lost ${lost.length}, stuck holds ${stuck.holds}, settled twice ${twice}, rows that differ from the bill ${wrong.length}, interrupted ${interrupted}, charged as unresolved ${unresolved}`,
    `charged ${charged} nano-dollars, billed ${billed}; differences found by verify ${found.differences.length}`,
  ].join("\n");
}
