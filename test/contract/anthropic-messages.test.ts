// Recorded Anthropic traffic through the dialect and back: nothing may get lost.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { anthropicMessages } from "../../src/dialects/anthropic-messages/index.ts";
import type { AnswerContext, Target } from "../../src/dialects/dialect.ts";
import type { ChatResponse, Origin } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { collect, expand } from "../../src/ir/fold.ts";
import type { Frame } from "../../src/lib/frame.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { createSseParser } from "../../src/lib/sse.ts";
import { checkStreamOrder } from "../support/anthropic-stream-order.ts";

interface Exchange {
  id: string;
  model?: string | null;
  stream: boolean;
  request: { body?: JsonObject } | null;
  response: { status: number; headers?: Record<string, string>; body?: unknown };
  /** The whole answer that a stream amounts to (own fixtures only). */
  truth?: JsonObject;
}

const own = "test/contract/fixtures/anthropic-messages";
const shared = "../shared/wire";
const clients = "../shared/clients";

function load(folder: string, name: RegExp): Exchange[] {
  const files = readdirSync(folder).filter((file) => name.test(file));
  return files.flatMap((file) => {
    const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
    const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
    const lines = text.trimEnd().split("\n");
    return lines.map((line): Exchange => JSON.parse(line));
  });
}

const exchanges = load(own, /\.jsonl$/);
if (existsSync(shared)) exchanges.push(...load(shared, /\.anthropic\.messages\.jsonl\.gz$/));
else console.log(`skipped: ${shared} is not here; the project's own fixtures are tested alone`);

const origin: Origin = { dialect: "anthropic-messages", provider: "recorded" };
const targetOf = (model: unknown): Target => ({
  provider: "recorded",
  model: String(model),
  quirks: {},
  facts: {},
});
const context = (): AnswerContext => ({ model: "any", includeUsage: true, warn: () => {} });

const bodyOf = (json: JsonObject): { json: JsonObject; text: string } => ({
  json,
  text: JSON.stringify(json),
});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const textBlocks = (value: unknown): unknown[] =>
  typeof value === "string" ? (value === "" ? [] : [{ type: "text", text: value }]) : list(value);

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

/** Blocks whose optional fields say the default. */
function normaliseBlock(block: unknown): unknown {
  if (!isObject(block)) return block;
  const { is_error: isError, ...rest } = block;
  const kept = isError === false && block["type"] === "tool_result" ? rest : block;
  const content = kept["type"] === "tool_result" ? textBlocks(kept["content"]) : undefined;
  const cited = Array.isArray(kept["citations"]) && kept["citations"].length === 0;
  const { citations, ...uncited } = kept;
  return {
    ...(cited ? uncited : { ...uncited, citations }),
    ...(content ? { content: content.map(normaliseBlock) } : {}),
  };
}

/** Forms that mean the same on this wire, brought to one of them. */
function normaliseRequest(body: JsonObject): unknown {
  const { stream, tools, system, messages, ...rest } = withoutNulls(body) as JsonObject;
  const { output_format: format, output_config: config, ...fields } = rest;
  const turns: { role: unknown; content: unknown[] }[] = [];
  for (const message of list(messages).filter(isObject)) {
    const blocks = textBlocks(message["content"]).map(normaliseBlock);
    const last = turns.at(-1);
    const isResult = (block: unknown): boolean =>
      isObject(block) && block["type"] === "tool_result";
    // Turns of one role are one turn, in which results stand first.
    if (last && last.role === message["role"] && last.role !== "system") {
      last.content.push(...blocks);
    } else turns.push({ ...message, role: message["role"], content: blocks });
    const turn = turns.at(-1);
    if (turn?.role === "user") {
      turn.content = [
        ...turn.content.filter(isResult),
        ...turn.content.filter((block) => !isResult(block)),
      ];
    }
  }
  return withoutNulls({
    ...fields,
    stream: stream === true,
    system: textBlocks(system),
    messages: turns,
    tools: list(tools)
      .filter(isObject)
      .map((tool) => withoutCustom(tool)),
    output_config: format === undefined ? config : { format, ...(isObject(config) ? config : {}) },
  });
}

