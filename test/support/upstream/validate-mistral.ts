// Judges the bodies of requests as Mistral does: shape first, then what fields mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { MistralModel } from "./mistral-models.ts";
import { mistralChat, mistralEmbeddings } from "./mistral-shape.ts";
import { refuseMistralMessages, refuseName } from "./mistral-turns.ts";
import { invalid, wordMistral } from "./mistral-wording.ts";
import { findProblems, objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

type FindModel = (name: string) => MistralModel | undefined;

/** Judges the body of `POST /v1/chat/completions`. */
export function refuseMistralChat(body: unknown, find: FindModel): Refusal | undefined {
  const problems = findProblems(mistralChat, body);
  if (problems.length > 0 || !isObject(body)) return wordMistral(problems, body);
  const model = find(String(body["model"]));
  if (model === undefined || model.name.includes("-embed")) return unknownModel(body);
  return (
    refuseSampling(body) ??
    refuseTools(body) ??
    refuseThinking(body, model) ??
    refuseMistralMessages(body, model)
  );
}

/** Judges the body of `POST /v1/embeddings`. */
export function refuseMistralEmbeddings(body: unknown, find: FindModel): Refusal | undefined {
  const problems = findProblems(mistralEmbeddings, body);
  if (problems.length > 0 || !isObject(body)) return wordMistral(problems, body);
  const model = find(String(body["model"]));
  if (model === undefined || model.dimensions === 0) return unknownModel(body);
  if (Array.isArray(body["input"]) && body["input"].length === 0) {
    return invalid("Input cannot be an empty list.", "invalid_request_prompt", "1000");
  }
  const size = body["output_dimension"];
  if (typeof size !== "number") return undefined;
  if (!model.anyDimension) {
    return invalid(
      "This model does not support output_dimension.",
      "invalid_request_invalid_args",
      "3051",
    );
  }
  return size <= 3072
    ? undefined
    : invalid(
        "output_dimension must be less than or equal to 3072.",
        "invalid_request_invalid_args",
        "3051",
      );
}

const unknownModel = (body: JsonObject): Refusal =>
  invalid(`Invalid model: ${String(body["model"])}`, "invalid_model", "1500");

function refuseSampling(body: JsonObject): Refusal | undefined {
  const { temperature, top_p: topP, n } = body;
  if (temperature === 0 && typeof topP === "number" && topP !== 1) {
    return invalid(
      "Top_p must be 1 when using greedy sampling.",
      "invalid_request_invalid_args",
      "3051",
    );
  }
  return temperature === 0 && typeof n === "number" && n > 1
    ? invalid(
        "Number of generations must be 1 when using greedy sampling.",
        "invalid_request_invalid_args",
        "3051",
      )
    : undefined;
}

function refuseTools(body: JsonObject): Refusal | undefined {
  const tools = objects(body["tools"]);
  for (const tool of tools) {
    const refusal = refuseName(tool["function"]);
    if (refusal !== undefined) return refusal;
  }
  const choice = body["tool_choice"];
  const forced = choice === "any" || choice === "required" || isObject(choice);
  if (forced && tools.length === 0) {
    return invalid("Cannot use tool_choice without tools.", "invalid_request_invalid_args", "3051");
  }
  if (!isObject(choice)) return undefined;
  const named = isObject(choice["function"]) ? choice["function"]["name"] : undefined;
  const known = tools.some(
    (tool) => isObject(tool["function"]) && tool["function"]["name"] === named,
  );
  return known
    ? undefined
    : invalid(
        `Tool ${String(named)} of tool_choice is not among the tools.`,
        "invalid_request_invalid_args",
        "3051",
      );
}

function refuseThinking(body: JsonObject, model: MistralModel): Refusal | undefined {
  if (body["prompt_mode"] === "reasoning" && model.reasoning !== "always") {
    return invalid(
      `Prompt mode is not supported for model ${model.name}`,
      "invalid_request_invalid_args",
      "3051",
    );
  }
  return body["reasoning_effort"] === "high" && model.reasoning === "never"
    ? invalid(
        `reasoning_effort is not supported for model ${model.name}`,
        "invalid_request_invalid_args",
        "3051",
      )
    : undefined;
}
