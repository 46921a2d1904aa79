// What a running daemon leaves for the command line: its address, its pid, its admin key.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { randomSecret } from "../lib/id.ts";
import { Secret } from "../lib/secret.ts";

const recordSchema = z.object({ pid: z.number(), urls: z.array(z.string()), startedAtMs: z.number() });

export type DaemonRecord = z.infer<typeof recordSchema>;

const recordPath = (dataDir: string): string => join(dataDir, "daemon.json");
export const adminKeyPath = (dataDir: string): string => join(dataDir, "admin.key");

/** Makes the folder readable by its owner only, also when it was looser. */
export function preparePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if ((statSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

/** Writes a file that only its owner can read, whatever the umask and its former mode. */
export function writePrivate(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}

export function writeDaemonRecord(dataDir: string, record: DaemonRecord): void {
  writePrivate(recordPath(dataDir), `${JSON.stringify(record)}\n`);
}

export function removeDaemonRecord(dataDir: string): void {
  rmSync(recordPath(dataDir), { force: true });
}

/** Null when no daemon has left one, or what is there cannot be read. */
export function readDaemonRecord(dataDir: string): DaemonRecord | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(recordPath(dataDir), "utf8")));
  } catch {
    return null;
  }
}

/** The generated admin key, null when there is none yet. */
export function readAdminKey(dataDir: string): Secret | null {
  const path = adminKeyPath(dataDir);
  if (!existsSync(path)) return null;
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  const text = readFileSync(path, "utf8").trim();
  return text.length >= 22 ? new Secret(text) : null;
}

/** The admin key of this data folder, generated on first use: 256 random bits. */
export function createAdminKey(dataDir: string): Secret {
  const present = readAdminKey(dataDir);
  if (present) return present;
  const key = `mega-admin-${randomSecret()}`;
  writePrivate(adminKeyPath(dataDir), `${key}\n`);
  return new Secret(key);
}
