// The messages in an answer's bytes, read without the gateway's code.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { Wire } from "./exchange.ts";

/** One JSON message; `text` is how it stands on the wire, absent where an SDK has parsed it. */
export interface Payload {
  json: JsonObject;
  text?: string;
  /** No JSON at all: handmade streams hold such. */
  isBroken?: true;
}

/** A body in one piece, or every message of a stream. */
export function payloadsOf(wire: Wire, bytes: Uint8Array, stream: boolean): Payload[] {
  if (!stream) return [payload(decoder.decode(bytes))];
  switch (wire) {
    case "bedrock-converse":
      return eventsOf(bytes).map(({ type, data }) => ({
        json: { [type]: JSON.parse(data) },
        text: `{${JSON.stringify(type)}:${data}}`,
      }));
    case "bedrock-invoke":
      return eventsOf(bytes).map(({ type, data }) => {
        const wrapped: unknown = JSON.parse(data);
        const inner = isObject(wrapped) ? wrapped["bytes"] : undefined;
        return typeof inner === "string"
          ? payload(Buffer.from(inner, "base64").toString("utf8"))
          : { json: { [type]: wrapped } };
      });
    case "ollama":
      return decoder
        .decode(bytes)
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map(payload);
    case "openai-chat":
    case "openai-responses":
    case "anthropic-messages":
    case "gemini":
    case "cohere":
      return dataOf(decoder.decode(bytes)).map(payload);
    default:
      return wire satisfies never;
  }
}

const decoder = new TextDecoder();

function payload(text: string): Payload {
  try {
    const json: unknown = JSON.parse(text);
    return { json: isObject(json) ? json : {}, text };
  } catch {
    return { json: {}, isBroken: true };
  }
}

/** The data of each server-sent event, but for `[DONE]`. */
export function dataOf(stream: string): string[] {
  const blocks = stream
    .replaceAll(/\r\n?/g, "\n")
    .replace(/^\u{feff}/u, "")
    .split(/\n\n+/);
  return blocks.flatMap((block) => {
    const lines = block.split("\n").filter((line) => line.startsWith("data:"));
    const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
    return data === "" || data === "[DONE]" ? [] : [data];
  });
}

/** AWS's binary messages: their type (of the event or the exception) and their payload. */
export function eventsOf(
  bytes: Uint8Array,
): { type: string; data: string; start: number; end: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: { type: string; data: string; start: number; end: number }[] = [];
  for (let start = 0; start < bytes.length;) {
    const [total, head] = [view.getUint32(start), view.getUint32(start + 4)];
    const headers = headersOf(bytes.subarray(start + 12, start + 12 + head));
    const data = decoder.decode(bytes.subarray(start + 12 + head, start + total - 4));
    const type = headers[":event-type"] ?? headers[":exception-type"] ?? "";
    events.push({ type, data, start, end: start + total });
    start += total;
  }
  return events;
}

/** Headers whose values are texts: all that these streams have. */
function headersOf(bytes: Uint8Array): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 1 + (bytes[at] ?? 0);
    const length = ((bytes[nameEnd + 1] ?? 0) << 8) | (bytes[nameEnd + 2] ?? 0);
    const valueEnd = nameEnd + 3 + length;
    const name = decoder.decode(bytes.subarray(at + 1, nameEnd));
    headers[name] = decoder.decode(bytes.subarray(nameEnd + 3, valueEnd));
    at = valueEnd;
  }
  return headers;
}
