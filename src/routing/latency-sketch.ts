// Quantiles of durations in little memory, also where some were cut short: logarithmic buckets, 10 % wide, that forget in two halves.

export interface LatencySketch {
  add(ms: number, nowMs: number): void;
  /** It was cut short after `ms`: nobody knows how much longer it would have taken. */
  addAtLeast(ms: number, nowMs: number): void;
  /**
   * About how long the fastest share `q` took at most; null while fewer than {@link fewest} were seen to their end.
   * Where too many were cut short to say, the longest time that is known of.
   */
  quantile(q: number, nowMs: number): number | null;
  /**
   * The same of the usual ones: without those that took more than {@link outlier} times the median. When one in ten
   * hangs, the plain 95th percentile is as long as they hang.
   */
  usual(q: number, nowMs: number): number | null;
}

const outlier = 5;

/** Fewer durations than this say nothing about the rare slow ones. */
export const fewest = 20;

/** Each bucket reaches this much further than the one before it. */
const growth = 1.1;
/** Enough for an hour. */
const buckets = Math.ceil(Math.log(3_600_000) / Math.log(growth)) + 1;

/** @param halfMs what is older than twice this is forgotten */
export function createLatencySketch(halfMs = 5 * 60_000): LatencySketch {
  const whole = createCounts();
  /** Few deployments have any. */
  let cut: Counts | null = null;
  let startedMs: number | null = null;

  const turn = (nowMs: number): void => {
    startedMs ??= nowMs;
    const age = nowMs - startedMs;
    if (age < halfMs) return;
    whole.turn(age >= 2 * halfMs);
    cut?.turn(age >= 2 * halfMs);
    startedMs = nowMs;
  };

  /**
   * The first bucket by whose end the share `q` was over, and the share that was: as Kaplan and Meier estimate it, so that
   * who was cut short counts among those that took longer for as long as it was watched, and for nothing after.
   */
  const reach = (q: number, end: number): { bucket: number; share: number } => {
    let watched = whole.sum(buckets) + (cut?.sum(buckets) ?? 0);
    let longer = 1;
    let last = 0;
    for (let bucket = 0; bucket < end && watched > 0; bucket += 1) {
      const [over, left] = [whole.at(bucket), cut?.at(bucket) ?? 0];
      if (over + left > 0) last = bucket;
      // Those that were cut short within a bucket were watched for half of it, on average.
      if (over > 0) longer *= 1 - over / (watched - left / 2);
      if (1 - longer >= q - rounding) return { bucket, share: 1 - longer };
      watched -= over + left;
    }
    return { bucket: last, share: 1 - longer };
  };

  const quantileOf = (q: number, end: number): number | null =>
    whole.sum(end) < fewest ? null : growth ** reach(q, end).bucket;

  return {
    add(ms, nowMs) {
      turn(nowMs);
      whole.add(bucketOf(ms));
    },
    addAtLeast(ms, nowMs) {
      turn(nowMs);
      cut ??= createCounts();
      cut.add(bucketOf(ms));
    },
    quantile(q, nowMs) {
      turn(nowMs);
      return quantileOf(q, buckets);
    },
    usual(q, nowMs) {
      turn(nowMs);
      const median = quantileOf(0.5, buckets);
      if (median === null) return null;
      const end = Math.min(buckets, bucketOf(median * outlier) + 1);
      return quantileOf(q * reach(1, end).share, end);
    },
  };
}

/** Of sums of many shares. */
const rounding = 1e-9;

interface Counts {
  add(bucket: number): void;
  at(bucket: number): number;
  /** Of the first `end` buckets. */
  sum(end: number): number;
  /** What is young becomes old, and what is old is forgotten; `all`: everything is. */
  turn(all: boolean): void;
}

function createCounts(): Counts {
  let young = new Uint32Array(buckets);
  let old = new Uint32Array(buckets);
  const at = (bucket: number): number => (young[bucket] ?? 0) + (old[bucket] ?? 0);
  return {
    at,
    add(bucket) {
      young[bucket] = (young[bucket] ?? 0) + 1;
    },
    sum(end) {
      let total = 0;
      for (let bucket = 0; bucket < end; bucket += 1) total += at(bucket);
      return total;
    },
    turn(all) {
      [young, old] = [old, young];
      young.fill(0);
      if (all) old.fill(0);
    },
  };
}

const bucketOf = (ms: number): number =>
  Math.min(buckets - 1, Math.ceil(Math.log(Math.max(1, ms)) / Math.log(growth)));
