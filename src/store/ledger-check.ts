// Checks of the ledger against itself: attempts against their request's row, sums against rows and against each other.
import type { Kysely } from "kysely";
import { setImmediate as turn } from "node:timers/promises";
import type { Driver, Statement } from "./driver.ts";
import { tokenFields } from "./rows.ts";
import { dayMs, decodeRollup, floorTo, hourMs, type Rollup, type Span } from "./rollup-rows.ts";
import {
  addRollup,
  changeSums,
  folded,
  otherName,
  readAttempts,
  readState,
  rollupsOf,
} from "./rollups.ts";
import type { Tables } from "./schema.ts";
import { rowPages } from "./usage-report.ts";
import {
  type AttemptFact,
  countNames,
  dimensionNames,
  emptySums,
  type FactRow,
  groupAttempts,
  type Sums,
} from "./usage-facts.ts";

export interface LedgerCheckOptions {
  signal?: AbortSignal;
  /** Told after each slice how many rows have been looked at. */
  onProgress?(rows: number): void;
}

/**
 * - `attempts`: what a request's attempts used or cost is not what its row says
 * - `hour`: the sums of an hour are not those of its rows
 * - `day`: the sums of a day are not those of its hours
 */
export interface LedgerDifference {
  readonly kind: "attempts" | "hour" | "day";
  /** Null: of an hour or day. */
  readonly requestId: string | null;
  /** The request's arrival, or the hour's or day's beginning. */
  readonly atMs: number;
  /** Which sums: properties that are set, as `name=value`. */
  readonly series: string | null;
  readonly field: string;
  readonly found: bigint;
  readonly expected: bigint;
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

type Sum = ReadonlyMap<string, Rollup>;

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

const isOther = ({ dimensions }: Rollup): boolean => dimensions.route === otherName;

/** Where some of the sums are of many names together, those of names that have none of their own are put there too. */
function foldLike(old: Sum, wanted: Sum): Sum {
  if (!old.values().some(isOther)) return wanted;
  const bounded = new Map<string, Rollup>();
  for (const [id, rollup] of wanted) addRollup(bounded, old.has(id) ? rollup : folded(rollup));
  return bounded;
}

/** Where names were summed together, only what they come to can be compared. */
function withoutNames(sums: Sum): Sum {
  const whole = new Map<string, Rollup>();
  for (const rollup of sums.values()) addRollup(whole, folded(rollup));
  return whole;
}

function compareSums(
  kind: "hour" | "day",
  atMs: number,
  stored: Sum,
  wanted: Sum,
): LedgerDifference[] {
  const hasOther = stored.values().some(isOther) || wanted.values().some(isOther);
  const [found, expected] = hasOther
    ? [withoutNames(stored), withoutNames(wanted)]
    : [byOwnId(stored), wanted];
  const differences: LedgerDifference[] = [];
  for (const id of new Set([...found.keys(), ...expected.keys()])) {
    const rollup = found.get(id) ?? expected.get(id);
    if (!rollup) continue;
    const have = figuresOf(found.get(id)?.sums ?? emptySums());
    const want = figuresOf(expected.get(id)?.sums ?? emptySums());
    const series = seriesText(rollup);
    for (const [field, value] of want) {
      const there = have.get(field) ?? 0n;
      if (there === value) continue;
      differences.push({
        kind,
        requestId: null,
        atMs,
        series,
        field,
        found: there,
        expected: value,
      });
    }
    for (const [field, value] of have) {
      if (want.has(field) || value === 0n) continue;
      differences.push({ kind, requestId: null, atMs, series, field, found: value, expected: 0n });
    }
  }
  return differences;
}

/** By what they are of, whatever the row is called. */
function byOwnId(sums: Sum): Sum {
  const found = new Map<string, Rollup>();
  for (const rollup of sums.values()) addRollup(found, rollup);
  return found;
}

const seriesText = ({ dimensions }: Rollup): string =>
  dimensionNames
    .flatMap((name) => (dimensions[name] === null ? [] : [`${name}=${dimensions[name]}`]))
    .join(" ");

/** All numbers of sums by name; those of a span that is not there are 0. */
function figuresOf(sums: Sums): Map<string, bigint> {
  const figures = new Map<string, bigint>();
  for (const name of countNames) figures.set(name, BigInt(sums[name]));
  for (const [field] of tokenFields) figures.set(field, BigInt(sums[field]));
  figures.set("costNanos", sums.costNanos);
  figures.set("durationMicros", sums.durationMicros);
  figures.set("durationCount", BigInt(sums.durationCount));
  for (const [found, count] of sums.durations) figures.set(`durations[${found}]`, BigInt(count));
  return figures;
}

function compareAttempts(row: FactRow, attempts: readonly AttemptFact[]): LedgerDifference | null {
  const about = {
    kind: "attempts" as const,
    requestId: row.request_id,
    atMs: Number(row.at_ms),
    series: null,
  };
  const count = BigInt(attempts.length);
  if (count !== row.attempts) {
    return { ...about, field: "attempts", found: count, expected: row.attempts };
  }
  // The gateway answered by itself.
  if (count === 0n) return null;
  for (const [field, column] of tokenFields) {
    const expected = row[column];
    const found = attempts.reduce((sum, attempt) => sum + attempt[column], 0n);
    if (found !== expected) return { ...about, field, found, expected };
  }
  // Where the whole is not known, neither is one of the parts.
  if (row.cost_nanos === null) return null;
  const found = attempts.reduce((sum, attempt) => sum + (attempt.cost_nanos ?? 0n), 0n);
  if (found === row.cost_nanos) return null;
  return { ...about, field: "costNanos", found, expected: row.cost_nanos };
}
