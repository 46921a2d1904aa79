// The shape of Cohere v2 requests: every field, message and content, their types and ranges.
// https://docs.cohere.com/reference/chat
import { z } from "zod";
import { tagged, textOr } from "./shape.ts";

const object = z.record(z.string(), z.unknown());

const text = z.strictObject({ type: z.literal("text"), text: z.string() });
const image = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({
    url: z.string(),
    detail: z.enum(["auto", "low", "high"]).optional(),
  }),
});
const documentFields = z.strictObject({ data: object, id: z.string().optional() });

const message = tagged(
  {
    user: z.strictObject({
      role: z.literal("user"),
      content: textOr(tagged({ text, image_url: image })),
    }),
    system: z.strictObject({ role: z.literal("system"), content: textOr(tagged({ text })) }),
    assistant: z.strictObject({
      role: z.literal("assistant"),
      content: textOr(
        tagged({
          text,
          thinking: z.strictObject({ type: z.literal("thinking"), thinking: z.string() }),
        }),
      ).nullish(),
      tool_calls: z
        .array(
          z.strictObject({
            id: z.string(),
            type: z.literal("function"),
            function: z.strictObject({ name: z.string(), arguments: z.string() }),
          }),
        )
        .nullish(),
      tool_plan: z.string().nullish(),
      citations: z.array(object).nullish(),
    }),
    tool: z.strictObject({
      role: z.literal("tool"),
      tool_call_id: z.string(),
      content: textOr(
        tagged({
          text,
          document: z.strictObject({ type: z.literal("document"), document: documentFields }),
        }),
      ),
    }),
  },
  { tagName: "role" },
);

export const cohereChat = z.strictObject({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  stream: z.boolean().optional(),
  tools: z
    .array(
      z.strictObject({
        type: z.literal("function"),
        function: z.strictObject({
          name: z.string(),
          description: z.string().optional(),
          parameters: object,
        }),
      }),
    )
    .nullish(),
  strict_tools: z.boolean().nullish(),
  documents: z.array(z.union([z.string(), documentFields])).nullish(),
  citation_options: z
    .strictObject({ mode: z.enum(["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"]).optional() })
    .nullish(),
  response_format: tagged({
    text: z.strictObject({ type: z.literal("text") }),
    json_object: z.strictObject({
      type: z.literal("json_object"),
      json_schema: object.nullish(),
      schema: object.nullish(),
    }),
  }).nullish(),
  safety_mode: z.enum(["CONTEXTUAL", "STRICT", "OFF"]).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  stop_sequences: z.array(z.string()).max(5).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  seed: z.number().int().min(0).nullish(),
  frequency_penalty: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(0).max(1).nullish(),
  k: z.number().int().min(0).max(500).nullish(),
  p: z.number().min(0.01).max(0.99).nullish(),
  logprobs: z.boolean().nullish(),
  tool_choice: z.enum(["REQUIRED", "NONE"]).nullish(),
  thinking: z
    .strictObject({
      type: z.enum(["enabled", "disabled"]),
      token_budget: z.number().int().min(1).nullish(),
    })
    .nullish(),
  priority: z.number().int().min(0).max(999).nullish(),
});

/** https://docs.cohere.com/reference/embed */
export const cohereEmbed = z.strictObject({
  model: z.string().min(1),
  input_type: z.enum(["search_document", "search_query", "classification", "clustering", "image"]),
  texts: z.array(z.string()).nullish(),
  images: z.array(z.string()).nullish(),
  inputs: z
    .array(z.strictObject({ content: z.array(tagged({ text, image_url: image })) }))
    .nullish(),
  embedding_types: z
    .array(z.enum(["float", "int8", "uint8", "binary", "ubinary", "base64"]))
    .nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  output_dimension: z
    .union([z.literal(256), z.literal(512), z.literal(1024), z.literal(1536)])
    .nullish(),
  truncate: z.enum(["NONE", "START", "END"]).nullish(),
  priority: z.number().int().min(0).max(999).nullish(),
});

/** https://docs.cohere.com/reference/rerank */
export const cohereRerank = z.strictObject({
  model: z.string().min(1),
  query: z.string(),
  documents: z.array(z.string()),
  top_n: z.number().int().min(1).nullish(),
  max_tokens_per_doc: z.number().int().min(1).nullish(),
  priority: z.number().int().min(0).max(999).nullish(),
});
