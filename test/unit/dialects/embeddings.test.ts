// Embeddings of the three dialects that have them: forms, encodings, what is refused, what is lost.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cohere } from "../../../src/dialects/cohere/index.ts";
import type { Dialect, Target } from "../../../src/dialects/dialect.ts";
import { ollama } from "../../../src/dialects/ollama/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import { packVector, unpackVector } from "../../../src/dialects/vectors.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { EmbedRequest, EmbedResponse } from "../../../src/ir/operations.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const target: Target = { provider: "acme", model: "up", quirks: {}, facts: {} };

function codecOf({ id, embeddings }: Dialect): NonNullable<Dialect["embeddings"]> {
  if (!embeddings) throw new Error(`${id} has no embeddings`);
  return embeddings;
}
const codecs = [openaiChat, cohere, ollama].map(
  (dialect) => [dialect.id, codecOf(dialect)] as const,
);

const decode = (dialect: Dialect, json: JsonObject, form?: string): EmbedRequest =>
  codecOf(dialect).decodeRequest({ json, text: JSON.stringify(json), ...(form && { form }) }).value;

function encode(
  dialect: Dialect,
  request: Partial<EmbedRequest>,
  quirks: Target["quirks"] = {},
): { body: JsonObject; lost: string[] } {
  const { body, warnings } = codecOf(dialect).encodeRequest(
    { model: "m", inputs: [{ type: "text", text: "a" }], ext: {}, ...request },
    { ...target, quirks },
  );
  return { body: JSON.parse(body), lost: warnings.map(({ field }) => field) };
}

function failure(run: () => unknown): GatewayError {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const answerIn = (dialect: Dialect, json: JsonObject, request: EmbedRequest): EmbedResponse =>
  codecOf(dialect).decodeResponse(
    { json, text: JSON.stringify(json) },
    { dialect: dialect.id },
    request,
  ).value;

function show(
  dialect: Dialect,
  response: EmbedResponse,
  request: EmbedRequest,
): { json: JsonObject; warnings: Warning[] } {
  const warnings: Warning[] = [];
  const text = codecOf(dialect).encodeResponse(response, request, (warning) =>
    warnings.push(warning),
  );
  return { json: JSON.parse(text), warnings };
}

const texts = (...list: string[]): EmbedRequest["inputs"] =>
  list.map((text) => ({ type: "text", text }));
const answer: EmbedResponse = {
  model: "up",
  vectors: [[1, -2]],
  usage: createUsage({ total: 3 }),
};

describe("vectors as base64", () => {
  test("little-endian floats, exactly", () => {
    expect(packVector([1, -2], "float")).toBe("AACAPwAAAMA=");
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true })), (vector) => {
        expect(unpackVector(packVector(vector, "float"), "float")).toEqual(vector);
      }),
    );
  });

  test("small numbers", () => {
    expect(unpackVector(packVector([-128, 127], "int8"), "int8")).toEqual([-128, 127]);
    expect(unpackVector(packVector([0, 255], "uint8"), "uint8")).toEqual([0, 255]);
    expect(unpackVector("AAA=", "float")).toBeUndefined();
  });
});

