// Quantiles of durations in little memory: logarithmic buckets, 10 % wide, that forget in two halves.

export interface LatencySketch {
  add(ms: number, nowMs: number): void;
  /** About how long the fastest share `q` took at most; null while fewer than {@link fewest} were seen. */
  quantile(q: number, nowMs: number): number | null;
}

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

  return {
    add(ms, nowMs) {
      turn(nowMs);
      const bucket = Math.ceil(Math.log(Math.max(1, ms)) / Math.log(growth));
      const index = Math.min(buckets - 1, bucket);
      young[index] = (young[index] ?? 0) + 1;
    },
    quantile(q, nowMs) {
      turn(nowMs);
      let total = 0;
      for (let index = 0; index < buckets; index += 1) {
        total += (young[index] ?? 0) + (old[index] ?? 0);
      }
      if (total < fewest) return null;
      let left = Math.ceil(total * q);
      for (let index = 0; index < buckets; index += 1) {
        left -= (young[index] ?? 0) + (old[index] ?? 0);
        if (left <= 0) return growth ** index;
      }
      return growth ** (buckets - 1);
    },
  };
}
