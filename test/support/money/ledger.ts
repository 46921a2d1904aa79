// The ledger of a money test, on either database, read apart from the store so that nothing is taken from its word.
import { Database as Sqlite } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../../../src/store/store.ts";
import { type PostgresServer, startPostgres } from "../postgres.ts";

export interface Ledger {
  store: Store;
  /** Another store on the same database. */
  openAnother(): Promise<Store>;
  /** The first row; whole numbers as bigint. */
  row(sql: string): Promise<Record<string, bigint>>;
  run(sql: string): Promise<void>;
  dispose(): Promise<void>;
}

/** `MEGALLM_TEST_STORE=postgres` runs the money tests on PostgreSQL. */
const onPostgres = process.env["MEGALLM_TEST_STORE"] === "postgres";

/** One server for all scenes of a process; it ends with the process. */
let server: Promise<PostgresServer> | null = null;

export const openLedger = (postgres = onPostgres): Promise<Ledger> =>
  postgres ? openPostgres() : openSqlite();

async function openPostgres(): Promise<Ledger> {
  server ??= startPostgres();
  const database = await (await server).createDatabase();
  const { url } = database;
  return {
    store: await openStore({ url }),
    openAnother: () => openStore({ url }),
    async row(sql) {
      const [found] = await database.query(sql);
      return Object.fromEntries(
        Object.entries(found ?? {}).map(([name, value]) => [name, BigInt(String(value))]),
      );
    },
    async run(sql) {
      await database.query(sql);
    },
    dispose: () => database.drop(),
  };
}

async function openSqlite(): Promise<Ledger> {
  const folder = mkdtempSync(join(tmpdir(), "megallm-money-"));
  const path = join(folder, "megallm.db");
  const store = await openStore({ path });
  const file = new Sqlite(path, { readonly: true, safeIntegers: true });
  return {
    store,
    openAnother: () => openStore({ path }),
    row: async (sql) => (file.query(sql).get() ?? {}) as Record<string, bigint>,
    async run(sql) {
      const database = new Sqlite(path);
      database.run("pragma busy_timeout = 5000");
      database.run(sql);
      database.close();
    },
    async dispose() {
      file.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
