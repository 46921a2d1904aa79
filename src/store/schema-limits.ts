// The tables of rate limits: see limits.ts.
import type { ColumnType } from "kysely";

type Integer = ColumnType<bigint, bigint | number, never>;
type Text = ColumnType<string, string, never>;

/** What one bucket of a window has counted. */
export interface LimitCountTable {
  /** A limit, its unit and its window. */
  counter_id: Text;
  epoch: Integer;
  amount: ColumnType<bigint, bigint | number, bigint | number>;
  /** From then on no window counts it. */
  ends_ms: Integer;
}

/** What a request under way has taken of a limit. */
export interface LimitTakeTable {
  request_id: Text;
  counter_id: Text;
  /** Of the admission that took it. */
  hold_id: Text;
  /** The opened store that wrote it. */
  owner: Text;
  unit: Text;
  /** The bucket that counts it; null: a place among the requests at once. */
  epoch: ColumnType<bigint | null, bigint | number | null, never>;
  amount: Integer;
  at_ms: Integer;
}

export interface LimitTables {
  limit_count: LimitCountTable;
  limit_take: LimitTakeTable;
}
