// The window of a budget at a moment: calendar windows in a time zone, or windows of one length from a beginning.

/** How long a budget lasts until it begins anew. */
export type WindowLength = "1h" | "1d" | "1w" | "1M" | "total";

export interface WindowRule {
  window: WindowLength;
  /** IANA time zone; see {@link isTimeZone}. */
  zone: string;
  /** With the calendar of the zone: full hours, days, weeks from Monday, months. Else from the anchor on. */
  aligned: boolean;
  /** Where windows that are not aligned begin, ms since the epoch: the budget's creation. */
  anchorMs: number;
}

/** From `startMs` on and before `endMs`, ms since the epoch; null: without end. */
export interface BudgetWindow {
  startMs: number;
  endMs: number | null;
}

/**
 * The window that `nowMs` lies in. Windows of a rule tile time: each ends where the next begins, whatever the
 * zone's clock does, so a moment has one window and each reset happens once. `total` is one window for all time.
 * @throws RangeError when the zone is none.
 * @example windowAt({ window: "1d", zone: "UTC", aligned: true, anchorMs: 0 }, 90_000_000) // → { startMs: 86_400_000, endMs: 172_800_000 }
 */
export function windowAt(rule: WindowRule, nowMs: number): BudgetWindow {
  const { window, zone, aligned, anchorMs } = rule;
  if (window === "total") return { startMs: anchorMs, endMs: null };
  const now = Math.floor(nowMs);
  if (window === "1M") {
    return aligned ? between(monthStarts(zone, now), now) : between(monthsFrom(rule, now), now);
  }
  if (!aligned) return stepsFrom(anchorMs, lengthMs[window], now);
  switch (window) {
    case "1h":
      return hourAt(zone, now);
    case "1d":
      return between(dayStarts(dateAt(zone, now), zone, 1), now);
    case "1w": {
      const today = dateAt(zone, now);
      return between(dayStarts(today.subtract({ days: today.dayOfWeek - 1 }), zone, 7), now);
    }
    default:
      return window satisfies never;
  }
}

/** Whether the name is a time zone that {@link windowAt} knows. @example isTimeZone("Asia/Kolkata") // → true */
export function isTimeZone(name: string): boolean {
  try {
    zoned(name, 0);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const hourMs = 3_600_000;
const lengthMs = { "1h": hourMs, "1d": 24 * hourMs, "1w": 7 * 24 * hourMs } as const;

const zoned = (zone: string, ms: number): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);

const dateAt = (zone: string, ms: number): Temporal.PlainDate => zoned(zone, ms).toPlainDate();

/** The first moment of a date; where a zone skipped the date, of the next. */
const startOf = (date: Temporal.PlainDate, zone: string): number =>
  date.toZonedDateTime(zone).epochMilliseconds;

/** Starts of four windows of so many days, of which the second begins with `date`. */
const dayStarts = (date: Temporal.PlainDate, zone: string, days: number): number[] =>
  [-1, 0, 1, 2].map((step) => startOf(date.add({ days: step * days }), zone));

function monthStarts(zone: string, now: number): number[] {
  const first = dateAt(zone, now).with({ day: 1 });
  return [-1, 0, 1, 2].map((step) => startOf(first.add({ months: step }), zone));
}

/** Months counted from the anchor itself: the 31st is the 28th in February and the 31st again in March. */
function monthsFrom({ zone, anchorMs }: WindowRule, now: number): number[] {
  const anchor = zoned(zone, anchorMs).toPlainDateTime();
  const today = zoned(zone, now);
  const passed = (today.year - anchor.year) * 12 + today.month - anchor.month;
  return [-2, -1, 0, 1, 2].map(
    (step) => anchor.add({ months: passed + step }).toZonedDateTime(zone).epochMilliseconds,
  );
}

/** The two neighbours around `now` in a list that never falls. That they are neighbours is what makes windows tile. */
function between(starts: readonly number[], now: number): BudgetWindow {
  const startMs = starts.findLast((start) => start <= now);
  const endMs = starts.find((start) => start > now);
  if (startMs === undefined || endMs === undefined) {
    throw new RangeError(`\`${now}\` lies outside the calendar`);
  }
  return { startMs, endMs };
}

function stepsFrom(anchorMs: number, length: number, now: number): BudgetWindow {
  const startMs = anchorMs + Math.floor((now - anchorMs) / length) * length;
  return { startMs, endMs: startMs + length };
}

/**
 * Full hours by the zone's clock. Nearly every change of a clock is by whole hours and moves no full hour; one by
 * half an hour ends the window that it falls into.
 */
function hourAt(zone: string, now: number): BudgetWindow {
  const phase = phaseAt(zone, now);
  const startMs = Math.floor((now + phase) / hourMs) * hourMs - phase;
  const endMs = startMs + hourMs;
  const before = phaseAt(zone, startMs) === phase ? null : transition(zone, now, "previous");
  const after = phaseAt(zone, endMs - 1) === phase ? null : transition(zone, now, "next");
  return { startMs: before ?? startMs, endMs: after ?? endMs };
}

/** How far the zone's clock is past UTC, less whole hours. */
function phaseAt(zone: string, ms: number): number {
  const offsetMs = zoned(zone, ms).offsetNanoseconds / 1e6;
  return ((offsetMs % hourMs) + hourMs) % hourMs;
}

function transition(zone: string, ms: number, direction: "previous" | "next"): number | null {
  // A change at this very moment is one that has happened, and "previous" looks before the moment it is given.
  const from = direction === "previous" ? ms + 1 : ms;
  return zoned(zone, from).getTimeZoneTransition(direction)?.epochMilliseconds ?? null;
}
