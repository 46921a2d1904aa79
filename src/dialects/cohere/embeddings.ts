// Embeddings of Cohere: `/v2/embed`, and `/v1/embed` before it, which answers with bare floats where no type is asked.
// https://docs.cohere.com/reference/embed
import type { Origin, Part } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { EmbedInput, EmbedPurpose, EmbedRequest, EmbedResponse } from "../../ir/operations.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded, EncodedRequest, OperationCodec, Target } from "../dialect.ts";
import { decodeInputUsage, textOfInput, wholeVectors } from "../embed-answer.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { sourceOfUrl } from "../openai-media.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { packVector, readVector, vectorTypeOf } from "../vectors.ts";
import { decodeInlineError } from "./error.ts";
import { decodeImage } from "./message-decode.ts";
import { encodeImage } from "./message-encode.ts";
import {
  dialectId,
  foreignFields,
  kindOf,
  noForm,
  objectAt,
  optionalArray,
  optionalInteger,
  optionalString,
  ownExt,
  reject,
  rejectMissing,
  requiredString,
  withExt,
} from "./wire.ts";

/** Marks a request of `/v1/embed` that asks for no type: it is answered with bare floats. */
const floatsForm = Symbol("embeddings_floats");

const encodings = ["float", "base64", "int8", "uint8", "binary", "ubinary"] as const;
type Encoding = (typeof encodings)[number];

const requestKeys = new Set([
  "model",
  "texts",
  "images",
  "inputs",
  "input_type",
  "embedding_types",
  "output_dimension",
  "truncate",
]);

function decodeRequest({ json, form }: Body): Decoded<EmbedRequest> {
  const dimensions = optionalInteger(json, "output_dimension");
  const types = decodeTypes(json);
  const [encoding, ...others] = types;
  const word = optionalString(json, "input_type");
  const purpose = word === undefined ? undefined : purposeOf(word);
  const truncate = decodeTruncate(json);
  const extra = unknownFields(json, requestKeys) ?? {};
  const value: EmbedRequest = {
    model: requiredString(json, "model"),
    inputs: decodeInputs(json),
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(truncate === undefined ? {} : { truncate }),
    ext: {
      [dialectId]: {
        ...extra,
        ...(word !== undefined && purpose === undefined && word !== "image"
          ? { input_type: word }
          : {}),
        // One of several is the answer to all others; the rest travels beside it.
        ...(others.length > 0 ? { embedding_types: types } : {}),
        ...(form === "v1" && encoding === undefined ? { [floatsForm]: true } : {}),
      },
    },
  };
  return { value, warnings: [] };
}

const decodeTypes = (json: JsonObject): Encoding[] =>
  (optionalArray(json, "embedding_types") ?? []).map(
    (item, index) =>
      encodings.find((encoding) => encoding === item) ??
      reject(`embedding_types[${index}]`, `expected one of ${encodings.join(", ")}`),
  );

function decodeTruncate(json: JsonObject): EmbedRequest["truncate"] {
  const word = optionalString(json, "truncate");
  switch (word?.toUpperCase()) {
    case undefined:
      return undefined;
    case "NONE":
      return "none";
    case "START":
      return "start";
    case "END":
      return "end";
    default:
      return reject("truncate", "expected `NONE`, `START` or `END`");
  }
}

function decodeInputs(json: JsonObject): EmbedInput[] {
  const texts = optionalArray(json, "texts");
  const images = optionalArray(json, "images");
  const inputs = optionalArray(json, "inputs");
  if (!texts && !images && !inputs) return rejectMissing("texts");
  return [
    ...(texts ?? []).map((item, index): EmbedInput => ({
      type: "text",
      text: textAt(item, `texts[${index}]`),
    })),
    ...(images ?? []).map((item, index): EmbedInput => {
      const source = sourceOfUrl(textAt(item, `images[${index}]`), "image/png");
      return { type: "parts", parts: [{ type: "image", source }] };
    }),
    ...(inputs ?? []).map((item, index) => decodeInput(item, `inputs[${index}]`)),
  ];
}