describe("OpenAI", () => {
  test("a text, texts, tokens, lists of tokens", () => {
    const inputsOf = (input: unknown): unknown => {
      const { inputs, single } = decode(openaiChat, { model: "m", input });
      return [inputs, single ?? false];
    };
    expect(inputsOf("a")).toEqual([texts("a"), true]);
    expect(inputsOf(["a", "b"])).toEqual([texts("a", "b"), false]);
    expect(inputsOf([1, 2])).toEqual([[{ type: "tokens", tokens: [1, 2] }], true]);
    expect(inputsOf([[1], "b"])).toEqual([
      [
        { type: "tokens", tokens: [1] },
        { type: "text", text: "b" },
      ],
      false,
    ]);
    for (const input of ["a", ["a", "b"], [1, 2], [[1], [2]]]) {
      const request = decode(openaiChat, { model: "m", input });
      expect(encode(openaiChat, request).body["input"]).toEqual(input);
    }
  });

  test("what is asked for is what is given: base64 is the SDK's default", () => {
    const shown = (encoding: JsonObject): unknown => {
      const request = decode(openaiChat, { model: "m", input: "a", ...encoding });
      return show(openaiChat, answer, request).json;
    };
    const list = (embedding: unknown): JsonObject => ({
      object: "list",
      data: [{ object: "embedding", index: 0, embedding }],
      model: "up",
      usage: { prompt_tokens: 3, total_tokens: 3 },
    });
    expect(shown({ encoding_format: "base64" })).toEqual(list("AACAPwAAAMA="));
    expect(shown({ encoding_format: "float" })).toEqual(list([1, -2]));
    expect(shown({})).toEqual(list([1, -2]));
    expect(shown({ output_dtype: "int8" })).toEqual(list([1, -2]));
    expect(shown({ output_dtype: "int8", encoding_format: "base64" })).toEqual(list("Af4="));
  });

  test("names of Mistral and Voyage are read, and written by quirks", () => {
    const request = decode(openaiChat, {
      model: "m",
      input: ["a"],
      input_type: "query",
      output_dimension: 256,
      output_dtype: "int8",
      truncation: false,
    });
    expect(request).toMatchObject({
      purpose: "query",
      dimensions: 256,
      encoding: "int8",
      truncate: "none",
    });
    const quirks: Target["quirks"] = {
      rename: { dimensions: "output_dimension" },
      // Meant for chat bodies.
      accepts: ["model", "messages"],
      embeddings: {
        dtype: "output_dtype",
        purpose: { field: "input_type", words: { query: "query", document: "document" } },
        truncation: "truncation",
      },
    };
    expect(encode(openaiChat, request, quirks)).toEqual({
      body: {
        model: "up",
        input: ["a"],
        input_type: "query",
        output_dimension: 256,
        output_dtype: "int8",
        truncation: false,
      },
      lost: [],
    });
    expect(encode(openaiChat, { ...request, purpose: "clustering" }, quirks).lost).toEqual([
      "input_type",
    ]);
    expect(encode(openaiChat, { ...request, encoding: "float" }).lost).toEqual([
      "input_type",
      "truncate",
    ]);
    expect(failure(() => encode(openaiChat, request)).code).toBe("unsupported_feature");
  });

  test("answers: by index, as numbers or base64, tokens in any spelling", () => {
    const request = decode(openaiChat, {
      model: "m",
      input: ["a", "b"],
      encoding_format: "base64",
    });
    const data = [
      { index: 1, embedding: "AACAPwAAAMA=" },
      { index: 0, embedding: [5] },
    ];
    const of = (usage: JsonObject): EmbedResponse =>
      answerIn(openaiChat, { data, model: "x", usage }, request);
    expect(of({ prompt_tokens: 4, total_tokens: 4 })).toMatchObject({
      model: "x",
      vectors: [[5], [1, -2]],
      usage: { input: { total: 4 }, output: { total: 0 } },
    });
    // Voyage.
    expect(of({ total_tokens: 9 }).usage).toMatchObject({
      input: { total: 9 },
      output: { total: 0 },
    });
    expect(openaiChat.usage("embeddings", { usage: { total_tokens: 9 } })).toMatchObject({
      input: { total: 9 },
      output: { total: 0 },
    });
  });

  test("wrong inputs are refused by name", () => {
    const of = (json: JsonObject): unknown => failure(() => decode(openaiChat, json)).param;
    expect(of({ input: "a" })).toBe("model");
    expect(of({ model: "m" })).toBe("input");
    expect(of({ model: "m", input: [] })).toBe("input");
    expect(of({ model: "m", input: [{}] })).toBe("input[0]");
    expect(of({ model: "m", input: [[1.5]] })).toBe("input[0]");
    expect(of({ model: "m", input: [1, "a"] })).toBe("input");
    expect(of({ model: "m", input: "a", encoding_format: "hex" })).toBe("encoding_format");
    expect(of({ model: "m", input: "a", output_dtype: "int4" })).toBe("output_dtype");
  });
});

