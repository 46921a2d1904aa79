// What is said of an experiment: which arm the others are compared with, and what the figures allow to be said.
import { describe, expect, test } from "bun:test";
import { addValue, noMoments } from "../../../src/lib/statistics.ts";
import { reportExperiments } from "../../../src/routing/experiment-report.ts";
import type { ArmFigures } from "../../../src/store/experiments.ts";

const momentsOf = (values: readonly number[]) => {
  const moments = noMoments();
  for (const value of values) addValue(moments, value);
  return moments;
};

/** `count` values around `mean`, always the same. */
const around = (mean: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => mean * (0.8 + (at % 5) * 0.1));

const armOf = (arm: string, over: Partial<ArmFigures> = {}): ArmFigures => ({
  experiment: "trial",
  arm,
  requests: 1_000,
  failed: 0,
  rescued: 0,
  inputTokens: 10,
  outputTokens: 5,
  costNanos: 1_000_000_000n,
  unpriced: 0,
  cost: momentsOf(around(0.001, 1_000)),
  duration: { ...momentsOf(around(500, 1_000)), p50: 500, p95: 600 },
  firstToken: { n: 0, p50: null },
  feedback: [],
  ...over,
});

const findingOf = (figures: readonly ArmFigures[], measure: string) =>
  reportExperiments(figures)[0]?.findings.find((each) => each.measure === measure);

describe("the baseline", () => {
  test("is `control`, and stands first", () => {
    const [report] = reportExperiments([armOf("a", { requests: 9_000 }), armOf("control")]);
    expect(report?.baseline).toBe("control");
    expect(report?.arms.map(({ arm, share }) => [arm, share])).toEqual([
      ["control", 0.1],
      ["a", 0.9],
    ]);
  });

  test("is the arm with most requests where none is called so", () => {
    const [report] = reportExperiments([armOf("a", { requests: 1 }), armOf("b"), armOf("c")]);
    expect(report?.baseline).toBe("b");
    expect(new Set(report?.findings.map(({ arm }) => arm))).toEqual(new Set(["a", "c"]));
  });

  test("an arm alone is compared with nothing", () => {
    expect(reportExperiments([armOf("a")])[0]?.findings).toEqual([]);
    expect(reportExperiments([])).toEqual([]);
  });
});

describe("what is said", () => {
  test("errors: those that others answered count, too", () => {
    const figures = [armOf("control", { failed: 10 }), armOf("new", { failed: 20, rescued: 30 })];
    expect(findingOf(figures, "errors")).toMatchObject({
      baseline: 0.01,
      value: 0.05,
      isSignificant: true,
      isFew: false,
      text: expect.stringMatching(
        /^errors: new 5\.00 %, control 1\.00 %: more than chance explains \(p < 0\.0001\)$/,
      ),
    });
  });

  test("a difference that chance explains is called so", () => {
    const figures = [armOf("control", { failed: 10 }), armOf("new", { failed: 12 })];
    expect(findingOf(figures, "errors")?.text).toContain("chance explains it (p = 0.67)");
    expect(findingOf(figures, "errors")?.isSignificant).toBe(false);
  });

  test("few requests allow nothing to be said, however clear they look", () => {
    const few = { requests: 12, failed: 6, cost: momentsOf([1, 1.1, 1.2]) };
    const figures = [armOf("control", { requests: 12 }), armOf("new", few)];
    for (const measure of ["errors", "cost"]) {
      expect(findingOf(figures, measure)).toMatchObject({
        isFew: true,
        text: expect.stringContaining("too few to tell"),
      });
    }
  });

  test("cost and duration are compared by their means", () => {
    const dear = { cost: momentsOf(around(0.002, 500)) };
    const figures = [armOf("control"), armOf("new", dear)];
    expect(findingOf(figures, "cost")?.text).toBe(
      "cost per request: new $0.00200, control $0.00100: more than chance explains (p < 0.0001)",
    );
    expect(findingOf(figures, "duration")?.text).toBe(
      "mean duration: new 500 ms, control 500 ms: chance explains it (p = 1.0)",
    );
  });

  test("feedback is compared where both arms have some of that name", () => {
    const said = (name: string, mean: number) => ({ name, moments: momentsOf(around(mean, 100)) });
    const figures = [
      armOf("control", { feedback: [said("score", 3), said("only-here", 1)] }),
      armOf("new", { feedback: [said("score", 4)] }),
    ];
    const [report] = reportExperiments(figures);
    expect(report?.findings.map(({ measure }) => measure)).toEqual([
      "errors",
      "cost",
      "duration",
      "feedback score",
    ]);
    expect(findingOf(figures, "feedback score")).toMatchObject({
      isSignificant: true,
      value: expect.closeTo(4, 9),
    });
  });

  test("what nobody knows is not called free", () => {
    const unknown = { cost: noMoments(), costNanos: 0n, unpriced: 9 };
    const [report] = reportExperiments([armOf("control", unknown), armOf("new")]);
    expect(report?.arms[0]).toMatchObject({ costPerRequestUsd: null, unpriced: 9 });
    expect(report?.findings.map(({ measure }) => measure)).not.toContain("cost");
  });

  test("cost per request is rounded once", () => {
    const cost = { costNanos: 10n, cost: { n: 4, mean: 2.5e-9, squares: 0 } };
    expect(reportExperiments([armOf("a", cost)])[0]?.arms[0]?.costPerRequestUsd).toBe(
      "0.000000003",
    );
  });
});
