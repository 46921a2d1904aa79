// Facts of models, and from where each of them is.
import { expect, test } from "bun:test";
import type { PriceOverride } from "../../../src/catalog/prices.ts";
import { describeModel } from "../../../src/providers/model-facts.ts";

const override: PriceOverride = {
  pattern: "gpt-4o",
  price: {
    input: 1n,
    output: 2n,
    cacheRead: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    request: null,
  },
};

test("the catalogue alone", async () => {
  const found = await describeModel({ provider: "openai", model: "gpt-4o" });
  expect(found.contextWindow).toEqual({ value: 128000, source: "catalogue" });
  expect(found.tools).toEqual({ value: true, source: "catalogue" });
  expect(found.vision).toEqual({ value: true, source: "catalogue" });
  expect(found.reasoning).toEqual({ value: false, source: "catalogue" });
  expect(found.json).toBeUndefined();
  expect(found.price?.source).toBe("catalogue");
  expect(found.price?.value.detail).toStartWith("genai-prices:openai/");
});

test("the provider's own word is stronger, the operator's strongest", async () => {
  const live = {
    id: "gpt-4o",
    contextWindow: 5,
    capabilities: { tools: false, json: true },
    prices: { input: 7n, output: 8n },
  };
  const found = await describeModel({ provider: "openai", model: "gpt-4o", live });
  expect(found.contextWindow).toEqual({ value: 5, source: "live" });
  expect(found.maxOutputTokens?.source).toBe("catalogue");
  expect(found.tools).toEqual({ value: false, source: "live" });
  expect(found.json).toEqual({ value: true, source: "live" });
  expect(found.price).toEqual({ value: { input: 7n, output: 8n, detail: "live" }, source: "live" });
  const overrides = [override];
  const priced = await describeModel({ provider: "openai", model: "gpt-4o", live, overrides });
  expect(priced.price).toEqual({
    value: { input: 1n, output: 2n, detail: "override:gpt-4o" },
    source: "config",
  });
});

test("half a price is no price, and nobody's model has no facts", async () => {
  const live = { id: "x", prices: { input: 7n } };
  expect(await describeModel({ provider: "nobody", model: "x", live })).toEqual({});
});
