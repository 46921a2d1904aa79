// The tests of significance against tables, and against themselves.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  addValue,
  compareMeans,
  compareProportions,
  isEnoughForProportions,
  noMoments,
  normalTwoSided,
  studentTwoSided,
  variance,
} from "../../../src/lib/statistics.ts";

const momentsOf = (values: readonly number[]) => {
  const moments = noMoments();
  for (const value of values) addValue(moments, value);
  return moments;
};

describe("distributions", () => {
  // Quantiles as every table has them.
  test.each([
    [0, 1],
    [0.5, 0.617075077451974],
    [1.959963984540054, 0.05],
    [2.5758293035489, 0.01],
    [-1.959963984540054, 0.05],
    [5, 5.733031437583869e-7],
  ])("normal: |z| ≥ %p has p = %p", (z, p) => {
    expect(normalTwoSided(z)).toBeCloseTo(p, 12);
  });

  test.each([
    [12.706204736, 1, 0.05],
    [4.30265273, 2, 0.05],
    [2.228138852, 10, 0.05],
    [2.042272456, 30, 0.05],
    [1, 1, 0.5],
    [0, 7, 1],
    [3.169272667, 10, 0.01],
  ])("Student: |t| ≥ %p with %p degrees of freedom has p = %p", (t, freedom, p) => {
    expect(studentTwoSided(t, freedom)).toBeCloseTo(p, 8);
  });

  // Close to 0 a p of 1 - 1e-9 used to have lost its last six digits.
  test.each([1e-9, 6.266570686589997e-6, 1e-4])("keeps its digits at %p", (t) => {
    expect(studentTwoSided(t, 1e7)).toBeCloseTo(normalTwoSided(t), 10);
  });

  test("Student nears the normal one, and falls as t grows", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 30, noNaN: true }), (t) => {
        expect(studentTwoSided(t, 1e7)).toBeCloseTo(normalTwoSided(t), 5);
        expect(studentTwoSided(t + 0.1, 5)).toBeLessThan(studentTwoSided(t, 5));
      }),
    );
  });
});

describe("means", () => {
  test("moments are those of the values", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2 }), (values) => {
        const moments = momentsOf(values);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        expect(moments.mean).toBeCloseTo(mean, 6);
        expect(variance(moments)).toBeCloseTo(squares / (values.length - 1), 4);
      }),
    );
  });

  test("Welch's t as worked out by hand", () => {
    // Means 3 and 6, variances 2.5 and 10, five values each: t = 3 / √2.5, 5.882 degrees of freedom.
    const compared = compareMeans(momentsOf([1, 2, 3, 4, 5]), momentsOf([2, 4, 6, 8, 10]));
    expect(compared?.difference).toBe(3);
    expect(compared?.p).toBeCloseTo(
      studentTwoSided(3 / Math.sqrt(2.5), 2.5 ** 2 / (0.0625 + 1)),
      12,
    );
    expect(compared?.p).toBeCloseTo(0.1075, 3);
  });

  test("is silent about one value, and sure of what never varies", () => {
    expect(compareMeans(momentsOf([1]), momentsOf([1, 2]))).toBeNull();
    expect(compareMeans(momentsOf([1, 1]), momentsOf([1, 1]))).toEqual({ difference: 0, p: 1 });
    expect(compareMeans(momentsOf([1, 1]), momentsOf([2, 2]))).toEqual({ difference: 1, p: 0 });
  });
});

describe("proportions", () => {
  test("the pooled z as worked out by hand", () => {
    // 20 of 100 and 30 of 100: pooled 0.25, z = 0.1 / √(0.1875 / 50).
    const compared = compareProportions({ count: 20, of: 100 }, { count: 30, of: 100 });
    expect(compared?.difference).toBeCloseTo(0.1, 12);
    expect(compared?.p).toBeCloseTo(normalTwoSided(1.632993), 6);
    expect(compared?.p).toBeCloseTo(0.1025, 4);
  });

  test("knows when there is too little to go by", () => {
    expect(compareProportions({ count: 0, of: 0 }, { count: 1, of: 2 })).toBeNull();
    expect(compareProportions({ count: 0, of: 9 }, { count: 0, of: 9 })?.p).toBe(1);
    expect(isEnoughForProportions({ count: 1, of: 100 }, { count: 2, of: 100 })).toBe(false);
    expect(isEnoughForProportions({ count: 10, of: 100 }, { count: 12, of: 100 })).toBe(true);
    expect(isEnoughForProportions({ count: 99, of: 100 }, { count: 99, of: 100 })).toBe(false);
  });

  test("chance alone is called significant in one of twenty cases", () => {
    let seed = 1;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const group = () => ({
      count: Array.from({ length: 400 }, random).filter((value) => value < 0.2).length,
      of: 400,
    });
    const cases = Array.from({ length: 2_000 }, () => compareProportions(group(), group())?.p ?? 1);
    const called = cases.filter((p) => p < 0.05).length / cases.length;
    expect(called).toBeGreaterThan(0.035);
    expect(called).toBeLessThan(0.065);
  });
});
