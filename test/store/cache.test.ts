// Cached answers on SQLite and on PostgreSQL.
import { afterAll, beforeAll, describe } from "bun:test";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile, sqliteMemory } from "../support/sqlite-harness.ts";
import { cacheSuite } from "./cache-suite.ts";

cacheSuite("SQLite file", sqliteFile);
cacheSuite("SQLite in memory", sqliteMemory);

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  cacheSuite("PostgreSQL", () => postgresDatabase(server));
});
