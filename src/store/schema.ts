// The tables, typed once for every driver.
import type { ColumnType } from "kysely";
import type { ChargeState } from "./account-statements.ts";
import type { AlertTables } from "./schema-alerts.ts";
import type { CacheTables } from "./schema-cache.ts";
import type { DirectoryTables } from "./schema-directory.ts";
import type { ExperimentTables } from "./schema-experiments.ts";
import type { LimitTables } from "./schema-limits.ts";
import type { RetentionTables } from "./schema-retention.ts";

/** A 64-bit integer: bigint when read, checked number or bigint when written. */
type Integer = ColumnType<bigint, bigint | number, never>;
type NullableInteger = ColumnType<bigint | null, bigint | number | null, never>;
/** Written once, never updated. */
type Text = ColumnType<string, string, never>;
type NullableText = ColumnType<string | null, string | null, never>;
/** Taken away when its person asks for that, and never changed to anything else. */
type Personal = ColumnType<string | null, string | null, null>;
type Counter = ColumnType<bigint, bigint | number, bigint | number>;
type NullableReal = ColumnType<number | null, number | null, never>;

export interface TokenColumns {
  input_tokens: Integer;
  cache_read_tokens: Integer;
  cache_write_5m_tokens: Integer;
  cache_write_1h_tokens: Integer;
  input_audio_tokens: Integer;
  output_tokens: Integer;
  reasoning_tokens: Integer;
  output_audio_tokens: Integer;
}

export interface UsageTable extends TokenColumns {
  request_id: Text;
  at_ms: Integer;
  key_name: Personal;
  end_user: Personal;
  route: NullableText;
  provider: NullableText;
  model: NullableText;
  inbound_dialect: Text;
  outbound_dialect: NullableText;
  operation: Text;
  relayed: Integer;
  stream: Integer;
  status: Text;
  http_status: NullableInteger;
  error_code: NullableText;
  usage_estimated: Integer;
  cost_nanos: NullableInteger;
  price_source: NullableText;
  duration_ms: NullableReal;
  /** Logarithmic class of the duration, for percentiles by counting; see durations.ts. */
  duration_class: NullableInteger;
  first_token_ms: NullableReal;
  overhead_ms: NullableReal;
  /** JSON array. */
  warnings: Text;
  attempts: Integer;
  key_id: Personal;
  user_id: Personal;
  team_id: NullableText;
  organization_id: NullableText;
  /** JSON array. */
  tags: Personal;
  /** What an answer out of the cache would have cost; null: it was none, or nobody knows. */
  saved_nanos: NullableInteger;
  /** The version of the sums since which it is in them; 0: not yet. */
  rolled: ColumnType<bigint, bigint | number | undefined, bigint | number>;
}

export interface AttemptTable extends TokenColumns {
  request_id: Text;
  attempt_index: Integer;
  provider: Text;
  model: Text;
  key_name: NullableText;
  started_at_ms: Integer;
  duration_ms: NullableReal;
  first_byte_ms: NullableReal;
  status: Text;
  http_status: NullableInteger;
  error_code: NullableText;
  upstream_request_id: Personal;
  cost_nanos: NullableInteger;
}

/** Requests that have begun and not ended. */
export interface StartedTable {
  request_id: Text;
  at_ms: Integer;
  key_name: NullableText;
  dialect: Text;
  operation: Text;
  route: NullableText;
  stream: Integer;
  /** The opened store that wrote it: what an earlier one left behind was interrupted. */
  owner: Text;
}

/** What is kept for a while: see items.ts. */
export interface ItemTable {
  kind: Text;
  item_key: Text;
  owner: NullableText;
  value: Text;
  at_ms: Integer;
  expires_ms: NullableInteger;
}

/** A living gateway of several on one database; see postgres/owners.ts. */
export interface OwnerBeatTable {
  owner: Text;
  /** Counts up. */
  beat: ColumnType<bigint, bigint | number, bigint | number>;
}

/** A budget's window: counters that can be rebuilt from holds and charges; see accounts.ts. */
export interface AccountTable {
  account_id: Text;
  budget_id: Text;
  window_start_ms: Integer;
  window_end_ms: NullableInteger;
  spent_nanos: Counter;
  held_nanos: Counter;
}

/** One row for each account that a hold is in. */
export interface HoldTable {
  request_id: Text;
  hold_id: Text;
  account_id: Text;
  /** The opened store that wrote it. */
  owner: Text;
  at_ms: Integer;
  expires_ms: Integer;
  cost_nanos: Integer;
  /** `provider/model` that it is for; null where nobody said. */
  deployment: Text | null;
}

/** What accounts were charged: only ever added to. */
export interface ChargeTable {
  request_id: Text;
  account_id: Text;
  /** 0 for the first charge of a request to an account; what was found out later follows. */
  seq: Integer;
  /** Below 0 where less is owed than was charged before. */
  nanos: Integer;
  state: ColumnType<ChargeState, ChargeState, never>;
  at_ms: Integer;
  /** Of an unresolved one what it was held for; null where that is not known, or several. */
  deployment: Text | null;
}

/** One row for each migration that was applied. */
export interface SchemaVersionTable {
  version: Integer;
  applied_at_ms: Integer;
}

export interface Tables
  extends
    AlertTables,
    CacheTables,
    DirectoryTables,
    ExperimentTables,
    LimitTables,
    RetentionTables {
  usage: UsageTable;
  attempt: AttemptTable;
  started: StartedTable;
  item: ItemTable;
  account: AccountTable;
  hold: HoldTable;
  charge: ChargeTable;
  owner_beat: OwnerBeatTable;
  schema_version: SchemaVersionTable;
}
