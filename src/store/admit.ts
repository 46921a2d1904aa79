// How a request is let in: what it may cost is held in all its budgets, and its limits are taken, all in one transaction or none.
import { now } from "../lib/clock.ts";
import type { Nanos } from "../lib/money.ts";
import { maxAccountNanos } from "./account-statements.ts";
import type {
  AccountBookOptions,
  AccountKey,
  Accounts,
  AccountState,
  AdmitOutcome,
  Hold,
  HoldOutcome,
  ShortAccount,
} from "./accounts.ts";
import type { createChargeBook } from "./charge-book.ts";
import type { StatementGroup } from "./driver.ts";
import { StoreError } from "./error.ts";
import type { LimitAsk, LimitWant } from "./limits.ts";
import { text } from "./rows.ts";

export interface AdmitOptions extends AccountBookOptions {
  book: ReturnType<typeof createChargeBook>;
  /** Of requests that hold something, the accounts: so that they are locked in order. */
  held: Map<string, Map<string, AccountKey>>;
  release: Accounts["release"];
}

/** Accounts of one hold: more than one budget at each level of tenancy needs. */
const maxAccounts = 100;

export function createAdmit(options: AdmitOptions): Pick<Accounts, "admit" | "hold"> {
  const { book, driver, held, limits, release, statements, writer } = options;

  /** Reads of one moment are one query: refusals come in crowds. */
  let wanted = new Set<string>();
  let reading: Promise<Map<string, AccountState>> | null = null;
  const statesOf = (accountIds: readonly string[]): Promise<Map<string, AccountState>> => {
    for (const id of accountIds) wanted.add(id);
    reading ??= (async () => {
      await Promise.resolve();
      const ids = [...wanted];
      wanted = new Set();
      reading = null;
      return book.states(ids);
    })();
    return reading;
  };

  const outcomeOf = async (hold: Hold, accounts: Hold["accounts"]): Promise<HoldOutcome> => {
    const states = await statesOf(accounts.map(({ accountId }) => accountId));
    const short = accounts.map((account): ShortAccount => ({
      ...(states.get(account.accountId) ?? { spentNanos: 0n, heldNanos: 0n }),
      ...keyOf(account),
      limitNanos: account.limitNanos,
    }));
    const left = ({ limitNanos, spentNanos, heldNanos }: ShortAccount): Nanos =>
      limitNanos - spentNanos - heldNanos;
    const tightest = short.reduce((one, other) => (left(other) < left(one) ? other : one));
    // Where every account could pay it now, either that was not so then, or the request has ended.
    if (left(tightest) >= hold.costNanos && (await book.isSettled(hold.requestId))) {
      throw settledAlready(hold.requestId);
    }
    return { held: false, account: tightest };
  };

  /** Where limits are asked for, too, there must be an account. */
  const take = async (hold: Hold, ask?: LimitAsk): Promise<HoldOutcome | "limited"> => {
    options.refuse();
    const { requestId, holdId, costNanos, replaces } = hold;
    const accounts = tightestOfEach(hold.accounts);
    if (costNanos < 0n || accounts.length > maxAccounts) {
      throw new StoreError(
        "invalid_row",
        costNanos < 0n
          ? `\`${costNanos}\` nano-dollars cannot be held: the cost is below 0.`
          : `The request \`${requestId}\` has ${accounts.length} budgets; at most ${maxAccounts} can hold at once.`,
      );
    }
    const values = {
      requestId,
      holdId,
      replaces: replaces ?? "",
      owner: driver.owner,
      atMs: now(),
      expiresMs: Math.trunc(hold.expiresMs),
      cost: within(costNanos),
      deployment: hold.deployment === undefined ? null : text(hold.deployment),
      accounts: accounts.map(({ accountId, limitNanos }) => ({
        accountId,
        room: within(limitNanos, -1n) - within(costNanos),
      })),
      ...(ask && { limits: ask.values.takes }),
    };
    if (accounts.length === 0) {
      if (replaces !== undefined) await release(requestId, replaces);
      return { held: true };
    }
    const keys = held.get(requestId) ?? new Map<string, AccountKey>();
    for (const account of accounts) keys.set(account.accountId, keyOf(account));
    held.set(requestId, keys);
    const holding =
      replaces === undefined ? statements.hold(values) : statements.holdInstead(values);
    const giving = statements.giveOneBack({ requestId, holdId });
    const group: StatementGroup = ask
      ? [...holding, ...limits.statements.note(ask.values), ask.tell]
      : holding;
    const undo: StatementGroup = ask ? [...limits.statements.undo(ask.values), ...giving] : giving;
    const { changed, retried } = await writer.hold(
      requestId,
      { group, accounts: [...keys.values()] },
      { group: undo, accounts },
    );
    if (changed || (retried && (await book.isHeld(requestId, holdId)))) return { held: true };
    if (ask && !ask.hadRoom()) return "limited";
    return outcomeOf(hold, accounts);
  };

  const admit = async (hold: Hold, wants: readonly LimitWant[]): Promise<AdmitOutcome> => {
    options.refuse();
    const ask = wants.length > 0 ? limits.ask(hold, wants) : undefined;
    if (ask && hold.accounts.length === 0) {
      const taken = await limits.take(ask);
      if (!taken && ask.hadRoom()) throw settledAlready(hold.requestId);
      if (taken && hold.replaces !== undefined) await release(hold.requestId, hold.replaces);
      return taken ? { admitted: true, limits: ask.states() } : { admitted: false, account: null };
    }
    const outcome = await take(hold, ask);
    if (outcome === "limited") return { admitted: false, account: null };
    return outcome.held
      ? { admitted: true, limits: ask?.states() ?? [] }
      : { admitted: false, account: outcome.account };
  };

  return {
    async hold(hold) {
      const outcome = await take(hold);
      // Without limits none refuses.
      return outcome === "limited" ? { held: true } : outcome;
    },
    admit,
  };
}

const settledAlready = (requestId: string): StoreError =>
  new StoreError(
    "invalid_row",
    `The request \`${requestId}\` has settled: nothing can be held for it any more.`,
  );

/** A sum of money that a counter can take. */
export const within = (nanos: Nanos, least = 0n): Nanos =>
  nanos < least ? least : nanos > maxAccountNanos ? maxAccountNanos : nanos;

export const keyOf = ({
  accountId,
  budgetId,
  windowStartMs,
  windowEndMs,
}: AccountKey): AccountKey => ({
  accountId,
  budgetId,
  windowStartMs,
  windowEndMs,
});

/** Each account once; of several limits the lowest holds. */
function tightestOfEach(accounts: Hold["accounts"]): Hold["accounts"] {
  const byId = new Map<string, Hold["accounts"][number]>();
  for (const account of accounts) {
    const known = byId.get(account.accountId);
    if (!known || account.limitNanos < known.limitNanos) byId.set(account.accountId, account);
  }
  return [...byId.values()];
}
