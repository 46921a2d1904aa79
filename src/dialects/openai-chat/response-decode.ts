// A provider's chat completion read into the internal representation. Forgiving: servers differ in every detail.
// https://platform.openai.com/docs/api-reference/chat/object
import type {
  AudioPart,
  Candidate,
  ChatResponse,
  ImagePart,
  Origin,
  Part,
  TextPart,
  ToolCallPart,
} from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError, errorOf } from "../openai-error.ts";
import { decodeFinish } from "./finish.ts";
import { sourceOfUrl } from "../openai-media.ts";
import { decodeReasoning, decodeThinking } from "./reasoning.ts";
import { decodeUsage } from "../openai-usage.ts";
import { dialectId, opaque, withExt } from "./wire.ts";

/** @throws GatewayError `upstream_invalid` when this is no answer; the upstream's own error when it says one. */
export function decodeResponse(body: Body, origin: Origin): Decoded<ChatResponse> {
  const { json } = body;
  const choices = field(json, "choices");
  const error = errorOf(json);
  const hasChoices = Array.isArray(choices) && choices.some(isObject);
  if (error !== undefined && !hasChoices) throw decodeInlineError(error);
  if (!hasChoices) {
    throw invalidAnswer("The provider's answer has no `choices`.", body.text);
  }
  const id = stringOr(field(json, "id")) || createId("chatcmpl");
  const candidates = choices
    .filter(isObject)
    .map((choice, position) => ({ choice, index: indexOf(choice, position) }))
    .toSorted((left, right) => left.index - right.index)
    .map(({ choice, index }) => decodeChoice(choice, origin, `${id}_${index}`));
  const usage = decodeUsage(field(json, "usage"));
  return {
    value: {
      id,
      model: stringOr(field(json, "model")) ?? "",
      ...createdOf(json),
      candidates,
      ...(usage ? { usage } : {}),
      ...withExt(unknownFields(json, topKeys)),
    },
    warnings: [],
  };
}

/** Top-level fields of an answer or a chunk that are read; all others are kept. */
export const topKeys: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created",
  "model",
  "choices",
  "usage",
  "error",
  // Random padding against eavesdroppers, new in every chunk.
  "obfuscation",
]);

/** Fields of a choice that are read; all others are kept with the candidate. */
export const choiceKeys: ReadonlySet<string> = new Set([
  "index",
  "message",
  "delta",
  "finish_reason",
  "usage",
  "text",
]);

/** Fields of a message or delta that are read; all others are kept with the candidate under `message`. */
export const messageKeys: ReadonlySet<string> = new Set([
  "role",
  "content",
  "refusal",
  "tool_calls",
  "function_call",
  "annotations",
  "audio",
  "images",
  "reasoning",
  "reasoning_content",
  "reasoning_details",
]);

/** `created` is in seconds. */
export function createdOf(json: JsonObject): { createdMs?: number } {
  const created = field(json, "created");
  return typeof created === "number" && created > 0 && created < 1e11
    ? { createdMs: Math.round(created * 1000) }
    : {};
}

export function indexOf(choice: JsonObject, fallback: number): number {
  const index = field(choice, "index");
  return typeof index === "number" && Number.isInteger(index) && index >= 0 ? index : fallback;
}

/** The stop string that ended the answer: vLLM `stop_reason`, SGLang `matched_stop` (both may hold a token id instead). */
export const stopSequenceOf = (choice: JsonObject): string | undefined =>
  stringOr(field(choice, "stop_reason")) ?? stringOr(field(choice, "matched_stop"));

function decodeChoice(choice: JsonObject, origin: Origin, id: string): Candidate {
  const found = field(choice, "message");
  const message = isObject(found) ? found : {};
  const parts = decodeMessage(message, origin, id);
  const stopSequence = stopSequenceOf(choice);
  const finish = decodeFinish(finishWord(choice), {
    calls: parts.some((part) => part.type === "tool-call"),
    refused: parts.some((part) => part.type === "refusal"),
    ...(stopSequence === undefined ? {} : { stopSequence }),
  });
  const extras = unknownFields(message, messageKeys);
  const kept = unknownFields(choice, choiceKeys);
  return { parts, finish, ...withExt(extras ? { ...kept, message: extras } : kept) };
}

/** A whole answer without a reason has ended all the same. */
const finishWord = (choice: JsonObject): string => stringOr(field(choice, "finish_reason")) ?? "";

