// What a key has spent: read once, counted on, never a reason to fail.
import { expect, test } from "bun:test";
import { setClock } from "../../../src/lib/clock.ts";
import { createKeySpends } from "../../../src/pipeline/key-spend.ts";
import type { Store, UsageGroup } from "../../../src/store/store.ts";

const storeWith = (read: () => Promise<bigint>): { usage: Store["usage"]; asked(): number } => {
  let asked = 0;
  return {
    asked: () => asked,
    async usage() {
      asked += 1;
      return [{ group: "ok", costNanos: await read() } as UsageGroup];
    },
  };
};

test("it is read once and counted on, until it is read again", async () => {
  let at = 0;
  const restore = setClock({ monotonic: () => at });
  try {
    let stored = 5n;
    const store = storeWith(async () => stored);
    const spends = createKeySpends(store);
    expect(spends.of("key_a")).toBeNull();
    spends.add("key_a", 100n);
    expect(spends.of("key_a")).toBeNull();
    await Promise.all([spends.know("key_a"), spends.know("key_a")]);
    expect(store.asked()).toBe(1);
    spends.add("key_a", 2n);
    expect(spends.of("key_a")).toBe(7n);
    await spends.know("key_a");
    expect(store.asked()).toBe(1);
    at = 60_001;
    stored = 9n;
    await spends.know("key_a");
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(store.asked()).toBe(2);
    expect(spends.of("key_a")).toBe(9n);
  } finally {
    restore();
  }
});

test("a ledger that cannot be read leaves it unknown", async () => {
  const store = storeWith(() => Promise.reject(new Error("no")));
  const spends = createKeySpends(store);
  await spends.know("key_a");
  expect(spends.of("key_a")).toBeNull();
  await spends.know("key_a");
  expect(store.asked()).toBe(2);
});
