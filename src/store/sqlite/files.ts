// The database as files: private modes whatever the umask, and what can be told of damage before SQLite looks.
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import type { Logger } from "../../lib/log.ts";
import { StoreError } from "../error.ts";

/** The files of one database. */
export const fileFamily = (path: string): string[] => [path, `${path}-wal`, `${path}-shm`];

/**
 * Makes an empty file that only its owner can use. One that is there is not opened: closing any descriptor
 * of a file takes away every POSIX lock that this process holds on it.
 */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  chmodSync(path, 0o600);
}

/** Takes from `path` every permission that `mode` does not have. Nothing happens when it is not there. */
export function tighten(path: string, mode: number, log?: Logger): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found || (found.mode & 0o777 & ~mode) === 0) return;
  chmodSync(path, mode);
  log?.warn("store.permissions_tightened", {
    path,
    was: (found.mode & 0o777).toString(8),
    is: mode.toString(8),
  });
}

/** Until it is on the disk, for what was written without waiting for it. */
export function flush(path: string): void {
  const descriptor = openSync(path, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a finished new database in place; one that appeared there in the meantime stays. */
export function moveIntoPlace(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") rmSync(from);
    // File systems without hard links.
    else renameSync(from, to);
  }
}

export const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? -1;

/** Tells files apart whatever path leads to them; null when there is none. */
export function identity(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found ? `${found.dev}:${found.ino}` : null;
}

/**
 * Refuses what is not a whole database. Not for a file that this process has open: see
 * {@link createPrivate}. New databases are renamed into place when they are complete,
 * so an empty or headless file is always damage, never a beginning.
 * @throws StoreError `damaged`, `not_ours`
 */
export function inspectFile(path: string): void {
  const [, wal, shm] = fileFamily(path) as [string, string, string];
  if (size(path) < 0) {
    if (size(wal) > 0) {
      throw damaged(path, "is gone while its write-ahead log (`-wal`) is still there");
    }
    return;
  }
  // SQLite removes `-shm` before `-wal`; the reverse happens only when somebody took the log away.
  if (size(wal) < 0 && size(shm) >= 0) {
    throw new StoreError(
      "damaged",
      `The newest rows of \`${path}\` are missing: its write-ahead log \`${wal}\` was removed. Put it back; or remove \`${shm}\` as well to go on without those rows.`,
    );
  }
  const file = openSync(path, "r");
  const header = Buffer.alloc(100);
  let length: number;
  let bytes: number;
  try {
    length = readSync(file, header, 0, 100, 0);
    bytes = fstatSync(file).size;
  } finally {
    closeSync(file);
  }
  if (length < 100) throw damaged(path, `has only ${bytes} bytes`);
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") {
    throw new StoreError(
      "damaged",
      `\`${path}\` is not a SQLite database, or its header is damaged. ${remedy(path)}`,
    );
  }
  // The page count of the header holds when the file's change counter says so; a log may still have the rest.
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const counted = header.readUInt32BE(24) === header.readUInt32BE(92);
  const expected = header.readUInt32BE(28) * pageSize;
  if (counted && size(wal) <= 0 && bytes < expected) {
    throw damaged(path, `was cut: ${bytes} of ${expected} bytes are left`);
  }
}

export const damaged = (path: string, what: string, cause?: unknown): StoreError =>
  new StoreError("damaged", `The database \`${path}\` ${what}. ${remedy(path)}`, cause);

const remedy = (path: string): string =>
  `Nothing was changed. Restore it from a backup, or save what is left with \`sqlite3 ${path} .recover\`; to start with an empty ledger, move the file away.`;
