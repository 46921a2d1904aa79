// Answers that may be given again: found by a digest of all that they depend on, bounded by age and by size.
import { isUtf8 } from "node:buffer";
import { type Insertable, type Selectable, sql } from "kysely";
import { setTimeout as sleep } from "node:timers/promises";
import type { Usage } from "../ir/usage.ts";
import { monotonic, now } from "../lib/clock.ts";
import type { Nanos } from "../lib/money.ts";
import type { Driver } from "./driver.ts";
import { text } from "./rows.ts";
import type { CachedAnswerTable } from "./schema-cache.ts";

/** Whose request an answer was made for, by ids; the key's name as well, since keys of the configuration have no id. */
export interface AnswerOwner {
  readonly keyId: string | null;
  readonly keyName: string | null;
  readonly userId: string | null;
  readonly organizationId: string | null;
  readonly endUser: string | null;
}

export interface CachedAnswer {
  /** A digest of all that it depends on. */
  readonly key: string;
  /** Wall clock, ms since the epoch. */
  readonly atMs: number;
  readonly expiresMs: number;
  /** The request that it was made for. */
  readonly requestId: string;
  /** Model name as that request asked for it. */
  readonly route: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly form: "whole" | "stream";
  readonly contentType: string;
  /** A stream that told its client what it used. */
  readonly hasUsage: boolean;
  /** Also where the client was not told. */
  readonly usage: Usage | null;
  /** What it cost; null: nobody knows. */
  readonly costNanos: Nanos | null;
  readonly owner: AnswerOwner;
  /** As the client got it. */
  readonly body: Uint8Array;
}

export interface CacheSize {
  entries: number;
  /** About what they take. */
  bytes: number;
}

/** What the rows of requests since a time tell of the cache. */
export interface CacheFigures extends CacheSize {
  /** Arrival of the oldest entry, ms since the epoch; null: there is none. */
  oldestMs: number | null;
  hits: number;
  /** As far as it is known. */
  savedNanos: Nanos;
}

/** All methods reject with StoreError. */
export interface CachedAnswers {
  /** Null where there is none, or it has expired. */
  get(key: string): Promise<CachedAnswer | null>;
  /** Over what has its key. */
  put(answer: CachedAnswer): Promise<void>;
  size(): Promise<CacheSize>;
  figures(sinceMs: number): Promise<CacheFigures>;
  /** Removes the oldest until so many bytes are gone. */
  evict(bytes: number, options?: { signal?: AbortSignal }): Promise<CacheSize>;
  /** Removes what has expired, some at a time with rests between. Returns how many. */
  sweep(options?: { signal?: AbortSignal }): Promise<number>;
  /** Removes all there are, those of one model as it was asked for, or one. Returns how many. */
  clear(filter?: { route?: string; key?: string }): Promise<number>;
}

/** Rows of one delete, and how many times as long as it took others then work: as retention does. */
const batchRows = 100;
const restFactor = 2;

/** What a row takes besides its text: names, ids and indexes, about, bytes. */
const rowBytes = 600;

/** Shorter texts are kept as they are. */
const packedFrom = 1024;

/** How much an answer takes of the cache's size, about. */
const sizeOf = (value: string): number => Buffer.byteLength(value) + rowBytes;

