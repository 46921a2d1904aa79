// Answers of the ollama dialect, whole and streamed, both ways; its errors and keep-alives.
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { ollama } from "../../../src/dialects/ollama/index.ts";
import type { ChatRequest, ChatResponse, Origin, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect, expand } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import { setClock } from "../../../src/lib/clock.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { eventsOf, written } from "../../support/dialect-fetch.ts";

const origin: Origin = { dialect: "ollama", provider: "acme", model: "up" };
const generateRequest: ChatRequest = ollama.request.decode({
  json: { model: "m", prompt: "Q" },
  text: '{"model":"m","prompt":"Q"}',
}).value;

let warnings: Warning[] = [];
const context: AnswerContext = {
  model: "shown",
  includeUsage: true,
  warn: (warning) => warnings.push(warning),
};
const generateContext: AnswerContext = { ...context, request: generateRequest };
let restore: () => void = () => {};
afterEach(() => {
  warnings = [];
  restore();
});

/** 2025-01-02T03:04:05Z, and a second between any two looks at the watch. */
function fixClock(): void {
  let ticks = 0;
  restore = setClock({
    now: () => Date.UTC(2025, 0, 2, 3, 4, 5),
    monotonic: () => (ticks += 1000),
  });
}

const decodeText = (text: string): ChatResponse =>
  ollama.response.decode({ json: JSON.parse(text), text }, origin).value;
const decode = (json: JsonObject): ChatResponse => decodeText(JSON.stringify(json));

function encode(parts: Part[], fields: Partial<ChatResponse> = {}, to = context): JsonObject {
  const response: ChatResponse = {
    id: "r1",
    model: "m",
    createdMs: 0,
    candidates: [{ parts, finish: { reason: "stop" } }],
    ...fields,
  };
  return JSON.parse(ollama.response.encode(response, to));
}

const lines = (...values: JsonObject[]): Uint8Array =>
  Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
const linesOf = (events: readonly ChatEvent[], to = context): JsonObject[] => {
  const encoder = ollama.stream.encoder(to);
  return events.flatMap((event) => encoder.push(event)).map(({ data }) => JSON.parse(data));
};
const streamed = (bytes: Uint8Array): ChatEvent[] => eventsOf(ollama, [bytes], origin);
const errorIn = (events: readonly ChatEvent[]): GatewayError | undefined => {
  const last = events.at(-1);
  return last?.type === "error" ? last.error : undefined;
};

describe("whole answers read", () => {
  test("thinking, text and calls, with counts, times and what else there is", () => {
    const text =
      '{"model":"qwen3","created_at":"2025-01-02T03:04:05.123456789Z","message":{"role":"assistant","content":"A","thinking":"T",' +
      '"tool_calls":[{"id":"call_x","function":{"index":0,"name":"f","arguments":{"n":1.0}}},{"function":{"name":"g","arguments":{}}}]},' +
      '"done":true,"done_reason":"stop","total_duration":9,"load_duration":1,"prompt_eval_count":5,"prompt_eval_duration":2,"eval_count":7,"eval_duration":3,"remote_model":"r"}';
    const answer = decodeText(text);
    expect(answer.candidates[0]?.parts).toEqual([
      { type: "reasoning", text: "T", origin },
      { type: "text", text: "A" },
      { type: "tool-call", id: "call_x", name: "f", args: '{"n":1.0}', executor: "client" },
      {
        type: "tool-call",
        id: expect.stringMatching(/^call_/),
        name: "g",
        args: "{}",
        executor: "client",
      },
    ]);
    expect(answer.candidates[0]?.finish).toEqual({ reason: "tool-calls", raw: "stop" });
    expect(answer.createdMs).toBe(Date.UTC(2025, 0, 2, 3, 4, 5, 123));
    expect(answer.usage).toMatchObject({ input: { total: 5 }, output: { total: 7 } });
    expect(answer.candidates[0]?.ext?.ollama).toMatchObject({
      remote_model: "r",
      eval_duration: 3,
    });
  });

  test("two calls without ids get two ids", () => {
    const calls = [1, 2].map(() => ({ function: { name: "f", arguments: {} } }));
    const { candidates } = decode({ message: { tool_calls: calls }, done: true });
    const ids = candidates[0]?.parts.map((part) => (part.type === "tool-call" ? part.id : ""));
    expect(new Set(ids).size).toBe(2);
  });

  test("an answer of `/api/generate`, and one of a server before done reasons", () => {
    const answer = decode({
      model: "m",
      response: "A",
      thinking: "T",
      done: true,
      context: [1, 2],
    });
    expect(answer.candidates[0]).toEqual({
      parts: [
        { type: "reasoning", text: "T", origin },
        { type: "text", text: "A" },
      ],
      finish: { reason: "stop" },
      ext: { ollama: { context: [1, 2] } },
    });
    expect(answer.usage).toBeUndefined();
  });

  test("what is no answer is the upstream's fault, an error is its own", () => {
    const codeOf = (json: JsonObject): string | undefined => {
      try {
        decode(json);
      } catch (error) {
        return error instanceof GatewayError ? error.code : String(error);
      }
      return undefined;
    };
    expect(codeOf({})).toBe("upstream_invalid");
    expect(codeOf({ message: "hello" })).toBe("upstream_invalid");
    expect(codeOf({ error: "server busy, please try again: overloaded" })).toBe(
      "upstream_unavailable",
    );
  });
});

