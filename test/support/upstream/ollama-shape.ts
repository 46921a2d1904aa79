// The shape of Ollama requests: what the server's own types can hold. Unknown fields fall away unseen.
// https://docs.ollama.com/api
import { z } from "zod";

type Fields = Record<string, z.ZodType>;

export interface OllamaShapes {
  chat: z.ZodType;
  generate: z.ZodType;
  embed: z.ZodType;
  embeddings: z.ZodType;
  show: z.ZodType;
}

/** `refuse` makes a fault of every field and role that the server would overlook. */
export const ollamaShapes = (unknownFields: "ignore" | "refuse"): OllamaShapes =>
  unknownFields === "refuse" ? strictShapes : looseShapes;

const object = z.record(z.string(), z.unknown());

function build(strict: boolean): OllamaShapes {
  const structure = (fields: Fields) => (strict ? z.strictObject(fields) : z.object(fields));
  const images = z.array(z.string()).nullish();
  const text = z.string().nullish();
  const toolCall = structure({
    id: text,
    type: z.string().nullish(),
    function: structure({
      index: z.number().int().nullish(),
      name: z.string().nullish(),
      arguments: object.nullish(),
    }),
  });
  const message = structure({
    role: strict ? z.enum(["system", "user", "assistant", "tool"]) : text,
    content: text,
    thinking: text,
    images,
    tool_calls: z.array(toolCall).nullish(),
    tool_name: text,
    tool_call_id: text,
  });
  const tool = structure({
    type: text,
    function: structure({
      name: text,
      description: text,
      parameters: z
        .looseObject({
          type: text,
          required: z.array(z.string()).nullish(),
          properties: z.record(z.string(), object).nullish(),
        })
        .nullish(),
    }),
  });
  const shared: Fields = {
    model: text,
    options: object.nullish(),
    keep_alive: z.union([z.string(), z.number()]).nullish(),
  };
  const generated: Fields = {
    ...shared,
    stream: z.boolean().nullish(),
    format: z.unknown().optional(),
    think: z.unknown().optional(),
    truncate: z.boolean().nullish(),
    shift: z.boolean().nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.number().int().nullish(),
  };
  return {
    chat: structure({
      ...generated,
      messages: z.array(message).nullish(),
      tools: z.array(tool).nullish(),
    }),
    generate: structure({
      ...generated,
      prompt: text,
      suffix: text,
      system: text,
      template: text,
      context: z.array(z.number().int()).nullish(),
      raw: z.boolean().nullish(),
      images,
    }),
    embed: structure({
      ...shared,
      input: z.unknown().optional(),
      truncate: z.boolean().nullish(),
      dimensions: z.number().int().nullish(),
    }),
    embeddings: structure({ ...shared, prompt: text }),
    show: structure({
      model: text,
      name: text,
      system: text,
      verbose: z.boolean().nullish(),
      options: object.nullish(),
    }),
  };
}

const looseShapes = build(false);
const strictShapes = build(true);

export type OptionType = "integer" | "float32" | "boolean" | "array";

/** Options of a model and their types. */
export const optionTypes: Readonly<Record<string, OptionType>> = {
  num_keep: "integer",
  seed: "integer",
  num_predict: "integer",
  top_k: "integer",
  top_p: "float32",
  min_p: "float32",
  typical_p: "float32",
  repeat_last_n: "integer",
  temperature: "float32",
  repeat_penalty: "float32",
  presence_penalty: "float32",
  frequency_penalty: "float32",
  stop: "array",
  num_ctx: "integer",
  num_batch: "integer",
  num_gpu: "integer",
  main_gpu: "integer",
  use_mmap: "boolean",
  num_thread: "integer",
};
