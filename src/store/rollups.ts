// Sums by hour and day, kept up in the background: every usage row goes into them once, whenever it comes.
import type { Kysely, Selectable } from "kysely";
import { now } from "../lib/clock.ts";
import type { Driver, Statement } from "./driver.ts";
import {
  decodeRollup,
  encodeRollup,
  floorTo,
  type Rollup,
  rollupId,
  spans,
} from "./rollup-rows.ts";
import type { Tables } from "./schema.ts";
import type { RollupTable } from "./schema-retention.ts";
import {
  addSums,
  attemptColumns,
  type AttemptFact,
  emptySums,
  factColumns,
  type FactRow,
  factsOf,
  groupAttempts,
} from "./usage-facts.ts";

export interface Rollups {
  /**
   * Adds to the sums what is not in them yet, some rows at a time. Returns how many rows it added.
   * @throws StoreError
   */
  roll(options?: RollOptions): Promise<number>;
}

export interface RollOptions {
  /** Of requests that arrived before; default: a minute ago, so that rows come in company. */
  untilMs?: number;
  signal?: AbortSignal;
}

/** Where the sums stand. */
export interface RollupState {
  readonly version: bigint;
  /** Usage rows of requests before may be gone. */
  readonly rowsFromMs: number;
  /** Sums of hours before may be gone. */
  readonly hoursFromMs: number;
}

/** Rows in one transaction: a few milliseconds of the thread. */
const batchRows = 120;
/** How long a row waits for company, ms. */
const companyMs = 60_000;
/** Kept apart in one hour or day; names that clients make up are summed together beyond that. */
const maxSeries = 5_000;
export const otherName = "(other)";
/** Other gateways on the same database do the same work. */
const maxTries = 20;

