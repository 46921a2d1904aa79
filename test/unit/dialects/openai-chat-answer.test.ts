// Whole answers of the openai-chat dialect, usage and finish reasons, both ways.
import { afterEach, describe, expect, test } from "bun:test";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatResponse, Finish, Origin, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import { setClock } from "../../../src/lib/clock.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const origin: Origin = { dialect: "openai-chat", provider: "acme", model: "up" };
const claude: Origin = { dialect: "anthropic-messages", provider: "claude", model: "a/b" };

const decode = (json: JsonObject): ChatResponse =>
  openaiChat.response.decode({ json, text: JSON.stringify(json) }, origin).value;

const answer = (
  message: JsonObject,
  choice: JsonObject = {},
  top: JsonObject = {},
): JsonObject => ({
  id: "c1",
  object: "chat.completion",
  created: 1_700_000_000,
  model: "m",
  choices: [{ index: 0, message, finish_reason: "stop", ...choice }],
  ...top,
});

const partsOf = (message: JsonObject): Part[] => decode(answer(message)).candidates[0]?.parts ?? [];

let warnings: Warning[] = [];
const context: AnswerContext = {
  model: "shown",
  includeUsage: true,
  warn: (warning) => warnings.push(warning),
};
afterEach(() => {
  warnings = [];
});

function encode(parts: Part[], fields: Partial<ChatResponse> = {}, finish?: Finish): JsonObject {
  const response: ChatResponse = {
    id: "r1",
    model: "m",
    candidates: [{ parts, finish: finish ?? { reason: "stop" } }],
    ...fields,
  };
  return JSON.parse(openaiChat.response.encode(response, context));
}

const messageOf = (json: JsonObject): JsonObject =>
  (json["choices"] as { message: JsonObject }[])[0]?.message ?? {};

