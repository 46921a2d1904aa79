// Sums and retention on SQLite and on PostgreSQL.
import { afterAll, beforeAll, describe } from "bun:test";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile } from "../support/sqlite-harness.ts";
import { retentionSuite } from "./retention-suite.ts";
import { rollupsSuite } from "./rollups-suite.ts";

rollupsSuite("SQLite file", sqliteFile, { runs: 60 });
retentionSuite("SQLite file", sqliteFile);

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  rollupsSuite("PostgreSQL", () => postgresDatabase(server), { runs: 25 });
  retentionSuite("PostgreSQL", () => postgresDatabase(server));
});
