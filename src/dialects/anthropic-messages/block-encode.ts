// Parts written as content blocks of a request.
import type {
  CacheHint,
  OpaquePart,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import { encodeCacheControl } from "../cache-control.ts";
import { loneText } from "../lone-text.ts";
import type { Losses } from "../losses.ts";
import { encodeInput } from "../tool-input.ts";
import { type EncodedMedia, encodeDocument, encodeImage } from "./media.ts";
import { modelFamily } from "./model.ts";
import { escapeName } from "./names.ts";
import { isOwn } from "./origin.ts";
import { dialectId, foreignFields, noForm, ownExt, wholeBlock } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface BlockScope {
  target: Target;
  losses: Losses;
  /** The client itself wrote this wire: its fields go out as it wrote them. */
  isNative: boolean;
}

/** Blocks for one part of a message; none where this wire has no form for it, which is noted as a loss. */
export function encodeBlock(part: Part, path: string, scope: BlockScope): JsonObject[] {
  const { losses } = scope;
  if (part.type !== "reasoning") {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  }
  switch (part.type) {
    case "text":
      return encodeText(part, path, losses);
    case "image":
      if (part.detail !== undefined && part.detail !== "auto") {
        losses.lose(`${path}.detail`, noForm);
      }
      return encodeMedia(encodeImage(part, scope), part, path, losses);
    case "file": {
      const whole = wholeBlock(part.ext);
      if (whole) return [{ ...whole }];
      return encodeMedia(encodeDocument(part, scope), part, path, losses);
    }
    case "audio":
      losses.lose(path, "Anthropic Messages takes no audio");
      return [];
    case "refusal":
      return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
    case "opaque":
      return encodeOpaque(part, path, losses);
    case "reasoning":
      return encodeReasoning(part, path, scope);
    case "tool-call":
      return encodeCall(part, path, losses);
    case "tool-result":
      return encodeResult(part, path, scope);
    default:
      return part satisfies never;
  }
}

/** Spread into a block or tool. */
export const encodeCache = (cache: CacheHint | undefined): JsonObject =>
  cache ? encodeCacheControl(cache) : {};

/** The API refuses text without a visible character. */
export const isBlank = (text: string): boolean => text.trim() === "";

function encodeText(part: TextPart, path: string, losses: Losses): JsonObject[] {
  if (isBlank(part.text)) return [];
  const citations: unknown[] = [];
  for (const { origin, raw } of part.citations ?? []) {
    if (origin === dialectId) citations.push(raw);
    else losses.lose(`${path}.citations`, noForm);
  }
  return [
    {
      type: "text",
      text: part.text,
      ...(citations.length > 0 ? { citations } : {}),
      ...ownExt(part.ext),
      ...encodeCache(part.cache),
    },
  ];
}

function encodeMedia(
  encoded: EncodedMedia,
  part: Part,
  path: string,
  losses: Losses,
): JsonObject[] {
  if (typeof encoded === "string") {
    losses.lose(path, encoded);
    return [];
  }
  // `source` is in the block already, see `encodeDocument`.
  const { source: _, ...extra } = ownExt(part.ext);
  return [{ ...encoded, ...extra, ...encodeCache(part.cache) }];
}

function encodeOpaque(part: OpaquePart, path: string, losses: Losses): JsonObject[] {
  if (part.origin === dialectId && isObject(part.raw)) return [{ ...part.raw }];
  const type = isObject(part.raw) ? wordOf(part.raw["type"]) : "unknown";
  losses.lose(path, `only its own API understands \`${type}\``);
  return [];
}

/** Reasoning goes back only where it was made: anybody else's signature is refused. */
function encodeReasoning(
  part: ReasoningPart,
  path: string,
  { target, losses }: BlockScope,
): JsonObject[] {
  const { origin } = part;
  const isReplayable =
    isOwn(part) &&
    (origin.provider === undefined || origin.provider === target.provider) &&
    (origin.model === undefined || modelFamily(origin.model) === modelFamily(target.model));
  if (!isReplayable) {
    losses.lose(path, "reasoning that another provider or model made cannot be sent back");
    return [];
  }
  if (part.encrypted !== undefined) {
    return [{ type: "redacted_thinking", data: part.encrypted, ...ownExt(part.ext) }];
  }
  if (!part.signature) {
    losses.lose(path, "reasoning without a signature cannot be sent back");
    return [];
  }
  return [
    { type: "thinking", thinking: part.text, signature: part.signature, ...ownExt(part.ext) },
  ];
}

function encodeCall(part: ToolCallPart, path: string, losses: Losses): JsonObject[] {
  const { type, ...extra } = ownExt(part.ext);
  if (part.executor === "provider" && typeof type !== "string") {
    losses.lose(path, `the call of \`${part.name}\` was run by another provider`);
    return [];
  }
  const { input, problem } = encodeInput(part);
  if (problem !== undefined) losses.lose(`${path}.input`, `${problem}; they are sent as \`input\``);
  return [
    {
      type: typeof type === "string" ? type : "tool_use",
      id: part.id,
      name: escapeName(part.name),
      input,
      ...extra,
      ...encodeCache(part.cache),
    },
  ];
}

function encodeResult(part: ToolResultPart, path: string, scope: BlockScope): JsonObject[] {
  const whole = wholeBlock(part.ext);
  if (whole) return [{ ...whole }];
  const content = part.parts.flatMap((inner, index) =>
    encodeBlock(inner, `${path}.content[${index}]`, scope),
  );
  return [
    {
      type: "tool_result",
      tool_use_id: part.callId,
      ...(content.length === 0 ? {} : { content: loneText(content) ?? content }),
      ...(part.isError ? { is_error: true } : {}),
      ...ownExt(part.ext),
      ...encodeCache(part.cache),
    },
  ];
}