describe("whole answers written", () => {
  const usage = createUsage({ total: 5 }, { total: 7 });

  test("in the form of `/api/chat`", () => {
    const call: Part = {
      type: "tool-call",
      id: "c",
      name: "f",
      args: '{"a":1}',
      executor: "client",
    };
    const parts: Part[] = [
      { type: "reasoning", text: "T", origin },
      { type: "text", text: "A" },
      { type: "text", text: "B" },
      call,
    ];
    expect(encode(parts, { usage })).toEqual({
      model: "m",
      created_at: "1970-01-01T00:00:00.000Z",
      message: {
        role: "assistant",
        content: "AB",
        thinking: "T",
        tool_calls: [{ id: "c", function: { index: 0, name: "f", arguments: { a: 1 } } }],
      },
      done: true,
      done_reason: "stop",
      prompt_eval_count: 5,
      eval_count: 7,
    });
    expect(warnings).toEqual([]);
  });

  test("in the form of `/api/generate`", () => {
    const shown = encode([{ type: "text", text: "A" }], { usage }, generateContext);
    expect(shown).toEqual({
      model: "m",
      created_at: "1970-01-01T00:00:00.000Z",
      response: "A",
      done: true,
      done_reason: "stop",
      prompt_eval_count: 5,
      eval_count: 7,
    });
  });

  test("what cannot be shown is told, once", () => {
    const signed = (text: string): Part => ({
      type: "reasoning",
      text,
      signature: "s",
      origin: { dialect: "anthropic-messages" },
    });
    const shown = encode(
      [
        signed("T"),
        signed("U"),
        { type: "refusal", text: "No." },
        { type: "text", text: "", citations: [{ origin: "openai-chat", raw: {} }] },
        { type: "tool-call", id: "s", name: "web", args: "", executor: "provider" },
        { type: "opaque", origin: "gemini", raw: {} },
      ],
      { ext: { "openai-chat": { system_fingerprint: "f", x: 1 } } },
    );
    expect(shown["message"]).toEqual({ role: "assistant", content: "No.", thinking: "TU" });
    expect(warnings.map(({ field }) => field)).toEqual([
      "x",
      "thinking.signature",
      "citations",
      "content[4]",
      "content[5]",
    ]);
  });

  test("done reasons", () => {
    const table: [reason: ChatResponse["candidates"][number]["finish"]["reason"], word: string][] =
      [
        ["stop", "stop"],
        ["tool-calls", "stop"],
        ["length", "length"],
        ["context-window", "length"],
        ["content-filter", "stop"],
        ["other", "stop"],
      ];
    for (const [reason, word] of table) {
      const shown = encode([], { candidates: [{ parts: [], finish: { reason } }] });
      expect([reason, shown["done_reason"]]).toEqual([reason, word]);
    }
    expect(warnings.map(({ field }) => field)).toEqual(["done_reason"]);
  });
});

