// Prompt-cache hints as Anthropic writes them, a form that OpenAI-compatible servers take too.
// https://platform.claude.com/docs/en/build-with-claude/prompt-caching
import type { CacheHint } from "../ir/chat.ts";
import type { JsonObject } from "../lib/json.ts";

/** To be spread into a block, part or tool. */
export const encodeCacheControl = ({ ttl }: CacheHint): JsonObject => ({
  cache_control: { type: "ephemeral", ...(ttl === undefined ? {} : { ttl }) },
});

/** The hint in a `cache_control` object; a lifetime that nobody knows is left to the provider. */
export function decodeCacheControl({ ttl }: JsonObject): CacheHint {
  return ttl === "5m" || ttl === "1h" ? { ttl } : {};
}
