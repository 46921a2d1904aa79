// Embeddings of Amazon's own models on Bedrock (`InvokeModel`): Titan's and Nova's forms, one input a request.
// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
// https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
import type { Origin, Part } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { EmbedInput, EmbedPurpose, EmbedRequest, EmbedResponse } from "../../ir/operations.ts";
import { createUsage, tokenCount } from "../../ir/usage.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded, EncodedRequest, OperationCodec, Target } from "../dialect.ts";
import { textOfInput, wholeVectors } from "../embed-answer.ts";
import { unknownFields } from "../ext.ts";
import { field } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { readVector } from "../vectors.ts";
import { encodeImage } from "./media.ts";
import {
  dialectId,
  foreignFields,
  noForm,
  objectIn,
  optionalInteger,
  optionalObject,
  optionalString,
  ownExt,
  requiredObject,
  requiredString,
} from "./wire.ts";

const titanKeys = new Set(["model", "stream", "inputText", "dimensions"]);

function decodeRequest({ json }: Body): Decoded<EmbedRequest> {
  const nova = optionalObject(json, "singleEmbeddingParams");
  return { value: nova ? decodeNova(json, nova) : decodeTitan(json), warnings: [] };
}

function decodeTitan(json: JsonObject): EmbedRequest {
  const dimensions = optionalInteger(json, "dimensions");
  return {
    model: requiredString(json, "model"),
    inputs: [{ type: "text", text: requiredString(json, "inputText") }],
    single: true,
    ...(dimensions === undefined ? {} : { dimensions }),
    ext: { [dialectId]: unknownFields(json, titanKeys) ?? {} },
  };
}

function decodeNova(json: JsonObject, params: JsonObject): EmbedRequest {
  const path = "singleEmbeddingParams";
  const text = requiredObject(params, "text", path);
  const purpose = optionalString(params, "embeddingPurpose", path);
  const dimensions = optionalInteger(params, "embeddingDimension", path);
  const truncation = optionalString(text, "truncationMode", `${path}.text`)?.toLowerCase();
  const meant = Object.entries(purposes).find(([, word]) => word === purpose)?.[0];
  return {
    model: requiredString(json, "model"),
    inputs: [{ type: "text", text: requiredString(text, "value", `${path}.text`) }],
    single: true,
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(meant === undefined ? {} : { purpose: meant as EmbedPurpose }),
    ...(truncation === "start" || truncation === "end" || truncation === "none"
      ? { truncate: truncation }
      : {}),
    ext: { [dialectId]: {} },
  };
}

