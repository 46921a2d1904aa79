// Random histories of accounts against a model of a few lines, on every driver.
import { expect } from "bun:test";
import fc from "fast-check";
import type { Store } from "../../src/store/store.ts";
import { accountOf, farMs, holdOf } from "../support/store-accounts.ts";
import { startOf, usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

const budgets = ["key", "team", "org"] as const;
type Budget = (typeof budgets)[number];

/** What a step does; `request` and `hold` name one of a few. */
type Step =
  | { do: "hold"; request: number; hold: number; cost: number; of: Budget[]; expired: boolean }
  | { do: "hand on"; request: number; hold: number; cost: number; of: Budget[] }
  | { do: "release"; request: number; hold: number }
  | { do: "settle"; request: number; cost: number | null; of: Budget[] }
  | { do: "resolve"; request: number; cost: number }
  | { do: "limit"; of: Budget; limit: number }
  | { do: "expire" }
  | { do: "crash" };

const request = fc.nat({ max: 5 });
const hold = fc.nat({ max: 2 });
const cost = fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(0, 100));
const of = fc.subarray([...budgets], { minLength: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("hold" as const),
      request,
      hold,
      cost,
      of,
      expired: fc.nat({ max: 5 }).map((dice) => dice === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("hand on" as const), request, hold, cost, of }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("release" as const), request, hold }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      request,
      cost: fc.option(cost, { nil: null, freq: 6 }),
      of,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("resolve" as const), request, cost }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      of: fc.constantFrom(...budgets),
      limit: fc.nat({ max: 150 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
);

interface Charged {
  nanos: bigint;
  isOpen: boolean;
}

/** What should be so. */
class Model {
  readonly limits = new Map<Budget, bigint>(budgets.map((each) => [each, 100n]));
  /** By `request/hold`. */
  readonly holds = new Map<
    string,
    { request: string; cost: bigint; of: Budget[]; expired: boolean }
  >();
  /** By `request budget`. */
  readonly charged = new Map<string, Charged>();
  readonly settled = new Set<string>();
  /** Some charge was not within a limit: it was lowered, or more was used than held. */
  isOver = false;

  held = (budget: Budget): bigint =>
    [...this.holds.values()]
      .filter((each) => each.of.includes(budget))
      .reduce((sum, each) => sum + each.cost, 0n);
  spent = (budget: Budget): bigint =>
    [...this.charged]
      .filter(([key]) => key.endsWith(` ${budget}`))
      .reduce((sum, [, { nanos }]) => sum + nanos, 0n);
  limit = (budget: Budget): bigint => this.limits.get(budget) ?? 0n;
  holdsOf = (requestId: string) => [...this.holds].filter(([, each]) => each.request === requestId);

  heldOf = (requestId: string, budget: Budget): bigint | null => {
    const found = this.holdsOf(requestId).filter(([, each]) => each.of.includes(budget));
    return found.length === 0 ? null : found.reduce((sum, [, each]) => sum + each.cost, 0n);
  };
  /** Charges what a request holds of some budgets. */
  chargeHeld(requestId: string, some: readonly Budget[]): void {
    for (const budget of some) {
      const held = this.heldOf(requestId, budget);
      if (held === null) continue;
      const key = `${requestId} ${budget}`;
      this.charged.set(key, { nanos: (this.charged.get(key)?.nanos ?? 0n) + held, isOpen: true });
    }
  }
  giveAllBack(requestId: string): void {
    for (const [key] of this.holdsOf(requestId)) this.holds.delete(key);
  }
}

/** Runs random histories, looking at every counter and at every row after each step. Returns how many steps there were. */
export async function runHistories(
  create: () => Promise<StoreHarness>,
  { runs, seed, verifyEvery }: { runs: number; seed: number; verifyEvery: number },
): Promise<number> {
  let steps = 0;
  const harness = await create();
  let store: Store = await harness.open();
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 40, size: "max" }),
        async (history) => {
          run += 1;
          const model = new Model();
          const begun = new Set<string>();
          for (const each of history) {
            steps += 1;
            store = await take(each, { harness, store, model, run, begun });
            await compare(store, model, run);
            if (steps % verifyEvery === 0) {
              expect((await store.accounts.verify()).differences).toEqual([]);
            }
          }
          // Nothing is left over to later histories.
          for (const { request: requestId } of model.holds.values())
            await store.settle(usageOf(requestId), []);
        },
      ),
      { numRuns: runs, seed, endOnFailure: true },
    );
    expect((await store.accounts.verify()).differences).toEqual([]);
  } finally {
    await store.close();
    await harness.dispose();
  }
  return steps;
}

