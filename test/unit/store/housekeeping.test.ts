// The ledger's housekeeping: what runs when, that it runs once at a time, and that nothing it meets ends the gateway.
import { afterEach, expect, test } from "bun:test";
import { setClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { StoreError } from "../../../src/store/error.ts";
import { keepHouse } from "../../../src/store/housekeeping.ts";
import type { Removed, RetentionPolicy } from "../../../src/store/retention.ts";

const policy: RetentionPolicy = {
  rowsMs: 1,
  hoursMs: null,
  daysMs: null,
  bodiesMs: null,
  maxBytes: null,
};
const nothing: Removed = { rows: 0, hours: 0, days: 0, bodies: 0 };

let restore = (): void => {};
afterEach(() => restore());

const until = async (condition: () => boolean): Promise<void> => {
  for (let waited = 0; waited < 2_000 && !condition(); waited += 2) await Bun.sleep(2);
};

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
