// Counters over the last so many milliseconds: a ring of buckets, constant memory and time.

export interface SlidingWindow {
  add(lane: number, amount: number, nowMs: number): void;
  sum(lane: number, nowMs: number): number;
  clear(): void;
}

/**
 * @param options.lanes how many counters share the window
 * @example createSlidingWindow({ windowMs: 60_000, lanes: 2 }) // successes in lane 0, failures in lane 1
 */
export function createSlidingWindow(options: {
  windowMs: number;
  lanes?: number;
  buckets?: number;
}): SlidingWindow {
  const { windowMs, lanes = 1, buckets = 10 } = options;
  const bucketMs = windowMs / buckets;
  const counts = new Float64Array(buckets * lanes);
  const epochs = new Float64Array(buckets).fill(-1);

  return {
    add(lane, amount, nowMs) {
      const epoch = Math.floor(nowMs / bucketMs);
      const slot = ((epoch % buckets) + buckets) % buckets;
      if (epoch > (epochs[slot] ?? -1)) {
        epochs[slot] = epoch;
        counts.fill(0, slot * lanes, (slot + 1) * lanes);
      }
      counts[slot * lanes + lane] = (counts[slot * lanes + lane] ?? 0) + amount;
    },
    sum(lane, nowMs) {
      const oldest = Math.floor(nowMs / bucketMs) - buckets;
      let sum = 0;
      for (let slot = 0; slot < buckets; slot += 1) {
        if ((epochs[slot] ?? -1) > oldest) sum += counts[slot * lanes + lane] ?? 0;
      }
      return sum;
    },
    clear() {
      counts.fill(0);
      epochs.fill(-1);
    },
  };
}
