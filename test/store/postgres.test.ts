// The contract on PostgreSQL, and what only a server can do: be stopped, hang, refuse, demand TLS. (R44)
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chownSync, copyFileSync, chmodSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { createLogger } from "../../src/lib/log.ts";
import { Secret } from "../../src/lib/secret.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { openStore, type Store, StoreError } from "../../src/store/store.ts";
import {
  type Database,
  postgresMissing,
  type PostgresServer,
  startPostgres,
} from "../support/postgres.ts";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { attemptOf, startOf, usageOf } from "../support/store-rows.ts";
import { storeSuite } from "./contract.ts";
import { until } from "../support/until.ts";

const certificates = join(import.meta.dir, "..", "unit", "egress", "certificates");
const settleUntilKilled = join(import.meta.dir, "..", "support", "settle-until-killed.ts");

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  storeSuite("PostgreSQL", () => postgresDatabase(server));

  describe("R44: the server", () => {
    let database: Database;
    let lines: string[];
    beforeEach(async () => {
      database = await server.createDatabase();
      lines = [];
    });
    afterEach(() => database.drop());

    const log = () => createLogger({ level: "debug", write: (line) => lines.push(line) });
    const open = (options: { settleTimeoutMs?: number; leaseMs?: number } = {}): Promise<Store> =>
      openStore({ url: database.url, log: log(), ...options });
    const refusalOf = async (url: string): Promise<string> => {
      const failure = await openStore({ url: new Secret(url) }).catch((error: unknown) => error);
      if (failure instanceof StoreError) return `${failure.code}: ${failure.message}`;
      throw failure;
    };

    test("stopped at once under load and started again: no acknowledged row is lost, none doubled", async () => {
      const store = await open({ settleTimeoutMs: 300 });
      const acknowledged: string[] = [];
      let told = 0;
      let stopping = false;
      let sent = 0;
      const lane = async (name: number): Promise<void> => {
        for (let index = 0; !stopping || index < 30; index += 1) {
          const id = `req-${name}-${index}`;
          sent += 1;
          store.begin(startOf(id));
          try {
            await store.settle(usageOf(id, { costNanos: 3n }), [attemptOf(id, 0)]);
            acknowledged.push(id);
          } catch (error) {
            if (!(error instanceof StoreError) || error.code !== "store_unavailable") throw error;
            told += 1;
            await Bun.sleep(20);
          }
        }
      };
      const lanes = Promise.all(Array.from({ length: 16 }, (_unused, name) => lane(name)));
      for (let round = 0; round < 3; round += 1) {
        const goal = acknowledged.length + 200;
        await until(() => acknowledged.length >= goal);
        await server.stop("immediate");
        const before = told;
        await until(() => store.health().failing !== null && told > before);
        expect(await store.writable()).toBe(false);
        await server.start();
        await until(() => store.health().failing === null);
      }
      stopping = true;
      await lanes;
      await until(() => store.health().queued === 0);
      expect(await store.writable()).toBe(true);
      const rows = await database.query("select request_id from usage");
      const written = new Set(rows.map((row) => row["request_id"]));
      expect(acknowledged.filter((id) => !written.has(id))).toEqual([]);
      expect(rows).toHaveLength(sent);
      const [sums] = await store.usage({ by: "model" });
      expect(sums).toMatchObject({ requests: sent, costNanos: BigInt(sent) * 3n });
      expect(await database.query("select count(*)::int as n from attempt")).toEqual([{ n: sent }]);
      expect(await database.query("select count(*)::int as n from started")).toEqual([{ n: 0 }]);
      console.log(`3 stops: ${acknowledged.length} acknowledged, 0 lost; ${told} told to wait`);
      await store.close();
    }, 60_000);

    test("hanging: a settle is told in bounded time, and is written once when it goes on", async () => {
      const store = await open({ settleTimeoutMs: 300 });
      await store.settle(usageOf("req_before"), []);
      server.signal("SIGSTOP");
      try {
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_unused, index) => codeOf(store, `req_${index}`)),
        );
        expect(new Set(outcomes)).toEqual(new Set(["store_unavailable"]));
        await until(() => store.health().failing !== null);
        expect(store.health().failing?.message).toContain("has not answered");
        // Known to hang: those that come later are told as well.
        expect(await codeOf(store, "req_late")).toBe("store_unavailable");
        expect(store.health().queued).toBe(21);
      } finally {
        server.signal("SIGCONT");
      }
      await until(() => store.health().queued === 0);
      expect(await store.count()).toBe(22);
      expect(await store.settle(usageOf("req_after"), [])).toBe("committed");
      expect(lines.filter((line) => line.includes('"store.healed"'))).toHaveLength(1);
      await store.close();
    }, 30_000);

    test("hanging for longer than statements may take: the connection is given up, no row is lost", async () => {
      const url = `${database.url.reveal()}&statement_timeout=1`;
      const store = await openStore({ url: new Secret(url), log: log(), settleTimeoutMs: 300 });
      server.signal("SIGSTOP");
      try {
        expect(await codeOf(store, "req_1")).toBe("store_unavailable");
        await until(() => store.health().failing?.message.includes("Query read timeout") === true);
      } finally {
        server.signal("SIGCONT");
      }
      await until(() => store.health().queued === 0);
      expect(await store.count()).toBe(1);
      await store.close();
    }, 30_000);

    test("closing while it hangs ends in bounded time", async () => {
      const store = await open({ settleTimeoutMs: 200 });
      server.signal("SIGSTOP");
      try {
        const outcome = codeOf(store, "req_1");
        await store.close();
        expect(await outcome).toBe("store_unavailable");
      } finally {
        server.signal("SIGCONT");
      }
      expect(lines.some((line) => line.includes('"store.rows_lost"'))).toBe(true);
    }, 30_000);

    test("read-only (a standby after a failover): rows wait, and are written when it takes them", async () => {
      const store = await open({ settleTimeoutMs: 200 });
      const readOnly = (on: boolean): Promise<unknown> =>
        database.query(
          `alter database ${database.name} set default_transaction_read_only = ${on};
           select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid()`,
        );
      await readOnly(true);
      expect(await codeOf(store, "req_1")).toBe("store_unavailable");
      expect(await store.count()).toBe(0);
      await database.query(
        `begin read write; alter database ${database.name} reset default_transaction_read_only; commit;
         select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
      await until(() => store.health().queued === 0);
      expect(await store.count()).toBe(1);
      await store.close();
    }, 30_000);

    test("connections that are cut are made again, those that lie idle too", async () => {
      const store = await open();
      for (let round = 0; round < 5; round += 1) {
        await database.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        );
        expect(await store.settle(usageOf(`req_${round}`), [])).toBe("committed");
      }
      expect(await store.count()).toBe(5);
      await store.close();
    });

    test("too many connections: told, and no obstacle later", async () => {
      await database.query(
        `create role ${database.name} login password 'p%40ss' connection limit 2;
         grant all on schema public to ${database.name}`,
      );
      const url = database.url.reveal().replace("postgres@", `${database.name}:p%2540ss@`);
      const store = await openStore({ url: new Secret(url), settleTimeoutMs: 200 });
      await Promise.all(
        Array.from({ length: 20 }, (_unused, index) => codeOf(store, `req_${index}`)),
      );
      const refused = await Promise.all([refusalOf(url), refusalOf(url), refusalOf(url)]).catch(
        () => [],
      );
      for (const text of refused) {
        expect(text).toContain("too many connections");
        expect(text).not.toContain("p%40ss");
      }
      await until(() => store.health().queued === 0);
      expect(await store.count()).toBe(20);
      await store.close();
      await database.query(`drop owned by ${database.name} cascade; drop role ${database.name}`);
    }, 30_000);

    test("what cannot be opened says why, and never the password", async () => {
      const secret = "hunter2-never-print";
      const at = (place: string): string => `postgres://someone:${secret}@${place}`;
      const refusals = await Promise.all([
        refusalOf(at(`127.0.0.1:${server.port}/${database.name}?sslmode=disable`)),
        refusalOf(at("127.0.0.1:1/ledger")),
        refusalOf(at("no-such-host.invalid/ledger")),
        refusalOf(at(`127.0.0.1:${server.port}/ledger?sslmode=require`)),
        refusalOf(at(`127.0.0.1:${server.port}/ledger?sslmode=verify-full&sslrootcert=/none.pem`)),
        refusalOf(at(`127.0.0.1:${server.port}/ledger?pool=5`)),
      ]);
      const [role, closed, unknown, tls, file, parameter] = refusals;
      expect(role).toContain('role "someone" does not exist');
      expect(closed).toContain("127.0.0.1:1/ledger");
      expect(unknown).toContain("no-such-host.invalid");
      expect(tls).toContain("does not support SSL");
      expect(file).toContain("/none.pem");
      expect(parameter).toContain("parameter");
      for (const text of refusals) {
        expect(text).toStartWith("store_unavailable: ");
        expect(text).not.toContain(secret);
      }
    }, 30_000);

    test("a database that cannot hold every text is refused", async () => {
      const latin = await server.createDatabase({ encoding: "LATIN1" });
      expect(await refusalOf(latin.url.reveal())).toContain("encoding LATIN1");
      await latin.drop();
    });

    test("R35: what a killed gateway began is taken over when its lease is over, a living one's is not", async () => {
      const options = { leaseMs: 1_000 };
      const living = await open(options);
      const watcher = await open(options);
      living.begin(startOf("req_living"));
      await living.flush();
      expect(await watcher.recover()).toBe(0);
      const child = Bun.spawn(
        [
          process.execPath,
          settleUntilKilled,
          JSON.stringify({ url: database.url.reveal(), ...options }),
          "kid",
        ],
        { stdout: "pipe" },
      );
      const acknowledged: string[] = [];
      let text = "";
      for await (const chunk of child.stdout) {
        text += Buffer.from(chunk).toString("utf8");
        if (text.length > 4_000) child.kill("SIGKILL");
      }
      await child.exited;
      acknowledged.push(
        ...text
          .slice(0, text.lastIndexOf("\n"))
          .split("\n")
          .filter((line) => line.startsWith("kid")),
      );
      const left = await database.query(
        "select request_id from started where request_id like 'kid%'",
      );
      // By itself: the first call began the watch.
      await until(async () => (await database.query("select * from owner_beat")).length === 2);
      await until(async () => {
        const rows = await database.query("select 1 from started where request_id like 'kid%'");
        return rows.length === 0;
      });
      const rows = await database.query("select request_id, status from usage");
      const status = new Map(rows.map((row) => [row["request_id"], row["status"]]));
      expect(acknowledged.length).toBeGreaterThan(20);
      expect(acknowledged.filter((id) => status.get(id) !== "ok")).toEqual([]);
      for (const row of left) expect(status.get(row["request_id"])).toBe("interrupted");
      expect(status.has("req_living")).toBe(false);
      expect(await living.settle(usageOf("req_living"), [])).toBe("committed");
      await Promise.all([living.close(), watcher.close()]);
      expect(await database.query("select * from owner_beat")).toEqual([]);
    }, 60_000);

    test("a server that was away has not killed anybody", async () => {
      const [one, other] = await Promise.all([open({ leaseMs: 1_000 }), open({ leaseMs: 1_000 })]);
      one.begin(startOf("req_one"));
      other.begin(startOf("req_other"));
      await Promise.all([one.flush(), other.flush()]);
      await Promise.all([one.recover(), other.recover()]);
      await server.stop("immediate");
      await Bun.sleep(1_500);
      await server.start();
      await until(async () => (await one.recover().catch(() => -1)) >= 0);
      await Bun.sleep(1_500);
      expect(await one.recover()).toBe(0);
      expect(await one.settle(usageOf("req_one"), [])).toBe("committed");
      expect(await other.settle(usageOf("req_other"), [])).toBe("committed");
      await Promise.all([one.close(), other.close()]);
    }, 60_000);
  });

  describe("TLS", () => {
    let secure: PostgresServer;
    let database: Database;
    beforeAll(async () => {
      secure = await startPostgres(
        {
          ssl: "on",
          ssl_cert_file: "../tls/good.pem",
          ssl_key_file: "../tls/good.key",
        },
        (folder) => {
          const tls = join(folder, "tls");
          mkdirSync(tls);
          const { uid, gid } = statSync(join(folder, "data"));
          for (const name of ["good.pem", "good.key"]) {
            copyFileSync(join(certificates, name), join(tls, name));
            chmodSync(join(tls, name), 0o600);
            chownSync(join(tls, name), uid, gid);
          }
        },
      );
      database = await secure.createDatabase();
    }, 60_000);
    afterAll(() => secure.dispose(), 60_000);

    const url = (host: string, query: string): Secret =>
      new Secret(`postgres://postgres@${host}:${secure.port}/${database.name}?${query}`);
    const encrypted = async (host: string, query: string): Promise<unknown> => {
      const driver = await openPostgres({ url: url(host, query) });
      try {
        const { rows } = await sql<{ ssl: boolean }>`
          select ssl from pg_stat_ssl where pid = pg_backend_pid()
        `.execute(driver.db);
        return rows[0]?.ssl;
      } finally {
        await driver.close();
      }
    };
    const ca = `sslrootcert=${encodeURIComponent(join(certificates, "ca.pem"))}`;
    const wrong = `sslrootcert=${encodeURIComponent(join(certificates, "self-signed.pem"))}`;

    test.each([
      ["127.0.0.1", "", true],
      ["127.0.0.1", "sslmode=prefer", true],
      ["127.0.0.1", "sslmode=disable", false],
      ["127.0.0.1", "sslmode=require", true],
      ["127.0.0.1", `sslmode=verify-ca&${ca}`, true],
      ["localhost", `sslmode=verify-full&${ca}`, true],
    ])("%s %s: encrypted %p", async (host, query, expected) => {
      expect(await encrypted(host, query)).toBe(expected);
    });

    test.each([
      ["127.0.0.1", `sslmode=verify-full&${ca}`],
      ["localhost", "sslmode=verify-full"],
      ["localhost", `sslmode=verify-ca&${wrong}`],
      ["localhost", `sslmode=require&${wrong}`],
    ])("%s %s is refused", async (host, query) => {
      const refused = await openPostgres({ url: url(host, query) }).catch(
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(StoreError);
      expect(refused).toMatchObject({ code: "store_unavailable" });
    });
  });
});

/** The outcome, or the code of the StoreError. */
const codeOf = (store: Store, id: string): Promise<string> =>
  store.settle(usageOf(id), []).catch((error: unknown) => {
    if (error instanceof StoreError) return error.code;
    throw error;
  });
