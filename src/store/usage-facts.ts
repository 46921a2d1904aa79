// What one request adds to sums: its row's share and that of each attempt, at the provider that billed it.
import type { Selectable } from "kysely";
import type { Nanos } from "../lib/money.ts";
import { noTokens, tokenFields } from "./rows.ts";
import type { AttemptTable, TokenColumns, UsageTable } from "./schema.ts";
import type { TokenCounts } from "./store.ts";

/** By what sums are kept apart. */
export const dimensionNames = [
  "organizationId",
  "teamId",
  "userId",
  "keyId",
  "key",
  "route",
  "provider",
  "model",
  "status",
] as const;

export type Dimension = (typeof dimensionNames)[number];
export type Dimensions = Readonly<Record<Dimension, string | null>>;

export interface Sums extends TokenCounts {
  requests: number;
  attempts: number;
  /** Requests with status `error` or `interrupted`. */
  errors: number;
  estimated: number;
  unpriced: number;
  /** Of what is known. */
  costNanos: Nanos;
  /** Microseconds, whole: sums come out the same in any order. */
  durationMicros: bigint;
  durationCount: number;
  /** Requests by class of duration; see durations.ts. */
  durations: Map<number, number>;
}

export const countNames = ["requests", "attempts", "errors", "estimated", "unpriced"] as const;

/** The columns of a usage row that sums are made of. */
export const factColumns = [
  "request_id",
  "at_ms",
  "organization_id",
  "team_id",
  "user_id",
  "key_id",
  "key_name",
  "route",
  "provider",
  "model",
  "status",
  "usage_estimated",
  "attempts",
  "cost_nanos",
  "duration_ms",
  "duration_class",
  ...tokenFields.map(([, column]) => column),
] as const;

export const attemptColumns = [
  "request_id",
  "attempt_index",
  "provider",
  "model",
  "cost_nanos",
  ...tokenFields.map(([, column]) => column),
] as const;

export type FactRow = Pick<Selectable<UsageTable>, (typeof factColumns)[number]>;
export type AttemptFact = Pick<Selectable<AttemptTable>, (typeof attemptColumns)[number]>;

export interface Fact {
  readonly dimensions: Dimensions;
  readonly sums: Sums;
}

export const emptySums = (): Sums => ({
  ...noTokens,
  requests: 0,
  attempts: 0,
  errors: 0,
  estimated: 0,
  unpriced: 0,
  costNanos: 0n,
  durationMicros: 0n,
  durationCount: 0,
  durations: new Map(),
});

/**
 * The request itself counts once, at the provider and model of its row. Tokens and money count at those of the
 * attempts; what the row has beyond its attempts counts at its own.
 */
export function factsOf(row: FactRow, attempts: readonly AttemptFact[]): Fact[] {
  const whole = emptySums();
  const dimensions = dimensionsOf(row);
  whole.requests = 1;
  whole.attempts = Number(row.attempts) - attempts.length;
  whole.errors = row.status === "error" || row.status === "interrupted" ? 1 : 0;
  whole.estimated = Number(row.usage_estimated);
  if (row.duration_ms !== null) {
    whole.durationMicros = BigInt(Math.round(row.duration_ms * 1000));
    whole.durationCount = 1;
    if (row.duration_class !== null) whole.durations.set(Number(row.duration_class), 1);
  }
  for (const [field, column] of tokenFields) whole[field] = Number(row[column]);
  const known = attempts.reduce((sum, attempt) => sum + (attempt.cost_nanos ?? 0n), 0n);
  whole.costNanos = (row.cost_nanos ?? known) - known;
  const facts: Fact[] = [{ dimensions, sums: whole }];
  let isUnpriced = isOfUnknownCost(row);
  for (const attempt of attempts) {
    const sums = emptySums();
    sums.attempts = 1;
    sums.costNanos = attempt.cost_nanos ?? 0n;
    for (const [field, column] of tokenFields) {
      sums[field] = Number(attempt[column]);
      whole[field] -= sums[field];
    }
    if (isUnpriced && attempt.cost_nanos === null && isUsed(attempt)) {
      sums.unpriced = 1;
      isUnpriced = false;
    }
    const { provider, model } = attempt;
    facts.push({ dimensions: { ...dimensions, provider, model }, sums });
  }
  if (isUnpriced) whole.unpriced = 1;
  return facts;
}

const dimensionsOf = (row: FactRow): Dimensions => ({
  organizationId: row.organization_id,
  teamId: row.team_id,
  userId: row.user_id,
  keyId: row.key_id,
  key: row.key_name,
  route: row.route,
  provider: row.provider,
  model: row.model,
  status: row.status,
});

const isUsed = (row: Pick<Selectable<TokenColumns>, "input_tokens" | "output_tokens">): boolean =>
  row.input_tokens + row.output_tokens > 0n;

const isOfUnknownCost = (row: FactRow): boolean =>
  row.cost_nanos === null && (isUsed(row) || row.status === "interrupted");

/** Adds `more` to `sums`. */
export function addSums(sums: Sums, more: Sums): void {
  for (const name of countNames) sums[name] += more[name];
  for (const [field] of tokenFields) sums[field] += more[field];
  sums.costNanos += more.costNanos;
  sums.durationMicros += more.durationMicros;
  sums.durationCount += more.durationCount;
  for (const [found, count] of more.durations) {
    sums.durations.set(found, (sums.durations.get(found) ?? 0) + count);
  }
}

/** Rows and what their attempts say, by request. */
export function groupAttempts(attempts: readonly AttemptFact[]): Map<string, AttemptFact[]> {
  const byRequest = new Map<string, AttemptFact[]>();
  for (const attempt of attempts) {
    const known = byRequest.get(attempt.request_id);
    if (known) known.push(attempt);
    else byRequest.set(attempt.request_id, [attempt]);
  }
  // The first attempt of unknown cost is where the request counts as unpriced, whatever order they were read in.
  for (const known of byRequest.values()) {
    known.sort((one, other) => Number(one.attempt_index - other.attempt_index));
  }
  return byRequest;
}
