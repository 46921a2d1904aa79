// `bun run bench auto <csv…>`: how good the `auto` policy's score is on prompts it was not trained on, and what it costs in time.
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { readLabelled, samplesOf, type Sample, type Split } from "../scripts/auto/dataset.ts";
import { apgr, apgrInterval, costSaved, type Prices } from "../scripts/auto/evaluate.ts";
import { foldsOf, randomOf, train } from "../scripts/auto/train.ts";
import { promptInput } from "../src/routing/complexity/input.ts";
import { trainedOpinion } from "../src/routing/complexity/model.ts";
import { scoreFeatures, scoreRequest } from "../src/routing/complexity/score.ts";
import { everydayRows } from "./auto-table.ts";
import { median } from "./measure.ts";

interface Report {
  title: string;
  rows: string[];
}

/** Runs what the arguments after `auto` ask for. */
export async function runAutoBench(words: readonly string[]): Promise<Report> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      table: { type: "boolean", default: false },
      quality: { type: "string", default: "0.5" },
      split: { type: "string", default: "subject" },
      folds: { type: "string", default: "9" },
      /** Groups to leave out, by the end of their names; default: the three that hold the most. */
      without: { type: "string", default: "" },
      repeats: { type: "string", default: "3" },
      // Dollars per million tokens, input and output together, of the two models the shared labels come from.
      "strong-price": { type: "string", default: "24.7" },
      "weak-price": { type: "string", default: "0.24" },
    },
  });
  if (values.table) {
    return {
      title: `auto: everyday prompts, quality ${values.quality}`,
      rows: everydayRows(Number(values.quality)),
    };
  }
  const rows = timeRows();
  if (positionals.length > 0) {
    const split: Split = values.split === "row" ? "row" : "subject";
    const sources = await Promise.all(
      positionals.map(async (path) => samplesOf(await readLabelled(path), basename(path), split)),
    );
    rows.push(
      ...evaluationRows(sources.flat(), {
        folds: Number(values.folds),
        repeats: Number(values.repeats),
        without: values.without.split(",").filter(Boolean),
        prices: { strong: Number(values["strong-price"]), weak: Number(values["weak-price"]) },
      }),
    );
  } else {
    rows.push("no csv given: `bun run bench auto <csv…>` prints the evaluation as well");
  }
  return { title: "auto: complexity score", rows };
}

function timeRows(): string[] {
  const sentence = "Compare 3 plans: each costs $12.50 per month, and explain why `f(x)` fails. ";
  const inputs = [64, 512, 4096, 65_536].map((size) => ({
    size,
    input: promptInput(sentence.repeat(Math.ceil(size / sentence.length)).slice(0, size)),
  }));
  // Warm as a gateway is that has served for a minute.
  for (let turn = 0; turn < 1000; turn += 1) for (const { input } of inputs) scoreRequest(input);
  return inputs.map(({ size, input }) => {
    const rounds = Array.from({ length: 15 }, () => {
      const started = performance.now();
      for (let turn = 0; turn < 40; turn += 1) scoreRequest(input);
      return ((performance.now() - started) / 40) * 1000;
    });
    return `${String(size).padStart(6)} characters: ${median(rounds).toFixed(0).padStart(4)} µs per decision (${Math.min(...rounds).toFixed(0)}–${Math.max(...rounds).toFixed(0)})`;
  });
}

interface Evaluation {
  folds: number;
  repeats: number;
  without: readonly string[];
  prices: Prices;
}

