// The table of alerts: see alerts.ts.
import type { ColumnType } from "kysely";

type Text = ColumnType<string, string, never>;
type Moment = ColumnType<bigint | null, bigint | number | null, bigint | number | null>;

export interface AlertTable {
  alert_id: Text;
  /** What is told once only: account, amount and threshold. */
  alert_key: Text;
  at_ms: ColumnType<bigint, bigint | number, never>;
  budget_id: Text;
  /** JSON. */
  facts: Text;
  /** Deliveries begun. */
  tries: ColumnType<bigint | number, number, number>;
  /** When it is to be delivered next; null: not any more, or nowhere. */
  next_ms: Moment;
  delivered_ms: Moment;
}

export interface AlertTables {
  alert: AlertTable;
}
