// Rate limits on SQLite, in a file and in memory, and on PostgreSQL.
import { afterAll, beforeAll, describe } from "bun:test";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile, sqliteMemory } from "../support/sqlite-harness.ts";
import { limitsSuite } from "./limits-suite.ts";

limitsSuite("SQLite file", sqliteFile, { gateways: 1, runs: 30 });
limitsSuite("SQLite in memory", sqliteMemory, { gateways: 1, runs: 100 });

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  limitsSuite("PostgreSQL", () => postgresDatabase(server), { gateways: 3, runs: 20 });
});
