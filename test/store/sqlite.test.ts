// The contract on SQLite: in a file, and in memory.
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqlite } from "../../src/store/sqlite/open.ts";
import { openStore } from "../../src/store/store.ts";
import { storeSuite } from "./contract.ts";

storeSuite("SQLite file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "megallm-store-"));
  const path = join(folder, "megallm.db");
  return {
    persistent: true,
    location: { path },
    open: (options) => openStore({ path, ...options }),
    driver: () => openSqlite({ path }),
    kill: async () => {},
    run: async (sql) => {
      const database = new Database(path);
      database.run("pragma journal_mode = wal");
      database.run(sql);
      database.close();
    },
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

storeSuite("SQLite in memory", async () => ({
  persistent: false,
  location: { path: ":memory:" },
  open: () => openStore({ path: ":memory:" }),
  driver: () => openSqlite({ path: ":memory:" }),
  kill: async () => {},
  run: async () => {},
  dispose: async () => {},
}));
