// Which dialect a chat request's body is written in, by the members that only some wires have.
import type { DialectId } from "../ir/chat.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { field, wordOf } from "./fields.ts";

export interface Recognised {
  dialect: DialectId;
  /** What told, e.g. "`contents`"; null where nothing did and the most common wire is assumed. */
  by: string | null;
}

/**
 * The dialect with the most signs in the body.
 * @example recognise({ model: "m", contents: [] }) // → { dialect: "gemini", by: "`contents`" }
 */
export function recognise(body: JsonObject): Recognised {
  let best: Recognised = { dialect: commonest, by: null };
  let most = 0;
  for (const { dialect, sign } of signs) {
    const found = sign(body);
    const weight = found.reduce((sum, { weight: own }) => sum + own, 0);
    if (weight <= most) continue;
    most = weight;
    best = { dialect, by: found.map(({ name }) => `\`${name}\``).join(", ") };
  }
  return best;
}

const commonest: DialectId = "openai-chat";

interface Found {
  name: string;
  weight: number;
}

/** A member that no other wire has, and one that some others may have too. */
const sure = 10;
const hint = 2;
const faint = 1;

const members =
  (weight: number, ...names: string[]) =>
  (body: JsonObject): Found[] =>
    names.filter((name) => field(body, name) !== undefined).map((name) => ({ name, weight }));

/** An item that `is` tells, in what `list` gives. */
const within =
  (name: string, list: (body: JsonObject) => JsonObject[], is: (item: JsonObject) => boolean) =>
  (body: JsonObject): Found[] =>
    list(body).some(is) ? [{ name, weight: sure }] : [];

const objects = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter((item) => isObject(item)) : [];

const messages = (body: JsonObject): JsonObject[] => objects(field(body, "messages"));
const blocks = (body: JsonObject): JsonObject[] =>
  messages(body).flatMap((message) => objects(field(message, "content")));
const tools = (body: JsonObject): JsonObject[] => objects(field(body, "tools"));
const calls = (body: JsonObject): JsonObject[] =>
  messages(body).flatMap((message) => objects(field(message, "tool_calls")));

const has =
  (...names: string[]) =>
  (item: JsonObject): boolean =>
    names.some((name) => field(item, name) !== undefined);
const hasType =
  (...types: string[]) =>
  (item: JsonObject): boolean =>
    types.includes(wordOf(field(item, "type")));
const typeless =
  (...names: string[]) =>
  (item: JsonObject): boolean =>
    field(item, "type") === undefined && has(...names)(item);

const argumentsObject = (call: JsonObject): boolean => {
  const called = field(call, "function");
  return isObject(called) && isObject(field(called, "arguments"));
};

const jsonWithSchema = (body: JsonObject): Found[] => {
  const format = field(body, "response_format");
  const isIt =
    isObject(format) &&
    field(format, "type") === "json_object" &&
    has("schema", "json_schema")(format);
  return isIt ? [{ name: "response_format.json_schema", weight: sure }] : [];
};

interface Signs {
  dialect: DialectId;
  sign(body: JsonObject): Found[];
}

const all =
  (...parts: ((body: JsonObject) => Found[])[]) =>
  (body: JsonObject): Found[] =>
    parts.flatMap((part) => part(body));

/** Of two with as many signs, the first. */
const signs: readonly Signs[] = [
  {
    dialect: "openai-chat",
    sign: all(
      members(sure, "max_completion_tokens", "reasoning_effort", "stream_options", "modalities"),
      members(sure, "functions", "function_call", "logit_bias", "prediction", "web_search_options"),
      members(hint, "n", "top_logprobs", "parallel_tool_calls", "user", "stop"),
      within("messages[].content[].image_url", blocks, hasType("input_audio", "file")),
      within("messages[].role", messages, ({ role }) => role === "developer"),
    ),
  },
  {
    dialect: "anthropic-messages",
    sign: all(
      members(sure, "anthropic_version", "anthropic_beta", "mcp_servers", "output_config"),
      members(hint, "system", "stop_sequences", "thinking", "top_k"),
      members(faint, "max_tokens"),
      within("tools[].input_schema", tools, has("input_schema")),
      within("cache_control", blocks, has("cache_control")),
      within(
        "messages[].content[].type",
        blocks,
        hasType("tool_use", "tool_result", "thinking", "redacted_thinking"),
      ),
      within("messages[].content[].source", blocks, (block) => isObject(field(block, "source"))),
    ),
  },
  {
    dialect: "openai-responses",
    sign: all(
      members(sure, "input", "instructions", "previous_response_id", "max_output_tokens"),
      members(sure, "conversation", "text"),
      members(hint, "reasoning", "include", "truncation", "store"),
    ),
  },
  {
    dialect: "gemini",
    sign: members(
      sure,
      "contents",
      "generationConfig",
      "generation_config",
      "systemInstruction",
      "system_instruction",
      "safetySettings",
      "safety_settings",
      "cachedContent",
      "generateContentRequest",
    ),
  },
  {
    dialect: "ollama",
    sign: all(
      members(sure, "options", "keep_alive", "think", "prompt", "raw", "format"),
      within("messages[].images", messages, has("images", "tool_name", "thinking")),
      within("messages[].tool_calls[].function.arguments", calls, argumentsObject),
    ),
  },
  {
    dialect: "bedrock-converse",
    sign: all(
      members(sure, "inferenceConfig", "toolConfig", "additionalModelRequestFields", "modelId"),
      members(sure, "guardrailConfig", "performanceConfig", "requestMetadata", "outputConfig"),
      within(
        "messages[].content[]",
        blocks,
        typeless("text", "image", "document", "video", "toolUse", "toolResult", "cachePoint"),
      ),
      within("system[]", (body) => objects(field(body, "system")), typeless("text", "cachePoint")),
    ),
  },
  {
    dialect: "cohere",
    sign: all(
      members(sure, "documents", "citation_options", "safety_mode", "strict_tools", "p", "k"),
      members(hint, "stop_sequences", "thinking"),
      within("messages[].tool_plan", messages, has("tool_plan")),
      within("messages[].content[].document", blocks, hasType("document")),
      jsonWithSchema,
      (body) =>
        ["REQUIRED", "NONE"].includes(wordOf(field(body, "tool_choice")))
          ? [{ name: "tool_choice", weight: sure }]
          : [],
    ),
  },
];
