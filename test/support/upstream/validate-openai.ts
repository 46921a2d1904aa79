// Judges the bodies of requests as OpenAI does: shape first, then what the model allows, then what fields mean together.
import type { z } from "zod";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import {
  refuseBestOf,
  refuseDimensions,
  refuseForReasoning,
  refuseForSearchAndAudio,
  refuseLogprobs,
  refuseMetadata,
  refuseOutputLimit,
  refuseStreamOptions,
  refuseToolsWithReasoning,
} from "./openai-fields.ts";
import { findOpenAiModel, type OpenAiModel } from "./openai-models.ts";
import {
  chatRequest,
  completionsRequest,
  embeddingsRequest,
  moderationsRequest,
} from "./openai-shape.ts";
import { refuseFormat, refuseTools } from "./openai-tools.ts";
import { refuseMessages } from "./openai-turns.ts";
import { badJson, invalid, wordOpenAi } from "./openai-wording.ts";
import { findProblems } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export type FindModel = (name: string) => OpenAiModel | undefined;

type Rule = (body: JsonObject, model: OpenAiModel) => Refusal | undefined;

/** Judges the body of `POST /v1/chat/completions`. */
export function refuseChat(body: unknown, find: FindModel = findOpenAiModel): Refusal | undefined {
  return judge(body, chatRequest, "chat", chatRules, find);
}

/** Judges the body of `POST /v1/embeddings`. */
export function refuseEmbeddings(
  body: unknown,
  find: FindModel = findOpenAiModel,
): Refusal | undefined {
  return judge(body, embeddingsRequest, "embeddings", [refuseDimensions], find);
}

/** Judges the body of `POST /v1/completions`. */
export function refuseCompletions(
  body: unknown,
  find: FindModel = findOpenAiModel,
): Refusal | undefined {
  return judge(
    body,
    completionsRequest,
    "completions",
    [refuseStreamOptions, refuseBestOf, refuseOutputLimit],
    find,
  );
}

/** Judges the body of `POST /v1/moderations`. */
export function refuseModerations(
  body: unknown,
  find: FindModel = findOpenAiModel,
): Refusal | undefined {
  if (isObject(body) && body["model"] === undefined) {
    return judge(
      { ...body, model: "omni-moderation-latest" },
      moderationsRequest,
      "moderations",
      [],
      find,
    );
  }
  return judge(body, moderationsRequest, "moderations", [], find);
}

function judge(
  body: unknown,
  shape: z.ZodType,
  endpoint: OpenAiModel["endpoint"],
  rules: readonly Rule[],
  find: FindModel,
): Refusal | undefined {
  if (!isObject(body)) return badJson();
  const problems = findProblems(shape, body);
  // An argument nobody knows is told before what is wrong with the known ones.
  const first =
    problems.find((one) => one.kind === "extra" && one.path.length === 1) ?? problems[0];
  if (first !== undefined) return wordOpenAi(first);
  const name = String(body["model"]);
  const model = find(name);
  if (model === undefined) return unknownModel(name);
  if (model.endpoint !== endpoint) return wrongEndpoint(model.endpoint, endpoint, name);
  for (const rule of rules) {
    const refusal = rule(body, model);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export const unknownModel = (name: string): Refusal => ({
  status: 404,
  type: "invalid_request_error",
  message: `The model \`${name}\` does not exist or you do not have access to it.`,
  param: null,
  code: "model_not_found",
});

function wrongEndpoint(
  has: OpenAiModel["endpoint"],
  asked: OpenAiModel["endpoint"],
  name: string,
): Refusal {
  const notChat =
    "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?";
  const chat =
    "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?";
  if (asked === "chat" && has === "responses") {
    return {
      ...invalid({
        message: `This model is only supported in v1/responses and not in v1/chat/completions.`,
        param: "model",
      }),
      status: 404,
    };
  }
  if (asked === "chat") return { ...invalid({ message: notChat, param: "model" }), status: 404 };
  if (asked === "completions" && has === "chat")
    return { ...invalid({ message: chat, param: "model" }), status: 404 };
  return {
    ...invalid({
      message: `The model \`${name}\` is not supported on this endpoint.`,
      param: "model",
    }),
    status: 403,
  };
}

const chatRules: readonly Rule[] = [
  refuseStreamOptions,
  refuseOutputLimit,
  refuseForReasoning,
  refuseToolsWithReasoning,
  refuseForSearchAndAudio,
  refuseLogprobs,
  refuseMetadata,
  refuseTools,
  refuseFormat,
  refuseMessages,
];
