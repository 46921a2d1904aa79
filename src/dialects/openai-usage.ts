// Token usage as OpenAI-compatible servers report it, on either of OpenAI's wires.
import { createUsage, tokenCount, type Usage } from "../ir/usage.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { field } from "./fields.ts";

/**
 * Reads a `usage` object in the spellings seen on these wires:
 * `prompt_tokens_details.cached_tokens` (OpenAI), `cached_tokens` (Moonshot), `prompt_cache_hit_tokens` (DeepSeek),
 * `cache_write_tokens` (OpenRouter), `cache_creation_input_tokens` (proxies in front of Anthropic).
 * xAI and Google leave reasoning out of `completion_tokens` and only add it to `total_tokens`; here output always includes it.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const prompt = detailsOf(
    value,
    "prompt_tokens_details",
    "input_tokens_details",
    "input_token_details",
  );
  const completion = detailsOf(
    value,
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
  );
  const input = count(value, "prompt_tokens", "input_tokens");
  const completed = count(value, "completion_tokens", "output_tokens");
  const reported = count(completion, "reasoning_tokens") || count(value, "reasoning_tokens");
  const hidden = Math.max(0, count(value, "total_tokens") - input - completed);
  const isHiddenReasoning = hidden > 0 && (hidden === reported || reported === 0);
  const reasoning = isHiddenReasoning ? hidden : reported;
  const usage = createUsage(
    {
      total: input,
      cacheRead:
        count(prompt, "cached_tokens") ||
        count(value, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens"),
      cacheWrite5m:
        count(prompt, "cache_write_tokens") || count(value, "cache_creation_input_tokens"),
      audio: count(prompt, "audio_tokens"),
      ...imageOf(prompt),
      ...secondsOf(value),
    },
    {
      total: completed + (isHiddenReasoning ? hidden : 0),
      reasoning,
      audio: count(completion, "audio_tokens"),
      ...imageOf(completion),
    },
  );
  const tools = detailsOf(value, "server_tool_use_details", "server_tool_use");
  for (const [key, amount] of Object.entries(tools)) {
    if (tokenCount(amount) > 0 && key !== "__proto__") {
      usage.serverTools[key.replace(/_requests$/, "")] = tokenCount(amount);
    }
  }
  return { ...usage, raw: value };
}

/** Models that write down what is said may be counted by its length. */
function secondsOf(usage: JsonObject): { seconds?: number } {
  const seconds = field(usage, "type") === "duration" ? field(usage, "seconds") : undefined;
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0 ? { seconds } : {};
}

const imageOf = (details: JsonObject): { image?: number } => {
  const image = count(details, "image_tokens");
  return image > 0 ? { image } : {};
};

function detailsOf(object: JsonObject, ...keys: string[]): JsonObject {
  return keys.map((key) => field(object, key)).find(isObject) ?? {};
}

/** The first of `keys` that holds a count. */
function count(object: JsonObject, ...keys: string[]): number {
  for (const key of keys) {
    const value = tokenCount(field(object, key));
    if (value > 0) return value;
  }
  return 0;
}
