// What a request may use: rate limits when it comes, budgets before each attempt is sent, and who pays in the end.
import type { Principal } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import { mayUse } from "../access/grants.ts";
import type { AppliedLimit, RateLimiter, Standing, Ticket, Want } from "../access/rate-limits.ts";
import { windowAt } from "../lib/windows.ts";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import type { AccountKey, Charges, ShortAccount } from "../store/accounts.ts";
import type { Budget, RateLimit } from "../store/directory-types.ts";
import { StoreError } from "../store/error.ts";
import type { Store } from "../store/store.ts";
import { formatSubject, type Subject } from "../store/subject.ts";
import type { Alerts, Payer } from "./alerts.ts";
import { affordableCap, boundOf } from "./bounds.ts";
import type { Demand } from "./demand.ts";

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

/** Of which budgets are told apart by whom they are for, where a request names none. */
const nobody = "(none)";
/** That can pay for one request. */
const mostAccounts = 100;
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
  const { requestId, atMs, principal, config, store, callers, limiter, alerts } = options;
  const holds: OwnHold[] = [];
  let demand: Demand | null = null;
  const tickets: Ticket[] = [];
  /** Ids of the limits that were taken. */
  const taken = new Set<string>();
  let refusedBy: Standings = {};
  let made = 0;
  /** The last attempt that nobody could pay for. */
  let unpaid: { payer: Payer; short: ShortAccount } | null = null;

  const subjectsOf = ({ user, tags }: Demand): Subject[] => [
    ...(principal.subjects ?? []),
    ...(user === null ? [] : [{ kind: "end_user", id: user } as const]),
    ...tags
      .filter((tag) => !principal.tags?.includes(tag))
      .map((id): Subject => ({ kind: "tag", id })),
  ];

  /** Under all names: the client's own, those on the way to the deployment, and the deployment's. */
  const rulesOf = async (asked: Demand, candidate: Candidate | null) => {
    const subjects = subjectsOf(asked);
    const names = [asked.model, ...(candidate ? [...candidate.via, modelId(candidate)] : [])];
    const found = await callers.rules(subjects, names);
    const own = new Set(subjects.map(formatSubject));
    const counts = ({ subjects: of }: Budget): boolean =>
      of.some((subject) => own.has(formatSubject(subject)));
    return {
      subjects,
      budgets: [...found.budgets, ...config.rules.budgets.filter(counts)],
      limits: [
        ...found.limits,
        ...config.rules.limits.filter(({ subject }) => own.has(formatSubject(subject))),
      ],
    };
  };

  const take = (asked: Demand, found: readonly RateLimit[]): void => {
    const limits = found
      .filter(({ id }) => !taken.has(id))
      .map((limit) => applied(limit, principal));
    if (limits.length === 0) return;
    // The body is read for its tokens only where they count.
    const tokens = limits.some(({ unit }) => unit.endsWith("tokens")) ? asked.tokens : null;
    try {
      tickets.push(
        limiter.admit(limits, {
          inputTokens: Math.ceil((tokens?.input ?? 0) / bytesPerToken),
          outputTokens: Math.min(tokens?.output ?? usualOutput, usualOutput),
        }),
      );
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
      const { operations } = principal;
      if (operations) {
        const verdict = mayUse(
          { models: [], operations },
          { name: asked.model, modelId: null, operation: asked.operation },
        );
        if (!verdict.allowed) throw new GatewayError("forbidden", verdict.message);
      }
      const { limits } = await rulesOf(asked, candidates[0] ?? null);
      if (limits.length === 0) return;
      // One that counts for the first deployment alone is no reason to refuse what another one can answer.
      const shared =
        candidates.length > 1 ? (await rulesOf(asked, null)).limits.map(({ id }) => id) : null;
      take(
        asked,
        limits.filter(({ id }) => shared?.includes(id) ?? true),
      );
    },
    async hold(candidate, moreInput = 0) {
      if (!demand) throw new Error("a request must enter before anything is held for it");
      const { subjects, budgets, limits } = await rulesOf(demand, candidate);
      if (limits.length > 0) take(demand, limits);
      if (demand.isFree) return noHold;
      if (budgets.length === 0) return noHold;
      const payers = budgets.flatMap((budget) =>
        accountsOf(budget, subjects, atMs).map((account) => ({ budget, account })),
      );
      const accounts = payers.map(({ account }) => account);
      if (accounts.length > mostAccounts) throw tooMany(accounts.length);
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
        ...{ holdId, nanos, payers },
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
      const { requests, tokens } = tightestOf([refusedBy, ...tickets]);
      return {
        ...(requests && limitHeaders("requests", requests)),
        ...(tokens && limitHeaders("tokens", tokens)),
      };
    },
  };
}

