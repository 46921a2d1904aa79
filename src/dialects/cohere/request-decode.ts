// A client's v2 chat request read into the internal representation.
// https://docs.cohere.com/reference/chat
import type {
  ChatRequest,
  FilePart,
  Message,
  Reasoning,
  ResponseFormat,
  Settings,
  Tool,
  ToolChoice,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field } from "../fields.ts";
import { createLosses, type Losses, loseUnknown } from "../losses.ts";
import { decodeDocument } from "./document.ts";
import { decodeMessages } from "./message-decode.ts";
import {
  dialectId,
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
  withExt,
} from "./wire.ts";

/** @throws GatewayError `invalid_request` naming the field, e.g. `messages[2].tool_calls[0].function.name`. */
export function decodeRequest({ json }: Body): Decoded<ChatRequest> {
  const model = requiredString(json, "model");
  const losses = createLosses(dialectId);
  const messages = decodeMessages(json);
  const extra = unknownFields(json, requestKeys) ?? {};
  const documents = decodeDocuments(json);
  const isPlaced = placeDocuments(messages, documents);
  const toolChoice = decodeToolChoice(json);
  const reasoning = decodeThinking(json);
  const responseFormat = decodeResponseFormat(json, losses);
  const value: ChatRequest = {
    model,
    messages,
    tools: decodeTools(json),
    ...(toolChoice ? { toolChoice } : {}),
    settings: decodeSettings(json),
    ...(reasoning ? { reasoning } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    stream: optionalBoolean(json, "stream") ?? false,
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: { [dialectId]: isPlaced ? extra : { ...extra, documents: field(json, "documents") } },
  };
  return { value, warnings: losses.warnings() };
}

const requestKeys = new Set([
  "model",
  "messages",
  "tools",
  "strict_tools",
  "tool_choice",
  "documents",
  "max_tokens",
  "temperature",
  "p",
  "k",
  "stop_sequences",
  "seed",
  "frequency_penalty",
  "presence_penalty",
  "logprobs",
  "response_format",
  "thinking",
  "stream",
]);

const decodeDocuments = (json: JsonObject): FilePart[] =>
  (optionalArray(json, "documents") ?? []).map((item, index) =>
    decodeDocument(item, `documents[${index}]`),
  );

/** Documents belong to the question, so they stand before it. False where there is none and yet documents. */
function placeDocuments(messages: Message[], documents: readonly FilePart[]): boolean {
  if (documents.length === 0) return true;
  const question = messages.findLast(
    ({ role, parts }) => role === "user" && parts.every((part) => part.type !== "tool-result"),
  );
  question?.parts.unshift(...documents);
  return question !== undefined;
}

function decodeSettings(json: JsonObject): Settings {
  const logprobs = optionalBoolean(json, "logprobs");
  return defined({
    maxOutputTokens: optionalInteger(json, "max_tokens"),
    temperature: optionalNumber(json, "temperature"),
    topP: optionalNumber(json, "p"),
    topK: optionalInteger(json, "k"),
    stop: decodeStop(json),
    seed: optionalNumber(json, "seed"),
    frequencyPenalty: optionalNumber(json, "frequency_penalty"),
    presencePenalty: optionalNumber(json, "presence_penalty"),
    logprobs: logprobs ? {} : undefined,
  });
}

const decodeStop = (json: JsonObject): string[] | undefined =>
  optionalArray(json, "stop_sequences")?.map((item, index) =>
    typeof item === "string"
      ? item
      : reject(`stop_sequences[${index}]`, `expected string, got ${kindOf(item)}`),
  );

function decodeToolChoice(json: JsonObject): ToolChoice | undefined {
  const choice = optionalString(json, "tool_choice");
  if (choice === undefined) return undefined;
  if (choice === "REQUIRED") return { type: "required" };
  if (choice === "NONE") return { type: "none" };
  return reject("tool_choice", "expected `REQUIRED` or `NONE`");
}

const thinkingKeys = new Set(["type", "token_budget"]);

function decodeThinking(json: JsonObject): Reasoning | undefined {
  const thinking = optionalObject(json, "thinking");
  if (!thinking) return undefined;
  const type = requiredString(thinking, "type", "thinking");
  const tokens = optionalInteger(thinking, "token_budget", "thinking");
  const rest = unknownFields(thinking, thinkingKeys);
  const kept = rest
    ? { ...withExt({ thinking }), beyond: Object.keys(rest).map((key) => `thinking.${key}`) }
    : {};
  if (type === "disabled") return { mode: "off", ...kept };
  if (type !== "enabled") return reject("thinking.type", "expected `enabled` or `disabled`");
  return tokens === undefined ? { mode: "adaptive", ...kept } : { mode: "budget", tokens, ...kept };
}

const formatKeys = new Set(["type", "json_schema", "schema"]);

function decodeResponseFormat(json: JsonObject, losses: Losses): ResponseFormat | undefined {
  const format = optionalObject(json, "response_format");
  if (!format) return undefined;
  loseUnknown(format, formatKeys, "response_format", losses);
  const type = requiredString(format, "type", "response_format");
  if (type === "text") return { type: "text" };
  if (type !== "json_object") {
    return reject("response_format.type", "expected `text` or `json_object`");
  }
  const schema =
    optionalObject(format, "json_schema", "response_format") ??
    // Its name in v1.
    optionalObject(format, "schema", "response_format");
  return schema ? { type: "json-schema", schema } : { type: "json" };
}

const toolKeys = new Set(["type", "function"]);
const functionKeys = new Set(["name", "description", "parameters"]);

function decodeTools(json: JsonObject): Tool[] {
  const isStrict = optionalBoolean(json, "strict_tools") ?? false;
  return (optionalArray(json, "tools") ?? []).map((item, index): Tool => {
    const path = `tools[${index}]`;
    const tool = objectAt(item, path);
    const called = field(tool, "function");
    // Tools that Cohere runs itself are named by their type.
    if (!isObject(called)) {
      const name = optionalString(tool, "type", path);
      if (name !== undefined && name !== "function") {
        return { type: "provider", name, origin: dialectId, raw: tool };
      }
    }
    const named = requiredObject(tool, "function", path);
    const description = optionalString(named, "description", `${path}.function`);
    const parameters = optionalObject(named, "parameters", `${path}.function`);
    const inner = unknownMembers(named, functionKeys);
    const outer = unknownFields(tool, toolKeys);
    return {
      type: "function",
      name: requiredString(named, "name", `${path}.function`),
      ...(description === undefined ? {} : { description }),
      ...(parameters === undefined ? {} : { parameters }),
      ...(isStrict ? { strict: true } : {}),
      ...withExt(inner ? { ...outer, function: inner } : outer),
    };
  });
}
