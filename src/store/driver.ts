// The seam between the ledger and a database: one typed schema, queries by Kysely, writes in batches.
import type { Kysely } from "kysely";
import type { Tables } from "./schema.ts";

/** A statement as Kysely compiled it, with its values. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /**
   * Names (account ids, say) that this statement needs for itself: transactions that name the same one run
   * after each other, each seeing all that the one before committed, whichever gateway they come from. The
   * driver takes the locks of all statements before the first of them runs, in one order, so that no two
   * transactions wait for each other. Every writer of what is so guarded names it.
   */
  readonly locks?: readonly string[];
  /**
   * Makes it a question with an answer of one row: it is asked also where the first statement of its group changed
   * nothing, and answered once the transaction is committed. Whole numbers may come as number or bigint.
   */
  readonly told?: (row: Readonly<Record<string, unknown>>) => void;
}

/** Statements that belong together: when the first one changes no row, the others are not run. */
export type StatementGroup = readonly [Statement, ...Statement[]];

/**
 * One database. 64-bit integers come back as bigint. A failure is thrown as a StoreError:
 * `store_unavailable` when the same may work later, `invalid_row` when these statements never will.
 */
export interface Driver {
  readonly db: Kysely<Tables>;
  /**
   * Runs all groups in order in one transaction, each statement seeing what those before it did. Tells for
   * each group whether its first statement changed a row. After `store_unavailable` it may have been
   * committed all the same (the connection was lost before the answer): groups are such that running them
   * again changes nothing.
   */
  transact(groups: readonly StatementGroup[]): Promise<boolean[]>;
  /** This opened store, for rows that belong to a living gateway (begun requests, holds). */
  readonly owner: string;
  /**
   * Of `owners` those whose gateway is gone, so that what they left may be taken over; never this one. With
   * one writer that is every other. With several an owner counts as gone once it has closed, or has given no
   * sign of life for a while: ask again, see {@link Driver.recheckMs}.
   */
  deadOwners(owners: readonly string[]): Promise<string[]>;
  /** Wall clock that all gateways on this database share, ms since the epoch. */
  clock(): number;
  /** How often other gateways' remains should be looked for, ms; null when there can be no other gateway. */
  readonly recheckMs: number | null;
  /** What the rows take on disk, without the room that deleted ones have left; an estimate where nothing else is to be had. */
  usedBytes(): Promise<number>;
  /** The driver's own failure as a StoreError. */
  explain(error: unknown): Error;
  close(): Promise<void>;
}
