// The complexity score: pure, explained, bounded, and sensible on what people send.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { everydayPrompts, everydayRequest } from "../../../../bench/auto-table.ts";
import type { ChatRequest } from "../../../../src/ir/chat.ts";
import { complexityInput, promptInput } from "../../../../src/routing/complexity/input.ts";
import { scoreRequest } from "../../../../src/routing/complexity/score.ts";
import { tierLimits, tierOf, tiers } from "../../../../src/routing/complexity/tier.ts";

const scoreOf = (prompt: string): number => scoreRequest(promptInput(prompt)).score;

const request = (change: Partial<ChatRequest>): ChatRequest => ({
  model: "auto",
  messages: [{ role: "user", parts: [{ type: "text", text: "Fix the login test." }] }],
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...change,
});

const scored = (change: Partial<ChatRequest>): number =>
  scoreRequest(complexityInput(request(change))).score;

describe("score", () => {
  test("lies in 0..1 with shares that add up to 1, for any text, twice the same", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc
        .array(
          fc.constantFrom(
            "A. 1",
            "B. x",
            "Answer:",
            "if",
            "prove",
            "```",
            "$3",
            "12",
            "\n",
            "__proto__",
            "constructor",
          ),
        )
        .map((words) => words.join("\n")),
    );
    fc.assert(
      fc.property(texts, fc.constantFrom("rules" as const, "trained" as const), (text, scorer) => {
        const first = scoreRequest(promptInput(text), { scorer });
        expect(first.score).toBeGreaterThanOrEqual(0);
        expect(first.score).toBeLessThanOrEqual(1);
        for (const part of first.parts) {
          expect(part.value).toBeGreaterThanOrEqual(0);
          expect(part.value).toBeLessThanOrEqual(1);
        }
        const whole = first.parts.reduce((sum, part) => sum + Math.abs(part.share), 0);
        if (first.parts.length > 0) expect(whole).toBeCloseTo(1, 6);
        expect(scoreRequest(promptInput(text), { scorer })).toEqual(first);
      }),
      { numRuns: 300 },
    );
  });

  test("a text of a megabyte costs what its ends cost", () => {
    const input = promptInput("why ".repeat(250_000));
    expect(input.text.length).toBeLessThanOrEqual(8192);
    expect(input.textLength).toBe(1_000_000);
    expect(scoreRequest(input).score).toBeGreaterThan(0.3);
  });

  test("the harder of two prompts scores more", () => {
    const pairs: [easy: string, hard: string][] = [
      ["hi", "Prove that there are infinitely many primes congruent to 3 modulo 4."],
      [
        "What is 2 + 2?",
        "Find all integer solutions of x^2 - 7y^2 = 1 and prove that there are no others.",
      ],
      [
        "Translate to French: good night",
        "Analyse why the negotiations failed and compare three strategies for resuming them.",
      ],
      [
        "How do I sort a list in Python?",
        "Design a lock-free queue in C++, explain its memory ordering and prove that it is linearizable.",
      ],
    ];
    for (const [easy, hard] of pairs) expect(scoreOf(hard)).toBeGreaterThan(scoreOf(easy) + 0.15);
  });

  test("the rules alone do not look at trained weights", () => {
    const both = scoreRequest(promptInput("Explain why the sky is blue."));
    const alone = scoreRequest(promptInput("Explain why the sky is blue."), { scorer: "rules" });
    expect(alone.familiarity).toBe(0);
    expect(alone.score).toBe(both.rules);
  });
});

describe("shape of the conversation", () => {
  const plain = scored({});

  test("tools, failures, images, thought asked for raise it; thought refused lowers it", () => {
    const tool = { type: "function" as const, name: "run" };
    expect(scored({ tools: [tool, tool, tool] })).toBeGreaterThan(plain);
    expect(scored({ tools: [tool], toolChoice: { type: "none" } })).toBe(plain);
    expect(scored({ reasoning: { mode: "effort", effort: "high" } })).toBeGreaterThan(plain);
    expect(scored({ reasoning: { mode: "off" } })).toBeLessThan(plain);
    expect(scored({ responseFormat: { type: "json-schema", schema: {} } })).toBeGreaterThan(plain);
  });

  test("an agent in trouble is harder than the same task at its start", () => {
    const start = everydayPrompts.filter((each) => each.prompt.startsWith("The login test"));
    const [fresh, stuck] = start.map((each) =>
      scoreRequest(complexityInput(everydayRequest(each))),
    );
    expect(stuck!.score).toBeGreaterThan(fresh!.score + 0.2);
    expect(stuck!.parts.slice(0, 3).map((part) => part.feature)).toContain("failuresSince");
  });

  test("a turn that only agrees is as hard as what it agrees to", () => {
    const conversation = (last: string): ChatRequest => {
      const said = (role: "user" | "assistant", text: string): ChatRequest["messages"][number] => ({
        role,
        parts: [{ type: "text", text }],
      });
      return request({
        messages: [
          said(
            "user",
            "Analyse every caller for race conditions and design a fix for each of them.",
          ),
          said("assistant", "Shall I?"),
          said("user", last),
        ],
      });
    };
    const score = (last: string): number => scoreRequest(complexityInput(conversation(last))).score;
    expect(score("yes, do it")).toBeGreaterThan(score("thanks!") + 0.2);
  });

  test("what a coding agent puts beside the user's words does not count as theirs", () => {
    const input = complexityInput(
      request({
        messages: [
          {
            role: "user",
            parts: [
              { type: "text", text: "<system-reminder>Prove everything.</system-reminder>" },
              { type: "text", text: "hi" },
            ],
          },
        ],
      }),
    );
    expect(input.text).toBe("hi");
  });
});

describe("tiers", () => {
  test("the slider moves every limit, in order, from cost to quality", () => {
    expect(tierLimits(0.5)[1]).toBeCloseTo(0.45, 9);
    for (const quality of [0, 0.25, 0.5, 0.75, 1]) {
      const limits = tierLimits(quality);
      expect(limits.toSorted((left, right) => left - right)).toEqual([...limits]);
      expect(limits.every((limit) => limit > 0 && limit < 1)).toBe(true);
    }
    expect(tierLimits(0)[0]).toBeGreaterThan(tierLimits(1)[2] - 0.01);
  });

  test("a better place on the slider never gives a lower tier", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (score, one, other) => {
          const [low, high] = [Math.min(one, other), Math.max(one, other)];
          const rank = (quality: number): number =>
            tiers.indexOf(tierOf(score, tierLimits(quality)));
          expect(rank(high)).toBeGreaterThanOrEqual(rank(low));
        },
      ),
    );
  });
});

describe("a hundred everyday prompts", () => {
  test("at least 90 in a tier that a person finds right, none two tiers away", () => {
    expect(everydayPrompts).toHaveLength(100);
    const wrong = everydayPrompts.filter((each) => {
      const { tier } = scoreRequest(complexityInput(everydayRequest(each)));
      return !each.right.includes(tier);
    });
    expect(wrong.length).toBeLessThanOrEqual(10);
    const far = wrong.filter((each) => {
      const { tier } = scoreRequest(complexityInput(everydayRequest(each)));
      return each.right.every((right) => Math.abs(tiers.indexOf(right) - tiers.indexOf(tier)) > 1);
    });
    expect(far.map((each) => each.prompt)).toEqual([]);
  });
});
