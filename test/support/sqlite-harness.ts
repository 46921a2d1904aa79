// An empty SQLite database for a suite that runs on every driver.
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "../../src/store/driver.ts";
import { createStore } from "../../src/store/ledger.ts";
import { openSqlite } from "../../src/store/sqlite/open.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { StoreHarness } from "../store/contract.ts";

/** A killed process says no more; a store that is left behind does not either. */
const leave = async (_store: Store): Promise<void> => {};

export async function sqliteFile(): Promise<StoreHarness> {
  const folder = mkdtempSync(join(tmpdir(), "megallm-store-"));
  const path = join(folder, "megallm.db");
  return {
    persistent: true,
    location: { path },
    open: (options) => openStore({ path, ...options }),
    driver: () => openSqlite({ path }),
    kill: leave,
    async run(sql) {
      const database = new Database(path);
      database.run(sql);
      database.close();
    },
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** One store: each opening would be another database. */
export async function sqliteMemory(): Promise<StoreHarness> {
  let driver: Driver | undefined;
  const open = async (): Promise<Driver> => {
    driver = await openSqlite({ path: ":memory:" });
    return driver;
  };
  return {
    persistent: false,
    location: { path: ":memory:" },
    open: async () => createStore(await open()),
    driver: open,
    kill: leave,
    async run(sql) {
      await driver?.transact([[{ sql, parameters: [] }]]);
    },
    dispose: async () => {},
  };
}
