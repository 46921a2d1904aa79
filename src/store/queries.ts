// Reading the ledger: single requests, and pages by key; sums are in usage-report.ts.
import type { Kysely } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { decodeAttempt, decodeUsage } from "./rows.ts";
import type { Tables } from "./schema.ts";
import type { AttemptRow, RequestsPage, RequestsQuery, UsageRow } from "./store.ts";
import { clamp } from "./usage-report.ts";

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
  const until = query.untilMs === undefined ? null : big(query.untilMs);
  if (query.cursor === undefined) {
    if (until !== null) select = select.where("at_ms", "<", until);
  } else {
    const { atMs, requestId } = parseCursor(query.cursor);
    // The first condition is for the index, the nearer of two: it follows any. The second is for rows of the same millisecond.
    const past = until !== null && until <= atMs ? until : atMs + 1n;
    select = select
      .where("at_ms", "<", past)
      .where((eb) => eb.or([eb("at_ms", "<", atMs), eb("request_id", "<", requestId)]));
  }
  const rows = (await select.execute()).map(decodeUsage);
  const more = rows.length > limit;
  const page = more ? rows.slice(0, limit) : rows;
  const last = page.at(-1);
  return { rows: page, next: more && last ? `${last.atMs}_${last.requestId}` : null };
}

/** @throws GatewayError `invalid_request` */
export function parseCursor(cursor: string): { atMs: bigint; requestId: string } {
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

const big = (value: number): bigint =>
  BigInt(Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
