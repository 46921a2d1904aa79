// What is held for a request is never less than what it can be charged.
import { findProvider } from "@pydantic/genai-prices";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { worstCost, type WorstCase } from "../../../src/access/worst-cost.ts";
import { type Price, priceUsage } from "../../../src/catalog/prices.ts";
import { catalogEntries } from "../../../src/catalog/sources.ts";
import { createUsage, type Usage } from "../../../src/ir/usage.ts";

const atMs = Date.UTC(2026, 0, 15, 12);
const worst = (
  provider: string,
  model: string,
  changes: Partial<WorstCase> = {},
): Promise<bigint | null> =>
  worstCost({
    provider,
    model,
    inputTokens: 1_000,
    outputCap: 100,
    atMs,
    mayCacheWrite: false,
    ...changes,
  });

describe("the dearest price that can apply", () => {
  test("of plain tokens, of cache writes where there may be some", async () => {
    expect(await worst("openai", "gpt-4o")).toBe(3_500_000n);
    // $3 plain, $6 to write for an hour, $15 out.
    expect(await worst("anthropic", "claude-sonnet-4-5")).toBe(4_500_000n);
    expect(await worst("anthropic", "claude-sonnet-4-5", { mayCacheWrite: true })).toBe(7_500_000n);
  });

  test("of a long context, of output, too", async () => {
    const long = { inputTokens: 200_001, outputCap: 1_000 };
    expect(await worst("gemini", "gemini-2.5-pro", long)).toBe(515_002_500n);
    expect(await worst("gemini", "gemini-2.5-pro", { ...long, inputTokens: 200_000 })).toBe(
      260_000_000n,
    );
  });

  test("of audio where there may be some; a price that is not known stays unknown", async () => {
    const audio = { input: true, output: true };
    const spoken = await worst("openai", "gpt-audio", { hasAudio: audio });
    expect(spoken).toBeGreaterThan((await worst("openai", "gpt-audio")) ?? 0n);
    expect(await worst("openai", "gpt-4o", { hasAudio: audio })).toBeNull();
    expect(await worst("openai", "no-such-model")).toBeNull();
    expect(await worst("nobody", "no-such-model")).toBeNull();
    expect(await worst("demo", "echo")).toBe(0n);
  });

  test("of a request and of tools", async () => {
    // $1 and $1 per million, $12 per thousand requests; $10 per thousand searches.
    expect(await worst("perplexity", "sonar")).toBe(13_100_000n);
    expect(await worst("anthropic", "claude-sonnet-4-5", { serverToolCalls: 2 })).toBe(24_500_000n);
  });

  test("counts that are none are refused", async () => {
    for (const inputTokens of [-1, 0.5, Number.NaN, 2 ** 60]) {
      const refused = await worst("openai", "gpt-4o", { inputTokens }).catch(
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(RangeError);
    }
  });
});

/** Any usage within bounds: kinds may add up to more than the total, as providers' mistakes do. */
const usageWithin = (bounds: WorstCase): fc.Arbitrary<Usage> => {
  const upTo = (max: number) => fc.oneof(fc.constantFrom(0, max), fc.nat({ max }));
  const { inputTokens, outputCap, hasAudio, mayCacheWrite, serverToolCalls = 0 } = bounds;
  return fc
    .record({
      total: upTo(inputTokens),
      cacheRead: upTo(inputTokens),
      cacheWrite5m: upTo(mayCacheWrite ? inputTokens : 0),
      cacheWrite1h: upTo(mayCacheWrite ? inputTokens : 0),
      audio: upTo(hasAudio?.input ? inputTokens : 0),
      output: upTo(outputCap),
      reasoning: upTo(outputCap),
      spoken: upTo(hasAudio?.output ? outputCap : 0),
      calls: upTo(serverToolCalls),
      tool: fc.constantFrom("web_search", "file_search", "code_execution", "other"),
    })
    .map(({ output, reasoning, spoken, calls, tool, ...input }) => ({
      ...createUsage(input, { total: output, reasoning, audio: spoken }),
      serverTools: { [tool]: calls },
    }));
};

const rarely = fc.nat({ max: 7 }).map((dice) => dice === 0);

const bounds = fc.record({
  inputTokens: fc.oneof(fc.constantFrom(0, 1, 200_001, 272_001), fc.nat({ max: 1_500_000 })),
  outputCap: fc.oneof(fc.constant(0), fc.nat({ max: 200_000 })),
  mayCacheWrite: fc.boolean(),
  hasAudio: fc.record({ input: rarely, output: rarely }),
  serverToolCalls: fc.constantFrom(0, 0, 1, 7),
  atMs: fc.constantFrom(atMs, Date.UTC(2025, 2, 1, 20), Date.UTC(2026, 6, 1, 3)),
});

describe("B15: never less than what is charged at the same prices", () => {
  const price: fc.Arbitrary<Price> = fc
    .tuple(
      fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 14n }), fc.bigInt({ min: 0n, max: 10n ** 14n })),
      fc.array(fc.option(fc.bigInt({ min: 0n, max: 10n ** 14n }), { nil: null }), {
        minLength: 4,
        maxLength: 4,
      }),
    )
    .map(([[input, output], [cacheRead, cacheWrite5m, cacheWrite1h, request]]) => ({
      input,
      output,
      cacheRead: cacheRead ?? null,
      cacheWrite5m: cacheWrite5m ?? null,
      cacheWrite1h: cacheWrite1h ?? null,
      request: request ?? null,
    }));

  test("any prices of the operator's", async () => {
    const each = bounds.chain((within) =>
      fc.tuple(
        fc.constant(within),
        usageWithin({ provider: "", model: "", ...within }),
        fc.array(
          fc.record({ pattern: fc.constantFrom("*", "m*", "model", "p/*", "other"), price }),
          { minLength: 1, maxLength: 4 },
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(each, async ([within, usage, overrides]) => {
        const query = { provider: "p", model: "model", overrides, atMs: within.atMs };
        const most = await worstCost({ ...within, ...query });
        const charged = await priceUsage({ ...query, usage });
        if (charged === null) return;
        expect(most).not.toBeNull();
        expect(most!).toBeGreaterThanOrEqual(charged.nanos);
      }),
      { numRuns: 3_000, seed: 15 },
    );
  });

  test("every model of the catalogues", async () => {
    const models: [provider: string, model: string][] = [];
    for (const [provider, { prices }] of catalogEntries) {
      if (prices === undefined) continue;
      for (const { id } of findProvider({ providerId: prices })?.models ?? []) {
        models.push([provider, id]);
      }
    }
    let compared = 0;
    let known = 0;
    for (const [at, [provider, model]] of models.entries()) {
      const cases = fc.sample(
        bounds.chain((within) =>
          fc.tuple(fc.constant(within), usageWithin({ provider, model, ...within })),
        ),
        { numRuns: 12, seed: at },
      );
      for (const [within, usage] of cases) {
        const most = await worstCost({ provider, model, ...within });
        const charged = await priceUsage({ provider, model, usage, atMs: within.atMs });
        if (most === null) continue;
        known += 1;
        if (charged === null) continue;
        compared += 1;
        if (most < charged.nanos) {
          throw new Error(
            `${provider}/${model}: ${most} held, ${charged.nanos} charged, ${JSON.stringify({ within, usage })}`,
          );
        }
      }
      // Text alone has a bound wherever it has a price.
      const usage = createUsage({ total: 900 }, { total: 90 });
      const plain = await priceUsage({ provider, model, usage, atMs });
      const most = await worst(provider, model, { mayCacheWrite: true });
      expect([`${provider}/${model}`, most === null]).toEqual([
        `${provider}/${model}`,
        plain === null,
      ]);
    }
    expect(models.length).toBeGreaterThan(500);
    expect(compared).toBeGreaterThan(models.length * 5);
    console.log(`${models.length} models: ${compared} charges compared, ${known} bounds known`);
  }, 60_000);
});
