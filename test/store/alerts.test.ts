// Alerts and spending on SQLite and on PostgreSQL.
import { afterAll, beforeAll, describe } from "bun:test";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile } from "../support/sqlite-harness.ts";
import { alertsSuite } from "./alerts-suite.ts";

alertsSuite("SQLite file", sqliteFile);

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  alertsSuite("PostgreSQL", () => postgresDatabase(server));
});
