// A pgbouncer in front of a test's database: only where `MEGALLM_TEST_PGBOUNCER` names a mode.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { Secret } from "../../src/lib/secret.ts";
import type { Database, PostgresServer } from "./postgres.ts";

export interface Fronted {
  url: Secret;
  /** Resolves when a query is answered there; pgbouncer notices later than others that the server is back. */
  untilItAnswers(): Promise<void>;
  stop(): Promise<void>;
}

const mode = process.env["MEGALLM_TEST_PGBOUNCER"];
const programs = "/usr/sbin:/usr/bin:/bin";
const isRoot = process.getuid?.() === 0;
const asUser = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];

/** Why tests behind pgbouncer are skipped, or null. Says it once. */
export function pgbouncerMissing(): string | null {
  if (Bun.which("pgbouncer", { PATH: programs })) return null;
  const why = "skipped: pgbouncer is not installed";
  console.log(why);
  return why;
}

/** The database itself, unless a mode of pgbouncer is asked for (`session` or `transaction`). */
export async function createFrontedDatabase(
  server: PostgresServer,
  database: Database,
): Promise<Fronted> {
  const bouncer = mode === undefined ? null : await startPgbouncer(server, mode);
  const url = bouncer?.urlOf(database.name) ?? database.url;
  return {
    url,
    untilItAnswers: () => untilItAnswers(url.reveal()),
    stop: async () => bouncer?.stop(),
  };
}

export interface Pgbouncer {
  urlOf(database: string): Secret;
  stop(): Promise<void>;
}

/** All databases of the server, as `docs/postgres.md` says that pgbouncer should be set. */
export async function startPgbouncer(
  server: PostgresServer,
  poolMode: string,
  over: Record<string, number> = {},
): Promise<Pgbouncer> {
  const folder = mkdtempSync(join(tmpdir(), "megallm-bouncer-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: poolMode,
    max_client_conn: 1_000,
    default_pool_size: 50,
    server_login_retry: 1,
    query_wait_timeout: 10,
    ...over,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const place = `host=127.0.0.1 port=${server.port} user=postgres`;
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(file, `[databases]\n* = ${place}\n[pgbouncer]\n${lines.join("\n")}\n`);
  const child = Bun.spawn([...asUser, "pgbouncer", "-q", file], {
    cwd: "/",
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    env: { PATH: programs },
  });
  const end = (): void => child.kill("SIGKILL");
  process.on("exit", end);
  const urlOf = (name: string): string =>
    `postgres://postgres@127.0.0.1:${port}/${name}?sslmode=disable`;
  await untilItAnswers(urlOf("postgres"));
  return {
    urlOf: (name) => new Secret(urlOf(name)),
    async stop() {
      process.off("exit", end);
      end();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(connectionString: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const client = new Client({ connectionString });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("select 1");
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await Bun.sleep(20);
    } finally {
      await client.end().catch(() => {});
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
