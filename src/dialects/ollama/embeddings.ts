// Embeddings of Ollama: `/api/embed`, and `/api/embeddings` before it, which takes one text.
// https://docs.ollama.com/api/embed
import type { Origin } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { EmbedInput, EmbedRequest, EmbedResponse } from "../../ir/operations.ts";
import { createUsage, tokenCount, type Usage } from "../../ir/usage.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Body, Decoded, EncodedRequest, OperationCodec, Target } from "../dialect.ts";
import { readVector } from "../vectors.ts";
import { textOfInput, wholeVectors } from "../embed-answer.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { createLosses, loseRefused } from "../losses.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError } from "./error.ts";
import {
  dialectId,
  foreignFields,
  kindOf,
  noForm,
  optionalBoolean,
  optionalInteger,
  ownExt,
  reject,
  rejectMissing,
  requiredString,
  withExt,
} from "./wire.ts";

/** Marks a request to `/api/embeddings`, whose answer is one bare vector. */
const promptForm = Symbol("prompt");

const requestKeys = new Set(["model", "input", "prompt", "dimensions", "truncate"]);

function decodeRequest({ json, form }: Body): Decoded<EmbedRequest> {
  const isPrompt = form === undefined ? !Object.hasOwn(json, "input") : form === "prompt";
  const input = field(json, isPrompt ? "prompt" : "input");
  const dimensions = optionalInteger(json, "dimensions");
  const truncate = optionalBoolean(json, "truncate");
  const extra = unknownFields(json, requestKeys) ?? {};
  const value: EmbedRequest = {
    model: requiredString(json, "model"),
    inputs: isPrompt ? [textOf(input, "prompt")] : inputsOf(input),
    ...(typeof input === "string" ? { single: true } : {}),
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(truncate === undefined ? {} : { truncate: truncate ? "end" : "none" }),
    ext: { [dialectId]: isPrompt ? { ...extra, [promptForm]: true } : extra },
  };
  return { value, warnings: [] };
}

/** An empty list loads the model. */
function inputsOf(input: unknown): EmbedInput[] {
  if (input === undefined) return rejectMissing("input");
  if (!Array.isArray(input)) return [textOf(input, "input")];
  return input.map((item, index) => textOf(item, `input[${index}]`));
}

function textOf(value: unknown, path: string): EmbedInput {
  if (typeof value === "string") return { type: "text", text: value };
  return value === undefined
    ? rejectMissing(path)
    : reject(path, `expected string, got ${kindOf(value)}`);
}

/** @throws GatewayError `unsupported_feature` for inputs that are not text, and for vectors that are not floats. */
function encodeRequest(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const { encoding = "float" } = request;
  if (encoding !== "float" && encoding !== "base64") {
    refuse(`\`${target.provider}\` makes vectors of floats only, not \`${encoding}\`.`, "encoding");
  }
  const input = request.inputs.map(
    (item) =>
      textOfInput(item) ??
      refuse(`\`${target.provider}\` embeds texts only, not tokens or images.`, "input"),
  );
  if (request.truncate === "start") {
    losses.lose("truncate", "inputs that are too long are shortened at their end here");
  }
  if (request.purpose !== undefined) losses.lose("input_type", noForm);
  if (request.user !== undefined) losses.lose("user", noForm);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  const body: JsonObject = {
    model: target.model,
    input: request.single ? input[0] : input,
    ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
    ...(request.truncate === undefined ? {} : { truncate: request.truncate !== "none" }),
    ...ownExt(request.ext),
  };
  loseRefused(body, target, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

function refuse(message: string, param: string): never {
  throw new GatewayError("unsupported_feature", message, { param });
}

const answerKeys = new Set(["model", "embeddings", "embedding", "prompt_eval_count"]);

/** @throws GatewayError `upstream_invalid` */
function decodeResponse(
  { json, text }: Body,
  _origin: Origin,
  request: EmbedRequest,
): Decoded<EmbedResponse> {
  if (field(json, "error") !== undefined) throw decodeInlineError(json);
  const one = field(json, "embedding");
  const found = field(json, "embeddings") ?? (one === undefined ? undefined : [one]);
  if (!Array.isArray(found))
    throw invalidAnswer("The provider's answer has no `embeddings`.", text);
  const vectors = found.map((vector) => readVector(vector, "float"));
  const usage = decodeEmbedUsage(json);
  return {
    value: {
      model: stringOr(field(json, "model")) ?? "",
      vectors: wholeVectors(vectors, request.inputs, text),
      ...(usage ? { usage } : {}),
      ...withExt(unknownFields(json, answerKeys)),
    },
    warnings: [],
  };
}

export function decodeEmbedUsage(json: JsonObject): Usage | undefined {
  const count = field(json, "prompt_eval_count");
  if (count === undefined) return undefined;
  return { ...createUsage({ total: tokenCount(count) }), raw: { prompt_eval_count: count } };
}

const encodeResponse: OperationCodec<EmbedRequest, EmbedResponse>["encodeResponse"] = (
  response,
  request,
  warn,
) => {
  for (const key of foreignFields(response.ext)) {
    warn({ field: key, reason: noForm, target: dialectId });
  }
  if (promptForm in ownExt(request.ext)) {
    return JSON.stringify({ embedding: response.vectors[0] ?? [] });
  }
  return JSON.stringify({
    model: response.model || request.model,
    embeddings: response.vectors,
    ...(response.usage ? { prompt_eval_count: response.usage.input.total } : {}),
    ...ownExt(response.ext),
  });
};

export const embeddings: OperationCodec<EmbedRequest, EmbedResponse> = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
};
