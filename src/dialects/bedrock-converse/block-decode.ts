// Content blocks read into parts: in requests strictly, in answers with forbearance.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
import type {
  CacheHint,
  FilePart,
  ImagePart,
  OpaquePart,
  Origin,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unescapeName } from "../anthropic-messages/names.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { decodeAudio, decodeDocument, decodeImage, decodeVideo } from "./media.ts";
import { decodeReasoning } from "./origin.ts";
import {
  dialectId,
  member,
  objectAt,
  opaque,
  optionalString,
  reject,
  requiredArray,
  requiredString,
  withExt,
} from "./wire.ts";

export interface BlockScope {
  /** Who made the content, as far as known. */
  origin: Origin;
  /** A request: whatever is missing or of the wrong type is refused. An answer is read as far as it goes. */
  isRequest: boolean;
  /** The exact text of the value at a path below the content, e.g. `toolUse.input`. */
  rawAt(path: string): string | undefined;
}

/** Blocks in turn. A cache point is no part but a hint on the part before it. @throws GatewayError `invalid_request`, for requests only. */
export function decodeBlocks(blocks: readonly unknown[], path: string, scope: BlockScope): Part[] {
  const parts: Part[] = [];
  for (const [index, value] of blocks.entries()) {
    const place = `${path}[${index}]`;
    if (!isObject(value)) {
      if (scope.isRequest) objectAt(value, place);
      continue;
    }
    const cache = decodeCachePoint(value);
    const last = parts.at(-1);
    if (cache && last && !last.cache) parts[parts.length - 1] = { ...last, cache };
    else parts.push(decodeBlock(value, place, scope));
  }
  return parts;
}

/** The hint of a block that is a cache point; a lifetime that nobody knows is left to the provider. */
export function decodeCachePoint(block: JsonObject): CacheHint | undefined {
  const point = field(block, "cachePoint");
  if (!isObject(point)) return undefined;
  const ttl = field(point, "ttl");
  return ttl === "5m" || ttl === "1h" ? { ttl } : {};
}

const kinds: ReadonlySet<string> = new Set([
  "text",
  "image",
  "document",
  "video",
  "audio",
  "toolUse",
  "toolResult",
  "guardContent",
  "reasoningContent",
  "citationsContent",
  "searchResult",
]);

/** A block of a kind that this version does not know is kept whole. */
export function decodeBlock(block: JsonObject, path: string, scope: BlockScope): Part {
  const [kind, value] = member(block, kinds) ?? [];
  if (kind === undefined) {
    if (scope.isRequest && Object.keys(block).length === 0) {
      reject(path, "a content block must have one member, e.g. `text`.");
    }
    return opaque(block);
  }
  const place = `${path}.${kind}`;
  if (kind === "text") return decodeText(block, path, scope);
  // In answers nothing is refused.
  if (!isObject(value))
    return scope.isRequest ? reject(place, "it must be an object.") : opaque(block);
  switch (kind) {
    case "toolUse":
      return decodeCall(value, place, scope);
    case "toolResult":
      return decodeToolResult(value, place, scope);
    case "reasoningContent":
      return decodeReasoning(value, scope.origin);
    case "citationsContent":
      return decodeCited(value);
    case "searchResult":
      return decodeSearchResult(value);
    default:
      return scope.isRequest ? decodeInput(kind, value, place) : decodeOutput(kind, value, place);
  }
}

/** Media are input; a picture may be output as well. What cannot be read of an answer is kept whole. */
function decodeOutput(kind: string, value: JsonObject, path: string): Part {
  try {
    return decodeInput(kind, value, path);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return opaque({ [kind]: value });
  }
}

function decodeInput(kind: string, value: JsonObject, path: string): Part {
  switch (kind) {
    case "image":
      return decodeImage(value, path);
    case "document":
      return decodeDocument(value, path);
    case "video":
      return decodeVideo(value, path);
    case "audio":
      return decodeAudio(value, path);
    default:
      return decodeGuarded(value, path);
  }
}

