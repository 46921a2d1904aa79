// The tables, typed once for every driver.
import type { ColumnType } from "kysely";
import type { DirectoryTables } from "./schema-directory.ts";

/** A 64-bit integer: bigint when read, checked number or bigint when written. */
type Integer = ColumnType<bigint, bigint | number, never>;
type NullableInteger = ColumnType<bigint | null, bigint | number | null, never>;
/** Written once, never updated. */
type Text = ColumnType<string, string, never>;
type NullableText = ColumnType<string | null, string | null, never>;
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
  key_name: NullableText;
  end_user: NullableText;
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
  upstream_request_id: NullableText;
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

/** One row for each migration that was applied. */
export interface SchemaVersionTable {
  version: Integer;
  applied_at_ms: Integer;
}

export interface Tables extends DirectoryTables {
  usage: UsageTable;
  attempt: AttemptTable;
  started: StartedTable;
  item: ItemTable;
  schema_version: SchemaVersionTable;
}
