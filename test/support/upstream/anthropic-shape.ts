// The shape of Anthropic requests: every field and content block, their types and ranges.
// https://platform.claude.com/docs/en/api/messages/create
import { z } from "zod";
import { tagged, textOr } from "./shape.ts";

const anything = z.unknown();
const object = z.record(z.string(), z.unknown());
const identifier = z.string().regex(/^[a-zA-Z0-9_-]+$/);

const cacheControl = tagged({
  ephemeral: z.strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).nullish() }),
}).nullish();

const citations = z.strictObject({ enabled: z.boolean().optional() }).nullish();
const caller = tagged({
  direct: z.strictObject({ type: z.literal("direct") }),
  code_execution_20250825: z.strictObject({
    type: z.literal("code_execution_20250825"),
    tool_id: z.string(),
  }),
  code_execution_20260120: z.strictObject({
    type: z.literal("code_execution_20260120"),
    tool_id: z.string(),
  }),
}).optional();

const text = z.strictObject({
  type: z.literal("text"),
  text: z.string(),
  cache_control: cacheControl,
  citations: z.array(object).nullish(),
});

const urlSource = z.strictObject({ type: z.literal("url"), url: z.string() });
const fileSource = z.strictObject({ type: z.literal("file"), file_id: z.string() });

const image = z.strictObject({
  type: z.literal("image"),
  source: tagged({
    base64: z.strictObject({
      type: z.literal("base64"),
      media_type: z.enum(["image/jpeg", "image/png", "image/gif", "image/webp"]),
      data: z.string(),
    }),
    url: urlSource,
    file: fileSource,
  }),
  cache_control: cacheControl,
  transformations: z
    .strictObject({ oversized_image: z.enum(["downsize", "error"]).optional() })
    .nullish(),
});

const document = z.strictObject({
  type: z.literal("document"),
  source: tagged({
    base64: z.strictObject({
      type: z.literal("base64"),
      media_type: z.literal("application/pdf"),
      data: z.string(),
    }),
    text: z.strictObject({
      type: z.literal("text"),
      media_type: z.literal("text/plain"),
      data: z.string(),
    }),
    content: z.strictObject({
      type: z.literal("content"),
      content: textOr(tagged({ text, image })),
    }),
    url: urlSource,
    file: fileSource,
  }),
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations,
  cache_control: cacheControl,
});

const searchResult = z.strictObject({
  type: z.literal("search_result"),
  source: z.string(),
  title: z.string(),
  content: z.array(text),
  citations,
  cache_control: cacheControl,
});

const toolReference = z.strictObject({
  type: z.literal("tool_reference"),
  tool_name: z.string(),
  cache_control: cacheControl,
});

const toolResult = z.strictObject({
  type: z.literal("tool_result"),
  tool_use_id: identifier,
  content: textOr(
    tagged({ text, image, document, search_result: searchResult, tool_reference: toolReference }),
  ).optional(),
  is_error: z.boolean().optional(),
  toolset_name: z.string().nullish(),
  cache_control: cacheControl,
});

const toolUse = z.strictObject({
  type: z.literal("tool_use"),
  id: identifier,
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,200}$/),
  input: object,
  toolset_name: z.string().nullish(),
  caller,
  cache_control: cacheControl,
});

const serverToolUse = z.strictObject({
  type: z.literal("server_tool_use"),
  id: z.string().regex(/^srvtoolu_[a-zA-Z0-9_]+$/),
  name: z.string(),
  input: object,
  caller,
  cache_control: cacheControl,
});

const serverToolResult = (type: string) =>
  z.strictObject({
    type: z.literal(type),
    tool_use_id: z.string(),
    content: anything,
    caller,
    cache_control: cacheControl,
  });

const containerUpload = z.strictObject({
  type: z.literal("container_upload"),
  file_id: z.string(),
  cache_control: cacheControl,
});

