// The shape of Mistral requests: every field, content chunk and tool, their types and ranges.
// https://docs.mistral.ai/api/#tag/chat/operation/chat_completion_v1_chat_completions_post
import { z } from "zod";
import { tagged, textOr } from "./shape.ts";

const object = z.record(z.string(), z.unknown());

const text = z.strictObject({ type: z.literal("text"), text: z.string() });
const reference = z.strictObject({
  type: z.literal("reference"),
  reference_ids: z.array(z.union([z.number().int(), z.string()])),
});
const thinking = z.strictObject({
  type: z.literal("thinking"),
  thinking: z.array(tagged({ text, reference })),
  closed: z.boolean().optional(),
  signature: z.string().nullish(),
});
const chunk = tagged({
  text,
  thinking,
  reference,
  image_url: z.strictObject({
    type: z.literal("image_url"),
    image_url: z.union([
      z.string(),
      z.strictObject({ url: z.string(), detail: z.enum(["low", "auto", "high"]).nullish() }),
    ]),
  }),
  document_url: z.strictObject({
    type: z.literal("document_url"),
    document_url: z.string(),
    document_name: z.string().nullish(),
  }),
  file: z.strictObject({ type: z.literal("file"), file_id: z.string() }),
  input_audio: z.strictObject({
    type: z.literal("input_audio"),
    input_audio: z.union([z.string(), object]),
  }),
});

const toolCall = z.strictObject({
  id: z.string().optional(),
  type: z.literal("function").nullish(),
  function: z.strictObject({ name: z.string(), arguments: z.union([z.string(), object]) }),
  index: z.number().int().optional(),
});

const message = tagged(
  {
    system: z.strictObject({
      role: z.literal("system"),
      content: textOr(tagged({ text, thinking })),
    }),
    user: z.strictObject({ role: z.literal("user"), content: textOr(chunk).nullable() }),
    assistant: z.strictObject({
      role: z.literal("assistant"),
      content: textOr(chunk).nullish(),
      tool_calls: z.array(toolCall).nullish(),
      prefix: z.boolean().optional(),
    }),
    tool: z.strictObject({
      role: z.literal("tool"),
      content: textOr(chunk).nullable(),
      tool_call_id: z.string().nullish(),
      name: z.string().nullish(),
    }),
  },
  { tagName: "role" },
);

const tool = z.strictObject({
  type: z.literal("function").optional(),
  function: z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    strict: z.boolean().optional(),
    parameters: object,
  }),
});

const responseFormat = z.strictObject({
  type: z.enum(["text", "json_object", "json_schema"]).optional(),
  json_schema: z
    .strictObject({
      name: z.string(),
      description: z.string().nullish(),
      schema: object,
      strict: z.boolean().optional(),
    })
    .nullish(),
});

export const mistralChat = z.strictObject({
  model: z.string(),
  messages: z.array(message).min(1),
  temperature: z.number().min(0).max(1.5).nullish(),
  top_p: z.number().min(0).max(1).optional(),
  max_tokens: z.number().int().min(0).nullish(),
  stream: z.boolean().optional(),
  stop: textOr(z.string()).nullish(),
  random_seed: z.number().int().min(0).nullish(),
  metadata: object.nullish(),
  response_format: responseFormat.optional(),
  tools: z.array(tool).nullish(),
  tool_choice: z
    .union([
      z.enum(["auto", "none", "any", "required"]),
      z.strictObject({
        type: z.literal("function").optional(),
        function: z.strictObject({ name: z.string() }),
      }),
    ])
    .optional(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  n: z.number().int().min(1).nullish(),
  prediction: z
    .strictObject({ type: z.literal("content").optional(), content: z.string() })
    .nullish(),
  parallel_tool_calls: z.boolean().optional(),
  prompt_mode: z.literal("reasoning").nullish(),
  reasoning_effort: z.enum(["none", "high"]).nullish(),
  prompt_cache_key: z.string().nullish(),
  guardrails: z.array(object).nullish(),
  safe_prompt: z.boolean().optional(),
});

/** https://docs.mistral.ai/api/#tag/embeddings */
export const mistralEmbeddings = z.strictObject({
  model: z.string(),
  input: textOr(z.string()),
  metadata: object.nullish(),
  output_dimension: z.number().int().min(1).nullish(),
  output_dtype: z.enum(["float", "int8", "uint8", "binary", "ubinary"]).optional(),
  encoding_format: z.enum(["float", "base64"]).optional(),
});
