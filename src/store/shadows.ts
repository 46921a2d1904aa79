// Shadows in the ledger: a client's request and its copy to another route, side by side.
import type { Insertable, Kysely } from "kysely";
import { GatewayError } from "../ir/error.ts";
import type { Nanos } from "../lib/money.ts";
import type { Driver } from "./driver.ts";
import { text } from "./rows.ts";
import type { Tables } from "./schema.ts";
import type { ShadowTable } from "./schema-experiments.ts";
import type { RequestStatus } from "./store.ts";

/** What a shadow's usage row is linked with. */
export interface ShadowLink {
  /** The client's request. */
  requestId: string;
  /** The model that the client asked for, and the one that the shadow was sent to. */
  route: string;
  target: string;
  /** Why each answer ended, where that is known. */
  requestFinish: string | null;
  shadowFinish: string | null;
}

/** One of the two sides. */
export interface ShadowSide {
  requestId: string;
  provider: string | null;
  model: string | null;
  status: RequestStatus;
  errorCode: string | null;
  finish: string | null;
  inputTokens: number;
  outputTokens: number;
  /** Null: unknown. */
  costNanos: Nanos | null;
  durationMs: number | null;
  firstTokenMs: number | null;
}

export interface ShadowPair {
  atMs: number;
  route: string;
  target: string;
  /** Null while the client's answer is not over. */
  request: ShadowSide | null;
  shadow: ShadowSide;
}

export interface ShadowQuery {
  sinceMs?: number;
  /** Pairs on a page; default 50, at most 1,000. */
  limit?: number;
  /** `next` of the page before. */
  cursor?: string;
}

export interface ShadowPage {
  /** Newest first. */
  pairs: ShadowPair[];
  next: string | null;
}

/** All methods reject with StoreError. */
export interface Shadows {
  /** Tells why the client's answer ended, where that was not known when the shadow was over. */
  finished(shadowId: string, requestFinish: string): Promise<void>;
  list(query?: ShadowQuery): Promise<ShadowPage>;
  /** What the shadows from `route` to `target` have cost since then, and how many of unknown cost were among them. */
  spent(link: Pick<ShadowLink, "route" | "target">, sinceMs: number): Promise<ShadowSpend>;
}

export interface ShadowSpend {
  costNanos: Nanos;
  unpriced: number;
}

export const encodeShadow = (
  shadowId: string,
  atMs: number,
  link: ShadowLink,
): Insertable<ShadowTable> => ({
  shadow_id: shadowId,
  request_id: link.requestId,
  at_ms: big(atMs),
  route: text(link.route) ?? "",
  target: text(link.target) ?? "",
  request_finish: text(link.requestFinish),
  shadow_finish: text(link.shadowFinish),
});

export function createShadowRows(
  driver: Driver,
  reading: <T>(read: () => Promise<T>) => Promise<T>,
): Shadows {
  const { db } = driver;
  return {
    finished: (shadowId, requestFinish) =>
      reading(async () => {
        const statement = db
          .updateTable("shadow")
          .set({ request_finish: text(requestFinish) })
          .where("shadow_id", "=", shadowId)
          .compile();
        await driver.transact([[statement]]);
      }),
    list: (query = {}) => reading(() => readPairs(db, query)),
    spent: (link, sinceMs) => reading(() => readSpend(db, link, sinceMs)),
  };
}

/** As columns of a joined usage row, under a prefix. */
const sideColumns = [
  "request_id",
  "provider",
  "model",
  "status",
  "error_code",
  "input_tokens",
  "output_tokens",
  "cost_nanos",
  "duration_ms",
  "first_token_ms",
] as const;