/** Blocks of user and assistant messages; which role may hold which is told by the message rules. */
const block = tagged({
  text,
  image,
  document,
  search_result: searchResult,
  thinking: z.strictObject({
    type: z.literal("thinking"),
    thinking: z.string(),
    signature: z.string(),
  }),
  redacted_thinking: z.strictObject({ type: z.literal("redacted_thinking"), data: z.string() }),
  tool_use: toolUse,
  tool_result: toolResult,
  server_tool_use: serverToolUse,
  web_search_tool_result: serverToolResult("web_search_tool_result"),
  web_fetch_tool_result: serverToolResult("web_fetch_tool_result"),
  code_execution_tool_result: serverToolResult("code_execution_tool_result"),
  bash_code_execution_tool_result: serverToolResult("bash_code_execution_tool_result"),
  text_editor_code_execution_tool_result: serverToolResult(
    "text_editor_code_execution_tool_result",
  ),
  tool_search_tool_result: serverToolResult("tool_search_tool_result"),
  advisor_tool_result: serverToolResult("advisor_tool_result"),
  container_upload: containerUpload,
  mcp_tool_use: z.strictObject({
    type: z.literal("mcp_tool_use"),
    id: z.string(),
    name: z.string(),
    server_name: z.string(),
    input: object,
    cache_control: cacheControl,
  }),
  mcp_tool_result: z.strictObject({
    type: z.literal("mcp_tool_result"),
    tool_use_id: z.string(),
    content: anything,
    is_error: z.boolean().optional(),
    cache_control: cacheControl,
  }),
  compaction: z.strictObject({
    type: z.literal("compaction"),
    content: z.string().nullish(),
    signature: z.string().nullish(),
    cache_control: cacheControl,
  }),
});

const toolChange = (type: string) =>
  z.strictObject({
    type: z.literal(type),
    tool: tagged({
      tool_reference: z.strictObject({ type: z.literal("tool_reference"), name: z.string() }),
    }),
    cache_control: cacheControl,
  });

const effort = z.enum(["low", "medium", "high", "xhigh", "max"]).nullish();

const message = tagged(
  {
    user: z.strictObject({ role: z.literal("user"), content: textOr(block) }),
    assistant: z.strictObject({ role: z.literal("assistant"), content: textOr(block) }),
    system: z.strictObject({
      role: z.literal("system"),
      content: textOr(
        tagged({
          text,
          tool_addition: toolChange("tool_addition"),
          tool_removal: toolChange("tool_removal"),
        }),
      ),
      output_config: z.strictObject({ effort }).optional(),
      clear_at: anything.optional(),
    }),
  },
  { tagName: "role" },
);

const toolTail = {
  allowed_callers: z.array(z.string()).optional(),
  cache_control: cacheControl,
  defer_loading: z.boolean().optional(),
  input_examples: z.array(object).optional(),
  strict: z.boolean().optional(),
};

const customTool = z.strictObject({
  type: z.literal("custom").nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({
    type: z.literal("object"),
    properties: object.nullish(),
    required: z.array(z.string()).nullish(),
  }),
  eager_input_streaming: z.boolean().nullish(),
  ...toolTail,
});

const domains = z.array(z.string()).nullish();
const count = z.number().int().min(1).nullish();
const userLocation = z
  .strictObject({
    type: z.literal("approximate"),
    city: z.string().nullish(),
    country: z.string().nullish(),
    region: z.string().nullish(),
    timezone: z.string().nullish(),
  })
  .nullish();

const builtin = (type: string, name: string, more: Record<string, z.ZodType> = {}) =>
  [
    type,
    z.strictObject({ type: z.literal(type), name: z.literal(name), ...toolTail, ...more }),
  ] as const;

const search = {
  allowed_domains: domains,
  blocked_domains: domains,
  max_uses: count,
  user_location: userLocation,
  response_inclusion: z.enum(["full", "excluded"]).optional(),
};
const fetching = {
  allowed_domains: domains,
  blocked_domains: domains,
  citations,
  max_content_tokens: count,
  max_uses: count,
  url_sources: object.nullish(),
  use_cache: z.boolean().optional(),
  response_inclusion: z.enum(["full", "excluded"]).optional(),
};
const screen = {
  display_width_px: z.number().int().min(1),
  display_height_px: z.number().int().min(1),
  display_number: z.number().int().nullish(),
  enable_zoom: z.boolean().optional(),
};
const toolset = (type: string) =>
  [type, z.looseObject({ type: z.literal(type), cache_control: cacheControl })] as const;

