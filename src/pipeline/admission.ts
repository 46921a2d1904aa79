// What a request may use: rate limits when it comes, budgets before each attempt is sent, and who pays in the end.
import type { Principal } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import type { RateLimiter, Ticket, Want } from "../access/rate-limits.ts";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { AccountKey, Charges, ShortAccount } from "../store/accounts.ts";
import type { RateLimit } from "../store/directory-types.ts";
import { StoreError } from "../store/error.ts";
import type { Store } from "../store/store.ts";
import { limitsAtEntry, payersOf, refusedOperation, rulesOf, wantOf } from "./admission-rules.ts";
import type { Alerts, Payer } from "./alerts.ts";
import { applied, type Standings, standingHeaders } from "./applied-limits.ts";
import { affordableCap, boundOf } from "./bounds.ts";
import type { Demand } from "./demand.ts";
import { exceeded, unpriced } from "./unpaid.ts";

export interface AdmissionOptions {
  requestId: string;
  /** Wall clock of the request's arrival: its windows and its prices. */
  atMs: number;
  principal: Principal;
  config: Config;
  store: Pick<Store, "accounts">;
  callers: Pick<CallerDirectory, "rules">;
  limiter: RateLimiter;
  /** Told when budgets are charged, or cannot pay. */
  alerts: Pick<Alerts, "charged" | "refused">;
}

/** What is set aside for one attempt. */
export interface Held {
  /** The answer may have so many tokens and no more; absent: the request says it itself, or nobody pays by budget. */
  outputCap?: number;
  /** What the attempt cost, once the request is priced; null where nobody knows. */
  costOf(cost: () => Nanos | null): void;
  /** It was not sent, or not billed: the next attempt takes its place. */
  free(): void;
}

export interface Admission {
  /**
   * Takes the request's part of its rate limits; later calls do nothing. Where there are several `candidates`, limits
   * on the models of one alone are taken when it is that one's turn.
   * @throws GatewayError `rate_limited`, `forbidden`
   */
  enter(demand: Demand, candidates?: readonly Candidate[]): Promise<void>;
  /**
   * Sets aside what an attempt can cost at most, in all budgets that it counts for. Durable when it resolves.
   * @param moreInput tokens that it brings along besides the request's own
   * @throws GatewayError `budget_exceeded`, `rate_limited`, `unavailable`
   */
  hold(candidate: Candidate, moreInput?: number): Promise<Held>;
  /** What the budgets are charged; undefined where there are none. Call once the attempts are priced. */
  charges(): Charges | undefined;
  /** The request is over: its place is free, and its tokens are known. Null: it was refused, and counts for nothing. */
  leave(used: Want | null): void;
  /** The charges are committed, and how the request ended. */
  settled(error: GatewayError | null): void;
  /** Nothing came of it: what was set aside is given back. */
  discard(): Promise<void>;
  /** `x-ratelimit-*` of the tightest limits. */
  headers(): Record<string, string>;
  /** What was said of the request when it entered. */
  readonly demand: Demand | null;
}

/** A hold that nobody settles is charged so long after the attempt's own time limit, ms. */
const graceMs = 3_600_000;
const longestMs = 24 * 3_600_000;

interface OwnHold {
  holdId: string;
  nanos: Nanos;
  payers: readonly Payer[];
  cost: () => Nanos | null;
  isFree: boolean;
  /** Another one has its place. What it cost all the same is charged. */
  isReplaced: boolean;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { requestId, atMs, principal, config, store, limiter, alerts } = options;
  const holds: OwnHold[] = [];
  let demand: Demand | null = null;
  const tickets: Ticket[] = [];
  /** Ids of the limits that were taken. */
  const taken = new Set<string>();
  let refusedBy: Standings = {};
  let made = 0;
  /** The last attempt that nobody could pay for. */
  let unpaid: { payer: Payer; short: ShortAccount } | null = null;

  const take = (asked: Demand, found: readonly RateLimit[]): void => {
    const limits = found
      .filter(({ id }) => !taken.has(id))
      .map((limit) => applied(limit, principal));
    if (limits.length === 0) return;
    try {
      tickets.push(limiter.admit(limits, wantOf(asked, limits)));
      for (const { id } of limits) taken.add(id);
    } catch (thrown) {
      refusedBy = limiter.standings(limits);
      throw thrown;
    }
  };

  const leave = (used: Want | null): void => {
    for (const ticket of tickets) ticket.settle(used);
  };

