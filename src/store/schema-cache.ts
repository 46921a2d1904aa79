// The table of answers that are given again: see cached-answers.ts.
import type { ColumnType } from "kysely";

type Wide = ColumnType<bigint, bigint | number, bigint | number>;
type NullableText = ColumnType<string | null, string | null, string | null>;

export interface CachedAnswerTable {
  /** A digest of all that the answer depends on. */
  cache_key: string;
  at_ms: Wide;
  expires_ms: Wide;
  /** What the row takes, about, bytes. */
  size: Wide;
  /** The request that it was made for, and whose that was. */
  request_id: string;
  route: NullableText;
  provider: NullableText;
  model: NullableText;
  form: string;
  content_type: string;
  has_usage: ColumnType<bigint | number, number, number>;
  /** JSON. */
  usage: NullableText;
  cost_nanos: ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
  key_id: NullableText;
  key_name: NullableText;
  user_id: NullableText;
  organization_id: NullableText;
  end_user: NullableText;
  encoding: string;
  value: string;
}

export interface CacheTables {
  cached_answer: CachedAnswerTable;
}
