// B13: windows of budgets: every moment has exactly one, at the zone's own instants.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type BudgetWindow,
  isTimeZone,
  windowAt,
  type WindowLength,
} from "../../../src/lib/windows.ts";

const at = (text: string): number => Temporal.Instant.from(text).epochMilliseconds;
const told = ({ startMs, endMs }: BudgetWindow): [string, string | null] => [
  new Date(startMs).toISOString().replace(".000Z", "Z"),
  endMs === null ? null : new Date(endMs).toISOString().replace(".000Z", "Z"),
];
const aligned = (window: WindowLength, zone: string, now: string): [string, string | null] =>
  told(windowAt({ window, zone, aligned: true, anchorMs: 0 }, at(now)));

describe("B13: calendar windows", () => {
  test.each<[WindowLength, string, string, string, string]>([
    // Nine hours ahead, eight behind.
    [
      "1d",
      "Asia/Tokyo",
      "2026-03-01T14:59:59.999Z",
      "2026-02-28T15:00:00Z",
      "2026-03-01T15:00:00Z",
    ],
    ["1d", "Asia/Tokyo", "2026-03-01T15:00:00Z", "2026-03-01T15:00:00Z", "2026-03-02T15:00:00Z"],
    [
      "1d",
      "America/Los_Angeles",
      "2026-01-05T07:59:59Z",
      "2026-01-04T08:00:00Z",
      "2026-01-05T08:00:00Z",
    ],
    ["1d", "Asia/Kolkata", "2026-01-05T00:00:00Z", "2026-01-04T18:30:00Z", "2026-01-05T18:30:00Z"],
    // A day of 23 hours and one of 25.
    ["1d", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"],
    ["1d", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"],
    // A day without midnight: clocks go from 24:00 to 1:00.
    ["1d", "Africa/Cairo", "2026-04-24T05:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"],
    // A date that a zone skipped.
    ["1d", "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"],
    ["1d", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"],
    // Weeks begin on Monday, over the change of clocks and over the year's end.
    ["1w", "Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"],
    ["1w", "UTC", "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"],
    // Months of every length, in February of a leap year, too.
    ["1M", "UTC", "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
    ["1M", "Asia/Tokyo", "2026-12-31T15:00:00Z", "2026-12-31T15:00:00Z", "2027-01-31T15:00:00Z"],
    [
      "1M",
      "America/Los_Angeles",
      "2026-03-31T12:00:00Z",
      "2026-03-01T08:00:00Z",
      "2026-04-01T07:00:00Z",
    ],
    [
      "1h",
      "Asia/Kathmandu",
      "2026-01-05T00:20:00Z",
      "2026-01-05T00:15:00Z",
      "2026-01-05T01:15:00Z",
    ],
    // A change of half an hour cuts the hour it falls into.
    [
      "1h",
      "Australia/Lord_Howe",
      "2027-04-03T14:59:00Z",
      "2027-04-03T14:00:00Z",
      "2027-04-03T15:00:00Z",
    ],
    [
      "1h",
      "Australia/Lord_Howe",
      "2027-04-03T15:00:00Z",
      "2027-04-03T15:00:00Z",
      "2027-04-03T15:30:00Z",
    ],
    [
      "1h",
      "Australia/Lord_Howe",
      "2027-04-03T15:30:00Z",
      "2027-04-03T15:30:00Z",
      "2027-04-03T16:30:00Z",
    ],
    ["1h", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"],
  ])("%s in %s at %s", (window, zone, now, start, end) => {
    expect(aligned(window, zone, now)).toEqual([start, end]);
  });

  test("a total budget has one window, even before it was made", () => {
    const rule = { window: "total", zone: "UTC", aligned: true, anchorMs: 5_000 } as const;
    expect(windowAt(rule, 9e15)).toEqual({ startMs: 5_000, endMs: null });
    expect(windowAt(rule, 0)).toEqual({ startMs: 5_000, endMs: null });
  });
});

describe("B13: windows from the budget's creation", () => {
  const rolling = (window: WindowLength, zone: string, anchor: string, now: string) =>
    told(windowAt({ window, zone, aligned: false, anchorMs: at(anchor) }, at(now)));

  test("have one length, whatever the clock of the zone does", () => {
    expect(rolling("1d", "Europe/Berlin", "2026-03-28T11:11:11Z", "2026-03-29T11:11:10Z")).toEqual([
      "2026-03-28T11:11:11Z",
      "2026-03-29T11:11:11Z",
    ]);
    expect(rolling("1h", "UTC", "2026-03-28T11:11:11Z", "2026-03-28T11:11:10Z")).toEqual([
      "2026-03-28T10:11:11Z",
      "2026-03-28T11:11:11Z",
    ]);
  });

  test("months keep the day of the month, or have its last", () => {
    const month = (now: string) => rolling("1M", "UTC", "2026-01-31T10:00:00Z", now);
    expect(month("2026-02-15T00:00:00Z")).toEqual(["2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"]);
    expect(month("2026-02-28T10:00:00Z")).toEqual(["2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z"]);
    expect(month("2026-03-31T10:00:00Z")).toEqual(["2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z"]);
    expect(month("2026-01-31T09:59:59Z")).toEqual(["2025-12-31T10:00:00Z", "2026-01-31T10:00:00Z"]);
  });
});

describe("B13: any rule, any moment", () => {
  const rule = fc.record({
    window: fc.constantFrom<WindowLength>("1h", "1d", "1w", "1M"),
    zone: fc.oneof(
      fc.constantFrom(
        "UTC",
        "Asia/Tokyo",
        "America/Los_Angeles",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/St_Johns",
        "Antarctica/Troll",
        "Pacific/Apia",
        "+05:45",
      ),
      fc.constantFrom(...Intl.supportedValuesOf("timeZone")),
    ),
    aligned: fc.boolean(),
    anchorMs: fc.integer({ min: at("1999-12-31T00:00:00Z"), max: at("2040-01-01T00:00:00Z") }),
  });
  const moment = fc.integer({ min: at("1985-01-01T00:00:00Z"), max: at("2040-01-01T00:00:00Z") });
  /** A moment, or the moments around a change of the zone's clock after it. */
  const near = (zone: string, ms: number, isNear: boolean, byMs: number): number => {
    if (!isNear) return ms;
    const now = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
    return (now.getTimeZoneTransition("next")?.epochMilliseconds ?? ms) + byMs;
  };
  const shift = fc.integer({ min: -90_000_000, max: 90_000_000 });

  test("lies in its window; windows tile without gap or overlap", () => {
    fc.assert(
      fc.property(rule, moment, fc.boolean(), shift, (each, ms, isNear, byMs) => {
        const now = near(each.zone, ms, isNear, byMs);
        const { startMs, endMs } = windowAt(each, now);
        if (endMs === null) throw new Error("a window without end");
        expect(startMs).toBeLessThanOrEqual(now);
        expect(endMs).toBeGreaterThan(now);
        // Every moment of a window has that window, and its neighbours meet it.
        for (const inside of [startMs, endMs - 1, Math.floor((startMs + endMs) / 2)]) {
          expect(windowAt(each, inside)).toEqual({ startMs, endMs });
        }
        expect(windowAt(each, startMs - 1).endMs).toBe(startMs);
        expect(windowAt(each, endMs).startMs).toBe(endMs);
      }),
      { numRuns: 4_000, seed: 5 },
    );
  });

  test("never goes back while time goes on, and comes back with a clock that does", () => {
    fc.assert(
      fc.property(rule, moment, shift, (each, ms, jumpMs) => {
        const one = windowAt(each, ms);
        const other = windowAt(each, ms + jumpMs);
        expect(Math.sign(other.startMs - one.startMs) * Math.sign(jumpMs)).toBeGreaterThanOrEqual(
          0,
        );
        expect(windowAt(each, ms)).toEqual(one);
      }),
      { numRuns: 2_000, seed: 6 },
    );
  });
});

test("zones are known or not", () => {
  expect(["UTC", "Asia/Kolkata", "+09:00"].map(isTimeZone)).toEqual([true, true, true]);
  expect(["", "Mars/Base", "Europe/Berlin ", "9"].map(isTimeZone)).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(() =>
    windowAt({ window: "1d", zone: "Mars/Base", aligned: true, anchorMs: 0 }, 0),
  ).toThrow(RangeError);
});
