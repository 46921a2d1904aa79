// Percentiles by counting: durations fall into classes 10 % wide, and sums of classes give percentiles within 5 %.

const step = Math.log(1.1);

/** Class of a duration: equal classes differ by less than 10 %. @example durationClass(1) // → 0 */
export const durationClass = (durationMs: number): number =>
  Math.round(Math.log(Math.max(durationMs, 0.001)) / step);

/** The middle of a class, ms. */
const middle = (found: number): number => Math.exp(found * step);

/** The duration that `share` (0 to 1) of the counted ones do not exceed, ms. Counts must not be empty. */
export function percentile(counts: ReadonlyMap<number, number>, share: number): number {
  const total = counts.values().reduce((sum, count) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  let last = 0;
  for (const found of [...counts.keys()].toSorted((left, right) => left - right)) {
    last = found;
    seen += counts.get(found) ?? 0;
    if (seen >= rank) break;
  }
  return middle(last);
}
