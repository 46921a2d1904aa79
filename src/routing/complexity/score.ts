// The complexity of a request, 0..1, and what made it so: rules set by hand, and trained weights as far as they know such prompts.
import type { ComplexityInput } from "./input.ts";
import { type Features, requestFeatures } from "./features.ts";
import { shippedWeights, trainedOpinion, type TrainedWeights } from "./model.ts";
import { rulesBias, rulesParts } from "./rules.ts";
import { type Tier, tierLimits, tierOf, type TierLimits } from "./tier.ts";

/** One feature's part in a score. */
export interface ScorePart {
  feature: string;
  /** 0..1 */
  value: number;
  /** Log-odds at a value of 1, rules and trained weights together. */
  weight: number;
  /** Signed share of everything that moved the score: the absolute values of all parts add up to 1. */
  share: number;
}

/** A score and its explanation. */
export interface ComplexityScore {
  /** 0 the simplest, 1 the hardest. */
  score: number;
  tier: Tier;
  limits: TierLimits;
  /** Score by the rules alone, and how far (0..1) the trained weights were believed. */
  rules: number;
  familiarity: number;
  /** Largest share first; features that moved nothing are left out. */
  parts: ScorePart[];
}

/** How to score. */
export interface ScoreOptions {
  /** Slider between cost (0) and quality (1). */
  quality?: number;
  /** Limits at the middle of the slider. */
  limits?: TierLimits;
  /** `rules`: hand-set weights alone. */
  scorer?: "rules" | "trained";
  /** Other weights than the shipped ones. */
  weights?: TrainedWeights;
}

/** Most of a score that trained weights may decide: the rules always have a say. */
const mostTrust = 0.9;

/**
 * Scores how hard a request is, with each feature's share.
 *
 * @example scoreRequest(complexityInput(request), { quality: 0.7 }).tier
 */
export function scoreRequest(input: ComplexityInput, options: ScoreOptions = {}): ComplexityScore {
  return scoreFeatures(requestFeatures(input), options);
}

/** Scores features that were taken before. */
export function scoreFeatures(features: Features, options: ScoreOptions = {}): ComplexityScore {
  const added = new Map<string, number>();
  let rulesOdds = rulesBias;
  const byRules = rulesParts(features);
  for (const { value, weight } of byRules) rulesOdds += value * weight;
  let odds = rulesOdds;
  let familiarity = 0;
  if (options.scorer !== "rules") {
    const opinion = trainedOpinion(options.weights ?? shippedWeights, features);
    familiarity = opinion.familiarity;
    const trust = mostTrust * familiarity;
    odds = (1 - trust) * rulesOdds + trust * opinion.margin;
    for (const { feature, adds } of opinion.parts) {
      if (trust > 0) added.set(feature, trust * adds);
    }
  }
  const ruled = 1 - mostTrust * familiarity;
  for (const { feature, value, weight } of byRules) {
    const adds = ruled * value * weight;
    if (adds !== 0) added.set(feature, (added.get(feature) ?? 0) + adds);
  }
  const limits = tierLimits(options.quality, options.limits);
  const score = chance(odds);
  return {
    score,
    tier: tierOf(score, limits),
    limits,
    rules: chance(rulesOdds),
    familiarity,
    parts: partsOf(added, features),
  };
}

function partsOf(added: ReadonlyMap<string, number>, features: Features): ScorePart[] {
  let whole = 0;
  for (const adds of added.values()) whole += Math.abs(adds);
  return [...added]
    .map(([feature, adds]) => {
      const value = features[feature] ?? 0;
      return { feature, value, weight: value === 0 ? 0 : adds / value, share: adds / whole };
    })
    .toSorted((left, right) => Math.abs(right.share) - Math.abs(left.share));
}

function chance(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}
