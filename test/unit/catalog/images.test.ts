// Pictures: the most tokens that one can count for, and what one costs where vendors price them by the piece.
import { describe, expect, test } from "bun:test";
import { type ImageOrder, mostImageTokens, pricePerImage } from "../../../src/catalog/images.ts";
import { imageOrderOf } from "../../../src/pipeline/image-order.ts";

const order = (changes: Partial<ImageOrder> = {}): ImageOrder => ({
  count: 1,
  size: null,
  quality: null,
  pictures: 0,
  previews: 0,
  textBytes: 100,
  ...changes,
});

describe("tokens", () => {
  // https://platform.openai.com/docs/guides/image-generation#cost-and-latency
  test.each([
    ["low", "1024x1024", 272],
    ["low", "1024x1536", 408],
    ["low", "1536x1024", 400],
    ["medium", "1024x1024", 1_056],
    ["medium", "1024x1536", 1_584],
    ["medium", "1536x1024", 1_568],
    ["high", "1024x1024", 4_160],
    ["high", "1024x1536", 6_240],
    ["high", "1536x1024", 6_208],
  ])("%s, %s: no fewer than the vendor's %d", (quality, size, vendors) => {
    const { output } = mostImageTokens("gpt-image-1", order({ quality, size }));
    expect(output).toBeGreaterThanOrEqual(vendors);
    expect(output).toBeLessThanOrEqual(vendors + 2_100);
  });

  test("what is left open is the largest and best", () => {
    const most = mostImageTokens("gpt-image-1", order()).output;
    expect(most).toBeGreaterThanOrEqual(6_240);
    expect(mostImageTokens("a-newer-model", order()).output).toBeGreaterThan(30_000);
    expect(mostImageTokens("gpt-image-1", order({ quality: "own" })).output).toBe(most);
    expect(mostImageTokens("gpt-image-1", order({ size: "huge" })).output).toBe(most);
  });

  test("grow with their number, with previews and with what is sent along", () => {
    const one = mostImageTokens("gpt-image-1", order());
    const many = mostImageTokens("gpt-image-1", order({ count: 4, pictures: 2, previews: 3 }));
    expect(many.output).toBe(4 * (one.output + 300));
    expect(many.input).toBe(one.input + 16_000);
  });
});

test("by the piece", () => {
  const cents = (provider: string, model: string, changes: Partial<ImageOrder> = {}) =>
    Number(pricePerImage(provider, model, order(changes)) ?? -1n) / 1e7;
  expect(cents("openai", "dall-e-3")).toBe(4);
  expect(cents("openai", "dall-e-3", { size: "1792x1024" })).toBe(8);
  expect(cents("openai", "dall-e-3", { quality: "hd" })).toBe(8);
  expect(cents("openai", "dall-e-3", { quality: "hd", size: "1024x1792" })).toBe(12);
  // What nobody knows costs the most.
  expect(cents("openai", "dall-e-3", { quality: "finest" })).toBe(12);
  expect(cents("openai", "dall-e-2", { size: "256x256" })).toBe(1.6);
  expect(cents("openai", "dall-e-2")).toBe(2);
  expect(cents("gemini", "models/imagen-4.0-fast-generate-001")).toBe(2);
  expect(pricePerImage("openai", "gpt-image-1", order())).toBeUndefined();
  expect(pricePerImage("azure", "dall-e-3", order())).toBeUndefined();
});

describe("an order is read from the body as the deployment gets it", () => {
  const parcel = (fields: Record<string, unknown>) => ({
    field: (name: string) => fields[name],
    files: 2,
    size: 5_000,
  });
  const plain = { parameters: { drop: [], extraBody: {} } } as never;

  test.each([
    [{}, 1],
    [{ n: 3 }, 3],
    [{ n: "4" }, 4],
    [{ n: 0 }, 1],
    [{ n: null }, 1],
    [{ n: 2, num_images: 7 }, 7],
    [{ n: "many" }, 10],
    [{ n: {} }, 10],
    [{ n: 1e9 }, 1_000],
  ])("%j: %d", (fields, count) => {
    expect(imageOrderOf(parcel(fields), plain).count).toBe(count);
  });

  test("what the operator puts in or takes out counts", () => {
    const candidate = { parameters: { drop: ["quality"], extraBody: { n: 5 } } } as never;
    const fields = { n: 1, quality: "low", size: "auto", prompt: "é" };
    expect(imageOrderOf(parcel(fields), candidate)).toEqual({
      count: 5,
      size: null,
      quality: null,
      pictures: 2,
      previews: 0,
      textBytes: 2,
    });
  });
});
