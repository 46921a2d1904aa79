// A whole answer as a message object.
// https://platform.claude.com/docs/en/api/messages
import type { ChatResponse, Part, ReasoningPart, TextPart, ToolCallPart } from "../../ir/chat.ts";
import { createUsage } from "../../ir/usage.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import type { AnswerContext } from "../dialect.ts";
import { createNotices, type Notice } from "../losses.ts";
import { sealReasoning } from "../reasoning-seal.ts";
import { encodeInput } from "../tool-input.ts";
import { encodeFinish } from "./finish.ts";
import { escapeName } from "./names.ts";
import { isOwn } from "./origin.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt, wholeBlock } from "./wire.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const notice = createNotices(context, dialectId);
  const [candidate, ...others] = response.candidates;
  if (others.length > 0) notice("choices", "Anthropic Messages shows one answer of several");
  const parts = candidate?.parts ?? [];
  for (const key of [...foreignFields(response.ext), ...foreignFields(candidate?.ext)]) {
    notice(key, noForm);
  }
  const calls = parts.some(isClientCall);
  return stringify({
    id: messageId(response.id),
    type: "message",
    role: "assistant",
    model: response.model || context.model,
    content: inOrder(parts).flatMap((part, index) => encodePart(part, index, notice)),
    ...encodeFinish(candidate?.finish ?? { reason: "other" }, calls),
    ...stopDetails(parts),
    usage: encodeUsage(response.usage ?? createUsage({ total: context.inputTokens ?? 0 })),
    ...ownExt(candidate?.ext),
  });
}

export const isClientCall = (part: Part): part is ToolCallPart =>
  part.type === "tool-call" && part.executor === "client";

/** Clients know this wire's message ids by their prefix. @example messageId("chatcmpl-1") // → "msg_chatcmpl-1" */
export const messageId = (id: string): string => {
  if (id === "") return createId("msg");
  return id.startsWith("msg_") ? id : `msg_${escapeName(id)}`;
};

/** Thinking comes before what it led to. An Anthropic server's own order, where thinking may be interleaved, stays. */
function inOrder(parts: readonly Part[]): Part[] {
  const isForeign = (part: Part): boolean => part.type === "reasoning" && !isOwn(part);
  return [...parts.filter(isForeign), ...parts.filter((part) => !isForeign(part))];
}

/** What the provider said of its refusal, see `decodeEnding`. */
export function stopDetails(parts: readonly Part[]): JsonObject {
  for (const part of parts) {
    const details = part.type === "refusal" ? ownExt(part.ext)["stop_details"] : undefined;
    if (details !== undefined) return { stop_details: details };
  }
  return {};
}

function encodePart(part: Part, index: number, notice: Notice): JsonObject[] {
  const place = `content[${index}]`;
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [encodeText(part, notice)];
    case "reasoning":
      return encodeThinking(part);
    case "tool-call": {
      const head = callHead(part, place, notice);
      return head ? [{ ...head, input: encodeInput(part).input }] : [];
    }
    case "refusal":
      return isShownRefusal(part) ? [{ type: "text", text: part.text }] : [];
    case "tool-result":
    case "opaque":
    case "image":
    case "audio":
    case "file": {
      const block = ownBlock(part);
      if (!block) notice(place, `${part.type}: ${noForm}`);
      return block ? [block] : [];
    }
    default:
      return part satisfies never;
  }
}

/** Another provider's refusal is the answer's text; an Anthropic server's is told in `stop_details`. */
export const isShownRefusal = (part: Extract<Part, { type: "refusal" }>): boolean =>
  part.text !== "" && ownExt(part.ext)["stop_details"] === undefined;

/** A block that only this dialect understands, as it came. */
export function ownBlock(part: Part): JsonObject | undefined {
  if (part.type !== "opaque") return wholeBlock(part.ext);
  return part.origin === dialectId && isObject(part.raw) ? part.raw : undefined;
}

/** Citations of this wire; others have no form here. */
export function ownCitations(part: TextPart, notice: Notice): unknown[] {
  const citations = part.citations ?? [];
  if (citations.some(({ origin }) => origin !== dialectId)) notice("citations", noForm);
  return citations.filter(({ origin }) => origin === dialectId).map(({ raw }) => raw);
}

function encodeText(part: TextPart, notice: Notice): JsonObject {
  const citations = ownCitations(part, notice);
  for (const key of foreignFields(part.ext)) notice(key, noForm);
  return {
    type: "text",
    text: part.text,
    ...(citations.length > 0 ? { citations } : {}),
    ...ownExt(part.ext),
  };
}

/** All of a tool call but its input. Undefined for a call that another provider ran itself. */
export function callHead(
  part: ToolCallPart,
  place: string,
  notice: Notice,
): JsonObject | undefined {
  const { type, ...extra } = ownExt(part.ext);
  if (part.executor === "provider" && typeof type !== "string") {
    notice(place, `the provider's own call of \`${part.name}\` is not shown`);
    return undefined;
  }
  return {
    type: typeof type === "string" ? type : "tool_use",
    id: escapeName(part.id) || createId("toolu"),
    name: part.name,
    ...extra,
  };
}

function encodeThinking(part: ReasoningPart): JsonObject[] {
  if (part.encrypted !== undefined && part.text === "") return [redacted(part)];
  if (part.text === "" && part.signature === undefined) return [];
  return [
    {
      type: "thinking",
      thinking: part.text,
      signature: signatureOf(part),
      ...(isOwn(part) ? ownExt(part.ext) : {}),
    },
  ];
}

/** Reasoning that only the provider can read. */
export const redacted = (part: ReasoningPart): JsonObject => ({
  type: "redacted_thinking",
  data: isOwn(part) ? (part.encrypted ?? "") : sealReasoning(part),
});

/**
 * SDKs and Claude Code want a string and send it back unread. Foreign reasoning gets a seal that names its origin, so
 * that it finds its way back there and nowhere else.
 */
export const signatureOf = (part: ReasoningPart): string =>
  isOwn(part) ? (part.signature ?? "") : sealReasoning(part);
