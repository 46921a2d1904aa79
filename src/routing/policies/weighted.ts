// `weighted`: traffic split by weight, exact in every full cycle of turns and well mixed within it.
import type { Policy } from "../policy.ts";

/** Weights become whole parts of this many at the finest. */
const finest = 10_000;

export const weighted: Policy = {
  id: "weighted",
  order(deployments, { turn }) {
    const parts = wholeParts(deployments.map((deployment) => deployment.weight));
    const cycle = parts.reduce((sum, part) => sum + part, 0);
    const byWeight = deployments.toSorted((left, right) => right.weight - left.weight);
    if (cycle === 0) return byWeight;
    // A step coprime with the cycle visits every position once per cycle; near the golden ratio it spreads them.
    let position = (turn * coprimeStep(cycle)) % cycle;
    const chosen = deployments.find((_deployment, index) => {
      position -= parts[index] ?? 0;
      return position < 0;
    });
    return chosen ? [chosen, ...byWeight.filter((other) => other !== chosen)] : byWeight;
  },
};

/** 70, 20, 10 become 7, 2, 1; fractions are scaled to at most {@link finest} parts. */
function wholeParts(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total <= 0) return weights.map(() => 0);
  const whole = weights.every(Number.isInteger) && total <= finest;
  const parts = whole
    ? [...weights]
    : weights.map((weight) => Math.round((weight / total) * finest));
  const divisor = parts.reduce(greatestCommonDivisor, 0) || 1;
  return parts.map((part) => part / divisor);
}

const greatestCommonDivisor = (left: number, right: number): number =>
  right === 0 ? left : greatestCommonDivisor(right, left % right);

function coprimeStep(cycle: number): number {
  let step = Math.max(1, Math.round(cycle * 0.618));
  while (greatestCommonDivisor(step, cycle) !== 1) step += 1;
  return step;
}
