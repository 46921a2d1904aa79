// Token counts and durations of an answer, both ways.
import { createUsage, tokenCount, type Usage } from "../../ir/usage.ts";
import type { JsonObject } from "../../lib/json.ts";
import { field } from "../fields.ts";

/** How long the parts of the work took, in nanoseconds. */
export const durationKeys = [
  "total_duration",
  "load_duration",
  "prompt_eval_duration",
  "eval_duration",
] as const;

/** Fields of an answer that are read here; the durations are kept with the answer. */
export const countKeys: readonly string[] = ["prompt_eval_count", "eval_count"];

/**
 * The counts of a whole answer or of a stream's last line. `prompt_eval_count` is left out by older servers when the
 * prompt was still in memory; then the input is 0.
 */
export function decodeUsage(body: JsonObject): Usage | undefined {
  if (countKeys.every((key) => field(body, key) === undefined)) return undefined;
  const keys = [...countKeys, ...durationKeys];
  return {
    ...createUsage(
      { total: tokenCount(field(body, "prompt_eval_count")) },
      { total: tokenCount(field(body, "eval_count")) },
    ),
    raw: Object.fromEntries(
      keys.flatMap((key) => (Object.hasOwn(body, key) ? [[key, body[key]]] : [])),
    ),
  };
}

export const encodeUsage = (usage: Usage | undefined): JsonObject =>
  usage ? { prompt_eval_count: usage.input.total, eval_count: usage.output.total } : {};
