// An Ollama server's whole answer, from `/api/chat` or `/api/generate`, read into the internal representation.
// https://docs.ollama.com/api/chat#response
import type { ChatResponse, Origin, Part, ToolCallPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError } from "./error.ts";
import { decodeFinish } from "./finish.ts";
import { imageOf } from "./images.ts";
import { countKeys, decodeUsage } from "./usage.ts";
import { withExt } from "./wire.ts";

/** @throws GatewayError `upstream_invalid` when this is no answer; the upstream's own error when it says one. */
export function decodeResponse(body: Body, origin: Origin): Decoded<ChatResponse> {
  const { json, text } = body;
  if (field(json, "error") !== undefined) throw decodeInlineError(json);
  const message = field(json, "message");
  if (!isObject(message) && typeof field(json, "response") !== "string") {
    throw invalidAnswer("The provider's answer has neither `message` nor `response`.", text);
  }
  const said = saidIn(json);
  const parts: Part[] = [];
  if (said.thinking) parts.push({ type: "reasoning", text: said.thinking, origin });
  if (said.text) parts.push({ type: "text", text: said.text });
  parts.push(...said.images.map(imageOf), ...decodeCalls(json, text));
  const calls = parts.some((part) => part.type === "tool-call");
  const usage = decodeUsage(json);
  const extras = { ...unknownFields(json, topKeys), ...unknownFields(said.message, messageKeys) };
  return {
    value: {
      id: createId("chat"),
      model: stringOr(field(json, "model")) ?? "",
      ...createdOf(json),
      candidates: [
        {
          parts,
          finish: decodeFinish(stringOr(field(json, "done_reason")), calls),
          ...withExt(extras),
        },
      ],
      ...(usage ? { usage } : {}),
    },
    warnings: [],
  };
}

/** Top-level fields of an answer or a stream's line that are read; all others are kept. */
export const topKeys: ReadonlySet<string> = new Set([
  "model",
  "created_at",
  "message",
  "response",
  "thinking",
  "tool_calls",
  "done",
  "done_reason",
  ...countKeys,
]);

/** Fields of a message that are read; all others are kept. */
export const messageKeys: ReadonlySet<string> = new Set([
  "role",
  "content",
  "thinking",
  "images",
  "tool_calls",
]);

interface Said {
  message: JsonObject;
  text: string;
  thinking: string;
  /** Base64 of pictures that the model made. */
  images: string[];
}

/** What an answer or a line says, in either form. */
export function saidIn(json: JsonObject): Said {
  const found = field(json, "message");
  const message = isObject(found) ? found : {};
  const images = field(message, "images");
  return {
    message,
    text: stringOr(field(message, "content")) ?? stringOr(field(json, "response")) ?? "",
    thinking: stringOr(field(message, "thinking")) ?? stringOr(field(json, "thinking")) ?? "",
    images: Array.isArray(images) ? images.filter((item) => typeof item === "string") : [],
  };
}

/** With fractions of a second down to nanoseconds, of which milliseconds are kept. */
export function createdOf(json: JsonObject): { createdMs?: number } {
  const created = Date.parse(stringOr(field(json, "created_at")) ?? "");
  return created > 0 ? { createdMs: created } : {};
}

const callKeys = new Set(["id", "type", "function"]);

/** Calls are always whole; their arguments are kept as they are spelt. Older servers give no ids. */
export function decodeCalls(json: JsonObject, text: string): ToolCallPart[] {
  const { message } = saidIn(json);
  const isInMessage = field(message, "tool_calls") !== undefined;
  const found = field(isInMessage ? message : json, "tool_calls");
  if (!Array.isArray(found) || found.length === 0) return [];
  const place = isInMessage ? ["message", "tool_calls"] : ["tool_calls"];
  const spelt = new Map(
    rawAt(text, [...place, "*", "function", "arguments"]).map((item) => [
      item.path[place.length],
      item.text,
    ]),
  );
  return found.flatMap((call: unknown, index): ToolCallPart[] => {
    if (!isObject(call)) return [];
    const named = field(call, "function");
    const called = isObject(named) ? named : {};
    const args = field(called, "arguments");
    return [
      {
        type: "tool-call",
        id: stringOr(field(call, "id")) || createId("call"),
        name: stringOr(field(called, "name")) ?? "",
        args: stringOr(args) ?? (args === undefined ? "" : (spelt.get(index) ?? "")),
        executor: "client",
        ...withExt(unknownFields(call, callKeys)),
      },
    ];
  });
}
