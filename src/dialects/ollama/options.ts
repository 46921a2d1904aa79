// The `options` of a request, both ways.
// https://docs.ollama.com/modelfile#valid-parameters-and-values
import type { Settings } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownMembers } from "../ext.ts";
import { defined, field } from "../fields.ts";
import { kindOf, optionalInteger, optionalNumber, optionalObject, reject } from "./wire.ts";

const known = new Set([
  "num_predict",
  "temperature",
  "top_p",
  "top_k",
  "stop",
  "seed",
  "frequency_penalty",
  "presence_penalty",
]);

export interface DecodedOptions {
  settings: Settings;
  /** What only Ollama understands (`num_ctx`, `repeat_penalty`, `mirostat` …), to be kept as `options`. */
  rest: JsonObject | undefined;
}

export function decodeOptions(json: JsonObject): DecodedOptions {
  const options = optionalObject(json, "options") ?? {};
  const predict = optionalInteger(options, "num_predict", "options");
  // Others have meanings of their own: -1 is no limit at all, -2 fills the context.
  const isLimit = predict !== undefined && predict > 0;
  const settings: Settings = defined({
    maxOutputTokens: isLimit ? predict : undefined,
    temperature: optionalNumber(options, "temperature", "options"),
    topP: optionalNumber(options, "top_p", "options"),
    topK: optionalInteger(options, "top_k", "options"),
    stop: decodeStop(options),
    seed: optionalInteger(options, "seed", "options"),
    frequencyPenalty: optionalNumber(options, "frequency_penalty", "options"),
    presencePenalty: optionalNumber(options, "presence_penalty", "options"),
  });
  const read = isLimit ? known : new Set([...known].filter((key) => key !== "num_predict"));
  return { settings, rest: unknownMembers(options, read) };
}

function decodeStop(options: JsonObject): string[] | undefined {
  const stop = field(options, "stop");
  if (stop === undefined) return undefined;
  if (typeof stop === "string") return [stop];
  if (!Array.isArray(stop)) return reject("options.stop", `expected a list, got ${kindOf(stop)}`);
  return stop.map((item, index) =>
    typeof item === "string"
      ? item
      : reject(`options.stop[${index}]`, `expected string, got ${kindOf(item)}`),
  );
}

/** `rest`: what {@link decodeOptions} kept. Empty when nothing is asked. */
export function encodeOptions(settings: Settings, rest: unknown): JsonObject {
  const options = {
    ...(isObject(rest) ? rest : {}),
    ...defined({
      num_predict: settings.maxOutputTokens,
      temperature: settings.temperature,
      top_p: settings.topP,
      top_k: settings.topK,
      stop: settings.stop,
      seed: settings.seed,
      frequency_penalty: settings.frequencyPenalty,
      presence_penalty: settings.presencePenalty,
    }),
  };
  return Object.keys(options).length > 0 ? { options } : {};
}
