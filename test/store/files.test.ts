// The database as files: who may read them, what happens when they are damaged, locked, or of another version.
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../src/lib/log.ts";
import { acquireLock, isLocked, openStore, StoreError } from "../../src/store/store.ts";
import { startOf, usageOf } from "../support/store-rows.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "megallm-files-"));
  path = join(folder, "megallm.db");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const mode = (file: string): number => statSync(file).mode & 0o777;
const failureOf = async (work: () => unknown): Promise<StoreError> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("did not fail");
};

/** A database with rows, closed. */
async function filled(rows = 50): Promise<void> {
  const store = await openStore({ path });
  await Promise.all(
    Array.from({ length: rows }, (_unused, index) => store.settle(usageOf(`req_${index}`), [])),
  );
  await store.close();
}

/** The files as a killed process leaves them: rows in the log, nothing checkpointed. */
async function crashed(): Promise<void> {
  const store = await openStore({ path });
  store.begin(startOf("req_running"));
  await store.flush();
  await Promise.all(
    Array.from({ length: 50 }, (_unused, index) => store.settle(usageOf(`req_${index}`), [])),
  );
  const copy = join(folder, "copy");
  mkdirSync(copy);
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    copyFileSync(file, join(copy, file.slice(folder.length)));
  await store.close();
  path = join(copy, "megallm.db");
}

describe("S08: modes", () => {
  test.each([0o000, 0o002, 0o022, 0o077])("private under umask %p", async (umask) => {
    const previous = process.umask(umask);
    try {
      const nested = join(folder, "a", "b");
      const file = join(nested, "megallm.db");
      const store = await openStore({ path: file });
      await store.settle(usageOf("req_1"), []);
      const lock = acquireLock(nested);
      expect(mode(nested)).toBe(0o700);
      expect(readdirSync(nested).toSorted()).toEqual([
        "megallm.db",
        "megallm.db-shm",
        "megallm.db-wal",
        "megallm.lock",
        "megallm.pid",
      ]);
      for (const name of readdirSync(nested))
        expect([name, mode(join(nested, name))]).toEqual([name, 0o600]);
      lock.release();
      await store.close();
    } finally {
      process.umask(previous);
    }
  });

  test("looser files are tightened with a warning, also those a crash left", async () => {
    await crashed();
    for (const name of ["megallm.db", "megallm.db-wal", "megallm.db-shm"]) {
      chmodSync(join(path, "..", name), 0o644);
    }
    const lines: string[] = [];
    const store = await openStore({
      path,
      log: createLogger({ write: (line) => lines.push(line) }),
    });
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(mode(file)).toBe(0o600);
    expect(lines.filter((line) => line.includes("store.permissions_tightened"))).toHaveLength(3);
    await store.close();
  });

  test("an existing folder keeps its mode, except the locked data directory", async () => {
    chmodSync(folder, 0o755);
    await filled(1);
    expect(mode(folder)).toBe(0o755);
    acquireLock(folder).release();
    expect(mode(folder)).toBe(0o700);
  });
});

