// Reports of usage: sums of whole hours and days, and rows for the rest, in slices, so that the one thread stays free.
import { type Kysely, sql } from "kysely";
import { percentile } from "./durations.ts";
import {
  dayMs,
  decodeSums,
  dimensionColumns,
  floorTo,
  hourMs,
  type Span,
  sumColumns,
} from "./rollup-rows.ts";
import { readAttempts, readState } from "./rollups.ts";
import type { Tables } from "./schema.ts";
import type { UsageFilter, UsageGroup, UsageGrouping, UsageQuery } from "./store.ts";
import {
  addSums,
  type Dimension,
  dimensionNames,
  type Dimensions,
  emptySums,
  factColumns,
  type FactRow,
  factsOf,
  groupAttempts,
  type Sums,
} from "./usage-facts.ts";
import { isInScope, scopeColumns } from "./usage-scope.ts";

/** Rows, or rows of sums, read before other work gets its turn: some milliseconds. */
const sliceRows = 500;
const sliceRollups = 2_000;
/** Distinct groups kept apart; the rest is summed under {@link otherGroup}. */
const maxGroups = 10_000;
const otherGroup = "(other)";

/**
 * Sums by group. Requests that end while it runs may or may not be in it; none is counted twice. Where rows are
 * gone, the hours at the ends count as wholes; where sums of hours are, the days.
 */