async function readPairs(db: Kysely<Tables>, query: ShadowQuery): Promise<ShadowPage> {
  const limit = Math.max(1, Math.min(1_000, Math.trunc(query.limit ?? 50) || 50));
  let select = db
    .selectFrom("shadow")
    .selectAll()
    .orderBy("at_ms", "desc")
    .orderBy("shadow_id", "desc")
    .limit(limit + 1);
  if (query.sinceMs !== undefined) select = select.where("at_ms", ">=", big(query.sinceMs));
  if (query.cursor !== undefined) {
    const { atMs, shadowId } = parseCursor(query.cursor);
    select = select
      .where("at_ms", "<=", atMs)
      .where((eb) => eb.or([eb("at_ms", "<", atMs), eb("shadow_id", "<", shadowId)]));
  }
  const rows = await select.execute();
  const page = rows.slice(0, limit);
  const ids = page.flatMap((row) => [row.request_id, row.shadow_id]);
  const sides = new Map((await readSides(db, ids)).map((side) => [side.request_id, side]));
  const last = page.at(-1);
  return {
    pairs: page.flatMap((row) => {
      const [own, shadow] = [sides.get(row.request_id), sides.get(row.shadow_id)];
      if (!shadow) return [];
      return [
        {
          atMs: Number(row.at_ms),
          route: row.route,
          target: row.target,
          request: own ? sideOf(own, row.request_finish) : null,
          shadow: sideOf(shadow, row.shadow_finish),
        },
      ];
    }),
    next: rows.length > limit && last ? `${last.at_ms}_${last.shadow_id}` : null,
  };
}

/** Ids asked for in one statement. */
const batch = 500;

async function readSides(db: Kysely<Tables>, ids: readonly string[]) {
  const found = [];
  for (let at = 0; at < ids.length; at += batch) {
    const rows = await db
      .selectFrom("usage")
      .select(sideColumns)
      .where("request_id", "in", ids.slice(at, at + batch))
      .execute();
    found.push(...rows);
  }
  return found;
}

const sideOf = (
  row: Awaited<ReturnType<typeof readSides>>[number],
  finish: string | null,
): ShadowSide => ({
  requestId: row.request_id,
  provider: row.provider,
  model: row.model,
  status: row.status as RequestStatus,
  errorCode: row.error_code,
  finish,
  inputTokens: Number(row.input_tokens),
  outputTokens: Number(row.output_tokens),
  costNanos: row.cost_nanos,
  durationMs: row.duration_ms,
  firstTokenMs: row.first_token_ms,
});

function parseCursor(cursor: string): { atMs: bigint; shadowId: string } {
  const match = /^(\d{1,16})_(.{1,200})$/s.exec(cursor);
  if (!match?.[1] || !match[2]) {
    throw new GatewayError("invalid_request", "`cursor` is not one that a page gave as `next`.");
  }
  return { atMs: BigInt(match[1]), shadowId: match[2] };
}

/** Rows read before other work gets its turn. */
const sliceRows = 2_000;

async function readSpend(
  db: Kysely<Tables>,
  { route, target }: Pick<ShadowLink, "route" | "target">,
  sinceMs: number,
): Promise<ShadowSpend> {
  const spend = { costNanos: 0n, unpriced: 0 };
  let after = { atMs: big(sinceMs), shadowId: "" };
  for (;;) {
    const { atMs, shadowId } = after;
    const rows = await db
      .selectFrom("shadow")
      .innerJoin("usage", "usage.request_id", "shadow.shadow_id")
      .select(["shadow.shadow_id", "shadow.at_ms"])
      .select(["usage.cost_nanos", "usage.input_tokens", "usage.output_tokens"])
      .where("shadow.at_ms", ">=", atMs)
      .where((eb) => eb.or([eb("shadow.at_ms", ">", atMs), eb("shadow.shadow_id", ">", shadowId)]))
      .where("shadow.route", "=", route)
      .where("shadow.target", "=", target)
      .orderBy("shadow.at_ms")
      .orderBy("shadow.shadow_id")
      .limit(sliceRows)
      .execute();
    for (const row of rows) {
      spend.costNanos += row.cost_nanos ?? 0n;
      const isUsed = row.input_tokens + row.output_tokens > 0n;
      if (row.cost_nanos === null && isUsed) spend.unpriced += 1;
    }
    const last = rows.at(-1);
    if (!last || rows.length < sliceRows) return spend;
    after = { atMs: last.at_ms, shadowId: last.shadow_id };
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

const big = (value: number): bigint =>
  BigInt(Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
