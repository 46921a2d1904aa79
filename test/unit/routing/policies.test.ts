// Each policy against a table of orders.
import { describe, expect, test } from "bun:test";
import type { Deployment } from "../../../src/config/config.ts";
import { policies } from "../../../src/routing/policies/index.ts";

const deployment = (model: string, settings: Partial<Deployment> = {}): Deployment => ({
  provider: "demo",
  model,
  weight: 1,
  order: 0,
  timeouts: {},
  parameters: {},
  ...settings,
});

const names = (deployments: readonly Deployment[]): string =>
  deployments.map((each) => each.model).join("");

describe("first", () => {
  test.each([
    [[0, 0, 0], "abc"],
    [[2, 1, 0], "cba"],
    [[1, 0, 1], "bac"],
  ])("orders %j → %s", (orders, expected) => {
    const list = orders.map((order, index) => deployment("abc"[index]!, { order }));
    expect(names(policies.first.order(list, { turn: 7 }))).toBe(expected);
  });
});

describe("round-robin", () => {
  test.each([
    [0, "abc"],
    [1, "bca"],
    [2, "cab"],
    [3, "abc"],
  ])("turn %d → %s", (turn, expected) => {
    const list = ["a", "b", "c"].map((name) => deployment(name));
    expect(names(policies["round-robin"].order(list, { turn }))).toBe(expected);
  });
});

describe("weighted", () => {
  const share = (weights: readonly number[], turns: number): number[] => {
    const list = weights.map((weight, index) => deployment(String(index), { weight }));
    const counts = weights.map(() => 0);
    for (let turn = 0; turn < turns; turn += 1) {
      counts[Number(policies.weighted.order(list, { turn })[0]!.model)]! += 1;
    }
    return counts;
  };

  test.each([
    [[70, 20, 10], 10, [7, 2, 1]],
    [[70, 20, 10], 1_000, [700, 200, 100]],
    [[1, 1], 10, [5, 5]],
    [[0, 3, 1], 400, [0, 300, 100]],
    [[0.5, 0.25, 0.25], 400, [200, 100, 100]],
  ])("%j over %d turns is exactly %j", (weights, turns, expected) => {
    expect(share(weights, turns)).toEqual(expected);
  });

  test("never sends a long run to one deployment when the weights are equal", () => {
    const list = ["a", "b", "c", "d"].map((name) => deployment(name, { weight: 25 }));
    const sequence = Array.from({ length: 40 }, (_, turn) =>
      names([policies.weighted.order(list, { turn })[0]!]),
    ).join("");
    expect(/(.)\1\1/.test(sequence)).toBe(false);
  });

  test("returns the whole order: the rest by weight, zero last", () => {
    const list = [deployment("z", { weight: 0 }), deployment("s"), deployment("l", { weight: 9 })];
    for (let turn = 0; turn < 10; turn += 1) {
      const order = names(policies.weighted.order(list, { turn }));
      expect(["lsz", "slz"]).toContain(order);
    }
  });

  test("only zero weights still gives everything", () => {
    const list = ["a", "b"].map((name) => deployment(name, { weight: 0 }));
    expect(names(policies.weighted.order(list, { turn: 3 }))).toBe("ab");
  });
});

test("every policy returns every deployment once", () => {
  const list = ["a", "b", "c", "d", "e"].map((name, index) =>
    deployment(name, { weight: index, order: index % 2 }),
  );
  for (const policy of Object.values(policies)) {
    for (let turn = 0; turn < 23; turn += 1) {
      expect(
        Array.from(names(policy.order(list, { turn })))
          .toSorted()
          .join(""),
      ).toBe("abcde");
    }
  }
});
