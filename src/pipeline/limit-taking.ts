// What one request takes of its rate limits: alone or together with a hold, each limit once, and what it tells of them.
import type { Principal } from "../access/authenticate.ts";
import {
  type AppliedLimit,
  lateRefusal,
  refusalOf,
  refusing,
  type Standings,
  standingsOf,
  type Want,
  wantsOf,
} from "../access/rate-limits.ts";
import { GatewayError } from "../ir/error.ts";
import type { Hold, ShortAccount } from "../store/accounts.ts";
import type { RateLimit } from "../store/directory-types.ts";
import { StoreError } from "../store/error.ts";
import { counterIdOf, type LimitUse, maxTakes } from "../store/limits.ts";
import type { Store } from "../store/store.ts";
import { wantOf } from "./admission-rules.ts";
import { applied } from "./applied-limits.ts";
import type { Demand } from "./demand.ts";
import { tooManyLimits } from "./unpaid.ts";

export interface LimitTakingOptions {
  requestId: string;
  principal: Principal;
  store: Pick<Store, "accounts" | "limits">;
}

export interface LimitTaking {
  /** Those that the request has not taken yet. */
  open(found: readonly RateLimit[]): AppliedLimit[];
  /**
   * Takes them with the hold: all or nothing. Returns the account that cannot pay; null: it is taken.
   * @throws GatewayError `rate_limited`, `unavailable`
   */
  take(demand: Demand, limits: readonly AppliedLimit[], hold: Hold): Promise<ShortAccount | null>;
  /** The same without any hold. */
  takeAlone(demand: Demand, limits: readonly AppliedLimit[]): Promise<void>;
  /** Where one of these refuses, no other deployment need be asked. */
  decide(ids: ReadonlySet<string>): void;
  /** The refusal by a limit that counts wherever the request goes. */
  readonly refusal: GatewayError | null;
  /** The request is over. Null: it was refused, and counts for nothing. Only the first call counts. */
  leave(used: Want | null): void;
  /** What is to be put right when the request settles; undefined where it took nothing, or is not over. */
  use(): LimitUse | undefined;
  /** Gives all back. */
  discard(): Promise<void>;
  standings(): readonly Standings[];
}

export function createLimitTaking({
  requestId,
  principal,
  store,
}: LimitTakingOptions): LimitTaking {
  /** Ids of the limits that were taken. */
  const taken = new Set<string>();
  /** What may have been taken: an admission that nobody saw the end of, too. */
  const counters = new Set<string>();
  const standings: Standings[] = [];
  let refused: Standings | null = null;
  let deciding: ReadonlySet<string> = new Set();
  let refusal: GatewayError | null = null;
  let left: { used: Want | null } | null = null;
  let made = 0;

  const refuse = async (limits: readonly AppliedLimit[], want: Want): Promise<GatewayError> => {
    const outlooks = await available(() => store.limits.outlook(wantsOf(limits, want)));
    refused = standingsOf(limits, outlooks);
    const error = refusalOf(limits, outlooks) ?? lateRefusal(limits);
    if (refusing(limits, outlooks).some(({ id }) => deciding.has(id))) refusal = error;
    return error;
  };

  const take: LimitTaking["take"] = async (demand, limits, hold) => {
    if (limits.length > maxTakes) throw tooManyLimits(limits.length);
    const want = wantOf(demand, limits);
    const wants = wantsOf(limits, want);
    const ids = wants.map(({ limitId, unit, windowMs }) => counterIdOf(limitId, unit, windowMs));
    for (const id of ids) counters.add(id);
    const outcome = await available(() => store.accounts.admit(hold, wants));
    if (outcome.admitted) {
      for (const { id } of limits) taken.add(id);
      if (limits.length > 0) standings.push(standingsOf(limits, outcome.limits));
      return null;
    }
    for (const id of ids) counters.delete(id);
    if (outcome.account) return outcome.account;
    throw await refuse(limits, want);
  };

  return {
    open: (found) =>
      found.filter(({ id }) => !taken.has(id)).map((limit) => applied(limit, principal)),
    take,
    async takeAlone(demand, limits) {
      if (limits.length === 0) return;
      const holdId = `${requestId}#limits${made}`;
      made += 1;
      await take(demand, limits, {
        requestId,
        holdId,
        costNanos: 0n,
        expiresMs: 0,
        accounts: [],
      });
    },
    decide(ids) {
      deciding = ids;
    },
    get refusal() {
      return refusal;
    },
    leave(used) {
      left ??= { used };
    },
    use: () => (left && counters.size > 0 ? { counterIds: [...counters], ...left } : undefined),
    async discard() {
      const counterIds = [...counters];
      counters.clear();
      await available(() => store.limits.giveBack(requestId, counterIds));
    },
    standings: () => (refused ? [refused, ...standings] : standings),
  };
}

/** What budgets and limits are asked for while the ledger cannot be written is refused: nobody can tell how they stand. */
export async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "store_unavailable") throw error;
    throw new GatewayError(
      "unavailable",
      "The ledger cannot be written now, and this key has a budget or a limit, so its requests wait. Try again soon.",
      { cause: error },
    );
  }
}
