// Trains the weights of the `auto` policy: the gain of the strong model as a linear function of the prompt's features.
import {
  bounded,
  furthest,
  type KindWeights,
  trainedOpinion,
  type TrainedWeights,
} from "../../src/routing/complexity/model.ts";
import type { Sample } from "./dataset.ts";
import { apgr } from "./evaluate.ts";
import { addSample, addSums, emptySums, solve, type Sums } from "./ridge.ts";

/** How to train. */
export interface TrainOptions {
  /** Penalties tried; the best by inner folds is taken. */
  penalties?: readonly number[];
  /** Inner folds over groups. */
  folds?: number;
  seed?: number;
}

/** Trained weights and how their penalty was chosen. */
export interface Training {
  weights: TrainedWeights;
  /** For each kind of prompt those that did well over its inner folds: the mean of their models is taken. */
  penalty: Record<Kind, number[]>;
  /** APGR over inner folds by penalty and kind; not a number where there is no such prompt. */
  tried: ({ penalty: number } & Record<Kind, number>)[];
}

export const usualPenalties: readonly number[] = [1000, 3000, 10_000, 30_000];

const kinds = ["choices", "free"] as const;

/** Prompts with options to choose from, and those without. */
export type Kind = (typeof kinds)[number];

/** All penalties that come within this of the best count as good: folds over few subjects tell no finer difference. */
const tolerance = 0.01;

const kindOf = (sample: Sample): Kind =>
  (sample.features["choices"] ?? 0) > 0 ? "choices" : "free";

/** Trains on samples; deterministic for a seed. Throws an `Error` when there is nothing to learn from. */
export function train(samples: readonly Sample[], options: TrainOptions = {}): Training {
  if (samples.length === 0) throw new Error("train: no prompts");
  if (samples.every((sample) => sample.gain === samples[0]!.gain)) {
    throw new Error("train: the strong model gains the same everywhere: there is nothing to learn");
  }
  const space = spaceOf(samples);
  const groups = groupSums(samples, space);
  const penalties = options.penalties ?? usualPenalties;
  const tried =
    penalties.length < 2 ? [] : tryPenalties({ samples, space, groups, penalties, options });
  const goodFor = (kind: Kind): number[] => {
    const best = Math.max(...tried.map((each) => each[kind]));
    const good = tried.filter((each) => each[kind] >= best - tolerance);
    return good.length > 0 ? good.map((each) => each.penalty) : [...penalties];
  };
  const penalty = { choices: goodFor("choices"), free: goodFor("free") };
  const total = totalSums(groups, space);
  const fits = new Map(penalties.map((each) => [each, fit(total, space, each)]));
  const models = {
    choices: meanOf(penalty.choices.map((each) => fits.get(each)!.choices)),
    free: meanOf(penalty.free.map((each) => fits.get(each)!.free)),
  };
  return { weights: finish(samples, space, models), penalty, tried };
}

/** Which fold each group belongs to, dealt out at random for a seed. */
export function foldsOf(
  samples: readonly Sample[],
  folds: number,
  seed: number,
): Map<string, number> {
  // Per source, so that each fold has its share of every source.
  const bySource = new Map<string, Set<string>>();
  for (const { source, group } of samples) {
    bySource.set(source, (bySource.get(source) ?? new Set()).add(group));
  }
  const random = randomOf(seed);
  const result = new Map<string, number>();
  for (const groups of bySource.values()) {
    const order = [...groups].toSorted();
    for (let index = order.length - 1; index > 0; index -= 1) {
      const other = Math.floor(random() * (index + 1));
      [order[index], order[other]] = [order[other]!, order[index]!];
    }
    order.forEach((group, index) => result.set(group, index % folds));
  }
  return result;
}

/** Mulberry32: 0..1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Space {
  names: string[];
  scale: Float64Array;
  mean: Record<Kind, Float64Array>;
  deviation: Record<Kind, Float64Array>;
}

/** Sums of each kind's samples, by group. */
type GroupSums = Map<string, Record<Kind, Sums>>;

type Models = Record<Kind, Float64Array>;

