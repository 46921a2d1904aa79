// What the ledger leaves on connections of the server that pgbouncer gives to others.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "pg";
import { openStore } from "../../src/store/store.ts";
import { type Pgbouncer, pgbouncerMissing, startPgbouncer } from "../support/pgbouncer.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { usageOf } from "../support/store-rows.ts";

const isMissing = postgresMissing() !== null || pgbouncerMissing() !== null;

describe.skipIf(isMissing)("pgbouncer in transaction mode", () => {
  let server: PostgresServer;
  let bouncer: Pgbouncer;
  beforeAll(async () => {
    server = await startPostgres();
    // One connection of the server, so that everybody meets what the one before has left.
    bouncer = await startPgbouncer(server, "transaction", { default_pool_size: 1 });
  }, 60_000);
  afterAll(async () => {
    await bouncer.stop();
    await server.dispose();
  }, 60_000);

  const timeoutOn = async (url: string): Promise<unknown> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>("show statement_timeout");
      return rows[0]?.["statement_timeout"];
    } finally {
      await client.end();
    }
  };

  test("a gateway that makes the tables takes nobody's time limit away", async () => {
    const database = await server.createDatabase();
    await database.query(`alter database ${database.name} set statement_timeout = '7s'`);
    const url = bouncer.urlOf(database.name);
    const writing = await openStore({ url });
    expect(await writing.settle(usageOf("req_1"), [])).toBe("committed");
    await writing.close();
    const reading = await openStore({ url, readOnly: true });
    expect(await timeoutOn(url.reveal())).not.toBe("0");
    expect(await reading.count()).toBe(1);
    await reading.close();
    await database.drop();
  }, 60_000);
});

describe.skipIf(postgresMissing() !== null)("migrations", () => {
  test("wait for another gateway's for longer than statements may take", async () => {
    const server = await startPostgres();
    const database = await server.createDatabase();
    try {
      const other = new Client({ connectionString: database.url.reveal() });
      await other.connect();
      await other.query("select pg_advisory_lock(x'6d656761'::int, 1000)");
      await database.query(`alter database ${database.name} set statement_timeout = '500ms'`);
      const opening = openStore({ url: database.url });
      await Bun.sleep(1_500);
      await other.end();
      const store = await opening;
      expect(await store.count()).toBe(0);
      await store.close();
    } finally {
      await server.dispose();
    }
  }, 60_000);
});
