// Accounts: what budgets have spent and hold back, one per budget and window, never above the limit.
import { now } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Nanos } from "../lib/money.ts";
import { type AccountStatements, type ChargeState, maxAccountNanos } from "./account-statements.ts";
import { createAdmit, keyOf, within } from "./admit.ts";
import { createChargeBook, type Unresolved, type UnresolvedQuery } from "./charge-book.ts";
import type { Driver, Statement } from "./driver.ts";
import type { LimitBook, LimitState, LimitUse, LimitWant } from "./limits.ts";
import { createVerifier, type Verification, type VerifyOptions } from "./verify.ts";
import type { Writer } from "./writer.ts";

/** A budget's window. Its account is made when something is first held or charged. */
export interface AccountKey {
  /** `<budgetId>@<windowStartMs>`, with `#<subject>` where each subject has its own. */
  readonly accountId: string;
  readonly budgetId: string;
  readonly windowStartMs: number;
  /** Null: without end. */
  readonly windowEndMs: number | null;
}

export interface AccountState extends AccountKey {
  /** Charged so far. */
  readonly spentNanos: Nanos;
  /** Held for requests that have not ended. */
  readonly heldNanos: Nanos;
}

/** The account that cannot pay. */
export interface ShortAccount extends AccountState {
  readonly limitNanos: Nanos;
}

export interface Hold {
  readonly requestId: string;
  readonly holdId: string;
  /** The most that what is about to be sent can cost. */
  readonly costNanos: Nanos;
  /** When it is charged in full if the request has not settled: see {@link Accounts.expire}. */
  readonly expiresMs: number;
  /** All of these pay, or none. */
  readonly accounts: readonly (AccountKey & { readonly limitNanos: Nanos })[];
  /**
   * The id of a hold of the same request that this one takes the place of: what that one holds is free for
   * this one, and where this one is not larger it need not fit again. Where this one is refused, that one stays.
   */
  readonly replaces?: string;
  /** `provider/model` that it is for: what a bill is matched by, should nobody see the end of the request. */
  readonly deployment?: string;
}

/** Where it is not held: of the accounts the one with the least left. */
export type HoldOutcome = { held: true } | { held: false; account: ShortAccount };

/** Whether holds and limits were taken, all of them or none, and how the limits stand then, as they were given. */
export type AdmitOutcome =
  | { admitted: true; limits: readonly LimitState[] }
  /** `account`: the one with the least left; null: it was a limit that had no room. */
  | { admitted: false; account: ShortAccount | null };

/** What a request is charged when it settles; its holds are given back whatever is said here. */
export interface Charges {
  /** What the whole request cost. Null: nobody knows, and what it holds is charged, as `unresolved`. */
  readonly nanos: Nanos | null;
  /** The accounts that pay: those of its holds. `nanos` of one that pays for some of the attempts only. */
  readonly accounts: readonly (AccountKey & { readonly nanos?: Nanos | null })[];
  /** What it took of rate limits, to be put right. */
  readonly limits?: LimitUse;
}

export interface Charge {
  readonly requestId: string;
  readonly accountId: string;
  /** Charges of one request to one account add up: a later one corrects the earlier. */
  readonly seq: number;
  readonly nanos: Nanos;
  readonly state: ChargeState;
  readonly atMs: number;
}

/** All methods reject with StoreError; `store_unavailable` from `hold` means that nothing is held. */
export interface Accounts {
  /**
   * Holds the cost in all accounts at once: in each `spent + held + cost` stays within the limit. Committed when it
   * resolves, together with whatever else waits. A request that has settled can hold nothing any more.
   */
  hold(hold: Hold): Promise<HoldOutcome>;
  /** The same together with a request's part of rate limits, in one transaction; either may be nothing. */
  admit(hold: Hold, wants: readonly LimitWant[]): Promise<AdmitOutcome>;
  /** Gives a hold back: what it was for was not sent, or not billed. Nothing happens when it is gone already. */
  release(requestId: string, holdId: string): Promise<void>;
  /** Gives back all that a request holds that is not going to settle. */
  giveBack(requestId: string): Promise<void>;
  /** Those there are; one that is missing has spent nothing and holds nothing. */
  states(accountIds: readonly string[]): Promise<AccountState[]>;
  /** All charges of a request, in the order in which they were made. */
  charges(requestId: string): Promise<Charge[]>;
  /** Charges of which nobody knows whether they were billed, oldest request id first. */
  unresolved(query?: UnresolvedQuery): Promise<Unresolved>;
  /**
   * Corrects what a request was charged, to what it did cost: all accounts that have an unresolved charge of it, or
   * the one that is named. The charges before stay. Returns how many accounts were corrected.
   */
  resolve(requestId: string, nanos: Nanos, accountId?: string): Promise<number>;
  /**
   * Charges holds past their time in full, as `unresolved`: a net under requests that never settle. One that does
   * settle later is charged what it cost, no more. Returns how many requests it charged.
   */
  expire(): Promise<number>;
  /** Recomputes every counter and every charge from the rows. Reads in slices, other work goes on in between. */
  verify(options?: VerifyOptions): Promise<Verification>;
  /** Sets the counters that differ to what the rows say. Returns how many accounts it mended. */
  rebuild(options?: VerifyOptions): Promise<number>;
}

