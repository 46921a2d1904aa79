// Opens a SQLite file as a driver: private, write-ahead logged, checked, migrated.
import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Kysely, sql, SqliteDialect } from "kysely";
import { now } from "../../lib/clock.ts";
import { createId } from "../../lib/id.ts";
import type { Logger } from "../../lib/log.ts";
import type { Driver } from "../driver.ts";
import { StoreError } from "../error.ts";
import { migrate, requireLatest } from "../migrations/migrate.ts";
import type { Tables } from "../schema.ts";
import { type Connection, createConnection } from "./connection.ts";
import {
  createPrivate,
  damaged,
  fileFamily,
  flush,
  identity,
  inspectFile,
  moveIntoPlace,
  size,
  tighten,
} from "./files.ts";

export interface SqliteOptions {
  path: string;
  log?: Logger;
  readOnly?: boolean;
  durable?: "normal" | "full";
}

/** Waiting for a lock blocks the thread: long at the start, when nothing else runs, then hardly at all. */
const openBusyMs = 5_000;
const runBusyMs = 5;
/** The log is cut back to this size when a checkpoint has emptied it, bytes. */
const maxWalBytes = 64 * 1024 * 1024;
/** Up to this size every page is checked at the start, bytes; a larger file is checked where it is small. */
const maxCheckedBytes = 64 * 1024 * 1024;

/** Files that this process has open, by identity, and how often. */
const open = new Map<string, number>();

/** @throws StoreError */
export async function openSqlite(options: SqliteOptions): Promise<Driver> {
  const memory = options.path === ":memory:";
  const path = memory ? options.path : resolve(options.path);
  try {
    if (!memory) {
      if (!open.has(identity(path) ?? "")) inspectFile(path);
      if (size(path) < 0) {
        if (options.readOnly) {
          throw new StoreError("store_unavailable", `There is no database \`${path}\`.`);
        }
        await createFile(path);
      }
      if (!options.readOnly) for (const file of fileFamily(path)) tighten(file, 0o600, options.log);
    }
    return await openFile(path, options);
  } catch (error) {
    throw explain(path, error);
  }
}

/** Makes the whole database under another name and moves it in place: the real name never has half of one. */
async function createFile(path: string): Promise<void> {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
  const draft = `${path}.new-${process.pid}`;
  rmSync(draft, { force: true });
  try {
    createPrivate(draft);
    const connection = createConnection(new Database(draft, fileMode));
    const db = kyselyOn(connection);
    try {
      // A draft that is cut off is thrown away: it is written once, as a whole.
      connection.run("pragma journal_mode = memory");
      connection.run("pragma synchronous = off");
      await migrate(db, { tables });
      // The file remembers it; to change it later, in place, would wait for the disk four times.
      connection.run("pragma journal_mode = wal");
    } finally {
      connection.close();
    }
    flush(draft);
    moveIntoPlace(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

async function openFile(path: string, options: SqliteOptions): Promise<Driver> {
  const memory = path === ":memory:";
  const database = new Database(path, memory ? { safeIntegers: true } : fileMode);
  const connection = createConnection(database);
  const db = kyselyOn(connection);
  try {
    connection.run(`pragma busy_timeout = ${openBusyMs}`);
    if (options.readOnly) {
      connection.run("pragma query_only = on");
      await requireLatest(db, { tables });
    } else {
      const mode = connection.value("pragma journal_mode = wal");
      if (mode !== "wal" && !memory) {
        throw new StoreError(
          "store_unavailable",
          `The file system of \`${path}\` cannot hold a write-ahead log (network drives often cannot). Put the data directory on a local disk.`,
        );
      }
      connection.run(`pragma synchronous = ${options.durable === "full" ? "full" : "normal"}`);
      connection.run(`pragma journal_size_limit = ${maxWalBytes}`);
      connection.run("pragma foreign_keys = on");
      check(connection, path);
      await migrate(db, { tables });
      connection.run(`pragma busy_timeout = ${runBusyMs}`);
    }
    connection.run("pragma cache_size = -16000");
    // SQLite gives the log files the mode of the database; this is for file systems where it could not.
    if (!memory && !options.readOnly) for (const file of fileFamily(path)) tighten(file, 0o600);
  } catch (error) {
    connection.close();
    throw error;
  }
  const forget = memory ? () => {} : remember(path);
  const owner = createId("store");
  return {
    db,
    owner,
    clock: now,
    recheckMs: null,
    // Whoever writes holds the only lock there is.
    deadOwners: async (owners) => owners.filter((other) => other !== owner),
    transact: async (groups) => {
      try {
        return connection.transact(groups);
      } catch (error) {
        throw explain(path, error);
      }
    },
    usedBytes: async () => {
      const [pages, free, bytes] = ["page_count", "freelist_count", "page_size"].map((name) =>
        Number(connection.value(`pragma ${name}`)),
      ) as [number, number, number];
      return (pages - free) * bytes;
    },
    explain: (error) => explain(path, error),
    close: async () => {
      connection.close();
      forget();
    },
  };
}

function remember(path: string): () => void {
  const id = identity(path) ?? path;
  open.set(id, (open.get(id) ?? 0) + 1);
  return () => {
    const left = (open.get(id) ?? 1) - 1;
    if (left > 0) open.set(id, left);
    else open.delete(id);
  };
}

const fileMode = { readwrite: true, create: false, safeIntegers: true } as const;

const kyselyOn = (connection: Connection): Kysely<Tables> =>
  new Kysely<Tables>({ dialect: new SqliteDialect({ database: connection }) });

async function tables(db: Kysely<Tables>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'
  `.execute(db);
  return rows.map(({ name }) => name);
}

/** @throws StoreError `damaged` */
function check(connection: Connection, path: string): void {
  const large = path !== ":memory:" && size(path) > maxCheckedBytes;
  const known = connection.value("select count(*) from sqlite_master where name = 'started'");
  const found = connection.value(
    large && known === 1n
      ? "pragma quick_check('started')"
      : large
        ? "select 'ok'"
        : "pragma quick_check",
  );
  if (found !== "ok") throw damaged(path, `is damaged (${String(found)})`);
}

const passing = [
  "SQLITE_BUSY",
  "SQLITE_LOCKED",
  "SQLITE_FULL",
  "SQLITE_IOERR",
  "SQLITE_READONLY",
  "SQLITE_CANTOPEN",
  "SQLITE_NOMEM",
  "SQLITE_PERM",
  "SQLITE_PROTOCOL",
  "SQLITE_INTERRUPT",
];
const broken = ["SQLITE_CORRUPT", "SQLITE_NOTADB"];

/** SQLite's result code, or the operating system's, in words. What is neither is given back as it is. */
function explain(path: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !/^(?:SQLITE_|E[A-Z]+$)/.test(code)) return error;
  if (broken.some((prefix) => code.startsWith(prefix))) {
    return damaged(path, `is damaged (${error.message})`, error);
  }
  if (code.startsWith("SQLITE_") && !passing.some((prefix) => code.startsWith(prefix))) {
    return new StoreError(
      "invalid_row",
      `The database refused a statement: ${error.message}.`,
      error,
    );
  }
  return new StoreError(
    "store_unavailable",
    `The database \`${path}\` cannot be used now: ${error.message} (${code}). ${advice(code)}`,
    error,
  );
}

function advice(code: string): string {
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC") return "Free disk space.";
  if (code.startsWith("SQLITE_BUSY"))
    return "Another program holds its lock: end that program or wait for it.";
  return "Check that the disk is there and this user may write to the file and its folder.";
}
