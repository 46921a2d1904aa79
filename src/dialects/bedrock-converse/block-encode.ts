// Parts written as content blocks of a request.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
import type {
  CacheHint,
  OpaquePart,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, JsonError, type JsonObject, parse, RawJson } from "../../lib/json.ts";
import { escapeName } from "../anthropic-messages/names.ts";
import type { Target } from "../dialect.ts";
import type { Losses } from "../losses.ts";
import { encodeInput } from "../tool-input.ts";
import { type EncodedMedia, encodeAudio, encodeFile, encodeImage } from "./media.ts";
import type { Traits } from "./model.ts";
import { encodeCallId } from "./names.ts";
import { encodeReasoning } from "./origin.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface BlockScope {
  target: Target;
  traits: Traits;
  losses: Losses;
  /** The client itself wrote this wire: its fields go out as it wrote them. */
  isNative: boolean;
  /** Gives each document of the request a name that is allowed and its own. */
  uniqueName(name: string | undefined): string;
}

/**
 * Blocks for one part of a message, with the cache point behind it; none where this wire has no form for it, which is
 * noted as a loss.
 * @throws GatewayError `unsupported_feature` for media by URL.
 */
export function encodeBlock(part: Part, path: string, scope: BlockScope): JsonObject[] {
  const { losses } = scope;
  if (part.type !== "reasoning") {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  }
  const blocks = encodePart(part, path, scope);
  if (!part.cache) return blocks;
  const last = blocks.at(-1);
  if (!last) {
    losses.lose(`${path}.cache_control`, "there is no content for it to stand behind");
    return [];
  }
  // Right behind a document a cache point is refused.
  const isDirect = scope.isNative || !("document" in last || "video" in last);
  const point = encodeCachePoint(part.cache, "messages", path, scope);
  return [...blocks, ...(isDirect || point.length === 0 ? [] : [{ text: "\n" }]), ...point];
}

function encodePart(part: Part, path: string, scope: BlockScope): JsonObject[] {
  const { losses } = scope;
  switch (part.type) {
    case "text":
      return encodeText(part, path, scope);
    case "image":
      if (part.detail !== undefined && part.detail !== "auto") {
        losses.lose(`${path}.detail`, noForm);
      }
      return encodeMedia(encodeImage(part, path, scope.isNative), path, losses);
    case "file":
      return encodeMedia(encodeFile(part, path, scope), path, losses);
    case "audio":
      return encodeMedia(encodeAudio(part, path, scope.isNative), path, losses);
    case "refusal":
      return isBlank(part.text) ? [] : [{ text: part.text }];
    case "opaque":
      return encodeOpaque(part, path, losses);
    case "reasoning": {
      const encoded = encodeReasoning(part, scope);
      return encodeMedia(encoded, path, losses);
    }
    case "tool-call":
      return encodeCall(part, path, losses);
    case "tool-result":
      return [encodeResult(part, path, scope)];
    default:
      return part satisfies never;
  }
}

/** The API refuses text without a visible character. */
export const isBlank = (text: string): boolean => text.trim() === "";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
export function encodeCachePoint(
  { ttl }: CacheHint,
  place: "messages" | "system" | "tools",
  path: string,
  { traits, losses, isNative }: Pick<BlockScope, "traits" | "losses" | "isNative">,
): JsonObject[] {
  const isTaken =
    isNative ||
    traits.cachePoints === "all" ||
    (traits.cachePoints === "messages" && place !== "tools");
  if (!isTaken) {
    losses.lose(`${path}.cache_control`, "the model takes no cache points there");
    return [];
  }
  // An hour is what Anthropic's models alone know; five minutes is what all do unasked.
  const isKept = isNative || (ttl === "1h" && traits.claude !== undefined);
  if (ttl === "1h" && !isKept) losses.lose(`${path}.cache_control.ttl`, "five minutes here");
  return [{ cachePoint: { type: "default", ...(isKept && ttl !== undefined ? { ttl } : {}) } }];
}

function encodeText(part: TextPart, path: string, scope: BlockScope): JsonObject[] {
  const { losses, isNative } = scope;
  if (isBlank(part.text) && !isNative) return [];
  const { guardContent, ...extra } = ownExt(part.ext);
  if (isObject(guardContent)) {
    return [{ guardContent: { text: { text: part.text, ...guardContent } } }];
  }
  if (part.citations === undefined) return [{ text: part.text, ...extra }];
  const citations = part.citations.flatMap(({ origin, raw }) =>
    origin === dialectId ? [raw] : [],
  );
  if (citations.length < part.citations.length) losses.lose(`${path}.citations`, noForm);
  return citations.length > 0
    ? [{ citationsContent: { content: [{ text: part.text }], citations } }]
    : [{ text: part.text, ...extra }];
}

function encodeMedia(encoded: EncodedMedia, path: string, losses: Losses): JsonObject[] {
  if (typeof encoded !== "string") return [encoded];
  losses.lose(path, encoded);
  return [];
}

function encodeOpaque(part: OpaquePart, path: string, losses: Losses): JsonObject[] {
  if (part.origin === dialectId && isObject(part.raw)) return [{ ...part.raw }];
  const type = isObject(part.raw) ? wordOf(part.raw["type"]) : "unknown";
  losses.lose(path, `only its own API understands \`${type}\``);
  return [];
}

function encodeCall(part: ToolCallPart, path: string, losses: Losses): JsonObject[] {
  const extra = ownExt(part.ext);
  if (part.executor === "provider" && typeof extra["type"] !== "string") {
    losses.lose(path, `the call of \`${part.name}\` was run by another provider`);
    return [];
  }
  const { input, problem } = encodeInput(part);
  if (problem !== undefined) losses.lose(`${path}.input`, `${problem}; they are sent as \`input\``);
  const name = escapeName(part.name) || "unnamed";
  return [{ toolUse: { toolUseId: encodeCallId(part.id), name, input, ...extra } }];
}

/** A failed call must say something. */
const noWords = "(no output)";

function encodeResult(part: ToolResultPart, path: string, scope: BlockScope): JsonObject {
  const blocks = part.parts.flatMap((inner, index) => {
    const place = `${path}.content[${index}]`;
    if (inner.type !== "text") return encodeBlock(inner, place, scope);
    if (inner.cache) scope.losses.lose(`${place}.cache_control`, "no cache points within a result");
    return encodeResultText(inner, place, scope);
  });
  const isEmpty = blocks.length === 0 && (part.isError || scope.traits.jsonResults);
  const content = isEmpty
    ? [scope.traits.jsonResults ? asJson(noWords) : { text: noWords }]
    : blocks;
  return {
    toolResult: {
      toolUseId: encodeCallId(part.callId),
      content,
      // Success is what all models take unasked.
      ...(part.isError ? { status: "error" } : {}),
      ...ownExt(part.ext),
    },
  };
}

function encodeResultText(part: TextPart, path: string, scope: BlockScope): JsonObject[] {
  if (ownExt(part.ext)["json"] === true) return [{ json: new RawJson(part.text) }];
  for (const key of foreignFields(part.ext)) scope.losses.lose(`${path}.${key}`, noForm);
  if (isBlank(part.text)) return [];
  return [scope.traits.jsonResults && !scope.isNative ? asJson(part.text) : { text: part.text }];
}

/** A result for models that take objects only: the text's own object, or the text in one. */
function asJson(text: string): JsonObject {
  try {
    if (isObject(parse(text))) return { json: new RawJson(text.trim()) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
  }
  return { json: { result: text } };
}