/** @throws GatewayError `unsupported_feature` for models of other makers, tokens, and vectors that are not floats. */
function encodeRequest(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const { encoding = "float" } = request;
  if (encoding !== "float" && encoding !== "base64") {
    refuse(`\`${target.model}\` makes vectors of floats only, not \`${encoding}\`.`, "encoding");
  }
  const [input, ...others] = request.inputs;
  if (!input || others.length > 0)
    refuse(`\`${target.model}\` takes one input a request.`, "input");
  const body = encodeFor(target, { request, input, losses });
  if (request.user !== undefined) losses.lose("user", noForm);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

function refuse(message: string, param: string): never {
  throw new GatewayError("unsupported_feature", message, { param });
}

interface Wish {
  request: EmbedRequest;
  input: EmbedInput;
  losses: Losses;
}

function encodeFor(target: Target, wish: Wish): JsonObject {
  if (/titan-embed-image/.test(target.model)) return encodeTitanImage(wish, target);
  if (/titan-embed/.test(target.model)) return encodeTitanText(wish, target);
  if (/nova.*embed/.test(target.model)) return encodeNova(wish, target);
  return refuse(`\`${target.model}\` is no embeddings model of Amazon's.`, "model");
}

const textOnly = (input: EmbedInput, { model }: Target): string =>
  textOfInput(input) ?? refuse(`\`${model}\` embeds texts only, not tokens or images.`, "input");

function encodeTitanText({ request, input, losses }: Wish, target: Target): JsonObject {
  losePurpose(request, losses);
  if (request.truncate !== undefined) losses.lose("truncate", noForm);
  const isSizable = /titan-embed-text-v2/.test(target.model);
  const { dimensions } = request;
  if (dimensions !== undefined && !isSizable) losses.lose("dimensions", "the model has one size");
  return {
    inputText: textOnly(input, target),
    ...(dimensions === undefined || !isSizable ? {} : { dimensions }),
    ...ownExt(request.ext),
  };
}

function encodeTitanImage({ request, input, losses }: Wish, target: Target): JsonObject {
  losePurpose(request, losses);
  if (request.truncate !== undefined) losses.lose("truncate", noForm);
  const parts: Part[] = input.type === "parts" ? input.parts : [];
  const image = parts.find((part) => part.type === "image");
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const { dimensions } = request;
  return {
    ...(image ? { inputImage: bytesOf(image) } : {}),
    ...(image && texts.length === 0
      ? {}
      : { inputText: image ? texts.join("\n") : textOnly(input, target) }),
    ...(dimensions === undefined ? {} : { embeddingConfig: { outputEmbeddingLength: dimensions } }),
    ...ownExt(request.ext),
  };
}

/** @throws GatewayError `unsupported_feature` for one by URL. */
function bytesOf(image: Extract<Part, { type: "image" }>): unknown {
  const encoded = encodeImage(image, "input", false);
  if (typeof encoded === "string") return refuse(`${encoded}.`, "input");
  return field(objectIn(objectIn(encoded, "image"), "source"), "bytes");
}

function losePurpose({ purpose }: EmbedRequest, losses: Losses): void {
  if (purpose !== undefined) losses.lose("input_type", noForm);
}

/** Nova tells a store's content from what it is searched by. */
const purposes: Readonly<Partial<Record<EmbedPurpose, string>>> = {
  document: "GENERIC_INDEX",
  query: "GENERIC_RETRIEVAL",
  classification: "CLASSIFICATION",
  clustering: "CLUSTERING",
};

function encodeNova({ request, input, losses }: Wish, target: Target): JsonObject {
  const { purpose, dimensions, truncate = "none", ext } = request;
  const isNative = ext[dialectId] !== undefined;
  const word = purpose === undefined ? undefined : purposes[purpose];
  if (word === undefined && !isNative) {
    const reason = "demanded here and not told in its words: the input is embedded for a store";
    losses.lose("input_type", reason);
  }
  const [part, ...others] = input.type === "parts" ? input.parts : [];
  const isImage = part?.type === "image" && others.length === 0;
  const content: JsonObject = isImage
    ? { image: { ...imageOf(part), detailLevel: "STANDARD_IMAGE" } }
    : { text: { truncationMode: truncate.toUpperCase(), value: textOnly(input, target) } };
  return {
    taskType: "SINGLE_EMBEDDING",
    singleEmbeddingParams: {
      embeddingPurpose: word ?? "GENERIC_INDEX",
      ...(dimensions === undefined ? {} : { embeddingDimension: dimensions }),
      ...content,
    },
  };
}

function imageOf(image: Extract<Part, { type: "image" }>): JsonObject {
  const encoded = encodeImage(image, "input", false);
  return typeof encoded === "string" ? refuse(`${encoded}.`, "input") : objectIn(encoded, "image");
}

/** Titan's vector, or Nova's list of one. */
function vectorIn(json: JsonObject): unknown {
  const list = field(json, "embeddings");
  const [first] = Array.isArray(list) ? (list as unknown[]) : [];
  return isObject(first) ? field(first, "embedding") : field(json, "embedding");
}

/** @throws GatewayError `upstream_invalid` */
function decodeResponse(
  { json, text }: Body,
  _origin: Origin,
  request: EmbedRequest,
): Decoded<EmbedResponse> {
  const vector = readVector(vectorIn(json), "float");
  const counted = field(json, "inputTextTokenCount");
  return {
    value: {
      model: "",
      vectors: wholeVectors([vector], request.inputs, text),
      // Nova tells its count in a header alone.
      ...(counted === undefined
        ? {}
        : { usage: { ...createUsage({ total: tokenCount(counted) }), raw: counted } }),
    },
    warnings: [],
  };
}

function encodeResponse(
  { vectors, usage, ext }: EmbedResponse,
  _request: EmbedRequest,
  warn: Parameters<OperationCodec<EmbedRequest, EmbedResponse>["encodeResponse"]>[2],
): string {
  for (const key of foreignFields(ext)) warn({ field: key, reason: noForm, target: dialectId });
  const [embedding = []] = vectors;
  return JSON.stringify({
    embedding,
    embeddingsByType: { float: embedding },
    inputTextTokenCount: usage?.input.total ?? 0,
  });
}

export const embeddings: OperationCodec<EmbedRequest, EmbedResponse> = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  maxInputs: 1,
};
