// One person's data: all that is kept about them, to be handed out, or taken away so that sums still add up.
import { sql } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { createId } from "../lib/id.ts";
import type { Audit } from "./audit.ts";
import type { Bodies } from "./bodies.ts";
import type { CachedAnswers } from "./cached-answers.ts";
import { keyKind, membershipKind, userKind } from "./directory-kinds.ts";
import { createRemoval } from "./directory-removal.ts";
import type { Driver } from "./driver.ts";
import { decodeRollup, type Rollup } from "./rollup-rows.ts";
import { addRollup, changeSums, readState } from "./rollups.ts";
import { decodeAttempt, decodeUsage, text } from "./rows.ts";
import { cachedOf } from "./subject-cache.ts";
import {
  accountsOf,
  countOf,
  type EndUserAccount,
  feedbackOf,
  type Found,
  itemsOf,
  itemsOfRequests,
  keysOf,
  type KeptItem,
  membershipsOf,
  type NamedSum,
  organizationsOf,
  removalOf,
  requestsOf,
  rowCount,
  sumsOf,
  usersOf,
} from "./subject-rows.ts";

/** Whose data: a user of the directory by id or address, an end user as clients name them, a key by id or name. */
export interface DataSubject {
  readonly kind: "user" | "end_user" | "key";
  readonly id: string;
}

/** One thing that is kept, as plain data; nano-dollars are decimal text. */
export interface DataRecord {
  readonly type:
    | "user"
    | "key"
    | "membership"
    | "request"
    | "feedback"
    | "item"
    | "account"
    | "sum"
    | "audit";
  readonly [field: string]: unknown;
}

/** How many of what there are, or were. */
export interface DataCounts {
  requests: number;
  bodies: number;
  feedback: number;
  /** Kept and cached answers, reasoning, files' owners, answers by `Idempotency-Key`. */
  items: number;
  /** Sums that name the subject. */
  sums: number;
  /** Windows of budgets that count for each end user. */
  accounts: number;
  /** Of the directory: the user, their keys and memberships. */
  directory: number;
}

/** All methods reject with StoreError, and with GatewayError `not_found` for a user that the directory does not know. */
export interface SubjectData {
  /** What the audit log calls the subject: an id, or nothing, since it names no end users. */
  nameOf(subject: DataSubject): Promise<string>;
  /** Every organization that something kept about the subject belongs to; null: something belongs to none. */
  organizationsOf(subject: DataSubject): Promise<ReadonlySet<string | null>>;
  /** All that is kept about the subject, the directory first, then request by request. */
  export(subject: DataSubject): AsyncGenerator<DataRecord>;
  count(subject: DataSubject): Promise<DataCounts>;
  /**
   * Takes the subject out of everything: bodies, feedback and kept items are deleted, a user of the directory with
   * their keys, too. Rows of requests and sums stay without a name. What was done is put on the audit log, which stays.
   */
  erase(subject: DataSubject, by: { actor: string }): Promise<DataCounts>;
}

export interface SubjectDataParts {
  driver: Driver;
  audit: Audit;
  bodies: Bodies;
  cache: Pick<CachedAnswers, "get">;
  refuse(): void;
}

