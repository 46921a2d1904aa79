// OpenAI's rules for the fields of a Responses request: what the model allows, and what fields mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { given } from "./openai-fields.ts";
import type { OpenAiModel } from "./openai-models.ts";
import { functionSchemaFault, schemaFault } from "./openai-schema.ts";
import { invalid, listed } from "./openai-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

const inside = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** The effort the model thinks with. */
export function responsesEffort(body: JsonObject, model: OpenAiModel): string | undefined {
  const { effort } = inside(body["reasoning"]);
  return typeof effort === "string" ? effort : model.defaultEffort;
}

/** The request wants sealed reasoning. */
export const wantsSealed = (body: JsonObject): boolean =>
  Array.isArray(body["include"]) && body["include"].includes("reasoning.encrypted_content");

export function refuseReach(body: JsonObject): Refusal | undefined {
  const from = ["input", "previous_response_id", "prompt", "conversation"];
  if (from.every((name) => !given(body[name]))) {
    return invalid({
      message:
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
      code: "missing_required_parameter",
    });
  }
  if (given(body["previous_response_id"]) && given(body["conversation"])) {
    return invalid({
      message:
        "Mutually exclusive parameters: Ensure you are only providing one of: 'previous_response_id' or 'conversation'.",
      code: "mutually_exclusive_parameters",
    });
  }
  return undefined;
}

const unsupportedParameter = (param: string): Refusal =>
  invalid({
    message: `Unsupported parameter: '${param}' is not supported with this model.`,
    param,
  });

/** https://developers.openai.com/api/docs/guides/reasoning */
export function refuseForModel(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  const { effort, summary } = inside(body["reasoning"]);
  const { verbosity } = inside(body["text"]);
  const name = String(body["model"]);
  const limit = body["max_output_tokens"];
  if (typeof limit === "number" && limit > model.maxOutputTokens) {
    return invalid({
      message: `max_output_tokens is too large: ${limit}. This model supports at most ${model.maxOutputTokens} output tokens, whereas you provided ${limit}.`,
      param: "max_output_tokens",
      code: "invalid_value",
    });
  }
  if (!model.reasoning) {
    if (given(effort) || given(summary)) {
      const param = given(effort) ? "reasoning.effort" : "reasoning.summary";
      return { ...unsupportedParameter(param), code: "unsupported_parameter" };
    }
    if (wantsSealed(body)) {
      return invalid({
        message: "Encrypted content is not supported with this model.",
        param: "include",
      });
    }
    return given(verbosity) && verbosity !== "medium"
      ? unsupportedValue("text.verbosity", verbosity, name, ["medium"])
      : undefined;
  }
  if (typeof effort === "string" && !model.efforts.includes(effort)) {
    return unsupportedValue("reasoning.effort", effort, name, model.efforts);
  }
  const samples =
    model.sampling === "always" ||
    (model.sampling === "effort-none" && responsesEffort(body, model) === "none");
  if (samples) return undefined;
  const sampled = ["temperature", "top_p", "top_logprobs"].find((param) => given(body[param]));
  return sampled === undefined ? undefined : unsupportedParameter(sampled);
}

const unsupportedValue = (
  param: string,
  value: unknown,
  model: string,
  values: readonly string[],
): Refusal =>
  invalid({
    message: `Unsupported value: '${String(value)}' is not supported with the '${model}' model. Supported values are: ${listed(values)}.`,
    param,
    code: "unsupported_value",
  });

export function refuseStreaming(body: JsonObject): Refusal | undefined {
  return given(body["stream_options"]) && body["stream"] !== true
    ? invalid({
        message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        param: "stream_options",
      })
    : undefined;
}

export function refuseManyMetadata(body: JsonObject): Refusal | undefined {
  const count = Object.keys(inside(body["metadata"])).length;
  return count <= 16
    ? undefined
    : invalid({
        message: `Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with ${count} properties instead.`,
        param: "metadata",
        code: "object_above_max_properties",
      });
}

/** Functions, in namespaces too, with the place of each. */
function* functionsIn(
  tools: readonly JsonObject[],
  place: string,
): Generator<[JsonObject, string]> {
  for (const [index, tool] of tools.entries()) {
    const at = `${place}[${index}]`;
    if (tool["type"] === "function") yield [tool, at];
    if (tool["type"] === "namespace") yield* functionsIn(objects(tool["tools"]), `${at}.tools`);
  }
}

export function refuseResponsesTools(body: JsonObject): Refusal | undefined {
  const tools = objects(body["tools"]);
  const names = new Set<unknown>();
  for (const [tool, place] of functionsIn(tools, "tools")) {
    if (!isObject(tool["parameters"])) continue;
    const fault = functionSchemaFault(tool["parameters"], tool["strict"] === true);
    if (fault === undefined) continue;
    return invalid({
      message: `Invalid schema for function '${String(tool["name"])}': ${fault}`,
      param: `${place}.parameters`,
      code: "invalid_function_parameters",
    });
  }
  for (const { type, name } of tools) {
    if (type !== "function" && type !== "custom") continue;
    if (names.has(name)) {
      return invalid({ message: `Duplicate tool names: '${String(name)}'.`, param: "tools" });
    }
    names.add(name);
  }
  return refuseChoice(body["tool_choice"], tools);
}

function refuseChoice(choice: unknown, tools: readonly JsonObject[]): Refusal | undefined {
  if (choice === "required" && tools.length === 0) {
    return invalid({
      message: "Tool choice 'required' must be specified with 'tools' parameter.",
      param: "tool_choice",
    });
  }
  if (!isObject(choice) || choice["type"] === "allowed_tools") return undefined;
  const { type, name } = choice;
  const known = tools.some(
    (tool) =>
      tool["type"] === type && (name === undefined || tool["name"] === name || type === "mcp"),
  );
  return known
    ? undefined
    : invalid({
        message: `Tool choice '${String(type)}' not found in 'tools' parameter.`,
        param: "tool_choice",
      });
}

export function refuseTextFormat(body: JsonObject): Refusal | undefined {
  const format = inside(inside(body["text"])["format"]);
  if (format["type"] === "json_object") {
    return /json/i.test(JSON.stringify(body["input"] ?? ""))
      ? undefined
      : invalid({
          message:
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
          param: "input",
        });
  }
  if (!isObject(format["schema"])) return undefined;
  const fault = schemaFault(format["schema"], format["strict"] === true);
  return fault === undefined
    ? undefined
    : invalid({
        message: `Invalid schema for response_format '${String(format["name"])}': ${fault}`,
        param: "text.format.schema",
        code: "invalid_json_schema",
      });
}
