// Streams of the openai-chat dialect, both ways.
import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatResponse, Origin, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect, createCollector, expand } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const origin: Origin = { dialect: "openai-chat", provider: "acme", model: "up" };
const claude: Origin = { dialect: "anthropic-messages", provider: "claude", model: "c" };

const chunk = (delta: JsonObject, finish: string | null = null, index = 0): JsonObject => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1_700_000_000,
  model: "m",
  choices: [{ index, delta, finish_reason: finish }],
});

const done: Frame = { data: "[DONE]" };
const frame = (value: unknown): Frame => ({ data: JSON.stringify(value) });

function decode(...input: (JsonObject | Frame | string)[]): ChatEvent[] {
  const decoder = openaiChat.stream.decoder(origin);
  const frames = input.map((item): Frame => {
    if (typeof item === "string") return { data: item };
    return typeof item["data"] === "string" ? (item as unknown as Frame) : frame(item);
  });
  return [...frames.flatMap((item) => decoder.push(item)), ...decoder.end()];
}

const partsOf = (events: ChatEvent[], candidate = 0): Part[] =>
  collect(events).candidates[candidate]?.parts ?? [];

const codeOf = (events: ChatEvent[]): string | undefined => {
  const last = events.at(-1);
  return last?.type === "error" ? last.error.code : undefined;
};

const callDelta = (call: JsonObject): JsonObject => chunk({ tool_calls: [call] });

