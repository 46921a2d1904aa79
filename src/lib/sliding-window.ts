// A window that slides, counted in buckets: which of them count at a moment, and when enough has left.

/** Finer means more exact and more to count: what was counted leaves up to a sixtieth of the window late, never early. */
export const bucketsPerWindow = 60;

/** The buckets of one window at a moment: the one that counts now, and those that are counted. */
export interface Span {
  readonly epoch: number;
  /** The one that the window's beginning falls into counts whole: so a limit is never passed. */
  readonly from: number;
  /**
   * Other gateways' clocks, or this one's before it was set back, may be ahead: what they counted counts. Further
   * ahead than a whole window nobody was: what a clock counted that was wrong by years holds nobody up.
   */
  readonly to: number;
  /** From this moment on no window counts what is counted now, ms. */
  readonly endsMs: number;
}

/** What one bucket has counted. */
export interface Bucket {
  readonly epoch: number;
  readonly amount: number;
}

const bucketMsOf = (windowMs: number): number => windowMs / bucketsPerWindow;

/** From when on nothing counts that is in the bucket, ms. */
const endOf = (epoch: number, windowMs: number): number =>
  (epoch + bucketsPerWindow + 1) * bucketMsOf(windowMs);

/** @example spanAt(60_000, 90_500) // → { epoch: 90, from: 30, to: 150, endsMs: 151_000 } */
export function spanAt(windowMs: number, nowMs: number): Span {
  const epoch = Math.floor(nowMs / bucketMsOf(windowMs));
  return {
    epoch,
    from: epoch - bucketsPerWindow,
    to: epoch + bucketsPerWindow,
    endsMs: endOf(epoch, windowMs),
  };
}

/** How much the window counts at that moment. */
export const countedAt = (buckets: readonly Bucket[], { from, to }: Span): number =>
  Math.max(
    0,
    buckets.reduce(
      (sum, { epoch, amount }) => (epoch >= from && epoch <= to ? sum + amount : sum),
      0,
    ),
  );

/** How long until at most `room` is counted, ms: 0 where that is so now. */
export function waitUntil(
  buckets: readonly Bucket[],
  room: number,
  { windowMs, nowMs }: { windowMs: number; nowMs: number },
): number {
  const span = spanAt(windowMs, nowMs);
  let left = countedAt(buckets, span);
  if (left <= room) return 0;
  const counted = buckets
    .filter(({ epoch }) => epoch >= span.from && epoch <= span.to)
    .toSorted((one, other) => one.epoch - other.epoch);
  for (const { epoch, amount } of counted) {
    left -= amount;
    if (left <= room || left <= 0) return untilEmpty(epoch, { windowMs, nowMs });
  }
  return windowMs;
}

/** How long the bucket is counted yet, ms. */
export const untilEmpty = (
  epoch: number,
  { windowMs, nowMs }: { windowMs: number; nowMs: number },
): number => Math.max(1, Math.ceil(endOf(epoch, windowMs) - nowMs));
