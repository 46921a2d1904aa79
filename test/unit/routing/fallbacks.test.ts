// Who is asked after a failure, by its kind and by where the lists are written.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FailureKind } from "../../../src/ir/error.ts";
import {
  queueAfter,
  type Standing,
  unreserved,
  withYields,
} from "../../../src/routing/fallbacks.ts";

interface Each extends Standing {
  provider: string;
  model: string;
  key: null;
}

const each = (path: string, more: Partial<Standing> = {}): Each => {
  const via = path.split(" ");
  return { provider: "p", model: via.at(-1) ?? "", key: null, via, ...more };
};
const own = each("a");
const general = each("a b");
const long = each("a long", { fallbackFor: "context_window" });
const longer = each("a longer", { fallbackFor: "context_window" });
const bold = each("a bold", { fallbackFor: "content_policy" });
const ofB = each("a b long-of-b", { fallbackFor: "context_window" });
const all = [own, general, ofB, long, longer, bold];

const after = (
  kind: FailureKind | undefined,
  failed: Each,
  { queue = unreserved(all), from = all }: { queue?: Each[]; from?: Each[] } = {},
): string[] =>
  queueAfter({ kind }, failed, { queue, at: queue.indexOf(failed), all: from }).map(
    ({ model }) => model,
  );

describe("queueAfter", () => {
  test("an ordinary failure goes on to the general ones, never to the others", () => {
    expect(unreserved(all)).toEqual([own, general]);
    expect(after(undefined, own)).toEqual(["b"]);
    expect(after(undefined, general)).toEqual([]);
  });

  test("a failure of a kind goes to its own list alone", () => {
    expect(after("context_window", own)).toEqual(["long", "longer"]);
    expect(after("content_policy", own)).toEqual(["bold"]);
  });

  test("a list holds for what was reached through its route, not the other way round", () => {
    expect(after("context_window", general)).toEqual(["long-of-b", "long", "longer"]);
    expect(after("content_policy", general)).toEqual(["bold"]);
  });

  test("in a list: an ordinary failure takes the next of it, the same kind the rest of it", () => {
    const queue = [own, long, longer];
    expect(after(undefined, long, { queue })).toEqual(["longer"]);
    expect(after("context_window", long, { queue })).toEqual(["longer"]);
    expect(after("content_policy", long, { queue })).toEqual(["bold"]);
  });

  test("nobody is asked again for what it has refused", () => {
    const again = each("a a", { fallbackFor: "context_window" });
    const same = { ...again, model: own.model };
    expect(after("context_window", own, { from: [own, same, long] })).toEqual(["long"]);
  });

  test("a model that the request names itself takes every failure of another", () => {
    const named = each("c", { takesAll: true });
    const twin = each("c", { takesAll: true });
    const from = [own, named, { ...twin, model: "c2" }, long];
    const queue = unreserved(from);
    expect(after("content_policy", own, { queue, from })).toEqual(["c", "c2"]);
    expect(after("context_window", own, { queue, from })).toEqual(["c", "c2", "long"]);
    // The same model at another place would refuse it again.
    expect(after("content_policy", named, { queue, from })).toEqual([]);
  });

  test("a racer that failed stands in no queue", () => {
    const queue = [own];
    expect(queueAfter({ kind: undefined }, general, { queue, at: 0, all })).toEqual([]);
    expect(
      queueAfter({ kind: "content_policy" }, general, { queue, at: 0, all }).map((c) => c.model),
    ).toEqual(["bold"]);
  });
});

test("where only lists are left, they are asked", () => {
  expect(unreserved([long, bold])).toEqual([long, bold]);
});

test("each is told what others would take of it", () => {
  const told = withYields(all).map(({ model, yieldsTo }) => [model, yieldsTo]);
  expect(told).toEqual([
    ["a", ["context_window", "content_policy"]],
    ["b", ["context_window", "content_policy"]],
    ["long-of-b", ["context_window", "content_policy"]],
    ["long", ["context_window", "content_policy"]],
    ["longer", ["context_window", "content_policy"]],
    ["bold", ["context_window"]],
  ]);
  expect(withYields([own, general])).toEqual([own, general]);
});

test("whatever fails, nobody is asked twice and it ends", () => {
  const kinds = fc.constantFrom<FailureKind | undefined>(
    undefined,
    "context_window",
    "content_policy",
  );
  const anybody = fc.record({
    via: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }),
    model: fc.constantFrom("1", "2", "3", "4", "5"),
    fallbackFor: kinds,
    takesAll: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(anybody, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(kinds),
      (list, errors) => {
        const from = list.map(({ fallbackFor, takesAll, ...rest }): Each => ({
          provider: "p",
          key: null,
          ...rest,
          ...(fallbackFor && { fallbackFor }),
          ...(takesAll && { takesAll }),
        }));
        const queue = unreserved(from);
        const asked: Each[] = [];
        for (let at = 0; at < queue.length; at += 1) {
          const failed = queue[at];
          if (!failed) break;
          asked.push(failed);
          const { value: kind } = errors.next();
          const rest = queueAfter({ kind }, failed, { queue, at, all: from });
          if (kind)
            for (const next of rest) expect(next.fallbackFor === kind || next.takesAll).toBe(true);
          queue.splice(at + 1, queue.length, ...rest);
        }
        expect(new Set(asked).size).toBe(asked.length);
      },
    ),
    { seed: 4, numRuns: 500 },
  );
});
