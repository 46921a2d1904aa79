// Whether two groups differ by more than chance: means and spreads in one pass, Welch's t and the two-proportion z.

/** Count, mean and sum of squared distances from the mean (Welford's). */
export interface Moments {
  n: number;
  mean: number;
  squares: number;
}

export interface Comparison {
  /** The second mean or proportion less the first. */
  difference: number;
  /** How often chance alone would make so large a difference, both ways, 0 to 1. */
  p: number;
}

export const noMoments = (): Moments => ({ n: 0, mean: 0, squares: 0 });

/** Adds a value in place. */
export function addValue(moments: Moments, value: number): void {
  moments.n += 1;
  const distance = value - moments.mean;
  moments.mean += distance / moments.n;
  moments.squares += distance * (value - moments.mean);
}

/** Sample variance; null for fewer than two values. */
export const variance = ({ n, squares }: Moments): number | null =>
  n < 2 ? null : Math.max(0, squares) / (n - 1);

/**
 * Welch's t test: two means whose groups need not spread alike.
 * Null where either group has fewer than two values.
 */
export function compareMeans(one: Moments, other: Moments): Comparison | null {
  const [left, right] = [variance(one), variance(other)];
  if (left === null || right === null) return null;
  const difference = other.mean - one.mean;
  const [a, b] = [left / one.n, right / other.n];
  const error = a + b;
  // Nothing varies: either nothing differs, or all of it does.
  if (error === 0) return { difference, p: difference === 0 ? 1 : 0 };
  const freedom = error ** 2 / (a ** 2 / (one.n - 1) + b ** 2 / (other.n - 1));
  return { difference, p: studentTwoSided(difference / Math.sqrt(error), freedom) };
}

/** So many of so many. */
export interface Proportion {
  count: number;
  of: number;
}

/** The pooled two-proportion z test. Null where either group is empty. */
export function compareProportions(one: Proportion, other: Proportion): Comparison | null {
  if (one.of === 0 || other.of === 0) return null;
  const difference = other.count / other.of - one.count / one.of;
  const pooled = (one.count + other.count) / (one.of + other.of);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / one.of + 1 / other.of));
  return { difference, p: error === 0 ? 1 : normalTwoSided(difference / error) };
}

/** The z test is an approximation that holds when at least five of each kind are to be expected in each group. */
export function isEnoughForProportions(one: Proportion, other: Proportion): boolean {
  const pooled = (one.count + other.count) / (one.of + other.of);
  const rarest = Math.min(pooled, 1 - pooled) * Math.min(one.of, other.of);
  return rarest >= 5;
}

/** Chance of a normal value at least so far from 0. @example normalTwoSided(1.96) // → 0.05 */
export const normalTwoSided = (z: number): number => upperGamma(z ** 2 / 2);

/** Chance of Student's t at least so far from 0. */
export const studentTwoSided = (t: number, freedom: number): number => {
  const whole = freedom + t ** 2;
  const share = { x: freedom / whole, rest: t ** 2 / whole };
  return incompleteBeta(share, freedom / 2, 0.5);
};

const tiny = 1e-300;
const precision = 1e-15;
const maxSteps = 10_000;

/** Q(1/2, x), the regularised upper incomplete gamma function: erfc(√x). */
function upperGamma(x: number): number {
  const front = Math.exp(-x + 0.5 * Math.log(x) - logGamma(0.5));
  if (x === 0) return 1;
  if (x < 1.5) {
    let term = 2;
    let sum = term;
    for (let at = 1.5; Math.abs(term) > sum * precision; at += 1) {
      term *= x / at;
      sum += term;
    }
    return 1 - sum * front;
  }
  let b = x + 0.5;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let at = 1; at < maxSteps; at += 1) {
    const a = -at * (at - 0.5);
    b += 2;
    d = 1 / away(a * d + b);
    c = away(b + a / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < precision) break;
  }
  return fraction * front;
}

/** x and 1 - x, each worked out on its own: near 1, the difference would have lost its digits. */
interface Share {
  x: number;
  rest: number;
}

/** Iₓ(a, b), the regularised incomplete beta function, by its continued fraction (Lentz). */
function incompleteBeta({ x, rest }: Share, a: number, b: number): number {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  // The fraction converges quickly on one side only; the function is symmetrical.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta({ x: rest, rest: x }, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * logOf(x, rest) + b * logOf(rest, x),
  );
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let at = 1; at < maxSteps; at += 1) {
    const even = (at * (b - at) * x) / ((a + 2 * at - 1) * (a + 2 * at));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + at) * (a + b + at) * x) / ((a + 2 * at) * (a + 2 * at + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < precision) break;
  }
  return (front * fraction) / a;
}

const logOf = (x: number, rest: number): number => (x < 0.5 ? Math.log(x) : Math.log1p(-rest));

const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);

/** Lanczos' coefficients for g = 7. */
const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  const sum = lanczos.reduce(
    (total, coefficient, at) => total + coefficient / (shifted + at + 1),
    0.99999999999980993,
  );
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}