describe("R37: versions", () => {
  test("a newer schema is refused and left alone", async () => {
    await filled(1);
    const other = new Database(path);
    other.run("insert into schema_version values (999, 0)");
    other.close();
    const before = readFileSync(path);
    for (const readOnly of [false, true]) {
      const error = await failureOf(() => openStore({ path, readOnly }));
      expect(error.code).toBe("newer_schema");
      expect(error.message).toContain("version 999");
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("an older schema is migrated by a writer and refused by a reader", async () => {
    const empty = new Database(path);
    empty.run(
      "create table schema_version (version integer primary key, applied_at_ms bigint not null)",
    );
    empty.close();
    expect((await failureOf(() => openStore({ path, readOnly: true }))).code).toBe("older_schema");
    const store = await openStore({ path });
    expect(await store.settle(usageOf("req_1"), [])).toBe("committed");
    await store.close();
  });

  test("somebody else's database is refused", async () => {
    const other = new Database(path);
    other.run("create table songs (title text)");
    other.close();
    expect((await failureOf(() => openStore({ path }))).code).toBe("not_ours");
  });

  test("a failed migration leaves nothing behind", async () => {
    const other = new Database(path);
    other.run(
      "create table schema_version (version integer primary key, applied_at_ms bigint not null)",
    );
    other.run("create table started (mine text)");
    other.close();
    const refused = await openStore({ path }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Error);
    const after = new Database(path, { readonly: true });
    const tables = after
      .query("select name from sqlite_master where type = 'table' order by name")
      .values();
    expect(tables.flat()).toEqual(["schema_version", "started"]);
    after.close();
  });
});

describe("R43: damage is told, never an empty ledger", () => {
  const refused = async (): Promise<string> => {
    const before = existsSync(path) ? readFileSync(path) : null;
    const error = await failureOf(() => openStore({ path }));
    expect(error.code).toBe("damaged");
    const after = existsSync(path) ? readFileSync(path) : null;
    expect(after?.length).toBe(before?.length);
    expect(error.message).toContain(path);
    return error.message;
  };

  test("cut to nothing, to a few bytes, to half", async () => {
    for (const keep of [0, 10, 4_096, 20_000]) {
      rmSync(path, { force: true });
      await filled(200);
      truncateSync(path, keep);
      expect(await refused()).toMatch(/has only|was cut/);
    }
  });

  test("another file in its place", async () => {
    writeFileSync(path, "a text file, long enough to hold a header ".repeat(100));
    expect(await refused()).toContain("not a SQLite database");
  });

  test("flipped bytes in any page", async () => {
    await filled(300);
    const whole = readFileSync(path);
    const pages = whole.length / 4_096;
    let found = 0;
    for (let page = 1; page < pages; page += 1) {
      const bytes = Buffer.from(whole);
      // The head of a page: its kind, its cell count, its cell pointers.
      bytes.fill(0xa5, page * 4_096, page * 4_096 + 24);
      writeFileSync(path, bytes);
      const error = await failureOf(() => openStore({ path }));
      expect(error.code).toBe("damaged");
      found += 1;
    }
    expect(found).toBeGreaterThan(20);
  });

  test("the file gone, its log still there", async () => {
    await crashed();
    rmSync(path);
    const error = await failureOf(() => openStore({ path }));
    expect(error.message).toContain("is gone");
    expect(existsSync(path)).toBe(false);
  });

  test("the log gone; the way out that the message names works", async () => {
    await crashed();
    rmSync(`${path}-wal`);
    expect(await refused()).toContain(`remove \`${path}-shm\``);
    rmSync(`${path}-shm`);
    const store = await openStore({ path });
    expect(await store.count()).toBe(0);
    await store.close();
  });

  test("a crash is no damage", async () => {
    await crashed();
    const store = await openStore({ path });
    expect(await store.count()).toBe(50);
    expect(await store.recover()).toBe(1);
    await store.close();
  });

  test("a beginning that was cut short is begun again", async () => {
    writeFileSync(`${path}.new-${process.pid}`, "half");
    const store = await openStore({ path });
    expect(await store.count()).toBe(0);
    await store.close();
    expect(readdirSync(folder)).toEqual(["megallm.db"]);
  });
});

describe("reading beside a running daemon", () => {
  test("a reader sees the rows, needs no lock, cannot write", async () => {
    const lock = acquireLock(folder);
    const store = await openStore({ path });
    await store.settle(usageOf("req_1"), []);
    const reader = await openStore({ path, readOnly: true });
    expect(await reader.count()).toBe(1);
    await store.settle(usageOf("req_2"), []);
    expect(await reader.count()).toBe(2);
    expect(await reader.writable()).toBe(false);
    expect((await failureOf(() => reader.settle(usageOf("req_3"), []))).code).toBe("closed");
    reader.begin(startOf("req_3"));
    await reader.close();
    expect(await store.settle(usageOf("req_3"), [])).toBe("committed");
    await store.close();
    lock.release();
  });

  test("a reader makes nothing", async () => {
    expect((await failureOf(() => openStore({ path, readOnly: true }))).code).toBe(
      "store_unavailable",
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("R36: one daemon per data directory", () => {
  const holdLock = join(import.meta.dir, "..", "support", "hold-lock.ts");

  test("whether it is held can be told without disturbing it", async () => {
    expect(isLocked(folder)).toBe(false);
    const child = Bun.spawn([process.execPath, holdLock, folder], { stdout: "pipe" });
    onTestFinished(() => child.kill("SIGKILL"));
    await child.stdout.getReader().read();
    expect([isLocked(folder), isLocked(folder)]).toEqual([true, true]);
    child.kill("SIGKILL");
    await child.exited;
    expect(isLocked(folder)).toBe(false);
    const own = acquireLock(folder);
    expect(isLocked(folder)).toBe(true);
    // Looking must not have dropped the lock of this very process.
    const second = Bun.spawn([process.execPath, holdLock, folder], {
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await second.exited).not.toBe(0);
    own.release();
    expect(isLocked(folder)).toBe(false);
  });

  test("the second is refused and told the pid; kill -9 frees it at once", async () => {
    const child = Bun.spawn([process.execPath, holdLock, folder], { stdout: "pipe" });
    onTestFinished(() => child.kill("SIGKILL"));
    await child.stdout.getReader().read();
    const error = await failureOf(() => acquireLock(folder));
    expect(error.code).toBe("locked");
    expect(error.message).toContain(`pid ${child.pid}`);
    // Reading the folder's files, the lock included, does not free it.
    readFileSync(join(folder, "megallm.lock"));
    expect((await failureOf(() => acquireLock(folder))).code).toBe("locked");
    child.kill("SIGKILL");
    await child.exited;
    const lock = acquireLock(folder);
    expect(readFileSync(join(folder, "megallm.pid"), "utf8")).toBe(`${process.pid}\n`);
    expect((await failureOf(() => acquireLock(folder))).message).toContain(`pid ${process.pid}`);
    lock.release();
    lock.release();
    acquireLock(folder).release();
  });

  test("a folder that cannot be one is said so", async () => {
    writeFileSync(join(folder, "file"), "");
    expect((await failureOf(() => acquireLock(join(folder, "file")))).code).toBe(
      "store_unavailable",
    );
  });
});
