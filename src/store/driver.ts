// The seam between the ledger and a database: one typed schema, queries by Kysely, writes in batches.
import type { Kysely } from "kysely";
import type { Tables } from "./schema.ts";

/** A statement as Kysely compiled it, with its values. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Statements that belong together: when the first one changes no row, the others are not run. */
export type StatementGroup = readonly [Statement, ...Statement[]];

/**
 * One database. 64-bit integers come back as bigint. A failure is thrown as a StoreError:
 * `store_unavailable` when the same may work later, `invalid_row` when these statements never will.
 */
export interface Driver {
  readonly db: Kysely<Tables>;
  /** Runs all groups in one transaction. Tells for each whether its first statement changed a row. */
  transact(groups: readonly StatementGroup[]): Promise<boolean[]>;
  /** The driver's own failure as a StoreError. */
  explain(error: unknown): Error;
  close(): Promise<void>;
}