describe("decoding", () => {
  test("text: role first, usage last, then [DONE]", () => {
    const events = decode(
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "Hel" }),
      chunk({ content: "lo" }),
      chunk({}, "stop"),
      { id: "c1", choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
      done,
    );
    expect(events.map(({ type }) => type)).toEqual([
      "start",
      "part-start",
      "part-delta",
      "part-delta",
      "usage",
      "part-end",
      "finish",
      "end",
    ]);
    expect(events[0]).toEqual({
      type: "start",
      id: "c1",
      model: "m",
      createdMs: 1_700_000_000_000,
    });
  });

  test("usage null, and usage in every chunk: the last counts", () => {
    const counted = (total: number, delta: JsonObject, finish: string | null = null) => ({
      ...chunk(delta, finish),
      usage: { prompt_tokens: 3, completion_tokens: total, total_tokens: 3 + total },
    });
    const events = decode(
      { ...chunk({ content: "a" }), usage: null },
      counted(1, { content: "b" }),
      counted(2, {}, "stop"),
      done,
    );
    expect(collect(events).usage?.output.total).toBe(2);
    expect(events.filter(({ type }) => type === "usage")).toHaveLength(2);
  });

  test("usage in the choice (Moonshot) and in `x_groq` (Groq)", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
    const inChoice = { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop", usage }] };
    for (const last of [inChoice, { ...chunk({}, "stop"), x_groq: { id: "r", usage } }]) {
      expect(collect(decode(chunk({ content: "a" }), last, done)).usage?.output.total).toBe(4);
    }
  });

  test("reasoning, text and refusal are parts in turn", () => {
    const parts = partsOf(
      decode(
        chunk({ role: "assistant", content: null, reasoning_content: "T" }),
        chunk({ content: null, reasoning: "h" }),
        chunk({ content: "A", reasoning_content: null }),
        chunk({ refusal: "no" }),
        chunk({}, "stop"),
        done,
      ),
    );
    expect(parts).toEqual([
      { type: "reasoning", text: "Th", origin },
      { type: "text", text: "A" },
      { type: "refusal", text: "no" },
    ]);
  });

  test("reasoning details: text with its signature, encrypted blocks, the plain field not said twice", () => {
    const detail = (fields: JsonObject) => ({
      type: "reasoning.text",
      format: "f",
      index: 0,
      ...fields,
    });
    const parts = partsOf(
      decode(
        chunk({ reasoning: "a", reasoning_details: [detail({ text: "a" })] }),
        chunk({ reasoning: "b", reasoning_details: [detail({ text: "b" })] }),
        chunk({ reasoning: null, reasoning_details: [detail({ signature: "s" })] }),
        chunk({ reasoning: "c", reasoning_details: [detail({ text: "c", index: 1 })] }),
        chunk({ reasoning_details: [{ type: "reasoning.encrypted", data: "e", id: "r" }] }),
        chunk({ content: "A", reasoning_details: [] }),
        chunk({}, "stop"),
        done,
      ),
    );
    expect(parts).toMatchObject([
      { type: "reasoning", text: "ab", signature: "s", ext: { "openai-chat": { index: 0 } } },
      { type: "reasoning", text: "c", ext: { "openai-chat": { index: 1 } } },
      { type: "reasoning", text: "", encrypted: "e" },
      { type: "text", text: "A" },
    ]);
  });

  const f = (name: string, args: string): JsonObject => ({ name, arguments: args });
  test.each<[string, JsonObject[], [string, string, string][]]>([
    [
      "parallel and interleaved",
      [
        callDelta({ index: 0, id: "a", function: f("x", "") }),
        callDelta({ index: 1, id: "b", function: f("y", "[") }),
        callDelta({ index: 0, function: { arguments: "{}" } }),
        callDelta({ index: 1, function: { arguments: "]" } }),
      ],
      [
        ["a", "x", "{}"],
        ["b", "y", "[]"],
      ],
    ],
    [
      "two whole calls in one chunk",
      [
        chunk({
          tool_calls: [
            { index: 0, id: "a", function: f("x", "{}") },
            { index: 1, id: "b", function: f("y", "{}") },
          ],
        }),
      ],
      [
        ["a", "x", "{}"],
        ["b", "y", "{}"],
      ],
    ],
    [
      "no index",
      [
        callDelta({ id: "a", function: f("x", "{") }),
        callDelta({ function: { arguments: "}" } }),
        callDelta({ id: "b", function: f("y", "{}") }),
      ],
      [
        ["a", "x", "{}"],
        ["b", "y", "{}"],
      ],
    ],
    [
      "no index, no id",
      [callDelta({ function: f("x", "{}") }), callDelta({ function: f("x", "[]") })],
      [
        ["call_c1_0_0", "x", "{}"],
        ["call_c1_0_1", "x", "[]"],
      ],
    ],
    [
      "the same index for every call",
      [
        callDelta({ index: 0, id: "a", function: f("x", "{}") }),
        callDelta({ index: 0, id: "b", function: f("y", "{") }),
        callDelta({ index: 0, function: { arguments: "}" } }),
      ],
      [
        ["a", "x", "{}"],
        ["b", "y", "{}"],
      ],
    ],
    [
      "id and name in every chunk",
      [
        callDelta({ index: 0, id: "a", function: f("x", "{") }),
        callDelta({ index: 0, id: "a", function: f("x", "}") }),
      ],
      [["a", "x", "{}"]],
    ],
    [
      "the name after the id, arguments as an object",
      [
        callDelta({ index: 0, id: "a", function: { name: "", arguments: "" } }),
        callDelta({ index: 0, function: { name: "x", arguments: { q: 1 } } }),
      ],
      [["a", "x", '{"q":1}']],
    ],
    [
      "free-form",
      [
        callDelta({ index: 0, id: "a", type: "custom", custom: { name: "x", input: "fr" } }),
        callDelta({ index: 0, custom: { input: "ee" } }),
      ],
      [["a", "x", "free"]],
    ],
    [
      "the form before `tools`",
      [
        chunk({ function_call: { name: "x", arguments: "" } }),
        chunk({ function_call: { arguments: "{}" } }),
      ],
      [["call_c1_0_0", "x", "{}"]],
    ],
  ])("tool calls: %s", (_name, chunks, expected) => {
    const events = decode(...chunks, chunk({}, "tool_calls"), done);
    const calls = partsOf(events).map((part) =>
      part.type === "tool-call" ? [part.id, part.name, part.args] : [],
    );
    expect(calls).toEqual(expected);
    expect(collect(events).candidates[0]?.finish.reason).toBe("tool-calls");
    const opened = events.filter(({ type }) => type === "part-start");
    expect(events.filter(({ type }) => type === "part-end")).toHaveLength(opened.length);
  });

  test("n > 1: candidates apart, each finished", () => {
    const events = decode(
      chunk({ content: "a" }, null, 0),
      chunk({ content: "b" }, null, 1),
      chunk({ content: "B" }, "stop", 1),
      chunk({ content: "A" }, "length", 0),
      done,
    );
    expect(collect(events).candidates).toMatchObject([
      { parts: [{ text: "aA" }], finish: { reason: "length" } },
      { parts: [{ text: "bB" }], finish: { reason: "stop" } },
    ]);
  });

  test("Azure: the prompt filter's chunk without choices comes before the start", () => {
    const events = decode(
      { id: "", model: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
      chunk({ content: "a" }),
      chunk({}, "stop"),
      done,
    );
    expect(events[0]).toMatchObject({
      type: "start",
      id: "c1",
      ext: { "openai-chat": { prompt_filter_results: [{ prompt_index: 0 }] } },
    });
  });

  test("logprobs and unknown fields gather at the finish; late ones of the whole are opaque", () => {
    const scored = (text: string) => {
      const value = chunk({ content: text });
      const choices = [{ index: 0, delta: { content: text }, logprobs: { content: [text] } }];
      return { ...value, choices };
    };
    const events = decode(scored("a"), scored("b"), { ...chunk({}, "stop"), late: 1 }, done);
    expect(collect(events).candidates[0]?.ext).toEqual({
      "openai-chat": { logprobs: { content: ["a", "b"] } },
    });
    expect(events).toContainEqual({ type: "opaque", origin: "openai-chat", raw: { late: 1 } });
  });

  test("audio and pictures arrive whole, annotations at their text", () => {
    const parts = partsOf(
      decode(
        chunk({ audio: { id: "a", transcript: "h" } }),
        chunk({ annotations: [{ n: 1 }] }),
        chunk({ content: "T" }),
        chunk({ annotations: [{ n: 2 }] }),
        chunk({ images: [{ image_url: { url: "https://example.com/i.png" } }] }),
        chunk({ audio: { data: "QQ", transcript: "i" } }),
        chunk({ audio: { data: "==", expires_at: 5 } }),
        chunk({}, "stop"),
        done,
      ),
    );
    expect(parts).toMatchObject([
      { type: "text", text: "T", citations: [{ raw: { n: 1 } }, { raw: { n: 2 } }] },
      { type: "image" },
      {
        type: "audio",
        source: { data: "QQ==" },
        ext: { "openai-chat": { id: "a", transcript: "hi", expires_at: 5 } },
      },
    ]);
  });

  test("R12 the end: [DONE], or every candidate finished; anything else is broken", () => {
    const ends = (...input: (JsonObject | Frame | string)[]) => decode(...input).at(-1)?.type;
    expect(ends(chunk({ content: "a" }, "stop"))).toBe("end");
    expect(ends(chunk({ content: "a" }), done)).toBe("end");
    expect(ends(chunk({ content: "a" }, ""), done, chunk({ content: "late" }))).toBe("end");
    expect(codeOf(decode(chunk({ content: "a" })))).toBe("upstream_invalid");
    expect(codeOf(decode(chunk({}, "stop", 0), chunk({ content: "x" }, null, 1)))).toBe(
      "upstream_invalid",
    );
    expect(codeOf(decode())).toBe("upstream_invalid");
    expect(codeOf(decode(done))).toBe("upstream_invalid");
  });

  test.each([
    ["an error object", { error: { message: "m", type: "server_error" } }, "upstream_unavailable"],
    ["an error text", { error: "Overloaded" }, "upstream_unavailable"],
    [
      "an error with choices",
      { ...chunk({}), error: { code: 429, message: "m" } },
      "upstream_rate_limited",
    ],
    [
      "an error in the choice",
      { choices: [{ index: 0, error: { code: 502, message: "m" } }] },
      "upstream_unavailable",
    ],
    [
      "an error event",
      { event: "error", data: '{"message":"m","type":"invalid_request_error"}' },
      "upstream_rejected",
    ],
    ["a status in the body", { error: { message: "m", status_code: 400 } }, "upstream_rejected"],
    ["garbage", "{oops", "upstream_invalid"],
    ["no object", "[1]", "upstream_invalid"],
    ["HTML", "<html>", "upstream_invalid"],
    ["too deep", "[".repeat(1000) + "]".repeat(1000), "upstream_invalid"],
  ] as [string, JsonObject | Frame | string, string][])(
    "R13 %s inside a stream",
    (_name, bad, code) => {
      const events = decode(chunk({ content: "a" }, "stop"), bad, chunk({ content: "b" }), done);
      expect(codeOf(events)).toBe(code);
      expect(events.filter(({ type }) => type === "error")).toHaveLength(1);
      expect(events.some(({ type }) => type === "finish" || type === "end")).toBe(false);
    },
  );

  test("a stream of the older completions API can be observed", () => {
    const text = (value: string, finish: string | null) => ({
      id: "cmpl-1",
      object: "text_completion",
      model: "m",
      choices: [{ text: value, index: 0, finish_reason: finish }],
    });
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const events = decode(text("a", null), text("b", "length"), { choices: [], usage }, done);
    expect(collect(events)).toMatchObject({
      candidates: [{ parts: [{ text: "ab" }], finish: { reason: "length" } }],
      usage: { output: { total: 2 } },
    });
  });
});

