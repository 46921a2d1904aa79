// A client's Messages request (or token-count request) read into the internal representation.
// https://platform.claude.com/docs/en/api/messages
import type {
  ChatRequest,
  Message,
  Operation,
  Part,
  Reasoning,
  ResponseFormat,
  Settings,
  Tool,
  ToolChoice,
} from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field, stringOr } from "../fields.ts";
import { createLosses, type Losses, loseUnknown } from "../losses.ts";
import { decodeBlock, decodeCache } from "./block-decode.ts";
import {
  dialectId,
  objectAt,
  opaque,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalString,
  reject,
  rejectMissing,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

/**
 * `max_tokens` is required where `operation` is `chat`, as the vendor does.
 * @throws GatewayError `invalid_request` naming the field, e.g. `messages.2.content.0.source: Field required`.
 */
export function decodeRequest(body: Body, operation?: Operation): Decoded<ChatRequest> {
  const { json } = body;
  const model = requiredString(json, "model");
  refuseThread(json);
  const maxOutputTokens = optionalInteger(json, "max_tokens");
  if (maxOutputTokens === undefined && operation === "chat") rejectMissing("max_tokens");
  if (maxOutputTokens !== undefined && maxOutputTokens < 0) {
    reject("max_tokens", "Input should be greater than or equal to 0");
  }
  const config = optionalObject(json, "output_config") ?? {};
  const effort = optionalString(config, "effort", "output_config");
  const reasoning = decodeReasoning(optionalObject(json, "thinking"), effort);
  const losses = createLosses(dialectId);
  const format = decodeFormat(json, config, losses);
  const { choice, isParallel } = decodeToolChoice(optionalObject(json, "tool_choice"), losses);
  const metadata = optionalObject(json, "metadata");
  const user = optionalString(metadata ?? {}, "user_id", "metadata");
  const value: ChatRequest = {
    model,
    messages: [...decodeSystem(json), ...decodeMessages(body)],
    tools: (optionalArray(json, "tools") ?? []).map((tool, index) =>
      decodeTool(objectAt(tool, `tools.${index}`), `tools.${index}`),
    ),
    ...(choice ? { toolChoice: choice } : {}),
    settings: {
      ...decodeSettings(json),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      ...(isParallel === undefined ? {} : { parallelToolCalls: isParallel }),
    },
    ...(reasoning ? { reasoning } : {}),
    ...(format ? { responseFormat: format } : {}),
    stream: optionalBoolean(json, "stream") ?? false,
    ...(user === undefined ? {} : { user }),
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: { [dialectId]: extraFields(json, config, format !== undefined) },
  };
  return { value, warnings: losses.warnings() };
}

/**
 * Conversations kept by the server (beta `message-threads-2026-08-12`). The vendor's SDK sends the whole
 * history from then on when it is told so in these words; any other 400 it takes as final.
 */
function refuseThread(json: JsonObject): void {
  if (field(json, "thread") === undefined) return;
  throw new GatewayError(
    "invalid_request",
    "thread: this request goes to a provider that keeps no threads. Send the full conversation without `thread`.",
    {
      param: "thread",
      details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
    },
  );
}

const requestKeys = new Set([
  "model",
  "messages",
  "system",
  "max_tokens",
  "tools",
  "tool_choice",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "stream",
  "thinking",
  "output_config",
  "output_format",
  "metadata",
]);
const configKeys = new Set(["effort", "format"]);
const metadataKeys = new Set(["user_id"]);

/** What only this dialect understands, as the client wrote it. */
function extraFields(json: JsonObject, config: JsonObject, hasFormat: boolean): JsonObject {
  const extra = unknownFields(json, requestKeys) ?? {};
  const kept = unknownMembers(config, configKeys) ?? {};
  const format = field(config, "format") ?? field(json, "output_format");
  if (format !== undefined && !hasFormat) kept["format"] = format;
  if (Object.keys(kept).length > 0) extra["output_config"] = kept;
  const metadata = unknownMembers(optionalObject(json, "metadata") ?? {}, metadataKeys);
  if (metadata) extra["metadata"] = metadata;
  return extra;
}

function decodeSettings(json: JsonObject): Settings {
  return defined({
    temperature: optionalNumber(json, "temperature"),
    topP: optionalNumber(json, "top_p"),
    topK: optionalInteger(json, "top_k"),
    stop: decodeStop(json),
  });
}

const decodeStop = (json: JsonObject): string[] | undefined =>
  optionalArray(json, "stop_sequences")?.map((item, index) =>
    typeof item === "string"
      ? item
      : reject(`stop_sequences.${index}`, "Input should be a valid string"),
  );

const thinkingKeys = new Set(["type", "budget_tokens", "display"]);

/** The client's spelling is kept beside the meaning, for this dialect's own encoder. */
function decodeReasoning(
  thinking: JsonObject | undefined,
  effort: string | undefined,
): Reasoning | undefined {
  const beyond = Object.keys(unknownFields(thinking ?? {}, thinkingKeys) ?? {});
  const ext = {
    ...withExt(defined({ thinking, effort })),
    ...(beyond.length > 0 ? { beyond: beyond.map((key) => `thinking.${key}`) } : {}),
  };
  if (!thinking) return effort === undefined ? undefined : { mode: "effort", effort, ...ext };
  const display = optionalString(thinking, "display", "thinking");
  const shown = display === undefined ? {} : { display };
  switch (requiredString(thinking, "type", "thinking")) {
    case "disabled":
    // Only short notes between tool calls.
    case "between_tools":
      return { mode: "off", ...ext };
    case "enabled": {
      const tokens = optionalInteger(thinking, "budget_tokens", "thinking.enabled");
      if (tokens === undefined) return rejectMissing("thinking.enabled.budget_tokens");
      return { mode: "budget", tokens, ...shown, ...ext };
    }
    default:
      return { mode: "adaptive", ...(effort === undefined ? {} : { effort }), ...shown, ...ext };
  }
}

const formatKeys = new Set(["type", "schema"]);

/** `output_config.format`, or `output_format` from before: https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
function decodeFormat(
  json: JsonObject,
  config: JsonObject,
  losses: Losses,
): ResponseFormat | undefined {
  const current = optionalObject(config, "format", "output_config");
  const format = current ?? optionalObject(json, "output_format");
  if (!format || field(format, "type") !== "json_schema") return undefined;
  const path = current ? "output_config.format" : "output_format";
  loseUnknown(format, formatKeys, path, losses);
  return { type: "json-schema", schema: requiredObject(format, "schema", path), strict: true };
}

const choiceKeys = new Set(["type", "name", "disable_parallel_tool_use"]);

function decodeToolChoice(
  choice: JsonObject | undefined,
  losses: Losses,
): { choice?: ToolChoice; isParallel?: boolean } {
  if (!choice) return {};
  loseUnknown(choice, choiceKeys, "tool_choice", losses);
  const isSingle = optionalBoolean(choice, "disable_parallel_tool_use", "tool_choice");
  const parallel = isSingle === undefined ? {} : { isParallel: !isSingle };
  const type = requiredString(choice, "type", "tool_choice");
  switch (type) {
    case "auto":
    case "none":
      return { choice: { type }, ...parallel };
    case "any":
      return { choice: { type: "required" }, ...parallel };
    case "tool": {
      const name = requiredString(choice, "name", "tool_choice.tool");
      return { choice: { type: "tool", name }, ...parallel };
    }
    default:
      return reject(
        "tool_choice",
        "Input tag found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
      );
  }
}

const toolKeys = new Set([
  "type",
  "name",
  "description",
  "input_schema",
  "strict",
  "cache_control",
]);

/** Tools that only the vendor's models know and that the client runs; `type` has a date behind the name. */
const clientTools = /^(?:bash|computer|memory|text_editor)_/;

function decodeTool(item: JsonObject, path: string): Tool {
  const type = optionalString(item, "type", path) ?? "custom";
  const cache = decodeCache(item, path);
  if (type !== "custom") {
    return {
      type: "provider",
      name: stringOr(field(item, "name")) ?? type,
      origin: dialectId,
      raw: item,
      ...(clientTools.test(type) ? { executor: "client" as const } : {}),
      ...cache,
    };
  }
  const place = `${path}.custom`;
  const name = requiredString(item, "name", place);
  const description = optionalString(item, "description", place);
  const strict = optionalBoolean(item, "strict", place);
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    parameters: requiredObject(item, "input_schema", place),
    ...(strict === undefined ? {} : { strict }),
    ...cache,
    ...withExt(unknownFields(item, toolKeys)),
  };
}