export function createRollups(
  driver: Driver,
  { reading, refuse }: { reading<T>(read: () => Promise<T>): Promise<T>; refuse(): void },
): Rollups {
  const { db } = driver;

  const rollSome = async (untilMs: number): Promise<number> => {
    for (let tried = 0; tried < maxTries; tried += 1) {
      const { version } = await readState(db);
      const rows = await db
        .selectFrom("usage")
        .select(factColumns)
        .where("rolled", "=", 0n)
        .where("at_ms", "<", BigInt(Math.trunc(untilMs)))
        .orderBy("at_ms")
        .limit(batchRows)
        .execute();
      if (rows.length === 0) return 0;
      const ids = rows.map((row) => row.request_id);
      const added = rollupsOf(rows, await readAttempts(db, ids));
      const mark = db
        .updateTable("usage")
        .set({ rolled: version + 1n })
        .where("request_id", "in", ids)
        .compile();
      if (await changeSums(driver, { version, added, statements: [mark] })) return rows.length;
    }
    return 0;
  };

  return {
    roll: ({ untilMs = now() - companyMs, signal } = {}) =>
      reading(async () => {
        refuse();
        let rolled = 0;
        for (;;) {
          signal?.throwIfAborted();
          const some = await rollSome(untilMs);
          rolled += some;
          if (some < batchRows) return rolled;
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
      }),
  };
}

export async function readState(db: Kysely<Tables>): Promise<RollupState> {
  const row = await db
    .selectFrom("rollup_state")
    .select(["version", "rows_from_ms", "hours_from_ms"])
    .where("id", "=", 1)
    .executeTakeFirstOrThrow();
  return {
    version: row.version,
    rowsFromMs: Number(row.rows_from_ms),
    hoursFromMs: Number(row.hours_from_ms),
  };
}

export const readAttempts = (
  db: Kysely<Tables>,
  requestIds: readonly string[],
): Promise<AttemptFact[]> =>
  requestIds.length === 0
    ? Promise.resolve([])
    : db
        .selectFrom("attempt")
        .select(attemptColumns)
        .where("request_id", "in", requestIds)
        .execute();

/** What rows add to their hours and days. */
export function rollupsOf(
  rows: readonly FactRow[],
  attempts: readonly AttemptFact[],
): Map<string, Rollup> {
  const byRequest = groupAttempts(attempts);
  const rollups = new Map<string, Rollup>();
  for (const row of rows) {
    for (const { dimensions, sums } of factsOf(row, byRequest.get(row.request_id) ?? [])) {
      for (const spanMs of spans) {
        const startMs = floorTo(spanMs, Number(row.at_ms));
        addRollup(rollups, { spanMs, startMs, dimensions, sums });
      }
    }
  }
  return rollups;
}

/** Adds the sums of `more` to those with the same properties. */
export function addRollup(rollups: Map<string, Rollup>, more: Rollup): void {
  const id = rollupId(more);
  let known = rollups.get(id);
  if (!known) {
    known = { ...more, sums: emptySums() };
    rollups.set(id, known);
  }
  addSums(known.sums, more.sums);
}

export interface SumsChange {
  /** Of the sums when what the change is made of was read. */
  readonly version: bigint;
  readonly added: ReadonlyMap<string, Rollup>;
  /** Sums that go; what they held must be in `added`, or nothing need know of it. */
  readonly removed?: readonly string[];
  /** What belongs to it. */
  readonly statements?: readonly Statement[];
}

/** Changes sums, provided that nobody has changed any since: else false, and nothing is changed. */
export async function changeSums(driver: Driver, change: SumsChange): Promise<boolean> {
  const { db } = driver;
  const removed = new Set(change.removed ?? []);
  const added = await boundedSeries(db, change.added);
  const before = await readRollups(
    db,
    [...added.keys()].filter((id) => !removed.has(id)),
  );
  const claim = db
    .updateTable("rollup_state")
    .set({ version: change.version + 1n })
    .where("id", "=", 1)
    .where("version", "=", change.version)
    .compile();
  const statements = [...(change.statements ?? [])];
  for (let from = 0; from < removed.size; from += idBatch) {
    const ids = [...removed].slice(from, from + idBatch);
    statements.push(db.deleteFrom("rollup").where("rollup_id", "in", ids).compile());
  }
  const put = createPut(db);
  for (const [id, rollup] of added) {
    const whole = { ...rollup, sums: emptySums() };
    const old = before.get(id);
    if (old) addSums(whole.sums, old.sums);
    addSums(whole.sums, rollup.sums);
    statements.push(put(whole));
  }
  const [changed = false] = await driver.transact([[claim, ...statements]]);
  return changed;
}

/** Writes whole rows, over those there are; compiled once for all of them. */
function createPut(db: Kysely<Tables>): (rollup: Rollup) => Statement {
  let compiled: string | undefined;
  return (rollup) => {
    const row = encodeRollup(rollup);
    const { rollup_id: _id, span_ms: _span, start_ms: _start, ...rest } = row;
    compiled ??= db
      .insertInto("rollup")
      .values(row)
      .onConflict((conflict) =>
        conflict
          .column("rollup_id")
          .doUpdateSet((eb) =>
            Object.fromEntries(
              Object.keys(rest).map((column) => [column, eb.ref(`excluded.${column}` as never)]),
            ),
          ),
      )
      .compile().sql;
    return { sql: compiled, parameters: Object.values(row) };
  };
}

/** Ids in one statement. */
const idBatch = 500;

async function readRollups(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<Map<string, Rollup>> {
  const found = new Map<string, Rollup>();
  for (let from = 0; from < ids.length; from += idBatch) {
    const rows: Selectable<RollupTable>[] = await db
      .selectFrom("rollup")
      .selectAll()
      .where("rollup_id", "in", ids.slice(from, from + idBatch))
      .execute();
    for (const row of rows) found.set(row.rollup_id, decodeRollup(row));
  }
  return found;
}

/** New combinations of an hour or day that has too many already are summed with others like them. */
async function boundedSeries(
  db: Kysely<Tables>,
  added: ReadonlyMap<string, Rollup>,
): Promise<ReadonlyMap<string, Rollup>> {
  const known = new Map<string, number>();
  for (const spanMs of spans) {
    const starts = [...added.values()].flatMap((each) =>
      each.spanMs === spanMs ? [BigInt(each.startMs)] : [],
    );
    if (starts.length === 0) continue;
    const rows = await db
      .selectFrom("rollup")
      .select((eb) => ["start_ms", eb.fn.countAll<bigint>().as("series")])
      .where("span_ms", "=", BigInt(spanMs))
      .where("start_ms", "in", [...new Set(starts)])
      .groupBy("start_ms")
      .execute();
    for (const row of rows) known.set(`${spanMs} ${Number(row.start_ms)}`, Number(row.series));
  }
  const count = (each: Rollup): number => known.get(`${each.spanMs} ${each.startMs}`) ?? 0;
  const fits = (each: Rollup): boolean => count(each) < maxSeries;
  if ([...added.values()].every((each) => count(each) + added.size <= maxSeries)) return added;
  const before = await readRollups(db, [...added.keys()]);
  const bounded = new Map<string, Rollup>();
  for (const [id, each] of added) {
    const isNew = !before.has(id);
    if (isNew && !fits(each)) addRollup(bounded, folded(each));
    else addRollup(bounded, each);
    if (isNew) known.set(`${each.spanMs} ${each.startMs}`, count(each) + 1);
  }
  return bounded;
}

/** Without the names that clients choose. */
export const folded = (rollup: Rollup): Rollup => ({
  ...rollup,
  dimensions: { ...rollup.dimensions, route: otherName, model: otherName },
});