describe("streams read", () => {
  const head = { model: "m", created_at: "2025-01-02T03:04:05Z" };
  const chat = (message: JsonObject, rest: JsonObject = { done: false }): JsonObject => ({
    ...head,
    message: { role: "assistant", content: "", ...message },
    ...rest,
  });

  test("thinking, text and whole calls become parts in turn", () => {
    const calls = [
      { id: "c1", function: { name: "f", arguments: { a: 1 } } },
      { id: "c2", function: { name: "f", arguments: {} } },
    ];
    const answer = collect(
      streamed(
        lines(
          chat({ thinking: "T" }),
          chat({ thinking: "U" }),
          chat({ content: "A" }),
          chat({ content: "B", logprobs: [1] }),
          chat({ tool_calls: calls.slice(0, 1) }),
          chat({ tool_calls: calls.slice(1) }),
          chat({}, { done: true, done_reason: "stop", eval_count: 3, prompt_eval_count: 4 }),
        ),
      ),
    );
    expect(answer.candidates).toEqual([
      {
        parts: [
          { type: "reasoning", text: "TU", origin },
          { type: "text", text: "AB" },
          { type: "tool-call", id: "c1", name: "f", args: '{"a":1}', executor: "client" },
          { type: "tool-call", id: "c2", name: "f", args: "{}", executor: "client" },
        ],
        finish: { reason: "tool-calls", raw: "stop" },
        ext: { ollama: { logprobs: [1] } },
      },
    ]);
    expect(answer.usage).toMatchObject({ input: { total: 4 }, output: { total: 3 } });
  });

  test("an error line ends the stream with that error", () => {
    const events = streamed(lines(chat({ content: "A" }), { error: "model runner stopped" }));
    expect(errorIn(events)).toMatchObject({
      code: "upstream_unavailable",
      message: "model runner stopped",
    });
  });

  test("without a last line the answer is not whole; garbage is the upstream's fault", () => {
    expect(errorIn(streamed(lines(chat({ content: "A" }))))?.code).toBe("upstream_invalid");
    expect(errorIn(streamed(Buffer.from("")))?.code).toBe("upstream_invalid");
    expect(errorIn(streamed(Buffer.from("<html>\n")))?.code).toBe("upstream_invalid");
    expect(errorIn(streamed(Buffer.from("[1]\n")))?.code).toBe("upstream_invalid");
  });

  test("the same events wherever the stream is cut", () => {
    const bytes = lines(
      chat({ thinking: "über" }),
      chat({ content: "A😀" }),
      chat({ tool_calls: [{ id: "c", function: { name: "f", arguments: { k: "\n" } } }] }),
      chat({}, { done: true, done_reason: "length" }),
    );
    const plain = (events: ChatEvent[]): unknown => events.map((event) => ({ ...event, id: "" }));
    const whole = plain(streamed(bytes));
    for (let at = 0; at <= bytes.length; at += 1) {
      const cut = eventsOf(ollama, [bytes.subarray(0, at), bytes.subarray(at)], origin);
      expect(plain(cut)).toEqual(whole);
    }
    const single = eventsOf(
      ollama,
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
      origin,
    );
    expect(plain(single)).toEqual(whole);
  });

  test("any line at all gives events, never a throw", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json(), fc.string())), (pieces) => {
        const events = streamed(Buffer.from(pieces.join("\n")));
        expect(["error", "end"]).toContain(events.at(-1)?.type ?? "");
      }),
    );
  });
});