const blockKinds = "Input should be a valid string or a valid list";

/** The top-level system prompt is the first message; those inside `messages` keep their places. */
function decodeSystem(json: JsonObject): Message[] {
  const system = field(json, "system");
  if (system === undefined) return [];
  return [{ role: "system", parts: decodeSystemContent(system, "system"), place: "system" }];
}

function decodeSystemContent(content: unknown, path: string): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) return reject(path, blockKinds);
  return content.map((value, index) => {
    const place = `${path}.${index}`;
    const item = objectAt(value, place);
    const part = decodeBlock(item, place, { origin: { dialect: dialectId }, isRequest: true });
    // Claude Code writes a billing header as text. It means nothing to any other model and, new each time,
    // would break every prefix cache.
    return part.type === "text" && !part.text.startsWith(billingHeader) ? part : opaque(item);
  });
}

const billingHeader = "x-anthropic-billing-header:";

const messageKeys = new Set(["role", "content"]);

function decodeMessages({ json, text }: Body): Message[] {
  const items = optionalArray(json, "messages") ?? rejectMissing("messages");
  if (items.length === 0) reject("messages", "at least one message is required");
  const inputs = inputTexts(items, text);
  return items.map((item, index) => ({
    ...decodeMessage(objectAt(item, `messages.${index}`), `messages.${index}`, inputs),
    place: `messages[${index}]`,
  }));
}

