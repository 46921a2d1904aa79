// A provider's response object read into the internal representation. Forgiving: servers differ in every detail.
// https://platform.openai.com/docs/api-reference/responses/object
import type { ChatResponse, Ext, Origin } from "../../ir/chat.ts";
import { tokenCount, type Usage } from "../../ir/usage.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { decodeInlineError, errorOf } from "../openai-error.ts";
import { decodeUsage } from "../openai-usage.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeFinish } from "./finish.ts";
import { decodeItem } from "./item-decode.ts";
import { withExt } from "./wire.ts";

/** @throws GatewayError `upstream_invalid` when this is no answer; the upstream's own error when it says one. */
export function decodeResponse(body: Body, origin: Origin): Decoded<ChatResponse> {
  const { json } = body;
  const error = errorOf(json);
  if (error !== undefined) throw decodeInlineError(error);
  const output = field(json, "output");
  if (!Array.isArray(output)) {
    throw field(json, "status") === "failed"
      ? decodeInlineError(json)
      : invalidAnswer("The provider's answer has no `output`.", body.text);
  }
  const scope = { origin, isRequest: false };
  const parts = output.filter(isObject).flatMap((item) => decodeItem(item, "", scope));
  const usage = usageOf(json);
  return {
    value: {
      ...headOf(json),
      candidates: [{ parts, finish: decodeFinish(json, parts) }],
      ...(usage ? { usage } : {}),
      ...fieldsOf(json),
    },
    warnings: [],
  };
}

/** Tokens, and what the provider's own tools were used. */
export function usageOf(response: JsonObject): Usage | undefined {
  const usage = decodeUsage(field(response, "usage"));
  const tools = field(response, "tool_usage");
  if (usage && !isObject(tools)) Object.assign(usage.serverTools, callsIn(response));
  for (const [name, used] of Object.entries(isObject(tools) ? tools : {})) {
    const count = isObject(used) ? tokenCount(field(used, "num_requests")) : 0;
    if (usage && count > 0 && name !== "__proto__") usage.serverTools[name] = count;
  }
  return usage;
}

/** Calls that are billed, counted where the server does not; opening a page that was found is not one. */
function callsIn(response: JsonObject): Record<string, number> {
  const output = field(response, "output");
  const items = Array.isArray(output) ? output.filter(isObject) : [];
  const searches = items.filter((item) => {
    const action = field(item, "action");
    const kind = isObject(action) ? field(action, "type") : "search";
    return field(item, "type") === "web_search_call" && kind === "search";
  }).length;
  const files = items.filter((item) => field(item, "type") === "file_search_call").length;
  return {
    ...(searches > 0 && { web_search: searches }),
    ...(files > 0 && { file_search: files }),
  };
}

export interface Head {
  id: string;
  model: string;
  createdMs?: number;
}

export function headOf(response: JsonObject): Head {
  const created = field(response, "created_at");
  return {
    id: stringOr(field(response, "id")) || createId("resp"),
    model: stringOr(field(response, "model")) ?? "",
    // In seconds, on some servers with a fraction.
    ...(typeof created === "number" && created > 0 && created < 1e11
      ? { createdMs: Math.round(created * 1000) }
      : {}),
  };
}

/** What the representation has places for. */
const readKeys: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created_at",
  "completed_at",
  "status",
  "error",
  "incomplete_details",
  "model",
  "output",
  "output_text",
  "usage",
]);

/** What the server repeats of the request, and how it served it: no other wire's answer misses it. */
export const echoKeys: ReadonlySet<string> = new Set([
  "background",
  "billing",
  "conversation",
  "frequency_penalty",
  "input",
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "metadata",
  "parallel_tool_calls",
  "presence_penalty",
  "previous_response_id",
  "prompt",
  "prompt_cache_key",
  "prompt_cache_options",
  "prompt_cache_retention",
  "reasoning",
  "safety_identifier",
  "service_tier",
  "status_details",
  "store",
  "temperature",
  "text",
  "tool_calls",
  "tool_choice",
  "tool_usage",
  "tools",
  "top_logprobs",
  "top_p",
  "total_tokens",
  "truncation",
  "user",
]);

const allKeys: ReadonlySet<string> = new Set([...readKeys, ...echoKeys]);

/** `{ ext }`: the echoes as the frame, which nobody misses; what else the answer says, which others lose. */
export function fieldsOf(response: JsonObject): { ext?: Ext } {
  const echoes = Object.entries(response).filter(([key]) => echoKeys.has(key));
  return withExt(unknownFields(response, allKeys), Object.fromEntries(echoes));
}