let warnings: Warning[] = [];
function encode(events: ChatEvent[], fields: Partial<AnswerContext> = {}): Frame[] {
  warnings = [];
  const encoder = openaiChat.stream.encoder({
    model: "shown",
    includeUsage: false,
    warn: (warning) => warnings.push(warning),
    ...fields,
  });
  return events.flatMap((event) => encoder.push(event));
}

const full: ChatResponse = {
  id: "r1",
  model: "m",
  createdMs: 1_700_000_000_000,
  candidates: [
    {
      parts: [
        { type: "reasoning", text: "Hm", signature: "sig", origin: claude },
        { type: "reasoning", text: "", encrypted: "enc", origin: claude },
        { type: "text", text: "Hello" },
        { type: "tool-call", id: "a", name: "f", args: '{"x": 1.0}', executor: "client" },
        { type: "tool-call", id: "b", name: "g", args: "{}", executor: "client" },
      ],
      finish: { reason: "tool-calls" },
    },
  ],
  usage: createUsage({ total: 7, cacheRead: 3 }, { total: 5, reasoning: 2 }),
  ext: { "openai-chat": { system_fingerprint: "fp" } },
};

describe("encoding", () => {
  test.each([
    [['{"input":', '"x = 1\\n"}'], "x = 1\n"],
    // Anything else comes as it is.
    [['{"code":"x"}'], '{"code":"x"}'],
    [["x = ", "1"], "x = 1"],
  ])("the call of a free-form tool that came as a function's: %j", (pieces, input) => {
    const request = {
      tools: [{ type: "custom", name: "run" }],
    } as unknown as NonNullable<AnswerContext["request"]>;
    const part: Part = { type: "tool-call", id: "t", name: "run", args: "", executor: "client" };
    const events: ChatEvent[] = [
      { type: "start", id: "r", model: "m" },
      { type: "part-start", candidate: 0, index: 0, part },
      ...pieces.map((args): ChatEvent => ({
        type: "part-delta",
        candidate: 0,
        index: 0,
        delta: { type: "args", args },
      })),
      { type: "part-end", candidate: 0, index: 0 },
      { type: "finish", candidate: 0, finish: { reason: "tool-calls" } },
      { type: "end" },
    ];
    const calls = encode(events, { request }).flatMap(({ data }) =>
      data === "[DONE]" ? [] : (JSON.parse(data).choices[0].delta.tool_calls ?? []),
    );
    expect(calls).toEqual([
      { index: 0, id: "t", type: "custom", custom: { name: "run", input: "" } },
      { index: 0, custom: { input } },
    ]);
    const whole = openaiChat.response.encode(collect(events), {
      model: "m",
      includeUsage: true,
      request,
      warn: () => {},
    });
    expect(JSON.parse(whole).choices[0].message.tool_calls).toEqual([
      { id: "t", type: "custom", custom: { name: "run", input } },
    ]);
  });

  test("the plainest form: no event names, role first, a finish chunk, [DONE]", () => {
    const frames = encode(expand(full));
    expect(frames.every((item) => item.event === undefined && !item.data.includes("\n"))).toBe(
      true,
    );
    const chunks = frames.slice(0, -1).map((item) => JSON.parse(item.data));
    expect(chunks[0]).toEqual({
      id: "r1",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "m",
      system_fingerprint: "fp",
      choices: [
        {
          index: 0,
          delta: { role: "assistant", content: "" },
          logprobs: null,
          finish_reason: null,
        },
      ],
    });
    expect(chunks.at(-1).choices[0]).toMatchObject({ delta: {}, finish_reason: "tool_calls" });
    expect(frames.at(-1)).toEqual(done);
    expect(chunks.every((item) => item.choices.length === 1 && !("usage" in item))).toBe(true);
  });

  test("usage only when asked for, with `choices: []` behind the finish", () => {
    const chunks = encode(expand(full), { includeUsage: true })
      .slice(0, -1)
      .map((item) => JSON.parse(item.data));
    expect(chunks.slice(0, -1).every((item) => item.usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 },
    });
    const { usage: _, ...silent } = full;
    expect(encode(expand(silent), { includeUsage: true }).at(-2)?.data).toContain("tool_calls");
  });

  test("what a client puts together from the chunks is the answer, signatures included", () => {
    const decoder = openaiChat.stream.decoder({ dialect: "openai-chat" });
    const events = encode(expand(full)).flatMap((item) => decoder.push(item));
    const parts = partsOf(events);
    expect(parts).toMatchObject([
      { type: "reasoning", text: "Hm", signature: "sig" },
      { type: "reasoning", encrypted: "enc" },
      { type: "text", text: "Hello" },
      { type: "tool-call", id: "a", name: "f", args: '{"x": 1.0}' },
      { type: "tool-call", id: "b", name: "g", args: "{}" },
    ]);
    const [first] = parts;
    expect(first?.ext?.["openai-chat"]?.["id"]).toBe("megallm/anthropic-messages/claude/c/");
  });

  test("the official SDK reads it", async () => {
    const body = encode(expand(full), { includeUsage: true })
      .map((item) => `data: ${item.data}\n\n`)
      .join("");
    const client = new OpenAI({
      apiKey: "k",
      fetch: () =>
        Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } })),
    });
    const stream = client.chat.completions.stream({
      model: "m",
      messages: [{ role: "user", content: "x" }],
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: "Hello",
        tool_calls: [
          { id: "a", function: { name: "f", arguments: '{"x": 1.0}' } },
          { id: "b", function: { name: "g", arguments: "{}" } },
        ],
      },
    });
    expect(completion.usage?.total_tokens).toBe(12);
  });

  test("interleaved calls keep their own index", () => {
    const open = (index: number, id: string): ChatEvent => ({
      type: "part-start",
      candidate: 0,
      index,
      part: { type: "tool-call", id, name: id, args: "", executor: "client" },
    });
    const args = (index: number, text: string): ChatEvent => ({
      type: "part-delta",
      candidate: 0,
      index,
      delta: { type: "args", args: text },
    });
    const frames = encode([
      { type: "start", id: "r", model: "m" },
      open(3, "a"),
      open(5, "b"),
      args(5, "B"),
      args(3, "A"),
    ]);
    const calls = frames
      .slice(1)
      .map(({ data }) => JSON.parse(data).choices[0].delta.tool_calls[0]);
    expect(calls.map(({ index }) => index)).toEqual([0, 1, 1, 0]);
    expect(calls[2]).toEqual({ index: 1, function: { arguments: "B" } });
  });

  test("an error ends the stream: nothing follows, never [DONE] (R12)", () => {
    const error = new GatewayError("upstream_unavailable", "gone");
    const frames = encode([
      { type: "start", id: "r", model: "m" },
      { type: "error", error },
      { type: "finish", candidate: 0, finish: { reason: "stop" } },
      { type: "end" },
    ]);
    expect(frames).toHaveLength(2);
    expect(JSON.parse(frames[1]?.data ?? "")).toEqual({
      error: { message: "gone", type: "server_error", param: null, code: "upstream_unavailable" },
    });
  });

  test("what cannot be shown is warned of: server tools, foreign events and parts", () => {
    const response: ChatResponse = {
      id: "r",
      model: "m",
      candidates: [
        {
          parts: [
            { type: "tool-call", id: "s", name: "web_search", args: "{}", executor: "provider" },
            { type: "opaque", origin: "anthropic-messages", raw: { type: "x" } },
            {
              type: "text",
              text: "A",
              citations: [
                { origin: "anthropic-messages", raw: { url: "https://example.com", title: "E" } },
                { origin: "anthropic-messages", raw: {} },
              ],
            },
          ],
          finish: { reason: "stop" },
          ext: { "anthropic-messages": { container: {} } },
        },
      ],
    };
    const frames = encode([
      ...expand(response),
      { type: "opaque", origin: "anthropic-messages", raw: {} },
    ]);
    expect(frames.filter(({ data }) => data.includes("tool_calls"))).toEqual([]);
    expect(frames.some(({ data }) => data.includes('"url_citation"'))).toBe(true);
    expect(warnings.map(({ field }) => field)).toEqual([
      "content",
      "content",
      "citations",
      "container",
    ]);
  });

  test("candidates each begin with their role; pings need no frame", () => {
    const second = {
      parts: [{ type: "text" as const, text: "B" }],
      finish: { reason: "stop" as const },
    };
    const frames = encode([{ type: "ping" }, ...expand({ ...full, candidates: [second, second] })]);
    const choices = frames.slice(0, -1).map(({ data }) => JSON.parse(data).choices[0]);
    expect(choices.map(({ index, delta }) => [index, delta.role ?? null])).toEqual([
      [0, "assistant"],
      [0, null],
      [1, "assistant"],
      [1, null],
      [0, null],
      [1, null],
    ]);
  });

  test("a client that asked with `functions` sees the one call that this form can hold", () => {
    const json = {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      functions: [{ name: "f" }],
    };
    const request = openaiChat.request.decode({ json, text: "" }).value;
    const frames = encode(expand(full), { request });
    const text = frames.map(({ data }) => data).join();
    expect(text).toContain('"function_call":{"name":"f","arguments":""}');
    expect(text).toContain('"finish_reason":"function_call"');
    expect(text).not.toContain("tool_calls");
    expect(warnings).toHaveLength(1);
  });

  test("R10 the keep-alive is a comment and one newline", () => {
    expect(openaiChat.stream.keepAlive({ model: "m", includeUsage: false, warn() {} })).toBe(
      ": ping\n",
    );
  });

  test("a collector and the encoder agree on a half stream", () => {
    const events = expand(full).slice(0, 6);
    const collector = createCollector();
    for (const event of events) collector.push(event);
    expect(collector.response().candidates[0]?.parts).toHaveLength(2);
    expect(encode(events).at(-1)?.data).toContain("reasoning.encrypted");
  });
});