describe("Cohere", () => {
  const png = "data:image/png;base64,AAAA";

  test("texts, images and mixed inputs come out as they went in", () => {
    const mixed = [
      {
        content: [
          { type: "text", text: "a" },
          { type: "image_url", image_url: { url: png } },
        ],
      },
    ];
    const table: JsonObject[] = [
      { texts: ["a", "b"], input_type: "search_query" },
      { images: [png], input_type: "image" },
      { inputs: mixed, input_type: "classification" },
    ];
    for (const inputs of table) {
      const json = {
        model: "up",
        ...inputs,
        embedding_types: ["float", "int8"],
        output_dimension: 256,
        truncate: "START",
        max_tokens: 9,
      };
      expect(encode(cohere, decode(cohere, json))).toEqual({ body: json, lost: [] });
    }
  });

  test("what other wires do not say and Cohere demands is filled in and told", () => {
    const of = (request: Partial<EmbedRequest>): unknown => {
      const { body, lost } = encode(cohere, request);
      return [body["input_type"], lost];
    };
    expect(of({})).toEqual(["search_document", ["input_type"]]);
    expect(of({ purpose: "query" })).toEqual(["search_query", []]);
    expect(of({ purpose: "similarity" })).toEqual(["clustering", ["input_type"]]);
    // Not every API that carries this wire knows base64.
    expect(
      encode(cohere, { purpose: "query", encoding: "base64" }).body["embedding_types"],
    ).toEqual(["float"]);
    const tokens = { inputs: [{ type: "tokens" as const, tokens: [1] }] };
    expect(failure(() => encode(cohere, tokens)).code).toBe("unsupported_feature");
  });

  test("several types: the first is the answer, the others travel beside it", () => {
    const request = decode(cohere, {
      model: "m",
      texts: ["a"],
      embedding_types: ["float", "int8"],
    });
    const json = {
      id: "e",
      embeddings: { float: [[1]], int8: [[7]] },
      texts: ["a"],
      meta: { billed_units: { input_tokens: 2 } },
      response_type: "embeddings_by_type",
    };
    const response = answerIn(cohere, json, request);
    expect(response).toMatchObject({ vectors: [[1]], usage: { input: { total: 2 } } });
    const { warnings, json: shown } = show(cohere, response, request);
    expect(shown["embeddings"]).toEqual({ float: [[1]], int8: [[7]] });
    expect(warnings).toEqual([]);
    expect(show(cohere, answer, request).warnings.map(({ field }) => field)).toEqual([
      "embedding_types.int8",
    ]);
    expect(show(openaiChat, response, request).warnings.map(({ field }) => field)).toEqual([
      "embeddings",
    ]);
  });

  test("`/v1/embed` without a type is answered with bare floats, `/v2/embed` never", () => {
    const json = { model: "m", texts: ["a"] };
    const shownFor = (form: string): JsonObject =>
      show(cohere, answer, decode(cohere, json, form)).json;
    expect(shownFor("v1")).toMatchObject({
      embeddings: [[1, -2]],
      response_type: "embeddings_floats",
    });
    expect(shownFor("v2")).toMatchObject({
      embeddings: { float: [[1, -2]] },
      response_type: "embeddings_by_type",
      texts: ["a"],
    });
    const isForeign = (body: JsonObject): boolean | undefined =>
      cohere.carriesForeign?.(Buffer.from(JSON.stringify(body)), {});
    expect(isForeign(json)).toBe(true);
    expect(isForeign({ ...json, embedding_types: ["float"] })).toBe(false);
  });

  test("an old server's bare floats, and base64", () => {
    const request = decode(cohere, { model: "m", texts: ["a"] });
    expect(answerIn(cohere, { embeddings: [[1]] }, request).vectors).toEqual([[1]]);
    const packed = decode(cohere, { model: "m", texts: ["a"], embedding_types: ["base64"] });
    const json = { embeddings: { base64: ["AACAPwAAAMA="] } };
    expect(answerIn(cohere, json, packed).vectors).toEqual([[1, -2]]);
    expect(show(cohere, answer, packed).json["embeddings"]).toEqual({ base64: ["AACAPwAAAMA="] });
  });
});

