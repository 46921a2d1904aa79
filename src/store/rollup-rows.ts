// Sums between memory and the rollup table.
import { createHash } from "node:crypto";
import type { Insertable, Selectable } from "kysely";
import { tokenFields } from "./rows.ts";
import type { RollupTable } from "./schema-retention.ts";
import {
  countNames,
  type Dimension,
  dimensionNames,
  type Dimensions,
  type Sums,
} from "./usage-facts.ts";

export const hourMs = 3_600_000;
export const dayMs = 86_400_000;
export const spans = [hourMs, dayMs] as const;
export type Span = (typeof spans)[number];

/** The sums of one hour or day for one combination of properties. */
export interface Rollup {
  readonly spanMs: Span;
  readonly startMs: number;
  readonly dimensions: Dimensions;
  readonly sums: Sums;
}

export const dimensionColumns = {
  organizationId: "organization_id",
  teamId: "team_id",
  userId: "user_id",
  keyId: "key_id",
  key: "key_name",
  route: "route",
  provider: "provider",
  model: "model",
  status: "status",
} as const satisfies Record<Dimension, keyof RollupTable>;

/** Names the row: the same properties in the same span are the same row. */
export function rollupId({ spanMs, startMs, dimensions }: Omit<Rollup, "sums">): string {
  const digest = createHash("sha256").update(seriesOf(dimensions)).digest("base64url");
  return `${spanMs === hourMs ? "h" : "d"}${startMs}:${digest.slice(0, 22)}`;
}

/** The properties as one text, equal for equal ones. */
export const seriesOf = (dimensions: Dimensions): string =>
  JSON.stringify(dimensionNames.map((name) => dimensions[name]));

const half = 32n;
const lowMask = (1n << half) - 1n;

export const encodeRollup = (rollup: Rollup): Insertable<RollupTable> => ({
  rollup_id: rollupId(rollup),
  span_ms: rollup.spanMs,
  start_ms: rollup.startMs,
  ...encodeDimensions(rollup.dimensions),
  ...encodeCounts(rollup.sums),
  cost_high: rollup.sums.costNanos >> half,
  cost_low: rollup.sums.costNanos & lowMask,
  duration_micros: rollup.sums.durationMicros,
  duration_count: rollup.sums.durationCount,
  durations: [...rollup.sums.durations].map(([found, count]) => `${found}:${count}`).join(","),
});

const encodeDimensions = (dimensions: Dimensions) => ({
  organization_id: dimensions.organizationId,
  team_id: dimensions.teamId,
  user_id: dimensions.userId,
  key_id: dimensions.keyId,
  key_name: dimensions.key,
  route: dimensions.route,
  provider: dimensions.provider,
  model: dimensions.model,
  status: dimensions.status,
});

const encodeCounts = (sums: Sums) => ({
  requests: sums.requests,
  attempts: sums.attempts,
  errors: sums.errors,
  estimated: sums.estimated,
  unpriced: sums.unpriced,
  input_tokens: sums.inputTokens,
  cache_read_tokens: sums.cacheReadTokens,
  cache_write_5m_tokens: sums.cacheWrite5mTokens,
  cache_write_1h_tokens: sums.cacheWrite1hTokens,
  input_audio_tokens: sums.inputAudioTokens,
  output_tokens: sums.outputTokens,
  reasoning_tokens: sums.reasoningTokens,
  output_audio_tokens: sums.outputAudioTokens,
});

export const decodeRollup = (row: Selectable<RollupTable>): Rollup => ({
  spanMs: Number(row.span_ms) === hourMs ? hourMs : dayMs,
  startMs: Number(row.start_ms),
  dimensions: {
    organizationId: row.organization_id,
    teamId: row.team_id,
    userId: row.user_id,
    keyId: row.key_id,
    key: row.key_name,
    route: row.route,
    provider: row.provider,
    model: row.model,
    status: row.status,
  },
  sums: decodeSums(row),
});

/** Sums of columns come from PostgreSQL as decimal text. */
type Summed = bigint | number | string | null;
export type SummedColumns = Record<SumColumn, Summed> & { readonly durations: string | null };

export const sumColumns = [
  ...countNames,
  ...tokenFields.map(([, column]) => column),
  "cost_high",
  "cost_low",
  "duration_micros",
  "duration_count",
] as const;
type SumColumn = (typeof sumColumns)[number];

/** Of one row, or of several whose columns were added up and whose durations were joined by commas. */
export function decodeSums(row: SummedColumns): Sums {
  const tokens = Object.fromEntries(
    tokenFields.map(([field, column]) => [field, Number(row[column] ?? 0)]),
  ) as Record<(typeof tokenFields)[number][0], number>;
  return {
    ...tokens,
    requests: Number(row.requests ?? 0),
    attempts: Number(row.attempts ?? 0),
    errors: Number(row.errors ?? 0),
    estimated: Number(row.estimated ?? 0),
    unpriced: Number(row.unpriced ?? 0),
    costNanos: (BigInt(row.cost_high ?? 0) << half) + BigInt(row.cost_low ?? 0),
    durationMicros: BigInt(row.duration_micros ?? 0),
    durationCount: Number(row.duration_count ?? 0),
    durations: decodeDurations(row.durations ?? ""),
  };
}

function decodeDurations(text: string): Map<number, number> {
  const found = new Map<number, number>();
  for (const pair of text.split(",")) {
    const colon = pair.indexOf(":");
    if (colon <= 0) continue;
    const key = Number(pair.slice(0, colon));
    found.set(key, (found.get(key) ?? 0) + Number(pair.slice(colon + 1)));
  }
  return found;
}

/** The beginning of the hour or day that a time is in. */
export const floorTo = (spanMs: number, atMs: number): number => Math.floor(atMs / spanMs) * spanMs;
