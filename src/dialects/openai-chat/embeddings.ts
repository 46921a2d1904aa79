// Embeddings of OpenAI and of those that took over its form: Mistral, Voyage, Jina, vLLM.
// https://platform.openai.com/docs/api-reference/embeddings
import type { Origin } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { EmbedInput, EmbedPurpose, EmbedRequest, EmbedResponse } from "../../ir/operations.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded, EncodedRequest, OperationCodec, Target } from "../dialect.ts";
import { decodeInputUsage, textOfInput, wholeVectors } from "../embed-answer.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { decodeInlineError, errorOf } from "../openai-error.ts";
import {
  kindOf,
  optionalBoolean,
  optionalInteger,
  optionalString,
  reject,
  rejectMissing,
  requiredString,
} from "../openai-words.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { packVector, readVector, vectorTypeOf } from "../vectors.ts";
import { dialectId, foreignFields, noForm, ownExt, withExt } from "./wire.ts";

/** Marks a request for packed vectors of small numbers: Voyage's `output_dtype: "int8"` with `encoding_format: "base64"`. */
const packedForm = Symbol("base64");

const dtypes = ["float", "int8", "uint8", "binary", "ubinary"] as const;

/** Of Mistral's and Voyage's clients too, whose names for the same are others. */
const requestKeys = new Set([
  "model",
  "input",
  "dimensions",
  "output_dimension",
  "encoding_format",
  "output_dtype",
  "input_type",
  "truncation",
  "user",
]);

function decodeRequest({ json }: Body): Decoded<EmbedRequest> {
  const input = field(json, "input");
  const inputs = inputsOf(input);
  const dimensions =
    optionalInteger(json, "dimensions") ?? optionalInteger(json, "output_dimension");
  const { encoding, isPacked } = decodeEncoding(json);
  const word = optionalString(json, "input_type");
  const purpose = word === undefined ? undefined : purposeOf(word);
  const truncation = optionalBoolean(json, "truncation");
  const user = optionalString(json, "user");
  const extra = unknownFields(json, requestKeys) ?? {};
  const value: EmbedRequest = {
    model: requiredString(json, "model"),
    inputs,
    ...(isSingle(input) ? { single: true } : {}),
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(truncation === undefined ? {} : { truncate: truncation ? "end" : "none" }),
    ...(user === undefined ? {} : { user }),
    ext: {
      [dialectId]: {
        ...extra,
        ...(word !== undefined && purpose === undefined ? { input_type: word } : {}),
        ...(isPacked ? { [packedForm]: true } : {}),
      },
    },
  };
  return { value, warnings: [] };
}

function decodeEncoding(json: JsonObject): {
  encoding: EmbedRequest["encoding"];
  isPacked: boolean;
} {
  const format = optionalString(json, "encoding_format");
  if (format !== undefined && format !== "float" && format !== "base64") {
    return reject("encoding_format", "expected `float` or `base64`");
  }
  const word = optionalString(json, "output_dtype");
  if (word === undefined || word === "float") return { encoding: format, isPacked: false };
  const dtype = dtypes.find((item) => item === word);
  if (dtype === undefined) return reject("output_dtype", `expected one of ${dtypes.join(", ")}`);
  return { encoding: dtype, isPacked: format === "base64" };
}

const purposes: Readonly<Record<string, EmbedPurpose>> = {
  query: "query",
  document: "document",
  search_query: "query",
  search_document: "document",
  passage: "document",
};

const purposeOf = (word: string): EmbedPurpose | undefined =>
  Object.hasOwn(purposes, word) ? purposes[word] : undefined;

const isToken = (value: unknown): value is number => Number.isSafeInteger(value);

/** A list of numbers is one text as tokens. */
const isSingle = (input: unknown): boolean =>
  typeof input === "string" || (Array.isArray(input) && isToken(input[0]));

function inputsOf(input: unknown): EmbedInput[] {
  if (input === undefined) return rejectMissing("input");
  if (typeof input === "string") return [{ type: "text", text: input }];
  if (!Array.isArray(input)) {
    return reject("input", `expected a string or an array, got ${kindOf(input)}`);
  }
  if (input.length === 0) reject("input", "expected at least one input, got an empty array");
  if (isSingle(input)) return [tokensOf(input, "input")];
  return input.map((item: unknown, index) => {
    if (typeof item === "string") return { type: "text", text: item };
    const path = `input[${index}]`;
    if (Array.isArray(item)) return tokensOf(item, path);
    return reject(path, `expected a string or an array of tokens, got ${kindOf(item)}`);
  });
}

