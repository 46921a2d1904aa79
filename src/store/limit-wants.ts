// What a request wants of rate limits, as counters and the room in them, and how long it would wait for that.
import { type Bucket, countedAt, spanAt, waitUntil } from "../lib/sliding-window.ts";
import type { LimitUnit } from "./directory-types.ts";
import { StoreError } from "./error.ts";
import { counterIdOf, type LimitTake } from "./limit-statements.ts";

/** What a request wants of a limit. */
export interface LimitWant {
  readonly limitId: string;
  readonly unit: LimitUnit;
  /** Null for `parallel`. */
  readonly windowMs: number | null;
  /** The limit. */
  readonly amount: number;
  /** What the request counts for, as far as is known before it is sent. */
  readonly asked: number;
}

/** How a limit stands. */
export interface LimitState {
  /** Counted in its window, or running now. */
  readonly used: number;
  /** Until nothing is counted any more, ms; 0 for `parallel`. */
  readonly resetMs: number;
}

/** What somebody is told whose request a limit may refuse. */
export interface LimitOutlook extends LimitState {
  /** How long the request would wait for room, ms; null: there is room now. */
  readonly waitMs: number | null;
}

/** How long somebody who found too many requests running waits before the next try, ms. */
const parallelRetryMs = 1_000;
/** More than any window counts. */
const most = 2 ** 50;

/** What was read of counters, by their ids. */
export interface Counted {
  readonly buckets: Map<string, Bucket[]>;
  readonly places: Map<string, number>;
}

/**
 * What may be counted already. A request that is larger than the whole limit passes when nothing else is counted: else
 * it never could.
 */
const roomOf = ({ unit, amount, asked }: LimitWant): number =>
  unit.endsWith("tokens") && amount > 0 ? Math.max(0, amount - asked) : amount - asked;

/** Each counter once, those of windows first; of several wants of one the tightest. */
export function takesOf(wants: readonly LimitWant[], atMs: number): LimitTake[] {
  const takes = new Map<string, LimitTake>();
  for (const want of wants) {
    const { limitId, unit, windowMs } = want;
    const counterId = counterIdOf(limitId, unit, windowMs);
    const room = Math.max(-1, Math.min(most, Math.floor(roomOf(want))));
    const known = takes.get(counterId);
    if (known && known.room <= room) continue;
    const span = windowMs === null ? null : spanAt(windowMs, atMs);
    takes.set(counterId, {
      counterId,
      unit,
      span,
      endsMs: Math.ceil(span?.endsMs ?? 0),
      amount: Math.max(0, Math.min(most, Math.ceil(want.asked))),
      room,
    });
  }
  const all = [...takes.values()];
  if (all.length > maxTakes) {
    throw new StoreError(
      "invalid_row",
      `The request counts for ${all.length} limits; at most ${maxTakes} can count for one.`,
    );
  }
  return [...all.filter(({ span }) => span), ...all.filter(({ span }) => !span)];
}

/** Limits that can count for one request: more than one for each unit and window at each level of tenancy. */
export const maxTakes = 200;

/** How a limit stands for who wants that of it. */
export function outlookOf(want: LimitWant, counted: Counted, nowMs: number): LimitOutlook {
  const { limitId, unit, windowMs } = want;
  const id = counterIdOf(limitId, unit, windowMs);
  const room = roomOf(want);
  if (windowMs === null) {
    const used = counted.places.get(id) ?? 0;
    return { used, resetMs: 0, waitMs: used <= room ? null : parallelRetryMs };
  }
  const buckets = counted.buckets.get(id) ?? [];
  const used = countedAt(buckets, spanAt(windowMs, nowMs));
  const moment = { windowMs, nowMs };
  return {
    used,
    resetMs: waitUntil(buckets, 0, moment),
    waitMs: used <= room ? null : waitUntil(buckets, room, moment),
  };
}
