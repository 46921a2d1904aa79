// A PostgreSQL server of a test's own: a cluster in a temporary folder, on a Unix socket and a free port.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { Secret } from "../../src/lib/secret.ts";

export interface PostgresServer {
  folder: string;
  port: number;
  /** A new, empty database. */
  createDatabase(options?: { encoding?: string }): Promise<Database>;
  stop(mode?: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  /** Sends a signal to every process of the server. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  dispose(): Promise<void>;
}

export interface Database {
  url: Secret;
  name: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

/** A process that has ended meanwhile needs no signal. */
function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The folder of the server's programs; null where PostgreSQL is not installed. */
export const postgresPrograms = findPrograms();

/** Why tests on PostgreSQL are skipped, or null. Says it once. */
export function postgresMissing(): string | null {
  if (postgresPrograms) return null;
  const why = "skipped: PostgreSQL's programs (initdb, pg_ctl) are not installed";
  console.log(why);
  return why;
}

function findPrograms(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const folders = [
    ...versions
      .toSorted((one, other) => Number(other) - Number(one))
      .map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(":"),
  ];
  return (
    folders.find((folder) =>
      ["initdb", "pg_ctl"].every((name) => existsSync(join(folder, name))),
    ) ?? null
  );
}

/** PostgreSQL refuses to run as root: then it runs as the user `postgres`. */
const isRoot = process.getuid?.() === 0;
const asUser = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];

async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn([...asUser, ...command], {
    cwd: "/",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  const [out, problems, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command[0]} failed (${code}): ${out}${problems}`);
  return out;
}

function userIds(): [uid: number, gid: number] {
  const [uid = "", gid = ""] = ["-u", "-g"].map((flag) =>
    Bun.spawnSync(["id", flag, "postgres"]).stdout.toString().trim(),
  );
  return [Number(uid), Number(gid)];
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

/**
 * Makes and starts a cluster.
 * @param settings as in postgresql.conf.
 * @param prepare is called with the cluster's folder before the start; `data` is the server's.
 */
export async function startPostgres(
  settings: Record<string, string> = {},
  prepare: (folder: string) => void = () => {},
): Promise<PostgresServer> {
  if (!postgresPrograms) throw new Error("PostgreSQL is not installed");
  const programs = postgresPrograms;
  const folder = mkdtempSync(join(tmpdir(), "megallm-pg-"));
  const data = join(folder, "data");
  const socket = join(folder, "socket");
  mkdirSync(socket);
  chmodSync(folder, 0o755);
  if (isRoot) for (const path of [folder, socket]) chownSync(path, ...userIds());
  // Not the order of bytes, so that what relies on it is found out.
  const locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];
  const form = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", ...locale];
  await run(join(programs, "initdb"), "-D", data, ...form);
  const port = await freePort();
  const all: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: socket,
    // Tests kill processes, not the machine.
    fsync: "off",
    ...settings,
  };
  const options = Object.entries(all)
    .map(([name, value]) => `-c ${name}='${value}'`)
    .join(" ");
  const control = (...words: string[]) => run(join(programs, "pg_ctl"), "-D", data, ...words);
  const start = async (): Promise<void> => {
    await control("start", "-w", "-t", "60", "-l", join(folder, "log"), "-o", options);
  };
  const stop = async (mode = "fast"): Promise<void> => {
    await control("stop", "-w", "-t", "60", "-m", mode);
  };
  prepare(folder);
  await start();

  const query = async (name: string, sql: string): Promise<Record<string, unknown>[]> => {
    const client = new Client({ host: socket, port, user: "postgres", database: name });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const signal = (name: "SIGSTOP" | "SIGCONT"): void => {
    for (const pid of processesOf(data)) sendSignal(pid, name);
  };
  const kill = (): void => {
    for (const pid of processesOf(data)) sendSignal(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", kill);
  let count = 0;
  return {
    folder,
    port,
    async createDatabase({ encoding } = {}) {
      count += 1;
      const name = `ledger_${count}`;
      const other = encoding ? `encoding '${encoding}' locale_provider libc locale 'C'` : "";
      await query("postgres", `create database ${name} template template0 ${other}`);
      const url = `postgres://postgres@localhost:${port}/${name}?host=${encodeURIComponent(socket)}`;
      return {
        name,
        url: new Secret(url),
        query: (sql) => query(name, sql),
        drop: async () => {
          await query("postgres", `drop database if exists ${name} with (force)`);
        },
      };
    },
    start,
    stop,
    signal,
    async dispose() {
      process.off("exit", kill);
      signal("SIGCONT");
      if (processesOf(data).length > 0) await stop("immediate");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The postmaster of this cluster and its children, by number. */
function processesOf(data: string): number[] {
  const file = join(data, "postmaster.pid");
  if (!existsSync(file)) return [];
  const [head = ""] = Bun.spawnSync(["head", "-1", file]).stdout.toString().split("\n");
  const postmaster = Number(head);
  if (!Number.isSafeInteger(postmaster) || postmaster <= 1) return [];
  const children = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(postmaster)])
    .stdout.toString()
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 1);
  return [postmaster, ...children];
}
