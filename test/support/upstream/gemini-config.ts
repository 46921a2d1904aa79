// Gemini's rules for `generationConfig`: ranges, thinking, and what the answer is to be.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { fromFields, invalidArgument, worded } from "./gemini-error.ts";
import type { Surface } from "./gemini-messages.ts";
import type { GeminiModel, Thinking } from "./gemini-models.ts";
import { schemaFaults } from "./gemini-schema.ts";
import { textOf } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export const configOf = (body: JsonObject): JsonObject =>
  isObject(body["generationConfig"]) ? body["generationConfig"] : {};

const thinkingOf = (body: JsonObject): JsonObject => {
  const thinking = configOf(body)["thinkingConfig"];
  return isObject(thinking) ? thinking : {};
};

/** Whether the model thinks about this request. */
export function thinks(body: JsonObject, model: GeminiModel): boolean {
  const budget = thinkingOf(body)["thinkingBudget"];
  if (model.thinking.by === "none") return false;
  if (model.thinking.by === "level") return true;
  return budget === undefined ? model.thinking.byDefault : budget !== 0;
}

export function refuseConfig(
  body: JsonObject,
  model: GeminiModel,
  surface: Surface,
): Refusal | undefined {
  const config = configOf(body);
  return (
    refuseRanges(config, model, surface) ??
    refuseThinking(body, model, surface) ??
    refuseFormat(config)
  );
}

/** The words for counts out of their range; `most` is part of the range. */
const outOfRange = (name: string, value: number, least: number, most: number): Refusal =>
  invalidArgument(
    `Unable to submit request because it has a ${name} value of ${value} but the supported range is from ${least} (inclusive) to ${most + 1} (exclusive). Update the value and try again.`,
  );

function refuseRanges(
  config: JsonObject,
  model: GeminiModel,
  surface: Surface,
): Refusal | undefined {
  const { maxOutputTokens: limit, candidateCount: candidates, stopSequences: stops } = config;
  if (typeof limit === "number" && limit < 1 && surface === "gemini") {
    return invalidArgument("max_output_tokens must be positive.");
  }
  if (typeof limit === "number" && (limit < 1 || limit > model.outputTokens)) {
    return outOfRange("maxOutputTokens", limit, 1, model.outputTokens);
  }
  if (Array.isArray(stops) && stops.length > 5) {
    return surface === "gemini"
      ? invalidArgument("the number of stop_sequences must not exceed 5")
      : outOfRange("stopSequences", stops.length, 1, 5);
  }
  if (Array.isArray(stops) && stops.includes("")) {
    return invalidArgument("stop_sequences must not contain an empty string.");
  }
  if (typeof candidates === "number" && (candidates < 1 || candidates > 8)) {
    return outOfRange("candidateCount", candidates, 1, 8);
  }
  for (const [name, least, most] of [
    ["temperature", 0, 2],
    ["topP", 0, 1],
    ["presencePenalty", -2, 2],
    ["frequencyPenalty", -2, 2],
  ] as const) {
    const value = config[name];
    if (typeof value !== "number" || (value >= least && value <= most)) continue;
    const field = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return invalidArgument(
      `* GenerateContentRequest.generation_config.${field}: ${field} must be in the range [${least.toFixed(1)}, ${most.toFixed(1)}].`,
    );
  }
  if (config["logprobs"] !== undefined && config["responseLogprobs"] !== true) {
    return invalidArgument("logprobs can only be set when response_logprobs is true.");
  }
  return undefined;
}

function refuseThinking(
  body: JsonObject,
  model: GeminiModel,
  surface: Surface,
): Refusal | undefined {
  const { thinkingBudget: budget, thinkingLevel: level, includeThoughts } = thinkingOf(body);
  if (budget !== undefined && level !== undefined) {
    return worded(
      surface,
      "You can only set only one of thinking budget and thinking level.",
      "thinking_budget and thinking_level cannot be set together.",
    );
  }
  const { thinking } = model;
  const asks = (typeof budget === "number" && budget !== 0) || includeThoughts === true;
  if (thinking.by === "none") {
    return level !== undefined || asks
      ? worded(
          surface,
          `Thinking is not enabled for models/${model.version}`,
          "thinking is not supported by this model.",
        )
      : undefined;
  }
  if (typeof level === "string" && level !== "THINKING_LEVEL_UNSPECIFIED") {
    const refusal = refuseLevel(level, thinking, surface);
    if (refusal !== undefined) return refusal;
  }
  if (typeof budget === "number") {
    const refusal = refuseBudget(budget, thinking, surface);
    if (refusal !== undefined) return refusal;
  }
  return includeThoughts === true && budget === 0
    ? worded(
        surface,
        "include_thoughts is only enabled when thinking is enabled.",
        "Thinking_config.include_thoughts is only enabled when thinking is enabled.",
      )
    : undefined;
}

function refuseLevel(level: string, thinking: Thinking, surface: Surface): Refusal | undefined {
  if (thinking.by !== "level") {
    return worded(
      surface,
      "Thinking level is not supported for this model.",
      "thinking_level is not supported by this model.",
    );
  }
  return thinking.levels.includes(level)
    ? undefined
    : worded(
        surface,
        `Thinking level ${level} is not supported for this model. Please retry with other thinking level.`,
        `thinking_level ${level} is not supported by this model.`,
      );
}

function refuseBudget(budget: number, thinking: Thinking, surface: Surface): Refusal | undefined {
  if (budget === -1) return undefined;
  const range = thinking.by === "budget" ? thinking : { least: 1, most: 32_768, canStop: false };
  if (budget === 0) {
    return range.canStop
      ? undefined
      : worded(
          surface,
          "Budget 0 is invalid. This model only works in thinking mode.",
          "The model does not support setting thinking_budget to 0.",
        );
  }
  return budget >= range.least && budget <= range.most
    ? undefined
    : worded(
        surface,
        `The thinking budget ${budget} is invalid. Please choose a value between ${range.least} and ${range.most}.`,
        `the thinking_budget ${budget} is out of range: it must be between ${range.least} and ${range.most}.`,
      );
}

const mimeTypes: ReadonlySet<string> = new Set([
  "text/plain",
  "application/json",
  "application/xml",
  "application/yaml",
  "text/x.enum",
]);

function refuseFormat(config: JsonObject): Refusal | undefined {
  const place = "GenerateContentRequest.generation_config";
  const mime = textOf(config["responseMimeType"]) ?? "";
  if (mime !== "" && !mimeTypes.has(mime)) {
    return fromFields([
      `${place}.response_mime_type: allowed mimetypes are \`text/plain\`, \`application/json\`, \`application/xml\`, \`application/yaml\` and \`text/x.enum\`.`,
    ]);
  }
  const { responseSchema: schema, responseJsonSchema: jsonSchema } = config;
  if (schema !== undefined && jsonSchema !== undefined) {
    return fromFields([
      `${place}.response_json_schema: only one of response_schema and response_json_schema may be set.`,
    ]);
  }
  const field = schema === undefined ? "response_json_schema" : "response_schema";
  if (
    (schema ?? jsonSchema) !== undefined &&
    mime !== "application/json" &&
    mime !== "text/x.enum"
  ) {
    return fromFields([
      `${place}.${field}: only allowed when response_mime_type is application/json or text/x.enum.`,
    ]);
  }
  if (jsonSchema !== undefined && !isObject(jsonSchema)) {
    return fromFields([`${place}.response_json_schema: must be a JSON object.`]);
  }
  if (!isObject(schema)) return undefined;
  const faults = schemaFaults(schema, `${place}.response_schema`, false);
  return faults.length > 0 ? fromFields(faults) : undefined;
}