/** Content for a guardrail to look at: for any other wire it is plain content. */
function decodeGuarded(value: JsonObject, path: string): TextPart | ImagePart | OpaquePart {
  const text = field(value, "text");
  if (isObject(text)) {
    const { text: said, ...rest } = text;
    return {
      type: "text",
      text: typeof said === "string" ? said : reject(`${path}.text.text`, "it is required."),
      ...withExt({ guardContent: rest }),
    };
  }
  const image = field(value, "image");
  if (!isObject(image)) return opaque({ guardContent: value });
  const part = decodeImage(image, `${path}.image`);
  return { ...part, ...withExt({ ...part.ext?.[dialectId], guardContent: {} }) };
}

const textKeys = new Set(["text", "type"]);

function decodeText(block: JsonObject, path: string, scope: BlockScope): TextPart {
  const text = scope.isRequest
    ? requiredString(block, "text", path)
    : (stringOr(field(block, "text")) ?? "");
  return { type: "text", text, ...withExt(unknownFields(block, textKeys)) };
}

const callKeys = new Set(["toolUseId", "name", "input", "type"]);
/** Some models say so of a call that is the client's. */
const plainType = "tool_use";

function decodeCall(value: JsonObject, path: string, scope: BlockScope): ToolCallPart {
  const read = (key: string): string =>
    scope.isRequest ? requiredString(value, key, path) : (stringOr(field(value, key)) ?? "");
  const [id, name] = [read("toolUseId"), read("name")];
  const input = field(value, "input");
  if (scope.isRequest && !isObject(input)) reject(`${path}.input`, "it must be an object.");
  const type = stringOr(field(value, "type"));
  const isServers = type !== undefined && type !== plainType;
  return {
    type: "tool-call",
    id: scope.isRequest ? unescapeName(id) : id,
    name: scope.isRequest ? name : unescapeName(name),
    args: scope.rawAt(`${path}.input`) ?? (input === undefined ? "" : JSON.stringify(input)),
    executor: isServers ? "provider" : "client",
    ...withExt({ ...unknownFields(value, callKeys), ...(isServers ? { type } : {}) }),
  };
}

const resultKeys = new Set(["toolUseId", "content", "status"]);

function decodeToolResult(value: JsonObject, path: string, scope: BlockScope): ToolResultPart {
  const id = scope.isRequest
    ? requiredString(value, "toolUseId", path)
    : (stringOr(field(value, "toolUseId")) ?? "");
  const status = scope.isRequest ? optionalString(value, "status", path) : field(value, "status");
  const found = scope.isRequest ? requiredArray(value, "content", path) : field(value, "content");
  const content = Array.isArray(found) ? found : [];
  return {
    type: "tool-result",
    callId: unescapeName(id),
    parts: decodeResultContent(content, `${path}.content`, scope),
    isError: status === "error",
    ...withExt(unknownFields(value, resultKeys)),
  };
}

function decodeResultContent(
  content: readonly unknown[],
  path: string,
  scope: BlockScope,
): ToolResultPart["parts"] {
  return content.flatMap((value, index): ToolResultPart["parts"] => {
    const place = `${path}[${index}]`;
    if (!isObject(value)) return scope.isRequest ? [opaque(objectAt(value, place))] : [];
    if (Object.hasOwn(value, "json")) {
      const text = scope.rawAt(`${place}.json`) ?? JSON.stringify(value["json"]);
      return [{ type: "text", text, ...withExt({ json: true }) }];
    }
    const part = decodeBlock(value, place, scope);
    const isTaken =
      part.type === "text" ||
      part.type === "image" ||
      part.type === "file" ||
      part.type === "opaque";
    return [isTaken ? part : opaque(value)];
  });
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.filter(isObject).map((item) => stringOr(field(item, "text")) ?? "")
    : [];

function decodeCited(value: JsonObject): TextPart {
  const citations = field(value, "citations");
  return {
    type: "text",
    text: textsOf(field(value, "content")).join(""),
    // An empty list as well: it says that the block is of this kind.
    citations: (Array.isArray(citations) ? citations : []).map((raw: unknown) => ({
      origin: dialectId,
      raw,
    })),
  };
}

function decodeSearchResult(value: JsonObject): FilePart {
  const [title, source] = [field(value, "title"), field(value, "source")].map(stringOr);
  const text = textsOf(field(value, "content")).join("\n\n");
  return {
    type: "file",
    source: { kind: "text", text, mediaType: "text/plain" },
    ...(title === undefined ? {} : { title }),
    ...(source === undefined ? {} : { context: source }),
    ...withExt({ searchResult: value }),
  };
}
