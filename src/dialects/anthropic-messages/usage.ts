// Token usage of Anthropic answers, both ways.
// https://platform.claude.com/docs/en/api/messages: the input total is `input_tokens` plus both cache counts.
import { createUsage, tokenCount, type Usage } from "../../ir/usage.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields } from "../ext.ts";
import { field } from "../fields.ts";

/** Undefined when `value` is no usage object. */
export function decodeUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const { uncached, cacheRead, write5m, write1h, output } = sum([value, ...compactions(value)]);
  const details = field(value, "output_tokens_details");
  const usage = createUsage(
    {
      total: uncached + cacheRead + write5m + write1h,
      cacheRead,
      cacheWrite5m: write5m,
      cacheWrite1h: write1h,
    },
    {
      total: output,
      reasoning: isObject(details) ? tokenCount(field(details, "thinking_tokens")) : 0,
    },
  );
  const tools = field(value, "server_tool_use");
  for (const [key, amount] of Object.entries(isObject(tools) ? tools : {})) {
    if (tokenCount(amount) > 0 && key !== "__proto__") {
      usage.serverTools[key.replace(/_requests$/, "")] = tokenCount(amount);
    }
  }
  return { ...usage, raw: value };
}

const usageKeys = new Set([
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "cache_creation",
  "server_tool_use",
  "output_tokens_details",
]);

/** What this wire's own usage object says beyond counts, e.g. `service_tier`; nothing of any other wire's. */
function extrasOf(raw: unknown): JsonObject {
  if (!isObject(raw) || !("input_tokens" in raw) || "input_tokens_details" in raw) return {};
  return unknownFields(raw, usageKeys) ?? {};
}

export function encodeUsage(usage: Usage): JsonObject {
  const { cacheRead, cacheWrite5m, cacheWrite1h, total } = usage.input;
  const extras = extrasOf(usage.raw);
  const apart = sum(compactions(extras));
  const write5m = Math.max(0, cacheWrite5m - apart.write5m);
  const write1h = Math.max(0, cacheWrite1h - apart.write1h);
  const tools = Object.entries(usage.serverTools);
  return {
    input_tokens: Math.max(0, total - cacheRead - cacheWrite5m - cacheWrite1h - apart.uncached),
    cache_creation_input_tokens: write5m + write1h,
    cache_read_input_tokens: Math.max(0, cacheRead - apart.cacheRead),
    cache_creation: {
      ephemeral_5m_input_tokens: write5m,
      ephemeral_1h_input_tokens: write1h,
    },
    output_tokens: Math.max(0, usage.output.total - apart.output),
    ...(usage.output.reasoning > 0
      ? { output_tokens_details: { thinking_tokens: usage.output.reasoning } }
      : {}),
    ...(tools.length > 0
      ? {
          server_tool_use: Object.fromEntries(
            tools.map(([name, count]) => [`${name}_requests`, count]),
          ),
        }
      : {}),
    ...extras,
  };
}

/** `later` counts win over `earlier` ones: `message_delta` repeats only what changed, cumulatively. */
export function mergeUsage(earlier: JsonObject, later: JsonObject): JsonObject {
  const changed = Object.entries(later).filter(
    ([key, value]) => value !== null && key !== "__proto__",
  );
  const merged: JsonObject = { ...earlier, ...Object.fromEntries(changed) };
  // The split by lifetime is told only at the start: it holds as long as the sum does.
  const writes = field(merged, "cache_creation");
  const total = tokenCount(field(merged, "cache_creation_input_tokens"));
  if (isObject(writes) && !("cache_creation" in later) && splitOf(writes).sum !== total) {
    delete merged["cache_creation"];
  }
  return merged;
}

/**
 * Model calls that summarise the context on the way to the answer are billed but not in the totals:
 * https://platform.claude.com/docs/en/build-with-claude/compaction
 */
function compactions(usage: JsonObject): JsonObject[] {
  const iterations = field(usage, "iterations");
  return Array.isArray(iterations)
    ? iterations.filter(isObject).filter((item) => item["type"] === "compaction")
    : [];
}

const splitOf = (writes: JsonObject): { write5m: number; write1h: number; sum: number } => {
  const write5m = tokenCount(field(writes, "ephemeral_5m_input_tokens"));
  const write1h = tokenCount(field(writes, "ephemeral_1h_input_tokens"));
  return { write5m, write1h, sum: write5m + write1h };
};

function sum(usages: readonly JsonObject[]): {
  uncached: number;
  cacheRead: number;
  write5m: number;
  write1h: number;
  output: number;
} {
  const total = { uncached: 0, cacheRead: 0, write5m: 0, write1h: 0, output: 0 };
  for (const usage of usages) {
    const writes = field(usage, "cache_creation");
    const split = isObject(writes) ? splitOf(writes) : { write5m: 0, write1h: 0, sum: 0 };
    const written = Math.max(tokenCount(field(usage, "cache_creation_input_tokens")), split.sum);
    total.uncached += tokenCount(field(usage, "input_tokens"));
    total.cacheRead += tokenCount(field(usage, "cache_read_input_tokens"));
    // Without a split all of it has the default lifetime.
    total.write5m += written - split.write1h;
    total.write1h += split.write1h;
    total.output += tokenCount(field(usage, "output_tokens"));
  }
  return total;
}