/**
 * Requests side by side on gateways side by side, each doing what requests do; what they say they cost is told
 * to a tally of its own. Returns the tally.
 */
export async function runMixed(
  stores: readonly Store[],
  { requests, seed }: { requests: number; seed: number },
): Promise<{ spent: bigint; held: bigint; admitted: number; refused: number }> {
  const random = seeded(seed);
  const tally = { spent: 0n, held: 0n, admitted: 0, refused: 0 };
  const limits = { mixed: 40_000n, "mixed-team": 1_000_000_000n };
  const one = async (index: number): Promise<void> => {
    const store = stores[index % stores.length];
    if (!store) throw new Error("there is no store");
    const requestId = `mixed_${index}`;
    const costNanos = BigInt(1 + random(100));
    const fate = random(10);
    if (fate > 2) store.begin(startOf(requestId));
    if (!(await store.accounts.hold(holdOf(requestId, costNanos, limits))).held) {
      tally.refused += 1;
      await store.settle(usageOf(requestId, { costNanos: null, status: "error" }), []);
      return;
    }
    tally.admitted += 1;
    if (fate === 0) {
      tally.held += costNanos;
      return;
    }
    if (fate === 1) {
      await store.accounts.release(requestId, `${requestId}/0`);
      await store.settle(usageOf(requestId, { costNanos: 0n }), [], { nanos: 0n, accounts: [] });
      return;
    }
    let most = costNanos;
    if (fate < 6) {
      const next = { holdId: `${requestId}/1`, replaces: `${requestId}/0` };
      const wanted = BigInt(1 + random(150));
      if ((await store.accounts.hold(holdOf(requestId, wanted, limits, next))).held) most = wanted;
    }
    const actual = BigInt(random(Number(most) + 1));
    const charges = {
      nanos: actual,
      accounts: [accountOf("mixed"), accountOf("mixed-team")],
    };
    const settled = await Promise.all(
      Array.from({ length: fate === 9 ? 3 : 1 }, () =>
        store.settle(usageOf(requestId, { costNanos: actual }), [], charges),
      ),
    );
    expect(settled.filter((outcome) => outcome === "committed")).toHaveLength(1);
    tally.spent += actual;
  };
  const atOnce = 200;
  for (let from = 0; from < requests; from += atOnce) {
    const length = Math.min(atOnce, requests - from);
    await Promise.all(Array.from({ length }, (_unused, offset) => one(from + offset)));
  }
  return tally;
}

