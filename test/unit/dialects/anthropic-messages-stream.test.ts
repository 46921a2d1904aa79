// Streams and whole answers of Anthropic Messages: the vendor's order, usage, faults, foreign reasoning.
import { describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import { carriesSeal } from "../../../src/dialects/reasoning-seal.ts";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import type { ChatResponse, Origin, Part, ReasoningPart } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent, Delta } from "../../../src/ir/event.ts";
import { collect, expand } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { checkStreamOrder } from "../../support/anthropic-stream-order.ts";

const origin: Origin = { dialect: "anthropic-messages", provider: "anthropic", model: "claude" };

function contextOf(rest: Partial<AnswerContext> = {}): AnswerContext & { warnings: Warning[] } {
  const warnings: Warning[] = [];
  return {
    model: "asked",
    includeUsage: true,
    warn: (warning) => warnings.push(warning),
    warnings,
    ...rest,
  };
}

const encode = (events: readonly ChatEvent[], context: AnswerContext = contextOf()): Frame[] => {
  const encoder = anthropicMessages.stream.encoder(context);
  return events.flatMap((event) => encoder.push(event));
};
const decode = (frames: readonly Frame[]): ChatEvent[] => {
  const decoder = anthropicMessages.stream.decoder(origin);
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
};
const json = ({ data }: Frame): Record<string, ReturnType<typeof JSON.parse>> => JSON.parse(data);
const names = (frames: readonly Frame[]): (string | undefined)[] =>
  frames.map(({ event }) => event);
const framesOf = (...events: JsonObject[]): Frame[] =>
  events.map((event) => ({ event: String(event["type"]), data: JSON.stringify(event) }));

const start: ChatEvent = { type: "start", id: "chatcmpl-1", model: "gpt" };
const begin = (index: number, part: Part): ChatEvent => ({
  type: "part-start",
  candidate: 0,
  index,
  part,
});
const delta = (index: number, change: Delta): ChatEvent => ({
  type: "part-delta",
  candidate: 0,
  index,
  delta: change,
});
const done = (index: number): ChatEvent => ({ type: "part-end", candidate: 0, index });
const finish = (reason: "stop" | "tool-calls" | "length" = "stop"): ChatEvent => ({
  type: "finish",
  candidate: 0,
  finish: { reason },
});
const end: ChatEvent = { type: "end" };
const usage = (input: number, output: number): ChatEvent => ({
  type: "usage",
  usage: createUsage({ total: input, cacheRead: 2 }, { total: output, reasoning: 1 }),
});
const call = (id: string): Part => ({
  type: "tool-call",
  id,
  name: "f",
  args: "",
  executor: "client",
});
const args = (text: string): Delta => ({ type: "args", args: text });