export function createCachedAnswers(
  driver: Driver,
  { reading, refuse }: { reading<T>(read: () => Promise<T>): Promise<T>; refuse(): void },
): CachedAnswers {
  const { db } = driver;

  const size = async (): Promise<CacheSize> => {
    const row = await db
      .selectFrom("cached_answer")
      .select((eb) => [eb.fn.countAll<bigint>().as("entries"), eb.fn.sum("size").as("bytes")])
      .executeTakeFirstOrThrow();
    return { entries: Number(row.entries), bytes: Number(row.bytes ?? 0) };
  };

  const remove = async (keys: readonly string[]): Promise<void> => {
    await driver.transact([
      [db.deleteFrom("cached_answer").where("cache_key", "in", keys).compile()],
    ]);
  };

  /** Removes what `next` finds, batch by batch, until it finds nothing or has `enough`. */
  const removeAll = async (
    next: () => Promise<{ cache_key: string; size: bigint }[]>,
    { signal, enough = () => false }: { signal?: AbortSignal; enough?(gone: CacheSize): boolean },
  ): Promise<CacheSize> => {
    const gone: CacheSize = { entries: 0, bytes: 0 };
    while (!enough(gone)) {
      signal?.throwIfAborted();
      const sinceMs = monotonic();
      const rows = await next();
      const taken: string[] = [];
      for (const row of rows) {
        if (enough(gone)) break;
        taken.push(row.cache_key);
        gone.entries += 1;
        gone.bytes += Number(row.size);
      }
      if (taken.length > 0) await remove(taken);
      if (rows.length < batchRows) break;
      await sleep(1 + (monotonic() - sinceMs) * restFactor);
    }
    return gone;
  };

  const candidates = () =>
    db.selectFrom("cached_answer").select(["cache_key", "size"]).limit(batchRows);

  return {
    get: (key) =>
      reading(async () => {
        const row = await db
          .selectFrom("cached_answer")
          .selectAll()
          .where("cache_key", "=", key)
          .executeTakeFirst();
        return row && row.expires_ms > now() ? decode(row) : null;
      }),
    put: (answer) =>
      reading(async () => {
        refuse();
        const { cache_key, ...rest } = encode(answer);
        await driver.transact([
          [
            db
              .insertInto("cached_answer")
              .values({ cache_key, ...rest })
              .onConflict((conflict) => conflict.column("cache_key").doUpdateSet(rest))
              .compile(),
          ],
        ]);
      }),
    size: () => reading(size),
    figures: (sinceMs) =>
      reading(async () => {
        const { oldest } = await db
          .selectFrom("cached_answer")
          .select((eb) => eb.fn.min("at_ms").as("oldest"))
          .executeTakeFirstOrThrow();
        const told = await db
          .selectFrom("usage")
          .select((eb) => [
            eb.fn.countAll<bigint>().as("hits"),
            eb.fn.sum<bigint | string | null>("saved_nanos").as("saved"),
          ])
          // As the index has it, so that it is used.
          .where(sql<boolean>`price_source = 'cache'`)
          .where("at_ms", ">=", BigInt(Math.max(0, Math.trunc(sinceMs))))
          .executeTakeFirstOrThrow();
        return {
          ...(await size()),
          oldestMs: oldest === null ? null : Number(oldest),
          hits: Number(told.hits),
          savedNanos: BigInt(told.saved ?? 0),
        };
      }),
    evict: (bytes, { signal } = {}) =>
      reading(async () => {
        refuse();
        const bounds = {
          ...(signal && { signal }),
          enough: (gone: CacheSize) => gone.bytes >= bytes,
        };
        return removeAll(() => candidates().orderBy("at_ms").execute(), bounds);
      }),
    sweep: ({ signal } = {}) =>
      reading(async () => {
        refuse();
        const edge = BigInt(Math.trunc(now()));
        const expired = () => candidates().where("expires_ms", "<=", edge).execute();
        return (await removeAll(expired, signal ? { signal } : {})).entries;
      }),
    clear: ({ key, route } = {}) =>
      reading(async () => {
        refuse();
        let asked = candidates();
        if (route !== undefined) asked = asked.where("route", "=", route);
        if (key !== undefined) asked = asked.where("cache_key", "=", key);
        return (await removeAll(() => asked.execute(), {})).entries;
      }),
  };
}

/** What PostgreSQL takes as a text is kept as it is while it is short, and packed when it is long. */
function packed(body: Uint8Array): { encoding: string; value: string } {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (body.length > packedFrom) {
    return {
      encoding: "zstd",
      value: Bun.zstdCompressSync(buffer, { level: 1 }).toString("base64"),
    };
  }
  return isUtf8(buffer) && !buffer.includes(0)
    ? { encoding: "text", value: buffer.toString("utf8") }
    : { encoding: "base64", value: buffer.toString("base64") };
}

function unpacked({ encoding, value }: { encoding: string; value: string }): Uint8Array {
  if (encoding === "text") return Buffer.from(value, "utf8");
  const bytes = Buffer.from(value, "base64");
  return encoding === "zstd" ? Bun.zstdDecompressSync(bytes) : bytes;
}

function encode(answer: CachedAnswer): Insertable<CachedAnswerTable> {
  const { owner } = answer;
  const content = packed(answer.body);
  return {
    cache_key: answer.key,
    at_ms: Math.trunc(answer.atMs),
    expires_ms: Math.trunc(answer.expiresMs),
    size: sizeOf(content.value),
    request_id: answer.requestId,
    route: text(answer.route),
    provider: text(answer.provider),
    model: text(answer.model),
    form: answer.form,
    content_type: text(answer.contentType) ?? "",
    has_usage: answer.hasUsage ? 1 : 0,
    usage: answer.usage && JSON.stringify(answer.usage),
    cost_nanos: answer.costNanos,
    key_id: owner.keyId,
    key_name: text(owner.keyName),
    user_id: owner.userId,
    organization_id: owner.organizationId,
    end_user: text(owner.endUser),
    ...content,
  };
}

const decode = (row: Selectable<CachedAnswerTable>): CachedAnswer => ({
  key: row.cache_key,
  atMs: Number(row.at_ms),
  expiresMs: Number(row.expires_ms),
  requestId: row.request_id,
  route: row.route,
  provider: row.provider,
  model: row.model,
  form: row.form === "stream" ? "stream" : "whole",
  contentType: row.content_type,
  hasUsage: Number(row.has_usage) === 1,
  usage: row.usage === null ? null : (JSON.parse(row.usage) as Usage),
  costNanos: row.cost_nanos,
  owner: {
    keyId: row.key_id,
    keyName: row.key_name,
    userId: row.user_id,
    organizationId: row.organization_id,
    endUser: row.end_user,
  },
  body: unpacked(row),
});