/** Whole numbers below a bound, the same for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Scene {
  harness: StoreHarness;
  store: Store;
  model: Model;
  run: number;
  begun: Set<string>;
}

async function take(each: Step, scene: Scene): Promise<Store> {
  const { store, model, run, harness } = scene;
  const { accounts } = store;
  const idOf = (which: number): string => `${run}_r${which}`;
  const name = (budget: Budget): string => `${run}-${budget}`;
  switch (each.do) {
    case "hold":
    case "hand on": {
      const requestId = idOf(each.request);
      if (!scene.begun.has(requestId) && !model.settled.has(requestId)) {
        scene.begun.add(requestId);
        store.begin(startOf(requestId));
      }
      const from = `${requestId}/${each.hold}`;
      const isNew = each.do === "hold";
      const holdId = isNew ? from : `${from}+`;
      // An id is used once; what is handed on has to be there, or it is a hold like any other.
      if (model.holds.has(holdId)) return store;
      const before = isNew ? undefined : model.holds.get(from);
      const expired = isNew && each.expired;
      const amount = BigInt(each.cost);
      const outcome = accounts.hold(
        holdOf(
          requestId,
          amount,
          Object.fromEntries(each.of.map((b) => [name(b), model.limit(b)])),
          {
            holdId,
            expiresMs: expired ? 1 : farMs,
            ...(!isNew && { replaces: from }),
          },
        ),
      );
      const free = (b: Budget): bigint => (before?.of.includes(b) ? before.cost : 0n);
      const fits = (b: Budget): boolean =>
        model.spent(b) + model.held(b) - free(b) + amount <= model.limit(b) ||
        (before !== undefined && before.of.includes(b) && amount <= before.cost);
      if (model.settled.has(requestId)) {
        // Refused either way; where there was room it is told why.
        const told = await outcome.then(
          ({ held }) => (held ? "held" : "refused"),
          (error: { code?: string }) => error.code,
        );
        expect(["refused", "invalid_row"]).toContain(told ?? "nothing");
        return store;
      }
      const { held } = await outcome;
      expect(held).toBe(each.of.every(fits));
      if (!held) return store;
      if (!isNew) model.holds.delete(from);
      model.holds.set(holdId, { request: requestId, cost: amount, of: each.of, expired });
      return store;
    }
    case "release": {
      const requestId = idOf(each.request);
      await accounts.release(requestId, `${requestId}/${each.hold}`);
      model.holds.delete(`${requestId}/${each.hold}`);
      return store;
    }
    case "settle": {
      const requestId = idOf(each.request);
      const costNanos = each.cost === null ? null : BigInt(each.cost);
      const outcome = await store.settle(usageOf(requestId, { costNanos }), [], {
        nanos: costNanos,
        accounts: each.of.map((budget) => accountOf(name(budget))),
      });
      expect(outcome).toBe(model.settled.has(requestId) ? "duplicate" : "committed");
      if (outcome === "duplicate") return store;
      model.settled.add(requestId);
      if (costNanos === null) model.chargeHeld(requestId, each.of);
      for (const budget of costNanos === null ? [] : each.of) {
        if (costNanos !== null && costNanos > (model.heldOf(requestId, budget) ?? 0n)) {
          model.isOver = true;
        }
        const nanos = costNanos ?? 0n;
        model.charged.set(`${requestId} ${budget}`, { nanos, isOpen: false });
      }
      model.giveAllBack(requestId);
      return store;
    }
    case "resolve": {
      const requestId = idOf(each.request);
      const open = [...model.charged].filter(
        ([key, { isOpen }]) => isOpen && key.startsWith(`${requestId} `),
      );
      expect(await accounts.resolve(requestId, BigInt(each.cost))).toBe(open.length);
      for (const [, charge] of open) {
        if (BigInt(each.cost) > charge.nanos) model.isOver = true;
        charge.nanos = BigInt(each.cost);
        charge.isOpen = false;
      }
      return store;
    }
    case "limit":
      if (BigInt(each.limit) < model.limit(each.of)) model.isOver = true;
      model.limits.set(each.of, BigInt(each.limit));
      return store;
    case "expire": {
      const due = new Set(
        [...model.holds.values()].filter(({ expired }) => expired).map((one) => one.request),
      );
      expect(await accounts.expire()).toBe(due.size);
      for (const requestId of due) {
        model.chargeHeld(requestId, budgets);
        model.giveAllBack(requestId);
      }
      return store;
    }
    case "crash": {
      if (!harness.persistent) return store;
      await store.flush();
      await harness.kill(store);
      const next = await harness.open();
      await next.recover();
      await store.close();
      for (const requestId of new Set([...model.holds.values()].map((one) => one.request))) {
        model.chargeHeld(requestId, budgets);
        model.giveAllBack(requestId);
      }
      // What had begun has a row now that says that it was interrupted.
      for (const requestId of scene.begun) model.settled.add(requestId);
      return next;
    }
    default:
      return each satisfies never;
  }
}

async function compare(store: Store, model: Model, run: number): Promise<void> {
  const states = await store.accounts.states(
    budgets.map((budget) => accountOf(`${run}-${budget}`).accountId),
  );
  for (const budget of budgets) {
    const found = states.find(({ budgetId }) => budgetId === `${run}-${budget}`);
    const spent = found?.spentNanos ?? 0n;
    const held = found?.heldNanos ?? 0n;
    expect([budget, spent, held]).toEqual([budget, model.spent(budget), model.held(budget)]);
    if (!model.isOver) expect(spent + held).toBeLessThanOrEqual(model.limit(budget));
  }
}
