// Where a person is found in the ledger: rows, sums, accounts and kept items that name them.
import { type Kysely, sql } from "kysely";
import { setImmediate as turn } from "node:timers/promises";
import { isObject, parseObject } from "../lib/json.ts";
import { decodeRollup, type Rollup } from "./rollup-rows.ts";
import type { Tables } from "./schema.ts";
import { cachedOf } from "./subject-cache.ts";
import type { DataSubject } from "./subject-data.ts";

/** A subject as rows name it. */
export interface Found {
  kind: DataSubject["kind"];
  /** What the audit log calls it. */
  name: string;
  userId: string | null;
  endUser: string | null;
  keyIds: string[];
  /** A key of the configuration. */
  keyName: string | null;
}

const idBatch = 200;
const sliceRows = 4_000;

export const usersOf = (db: Kysely<Tables>, userId: string) =>
  db.selectFrom("user_account").selectAll().where("id", "=", userId).execute();

export const membershipsOf = (db: Kysely<Tables>, userId: string) =>
  db.selectFrom("membership").selectAll().where("user_id", "=", userId).execute();

export const keysOf = (db: Kysely<Tables>, { keyIds }: Found) =>
  keyIds.length === 0
    ? Promise.resolve([])
    : db.selectFrom("virtual_key").selectAll().where("id", "in", keyIds).execute();

/**
 * Every organization that something kept about the subject belongs to; null: something is in none. Looks at all there
 * is, as exporting it does.
 */
export async function organizationsOf(
  db: Kysely<Tables>,
  found: Found,
): Promise<ReadonlySet<string | null>> {
  const seen = new Set<string | null>();
  if (found.userId !== null) {
    for (const row of await usersOf(db, found.userId))
      if (row.gateway_role !== null) seen.add(null);
    for (const row of await membershipsOf(db, found.userId)) seen.add(row.organization_id);
  }
  for (const row of await keysOf(db, found)) seen.add(row.organization_id);
  for await (const ids of requestsOf(db, found)) {
    const rows = await db
      .selectFrom("usage")
      .select("organization_id")
      .distinct()
      .where("request_id", "in", ids)
      .execute();
    for (const row of rows) seen.add(row.organization_id);
  }
  for await (const sums of sumsOf(db, found)) {
    for (const { rollup } of sums) seen.add(rollup.dimensions.organizationId);
  }
  const owners = new Set<string | null>();
  for await (const item of itemsOf(db, found)) owners.add(item.owner);
  for (const owner of owners) seen.add(await organizationOfKey(db, owner));
  for await (const answers of cachedOf(db, found)) {
    for (const { organization_id } of answers) seen.add(organization_id);
  }
  // An account says nothing of whose requests it paid for: it goes by those, where there are any.
  if (seen.size === 0 && (await accountsOf(db, found)).length > 0) seen.add(null);
  return seen;
}

async function organizationOfKey(db: Kysely<Tables>, id: string | null): Promise<string | null> {
  if (id === null) return null;
  const row = await db
    .selectFrom("virtual_key")
    .select("organization_id")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.organization_id ?? null;
}

export const feedbackOf = (db: Kysely<Tables>, ids: readonly string[]) =>
  db.selectFrom("feedback").where("request_id", "in", ids);

/** Which rows of usage, or of sums, name the subject. */
const isOf = ({ userId, endUser, keyIds, keyName }: Found, hasEndUser: boolean) => {
  const conditions = [
    ...(userId === null ? [] : [sql<boolean>`user_id = ${userId}`]),
    ...(keyIds.length === 0 ? [] : [sql<boolean>`key_id in (${sql.join(keyIds)})`]),
    ...(keyName === null ? [] : [sql<boolean>`(key_name = ${keyName} and key_id is null)`]),
    ...(endUser === null || !hasEndUser ? [] : [sql<boolean>`end_user = ${endUser}`]),
  ];
  return conditions.length === 0
    ? sql<boolean>`1 = 0`
    : sql<boolean>`(${sql.join(conditions, sql` or `)})`;
};

/** Ids of the subject's requests. Looks through some rows at a time: there is no index for so rare a question. */
export async function* requestsOf(db: Kysely<Tables>, found: Found): AsyncGenerator<string[]> {
  for (let from = 0n; ;) {
    const edge = await db
      .selectFrom("usage")
      .select("at_ms")
      .where("at_ms", ">=", from)
      .orderBy("at_ms")
      .offset(sliceRows)
      .limit(1)
      .executeTakeFirst();
    const until = edge ? (edge.at_ms > from ? edge.at_ms : from + 1n) : null;
    let select = db
      .selectFrom("usage")
      .select("request_id")
      .where("at_ms", ">=", from)
      .where(isOf(found, true));
    if (until !== null) select = select.where("at_ms", "<", until);
    const ids = (await select.execute()).map((row) => row.request_id);
    for (let at = 0; at < ids.length; at += idBatch) yield ids.slice(at, at + idBatch);
    if (until === null) return;
    from = until;
    await turn();
  }
}