function evaluationRows(samples: readonly Sample[], evaluation: Evaluation): string[] {
  const { folds, repeats, prices, without } = evaluation;
  const runs = Array.from({ length: repeats }, (_, index) =>
    unseen(samples, foldsOf(samples, folds, index + 1)),
  );
  const rulesAll = samples.map((each) => scoreFeatures(each.features, { scorer: "rules" }).score);
  const lengthAll = samples.map((each) => each.features["length"] ?? 0);
  const shippedAll = samples.map((each) => scoreFeatures(each.features).score);
  const rows: string[] = [];
  for (const source of new Set(samples.map((sample) => sample.source))) {
    const at = [...samples.keys()].filter((index) => samples[index]!.source === source);
    const gains = at.map((index) => samples[index]!.gain);
    const groups = at.map((index) => samples[index]!.group);
    const mean = (of: (sample: Sample) => number): number =>
      at.reduce((sum, index) => sum + of(samples[index]!), 0) / at.length;
    const line = (name: string, many: readonly (readonly number[])[]): string => {
      const picked = many.map((scores) => at.map((index) => scores[index]!));
      const each = picked.map((scores) => apgr(scores, gains));
      const { low, high } = apgrInterval(picked[0]!, gains, {
        groups,
        random: randomOf(7),
        draws: 500,
      });
      const cost = picked.map((scores) => costSaved(scores, gains, prices));
      const range =
        each.length > 1 ? ` (${Math.min(...each).toFixed(3)}–${Math.max(...each).toFixed(3)})` : "";
      return `  ${name.padEnd(44)} APGR ${average(each).toFixed(3)}${range.padEnd(15)} 95 % [${low.toFixed(3)}, ${high.toFixed(3)}]  95 % of the gap: ${percent(average(cost.map((one) => one.toStrong)))} to the strong, ${percent(average(cost.map((one) => one.saved)))} saved`;
    };
    rows.push(
      "",
      `${source}: ${at.length} prompts, ${new Set(groups).size} groups, weak ${percent(mean((each) => each.weak))}, strong ${percent(mean((each) => each.strong))}`,
      `  ${"random".padEnd(44)} APGR 0.500`,
      line("length alone", [lengthAll]),
      line("rules alone", [rulesAll]),
      line(
        `trained, unseen (${folds} folds × ${repeats})`,
        runs.map((run) => run.trained),
      ),
      line(
        "rules and trained as shipped, unseen",
        runs.map((run) => run.blended),
      ),
      line("shipped weights (may have seen these prompts)", [shippedAll]),
      `  mean familiarity of unseen prompts ${average(at.map((index) => runs[0]!.familiarity[index]!)).toFixed(2)}`,
    );
    // The three sources of most of the gap or of its opposite: how the score does without the largest groups.
    rows.push(
      ...withoutGroups(samples, at, without, {
        blended: runs.map((run) => run.blended),
        rules: [rulesAll],
      }),
    );
  }
  return rows;
}

interface UnseenScores {
  trained: number[];
  blended: number[];
  familiarity: number[];
}

/** Scores of every sample by weights trained without its fold; of the other sources everything is trained on. */
function unseen(samples: readonly Sample[], foldOf: ReadonlyMap<string, number>): UnseenScores {
  const result: UnseenScores = { trained: [], blended: [], familiarity: [] };
  for (const source of new Set(samples.map((sample) => sample.source))) {
    const away = (sample: Sample, fold: number): boolean =>
      sample.source === source && foldOf.get(sample.group) === fold;
    for (const fold of new Set(foldOf.values())) {
      if (!samples.some((sample) => away(sample, fold))) continue;
      const { weights } = train(samples.filter((sample) => !away(sample, fold)));
      samples.forEach((sample, index) => {
        if (!away(sample, fold)) return;
        const opinion = trainedOpinion(weights, sample.features);
        result.trained[index] = opinion.margin;
        result.blended[index] = scoreFeatures(sample.features, { weights }).score;
        result.familiarity[index] = opinion.familiarity;
      });
    }
  }
  return result;
}

/** APGR once more without the groups that hold most of what there is to gain or to lose: the honest hard part. */
function withoutGroups(
  samples: readonly Sample[],
  at: readonly number[],
  named: readonly string[],
  scorers: Readonly<Record<string, readonly (readonly number[])[]>>,
): string[] {
  const sums = new Map<string, number>();
  for (const index of at) {
    const { group, gain } = samples[index]!;
    sums.set(group, (sums.get(group) ?? 0) + gain);
  }
  const largest =
    named.length > 0
      ? [...sums].filter(([group]) => named.some((name) => group.endsWith(name)))
      : [...sums].toSorted((left, right) => Math.abs(right[1]) - Math.abs(left[1])).slice(0, 3);
  if (largest.every(([group]) => /:\d+$/.test(group))) return [];
  const left = new Set(largest.map(([group]) => group));
  const rest = at.filter((index) => !left.has(samples[index]!.group));
  const names = [...left].map((group) => group.slice(group.indexOf(":") + 1)).join(", ");
  const gains = rest.map((index) => samples[index]!.gain);
  const figures = Object.entries(scorers).map(([name, runs]) => {
    const each = runs.map((scores) =>
      apgr(
        rest.map((index) => scores[index]!),
        gains,
      ),
    );
    return `${name} ${average(each).toFixed(3)}`;
  });
  return [`  without ${names}: APGR on the other ${rest.length} prompts: ${figures.join(", ")}`];
}

function average(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
