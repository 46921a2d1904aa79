// Requests of the ollama dialect, both ways: forms, options, tools and their results, images, thinking.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Body, Target } from "../../../src/dialects/dialect.ts";
import { ollama } from "../../../src/dialects/ollama/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB";
const target: Target = { provider: "acme", model: "llama3.2", quirks: {}, facts: {} };

const bodyOf = (json: JsonObject, form?: string): Body => ({
  json,
  text: JSON.stringify(json),
  ...(form && { form }),
});
const decode = (json: JsonObject, form?: string): ChatRequest =>
  ollama.request.decode(bodyOf(json, form)).value;
const warningsOf = (json: JsonObject): Warning[] => ollama.request.decode(bodyOf(json)).warnings;

function encode(
  request: Partial<ChatRequest>,
  to: Partial<Target> = {},
): { body: JsonObject; text: string; lost: string[] } {
  const { body, warnings } = ollama.request.encode(
    { model: "m", messages: [], tools: [], settings: {}, stream: false, ext: {}, ...request },
    { ...target, ...to },
  );
  return { body: JSON.parse(body), text: body, lost: warnings.map(({ field }) => field) };
}

/** A request of this wire through the representation and back. */
const again = (json: JsonObject): JsonObject =>
  JSON.parse(ollama.request.encode(decode(json), { ...target, model: String(json["model"]) }).body);

function failure(run: () => unknown): GatewayError {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const call = (name: string, args: JsonObject, id?: string): JsonObject => ({
  ...(id && { id }),
  function: { name, arguments: args },
});

describe("chat", () => {
  test("every field finds its place", () => {
    const request = decode({
      model: "qwen3",
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "Q", images: [png] },
        { role: "assistant", content: "A", thinking: "T" },
      ],
      tools: [{ type: "function", function: { name: "f", description: "d", parameters: {} } }],
      format: { type: "object" },
      options: {
        num_predict: 5,
        temperature: 0.5,
        top_p: 0.9,
        top_k: 40,
        seed: 7,
        stop: ["X"],
        num_ctx: 8192,
        repeat_penalty: 1.1,
      },
      think: "high",
      keep_alive: "5m",
      logprobs: true,
      top_logprobs: 3,
    });
    expect(request).toEqual({
      model: "qwen3",
      messages: [
        { role: "system", parts: [{ type: "text", text: "S" }], place: "messages[0]" },
        {
          role: "user",
          parts: [
            { type: "image", source: { kind: "base64", data: png, mediaType: "image/png" } },
            { type: "text", text: "Q" },
          ],
          place: "messages[1]",
        },
        {
          role: "assistant",
          parts: [
            { type: "reasoning", text: "T", origin: { dialect: "ollama" } },
            { type: "text", text: "A" },
          ],
          place: "messages[2]",
        },
      ],
      tools: [{ type: "function", name: "f", description: "d", parameters: {} }],
      settings: {
        maxOutputTokens: 5,
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        seed: 7,
        stop: ["X"],
        logprobs: { top: 3 },
      },
      reasoning: { mode: "effort", effort: "high" },
      responseFormat: { type: "json-schema", schema: { type: "object" } },
      // Streamed unless told otherwise.
      stream: true,
      ext: {
        ollama: { keep_alive: "5m", options: { num_ctx: 8192, repeat_penalty: 1.1 } },
      },
    });
  });

  test("what only Ollama knows is told to other targets, field by field", () => {
    const request = decode({
      model: "m",
      messages: [{ role: "user", content: "Q" }],
      options: { num_ctx: 1, num_predict: -2 },
      keep_alive: 0,
      stream: false,
    });
    const { warnings } = openaiChat.request.encode(request, target);
    expect(warnings.map(({ field }) => field)).toEqual([
      "keep_alive",
      "options.num_ctx",
      "options.num_predict",
    ]);
  });

  test("the client's own request comes out as it went in", () => {
    const json: JsonObject = {
      model: "m",
      messages: [
        { role: "user", content: "Q", images: [png] },
        {
          role: "assistant",
          content: "",
          tool_calls: [{ id: "c1", function: { index: 0, name: "f", arguments: { a: 1 } } }],
        },
        { role: "tool", content: "R", tool_name: "f", tool_call_id: "c1" },
      ],
      tools: [
        {
          type: "function",
          function: { name: "f", description: "d", parameters: { type: "object" } },
        },
      ],
      stream: true,
      format: "json",
      options: { num_predict: -1, temperature: 0, mirostat: 2, stop: ["a", "b"] },
      think: false,
      keep_alive: "10m",
      truncate: false,
      shift: true,
    };
    expect(again(json)).toEqual(json);
  });

  test("wrong fields are refused by name", () => {
    const message = { role: "user", content: "Q" };
    const table: [json: JsonObject, param: string][] = [
      [{ messages: [message] }, "model"],
      [{ model: "m", messages: "x" }, "messages"],
      [{ model: "m", messages: [7] }, "messages[0]"],
      [{ model: "m", messages: [{ content: "" }] }, "messages[0].role"],
      [{ model: "m", messages: [{ role: "robot", content: "" }] }, "messages[0].role"],
      [{ model: "m", messages: [{ role: "user", content: ["Q"] }] }, "messages[0].content"],
      [{ model: "m", messages: [{ ...message, images: [1] }] }, "messages[0].images[0]"],
      [
        { model: "m", messages: [{ ...message, tool_calls: [{}] }] },
        "messages[0].tool_calls[0].function",
      ],
      [{ model: "m", messages: [message], options: 3 }, "options"],
      [{ model: "m", messages: [message], options: { stop: [1] } }, "options.stop[0]"],
      [{ model: "m", messages: [message], options: { top_k: "x" } }, "options.top_k"],
      [{ model: "m", messages: [message], think: 3 }, "think"],
      [{ model: "m", messages: [message], format: "yaml" }, "format"],
      [{ model: "m", messages: [message], tools: [{ type: "function" }] }, "tools[0].function"],
      [{ model: "m", messages: [message], stream: "yes" }, "stream"],
    ];
    for (const [json, param] of table) {
      const error = failure(() => decode(json));
      expect([error.code, error.param]).toEqual(["invalid_request", param]);
    }
  });

  test("null and empty fields, which SDKs send unasked, say nothing", () => {
    const request = decode({
      model: "m",
      messages: [{ role: "user", content: "Q", images: null, tool_calls: null }],
      format: "",
      options: {},
      keep_alive: null,
      tools: [],
      think: null,
    });
    expect(request.ext).toEqual({ ollama: {} });
    expect(request.responseFormat).toBeUndefined();
    expect(request.messages[0]?.parts).toEqual([{ type: "text", text: "Q" }]);
  });
});

