// Rerank in the form that most providers share, and Voyage's of it.
import { describe, expect, test } from "bun:test";
import { cohere } from "../../../src/dialects/cohere/index.ts";
import type { Quirks } from "../../../src/dialects/dialect.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { RerankRequest, RerankResponse } from "../../../src/ir/operations.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const voyage: Quirks = { rename: { top_n: "top_k" }, rerankResults: "data" };

function codec(): NonNullable<typeof cohere.rerank> {
  if (!cohere.rerank) throw new Error("no rerank");
  return cohere.rerank;
}
const decode = (json: JsonObject): RerankRequest =>
  codec().decodeRequest({ json, text: JSON.stringify(json) }).value;
function encode(request: RerankRequest, quirks: Quirks = {}): { body: JsonObject; lost: string[] } {
  const { body, warnings } = codec().encodeRequest(request, {
    provider: "acme",
    model: "up",
    quirks,
    facts: {},
  });
  return { body: JSON.parse(body), lost: warnings.map(({ field }) => field) };
}
const read = (json: JsonObject, request: RerankRequest): RerankResponse =>
  codec().decodeResponse({ json, text: JSON.stringify(json) }, { dialect: "cohere" }, request)
    .value;
const show = (response: RerankResponse, request: RerankRequest): JsonObject =>
  JSON.parse(codec().encodeResponse(response, request, () => {}));
function failure(run: () => unknown): GatewayError {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const common = { model: "m", query: "q", documents: ["a", "b", "c"], top_n: 2 };
const request = decode(common);

describe("requests", () => {
  test("the common form and Voyage's, both ways", () => {
    expect(request).toEqual({
      model: "m",
      query: "q",
      documents: ["a", "b", "c"],
      topN: 2,
      ext: { cohere: {} },
    });
    expect(encode(request).body).toEqual({ ...common, model: "up" });
    const { top_n: top, ...rest } = common;
    expect(encode(request, voyage).body).toEqual({ ...rest, model: "up", top_k: top });
    const asked = decode({ ...rest, top_k: 2, truncation: false });
    expect(asked.topN).toBe(2);
    expect(encode(asked, voyage)).toEqual({
      body: { ...rest, model: "up", top_k: 2, truncation: false },
      lost: [],
    });
    expect(encode(asked)).toEqual({ body: { ...common, model: "up" }, lost: ["truncation"] });
  });

  test("documents as objects: their text, unless the provider takes them whole", () => {
    const objects = decode({ ...common, documents: [{ text: "a", title: "t" }, "b"] });
    expect(encode(objects)).toMatchObject({
      body: { documents: ["a", "b"] },
      lost: ["documents[0].title"],
    });
    expect(encode(objects, { rerank: { objects: true } }).body["documents"]).toEqual(
      objects.documents,
    );
    const ranked = decode({ ...common, documents: [{ title: "t" }], rank_fields: ["title"] });
    expect(encode(ranked).body).toMatchObject({
      documents: [{ title: "t" }],
      rank_fields: ["title"],
    });
    const bare = decode({ ...common, documents: [{ title: "t" }] });
    expect(failure(() => encode(bare))).toMatchObject({
      code: "unsupported_feature",
      param: "documents[0]",
    });
  });

  test("wrong fields are refused by name", () => {
    const of = (json: JsonObject): unknown => failure(() => decode(json)).param;
    expect(of({ ...common, model: null })).toBe("model");
    expect(of({ ...common, query: null })).toBe("query");
    expect(of({ ...common, documents: null })).toBe("documents");
    expect(of({ ...common, documents: [] })).toBe("documents");
    expect(of({ ...common, documents: [1] })).toBe("documents[0]");
    expect(of({ ...common, top_n: 0 })).toBe("top_n");
    expect(of({ ...common, top_n: "2" })).toBe("top_n");
  });

  test("a body in the other form than its upstream's is not relayed", () => {
    const isForeign = (json: JsonObject, quirks: Quirks = {}): boolean | undefined =>
      cohere.carriesForeign?.(Buffer.from(JSON.stringify(json)), quirks);
    expect(isForeign(common)).toBe(false);
    expect(isForeign(common, voyage)).toBe(true);
    expect(isForeign({ ...common, top_k: null })).toBe(true);
    expect(isForeign({ ...common, top_k: null }, voyage)).toBe(false);
    expect(isForeign({ ...common, return_documents: true })).toBe(true);
  });
});

describe("answers", () => {
  test("of every spelling: best first", () => {
    const scores = [
      { index: 2, relevance_score: 0.1 },
      { index: 0, relevance_score: 0.9 },
    ];
    const results = [
      { index: 0, score: 0.9 },
      { index: 2, score: 0.1 },
    ];
    const spellings: [json: JsonObject, tokens: number | undefined][] = [
      [{ results: scores, meta: { billed_units: { search_units: 1 } } }, 0],
      [{ results: scores, model: "jina", usage: { total_tokens: 7 } }, 7],
      [{ results: scores, usage: { prompt_tokens: 8, total_tokens: 8 } }, 8],
      [{ data: scores, usage: { total_tokens: 9 } }, 9],
      [{ results: scores, meta: { tokens: { input_tokens: 6 } } }, 6],
      [
        {
          results: scores.map(({ index, relevance_score: relevanceScore }) => ({
            index,
            relevanceScore,
          })),
        },
        undefined,
      ],
    ];
    for (const [json, tokens] of spellings) {
      const response = read(json, request);
      expect(response.results).toEqual(results);
      expect(response.usage?.input.total).toBe(tokens as never);
      expect(response.usage?.output.total ?? 0).toBe(0);
    }
    const [searched] = spellings;
    expect(searched && read(searched[0], request).usage?.serverTools).toEqual({ search_units: 1 });
  });

  test("in the form that was asked for, with the documents where they were wished for", () => {
    const response = read(
      {
        id: "r",
        model: "x",
        data: [{ index: 1, relevance_score: 0.5 }],
        usage: { total_tokens: 4 },
      },
      request,
    );
    expect(show(response, request)).toEqual({
      id: "r",
      model: "x",
      results: [{ index: 1, relevance_score: 0.5 }],
      meta: { api_version: { version: "2" }, billed_units: { input_tokens: 4 } },
      usage: { total_tokens: 4 },
    });
    const wished = decode({ ...common, return_documents: true });
    expect(show(response, wished)["results"]).toEqual([
      { index: 1, relevance_score: 0.5, document: { text: "b" } },
    ]);
    const { top_n: top, ...rest } = common;
    const data = decode({ ...rest, top_k: top, return_documents: true });
    expect(show(response, data)).toEqual({
      object: "list",
      data: [{ index: 1, relevance_score: 0.5, document: "b" }],
      model: "x",
      usage: { total_tokens: 4 },
    });
  });

  test("results that rank no document are the upstream's fault", () => {
    const codeOf = (json: JsonObject): string => failure(() => read(json, request)).code;
    expect(codeOf({})).toBe("upstream_invalid");
    expect(codeOf({ results: [{ index: 3, relevance_score: 1 }] })).toBe("upstream_invalid");
    expect(codeOf({ results: [{ index: 0 }] })).toBe("upstream_invalid");
    expect(codeOf({ results: [{ index: "length", relevance_score: 1 }] })).toBe("upstream_invalid");
    expect(codeOf({ results: [null] })).toBe("upstream_invalid");
    expect(codeOf({ message: "overloaded" })).toBe("upstream_unavailable");
  });
});
