// Bedrock's Converse: one JSON answer, or events by their type.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import type { Payload } from "../payloads.ts";
import {
  addresses,
  count,
  type Finish,
  inside,
  list,
  object,
  type Reader,
  realCalls,
  spellingOf,
  text,
  type Told,
  type ToldUsage,
} from "./told.ts";

const finishes: Readonly<Record<string, Finish>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  malformed_model_output: "stop",
  malformed_tool_use: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  guardrail_intervened: "filtered",
  content_filtered: "filtered",
};

function usageOf(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const cacheRead = count(value["cacheReadInputTokens"]);
  const cacheWrite = count(value["cacheWriteInputTokens"]);
  return {
    input: count(value["inputTokens"]) + cacheRead + cacheWrite,
    cacheRead,
    cacheWrite,
    output: count(value["outputTokens"]),
    reasoning: 0,
  };
}

interface Block {
  text: string;
  reasoning: string;
  /** Undefined for what is no call of a client's tool. */
  name?: string;
  args: string;
  urls: unknown[];
  image: string;
}

const isClients = (call: JsonObject): boolean =>
  call["type"] === undefined || call["type"] === "tool_use";

const urlOf = (citation: unknown): unknown => inside(citation, "location", "web", "url");

/** Binary members are bytes where the SDK has parsed them. */
const dataOf = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString("base64") : text(value);

function fromBlocks(blocks: readonly Block[], word: string, usage: unknown): Told {
  return {
    text: blocks.map((block) => block.text).join(""),
    reasoning: blocks.map((block) => block.reasoning).join(""),
    calls: realCalls(blocks.map(({ name = "", args }) => ({ name, args }))),
    citations: addresses(blocks.flatMap(({ urls }) => urls)),
    images: blocks.map(({ image }) => image).filter((data) => data !== ""),
    isRefused: false,
    finish: finishes[word] ?? "none",
    usage: usageOf(usage),
  };
}

function whole(payload: Payload): Told {
  const place = ["output", "message", "content"];
  const spelling = spellingOf(payload, [...place, "*", "toolUse", "input"]);
  const blocks = list(inside(payload.json, ...place)).map((block, at): Block => {
    const call = object(block["toolUse"]);
    const cited = object(block["citationsContent"]);
    return {
      text:
        text(block["text"]) +
        list(cited["content"])
          .map((part) => text(part["text"]))
          .join(""),
      reasoning: text(inside(block["reasoningContent"], "reasoningText", "text")),
      ...(isClients(call) && call["name"] !== undefined ? { name: text(call["name"]) } : {}),
      args: spelling([...place, at, "toolUse", "input"], call["input"]),
      urls: list(cited["citations"]).map(urlOf),
      image: dataOf(inside(block["image"], "source", "bytes")),
    };
  });
  return fromBlocks(blocks, text(payload.json["stopReason"]), payload.json["usage"]);
}

function stream(payloads: readonly Payload[]): Told {
  const blocks = new Map<number, Block>();
  let word = "";
  let usage: unknown;
  for (const { json } of payloads) {
    const start = object(json["contentBlockStart"]);
    const change = object(json["contentBlockDelta"]);
    const at = count(start["contentBlockIndex"] ?? change["contentBlockIndex"]);
    const block = blocks.get(at) ?? { text: "", reasoning: "", args: "", urls: [], image: "" };
    const call = inside(start, "start", "toolUse");
    if (isObject(call) && isClients(call)) block.name = text(call["name"]);
    const delta = object(change["delta"]);
    block.text += text(delta["text"]);
    block.reasoning += text(inside(delta["reasoningContent"], "text"));
    block.args += text(inside(delta["toolUse"], "input"));
    block.image += dataOf(inside(delta["image"], "source", "bytes"));
    block.urls.push(urlOf(delta["citation"]));
    if ("contentBlockStart" in json || "contentBlockDelta" in json) blocks.set(at, block);
    word = text(inside(json["messageStop"], "stopReason")) || word;
    usage = inside(json["metadata"], "usage") ?? usage;
  }
  const sorted = [...blocks].toSorted(([one], [other]) => one - other);
  return fromBlocks(
    sorted.map(([, block]) => block),
    word,
    usage,
  );
}

const common = new Set(["text", "reasoningContent", "toolUse", "citationsContent", "image"]);

export const bedrock: Reader = {
  whole,
  stream,
  failure(json) {
    const name = Object.keys(json).find((key) => /exception$/i.test(key));
    return name === undefined ? undefined : { message: text(inside(json, name, "message")) };
  },
  strangers(json) {
    const blocks = list(inside(json, "output", "message", "content"));
    const started = object(inside(json, "contentBlockStart", "start"));
    const cited = [
      ...blocks.flatMap((block) => list(inside(block, "citationsContent", "citations"))),
      ...list([inside(json, "contentBlockDelta", "delta", "citation")]),
    ];
    return [
      ...blocks
        .flatMap((block) => Object.keys(block))
        .filter((key) => !common.has(key) && key !== "type"),
      ...Object.keys(started).filter((key) => !common.has(key)),
      ...[...blocks, started]
        .map((block) => object(block["toolUse"]))
        .filter((call) => !isClients(call))
        .map((call) => text(call["type"])),
      ...(cited.some((note) => urlOf(note) === undefined) ? ["citations"] : []),
    ];
  },
};