/** For rate limits, which are put right when the answer is there. */
const bytesPerToken = 4;
const usualOutput = 500;

const noHold: Held = { costOf: () => {}, free: () => {} };

/** As OpenAI has them: https://platform.openai.com/docs/guides/rate-limits */
const limitHeaders = (
  of: "requests" | "tokens",
  { limit, remaining, resetMs }: { limit: number; remaining: number; resetMs: number },
): Record<string, string> => ({
  [`x-ratelimit-limit-${of}`]: String(limit),
  [`x-ratelimit-remaining-${of}`]: String(remaining),
  [`x-ratelimit-reset-${of}`]: `${Math.ceil(resetMs / 1000)}s`,
});

type Standings = Partial<Pick<Ticket, "requests" | "tokens">>;

/** Of the limits of several tickets the tightest. */
function tightestOf(all: readonly Standings[]): Standings {
  const tightest = (kind: keyof Standings): Standing | null =>
    all
      .flatMap((each) => each[kind] ?? [])
      .reduce<Standing | null>(
        (least, each) => (least && least.remaining <= each.remaining ? least : each),
        null,
      );
  return { requests: tightest("requests"), tokens: tightest("tokens") };
}

const windowsMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

const applied = (
  { id, subject, unit, window, amount }: RateLimit,
  principal: Principal,
): AppliedLimit => ({
  id,
  of: nameOf(subject, principal),
  unit,
  windowMs: window && windowsMs[window],
  amount,
});

/** In words of whoever made the request. */
function nameOf({ kind, id }: Subject, { key, caller }: Principal): string {
  switch (kind) {
    case "gateway":
      return "this gateway";
    case "key":
      return `key \`${key ?? id}\``;
    case "team":
      return `team \`${caller?.team?.name ?? id}\``;
    case "organization":
      return `organization \`${caller?.organization?.name ?? id}\``;
    case "user":
      return `user \`${caller?.user?.name ?? id}\``;
    case "end_user":
    case "tag":
    case "model":
      return `${kind.replace("_", " ")} \`${id.slice(0, 100)}\``;
    default:
      return kind satisfies never;
  }
}

/** The accounts that pay by this budget: one, or one for each end user or tag. */
function accountsOf(budget: Budget, subjects: readonly Subject[], atMs: number) {
  const { id, amountNanos, window, zone, aligned, createdMs, each } = budget;
  const { startMs, endMs } = windowAt({ window, zone, aligned, anchorMs: createdMs }, atMs);
  const key = {
    budgetId: id,
    windowStartMs: startMs,
    windowEndMs: endMs,
    limitNanos: amountNanos,
  };
  if (each === null) return [{ accountId: `${id}@${startMs}`, ...key }];
  const own = subjects.filter(({ kind }) => kind === each).map((subject) => subject.id);
  return (own.length > 0 ? own : [nobody]).map((name) => ({
    accountId: `${id}@${startMs}#${name.slice(0, 300)}`,
    ...key,
  }));
}

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

const tooMany = (count: number): GatewayError =>
  new GatewayError(
    "invalid_request",
    `This request counts for ${count} budgets; at most ${mostAccounts} can pay for one. Send fewer tags.`,
  );

const unpriced = ({ provider, model }: Candidate): GatewayError =>
  new GatewayError(
    "budget_exceeded",
    `Nobody knows what \`${provider.name}/${model.slice(0, 100)}\` can cost, and this key has a budget. Set its price under \`prices\`, or \`budgets.default_price\`.`,
  );

function exceeded(
  { budgetId, limitNanos, spentNanos, heldNanos, windowEndMs }: ShortAccount,
  budgets: readonly Budget[],
  nanos: Nanos,
): GatewayError {
  const name = budgets.find(({ id }) => id === budgetId)?.name ?? budgetId;
  const left = limitNanos - spentNanos - heldNanos;
  const shown = (amount: Nanos): string => `$${formatNanos(amount > 0n ? amount : 0n)}`;
  const reset =
    windowEndMs === null ? "" : ` It begins anew on ${new Date(windowEndMs).toISOString()}.`;
  const running = heldNanos > 0n ? ` ${shown(heldNanos)} is set aside for requests under way;` : "";
  return new GatewayError(
    "budget_exceeded",
    `The budget \`${name}\` of ${shown(limitNanos)} has ${shown(left)} left:${running} this request could cost up to ${shown(nanos)}.${reset}`,
  );
}