export interface NamedSum {
  id: string;
  rollup: Rollup;
}

export async function* sumsOf(db: Kysely<Tables>, found: Found): AsyncGenerator<NamedSum[]> {
  let last = "";
  for (;;) {
    const rows = await db
      .selectFrom("rollup")
      .selectAll()
      .where("rollup_id", ">", last)
      .where(isOf(found, false))
      .orderBy("rollup_id")
      .limit(idBatch)
      .execute();
    if (rows.length > 0)
      yield rows.map((row) => ({ id: row.rollup_id, rollup: decodeRollup(row) }));
    const next = rows.at(-1);
    if (!next || rows.length < idBatch) return;
    last = next.rollup_id;
    await turn();
  }
}

export interface EndUserAccount {
  accountId: string;
  budgetId: string;
  windowStartMs: number;
  spentNanos: bigint;
}

/** Accounts of budgets that count for each end user apart: the end user stands at the end of their ids. */
export async function accountsOf(
  db: Kysely<Tables>,
  { endUser }: Found,
): Promise<EndUserAccount[]> {
  if (endUser === null) return [];
  const rows = await db
    .selectFrom("account")
    .leftJoin("budget", "budget.id", "account.budget_id")
    .select(["account_id", "budget_id", "window_start_ms", "spent_nanos"])
    .where(
      sql<boolean>`account_id = budget_id || '@' || cast(window_start_ms as text) || '#' || cast(${endUser.slice(0, 300)} as text)`,
    )
    .where((eb) => eb.or([eb("budget.each_of", "is", null), eb("budget.each_of", "!=", "tag")]))
    .execute();
  return rows.map((row) => ({
    accountId: row.account_id,
    budgetId: row.budget_id,
    windowStartMs: Number(row.window_start_ms),
    spentNanos: row.spent_nanos,
  }));
}

export interface KeptItem {
  kind: string;
  item_key: string;
  owner: string | null;
  value: string;
}

export const removalOf = (db: Kysely<Tables>, { kind, item_key }: KeptItem) =>
  db.deleteFrom("item").where("kind", "=", kind).where("item_key", "=", item_key).compile();

/** Answers of shadows are kept by the shadow's request. */
export async function itemsOfRequests(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<KeptItem[]> {
  const shadows = await db
    .selectFrom("shadow")
    .select("shadow_id")
    .where((eb) => eb.or([eb("request_id", "in", ids), eb("shadow_id", "in", ids)]))
    .execute();
  if (shadows.length === 0) return [];
  return db
    .selectFrom("item")
    .select(["kind", "item_key", "owner", "value"])
    .where("kind", "=", "shadow-answer")
    .where(
      "item_key",
      "in",
      shadows.map((row) => row.shadow_id),
    )
    .execute();
}

/** What is kept for the subject's keys, and kept answers that name the end user. */
export async function* itemsOf(db: Kysely<Tables>, found: Found): AsyncGenerator<KeptItem> {
  const owners = new Set([...found.keyIds, ...(found.keyName === null ? [] : [found.keyName])]);
  let last = { kind: "", key: "" };
  for (;;) {
    const { kind, key } = last;
    const rows = await db
      .selectFrom("item")
      .select(["kind", "item_key", "owner", "value"])
      .where(sql<boolean>`(kind, item_key) > (cast(${kind} as text), cast(${key} as text))`)
      .orderBy("kind")
      .orderBy("item_key")
      .limit(idBatch)
      .execute();
    for (const row of rows) {
      const isOwned = row.owner !== null && owners.has(row.owner);
      if (isOwned || (found.endUser !== null && namesEndUser(row, found.endUser))) yield row;
    }
    const next = rows.at(-1);
    if (!next || rows.length < idBatch) return;
    last = { kind: next.kind, key: next.item_key };
    await turn();
  }
}

/** A kept answer repeats whom the request was for. */
function namesEndUser({ value }: KeptItem, endUser: string): boolean {
  if (!value.includes(JSON.stringify(endUser))) return false;
  try {
    const { whole, outcome } = parseObject(value);
    const answer = isObject(whole) ? whole["answer"] : outcome;
    if (!isObject(answer)) return false;
    const text = answer["text"];
    const told = typeof text === "string" ? parseObject(text) : answer;
    return [told["user"], told["safety_identifier"]].includes(endUser);
  } catch {
    return false;
  }
}

export const rowCount = sql<bigint>`count(*)`.as("rows");

export async function countOf(query: {
  executeTakeFirstOrThrow(): Promise<{ rows: bigint }>;
}): Promise<number> {
  return Number((await query.executeTakeFirstOrThrow()).rows);
}
