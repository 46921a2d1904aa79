// Tags and regions.
import { expect, test } from "bun:test";
import { isWithin, type TagMatch, withTags } from "../../../src/routing/selection.ts";

const deployments = [
  { id: "free", tags: ["free"] },
  { id: "paid", tags: ["paid", "eu"] },
  { id: "rest", tags: ["default"] },
  { id: "plain" },
];

test.each([
  [["free"], "any", ["free"]],
  [["free", "paid"], "any", ["free", "paid"]],
  [["paid", "eu"], "all", ["paid"]],
  [["paid", "free"], "all", ["rest"]],
  [["other"], "any", ["rest"]],
  [["default"], "any", ["rest"]],
  [[], "any", ["rest"]],
  [undefined, "all", ["rest"]],
] as [string[] | undefined, TagMatch, string[]][])("%j of %s", (tags, match, expected) => {
  expect(withTags(deployments, tags, match).map(({ id }) => id)).toEqual(expected);
});

test("without a default: untagged requests go anywhere, others nowhere", () => {
  const two = deployments.filter(({ id }) => id !== "rest");
  expect(withTags(two, []).map(({ id }) => id)).toEqual(["free", "paid", "plain"]);
  expect(withTags(two, ["other"])).toEqual([]);
});

test("where nobody has tags they mean nothing", () => {
  expect(withTags([{ id: 1 }, { id: 2, tags: [] }], ["x"])).toHaveLength(2);
});

test.each([
  ["eu", "eu", true],
  ["eu-west-1", "eu", true],
  ["EU-West-1", "eu-west-1", true],
  ["europe-west4", "eu", false],
  ["us", "eu", false],
  ["eu", "eu-west-1", false],
  [undefined, "eu", false],
  [undefined, undefined, true],
] as [string | undefined, string | undefined, boolean][])(
  "%p within %p: %p",
  (place, wanted, is) => {
    expect(isWithin(place, wanted)).toBe(is);
  },
);