function decodeMessage(message: JsonObject, origin: Origin, id: string): Part[] {
  const parts: Part[] = [
    ...decodeReasoning(message, origin),
    ...decodeContent(field(message, "content"), origin),
  ];
  attachCitations(parts, field(message, "annotations"));
  const refusal = stringOr(field(message, "refusal"));
  if (refusal) parts.push({ type: "refusal", text: refusal });
  parts.push(...decodeImages(field(message, "images")));
  const audio = decodeAudioAnswer(field(message, "audio"));
  if (audio) parts.push(audio);
  const calls = field(message, "tool_calls");
  if (Array.isArray(calls)) {
    for (const [index, call] of calls.filter(isObject).entries()) {
      parts.push(decodeCall(call, callId(id, index)));
    }
  }
  const legacy = field(message, "function_call");
  if (isObject(legacy) && stringOr(field(legacy, "name"))) {
    parts.push(decodeCall({ function: legacy }, callId(id, "function")));
  }
  return parts;
}

/** An id for a call that came without one: the same for the same answer, unlike any other answer's. */
export const callId = (answerId: string, index: number | string): string =>
  `call_${`${answerId}_${index}`.replace(/[^\w-]/g, "_").slice(-58)}`;

/** Content as a string, or as parts: Mistral's `thinking` among them. */
export function decodeContent(content: unknown, origin: Origin): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part): Part[] => {
    if (!isObject(part)) return [];
    const text = stringOr(field(part, "text"));
    const refusal = stringOr(field(part, "refusal"));
    switch (field(part, "type")) {
      case "text":
        return [{ type: "text", text: text ?? "" }];
      case "refusal":
        return [{ type: "refusal", text: refusal ?? "" }];
      case "thinking":
        return [
          decodeThinking(part, origin) ?? {
            type: "reasoning",
            text: thinkingText(field(part, "thinking")),
            origin,
          },
        ];
      case "image_url":
        return decodeImages([part]);
      default:
        return [opaque(part)];
    }
  });
}

function thinkingText(thinking: unknown): string {
  if (typeof thinking === "string") return thinking;
  if (!Array.isArray(thinking)) return "";
  return thinking
    .filter(isObject)
    .map((item) => stringOr(field(item, "text")) ?? "")
    .join("");
}

function attachCitations(parts: Part[], annotations: unknown): void {
  if (!Array.isArray(annotations) || annotations.length === 0) return;
  let text = parts.findLast((part): part is TextPart => part.type === "text");
  if (!text) parts.push((text = { type: "text", text: "" }));
  text.citations = annotations.map((raw: unknown) => ({ origin: dialectId, raw }));
}

/** OpenRouter's `images`: pictures that the model made. */
export function decodeImages(images: unknown): ImagePart[] {
  if (!Array.isArray(images)) return [];
  return images.filter(isObject).flatMap((image): ImagePart[] => {
    const found = field(image, "image_url");
    const url = stringOr(isObject(found) ? field(found, "url") : found);
    return url === undefined ? [] : [{ type: "image", source: sourceOfUrl(url, "image/png") }];
  });
}

const audioKeys = new Set(["data"]);

/** A spoken answer; its format is whatever the request asked for. */
export function decodeAudioAnswer(audio: unknown): AudioPart | undefined {
  if (!isObject(audio)) return undefined;
  const data = stringOr(field(audio, "data"));
  if (!data) return undefined;
  return {
    type: "audio",
    source: { kind: "base64", data, mediaType: "application/octet-stream" },
    ...withExt(unknownFields(audio, audioKeys)),
  };
}

const callKeys = new Set(["id", "type", "index", "function", "custom"]);

function decodeCall(call: JsonObject, fallbackId: string): ToolCallPart {
  const custom = field(call, "custom");
  const isCustom = field(call, "type") === "custom" && isObject(custom);
  const found = isCustom ? custom : field(call, "function");
  const called = isObject(found) ? found : {};
  return {
    type: "tool-call",
    id: stringOr(field(call, "id")) || fallbackId,
    name: stringOr(field(called, "name")) ?? "",
    args: argsOf(field(called, isCustom ? "input" : "arguments")),
    executor: "client",
    ...(isCustom ? { freeform: true } : {}),
    ...withExt(unknownFields(call, callKeys)),
  };
}

/** Some servers send the arguments as an object. */
export const argsOf = (value: unknown): string => {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
};
