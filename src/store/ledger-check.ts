// Checks of the ledger against itself: attempts against their request's row, sums against rows and against each other.
import type { Kysely } from "kysely";
import { setImmediate as turn } from "node:timers/promises";
import type { Driver, Statement } from "./driver.ts";
import {
  compareAttempts,
  compareSums,
  foldLike,
  type LedgerDifference,
  type Sum,
} from "./ledger-compare.ts";
import { dayMs, decodeRollup, floorTo, hourMs, type Rollup, type Span } from "./rollup-rows.ts";
import { addRollup, changeSums, readAttempts, readState, rollupsOf } from "./rollups.ts";
import type { Tables } from "./schema.ts";
import { rowPages } from "./usage-report.ts";
import { groupAttempts } from "./usage-facts.ts";

export interface LedgerCheckOptions {
  signal?: AbortSignal;
  /** Told after each slice how many rows have been looked at. */
  onProgress?(rows: number): void;
}

export interface LedgerVerdict {
  /** Usage rows that were looked at. */
  readonly rows: number;
  readonly hours: number;
  readonly days: number;
  readonly wrong: number;
  /** The first {@link maxDifferences} of them. */
  readonly differences: readonly LedgerDifference[];
}

export interface LedgerCheck {
  /** Reads in slices, other work goes on in between. */
  verify(options?: LedgerCheckOptions): Promise<LedgerVerdict>;
  /** Makes sums that are wrong anew from what they are sums of. Returns how many hours and days. */
  rebuild(options?: LedgerCheckOptions): Promise<number>;
}

const maxDifferences = 1_000;
/** Something is written all the time; what differs is looked at again before it is called wrong. */
const maxTries = 20;

type Progress = { rows: number; hours: number; days: number };

export function createLedgerCheck(
  driver: Driver,
  { reading, refuse }: { reading<T>(read: () => Promise<T>): Promise<T>; refuse(): void },
): LedgerCheck {
  const { db } = driver;

  /** The next hour that has rows or sums; null when there is none. */
  const nextHour = async (from: number): Promise<number | null> => {
    const row = await db
      .selectFrom("usage")
      .select("at_ms")
      .where("at_ms", ">=", BigInt(from))
      .orderBy("at_ms")
      .limit(1)
      .executeTakeFirst();
    const sum = await nextStart(db, hourMs, from);
    const starts = [row ? floorTo(hourMs, Number(row.at_ms)) : null, sum].filter(
      (start) => start !== null,
    );
    return starts.length === 0 ? null : Math.min(...starts);
  };

  async function* differencesOf(
    { signal, onProgress }: LedgerCheckOptions,
    done: Progress,
  ): AsyncGenerator<LedgerDifference> {
    const { rowsFromMs, hoursFromMs } = await readState(db);
    for (let from = 0; ;) {
      signal?.throwIfAborted();
      const hour = await nextHour(from);
      if (hour === null) break;
      const isWhole = hour >= rowsFromMs;
      const looked = { rows: 0 };
      for await (const found of wrongAttempts(hour, looked)) yield found;
      done.rows += looked.rows;
      if (isWhole) yield* await wrongHour(hour);
      done.hours += 1;
      onProgress?.(done.rows);
      from = hour + hourMs;
      await turn();
    }
    for (let from = Math.max(0, hoursFromMs); ;) {
      signal?.throwIfAborted();
      const starts = await Promise.all([nextStart(db, dayMs, from), nextStart(db, hourMs, from)]);
      const days = starts.flatMap((start) => (start === null ? [] : [floorTo(dayMs, start)]));
      if (days.length === 0) break;
      const day = Math.min(...days);
      yield* await wrongDay(day);
      done.days += 1;
      from = day + dayMs;
      await turn();
    }
  }

  async function* wrongAttempts(
    hour: number,
    looked: { rows: number },
  ): AsyncGenerator<LedgerDifference> {
    const pages = rowPages(db, { from: hour, until: hour + hourMs, beyond: null });
    for await (const rows of pages) {
      const attempts = groupAttempts(
        await readAttempts(
          db,
          rows.map((row) => row.request_id),
        ),
      );
      looked.rows += rows.length;
      for (const row of rows) {
        const found = compareAttempts(row, attempts.get(row.request_id) ?? []);
        if (found) yield found;
      }
    }
  }

  const wrongHour = async (startMs: number): Promise<LedgerDifference[]> => {
    let found: LedgerDifference[] = [];
    // A page of rows may have been read before a change and another after it.
    for (let tried = 0; tried < 2; tried += 1) {
      const { version, rollups } = await readSpan(db, hourMs, startMs);
      found = compareSums("hour", startMs, rollups, await sumRows(db, startMs, version));
      if (found.length === 0) break;
    }
    return found;
  };

  const wrongDay = async (startMs: number): Promise<LedgerDifference[]> => {
    const { days, hours } = await readDay(db, startMs);
    return compareSums("day", startMs, days, hours);
  };

  /** Puts `wanted` in the place of all sums of a span, as long as nobody changes any meanwhile. */
  const replace = async (
    read: () => Promise<{ version: bigint; old: Sum; wanted: Sum }>,
  ): Promise<void> => {
    for (let tried = 0; tried < maxTries; tried += 1) {
      const { version, old, wanted } = await read();
      const statements: Statement[] = [];
      const change = { version, added: wanted, removed: [...old.keys()], statements };
      if (await changeSums(driver, change)) return;
    }
  };

  const mendHour = (startMs: number): Promise<void> =>
    replace(async () => {
      const { version, rollups: old } = await readSpan(db, hourMs, startMs);
      const wanted = await sumRows(db, startMs, version);
      return { version, old, wanted: foldLike(old, wanted) };
    });

  const mendDay = (startMs: number): Promise<void> =>
    replace(async () => {
      const { version, days: old, hours } = await readDay(db, startMs);
      return { version, old, wanted: foldLike(old, hours) };
    });

  return {
    verify: (options = {}) =>
      reading(async () => {
        const done: Progress = { rows: 0, hours: 0, days: 0 };
        const differences: LedgerDifference[] = [];
        let wrong = 0;
        for await (const difference of differencesOf(options, done)) {
          wrong += 1;
          if (differences.length < maxDifferences) differences.push(difference);
        }
        return { ...done, wrong, differences };
      }),
    rebuild: (options = {}) =>
      reading(async () => {
        refuse();
        let mended = 0;
        // Days are sums of hours: the hours first.
        for (const [kind, mend] of [
          ["hour", mendHour],
          ["day", mendDay],
        ] as const) {
          const starts = new Set<number>();
          for await (const found of differencesOf(options, { rows: 0, hours: 0, days: 0 })) {
            if (found.kind === kind) starts.add(found.atMs);
          }
          for (const startMs of starts) await mend(startMs);
          mended += starts.size;
        }
        return mended;
      }),
  };
}

