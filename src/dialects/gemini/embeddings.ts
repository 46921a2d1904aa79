// Embeddings: one content (`embedContent`), or a list of requests (`batchEmbedContents`).
// https://ai.google.dev/api/embeddings
import type { Origin } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { EmbedInput, EmbedPurpose, EmbedRequest, EmbedResponse } from "../../ir/operations.ts";
import { createUsage, tokenCount } from "../../ir/usage.ts";
import type { Warning } from "../../ir/warning.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded, EncodedRequest, OperationCodec, Target } from "../dialect.ts";
import { wholeVectors } from "../embed-answer.ts";
import { unknownFields } from "../ext.ts";
import { defined, field } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { readVector } from "../vectors.ts";
import { traitsOf } from "./model.ts";
import { decodePart } from "./part-decode.ts";
import { encodePart } from "./part-encode.ts";
import { decodeUsage } from "./usage.ts";
import {
  camel,
  dialectId,
  foreignFields,
  listAt,
  messageIn,
  noForm,
  objectAt,
  optionalInteger,
  optionalString,
  ownExt,
  rejectMissing,
  requiredObject,
} from "./wire.ts";

const purposes: Readonly<Record<string, EmbedPurpose>> = {
  RETRIEVAL_QUERY: "query",
  RETRIEVAL_DOCUMENT: "document",
  CLASSIFICATION: "classification",
  CLUSTERING: "clustering",
  SEMANTIC_SIMILARITY: "similarity",
  CODE_RETRIEVAL_QUERY: "code-query",
  QUESTION_ANSWERING: "question-answering",
  FACT_VERIFICATION: "fact-verification",
};

const itemKeys = new Set([
  "model",
  "stream",
  "content",
  "taskType",
  "outputDimensionality",
  "embedContentConfig",
]);
const batchKeys = new Set(["model", "stream", "requests"]);

