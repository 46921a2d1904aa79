// OpenAI's rules for fields: what the model allows, and what fields mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { OpenAiModel } from "./openai-models.ts";
import { invalid, listed } from "./openai-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** Present, and not null. */
export const given = (value: unknown): boolean => value !== undefined && value !== null;

/** The effort the model thinks with. */
export function effortOf(
  body: JsonObject,
  model: Pick<OpenAiModel, "defaultEffort">,
): string | undefined {
  return typeof body["reasoning_effort"] === "string"
    ? body["reasoning_effort"]
    : model.defaultEffort;
}

const unsupportedParameter = (param: string, hint = ""): Refusal =>
  invalid({
    message: `Unsupported parameter: '${param}' is not supported with this model.${hint}`,
    param,
    code: "unsupported_parameter",
  });

const unsupportedValue = (param: string, value: unknown, rest: string): Refusal =>
  invalid({
    message: `Unsupported value: '${param}' does not support ${JSON.stringify(value)?.replaceAll('"', "'")} with this model. ${rest}`,
    param,
    code: "unsupported_value",
  });

export function refuseStreamOptions(body: JsonObject): Refusal | undefined {
  if (!given(body["stream_options"]) || body["stream"] === true) return undefined;
  return invalid({
    message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    param: "stream_options",
  });
}

export function refuseOutputLimit(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  if (model.reasoning && given(body["max_tokens"])) {
    return unsupportedParameter("max_tokens", " Use 'max_completion_tokens' instead.");
  }
  if (given(body["max_tokens"]) && given(body["max_completion_tokens"])) {
    return invalid({
      message:
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      code: "invalid_parameter_combination",
    });
  }
  for (const param of ["max_tokens", "max_completion_tokens"]) {
    const limit = body[param];
    if (typeof limit !== "number" || limit <= model.maxOutputTokens) continue;
    return invalid({
      message: `${param} is too large: ${limit}. This model supports at most ${model.maxOutputTokens} completion tokens, whereas you provided ${limit}.`,
      param,
      code: "invalid_value",
    });
  }
  return undefined;
}

/** https://developers.openai.com/api/docs/guides/reasoning#limitations */
export function refuseForReasoning(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  const effort = body["reasoning_effort"];
  if (!model.reasoning) {
    if (given(effort))
      return invalid({ message: "Unrecognized request argument supplied: reasoning_effort" });
    if (given(body["verbosity"]) && body["verbosity"] !== "medium") {
      return unsupportedValue("verbosity", body["verbosity"], "Supported values are: 'medium'.");
    }
    return undefined;
  }
  if (typeof effort === "string" && !model.efforts.includes(effort)) {
    return unsupportedValue(
      "reasoning_effort",
      effort,
      `Supported values are: ${listed(model.efforts)}.`,
    );
  }
  for (const param of ["presence_penalty", "frequency_penalty"]) {
    if (given(body[param]) && body[param] !== 0) return unsupportedParameter(param);
  }
  if (given(body["logit_bias"])) return unsupportedParameter("logit_bias");
  if (given(body["stop"]) && !model.stop) return unsupportedParameter("stop");
  const samples = model.sampling === "effort-none" && effortOf(body, model) === "none";
  if (samples) return undefined;
  if (given(body["temperature"]) && body["temperature"] !== 1) {
    return unsupportedValue(
      "temperature",
      body["temperature"],
      "Only the default (1) value is supported.",
    );
  }
  if (given(body["top_p"]) && body["top_p"] !== 1) return unsupportedParameter("top_p");
  for (const param of ["logprobs", "top_logprobs"]) {
    if (given(body[param]) && body[param] !== false) return unsupportedParameter(param);
  }
  return undefined;
}

export function refuseToolsWithReasoning(
  body: JsonObject,
  model: OpenAiModel,
): Refusal | undefined {
  if (!objects(body["tools"]).some((tool) => tool["type"] === "function")) return undefined;
  const stated = body["reasoning_effort"];
  const reasons =
    model.toolsWithReasoning === "no"
      ? effortOf(body, model) !== "none"
      : model.toolsWithReasoning === "unstated" && given(stated) && stated !== "none";
  if (!reasons) return undefined;
  return invalid({
    message: `Function tools with reasoning_effort are not supported for ${String(body["model"])} in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.`,
    param: "reasoning_effort",
  });
}

export function refuseForSearchAndAudio(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  if (given(body["web_search_options"]) && !model.search) {
    return invalid({
      message: "Web search options not supported with this model.",
      param: "web_search_options",
    });
  }
  if (model.search) {
    for (const param of [
      "temperature",
      "top_p",
      "n",
      "presence_penalty",
      "frequency_penalty",
      "seed",
    ]) {
      if (!given(body[param])) continue;
      return invalid({ message: `Model incompatible request argument supplied: ${param}` });
    }
  }
  const modalities: readonly unknown[] = Array.isArray(body["modalities"])
    ? body["modalities"]
    : [];
  if (!modalities.includes("audio")) return undefined;
  if (!model.audio) {
    return unsupportedValue("modalities", "audio", "Supported values are: 'text'.");
  }
  return given(body["audio"])
    ? undefined
    : invalid({
        message: "Missing required parameter: 'audio'.",
        param: "audio",
        code: "missing_required_parameter",
      });
}

export function refuseLogprobs(body: JsonObject): Refusal | undefined {
  if (!given(body["top_logprobs"]) || body["logprobs"] === true) return undefined;
  return invalid({
    message:
      "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled.",
    param: "top_logprobs",
  });
}

export function refuseMetadata(body: JsonObject): Refusal | undefined {
  if (!isObject(body["metadata"])) return undefined;
  const count = Object.keys(body["metadata"]).length;
  if (count > 16) {
    return invalid({
      message: `Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with ${count} properties instead.`,
      param: "metadata",
      code: "object_above_max_properties",
    });
  }
  return body["store"] === true
    ? undefined
    : invalid({
        message: "The 'metadata' parameter is only allowed when 'store' is enabled.",
        param: "metadata",
      });
}

export function refuseBestOf(body: JsonObject): Refusal | undefined {
  const best = body["best_of"];
  if (typeof best !== "number") return undefined;
  if (best > 1 && body["stream"] === true) {
    return invalid({
      message: "You cannot stream results with 'best_of' greater than 1.",
      param: "best_of",
    });
  }
  const count = typeof body["n"] === "number" ? body["n"] : 1;
  return best >= count
    ? undefined
    : invalid({
        message:
          "You requested that the server return more choices than it will generate (HINT: 'best_of' must be greater than or equal to 'n').",
        param: "best_of",
      });
}

export function refuseDimensions(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  const dimensions = body["dimensions"];
  if (typeof dimensions !== "number") return undefined;
  if (String(body["model"]).endsWith("ada-002")) {
    return invalid({ message: "This model does not support specifying dimensions." });
  }
  const most = model.dimensions ?? 0;
  return dimensions <= most
    ? undefined
    : invalid({
        message: `Invalid value for 'dimensions' = ${dimensions}. Must be less than or equal to ${most}.`,
      });
}
