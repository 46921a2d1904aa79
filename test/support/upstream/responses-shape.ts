// The shape of Responses requests: every field, its type and its range.
// https://developers.openai.com/api/reference/resources/responses/methods/create
import { z } from "zod";
import { responsesItem } from "./responses-items.ts";
import { responsesTool, responsesToolChoice } from "./responses-tool-shape.ts";
import { tagged, textOr } from "./shape.ts";

const text = z.string();
const schema = z.record(text, z.unknown());

const format = tagged({
  text: z.strictObject({ type: z.literal("text") }),
  json_object: z.strictObject({ type: z.literal("json_object") }),
  json_schema: z.strictObject({
    type: z.literal("json_schema"),
    name: text.regex(/^[a-zA-Z0-9_-]+$/).max(64),
    description: text.nullish(),
    schema,
    strict: z.boolean().nullish(),
  }),
});

const reasoning = z
  .strictObject({
    effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
    summary: z.enum(["auto", "concise", "detailed"]).nullish(),
    generate_summary: z.enum(["auto", "concise", "detailed"]).nullish(),
    context: z.enum(["auto", "current_turn", "all_turns"]).nullish(),
    mode: z.enum(["standard", "pro"]).nullish(),
  })
  .nullish();

const cacheOptions = z
  .strictObject({
    mode: z.enum(["implicit", "explicit"]).optional(),
    ttl: z.enum(["30m", "12h"]).optional(),
    prewarm: z.boolean().optional(),
    comparison_response_id: text.nullish(),
  })
  .nullish();

const textConfig = z
  .strictObject({
    format: format.optional(),
    verbosity: z.enum(["low", "medium", "high"]).nullish(),
  })
  .nullish();

const mode = z.strictObject({ mode: z.enum(["score", "block"]) }).nullish();

const includes = z.enum([
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
  "reasoning.encrypted_content",
  "message.output_text.logprobs",
]);

const conversation = z.union([text, z.strictObject({ id: text })]).nullish();
const input = textOr(responsesItem).nullish();
const tier = z.enum(["auto", "default", "flex", "scale", "priority", "fast"]).nullish();
const retention = z.enum(["in_memory", "24h"]).nullish();
const truncation = z.enum(["auto", "disabled"]).nullish();

export const responsesRequest = z.strictObject({
  model: text,
  input,
  background: z.boolean().nullish(),
  // The vendor's own agent sends it; it is not in the reference.
  client_metadata: z.record(text, z.unknown()).nullish(),
  context_management: z
    .array(
      z.strictObject({
        type: text,
        compact_threshold: z.number().int().min(1000).nullish(),
      }),
    )
    .nullish(),
  conversation,
  include: z.array(includes).nullish(),
  instructions: text.nullish(),
  max_output_tokens: z.number().int().min(16).nullish(),
  max_tool_calls: z.number().int().min(1).nullish(),
  metadata: z.record(text.max(64), text.max(512)).nullish(),
  moderation: z
    .strictObject({
      model: text,
      policy: z.strictObject({ input: mode, output: mode }).nullish(),
    })
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  previous_response_id: text.nullish(),
  prompt: z
    .strictObject({ id: text, version: text.nullish(), variables: schema.nullish() })
    .nullish(),
  prompt_cache_key: text.max(64).nullish(),
  prompt_cache_options: cacheOptions,
  prompt_cache_retention: retention,
  reasoning,
  safety_identifier: text.max(64).nullish(),
  service_tier: tier,
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  text: textConfig,
  tool_choice: responsesToolChoice.nullish(),
  tools: z.array(responsesTool).nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  truncation,
  user: text.nullish(),
});

/** https://developers.openai.com/api/reference/resources/responses/methods/compact */
export const compactRequest = z.strictObject({
  model: text,
  input,
  instructions: text.nullish(),
  previous_response_id: text.nullish(),
  prompt_cache_key: text.max(64).nullish(),
  prompt_cache_options: cacheOptions,
  prompt_cache_retention: retention,
  service_tier: tier,
});

/** https://developers.openai.com/api/reference/resources/responses/subresources/input_tokens/methods/count */
export const inputTokensRequest = z.strictObject({
  model: text,
  input,
  conversation,
  instructions: text.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  personality: text.nullish(),
  previous_response_id: text.nullish(),
  reasoning,
  text: textConfig,
  tool_choice: responsesToolChoice.nullish(),
  tools: z.array(responsesTool).nullish(),
  truncation,
});
