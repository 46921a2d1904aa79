// A client's tools and its choice among them.
// https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
import type { CacheHint, Tool, ToolChoice } from "../../ir/chat.ts";
import { isObject, JsonError, type JsonObject, parse, scan } from "../../lib/json.ts";
import { decodeCacheControl } from "../cache-control.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { field } from "../fields.ts";
import { type Losses, loseUnknown } from "../losses.ts";
import {
  objectAt,
  optionalArray,
  optionalBoolean,
  optionalObject,
  optionalString,
  reject,
  requiredObject,
  requiredString,
} from "../openai-words.ts";
import { dialectId, withExt } from "./wire.ts";

type FunctionTool = Extract<Tool, { type: "function" }>;

const toolKeys = new Set(["type", "function", "custom", "cache_control"]);
const functionKeys = new Set(["name", "description", "parameters", "strict"]);
const customKeys = new Set(["name", "description", "format"]);

export function decodeTools(json: JsonObject): Tool[] {
  const tools = (optionalArray(json, "tools") ?? []).map((item, index) =>
    decodeTool(objectAt(item, `tools[${index}]`), `tools[${index}]`),
  );
  // The form before `tools`: https://platform.openai.com/docs/api-reference/chat/create#chat-create-functions
  const functions = (optionalArray(json, "functions") ?? []).map((item, index) => {
    const path = `functions[${index}]`;
    return decodeFunction(objectAt(item, path), path);
  });
  return [...tools, ...functions];
}

function decodeTool(item: JsonObject, path: string): Tool {
  // Mistral's clients may leave the type of a function out.
  const isTyped = field(item, "type") !== undefined || field(item, "function") === undefined;
  const type = isTyped ? requiredString(item, "type", path) : "function";
  const cache = decodeCache(item);
  const outer = unknownFields(item, toolKeys);
  if (isFlat(item)) return { ...decodeFlat(item, type, path), ...cache };
  if (type === "function") {
    const tool = decodeFunction(requiredObject(item, "function", path), `${path}.function`);
    const inner = tool.ext?.[dialectId];
    return { ...tool, ...withExt(outer || inner ? { ...outer, ...inner } : undefined), ...cache };
  }
  if (type === "custom") {
    const custom = requiredObject(item, "custom", path);
    const inner = unknownMembers(custom, customKeys);
    const kept = inner ? { ...outer, custom: inner } : outer;
    return { ...decodeCustom(custom, `${path}.custom`, kept), ...cache };
  }
  return { type: "provider", name: type, origin: dialectId, raw: item };
}

function decodeCustom(custom: JsonObject, path: string, kept: JsonObject | undefined): Tool {
  const description = optionalString(custom, "description", path);
  const format = optionalObject(custom, "format", path);
  return {
    type: "custom",
    name: requiredString(custom, "name", path),
    ...(description === undefined ? {} : { description }),
    ...(format === undefined ? {} : { format }),
    ...withExt(kept),
  };
}

/**
 * The form of OpenAI's other wire, without an object within: some editors send it here.
 * An upstream of this wire refuses it, so such a body is not relayed, see {@link hasFlatTools}.
 */
const isFlat = (item: JsonObject): boolean => {
  const type = field(item, "type");
  return (
    (type === "function" || type === "custom") &&
    field(item, type) === undefined &&
    typeof field(item, "name") === "string"
  );
};

const flatFunctionKeys = new Set(["type", ...functionKeys, "cache_control"]);
const flatCustomKeys = new Set(["type", ...customKeys, "cache_control"]);

function decodeFlat(item: JsonObject, type: string, path: string): Tool {
  if (type === "custom") return decodeCustom(item, path, unknownFields(item, flatCustomKeys));
  const { ext: _, ...tool } = decodeFunction(item, path);
  return { ...tool, ...withExt(unknownFields(item, flatFunctionKeys)) };
}

/** True for a body whose tools are not in this wire's form. */
export function hasFlatTools(body: Uint8Array): boolean {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!buffer.includes('"tools"')) return false;
  try {
    const tools = scan(body).get("tools");
    if (!tools) return false;
    const items = parse(buffer.toString("utf8", tools.value.start, tools.value.end));
    return Array.isArray(items) && items.filter(isObject).some(isFlat);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return false;
  }
}

function decodeFunction(item: JsonObject, path: string): FunctionTool {
  const description = optionalString(item, "description", path);
  const parameters = optionalObject(item, "parameters", path);
  const strict = optionalBoolean(item, "strict", path);
  const inner = unknownMembers(item, functionKeys);
  return {
    type: "function",
    name: requiredString(item, "name", path),
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    ...withExt(inner && { function: inner }),
  };
}

const choiceKeys = new Set(["type", "function", "custom"]);
const namedKeys = new Set(["name"]);

export function decodeToolChoice(json: JsonObject, losses: Losses): ToolChoice | undefined {
  const choice = field(json, "tool_choice") ?? legacyChoice(json);
  if (choice === undefined) return undefined;
  if (choice === "auto" || choice === "none" || choice === "required") return { type: choice };
  // Mistral's word for the same.
  if (choice === "any") return { type: "required" };
  if (!isObject(choice)) {
    return reject("tool_choice", "expected `none`, `auto`, `required` or an object");
  }
  const type = requiredString(choice, "type", "tool_choice");
  if (type === "allowed_tools") {
    const allowed = requiredObject(choice, "allowed_tools", "tool_choice");
    const mode = optionalString(allowed, "mode", "tool_choice.allowed_tools");
    return { type: mode === "required" ? "required" : "auto" };
  }
  if (type !== "function" && type !== "custom") {
    return reject("tool_choice.type", "expected `function`, `custom` or `allowed_tools`");
  }
  const named = requiredObject(choice, type, "tool_choice");
  loseUnknown(choice, choiceKeys, "tool_choice", losses);
  loseUnknown(named, namedKeys, `tool_choice.${type}`, losses);
  return { type: "tool", name: requiredString(named, "name", `tool_choice.${type}`) };
}

function legacyChoice(json: JsonObject): unknown {
  const call = field(json, "function_call");
  return isObject(call) ? { type: "function", function: call } : call;
}

/** Anthropic-style `cache_control`, which OpenRouter, LiteLLM and others take on this wire. */
export function decodeCache(part: JsonObject): { cache?: CacheHint } {
  const control = field(part, "cache_control");
  return isObject(control) ? { cache: decodeCacheControl(control) } : {};
}
