// What a running daemon leaves for the command line: its address, its pid, its admin key.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { randomSecret } from "../lib/id.ts";
import { Secret } from "../lib/secret.ts";
import { isLocked } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";

const recordSchema = z.object({
  pid: z.number(),
  urls: z.array(z.string()),
  startedAtMs: z.number(),
});

export type DaemonRecord = z.infer<typeof recordSchema>;

const recordPath = (dataDir: string): string => join(dataDir, "daemon.json");
const adminKeyPath = (dataDir: string): string => join(dataDir, "admin.key");

/**
 * Refuses a folder of other things: the gateway takes away everybody else's access to its data folder, which
 * `--data-dir /tmp` or `--data-dir ~` cannot have meant.
 * @throws ExitError `cannotStart`
 */
export function requireOwnFolder(folder: string): void {
  let names: string[];
  try {
    if ((statSync(folder).mode & 0o077) === 0) return;
    names = readdirSync(folder);
  } catch {
    // Not there yet, or not for this user: taking the lock makes it or says what is the matter.
    return;
  }
  const isForeign = (name: string): boolean =>
    !/^(?:megallm\.|admin\.key$|key-secret$|daemon\.json$|config-history$|secrets$|lost\+found$)/.test(
      name,
    );
  if (names.includes("megallm.db") || !names.some(isForeign)) return;
  throw new ExitError(
    exitCodes.cannotStart,
    `\`${folder}\` holds other files, and the data folder is made private to this user. Give the gateway a folder of its own, such as \`${join(folder, "megallm")}\`.`,
  );
}

/** Writes a file that only its owner can read, whatever the umask and its former mode. */
export function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}

export function writeDaemonRecord(dataDir: string, record: DaemonRecord): void {
  writePrivate(recordPath(dataDir), `${JSON.stringify(record)}\n`);
}

/** Whoever holds the data folder's lock may do this: the record of another is stale. */
export function removeDaemonRecord(dataDir: string): void {
  rmSync(recordPath(dataDir), { force: true });
}

/**
 * The daemon that holds this data folder. Null when none does, also when one was killed and left its
 * record behind: its address may belong to somebody else by now, who must not be sent a key.
 */
export function runningDaemon(dataDir: string): DaemonRecord | null {
  if (!isLocked(dataDir)) return null;
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
