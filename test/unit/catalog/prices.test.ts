// Money: which price applies, and that the sums are exact.
import { calcPrice, findProvider as findPriced } from "@pydantic/genai-prices";
import { describe, expect, test } from "bun:test";
import { findOverride } from "../../../src/catalog/override.ts";
import {
  type Price,
  type PriceOverride,
  pricePerMillion,
  priceUsage,
} from "../../../src/catalog/prices.ts";
import { catalogEntries } from "../../../src/catalog/sources.ts";
import { createUsage, type Usage } from "../../../src/ir/usage.ts";

const atMs = Date.UTC(2026, 0, 15, 12);

const cost = async (
  provider: string,
  model: string,
  usage: Usage,
  at = atMs,
): Promise<bigint | null> =>
  (await priceUsage({ provider, model, usage, atMs: at }))?.nanos ?? null;

describe("the price list", () => {
  test("plain tokens", async () => {
    // $2.50 and $10 per million: 1000 × 2.5 + 100 × 10 = $0.0035.
    expect(
      await priceUsage({
        provider: "openai",
        model: "gpt-4o",
        usage: createUsage({ total: 1_000 }, { total: 100 }),
        atMs,
      }),
    ).toEqual({
      nanos: 3_500_000n,
      source: "genai-prices:openai/gpt-4o",
    });
  });

  test("a dated name is the same model", async () => {
    const usage = createUsage({ total: 1_000 }, { total: 100 });
    expect(await cost("openai", "gpt-4o-2024-08-06", usage)).toBe(3_500_000n);
    expect(await cost("anthropic", "claude-sonnet-4-5-20250929", usage)).toBe(4_500_000n);
  });

  test("cache reads, 5-minute and 1-hour writes", async () => {
    const usage = createUsage(
      { total: 10_000, cacheRead: 4_000, cacheWrite5m: 2_000, cacheWrite1h: 1_000 },
      { total: 500 },
    );
    // $3 plain, $0.30 read, $3.75 and $6 written, $15 out: 9000 + 1200 + 7500 + 6000 + 7500 µ$.
    expect(await cost("anthropic", "claude-sonnet-4-5", usage)).toBe(31_200_000n);
  });

  test("the whole input decides the tier, of every line", async () => {
    const sized = (total: number): Usage => createUsage({ total }, { total: 1_000 });
    expect(await cost("gemini", "gemini-2.5-pro", sized(200_000))).toBe(260_000_000n);
    expect(await cost("gemini", "gemini-2.5-pro", sized(200_001))).toBe(515_002_500n);
  });

  test("a fee for each request, and searches the provider ran", async () => {
    const usage = createUsage({ total: 1_000 }, { total: 1_000 });
    // $1 and $1 per million, $12 per thousand requests.
    expect(await cost("perplexity", "sonar", usage)).toBe(14_000_000n);
    // $10 per thousand searches.
    const searched = {
      ...createUsage({ total: 1_000 }, { total: 0 }),
      serverTools: { web_search: 2 },
    };
    expect(await cost("anthropic", "claude-sonnet-4-5", searched)).toBe(23_000_000n);
  });

  test("reasoning is part of the output, once", async () => {
    expect(await cost("openai", "gpt-4o", createUsage({}, { total: 100, reasoning: 60 }))).toBe(
      1_000_000n,
    );
  });

  test("audio has its own price, and none is guessed", async () => {
    const spoken = createUsage({ total: 1_000, audio: 600 }, { total: 100, audio: 40 });
    const price = calcPrice({}, "gpt-audio", { providerId: "openai" })?.model_price;
    const dollars = (key: string): number => price?.[key] as number;
    const expected =
      400 * dollars("input_mtok") +
      600 * dollars("input_audio_mtok") +
      60 * dollars("output_mtok") +
      40 * dollars("output_audio_mtok");
    expect(await cost("openai", "gpt-audio", spoken)).toBe(BigInt(Math.round(expected * 1_000)));
    expect(await cost("openai", "gpt-4o", spoken)).toBeNull();
  });

  test("the hour and the day of use decide", async () => {
    // DeepSeek had an off-peak discount from 16:30 to 00:30 UTC.
    const entry = findPriced({ providerId: "deepseek" })!.models.find(
      (model) => model.id === "deepseek-chat",
    )!;
    expect(Array.isArray(entry.prices)).toBe(true);
    const usage = createUsage({ total: 1_000_000 });
    const noon = await cost("deepseek", "deepseek-chat", usage, Date.UTC(2025, 5, 1, 12));
    const night = await cost("deepseek", "deepseek-chat", usage, Date.UTC(2025, 5, 1, 20));
    expect(noon).toBe(270_000_000n);
    expect(night).toBe(135_000_000n);
  });

  test("routers price by vendor and model", async () => {
    const usage = createUsage({ total: 1_000 }, { total: 100 });
    expect(await cost("openrouter", "anthropic/claude-sonnet-4.5", usage)).toBe(4_500_000n);
    expect(await cost("openrouter", "claude-sonnet-4.5", usage)).toBeNull();
  });

  test("what nobody knows is null, never 0", async () => {
    const usage = createUsage({ total: 1_000 }, { total: 100 });
    expect(await cost("openai", "no-such-model", usage)).toBeNull();
    expect(await cost("openai-compatible", "gpt-4o", usage)).toBeNull();
    expect(await cost("ollama", "llama3", usage)).toBeNull();
    expect(await cost("constructor", "gpt-4o", usage)).toBeNull();
    expect(await cost("openai", "whisper-1", usage)).toBeNull();
  });

  test("counts that do not add up never make a negative part", async () => {
    const usage = createUsage(
      { total: 100, cacheRead: 1_000, cacheWrite5m: 5, audio: 7 },
      { total: 10, reasoning: 99 },
    );
    // 100 cached tokens at $1.25, 10 written at $10.
    expect(await cost("openai", "gpt-4o", usage)).toBe(225_000n);
  });

  test("the demo is free", async () => {
    expect(
      await priceUsage({ provider: "demo", model: "echo", usage: createUsage({ total: 9 }), atMs }),
    ).toEqual({ nanos: 0n, source: "free" });
  });

  test("every mapped provider is in the catalogue, and every model in it has readable prices", async () => {
    let priced = 0;
    for (const [provider, { prices }] of catalogEntries) {
      if (prices === undefined) continue;
      const found = findPriced({ providerId: prices });
      expect(found?.id).toBe(prices);
      for (const { id } of found!.models) {
        const usage = createUsage({ total: 1_000, cacheRead: 10 }, { total: 100 });
        const result = await priceUsage({ provider, model: id, usage, atMs });
        if (result) priced += 1;
      }
    }
    expect(priced).toBeGreaterThan(1_000);
  });

  test("agrees with the list's own calculation, to the rounding of floats", async () => {
    for (const [provider, model] of [
      ["openai", "gpt-5"],
      ["anthropic", "claude-opus-4-5"],
      ["gemini", "gemini-2.5-flash"],
      ["groq", "openai/gpt-oss-120b"],
      ["xai", "grok-4"],
    ] as const) {
      const usage = createUsage(
        { total: 12_345, cacheRead: 1_111, cacheWrite5m: 222 },
        { total: 6_789 },
      );
      const theirs = calcPrice(
        {
          input_tokens: 12_345,
          cache_read_tokens: 1_111,
          cache_write_tokens: 222,
          output_tokens: 6_789,
        },
        model,
        { providerId: catalogEntries.get(provider)!.prices!, timestamp: new Date(atMs) },
      );
      const ours = await cost(provider, model, usage);
      expect(Number(ours) / 1e9).toBeCloseTo(theirs!.total_price, 9);
    }
  });
});

