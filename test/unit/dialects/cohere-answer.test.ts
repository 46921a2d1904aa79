// Answers of the cohere dialect, whole and streamed, both ways: plans, citations, usage, errors.
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { cohere } from "../../../src/dialects/cohere/index.ts";
import type { ChatResponse, Origin, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect, expand } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { eventsOf, written } from "../../support/dialect-fetch.ts";

const origin: Origin = { dialect: "cohere", provider: "acme", model: "up" };

let warnings: Warning[] = [];
const context: AnswerContext = {
  model: "shown",
  includeUsage: true,
  warn: (warning) => warnings.push(warning),
};
afterEach(() => {
  warnings = [];
});

const decode = (json: JsonObject): ChatResponse =>
  cohere.response.decode({ json, text: JSON.stringify(json) }, origin).value;
const encode = (parts: Part[], fields: Partial<ChatResponse> = {}): JsonObject =>
  JSON.parse(
    cohere.response.encode(
      { id: "r", model: "m", candidates: [{ parts, finish: { reason: "stop" } }], ...fields },
      context,
    ),
  );
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const frames = (...events: JsonObject[]): Uint8Array =>
  Buffer.from(
    events
      .map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`)
      .join(""),
  );
const streamed = (bytes: Uint8Array): ChatEvent[] => eventsOf(cohere, [bytes], origin);
const said = (type: string, message: JsonObject, index?: number): JsonObject => ({
  type,
  ...(index === undefined ? {} : { index }),
  delta: { message },
});
const errorIn = (events: readonly ChatEvent[]): GatewayError | undefined => {
  const last = events.at(-1);
  return last?.type === "error" ? last.error : undefined;
};
const call = (id: string, args: string): JsonObject => ({
  id,
  type: "function",
  function: { name: "f", arguments: args },
});
const cited = { start: 0, end: 1, text: "A", sources: [], type: "TEXT_CONTENT" };

const shared = {
  usage: {
    billed_units: { input_tokens: 10, output_tokens: 3 },
    tokens: { input_tokens: 110, output_tokens: 5 },
    cached_tokens: 104,
  },
};

describe("whole answers", () => {
  test("read: plan, thinking, text with citations, calls", () => {
    const answer = decode({
      id: "a1",
      message: {
        role: "assistant",
        tool_plan: "P",
        content: [
          { type: "thinking", thinking: "T" },
          { type: "text", text: "A" },
        ],
        citations: [cited],
        tool_calls: [call("t1", '{"a": 1.0}'), call("t2", "null")],
      },
      finish_reason: "TOOL_CALL",
      logprobs: [{ token_ids: [1] }],
      ...shared,
    });
    expect(plain(answer.candidates)).toEqual([
      {
        parts: [
          { type: "text", text: "P", ext: { cohere: {} } },
          { type: "reasoning", text: "T", origin },
          { type: "text", text: "A", citations: [{ origin: "cohere", raw: cited }] },
          { type: "tool-call", id: "t1", name: "f", args: '{"a": 1.0}', executor: "client" },
          // `null` is how a tool that takes nothing is called.
          { type: "tool-call", id: "t2", name: "f", args: "{}", executor: "client" },
        ],
        finish: { reason: "tool-calls", raw: "TOOL_CALL" },
        ext: { cohere: { logprobs: [{ token_ids: [1] }] } },
      },
    ]);
  });

  test("usage: what is billed counts; the cache first covers the preamble that is not billed", () => {
    const usageOf = (usage: JsonObject): unknown =>
      decode({ message: { content: [] }, finish_reason: "COMPLETE", usage }).usage;
    expect(usageOf(shared.usage)).toEqual({
      ...createUsage({ total: 10, cacheRead: 4 }, { total: 3 }),
      raw: shared.usage,
    });
    expect(usageOf({ ...shared.usage, cached_tokens: 50 })).toMatchObject({
      input: { total: 10, cacheRead: 0 },
    });
    expect(usageOf({ tokens: { input_tokens: 7, output_tokens: 2 } })).toMatchObject({
      input: { total: 7 },
      output: { total: 2 },
    });
    expect(usageOf({})).toBeUndefined();
  });

  test("a failure that came with status 200 is the provider's", () => {
    const codeOf = (json: JsonObject): unknown => {
      try {
        return decode(json);
      } catch (error) {
        return error instanceof GatewayError ? [error.code, error.message] : error;
      }
    };
    const empty = { message: { role: "assistant", content: [] } };
    expect(codeOf({ ...empty, finish_reason: "ERROR" })).toMatchObject([
      "upstream_unavailable",
      expect.any(String),
    ]);
    expect(codeOf({ ...empty, finish_reason: "TIMEOUT" })).toMatchObject([
      "upstream_timeout",
      expect.any(String),
    ]);
    expect(codeOf({ message: "too many tokens" })).toMatchObject([
      "upstream_rejected",
      "too many tokens",
    ]);
    expect(codeOf({})).toMatchObject(["upstream_invalid", expect.any(String)]);
  });

  test("written as they were read", () => {
    const json = {
      id: "a1",
      message: {
        role: "assistant",
        tool_plan: "P",
        content: [
          { type: "thinking", thinking: "T" },
          { type: "text", text: "A" },
        ],
        tool_calls: [call("t1", '{"a": 1.0}')],
        citations: [cited],
      },
      finish_reason: "TOOL_CALL",
      usage: {
        billed_units: { input_tokens: 1, output_tokens: 2 },
        tokens: { input_tokens: 1, output_tokens: 2 },
      },
      logprobs: [1],
    };
    expect(JSON.parse(cohere.response.encode(decode(json), context))).toEqual(json);
    expect(warnings).toEqual([]);
  });

  test("of another wire: web citations are mapped, what has no form is told", () => {
    const shown = encode([
      { type: "reasoning", text: "T", signature: "s", origin: { dialect: "anthropic-messages" } },
      {
        type: "text",
        text: "Hello",
        citations: [
          {
            origin: "openai-chat",
            raw: {
              type: "url_citation",
              url_citation: { url: "https://e.org", title: "E", start_index: 1, end_index: 3 },
            },
          },
          { origin: "gemini", raw: { chunk: 1 } },
        ],
      },
      { type: "refusal", text: "No." },
      { type: "image", source: { kind: "url", url: "https://e.org" } },
    ]);
    expect(shown["message"]).toEqual({
      role: "assistant",
      content: [
        { type: "thinking", thinking: "T" },
        { type: "text", text: "Hello" },
        { type: "text", text: "No." },
      ],
      citations: [
        {
          start: 1,
          end: 3,
          text: "el",
          sources: [
            {
              type: "document",
              id: "https://e.org",
              document: { id: "https://e.org", url: "https://e.org", title: "E" },
            },
          ],
          type: "TEXT_CONTENT",
        },
      ],
    });
    expect(warnings.map(({ field }) => field)).toEqual([
      "thinking.signature",
      "citations",
      "content[3]",
    ]);
  });

  test("finish reasons, both ways", () => {
    const table: [word: string, reason: string, again: string][] = [
      ["COMPLETE", "stop", "COMPLETE"],
      ["STOP_SEQUENCE", "stop", "STOP_SEQUENCE"],
      ["MAX_TOKENS", "length", "MAX_TOKENS"],
      ["TOOL_CALL", "tool-calls", "TOOL_CALL"],
      ["ERROR_TOXIC", "content-filter", "ERROR_TOXIC"],
      ["SOMETHING", "other", "COMPLETE"],
    ];
    for (const [word, reason, last] of table) {
      const answer = decode({ message: {}, finish_reason: word });
      const shown = JSON.parse(cohere.response.encode(answer, context));
      expect([answer.candidates[0]?.finish.reason, shown.finish_reason]).toEqual([
        reason,
        last,
      ] as never);
    }
  });
});

const events = [
  { type: "message-start", id: "a1", ...said("message-start", { role: "assistant", content: [] }) },
  said("tool-plan-delta", { tool_plan: "P1" }),
  said("tool-plan-delta", { tool_plan: "P2" }),
  said("content-start", { content: { type: "thinking", thinking: "" } }, 0),
  said("content-delta", { content: { thinking: "T" } }, 0),
  { type: "content-end", index: 0 },
  said("content-start", { content: { type: "text", text: "" } }, 1),
  { ...said("content-delta", { content: { text: "A" } }, 1), logprobs: { token_ids: [1] } },
  said("citation-start", { citations: cited }, 0),
  { type: "citation-end", index: 0 },
  said("content-delta", { content: { text: "B" } }, 1),
  { type: "content-end", index: 1 },
  said("citation-start", { citations: { ...cited, start: 1 } }, 1),
  { type: "citation-end", index: 1 },
  said("tool-call-start", { tool_calls: call("t1", "") }, 0),
  said("tool-call-delta", { tool_calls: { function: { arguments: '{"a"' } } }, 0),
  said("tool-call-delta", { tool_calls: { function: { arguments: ": 1.0}" } } }, 0),
  { type: "tool-call-end", index: 0 },
  said("tool-call-start", { tool_calls: call("t2", "nu") }, 1),
  said("tool-call-delta", { tool_calls: { function: { arguments: "ll" } } }, 1),
  { type: "tool-call-end", index: 1 },
  { type: "message-end", delta: { finish_reason: "TOOL_CALL", ...shared } },
];
const done = Buffer.from("data: [DONE]\n\n");

describe("streams", () => {
  test("read: as the whole answer would have been", () => {
    const answer = collect(streamed(Buffer.concat([frames(...events), done])));
    expect(answer.id).toBe("a1");
    expect(plain(answer.candidates)).toEqual([
      {
        parts: [
          { type: "text", text: "P1P2", ext: { cohere: {} } },
          { type: "reasoning", text: "T", origin },
          {
            type: "text",
            text: "AB",
            citations: [
              { origin: "cohere", raw: cited },
              { origin: "cohere", raw: { ...cited, start: 1 } },
            ],
          },
          { type: "tool-call", id: "t1", name: "f", args: '{"a": 1.0}', executor: "client" },
          { type: "tool-call", id: "t2", name: "f", args: "{}", executor: "client" },
        ],
        finish: { reason: "tool-calls", raw: "TOOL_CALL" },
        ext: { cohere: { logprobs: [{ token_ids: [1] }] } },
      },
    ]);
    expect(answer.usage).toMatchObject({ input: { total: 10, cacheRead: 4 } });
  });

  test("read: arguments that only begin like `null` are not held back for ever", () => {
    const begun = [
      said("tool-call-start", { tool_calls: call("t", "") }, 0),
      said("tool-call-delta", { tool_calls: { function: { arguments: "nu" } } }, 0),
      said("tool-call-delta", { tool_calls: { function: { arguments: "x" } } }, 0),
      { type: "tool-call-end", index: 0 },
      { type: "message-end", delta: { finish_reason: "TOOL_CALL" } },
    ];
    expect(collect(streamed(frames(...begun))).candidates[0]?.parts[0]).toMatchObject({
      args: "nux",
    });
  });

  test("read: an end that tells of a failure, an end too early, garbage", () => {
    const start = frames(...events.slice(0, 8));
    const failed = frames({
      type: "message-end",
      delta: { finish_reason: "ERROR", error: "model overloaded" },
    });
    expect(errorIn(streamed(Buffer.concat([start, failed])))).toMatchObject({
      code: "upstream_unavailable",
      message: "model overloaded",
    });
    expect(errorIn(streamed(start))?.code).toBe("upstream_invalid");
    expect(errorIn(streamed(Buffer.from("data: <\n\n")))?.code).toBe("upstream_invalid");
    expect(errorIn(streamed(Buffer.from('data: {"message":"no","error":"bad"}\n\n')))?.code).toBe(
      "upstream_unavailable",
    );
  });

  test("read: the same events wherever the stream is cut, whatever the line ends", () => {
    const text = Buffer.concat([frames(...events), done]).toString();
    const whole = streamed(Buffer.from(text));
    for (const end of ["\n", "\r\n"]) {
      const bytes = Buffer.from(text.replaceAll("\n", end));
      for (let at = 0; at <= bytes.length; at += 7) {
        expect(eventsOf(cohere, [bytes.subarray(0, at), bytes.subarray(at)], origin)).toEqual(
          whole,
        );
      }
    }
  });

  test("any frame at all gives events, never a throw", () => {
    const types = fc.constantFrom(...events.map(({ type }) => type), "error", "debug");
    const value = fc.oneof(fc.jsonValue(), fc.record({ message: fc.jsonValue() }));
    fc.assert(
      fc.property(fc.array(fc.tuple(types, value)), (list) => {
        const found = streamed(frames(...list.map(([type, delta]) => ({ type, delta, index: 0 }))));
        expect(["error", "end"]).toContain(found.at(-1)?.type ?? "");
      }),
    );
  });

  test("written: Cohere's own events, in its order", () => {
    const encoder = cohere.stream.encoder(context);
    const answer = collect(streamed(frames(...events)));
    const shown = expand(answer).flatMap((event) => encoder.push(event));
    expect(shown.map(({ event }) => event)).toEqual([
      "message-start",
      "tool-plan-delta",
      "content-start",
      "content-delta",
      "content-end",
      "content-start",
      "content-delta",
      "citation-start",
      "citation-end",
      "citation-start",
      "citation-end",
      "content-end",
      "tool-call-start",
      "tool-call-delta",
      "tool-call-end",
      "tool-call-start",
      "tool-call-delta",
      "tool-call-end",
      "message-end",
      undefined,
    ]);
    expect(shown.at(-1)?.data).toBe("[DONE]");
    expect(JSON.parse(shown.at(-2)?.data ?? "")).toEqual({
      type: "message-end",
      delta: {
        finish_reason: "TOOL_CALL",
        usage: {
          billed_units: { input_tokens: 10, output_tokens: 3 },
          tokens: { input_tokens: 10, output_tokens: 3 },
          cached_tokens: 4,
        },
        logprobs: [{ token_ids: [1] }],
      },
    });
    expect(warnings).toEqual([]);
  });

  test("written: an error ends the stream in the wire's own way, without `[DONE]`", () => {
    const encoder = cohere.stream.encoder(context);
    const error = new GatewayError("upstream_unavailable", "gone");
    const [frame, ...others] = encoder.push({ type: "error", error });
    expect(JSON.parse(frame?.data ?? "")).toEqual({
      type: "message-end",
      delta: { finish_reason: "ERROR", error: "gone" },
    });
    expect([...others, ...encoder.push({ type: "end" })]).toEqual([]);
  });

  test("what is written is read back", () => {
    const part = fc.oneof(
      fc.string().map((text): Part => ({ type: "text", text })),
      fc.string().map((text): Part => ({ type: "reasoning", text, origin })),
      fc
        .string()
        .map((args): Part => ({ type: "tool-call", id: "c", name: "f", args, executor: "client" })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.nat(99), (parts, total) => {
        const answer: ChatResponse = {
          id: "x",
          model: "",
          candidates: [{ parts, finish: { reason: "length" } }],
          usage: createUsage({ total }, { total: 1 }),
        };
        const back = collect(streamed(written(cohere, expand(answer), context)));
        const isNull = (item: Part): Part =>
          item.type === "tool-call" && item.args === "null" ? { ...item, args: "{}" } : item;
        expect(back.candidates[0]?.parts).toEqual(parts.map(isNull));
        expect(back.candidates[0]?.finish.reason).toBe("length");
        expect(back.usage?.input.total).toBe(total);
      }),
    );
  });
});

describe("errors", () => {
  test("of a server: its own words and those of its neighbours", () => {
    const of = (status: number, body: string): GatewayError =>
      cohere.error.decode(status, new Headers(), body);
    expect(of(400, '{"id":"e1","message":"invalid request"}')).toMatchObject({
      code: "upstream_rejected",
      message: "invalid request",
    });
    expect(of(401, '{"message":"invalid api token"}').code).toBe("upstream_auth");
    expect(of(429, '{"message":"trial limit"}').code).toBe("upstream_rate_limited");
    expect(of(400, '{"detail":"Model x is not supported."}').message).toBe(
      "Model x is not supported.",
    );
    expect(of(500, "oops").code).toBe("upstream_unavailable");
  });

  test("for a client", () => {
    const error = new GatewayError("model_not_found", "no such model");
    expect(JSON.parse(cohere.error.encode(error, "req_1"))).toEqual({
      id: "req_1",
      message: "no such model",
    });
  });
});
