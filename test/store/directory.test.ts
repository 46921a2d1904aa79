// The directory on SQLite and on PostgreSQL.
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore } from "../../src/store/ledger.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { openSqlite } from "../../src/store/sqlite/open.ts";
import { openStore } from "../../src/store/store.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { directorySuite } from "./directory-suite.ts";

directorySuite("SQLite file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "megallm-directory-"));
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

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  directorySuite("PostgreSQL", async () => {
    const database = await server.createDatabase();
    return {
      persistent: true,
      location: { url: database.url.reveal() },
      async open(options) {
        return createStore(await openPostgres({ url: database.url, ...options }), options);
      },
      driver: () => openPostgres({ url: database.url }),
      kill: async () => {},
      run: async (sql) => void (await database.query(sql)),
      dispose: () => database.drop(),
    };
  });
});