const withoutCustom = ({ type, ...tool }: JsonObject): JsonObject =>
  type === "custom" ? tool : { type, ...tool };

const zeroable = ["output_tokens_details", "server_tool_use"];

function normaliseUsage(usage: unknown): unknown {
  const { ...counts } = withoutNulls(usage ?? {}) as JsonObject;
  for (const key of zeroable) {
    const value = counts[key];
    if (!isObject(value)) continue;
    const kept = Object.entries(value).filter(([, count]) => count !== 0);
    if (kept.length === 0) delete counts[key];
    else counts[key] = Object.fromEntries(kept);
  }
  const written = Number(counts["cache_creation_input_tokens"] ?? 0);
  return {
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 },
    ...counts,
  };
}

function normaliseResponse(body: JsonObject): unknown {
  const { usage, content, ...rest } = body;
  return withoutNulls({
    ...(withoutNulls(rest) as JsonObject),
    usage: normaliseUsage(usage),
    content: list(content).map(normaliseBlock),
  });
}

const framesOf = (text: string): Frame[] => {
  const parser = createSseParser();
  return [...parser.push(new TextEncoder().encode(text)), ...parser.end()];
};

const decodeStream = (frames: readonly Frame[]): ChatEvent[] => {
  const decoder = anthropicMessages.stream.decoder(origin);
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
};

const encodeStream = (events: readonly ChatEvent[]): Frame[] => {
  const encoder = anthropicMessages.stream.encoder(context());
  return events.flatMap((event) => encoder.push(event));
};

/** The meaning of an answer, without what differs between a stream and a whole answer. */
const essence = (response: ChatResponse): unknown => {
  const { raw: _, ...usage } = response.usage ?? {};
  return withoutNulls(JSON.parse(JSON.stringify({ ...response, usage })));
};

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** What SDKs make of a stream: the message that the frames build up, done here independently of the decoder. */
function assemble(frames: readonly Frame[]): JsonObject | undefined {
  let message: JsonObject | undefined;
  const content: JsonObject[] = [];
  const inputs = new Map<number, string>();
  for (const { data } of frames) {
    const event = JSON.parse(data) as JsonObject;
    const index = Number(event["index"]);
    const block = content[index];
    const delta = (event["delta"] ?? {}) as JsonObject;
    switch (event["type"]) {
      case "message_start":
        message = { ...(event["message"] as JsonObject) };
        content.push(...(list(message["content"]) as JsonObject[]));
        break;
      case "content_block_start":
        content[index] = { ...(event["content_block"] as JsonObject) };
        break;
      case "content_block_delta": {
        if (!block) return undefined;
        const { type, ...more } = delta;
        if (type === "text_delta") block["text"] = text(block["text"]) + text(delta["text"]);
        else if (type === "thinking_delta") {
          block["thinking"] = text(block["thinking"]) + text(delta["thinking"]);
        } else if (type === "citations_delta") {
          block["citations"] = [...list(block["citations"]), delta["citation"]];
        } else if (type === "input_json_delta") {
          inputs.set(index, (inputs.get(index) ?? "") + text(delta["partial_json"]));
        } else Object.assign(block, more);
        break;
      }
      case "message_delta": {
        const { type: _type, delta: _delta, usage, ...rest } = event;
        const before = (message?.["usage"] ?? {}) as JsonObject;
        message = { ...message, ...rest, ...delta, usage: { ...before, ...(usage as JsonObject) } };
        break;
      }
      default:
    }
  }
  for (const [index, input] of inputs) {
    if (input !== "" && content[index]) content[index]["input"] = JSON.parse(input);
  }
  return message && { ...message, content };
}

