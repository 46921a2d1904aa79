// The database's clock, which all gateways on it share: how far it is from this machine's own.
import { type Kysely, sql } from "kysely";
import { monotonic, now, systemNow } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Tables } from "../schema.ts";

export interface SharedClock {
  /** Wall clock of the database, ms since the epoch, as far as it is known. */
  now(): number;
  /** Asks for it, unless that was done just now. Fails where the database does. */
  measure(): Promise<void>;
}

/** Clocks that are set by the network differ by less, ms. */
const remarkableMs = 1_000;

/** Several parts of the ledger ask at the same time, ms. */
const justNowMs = 1_000;

/** Until it is measured it is this machine's own. */
export function createSharedClock(db: Kysely<Tables>, log?: Logger): SharedClock {
  let offsetMs = 0;
  let isRemarked = false;
  let measuredMs = Number.NEGATIVE_INFINITY;
  return {
    now: () => now() + offsetMs,
    async measure() {
      if (monotonic() - measuredMs < justNowMs) return;
      measuredMs = monotonic();
      const beforeMs = systemNow();
      const { rows } = await sql<{ now_ms: number }>`
        select (extract(epoch from clock_timestamp()) * 1000)::double precision as now_ms`.execute(
        db,
      );
      const [{ now_ms: theirsMs } = { now_ms: beforeMs }] = rows;
      offsetMs = offsetBetween({ beforeMs, theirsMs, afterMs: systemNow() });
      const isFar = Math.abs(offsetMs) >= remarkableMs;
      if (isFar && !isRemarked) {
        log?.warn("store.clock_differs", { databaseAheadMs: offsetMs });
      }
      isRemarked = isFar;
    },
  };
}

/**
 * How far their clock is ahead that was read between two looks at the own one. 0 where the two may say the same: what
 * the network takes is no difference.
 * @example offsetBetween({ beforeMs: 100, theirsMs: 550, afterMs: 200 }) // → 400
 */
export function offsetBetween({
  beforeMs,
  theirsMs,
  afterMs,
}: {
  beforeMs: number;
  theirsMs: number;
  afterMs: number;
}): number {
  if (theirsMs >= beforeMs - 1 && theirsMs <= afterMs + 1) return 0;
  return Math.round(theirsMs - (beforeMs + afterMs) / 2);
}
