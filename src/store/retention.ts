// What is old goes, in small deletes: rows once they are in sums, sums of hours once those of days are left, bodies.
import { type Kysely, sql } from "kysely";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonic, now } from "../lib/clock.ts";
import type { ChargeState } from "./account-statements.ts";
import type { Driver } from "./driver.ts";
import { dayMs, floorTo, hourMs, type Span } from "./rollup-rows.ts";
import { readState, type Rollups } from "./rollups.ts";
import type { Tables } from "./schema.ts";

/** How long what is kept; ages in milliseconds, null for ever. */
export interface RetentionPolicy {
  readonly rowsMs: number | null;
  readonly hoursMs: number | null;
  readonly daysMs: number | null;
  readonly bodiesMs: number | null;
  /** Of the database; the oldest bodies and rows go first. Null: any. */
  readonly maxBytes: number | null;
}

export interface Removed {
  rows: number;
  hours: number;
  days: number;
  bodies: number;
}

export interface Retention {
  /**
   * Deletes what is older than the policy says, in batches with rests between. Stays: requests that hold something or
   * whose charge nobody knows, and those that are not in the sums yet; charges and the audit log always.
   * @throws StoreError
   */
  apply(policy: RetentionPolicy, options?: { signal?: AbortSignal }): Promise<Removed>;
}

/** Rows of one delete: about as long as a group of settles takes. */
const batchRows = 100;
/** Between two deletes others work for so many times as long as the one took. */
const restFactor = 2;
/** Above the limit so much more is deleted that it need not be looked at again at once. */
const roomShare = 0.05;

export interface RetentionParts {
  driver: Driver;
  rollups: Rollups;
  reading<T>(read: () => Promise<T>): Promise<T>;
  refuse(): void;
}

export function createRetention({ driver, rollups, reading, refuse }: RetentionParts): Retention {
  const { db } = driver;

  /** Repeats `remove` until it removes less than a batch, or as much as is wanted. */
  const inBatches = async (
    remove: (limit: number) => Promise<number>,
    { signal, most = Number.POSITIVE_INFINITY }: { signal?: AbortSignal; most?: number },
  ): Promise<number> => {
    let removed = 0;
    while (removed < most) {
      signal?.throwIfAborted();
      const limit = Math.min(batchRows, most - removed);
      const sinceMs = monotonic();
      const some = await remove(limit);
      removed += some;
      if (some < limit) break;
      await sleep(1 + (monotonic() - sinceMs) * restFactor);
    }
    return removed;
  };

  const removeBodies = async (beforeMs: number, limit: number): Promise<number> => {
    const old = db
      .selectFrom("body")
      .select("request_id")
      .distinct()
      .where("at_ms", "<", BigInt(beforeMs))
      .limit(limit);
    const ids = (await old.execute()).map((row) => row.request_id);
    if (ids.length === 0) return 0;
    await driver.transact([[db.deleteFrom("body").where("request_id", "in", ids).compile()]]);
    return ids.length;
  };

  /** In the order of their arrival. */
  const removeRows = async (beforeMs: number, limit: number): Promise<number> => {
    const rows = await removable(db, beforeMs).select("request_id").limit(limit).execute();
    const ids = rows.map((row) => row.request_id);
    if (ids.length === 0) return 0;
    await driver.transact([
      // Their attempts and what else hangs on them go with them.
      [removal(db, ids).compile(), db.deleteFrom("body").where("request_id", "in", ids).compile()],
    ]);
    return ids.length;
  };

  const removeSums = async (spanMs: Span, beforeMs: number, limit: number): Promise<number> => {
    const rows = await db
      .selectFrom("rollup")
      .select("rollup_id")
      .where("span_ms", "=", BigInt(spanMs))
      .where("start_ms", "<", BigInt(beforeMs))
      .orderBy("start_ms")
      .limit(limit)
      .execute();
    const ids = rows.map((row) => row.rollup_id);
    if (ids.length === 0) return 0;
    await driver.transact([[db.deleteFrom("rollup").where("rollup_id", "in", ids).compile()]]);
    return ids.length;
  };

  /** Puts on record up to when things may be gone, before they are. */
  const moveMark = async (
    mark: "rows_from_ms" | "hours_from_ms",
    beforeMs: number,
  ): Promise<void> => {
    const at = BigInt(beforeMs);
    await driver.transact([
      [
        db
          .updateTable("rollup_state")
          .set(mark === "rows_from_ms" ? { rows_from_ms: at } : { hours_from_ms: at })
          .where("id", "=", 1)
          .where(mark, "<", at)
          .compile(),
      ],
    ]);
  };

  const pruneRows = async (beforeMs: number, bounds: Bounds): Promise<number> => {
    const edge = floorTo(hourMs, Math.min(beforeMs, now()));
    if (edge <= 0) return 0;
    await moveMark("rows_from_ms", edge);
    return inBatches((limit) => removeRows(edge, limit), bounds);
  };

  /** What is over the limit is deleted in proportion, the oldest first; the next time shows what that came to. */
  const pruneToSize = async (maxBytes: number, bounds: Bounds): Promise<Removed> => {
    const removed: Removed = { rows: 0, hours: 0, days: 0, bodies: 0 };
    const excess = async (): Promise<number> => {
      // Cached answers have a limit of their own.
      const used = (await driver.usedBytes()) - (await cachedBytes(db));
      return used <= maxBytes ? 0 : 1 - (maxBytes * (1 - roomShare)) / used;
    };
    let share = await excess();
    if (share === 0) return removed;
    const bodies = await count(db, "body");
    if (bodies > 0) {
      const most = Math.ceil(bodies * Math.min(1, share * 2));
      removed.bodies = await inBatches((limit) => removeBodies(now(), limit), { ...bounds, most });
      share = await excess();
    }
    const most = Math.ceil((await count(db, "usage")) * share);
    const until = floorTo(hourMs, now());
    // Hour by hour, so that no more is put on record as gone than has to go.
    for (let from = 0; removed.rows < most;) {
      const [oldest] = await removable(db, until)
        .where("at_ms", ">=", BigInt(from))
        .select("at_ms")
        .limit(1)
        .execute();
      if (!oldest) break;
      from = floorTo(hourMs, Number(oldest.at_ms)) + hourMs;
      removed.rows += await pruneRows(from, { ...bounds, most: most - removed.rows });
    }
    return removed;
  };

  return {
    apply: (policy, { signal } = {}) =>
      reading(async () => {
        refuse();
        const bounds: Bounds = signal ? { signal } : {};
        const atMs = now();
        const before = (ageMs: number): number => Math.max(0, Math.trunc(atMs - ageMs));
        const removed: Removed = { rows: 0, hours: 0, days: 0, bodies: 0 };
        await rollups.roll(bounds);
        if (policy.bodiesMs !== null) {
          const edge = before(policy.bodiesMs);
          removed.bodies += await inBatches((limit) => removeBodies(edge, limit), bounds);
        }
        if (policy.rowsMs !== null) {
          removed.rows += await pruneRows(before(policy.rowsMs), bounds);
        }
        if (policy.maxBytes !== null) {
          const more = await pruneToSize(policy.maxBytes, bounds);
          removed.rows += more.rows;
          removed.bodies += more.bodies;
        }
        if (policy.hoursMs !== null) {
          // An hour's sums stay for as long as rows of it may come or be there.
          const { rowsFromMs } = await readState(db);
          const edge = floorTo(dayMs, Math.min(before(policy.hoursMs), rowsFromMs));
          if (edge > 0) await moveMark("hours_from_ms", edge);
          removed.hours += await inBatches((limit) => removeSums(hourMs, edge, limit), bounds);
        }
        if (policy.daysMs !== null) {
          const { hoursFromMs } = await readState(db);
          const edge = floorTo(dayMs, Math.min(before(policy.daysMs), hoursFromMs));
          removed.days += await inBatches((limit) => removeSums(dayMs, edge, limit), bounds);
        }
        return removed;
      }),
  };
}

