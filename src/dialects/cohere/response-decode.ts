// A Cohere server's whole v2 chat answer read into the internal representation.
// https://docs.cohere.com/reference/chat#response
import type { Candidate, ChatResponse, Origin, Part, TextPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError } from "./error.ts";
import { decodeFinish, failureStatus } from "./finish.ts";
import { decodeUsage } from "./usage.ts";
import { dialectId, opaque, planPart, withExt } from "./wire.ts";

/** @throws GatewayError `upstream_invalid` when this is no answer; the upstream's own error when it says one. */
export function decodeResponse({ json, text }: Body, origin: Origin): Decoded<ChatResponse> {
  const message = field(json, "message");
  const word = stringOr(field(json, "finish_reason"));
  const failure = failureStatus(word);
  if (failure !== undefined) throw decodeInlineError(json, failure);
  if (!isObject(message)) {
    if (field(json, "error") !== undefined || typeof message === "string") {
      throw decodeInlineError(json);
    }
    throw invalidAnswer("The provider's answer has no `message`.", text);
  }
  const usage = decodeUsage(field(json, "usage"));
  return {
    value: {
      id: stringOr(field(json, "id")) || createId("chat"),
      // This wire does not tell.
      model: stringOr(field(json, "model")) ?? "",
      candidates: [decodeCandidate(json, message, origin)],
      ...(usage ? { usage } : {}),
      ...withExt(unknownFields(json, topKeys)),
    },
    warnings: [],
  };
}

const topKeys = new Set(["id", "model", "message", "finish_reason", "usage", "logprobs"]);
const messageKeys = new Set(["role", "content", "tool_plan", "tool_calls", "citations"]);

function decodeCandidate(json: JsonObject, message: JsonObject, origin: Origin): Candidate {
  const plan = stringOr(field(message, "tool_plan")) ?? "";
  const content = decodeContent(field(message, "content"), origin);
  const parts: Part[] = [...(plan === "" ? [] : [planPart(plan)]), ...content];
  attachCitations(parts, field(message, "citations"), content);
  parts.push(...decodeCalls(field(message, "tool_calls")));
  const calls = parts.some((part) => part.type === "tool-call");
  const logprobs = field(json, "logprobs");
  return {
    parts,
    finish: decodeFinish(stringOr(field(json, "finish_reason")), calls),
    ...withExt({
      ...unknownFields(message, messageKeys),
      ...(logprobs === undefined ? {} : { logprobs }),
    }),
  };
}

function decodeContent(content: unknown, origin: Origin): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).map((block): Part => {
    switch (field(block, "type")) {
      case "text":
        return { type: "text", text: stringOr(field(block, "text")) ?? "" };
      case "thinking":
        return { type: "reasoning", text: stringOr(field(block, "thinking")) ?? "", origin };
      default:
        return opaque(block);
    }
  });
}

/** A citation names the block that it is about; without a name it is about the text. */
function attachCitations(parts: Part[], citations: unknown, content: readonly Part[]): void {
  if (!Array.isArray(citations)) return;
  for (const raw of citations) {
    const index = isObject(raw) ? field(raw, "content_index") : undefined;
    const named = typeof index === "number" ? content[index] : undefined;
    let text = named?.type === "text" ? named : parts.findLast((part) => part.type === "text");
    if (!text) parts.push((text = { type: "text", text: "" } satisfies TextPart));
    (text.citations ??= []).push({ origin: dialectId, raw });
  }
}

const callKeys = new Set(["id", "type", "function"]);

function decodeCalls(calls: unknown): Part[] {
  if (!Array.isArray(calls)) return [];
  return calls.filter(isObject).map((call) => ({ ...decodeCallHead(call), args: argsOf(call) }));
}

/** A call without its arguments. */
export function decodeCallHead(call: JsonObject): Extract<Part, { type: "tool-call" }> {
  const called = field(call, "function");
  return {
    type: "tool-call",
    id: stringOr(field(call, "id")) || createId("call"),
    name: stringOr(isObject(called) ? field(called, "name") : undefined) ?? "",
    args: "",
    executor: "client",
    ...withExt(unknownFields(call, callKeys)),
  };
}

/** A tool that takes nothing is called with `null`. */
export const emptyArgs = "null";

export function argsOf(call: JsonObject): string {
  const called = field(call, "function");
  const args = isObject(called) ? field(called, "arguments") : undefined;
  const text = typeof args === "string" || args === undefined ? args : JSON.stringify(args);
  return text === emptyArgs ? "{}" : (text ?? "");
}
