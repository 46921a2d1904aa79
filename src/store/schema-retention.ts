// The tables of sums and bodies: see rollups.ts and bodies.ts.
import type { ColumnType } from "kysely";
import type { TokenColumns } from "./schema.ts";

type Wide = ColumnType<bigint, bigint | number, bigint | number>;
type NullableText = ColumnType<string | null, string | null, string | null>;

/** One row for each hour or day and combination of properties. */
export interface RollupTable extends Record<keyof TokenColumns, Wide> {
  /** The span, its start and a digest of the properties: see rollup-rows.ts. */
  rollup_id: string;
  span_ms: Wide;
  start_ms: Wide;
  organization_id: NullableText;
  team_id: NullableText;
  user_id: NullableText;
  key_id: NullableText;
  key_name: NullableText;
  route: NullableText;
  provider: NullableText;
  model: NullableText;
  status: NullableText;
  requests: Wide;
  attempts: Wide;
  errors: Wide;
  estimated: Wide;
  unpriced: Wide;
  /** The cost is `cost_high` × 2³² + `cost_low`: no sum of either passes 64 bits. */
  cost_high: Wide;
  cost_low: Wide;
  duration_micros: Wide;
  duration_count: Wide;
  /** `class:count` of durations, with commas between. */
  durations: string;
}

/** One row (id 1), written by everything that changes sums. */
export interface RollupStateTable {
  id: ColumnType<bigint | number, number, never>;
  version: Wide;
  /** Usage rows of earlier requests may be gone. */
  rows_from_ms: Wide;
  /** Sums of earlier hours may be gone; those of days are there. */
  hours_from_ms: Wide;
}

/** What a request or an answer held. */
export interface BodyTable {
  request_id: string;
  part: string;
  at_ms: Wide;
  content_type: NullableText;
  /** As it went over the wire, bytes. */
  size: Wide;
  is_cut: ColumnType<bigint | number, number, number>;
  /** Compressed, base64. */
  value: string;
}

export interface RetentionTables {
  rollup: RollupTable;
  rollup_state: RollupStateTable;
  body: BodyTable;
}
