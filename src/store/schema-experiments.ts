// The tables of experiments, feedback and shadows.
import type { ColumnType } from "kysely";

type Integer = ColumnType<bigint, bigint | number, never>;
type Text = ColumnType<string, string, never>;

/** One row for each request that was given an arm; written with its usage row. */
export interface ExperimentOutcomeTable {
  request_id: Text;
  experiment: Text;
  /** The arm it was given. */
  arm: Text;
  /** The arm whose deployment answered; null: none did, or one that is no arm's. */
  answered_by: ColumnType<string | null, string | null, never>;
  at_ms: Integer;
}

/** What a caller said of an answer: one row for each request and name, the last word. */
export interface FeedbackTable {
  feedback_id: Text;
  request_id: Text;
  name: Text;
  key_name: ColumnType<string | null, string | null, never>;
  at_ms: ColumnType<bigint, bigint | number, bigint | number>;
  value: ColumnType<number, number, number>;
  comment: ColumnType<string | null, string | null, string | null>;
}

/** Which request shadows which; written with the shadow's usage row. */
export interface ShadowTable {
  shadow_id: Text;
  /** The client's request. */
  request_id: Text;
  at_ms: Integer;
  /** The model that the client asked for. */
  route: Text;
  /** The model that the shadow was sent to. */
  target: Text;
  /** Why each answer ended, where that is known. */
  request_finish: ColumnType<string | null, string | null, string | null>;
  shadow_finish: ColumnType<string | null, string | null, never>;
}

export interface ExperimentTables {
  experiment_outcome: ExperimentOutcomeTable;
  feedback: FeedbackTable;
  shadow: ShadowTable;
}
