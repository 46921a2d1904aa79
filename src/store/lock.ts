// One daemon per data directory: a lock that the operating system takes back when its holder dies.
import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StoreError } from "./error.ts";
import { createPrivate, tighten } from "./sqlite/files.ts";

export interface DirectoryLock {
  release(): void;
}

/** By path. A connection that nothing refers to would be collected, and its lock with it. */
const held = new Map<string, Database>();

/**
 * Takes the data directory for this process until release or death, `kill -9` included: the lock is an
 * open exclusive transaction on `megallm.lock`, not the existence of a file, so nothing is ever stale.
 * Commands that only read do not need it.
 * @throws StoreError `locked`, naming the holder's pid.
 */
export function acquireLock(dataDir: string): DirectoryLock {
  const path = resolve(dataDir, "megallm.lock");
  // The pid stands beside the lock: closing any other descriptor of the lock file would drop the lock (POSIX).
  const pidPath = join(dataDir, "megallm.pid");
  let database: Database;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    tighten(dataDir, 0o700);
    createPrivate(path);
    database = new Database(path, { readwrite: true, create: false });
  } catch (error) {
    throw new StoreError(
      "store_unavailable",
      `The data directory \`${dataDir}\` cannot be used: ${text(error)}. Give this user a directory it may write to.`,
      error,
    );
  }
  try {
    database.run("pragma busy_timeout = 100");
    // Nothing is ever written, so no journal need lie about.
    database.run("pragma journal_mode = memory");
    database.run("begin exclusive");
    writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 });
    chmodSync(pidPath, 0o600);
  } catch (error) {
    database.close();
    if ((error as { code?: unknown }).code === "SQLITE_BUSY") {
      const pid = holder(pidPath);
      throw new StoreError(
        "locked",
        `Another MegaLLM (${pid === null ? "pid unknown" : `pid ${pid}`}) is using \`${dataDir}\`. Stop it first, or give this one another data directory.`,
        error,
      );
    }
    throw new StoreError(
      "store_unavailable",
      `The data directory \`${dataDir}\` cannot be locked: ${text(error)}.`,
      error,
    );
  }
  held.set(path, database);
  return {
    release() {
      if (held.get(path) !== database) return;
      held.delete(path);
      rmSync(pidPath, { force: true });
      database.run("rollback");
      database.close();
    },
  };
}

/** Whether some process holds the data directory now. Only looks; false also where there is none. */
export function isLocked(dataDir: string): boolean {
  const path = resolve(dataDir, "megallm.lock");
  if (held.has(path)) return true;
  let database: Database | undefined;
  try {
    database = new Database(path, { readonly: true });
    database.run("pragma busy_timeout = 0");
    database.query("select count(*) from sqlite_master").get();
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "SQLITE_BUSY";
  } finally {
    database?.close();
  }
}

function holder(pidPath: string): number | null {
  try {
    const pid = Number(readFileSync(pidPath, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
