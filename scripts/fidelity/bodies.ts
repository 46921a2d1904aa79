// The plainest request of each wire, and the native spelling of what many features need.
import type { Target } from "../../src/dialects/dialect.ts";
import type { DialectId } from "../../src/ir/chat.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { type Form, type Forms, ids } from "./feature.ts";

const said = [{ role: "user", content: "Hi" }];

export const plainest: Readonly<Record<DialectId, JsonObject>> = {
  "openai-chat": { messages: said },
  "openai-responses": { input: said },
  "anthropic-messages": { max_tokens: 32_000, messages: said },
  gemini: { contents: [{ role: "user", parts: [{ text: "Hi" }] }] },
  ollama: { messages: said, stream: false },
  "bedrock-converse": { messages: [{ role: "user", content: [{ text: "Hi" }] }] },
  cohere: { messages: said },
};

interface Models {
  provider: string;
  /** Takes sampling settings. */
  plain: string;
  reasoning: string;
}

/** Models that take as much as any of their vendor's, so that what is lost is lost to the wire. */
export const models: Readonly<Record<DialectId, Models>> = {
  "openai-chat": { provider: "openai", plain: "gpt-4.1", reasoning: "gpt-5.1" },
  "openai-responses": { provider: "openai", plain: "gpt-4.1", reasoning: "gpt-5.1" },
  "anthropic-messages": {
    provider: "anthropic",
    plain: "claude-sonnet-4-5",
    reasoning: "claude-sonnet-4-5",
  },
  gemini: { provider: "gemini", plain: "gemini-2.0-flash", reasoning: "gemini-2.5-flash" },
  ollama: { provider: "ollama", plain: "llama3.3", reasoning: "qwen3" },
  "bedrock-converse": {
    provider: "bedrock",
    plain: "anthropic.claude-sonnet-4-5-20250929-v1:0",
    reasoning: "anthropic.claude-sonnet-4-5-20250929-v1:0",
  },
  cohere: {
    provider: "cohere",
    plain: "command-a-03-2025",
    reasoning: "command-a-reasoning-08-2025",
  },
};

export const targetOf = (to: DialectId, reasons: boolean): Target => ({
  provider: models[to].provider,
  model: reasons ? models[to].reasoning : models[to].plain,
  quirks: {},
  facts: reasons ? { reasoning: true } : {},
});

/** The same fields in every wire that has them. */
export const fields = (each: Partial<Record<DialectId, JsonObject>>): Forms =>
  Object.fromEntries(
    ids.flatMap((id) => {
      const extra = each[id];
      return extra ? [[id, { body: { ...plainest[id], ...extra }, plain: plainest[id] }]] : [];
    }),
  );

/** One user message of a text and the given block. */
export const blocks = (each: Partial<Record<DialectId, JsonObject>>): Forms =>
  Object.fromEntries(
    ids.flatMap((id) => {
      const block = each[id];
      return block ? [[id, { body: userOf(id, block), plain: userOf(id) }]] : [];
    }),
  );

function userOf(id: DialectId, block?: JsonObject): JsonObject {
  const more = block ? [block] : [];
  const content = [{ type: "text", text: "Look" }, ...more];
  switch (id) {
    case "openai-responses":
      return {
        input: [{ role: "user", content: [{ type: "input_text", text: "Look" }, ...more] }],
      };
    case "gemini":
      return { contents: [{ role: "user", parts: [{ text: "Look" }, ...more] }] };
    case "bedrock-converse":
      return { messages: [{ role: "user", content: [{ text: "Look" }, ...more] }] };
    case "ollama":
      return { stream: false, messages: [{ role: "user", content: "Look", ...block }] };
    case "anthropic-messages":
      return { max_tokens: 32_000, messages: [{ role: "user", content }] };
    case "openai-chat":
    case "cohere":
      return { messages: [{ role: "user", content }] };
    default:
      return id satisfies never;
  }
}

const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

/** A tool in each wire's words; `more` are further fields of the tool itself. */
export const toolOf: Readonly<Record<DialectId, (more?: JsonObject, name?: string) => JsonObject>> =
  {
    "openai-chat": (more, name = "weather") => ({
      type: "function",
      function: { name, description: "Tells it", parameters: schema, ...more },
    }),
    "openai-responses": (more, name = "weather") => ({
      type: "function",
      name,
      description: "Tells it",
      parameters: schema,
      ...more,
    }),
    "anthropic-messages": (more, name = "weather") => ({
      name,
      description: "Tells it",
      input_schema: schema,
      ...more,
    }),
    gemini: (more, name = "weather") => ({
      functionDeclarations: [
        { name, description: "Tells it", parametersJsonSchema: schema, ...more },
      ],
    }),
    ollama: (more, name = "weather") => ({
      type: "function",
      function: { name, description: "Tells it", parameters: schema, ...more },
    }),
    "bedrock-converse": (more, name = "weather") => ({
      toolSpec: { name, description: "Tells it", inputSchema: { json: schema }, ...more },
    }),
    cohere: (more, name = "weather") => ({
      type: "function",
      function: { name, description: "Tells it", parameters: schema, ...more },
    }),
  };

