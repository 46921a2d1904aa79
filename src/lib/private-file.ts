// Files that only their owner may read: written as a whole or not at all.
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { createId } from "./id.ts";

/**
 * Puts a file (0600) in the place of what is there, at once: nobody ever reads half of it. A symbolic link stays,
 * what it leads to is replaced. Folders are made when missing (0700).
 * @throws the system's error; then nothing has changed.
 */
export function replaceFile(path: string, text: string): void {
  const target = realPath(path);
  const folder = dirname(target);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = join(folder, `.${createId("new")}`);
  try {
    const file = openSync(fresh, "wx", 0o600);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/** A folder that only its owner may look into, whatever it was before. */
export function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** That the new name lasts over a loss of power; some file systems have no such thing. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Best effort: the file itself is safe.
  }
}
