// The ledger's housekeeping in a running gateway: rows into sums each minute, what is old deleted each quarter of an hour.
import { monotonic } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { StoreError } from "./error.ts";
import type { RetentionPolicy } from "./retention.ts";
import type { Store } from "./store.ts";

export interface HousekeepingOptions {
  /** As the configuration has it now. */
  policy(): RetentionPolicy;
  /** What cached answers may take, bytes. */
  cacheBytes?(): number;
  log: Logger;
  rollEveryMs?: number;
  retainEveryMs?: number;
}

/** Begins at once. What it returns ends it, and resolves when nothing of it runs any more. */
export function keepHouse(
  store: Pick<Store, "rollups" | "retention"> & Partial<Pick<Store, "cachedAnswers">>,
  {
    policy,
    cacheBytes,
    log,
    rollEveryMs = 60_000,
    retainEveryMs = 15 * 60_000,
  }: HousekeepingOptions,
): () => Promise<void> {
  const ending = new AbortController();
  let running: Promise<void> | null = null;
  let retainedMs: number | null = null;

  /** What has expired, and what is over a limit that was lowered, or that several gateways passed together. */
  const sweepCache = async (isDue: boolean, signal: AbortSignal): Promise<void> => {
    const { cachedAnswers } = store;
    if (!cachedAnswers || !cacheBytes) return;
    const expired = await cachedAnswers.sweep({ signal });
    const excess = isDue ? (await cachedAnswers.size()).bytes - cacheBytes() : 0;
    const evicted = excess > 0 ? (await cachedAnswers.evict(excess, { signal })).entries : 0;
    if (expired + evicted > 0) log.info("cache.swept", { expired, evicted });
  };

  const work = async (): Promise<void> => {
    const { signal } = ending;
    try {
      const isDue = retainedMs === null || monotonic() - retainedMs >= retainEveryMs;
      await sweepCache(isDue, signal);
      if (!isDue) {
        await store.rollups.roll({ signal });
        return;
      }
      retainedMs = monotonic();
      const removed = await store.retention.apply(policy(), { signal });
      if (Object.values(removed).some((count) => count > 0)) {
        log.info("ledger.retained", { ...removed });
      }
    } catch (error) {
      if (signal.aborted) return;
      // A database that is away is the writer's to tell; it is tried again.
      const isPassing = error instanceof StoreError && error.code === "store_unavailable";
      if (isPassing) log.debug("ledger.housekeeping_waits", {}, error);
      else log.error("ledger.housekeeping_failed", {}, error);
    }
  };
  const begin = (): void => {
    running ??= work().finally(() => {
      running = null;
    });
  };

  begin();
  const timer = setInterval(begin, rollEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    ending.abort();
    await running;
  };
}
