// The journal: changes of the directory, one after the other, each with its audit rows in its own transaction.
import { type RawBuilder, sql } from "kysely";
import { now } from "../lib/clock.ts";
import { type AuditEntry, chain, type ChainHead } from "./audit-chain.ts";
import type { Driver, Statement } from "./driver.ts";
import { StoreError } from "./error.ts";

export interface Change extends AuditEntry {
  readonly statements: readonly Statement[];
}

export interface Plan<T> {
  /** Empty: nothing is to be changed. */
  readonly changes: readonly Change[];
  readonly result: T;
}

export interface Journal {
  /**
   * Runs `plan`, which reads and checks, and commits what it gives, provided that nobody has changed anything
   * since it began; else it is run again. What a plan read still holds when its changes are committed,
   * on one gateway and between several.
   */
  commit<T>(plan: () => Promise<Plan<T>>): Promise<T>;
  head(): Promise<ChainHead>;
  /** Called after every commit of this process. */
  onCommit(listener: () => void): void;
}

/** Between several gateways that change things at once. */
const maxTries = 100;
const maxFailures = 5;

export function createJournal(driver: Driver, refuse: () => void): Journal {
  const { db } = driver;
  const listeners: (() => void)[] = [];
  /** Of this process only one runs at a time; between processes the row of the version decides. */
  let turn: Promise<unknown> = Promise.resolve();

  const head = async (): Promise<ChainHead> => {
    const row = await db
      .selectFrom("directory_version")
      .select(["seq", "hash"])
      .where("id", "=", 1)
      .executeTakeFirstOrThrow();
    return { seq: Number(row.seq), hash: row.hash };
  };

  const claim = (before: ChainHead, after: ChainHead): Statement =>
    db
      .updateTable("directory_version")
      .set({ seq: after.seq, hash: after.hash })
      .where("id", "=", 1)
      .where("seq", "=", BigInt(before.seq))
      .where("hash", "=", before.hash)
      .compile();

  /** Whether this row was committed. */
  const written = async ({ seq, hash }: ChainHead): Promise<boolean> =>
    (await db
      .selectFrom("audit")
      .select("seq")
      .where("seq", "=", BigInt(seq))
      .where("hash", "=", hash)
      .executeTakeFirst()) !== undefined;

  const run = async <T>(plan: () => Promise<Plan<T>>): Promise<T> => {
    refuse();
    let failures = 0;
    /** What was sent and may have been committed although the database did not say so. */
    let doubtful: { head: ChainHead; result: T } | null = null;
    const told = (result: T): T => {
      for (const listener of listeners) listener();
      return result;
    };
    for (let tried = 0; tried < maxTries; tried += 1) {
      try {
        if (doubtful !== null && (await written(doubtful.head))) return told(doubtful.result);
        doubtful = null;
        const before = await head();
        const { changes, result } = await plan();
        if (changes.length === 0) return result;
        const { rows, head: after } = chain(before, changes, now());
        doubtful = { head: after, result };
        const [claimed] = await driver.transact([
          [
            claim(before, after),
            ...changes.flatMap(({ statements }) => statements),
            ...rows.map((row) => db.insertInto("audit").values(row).compile()),
          ],
        ]);
        doubtful = null;
        if (claimed) return told(result);
      } catch (error) {
        const failure = driver.explain(error);
        const passing = failure instanceof StoreError && failure.code === "store_unavailable";
        failures += 1;
        if (!passing || failures >= maxFailures) throw failure;
      }
      await Bun.sleep(5 * Math.min(tried + 1, 10));
    }
    throw new StoreError(
      "store_unavailable",
      "The directory is being changed by others without a pause. Try again.",
    );
  };

  return {
    commit(plan) {
      const mine = turn.then(() => run(plan));
      turn = mine.catch(() => undefined);
      return mine;
    },
    head: () => reading(driver, head),
    onCommit: (listener) => void listeners.push(listener),
  };
}

/** A read, with the driver's failure explained. */
export async function reading<T>(driver: Driver, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw driver.explain(error);
  }
}

export type Column = string | number | bigint | null;
export type Columns = Readonly<Record<string, Column>>;

/** A statement of raw SQL, for tables known by name only. */
export const compiled = (driver: Driver, query: RawBuilder<unknown>): Statement =>
  query.compile(driver.db);

export const insertion = (driver: Driver, table: string, columns: Columns): Statement =>
  compiled(
    driver,
    sql`insert into ${sql.table(table)} (${sql.join(Object.keys(columns).map((name) => sql.ref(name)))}) values (${sql.join(Object.values(columns))})`,
  );

export const updating = (
  driver: Driver,
  table: string,
  columns: Columns & { readonly id: string },
): Statement =>
  compiled(
    driver,
    sql`update ${sql.table(table)} set ${sql.join(
      Object.entries(columns)
        .filter(([name]) => name !== "id")
        .map(([name, value]) => sql`${sql.ref(name)} = ${value}`),
    )} where id = ${columns.id}`,
  );

export const deletion = (driver: Driver, table: string, id: string): Statement =>
  compiled(driver, sql`delete from ${sql.table(table)} where id = ${id}`);