type Bounds = { signal?: AbortSignal; most?: number };

/** Oldest first. */
const removable = (db: Kysely<Tables>, beforeMs: number) =>
  db
    .selectFrom("usage")
    .where("at_ms", "<", BigInt(beforeMs))
    .where("rolled", ">", 0n)
    .where(isSettledBefore(beforeMs))
    .orderBy("at_ms");

const removal = (db: Kysely<Tables>, ids: readonly string[]) =>
  db
    .deleteFrom("usage")
    .where("request_id", "in", ids)
    .where("rolled", ">", 0n)
    .where(isSettledBefore(null));

/**
 * Nothing is held, no charge is open, and the last charge was before: so that of a charge made later a row is there,
 * by which it can be checked.
 */
const isSettledBefore = (beforeMs: number | null) => {
  const open = sql.lit<ChargeState>("unresolved");
  const late =
    beforeMs === null ? sql`` : sql`or charge.at_ms >= cast(${BigInt(beforeMs)} as bigint)`;
  return sql<boolean>`not exists (select 1 from hold where hold.request_id = usage.request_id)
    and not exists (select 1 from charge where charge.request_id = usage.request_id and (charge.state = ${open}
      and not exists (select 1 from charge as later where later.request_id = charge.request_id
        and later.account_id = charge.account_id and later.seq > charge.seq) ${late}))`;
};

async function cachedBytes(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom("cached_answer")
    .select((eb) => eb.fn.sum("size").as("bytes"))
    .executeTakeFirstOrThrow();
  return Number(row.bytes ?? 0);
}

async function count(db: Kysely<Tables>, table: "usage" | "body"): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select((eb) => eb.fn.countAll<bigint>().as("rows"))
    .executeTakeFirstOrThrow();
  return Number(row.rows);
}
