// Items: small things kept for a while under a key of their own (answers a client may refer to, reasoning, who made what).
import { now } from "../lib/clock.ts";
import type { Driver, Statement } from "./driver.ts";

export interface Item {
  key: string;
  /** Name of the virtual key that made it; null where none was asked for. */
  owner: string | null;
  value: string;
  /** Wall clock, ms since the epoch. */
  atMs: number;
  /** Null: until it is removed. */
  expiresMs: number | null;
}

/** All methods reject with StoreError. */
export interface Items {
  /** Writes each, over what has its key, in one transaction. */
  put(kind: string, items: readonly Item[]): Promise<void>;
  /** Writes it where its key is free. False when something that has not expired is there: of two, one wins. */
  claim(kind: string, item: Item): Promise<boolean>;
  /** Those there are and that have not expired, in no order. */
  get(kind: string, keys: readonly string[]): Promise<Item[]>;
  /** True when it was there. */
  remove(kind: string, key: string): Promise<boolean>;
  /** Removes what has expired, some at a time. Returns how many. */
  sweep(): Promise<number>;
}

/** Most keys asked for in one statement, and most rows removed in one. */
const batch = 500;

export function createItems(driver: Driver): Items {
  const { db } = driver;
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw driver.explain(error);
    }
  };
  const insertion = (kind: string, item: Item): Statement =>
    db
      .insertInto("item")
      .values({
        kind,
        item_key: item.key,
        owner: item.owner,
        value: item.value,
        at_ms: item.atMs,
        expires_ms: item.expiresMs,
      })
      .onConflict((conflict) => conflict.doNothing())
      .compile();
  const deletion = (kind: string, key: string): Statement =>
    db.deleteFrom("item").where("kind", "=", kind).where("item_key", "=", key).compile();

  return {
    put: (kind, items) =>
      explained(async () => {
        if (items.length === 0) return;
        await driver.transact(
          items.flatMap((item) => [[deletion(kind, item.key)], [insertion(kind, item)]]),
        );
      }),
    claim: (kind, item) =>
      explained(async () => {
        const stale = db
          .deleteFrom("item")
          .where("kind", "=", kind)
          .where("item_key", "=", item.key)
          .where("expires_ms", "<=", big(now()))
          .compile();
        const [, isWritten = false] = await driver.transact([[stale], [insertion(kind, item)]]);
        return isWritten;
      }),
    get: (kind, keys) =>
      explained(async () => {
        const found: Item[] = [];
        for (let from = 0; from < keys.length; from += batch) {
          const rows = await db
            .selectFrom("item")
            .selectAll()
            .where("kind", "=", kind)
            .where("item_key", "in", keys.slice(from, from + batch))
            .where((eb) => eb.or([eb("expires_ms", "is", null), eb("expires_ms", ">", big(now()))]))
            .execute();
          for (const row of rows) {
            found.push({
              key: row.item_key,
              owner: row.owner,
              value: row.value,
              atMs: Number(row.at_ms),
              expiresMs: row.expires_ms === null ? null : Number(row.expires_ms),
            });
          }
        }
        return found;
      }),
    remove: (kind, key) =>
      explained(async () => {
        const result = await db
          .deleteFrom("item")
          .where("kind", "=", kind)
          .where("item_key", "=", key)
          .executeTakeFirst();
        return result.numDeletedRows > 0n;
      }),
    sweep: () =>
      explained(async () => {
        let removed = 0;
        for (;;) {
          const keys = await db
            .selectFrom("item")
            .select(["kind", "item_key"])
            .where("expires_ms", "<=", big(now()))
            .limit(batch)
            .execute();
          if (keys.length === 0) return removed;
          await driver.transact(keys.map(({ kind, item_key }) => [deletion(kind, item_key)]));
          removed += keys.length;
        }
      }),
  };
}

const big = (value: number): bigint => BigInt(Math.trunc(value));
