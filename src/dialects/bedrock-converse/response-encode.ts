// A whole answer as a Converse answer.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax
import type { ChatResponse, Part, ReasoningPart, TextPart, ToolCallPart } from "../../ir/chat.ts";
import { createUsage } from "../../ir/usage.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, RawJson, stringify } from "../../lib/json.ts";
import { escapeName } from "../anthropic-messages/names.ts";
import type { AnswerContext } from "../dialect.ts";
import { createNotices, type Notice } from "../losses.ts";
import { noticePause } from "../lost-pause.ts";
import { encodeInput } from "../tool-input.ts";
import { encodeCitation } from "./citation.ts";
import { encodeFinish } from "./finish.ts";
import { encodeImage } from "./media.ts";
import { redactedOf, signatureOf } from "./origin.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const notice = createNotices(context, dialectId);
  const [candidate, ...others] = response.candidates;
  if (others.length > 0) notice("choices", "Bedrock Converse shows one answer of several");
  const parts = candidate?.parts ?? [];
  for (const key of [...foreignFields(response.ext), ...foreignFields(candidate?.ext)]) {
    notice(key, noForm);
  }
  const finish = candidate?.finish ?? { reason: "other" };
  noticePause(finish, notice);
  const kept = ownExt(candidate?.ext);
  return stringify({
    output: {
      message: {
        role: "assistant",
        content: parts.flatMap((part, index) => encodePart(part, `content[${index}]`, notice)),
      },
    },
    stopReason: encodeFinish(finish, parts.some(isClientCall)),
    usage: encodeUsage(response.usage ?? createUsage({ total: context.inputTokens ?? 0 })),
    // SDKs of typed languages and some agents take it for granted.
    metrics: { latencyMs: 0 },
    ...stopSequenceFields(finish.stopSequence, kept),
    ...kept,
  });
}

/** Told where clients ask for it, see `stopSequencePath`. */
export const stopSequenceFields = (
  stopSequence: string | undefined,
  kept: JsonObject,
): JsonObject =>
  stopSequence === undefined || Object.hasOwn(kept, "additionalModelResponseFields")
    ? {}
    : { additionalModelResponseFields: { stop_sequence: stopSequence } };

export const isClientCall = (part: Part): part is ToolCallPart =>
  part.type === "tool-call" && part.executor === "client";

function encodePart(part: Part, place: string, notice: Notice): JsonObject[] {
  switch (part.type) {
    case "text":
      return part.text === "" && !part.citations ? [] : [encodeText(part, notice)];
    case "refusal":
      for (const key of foreignFields(part.ext)) notice(key, noForm);
      return part.text === "" ? [] : [{ text: part.text }];
    case "reasoning":
      return encodeReasoning(part);
    case "tool-call": {
      const head = callHead(part, place, notice);
      return head ? [{ toolUse: { ...head, input: encodeInput(part).input } }] : [];
    }
    case "image":
    case "tool-result":
    case "opaque":
    case "audio":
    case "file": {
      const block = ownBlock(part, place);
      if (!block) notice(place, `${part.type}: ${noForm}`);
      return block ? [block] : [];
    }
    default:
      return part satisfies never;
  }
}

/** A block that stands as it is: pictures, and what only this dialect understands. */
export function ownBlock(part: Part, place: string): JsonObject | undefined {
  if (part.type === "opaque") {
    return part.origin === dialectId && isObject(part.raw) ? part.raw : undefined;
  }
  if (part.type === "image" && part.source.kind === "base64") {
    const image = encodeImage(part, place, true);
    return typeof image === "string" ? undefined : image;
  }
  if (part.type !== "tool-result" || typeof ownExt(part.ext)["type"] !== "string") return undefined;
  const content = part.parts.flatMap((inner): JsonObject[] => {
    if (inner.type !== "text") return ownBlock(inner, place) ? [ownBlock(inner, place) ?? {}] : [];
    return [
      ownExt(inner.ext)["json"] === true ? { json: new RawJson(inner.text) } : { text: inner.text },
    ];
  });
  const status = part.isError ? "error" : "success";
  return { toolResult: { toolUseId: part.callId, content, status, ...ownExt(part.ext) } };
}

function encodeText(part: TextPart, notice: Notice): JsonObject {
  for (const key of foreignFields(part.ext)) notice(key, noForm);
  const citations = (part.citations ?? []).flatMap(
    (citation) => encodeCitation(citation, notice) ?? [],
  );
  const isOwnKind = part.citations?.length === 0 || citations.length > 0;
  return isOwnKind
    ? { citationsContent: { content: [{ text: part.text }], citations } }
    : { text: part.text, ...ownExt(part.ext) };
}

/** All of a tool call but its input. Undefined for a call that another provider ran itself. */
export function callHead(
  part: ToolCallPart,
  place: string,
  notice: Notice,
): JsonObject | undefined {
  const extra = ownExt(part.ext);
  if (part.executor === "provider" && typeof extra["type"] !== "string") {
    notice(place, `the provider's own call of \`${part.name}\` is not shown`);
    return undefined;
  }
  return { toolUseId: escapeName(part.id) || createId("tooluse"), name: part.name, ...extra };
}

function encodeReasoning(part: ReasoningPart): JsonObject[] {
  if (part.text === "" && part.encrypted !== undefined) {
    return [{ reasoningContent: { redactedContent: redactedOf(part) } }];
  }
  const signature = signatureOf(part);
  if (part.text === "" && part.signature === undefined) return [];
  return [
    {
      reasoningContent: {
        reasoningText: { text: part.text, ...(signature === undefined ? {} : { signature }) },
      },
    },
  ];
}
