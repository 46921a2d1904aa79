// Lists of models, kept for a while: one question at a time, and the old list when there is no new one.
import { GatewayError } from "../ir/error.ts";
import type { LiveModel } from "./model-list.ts";

/** What is known of a provider's models. */
export interface Listing {
  models: readonly LiveModel[];
  /** When the list was read, ms since the Unix epoch; null: never. */
  readAtMs: number | null;
  /** Why there is none newer. */
  error?: GatewayError;
}

export interface ModelCache {
  /** The list, read if there is none young enough. Askers share one reading. Never rejects: see {@link Listing.error}. */
  get(key: string): Promise<Listing>;
  /** What is there now, however old, without asking anybody. */
  peek(key: string): Listing | undefined;
  /** Forgets the lists of all keys but these. */
  keep(keys: ReadonlySet<string>): void;
}

export interface ModelCacheOptions {
  /** Reads one list. */
  load(key: string): Promise<readonly LiveModel[]>;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** How long a list is young. Default one hour. */
  ttlMs?: number;
  /** How long nobody is asked again after a failure. Default one minute. */
  retryMs?: number;
}

interface Entry {
  listing: Listing;
  askAgainAtMs: number;
}

const empty: Listing = { models: [], readAtMs: null };

/** @example createModelCache({ load: (name) => readModels(sources.get(name), fetch, signal), now }) */
export function createModelCache(options: ModelCacheOptions): ModelCache {
  const { load, now, ttlMs = 3_600_000, retryMs = 60_000 } = options;
  const entries = new Map<string, Entry>();
  const readings = new Map<string, Promise<Listing>>();

  const read = async (key: string): Promise<Listing> => {
    const previous = entries.get(key);
    try {
      const models = await load(key);
      return { models, readAtMs: now() };
    } catch (thrown) {
      const error =
        thrown instanceof GatewayError
          ? thrown
          : new GatewayError("internal", "The list of models could not be read.", {
              cause: thrown,
            });
      return { ...(previous?.listing ?? empty), error };
    }
  };

  const readOnce = async (key: string): Promise<Listing> => {
    const reading = read(key);
    readings.set(key, reading);
    const listing = await reading;
    // Forgotten in the meantime: then it is not for the next asker.
    if (readings.get(key) === reading) {
      readings.delete(key);
      const wait = listing.error ? Math.max(retryMs, listing.error.retryAfterMs ?? 0) : ttlMs;
      entries.set(key, { listing, askAgainAtMs: now() + wait });
    }
    return listing;
  };

  return {
    async get(key) {
      const entry = entries.get(key);
      if (entry && now() < entry.askAgainAtMs) return entry.listing;
      return readings.get(key) ?? readOnce(key);
    },
    peek: (key) => entries.get(key)?.listing,
    keep(keys) {
      for (const held of [entries, readings]) {
        for (const key of held.keys()) if (!keys.has(key)) held.delete(key);
      }
    },
  };
}
