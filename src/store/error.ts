// What can go wrong with the store, in words an operator can act on.

/**
 * - `store_unavailable`: disk full, locked, read-only, I/O error: may work later
 * - `damaged`: the file is not a whole database; nothing was changed
 * - `newer_schema` / `older_schema`: written by another version
 * - `not_ours`: a database of something else
 * - `locked`: another process holds the data directory
 * - `invalid_row`: a row the database will never take
 * - `wrong_secret`: the keys on record were made under another server secret
 * - `closed`: used after {@link Store.close}, or a read-only store was written to
 */
export type StoreErrorCode =
  | "store_unavailable"
  | "damaged"
  | "newer_schema"
  | "older_schema"
  | "not_ours"
  | "locked"
  | "invalid_row"
  | "wrong_secret"
  | "closed";

/** A failure of the store; `message` says what to do about it. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