describe("decoding", () => {
  test("every kind of content, in order", () => {
    const parts = partsOf({
      reasoning_content: "T",
      content: "A",
      annotations: [{ type: "url_citation", url_citation: { url: "u" } }],
      refusal: "no",
      images: [{ type: "image_url", image_url: { url: "data:image/png;base64,QQ==" } }],
      audio: { id: "au", data: "UQ==", transcript: "hi", expires_at: 1 },
      tool_calls: [
        { id: "a", type: "function", function: { name: "f", arguments: '{"n": 1.0}' } },
        { id: "b", type: "custom", custom: { name: "g", input: "free" } },
      ],
    });
    expect(parts).toMatchObject([
      { type: "reasoning", text: "T", origin },
      { type: "text", text: "A", citations: [{ origin: "openai-chat" }] },
      { type: "refusal", text: "no" },
      { type: "image", source: { kind: "base64", mediaType: "image/png" } },
      { type: "audio", source: { data: "UQ==" }, ext: { "openai-chat": { transcript: "hi" } } },
      { type: "tool-call", id: "a", name: "f", args: '{"n": 1.0}' },
      { type: "tool-call", id: "b", name: "g", args: "free", freeform: true },
    ]);
  });

  test("servers' oddities: content parts, thinking parts, argument objects, missing ids", () => {
    const parts = partsOf({
      content: [
        { type: "thinking", thinking: [{ type: "text", text: "T" }] },
        { type: "text", text: "A" },
        { type: "new_thing", x: 1 },
      ],
      tool_calls: [{ function: { name: "f", arguments: { a: 1 } } }, { function: { name: "g" } }],
      function_call: { name: "", arguments: "" },
    });
    expect(parts).toMatchObject([
      { type: "reasoning", text: "T" },
      { type: "text", text: "A" },
      { type: "opaque", raw: { type: "new_thing", x: 1 } },
      { type: "tool-call", id: "call_c1_0_0", args: '{"a":1}' },
      { type: "tool-call", id: "call_c1_0_1", args: "" },
    ]);
  });

  test("what it does not know stays with the answer and returns to a client of this wire", () => {
    const json = answer(
      {
        role: "assistant",
        content: "A",
        refusal: null,
        extra_content: { google: { thought_signature: "s" } },
      },
      { logprobs: { content: [{ token: "A" }] }, native_finish_reason: "end_turn" },
      { system_fingerprint: "fp", service_tier: "flex", provider: "X" },
    );
    expect(JSON.parse(openaiChat.response.encode(decode(json), context))).toEqual(json);
  });

  test.each([
    ["stop", {}, "stop"],
    ["length", {}, "length"],
    ["tool_calls", {}, "tool-calls"],
    ["function_call", {}, "tool-calls"],
    ["content_filter", {}, "content-filter"],
    ["eos", {}, "stop"],
    ["model_length", {}, "context-window"],
    ["insufficient_system_resource", {}, "other"],
    ["constructor", {}, "other"],
    ["", {}, "stop"],
    [null, {}, "stop"],
    ["stop", { tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }] }, "tool-calls"],
    ["length", { tool_calls: [{ id: "a", function: { name: "f", arguments: "{" } }] }, "length"],
    ["stop", { refusal: "no" }, "refusal"],
  ] as const)("finish %p with %j is %s", (finish, message, reason) => {
    const { candidates } = decode(answer({ ...message }, { finish_reason: finish }));
    expect(candidates[0]?.finish.reason).toBe(reason);
  });

  test("the stop string that ended the answer, not the stop token", () => {
    const finish = (choice: JsonObject) =>
      decode(answer({ content: "" }, choice)).candidates[0]?.finish;
    expect(finish({ stop_reason: "END" })).toEqual({
      reason: "stop",
      raw: "stop",
      stopSequence: "END",
    });
    expect(finish({ matched_stop: 151_645 })?.stopSequence).toBeUndefined();
  });

  test("several choices, in their own order", () => {
    const { candidates } = decode({
      id: "c",
      choices: [
        { index: 1, message: { content: "b" }, finish_reason: "stop" },
        { index: 0, message: { content: "a" }, finish_reason: "length" },
      ],
    });
    expect(candidates.map(({ parts }) => parts)).toMatchObject([[{ text: "a" }], [{ text: "b" }]]);
  });

  test.each([
    [{}, "upstream_invalid"],
    [{ choices: [] }, "upstream_invalid"],
    [{ choices: "no" }, "upstream_invalid"],
    [{ error: { message: "slow down", type: "rate_limit_error" } }, "upstream_rate_limited"],
    [{ error: "overloaded" }, "upstream_unavailable"],
    [{ error: { message: "bad", code: 400 } }, "upstream_rejected"],
  ] as [JsonObject, string][])("%j is no answer but %s (R13, R15)", (json, code) => {
    expect(() => decode(json)).toThrow(expect.objectContaining({ name: "GatewayError", code }));
    expect(() => decode(json)).toThrow(GatewayError);
  });

  test("an empty `error` beside an answer is none", () => {
    expect(decode(answer({ content: "A" }, {}, { error: {} })).candidates).toHaveLength(1);
  });
});

