// Rate limits: what their windows have counted, in the database, so that all gateways count together and a restart forgets nothing.
import { sql } from "kysely";
import { untilEmpty } from "../lib/sliding-window.ts";
import type { Driver, Statement } from "./driver.ts";
import {
  counterIdOf,
  createLimitStatements,
  type LimitStatements,
  type LimitUse,
  readTold,
  type TakeValues,
  type ToldRow,
} from "./limit-statements.ts";
import {
  type Counted,
  type LimitOutlook,
  type LimitState,
  type LimitWant,
  outlookOf,
  takesOf,
} from "./limit-wants.ts";
import type { Writer } from "./writer.ts";

export { counterIdOf, type LimitUse } from "./limit-statements.ts";
export { type LimitOutlook, type LimitState, type LimitWant, maxTakes } from "./limit-wants.ts";

/** All methods reject with StoreError. */
export interface Limits {
  /** How each of the limits stands; nothing is taken. */
  outlook(wants: readonly LimitWant[]): Promise<LimitOutlook[]>;
  /** Gives back all that a request has taken, where it took anything, that is not going to settle. */
  giveBack(requestId: string, counterIds: readonly string[]): Promise<void>;
}

/** One admission's question to the limits, to be asked in a transaction. */
export interface LimitAsk {
  readonly values: TakeValues;
  /** Reads how the limits stand at the end of the transaction, also where nothing was taken. */
  readonly tell: Statement;
  /** What was read, in the order of the wants. */
  states(): LimitState[];
  /** Whether the limits, as they were read, had room for what was not taken. */
  hadRoom(): boolean;
}

/** What the ledger needs besides. */
export interface LimitBook extends Limits {
  readonly statements: LimitStatements;
  ask(about: { requestId: string; holdId: string }, wants: readonly LimitWant[]): LimitAsk;
  /** Takes it without any hold. Whether it did. */
  take(ask: LimitAsk): Promise<boolean>;
  /** The request is over, however it ended. For the group that settles it. */
  settle(requestId: string, use: LimitUse | undefined): Statement[];
  /** Frees the places of gateways that are gone. What their windows counted stays. */
  takeOver(): Promise<void>;
  /** Deletes what no window counts any more, in small steps, and frees what requests have left behind that are over. */
  sweep(): Promise<void>;
}

/** What a request has left behind that is over, but could not be written: looked for when it is so old, ms. */
const leftBehindMs = 60_000;
/** Rows of one delete, ids of one query. */
const batch = 500;
export interface LimitBookOptions {
  driver: Driver;
  writer: Writer;
  /** Throws where nothing may be written. */
  refuse(): void;
}

