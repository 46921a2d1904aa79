// What differs between sums and what they are sums of, and between a request's row and its attempts.
import { tokenFields } from "./rows.ts";
import type { Rollup } from "./rollup-rows.ts";
import { addRollup, folded, otherName } from "./rollups.ts";
import {
  type AttemptFact,
  countNames,
  dimensionNames,
  emptySums,
  type FactRow,
  type Sums,
} from "./usage-facts.ts";

/**
 * - `attempts`: what a request's attempts used or cost is not what its row says
 * - `hour`: the sums of an hour are not those of its rows
 * - `day`: the sums of a day are not those of its hours
 */
export interface LedgerDifference {
  readonly kind: "attempts" | "hour" | "day";
  /** Null: of an hour or day. */
  readonly requestId: string | null;
  /** The request's arrival, or the hour's or day's beginning. */
  readonly atMs: number;
  /** Which sums: properties that are set, as `name=value`. */
  readonly series: string | null;
  readonly field: string;
  readonly found: bigint;
  readonly expected: bigint;
}

/** By their ids. */
export type Sum = ReadonlyMap<string, Rollup>;

const isOther = ({ dimensions }: Rollup): boolean => dimensions.route === otherName;

/** Where some of the sums are of many names together, those of names that have none of their own are put there too. */
export function foldLike(old: Sum, wanted: Sum): Sum {
  if (!old.values().some(isOther)) return wanted;
  const bounded = new Map<string, Rollup>();
  for (const [id, rollup] of wanted) addRollup(bounded, old.has(id) ? rollup : folded(rollup));
  return bounded;
}

/** Where names were summed together, only what they come to can be compared. */
function withoutNames(sums: Sum): Sum {
  const whole = new Map<string, Rollup>();
  for (const rollup of sums.values()) addRollup(whole, folded(rollup));
  return whole;
}

export function compareSums(
  kind: "hour" | "day",
  atMs: number,
  stored: Sum,
  wanted: Sum,
): LedgerDifference[] {
  const hasOther = stored.values().some(isOther) || wanted.values().some(isOther);
  const [found, expected] = hasOther
    ? [withoutNames(stored), withoutNames(wanted)]
    : [byOwnId(stored), wanted];
  const differences: LedgerDifference[] = [];
  for (const id of new Set([...found.keys(), ...expected.keys()])) {
    const rollup = found.get(id) ?? expected.get(id);
    if (!rollup) continue;
    const have = figuresOf(found.get(id)?.sums ?? emptySums());
    const want = figuresOf(expected.get(id)?.sums ?? emptySums());
    const series = seriesText(rollup);
    for (const [field, value] of want) {
      const there = have.get(field) ?? 0n;
      if (there === value) continue;
      differences.push({
        kind,
        requestId: null,
        atMs,
        series,
        field,
        found: there,
        expected: value,
      });
    }
    for (const [field, value] of have) {
      if (want.has(field) || value === 0n) continue;
      differences.push({ kind, requestId: null, atMs, series, field, found: value, expected: 0n });
    }
  }
  return differences;
}

/** By what they are of, whatever the row is called. */
function byOwnId(sums: Sum): Sum {
  const found = new Map<string, Rollup>();
  for (const rollup of sums.values()) addRollup(found, rollup);
  return found;
}

const seriesText = ({ dimensions }: Rollup): string =>
  dimensionNames
    .flatMap((name) => (dimensions[name] === null ? [] : [`${name}=${dimensions[name]}`]))
    .join(" ");

/** All numbers of sums by name; those of a span that is not there are 0. */
function figuresOf(sums: Sums): Map<string, bigint> {
  const figures = new Map<string, bigint>();
  for (const name of countNames) figures.set(name, BigInt(sums[name]));
  for (const [field] of tokenFields) figures.set(field, BigInt(sums[field]));
  figures.set("costNanos", sums.costNanos);
  figures.set("durationMicros", sums.durationMicros);
  figures.set("durationCount", BigInt(sums.durationCount));
  for (const [found, count] of sums.durations) figures.set(`durations[${found}]`, BigInt(count));
  return figures;
}

export function compareAttempts(
  row: FactRow,
  attempts: readonly AttemptFact[],
): LedgerDifference | null {
  const about = {
    kind: "attempts" as const,
    requestId: row.request_id,
    atMs: Number(row.at_ms),
    series: null,
  };
  const count = BigInt(attempts.length);
  if (count !== row.attempts) {
    return { ...about, field: "attempts", found: count, expected: row.attempts };
  }
  // The gateway answered by itself.
  if (count === 0n) return null;
  for (const [field, column] of tokenFields) {
    const expected = row[column];
    const found = attempts.reduce((sum, attempt) => sum + attempt[column], 0n);
    if (found !== expected) return { ...about, field, found, expected };
  }
  // Where the whole is not known, neither is one of the parts.
  if (row.cost_nanos === null) return null;
  const found = attempts.reduce((sum, attempt) => sum + (attempt.cost_nanos ?? 0n), 0n);
  if (found === row.cost_nanos) return null;
  return { ...about, field: "costNanos", found, expected: row.cost_nanos };
}
