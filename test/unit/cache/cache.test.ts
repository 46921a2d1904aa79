// The cache over a backend: found at once, never too old, within its size, and no failure of it is anybody else's.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { CacheBackend } from "../../../src/cache/backend.ts";
import { type AnswerCache, type CacheLimits, createAnswerCache } from "../../../src/cache/cache.ts";
import { setClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import { answerOf } from "../../store/cache-suite.ts";

const limits: CacheLimits = { maxBytes: 1024 ** 2, maxEntryBytes: 100_000 };
const hour = 3_600_000;

let store: Store;
let cache: AnswerCache;
let lines: string[];
let nowMs: number;
let restore: () => void;

const log = () => createLogger({ level: "debug", write: (line) => void lines.push(line) });

beforeEach(async () => {
  nowMs = 20_000 * 24 * hour;
  restore = setClock({ now: () => nowMs });
  lines = [];
  store = await openStore({ path: ":memory:" });
  cache = createAnswerCache(store.cachedAnswers, log());
});
afterEach(async () => {
  await cache.flush();
  await store.close();
  restore();
});

const answer = (key: string, size = 10) =>
  answerOf(key, {
    atMs: nowMs,
    expiresMs: nowMs + hour,
    body: crypto.getRandomValues(new Uint8Array(size)),
  });

describe("finding", () => {
  test("before it is written, and after", async () => {
    cache.keep(answer("a"), limits);
    expect((await cache.find("a", hour))?.key).toBe("a");
    await cache.flush();
    expect((await store.cachedAnswers.get("a"))?.key).toBe("a");
    expect((await cache.find("a", hour))?.key).toBe("a");
    expect(await cache.find("b", hour)).toBeNull();
  });

  test("none that is older than wanted, or past its time", async () => {
    cache.keep(answer("a"), limits);
    await cache.flush();
    nowMs += 1_000;
    expect(await cache.find("a", 1_000)).toBeNull();
    expect(await cache.find("a", 0)).toBeNull();
    expect((await cache.find("a", 1_001))?.key).toBe("a");
    nowMs += hour - 1_001;
    expect((await cache.find("a", 2 * hour))?.key).toBe("a");
    nowMs += 1;
    expect(await cache.find("a", 2 * hour)).toBeNull();
  });

  test("a clock that was set back makes none older than it is", async () => {
    cache.keep(answer("a"), limits);
    await cache.flush();
    nowMs -= 10 * hour;
    expect((await cache.find("a", 1))?.key).toBe("a");
  });
});

describe("the size", () => {
  test("is kept, whatever comes: the oldest make room", async () => {
    for (let at = 0; at < 120; at += 1) {
      nowMs += 1;
      cache.keep(answer(`k${at}`, 5_000 + ((at * 977) % 40_000)), limits);
      if (at % 10 === 0) {
        await cache.flush();
        expect((await store.cachedAnswers.size()).bytes).toBeLessThanOrEqual(limits.maxBytes);
      }
    }
    await cache.flush();
    const { bytes, entries } = await store.cachedAnswers.size();
    expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
    // It is used, too.
    expect(bytes).toBeGreaterThan(limits.maxBytes / 2);
    expect(entries).toBeLessThan(120);
    expect((await cache.find("k119", hour))?.key).toBe("k119");
    expect(await cache.find("k0", hour)).toBeNull();
  });

  test("is kept when it was lowered, when others write, and when it was cleared", async () => {
    for (let at = 0; at < 30; at += 1) cache.keep(answer(`k${at}`, 20_000), limits);
    await cache.flush();
    const low = { ...limits, maxBytes: 200_000 };
    cache.keep(answer("low", 20_000), low);
    await cache.flush();
    expect((await store.cachedAnswers.size()).bytes).toBeLessThanOrEqual(low.maxBytes);
    await store.cachedAnswers.clear();
    cache.keep(answer("after", 20_000), low);
    await cache.flush();
    expect((await store.cachedAnswers.size()).entries).toBe(1);
  });

  test("what has expired makes room before what has not", async () => {
    const short = answerOf("short", {
      atMs: nowMs + 10,
      expiresMs: nowMs + 1_000,
      body: crypto.getRandomValues(new Uint8Array(80_000)),
    });
    const low = { ...limits, maxBytes: 350_000 };
    cache.keep(answer("old", 80_000), low);
    cache.keep(short, low);
    await cache.flush();
    nowMs += 2_000;
    cache.keep(answer("new", 80_000), low);
    cache.keep(answer("newer", 80_000), low);
    await cache.flush();
    expect((await cache.find("old", hour))?.key).toBe("old");
    expect(await store.cachedAnswers.size()).toMatchObject({ entries: 3 });
    expect((await store.cachedAnswers.size()).bytes).toBeLessThanOrEqual(low.maxBytes);
  });

  test("answers that are too large, or larger than all there is room for, are not kept", async () => {
    cache.keep(answer("large", 100_001), limits);
    cache.keep(answer("larger", 90_000), { ...limits, maxBytes: 100_000 });
    await cache.flush();
    expect(await cache.find("large", hour)).toBeNull();
    expect(await cache.find("larger", hour)).toBeNull();
  });
});

describe("a backend that fails", () => {
  const failing = (): CacheBackend => {
    const fail = async (): Promise<never> => {
      throw new Error("the database is away");
    };
    return { get: fail, put: fail, size: fail, evict: fail, sweep: fail };
  };

  test("finds nothing and keeps nothing, which is told in the log and to nobody else", async () => {
    const broken = createAnswerCache(failing(), log());
    expect(await broken.find("a", hour)).toBeNull();
    broken.keep(answer("a"), limits);
    expect((await broken.find("a", hour))?.key).toBe("a");
    await broken.flush();
    expect(await broken.find("a", hour)).toBeNull();
    expect(lines.join()).toContain("cache.not_read");
    expect(lines.join()).toContain("cache.not_kept");
  });

  test("works again when it does", async () => {
    let isAway = true;
    const backend: CacheBackend = {
      ...store.cachedAnswers,
      put: (each) => (isAway ? failing().put(each) : store.cachedAnswers.put(each)),
    };
    const mended = createAnswerCache(backend, log());
    mended.keep(answer("a"), limits);
    await mended.flush();
    isAway = false;
    mended.keep(answer("b"), limits);
    await mended.flush();
    expect(await mended.find("a", hour)).toBeNull();
    expect((await mended.find("b", hour))?.key).toBe("b");
  });
});
