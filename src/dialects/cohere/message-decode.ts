// The messages of a client's v2 chat request.
// https://docs.cohere.com/reference/chat#request.body.messages
import type {
  FilePart,
  ImagePart,
  Message,
  OpaquePart,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { field } from "../fields.ts";
import { sourceOfUrl } from "../openai-media.ts";
import { decodeDocumentBlock } from "./document.ts";
import {
  dialectId,
  kindOf,
  objectAt,
  opaque,
  optionalArray,
  optionalString,
  planPart,
  reject,
  rejectMissing,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

export function decodeMessages(json: JsonObject): Message[] {
  const items = optionalArray(json, "messages");
  if (!items) return rejectMissing("messages");
  if (items.length === 0) reject("messages", "expected at least one message");
  const messages: Message[] = [];
  let results: Message | undefined;
  for (const [index, value] of items.entries()) {
    const path = `messages[${index}]`;
    const item = objectAt(value, path);
    // Clients write roles in any case.
    const role = requiredString(item, "role", path).toLowerCase();
    if (role === "tool") {
      // Consecutive results are one turn.
      if (!results) messages.push((results = { role: "user", parts: [], place: path }));
      results.parts.push(decodeResult(item, path));
      continue;
    }
    results = undefined;
    if (role === "assistant") messages.push(decodeAssistant(item, path));
    else if (role === "system" || role === "developer" || role === "user") {
      messages.push({
        role: role === "user" ? "user" : "system",
        parts: decodeContent(item, path, true),
        place: path,
        ...withExt(unknownFields(item, plainKeys)),
      });
    } else reject(`${path}.role`, "expected one of system, user, assistant, tool");
  }
  return messages;
}

const plainKeys = new Set(["role", "content"]);
const assistantKeys = new Set([...plainKeys, "tool_plan", "tool_calls", "citations"]);

function decodeAssistant(item: JsonObject, path: string): Message {
  const plan = optionalString(item, "tool_plan", path) ?? "";
  const content = decodeContent(item, path, false);
  const parts: Part[] = [...(plan === "" ? [] : [planPart(plan)]), ...content];
  const citations = optionalArray(item, "citations", path) ?? [];
  const text = parts.findLast((part) => part.type === "text");
  if (text && citations.length > 0) {
    text.citations = citations.map((raw) => ({ origin: dialectId, raw }));
  }
  for (const [index, call] of (optionalArray(item, "tool_calls", path) ?? []).entries()) {
    const place = `${path}.tool_calls[${index}]`;
    parts.push(decodeCall(objectAt(call, place), place));
  }
  return {
    role: "assistant",
    parts,
    place: path,
    ...withExt(unknownFields(item, assistantKeys)),
  };
}

const callKeys = new Set(["id", "type", "function"]);
const calledKeys = new Set(["name", "arguments"]);

function decodeCall(call: JsonObject, path: string): ToolCallPart {
  const called = requiredObject(call, "function", path);
  const inner = unknownMembers(called, calledKeys);
  const outer = unknownFields(call, callKeys);
  return {
    type: "tool-call",
    id: requiredString(call, "id", path),
    name: requiredString(called, "name", `${path}.function`),
    args: optionalString(called, "arguments", `${path}.function`) ?? "",
    executor: "client",
    ...withExt(inner ? { ...outer, function: inner } : outer),
  };
}

const resultKeys = new Set(["role", "content", "tool_call_id"]);

function decodeResult(item: JsonObject, path: string): ToolResultPart {
  const content = field(item, "content");
  const parts = decodeContent(item, path, false).map((part, index) =>
    part.type === "reasoning" ? opaque(Array.isArray(content) ? content[index] : content) : part,
  );
  return {
    type: "tool-result",
    callId: requiredString(item, "tool_call_id", path),
    parts,
    isError: false,
    ...withExt(unknownFields(item, resultKeys)),
  };
}

type ContentPart = TextPart | ImagePart | FilePart | ReasoningPart | OpaquePart;

function decodeContent(item: JsonObject, path: string, isRequired: boolean): ContentPart[] {
  const content = field(item, "content");
  if (typeof content === "string") {
    return content === "" && !isRequired ? [] : [{ type: "text", text: content }];
  }
  if (Array.isArray(content)) {
    return content.map((block, index) => {
      const place = `${path}.content[${index}]`;
      return decodeBlock(objectAt(block, place), place);
    });
  }
  if (content === undefined && !isRequired) return [];
  return reject(`${path}.content`, `expected string or array, got ${kindOf(content)}`);
}

const textKeys = new Set(["type", "text"]);
const imageKeys = new Set(["type", "image_url"]);
const urlKeys = new Set(["url", "detail"]);
const thinkingKeys = new Set(["type", "thinking"]);

function decodeBlock(block: JsonObject, path: string): ContentPart {
  switch (requiredString(block, "type", path)) {
    case "text":
      return {
        type: "text",
        text: requiredString(block, "text", path),
        ...withExt(unknownFields(block, textKeys)),
      };
    case "thinking":
      return {
        type: "reasoning",
        text: requiredString(block, "thinking", path),
        origin: { dialect: dialectId },
        ...withExt(unknownFields(block, thinkingKeys)),
      };
    case "image_url":
      return decodeImage(block, path);
    case "document":
      return decodeDocumentBlock(block, path);
    default:
      return opaque(block);
  }
}

/** `image_url`: an object, or the bare URL that some clients send. */
export function decodeImage(block: JsonObject, path: string): ImagePart {
  const value = field(block, "image_url");
  if (typeof value === "string") return { type: "image", source: sourceOfUrl(value, "image/png") };
  if (!isObject(value)) return reject(`${path}.image_url`, `expected object, got ${kindOf(value)}`);
  const detail = optionalString(value, "detail", `${path}.image_url`);
  const outer = unknownFields(block, imageKeys);
  const inner = unknownMembers(value, urlKeys);
  return {
    type: "image",
    source: sourceOfUrl(requiredString(value, "url", `${path}.image_url`), "image/png"),
    ...(detail === undefined ? {} : { detail }),
    ...withExt(inner ? { ...outer, image_url: inner } : outer),
  };
}
