// Bedrock's stream: broken ones, exceptions, and the order in which it is written.
import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import { bedrockConverse } from "../../../src/dialects/bedrock-converse/index.ts";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import type { Origin, Part } from "../../../src/ir/chat.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect, expand } from "../../../src/ir/fold.ts";
import { setClock } from "../../../src/lib/clock.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const origin: Origin = {
  dialect: "bedrock-converse",
  provider: "bedrock",
  model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
};
const context = (warn: AnswerContext["warn"] = () => {}): AnswerContext => ({
  model: "m",
  includeUsage: true,
  warn,
});
const frame = (event: string, json: JsonObject): Frame => ({ event, data: JSON.stringify(json) });
const delta = (contentBlockIndex: number, change: JsonObject): Frame =>
  frame("contentBlockDelta", { contentBlockIndex, delta: change, p: "abc" });

function decode(frames: readonly Frame[], isEnded = true): ChatEvent[] {
  const decoder = bedrockConverse.stream.decoder(origin);
  return [...frames.flatMap((each) => decoder.push(each)), ...(isEnded ? decoder.end() : [])];
}

function encode(events: readonly ChatEvent[], warn?: AnswerContext["warn"]): Frame[] {
  const encoder = bedrockConverse.stream.encoder(context(warn));
  return events.flatMap((event) => encoder.push(event));
}

const start = frame("messageStart", { role: "assistant" });
const stop = frame("messageStop", { stopReason: "end_turn" });
const metadata = frame("metadata", {
  usage: { inputTokens: 3, outputTokens: 7, totalTokens: 12, cacheReadInputTokens: 2 },
  metrics: { latencyMs: 9 },
  trace: { promptRouter: { invokedModelId: "x" } },
});

describe("read", () => {
  test("text, as it comes", () => {
    expect(decode([start, delta(0, { text: "a" }), delta(0, { text: "b" })], false)).toMatchObject([
      { type: "start", model: "" },
      { type: "part-start", index: 0, part: { type: "text", text: "" } },
      { type: "part-delta", index: 0, delta: { type: "text", text: "a" } },
      { type: "part-delta", index: 0, delta: { type: "text", text: "b" } },
    ]);
  });

  test("the end: counts, finish and what else is told", () => {
    expect(decode([start, delta(0, { text: "a" }), stop, metadata]).slice(-4)).toMatchObject([
      { type: "part-end", index: 0 },
      { type: "usage", usage: { input: { total: 5, cacheRead: 2 }, output: { total: 7 } } },
      {
        type: "finish",
        finish: { reason: "stop", raw: "end_turn" },
        ext: { "bedrock-converse": { metrics: { latencyMs: 9 }, trace: {} } },
      },
      { type: "end" },
    ]);
  });

  test("without the counts it is whole all the same, without the stop it is not", () => {
    expect(decode([start, delta(0, { text: "a" }), stop]).at(-1)).toEqual({ type: "end" });
    expect(decode([start, delta(0, { text: "a" })]).at(-1)).toMatchObject({
      type: "error",
      error: { code: "upstream_invalid" },
    });
    expect(decode([]).at(-1)).toMatchObject({ error: { code: "upstream_invalid" } });
  });

  test.each<[name: string, frames: Frame[]]>([
    ["no JSON", [start, { event: "contentBlockDelta", data: "nope" }]],
    ["arguments of a call that never began", [start, delta(0, { toolUse: { input: "{}" } })]],
  ])("%s breaks it", (_name, frames) => {
    const events = decode([...frames, stop, metadata]);
    expect(events.at(-1)).toMatchObject({ type: "error", error: { code: "upstream_invalid" } });
  });

  test.each([
    ["throttlingException", "upstream_rate_limited"],
    ["validationException", "upstream_rejected"],
    ["internalServerException", "upstream_unavailable"],
    ["serviceUnavailableException", "upstream_unavailable"],
    ["modelTimeoutException", "upstream_timeout"],
  ])("the exception %s is %s, and nothing follows", (event, code) => {
    const exception: Frame = { event, data: '{"message":"no luck"}', exception: true };
    expect(decode([start, exception, stop, metadata]).slice(1)).toEqual([
      { type: "error", error: expect.objectContaining({ code, message: "no luck" }) },
    ]);
  });

  test("what the model's own server had said", () => {
    const data = JSON.stringify({
      message: "no",
      originalStatusCode: 429,
      originalMessage: "slow",
    });
    const [error] = decode([{ event: "modelStreamErrorException", data, exception: true }]);
    expect(error).toMatchObject({ error: { code: "upstream_rate_limited" } });
  });

  test("what comes before the start, unknown events, and the greeting", () => {
    const events = decode([
      frame("initial-response", {}),
      delta(0, { text: "a" }),
      frame("newEvent", { x: 1 }),
      stop,
      metadata,
    ]);
    expect(events.map(({ type }) => type)).toEqual([
      "start",
      "part-start",
      "part-delta",
      "opaque",
      "part-end",
      "usage",
      "finish",
      "end",
    ]);
  });

  test("Claude's thinking reaches Anthropic's clients with its signature", () => {
    const encoder = anthropicMessages.stream.encoder(context());
    const frames = decode([
      start,
      delta(0, { reasoningContent: { text: "hm" } }),
      delta(0, { reasoningContent: { signature: "si" } }),
      delta(0, { reasoningContent: { signature: "g" } }),
      frame("contentBlockStop", { contentBlockIndex: 0 }),
      delta(1, { text: "x" }),
      stop,
      metadata,
    ]).flatMap((event) => encoder.push(event));
    const data = frames.map((each) => each.data).join("\n");
    expect(data).toContain('{"type":"signature_delta","signature":"sig"}');
    expect(data).not.toContain("megallm.");
  });
});