describe("encoder", () => {
  test("interleaved parallel calls become blocks one after another", () => {
    const frames = encode(
      [
        start,
        begin(0, { type: "text", text: "" }),
        delta(0, { type: "text", text: "Let " }),
        begin(1, call("call_a")),
        begin(2, call("call_b")),
        delta(1, args('{"x"')),
        delta(2, args('{"y"')),
        delta(0, { type: "text", text: "me" }),
        done(0),
        delta(1, args(":1}")),
        delta(2, args(":2}")),
        done(1),
        done(2),
        finish("tool-calls"),
        usage(10, 5),
        end,
      ],
      contextOf({ inputTokens: 9 }),
    );
    expect(checkStreamOrder(frames)).toEqual([]);
    const answer = collect(decode(frames));
    expect(answer.candidates[0]?.parts).toMatchObject([
      { type: "text", text: "Let me" },
      { type: "tool-call", id: "call_a", args: '{"x":1}' },
      { type: "tool-call", id: "call_b", args: '{"y":2}' },
    ]);
    expect(answer.candidates[0]?.finish.reason).toBe("tool-calls");
    // The best that is known at the start, the truth at the end.
    expect(json(frames[0]!)["message"]).toMatchObject({
      id: "msg_chatcmpl-1",
      usage: { input_tokens: 9 },
    });
    expect(json(frames.at(-2)!)).toMatchObject({
      delta: { stop_reason: "tool_use", stop_sequence: null },
      usage: {
        input_tokens: 8,
        cache_read_input_tokens: 2,
        output_tokens: 5,
        output_tokens_details: { thinking_tokens: 1 },
      },
    });
  });

  test("text shows at once, piece by piece", () => {
    const encoder = anthropicMessages.stream.encoder(contextOf());
    expect(encoder.push(start)).toEqual([]);
    expect(names(encoder.push(begin(0, { type: "text", text: "" })))).toEqual(["message_start"]);
    expect(names(encoder.push(delta(0, { type: "text", text: "a" })))).toEqual([
      "content_block_start",
      "content_block_delta",
    ]);
    expect(names(encoder.push(delta(0, { type: "text", text: "b" })))).toEqual([
      "content_block_delta",
    ]);
  });

  test("an empty text makes no block: sent back it would be refused", () => {
    const frames = encode([start, begin(0, { type: "text", text: "" }), done(0), finish(), end]);
    expect(names(frames)).toEqual(["message_start", "message_delta", "message_stop"]);
  });

  test("a call without arguments, stop by a sequence, several answers", () => {
    const context = contextOf();
    const frames = encode(
      [
        start,
        begin(0, call("functions.f:0")),
        done(0),
        { type: "part-start", candidate: 1, index: 0, part: { type: "text", text: "other" } },
        { type: "finish", candidate: 0, finish: { reason: "stop", stopSequence: "END" } },
        end,
      ],
      context,
    );
    expect(checkStreamOrder(frames)).toEqual([]);
    expect(json(frames.at(-2)!)["delta"].stop_reason).toBe("tool_use");
    expect(context.warnings).toHaveLength(1);
    const stopped = encode([
      start,
      { type: "finish", candidate: 0, finish: { reason: "stop", stopSequence: "END" } },
      end,
    ]);
    expect(json(stopped.at(-2)!)["delta"]).toEqual({
      stop_reason: "stop_sequence",
      stop_sequence: "END",
    });
  });

  test("an error ends the stream, whatever comes after", () => {
    const error = new GatewayError("upstream_unavailable", "busy", {
      upstream: { type: "overloaded_error" },
    });
    const frames = encode([start, { type: "error", error }, begin(0, call("a")), end]);
    expect(frames).toEqual([
      {
        event: "error",
        data: '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}',
      },
    ]);
  });

  test("pings pass, but not before the message", () => {
    expect(encode([{ type: "ping" }])).toEqual([]);
    expect(names(encode([start, { type: "ping" }]))).toEqual(["message_start", "ping"]);
    expect(anthropicMessages.stream.keepAlive(contextOf())).toEqual({
      event: "ping",
      data: '{"type": "ping"}',
    });
  });

  test("another provider's refusal is text with a refusal's reason", () => {
    const frames = encode([
      start,
      begin(0, { type: "refusal", text: "" }),
      delta(0, { type: "refusal", text: "No." }),
      done(0),
      { type: "finish", candidate: 0, finish: { reason: "refusal" } },
      end,
    ]);
    expect(checkStreamOrder(frames)).toEqual([]);
    expect(json(frames.at(-2)!)["delta"].stop_reason).toBe("refusal");
    expect(collect(decode(frames)).candidates[0]?.parts).toEqual([{ type: "text", text: "No." }]);
  });
});

