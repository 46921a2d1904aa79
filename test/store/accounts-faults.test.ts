// R40: accounts while the store fails: what is not committed is not held, and nothing is held that nobody was told of.
import { describe, expect, test } from "bun:test";
import { createLogger } from "../../src/lib/log.ts";
import type { Driver } from "../../src/store/driver.ts";
import { createStore } from "../../src/store/ledger.ts";
import { openSqlite } from "../../src/store/sqlite/open.ts";
import { StoreError } from "../../src/store/store.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { usageOf } from "../support/store-rows.ts";

const full = () => new StoreError("store_unavailable", "The disk is full.");
const settleTimeoutMs = 60;

/** A database in memory whose transactions fail before they begin, or after they were committed. */
async function faulty(options: { maxQueued?: number } = {}) {
  const driver = await openSqlite({ path: ":memory:" });
  const state: { fails: "before" | "after" | null; times: number } = { fails: null, times: 1e9 };
  const failing: Driver = {
    ...driver,
    async transact(groups) {
      const fails = state.times > 0 ? state.fails : null;
      if (fails) state.times -= 1;
      if (fails === "before") throw full();
      const changed = await driver.transact(groups);
      if (fails === "after") throw full();
      return changed;
    },
  };
  const log = createLogger({ write: () => {} });
  const store = createStore(failing, { log, settleTimeoutMs, ...options });
  const counters = async (): Promise<[bigint, bigint] | undefined> => {
    const [found] = await store.accounts.states([accountOf("key").accountId]);
    return found && [found.spentNanos, found.heldNanos];
  };
  const hold = (id: string, cost = 4n): Promise<string> =>
    store.accounts.hold(holdOf(id, cost, { key: 10n })).then(
      ({ held }) => (held ? "held" : "refused"),
      (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
    );
  const heal = async (): Promise<void> => {
    state.fails = null;
    await store.flush();
  };
  return { store, state, counters, hold, heal };
}

describe("R40: the store fails", () => {
  test("a hold is refused in bounded time, waits nowhere, and holds nothing when the store heals", async () => {
    const { store, state, counters, hold, heal } = await faulty();
    state.fails = "before";
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_unused, at) => hold(`r${at}`)));
    expect(new Set(outcomes)).toEqual(new Set(["store_unavailable"]));
    expect(await hold("late")).toBe("store_unavailable");
    expect(store.health().failing?.message).toContain("The disk is full.");
    await heal();
    expect(store.health().queued).toBe(0);
    expect((await counters()) ?? [0n, 0n]).toEqual([0n, 0n]);
    expect(await hold("r0")).toBe("held");
    expect(await counters()).toEqual([0n, 4n]);
    await store.close();
  });

  test("a failure that passes is not noticed", async () => {
    const { store, state, counters, hold } = await faulty();
    Object.assign(state, { fails: "before", times: 2 });
    expect(await hold("r0")).toBe("held");
    expect(await counters()).toEqual([0n, 4n]);
    await store.close();
  });

  test("a commit whose answer was lost holds once", async () => {
    const { store, state, counters, hold } = await faulty();
    Object.assign(state, { fails: "after", times: 1 });
    expect(await Promise.all([hold("r0"), hold("r1"), hold("r2")])).toEqual([
      "held",
      "held",
      "refused",
    ]);
    expect(await counters()).toEqual([0n, 8n]);
    expect((await store.accounts.verify()).differences).toEqual([]);
    await store.close();
  });

  test("a commit whose answer was lost for good is undone when the store answers again", async () => {
    const { store, state, counters, hold, heal } = await faulty();
    state.fails = "after";
    expect(await hold("r0")).toBe("store_unavailable");
    expect(await counters()).toEqual([0n, 4n]);
    await heal();
    expect(await counters()).toEqual([0n, 0n]);
    expect((await store.accounts.verify()).differences).toEqual([]);
    await store.close();
  });

  test("what is given back and settled meanwhile is written when it heals, once", async () => {
    const { store, state, counters, hold, heal } = await faulty();
    expect(await hold("r0", 3n)).toBe("held");
    expect(await hold("r1", 5n)).toBe("held");
    for (const fails of ["before", "after"] as const) {
      state.fails = fails;
      const failed = (work: Promise<unknown>) =>
        work.then(
          () => "done",
          (error: StoreError) => error.code,
        );
      expect(
        await Promise.all([
          failed(store.accounts.release("r0", "r0/0")),
          failed(
            store.settle(usageOf("r1", { costNanos: 2n }), [], {
              nanos: 2n,
              accounts: [accountOf("key")],
            }),
          ),
        ]),
      ).toEqual(["store_unavailable", "store_unavailable"]);
      await heal();
      expect(await counters()).toEqual([2n, 0n]);
    }
    expect(await store.accounts.charges("r1")).toHaveLength(1);
    expect((await store.accounts.verify()).differences).toEqual([]);
    await store.close();
  });

  test("a full queue takes no holds", async () => {
    const { store, state, counters, hold, heal } = await faulty({ maxQueued: 5 });
    state.fails = "before";
    const settled = Array.from({ length: 5 }, (_unused, at) =>
      store.settle(usageOf(`s${at}`), []).catch(() => null),
    );
    expect(await hold("r0")).toBe("store_unavailable");
    await Promise.all(settled);
    await heal();
    expect(await counters()).toBeUndefined();
    await store.close();
  });

  test("closing ends who waits for a hold", async () => {
    const { store, state, hold } = await faulty();
    state.fails = "before";
    const waiting = hold("r0");
    await store.close();
    expect(await waiting).toBe("store_unavailable");
    expect(await hold("r1")).toBe("closed");
  });
});

test("a store for looking only holds and charges nothing", async () => {
  const { store } = await faulty();
  await store.close();
  const driver = await openSqlite({ path: ":memory:" });
  const looking = createStore(driver, { readOnly: true });
  const { accounts } = looking;
  for (const work of [
    () => accounts.hold(holdOf("r0", 1n, { key: 10n })),
    () => accounts.release("r0", "r0/0"),
    () => accounts.resolve("r0", 1n),
    () => accounts.expire(),
    () => accounts.rebuild(),
  ]) {
    const refused = await work().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "closed" });
  }
  expect(await accounts.verify()).toEqual({ charges: 0, accounts: 0, wrong: 0, differences: [] });
  await looking.close();
});
