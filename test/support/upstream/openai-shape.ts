// The shape of OpenAI requests: every field, its type and its range.
// https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create
import { z } from "zod";
import { tagged, textOr } from "./shape.ts";

const name = z
  .string()
  .regex(/^[a-zA-Z0-9_-]+$/)
  .max(64);
const schema = z.record(z.string(), z.unknown());

const breakpoint = z
  .strictObject({ mode: z.literal("explicit"), ttl: z.enum(["30m", "12h"]).optional() })
  .optional();

const textPart = z.strictObject({
  type: z.literal("text"),
  text: z.string(),
  prompt_cache_breakpoint: breakpoint,
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const imagePart = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({
    url: z.string(),
    detail: z.enum(["auto", "low", "high", "original"]).nullish(),
  }),
  prompt_cache_breakpoint: breakpoint,
});
const audioPart = z.strictObject({
  type: z.literal("input_audio"),
  input_audio: z.strictObject({ data: z.string(), format: z.enum(["wav", "mp3"]) }),
  prompt_cache_breakpoint: breakpoint,
});
const filePart = z.strictObject({
  type: z.literal("file"),
  file: z.strictObject({
    file_data: z.string().optional(),
    file_id: z.string().optional(),
    filename: z.string().optional(),
  }),
  prompt_cache_breakpoint: breakpoint,
});

const texts = textOr(tagged({ text: textPart }));
const callId = z.string().max(40);

const toolCall = tagged({
  function: z.strictObject({
    id: callId,
    type: z.literal("function"),
    // The index of a streamed call, which some clients send back, is accepted.
    index: z.number().int().optional(),
    function: z.strictObject({ name, arguments: z.string() }),
  }),
  custom: z.strictObject({
    id: callId,
    type: z.literal("custom"),
    index: z.number().int().optional(),
    custom: z.strictObject({ name, input: z.string() }),
  }),
});

const speaker = z
  .string()
  .regex(/^[^\s<|\\/>]+$/)
  .max(64)
  .optional();

const message = tagged(
  {
    system: z.strictObject({ role: z.literal("system"), content: texts, name: speaker }),
    assistant: z.strictObject({
      role: z.literal("assistant"),
      content: textOr(tagged({ text: textPart, refusal: refusalPart })).nullish(),
      refusal: z.string().nullish(),
      name: speaker,
      audio: z.strictObject({ id: z.string() }).nullish(),
      tool_calls: z.array(toolCall).min(1).optional(),
      function_call: z.strictObject({ name, arguments: z.string() }).nullish(),
      // Answers carry it, and it may come back.
      annotations: z.array(z.unknown()).optional(),
    }),
    user: z.strictObject({
      role: z.literal("user"),
      content: z.union([
        z.string(),
        z
          .array(
            tagged({
              text: textPart,
              image_url: imagePart,
              input_audio: audioPart,
              file: filePart,
            }),
          )
          .min(1),
      ]),
      name: speaker,
    }),
    function: z.strictObject({ role: z.literal("function"), content: z.string().nullable(), name }),
    tool: z.strictObject({ role: z.literal("tool"), content: texts, tool_call_id: callId }),
    developer: z.strictObject({ role: z.literal("developer"), content: texts, name: speaker }),
  },
  { tagName: "role" },
);

const tool = tagged({
  function: z.strictObject({
    type: z.literal("function"),
    function: z.strictObject({
      name,
      description: z.string().optional(),
      parameters: schema.optional(),
      strict: z.boolean().nullish(),
    }),
  }),
  custom: z.strictObject({
    type: z.literal("custom"),
    custom: z.strictObject({
      name,
      description: z.string().optional(),
      format: tagged({
        text: z.strictObject({ type: z.literal("text") }),
        grammar: z.strictObject({
          type: z.literal("grammar"),
          grammar: z.strictObject({ syntax: z.enum(["lark", "regex"]), definition: z.string() }),
        }),
      }).optional(),
    }),
  }),
});

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  tagged({
    function: z.strictObject({
      type: z.literal("function"),
      function: z.strictObject({ name: z.string() }),
    }),
    custom: z.strictObject({
      type: z.literal("custom"),
      custom: z.strictObject({ name: z.string() }),
    }),
    allowed_tools: z.strictObject({
      type: z.literal("allowed_tools"),
      allowed_tools: z.strictObject({ mode: z.enum(["auto", "required"]), tools: z.array(schema) }),
    }),
  }),
]);

const responseFormat = tagged({
  text: z.strictObject({ type: z.literal("text") }),
  json_object: z.strictObject({ type: z.literal("json_object") }),
  json_schema: z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name,
      description: z.string().optional(),
      schema,
      strict: z.boolean().nullish(),
    }),
  }),
});