async function nextStart(db: Kysely<Tables>, spanMs: Span, from: number): Promise<number | null> {
  const row = await db
    .selectFrom("rollup")
    .select("start_ms")
    .where("span_ms", "=", BigInt(spanMs))
    .where("start_ms", ">=", BigInt(from))
    .orderBy("start_ms")
    .limit(1)
    .executeTakeFirst();
  return row ? Number(row.start_ms) : null;
}

/** The sums of one span and their version, of one moment. */
async function readSpan(
  db: Kysely<Tables>,
  spanMs: Span,
  startMs: number,
): Promise<{ version: bigint; rollups: Sum }> {
  const rows = await db
    .selectFrom("rollup_state")
    .leftJoin("rollup", (join) =>
      join.on("rollup.span_ms", "=", BigInt(spanMs)).on("rollup.start_ms", "=", BigInt(startMs)),
    )
    .where("rollup_state.id", "=", 1)
    .select("rollup_state.version")
    .selectAll("rollup")
    .execute();
  const rollups = new Map<string, Rollup>();
  for (const { version: _version, ...row } of rows) {
    if (row.rollup_id !== null) rollups.set(row.rollup_id, decodeRollup(row as never));
  }
  return { version: rows[0]?.version ?? 0n, rollups };
}

/** What the rows of an hour that are in the sums of this version come to. */
async function sumRows(db: Kysely<Tables>, startMs: number, version: bigint): Promise<Sum> {
  const whole = new Map<string, Rollup>();
  const pages = rowPages(db, {
    from: startMs,
    until: startMs + hourMs,
    beyond: null,
    upTo: version,
  });
  for await (const rows of pages) {
    const attempts = await readAttempts(
      db,
      rows.map((row) => row.request_id),
    );
    for (const rollup of rollupsOf(rows, attempts).values()) {
      if (rollup.spanMs === hourMs) addRollup(whole, rollup);
    }
  }
  return whole;
}

/** A day's sums, and what its hours come to, of one moment. */
async function readDay(
  db: Kysely<Tables>,
  startMs: number,
): Promise<{ version: bigint; days: Sum; hours: Sum }> {
  const rows = await db
    .selectFrom("rollup_state")
    .leftJoin("rollup", (join) =>
      join
        .on("rollup.start_ms", ">=", BigInt(startMs))
        .on("rollup.start_ms", "<", BigInt(startMs + dayMs)),
    )
    .where("rollup_state.id", "=", 1)
    .select("rollup_state.version")
    .selectAll("rollup")
    .execute();
  const days = new Map<string, Rollup>();
  const hours = new Map<string, Rollup>();
  for (const { version: _version, ...row } of rows) {
    if (row.rollup_id === null) continue;
    const rollup = decodeRollup(row as never);
    if (rollup.spanMs === dayMs) days.set(row.rollup_id, rollup);
    else addRollup(hours, { ...rollup, spanMs: dayMs, startMs });
  }
  return { version: rows[0]?.version ?? 0n, days, hours };
}
