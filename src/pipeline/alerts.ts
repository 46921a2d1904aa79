// Alerts of budgets: told once each, when a share of the amount is spent or a request cannot be paid.
import { background } from "../lib/background.ts";
import { createLru } from "../lib/lru.ts";
import type { Logger } from "../lib/log.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { AccountKey, AccountState } from "../store/accounts.ts";
import type { Alert, AlertBook, AlertFacts } from "../store/alerts.ts";
import type { Budget } from "../store/directory-types.ts";
import { type Store, StoreError } from "../store/store.ts";
import { createDelivery, type DeliveryParts } from "./alert-delivery.ts";
import { accountOf } from "./alert-text.ts";

/** A budget, and the account of it that a request draws on. */
export interface Payer {
  readonly budget: Budget;
  readonly account: AccountKey;
}

export interface Alerts {
  /** These were charged. Looks at what they have spent soon, and keeps nobody waiting. */
  charged(payers: readonly Payer[]): void;
  /** A request was refused because this account cannot pay for it. */
  refused(payer: Payer, state: Pick<AccountState, "spentNanos" | "heldNanos">): void;
  /** The configuration names another webhook, or none. */
  follow(): void;
}

export interface AlertsParts extends Omit<DeliveryParts, "book"> {
  readonly store: Pick<Store, "accounts"> & { readonly alerts: AlertBook };
  readonly log: Logger;
}

/** Charges of so long are looked at together, ms. */
const gatherMs = 50;
/** After a failure of the database, ms. */
const againMs = 2_000;
/** Accounts that wait to be looked at; more than that many budgets are not alerted of at once. */
const maxWaiting = 10_000;
/** Accounts that are known to have nothing more to tell. */
const maxTold = 20_000;
/** Shares are compared to six decimals. */
const scale = 1_000_000n;

export function createAlerts(parts: AlertsParts): Alerts {
  const { store, log, draining, webhook } = parts;
  const delivery = createDelivery({ ...parts, book: store.alerts });
  /** Told of an account at that amount: by whom does not matter. */
  const told = createLru<string, ReadonlySet<number | "refused">>(maxTold);
  let waiting = new Map<string, Payer>();
  let isLooking = false;

  const nameOf = ({ account, budget }: Payer): string =>
    `${account.accountId}|${budget.amountNanos}`;
  const toldOf = (payer: Payer): ReadonlySet<number | "refused"> =>
    told.get(nameOf(payer)) ?? new Set();

  const raise = async (payer: Payer, facts: AlertFacts): Promise<void> => {
    const what = facts.share ?? "refused";
    if (toldOf(payer).has(what)) return;
    const alert = await store.alerts.raise(facts, { deliver: webhook() !== null });
    told.set(nameOf(payer), new Set([...toldOf(payer), what]));
    if (!alert) return;
    log.warn(`budget.${alert.kind}`, {
      budget: alert.budgetName,
      ...(alert.of !== null && { of: alert.of }),
      ...(alert.share !== null && { share: alert.share }),
      spentUsd: formatNanos(alert.spentNanos),
      amountUsd: formatNanos(alert.amountNanos),
      alert: alert.id,
    });
    if (alert.nextMs !== null) delivery.wake();
  };

  const look = async (payers: readonly Payer[]): Promise<void> => {
    const states = await store.accounts.states(payers.map(({ account }) => account.accountId));
    const byId = new Map(states.map((state) => [state.accountId, state]));
    for (const payer of payers) {
      const state = byId.get(payer.account.accountId);
      if (!state || state.spentNanos <= 0n) continue;
      for (const share of payer.budget.thresholds) {
        if (isSpent(state.spentNanos, payer.budget.amountNanos, share)) {
          await raise(payer, { kind: "threshold", share, ...factsOf(payer, state) });
        }
      }
    }
  };

  const lookSoon = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    try {
      while (waiting.size > 0) {
        await pause(gatherMs);
        const payers = [...waiting.values()];
        waiting = new Map();
        try {
          await look(payers);
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          log.debug("alert.not_raised", {}, error);
          if (draining.aborted || error.code === "closed") return;
          for (const payer of payers) wait(payer);
          await pause(againMs);
        }
      }
    } finally {
      isLooking = false;
    }
  };

  const wait = (payer: Payer): void => {
    if (waiting.size < maxWaiting) waiting.set(payer.account.accountId, payer);
  };

  return {
    charged(payers) {
      for (const payer of payers) {
        const known = toldOf(payer);
        if (payer.budget.thresholds.some((share) => !known.has(share))) wait(payer);
      }
      if (waiting.size > 0) background(lookSoon(), "alerts");
    },
    refused(payer, state) {
      if (toldOf(payer).has("refused")) return;
      const facts = { kind: "refused", share: null, ...factsOf(payer, state) } as const;
      background(
        raise(payer, facts).catch((error: unknown) => {
          if (!(error instanceof StoreError)) throw error;
          // The next refusal tells it.
          log.debug("alert.not_raised", {}, error);
        }),
        "alerts",
      );
    },
    follow: () => delivery.wake(),
  };
}

const isSpent = (spent: Nanos, amount: Nanos, share: number): boolean =>
  spent * scale >= amount * BigInt(Math.round(share * Number(scale)));

const factsOf = (
  { account, budget }: Payer,
  { spentNanos, heldNanos }: Pick<AccountState, "spentNanos" | "heldNanos">,
): Omit<Alert, "id" | "atMs" | "tries" | "nextMs" | "deliveredMs" | "kind" | "share"> => ({
  budgetId: budget.id,
  budgetName: budget.name,
  accountId: account.accountId,
  of: accountOf(account),
  amountNanos: budget.amountNanos,
  spentNanos,
  heldNanos,
  window: budget.window,
  windowStartMs: account.windowStartMs,
  windowEndMs: account.windowEndMs,
});

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
