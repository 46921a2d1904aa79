// What a request may use: rate limits when it comes, budgets before each attempt is sent, and who pays in the end.
import { modelFacts } from "../catalog/facts.ts";
import type { PriceOverride } from "../catalog/prices.ts";
import type { Principal } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import { mayUse } from "../access/grants.ts";
import type { AppliedLimit, RateLimiter, Ticket } from "../access/rate-limits.ts";
import { windowAt } from "../lib/windows.ts";
import { worstCost } from "../access/worst-cost.ts";
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
   * Takes the request's part of its rate limits; later calls do nothing.
   * @throws GatewayError `rate_limited`, `forbidden`
   */
  enter(demand: Demand): Promise<void>;
  /**
   * Sets aside what an attempt can cost at most, in all budgets that it counts for. Durable when it resolves.
   * @throws GatewayError `budget_exceeded`, `unavailable`
   */
  hold(candidate: Candidate): Promise<Held>;
  /** What the budgets are charged; undefined where there are none. Call once the attempts are priced. */
  charges(): Charges | undefined;
  /** The request is over: its place is free, and its tokens are known. */
  leave(used: { inputTokens: number; outputTokens: number }): void;
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
/** Cheaper answers than so many tokens are not worth their request. */
const leastOutput = 256;
/** Where no catalogue knows the model's own limit. */
const usualCap = 32_768;
/** A hold that nobody settles is charged so long after the attempt's own time limit, ms. */
const graceMs = 3_600_000;
const longestMs = 24 * 3_600_000;

interface OwnHold {
  holdId: string;
  payers: readonly Payer[];
  cost: () => Nanos | null;
  isFree: boolean;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { requestId, atMs, principal, config, store, callers, limiter, alerts } = options;
  const holds: OwnHold[] = [];
  let demand: Demand | null = null;
  let ticket: Ticket | null = null;
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