/** Streams recorded with a fault in them, as their authors meant it. */
const broken = new Set(["ver-19d297c64b"]);

test("requests decode and encode back to themselves", () => {
  const bodies = exchanges.flatMap(({ id, request }) =>
    request?.body ? [{ id, body: request.body }] : [],
  );
  const differing: string[] = [];
  for (const { id, body } of bodies) {
    const { value, warnings } = anthropicMessages.request.decode(bodyOf(body), "chat");
    const encoded = anthropicMessages.request.encode(value, targetOf(body["model"]));
    const back = normaliseRequest(JSON.parse(encoded.body));
    if (!Bun.deepEquals(back, normaliseRequest(body), true)) differing.push(id);
    expect(warnings).toEqual([]);
  }
  console.log(`requests: ${bodies.length}, differing: ${differing.length} ${differing.join(" ")}`);
  for (const id of differing.slice(0, 1)) {
    const body = bodies.find((item) => item.id === id)?.body ?? {};
    const { value } = anthropicMessages.request.decode(bodyOf(body));
    const encoded = anthropicMessages.request.encode(value, targetOf(body["model"]));
    expect(normaliseRequest(JSON.parse(encoded.body))).toEqual(normaliseRequest(body));
  }
});

test("whole answers decode and encode back to themselves", () => {
  const answers = exchanges.flatMap(({ id, response }) =>
    response.status === 200 && isObject(response.body) ? [{ id, body: response.body }] : [],
  );
  let count = 0;
  for (const { id, body } of answers) {
    const { value } = anthropicMessages.response.decode(bodyOf(body), origin);
    const back = JSON.parse(anthropicMessages.response.encode(value, context())) as JsonObject;
    const wanted = { stop_reason: "end_turn", ...(withoutNulls(body) as JsonObject) };
    expect({ id, back: normaliseResponse(back) }).toEqual({ id, back: normaliseResponse(wanted) });
    expect(essence(collect(expand(value)))).toEqual(essence(value));
    count += 1;
  }
  console.log(`whole answers: ${count}, differing: 0`);
});

test("a decoded stream is the whole answer, and encodes to a stream in the vendor's order", () => {
  let count = 0;
  let events = 0;
  for (const { id, response, truth } of exchanges) {
    if (response.status !== 200 || typeof response.body !== "string" || broken.has(id)) continue;
    const frames = framesOf(response.body);
    const decoded = decodeStream(frames);
    const assembled = truth ?? assemble(frames);
    if (!assembled) throw new Error(`${id} cannot be assembled`);
    const whole = anthropicMessages.response.decode(bodyOf(assembled), origin).value;
    const folded = collect(decoded);
    const clean = (value: ChatResponse): unknown => normaliseIr(essence(value));
    expect({ id, answer: clean(folded) }).toEqual({ id, answer: clean(whole) } as never);

    const encoded = encodeStream(decoded);
    expect({ id, problems: checkStreamOrder(encoded) }).toEqual({ id, problems: [] });
    expect({ id, answer: clean(collect(decodeStream(encoded))) }).toEqual({
      id,
      answer: clean(folded),
    } as never);
    // A whole answer can be streamed too, e.g. out of a cache.
    const replayed = encodeStream(expand(folded));
    expect({ id, problems: checkStreamOrder(replayed) }).toEqual({ id, problems: [] });
    count += 1;
    events += decoded.length;
  }
  console.log(`streams: ${count}, events: ${events}, differing: 0`);
});

/** Argument strings may differ in spacing where one of two was parsed on the way; empty texts show nothing. */
function normaliseIr(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normaliseIr);
  if (!isObject(value)) return value;
  const entries = Object.entries(value)
    .filter(([key, item]) => !(key === "citations" && Array.isArray(item) && item.length === 0))
    .map(([key, item]): [string, unknown] =>
      key === "args" && typeof item === "string"
        ? [key, JSON.parse(item === "" ? "{}" : item)]
        : key === "parts" && Array.isArray(item)
          ? [key, item.filter((part) => !isBlankText(part)).map(normaliseIr)]
          : [key, normaliseIr(item)],
    );
  return Object.fromEntries(entries);
}

