// What an answer repeats of the request that it answers.
// https://platform.openai.com/docs/api-reference/responses/object
import type { ChatRequest, Reasoning } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field } from "../fields.ts";
import { createLosses } from "../losses.ts";
import { isInstructions } from "./request-decode.ts";
import { encodeToolChoice, encodeTools } from "./tool-encode.ts";
import { dialectId, ownExt } from "./wire.ts";

/** The vendor's defaults where the request says nothing, or is not known. */
export function echoOf(request: ChatRequest | undefined): JsonObject {
  const own = ownExt(request?.ext);
  const settings = request?.settings ?? {};
  const account = request?.account ?? {};
  return {
    background: field(own, "background") ?? false,
    instructions: instructionsOf(request),
    max_output_tokens: settings.maxOutputTokens ?? null,
    max_tool_calls: field(own, "max_tool_calls") ?? null,
    metadata: account.metadata ?? {},
    parallel_tool_calls: settings.parallelToolCalls ?? true,
    previous_response_id: field(own, "previous_response_id") ?? null,
    prompt_cache_key: account.promptCacheKey ?? null,
    reasoning: reasoningOf(request?.reasoning),
    safety_identifier: account.safetyIdentifier ?? null,
    service_tier: account.serviceTier ?? "default",
    store: account.store ?? true,
    temperature: settings.temperature ?? 1,
    text: textOf(request),
    tool_choice:
      (request && encodeToolChoice(field(own, "tool_choice"), { request, takesFreeform: true })) ??
      "auto",
    tools: request
      ? encodeTools({
          request,
          isNative: true,
          takesFreeform: true,
          losses: createLosses(dialectId),
        })
      : [],
    top_logprobs: settings.logprobs?.top ?? 0,
    top_p: settings.topP ?? 1,
    truncation: field(own, "truncation") ?? "disabled",
    user: request?.user === account.safetyIdentifier ? null : (request?.user ?? null),
  };
}

function instructionsOf(request: ChatRequest | undefined): string | null {
  const first = request?.messages[0];
  const [part] = first?.parts ?? [];
  return first && part?.type === "text" && isInstructions(first) ? part.text : null;
}

function reasoningOf(reasoning: Reasoning | undefined): JsonObject {
  const spelling = ownExt(reasoning?.ext);
  return { effort: null, summary: null, ...spelling };
}

function textOf(request: ChatRequest | undefined): JsonObject {
  const own = field(ownExt(request?.ext), "text");
  const verbosity = request?.settings.verbosity;
  return {
    format: formatOf(request),
    ...(verbosity === undefined ? {} : { verbosity }),
    ...(isObject(own) ? own : {}),
  };
}

function formatOf(request: ChatRequest | undefined): JsonObject {
  const format = request?.responseFormat;
  if (format?.type === "json") return { type: "json_object" };
  if (format?.type !== "json-schema") return { type: "text" };
  const { name = "response", description = null, schema, strict = false } = format;
  return { type: "json_schema", name, description, schema, strict };
}
