// Judges the bodies of Responses requests as OpenAI does: shape first, then the model, then what fields and items mean together.
import type { z } from "zod";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { given } from "./openai-fields.ts";
import { findOpenAiModel, type OpenAiModel } from "./openai-models.ts";
import { badJson, invalid } from "./openai-wording.ts";
import { refuseItemContent } from "./responses-content.ts";
import {
  refuseForModel,
  refuseManyMetadata,
  refuseReach,
  refuseResponsesTools,
  refuseStreaming,
  refuseTextFormat,
} from "./responses-fields.ts";
import { compactRequest, inputTokensRequest, responsesRequest } from "./responses-shape.ts";
import { createResponsesStore, type ResponsesStore } from "./responses-store.ts";
import { refuseItems } from "./responses-turns.ts";
import { wordResponses } from "./responses-wording.ts";
import { echoed, findProblems, objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";
import { unknownModel, type FindModel } from "./validate-openai.ts";

export interface ResponsesTerms {
  find: FindModel;
  store: ResponsesStore;
  /** Ids and sealed contents of others are taken as good. */
  trust: boolean;
  /** Reasoning told with a call must come back with it. */
  demand: boolean;
}

/** An empty store; nothing is trusted, and nothing demanded beyond the vendor's own rules. */
export const plainResponses = (): ResponsesTerms => ({
  find: findOpenAiModel,
  store: createResponsesStore(),
  trust: false,
  demand: false,
});

/** Judges the body of `POST /v1/responses`. */
export const refuseResponses = (body: unknown, terms: ResponsesTerms): Refusal | undefined =>
  judge(body, responsesRequest, terms, [
    refuseReach,
    refuseForModel,
    refuseStreaming,
    refuseManyMetadata,
    refuseResponsesTools,
    refuseTextFormat,
  ]);

/** Judges the body of `POST /v1/responses/compact`. */
export const refuseCompact = (body: unknown, terms: ResponsesTerms): Refusal | undefined =>
  judge(body, compactRequest, terms, [refuseReach]);

/** Judges the body of `POST /v1/responses/input_tokens`. */
export const refuseInputTokens = (body: unknown, terms: ResponsesTerms): Refusal | undefined =>
  judge(body, inputTokensRequest, terms, [refuseReach, refuseForModel, refuseResponsesTools]);

type Rule = (body: JsonObject, model: OpenAiModel) => Refusal | undefined;

function judge(
  body: unknown,
  shape: z.ZodType,
  terms: ResponsesTerms,
  rules: readonly Rule[],
): Refusal | undefined {
  if (!isObject(body)) return badJson();
  const problems = findProblems(shape, body);
  // An argument nobody knows is told before what is wrong with the known ones.
  const first =
    problems.find((one) => one.kind === "extra" && one.path.length === 1) ?? problems[0];
  if (first !== undefined) return wordResponses(first);
  const name = String(body["model"]);
  const model = terms.find(name);
  if (model === undefined) return { ...unknownModel(name), status: 400, param: "model" };
  if (model.endpoint !== "chat" && model.endpoint !== "responses") {
    return invalid({
      message: `The requested model '${name}' is not supported with the Responses API.`,
      param: "model",
    });
  }
  for (const rule of rules) {
    const refusal = rule(body, model);
    if (refusal !== undefined) return refusal;
  }
  return refuseInput(body, terms);
}

function refuseInput(body: JsonObject, terms: ResponsesTerms): Refusal | undefined {
  const earlier = earlierItems(body, terms.store);
  if (earlier === undefined && !terms.trust) {
    const id = echoed(body["previous_response_id"]);
    return invalid({
      message: `Previous response with id '${id}' not found.`,
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
  }
  if (given(body["conversation"]) && !terms.trust) {
    const { conversation } = body;
    const id = isObject(conversation) ? conversation["id"] : conversation;
    return {
      ...invalid({ message: `Conversation with id '${echoed(id)}' not found.` }),
      status: 404,
    };
  }
  const items = objects(body["input"]);
  const refusal = refuseItemContent(items);
  if (refusal !== undefined) return refusal;
  // What came before an unknown response is unknown too.
  if (earlier === undefined || given(body["conversation"])) return undefined;
  return refuseItems(items, {
    ...terms,
    earlier,
    stores: body["store"] !== false,
  });
}

/** Items of the response that the request goes on from; undefined when it is not known. */
export function earlierItems(body: JsonObject, store: ResponsesStore): JsonObject[] | undefined {
  const id = body["previous_response_id"];
  if (typeof id !== "string") return [];
  const kept = store.find(id);
  return kept && [...kept.input, ...kept.output];
}