const tool = tagged(
  {
    custom: customTool,
    ...Object.fromEntries([
      builtin("bash_20241022", "bash"),
      builtin("bash_20250124", "bash"),
      builtin("text_editor_20241022", "str_replace_editor"),
      builtin("text_editor_20250124", "str_replace_editor"),
      builtin("text_editor_20250429", "str_replace_based_edit_tool"),
      builtin("text_editor_20250728", "str_replace_based_edit_tool", { max_characters: count }),
      builtin("computer_20241022", "computer", screen),
      builtin("computer_20250124", "computer", screen),
      builtin("computer_20251124", "computer", screen),
      builtin("memory_20250818", "memory"),
      builtin("code_execution_20250522", "code_execution"),
      builtin("code_execution_20250825", "code_execution"),
      builtin("code_execution_20260120", "code_execution"),
      builtin("code_execution_20260521", "code_execution"),
      builtin("web_search_20250305", "web_search", search),
      builtin("web_search_20260209", "web_search", search),
      builtin("web_search_20260318", "web_search", search),
      builtin("web_fetch_20250910", "web_fetch", fetching),
      builtin("web_fetch_20260209", "web_fetch", fetching),
      builtin("web_fetch_20260309", "web_fetch", fetching),
      builtin("web_fetch_20260318", "web_fetch", fetching),
      builtin("tool_search_tool_bm25_20251119", "tool_search_tool_bm25"),
      builtin("tool_search_tool_bm25", "tool_search_tool_bm25"),
      builtin("tool_search_tool_regex_20251119", "tool_search_tool_regex"),
      builtin("tool_search_tool_regex", "tool_search_tool_regex"),
      builtin("advisor_20260301", "advisor", {
        model: z.string(),
        max_tokens: count,
        max_uses: count,
      }),
      toolset("browser_20260801"),
      toolset("computer_20260801"),
      toolset("mcp_toolset"),
    ]),
  },
  { fallback: "custom" },
);

const parallel = z.boolean().optional();
const toolChoice = tagged({
  auto: z.strictObject({ type: z.literal("auto"), disable_parallel_tool_use: parallel }),
  any: z.strictObject({ type: z.literal("any"), disable_parallel_tool_use: parallel }),
  tool: z.strictObject({
    type: z.literal("tool"),
    name: z.string(),
    disable_parallel_tool_use: parallel,
  }),
  none: z.strictObject({ type: z.literal("none") }),
});

const display = z.enum(["summarized", "omitted", "updates"]).nullish();
const thinking = tagged({
  disabled: z.strictObject({ type: z.literal("disabled") }),
  enabled: z.strictObject({
    type: z.literal("enabled"),
    budget_tokens: z.number().int().min(1024),
    display,
    block_binding: anything.optional(),
  }),
  adaptive: z.strictObject({
    type: z.literal("adaptive"),
    display,
    block_binding: anything.optional(),
  }),
  between_tools: z.strictObject({ type: z.literal("between_tools") }),
});

const outputFormat = tagged({
  json_schema: z.strictObject({ type: z.literal("json_schema"), schema: object }),
});

const shared = {
  model: z.string().min(1).max(256),
  messages: z.array(message).max(100_000),
  system: textOr(text).optional(),
  tools: z.array(tool).optional(),
  tool_choice: toolChoice.optional(),
  thinking: thinking.optional(),
  output_config: z
    .strictObject({
      effort,
      format: outputFormat.nullish(),
      task_budget: tagged({
        tokens: z.strictObject({
          type: z.literal("tokens"),
          total: z.number().int().min(1),
          remaining: z.number().int().nullish(),
        }),
      }).nullish(),
    })
    .optional(),
  cache_control: cacheControl,
  speed: z.enum(["standard", "fast"]).nullish(),
  context_management: z.strictObject({ edits: z.array(object).optional() }).nullish(),
  mcp_servers: z
    .array(z.looseObject({ type: z.literal("url"), name: z.string(), url: z.string() }))
    .optional(),
  output_format: outputFormat.nullish(),
};

export const messagesRequest = z.strictObject({
  ...shared,
  max_tokens: z.number().int().min(0),
  container: z
    .union([
      z.string(),
      z.strictObject({
        id: z.string().nullish(),
        skills: z
          .array(
            z.strictObject({
              type: z.enum(["anthropic", "custom"]),
              skill_id: z.string(),
              version: z.string().optional(),
            }),
          )
          .nullish(),
      }),
    ])
    .nullish(),
  diagnostics: z.strictObject({ previous_message_id: z.string().nullish() }).nullish(),
  inference_geo: z.string().nullish(),
  metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).optional(),
  safeguards: z.array(object).optional(),
  service_tier: z.enum(["auto", "standard_only"]).optional(),
  stop_sequences: z.array(z.string()).optional(),
  stream: z.boolean().optional(),
  temperature: z.number().min(0).max(1).optional(),
  thread: anything.optional(),
  top_k: z.number().int().min(0).optional(),
  top_p: z.number().min(0).max(1).optional(),
});

/** https://platform.claude.com/docs/en/api/messages/count_tokens */
export const countTokensRequest = z.strictObject(shared);
