// The answer cache: what is found is no older than allowed, what is kept stays within its size, and no failure of it fails a request.
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { CacheBackend, CachedAnswer } from "./backend.ts";

export interface AnswerCache {
  /** Null where there is none that is young enough, or where it cannot be looked up. */
  find(key: string, maxAgeMs: number): Promise<CachedAnswer | null>;
  /** Found from now on; written behind the caller's back. */
  keep(answer: CachedAnswer, limits: CacheLimits): void;
  /** Resolves when all that was to be kept is written. */
  flush(): Promise<void>;
}

/** As the configuration has them now. */
export interface CacheLimits {
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
}

/** Most that waits to be written, bytes: beyond it answers are not kept. */
const maxWaiting = 64 * 1024 ** 2;
/** When room is made, it is made for more than the one answer. */
const roomShare = 0.05;
/** What an answer takes besides its own bytes, about, and how much longer a text may be than those. */
const overhead = 1_024;
const growth = 1.35;

export function createAnswerCache(backend: CacheBackend, log: Logger): AnswerCache {
  /** On their way to the backend, and there to be found already. */
  const waiting = new Map<string, CachedAnswer>();
  let waitingBytes = 0;
  /** About what the backend holds; null where nobody has asked it yet. */
  let held: number | null = null;
  let writing: Promise<void> = Promise.resolve();

  const makeRoom = async (bytes: number, maxBytes: number): Promise<void> => {
    if (held !== null && held + bytes <= maxBytes) return;
    // Others may write to the same place, or have cleared it; what has expired goes before what has not.
    ({ bytes: held } = await backend.size());
    if (held + bytes > maxBytes && (await backend.sweep()) > 0) {
      ({ bytes: held } = await backend.size());
    }
    const excess = held + bytes - maxBytes;
    if (excess <= 0) return;
    held -= (await backend.evict(excess + Math.floor(maxBytes * roomShare))).bytes;
  };

  const write = async (answer: CachedAnswer, { maxBytes }: CacheLimits): Promise<void> => {
    const bytes = Math.ceil(answer.body.length * growth) + overhead;
    try {
      await makeRoom(bytes, maxBytes);
      await backend.put(answer);
      held = (held ?? 0) + bytes;
    } catch (error) {
      held = null;
      log.warn("cache.not_kept", { requestId: answer.requestId }, error);
    } finally {
      waitingBytes -= answer.body.length;
      if (waiting.get(answer.key) === answer) waiting.delete(answer.key);
    }
  };

  return {
    async find(key, maxAgeMs) {
      let found = waiting.get(key) ?? null;
      try {
        found ??= await backend.get(key);
      } catch (error) {
        log.warn("cache.not_read", {}, error);
      }
      if (!found) return null;
      const atMs = now();
      // A clock that was set back makes answers of the future.
      const ageMs = Math.max(0, atMs - found.atMs);
      return ageMs < maxAgeMs && atMs < found.expiresMs ? found : null;
    },
    keep(answer, limits) {
      const { length } = answer.body;
      if (length > limits.maxEntryBytes || waitingBytes + length > maxWaiting) return;
      // One that cannot fit would push out all the others.
      if (length * growth + overhead > limits.maxBytes) return;
      waiting.set(answer.key, answer);
      waitingBytes += length;
      writing = writing.then(() => write(answer, limits));
      background(writing, "keeping an answer in the cache");
    },
    flush: () => writing,
  };
}