describe("Ollama", () => {
  test("`/api/embed` and `/api/embeddings`, each answered in its own form", () => {
    const json = {
      model: "up",
      input: ["a", "b"],
      truncate: false,
      dimensions: 5,
      options: { num_ctx: 9 },
      keep_alive: "5m",
    };
    const request = decode(ollama, json);
    expect(request).toMatchObject({ inputs: texts("a", "b"), dimensions: 5, truncate: "none" });
    expect(encode(ollama, request)).toEqual({ body: json, lost: [] });
    expect(show(ollama, answer, request).json).toEqual({
      model: "up",
      embeddings: [[1, -2]],
      prompt_eval_count: 3,
    });
    const old = decode(ollama, { model: "m", prompt: "a", options: {}, keep_alive: null });
    expect(encode(ollama, old).body).toMatchObject({ model: "up", input: "a" });
    expect(show(ollama, answer, old).json).toEqual({ embedding: [1, -2] });
    expect(decode(ollama, { model: "m", prompt: "p", input: "i" }, "prompt").inputs).toEqual(
      texts("p"),
    );
  });

  test("answers of both", () => {
    const one = decode(ollama, { model: "m", prompt: "a" });
    expect(answerIn(ollama, { embedding: [1] }, one).vectors).toEqual([[1]]);
    expect(answerIn(ollama, { embeddings: [[1]], prompt_eval_count: 4 }, one)).toMatchObject({
      vectors: [[1]],
      usage: { input: { total: 4 } },
    });
  });

  test("only texts, only floats", () => {
    const codeOf = (request: Partial<EmbedRequest>): string =>
      failure(() => encode(ollama, request)).code;
    expect(codeOf({ encoding: "int8" })).toBe("unsupported_feature");
    expect(codeOf({ inputs: [{ type: "tokens", tokens: [1] }] })).toBe("unsupported_feature");
    expect(
      encode(ollama, { encoding: "base64", purpose: "query", user: "u", truncate: "start" }).lost,
    ).toEqual(["truncate", "input_type", "user"]);
  });
});

describe("all of them", () => {
  test("one vector for each input, or the upstream is at fault", () => {
    const request: EmbedRequest = { model: "m", inputs: texts("a", "b"), ext: {} };
    const table: [dialect: Dialect, json: JsonObject][] = [
      [openaiChat, { data: [{ index: 0, embedding: [1] }] }],
      [openaiChat, { data: [1, 2, 3].map((item) => ({ embedding: [item] })) }],
      [
        openaiChat,
        {
          data: [
            { index: 0, embedding: [1] },
            { index: 0, embedding: [1] },
          ],
        },
      ],
      [
        openaiChat,
        {
          data: [
            { index: 0, embedding: [1] },
            { index: 1, embedding: ["x"] },
          ],
        },
      ],
      [openaiChat, {}],
      [cohere, { embeddings: { float: [[1]] } }],
      [cohere, { embeddings: { int8: [[1], [2]] } }],
      [cohere, {}],
      [ollama, { embeddings: [[1]] }],
      [ollama, { embeddings: [[1], null] }],
      [ollama, {}],
    ];
    for (const [dialect, json] of table) {
      expect(failure(() => answerIn(dialect, json, request)).code).toBe("upstream_invalid");
    }
  });

  test("nothing but a GatewayError is thrown, whatever comes in", () => {
    const keys = [
      "model",
      "input",
      "prompt",
      "texts",
      "images",
      "inputs",
      "embedding_types",
      "truncate",
    ];
    const json = fc.dictionary(fc.constantFrom(...keys, "__proto__", "content"), fc.jsonValue());
    fc.assert(
      fc.property(json, json, (body, rest) => {
        for (const [dialect, codec] of codecs) {
          const text = JSON.stringify({ model: "m", ...body, ...rest });
          try {
            const { value } = codec.decodeRequest({ json: JSON.parse(text), text });
            codec.encodeRequest(value, target);
            codec.decodeResponse({ json: rest, text }, { dialect }, value);
          } catch (error) {
            expect(error).toBeInstanceOf(GatewayError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
