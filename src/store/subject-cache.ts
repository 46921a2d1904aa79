// Cached answers of one person: made for their requests, whoever may have got them since.
import { type Kysely, sql } from "kysely";
import { setImmediate as turn } from "node:timers/promises";
import type { Tables } from "./schema.ts";
import type { Found } from "./subject-rows.ts";

export interface CachedOf {
  cache_key: string;
  request_id: string;
  organization_id: string | null;
  at_ms: bigint;
  expires_ms: bigint;
}

const idBatch = 200;

/** Looks at some at a time: there is no index for so rare a question. */
export async function* cachedOf(db: Kysely<Tables>, found: Found): AsyncGenerator<CachedOf[]> {
  const { userId, endUser, keyIds, keyName } = found;
  const conditions = [
    ...(userId === null ? [] : [sql<boolean>`user_id = ${userId}`]),
    ...(keyIds.length === 0 ? [] : [sql<boolean>`key_id in (${sql.join(keyIds)})`]),
    ...(keyName === null ? [] : [sql<boolean>`(key_name = ${keyName} and key_id is null)`]),
    ...(endUser === null ? [] : [sql<boolean>`end_user = ${endUser}`]),
  ];
  if (conditions.length === 0) return;
  for (let last = ""; ;) {
    const rows = await db
      .selectFrom("cached_answer")
      .select(["cache_key", "request_id", "organization_id", "at_ms", "expires_ms"])
      .where("cache_key", ">", last)
      .where(sql<boolean>`(${sql.join(conditions, sql` or `)})`)
      .orderBy("cache_key")
      .limit(idBatch)
      .execute();
    if (rows.length > 0) yield rows;
    const next = rows.at(-1);
    if (!next || rows.length < idBatch) return;
    last = next.cache_key;
    await turn();
  }
}
