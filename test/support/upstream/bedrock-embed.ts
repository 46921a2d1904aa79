// The embedding models behind InvokeModel: each takes and gives a shape of its own.
import { z } from "zod";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { BedrockModel, InvokeBody } from "./bedrock-models.ts";
import { malformed, validation } from "./bedrock-wording.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import { vectorOf } from "./openai-operations.ts";
import type { Exchange } from "./play.ts";
import { echoed, findProblems, objects, type Problem } from "./shape.ts";
import { countText } from "./tokens.ts";
import type { Refusal } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

const titanEmbed = z.strictObject({
  inputText: z.string().min(1).max(50_000),
  dimensions: z.union([z.literal(256), z.literal(512), z.literal(1024)]).optional(),
  normalize: z.boolean().optional(),
  embeddingTypes: z.array(z.enum(["float", "binary"])).optional(),
});

const cohereEmbed = z.strictObject({
  texts: z.array(z.string().min(1).max(512_000)).min(1).max(96).optional(),
  images: z.array(z.string()).max(1).optional(),
  inputs: z.array(z.record(z.string(), z.unknown())).max(96).optional(),
  input_type: z.enum(["search_document", "search_query", "classification", "clustering", "image"]),
  truncate: z.enum(["NONE", "START", "END", "LEFT", "RIGHT"]).optional(),
  embedding_types: z.array(z.enum(["float", "int8", "uint8", "binary", "ubinary"])).optional(),
  output_dimension: z
    .union([z.literal(256), z.literal(512), z.literal(1024), z.literal(1536)])
    .nullish(),
  max_tokens: z.number().int().min(1).nullish(),
});

const novaEmbed = z.strictObject({
  schemaVersion: z.string().optional(),
  taskType: z.literal("SINGLE_EMBEDDING"),
  singleEmbeddingParams: z.strictObject({
    embeddingPurpose: z.string(),
    embeddingDimension: z
      .union([z.literal(256), z.literal(384), z.literal(1024), z.literal(3072)])
      .optional(),
    text: z.strictObject({
      truncationMode: z.enum(["START", "END", "NONE"]),
      value: z.string().min(1).max(8192),
    }),
  }),
});

const shapes = {
  "titan-embed": titanEmbed,
  "cohere-embed": cohereEmbed,
  "nova-embed": novaEmbed,
};

/** Judges the body of a request for vectors. */
export const refuseEmbed = (
  body: JsonObject,
  kind: Exclude<InvokeBody, "anthropic" | "none">,
): Refusal | undefined => wordSchema(findProblems(shapes[kind], body));

/** The words of the JSON Schema validator in front of the models. */
function wordSchema(problems: readonly Problem[]): Refusal | undefined {
  if (problems.length === 0) return undefined;
  return validation(malformed(...problems.map(wordProblem)));
}

function wordProblem(problem: Problem): string {
  const path = (steps: readonly (string | number)[]): string => ["#", ...steps].join("/");
  const at = path(problem.path);
  const owner = path(problem.path.slice(0, -1));
  switch (problem.kind) {
    case "missing":
      return `${owner}: required key [${String(problem.path.at(-1))}] not found`;
    case "extra":
      return `${owner}: extraneous key [${problem.key}] is not permitted`;
    case "big":
    case "small": {
      const bound = problem.kind === "big" ? "maximum" : "minimum";
      if (problem.of === "array") {
        const found = Array.isArray(problem.value) ? problem.value.length : 0;
        return `${at}: expected ${bound} item count: ${problem.limit}, found: ${found}`;
      }
      if (problem.of === "string") {
        return `${at}: expected ${problem.kind === "big" ? "maxLength" : "minLength"}: ${problem.limit}, actual: ${echoed(problem.value).length}`;
      }
      return `${at}: ${echoed(problem.value)} is not ${problem.kind === "big" ? "less" : "greater"} or equal to ${problem.limit}`;
    }
    case "choice":
      return `${at}: ${echoed(problem.value)} is not a valid enum value`;
    case "type":
      return `${at}: expected type: ${problem.expected}, found: ${kindOf(problem.value)}`;
    case "pattern":
    case "tag":
    case "custom":
      return `${at}: is not valid`;
    default:
      return problem satisfies never;
  }
}

/** The vectors, in the shape of the model that makes them. */
export function embedExchange(body: JsonObject, model: BedrockModel, name: string): Exchange {
  const texts = textsOf(body);
  const entry = createEntry({
    id: createVendorId("embed-"),
    model: name,
    inputTokens: texts.reduce((sum, text) => sum + countText(text), 0),
  });
  const size = sizeOf(body, model);
  const vectors = texts.map((text) => vectorOf(text, size));
  return bodyExchange(
    embedBody(body, model, { texts, vectors, tokens: entry.inputTokens }),
    errorBody,
    {
      entry,
      headers: {
        "x-amzn-bedrock-input-token-count": String(entry.inputTokens),
        "x-amzn-bedrock-invocation-latency": "80",
      },
    },
  );
}

const errorBody = (_type?: string, message = "The model failed."): unknown => ({ message });

function textsOf(body: JsonObject): string[] {
  if (typeof body["inputText"] === "string") return [body["inputText"]];
  const single = isObject(body["singleEmbeddingParams"])
    ? body["singleEmbeddingParams"]["text"]
    : undefined;
  if (isObject(single)) return [String(single["value"])];
  if (Array.isArray(body["texts"])) return body["texts"].map(String);
  return [...objects(body["inputs"]), ...(Array.isArray(body["images"]) ? body["images"] : [])].map(
    (one) => JSON.stringify(one),
  );
}

function sizeOf(body: JsonObject, model: BedrockModel): number {
  const single = isObject(body["singleEmbeddingParams"]) ? body["singleEmbeddingParams"] : {};
  const asked = body["dimensions"] ?? body["output_dimension"] ?? single["embeddingDimension"];
  return typeof asked === "number" ? asked : model.dimensions;
}

function embedBody(
  body: JsonObject,
  model: BedrockModel,
  made: { texts: string[]; vectors: number[][]; tokens: number },
): JsonObject {
  if (model.invoke === "titan-embed") {
    const [embedding] = made.vectors;
    return { embedding, embeddingsByType: { float: embedding }, inputTextTokenCount: made.tokens };
  }
  if (model.invoke === "nova-embed") {
    return { embeddings: made.vectors.map((embedding) => ({ embeddingType: "TEXT", embedding })) };
  }
  const types = Array.isArray(body["embedding_types"])
    ? body["embedding_types"].map(String)
    : undefined;
  const round = (vector: number[]): number[] => vector.map((value) => Math.round(value * 127));
  const byType =
    types &&
    Object.fromEntries(
      types.map((type) => [
        type,
        made.vectors.map((vector) => (type === "float" ? vector : round(vector))),
      ]),
    );
  return {
    embeddings: byType ?? made.vectors,
    id: crypto.randomUUID(),
    response_type: byType === undefined ? "embeddings_floats" : "embeddings_by_type",
    texts: made.texts.map((text) => text.toLowerCase()),
  };
}

/** The kind of a JSON value, as the validator names it. */
export const kindOf = (value: unknown): string =>
  value === undefined || value === null
    ? "Null"
    : Array.isArray(value)
      ? "JSONArray"
      : typeof value;