const metadata = z.record(z.string().max(64), z.string().max(512));
const penalty = z.number().min(-2).max(2).nullish();
const stop = z.union([z.string(), z.array(z.string()).max(4)]).nullish();
const logitBias = z.record(z.string(), z.number().min(-100).max(100)).nullish();
const temperature = z.number().min(0).max(2).nullish();
const topP = z.number().min(0).max(1).nullish();
const streamOptions = z
  .strictObject({
    include_usage: z.boolean().optional(),
    include_obfuscation: z.boolean().optional(),
  })
  .nullish();
const outputLimit = z.number().int().min(1).nullish();

export const chatRequest = z.strictObject({
  model: z.string(),
  messages: z.array(message).min(1),
  audio: z
    .strictObject({
      format: z.enum(["wav", "aac", "mp3", "flac", "opus", "pcm16"]),
      voice: z.union([z.string(), z.strictObject({ id: z.string() })]),
    })
    .nullish(),
  frequency_penalty: penalty,
  function_call: z
    .union([z.enum(["none", "auto"]), z.strictObject({ name: z.string() })])
    .optional(),
  functions: z
    .array(
      z.strictObject({ name, description: z.string().optional(), parameters: schema.optional() }),
    )
    .min(1)
    .optional(),
  logit_bias: logitBias,
  logprobs: z.boolean().nullish(),
  max_completion_tokens: outputLimit,
  max_tokens: outputLimit,
  metadata: metadata.nullish(),
  modalities: z.array(z.enum(["text", "audio"])).nullish(),
  moderation: z.strictObject({ model: z.string() }).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  parallel_tool_calls: z.boolean().optional(),
  prediction: z.strictObject({ type: z.literal("content"), content: texts }).nullish(),
  presence_penalty: penalty,
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: z
    .strictObject({
      mode: z.enum(["implicit", "explicit"]).optional(),
      ttl: z.enum(["30m", "12h"]).optional(),
    })
    .optional(),
  prompt_cache_retention: z.enum(["in_memory", "24h"]).nullish(),
  reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
  response_format: responseFormat.optional(),
  safety_identifier: z.string().max(128).nullish(),
  seed: z.number().int().nullish(),
  service_tier: z.enum(["auto", "default", "flex", "scale", "priority", "fast"]).nullish(),
  stop,
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: streamOptions,
  temperature,
  tool_choice: toolChoice.optional(),
  tools: z.array(tool).min(1).max(128).optional(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  top_p: topP,
  user: z.string().optional(),
  verbosity: z.enum(["low", "medium", "high"]).nullish(),
  web_search_options: z
    .strictObject({
      search_context_size: z.enum(["low", "medium", "high"]).optional(),
      user_location: z
        .strictObject({
          type: z.literal("approximate"),
          approximate: z.strictObject({
            city: z.string().optional(),
            country: z.string().optional(),
            region: z.string().optional(),
            timezone: z.string().optional(),
          }),
        })
        .nullish(),
    })
    .optional(),
});

const tokens = z.array(z.number().int().min(0)).min(1);

/** https://developers.openai.com/api/reference/resources/embeddings/methods/create */
export const embeddingsRequest = z.strictObject({
  model: z.string(),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(2048),
    tokens,
    z.array(tokens).min(1).max(2048),
  ]),
  dimensions: z.number().int().min(1).optional(),
  encoding_format: z.enum(["float", "base64"]).optional(),
  user: z.string().optional(),
});

/** https://developers.openai.com/api/reference/resources/completions/methods/create */
export const completionsRequest = z.strictObject({
  model: z.string(),
  prompt: z.union([z.string(), z.array(z.string()), tokens, z.array(tokens)]).nullish(),
  best_of: z.number().int().min(1).max(20).nullish(),
  echo: z.boolean().nullish(),
  frequency_penalty: penalty,
  logit_bias: logitBias,
  logprobs: z.number().int().min(0).max(5).nullish(),
  max_tokens: z.number().int().min(0).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  presence_penalty: penalty,
  seed: z.number().int().nullish(),
  stop,
  stream: z.boolean().nullish(),
  stream_options: streamOptions,
  suffix: z.string().nullish(),
  temperature,
  top_p: topP,
  user: z.string().optional(),
});

/** https://developers.openai.com/api/reference/resources/moderations/methods/create */
export const moderationsRequest = z.strictObject({
  model: z.string().optional(),
  input: z.union([
    z.string(),
    z.array(z.string()),
    z.array(
      tagged({
        text: z.strictObject({ type: z.literal("text"), text: z.string() }),
        image_url: z.strictObject({
          type: z.literal("image_url"),
          image_url: z.strictObject({ url: z.string() }),
        }),
      }),
    ),
  ]),
});
