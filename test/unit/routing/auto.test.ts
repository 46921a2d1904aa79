// `auto` tells what decided, pins go before scores, and scores near a threshold change nothing.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Pin } from "../../../src/config/config.ts";
import { createPattern } from "../../../src/lib/pattern.ts";
import { findPin, noPinFacts, type PinFacts } from "../../../src/routing/pins.ts";
import { chooseTier } from "../../../src/routing/policies/auto.ts";
import { policies } from "../../../src/routing/policies/index.ts";
import type { AutoDecision, AutoSettings, Contender } from "../../../src/routing/policy.ts";

const contenders: Contender[] = [
  { weight: 1, order: 0, id: "a", name: "p/a", quality: 1 },
  { weight: 1, order: 0, id: "b", name: "p/b", quality: 3 },
  { weight: 1, order: 0, id: "c", name: "p/c", quality: 3 },
];

interface Asked {
  score?: number;
  last?: number;
  auto?: Partial<AutoSettings>;
  facts?: Partial<PinFacts>;
}

function decide({ score = 0.2, last, auto = {}, facts = {} }: Asked) {
  let decision: AutoDecision | undefined;
  const why: string[] = [];
  const order = policies.auto.order(contenders, {
    turn: 0,
    complexity: () => score,
    lastQuality: () => last,
    pinned: () => ({ ...noPinFacts, ...facts }),
    decided: (made) => (decision = made),
    note: (_, judgement) => why.push(judgement.why),
    settings: { auto },
  });
  return { decision, order: order.map(({ id }) => id).join(""), why };
}

describe("what decided is told", () => {
  test("a score", () => {
    const { decision, why } = decide({ score: 0.7, auto: { thresholds: [0.6] } });
    expect(decision).toEqual({
      by: "score",
      score: 0.7,
      quality: 3,
      qualities: [1, 3],
      thresholds: [0.6],
      last: null,
    });
    expect(why).toContain("difficulty 0.70, quality 3: the tier for it");
  });

  test("hysteresis", () => {
    const { decision, order, why } = decide({ score: 0.55, last: 1 });
    expect(decision).toMatchObject({ by: "hysteresis", quality: 1, last: 1, score: 0.55 });
    expect(order[0]).toBe("a");
    expect(why[0]).toContain("kept by hysteresis");
    expect(decide({ score: 0.61, last: 1 }).decision).toMatchObject({ by: "score", quality: 3 });
  });

  test("a pin, whose model goes first and whose tier follows", () => {
    const pins: Pin[] = [
      { tag: "x", quality: 1 },
      { text: createPattern("(?i)prove"), quality: 3, model: "p/c" },
    ];
    const { decision, order, why } = decide({
      auto: { pins },
      facts: { text: "Prove it" },
      last: 1,
    });
    expect(decision).toMatchObject({ by: "pin", pin: 2, score: null, quality: 3, last: 1 });
    expect(order).toBe("cba");
    expect(why).toContain("pin 2, quality 3: the tier for it");
    expect(decide({ auto: { pins } }).decision).toMatchObject({ by: "score", quality: 1 });
  });

  test("a pin whose tier is not among the candidates decides nothing", () => {
    const pins: Pin[] = [{ tag: "x", quality: 9 }];
    expect(decide({ auto: { pins }, facts: { tags: ["x"] } }).decision?.by).toBe("score");
  });
});

test("a pin needs all that it names", () => {
  const pin: Pin = {
    tag: "a",
    tool: "f",
    metadata: { k: "1" },
    text: createPattern("x"),
    quality: 1,
  };
  const facts = { text: "x", tags: ["b", "a"], metadata: { k: 1 }, tools: ["f"] };
  expect(findPin([pin], facts)).toBe(0);
  expect(findPin([pin], { ...facts, text: "y" })).toBe(-1);
  expect(findPin([pin], { ...facts, tags: [] })).toBe(-1);
  expect(findPin([pin], { ...facts, tools: ["g"] })).toBe(-1);
  expect(findPin([pin], { ...facts, metadata: { k: { toString: "1" } } })).toBe(-1);
});

test("within the margin a conversation never changes its tier; beyond it, it always does", () => {
  const settings = { hysteresis: 0.1, thresholds: [0.5] };
  const near = fc.array(fc.double({ min: 0.4001, max: 0.5999, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom(1, 3), near, (first, scores) => {
      for (const score of scores) {
        expect(chooseTier(score, [1, 3], settings, first)).toBe(first === 1 ? 0 : 1);
      }
      expect(chooseTier(0.6001, [1, 3], settings, first)).toBe(1);
      expect(chooseTier(0.3999, [1, 3], settings, first)).toBe(0);
    }),
    { seed: 11 },
  );
});
