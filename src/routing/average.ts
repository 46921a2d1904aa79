// An average that forgets by time.

export interface Average {
  readonly value: number | null;
  add(value: number, nowMs: number): void;
}

/** However many come at once, a single one still counts this much. */
const leastShare = 0.02;

/** What is older than `memoryMs` is mostly forgotten; after a long silence a single new value counts almost alone. */
export function createAverage(memoryMs: number): Average {
  let value: number | null = null;
  let lastMs = 0;
  let seen = 0;
  return {
    get value() {
      return value;
    },
    add(next, nowMs) {
      const forgotten = 1 - Math.exp(-Math.max(0, nowMs - lastMs) / memoryMs);
      const share = Math.max(leastShare, forgotten, 1 / (seen + 1));
      value = value === null ? next : value + share * (next - value);
      lastMs = nowMs;
      seen += 1;
    },
  };
}