const isBlankText = (part: unknown): boolean =>
  isObject(part) && part["type"] === "text" && part["text"] === "" && !("citations" in part);

test("a message within a message is no answer", () => {
  for (const { id, response } of exchanges) {
    if (!broken.has(id)) continue;
    expect(decodeStream(framesOf(String(response.body))).at(-1)?.type).toBe("error");
  }
});

describe("R12: a stream that breaks off", () => {
  test("never looks whole, wherever it is cut", () => {
    for (const { response, stream } of exchanges.slice(0, 60)) {
      if (!stream || typeof response.body !== "string") continue;
      const frames = framesOf(response.body);
      for (let length = 0; length < frames.length - 1; length += 1) {
        const events = decodeStream(frames.slice(0, length));
        expect(events.at(-1)?.type).toBe("error");
        expect(events.some((event) => event.type === "end")).toBe(false);
        const encoded = encodeStream(events);
        expect(checkStreamOrder(encoded, { mayFail: true })).toEqual([]);
        expect(encoded.at(-1)?.event).toBe("error");
      }
    }
  });
});

test("error answers decode and show the provider's words", () => {
  const errors = exchanges.filter(({ response }) => response.status >= 400);
  expect(errors.length).toBeGreaterThan(0);
  for (const { response } of errors) {
    const body = JSON.stringify(response.body);
    const error = anthropicMessages.error.decode(
      response.status,
      new Headers(response.headers),
      body,
    );
    expect(error.code).toBe("upstream_rejected");
    expect(error.status).toBe(response.status);
    const native = JSON.parse(anthropicMessages.error.encode(error, "req_2"));
    const said = response.body as { error: { type: string; message: string } };
    expect(native).toEqual({
      type: "error",
      error: { type: said.error.type, message: said.error.message },
      request_id: "req_2",
    });
  }
});

test("token-count requests decode without an output limit", () => {
  if (!existsSync(shared)) return console.log(`skipped: ${shared} is not here`);
  const counts = load(shared, /\.anthropic\.count_tokens\.jsonl\.gz$/);
  for (const { request } of counts) {
    if (!request?.body) continue;
    const { value } = anthropicMessages.request.decode(bodyOf(request.body), "count-tokens");
    expect(value.messages.length).toBeGreaterThan(0);
  }
  console.log(`token counts: ${counts.length}`);
});

test("real clients' requests decode", () => {
  if (!existsSync(clients)) return console.log(`skipped: ${clients} is not here`);
  let count = 0;
  let threads = 0;
  for (const name of ["claude-code", "anthropic-sdk", "ai-sdk"]) {
    const lines = readFileSync(`${clients}/${name}.jsonl`, "utf8").trimEnd().split("\n");
    for (const line of lines) {
      const { path, body } = JSON.parse(line) as { path?: string; body?: unknown };
      if (!path?.includes("/v1/messages") || !isObject(body)) continue;
      const operation = path.includes("count_tokens") ? "count-tokens" : "chat";
      count += 1;
      if (body["thread"]) {
        threads += 1;
        expect(() => anthropicMessages.request.decode(bodyOf(body), operation)).toThrow(
          GatewayError,
        );
        continue;
      }
      const { value } = anthropicMessages.request.decode(bodyOf(body), operation);
      const encoded = anthropicMessages.request.encode(value, targetOf(body["model"]));
      if (operation === "chat") {
        expect(normaliseRequest(JSON.parse(encoded.body))).toEqual(normaliseRequest(body) as never);
      }
    }
  }
  console.log(`client requests: ${count}, of these threads: ${threads}`);
  expect(threads).toBe(3);
});
