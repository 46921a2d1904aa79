// Which limits and budgets count for a request, and what they are asked with: the same for sending it and for explaining it.
import type { Principal } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import { mayUse } from "../access/grants.ts";
import type { AppliedLimit, Want } from "../access/rate-limits.ts";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { windowAt } from "../lib/windows.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import type { Hold } from "../store/accounts.ts";
import type { Budget, RateLimit } from "../store/directory-types.ts";
import { formatSubject, type Subject } from "../store/subject.ts";
import type { Demand } from "./demand.ts";
import { mostAccounts, tooMany } from "./unpaid.ts";

/** Whose rules, and where they are written. */
export interface RuleSource {
  principal: Principal;
  config: Pick<Config, "rules">;
  callers: Pick<CallerDirectory, "rules">;
}

export interface CountingRules {
  /** Whom the request counts for. */
  subjects: readonly Subject[];
  budgets: readonly Budget[];
  limits: readonly RateLimit[];
}

/** An account of a budget that pays for the request. */
export interface PayingAccount {
  budget: Budget;
  account: Hold["accounts"][number];
}

/** Of which budgets are told apart by whom they are for, where a request names none. */
const nobody = "(none)";

const subjectsOf = ({ user, tags }: Demand, principal: Principal): Subject[] => [
  ...(principal.subjects ?? []),
  ...(user === null ? [] : [{ kind: "end_user", id: user } as const]),
  ...tags
    .filter((tag) => !principal.tags?.includes(tag))
    .map((id): Subject => ({ kind: "tag", id })),
];

/**
 * What counts for the request at this deployment, under all names: the client's own, those on the way to the deployment,
 * and the deployment's. Null: wherever it goes.
 */
export async function rulesOf(
  demand: Demand,
  candidate: Candidate | null,
  { principal, config, callers }: RuleSource,
): Promise<CountingRules> {
  const subjects = subjectsOf(demand, principal);
  const names = [demand.model, ...(candidate ? [...candidate.via, modelId(candidate)] : [])];
  const found = await callers.rules(subjects, names);
  const { rules } = config;
  if (rules.budgets.length + rules.limits.length === 0) return { subjects, ...found };
  const own = new Set(subjects.map(formatSubject));
  const counts = ({ subjects: of }: Budget): boolean =>
    of.some((subject) => own.has(formatSubject(subject)));
  return {
    subjects,
    budgets: [...found.budgets, ...rules.budgets.filter(counts)],
    limits: [
      ...found.limits,
      ...rules.limits.filter(({ subject }) => own.has(formatSubject(subject))),
    ],
  };
}

/** The limits that a request is asked for when it comes, and whether budgets will pay for it. */
export async function rulesAtEntry(
  demand: Demand,
  candidates: readonly Candidate[],
  source: RuleSource,
): Promise<{ limits: readonly RateLimit[]; isPaid: boolean }> {
  const { limits, budgets } = await rulesOf(demand, candidates[0] ?? null, source);
  const isPaid = budgets.length > 0 && !demand.isFree;
  if (limits.length === 0 || candidates.length <= 1) return { limits, isPaid };
  // One that counts for the first deployment alone is no reason to refuse what another one can answer.
  const shared = new Set((await rulesOf(demand, null, source)).limits.map(({ id }) => id));
  return { limits: limits.filter(({ id }) => shared.has(id)), isPaid };
}

/** The refusal of what the caller may not ask for at all. */
export function refusedOperation(
  { model, operation }: Demand,
  { operations }: Principal,
): GatewayError | null {
  if (!operations) return null;
  const verdict = mayUse({ models: [], operations }, { name: model, modelId: null, operation });
  return verdict.allowed ? null : new GatewayError("forbidden", verdict.message);
}

/** For rate limits, which are put right when the answer is there. */
const bytesPerToken = 4;
const usualOutput = 500;

/** What the limits are asked for. */
export function wantOf(demand: Demand, limits: readonly AppliedLimit[]): Want {
  // The body is read for its tokens only where they count.
  const tokens = limits.some(({ unit }) => unit.endsWith("tokens")) ? demand.tokens : null;
  return {
    ...(demand.lines !== undefined && { requests: demand.lines }),
    inputTokens: Math.ceil((tokens?.input ?? 0) / bytesPerToken),
    outputTokens: Math.min(tokens?.output ?? usualOutput, usualOutput),
  };
}

/** @throws GatewayError `invalid_request` for more than can pay for one request */
export function payersOf({ budgets, subjects }: CountingRules, atMs: number): PayingAccount[] {
  const payers = budgets.flatMap((budget) =>
    accountsOf(budget, subjects, atMs).map((account) => ({ budget, account })),
  );
  if (payers.length > mostAccounts) throw tooMany(payers.length);
  return payers;
}

/** The accounts that pay by this budget: one, or one for each end user or tag. */
function accountsOf(
  budget: Budget,
  subjects: readonly Subject[],
  atMs: number,
): PayingAccount["account"][] {
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
