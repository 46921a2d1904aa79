// The weights set by hand: a score that works without any data. A weight is what a feature at 1 adds to the log-odds.
import type { Features } from "./features.ts";

/** Log-odds of a request that shows nothing. */
export const rulesBias = -3.3;

/** By feature. */
export const rulesWeights: Readonly<Record<string, number>> = {
  length: 2,
  sentences: 0.6,
  longWords: 0.4,
  reasoningWords: 2.1,
  proofAsked: 1.7,
  proofWords: 1.2,
  mathTalk: 1.9,
  formula: 1.4,
  latex: 0.6,
  numbers: 0.7,
  times: 0.5,
  eachPer: 0.4,
  problem: 2,
  logicWords: 0.6,
  conditionals: 0.9,
  negationWords: 0.4,
  codeWords: 1.6,
  codeSigns: 0.2,
  codeFences: 0.2,
  stackTrace: 0.5,
  legalWords: 1.4,
  medicalWords: 1.4,
  financeWords: 1.2,
  scienceWords: 0.7,
  planningWords: 1.5,
  conditionWords: 0.8,
  steps: 0.9,
  listLines: 0.5,
  questions: 0.3,
  askWhy: 0.5,
  choices: 0.3,
  statements: 0.8,
  judgeEach: 0.6,
  optionRepeat: 0.8,
  optionOverlap: 0.4,
  askExcept: 0.3,
  foreign: 0.2,
  smalltalkWords: -1,
  transformAsked: -0.6,
  transformLength: -1,
  creativeWords: -0.3,
  toolsOffered: 0.5,
  callsSince: 1.3,
  failuresSince: 1.4,
  images: 0.7,
  audio: 0.3,
  files: 0.6,
  structured: 0.2,
  thoughtAsked: 2.4,
  thoughtRefused: -1.2,
  around: 0.8,
  turns: 0.3,
};

/** What each feature adds to the log-odds by the rules alone. */
export function rulesParts(
  features: Features,
): { feature: string; value: number; weight: number }[] {
  return Object.entries(rulesWeights).map(([feature, weight]) => ({
    feature,
    value: features[feature] ?? 0,
    weight,
  }));
}
