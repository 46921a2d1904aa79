// What a request may use: rate limits when it comes, budgets before each attempt is sent, and who pays in the end.
import type { Principal } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import type { Want } from "../access/rate-limits.ts";
import type { Config } from "../config/config.ts";
import type { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import type { Nanos } from "../lib/money.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import type { AccountKey, Charges, ShortAccount } from "../store/accounts.ts";
import type { Store } from "../store/store.ts";
import { payersOf, refusedOperation, rulesAtEntry, rulesOf } from "./admission-rules.ts";
import type { Alerts, Payer } from "./alerts.ts";
import { standingHeaders } from "./applied-limits.ts";
import { affordableCap, boundOf } from "./bounds.ts";
import type { Demand } from "./demand.ts";
import { available, createLimitTaking } from "./limit-taking.ts";
import { exceeded, unpriced } from "./unpaid.ts";

export interface AdmissionOptions {
  requestId: string;
  /** Wall clock of the request's arrival: its windows and its prices. */
  atMs: number;
  principal: Principal;
  config: Config;
  store: Pick<Store, "accounts" | "limits">;
  callers: Pick<CallerDirectory, "rules">;
  /** Told when budgets are charged, or cannot pay. */
  alerts: Pick<Alerts, "charged" | "refused">;
}

/** What is set aside for one attempt. */
export interface Held {
  /** The answer may have so many tokens and no more; absent: the request says it itself, or nobody pays by budget. */
  outputCap?: number;
  /** Tools that the provider runs may be called so often; absent: as for {@link Held.outputCap}. */
  toolCap?: number;
  /** What the attempt cost, once the request is priced; null where nobody knows. */
  costOf(cost: () => Nanos | null): void;
  /** It was not sent, or not billed: the next attempt takes its place. */
  free(): void;
}

export interface Admission {
  /**
   * Takes the request's part of its rate limits; later calls do nothing. Where there are several `candidates`, limits
   * on the models of one alone are taken when it is that one's turn. `holdsNext`: a hold follows, and where budgets
   * count, too, that one takes the limits along: both in one transaction.
   * @throws GatewayError `rate_limited`, `forbidden`, `unavailable`
   */
  enter(
    demand: Demand,
    candidates?: readonly Candidate[],
    options?: { holdsNext?: boolean },
  ): Promise<void>;
  /** A limit has refused it that counts wherever it goes: nobody else need be asked. */
  readonly isRefused: boolean;
  /**
   * Sets aside what an attempt can cost at most, in all budgets that it counts for, and takes what is left to take of
   * limits: all of it or nothing. Durable when it resolves.
   * @param moreInput tokens that it brings along besides the request's own
   * @throws GatewayError `budget_exceeded`, `rate_limited`, `unavailable`
   */
  hold(candidate: Candidate, moreInput?: number): Promise<Held>;
  /** What budgets are charged and limits count in the end; undefined where there are none. Call once the attempts are priced. */
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
  const { requestId, atMs, principal, config, store, alerts } = options;
  const holds: OwnHold[] = [];
  let demand: Demand | null = null;
  const taking = createLimitTaking(options);
  let made = 0;
  /** The last attempt that nobody could pay for. */
  let unpaid: { payer: Payer; short: ShortAccount } | null = null;

  return {
    get demand() {
      return demand;
    },
    get isRefused() {
      return taking.refusal !== null;
    },
    async enter(asked, candidates = [], { holdsNext = false } = {}) {
      if (demand) return;
      demand = asked;
      const refused = refusedOperation(asked, principal);
      if (refused) throw refused;
      if (asked.isPart) return;
      const { limits, isPaid } = await rulesAtEntry(asked, candidates, options);
      if (holdsNext && isPaid) taking.decide(new Set(limits.map(({ id }) => id)));
      else await taking.takeAlone(asked, taking.open(limits));
    },
    async hold(candidate, moreInput = 0) {
      const asked = demand;
      if (!asked) throw new Error("a request must enter before anything is held for it");
      if (taking.refusal) throw taking.refusal;
      const rules = await rulesOf(asked, candidate, options);
      const { budgets } = rules;
      const limits = asked.isPart ? [] : taking.open(rules.limits);
      if (asked.isFree || budgets.length === 0) {
        await taking.takeAlone(asked, limits);
        return noHold;
      }
      const payers = payersOf(rules, atMs);
      const accounts = payers.map(({ account }) => account);
      const pricing = { config, atMs, moreInput };
      const bound = await boundOf(asked, candidate, pricing);
      if (bound.nanos === null) throw unpriced(candidate);
      const replaced = holds.find(({ isFree, isReplaced }) => isFree && !isReplaced);
      const holdId = `${requestId}#${made}`;
      made += 1;
      const hold = (costNanos: Nanos): Promise<ShortAccount | null> =>
        taking.take(asked, limits, {
          requestId,
          holdId,
          costNanos,
          expiresMs: now() + (candidate.timeouts.totalMs ?? longestMs) + graceMs,
          accounts,
          deployment: modelId(candidate),
          ...(replaced && { replaces: replaced.holdId }),
        });
      let { nanos, outputCap } = bound;
      let short = await hold(nanos);
      if (short && outputCap !== undefined) {
        // The request leaves it open how long the answer may be: as long as is left to pay for.
        const left = leftIn(short) + heldBy(replaced, short);
        const affordable = await affordableCap(asked, candidate, { ...pricing, left });
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
      const { isDeferred } = asked;
      const leavesTools = (asked.tokens?.toolCalls.open ?? 0) > 0;
      return {
        ...(outputCap !== undefined && { outputCap }),
        ...(leavesTools && { toolCap: config.rules.maxToolCalls }),
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
    charges() {
      const limits = taking.use();
      if (made === 0 && !limits) return undefined;
      return { ...chargesOf(holds), ...(limits && { limits }) };
    },
    leave: (used) => taking.leave(used),
    settled(error) {
      alerts.charged(holds.flatMap(({ payers }) => payers));
      if (unpaid && error?.code === "budget_exceeded") alerts.refused(unpaid.payer, unpaid.short);
    },
    async discard() {
      taking.leave(null);
      await taking.discard();
      if (holds.splice(0).length > 0) {
        await available(() => store.accounts.giveBack(requestId));
      }
    },
    headers() {
      return standingHeaders(taking.standings());
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
