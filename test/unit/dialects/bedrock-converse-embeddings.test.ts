// Embeddings of Amazon's own models: one input a request, in Titan's or Nova's form.
import { describe, expect, test } from "bun:test";
import { embeddings as codec } from "../../../src/dialects/bedrock-converse/embeddings.ts";
import { bedrockConverse } from "../../../src/dialects/bedrock-converse/index.ts";
import type { Target } from "../../../src/dialects/dialect.ts";
import type { EmbedRequest } from "../../../src/ir/operations.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const titan = "amazon.titan-embed-text-v2:0";
const nova = "amazon.nova-2-multimodal-embeddings-v1:0";
const targetOf = (model: string): Target => ({ provider: "bedrock", model, quirks: {}, facts: {} });
const requestOf = (more: Partial<EmbedRequest> = {}): EmbedRequest => ({
  model: "any",
  inputs: [{ type: "text", text: "hi" }],
  ext: {},
  ...more,
});

function encode(more: Partial<EmbedRequest>, model: string): { body: JsonObject; lost: string[] } {
  const { body, warnings } = codec.encodeRequest(requestOf(more), targetOf(model));
  return { body: JSON.parse(body), lost: warnings.map(({ field }) => field) };
}

const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const picture = {
  type: "parts" as const,
  parts: [
    {
      type: "image" as const,
      source: { kind: "base64" as const, data: png, mediaType: "image/png" },
    },
  ],
};

describe("requests", () => {
  test.each<
    [name: string, more: Partial<EmbedRequest>, model: string, body: unknown, lost: string[]]
  >([
    ["Titan", { dimensions: 256 }, titan, { inputText: "hi", dimensions: 256 }, []],
    [
      "Titan before",
      { dimensions: 256, purpose: "query" },
      "amazon.titan-embed-text-v1",
      { inputText: "hi" },
      ["input_type", "dimensions"],
    ],
    [
      "Titan's pictures",
      { inputs: [picture], dimensions: 384 },
      "amazon.titan-embed-image-v1",
      { inputImage: png, embeddingConfig: { outputEmbeddingLength: 384 } },
      [],
    ],
    [
      "Nova",
      { purpose: "query", dimensions: 256, truncate: "end" },
      nova,
      {
        taskType: "SINGLE_EMBEDDING",
        singleEmbeddingParams: {
          embeddingPurpose: "GENERIC_RETRIEVAL",
          embeddingDimension: 256,
          text: { truncationMode: "END", value: "hi" },
        },
      },
      [],
    ],
    [
      "Nova's pictures, for no purpose",
      { inputs: [picture] },
      nova,
      {
        taskType: "SINGLE_EMBEDDING",
        singleEmbeddingParams: {
          embeddingPurpose: "GENERIC_INDEX",
          image: { format: "png", source: { bytes: png }, detailLevel: "STANDARD_IMAGE" },
        },
      },
      ["input_type"],
    ],
  ])("%s", (_name, more, model, body, lost) => {
    expect(encode(more, model)).toEqual({ body: body as JsonObject, lost });
  });

  test.each<[name: string, more: Partial<EmbedRequest>, model: string]>([
    ["tokens", { inputs: [{ type: "tokens", tokens: [1] }] }, titan],
    [
      "two inputs",
      {
        inputs: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      titan,
    ],
    ["bytes", { encoding: "int8" }, titan],
    ["a picture for a model of texts", { inputs: [picture] }, titan],
    ["a model of another maker", {}, "meta.llama3-70b-instruct-v1:0"],
  ])("%s is another deployment's", (_name, more, model) => {
    expect(() => encode(more, model)).toThrow(
      expect.objectContaining({ code: "unsupported_feature" }),
    );
  });

  test.each<JsonObject>([
    { inputText: "hi", dimensions: 256, normalize: true },
    {
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose: "GENERIC_INDEX",
        embeddingDimension: 384,
        text: { truncationMode: "NONE", value: "hi" },
      },
    },
  ])("read and written again: %j", (json) => {
    const model = "inputText" in json ? titan : nova;
    const { value } = codec.decodeRequest({ json: { ...json, model }, text: JSON.stringify(json) });
    const { body, warnings } = codec.encodeRequest(value, targetOf(model));
    expect(JSON.parse(body)).toEqual(json);
    expect(warnings).toEqual([]);
  });
});

describe("answers", () => {
  const decode = (json: JsonObject) =>
    codec.decodeResponse(
      { json, text: JSON.stringify(json) },
      { dialect: "bedrock-converse" },
      requestOf(),
    ).value;

  test("Titan's, with its count", () => {
    const answer = decode({
      embedding: [0.5, -1],
      embeddingsByType: { float: [0.5, -1] },
      inputTextTokenCount: 5,
    });
    expect(answer).toMatchObject({ vectors: [[0.5, -1]], usage: { input: { total: 5 } } });
    expect(bedrockConverse.usage("embeddings", { inputTextTokenCount: 5 })?.input.total).toBe(5);
    expect(JSON.parse(codec.encodeResponse(answer, requestOf(), () => {}))).toEqual({
      embedding: [0.5, -1],
      embeddingsByType: { float: [0.5, -1] },
      inputTextTokenCount: 5,
    });
  });

  test("Nova's", () => {
    expect(decode({ embeddings: [{ embedding: [1], embeddingType: "TEXT" }] }).vectors).toEqual([
      [1],
    ]);
  });

  test.each<JsonObject>([{}, { embedding: 7 }, { embedding: [null] }, { embeddings: [1] }])(
    "%j is none",
    (json) => {
      expect(() => decode(json)).toThrow(expect.objectContaining({ code: "upstream_invalid" }));
    },
  );
});