  const rulesOf = async (asked: Demand, model: string | null) => {
    const subjects = subjectsOf(asked);
    const found = await callers.rules(subjects, { name: asked.model, modelId: model });
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

  return {
    get demand() {
      return demand;
    },
    async enter(asked) {
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
      const { limits } = await rulesOf(asked, null);
      if (limits.length === 0) return;
      ticket = limiter.admit(
        limits.map((limit) => applied(limit, principal)),
        {
          inputTokens: Math.ceil((asked.tokens?.input ?? 0) / bytesPerToken),
          outputTokens: Math.min(asked.tokens?.output ?? usualOutput, usualOutput),
        },
      );
    },
    async hold(candidate) {
      if (!demand || demand.isFree) return noHold;
      const { subjects, budgets } = await rulesOf(demand, modelId(candidate));
      if (budgets.length === 0) return noHold;
      const payers = budgets.flatMap((budget) =>
        accountsOf(budget, subjects, atMs).map((account) => ({ budget, account })),
      );
      const accounts = payers.map(({ account }) => account);
      const bound = await boundOf(demand, candidate, { config, atMs });
      if (bound.nanos === null) throw unpriced(candidate);
      const replaced = holds.findIndex(({ isFree }) => isFree);
      const holdId = `${requestId}#${made}`;
      made += 1;
      const take = async (nanos: Nanos): Promise<ShortAccount | null> => {
        const outcome = await held(() =>
          store.accounts.hold({
            requestId,
            holdId,
            costNanos: nanos,
            expiresMs: now() + (candidate.timeouts.totalMs ?? longestMs) + graceMs,
            accounts,
            ...(replaced >= 0 && { replaces: holds[replaced]?.holdId }),
          }),
        );
        return outcome.held ? null : outcome.account;
      };
      let { outputCap } = bound;
      let short = await take(bound.nanos);
      if (short && outputCap !== undefined) {
        // The request leaves it open how long the answer may be: as long as is left to pay for.
        const affordable = await affordableCap(demand, candidate, { short, config, atMs });
        if (affordable !== null && affordable.cap < outputCap) {
          outputCap = affordable.cap;
          short = await take(affordable.nanos);
        }
      }
      if (short) {
        const payer = payers.find(({ account }) => account.accountId === short.accountId);
        if (payer) unpaid = { payer, short };
        throw exceeded(short, budgets, bound.nanos);
      }
      if (replaced >= 0) holds.splice(replaced, 1);
      const own: OwnHold = { holdId, payers, cost: () => 0n, isFree: false };
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
    charges: () => (holds.length === 0 ? undefined : chargesOf(holds)),
    leave(used) {
      ticket?.settle(used);
    },
    settled(error) {
      alerts.charged(holds.flatMap(({ payers }) => payers));
      if (unpaid && error?.code === "budget_exceeded") alerts.refused(unpaid.payer, unpaid.short);
    },
    async discard() {
      ticket?.settle({ inputTokens: 0, outputTokens: 0 });
      for (const { holdId } of holds.splice(0)) {
        await held(() => store.accounts.release(requestId, holdId));
      }
    },
    headers() {
      const { requests, tokens } = ticket ?? {};
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

interface Pricing {
  config: Config;
  atMs: number;
}

const overridesOf = (
  { provider }: Candidate,
  { prices }: Pick<Config, "prices">,
): PriceOverride[] => [...provider.prices, ...prices];

/** What an answer of `cap` tokens costs at most; null where nobody knows. */
async function costAt(
  { tokens }: Demand,
  candidate: Candidate,
  { cap, config, atMs }: Pricing & { cap: number },
): Promise<Nanos | null> {
  if (!tokens) return config.rules.defaultPrice?.request ?? null;
  const { provider, model } = candidate;
  const bounds = {
    provider: provider.preset.id,
    model,
    inputTokens: tokens.input,
    outputCap: cap * tokens.answers,
    atMs,
    mayCacheWrite: tokens.mayCacheWrite,
    hasAudio: { input: tokens.hasAudio, output: tokens.hasAudio },
    serverToolCalls: tokens.toolCalls,
  };
  const known = await worstCost({ ...bounds, overrides: overridesOf(candidate, config) });
  const { defaultPrice } = config.rules;
  if (known !== null || !defaultPrice) return known;
  return worstCost({ ...bounds, overrides: [{ pattern: "*", price: defaultPrice }] });
}

async function boundOf(
  demand: Demand,
  candidate: Candidate,
  pricing: Pricing,
): Promise<{ nanos: Nanos | null; outputCap?: number }> {
  const { tokens } = demand;
  if (!tokens?.hasOutput) return { nanos: await costAt(demand, candidate, { ...pricing, cap: 0 }) };
  if (tokens.output !== null) {
    return { nanos: await costAt(demand, candidate, { ...pricing, cap: tokens.output }) };
  }
  const { contextWindow, maxOutputTokens } = await modelFacts(
    candidate.provider.preset.id,
    candidate.model,
  );
  const outputCap = maxOutputTokens ?? Math.min(contextWindow ?? usualCap, usualCap);
  return { nanos: await costAt(demand, candidate, { ...pricing, cap: outputCap }), outputCap };
}

/** The longest answer that the account which has the least left can pay; null where that is hardly any. */
async function affordableCap(
  demand: Demand,
  candidate: Candidate,
  { short, ...pricing }: Pricing & { short: ShortAccount },
): Promise<{ cap: number; nanos: Nanos } | null> {
  const left = short.limitNanos - short.spentNanos - short.heldNanos;
  const at = (cap: number) => costAt(demand, candidate, { ...pricing, cap });
  const [none, some] = [await at(0), await at(leastOutput)];
  if (none === null || some === null || some > left || some === none) return null;
  const cap = Number(((left - none) * BigInt(leastOutput)) / (some - none));
  const nanos = await at(cap);
  return nanos === null || nanos > left ? { cap: leastOutput, nanos: some } : { cap, nanos };
}

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
