// Where the ledger of a command is, and how one that only looks opens it.
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { runningDaemon } from "./daemon-file.ts";
import { acquireLock, openStore, type Store, type StoreLocation } from "../store/store.ts";

/** The database of the `store` setting, else the file in the data folder. */
export const ledgerOf = ({ dataDir, store }: Pick<Config, "dataDir" | "store">): StoreLocation =>
  store === null ? { path: join(dataDir, "megallm.db") } : { url: store.url };

/** Whether a gateway is at work on the database file: what changes it is then done there. */
export const isHeld = ({ dataDir, store }: Pick<Config, "dataDir" | "store">): boolean =>
  store === null && runningDaemon(dataDir) !== null;

/** Null when there is no ledger yet. @throws StoreError when there is one that cannot be read */
export async function openToRead(
  settings: Pick<Config, "dataDir" | "store">,
): Promise<Store | null> {
  const location = ledgerOf(settings);
  // Throws where the folder may not be looked into: that is not the same as an empty ledger.
  if ("path" in location && !statSync(location.path, { throwIfNoEntry: false })) return null;
  return openStore({ ...location, readOnly: true });
}

/**
 * Opens the ledger for a command that changes it; null when there is none yet. A database file is locked until it is
 * closed, so that no gateway is at work on it.
 * @throws StoreError `locked` while a gateway runs on the file
 */
export async function openToWrite(
  settings: Pick<Config, "dataDir" | "store">,
): Promise<Store | null> {
  const location = ledgerOf(settings);
  if ("url" in location) return openStore(location);
  if (!statSync(location.path, { throwIfNoEntry: false })) return null;
  const lock = acquireLock(settings.dataDir);
  try {
    const store = await openStore(location);
    return {
      ...store,
      async close() {
        await store.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