export function createSubjectData(parts: SubjectDataParts): SubjectData {
  const { driver, audit, bodies, cache, refuse } = parts;
  const { db } = driver;

  const find = async (subject: DataSubject): Promise<Found> => {
    const { kind } = subject;
    // As rows have it: whoever a request names with what no database takes is found, too.
    const id = text(subject.id) ?? "";
    const nobody = { kind, name: id, userId: null, endUser: null, keyIds: [], keyName: null };
    if (id === "") throw new GatewayError("invalid_request", "The subject has no name.");
    if (kind === "end_user") {
      // An audit log that stays for ever names no end users.
      return { ...nobody, name: "", endUser: id };
    }
    if (kind === "key") {
      const key = await db
        .selectFrom("virtual_key")
        .select("id")
        .where("id", "=", id)
        .executeTakeFirst();
      // One that was deleted may be in rows yet.
      const isId = key !== undefined || /^key_[0-9a-f]{32}$/.test(id);
      return isId ? { ...nobody, keyIds: [id] } : { ...nobody, keyName: id };
    }
    const user = await db
      .selectFrom("user_account")
      .select("id")
      .where((eb) => eb.or([eb("id", "=", id), eb("email", "=", id.toLowerCase())]))
      .executeTakeFirst();
    // One who has left the directory may be in rows yet.
    const userId = user?.id ?? (id.startsWith("user_") ? id : null);
    if (userId === null) {
      throw new GatewayError(
        "not_found",
        `The directory has no user \`${id}\`. Give the id where they have been removed from it; \`--end-user\` is for people whom clients name.`,
      );
    }
    const keys = await db
      .selectFrom("virtual_key")
      .select("id")
      .where("user_id", "=", userId)
      .execute();
    return { ...nobody, name: userId, userId, keyIds: keys.map((key) => key.id) };
  };

  const recordsOf = async function* (subject: DataSubject): AsyncGenerator<DataRecord> {
    const found = await find(subject);
    if (found.userId !== null) {
      for (const row of await usersOf(db, found.userId)) {
        yield { type: "user", ...userKind.decode(row) };
      }
      for (const row of await membershipsOf(db, found.userId)) {
        yield { type: "membership", ...membershipKind.decode(row) };
      }
    }
    for (const row of await keysOf(db, found)) yield { type: "key", ...keyKind.decode(row) };
    for await (const ids of requestsOf(db, found)) {
      for (const id of ids) yield await requestRecord(id);
      for (const row of await feedbackOf(db, ids).selectAll().execute()) {
        yield {
          type: "feedback",
          requestId: row.request_id,
          name: row.name,
          value: row.value,
          comment: row.comment,
          atMs: Number(row.at_ms),
        };
      }
      for (const item of await itemsOfRequests(db, ids)) yield itemRecord(item);
    }
    for await (const item of itemsOf(db, found)) yield itemRecord(item);
    for await (const answers of cachedOf(db, found)) {
      for (const { cache_key: key } of answers) {
        const kept = await cache.get(key);
        const value = kept && Buffer.from(kept.body).toString("utf8");
        if (value !== null) yield { type: "item", kind: "cached-answer", key, value };
      }
    }
    for await (const sums of sumsOf(db, found)) {
      for (const { rollup } of sums) {
        const {
          costNanos,
          durationMicros: _micros,
          durations: _durations,
          ...counts
        } = rollup.sums;
        yield {
          type: "sum",
          spanMs: rollup.spanMs,
          startMs: rollup.startMs,
          ...rollup.dimensions,
          ...counts,
          costNanos: costNanos.toString(),
        };
      }
    }
    for (const account of await accountsOf(db, found)) {
      yield { type: "account", ...account, spentNanos: account.spentNanos.toString() };
    }
    for (const id of [found.userId, ...found.keyIds]) {
      if (id === null) continue;
      let cursor: string | undefined;
      do {
        const page = await audit.list({ subjectId: id, limit: 500, ...(cursor && { cursor }) });
        for (const { hash: _hash, prevHash: _prev, ...row } of page.rows) {
          yield { type: "audit", ...row };
        }
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
    }
  };

  const requestRecord = async (requestId: string): Promise<DataRecord> => {
    const usage = await db
      .selectFrom("usage")
      .selectAll()
      .where("request_id", "=", requestId)
      .executeTakeFirst();
    const attempts = await db
      .selectFrom("attempt")
      .selectAll()
      .where("request_id", "=", requestId)
      .orderBy("attempt_index")
      .execute();
    const charges = await db
      .selectFrom("charge")
      .select(["account_id", "nanos", "state"])
      .where("request_id", "=", requestId)
      .execute();
    return {
      type: "request",
      requestId,
      ...(usage && plain(decodeUsage(usage))),
      attempts: attempts.map((row) => plain(decodeAttempt(row))),
      charges: charges.map((row) => ({
        accountId: row.account_id,
        nanos: row.nanos.toString(),
        state: row.state,
      })),
      bodies: (await bodies.get(requestId)).map(({ requestId: _id, ...body }) => body),
    };
  };

  /** Goes through all that there is of the subject; with `isErased` it is gone after that. */
  const walk = async (found: Found, isErased: boolean): Promise<DataCounts> => {
    const counts: DataCounts = {
      requests: 0,
      bodies: 0,
      feedback: 0,
      items: 0,
      sums: 0,
      accounts: 0,
      directory: 0,
    };
    for await (const ids of requestsOf(db, found)) {
      counts.requests += ids.length;
      counts.bodies += await countOf(
        db.selectFrom("body").where("request_id", "in", ids).select(rowCount),
      );
      counts.feedback += await countOf(feedbackOf(db, ids).select(rowCount));
      const items = await itemsOfRequests(db, ids);
      counts.items += items.length;
      if (isErased) await eraseRequests(found, ids, items);
    }
    for await (const item of itemsOf(db, found)) {
      counts.items += 1;
      if (isErased) await driver.transact([[removalOf(db, item)]]);
    }
    for await (const answers of cachedOf(db, found)) {
      counts.items += answers.length;
      const keys = answers.map((each) => each.cache_key);
      const removal = db.deleteFrom("cached_answer").where("cache_key", "in", keys);
      if (isErased) await driver.transact([[removal.compile()]]);
    }
    // Whoever was adding rows to sums while they changed begins anew.
    if (isErased) await touchSums();
    for await (const sums of sumsOf(db, found)) {
      counts.sums += sums.length;
      if (isErased) await renameSums(sums);
    }
    for (const account of await accountsOf(db, found)) {
      counts.accounts += 1;
      if (isErased) await renameAccount(account);
    }
    if (found.userId !== null) {
      counts.directory =
        (await usersOf(db, found.userId)).length +
        (await membershipsOf(db, found.userId)).length +
        found.keyIds.length;
    }
    return counts;
  };

  const eraseRequests = async (
    { endUser }: Found,
    ids: readonly string[],
    items: readonly KeptItem[],
  ): Promise<void> => {
    // The key that an end user's requests came with is the application's: they stay with its sums.
    const caller = endUser === null ? { user_id: null, key_id: null, key_name: null } : {};
    await driver.transact([
      [
        db
          .updateTable("usage")
          .set({ end_user: null, tags: null, ...caller })
          .where("request_id", "in", ids)
          .compile(),
        db
          .updateTable("attempt")
          .set({ upstream_request_id: null })
          .where("request_id", "in", ids)
          .compile(),
        db.deleteFrom("body").where("request_id", "in", ids).compile(),
        db.deleteFrom("feedback").where("request_id", "in", ids).compile(),
        ...items.map((item) => removalOf(db, item)),
      ],
    ]);
  };

  const touchSums = async (): Promise<void> => {
    for (;;) {
      const { version } = await readState(db);
      if (await changeSums(driver, { version, added: new Map() })) return;
    }
  };

  const renameSums = async (sums: readonly NamedSum[]): Promise<void> => {
    for (;;) {
      const { version } = await readState(db);
      const removed = sums.map(({ id }) => id);
      const now = await db
        .selectFrom("rollup")
        .selectAll()
        .where("rollup_id", "in", removed)
        .execute();
      const added = new Map<string, Rollup>();
      for (const rollup of now.map((row) => decodeRollup(row))) {
        const dimensions = { ...rollup.dimensions, userId: null, keyId: null, key: null };
        addRollup(added, { ...rollup, dimensions });
      }
      if (await changeSums(driver, { version, added, removed })) return;
    }
  };

  /** The charges stay with the account; whom it was for is told by nothing any more. */
  const renameAccount = async ({ accountId, budgetId, windowStartMs }: EndUserAccount) => {
    const name = `${budgetId}@${windowStartMs}#${createId("erased")}`;
    const renamed = (table: "account" | "charge" | "hold") =>
      sql`update ${sql.table(table)} set account_id = ${name} where account_id = ${accountId}`.compile(
        db,
      );
    await driver.transact([[renamed("account"), renamed("charge"), renamed("hold")]]);
  };

  /** What removing a user from the directory takes, without the names that its own entries would tell. */
  const directoryRemoval = async (found: Found, actor: string) => {
    if (found.userId === null) return [];
    const [row] = await usersOf(db, found.userId);
    if (!row) return [];
    const changes = await createRemoval(driver).user(userKind.decode(row), {
      actor,
      cascade: true,
    });
    return changes.flatMap(({ statements }) => statements);
  };

  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw driver.explain(error);
    }
  };

  return {
    nameOf: (subject) => explained(async () => (await find(subject)).name),
    organizationsOf: (subject) => explained(async () => organizationsOf(db, await find(subject))),
    async *export(subject) {
      try {
        yield* recordsOf(subject);
      } catch (error) {
        throw driver.explain(error);
      }
    },
    count: (subject) => explained(async () => walk(await find(subject), false)),
    erase: (subject, { actor }) =>
      explained(async () => {
        refuse();
        const found = await find(subject);
        const counts = await walk(found, true);
        const statements = await directoryRemoval(found, actor);
        const { kind, name: subjectId } = found;
        await audit.append(
          [{ actor, action: "data.erase", kind, subjectId, before: null, after: counts }],
          statements,
        );
        return counts;
      }),
  };
}

const itemRecord = ({ kind, item_key, value }: KeptItem): DataRecord => ({
  type: "item",
  kind,
  key: item_key,
  value,
});

const plain = <Row extends { costNanos?: bigint | null; savedNanos?: bigint }>(row: Row) => ({
  ...row,
  costNanos: row.costNanos?.toString() ?? null,
  ...(row.savedNanos !== undefined && { savedNanos: row.savedNanos.toString() }),
});
