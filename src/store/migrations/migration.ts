// What a migration is: one step forward, the same on every driver.
import type { Kysely } from "kysely";

export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number;
  /** Runs inside a transaction. Column types are ones that every driver has. */
  up(db: Kysely<unknown>): Promise<void>;
}