describe("encoding", () => {
  test("text, reasoning with proof, calls", () => {
    const message = messageOf(
      encode(
        [
          { type: "reasoning", text: "Hm", signature: "sig", origin: claude },
          { type: "reasoning", text: "", encrypted: "enc", origin: claude },
          { type: "text", text: "A" },
          { type: "text", text: "B" },
          { type: "tool-call", id: "t", name: "f", args: '{"a":1.0}', executor: "client" },
        ],
        {},
        { reason: "tool-calls" },
      ),
    );
    expect(message).toEqual({
      role: "assistant",
      content: "AB",
      refusal: null,
      reasoning_content: "Hm",
      reasoning_details: [
        {
          type: "reasoning.text",
          text: "Hm",
          signature: "sig",
          format: "anthropic-messages",
          index: 0,
          id: "megallm/anthropic-messages/claude/a%2Fb/",
        },
        {
          type: "reasoning.encrypted",
          data: "enc",
          format: "anthropic-messages",
          index: 1,
          id: "megallm/anthropic-messages/claude/a%2Fb/",
        },
      ],
      tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: '{"a":1.0}' } }],
    });
  });

  test("a client that echoes the message keeps another wire's signatures alive", () => {
    const parts: Part[] = [
      { type: "reasoning", text: "Hm", signature: "sig", origin: claude },
      { type: "reasoning", text: "", encrypted: "enc", origin: claude },
      { type: "text", text: "A" },
    ];
    const json = { model: "m", messages: [messageOf(encode(parts))] };
    const { messages } = openaiChat.request.decode({ json, text: "" }).value;
    expect(messages).toEqual([{ role: "assistant", parts, place: "messages[0]" }]);
  });

  test("a client may send a detail back in the pieces that a stream told it in", () => {
    const encoder = openaiChat.stream.encoder({ model: "m", includeUsage: false, warn: () => {} });
    const part = { type: "reasoning" as const, text: "", origin: claude };
    const events: ChatEvent[] = [
      { type: "start", id: "i", model: "m" },
      ...[0, 1].flatMap((index): ChatEvent[] => [
        { type: "part-start", candidate: 0, index, part },
        { type: "part-delta", candidate: 0, index, delta: { type: "reasoning", text: "H" } },
        {
          type: "part-delta",
          candidate: 0,
          index,
          delta: { type: "reasoning", text: `m${index}` },
        },
        { type: "part-delta", candidate: 0, index, delta: { type: "signature", signature: "s" } },
        { type: "part-end", candidate: 0, index },
      ]),
    ];
    const pieces = events
      .flatMap((event) => encoder.push(event))
      .flatMap(({ data }) => JSON.parse(data).choices[0].delta.reasoning_details ?? []);
    expect(pieces).toHaveLength(6);
    const json = { model: "m", messages: [{ role: "assistant", reasoning_details: pieces }] };
    const { messages } = openaiChat.request.decode({ json, text: "" }).value;
    expect(messages[0]?.parts).toEqual([
      { type: "reasoning", text: "Hm0", signature: "s", origin: claude },
      { type: "reasoning", text: "Hm1", signature: "s", origin: claude },
    ]);
  });

  test("a body with reasoning that the gateway gave to the client is not relayed", () => {
    const isForeign = (value: unknown, quirks = {}): boolean =>
      openaiChat.carriesForeign?.(new TextEncoder().encode(JSON.stringify(value)), quirks) ?? false;
    const message = messageOf(
      encode([{ type: "reasoning", text: "Hm", signature: "s", origin: claude }]),
    );
    expect(isForeign({ messages: [message] })).toBe(true);
    const slashes = JSON.stringify(message).replaceAll("/", "\\/");
    expect(openaiChat.carriesForeign?.(new TextEncoder().encode(slashes), {})).toBe(true);
    const plain = { role: "assistant", content: "A", reasoning_content: "Hm" };
    expect(isForeign({ messages: [plain] })).toBe(false);
    expect(isForeign({ messages: [plain] }, { refusesReasoning: true })).toBe(true);
    const quoted = { role: "user", content: '"reasoning_content" and "megallm/x"' };
    expect(isForeign({ messages: [quoted] }, { refusesReasoning: true })).toBe(false);
  });

  test("an origin in the id that is not ours, or forged, changes nothing", () => {
    for (const id of ["rs_1", "megallm/x", "megallm/%E0%A4/a/b/c", "megallm/a/b/c/d/e"]) {
      const detail = { type: "reasoning.text", text: "x", signature: "s", id };
      const json = { model: "m", messages: [{ role: "assistant", reasoning_details: [detail] }] };
      const { messages } = openaiChat.request.decode({ json, text: "" }).value;
      expect(messages[0]?.parts).toMatchObject([{ origin: { dialect: "openai-chat" } }]);
    }
  });

  test("plain reasoning of this wire stays plain", () => {
    const message = messageOf(encode([{ type: "reasoning", text: "T", origin }]));
    expect(message).toMatchObject({ content: null, reasoning_content: "T" });
    expect(message).not.toHaveProperty("reasoning_details");
  });

  test.each([
    [{ reason: "stop" }, "stop"],
    [{ reason: "length" }, "length"],
    [{ reason: "tool-calls" }, "tool_calls"],
    [{ reason: "content-filter" }, "content_filter"],
    [{ reason: "refusal", raw: "refusal" }, "content_filter"],
    [{ reason: "refusal", raw: "stop" }, "stop"],
    [{ reason: "pause" }, "stop"],
    [{ reason: "context-window" }, "length"],
    [{ reason: "other", raw: "odd" }, "stop"],
  ] as [Finish, string][])("finish %j is %s", (finish, word) => {
    const [choice] = encode([], {}, finish)["choices"] as JsonObject[];
    expect(choice?.["finish_reason"]).toBe(word);
  });

  test("model, time and usage", () => {
    const restore = setClock({ now: () => 1_700_000_123_456 });
    const usage = createUsage(
      { total: 100, cacheRead: 60, cacheWrite5m: 10, cacheWrite1h: 5 },
      { total: 20, reasoning: 8 },
    );
    expect(encode([], { model: "", usage })).toMatchObject({
      model: "shown",
      created: 1_700_000_123,
      usage: {
        prompt_tokens: 100,
        completion_tokens: 20,
        total_tokens: 120,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 15, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 8, audio_tokens: 0 },
      },
    });
    restore();
    expect(encode([], { createdMs: 5000 })["created"]).toBe(5);
  });

  test("citations of another wire become annotations when they name an address", () => {
    const message = messageOf(
      encode([
        { type: "text", text: "Say " },
        {
          type: "text",
          text: "this",
          citations: [
            { origin: "anthropic-messages", raw: { url: "https://example.com", title: "E" } },
            { origin: "anthropic-messages", raw: { document_index: 1 } },
          ],
        },
      ]),
    );
    expect(message["annotations"]).toEqual([
      {
        type: "url_citation",
        url_citation: { url: "https://example.com", title: "E", start_index: 4, end_index: 8 },
      },
    ]);
    expect(warnings.map(({ field }) => field)).toEqual(["citations"]);
  });

  test("what cannot be shown is warned of, once", () => {
    const call = (id: string): Part => ({
      type: "tool-call",
      id,
      name: "web_search",
      args: "{}",
      executor: "provider",
    });
    const result: Part = { type: "tool-result", callId: "a", parts: [], isError: false };
    const odd: Part = { type: "opaque", origin: "anthropic-messages", raw: {} };
    const message = messageOf(encode([call("a"), result, odd, { type: "text", text: "A" }]));
    expect(message).toEqual({ role: "assistant", content: "A", refusal: null });
    expect(warnings.map(({ field }) => field)).toEqual(["content[0]", "content[1]", "content[2]"]);
  });

  test("a client that asked with `functions` is answered with `function_call`", () => {
    const json = {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      functions: [{ name: "f" }],
    };
    const request = openaiChat.request.decode({ json, text: "" }).value;
    const response: ChatResponse = {
      id: "r",
      model: "m",
      candidates: [
        {
          parts: [{ type: "tool-call", id: "a", name: "f", args: "{}", executor: "client" }],
          finish: { reason: "tool-calls" },
        },
      ],
    };
    const shown = JSON.parse(openaiChat.response.encode(response, { ...context, request }));
    expect(shown.choices[0]).toMatchObject({
      message: { content: null, function_call: { name: "f", arguments: "{}" } },
      finish_reason: "function_call",
    });
    const sent = openaiChat.request.encode(request, {
      provider: "p",
      model: "m",
      quirks: {},
      facts: {},
    });
    expect(JSON.parse(sent.body)).toMatchObject({
      tools: [{ type: "function", function: { name: "f" } }],
    });
    expect(JSON.parse(sent.body)).not.toHaveProperty("functions");
  });
});

