// Vertex AI's `predict` for models that embed texts: judged strictly, answered with one prediction for each instance.
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
import { z } from "zod";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import { googleErrorBody, invalidArgument } from "./gemini-error.ts";
import type { GeminiModel } from "./gemini-models.ts";
import { vectorOf } from "./openai-operations.ts";
import type { Exchange } from "./play.ts";
import { objects } from "./shape.ts";
import { countValue } from "./tokens.ts";
import type { Reading } from "./validate-gemini.ts";
import { createVendorId } from "./vendor-id.ts";

const tasks = [
  "RETRIEVAL_QUERY",
  "RETRIEVAL_DOCUMENT",
  "SEMANTIC_SIMILARITY",
  "CLASSIFICATION",
  "CLUSTERING",
  "QUESTION_ANSWERING",
  "FACT_VERIFICATION",
  "CODE_RETRIEVAL_QUERY",
] as const;

const body = z.strictObject({
  instances: z
    .array(
      z.strictObject({
        content: z.string().min(1),
        task_type: z.enum(tasks).optional(),
        title: z.string().optional(),
      }),
    )
    .min(1),
  parameters: z
    .strictObject({
      autoTruncate: z.boolean().optional(),
      outputDimensionality: z.int().positive().optional(),
    })
    .optional(),
});

/** Gemini's first embedder takes one instance; the others as many as this. */
const maxInstances = 250;

export function readPredict(json: unknown, model: GeminiModel): Reading {
  const read = body.safeParse(json);
  if (!read.success || !isObject(json)) {
    const [issue] = read.error?.issues ?? [];
    const place = issue?.path.join(".") ?? "";
    return { refusal: invalidArgument(`Invalid value at \`${place}\`: ${issue?.message}`) };
  }
  const { instances, parameters } = read.data;
  const most = model.version.startsWith("gemini-embedding") ? 1 : maxInstances;
  if (instances.length > most) {
    return {
      refusal: invalidArgument(
        `${instances.length} instance(s) is more than the maximum of ${most} that this model takes.`,
      ),
    };
  }
  if (instances.some(({ title, task_type }) => title && task_type !== "RETRIEVAL_DOCUMENT")) {
    return { refusal: invalidArgument("A title needs the task type RETRIEVAL_DOCUMENT.") };
  }
  if ((parameters?.outputDimensionality ?? 0) > (model.dimensions ?? 0)) {
    return { refusal: invalidArgument("outputDimensionality is more than the model has.") };
  }
  return { body: json };
}

export function predictExchange(asked: JsonObject, model: GeminiModel): Exchange {
  const parameters = isObject(asked["parameters"]) ? asked["parameters"] : {};
  const size = Number(parameters["outputDimensionality"] ?? model.dimensions ?? 8);
  const instances = objects(asked["instances"]);
  const counts = instances.map(({ content }) => countValue(content));
  const predictions = instances.map(({ content }, at) => ({
    embeddings: {
      statistics: { truncated: false, token_count: counts[at] },
      values: vectorOf(content, size),
    },
  }));
  const entry = createEntry({
    id: createVendorId(""),
    model: model.version,
    inputTokens: counts.reduce((sum, count) => sum + count, 0),
  });
  const broken = (type = "INTERNAL", message = "Internal error encountered."): unknown =>
    googleErrorBody({ status: 500, type, message });
  const headers = { "content-type": "application/json; charset=UTF-8" };
  return bodyExchange({ predictions }, broken, { headers, entry });
}
