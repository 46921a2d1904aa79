// Requests that are too large for one call: split and merged, nothing out of place.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  mergeEmbed,
  mergeRerank,
  splitEmbed,
  splitRerank,
  sumUsage,
} from "../../../src/ir/batches.ts";
import type {
  EmbedRequest,
  EmbedResponse,
  RerankRequest,
  RerankResponse,
} from "../../../src/ir/operations.ts";
import { createUsage } from "../../../src/ir/usage.ts";

/** A provider that gives each text a vector of its own. */
const embed = ({ inputs }: EmbedRequest): EmbedResponse => ({
  id: "first",
  model: "up",
  vectors: inputs.map((input) => [input.type === "text" ? Number(input.text) : -1]),
  usage: { ...createUsage({ total: inputs.length }), raw: { tokens: inputs.length } },
  ext: { cohere: { embeddings: { int8: inputs.map(() => [1]) } } },
});

/** A provider that scores each document by its number, best first, and no more than asked for. */
const rank = ({ documents, topN }: RerankRequest): RerankResponse => ({
  model: "up",
  results: documents
    .map((document, index) => ({ index, score: Number(document) }))
    .toSorted((left, right) => right.score - left.score)
    .slice(0, topN),
  usage: { ...createUsage(), serverTools: { search_units: 1 } },
});

const most = fc.integer({ min: 1, max: 12 });
const numbers = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 60 });

describe("embeddings", () => {
  const requestFor = (texts: readonly number[]): EmbedRequest => ({
    model: "m",
    inputs: texts.map((number) => ({ type: "text", text: String(number) })),
    dimensions: 3,
    ext: { cohere: { x: 1 } },
  });

  test("every input keeps its place, no batch is too large, usage is the sum", () => {
    fc.assert(
      fc.property(numbers, most, (texts, limit) => {
        const request = requestFor(texts);
        const parts = splitEmbed(request, limit);
        expect(parts).toHaveLength(Math.ceil(texts.length / limit));
        for (const part of parts) {
          expect(part.inputs.length).toBeLessThanOrEqual(limit);
          expect({ ...part, inputs: [] }).toEqual({ ...request, inputs: [] });
        }
        const merged = mergeEmbed(parts.map(embed));
        expect(merged.vectors).toEqual(embed(request).vectors);
        expect(merged.usage?.input.total).toBe(texts.length);
        // What only one dialect understands is joined as well.
        expect(merged.ext).toEqual(embed(request).ext as never);
        expect([merged.id, merged.model]).toEqual(["first", "up"]);
      }),
    );
  });

  test("what fits is left as it is", () => {
    const request = { ...requestFor([1]), single: true };
    expect(splitEmbed(request, 96)).toEqual([request]);
    expect(splitEmbed(request, Number.POSITIVE_INFINITY)).toEqual([request]);
    const answer = embed(request);
    expect(mergeEmbed([answer])).toBe(answer);
    expect(splitEmbed({ ...request, inputs: [] }, 96)).toHaveLength(1);
  });
});

describe("rerank", () => {
  test("as one request would have ranked them: places, order, number", () => {
    const topN = fc.option(fc.integer({ min: 1, max: 70 }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 60 }),
        most,
        topN,
        (list, limit, top) => {
          const request: RerankRequest = {
            model: "m",
            query: "q",
            documents: list.map(String),
            ...(top !== undefined && { topN: top }),
            ext: {},
          };
          const parts = splitRerank(request, limit);
          for (const part of parts) expect(part.documents.length).toBeLessThanOrEqual(limit);
          const merged = mergeRerank(parts.map(rank), request, limit);
          expect(merged.results).toEqual(rank(request).results);
          expect(merged.usage?.serverTools["search_units"]).toBe(parts.length);
        },
      ),
    );
  });

  test("what fits is left as it is", () => {
    const request: RerankRequest = {
      model: "m",
      query: "q",
      documents: ["1", "2"],
      topN: 5,
      ext: {},
    };
    expect(splitRerank(request, 2)).toEqual([request]);
    const answer = rank(request);
    expect(mergeRerank([answer], request, 2)).toBe(answer);
  });
});

test("usages are added up, what the providers said is listed", () => {
  const usage = {
    ...createUsage({ total: 3, cacheRead: 1 }, { total: 2, reasoning: 1 }),
    serverTools: { search: 1 },
    raw: "a",
  };
  expect(sumUsage([usage, { ...usage, estimated: true, raw: "b" }])).toEqual({
    ...createUsage({ total: 6, cacheRead: 2 }, { total: 4, reasoning: 2 }),
    serverTools: { search: 2 },
    estimated: true,
    raw: ["a", "b"],
  });
});