export async function readUsage(db: Kysely<Tables>, query: UsageQuery): Promise<UsageGroup[]> {
  const groups = new Map<string | null, Sums>();
  const state = await readState(db);
  const given = {
    sinceMs: Math.max(0, Math.trunc(query.sinceMs ?? 0) || 0),
    untilMs: Math.min(farthestMs, Math.trunc(query.untilMs ?? farthestMs) || 0),
  };
  const reach = outward(given, state.rowsFromMs, hourMs);
  const { sinceMs, untilMs } = outward(reach, state.hoursFromMs, dayMs);
  const add = (dimensions: Dimensions, atMs: number, sums: Sums): void => {
    if (!fits(query.where, dimensions) || !isInScope(query.scope, dimensions)) return;
    addTo(groups, groupName(query.by, dimensions, atMs), sums);
  };
  const firstHour = Math.min(ceilTo(hourMs, sinceMs), untilMs);
  const lastHour = Math.max(firstHour, floorTo(hourMs, untilMs));
  await readRows(db, { from: sinceMs, until: firstHour, beyond: null, query }, add);
  for (let from = firstHour; from < lastHour;) {
    const { spanMs, end } = nextSpans(
      from,
      lastHour,
      query.by === "hour" ? state.hoursFromMs : null,
    );
    const until = await endOfSlice(db, { spanMs, from, until: end });
    const version = await readSums(db, { spanMs, from, until, query }, (name, sums) =>
      addTo(groups, name, sums),
    );
    await readRows(db, { from, until, beyond: version, query }, add);
    from = until;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await readRows(db, { from: lastHour, until: untilMs, beyond: null, query }, add);
  return report(groups, query);
}

/** Which sums are read next, and up to where: days where whole ones are wanted; hours, where `hoursFrom` says that there are any. */
function nextSpans(
  from: number,
  lastHour: number,
  hoursFrom: number | null,
): { spanMs: Span; end: number } {
  const lastDay = Math.min(floorTo(dayMs, lastHour), hoursFrom ?? lastHour);
  if (from % dayMs === 0 && from < lastDay) return { spanMs: dayMs, end: lastDay };
  if (hoursFrom !== null) return { spanMs: hourMs, end: lastHour };
  return { spanMs: hourMs, end: Math.min(lastHour, ceilTo(dayMs, from + 1)) };
}

/** Groups as they are answered. */
export function report(
  groups: ReadonlyMap<string | null, Sums>,
  { by, limit }: UsageQuery,
): UsageGroup[] {
  const found = [...groups].flatMap(([group, sums]) => finish(group, sums));
  const order = isTime(by) ? byName : byCost;
  return found.toSorted(order).slice(0, clamp(limit, 1_000, maxGroups));
}

const isTime = (by: UsageGrouping): by is "day" | "hour" => by === "day" || by === "hour";

/** The latest time there can be: a multiple of days that a double holds. */
const farthestMs = floorTo(dayMs, Number.MAX_SAFE_INTEGER);

const ceilTo = (spanMs: number, atMs: number): number => Math.ceil(atMs / spanMs) * spanMs;

interface Range {
  sinceMs: number;
  untilMs: number;
}

/** Ends that lie where only whole spans are left are moved outward. */
const outward = ({ sinceMs, untilMs }: Range, goneBeforeMs: number, spanMs: Span): Range => ({
  sinceMs: sinceMs < goneBeforeMs ? floorTo(spanMs, sinceMs) : sinceMs,
  untilMs: untilMs < goneBeforeMs ? ceilTo(spanMs, untilMs) : untilMs,
});

/** Groupings that are dimensions of sums; those of people are read elsewhere. */
type Summed = keyof typeof dimensionOf;

const isSummed = (by: UsageGrouping): by is Summed => Object.hasOwn(dimensionOf, by);

export function groupName(by: UsageGrouping, dimensions: Dimensions, atMs: number): string | null {
  if (isTime(by)) return timeName(by, atMs);
  return isSummed(by) ? dimensions[dimensionOf[by]] : null;
}

const dimensionOf = {
  model: "model",
  provider: "provider",
  key: "key",
  route: "route",
  status: "status",
  organization: "organizationId",
  team: "teamId",
  user: "userId",
  key_id: "keyId",
} as const satisfies Partial<Record<UsageGrouping, Dimension>>;

/** @example `2026-01-31` and `2026-01-31T17` */
const timeName = (by: "day" | "hour", atMs: number): string =>
  new Date(atMs).toISOString().slice(0, by === "day" ? 10 : 13);

/** Of the properties that a filter names each must be as it says; null stands for none. */
export const fits = (where: UsageFilter | undefined, dimensions: Dimensions): boolean =>
  where === undefined ||
  dimensionNames.every((name) => where[name] === undefined || where[name] === dimensions[name]);

interface RowSlice {
  from: number;
  until: number;
  /** Null: all rows; else those that are not in the sums of this version. */
  beyond: bigint | null;
  query: UsageQuery;
}

type Adder = (dimensions: Dimensions, atMs: number, sums: Sums) => void;

async function readRows(db: Kysely<Tables>, slice: RowSlice, add: Adder): Promise<void> {
  const { from, until, beyond } = slice;
  if (from >= until) return;
  const everyAttempt = needsAttempts(slice.query);
  for await (const rows of rowPages(db, { from, until, beyond })) {
    const ids = rows.flatMap((row) =>
      everyAttempt || row.cost_nanos === null ? [row.request_id] : [],
    );
    const attempts = groupAttempts(await readAttempts(db, ids));
    for (const row of rows) {
      const atMs = Number(row.at_ms);
      for (const { dimensions, sums } of factsOf(row, attempts.get(row.request_id) ?? [])) {
        add(dimensions, atMs, sums);
      }
    }
  }
}

/** Without them a request's tokens and money all count at the provider and model of its row. */
export const needsAttempts = ({ by, where }: UsageQuery): boolean =>
  by === "provider" ||
  by === "model" ||
  where?.provider !== undefined ||
  where?.model !== undefined;

/** Usage rows of a time, oldest first, some at a time. */
export async function* rowPages(
  db: Kysely<Tables>,
  { from, until, beyond, upTo }: Omit<RowSlice, "query"> & { upTo?: bigint },
): AsyncGenerator<FactRow[]> {
  let after = { atMs: BigInt(from), requestId: "" };
  for (;;) {
    const { atMs, requestId } = after;
    let select = db
      .selectFrom("usage")
      .select(factColumns)
      .where("at_ms", ">=", atMs)
      .where("at_ms", "<", BigInt(until))
      .where((eb) => eb.or([eb("at_ms", ">", atMs), eb("request_id", ">", requestId)]))
      .orderBy("at_ms")
      .orderBy("request_id")
      .limit(sliceRows);
    if (beyond !== null) {
      select = select.where("request_id", "in", beyondIds({ beyond, until, after }));
    }
    if (upTo !== undefined) {
      select = select.where("rolled", ">", 0n).where("rolled", "<=", upTo);
    }
    const rows = await select.execute();
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (!last || rows.length < sliceRows) return;
    after = { atMs: last.at_ms, requestId: last.request_id };
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** By the index of what is not in sums: whoever looks for these rows must not go through all others. */
const beyondIds = ({
  beyond,
  until,
  after: { atMs, requestId },
}: {
  beyond: bigint;
  until: number;
  after: { atMs: bigint; requestId: string };
}) => {
  const within = sql`at_ms >= ${atMs} and at_ms < ${BigInt(until)}
    and (at_ms > ${atMs} or request_id > ${requestId})`;
  // A plus sign keeps the planner from the index of times: rows that were rolled just now are few.
  const few = sql`+at_ms >= ${atMs} and +at_ms < ${BigInt(until)}
    and (at_ms > ${atMs} or request_id > ${requestId})`;
  return sql<string>`(
    select request_id from (select request_id from usage where rolled = 0 and ${within}
      order by rolled, at_ms, request_id limit ${sql.lit(sliceRows)}) as unrolled
    union all
    select request_id from usage where rolled > ${beyond} and ${few})`;
};

interface SumSlice {
  spanMs: Span;
  from: number;
  until: number;
}

/** The time behind the next {@link sliceRollups} rows of sums; `until` when there are fewer. */
async function endOfSlice(db: Kysely<Tables>, { spanMs, from, until }: SumSlice): Promise<number> {
  const row = await db
    .selectFrom("rollup")
    .select("start_ms")
    .where("span_ms", "=", BigInt(spanMs))
    .where("start_ms", ">=", BigInt(from))
    .where("start_ms", "<", BigInt(until))
    .orderBy("start_ms")
    .offset(sliceRollups)
    .limit(1)
    .executeTakeFirst();
  if (!row) return until;
  return Math.max(Number(row.start_ms), from + spanMs);
}

/** Adds the sums of a time, and gives their version: both of one moment, as they are one statement. */
async function readSums(
  db: Kysely<Tables>,
  { spanMs, from, until, query }: SumSlice & { query: UsageQuery },
  add: (name: string | null, sums: Sums) => void,
): Promise<bigint> {
  const { by, where, scope } = query;
  const name =
    isTime(by) || !isSummed(by)
      ? sql<string | bigint | null>`rollup.start_ms`
      : sql<string | bigint | null>`${sql.ref(`rollup.${dimensionColumns[dimensionOf[by]]}`)}`;
  const rows = await db
    .selectFrom("rollup_state")
    .leftJoin("rollup", (join) => {
      let on = join
        .on("rollup.span_ms", "=", BigInt(spanMs))
        .on("rollup.start_ms", ">=", BigInt(from))
        .on("rollup.start_ms", "<", BigInt(until));
      for (const dimension of dimensionNames) {
        const wanted = where?.[dimension];
        if (wanted === undefined) continue;
        const column = `rollup.${dimensionColumns[dimension]}` as const;
        on = wanted === null ? on.on(column, "is", null) : on.on(column, "=", wanted);
      }
      if (scope !== undefined) {
        on = on.on((eb) =>
          eb.or(scopeColumns(scope).map(([column, ids]) => eb(`rollup.${column}`, "in", ids))),
        );
      }
      return on;
    })
    .where("rollup_state.id", "=", 1)
    .select(["rollup_state.version", name.as("found")])
    .select((eb) => eb.fn.count<bigint>("rollup.rollup_id").as("series"))
    .select(sql<string | null>`string_agg(rollup.durations, ',')`.as("durations"))
    .select((eb) => sumColumns.map((column) => eb.fn.sum<bigint>(`rollup.${column}`).as(column)))
    .groupBy(["rollup_state.version", "found"])
    .execute();
  for (const row of rows) {
    if (Number(row.series) === 0) continue;
    const group = isTime(by)
      ? timeName(spanMs === dayMs ? "day" : by, Number(row.found))
      : (row.found as string | null);
    add(group, decodeSums(row));
  }
  return rows[0]?.version ?? 0n;
}

export function addTo(groups: Map<string | null, Sums>, name: string | null, sums: Sums): void {
  const group = groups.has(name) || groups.size < maxGroups ? name : otherGroup;
  const known = groups.get(group) ?? emptySums();
  groups.set(group, known);
  addSums(known, sums);
}

function finish(group: string | null, sums: Sums): UsageGroup[] {
  const { durationMicros, durationCount, durations, ...rest } = sums;
  if (isNothing(sums)) return [];
  const durationMs =
    durationCount === 0
      ? null
      : {
          mean: Number(durationMicros) / durationCount / 1000,
          p50: percentile(durations, 0.5),
          p95: percentile(durations, 0.95),
        };
  return [{ group, ...rest, durationMs }];
}

/** A request's own share may come to nothing where another provider answered and billed. */
const isNothing = (sums: Sums): boolean =>
  sums.requests === 0 &&
  sums.attempts === 0 &&
  sums.unpriced === 0 &&
  sums.costNanos === 0n &&
  sums.inputTokens === 0 &&
  sums.outputTokens === 0;

const byName = (left: UsageGroup, right: UsageGroup): number =>
  (left.group ?? "") < (right.group ?? "") ? -1 : 1;

const byCost = (left: UsageGroup, right: UsageGroup): number =>
  left.costNanos === right.costNanos
    ? right.requests - left.requests || byName(left, right)
    : left.costNanos < right.costNanos
      ? 1
      : -1;

export function clamp(value: number | undefined, fallback: number, max: number): number {
  const wanted = Math.trunc(value ?? fallback);
  return Number.isNaN(wanted) ? fallback : Math.max(1, Math.min(max, wanted));
}