function spaceOf(samples: readonly Sample[]): Space {
  const names = Object.keys(samples[0]!.features);
  const moments = (kind: Kind): { mean: Float64Array; variance: Float64Array; count: number } => {
    const mean = new Float64Array(names.length);
    const variance = new Float64Array(names.length);
    const own = samples.filter((sample) => kindOf(sample) === kind);
    for (const { features } of own) {
      names.forEach((name, index) => (mean[index]! += features[name]! / own.length));
    }
    for (const { features } of own) {
      names.forEach(
        (name, index) => (variance[index]! += (features[name]! - mean[index]!) ** 2 / own.length),
      );
    }
    return { mean, variance, count: own.length };
  };
  const choices = moments("choices");
  const free = moments("free");
  const present = [choices, free].filter((each) => each.count > 0);
  const scale = Float64Array.from(names, (_, index) => {
    const variance = present.reduce((sum, each) => sum + each.variance[index]!, 0) / present.length;
    return variance < 1e-6 ? 1 : Math.sqrt(variance);
  });
  const spread = (variance: Float64Array): Float64Array =>
    variance.map((value) => Math.max(0.05, Math.sqrt(value)));
  return {
    names,
    scale,
    mean: { choices: choices.mean, free: free.mean },
    deviation: { choices: spread(choices.variance), free: spread(free.variance) },
  };
}

function vectorOf(sample: Sample, space: Space): Float64Array {
  const mean = space.mean[kindOf(sample)];
  const vector = new Float64Array(space.names.length + 1);
  space.names.forEach((name, index) => {
    vector[index] = bounded((sample.features[name]! - mean[index]!) / space.scale[index]!);
  });
  vector[space.names.length] = 1;
  return vector;
}

function groupSums(samples: readonly Sample[], space: Space): GroupSums {
  const size = space.names.length + 1;
  const groups: GroupSums = new Map();
  for (const sample of samples) {
    let sums = groups.get(sample.group);
    if (!sums)
      groups.set(sample.group, (sums = { choices: emptySums(size), free: emptySums(size) }));
    addSample(sums[kindOf(sample)], vectorOf(sample, space), sample.gain);
  }
  return groups;
}

function totalSums(groups: GroupSums, space: Space): Record<Kind, Sums> {
  const size = space.names.length + 1;
  const total = { choices: emptySums(size), free: emptySums(size) };
  for (const sums of groups.values()) {
    for (const kind of kinds) addSums(total[kind], sums[kind], 1);
  }
  return total;
}

/**
 * Each kind's weights are a common part plus a part of its own, all penalised alike (Daumé's feature augmentation):
 * what holds for both kinds is learned from both, what differs is learned apart.
 */
function fit(total: Record<Kind, Sums>, space: Space, penalty: number): Models {
  const size = space.names.length;
  // Order of unknowns: common, own of `choices`, own of `free`, the two intercepts.
  const whole = 3 * size + 2;
  const matrix = new Float64Array(whole * whole);
  const right = new Float64Array(whole);
  kinds.forEach((kind, which) => {
    const { outer, right: target } = total[kind];
    const own = (which + 1) * size;
    const intercept = 3 * size + which;
    for (let row = 0; row < size; row += 1) {
      right[row]! += target[row]!;
      right[own + row]! += target[row]!;
      for (let column = 0; column < size; column += 1) {
        const value =
          row >= column ? outer[row * (size + 1) + column]! : outer[column * (size + 1) + row]!;
        if (column <= row) {
          matrix[row * whole + column]! += value;
          matrix[(own + row) * whole + own + column]! += value;
        }
        matrix[(own + row) * whole + column]! += value;
      }
      const mean = outer[size * (size + 1) + row]!;
      matrix[intercept * whole + row]! += mean;
      matrix[intercept * whole + own + row]! += mean;
    }
    matrix[intercept * whole + intercept]! += outer[size * (size + 1) + size]! + 1e-6;
    right[intercept]! += target[size]!;
  });
  for (let index = 0; index < 3 * size; index += 1) matrix[index * whole + index]! += penalty;
  const solution = solve(matrix, right);
  const model = (which: number): Float64Array =>
    Float64Array.from({ length: size + 1 }, (_, index) =>
      index === size
        ? solution[3 * size + which]!
        : solution[index]! + solution[(which + 1) * size + index]!,
    );
  return { choices: model(0), free: model(1) };
}

function meanOf(models: readonly Float64Array[]): Float64Array {
  return models[0]!.map(
    (_, index) => models.reduce((sum, model) => sum + model[index]!, 0) / models.length,
  );
}

