// What waits for the writer: statements with whoever waits for them.
import { monotonic } from "../lib/clock.ts";
import type { AccountKey } from "./accounts.ts";
import type { Statement, StatementGroup } from "./driver.ts";
import { StoreError } from "./error.ts";

/** Statements, and the accounts they change, where these are known. */
export interface Work {
  readonly group: StatementGroup;
  readonly accounts?: readonly AccountKey[];
}

/** What settles a request. */
export interface Settlement extends Work {
  /** Takes away the note that the request has begun: left out where none was written. */
  readonly closing: Statement;
}

export interface Held {
  /** The group's first statement changed something. */
  readonly changed: boolean;
  /** An earlier try failed, but may have been committed unseen. */
  readonly retried: boolean;
}

export interface Entry extends Work {
  readonly requestId: string;
  readonly kind: "begin" | "settle" | "hold" | "write";
  readonly undo?: Work;
  readonly sinceMs: number;
  /** Part of the transaction being written. */
  sending: boolean;
  /** Was part of one that failed. */
  retried: boolean;
  resolve?: (held: Held) => void;
  reject?: (error: StoreError) => void;
}

export interface Flush {
  readonly sinceMs: number;
  resolve(): void;
  reject(error: StoreError): void;
}

export interface Failure {
  readonly sinceMs: number;
  readonly atMs: number;
  count: number;
  error: StoreError;
  alarmedMs: number | null;
}

export const entryOf = (
  kind: Entry["kind"],
  requestId: string,
  work: Work & { readonly undo?: Work },
): Entry => ({
  ...work,
  requestId,
  kind,
  sinceMs: monotonic(),
  sending: false,
  retried: false,
});

/** Worth trying again with the same rows. */
export const isPassing = (error: unknown): error is StoreError =>
  error instanceof StoreError && error.code !== "invalid_row";
