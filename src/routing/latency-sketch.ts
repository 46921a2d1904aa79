// Quantiles of durations in little memory: logarithmic buckets, 10 % wide, that forget in two halves.

export interface LatencySketch {
  add(ms: number, nowMs: number): void;
  /** About how long the fastest share `q` took at most; null while fewer than {@link fewest} were seen. */
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
  let young = new Uint32Array(buckets);
  let old = new Uint32Array(buckets);
  let startedMs: number | null = null;

  const turn = (nowMs: number): void => {
    startedMs ??= nowMs;
    const age = nowMs - startedMs;
    if (age < halfMs) return;
    [young, old] = [old, young];
    young.fill(0);
    if (age >= 2 * halfMs) old.fill(0);
    startedMs = nowMs;
  };

  const at = (bucket: number): number => (young[bucket] ?? 0) + (old[bucket] ?? 0);

  /** Of the durations in the first `end` buckets. */
  const quantileOf = (q: number, end: number): number | null => {
    let total = 0;
    for (let bucket = 0; bucket < end; bucket += 1) total += at(bucket);
    if (total < fewest) return null;
    let left = Math.ceil(total * q);
    let bucket = 0;
    while (bucket < end - 1 && left > at(bucket)) {
      left -= at(bucket);
      bucket += 1;
    }
    return growth ** bucket;
  };

  return {
    add(ms, nowMs) {
      turn(nowMs);
      const bucket = bucketOf(ms);
      young[bucket] = (young[bucket] ?? 0) + 1;
    },
    quantile(q, nowMs) {
      turn(nowMs);
      return quantileOf(q, buckets);
    },
    usual(q, nowMs) {
      turn(nowMs);
      const median = quantileOf(0.5, buckets);
      return median && quantileOf(q, bucketOf(median * outlier) + 1);
    },
  };
}

const bucketOf = (ms: number): number =>
  Math.min(buckets - 1, Math.ceil(Math.log(Math.max(1, ms)) / Math.log(growth)));
