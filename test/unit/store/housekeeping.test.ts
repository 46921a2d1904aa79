// The ledger's housekeeping: what runs when, that it runs once at a time, and that nothing it meets ends the gateway.
import { afterEach, expect, test } from "bun:test";
import { setClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { StoreError } from "../../../src/store/error.ts";
import { keepHouse } from "../../../src/store/housekeeping.ts";
import type { Removed, RetentionPolicy } from "../../../src/store/retention.ts";
import { openStore } from "../../../src/store/store.ts";
import { answerOf } from "../../store/cache-suite.ts";
import { until } from "../../support/until.ts";

const policy: RetentionPolicy = {
  rowsMs: 1,
  hoursMs: null,
  daysMs: null,
  bodiesMs: null,
  maxBytes: null,
};
const start = 20_000 * 86_400_000;
const nothing: Removed = { rows: 0, hours: 0, days: 0, bodies: 0 };

let restore = (): void => {};
afterEach(() => restore());

function house(apply: () => Promise<Removed>, roll: () => Promise<number> = async () => 0) {
  let time = 0;
  restore = setClock({ monotonic: () => time });
  const calls: string[] = [];
  const lines: string[] = [];
  const stop = keepHouse(
    {
      rollups: {
        roll: () => {
          calls.push("roll");
          return roll();
        },
      },
      retention: {
        apply: (given) => {
          expect(given).toBe(policy);
          calls.push("retain");
          return apply();
        },
      },
    },
    {
      policy: () => policy,
      log: createLogger({ level: "debug", write: (line) => lines.push(line) }),
      rollEveryMs: 5,
      retainEveryMs: 1_000,
    },
  );
  return { calls, lines, stop, pass: (ms: number) => (time += ms) };
}

test("what is old goes first and then seldom, sums are made often; deletions are told", async () => {
  const { calls, lines, stop, pass } = house(async () => ({ ...nothing, rows: 3 }));
  await until(() => calls.length >= 4);
  expect(calls.slice(0, 4)).toEqual(["retain", "roll", "roll", "roll"]);
  pass(1_000);
  await until(() => calls.filter((call) => call === "retain").length === 2);
  await stop();
  const count = calls.length;
  await Bun.sleep(20);
  expect(calls).toHaveLength(count);
  expect(lines.filter((line) => line.includes("ledger.retained"))).toHaveLength(2);
});

test("one at a time, however long it takes; the end waits for it", async () => {
  let finish = (_removed: Removed): void => {};
  const { calls, stop } = house(() => new Promise((resolve) => (finish = resolve)));
  await Bun.sleep(30);
  expect(calls).toEqual(["retain"]);
  let isOver = false;
  const stopping = stop().then(() => (isOver = true));
  await Bun.sleep(5);
  expect(isOver).toBe(false);
  finish(nothing);
  await stopping;
});

test("failures are told, and it goes on", async () => {
  const { calls, lines, stop } = house(
    () => Promise.reject(new Error("a defect")),
    () => Promise.reject(new StoreError("store_unavailable", "away")),
  );
  await until(() => calls.length >= 3);
  await stop();
  expect(lines.join("\n")).toContain("ledger.housekeeping_failed");
  expect(lines.join("\n")).toContain("ledger.housekeeping_waits");
});

test("cached answers that have expired go each time, those over the limit seldom", async () => {
  let time = 0;
  restore = setClock({ monotonic: () => time, now: () => start + time });
  const store = await openStore({ path: ":memory:" });
  const lines: string[] = [];
  for (let at = 0; at < 4; at += 1) {
    const body = crypto.getRandomValues(new Uint8Array(100_000));
    await store.cachedAnswers.put(
      answerOf(`k${at}`, { atMs: start + at, expiresMs: start + (at === 3 ? 1 : 60_000), body }),
    );
  }
  let limit = 1_000_000;
  const entries = async (): Promise<number> => (await store.cachedAnswers.size()).entries;
  const is = async (count: number): Promise<boolean> => {
    for (let waited = 0; waited < 4_000 && (await entries()) !== count; waited += 2) {
      await Bun.sleep(2);
    }
    return (await entries()) === count;
  };
  time = 1;
  const stop = keepHouse(
    { ...store, retention: { apply: async () => nothing }, rollups: { roll: async () => 0 } },
    {
      policy: () => policy,
      cacheBytes: () => limit,
      log: createLogger({ level: "debug", write: (line) => lines.push(line) }),
      rollEveryMs: 5,
      retainEveryMs: 1_000,
    },
  );
  expect(await is(3)).toBe(true);
  limit = 300_000;
  await Bun.sleep(20);
  expect(await entries()).toBe(3);
  time += 1_000;
  expect(await is(2)).toBe(true);
  expect(await store.cachedAnswers.get("k0")).toBeNull();
  time += 60_000;
  expect(await is(0)).toBe(true);
  await stop();
  await store.close();
  expect(lines.filter((line) => line.includes("cache.swept"))).toHaveLength(3);
});