/** A body with tools, and `more` in it. */
export const withTools = (
  id: DialectId,
  tools: readonly JsonObject[],
  more: JsonObject = {},
): JsonObject =>
  id === "bedrock-converse"
    ? { ...plainest[id], toolConfig: { tools, ...more } }
    : { ...plainest[id], tools, ...more };

/** A body with the usual tool, with and without what `each` adds. */
export const besideTools = (each: Partial<Record<DialectId, JsonObject>>): Forms =>
  Object.fromEntries(
    ids.flatMap((id) => {
      const more = each[id];
      const tools = [toolOf[id]()];
      return more ? [[id, { body: withTools(id, tools, more), plain: withTools(id, tools) }]] : [];
    }),
  );

export interface Turn {
  /** Blocks or fields of the assistant's message, before the call. */
  thought?: JsonObject;
  /** What the tool gave back; default a text. */
  result?: unknown;
  isError?: boolean;
  /** No call at all: an assistant's text. */
  noCall?: boolean;
}

/** A conversation in which the assistant has called the tool and been answered. */
export const turnOf: Readonly<Record<DialectId, (turn?: Turn) => JsonObject>> = {
  "openai-chat": ({ thought, result = "Sunny" } = {}) => ({
    tools: [toolOf["openai-chat"]()],
    messages: [
      ...said,
      {
        role: "assistant",
        content: "I look.",
        ...thought,
        tool_calls: [
          { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"A"}' } },
        ],
      },
      { role: "tool", tool_call_id: "c1", content: result },
    ],
  }),
  "openai-responses": ({ thought, result = "Sunny" } = {}) => ({
    tools: [toolOf["openai-responses"]()],
    input: [
      ...said,
      ...(thought ? [thought] : []),
      { type: "function_call", call_id: "c1", name: "weather", arguments: '{"city":"A"}' },
      { type: "function_call_output", call_id: "c1", output: result },
    ],
  }),
  "anthropic-messages": ({ thought, result = "Sunny", isError } = {}) => ({
    max_tokens: 32_000,
    tools: [toolOf["anthropic-messages"]()],
    ...(thought ? { thinking: { type: "enabled", budget_tokens: 2048 } } : {}),
    messages: [
      ...said,
      {
        role: "assistant",
        content: [
          ...(thought ? [thought] : []),
          { type: "tool_use", id: "c1", name: "weather", input: { city: "A" } },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "c1",
            content: result,
            ...(isError ? { is_error: true } : {}),
          },
        ],
      },
    ],
  }),
  gemini: ({ thought, result } = {}) => ({
    tools: [toolOf.gemini()],
    contents: [
      { role: "user", parts: [{ text: "Hi" }] },
      {
        role: "model",
        parts: [{ functionCall: { id: "c1", name: "weather", args: { city: "A" } }, ...thought }],
      },
      {
        role: "user",
        parts: [
          {
            functionResponse: {
              id: "c1",
              name: "weather",
              response: { output: "Sunny" },
              ...(result as JsonObject | undefined),
            },
          },
        ],
      },
    ],
  }),
  ollama: ({ thought, result } = {}) => ({
    stream: false,
    tools: [toolOf.ollama()],
    messages: [
      ...said,
      {
        role: "assistant",
        content: "I look.",
        ...thought,
        tool_calls: [{ function: { name: "weather", arguments: { city: "A" } } }],
      },
      { role: "tool", tool_name: "weather", content: "Sunny", ...(result as JsonObject) },
    ],
  }),
  "bedrock-converse": ({ thought, result, isError } = {}) => ({
    toolConfig: { tools: [toolOf["bedrock-converse"]()] },
    ...(thought
      ? {
          additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2048 } },
          inferenceConfig: { maxTokens: 32_000 },
        }
      : {}),
    messages: [
      { role: "user", content: [{ text: "Hi" }] },
      {
        role: "assistant",
        content: [
          ...(thought ? [thought] : []),
          { toolUse: { toolUseId: "c1", name: "weather", input: { city: "A" } } },
        ],
      },
      {
        role: "user",
        content: [
          {
            toolResult: {
              toolUseId: "c1",
              content: result ?? [{ text: "Sunny" }],
              ...(isError ? { status: "error" } : {}),
            },
          },
        ],
      },
    ],
  }),
  cohere: ({ thought, result = "Sunny" } = {}) => ({
    tools: [toolOf.cohere()],
    messages: [
      ...said,
      {
        role: "assistant",
        ...thought,
        tool_calls: [
          { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"A"}' } },
        ],
      },
      { role: "tool", tool_call_id: "c1", content: result },
    ],
  }),
};

/** Turns with and without what each adds. */
export const turns = (each: Partial<Record<DialectId, Turn>>, plain: Turn = {}): Forms =>
  Object.fromEntries(
    ids.flatMap((id) => {
      const turn = each[id];
      return turn
        ? [[id, { body: turnOf[id](turn), plain: turnOf[id](plain) } satisfies Form]]
        : [];
    }),
  );