export function createLimits({ driver, writer, refuse }: LimitBookOptions): LimitBook {
  const { db } = driver;
  const statements = createLimitStatements(db);
  /** Requests of this gateway that are not over. */
  const open = new Set<string>();

  const explained = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw driver.explain(error);
    }
  };

  const readCounted = async (ids: readonly string[]): Promise<Counted> => {
    const found: Counted = { buckets: new Map(), places: new Map() };
    for (let from = 0; from < ids.length; from += batch) {
      const part = ids.slice(from, from + batch);
      const buckets = await db
        .selectFrom("limit_count")
        .select(["counter_id", "epoch", "amount"])
        .where("counter_id", "in", part)
        .execute();
      for (const { counter_id: id, epoch, amount } of buckets) {
        const known = found.buckets.get(id) ?? [];
        known.push({ epoch: Number(epoch), amount: Number(amount) });
        found.buckets.set(id, known);
      }
      const places = await db
        .selectFrom("limit_take")
        .select(["counter_id", sql<bigint>`count(*)`.as("running")])
        .where("counter_id", "in", part)
        .where("epoch", "is", null)
        .groupBy("counter_id")
        .execute();
      for (const { counter_id: id, running } of places) found.places.set(id, Number(running));
    }
    return found;
  };

  /** Reads of one moment are one query: refusals come in crowds. */
  let wanted = new Set<string>();
  let reading: Promise<Counted> | null = null;
  const countedOf = (ids: readonly string[]): Promise<Counted> => {
    for (const id of ids) wanted.add(id);
    reading ??= (async () => {
      await Promise.resolve();
      const all = [...wanted];
      wanted = new Set();
      reading = null;
      return explained(() => readCounted(all));
    })();
    return reading;
  };

  return {
    statements,
    ask({ requestId, holdId }, wants) {
      open.add(requestId);
      const atMs = driver.clock();
      const takes = takesOf(wants, atMs);
      const values = { requestId, holdId, owner: driver.owner, atMs, takes };
      let row: ToldRow = {};
      const told = (): Map<string, { used: number; last: number | null }> => {
        const read = readTold(row, takes);
        return new Map(
          takes.map(({ counterId }, index) => [counterId, read[index] ?? { used: 0, last: null }]),
        );
      };
      return {
        values,
        tell: statements.tell(values, (found) => {
          row = found;
        }),
        states() {
          const counters = told();
          return wants.map(({ limitId, unit, windowMs }) => {
            const { used, last } = counters.get(counterIdOf(limitId, unit, windowMs)) ?? none;
            const resetMs =
              windowMs === null || last === null ? 0 : untilEmpty(last, { windowMs, nowMs: atMs });
            return { used, resetMs };
          });
        },
        hadRoom() {
          const counters = told();
          return takes.every(
            ({ counterId, room }) => (counters.get(counterId) ?? none).used <= room,
          );
        },
      };
    },
    async take({ values, tell }) {
      const { requestId, holdId } = values;
      const { changed, retried } = await writer.hold(
        requestId,
        { group: [...statements.take(values), tell] },
        { group: statements.undo(values) },
      );
      if (changed || !retried) return changed;
      return explained(async () => {
        const row = await db
          .selectFrom("limit_take")
          .select("hold_id")
          .where("request_id", "=", requestId)
          .where("hold_id", "=", holdId)
          .executeTakeFirst();
        return row !== undefined;
      });
    },
    settle(requestId, use) {
      open.delete(requestId);
      return use ? statements.settle(requestId, use) : [];
    },
    async outlook(wants) {
      const counted = await countedOf(
        wants.map(({ limitId, unit, windowMs }) => counterIdOf(limitId, unit, windowMs)),
      );
      return wants.map((want) => outlookOf(want, counted, driver.clock()));
    },
    async giveBack(requestId, counterIds) {
      open.delete(requestId);
      const [first, ...rest] = statements.settle(requestId, { counterIds, used: null });
      if (!first) return;
      refuse();
      // Each is a group of its own: that one changes nothing does not hinder the other.
      await writer.write(requestId, { group: [first] });
      for (const statement of rest) await writer.write(requestId, { group: [statement] });
    },
    async takeOver() {
      const owners = await explained(() =>
        db.selectFrom("limit_take").select("owner").distinct().execute(),
      );
      const dead = await driver.deadOwners(owners.map(({ owner }) => owner));
      for (let from = 0; from < dead.length; from += batch) {
        await explained(() =>
          db
            .deleteFrom("limit_take")
            .where("owner", "in", dead.slice(from, from + batch))
            .execute(),
        );
      }
    },
    async sweep() {
      const nowMs = Math.trunc(driver.clock());
      const old = await explained(() =>
        db
          .selectFrom("limit_take")
          .select("request_id")
          .distinct()
          .where("owner", "=", driver.owner)
          .where("at_ms", "<", BigInt(nowMs - leftBehindMs))
          .execute(),
      );
      const left = old.map((row) => row.request_id).filter((id) => !open.has(id));
      for (let from = 0; from < left.length; from += batch) {
        await explained(() =>
          db
            .deleteFrom("limit_take")
            .where("request_id", "in", left.slice(from, from + batch))
            .execute(),
        );
      }
      for (;;) {
        const { numDeletedRows } = await explained(() =>
          db
            .deleteFrom("limit_count")
            .where(
              sql<boolean>`(counter_id, epoch) in (select ended.counter_id, ended.epoch
                from limit_count as ended where ended.ends_ms <= ${nowMs}
                order by ended.ends_ms limit ${batch})`,
            )
            .executeTakeFirst(),
        );
        if (numDeletedRows < BigInt(batch)) return;
        // Others get their turn between two steps.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
  };
}

const none = { used: 0, last: null };
