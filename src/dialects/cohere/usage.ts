// Token usage, both ways.
// https://docs.cohere.com/reference/chat#response.body.usage
import { createUsage, tokenCount, type Usage } from "../../ir/usage.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field } from "../fields.ts";

/**
 * Cohere counts twice: `tokens` are all that the model read, with a preamble of Cohere's own that may be a hundred times
 * the client's text, and `billed_units` are those that cost. Here the billed ones count, for a bill must be right; both
 * stay in `raw`. `cached_tokens` are counted among all tokens from the prompt's start, so that those of the unbilled
 * preamble come off first.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const billed = objectIn(value, "billed_units");
  const tokens = objectIn(value, "tokens");
  if (!billed && !tokens) return undefined;
  const count = (key: string): number =>
    tokenCount(field(billed ?? {}, key) ?? field(tokens ?? {}, key));
  const input = count("input_tokens");
  const unbilled = Math.max(0, tokenCount(field(tokens ?? {}, "input_tokens")) - input);
  const cacheRead = Math.max(0, tokenCount(field(value, "cached_tokens")) - unbilled);
  return {
    ...createUsage(
      { total: input, cacheRead: Math.min(cacheRead, input) },
      { total: count("output_tokens") },
    ),
    raw: value,
  };
}

function objectIn(object: JsonObject, key: string): JsonObject | undefined {
  const value = field(object, key);
  return isObject(value) ? value : undefined;
}

/** Another provider's counts stand for both. */
export function encodeUsage(usage: Usage): JsonObject {
  const tokens = { input_tokens: usage.input.total, output_tokens: usage.output.total };
  return {
    billed_units: tokens,
    tokens: { ...tokens },
    ...(usage.input.cacheRead > 0 ? { cached_tokens: usage.input.cacheRead } : {}),
  };
}