describe("usage", () => {
  const usage = (fields: JsonObject) => openaiChat.usage("chat", { usage: fields });

  test.each([
    [{ prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 }, [9, 0, 0, 3, 0]],
    [
      { prompt_tokens: 9, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 4 } },
      [9, 4, 0, 3, 0],
    ],
    [{ prompt_tokens: 9, completion_tokens: 3, prompt_cache_hit_tokens: 5 }, [9, 5, 0, 3, 0]],
    [{ prompt_tokens: 9, completion_tokens: 3, cached_tokens: 6 }, [9, 6, 0, 3, 0]],
    [
      { prompt_tokens: 9, prompt_tokens_details: { cached_tokens: 1, cache_write_tokens: 2 } },
      [9, 1, 2, 0, 0],
    ],
    [
      {
        prompt_tokens: 9,
        completion_tokens: 7,
        completion_tokens_details: { reasoning_tokens: 6 },
      },
      [9, 0, 0, 7, 6],
    ],
    // xAI: reasoning beside the completion, in the total only.
    [
      {
        prompt_tokens: 9,
        completion_tokens: 7,
        total_tokens: 22,
        completion_tokens_details: { reasoning_tokens: 6 },
      },
      [9, 0, 0, 13, 6],
    ],
    // Google: reasoning not even told.
    [{ prompt_tokens: 66, completion_tokens: 6, total_tokens: 100 }, [66, 0, 0, 34, 28]],
    [{ prompt_tokens: -1, completion_tokens: null, total_tokens: "many" }, [0, 0, 0, 0, 0]],
  ] as [JsonObject, number[]][])("B09 %j", (fields, [total, read, write, output, reasoning]) => {
    expect(usage(fields)).toMatchObject({
      input: { total, cacheRead: read, cacheWrite5m: write },
      output: { total: output, reasoning },
      raw: fields,
    });
  });

  test("server tools, and what is no usage", () => {
    expect(usage({ server_tool_use: { web_search_requests: 2 } })?.serverTools).toEqual({
      web_search: 2,
    });
    for (const body of [{}, { usage: null }, { usage: 5 }, { usage: [] }]) {
      expect(openaiChat.usage("chat", body)).toBeUndefined();
    }
  });

  test("the relayed operations report it the same way", () => {
    const embeddings = { object: "list", data: [], usage: { prompt_tokens: 8, total_tokens: 8 } };
    expect(openaiChat.usage("embeddings", embeddings)).toMatchObject({
      input: { total: 8 },
      output: { total: 0 },
    });
    const completion = { usage: { prompt_tokens: 8, completion_tokens: 4, total_tokens: 12 } };
    expect(openaiChat.usage("completions", completion)).toMatchObject({ output: { total: 4 } });
    expect(openaiChat.usage("moderations", { results: [] })).toBeUndefined();
  });

  test("routes serve both kinds of base URL", () => {
    expect(openaiChat.routes.map(({ path }) => path)).toContain("/v1/embeddings");
    expect(openaiChat.routes.map(({ path }) => path)).toContain("/chat/completions");
    const paths = openaiChat.routes.map(({ path }) => path);
    const versioned = paths.filter((path) => path.startsWith("/v1/"));
    expect(paths).toHaveLength(versioned.length * 2);
    for (const path of versioned) expect(paths).toContain(path.slice("/v1".length));
  });
});

test.each([{}, { choices: null }, { choices: [] }, { choices: [null] }, { choices: ["a"] }])(
  "what holds no choice is no answer: %j",
  (body) => {
    expect(() => decode(body)).toThrow("has no `choices`");
  },
);