/** What the ledger needs besides. */
interface AccountBook extends Accounts {
  /** For the group that settles a request, after the usage row. */
  pay(requestId: string, charges: Charges | undefined): Payment;
  /** The same for a request whose end nobody saw. */
  interrupt(requestId: string): Payment;
  /** Charges what gateways that are gone still hold. */
  takeOver(): Promise<void>;
}

export interface Payment {
  readonly statements: readonly Statement[];
  /** Those that the statements change, as far as is known. */
  readonly accounts: readonly AccountKey[];
}

export interface AccountBookOptions {
  driver: Driver;
  writer: Writer;
  statements: AccountStatements;
  limits: LimitBook;
  log?: Logger;
  /** Throws where nothing may be written. */
  refuse(): void;
}

export function createAccounts(options: AccountBookOptions): AccountBook {
  const { driver, writer, statements, limits, log } = options;
  const book = createChargeBook(options);
  const verifier = createVerifier(driver, statements);
  /** Of requests that hold something, the accounts: so that they are locked in order. */
  const held = new Map<string, Map<string, AccountKey>>();

  const release = async (requestId: string, holdId: string): Promise<void> => {
    options.refuse();
    const accounts = [...(held.get(requestId)?.values() ?? [])];
    await writer.write(requestId, {
      group: statements.giveOneBack({ requestId, holdId }),
      accounts,
    });
  };

  const giveBack = async (requestId: string): Promise<void> => {
    options.refuse();
    const accounts = [...(held.get(requestId)?.values() ?? [])];
    held.delete(requestId);
    await writer.write(requestId, { group: statements.giveAllBack(requestId), accounts });
  };

  const { admit, hold } = createAdmit({ ...options, book, held, release });

  const interrupt = (requestId: string): Payment => {
    const accounts = [...(held.get(requestId)?.values() ?? [])];
    held.delete(requestId);
    return {
      accounts,
      statements: [
        ...statements.chargeHeld({ requestId, atMs: now(), accountIds: [] }),
        ...statements.giveAllBack(requestId),
      ],
    };
  };

  return {
    hold,
    admit,
    release,
    giveBack,
    states: async (accountIds) => [...(await book.states(accountIds)).values()],
    charges: (requestId) => book.charges(requestId),
    unresolved: (query) => book.unresolved(query),
    resolve: (requestId, nanos, accountId) => book.resolve(requestId, nanos, accountId),
    expire: () => book.expire(),
    takeOver: () => book.takeOver(),
    verify: (wish) => verifier.verify(wish),
    async rebuild(wish) {
      options.refuse();
      return verifier.rebuild(wish);
    },
    interrupt,
    pay(requestId, charges) {
      const limited = limits.settle(requestId, charges?.limits);
      // Nothing was said of holds that there may be: better charged than lost.
      if (!charges) return held.has(requestId) ? interrupt(requestId) : nothing;
      const atMs = now();
      const isHeld = held.has(requestId) || charges.accounts.length > 0 || !charges.limits;
      const keys = held.get(requestId) ?? new Map<string, AccountKey>();
      held.delete(requestId);
      const known = new Map<string, { state: ChargeState; nanos: Nanos; accountIds: string[] }>();
      const unknown: string[] = [];
      for (const account of charges.accounts) {
        const { accountId } = account;
        keys.set(accountId, keyOf(account));
        const nanos = account.nanos === undefined ? charges.nanos : account.nanos;
        if (nanos === null) {
          unknown.push(accountId);
          continue;
        }
        if (nanos < 0n || nanos > maxAccountNanos) {
          log?.error("store.charge_corrected", { requestId, accountId, nanos: String(nanos) });
        }
        const state = account.nanos === undefined ? "settled" : "part";
        const same = `${state} ${nanos}`;
        const found = known.get(same) ?? { state, nanos: within(nanos), accountIds: [] };
        if (!found.accountIds.includes(accountId)) found.accountIds.push(accountId);
        known.set(same, found);
      }
      return {
        accounts: [...keys.values()],
        statements: [
          ...[...known.values()].flatMap((values) =>
            statements.charge({
              requestId,
              atMs,
              below: maxAccountNanos - values.nanos,
              ...values,
            }),
          ),
          ...(unknown.length > 0
            ? statements.chargeHeld({ requestId, atMs, accountIds: unknown })
            : []),
          ...(isHeld ? statements.giveAllBack(requestId) : []),
          ...limited,
        ],
      };
    },
  };
}

const nothing: Payment = { statements: [], accounts: [] };
