// Requests that run on after their key was let in: one of the directory is looked at again every few seconds, one of the configuration with every reload.
import type { GatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import { type ConfiguredKeys, createConfiguredKeys } from "./configured-keys.ts";
import type { Caller, CallerDirectory } from "./directory.ts";

export interface Rechecks extends ConfiguredKeys {
  /** Calls `revoked` once the caller is no longer welcome. Returns what ends the watch; it must be called. */
  watch(caller: Caller, revoked: (error: GatewayError) => void): () => void;
}

export interface RechecksOptions {
  readonly callers: Pick<CallerDirectory, "recheck">;
  readonly everyMs: number;
}

type Told = (error: GatewayError) => void;

/** There is a timer only while somebody is watched; it keeps no process alive. */
export function createRechecks({ callers, everyMs }: RechecksOptions): Rechecks {
  const watched = new Map<Caller, Set<Told>>();
  let timer: ReturnType<typeof setInterval> | null = null;
  let isLooking = false;

  const stopIfIdle = (): void => {
    if (timer === null || watched.size > 0) return;
    clearInterval(timer);
    timer = null;
  };

  const look = async (): Promise<void> => {
    // A database that does not answer is not asked a second time meanwhile.
    if (isLooking) return;
    isLooking = true;
    try {
      for (const [caller, requests] of watched) {
        const error = await callers.recheck(caller, now());
        // That the database cannot be read takes nobody's key away.
        if (error === null || error.code === "unavailable") continue;
        watched.delete(caller);
        for (const revoked of requests) revoked(error);
      }
    } finally {
      isLooking = false;
      stopIfIdle();
    }
  };

  return {
    ...createConfiguredKeys(),
    watch(caller, revoked) {
      const requests = watched.get(caller) ?? new Set();
      const told: Told = (error) => revoked(error);
      watched.set(caller, requests.add(told));
      timer ??= setInterval(() => background(look(), "recheck of running keys"), everyMs);
      timer.unref();
      return () => {
        requests.delete(told);
        if (requests.size === 0 && watched.get(caller) === requests) watched.delete(caller);
        stopIfIdle();
      };
    },
  };
}