describe("tool calls", () => {
  const idsOf = ({ messages }: ChatRequest): string[] =>
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) =>
        part.type === "tool-call" ? [part.id] : part.type === "tool-result" ? [part.callId] : [],
      ),
    );

  test("arguments keep their spelling, both ways", () => {
    const text =
      '{"model":"m","messages":[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"n": 1.0, "big":12345678901234567890}}}]}]}';
    const request = ollama.request.decode({ json: JSON.parse(text), text }).value;
    const [part] = request.messages[0]?.parts ?? [];
    expect(part).toMatchObject({ args: '{"n": 1.0, "big":12345678901234567890}' });
    expect(encode(request).text).toContain('"arguments":{"n": 1.0, "big":12345678901234567890}');
  });

  test("without ids results find their calls by name, then by order; the ids stay the same", () => {
    const json = {
      model: "m",
      messages: [
        {
          role: "assistant",
          content: "",
          tool_calls: [call("a", {}), call("b", {}), call("b", {})],
        },
        { role: "tool", content: "1", tool_name: "b" },
        { role: "tool", content: "2", name: "a" },
        { role: "tool", content: "3" },
      ],
    };
    expect(idsOf(decode(json))).toEqual([
      "call_1",
      "call_2",
      "call_3",
      "call_2",
      "call_1",
      "call_3",
    ]);
    expect(idsOf(decode(json))).toEqual(idsOf(decode(json)));
    // Results that follow one another are one turn.
    expect(decode(json).messages).toHaveLength(2);
    expect(warningsOf(json)).toEqual([]);
  });

  test("ids are kept where there are some, and made-up ones differ from them", () => {
    const request = decode({
      model: "m",
      messages: [
        { role: "assistant", content: "", tool_calls: [call("a", {}, "call_1"), call("b", {})] },
        { role: "tool", content: "1", tool_call_id: "call_1" },
        { role: "tool", content: "2", tool_name: "b" },
      ],
    });
    expect(idsOf(request)).toEqual(["call_1", "call_2", "call_1", "call_2"]);
  });

  test("a result without a call is reported, not given to another call", () => {
    const json = {
      model: "m",
      messages: [
        { role: "assistant", content: "", tool_calls: [call("a", {})] },
        { role: "tool", content: "1", tool_name: "zzz" },
        { role: "tool", content: "2", tool_name: "a" },
        { role: "tool", content: "3" },
      ],
    };
    expect(idsOf(decode(json))).toEqual(["call_1", "call_2", "call_1", "call_3"]);
    expect(warningsOf(json).map(({ field }) => field)).toEqual(["messages[1]", "messages[3]"]);
  });

  test("calls and results of other wires: names beside ids, errors in words", () => {
    const { body, lost } = encode({
      messages: [
        {
          role: "assistant",
          parts: [
            { type: "tool-call", id: "t1", name: "f", args: '{"a":1}', executor: "client" },
            { type: "tool-call", id: "t2", name: "g", args: "nonsense", executor: "client" },
          ],
        },
        {
          role: "user",
          parts: [
            {
              type: "tool-result",
              callId: "t2",
              parts: [{ type: "text", text: "no" }],
              isError: true,
            },
            { type: "tool-result", callId: "lost", parts: [], isError: false },
            { type: "text", text: "go on" },
          ],
        },
      ],
    });
    expect(body["messages"]).toEqual([
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { id: "t1", function: { index: 0, name: "f", arguments: { a: 1 } } },
          { id: "t2", function: { index: 1, name: "g", arguments: { input: "nonsense" } } },
        ],
      },
      { role: "tool", content: "Error: no", tool_name: "g", tool_call_id: "t2" },
      { role: "tool", content: "", tool_call_id: "lost" },
      { role: "user", content: "go on" },
    ]);
    expect(lost).toEqual([
      "messages[0].content[1].arguments",
      "messages[1].content[0].is_error",
      "messages[1].content[1]",
    ]);
  });
});

