// Accounts on SQLite, in a file and in memory, and on PostgreSQL.
import { afterAll, beforeAll, describe } from "bun:test";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile, sqliteMemory } from "../support/sqlite-harness.ts";
import { accountsSuite } from "./accounts-suite.ts";

accountsSuite("SQLite file", sqliteFile, {
  repetitions: 100,
  gateways: 1,
  histories: 40,
  mixed: 5_000,
});
accountsSuite("SQLite in memory", sqliteMemory, {
  repetitions: 5,
  gateways: 1,
  histories: 80,
  mixed: 2_000,
});

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  accountsSuite("PostgreSQL", () => postgresDatabase(server), {
    repetitions: 10,
    gateways: 3,
    histories: 10,
    mixed: 2_000,
  });
});