const price = (input: bigint, more: Partial<Price> = {}): Price => ({
  input,
  output: 0n,
  cacheRead: null,
  cacheWrite5m: null,
  cacheWrite1h: null,
  request: null,
  ...more,
});

describe("overrides", () => {
  const overrides: PriceOverride[] = [
    { pattern: "*", price: price(1n) },
    { pattern: "gpt-*", price: price(2n) },
    { pattern: "gpt-*-mini", price: price(3n) },
    { pattern: "gpt-4o", price: price(4n) },
    { pattern: "mine/*", price: price(5n) },
  ];
  test.each([
    ["x", "anything", "*"],
    ["x", "gpt-5", "gpt-*"],
    ["x", "gpt-5-mini", "gpt-*-mini"],
    ["x", "gpt-4o", "gpt-4o"],
    ["mine", "zzz", "mine/*"],
    ["x", "gpt--mini", "gpt-*-mini"],
  ])("%s/%s → %s", (provider, model, pattern) => {
    expect(findOverride(overrides, provider, model)?.pattern).toBe(pattern);
  });

  test("nothing fits", () => {
    expect(findOverride(overrides.slice(1), "x", "claude")).toBeUndefined();
    expect(findOverride([{ pattern: "a*a", price: price(1n) }], "x", "a")).toBeUndefined();
  });

  test("a hostile pattern takes no time", () => {
    const pattern = `${"a*".repeat(2_000)}b`;
    const started = performance.now();
    expect(findOverride([{ pattern, price: price(1n) }], "x", "a".repeat(100_000))).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("go first, exactly, with what is not said at the plain price", async () => {
    const own = price(2_000_000_000n, {
      output: 8_000_000_000n,
      cacheRead: 200_000_000n,
      request: 5n,
    });
    const usage = createUsage(
      { total: 1_000, cacheRead: 100, cacheWrite5m: 50, cacheWrite1h: 50 },
      { total: 10 },
    );
    expect(
      await priceUsage({
        provider: "openai",
        model: "gpt-4o",
        usage,
        atMs,
        overrides: [{ pattern: "gpt-4*", price: own }],
      }),
    ).toEqual({
      nanos: 900n * 2_000n + 100n * 200n + 10n * 8_000n + 5n,
      source: "override:gpt-4*",
    });
  });

  test("round half up, once", async () => {
    const half = price(500_000n);
    const usage = createUsage({ total: 1 });
    const result = await priceUsage({
      provider: "x",
      model: "m",
      usage,
      atMs,
      overrides: [{ pattern: "m", price: half }],
    });
    expect(result?.nanos).toBe(1n);
    // Two halves in different lines are one, not two.
    const both = createUsage({ total: 1 }, { total: 1 });
    const sum = await priceUsage({
      provider: "x",
      model: "m",
      usage: both,
      atMs,
      overrides: [{ pattern: "m", price: price(500_000n, { output: 500_000n }) }],
    });
    expect(sum?.nanos).toBe(1n);
  });
});

test("prices per million, for people", async () => {
  expect(await pricePerMillion("openai", "gpt-4o")).toEqual({
    input: 2_500_000_000n,
    output: 10_000_000_000n,
    source: "genai-prices:openai/gpt-4o",
  });
  expect(await pricePerMillion("openai", "text-embedding-3-small")).toEqual({
    input: 20_000_000n,
    output: 0n,
    source: "genai-prices:openai/text-embedding-3-small",
  });
  expect(await pricePerMillion("ollama", "llama3")).toBeNull();
  expect(await pricePerMillion("demo", "echo")).toEqual({ input: 0n, output: 0n, source: "free" });
  expect(await pricePerMillion("x", "m", [{ pattern: "m", price: price(7n) }])).toEqual({
    input: 7n,
    output: 0n,
    source: "override:m",
  });
});