describe("written", () => {
  const response = (parts: Part[]) =>
    expand({ id: "x", model: "m", candidates: [{ parts, finish: { reason: "stop" } }] });

  test("in AWS's order, with the time it took", () => {
    let time = 100;
    const restore = setClock({ monotonic: () => (time += 25) });
    const frames = encode(response([{ type: "text", text: "hi" }]));
    restore();
    expect(frames.map(({ event, data }) => [event, JSON.parse(data)])).toEqual([
      ["messageStart", { role: "assistant" }],
      ["contentBlockDelta", { delta: { text: "hi" }, contentBlockIndex: 0 }],
      ["contentBlockStop", { contentBlockIndex: 0 }],
      ["messageStop", { stopReason: "end_turn" }],
      [
        "metadata",
        { usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 }, metrics: { latencyMs: 25 } },
      ],
    ]);
  });

  test("parts without content have no block", () => {
    const frames = encode(
      response([
        { type: "text", text: "" },
        { type: "text", text: "a" },
      ]),
    );
    const indexes = frames.flatMap(({ data }) => JSON.parse(data).contentBlockIndex ?? []);
    expect(indexes).toEqual([0, 0]);
  });

  test("arguments that are no object are wrapped when they are whole", () => {
    const call = { type: "tool-call", id: "c", name: "f", executor: "client" } as const;
    const frames = encode(
      response([
        { ...call, args: "[1]" },
        { ...call, args: "patch", freeform: true },
        { ...call, args: "" },
      ]),
    );
    const inputs = frames.flatMap(({ data }) => JSON.parse(data).delta?.toolUse.input ?? []);
    expect(inputs).toEqual(['{"input":[1]}', '{"input":"patch"}', "{}"]);
  });

  test("what cannot be shown is told", () => {
    const told: string[] = [];
    const parts: Part[] = [
      { type: "audio", source: { kind: "base64", data: "AA==", mediaType: "audio/wav" } },
      { type: "tool-call", id: "s", name: "web_search", args: "{}", executor: "provider" },
      { type: "text", text: "x", citations: [{ origin: "openai-responses", raw: {} }] },
      { type: "opaque", origin: "gemini", raw: {} },
    ];
    encode(response(parts), ({ field }) => told.push(field));
    expect(told).toEqual(["content[0]", "content[1]", "citations", "content[3]"]);
  });

  test("a second candidate, a ping and whatever follows an error leave no trace", () => {
    const frames = encode([
      { type: "start", id: "x", model: "m" },
      { type: "ping" },
      { type: "part-start", candidate: 1, index: 0, part: { type: "text", text: "no" } },
      { type: "error", error: decodeError() },
      { type: "end" },
    ]);
    expect(frames.map(({ event }) => event)).toEqual(["messageStart", "validationException"]);
    expect(frames.at(-1)?.exception).toBe(true);
  });

  const decodeError = () => bedrockConverse.error.decode(400, new Headers(), '{"message":"no"}');

  test("a whole answer and its stream amount to the same", () => {
    const events = decode([
      start,
      delta(0, { reasoningContent: { redactedContent: Buffer.from("EroB").toString("base64") } }),
      frame("contentBlockStop", { contentBlockIndex: 0 }),
      frame("contentBlockStart", {
        contentBlockIndex: 1,
        start: { toolUse: { toolUseId: "t", name: "f" } },
      }),
      delta(1, { toolUse: { input: '{"a":1.0}' } }),
      frame("contentBlockStop", { contentBlockIndex: 1 }),
      frame("messageStop", { stopReason: "tool_use" }),
      metadata,
    ]);
    const answer = collect(events);
    const whole = bedrockConverse.response.encode(answer, context());
    expect(whole).toContain('"input":{"a":1.0}');
    const { value } = bedrockConverse.response.decode(
      { json: JSON.parse(whole), text: whole },
      origin,
    );
    expect(value.candidates).toEqual(answer.candidates);
  });
});
