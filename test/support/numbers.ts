// Percentiles and repeat counts for tests that measure.

/** The value below which `share` (0..1) of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A repeat count that the environment may raise, e.g. `KILLS=100 bun run test:e2e`. */
export const repeats = (variable: string, byDefault: number): number =>
  Number(process.env[variable] ?? byDefault);
