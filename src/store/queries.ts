// Reading the ledger: pages by key, sums in slices, so that neither holds up the one thread for long.
import { type Kysely, sql } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { percentile } from "./durations.ts";
import { decodeAttempt, decodeUsage, noTokens, tokenFields } from "./rows.ts";
import type { Tables, TokenColumns } from "./schema.ts";
import type {
  AttemptRow,
  RequestsPage,
  RequestsQuery,
  UsageGroup,
  UsageQuery,
  UsageRow,
} from "./store.ts";

/** Rows summed before other work gets its turn: a few milliseconds. */
const sliceRows = 4_000;
/** Distinct groups kept apart; the rest is summed under {@link otherGroup}. */
const maxGroups = 10_000;
const otherGroup = "(other)";
const dayMs = 86_400_000;

function clamp(value: number | undefined, fallback: number, max: number): number {
  const wanted = Math.trunc(value ?? fallback);
  return Number.isNaN(wanted) ? fallback : Math.max(1, Math.min(max, wanted));
}

/** A page, newest arrival first. @throws GatewayError `invalid_request` for a cursor that is none */
export async function readRequests(
  db: Kysely<Tables>,
  query: RequestsQuery,
): Promise<RequestsPage> {
  const limit = clamp(query.limit, 50, 1_000);
  let select = db
    .selectFrom("usage")
    .selectAll()
    .orderBy("at_ms", "desc")
    .orderBy("request_id", "desc")
    .limit(limit + 1);
  if (query.sinceMs !== undefined) select = select.where("at_ms", ">=", big(query.sinceMs));
  if (query.untilMs !== undefined) select = select.where("at_ms", "<", big(query.untilMs));
  if (query.cursor !== undefined) {
    const { atMs, requestId } = parseCursor(query.cursor);
    // The first condition is for the index, the second for rows of the same millisecond.
    select = select
      .where("at_ms", "<=", atMs)
      .where((eb) => eb.or([eb("at_ms", "<", atMs), eb("request_id", "<", requestId)]));
  }
  const rows = (await select.execute()).map(decodeUsage);
  const more = rows.length > limit;
  const page = more ? rows.slice(0, limit) : rows;
  const last = page.at(-1);
  return { rows: page, next: more && last ? `${last.atMs}_${last.requestId}` : null };
}

function parseCursor(cursor: string): { atMs: bigint; requestId: string } {
  const match = /^(\d{1,16})_(.{1,200})$/s.exec(cursor);
  if (!match?.[1] || !match[2]) {
    throw new GatewayError("invalid_request", "`cursor` is not one that a page gave as `next`.");
  }
  return { atMs: BigInt(match[1]), requestId: match[2] };
}

export async function readRequest(
  db: Kysely<Tables>,
  requestId: string,
): Promise<{ usage: UsageRow; attempts: AttemptRow[] } | null> {
  const usage = await db
    .selectFrom("usage")
    .selectAll()
    .where("request_id", "=", requestId)
    .executeTakeFirst();
  if (!usage) return null;
  const attempts = await db
    .selectFrom("attempt")
    .selectAll()
    .where("request_id", "=", requestId)
    .orderBy("attempt_index")
    .execute();
  return { usage: decodeUsage(usage), attempts: attempts.map(decodeAttempt) };
}

export async function countRequests(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom("usage")
    .select((eb) => eb.fn.countAll().as("rows"))
    .executeTakeFirstOrThrow();
  return Number(row.rows);
}

