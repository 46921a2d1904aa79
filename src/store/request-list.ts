// Pages of requests that have some properties: so many rows are looked at for a page, however many there are.
import { type Expression, type ExpressionBuilder, type Kysely, type SqlBool, sql } from "kysely";
import { dimensionColumns } from "./rollup-rows.ts";
import { parseCursor } from "./queries.ts";
import { decodeUsage } from "./rows.ts";
import type { Tables } from "./schema.ts";
import type { RequestsPage, RequestsQuery, UsageRow } from "./store.ts";
import { dimensionNames } from "./usage-facts.ts";
import { clamp } from "./usage-report.ts";
import { scopeColumns } from "./usage-scope.ts";

/** Rows looked at before other work gets its turn, and before a page ends as short as it is. (S42) */
const slice = 5_000;
const maxLooked = 50_000;

export const isFiltered = ({ where, scope }: RequestsQuery): boolean =>
  scope !== undefined || Object.values(where ?? {}).some((value) => value !== undefined);

/** Newest arrival first; a page may be short and yet have a next. @throws GatewayError `invalid_request` */
export async function findRequests(
  db: Kysely<Tables>,
  query: RequestsQuery,
): Promise<RequestsPage> {
  const limit = clamp(query.limit, 50, 1_000);
  const since = big(query.sinceMs ?? 0);
  const until = big(query.untilMs ?? Number.MAX_SAFE_INTEGER);
  const rows: UsageRow[] = [];
  let from = query.cursor === undefined ? null : parseCursor(query.cursor);
  for (let looked = 0; looked < maxLooked; looked += slice) {
    const before = from;
    // One bound on each side: of two a database follows the index along any.
    const past = before !== null && before.atMs < until ? before.atMs + 1n : until;
    // The index alone tells where the slice ends; all of that millisecond belong to it.
    const end = await db
      .selectFrom("usage")
      .where("at_ms", ">=", since)
      .where("at_ms", "<", past)
      .select("at_ms")
      .orderBy("at_ms", "desc")
      .offset(slice - 1)
      .limit(1)
      .executeTakeFirst();
    const found = await db
      .selectFrom("usage")
      .selectAll()
      .where("at_ms", ">=", end?.at_ms ?? since)
      .where("at_ms", "<", past)
      .where((eb) => eb.and(conditions(eb, query)))
      .$if(before !== null, (select) =>
        select.where((eb) =>
          eb.or([
            eb("at_ms", "<", before?.atMs ?? 0n),
            eb("request_id", "<", before?.requestId ?? ""),
          ]),
        ),
      )
      .orderBy("at_ms", "desc")
      .orderBy("request_id", "desc")
      .limit(limit + 1 - rows.length)
      .execute();
    const isCut = found.length === limit + 1 - rows.length;
    rows.push(...found.map(decodeUsage).filter((row) => hasTag(row, query)));
    const last = rows[limit - 1];
    if (rows.length > limit && last) {
      return { rows: rows.slice(0, limit), next: cursorOf(last.atMs, last.requestId) };
    }
    const furthest = found.at(-1);
    if (isCut && furthest) {
      from = { atMs: furthest.at_ms, requestId: furthest.request_id };
    } else {
      if (!end) return { rows, next: null };
      from = { atMs: end.at_ms, requestId: beforeAll };
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { rows, next: from && cursorOf(Number(from.atMs), from.requestId) };
}

/** No request id comes before it, in the order of any database. */
const beforeAll = "!";

/** The database only knows that the list holds such text somewhere. */
const hasTag = (row: UsageRow, { where }: RequestsQuery): boolean =>
  where?.tag === undefined || row.tags.includes(where.tag);

const cursorOf = (atMs: number, requestId: string): string => `${atMs}_${requestId}`;

function conditions(
  eb: ExpressionBuilder<Tables, "usage">,
  { where = {}, scope }: RequestsQuery,
): Expression<SqlBool>[] {
  const found: Expression<SqlBool>[] = [];
  for (const dimension of dimensionNames) {
    const wanted = where[dimension];
    if (wanted === undefined) continue;
    const column = dimensionColumns[dimension];
    found.push(wanted === null ? eb(column, "is", null) : eb(column, "=", wanted));
  }
  if (where.endUser !== undefined) found.push(eb("end_user", "=", where.endUser));
  if (where.tag !== undefined) {
    // Tags are a JSON list of texts, and one of them may be this one; every database replaces by exact match.
    found.push(sql<SqlBool>`replace(tags, ${JSON.stringify(where.tag)}, '') <> tags`);
  }
  if (scope) found.push(eb.or(scopeColumns(scope).map(([column, ids]) => eb(column, "in", ids))));
  return found;
}

const big = (value: number): bigint =>
  BigInt(Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
