// What an answer says, read off its wire without the gateway's code, so that the two can be compared.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { bytesOf, type Exchange, type Wire } from "./exchange.ts";
import { type Payload, payloadsOf } from "./payloads.ts";
import { anthropic } from "./told/anthropic.ts";
import { bedrock } from "./told/bedrock.ts";
import { cohere } from "./told/cohere.ts";
import { gemini } from "./told/gemini.ts";
import { ollama } from "./told/ollama.ts";
import { openai } from "./told/openai.ts";
import { responses } from "./told/responses.ts";
import { type Failure, type Reader, text, type Told } from "./told/told.ts";

export type { Told } from "./told/told.ts";

const readers: Readonly<Record<Wire, Reader>> = {
  "openai-chat": openai,
  "openai-responses": responses,
  "anthropic-messages": anthropic,
  gemini,
  ollama,
  "bedrock-converse": bedrock,
  cohere,
  "bedrock-invoke": anthropic,
};

/** What an answer says, from its JSON or its stream. */
export const tell = (wire: Wire, body: string | Uint8Array, stream: boolean): Told =>
  tellPayloads(
    wire,
    payloadsOf(wire, typeof body === "string" ? utf8.encode(body) : body, stream),
    stream,
  );

const utf8 = new TextEncoder();

/** {@link tell} of messages that are cut already. */
export function tellPayloads(wire: Wire, payloads: readonly Payload[], stream: boolean): Told {
  if (stream) return readers[wire].stream(payloads);
  const [whole = { json: {} }] = payloads;
  return readers[wire].whole(whole);
}

/** {@link tell} for the answer of a server that ends answers with calls or refusals with `stop`, as some do. */
export function tellLeniently(wire: Wire, body: string | Uint8Array, stream: boolean): Told {
  const told = tell(wire, body, stream);
  return wire === "openai-chat" ? lenient(told) : told;
}

/** Wires that have no word of their own for an answer that ends with calls. */
export const isSilentOfCalls = (wire: Wire): boolean =>
  wire === "gemini" || wire === "ollama" || wire === "openai-responses";

/** Servers that are known to say `stop` where their wire has a better word. */
export const isSloppy = (wire: Wire): boolean => wire === "openai-chat" || wire === "cohere";

/** An answer with calls ended for them, one that is refused was filtered. */
export function lenient(told: Told): Told {
  if (told.finish !== "stop") return told;
  const finish = told.calls.length > 0 ? "tool-calls" : told.isRefused ? "filtered" : "stop";
  return { ...told, finish };
}

/** The first error that a stream or a body tells. */
export function failureIn(
  wire: Wire,
  payloads: readonly Payload[],
): (Failure & { at: number }) | undefined {
  for (const [at, payload] of payloads.entries()) {
    const failure = payload.isBroken ? { message: "" } : readers[wire].failure(payload.json);
    if (failure) return { ...failure, at };
  }
  return undefined;
}

/** The message of an error body in a wire's own form; empty for any other body. */
export function nativeMessage(wire: Wire, body: unknown): string {
  if (!isObject(body)) return "";
  const { type, error, message } = body;
  const inner = isObject(error) ? error : {};
  switch (wire) {
    case "anthropic-messages":
      return type === "error" && typeof inner["type"] === "string" ? text(inner["message"]) : "";
    case "openai-chat":
    case "openai-responses":
      return "type" in inner && "code" in inner && "param" in inner ? text(inner["message"]) : "";
    case "gemini":
      return typeof inner["code"] === "number" && typeof inner["status"] === "string"
        ? text(inner["message"])
        : "";
    case "ollama":
      return text(error);
    case "bedrock-converse":
    case "bedrock-invoke":
    case "cohere":
      return text(message);
    default:
      return wire satisfies never;
  }
}

/** The message of an error body, whatever its wire. */
export function messageIn(body: unknown): string {
  if (!isObject(body)) return "";
  const { error, message, detail } = body;
  for (const said of [isObject(error) ? error["message"] : error, message, detail]) {
    if (typeof said === "string") return said;
  }
  return "";
}

/** What an answer holds that another wire has no form for: names of blocks and fields. */
export function onlyIn(wire: Wire, payloads: readonly Payload[]): string[] {
  const found = payloads.flatMap(({ json }) => readers[wire].strangers(json));
  return [...new Set(found)];
}

/** The messages of a recorded answer. */
export const recordedPayloads = (wire: Wire, exchange: Exchange, stream: boolean): Payload[] =>
  payloadsOf(wire, bytesOf(exchange), stream);

/** The JSON payloads of a stream of server-sent events. */
export const dataOf = (stream: string): JsonObject[] =>
  payloadsOf("openai-chat", utf8.encode(stream), true).map(({ json }) => json);