/** Sums by group. Requests that end while it runs may or may not be in it; none is counted twice. */
export async function readUsage(db: Kysely<Tables>, query: UsageQuery): Promise<UsageGroup[]> {
  const groups = new Map<string | null, Sums>();
  const until = big(query.untilMs ?? Number.MAX_SAFE_INTEGER);
  let from = big(query.sinceMs ?? 0);
  while (from < until) {
    const next = await endOfSlice(db, from, until);
    for (const row of await sumSlice(db, query.by, from, next)) addTo(groups, query.by, row);
    from = next;
    if (from < until) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const found = [...groups].map(([group, sums]) => finish(group, sums));
  const order = query.by === "day" ? byDay : byCost;
  return found.toSorted(order).slice(0, clamp(query.limit, 1_000, maxGroups));
}

const byDay = (left: UsageGroup, right: UsageGroup): number =>
  (left.group ?? "") < (right.group ?? "") ? -1 : 1;

const byCost = (left: UsageGroup, right: UsageGroup): number =>
  left.costNanos === right.costNanos
    ? right.requests - left.requests || byDay(left, right)
    : left.costNanos < right.costNanos
      ? 1
      : -1;

/** The arrival time behind the next {@link sliceRows} rows; `until` when there are fewer. */
async function endOfSlice(db: Kysely<Tables>, from: bigint, until: bigint): Promise<bigint> {
  const row = await db
    .selectFrom("usage")
    .select("at_ms")
    .where("at_ms", ">=", from)
    .where("at_ms", "<", until)
    .orderBy("at_ms")
    .offset(sliceRows)
    .limit(1)
    .executeTakeFirst();
  if (!row) return until;
  return row.at_ms > from ? row.at_ms : from + 1n;
}

const groupExpressions = {
  model: sql<string | null>`model`,
  provider: sql<string | null>`provider`,
  key: sql<string | null>`key_name`,
  route: sql<string | null>`route`,
  status: sql<string | null>`status`,
  day: sql<bigint | null>`at_ms / ${sql.lit(dayMs)}`,
} satisfies Record<UsageQuery["by"], unknown>;

/** The sums of one slice, by group and class of duration. */
const sumSlice = (db: Kysely<Tables>, by: UsageQuery["by"], from: bigint, until: bigint) =>
  db
    .selectFrom("usage")
    .select([
      sql<string | bigint | null>`${groupExpressions[by]}`.as("found"),
      "duration_class",
      sql<bigint>`count(*)`.as("requests"),
      sql<bigint>`sum(case when status in ('error', 'interrupted') then 1 else 0 end)`.as("errors"),
      sql<bigint>`sum(usage_estimated)`.as("estimated"),
      sql<bigint>`sum(case when cost_nanos is null and (input_tokens + output_tokens > 0 or status = 'interrupted') then 1 else 0 end)`.as(
        "unpriced",
      ),
      // In two halves: no sum of a slice can pass 64 bits, whatever the costs. (PostgreSQL's sums are decimal text.)
      sql<bigint | string | null>`sum(cost_nanos / 4294967296)`.as("cost_high"),
      sql<bigint | string | null>`sum(cost_nanos % 4294967296)`.as("cost_low"),
      sql<number | null>`sum(duration_ms)`.as("duration_sum"),
      sql<bigint>`count(duration_ms)`.as("duration_count"),
    ])
    .select((eb) => tokenFields.map(([, column]) => eb.fn.sum<bigint>(column).as(column)))
    .where("at_ms", ">=", from)
    .where("at_ms", "<", until)
    .groupBy(["found", "duration_class"])
    .execute();

type SliceRow = Awaited<ReturnType<typeof sumSlice>>[number] & Record<keyof TokenColumns, bigint>;

interface Sums extends Omit<UsageGroup, "group" | "durationMs"> {
  durationSum: number;
  durationCount: number;
  classes: Map<number, number>;
}

function addTo(
  groups: Map<string | null, Sums>,
  by: UsageQuery["by"],
  row: Awaited<ReturnType<typeof sumSlice>>[number],
): void {
  const slice = row as SliceRow;
  const name = by === "day" ? dayName(slice.found) : (slice.found as string | null);
  const group = groups.has(name) || groups.size < maxGroups ? name : otherGroup;
  const sums = groups.get(group) ?? emptySums();
  groups.set(group, sums);
  sums.requests += Number(slice.requests);
  sums.errors += Number(slice.errors);
  sums.estimated += Number(slice.estimated);
  sums.unpriced += Number(slice.unpriced);
  sums.costNanos += BigInt(slice.cost_high ?? 0) * 4_294_967_296n + BigInt(slice.cost_low ?? 0);
  for (const [field, column] of tokenFields) sums[field] += Number(slice[column]);
  const counted = Number(slice.duration_count);
  sums.durationSum += slice.duration_sum ?? 0;
  sums.durationCount += counted;
  if (slice.duration_class !== null && counted > 0) {
    const found = Number(slice.duration_class);
    sums.classes.set(found, (sums.classes.get(found) ?? 0) + counted);
  }
}

const dayName = (day: string | bigint | null): string =>
  new Date(Number(day) * dayMs).toISOString().slice(0, 10);

const emptySums = (): Sums => ({
  ...noTokens,
  requests: 0,
  errors: 0,
  costNanos: 0n,
  unpriced: 0,
  estimated: 0,
  durationSum: 0,
  durationCount: 0,
  classes: new Map(),
});

function finish(group: string | null, sums: Sums): UsageGroup {
  const { durationSum, durationCount, classes, ...rest } = sums;
  const durationMs =
    durationCount === 0
      ? null
      : {
          mean: durationSum / durationCount,
          p50: percentile(classes, 0.5),
          p95: percentile(classes, 0.95),
        };
  return { group, ...rest, durationMs };
}

const big = (value: number): bigint =>
  BigInt(Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
