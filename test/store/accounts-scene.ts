// The stage of a test of accounts: an empty database, and short words for what is asked of it.
import { afterEach, beforeEach, expect } from "bun:test";
import type { HoldOutcome, ShortAccount } from "../../src/store/accounts.ts";
import type { SettleOutcome, Store } from "../../src/store/store.ts";
import { accountOf } from "../support/store-accounts.ts";
import { usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

export interface Scene {
  harness: StoreHarness;
  store: Store;
  /** -1 for an account that is not there. */
  counters(budgetId: string): Promise<[spent: bigint, held: bigint]>;
  settle(
    requestId: string,
    costNanos: bigint | null,
    budgets: readonly string[],
  ): Promise<SettleOutcome>;
  /** What a request was charged, by account. */
  states(requestId: string): Promise<[state: string, nanos: bigint][]>;
  /** Counters and charges are as the rows say. */
  expectRight(): Promise<void>;
}

/** To be called in a `describe`: its tests each have a database of their own. */
export function useScene(create: () => Promise<StoreHarness>): Scene {
  const scene: Partial<Pick<Scene, "harness" | "store">> = {};
  beforeEach(async () => {
    scene.harness = await create();
    scene.store = await scene.harness.open();
  });
  afterEach(async () => {
    await scene.store?.close();
    await scene.harness?.dispose();
  });
  return {
    get harness() {
      return scene.harness!;
    },
    get store() {
      return scene.store!;
    },
    set store(next) {
      scene.store = next;
    },
    async counters(budgetId) {
      const [state] = await this.store.accounts.states([accountOf(budgetId).accountId]);
      return [state?.spentNanos ?? -1n, state?.heldNanos ?? -1n];
    },
    settle(requestId, costNanos, budgets) {
      return this.store.settle(usageOf(requestId, { costNanos }), [], {
        nanos: costNanos,
        accounts: budgets.map((budgetId) => accountOf(budgetId)),
      });
    },
    async states(requestId) {
      const charges = await this.store.accounts.charges(requestId);
      return charges.map(({ state, nanos }) => [state, nanos]);
    },
    async expectRight() {
      expect((await this.store.accounts.verify()).differences).toEqual([]);
    },
  };
}

/** The account that could not pay. */
export function shortOf(outcome: HoldOutcome): ShortAccount {
  if (outcome.held) throw new Error("it was held");
  return outcome.account;
}
