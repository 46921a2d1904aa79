// The shape of the tools in a Responses request, and of the choice among them.
import { z } from "zod";
import { tagged } from "./shape.ts";

const text = z.string();
const anything = z.unknown().optional();
const schema = z.record(text, z.unknown());
const toolName = text
  .regex(/^[a-zA-Z0-9_-]+$/)
  .min(1)
  .max(128);
const callers = z.array(z.enum(["direct", "programmatic"])).nullish();

const functionTool = z.strictObject({
  type: z.literal("function"),
  name: toolName,
  description: text.nullish(),
  parameters: schema.nullish(),
  output_schema: schema.nullish(),
  strict: z.boolean().nullish(),
  defer_loading: z.boolean().optional(),
  async: z.boolean().optional(),
  allowed_callers: callers,
});

const customTool = z.strictObject({
  type: z.literal("custom"),
  name: toolName,
  description: text.nullish(),
  format: tagged({
    text: z.strictObject({ type: z.literal("text") }),
    grammar: z.strictObject({
      type: z.literal("grammar"),
      syntax: z.enum(["lark", "regex"]),
      definition: text,
    }),
  }).optional(),
  defer_loading: z.boolean().optional(),
  async: z.boolean().optional(),
  allowed_callers: callers,
});

const location = z
  .strictObject({
    type: z.literal("approximate"),
    city: text.nullish(),
    country: text.length(2).nullish(),
    region: text.nullish(),
    timezone: text.nullish(),
  })
  .nullish();
const contextSize = z.enum(["low", "medium", "high"]).nullish();

const search = (type: string): z.ZodType =>
  z.strictObject({
    type: z.literal(type),
    external_web_access: z.boolean().optional(),
    filters: anything,
    search_context_size: contextSize,
    search_content_types: z.array(z.enum(["text", "image"])).optional(),
    user_location: location,
    indexed_web_access: z.boolean().optional(),
    return_token_budget: anything,
  });

const searches = [
  "web_search",
  "web_search_2025_08_26",
  "web_search_preview",
  "web_search_preview_2025_03_11",
];

const mcp = z.strictObject({
  type: z.literal("mcp"),
  server_label: text,
  server_url: text.optional(),
  server_description: text.optional(),
  connector_id: text.optional(),
  authorization: text.optional(),
  headers: z.record(text, text).nullish(),
  allowed_tools: anything,
  allowed_callers: callers,
  require_approval: anything,
  defer_loading: z.boolean().optional(),
  tunnel_id: text.optional(),
});

/** Any tool a request may offer. */
export const responsesTool = tagged({
  function: functionTool,
  custom: customTool,
  namespace: z.strictObject({
    type: z.literal("namespace"),
    name: toolName,
    description: text,
    tools: z.array(tagged({ function: functionTool, custom: customTool })).min(1),
  }),
  tool_search: z.strictObject({
    type: z.literal("tool_search"),
    description: text.nullish(),
    execution: z.enum(["server", "client"]).optional(),
    parameters: anything,
  }),
  ...Object.fromEntries(searches.map((type) => [type, search(type)])),
  file_search: z.strictObject({
    type: z.literal("file_search"),
    vector_store_ids: z.array(text).min(1),
    filters: anything,
    max_num_results: z.number().int().min(1).max(50).optional(),
    ranking_options: anything,
  }),
  computer: z.strictObject({ type: z.literal("computer") }),
  computer_use_preview: z.strictObject({
    type: z.literal("computer_use_preview"),
    display_height: z.number().int(),
    display_width: z.number().int(),
    environment: z.enum(["windows", "mac", "linux", "ubuntu", "browser"]),
  }),
  mcp,
  code_interpreter: z.strictObject({
    type: z.literal("code_interpreter"),
    container: z.union([
      text,
      z.strictObject({
        type: z.literal("auto"),
        file_ids: z.array(text).optional(),
        memory_limit: z.enum(["1g", "4g", "16g", "64g"]).nullish(),
        network_policy: anything,
      }),
    ]),
    allowed_callers: callers,
  }),
  image_generation: z.strictObject({
    type: z.literal("image_generation"),
    action: z.enum(["generate", "edit", "auto"]).optional(),
    background: z.enum(["transparent", "opaque", "auto"]).optional(),
    input_fidelity: z.enum(["high", "low"]).nullish(),
    input_image_mask: anything,
    model: text.optional(),
    moderation: z.enum(["auto", "low"]).optional(),
    output_compression: z.number().int().min(0).max(100).optional(),
    output_format: z.enum(["png", "webp", "jpeg", "gif", "svg"]).optional(),
    partial_images: z.number().int().min(0).max(3).optional(),
    quality: z.enum(["low", "medium", "high", "xhigh", "max", "auto"]).optional(),
    size: text.optional(),
  }),
  local_shell: z.strictObject({ type: z.literal("local_shell") }),
  shell: z.strictObject({
    type: z.literal("shell"),
    environment: anything,
    allowed_callers: callers,
  }),
  apply_patch: z.strictObject({ type: z.literal("apply_patch"), allowed_callers: callers }),
  programmatic_tool_calling: z.strictObject({ type: z.literal("programmatic_tool_calling") }),
});

const plainChoice = (type: string): z.ZodType => z.strictObject({ type: z.literal(type) });
const choices = [
  ...searches,
  "file_search",
  "computer",
  "computer_use",
  "computer_use_preview",
  "image_generation",
  "code_interpreter",
  "apply_patch",
  "shell",
  "programmatic_tool_calling",
];

export const responsesToolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  tagged({
    function: z.strictObject({ type: z.literal("function"), name: text }),
    custom: z.strictObject({ type: z.literal("custom"), name: text }),
    allowed_tools: z.strictObject({
      type: z.literal("allowed_tools"),
      mode: z.enum(["auto", "required"]),
      tools: z.array(schema),
    }),
    mcp: z.strictObject({
      type: z.literal("mcp"),
      server_label: text,
      name: text.nullish(),
    }),
    ...Object.fromEntries(choices.map((type) => [type, plainChoice(type)])),
  }),
]);
