// `bun run train:auto <csv…>`: trains the weights of the `auto` policy on labelled prompts and writes their data file.
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { readLabelled, samplesOf, type Split } from "./auto/dataset.ts";
import { train } from "./auto/train.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    split: { type: "string", default: "subject" },
    seed: { type: "string", default: "1" },
    folds: { type: "string", default: "10" },
    penalty: { type: "string", multiple: true },
    out: {
      type: "string",
      default: join(import.meta.dir, "..", "src", "routing", "complexity", "weights.json"),
    },
  },
});

if (positionals.length === 0 || !isSplit(values.split)) {
  console.error(
    "bun run train:auto <csv or csv.gz…> [--split subject|row] [--seed 1] [--folds 10] [--penalty 3000 …] [--out weights.json]",
  );
  process.exit(2);
}
const split = values.split;
try {
  const sources = await Promise.all(
    positionals.map(async (path) => samplesOf(await readLabelled(path), basename(path), split)),
  );
  const samples = sources.flat();
  const { weights, penalty, tried } = train(samples, {
    seed: Number(values.seed),
    folds: Number(values.folds),
    ...(values.penalty ? { penalties: values.penalty.map(Number) } : {}),
  });
  for (const each of tried) {
    console.log(
      `penalty ${String(each.penalty).padStart(6)}: APGR over inner folds ${each.choices.toFixed(3)} with choices, ${each.free.toFixed(3)} without`,
    );
  }
  const text = `${JSON.stringify(weights)}\n`;
  await Bun.write(values.out, text);
  console.log(
    `${samples.length} prompts, ${weights.features.length} features, penalties ${penalty.choices.join(", ")} with choices and ${penalty.free.join(", ")} without: ${values.out} (${(text.length / 1000).toFixed(1)} kB)`,
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

function isSplit(value: string): value is Split {
  return value === "subject" || value === "row";
}