describe("generate", () => {
  test("prompt, system and images become messages; the form is kept, empty fields are not", () => {
    const request = decode({
      model: "m",
      prompt: "Q",
      system: "S",
      images: [png],
      template: "",
      context: [],
      raw: false,
      suffix: "end",
      options: { temperature: 1 },
    });
    expect(request.messages).toEqual([
      { role: "system", parts: [{ type: "text", text: "S" }], place: "system" },
      {
        role: "user",
        parts: [
          { type: "image", source: { kind: "base64", data: png, mediaType: "image/png" } },
          { type: "text", text: "Q" },
        ],
        place: "prompt",
      },
    ]);
    expect(JSON.stringify(request.ext)).toBe('{"ollama":{"suffix":"end"}}');
    const { body, lost } = encode(request);
    expect(body["messages"]).toEqual([
      { role: "system", content: "S" },
      { role: "user", content: "Q", images: [png] },
    ]);
    expect(lost).toEqual(["suffix"]);
    expect(openaiChat.request.encode(request, target).warnings.map(({ field }) => field)).toEqual([
      "suffix",
    ]);
  });

  test("the path decides the form where it is known, else the body's shape", () => {
    expect(decode({ model: "m" }, "chat").messages).toEqual([]);
    const both = { model: "m", prompt: "P", messages: [{ role: "user", content: "M" }] };
    expect(decode(both, "generate").messages[0]?.parts).toEqual([{ type: "text", text: "P" }]);
    expect(decode(both).messages[0]?.parts).toEqual([{ type: "text", text: "M" }]);
  });

  test("bodies of the other paths are not relayed to an upstream's `/api/chat` and `/api/embed`", () => {
    const isForeign = (json: JsonObject): boolean =>
      ollama.carriesForeign?.(Buffer.from(JSON.stringify(json)), {}) ?? false;
    expect(isForeign({ model: "m", messages: [] })).toBe(false);
    expect(isForeign({ model: "m", input: "x" })).toBe(false);
    expect(isForeign({ model: "m", prompt: "x" })).toBe(true);
  });
});

