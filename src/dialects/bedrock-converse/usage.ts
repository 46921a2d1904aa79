// Token usage of Converse answers, both ways: `inputTokens` leaves out what was read from the cache or written to it.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
import { createUsage, tokenCount, type Usage } from "../../ir/usage.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field } from "../fields.ts";

/** Undefined when `value` is no usage object. */
export function decodeUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const count = (...keys: string[]): number =>
    Math.max(...keys.map((key) => tokenCount(field(value, key))));
  const cacheRead = count("cacheReadInputTokens", "cacheReadInputTokenCount");
  const written = count("cacheWriteInputTokens", "cacheWriteInputTokenCount");
  const write1h = Math.min(written, writtenFor(field(value, "cacheDetails"), "1h"));
  const usage = createUsage(
    {
      total: count("inputTokens") + cacheRead + written,
      cacheRead,
      cacheWrite5m: written - write1h,
      cacheWrite1h: write1h,
    },
    { total: count("outputTokens") },
  );
  const tools = field(value, "serverToolUsage");
  for (const [key, amount] of Object.entries(isObject(tools) ? tools : {})) {
    if (tokenCount(amount) > 0 && key !== "__proto__") usage.serverTools[key] = tokenCount(amount);
  }
  return { ...usage, raw: value };
}

function writtenFor(details: unknown, ttl: string): number {
  if (!Array.isArray(details)) return 0;
  return details
    .filter(isObject)
    .filter((detail) => field(detail, "ttl") === ttl)
    .reduce((sum, detail) => sum + tokenCount(field(detail, "inputTokens")), 0);
}

export function encodeUsage({ input, output, serverTools }: Usage): JsonObject {
  const { total, cacheRead, cacheWrite5m, cacheWrite1h } = input;
  const written = cacheWrite5m + cacheWrite1h;
  const uncached = Math.max(0, total - cacheRead - written);
  const details = [
    { ttl: "1h", inputTokens: cacheWrite1h },
    { ttl: "5m", inputTokens: cacheWrite5m },
  ].filter(({ inputTokens }) => inputTokens > 0);
  return {
    inputTokens: uncached,
    outputTokens: output.total,
    totalTokens: uncached + cacheRead + written + output.total,
    ...(cacheRead + written > 0
      ? { cacheReadInputTokens: cacheRead, cacheWriteInputTokens: written }
      : {}),
    ...(details.length > 0 ? { cacheDetails: details } : {}),
    ...(Object.keys(serverTools).length > 0 ? { serverToolUsage: serverTools } : {}),
  };
}
