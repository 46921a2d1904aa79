// S49: whatever the operator's pattern and whatever the text, others are let in, and the time grows with the text alone.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { configFromObject } from "../../src/config/load.ts";
import { compilePattern } from "../../src/lib/pattern-scan.ts";
import { PatternError } from "../../src/lib/pattern-syntax.ts";
import { providers } from "../../src/providers/index.ts";
import { createTextCheck } from "../../src/guardrails/text-check.ts";
import { createGuardrails } from "../../src/guardrails/guardrails.ts";
import { createMatcher } from "../../src/guardrails/matcher.ts";
import { createEgress } from "../../src/egress.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { post, providersAt, startUpstream } from "../support/guarded.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

/** Inner parts whose repetition can be taken apart in many ways, what repeats them, and what keeps them from matching. */
const inner = [
  "a+",
  "a*",
  "(a|a)",
  "(a|aa)",
  "(a|a?)",
  "a{1,20}",
  "[ab]*",
  String.raw`\w+`,
  String.raw`\d+\w*`,
  "(a+)+",
];
const outer = [
  (part: string) => `(${part})+$`,
  (part: string) => `(${part})*$`,
  (part: string) => `^(${part}){2,40}$`,
  (part: string) => `(${part}\\s?)*!`,
];
const known = [
  String.raw`^(([a-z])+.)+[A-Z]([a-z])+$`,
  String.raw`^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$`,
  String.raw`(.*)*x`,
  String.raw`(x+x+)+y`,
  String.raw`\s*,\s*,\s*,\s*$`,
  String.raw`(.*,){11}P`,
  String.raw`^(\d+\.?)+\d+$`,
  String.raw`(?i)(<.*>)+#`,
  String.raw`^(.*?[a-z]){20}!$`,
  String.raw`(a?){40}a{40}!`,
];
const corpus = [...known, ...inner.flatMap((part) => outer.map((wrap) => wrap(part)))].filter(
  compiles,
);

function compiles(source: string): boolean {
  try {
    compilePattern(source);
    return true;
  } catch (error) {
    // Refused when the configuration is read: that is as good.
    if (error instanceof PatternError) return false;
    throw error;
  }
}

const attacks = ["a", "0", "x", "a,", "a.", " ", "<a>"].map((piece) => `${piece.repeat(400)}\n?`);

test("most of the known patterns are taken", () => {
  expect(corpus.length).toBeGreaterThan(40);
});

describe("S49 a linear engine", () => {
  test("looks at each sign once for each instruction, whatever the pattern", () => {
    for (const source of corpus) {
      const program = compilePattern(source);
      let looks = 0;
      const counted = program.map((instruction) =>
        instruction.type === "unit"
          ? {
              ...instruction,
              takes(unit: number) {
                looks += 1;
                return instruction.takes(unit);
              },
            }
          : instruction,
      );
      for (const attack of attacks) {
        const matcher = createMatcher({ kind: "pattern", program: counted });
        looks = 0;
        matcher.push(attack);
        matcher.end();
        matcher.take();
        expect(looks).toBeLessThanOrEqual((attack.length + 1) * program.length);
      }
    }
  });

  test("lets others in while it reads a long text", async () => {
    const { guardrails } = settingsOf({
      slow: { type: "regex", patterns: corpus.slice(0, 20), default_on: true },
    });
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await createTextCheck(guardrails).check("a b,".repeat(20_000));
    isOver = true;
    expect(turns).toBeGreaterThan(3);
  });
});

function settingsOf(guardrails: Record<string, unknown>) {
  const { config } = configFromObject({ guardrails }, { env: {}, presets: providers });
  const means = { egress: createEgress(), log: silentLogger };
  return createGuardrails(config.guardrails, means).select([]);
}

test("what cannot be matched in linear time is refused with the configuration", () => {
  for (const source of [
    String.raw`(a)\1`,
    "(?=a)b",
    "(?<!a)b",
    "a{1000}",
    "(",
    "x".repeat(2_000),
  ]) {
    expect(() => settingsOf({ bad: { type: "regex", patterns: [source] } })).toThrow(/guardrails/);
  }
});

describe("S49 in the gateway", () => {
  const upstream = startUpstream();
  let gateway: InProcess;
  beforeAll(async () => {
    gateway = await startInProcess({
      providers: providersAt(upstream.url),
      guardrails: {
        all: { type: "regex", patterns: corpus.slice(0, 50), default_on: true, action: "log" },
        words: { type: "words", words: ["aaaaaaab", "ab ab ab"], default_on: true },
        pii: { type: "pii", default_on: true, action: "log" },
        secrets: { type: "secrets", default_on: true, action: "log" },
      },
    });
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.stop();
  });

  test("health is told while the worst texts are looked at", async () => {
    const content = attacks.join("").repeat(4);
    const body = { model: "openai/gpt-4o", messages: [{ role: "user", content }] };
    let isOver = false;
    const asked = gateway
      .fetch("/v1/chat/completions", post(body))
      .finally(() => void (isOver = true));
    let answers = 0;
    while (!isOver) {
      expect((await gateway.fetch("/health")).status).toBe(200);
      answers += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await asked;
    expect(answers).toBeGreaterThan(1);
  });
});
