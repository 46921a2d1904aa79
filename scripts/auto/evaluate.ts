// How good a router's scores are: the gap between the weak and the strong model that they recover.

/** Share of prompts sent to the strong model → share of the gap recovered, at every step of one prompt. */
export function recoveredCurve(scores: readonly number[], gains: readonly number[]): Float64Array {
  const order = [...scores.keys()].toSorted((left, right) => scores[right]! - scores[left]!);
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  const curve = new Float64Array(order.length + 1);
  let sum = 0;
  for (let start = 0; start < order.length;) {
    // Prompts of one score are in no order: each brings the mean of them all.
    let end = start;
    let tied = 0;
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) {
      tied += gains[order[end]!]!;
      end += 1;
    }
    for (let index = start; index < end; index += 1) {
      curve[index + 1] = (sum + (tied * (index - start + 1)) / (end - start)) / total;
    }
    sum += tied;
    start = end;
  }
  return curve;
}

/** Average performance gap recovered: 0.5 for chance. */
export function apgr(scores: readonly number[], gains: readonly number[]): number {
  const curve = recoveredCurve(scores, gains);
  let area = 0;
  for (let index = 1; index < curve.length; index += 1)
    area += (curve[index - 1]! + curve[index]!) / 2;
  return area / (curve.length - 1);
}

/** Prices of one request, or of a million tokens: only their ratio counts. */
export interface Prices {
  weak: number;
  strong: number;
}

/** Share of the strong model's cost that is saved when just enough prompts go to it to recover `share` of the gap. */
export function costSaved(
  scores: readonly number[],
  gains: readonly number[],
  { weak, strong, share = 0.95 }: Prices & { share?: number },
): { toStrong: number; saved: number } {
  const curve = recoveredCurve(scores, gains);
  const needed = curve.findIndex((recovered) => recovered >= share - 1e-12);
  const toStrong = needed < 0 ? 1 : needed / (curve.length - 1);
  return { toStrong, saved: 1 - (toStrong * strong + (1 - toStrong) * weak) / strong };
}

/** Middle 95 % of APGR over samples drawn anew, whole groups at a time. */
export function apgrInterval(
  scores: readonly number[],
  gains: readonly number[],
  {
    groups,
    random,
    draws = 1000,
  }: { groups: readonly string[]; random: () => number; draws?: number },
): { low: number; high: number } {
  const rowsOf = new Map<string, number[]>();
  groups.forEach((group, index) => {
    const rows = rowsOf.get(group);
    if (rows) rows.push(index);
    else rowsOf.set(group, [index]);
  });
  return interval([...rowsOf.values()], { scores, gains, random, draws });
}

function interval(
  blocks: readonly (readonly number[])[],
  {
    scores,
    gains,
    random,
    draws,
  }: {
    scores: readonly number[];
    gains: readonly number[];
    random: () => number;
    draws: number;
  },
): { low: number; high: number } {
  const values: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    const rows = blocks.flatMap(() => blocks[Math.floor(random() * blocks.length)] ?? []);
    const gap = rows.reduce((sum, row) => sum + gains[row]!, 0);
    // Without a gap there is nothing to recover.
    if (gap > 0) {
      values.push(
        apgr(
          rows.map((row) => scores[row]!),
          rows.map((row) => gains[row]!),
        ),
      );
    }
  }
  values.sort((left, right) => left - right);
  return {
    low: values[Math.floor(0.025 * values.length)] ?? Number.NaN,
    high: values[Math.floor(0.975 * values.length)] ?? Number.NaN,
  };
}