/** What the vendor's own SDK makes of frames. */
async function readBySdk(frames: readonly Frame[]): Promise<Anthropic.Message> {
  const body = frames.map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`).join("");
  const headers = { "content-type": "text/event-stream" };
  const client = new Anthropic({
    apiKey: "k",
    maxRetries: 0,
    fetch: async () => new Response(body, { headers }),
  });
  const messages = [{ role: "user" as const, content: "hi" }];
  return client.messages.stream({ model: "m", max_tokens: 9, messages }).finalMessage();
}

describe("the vendor's SDK", () => {
  test("reads foreign reasoning, parallel calls and usage", async () => {
    const reasoning: Part = { type: "reasoning", text: "", origin: { dialect: "openai-chat" } };
    const frames = encode([
      start,
      begin(0, reasoning),
      delta(0, { type: "reasoning", text: "hm" }),
      done(0),
      begin(1, call("a")),
      begin(2, call("b")),
      delta(2, args('{"y":2}')),
      delta(1, args('{"x":1}')),
      done(1),
      done(2),
      finish("tool-calls"),
      usage(10, 5),
      end,
    ]);
    const message = await readBySdk(frames);
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "hm" },
      { type: "tool_use", id: "a", input: { x: 1 } },
      { type: "tool_use", id: "b", input: { y: 2 } },
    ]);
    expect(message.stop_reason).toBe("tool_use");
    expect(message.usage).toMatchObject({ input_tokens: 8, output_tokens: 5 });
  });

  test("throws on an error in the stream", async () => {
    const error = new GatewayError("upstream_invalid", "broke off");
    const text = begin(0, { type: "text", text: "half" });
    const frames = encode([start, text, { type: "error", error }]);
    const failure = await readBySdk(frames).catch((thrown: unknown) => String(thrown));
    expect(failure).toContain("broke off");
  });
});

describe("decoder", () => {
  const head = {
    type: "message_start",
    message: {
      id: "msg_1",
      model: "claude",
      content: [],
      usage: { input_tokens: 5, output_tokens: 1 },
    },
  };

  test("usage is cumulative, cached tokens count once", () => {
    const events = decode(
      framesOf(
        {
          ...head,
          message: {
            ...head.message,
            usage: {
              input_tokens: 5,
              cache_read_input_tokens: 100,
              cache_creation_input_tokens: 30,
              cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
              output_tokens: 1,
            },
          },
        },
        {
          type: "message_delta",
          delta: { stop_reason: "end_turn" },
          usage: {
            output_tokens: 9,
            output_tokens_details: { thinking_tokens: 4 },
            server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
          },
        },
        { type: "message_stop" },
      ),
    );
    expect(collect(events).usage).toMatchObject({
      input: { total: 135, cacheRead: 100, cacheWrite5m: 10, cacheWrite1h: 20 },
      output: { total: 9, reasoning: 4 },
      serverTools: { web_search: 2 },
    });
  });

  test("B09: odd usage never turns negative", () => {
    const body = {
      content: [],
      usage: { input_tokens: -5, output_tokens: null, cache_read_input_tokens: "7" },
    };
    expect(anthropicMessages.usage("chat", body)).toMatchObject({
      input: { total: 0, cacheRead: 0 },
      output: { total: 0 },
    });
    expect(anthropicMessages.usage("chat", {})).toBeUndefined();
    expect(anthropicMessages.usage("count-tokens", { input_tokens: 4 })).toBeUndefined();
  });

  test.each([
    ["overloaded_error", "upstream_unavailable"],
    ["api_error", "upstream_unavailable"],
    ["rate_limit_error", "upstream_rate_limited"],
    ["authentication_error", "upstream_auth"],
    ["timeout_error", "upstream_timeout"],
    ["invalid_request_error", "upstream_rejected"],
    ["new_error", "upstream_unavailable"],
  ])("R13: an error event of type %s is %s", (type, code) => {
    const events = decode(framesOf(head, { type: "error", error: { type, message: "x" } }, head));
    const last = events.at(-1);
    expect(last?.type === "error" ? last.error.code : "").toBe(code as never);
    expect(events).toHaveLength(3);
  });

  test.each([
    ["no JSON", [{ data: "<html>" }]],
    ["an array", [{ data: "[]" }]],
    [
      "a block before the message",
      framesOf({ type: "content_block_start", index: 0, content_block: {} }),
    ],
    [
      "a delta without a block",
      framesOf(head, { type: "content_block_delta", index: 0, delta: { type: "text_delta" } }),
    ],
    ["a block without content", framesOf(head, { type: "content_block_start", index: 0 })],
    ["an end without a beginning", framesOf({ type: "message_stop" })],
    ["nothing at all", []],
    ["deep nesting (S47)", [{ data: `{"type":"x","a":${"[".repeat(5000)}` }]],
  ])("garbage becomes an error event: %s", (_name, frames) => {
    const last = decode(frames).at(-1);
    expect(last?.type === "error" ? last.error.code : "").toBe("upstream_invalid");
  });

  test("names may be missing, unknown events and blocks are kept", () => {
    const frames = framesOf(
      head,
      { type: "news", x: 1 },
      { type: "content_block_start", index: 0, content_block: { type: "hologram", data: "a" } },
      { type: "content_block_delta", index: 0, delta: { type: "hologram_delta", data: "b" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "later" }, usage: {} },
      { type: "message_stop" },
    ).map(({ data }) => ({ data }));
    const events = decode(frames);
    expect(events).toContainEqual({
      type: "opaque",
      origin: "anthropic-messages",
      raw: { type: "news", x: 1 },
    });
    const { candidates } = collect(events);
    expect(candidates[0]?.parts).toEqual([
      { type: "opaque", origin: "anthropic-messages", raw: { type: "hologram", data: "ab" } },
    ]);
    expect(candidates[0]?.finish).toEqual({ reason: "other", raw: "later" });
  });

  test("argument pieces pass as they are, an unspoken input is an empty object", () => {
    const events = decode(
      framesOf(
        head,
        {
          type: "content_block_start",
          index: 0,
          content_block: { type: "tool_use", id: "a", name: "f", input: {} },
        },
        {
          type: "content_block_delta",
          index: 0,
          delta: { type: "input_json_delta", partial_json: '{"n": 1.0' },
        },
        {
          type: "content_block_delta",
          index: 0,
          delta: { type: "input_json_delta", partial_json: "}" },
        },
        { type: "content_block_stop", index: 0 },
        {
          type: "content_block_start",
          index: 1,
          content_block: { type: "tool_use", id: "b", name: "f", input: {} },
        },
        { type: "content_block_stop", index: 1 },
        { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 2 } },
        { type: "message_stop" },
      ),
    );
    expect(collect(events).candidates[0]?.parts).toMatchObject([
      { args: '{"n": 1.0}' },
      { args: "{}" },
    ]);
  });
});

describe("arguments of a streamed call", () => {
  const shown = (...pieces: string[]): string[] =>
    encode([
      start,
      begin(0, call("t")),
      ...pieces.map((piece) => delta(0, args(piece))),
      done(0),
      finish("tool-calls"),
      end,
    ])
      .map(json)
      .filter(({ type }) => type === "content_block_delta")
      .map((event) => event["delta"].partial_json);

  test.each([
    [
      ['{"a"', ": 1.0}"],
      ['{"a"', ": 1.0}"],
    ],
    [
      ["  ", "{", "}"],
      ["  {", "}"],
    ],
    // Not an object: wrapped in one, as in a whole answer.
    [["[1", ",2.0]"], ['{"input":[1,2.0]}']],
    [['"tex', 't"'], ['{"input":"text"}']],
    [["plain ", "words"], ['{"input":"plain words"}']],
    [[" ", ""], []],
    [[], []],
    // Told as it came: its end is not known when it begins.
    [['{"cut": "of'], ['{"cut": "of']],
  ])("%j are told as %j", (pieces, expected) => {
    expect(shown(...pieces)).toEqual(expected);
  });
});

describe("whole answers", () => {
  const decodeWhole = (body: JsonObject): ChatResponse =>
    anthropicMessages.response.decode({ json: body, text: JSON.stringify(body) }, origin).value;
  const encodeWhole = (
    response: ChatResponse,
    context = contextOf(),
  ): ReturnType<typeof JSON.parse> =>
    JSON.parse(anthropicMessages.response.encode(response, context));

  test("another provider's answer in this wire's form", () => {
    const context = contextOf();
    const shown = encodeWhole(
      {
        id: "chatcmpl-1",
        model: "",
        candidates: [
          {
            parts: [
              { type: "text", text: "a", citations: [{ origin: "openai-chat", raw: {} }] },
              { type: "reasoning", text: "hm", origin: { dialect: "openai-chat" } },
              { ...call("call_1"), args: '{"n":1.0}' } as Part,
              { type: "image", source: { kind: "url", url: "x" } },
            ],
            finish: { reason: "stop" },
            ext: { "openai-chat": { logprobs: {} } },
          },
        ],
        usage: createUsage({ total: 10, cacheRead: 4 }, { total: 3 }),
      },
      context,
    );
    expect(shown).toMatchObject({
      id: "msg_chatcmpl-1",
      type: "message",
      role: "assistant",
      model: "asked",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "a" },
        { type: "tool_use", id: "call_1", name: "f", input: { n: 1 } },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 3 },
    });
    expect(context.warnings.map(({ field }) => field).toSorted()).toEqual([
      "citations",
      "content[3]",
      "logprobs",
    ]);
  });

  test.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "pause"],
    ["refusal", "refusal"],
    ["model_context_window_exceeded", "context-window"],
    ["compaction", "other"],
  ])("stop reason %s is %s and comes back", (word, reason) => {
    const body = {
      content: [],
      stop_reason: word,
      stop_sequence: word === "stop_sequence" ? "x" : null,
    };
    const value = decodeWhole(body);
    expect(value.candidates[0]?.finish.reason).toBe(reason as never);
    expect(encodeWhole(value)).toMatchObject({ stop_reason: word });
  });

  test("R15: what is no answer is an error, an error in a 200 is that error", () => {
    expect(() => decodeWhole({ hello: 1 })).toThrow("no `content`");
    expect(() =>
      decodeWhole({ type: "error", error: { type: "overloaded_error", message: "busy" } }),
    ).toThrow("busy");
  });

  test("foreign reasoning finds its way home, and to nobody else", () => {
    const foreign: ReasoningPart = {
      type: "reasoning",
      text: "hm",
      signature: "sig",
      origin: { dialect: "openai-chat", provider: "openrouter", model: "a/b" },
      ext: { "openai-chat": { id: "rs_1", format: "x" } },
    };
    const hidden: ReasoningPart = { ...foreign, text: "", signature: undefined, encrypted: "enc" };
    const response: ChatResponse = {
      id: "x",
      model: "m",
      candidates: [{ parts: [foreign, hidden], finish: { reason: "stop" } }],
    };
    const { content } = encodeWhole(response);
    expect(content.map(({ type }: JsonObject) => type)).toEqual(["thinking", "redacted_thinking"]);
    const streamed = encode(expand(response));
    expect(checkStreamOrder(streamed)).toEqual([]);
    const request = {
      model: "m",
      max_tokens: 5,
      messages: [{ role: "assistant", content }],
    };
    const text = JSON.stringify(request);
    expect(carriesSeal(new TextEncoder().encode(text))).toBe(true);
    expect(carriesSeal(new TextEncoder().encode('{"signature":"c2ln","text":"megallm."}'))).toBe(
      false,
    );
    const { value } = anthropicMessages.request.decode({ json: request, text });
    expect(JSON.parse(JSON.stringify(value.messages[0]?.parts))).toEqual(
      JSON.parse(JSON.stringify([foreign, hidden])),
    );
    const { body, warnings } = anthropicMessages.request.encode(value, {
      provider: "anthropic",
      model: "claude-opus-5",
      quirks: {},
      facts: {},
    });
    expect(body).not.toContain("megallm");
    expect(warnings.length).toBeGreaterThan(0);
  });

  test("what the provider says of a refusal reaches clients of every wire", () => {
    const details = { type: "refusal", category: "cyber", explanation: "Not this." };
    const value = decodeWhole({ content: [], stop_reason: "refusal", stop_details: details });
    expect(value.candidates[0]?.parts).toMatchObject([{ type: "refusal", text: "Not this." }]);
    expect(encodeWhole(value)).toMatchObject({ content: [], stop_details: details });
  });
});