const textAt = (value: unknown, path: string): string =>
  typeof value === "string" ? value : reject(path, `expected string, got ${kindOf(value)}`);

function decodeInput(item: unknown, path: string): EmbedInput {
  const content = optionalArray(objectAt(item, path), "content", path);
  if (!content) return rejectMissing(`${path}.content`);
  const parts = content.map((value, index): Part => {
    const place = `${path}.content[${index}]`;
    const block = objectAt(value, place);
    const type = requiredString(block, "type", place);
    if (type === "text") return { type, text: requiredString(block, "text", place) };
    if (type === "image_url") return decodeImage(block, place);
    return reject(`${place}.type`, "expected `text` or `image_url`");
  });
  return { type: "parts", parts };
}

const words: Readonly<Record<EmbedPurpose, string>> = {
  query: "search_query",
  document: "search_document",
  classification: "classification",
  clustering: "clustering",
  // The nearest there are.
  similarity: "clustering",
  "code-query": "search_query",
  "question-answering": "search_query",
  "fact-verification": "search_query",
};

const purposeOf = (word: string): EmbedPurpose | undefined =>
  (["query", "document", "classification", "clustering"] as const).find(
    (purpose) => words[purpose] === word,
  );

/** @throws GatewayError `unsupported_feature` for inputs as tokens */
function encodeRequest(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const isNative = request.ext[dialectId] !== undefined;
  const inputs = encodeInputs(request.inputs, target);
  const body: JsonObject = {
    model: target.model,
    ...inputs,
    ...encodePurpose(request, "images" in inputs, { losses, isNative }),
    // Not every API that carries this wire knows `base64`; the client's own codec makes it of the numbers.
    embedding_types: [isNative ? (request.encoding ?? "float") : plainEncoding(request)],
    ...(request.dimensions === undefined ? {} : { output_dimension: request.dimensions }),
    ...(request.truncate === undefined ? {} : { truncate: request.truncate.toUpperCase() }),
    ...ownExt(request.ext),
  };
  if (request.user !== undefined) losses.lose("user", noForm);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

const plainEncoding = ({ encoding = "float" }: EmbedRequest): Encoding =>
  encoding === "base64" ? "float" : encoding;

/** Models since version 3 demand it. */
function encodePurpose(
  { purpose, ext }: EmbedRequest,
  isImages: boolean,
  { losses, isNative }: { losses: Losses; isNative: boolean },
): JsonObject {
  if (isImages) return { input_type: "image" };
  if (purpose !== undefined) {
    const word = words[purpose];
    if (purposeOf(word) !== purpose)
      losses.lose("input_type", `sent as \`${word}\`, the nearest here`);
    return { input_type: word };
  }
  if (Object.hasOwn(ownExt(ext), "input_type")) return {};
  if (!isNative) {
    losses.lose("input_type", "not told and demanded here: the inputs are embedded as documents");
  }
  return { input_type: "search_document" };
}

/** Texts alone and images alone have members of their own, which all models take. */
function encodeInputs(inputs: readonly EmbedInput[], { provider }: Target): JsonObject {
  const texts = inputs.map(textOfInput);
  if (texts.every((text) => text !== undefined)) return { texts };
  const images = inputs.map(imageOf);
  if (images.every((image) => image !== undefined)) return { images };
  return { inputs: inputs.map((input) => ({ content: encodeContent(input, provider) })) };
}

/** The data URL of an input that is one image and nothing else. */
function imageOf(input: EmbedInput): unknown {
  const [part, ...others] = input.type === "parts" ? input.parts : [];
  if (part?.type !== "image" || part.source.kind !== "base64" || others.length > 0)
    return undefined;
  const block = encodeImage(part)?.["image_url"];
  return isObject(block) ? block["url"] : undefined;
}

function encodeContent(input: EmbedInput, provider: string): JsonObject[] {
  switch (input.type) {
    case "text":
      return [{ type: "text", text: input.text }];
    case "tokens":
      return refuse(`\`${provider}\` embeds no tokens.`);
    case "parts":
      return input.parts.map((part) => {
        if (part.type === "text") return { type: "text", text: part.text };
        const image = part.type === "image" ? encodeImage(part) : undefined;
        return image ?? refuse(`\`${provider}\` embeds texts and images, no ${part.type}.`);
      });
    default:
      return input satisfies never;
  }
}

function refuse(message: string): never {
  throw new GatewayError("unsupported_feature", message, { param: "input" });
}

const answerKeys = new Set(["id", "embeddings", "texts", "images", "meta", "response_type"]);

/** @throws GatewayError `upstream_invalid`; the upstream's own error when it says one */
function decodeResponse(
  { json, text }: Body,
  _origin: Origin,
  request: EmbedRequest,
): Decoded<EmbedResponse> {
  const found = field(json, "embeddings");
  const isNative = request.ext[dialectId] !== undefined;
  const encoding = isNative ? (request.encoding ?? "float") : plainEncoding(request);
  const byType = isObject(found) ? found : { [encoding]: found };
  const list = field(byType, encoding);
  if (!Array.isArray(list)) {
    if (found === undefined && field(json, "message") !== undefined) throw decodeInlineError(json);
    throw invalidAnswer(`The provider's answer has no \`embeddings.${encoding}\`.`, text);
  }
  const vectors = list.map((item) => readVector(item, vectorTypeOf(encoding)));
  const others = unknownFields(byType, new Set([encoding]));
  const usage = decodeInputUsage(json);
  const id = stringOr(field(json, "id"));
  return {
    value: {
      ...(id === undefined ? {} : { id }),
      // This wire does not tell.
      model: "",
      vectors: wholeVectors(vectors, request.inputs, text),
      ...(usage ? { usage } : {}),
      ...withExt({
        ...unknownFields(json, answerKeys),
        ...(others ? { embeddings: others } : {}),
      }),
    },
    warnings: [],
  };
}

const encodeResponse: OperationCodec<EmbedRequest, EmbedResponse>["encodeResponse"] = (
  response,
  request,
  warn,
) => {
  for (const key of foreignFields(response.ext)) {
    warn({ field: key, reason: noForm, target: dialectId });
  }
  const { encoding = "float" } = request;
  const { embeddings: others, ...extra } = ownExt(response.ext);
  const vectors =
    encoding === "base64"
      ? response.vectors.map((vector) => packVector(vector, "float"))
      : response.vectors;
  loseTypes(request, others, warn);
  const isFloats = floatsForm in ownExt(request.ext);
  const tokens = response.usage?.input.total;
  return JSON.stringify({
    id: response.id ?? createId("embed"),
    embeddings: isFloats ? vectors : { [encoding]: vectors, ...(isObject(others) ? others : {}) },
    texts: request.inputs.flatMap((input) => (input.type === "text" ? [input.text] : [])),
    meta: {
      api_version: { version: isFloats ? "1" : "2" },
      ...(tokens === undefined ? {} : { billed_units: { input_tokens: tokens } }),
    },
    response_type: isFloats ? "embeddings_floats" : "embeddings_by_type",
    ...extra,
  });
};

/** Types that were asked for besides the first and that another provider did not give. */
function loseTypes(
  { ext, encoding }: EmbedRequest,
  given: unknown,
  warn: Parameters<typeof encodeResponse>[2],
): void {
  const asked = ownExt(ext)["embedding_types"];
  for (const type of Array.isArray(asked) ? asked : []) {
    if (type === encoding || (isObject(given) && Object.hasOwn(given, String(type)))) continue;
    const reason = "the provider gives one type of vectors";
    warn({ field: `embedding_types.${String(type)}`, reason, target: dialectId });
  }
}

export const embeddings: OperationCodec<EmbedRequest, EmbedResponse> = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  maxInputs: 96,
};
