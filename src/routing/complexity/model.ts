// The trained weights: what their file holds, and what they say of a prompt.
import shipped from "./weights.json" with { type: "json" };
import type { Features } from "./features.ts";

/** One linear model per kind of prompt: `choices` brings options to choose from, `free` does not. */
export interface KindWeights {
  intercept: number;
  /**
   * What makes a gain a margin: `offset + (gain - center) / spread`. Center and spread are those of this kind's training
   * prompts, the offset is how far this kind lies from all of them.
   */
  center: number;
  spread: number;
  offset: number;
  /** Of the training prompts, by feature in the order of `TrainedWeights.features`. */
  mean: readonly number[];
  /** Own spread of this kind, never under 0.05: how far from the usual a value is. */
  deviation: readonly number[];
  weights: readonly number[];
  /** Distances (mean squared deviation) up to which a prompt is as familiar as can be, and from which it is strange. */
  near: number;
  far: number;
}

/** The data file `weights.json`, written by `bun run train:auto`. */
export interface TrainedWeights {
  format: 1;
  features: readonly string[];
  /** What values are divided by before they are weighed; common to both kinds. */
  scale: readonly number[];
  choices: KindWeights;
  free: KindWeights;
}

/** What the trained weights say. */
export interface TrainedOpinion {
  /** Expected gain of the strong model, standardised: 0 for a usual training prompt, 1 for one standard deviation more. */
  margin: number;
  /** 0..1: how like the training prompts this one is; how far the margin is to be trusted. */
  familiarity: number;
  /** Each feature's share of the margin: `value - mean` in scales, times `weight`. */
  parts: { feature: string; value: number; weight: number; adds: number }[];
}

/** Values further out than this many scales count as this many. */
export const reach = 4;

/** Most that one feature counts in a distance. */
export const furthest = 16;

/** The weights that MegaLLM brings. */
export const shippedWeights: TrainedWeights = readWeights(shipped);

/** Checks a weights file; throws a plain `Error` that says what is wrong with it. */
export function readWeights(data: unknown): TrainedWeights {
  if (!isRecord(data) || data["format"] !== 1) throw new Error("weights: `format` must be 1");
  const { features, scale } = data;
  if (!Array.isArray(features) || !features.every((name) => typeof name === "string")) {
    throw new Error("weights: `features` must be a list of names");
  }
  const size = features.length;
  return {
    format: 1,
    features,
    scale: numbersOf(scale, size, "scale"),
    choices: kindOf(data["choices"], size, "choices"),
    free: kindOf(data["free"], size, "free"),
  };
}

/** What trained weights say of a prompt's features. */
export function trainedOpinion(trained: TrainedWeights, features: Features): TrainedOpinion {
  const kind = (features["choices"] ?? 0) > 0 ? trained.choices : trained.free;
  const parts: TrainedOpinion["parts"] = [];
  let gain = kind.intercept;
  let distance = 0;
  for (let index = 0; index < trained.features.length; index += 1) {
    const feature = trained.features[index] ?? "";
    const value = features[feature] ?? 0;
    const away = value - (kind.mean[index] ?? 0);
    const weight = kind.weights[index] ?? 0;
    const deviations = away / (kind.deviation[index] ?? 1);
    distance += Math.min(furthest, deviations * deviations);
    const adds = (weight * bounded(away / (trained.scale[index] ?? 1))) / kind.spread;
    gain += adds * kind.spread;
    if (adds !== 0) parts.push({ feature, value, weight: weight / kind.spread, adds });
  }
  distance /= Math.max(1, trained.features.length);
  return {
    margin: kind.offset + (gain - kind.center) / kind.spread,
    familiarity: Math.min(1, Math.max(0, (kind.far - distance) / (kind.far - kind.near))),
    parts,
  };
}

/** Cuts a value, counted in scales, at `reach`. */
export function bounded(scales: number): number {
  return Math.min(reach, Math.max(-reach, scales));
}

function kindOf(data: unknown, size: number, name: string): KindWeights {
  if (!isRecord(data)) throw new Error(`weights: \`${name}\` must be an object`);
  const number = (field: string): number => {
    const value = data[field];
    if (typeof value !== "number")
      throw new Error(`weights: \`${name}.${field}\` must be a number`);
    return value;
  };
  const [near, far, spread] = [number("near"), number("far"), number("spread")];
  if (!(far > near)) throw new Error(`weights: \`${name}.far\` must be above \`${name}.near\``);
  if (!(spread > 0)) throw new Error(`weights: \`${name}.spread\` must be above 0`);
  return {
    intercept: number("intercept"),
    center: number("center"),
    spread,
    offset: number("offset"),
    near,
    far,
    mean: numbersOf(data["mean"], size, `${name}.mean`),
    deviation: numbersOf(data["deviation"], size, `${name}.deviation`),
    weights: numbersOf(data["weights"], size, `${name}.weights`),
  };
}

function numbersOf(data: unknown, size: number, name: string): number[] {
  const fits =
    Array.isArray(data) && data.length === size && data.every((each) => Number.isFinite(each));
  if (!fits) throw new Error(`weights: \`${name}\` must be a list of ${size} numbers`);
  return data as number[];
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}
