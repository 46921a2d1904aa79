// Reads what an upstream was sent, whichever wire it speaks.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { UpstreamName } from "./conversation.ts";

const objects = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : [];

const texts = (content: unknown): string[] =>
  typeof content === "string"
    ? [content]
    : objects(content).flatMap(({ text }) => (typeof text === "string" ? [text] : []));

/** The system prompt's pieces. */
export function systemTexts(upstream: UpstreamName, body: JsonObject): string[] {
  return upstream === "anthropic"
    ? texts(body["system"])
    : objects(body["messages"])
        .filter(({ role }) => role === "system" || role === "developer")
        .flatMap(({ content }) => texts(content));
}
