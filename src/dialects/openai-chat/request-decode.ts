// A client's chat completion request read into the internal representation.
// https://platform.openai.com/docs/api-reference/chat/create
import type {
  ChatRequest,
  FilePart,
  ImagePart,
  Message,
  OpaquePart,
  Part,
  RefusalPart,
  ResponseFormat,
  Settings,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field, stringOr } from "../fields.ts";
import { createLosses, type Losses, loseUnknown } from "../losses.ts";
import { accountKeys, decodeAccount } from "../openai-account.ts";
import { decodeCache, decodeToolChoice, decodeTools } from "./tool-decode.ts";
import { decodeAudio, decodeFile, decodeImage } from "./media.ts";
import {
  claimOrigin,
  decodeReasoning,
  decodeReasoningWish,
  decodeThinking,
  joinPieces,
  reasoningKeys,
} from "./reasoning.ts";
import {
  kindOf,
  objectAt,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalString,
  reject,
  requiredObject,
  requiredString,
} from "../openai-words.ts";
import { dialectId, legacyForm, opaque, withExt } from "./wire.ts";

/** @throws GatewayError `invalid_request` naming the field, e.g. `messages[2].content[0].image_url.url`. */
export function decodeRequest(body: Body): Decoded<ChatRequest> {
  const { json } = body;
  const model = requiredString(json, "model");
  const messages = decodeMessages(json);
  const reasoning = decodeReasoningWish(json);
  const losses = createLosses(dialectId);
  const toolChoice = decodeToolChoice(json, losses);
  const responseFormat = decodeResponseFormat(json, losses);
  const user = optionalString(json, "user") ?? optionalString(json, "safety_identifier");
  const account = decodeAccount(json);
  const value: ChatRequest = {
    model,
    messages,
    tools: decodeTools(json),
    ...(toolChoice ? { toolChoice } : {}),
    settings: decodeSettings(json),
    ...(reasoning ? { reasoning } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    stream: optionalBoolean(json, "stream") ?? false,
    ...(user === undefined ? {} : { user }),
    ...(account ? { account } : {}),
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: { [dialectId]: extraFields(json, reasoning !== undefined, responseFormat !== undefined) },
  };
  return { value, warnings: losses.warnings() };
}

const requestKeys = new Set([
  "model",
  "messages",
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "parallel_tool_calls",
  "max_tokens",
  "max_completion_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop",
  "seed",
  "frequency_penalty",
  "presence_penalty",
  "n",
  "response_format",
  "stream",
  "stream_options",
  "user",
]);

const streamKeys = new Set(["include_usage"]);

/** What only this dialect understands, as the client wrote it. */
function extraFields(json: JsonObject, hasWish: boolean, hasFormat: boolean): JsonObject {
  const extra = unknownFields(json, requestKeys) ?? {};
  if (hasWish) for (const key of reasoningKeys) delete extra[key];
  for (const key of sharedKeys(json)) delete extra[key];
  const format = field(json, "response_format");
  if (format !== undefined && !hasFormat) extra["response_format"] = format;
  const choice = field(json, "tool_choice");
  if (isObject(choice) && choice["type"] === "allowed_tools") extra["tool_choice"] = choice;
  // `include_usage` is for the gateway, which always asks for usage.
  const options = unknownMembers(optionalObject(json, "stream_options") ?? {}, streamKeys);
  if (options) extra["stream_options"] = options;
  const isLegacy = field(json, "tools") === undefined && field(json, "functions") !== undefined;
  return isLegacy ? { ...extra, [legacyForm]: true } : extra;
}

function decodeSettings(json: JsonObject): Settings {
  return defined({
    maxOutputTokens:
      optionalInteger(json, "max_completion_tokens") ?? optionalInteger(json, "max_tokens"),
    temperature: optionalNumber(json, "temperature"),
    topP: optionalNumber(json, "top_p"),
    topK: optionalInteger(json, "top_k"),
    stop: decodeStop(json),
    // 64 bits wide: more than an integer here holds exactly.
    seed: optionalNumber(json, "seed"),
    frequencyPenalty: optionalNumber(json, "frequency_penalty"),
    presencePenalty: optionalNumber(json, "presence_penalty"),
    candidateCount: optionalInteger(json, "n"),
    parallelToolCalls: optionalBoolean(json, "parallel_tool_calls"),
    logprobs: field(json, "logprobs") === true ? decodeLogprobs(json) : undefined,
    verbosity: stringOr(field(json, "verbosity")),
  });
}

const decodeLogprobs = (json: JsonObject): NonNullable<Settings["logprobs"]> => {
  const top = field(json, "top_logprobs");
  return typeof top === "number" ? { top } : {};
};

/** The fields of `extra` that are read after all, where they have their usual form; any other form is this wire's alone. */
const sharedKeys = (json: JsonObject): string[] => [
  ...accountKeys(json),
  ...(typeof field(json, "verbosity") === "string" ? ["verbosity"] : []),
  ...(field(json, "logprobs") === true ? ["logprobs"] : []),
  ...(field(json, "logprobs") === true && typeof field(json, "top_logprobs") === "number"
    ? ["top_logprobs"]
    : []),
];

function decodeStop(json: JsonObject): string[] | undefined {
  const stop = field(json, "stop");
  if (stop === undefined) return undefined;
  if (typeof stop === "string") return [stop];
  if (!Array.isArray(stop)) {
    return reject("stop", `expected a string or an array of strings, got ${kindOf(stop)}`);
  }
  return stop.map((item, index) =>
    typeof item === "string"
      ? item
      : reject(`stop[${index}]`, `expected a string, got ${kindOf(item)}`),
  );
}

const formatKeys = new Set(["type", "json_schema"]);
const schemaKeys = new Set(["name", "description", "schema", "strict"]);

function decodeResponseFormat(json: JsonObject, losses: Losses): ResponseFormat | undefined {
  const format = optionalObject(json, "response_format");
  if (!format) return undefined;
  const type = requiredString(format, "type", "response_format");
  if (type === "text") return { type: "text" };
  if (type === "json_object") return { type: "json" };
  // Grammars and the like of other servers stay with this dialect.
  if (type !== "json_schema") return undefined;
  const path = "response_format.json_schema";
  const schema = requiredObject(format, "json_schema", "response_format");
  loseUnknown(format, formatKeys, "response_format", losses);
  loseUnknown(schema, schemaKeys, path, losses);
  const name = optionalString(schema, "name", path);
  const description = optionalString(schema, "description", path);
  const strict = optionalBoolean(schema, "strict", path);
  return {
    type: "json-schema",
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    schema: optionalObject(schema, "schema", path) ?? {},
    ...(strict === undefined ? {} : { strict }),
  };
}

const roles = ["system", "developer", "user", "assistant", "tool", "function"] as const;

function decodeMessages(json: JsonObject): Message[] {
  const items = field(json, "messages");
  if (items === undefined) {
    // Some editors post Responses bodies to this path.
    const hint =
      field(json, "input") === undefined
        ? ""
        : " The body has `input`, which belongs to the Responses API (`/v1/responses`).";
    throw new GatewayError("invalid_request", `Missing required parameter: \`messages\`.${hint}`, {
      param: "messages",
    });
  }
  if (!Array.isArray(items)) {
    return reject("messages", `expected an array of messages, got ${kindOf(items)}`);
  }
  if (items.length === 0) reject("messages", "expected at least one message, got an empty array");
  const messages: Message[] = [];
  const legacyCalls: LegacyCalls = { pending: [], count: 0 };
  let results: Message | undefined;
  for (const [index, value] of items.entries()) {
    const path = `messages[${index}]`;
    const item = objectAt(value, path);
    const role = requiredString(item, "role", path);
    if (role === "tool" || role === "function") {
      // Consecutive results are one turn.
      if (!results) messages.push((results = { role: "user", parts: [], place: path }));
      results.parts.push(decodeToolResult(item, path, role === "function" ? legacyCalls : null));
      continue;
    }
    results = undefined;
    if (role === "system" || role === "developer")
      messages.push({ ...decodeSystem(item, path), place: path });
    else if (role === "user") messages.push({ ...decodeUser(item, path), place: path });
    else if (role === "assistant")
      messages.push({ ...decodeAssistant(item, path, legacyCalls), place: path });
    else reject(`${path}.role`, `\`${role.slice(0, 40)}\` is none of ${roles.join(", ")}`);
  }
  return messages;
}

/** Calls made in the form before `tools`, which have no ids: results find them by name, in order. */
interface LegacyCalls {
  pending: { name: string; id: string }[];
  count: number;
}

const plainKeys = new Set(["role", "content", "name"]);

function decodeSystem(item: JsonObject, path: string): Message {
  return {
    role: "system",
    parts: decodeContent(item, path, true),
    ...nameOf(item, path),
    ...withExt(unknownFields(item, plainKeys)),
  };
}

function decodeUser(item: JsonObject, path: string): Message {
  return {
    role: "user",
    parts: decodeContent(item, path, true),
    ...nameOf(item, path),
    ...withExt(unknownFields(item, plainKeys)),
  };
}

function nameOf(item: JsonObject, path: string): { name?: string } {
  const name = optionalString(item, "name", path);
  return name === undefined ? {} : { name };
}

const assistantKeys = new Set([
  ...plainKeys,
  "tool_calls",
  "function_call",
  "refusal",
  "reasoning_content",
  "reasoning",
  "reasoning_details",
  "annotations",
  "audio",
  // The OpenAI SDK's `parse` adds it for its own use.
  "parsed",
]);

function decodeAssistant(item: JsonObject, path: string, legacy: LegacyCalls): Message {
  const details = field(item, "reasoning_details");
  const thought = Array.isArray(details)
    ? { ...item, reasoning_details: joinPieces(details) }
    : item;
  const parts: Part[] = decodeReasoning(thought, { dialect: dialectId }).map(claimOrigin);
  const content = decodeContent(item, path, false).map((part) =>
    part.type === "opaque" && isObject(part.raw)
      ? (decodeThinking(part.raw, { dialect: dialectId }) ?? part)
      : part,
  );
  const annotations = optionalArray(item, "annotations", path) ?? [];
  const text = content.findLast((part) => part.type === "text");
  if (text && annotations.length > 0) {
    text.citations = annotations.map((raw) => ({ origin: dialectId, raw }));
  }
  parts.push(...content);
  const refusal = optionalString(item, "refusal", path);
  if (refusal !== undefined && refusal !== "") parts.push({ type: "refusal", text: refusal });
  const audioId = optionalString(optionalObject(item, "audio", path) ?? {}, "id", `${path}.audio`);
  if (audioId !== undefined && audioId !== "") {
    parts.push({ type: "audio", source: { kind: "file-id", id: audioId } });
  }
  for (const [index, call] of (optionalArray(item, "tool_calls", path) ?? []).entries()) {
    const place = `${path}.tool_calls[${index}]`;
    parts.push(decodeToolCall(objectAt(call, place), place));
  }
  const call = optionalObject(item, "function_call", path);
  if (call) parts.push(decodeLegacyCall(call, `${path}.function_call`, legacy));
  return {
    role: "assistant",
    parts,
    ...nameOf(item, path),
    ...withExt(unknownFields(item, assistantKeys)),
  };
}

const callKeys = new Set(["id", "type", "function", "custom", "index"]);
// `parsed_arguments`: the OpenAI SDK's own addition.
const calledKeys = new Set(["name", "arguments", "input", "parsed_arguments"]);

function decodeToolCall(call: JsonObject, path: string): ToolCallPart {
  const type = optionalString(call, "type", path) ?? "function";
  if (type !== "function" && type !== "custom") {
    return reject(`${path}.type`, "expected `function` or `custom`");
  }
  const called = requiredObject(call, type, path);
  const inner = unknownMembers(called, calledKeys);
  const outer = unknownFields(call, callKeys);
  return {
    type: "tool-call",
    id: requiredString(call, "id", path),
    name: requiredString(called, "name", `${path}.${type}`),
    args:
      type === "custom"
        ? requiredString(called, "input", `${path}.custom`)
        : (optionalString(called, "arguments", `${path}.function`) ?? ""),
    executor: "client",
    ...(type === "custom" ? { freeform: true } : {}),
    ...withExt(inner ? { ...outer, [type]: inner } : outer),
  };
}

function decodeLegacyCall(call: JsonObject, path: string, legacy: LegacyCalls): ToolCallPart {
  const name = requiredString(call, "name", path);
  const id = `call_function_${legacy.count}`;
  legacy.count += 1;
  legacy.pending.push({ name, id });
  const args = optionalString(call, "arguments", path) ?? "";
  return { type: "tool-call", id, name, args, executor: "client" };
}

const resultKeys = new Set(["role", "content", "tool_call_id", "cache_control"]);
const legacyResultKeys = new Set([...resultKeys, "name"]);

function decodeToolResult(
  item: JsonObject,
  path: string,
  legacy: LegacyCalls | null,
): ToolResultPart {
  const content = field(item, "content");
  const parts = decodeContent(item, path, false).map((part, index) =>
    part.type === "audio" || part.type === "refusal"
      ? opaque(Array.isArray(content) ? content[index] : content)
      : part,
  );
  return {
    type: "tool-result",
    callId: legacy
      ? legacyCallId(requiredString(item, "name", path), legacy)
      : requiredString(item, "tool_call_id", path),
    parts,
    isError: false,
    ...decodeCache(item),
    ...withExt(unknownFields(item, legacy ? legacyResultKeys : resultKeys)),
  };
}

/** The id of the oldest open call of that function; a result without a call gets an id that no call has. */
function legacyCallId(name: string, legacy: LegacyCalls): string {
  const index = legacy.pending.findIndex((call) => call.name === name);
  if (index >= 0) return legacy.pending.splice(index, 1)[0]?.id ?? name;
  legacy.count += 1;
  return `call_function_${legacy.count - 1}`;
}

type ContentPart = TextPart | ImagePart | FilePart | RefusalPart | OpaquePart | AudioContent;
type AudioContent = ReturnType<typeof decodeAudio>;

function decodeContent(item: JsonObject, path: string, isRequired: boolean): ContentPart[] {
  const content = field(item, "content");
  if (typeof content === "string") {
    return content === "" && !isRequired ? [] : [{ type: "text", text: content }];
  }
  if (Array.isArray(content)) {
    return content.map((part, index) => {
      const place = `${path}.content[${index}]`;
      return decodePart(objectAt(part, place), place);
    });
  }
  if (content === undefined && !isRequired) return [];
  return reject(
    `${path}.content`,
    `expected a string or an array of content parts, got ${kindOf(item["content"])}`,
  );
}

const textKeys = new Set(["type", "text", "cache_control"]);

function decodePart(part: JsonObject, path: string): ContentPart {
  const type = requiredString(part, "type", path);
  const cache = decodeCache(part);
  switch (type) {
    case "text":
      return {
        type: "text",
        text: requiredString(part, "text", path),
        ...cache,
        ...withExt(unknownFields(part, textKeys)),
      };
    case "image_url":
      return { ...decodeImage(part, path), ...cache };
    case "input_audio":
      return { ...decodeAudio(part, path), ...cache };
    case "file":
      return { ...decodeFile(part, path), ...cache };
    case "refusal":
      return { type: "refusal", text: requiredString(part, "refusal", path) };
    default:
      // e.g. `video_url` of vLLM and OpenRouter.
      return opaque(part);
  }
}
