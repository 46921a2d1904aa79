// Training and evaluating the `auto` weights: the command end to end on the project's own labels, and the shared ones.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLabelled, readLabelled, samplesOf } from "../../../../scripts/auto/dataset.ts";
import { apgr, costSaved, recoveredCurve } from "../../../../scripts/auto/evaluate.ts";
import { foldsOf, train } from "../../../../scripts/auto/train.ts";
import { readWeights, shippedWeights } from "../../../../src/routing/complexity/model.ts";
import { scoreFeatures } from "../../../../src/routing/complexity/score.ts";

const root = join(import.meta.dir, "..", "..", "..", "..");
const labelled = join(import.meta.dir, "labelled.csv");
const shared = join(root, "..", "shared", "routing", "mmlu.csv.gz");

describe("evaluation", () => {
  test("APGR: 0.5 for one score, more for a good order, less for its reverse", () => {
    const gains = [1, 1, 0, 0, 0, 0, 0, -1];
    expect(
      apgr(
        gains.map(() => 3),
        gains,
      ),
    ).toBeCloseTo(0.5, 9);
    const good = apgr([8, 7, 6, 5, 4, 3, 2, 1], gains);
    expect(good).toBeGreaterThan(1);
    expect(good + apgr([1, 2, 3, 4, 5, 6, 7, 8], gains)).toBeCloseTo(1, 9);
  });

  test("the curve begins at nothing and ends at the whole gap", () => {
    const curve = recoveredCurve([0.9, 0.1, 0.5], [1, 0, 1]);
    expect([...curve]).toEqual([0, 0.5, 1, 1]);
  });

  test("cost saved at a share of the gap", () => {
    const { toStrong, saved } = costSaved([4, 3, 2, 1], [1, 1, 0, 0], {
      strong: 10,
      weak: 1,
      share: 1,
    });
    expect(toStrong).toBe(0.5);
    expect(saved).toBeCloseTo(0.45, 9);
  });
});

describe("labelled prompts", () => {
  test("quotes, line breaks within them and missing subjects", () => {
    const rows = parseLabelled(
      'prompt,weak_correct,strong_correct\r\n"a, ""b""\nc",0,1\r\nd,1,1\r\n',
    );
    expect(rows).toEqual([
      { prompt: 'a, "b"\nc', weak: 0, strong: 1, subject: "" },
      { prompt: "d", weak: 1, strong: 1, subject: "" },
    ]);
  });

  test("errors name the column and the record", () => {
    expect(() => parseLabelled("prompt,weak_correct\na,1")).toThrow("strong_correct");
    expect(() => parseLabelled("prompt,weak_correct,strong_correct\na,1,yes")).toThrow("record 2");
  });

  test("no subject stands on both sides of a split", async () => {
    const samples = samplesOf(await readLabelled(labelled), "own", "subject");
    const folds = foldsOf(samples, 5, 3);
    expect(folds.size).toBe(5);
    expect(new Set(folds.values()).size).toBe(5);
    expect(foldsOf(samples, 5, 3)).toEqual(folds);
  });
});

