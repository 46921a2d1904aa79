// What limits and budgets would say of a request: how they stand, what would be set aside, whether it fits. Nothing is taken.
import { refusalOf, type Standing, standingOf, wantsOf } from "../access/rate-limits.ts";
import { GatewayError } from "../ir/error.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { AccountState, ShortAccount } from "../store/accounts.ts";
import type { LimitUnit, RateLimit } from "../store/directory-types.ts";
import { StoreError } from "../store/error.ts";
import type { AdmissionOptions } from "./admission.ts";
import {
  type PayingAccount,
  payersOf,
  refusedOperation,
  rulesAtEntry,
  rulesOf,
  wantOf,
} from "./admission-rules.ts";
import { applied } from "./applied-limits.ts";
import { affordableCap, boundOf } from "./bounds.ts";
import type { Demand } from "./demand.ts";
import { exceeded, unpriced } from "./unpaid.ts";

/** Names are those of the admin API's JSON. */
export interface ExplainedLimit {
  id: string;
  /** In words, such as "team `search`". */
  of: string;
  unit: LimitUnit;
  /** Null for `parallel`. */
  window: RateLimit["window"];
  amount: number;
  remaining: number;
  /** Until as much is left as there ever is. */
  resets_in_ms: number;
}

export interface ExplainedBudget {
  id: string;
  name: string;
  /** The end user or tag, where the budget is for each. */
  of: string | null;
  amount_usd: string;
  spent_usd: string;
  /** For requests under way. */
  held_usd: string;
  left_usd: string;
  /** Null: it never begins anew. */
  window_end_ms: number | null;
  /** What would be set aside is there. */
  fits: boolean;
}

export interface ExplainedHold {
  /** Limits that count at this deployment alone. */
  limits: ExplainedLimit[];
  budgets: ExplainedBudget[];
  /** What would be set aside in each of the budgets; null where there is none, or nobody knows the price. */
  hold_usd: string | null;
  /** The answer would be cut to so many tokens; null: the request says it itself, or nobody pays by budget. */
  output_cap: number | null;
}

export interface Rehearsal {
  /** When the request comes. */
  enter(candidates: readonly Candidate[]): Promise<{
    limits: ExplainedLimit[];
    refusal: GatewayError | null;
  }>;
  /** Right before it would be sent there. */
  hold(candidate: Candidate): Promise<ExplainedHold & { refusal: GatewayError | null }>;
}

export type RehearsalOptions = Pick<
  AdmissionOptions,
  "atMs" | "callers" | "config" | "principal" | "store"
>;

/** By the functions that a live request is admitted with. */
export function rehearseAdmission(demand: Demand, options: RehearsalOptions): Rehearsal {
  const { atMs, config, principal, store } = options;
  /** Those that are taken when the request comes. */
  let entered: readonly RateLimit[] = [];

  const look = async (limits: readonly RateLimit[]) => {
    const all = limits.map((limit) => applied(limit, principal));
    const wants = wantsOf(all, wantOf(demand, all));
    const outlooks = all.length === 0 ? [] : await readable(() => store.limits.outlook(wants));
    const refusal = refusalOf(all, outlooks);
    const shown = all.map((limit, at) => {
      const { id, of, unit, amount } = limit;
      const outlook = outlooks[at];
      const standing = outlook ? standingOf(limit, outlook) : untouched(amount);
      const { remaining, resetMs } = standing;
      const window = limits[at]?.window ?? null;
      return { id, of, unit, window, amount, remaining, resets_in_ms: Math.ceil(resetMs) };
    });
    return { limits: shown, refusal };
  };

  return {
    async enter(candidates) {
      const refused = refusedOperation(demand, principal);
      if (refused) return { limits: [], refusal: refused };
      entered = (await rulesAtEntry(demand, candidates, options)).limits;
      return look(entered);
    },
    async hold(candidate) {
      const rules = await rulesOf(demand, candidate, options);
      const isTaken = new Set(entered.map(({ id }) => id));
      const own = await look(rules.limits.filter(({ id }) => !isTaken.has(id)));
      const told = { ...own, budgets: [], hold_usd: null, output_cap: null };
      if (demand.isFree || rules.budgets.length === 0) return told;
      try {
        const payers = payersOf(rules, atMs);
        const accounts = await accountsNow(payers, options);
        const least = leastOf(accounts);
        const left = least === null ? 0n : leftIn(least);
        const bound = await boundOf(demand, candidate, { config, atMs, moreInput: 0 });
        const shown = (nanos: Nanos | null) =>
          payers.map((payer, at) => showBudget(payer, accounts[at], nanos));
        if (bound.nanos === null) {
          const refusal = own.refusal ?? unpriced(candidate);
          return { ...told, budgets: shown(null), refusal };
        }
        let { nanos, outputCap } = bound;
        if (nanos > left && outputCap !== undefined) {
          const pricing = { config, atMs, moreInput: 0, left };
          const affordable = await affordableCap(demand, candidate, pricing);
          if (affordable !== null && affordable.cap < outputCap) {
            ({ cap: outputCap, nanos } = affordable);
          }
        }
        const isShort = nanos > left && least !== null;
        return {
          ...told,
          budgets: shown(nanos),
          hold_usd: formatNanos(nanos),
          output_cap: isShort ? null : (outputCap ?? null),
          refusal: own.refusal ?? (isShort ? exceeded(least, rules.budgets, bound.nanos) : null),
        };
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return { ...told, refusal: own.refusal ?? error };
      }
    },
  };
}

const untouched = (limit: number): Standing => ({ limit, remaining: limit, resetMs: 0 });

const leftIn = ({ limitNanos, spentNanos, heldNanos }: ShortAccount): Nanos =>
  limitNanos - spentNanos - heldNanos;

/** @throws GatewayError `unavailable` */
async function accountsNow(
  payers: readonly PayingAccount[],
  { store }: Pick<RehearsalOptions, "store">,
): Promise<ShortAccount[]> {
  const ids = payers.map(({ account }) => account.accountId);
  const states = new Map<string, AccountState>();
  for (const state of await readable(() => store.accounts.states(ids))) {
    states.set(state.accountId, state);
  }
  return payers.map(({ account }) => {
    const { spentNanos = 0n, heldNanos = 0n } = states.get(account.accountId) ?? {};
    return { ...account, spentNanos, heldNanos };
  });
}

/** @throws GatewayError `unavailable` */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new GatewayError(
      "unavailable",
      "The budgets and limits cannot be read now. Try again soon.",
      { cause: error },
    );
  }
}

const leastOf = (accounts: readonly ShortAccount[]): ShortAccount | null =>
  accounts.reduce<ShortAccount | null>(
    (least, each) => (least && leftIn(least) <= leftIn(each) ? least : each),
    null,
  );

function showBudget(
  { budget }: PayingAccount,
  account: ShortAccount | undefined,
  nanos: Nanos | null,
): ExplainedBudget {
  const { accountId = "", spentNanos = 0n, heldNanos = 0n, windowEndMs = null } = account ?? {};
  const left = budget.amountNanos - spentNanos - heldNanos;
  const mark = accountId.indexOf("#", budget.id.length);
  return {
    id: budget.id,
    name: budget.name,
    of: budget.each === null || mark < 0 ? null : accountId.slice(mark + 1),
    amount_usd: formatNanos(budget.amountNanos),
    spent_usd: formatNanos(spentNanos),
    held_usd: formatNanos(heldNanos),
    left_usd: formatNanos(left > 0n ? left : 0n),
    window_end_ms: windowEndMs,
    fits: nanos !== null && nanos <= left,
  };
}