function tokensOf(list: readonly unknown[], path: string): EmbedInput {
  const tokens = list.filter(isToken);
  if (tokens.length !== list.length || tokens.length === 0) {
    return reject(path, "expected an array of tokens, which are integers");
  }
  return { type: "tokens", tokens };
}

/** @throws GatewayError `unsupported_feature` for inputs that are neither text nor tokens, and for numbers that the provider does not make */
function encodeRequest(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const quirks = target.quirks.embeddings ?? {};
  const own = request.ext[dialectId];
  const inputs = request.inputs.map((input) => encodeInput(input, target));
  const body: JsonObject = {
    model: target.model,
    input: request.single ? inputs[0] : inputs,
    ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
    ...encodeEncoding(request, target),
    ...encodePurpose(request, target, losses),
    ...(request.user === undefined ? {} : { user: request.user }),
    ...own,
  };
  if (request.truncate !== undefined) {
    if (quirks.truncation === undefined) losses.lose("truncate", noForm);
    else body[quirks.truncation] = request.truncate !== "none";
    if (request.truncate === "start" && quirks.truncation !== undefined) {
      losses.lose("truncate", "inputs that are too long are shortened at their end here");
    }
  }
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  // What a provider accepts of chat bodies says nothing of these.
  const { accepts: _, ...others } = target.quirks;
  loseRefused(body, { ...target, quirks: others }, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

function encodeInput(input: EmbedInput, { provider }: Target): string | number[] {
  if (input.type === "tokens") return input.tokens;
  const text = textOfInput(input);
  if (text !== undefined) return text;
  throw new GatewayError("unsupported_feature", `\`${provider}\` embeds texts only here.`, {
    param: "input",
  });
}

function encodeEncoding({ encoding, ext }: EmbedRequest, { provider, quirks }: Target): JsonObject {
  if (encoding === undefined) return {};
  if (encoding === "float" || encoding === "base64") return { encoding_format: encoding };
  const name = quirks.embeddings?.dtype;
  if (name === undefined) {
    throw new GatewayError(
      "unsupported_feature",
      `\`${provider}\` makes vectors of floats only, not \`${encoding}\`.`,
      { param: "output_dtype" },
    );
  }
  return {
    [name]: encoding,
    ...(packedForm in ownExt(ext) ? { encoding_format: "base64" } : {}),
  };
}

function encodePurpose({ purpose }: EmbedRequest, { quirks }: Target, losses: Losses): JsonObject {
  if (purpose === undefined) return {};
  const { field: name, words } = quirks.embeddings?.purpose ?? {};
  const word = words?.[purpose];
  if (name !== undefined && word !== undefined) return { [name]: word };
  losses.lose("input_type", name === undefined ? noForm : `no word for \`${purpose}\` here`);
  return {};
}

const answerKeys = new Set(["object", "data", "model", "usage", "id", "created"]);

/** @throws GatewayError `upstream_invalid`; the upstream's own error when it says one */
function decodeResponse(
  { json, text }: Body,
  _origin: Origin,
  request: EmbedRequest,
): Decoded<EmbedResponse> {
  const data = field(json, "data");
  const error = errorOf(json);
  if (error !== undefined && !Array.isArray(data)) throw decodeInlineError(error);
  if (!Array.isArray(data)) throw invalidAnswer("The provider's answer has no `data`.", text);
  const type = vectorTypeOf(request.encoding ?? "float");
  const vectors: (number[] | undefined)[] = request.inputs.map(() => undefined);
  for (const [position, item] of data.entries()) {
    if (!isObject(item)) continue;
    const index = field(item, "index") ?? position;
    // Anything else leaves a vector missing.
    if (!isToken(index) || index < 0 || index >= Math.max(vectors.length, data.length)) continue;
    vectors[index] = readVector(field(item, "embedding"), type);
  }
  const usage = decodeInputUsage(json);
  const id = stringOr(field(json, "id"));
  return {
    value: {
      ...(id === undefined ? {} : { id }),
      model: stringOr(field(json, "model")) ?? "",
      vectors: wholeVectors(Array.from(vectors), request.inputs, text),
      ...(usage ? { usage } : {}),
      ...withExt(unknownFields(json, answerKeys)),
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
  const isPacked = encoding === "base64" || packedForm in ownExt(request.ext);
  const type = vectorTypeOf(encoding);
  const tokens = response.usage?.input.total ?? 0;
  return JSON.stringify({
    object: "list",
    ...(response.id === undefined ? {} : { id: response.id }),
    data: response.vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: isPacked ? packVector(vector, type) : vector,
    })),
    model: response.model || request.model,
    // Clients read it unasked.
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    ...ownExt(response.ext),
  });
};

export const embeddings: OperationCodec<EmbedRequest, EmbedResponse> = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  maxInputs: 2048,
};
