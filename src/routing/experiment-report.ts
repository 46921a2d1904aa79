// What an experiment shows so far: each arm's figures, and in plain words whether they differ by more than chance.
import { formatNanos } from "../lib/money.ts";
import {
  compareMeans,
  compareProportions,
  type Comparison,
  isEnoughForProportions,
  type Moments,
} from "../lib/statistics.ts";
import type { ArmFigures } from "../store/experiments.ts";

export interface ExperimentReport {
  name: string;
  /** The arm that the others are compared with. */
  baseline: string;
  arms: ArmReport[];
  findings: Finding[];
}

/** Cost, tokens and times are those of answers that the arm itself gave. */
export interface ArmReport {
  arm: string;
  requests: number;
  /** Of the experiment's requests, 0 to 1. */
  share: number;
  /** Requests that the arm did not answer, whoever did. */
  errors: number;
  errorRate: number;
  /** Those among the errors that another deployment answered. */
  rescued: number;
  /** US dollars. */
  costUsd: string;
  costPerRequestUsd: string | null;
  /** Answers whose price is unknown: missing in the cost. */
  unpriced: number;
  inputTokens: number;
  outputTokens: number;
  durationMs: { p50: number; p95: number } | null;
  firstTokenMs: { p50: number } | null;
  feedback: { name: string; count: number; mean: number }[];
}

/** One comparison of an arm with the baseline. */
export interface Finding {
  arm: string;
  /** `errors`, `cost`, `duration`, or `feedback <name>`. */
  measure: string;
  baseline: number;
  value: number;
  /** How often chance alone would make so large a difference, 0 to 1. */
  p: number;
  /** Less than one in twenty. */
  isSignificant: boolean;
  /** So few requests that the figure means little. */
  isFew: boolean;
  text: string;
}

/** Chance alone passes it once in twenty comparisons. */
const significance = 0.05;
/** Fewer values than this in a group, and their mean is not yet near normal. */
const fewValues = 30;

/** By experiment, in the order given. */
export function reportExperiments(figures: readonly ArmFigures[]): ExperimentReport[] {
  return [...Map.groupBy(figures, ({ experiment }) => experiment)].map(([name, arms]) =>
    reportOne(name, arms),
  );
}

function reportOne(name: string, arms: readonly ArmFigures[]): ExperimentReport {
  const total = arms.reduce((sum, { requests }) => sum + requests, 0);
  const [first] = arms;
  const baseline =
    arms.find(({ arm }) => arm === "control") ??
    arms.reduce<ArmFigures | undefined>(
      (most, each) => (most && most.requests >= each.requests ? most : each),
      first,
    );
  const ordered = [...arms].toSorted((one, other) =>
    one === baseline ? -1 : other === baseline ? 1 : 0,
  );
  return {
    name,
    baseline: baseline?.arm ?? "",
    arms: ordered.map((each) => reportArm(each, total)),
    findings: ordered.flatMap((each) =>
      baseline && each !== baseline ? compareArms(baseline, each) : [],
    ),
  };
}

const errorsOf = ({ failed, rescued }: ArmFigures): number => failed + rescued;

function reportArm(figures: ArmFigures, total: number): ArmReport {
  const { arm, requests, cost, duration, firstToken } = figures;
  const errors = errorsOf(figures);
  return {
    arm,
    requests,
    share: total === 0 ? 0 : requests / total,
    errors,
    errorRate: requests === 0 ? 0 : errors / requests,
    rescued: figures.rescued,
    costUsd: formatNanos(figures.costNanos),
    costPerRequestUsd:
      cost.n === 0 ? null : formatNanos(roundedShare(figures.costNanos, BigInt(cost.n))),
    unpriced: figures.unpriced,
    inputTokens: figures.inputTokens,
    outputTokens: figures.outputTokens,
    durationMs:
      duration.p50 === null || duration.p95 === null
        ? null
        : { p50: duration.p50, p95: duration.p95 },
    firstTokenMs: firstToken.p50 === null ? null : { p50: firstToken.p50 },
    feedback: figures.feedback.map(({ name, moments }) => ({
      name,
      count: moments.n,
      mean: moments.mean,
    })),
  };
}

/** Half up. */
const roundedShare = (sum: bigint, parts: bigint): bigint => (2n * sum + parts) / (2n * parts);

function compareArms(base: ArmFigures, other: ArmFigures): Finding[] {
  const names = base.feedback
    .map(({ name }) => name)
    .filter((name) => other.feedback.some((each) => each.name === name));
  const judged = (figures: ArmFigures, name: string): Moments | undefined =>
    figures.feedback.find((each) => each.name === name)?.moments;
  return [
    ...errorFinding(base, other),
    ...meanFinding("cost", [base.cost, other.cost], { base, other }),
    ...meanFinding("duration", [base.duration, other.duration], { base, other }),
    ...names.flatMap((name) =>
      meanFinding(`feedback ${name}`, [judged(base, name), judged(other, name)], { base, other }),
    ),
  ];
}

interface Pair {
  base: ArmFigures;
  other: ArmFigures;
}

function errorFinding(base: ArmFigures, other: ArmFigures): Finding[] {
  const [left, right] = [base, other].map((each) => ({
    count: errorsOf(each),
    of: each.requests,
  }));
  const compared = left && right && compareProportions(left, right);
  if (!compared) return [];
  const isFew = !isEnoughForProportions(left, right);
  const values = [left.count / left.of, right.count / right.of] as const;
  return [finding("errors", values, compared, { pair: { base, other }, isFew, format: percent })];
}

function meanFinding(
  measure: string,
  [left, right]: readonly [Moments | undefined, Moments | undefined],
  pair: Pair,
): Finding[] {
  const compared = left && right && compareMeans(left, right);
  if (!compared) return [];
  const isFew = Math.min(left.n, right.n) < fewValues;
  const format = formats[measure] ?? plain;
  return [finding(measure, [left.mean, right.mean], compared, { pair, isFew, format })];
}

const percent = (value: number): string => `${(value * 100).toFixed(2)} %`;
const plain = (value: number): string => String(Number(value.toPrecision(4)));
const formats: Readonly<Record<string, (value: number) => string>> = {
  cost: (value) => `$${value.toPrecision(3)}`,
  duration: (value) => `${Math.round(value)} ms`,
};

const titles: Readonly<Record<string, string>> = {
  errors: "errors",
  cost: "cost per request",
  duration: "mean duration",
};

interface Circumstances {
  pair: Pair;
  isFew: boolean;
  format(value: number): string;
}

function finding(
  measure: string,
  [baseline, value]: readonly [number, number],
  { p }: Comparison,
  { pair: { base, other }, isFew, format }: Circumstances,
): Finding {
  const isSignificant = p < significance;
  const chance = p < 0.0001 ? "p < 0.0001" : `p = ${p.toPrecision(2)}`;
  const verdict = isFew
    ? `too few to tell (${chance})`
    : isSignificant
      ? `more than chance explains (${chance})`
      : `chance explains it (${chance})`;
  const title = titles[measure] ?? measure;
  return {
    arm: other.arm,
    measure,
    baseline,
    value,
    p,
    isSignificant,
    isFew,
    text: `${title}: ${other.arm} ${format(value)}, ${base.arm} ${format(baseline)}: ${verdict}`,
  };
}
