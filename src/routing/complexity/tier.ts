// From a score to a tier: where the limits lie at each place of the slider between cost and quality.

/** How able a model should be. */
export type Tier = "simple" | "medium" | "complex" | "reasoning";

export const tiers: readonly Tier[] = ["simple", "medium", "complex", "reasoning"];

/** Scores from which the tiers above `simple` begin. */
export type TierLimits = readonly [medium: number, complex: number, reasoning: number];

/** Limits of the middle of the slider. */
export const middleLimits: TierLimits = [0.2, 0.45, 0.72];

/** Limits for a place between cost (0: all but the hardest goes to the cheap) and quality (1); 0.5 gives the middle. */
export function tierLimits(quality = 0.5, middle: TierLimits = middleLimits): TierLimits {
  const place = Math.min(1, Math.max(0, quality));
  // Moves every limit by the same log-odds, so that their order stays and none leaves 0..1.
  const shift = (0.5 - place) * 5;
  const [medium, complex, reasoning] = middle;
  return [moved(medium, shift), moved(complex, shift), moved(reasoning, shift)];
}

/** The tier of a score. */
export function tierOf(score: number, limits: TierLimits = middleLimits): Tier {
  if (score >= limits[2]) return "reasoning";
  if (score >= limits[1]) return "complex";
  return score >= limits[0] ? "medium" : "simple";
}

function moved(limit: number, shift: number): number {
  if (limit <= 0 || limit >= 1) return limit;
  return 1 / (1 + Math.exp(-Math.log(limit / (1 - limit)) - shift));
}