function predict(models: Models, vector: Float64Array, kind: Kind): number {
  const model = models[kind];
  let sum = 0;
  for (let index = 0; index < vector.length; index += 1) sum += vector[index]! * model[index]!;
  return sum;
}

interface Trial {
  samples: readonly Sample[];
  space: Space;
  groups: GroupSums;
  penalties: readonly number[];
  options: TrainOptions;
}

function tryPenalties({ samples, space, groups, penalties, options }: Trial): Training["tried"] {
  const { folds = 10, seed = 1 } = options;
  const foldOf = foldsOf(samples, folds, seed);
  const vectors = samples.map((sample) => vectorOf(sample, space));
  const scores = penalties.map(() => new Float64Array(samples.length));
  for (let fold = 0; fold < folds; fold += 1) {
    const total = totalSums(groups, space);
    for (const [group, sums] of groups) {
      if (foldOf.get(group) !== fold) continue;
      for (const kind of kinds) addSums(total[kind], sums[kind], -1);
    }
    penalties.forEach((penalty, index) => {
      const models = fit(total, space, penalty);
      samples.forEach((sample, at) => {
        if (foldOf.get(sample.group) !== fold) return;
        scores[index]![at] = predict(models, vectors[at]!, kindOf(sample));
      });
    });
  }
  return penalties.map((penalty, index) => {
    const of = (kind: Kind): number => {
      const rows = [...samples.keys()].filter((at) => kindOf(samples[at]!) === kind);
      return apgr(
        rows.map((at) => scores[index]![at]!),
        rows.map((at) => samples[at]!.gain),
      );
    };
    return { penalty, choices: of("choices"), free: of("free") };
  });
}

function finish(samples: readonly Sample[], space: Space, models: Models): TrainedWeights {
  const gains = samples.map((sample) => predict(models, vectorOf(sample, space), kindOf(sample)));
  const all = momentsOf(gains);
  const weightsOf = (kind: Kind): KindWeights => {
    const own = momentsOf(gains.filter((_, index) => kindOf(samples[index]!) === kind));
    return {
      intercept: rounded(models[kind][space.names.length]!),
      center: rounded(own.mean),
      spread: rounded(own.deviation),
      offset: rounded((own.mean - all.mean) / all.deviation),
      // Until the distances are known.
      near: 0,
      far: 1,
      mean: Array.from(space.mean[kind], rounded),
      deviation: Array.from(space.deviation[kind], rounded),
      weights: Array.from(models[kind].subarray(0, space.names.length), rounded),
    };
  };
  const weights: TrainedWeights = {
    format: 1,
    features: space.names,
    scale: Array.from(space.scale, rounded),
    choices: weightsOf("choices"),
    free: weightsOf("free"),
  };
  return {
    ...weights,
    choices: { ...weights.choices, ...familiarRange(samples, weights, "choices") },
    free: { ...weights.free, ...familiarRange(samples, weights, "free") },
  };
}

/** From where to where familiarity falls: most training prompts are fully familiar, hardly any is strange. */
function familiarRange(
  samples: readonly Sample[],
  weights: TrainedWeights,
  kind: Kind,
): { near: number; far: number } {
  // With `near` 0 and `far` 1, familiarity is one minus the distance; measured with a range no distance leaves.
  const wide = { ...weights, [kind]: { ...weights[kind], near: 0, far: furthest } };
  const distances = samples
    .filter((sample) => kindOf(sample) === kind)
    .map((sample) => furthest * (1 - trainedOpinion(wide, sample.features).familiarity))
    .toSorted((left, right) => left - right);
  // No training prompt of this kind: none is familiar.
  if (distances.length === 0) return { near: -2, far: -1 };
  const quantile = (share: number): number =>
    distances[Math.min(distances.length - 1, Math.floor(share * distances.length))]!;
  // Options to choose from make prompts alike across subjects. Without them anything may come, from a greeting to a
  // program, so that little is familiar.
  const [most, all] = kind === "choices" ? [0.95, 0.999] : [0.85, 0.998];
  const near = quantile(most);
  return { near: rounded(near), far: rounded(Math.max(near + 0.2, quantile(all))) };
}

function momentsOf(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length);
  return { mean, deviation: Math.max(Math.sqrt(variance), 1e-9) };
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