describe("streams written", () => {
  const response: ChatResponse = {
    id: "x",
    model: "m",
    candidates: [
      {
        parts: [
          { type: "reasoning", text: "T", origin },
          { type: "text", text: "A" },
          { type: "tool-call", id: "c", name: "f", args: '{"a": 1.0}', executor: "client" },
        ],
        finish: { reason: "tool-calls" },
      },
    ],
    usage: createUsage({ total: 5 }, { total: 7 }),
  };

  test("a line each, calls whole, all counts in the last", () => {
    fixClock();
    const head = { model: "m", created_at: "2025-01-02T03:04:05.000Z" };
    const calls = [{ id: "c", function: { index: 0, name: "f", arguments: { a: 1 } } }];
    const message = { role: "assistant", content: "" };
    expect(linesOf(expand(response))).toEqual([
      { ...head, message: { ...message, thinking: "T" }, done: false },
      { ...head, message: { ...message, content: "A" }, done: false },
      { ...head, message: { ...message, tool_calls: calls }, done: false },
      {
        ...head,
        message,
        done: true,
        done_reason: "stop",
        total_duration: 2e9,
        prompt_eval_duration: 1e9,
        eval_duration: 1e9,
        prompt_eval_count: 5,
        eval_count: 7,
      },
    ]);
  });

  test("arguments keep their spelling", () => {
    const encoder = ollama.stream.encoder(context);
    const text = expand(response).flatMap((event) => encoder.push(event));
    expect(text.map(({ data }) => data).join("")).toContain('"arguments":{"a": 1.0}');
  });

  test("in the form of `/api/generate`, with the context that an Ollama server gives", () => {
    const events: ChatEvent[] = [
      { type: "start", id: "x", model: "m" },
      { type: "part-start", candidate: 0, index: 0, part: { type: "text", text: "" } },
      { type: "part-delta", candidate: 0, index: 0, delta: { type: "text", text: "A" } },
      { type: "part-end", candidate: 0, index: 0 },
      {
        type: "finish",
        candidate: 0,
        finish: { reason: "length" },
        ext: { ollama: { context: [1], eval_duration: 5 } },
      },
      { type: "end" },
    ];
    const [first, last] = linesOf(events, generateContext);
    expect(first).toMatchObject({ response: "A", done: false });
    expect(first).not.toHaveProperty("message");
    expect(last).toMatchObject({
      response: "",
      done: true,
      done_reason: "length",
      context: [1],
      eval_duration: 5,
    });
  });

  test("an error is a line of its own and the last", () => {
    const error = new GatewayError("upstream_unavailable", "gone");
    const encoder = ollama.stream.encoder(context);
    expect(encoder.push({ type: "error", error })).toEqual([{ data: '{"error":"gone"}' }]);
    expect(encoder.push({ type: "end" })).toEqual([]);
  });

  test("a keep-alive is a line that says nothing and goes on, in the form that was asked for", () => {
    fixClock();
    const aliveOf = (to: AnswerContext): unknown => {
      const alive = ollama.stream.keepAlive(to);
      return alive !== null && typeof alive === "object" ? JSON.parse(alive.data) : alive;
    };
    const head = { model: "shown", created_at: "2025-01-02T03:04:05.000Z" };
    expect(aliveOf(context)).toEqual({
      ...head,
      message: { role: "assistant", content: "" },
      done: false,
    });
    expect(aliveOf(generateContext)).toEqual({ ...head, response: "", done: false });
  });

  test("what is written is read back, keep-alives between every two lines", () => {
    const parts = fc.array(
      fc.oneof(
        fc.string({ minLength: 1 }).map((text): Part => ({ type: "text", text })),
        fc.string({ minLength: 1 }).map((text): Part => ({ type: "reasoning", text, origin })),
        fc.jsonValue().map((value): Part => ({
          type: "tool-call",
          id: "c",
          name: "f",
          args: JSON.stringify({ value }),
          executor: "client",
        })),
      ),
      { maxLength: 6 },
    );
    /** Neighbours of a kind are one on this wire. */
    const joined = (list: readonly Part[]): Part[] => {
      const found: Part[] = [];
      for (const part of list) {
        const last = found.at(-1);
        if ((part.type === "text" || part.type === "reasoning") && last?.type === part.type) {
          found[found.length - 1] = { ...last, text: last.text + part.text };
        } else found.push(part);
      }
      return found;
    };
    fc.assert(
      fc.property(parts, fc.nat(99), fc.nat(99), (list, input, output) => {
        const usage = createUsage({ total: input }, { total: output });
        const events = expand({
          id: "x",
          model: "m",
          candidates: [{ parts: list, finish: { reason: "stop" } }],
          usage,
        });
        const answer = collect(streamed(written(ollama, events, context)));
        expect(answer.candidates[0]?.parts).toEqual(joined(list));
        expect(answer.usage?.input.total).toBe(input);
        expect(answer.usage?.output.total).toBe(output);
      }),
    );
  });
});

describe("errors", () => {
  const decodeError = (status: number, body: string): GatewayError =>
    ollama.error.decode(status, new Headers(), body);

  test("of a server: by status and words", () => {
    expect(decodeError(404, '{"error":"model \'x\' not found"}')).toMatchObject({
      code: "upstream_rejected",
      status: 404,
      message: "model 'x' not found",
    });
    expect(decodeError(401, '{"error":"unauthorized"}').code).toBe("upstream_auth");
    expect(decodeError(503, "<html>").code).toBe("upstream_unavailable");
    expect(decodeError(500, "").code).toBe("upstream_unavailable");
    expect(decodeError(400, '{"error":{"message":"m","code":"c"}}').message).toBe("m");
  });

  test("for a client: one text", () => {
    const error = new GatewayError("invalid_request", "model is required");
    expect(ollama.error.encode(error, "req_1")).toBe('{"error":"model is required"}');
  });
});