describe("training", () => {
  test("learns what separates the labels, on subjects it has not seen", async () => {
    const samples = samplesOf(await readLabelled(labelled), "own", "subject");
    const unseen = samples.filter((sample) => sample.group === "own:west");
    const { weights } = train(samples.filter((sample) => sample.group !== "own:west"));
    const score = apgr(
      unseen.map((sample) => scoreFeatures(sample.features, { weights }).score),
      unseen.map((sample) => sample.gain),
    );
    expect(score).toBeGreaterThan(0.65);
  });

  test("nothing to learn is an error", () => {
    const same = parseLabelled("prompt,weak_correct,strong_correct\na,1,1\nb,0,0");
    expect(() => train(samplesOf(same, "same", "row"))).toThrow("nothing to learn");
    expect(() => train([])).toThrow("no prompts");
  });

  test("`bun run train:auto` writes a weights file, the same each time", async () => {
    const folder = await mkdtemp(join(tmpdir(), "auto-"));
    try {
      const run = async (name: string, ...more: string[]): Promise<string> => {
        const out = join(folder, name);
        const child = Bun.spawn(
          [process.execPath, "scripts/train-auto.ts", labelled, "--out", out, ...more],
          { cwd: root, stdout: "pipe", stderr: "pipe" },
        );
        expect(await new Response(child.stderr).text()).toBe("");
        expect(await child.exited).toBe(0);
        return Bun.file(out).text();
      };
      const first = await run("a.json");
      expect(await run("b.json")).toBe(first);
      expect(await run("c.json", "--split", "row", "--penalty", "10")).not.toBe(first);
      const weights = readWeights(JSON.parse(first));
      expect(weights.features.length).toBe(shippedWeights.features.length);
      expect(first.length).toBeLessThan(300_000);
      // No prompt of the file brings choices: such prompts stay with the rules.
      const [prompt] = samplesOf(
        parseLabelled('prompt,weak_correct,strong_correct\n"Which?\nA. one\nB. two",0,1'),
        "x",
        "row",
      );
      expect(scoreFeatures(prompt!.features, { weights }).familiarity).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("the command tells how it is used, and what is wrong with a file", async () => {
    const run = async (...words: string[]): Promise<{ code: number; text: string }> => {
      const child = Bun.spawn([process.execPath, "scripts/train-auto.ts", ...words], {
        cwd: root,
        stdout: "pipe",
        stderr: "pipe",
      });
      return { text: await new Response(child.stderr).text(), code: await child.exited };
    };
    expect(await run()).toMatchObject({ code: 2, text: expect.stringContaining("--split") });
    const wrong = await run(join(import.meta.dir, "score.test.ts"));
    expect(wrong).toMatchObject({ code: 1, text: expect.stringContaining("no column `prompt`") });
  });
});

describe("weights file", () => {
  test("a broken one is refused with what is wrong", () => {
    const whole = JSON.parse(JSON.stringify(shippedWeights));
    expect(readWeights(whole)).toEqual(shippedWeights);
    expect(() => readWeights(null)).toThrow("format");
    expect(() => readWeights({ ...whole, format: 2 })).toThrow("format");
    expect(() => readWeights({ ...whole, features: [1] })).toThrow("features");
    expect(() => readWeights({ ...whole, scale: [1] })).toThrow("scale");
    expect(() => readWeights({ ...whole, free: null })).toThrow("free");
    expect(() => readWeights({ ...whole, free: { ...whole.free, spread: 0 } })).toThrow(
      "free.spread",
    );
    expect(() => readWeights({ ...whole, free: { ...whole.free, far: whole.free.near } })).toThrow(
      "far",
    );
    expect(() => readWeights({ ...whole, choices: { ...whole.choices, mean: [] } })).toThrow(
      "choices.mean",
    );
  });

  test("the shipped weights are those of the features that the code computes", async () => {
    const [sample] = samplesOf(await readLabelled(labelled), "own", "row");
    expect(Object.keys(sample!.features)).toEqual([...shippedWeights.features]);
  });
});

const there = existsSync(shared);
if (!there) console.warn("skipped: the shared labelled prompts are absent");
test.skipIf(!there)(
  "shared labels: unseen subjects are ordered better than by chance",
  async () => {
    const samples = samplesOf(await readLabelled(shared), "mmlu", "subject");
    const folds = foldsOf(samples, 3, 1);
    const scores: number[] = [];
    for (const fold of [0, 1, 2]) {
      const { weights } = train(
        samples.filter((sample) => folds.get(sample.group) !== fold),
        { penalties: [3000] },
      );
      samples.forEach((sample, index) => {
        if (folds.get(sample.group) === fold) {
          scores[index] = scoreFeatures(sample.features, { weights }).score;
        }
      });
    }
    expect(
      apgr(
        scores,
        samples.map((sample) => sample.gain),
      ),
    ).toBeGreaterThan(0.58);
  },
  60_000,
);