describe("encoding for an Ollama server", () => {
  test("thinking: yes or no, and degrees where the model knows them", () => {
    const think = (reasoning: ChatRequest["reasoning"], to: Partial<Target> = {}) => {
      const { body, lost } = encode(reasoning ? { reasoning } : {}, to);
      return [body["think"], lost];
    };
    const oss = { model: "gpt-oss:20b" };
    expect(think(undefined)).toEqual([undefined, []]);
    expect(think({ mode: "off" })).toEqual([false, []]);
    const able = { facts: { reasoning: true } };
    expect(think({ mode: "adaptive" }, able)).toEqual([true, []]);
    expect(think({ mode: "effort", effort: "low" }, able)).toEqual([true, ["reasoning"]]);
    expect(think({ mode: "adaptive" })).toEqual([undefined, ["reasoning"]]);
    expect(think({ mode: "effort", effort: "low" }, oss)).toEqual(["low", []]);
    expect(think({ mode: "effort", effort: "max" }, oss)).toEqual(["high", ["reasoning"]]);
    expect(think({ mode: "budget", tokens: 10_000 }, oss)).toEqual(["high", []]);
    expect(think({ mode: "adaptive" }, { facts: { reasoning: false } })).toEqual([
      undefined,
      ["reasoning"],
    ]);
  });

  test("a stream must be refused in words", () => {
    expect(encode({ stream: false }).body["stream"]).toBe(false);
    expect(encode({ stream: true }).body["stream"]).toBe(true);
  });

  test("no tool may be called: none is offered; a demand is told as lost", () => {
    const tools: ChatRequest["tools"] = [{ type: "function", name: "f", strict: true }];
    expect(encode({ tools, toolChoice: { type: "none" } }).body["tools"]).toBeUndefined();
    expect(encode({ tools, toolChoice: { type: "required" } }).lost).toEqual([
      "tools[0].strict",
      "tool_choice",
    ]);
  });

  test("what the wire cannot say is told", () => {
    const { body, lost } = encode({
      messages: [
        {
          role: "user",
          name: "Ann",
          parts: [
            { type: "text", text: "a", cache: {} },
            { type: "text", text: "b" },
            { type: "image", source: { kind: "url", url: "https://example.org/a.png" } },
            {
              type: "file",
              title: "t",
              source: { kind: "text", text: "doc", mediaType: "text/plain" },
            },
            { type: "audio", source: { kind: "base64", data: "", mediaType: "audio/wav" } },
          ],
        },
        {
          role: "assistant",
          parts: [
            { type: "reasoning", text: "T", origin: { dialect: "anthropic-messages" } },
            { type: "text", text: "x" },
            { type: "text", text: "y" },
          ],
        },
        { role: "user", parts: [] },
      ],
      settings: { candidateCount: 2, verbosity: "low", maxOutputTokens: 100 },
      user: "u",
      ext: { "openai-chat": { logit_bias: {} } },
    });
    expect(body["messages"]).toEqual([
      { role: "user", content: "a\nb\nt\n\ndoc" },
      { role: "assistant", content: "xy" },
    ]);
    expect(lost).toEqual([
      "messages[0].name",
      "messages[0].content[0].cache_control",
      "messages[0].content[2]",
      "messages[0].content[4]",
      "messages[1].content[0]",
      "messages[2]",
      "n",
      "verbosity",
      "user",
      "logit_bias",
    ]);
  });

  test("tools that another vendor runs are refused when nothing else is left", () => {
    const error = failure(() =>
      encode({
        tools: [{ type: "provider", name: "web_search", origin: "anthropic-messages", raw: {} }],
      }),
    );
    expect(error.code).toBe("unsupported_feature");
  });
});

describe("hostile requests", () => {
  const keys = fc.constantFrom(
    "model",
    "messages",
    "prompt",
    "role",
    "content",
    "images",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "tool_name",
    "tools",
    "options",
    "stop",
    "think",
    "format",
    "stream",
    "__proto__",
    "constructor",
  );
  const words = fc.constantFrom("user", "assistant", "tool", "json", "", "m", "f");
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      words,
      fc.constantFrom(null, true, 0, -1, 1.5),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.array(fc.tuple(keys, tie("value")), { maxLength: 5 }).map((entries) => {
        const text = entries.map(
          ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
        );
        return JSON.parse(`{${text.join(",")}}`) as unknown;
      }),
    ),
  })).value;

  test("nothing but a GatewayError is thrown, no prototype is touched, and what is read can be written", () => {
    fc.assert(
      fc.property(json, json, (messages, rest) => {
        const body = { model: "m", messages, ...(typeof rest === "object" ? rest : {}) };
        const text = JSON.stringify(body);
        let value: ChatRequest;
        try {
          ({ value } = ollama.request.decode({ json: JSON.parse(text), text }));
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          return;
        }
        expect(() => JSON.parse(ollama.request.encode(value, target).body)).not.toThrow();
        expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});