function decodeMessage(
  item: JsonObject,
  path: string,
  inputs: ReadonlyMap<string, string>,
): Message {
  const role = requiredString(item, "role", path);
  const ext = withExt(unknownFields(item, messageKeys));
  const content = field(item, "content");
  if (role === "system") {
    // A system message may be there for its settings alone.
    const parts = content === undefined ? [] : decodeSystemContent(content, `${path}.content`);
    return { role, parts, ...ext };
  }
  if (role !== "user" && role !== "assistant") {
    return reject(`${path}.role`, "Input should be 'user', 'assistant' or 'system'");
  }
  return { role, parts: decodeContent(content, `${path}.content`, inputs), ...ext };
}

function decodeContent(
  content: unknown,
  path: string,
  inputs: ReadonlyMap<string, string>,
): Part[] {
  if (content === undefined) return rejectMissing(path);
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return reject(path, blockKinds);
  return content.map((item, index) => {
    const place = `${path}.${index}`;
    const inputText = inputs.get(`${place}.input`);
    return decodeBlock(objectAt(item, place), place, {
      origin: { dialect: dialectId },
      isRequest: true,
      ...(inputText === undefined ? {} : { inputText }),
    });
  });
}

/** The exact text of every tool call's `input`, by path, so that numbers and key order keep their spelling. */
function inputTexts(items: readonly unknown[], text: string): Map<string, string> {
  const hasCalls = items.some(
    (item) =>
      isObject(item) &&
      Array.isArray(item["content"]) &&
      item["content"].some((block) => isObject(block) && Object.hasOwn(block, "input")),
  );
  if (!hasCalls) return new Map();
  const found = rawAt(text, ["messages", "*", "content", "*", "input"]);
  return new Map(found.map((item) => [item.path.join("."), item.text]));
}
