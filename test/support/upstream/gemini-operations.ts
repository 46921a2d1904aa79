// Gemini's other operations: embeddings and the catalogue of models.
import type { JsonObject } from "../../../src/lib/json.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import { googleErrorBody } from "./gemini-error.ts";
import { findGeminiModel, plainGemini, type GeminiModel } from "./gemini-models.ts";
import { vectorOf } from "./openai-operations.ts";
import type { Exchange } from "./play.ts";
import { objects } from "./shape.ts";
import { countValue } from "./tokens.ts";
import { createVendorId } from "./vendor-id.ts";

/** One JSON body, without a bill. */
export const googleJson = (body: unknown): Exchange => bodyExchange(body, brokenBody, headers);

const brokenBody = (type = "INTERNAL", message = "Internal error encountered."): unknown =>
  googleErrorBody({ status: 500, type, message });
const headers = { headers: { "content-type": "application/json; charset=UTF-8" } };

/** `requests` were read from the body; alone, or in a batch. */
export function embedExchange(body: JsonObject, model: GeminiModel, batch: boolean): Exchange {
  const requests = batch ? objects(body["requests"]) : [body];
  const size = model.dimensions ?? 8;
  const vectors = requests.map((request) => {
    const wanted = request["outputDimensionality"];
    return {
      values: vectorOf(request["content"], typeof wanted === "number" ? wanted : size),
    };
  });
  const entry = createEntry({
    id: createVendorId(""),
    model: model.version,
    inputTokens: requests.reduce((sum, request) => sum + countValue(request["content"]), 0),
  });
  const told = batch ? { embeddings: vectors } : { embedding: vectors[0] };
  return bodyExchange(told, brokenBody, { ...headers, entry });
}

/** https://ai.google.dev/api/models */
export function describeModel(name: string, model: GeminiModel): JsonObject {
  const generates = model.task === "generate";
  return {
    name: `models/${name}`,
    version: "001",
    displayName: model.displayName,
    description: `The double's ${name}.`,
    inputTokenLimit: model.inputTokens,
    outputTokenLimit: model.outputTokens,
    supportedGenerationMethods: generates
      ? ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
      : ["embedContent", "countTokens"],
    ...(generates ? { temperature: 1, topP: 0.95, topK: 64, maxTemperature: 2 } : {}),
    ...(model.thinking.by === "none" ? {} : { thinking: true }),
  };
}

/** A page of the catalogue; the token is the number of the first model. Undefined for a token of no page. */
export function modelsPage(
  names: readonly string[],
  query: URLSearchParams,
): JsonObject | undefined {
  const token = query.get("pageToken") ?? query.get("page_token");
  const asked = Number(query.get("pageSize") ?? query.get("page_size") ?? 50);
  const size = Number.isInteger(asked) && asked > 0 ? Math.min(asked, 1_000) : 50;
  const start = token === null || token === "" ? 0 : Number(token);
  if (!Number.isInteger(start) || start < 0 || start >= names.length) return undefined;
  const page = names.slice(start, start + size);
  const next = start + size;
  return {
    models: page.map((name) => describeModel(name, findGeminiModel(name) ?? plainGemini(name))),
    ...(next < names.length ? { nextPageToken: String(next) } : {}),
  };
}