  return {
    get demand() {
      return demand;
    },
    async enter(asked, candidates = []) {
      if (demand) return;
      demand = asked;
      const refused = refusedOperation(asked, principal);
      if (refused) throw refused;
      take(asked, await limitsAtEntry(asked, candidates, options));
    },
    async hold(candidate, moreInput = 0) {
      if (!demand) throw new Error("a request must enter before anything is held for it");
      const rules = await rulesOf(demand, candidate, options);
      const { budgets, limits } = rules;
      if (limits.length > 0) take(demand, limits);
      if (demand.isFree) return noHold;
      if (budgets.length === 0) return noHold;
      const payers = payersOf(rules, atMs);
      const accounts = payers.map(({ account }) => account);
      const pricing = { config, atMs, moreInput };
      const bound = await boundOf(demand, candidate, pricing);
      if (bound.nanos === null) throw unpriced(candidate);
      const replaced = holds.find(({ isFree, isReplaced }) => isFree && !isReplaced);
      const holdId = `${requestId}#${made}`;
      made += 1;
      const hold = async (costNanos: Nanos): Promise<ShortAccount | null> => {
        const outcome = await held(() =>
          store.accounts.hold({
            requestId,
            holdId,
            costNanos,
            expiresMs: now() + (candidate.timeouts.totalMs ?? longestMs) + graceMs,
            accounts,
            ...(replaced && { replaces: replaced.holdId }),
          }),
        );
        return outcome.held ? null : outcome.account;
      };
      let { nanos, outputCap } = bound;
      let short = await hold(nanos);
      if (short && outputCap !== undefined) {
        // The request leaves it open how long the answer may be: as long as is left to pay for.
        const left = leftIn(short) + heldBy(replaced, short);
        const affordable = await affordableCap(demand, candidate, { ...pricing, left });
        if (affordable !== null && affordable.cap < outputCap) {
          ({ cap: outputCap, nanos } = affordable);
          short = await hold(nanos);
        }
      }
      if (short) {
        const payer = payers.find(({ account }) => account.accountId === short.accountId);
        if (payer) unpaid = { payer, short };
        throw exceeded(short, budgets, bound.nanos);
      }
      if (replaced) replaced.isReplaced = true;
      const own: OwnHold = {
        holdId,
        nanos,
        payers,
        cost: () => 0n,
        isFree: false,
        isReplaced: false,
      };
      holds.push(own);
      const { isDeferred } = demand;
      return {
        ...(outputCap !== undefined && { outputCap }),
        costOf(cost) {
          // What is made later is charged in full until somebody says what it was.
          own.cost = () => (isDeferred && !own.isFree ? null : cost());
        },
        free() {
          own.isFree = true;
        },
      };
    },
    // What was asked for and not given yet is nothing to be charged.
    charges: () => (made === 0 ? undefined : chargesOf(holds)),
    leave,
    settled(error) {
      alerts.charged(holds.flatMap(({ payers }) => payers));
      if (unpaid && error?.code === "budget_exceeded") alerts.refused(unpaid.payer, unpaid.short);
    },
    async discard() {
      leave(null);
      for (const { holdId } of holds.splice(0)) {
        await held(() => store.accounts.release(requestId, holdId));
      }
    },
    headers() {
      return standingHeaders([refusedBy, ...tickets]);
    },
  };
}

const noHold: Held = { costOf: () => {}, free: () => {} };

const leftIn = ({ limitNanos, spentNanos, heldNanos }: ShortAccount): Nanos =>
  limitNanos - spentNanos - heldNanos;

/** What a hold that is to be replaced has of an account: it is there for the next one. */
const heldBy = (hold: OwnHold | undefined, { accountId }: ShortAccount): Nanos =>
  hold?.payers.some(({ account }) => account.accountId === accountId) ? hold.nanos : 0n;

/** Each account pays for the attempts that were held in it. */
function chargesOf(holds: readonly OwnHold[]): Charges {
  const accounts = new Map<string, AccountKey & { nanos: Nanos | null }>();
  const sum = (one: Nanos | null, other: Nanos | null): Nanos | null =>
    one === null || other === null ? null : one + other;
  let whole: Nanos | null = 0n;
  for (const { payers, cost } of holds) {
    const nanos = cost();
    whole = sum(whole, nanos);
    for (const { account } of payers) {
      const { accountId, budgetId, windowStartMs, windowEndMs } = account;
      const known = accounts.get(accountId);
      accounts.set(accountId, {
        accountId,
        budgetId,
        windowStartMs,
        windowEndMs,
        nanos: known ? sum(known.nanos, nanos) : nanos,
      });
    }
  }
  return { nanos: whole, accounts: [...accounts.values()] };
}

async function held<T>(hold: () => Promise<T>): Promise<T> {
  try {
    return await hold();
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "store_unavailable") throw error;
    throw new GatewayError(
      "unavailable",
      "The ledger cannot be written now, and this key has a budget, so its requests wait. Try again soon.",
      { cause: error },
    );
  }
}
