// Which gateways on one database are alive: each counts up a row of its own, and is watched by the others.
import type { Kysely } from "kysely";
import { monotonic } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Tables } from "../schema.ts";

export interface Owners {
  /** Begins the sign of life. Rows in the name of this owner may be written after it. */
  begin(): Promise<void>;
  /** See Driver.deadOwners. */
  dead(owners: readonly string[]): Promise<string[]>;
  /** Ends it: from now on this owner is gone. Fails where the database does. */
  end(): Promise<void>;
}

export interface OwnersOptions {
  owner: string;
  /** An owner that was watched for so long without a sign of life is gone, ms. */
  leaseMs: number;
  log?: Logger;
}

/** Signs of life in one lease. */
const beatsPerLease = 5;

/**
 * No clocks are compared: an owner is gone when this gateway has seen the same count for a whole lease, in
 * which the database answered every time. Nobody is buried because the database, or the watcher, was away.
 */
export function createOwners(db: Kysely<Tables>, options: OwnersOptions): Owners {
  const { owner, leaseMs, log } = options;
  /** The count last seen, and since when it has been the same. */
  const watched = new Map<string, { beat: bigint; sinceMs: number }>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let beating = false;
  let watchedMs = Number.NEGATIVE_INFINITY;

  const register = async (): Promise<void> => {
    await db
      .insertInto("owner_beat")
      .values({ owner, beat: 0 })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  };

  /** Never rejects: the writer tells of a database that is away, and the next beat tries again. */
  const beat = async (): Promise<void> => {
    if (beating) return;
    beating = true;
    try {
      const { numUpdatedRows } = await db
        .updateTable("owner_beat")
        .set((eb) => ({ beat: eb("beat", "+", 1n) }))
        .where("owner", "=", owner)
        .executeTakeFirst();
      if (numUpdatedRows === 0n && timer) {
        log?.error("store.taken_for_dead", { owner });
        await register();
      }
    } catch (error) {
      log?.debug("store.beat_failed", {}, error);
    } finally {
      beating = false;
    }
  };

  /** Looks at every owner; forgets what it saw when it cannot look, or has not looked for long. */
  const watch = async (): Promise<Set<string>> => {
    const time = monotonic();
    if (time - watchedMs > leaseMs) watched.clear();
    watchedMs = time;
    try {
      const rows = await db.selectFrom("owner_beat").selectAll().execute();
      const seen = new Map(rows.map((row) => [row.owner, row.beat]));
      for (const known of watched.keys()) if (!seen.has(known)) watched.delete(known);
      for (const [name, count] of seen) {
        if (watched.get(name)?.beat !== count) watched.set(name, { beat: count, sinceMs: time });
      }
      return new Set(seen.keys());
    } catch (error) {
      watched.clear();
      throw error;
    }
  };

  /** So that all gateways agree, and the one that is gone by mistake learns of it. */
  const bury = async (alive: Set<string>): Promise<void> => {
    const time = monotonic();
    for (const [name, { beat: count, sinceMs }] of watched) {
      if (name === owner || time - sinceMs < leaseMs) continue;
      const { numDeletedRows } = await db
        .deleteFrom("owner_beat")
        .where("owner", "=", name)
        .where("beat", "=", count)
        .executeTakeFirst();
      if (numDeletedRows > 0n) log?.warn("store.gateway_gone", { owner: name });
      // Nothing deleted: it gave a sign of life just now, or somebody else was first.
      watched.delete(name);
      if (numDeletedRows > 0n) alive.delete(name);
    }
  };

  return {
    async begin() {
      await register();
      timer = setInterval(() => void beat(), leaseMs / beatsPerLease);
      timer.unref();
    },
    async dead(owners) {
      const alive = await watch();
      await bury(alive);
      return owners.filter((name) => name !== owner && !alive.has(name));
    },
    async end() {
      clearInterval(timer);
      timer = undefined;
      await db.deleteFrom("owner_beat").where("owner", "=", owner).execute();
    },
  };
}
