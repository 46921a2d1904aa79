// Token usage in an answer to a client.
import type { Usage } from "../../ir/usage.ts";
import type { JsonObject } from "../../lib/json.ts";

/** OpenAI's usage object; `cache_write_tokens` only where something was written. */
export function encodeUsage(usage: Usage): JsonObject {
  const written = usage.input.cacheWrite5m + usage.input.cacheWrite1h;
  return {
    prompt_tokens: usage.input.total,
    completion_tokens: usage.output.total,
    total_tokens: usage.input.total + usage.output.total,
    prompt_tokens_details: {
      cached_tokens: usage.input.cacheRead,
      audio_tokens: usage.input.audio,
      ...(written > 0 ? { cache_write_tokens: written } : {}),
    },
    completion_tokens_details: {
      reasoning_tokens: usage.output.reasoning,
      audio_tokens: usage.output.audio,
    },
  };
}
