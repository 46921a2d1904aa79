// Content blocks read into parts: in requests strictly, in answers with forbearance.
// https://platform.claude.com/docs/en/api/messages
import type {
  CacheHint,
  Origin,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { decodeCacheControl } from "../cache-control.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr, wordOf } from "../fields.ts";
import { unsealReasoning } from "../reasoning-seal.ts";
import { decodeDocument, decodeImage, decodeSearchResult } from "./media.ts";
import { unescapeName } from "./names.ts";
import {
  dialectId,
  objectAt,
  opaque,
  optionalBoolean,
  optionalObject,
  optionalString,
  reject,
  requiredString,
  withExt,
} from "./wire.ts";

export interface BlockScope {
  /** Who made the content, as far as known. */
  origin: Origin;
  /** A request: whatever is missing or of the wrong type is refused. An answer is read as far as it goes. */
  isRequest: boolean;
  /** The exact text of the block's `input`. */
  inputText?: string;
}

/** @throws GatewayError `invalid_request`, for requests only. */
export function decodeBlock(block: JsonObject, path: string, scope: BlockScope): Part {
  const type = readString(block, "type", path, scope);
  switch (type) {
    case "text":
      return decodeText(block, path, scope);
    case "thinking":
      return decodeThinking(block, path, scope);
    case "redacted_thinking":
      return decodeRedacted(block, path, scope);
    case "tool_use":
    case "server_tool_use":
    case "mcp_tool_use":
      return decodeCall(block, path, scope);
    case "image":
    case "document":
    case "tool_result":
    case "search_result":
      // Not seen in answers, and there nothing is refused.
      return scope.isRequest ? decodeInput(block, path, scope) : opaque(block);
    default:
      return type.endsWith("_tool_result") ? decodeProviderResult(block, type) : opaque(block);
  }
}

function readString(object: JsonObject, key: string, path: string, scope: BlockScope): string {
  return scope.isRequest ? requiredString(object, key, path) : (stringOr(field(object, key)) ?? "");
}

function decodeInput(block: JsonObject, path: string, scope: BlockScope): Part {
  const cache = decodeCache(block, path);
  switch (block["type"]) {
    case "image": {
      const image = decodeImage(block, path);
      return image.type === "opaque" ? image : { ...image, ...cache };
    }
    case "document": {
      const document = decodeDocument(block, path);
      return document.type === "opaque" ? document : { ...document, ...cache };
    }
    case "tool_result":
      return { ...decodeToolResult(block, path, scope), ...cache };
    default:
      return { ...decodeSearchResult(block, path), ...cache };
  }
}

/** A prompt-cache breakpoint: https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
export function decodeCache(block: JsonObject, path: string): { cache?: CacheHint } {
  const control = optionalObject(block, "cache_control", path);
  return control ? { cache: decodeCacheControl(control) } : {};
}

const textKeys = new Set(["type", "text", "citations", "cache_control"]);

function decodeText(block: JsonObject, path: string, scope: BlockScope): TextPart {
  const citations = field(block, "citations");
  if (scope.isRequest && citations !== undefined && !Array.isArray(citations)) {
    reject(`${path}.citations`, "Input should be a valid list");
  }
  const isCited = Array.isArray(citations) && citations.length > 0;
  return {
    type: "text",
    text: readString(block, "text", path, scope),
    ...(isCited
      ? { citations: citations.map((raw: unknown) => ({ origin: dialectId, raw })) }
      : {}),
    ...(scope.isRequest ? decodeCache(block, path) : {}),
    ...withExt(unknownFields(block, textKeys)),
  };
}

const thinkingKeys = new Set(["type", "thinking", "signature"]);

function decodeThinking(block: JsonObject, path: string, scope: BlockScope): ReasoningPart {
  const text = readString(block, "thinking", path, scope);
  // Required by the vendor, but servers that copy this wire do not all sign.
  const signature = scope.isRequest
    ? optionalString(block, "signature", path)
    : stringOr(field(block, "signature"));
  return (
    (signature === undefined ? undefined : unsealReasoning(signature, text)) ?? {
      type: "reasoning",
      text,
      ...(signature ? { signature } : {}),
      origin: scope.origin,
      ...withExt(unknownFields(block, thinkingKeys)),
    }
  );
}

const redactedKeys = new Set(["type", "data"]);

function decodeRedacted(block: JsonObject, path: string, scope: BlockScope): ReasoningPart {
  const data = readString(block, "data", path, scope);
  return (
    unsealReasoning(data, "") ?? {
      type: "reasoning",
      text: "",
      encrypted: data,
      origin: scope.origin,
      ...withExt(unknownFields(block, redactedKeys)),
    }
  );
}

const callKeys = new Set(["type", "id", "name", "input", "cache_control"]);

function decodeCall(block: JsonObject, path: string, scope: BlockScope): ToolCallPart {
  const type = wordOf(block["type"]);
  const id = readString(block, "id", path, scope);
  const name = readString(block, "name", path, scope);
  const input = field(block, "input");
  if (scope.isRequest && !isObject(input)) {
    reject(
      `${path}.input`,
      input === undefined ? "Field required" : "Input should be a valid dictionary",
    );
  }
  const isClients = type === "tool_use";
  const extra = unknownFields(block, callKeys);
  return {
    type: "tool-call",
    id: scope.isRequest ? unescapeName(id) : id,
    name: scope.isRequest ? name : unescapeName(name),
    args: scope.inputText ?? (input === undefined ? "" : JSON.stringify(input)),
    executor: isClients ? "client" : "provider",
    ...(scope.isRequest ? decodeCache(block, path) : {}),
    ...withExt(isClients ? extra : { ...extra, type }),
  };
}

const resultKeys = new Set(["type", "tool_use_id", "content", "is_error", "cache_control"]);

function decodeToolResult(block: JsonObject, path: string, scope: BlockScope): ToolResultPart {
  const content = field(block, "content");
  const isError = optionalBoolean(block, "is_error", path) ?? false;
  return {
    type: "tool-result",
    callId: unescapeName(requiredString(block, "tool_use_id", path)),
    parts: decodeResultContent(content, `${path}.content`, scope),
    isError,
    ...withExt(unknownFields(block, resultKeys)),
  };
}

function decodeResultContent(
  content: unknown,
  path: string,
  scope: BlockScope,
): ToolResultPart["parts"] {
  if (content === undefined) return [];
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) return reject(path, "Input should be a valid list");
  return content.map((value, index) => {
    const place = `${path}.${index}`;
    const item = objectAt(value, place);
    const part = decodeBlock(item, place, scope);
    return part.type === "text" ||
      part.type === "image" ||
      part.type === "file" ||
      part.type === "opaque"
      ? part
      : opaque(item);
  });
}

/** What a tool that the provider ran itself gave back: whole for this dialect, its text for any other. */
function decodeProviderResult(block: JsonObject, type: string): ToolResultPart {
  const content = field(block, "content");
  const text = readable(content).join("\n");
  const kind = isObject(content) ? stringOr(field(content, "type")) : undefined;
  return {
    type: "tool-result",
    callId: stringOr(field(block, "tool_use_id")) ?? "",
    parts: text === "" ? [] : [{ type: "text", text }],
    isError: field(block, "is_error") === true || (kind?.endsWith("_error") ?? false),
    ...withExt({ [type]: block }),
  };
}

const readableKeys = [
  "title",
  "url",
  "text",
  "stdout",
  "stderr",
  "tool_name",
  "error_code",
  "content",
  "source",
  "data",
  "tool_references",
];

/** The texts in a server tool's result that mean something to a reader. */
function readable(value: unknown): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(readable);
  if (!isObject(value) || field(value, "type") === "base64") return [];
  return readableKeys.flatMap((key) => readable(field(value, key)));
}
