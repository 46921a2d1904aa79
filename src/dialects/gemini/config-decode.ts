// `generationConfig` and `toolConfig` of a client's request: settings, the wish for reasoning, the answer's format.
// https://ai.google.dev/api/generate-content#generationconfig
import type { Reasoning, ResponseFormat, Settings, ToolChoice } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field } from "../fields.ts";
import { toJsonSchema } from "./schema.ts";
import {
  listAt,
  messageIn,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalString,
  reject,
  withExt,
} from "./wire.ts";

export interface DecodedConfig {
  settings: Settings;
  reasoning?: Reasoning;
  format?: ResponseFormat;
  /** What only this dialect understands, as the client wrote it. */
  kept?: JsonObject;
  /** What other wires do without being asked: no loss to them. */
  unasked?: JsonObject;
}

const path = "generationConfig";

const settingKeys = [
  "maxOutputTokens",
  "temperature",
  "topP",
  "topK",
  "stopSequences",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
  "candidateCount",
  "responseLogprobs",
  "logprobs",
  "thinkingConfig",
];
const formatKeys = [
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
  "_responseJsonSchema",
];

/** `config` in lowerCamelCase. */
export function decodeConfig(config: JsonObject): DecodedConfig {
  const format = decodeFormat(config);
  const reasoning = decodeThinking(messageIn(config, "thinkingConfig", path));
  const known = new Set([...settingKeys, ...(format ? formatKeys : []), "responseModalities"]);
  const rest = unknownMembers(config, known) ?? {};
  const modalities = field(config, "responseModalities");
  const isText = Array.isArray(modalities) && modalities.every((item) => item === "TEXT");
  const kept = unknownMembers(
    { ...rest, ...(isText ? {} : { responseModalities: modalities }) },
    new Set(),
  );
  return {
    settings: decodeSettings(config),
    ...(reasoning ? { reasoning } : {}),
    ...(format ? { format } : {}),
    ...(kept ? { kept } : {}),
    ...(isText && modalities.length > 0 ? { unasked: { responseModalities: modalities } } : {}),
  };
}

function decodeSettings(config: JsonObject): Settings {
  const wants = optionalBoolean(config, "responseLogprobs", path);
  const top = optionalInteger(config, "logprobs", path);
  return defined({
    maxOutputTokens: optionalInteger(config, "maxOutputTokens", path),
    temperature: optionalNumber(config, "temperature", path),
    topP: optionalNumber(config, "topP", path),
    topK: optionalNumber(config, "topK", path),
    stop: texts(config, "stopSequences", path),
    seed: optionalInteger(config, "seed", path),
    presencePenalty: optionalNumber(config, "presencePenalty", path),
    frequencyPenalty: optionalNumber(config, "frequencyPenalty", path),
    candidateCount: optionalInteger(config, "candidateCount", path),
    logprobs: wants === true ? (top === undefined ? {} : { top }) : undefined,
  });
}

function texts(message: JsonObject, key: string, place: string): string[] | undefined {
  const value = field(message, key);
  // A repeated field of one item may be written as that item.
  const list = typeof value === "string" ? [value] : listAt(message, key, place);
  return list?.map((item, index) =>
    typeof item === "string" ? item : reject(`${place}.${key}[${index}]`, "expected a string"),
  );
}

const thinkingKeys = new Set(["includeThoughts", "thinkingBudget", "thinkingLevel"]);

/** The client's spelling is kept beside the meaning, for this dialect's own encoder. */
function decodeThinking(config: JsonObject | undefined): Reasoning | undefined {
  if (!config) return undefined;
  const place = `${path}.thinkingConfig`;
  const shows = optionalBoolean(config, "includeThoughts", place);
  const tokens = optionalInteger(config, "thinkingBudget", place);
  const level = optionalString(config, "thinkingLevel", place);
  if (Object.keys(config).length === 0) return undefined;
  const beyond = Object.keys(unknownFields(config, thinkingKeys) ?? {});
  const beside = {
    ...withExt({ thinkingConfig: config }),
    ...(beyond.length > 0 ? { beyond: beyond.map((key) => `${place}.${key}`) } : {}),
  };
  const shown = shows === false ? { display: "omitted" } : {};
  if (level !== undefined && level !== "THINKING_LEVEL_UNSPECIFIED") {
    return { mode: "effort", effort: level.toLowerCase(), ...shown, ...beside };
  }
  if (tokens === 0) return { mode: "off", ...beside };
  if (tokens !== undefined && tokens > 0) return { mode: "budget", tokens, ...shown, ...beside };
  return { mode: "adaptive", ...shown, ...beside };
}

/** Undefined where only this dialect knows the format, e.g. `text/x.enum`. */
function decodeFormat(config: JsonObject): ResponseFormat | undefined {
  const type = optionalString(config, "responseMimeType", path);
  const schema =
    field(config, "responseJsonSchema") ??
    field(config, "_responseJsonSchema") ??
    field(config, "responseSchema");
  if (type === "text/plain" && schema === undefined) return { type: "text" };
  if (type !== "application/json") return undefined;
  return schema === undefined
    ? { type: "json" }
    : { type: "json-schema", schema: toJsonSchema(schema), strict: true };
}

const callingKeys = new Set(["mode", "allowedFunctionNames"]);
const toolConfigKeys = new Set(["functionCallingConfig"]);

export interface DecodedToolConfig {
  choice?: ToolChoice;
  kept?: JsonObject;
}

/** `config` in lowerCamelCase. */
export function decodeToolConfig(config: JsonObject): DecodedToolConfig {
  const place = "toolConfig.functionCallingConfig";
  const calling = messageIn(config, "functionCallingConfig", "toolConfig") ?? {};
  const mode = optionalString(calling, "mode", place)?.toUpperCase();
  const names = texts(calling, "allowedFunctionNames", place) ?? [];
  const [name, ...others] = names;
  const isNamed = mode === "ANY" && name !== undefined && others.length === 0;
  const inner: JsonObject = {
    ...unknownFields(calling, callingKeys),
    ...(names.length > 0 && !isNamed ? { allowedFunctionNames: names } : {}),
    ...(mode === "VALIDATED" ? { mode } : {}),
  };
  const marked = unknownMembers(inner, new Set());
  const outer = unknownFields(config, toolConfigKeys) ?? {};
  const kept = unknownMembers(
    { ...outer, ...(marked ? { functionCallingConfig: marked } : {}) },
    new Set(),
  );
  const choice = isNamed ? ({ type: "tool", name } as const) : choiceOf(mode, `${place}.mode`);
  return { ...(choice ? { choice } : {}), ...(kept ? { kept } : {}) };
}

function choiceOf(mode: string | undefined, place: string): ToolChoice | undefined {
  switch (mode) {
    case undefined:
    case "MODE_UNSPECIFIED":
      return undefined;
    case "AUTO":
    case "VALIDATED":
      return { type: "auto" };
    case "ANY":
      return { type: "required" };
    case "NONE":
      return { type: "none" };
    default:
      return reject(place, `'${mode.slice(0, 40)}' is none of AUTO, ANY, NONE, VALIDATED`);
  }
}