function decodeRequest({ json, form }: Body): Decoded<EmbedRequest> {
  const body = camel(json);
  const model = optionalString(body, "model") ?? rejectMissing("model");
  const losses = createLosses(dialectId);
  const isBatch = form === undefined ? field(body, "requests") !== undefined : form === "batch";
  const items = isBatch
    ? (listAt(body, "requests") ?? rejectMissing("requests")).map((item, index) => ({
        path: `requests[${index}]`,
        item: camel(objectAt(item, `requests[${index}]`)),
      }))
    : [{ path: "", item: body }];
  const read = items.map(({ item, path }) => readItem(item, path));
  const [first] = read;
  if (!first) return rejectMissing("requests");
  if (read.some((item) => JSON.stringify(item.wish) !== JSON.stringify(first.wish))) {
    losses.lose("requests", "all inputs are embedded as the first one asks");
  }
  const rest = isBatch ? (unknownFields(body, batchKeys) ?? {}) : {};
  const { kept, ...wish } = first.wish;
  const value: EmbedRequest = {
    model: model.replace(/^models\//, ""),
    inputs: read.map(({ input }) => input),
    ...(isBatch ? {} : { single: true }),
    ...wish,
    ext: { [dialectId]: { ...rest, ...kept } },
  };
  return { value, warnings: losses.warnings() };
}

interface Wish {
  dimensions?: number;
  purpose?: EmbedPurpose;
  truncate?: "end" | "none";
  kept?: JsonObject;
}

/** Vertex has the settings in `embedContentConfig`, Google AI beside the content. */
function readItem(item: JsonObject, path: string): { input: EmbedInput; wish: Wish } {
  const place = path === "" ? "" : `${path}.`;
  const config = { ...item, ...messageIn(item, "embedContentConfig", path) };
  const task = optionalString(config, "taskType", path);
  const { autoTruncate, ...kept } = unknownFields(config, itemKeys) ?? {};
  const purpose = task !== undefined && Object.hasOwn(purposes, task) ? purposes[task] : undefined;
  const wish: Wish = defined({
    dimensions: optionalInteger(config, "outputDimensionality", path),
    purpose,
    truncate:
      autoTruncate === true
        ? ("end" as const)
        : autoTruncate === false
          ? ("none" as const)
          : undefined,
    kept: Object.keys(kept).length > 0 ? kept : undefined,
  });
  const content = camel(requiredObject(item, "content", path));
  const parts = (listAt(content, "parts", `${place}content`) ?? []).flatMap((part, index) => {
    const at = `${place}content.parts[${index}]`;
    return decodePart(objectAt(part, at), at, {
      origin: { dialect: dialectId },
      isRequest: true,
      callId: () => "",
      resultId: () => "",
    });
  });
  if (parts.length === 0) rejectMissing(`${place}content.parts`);
  const [only, ...others] = parts;
  const isText = only?.type === "text" && others.length === 0;
  return { input: isText ? { type: "text", text: only.text } : { type: "parts", parts }, wish };
}

const wordOf = (purpose: EmbedPurpose): string | undefined =>
  Object.entries(purposes).find(([, meaning]) => meaning === purpose)?.[0];

/** What the vectors are for, in Google's word, where the model takes one. */
export function taskOf(request: EmbedRequest, target: Target, losses: Losses): string | undefined {
  const task = request.purpose === undefined ? undefined : wordOf(request.purpose);
  // The second generation is told in the text what it is for.
  const hasTask = !/embedding-(?:[2-9]|[1-9]\d)(?!\d)/.test(target.model);
  if (task === undefined || hasTask || request.ext[dialectId] !== undefined) return task;
  losses.lose("task_type", "the model takes no task type; it must be told in the text");
  return undefined;
}

function encodeRequest(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const settings = defined({
    taskType: taskOf(request, target, losses),
    outputDimensionality: request.dimensions,
  });
  const name = target.model.includes("/") ? target.model : `models/${target.model}`;
  const body: JsonObject = {
    requests: request.inputs.map((input, index) => ({
      model: name,
      content: { parts: encodeInput(input, `input[${index}]`, target, losses) },
      ...settings,
      ...ownExt(request.ext),
    })),
  };
  loseSettings(request, losses);
  loseRefused(body, target, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

/** Tells of what these embeddings do not know. */
export function loseSettings(request: EmbedRequest, losses: Losses): void {
  const { encoding, truncate, user, ext } = request;
  if (encoding !== undefined && encoding !== "float" && encoding !== "base64") {
    losses.lose("encoding_format", "only floats are made here");
  }
  if (truncate !== undefined) losses.lose("truncate", noForm);
  if (user !== undefined) losses.lose("user", noForm);
  for (const key of foreignFields(ext)) losses.lose(key, noForm);
}

/** The parts of a content. @throws GatewayError `unsupported_feature` for token ids */
export function encodeInput(
  input: EmbedInput,
  path: string,
  target: Target,
  losses: Losses,
): JsonObject[] {
  switch (input.type) {
    case "text":
      return [{ text: input.text }];
    case "tokens":
      throw new GatewayError(
        "unsupported_feature",
        `\`${target.provider}\` embeds texts, not token ids.`,
        { param: "input" },
      );
    case "parts": {
      const scope = {
        target,
        losses,
        traits: traitsOf(target.model, target.facts),
        isNative: false,
        names: new Map<string, string>(),
      };
      return input.parts.flatMap((part, index) =>
        encodePart(part, `${path}.content[${index}]`, scope),
      );
    }
    default:
      return input satisfies never;
  }
}

function decodeResponse(
  { json, text }: Body,
  origin: Origin,
  request: EmbedRequest,
): Decoded<EmbedResponse> {
  const answer = camel(json);
  const vectors = vectorsIn(answer);
  if (!vectors) throw invalidAnswer("The provider's answer has no `embeddings`.", text);
  const usage = usageOfEmbeddings(answer);
  return {
    value: {
      model: origin.model ?? request.model,
      vectors: wholeVectors(vectors, request.inputs, text),
      ...(usage ? { usage } : {}),
    },
    warnings: [],
  };
}

/** `embedding`, `embeddings`, or the `predictions` of Vertex's older method. */
function vectorsIn(answer: JsonObject): (number[] | undefined)[] | undefined {
  const single = field(answer, "embedding");
  if (isObject(single)) return [valuesOf(single)];
  const many = listIn(answer, "embeddings");
  if (many) return many.map(valuesOf);
  return listIn(answer, "predictions")?.map((item) => {
    const inner = field(item, "embeddings");
    return isObject(inner) ? valuesOf(inner) : undefined;
  });
}

function listIn(answer: JsonObject, key: string): JsonObject[] | undefined {
  const value = field(answer, key);
  return Array.isArray(value) ? value.map((item) => (isObject(item) ? item : {})) : undefined;
}

const valuesOf = (embedding: JsonObject): number[] | undefined =>
  readVector(field(embedding, "values"), "float");

/** Google's own count, or the sum of what Vertex tells of each vector. */
export function usageOfEmbeddings(answer: JsonObject): EmbedResponse["usage"] {
  const usage = decodeUsage(field(answer, "usageMetadata"));
  if (usage) return usage;
  const items = [
    ...(listIn(answer, "embeddings") ?? []),
    ...(listIn(answer, "predictions") ?? []).map((item) => field(item, "embeddings")),
  ].filter(isObject);
  const statistics = items.map((item) => field(item, "statistics")).filter(isObject);
  if (statistics.length === 0) return undefined;
  const total = statistics
    .map((item) => tokenCount(field(camel(item), "tokenCount")))
    .reduce((sum, count) => sum + count, 0);
  return createUsage({ total });
}

function encodeResponse(
  response: EmbedResponse,
  request: EmbedRequest,
  warn: (warning: Warning) => void,
): string {
  for (const key of foreignFields(response.ext)) {
    warn({ field: key, reason: noForm, target: dialectId });
  }
  const total = response.usage?.input.total;
  const [first] = response.vectors;
  const vectors =
    request.single && first
      ? { embedding: { values: first } }
      : { embeddings: response.vectors.map((values) => ({ values })) };
  return JSON.stringify({
    ...vectors,
    ...(total === undefined
      ? {}
      : { usageMetadata: { promptTokenCount: total, totalTokenCount: total } }),
  });
}

export const embeddings: OperationCodec<EmbedRequest, EmbedResponse> = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  maxInputs: 100,
};
