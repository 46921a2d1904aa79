// Requests of the cohere dialect, both ways: documents, plans, thinking, tools, bounds.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Target } from "../../../src/dialects/dialect.ts";
import { cohere } from "../../../src/dialects/cohere/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const target: Target = { provider: "acme", model: "command-a", quirks: {}, facts: {} };

const decode = (json: JsonObject): ChatRequest =>
  cohere.request.decode({ json, text: JSON.stringify(json) }).value;

function encode(
  request: Partial<ChatRequest>,
  to: Partial<Target> = {},
): { body: JsonObject; lost: string[] } {
  const { body, warnings } = cohere.request.encode(
    {
      model: "m",
      messages: [{ role: "user", parts: [{ type: "text", text: "Q" }] }],
      tools: [],
      settings: {},
      stream: false,
      ext: {},
      ...request,
    },
    { ...target, ...to },
  );
  return { body: JSON.parse(body), lost: warnings.map(({ field }) => field) };
}

const again = (json: JsonObject): JsonObject =>
  JSON.parse(cohere.request.encode(decode(json), { ...target, model: String(json["model"]) }).body);

const question = { role: "user", content: "Q" };

describe("decoding", () => {
  test("every field finds its place", () => {
    const request = decode({
      model: "command-a",
      messages: [
        { role: "system", content: "S" },
        {
          role: "user",
          content: [
            { type: "text", text: "Q" },
            { type: "image_url", image_url: { url: "https://e.org/a.png", detail: "low" } },
          ],
        },
        {
          role: "assistant",
          tool_plan: "P",
          tool_calls: [
            { id: "t1", type: "function", function: { name: "f", arguments: '{"a": 1.0}' } },
          ],
        },
        { role: "tool", tool_call_id: "t1", content: "R" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "T" },
            { type: "text", text: "A" },
          ],
          citations: [{ start: 0, end: 1, text: "A", sources: [] }],
        },
      ],
      tools: [{ type: "function", function: { name: "f", description: "d", parameters: {} } }],
      strict_tools: true,
      tool_choice: "REQUIRED",
      max_tokens: 9,
      temperature: 0.3,
      p: 0.75,
      k: 3,
      stop_sequences: ["X"],
      seed: 1,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      logprobs: true,
      response_format: { type: "json_object", json_schema: { type: "object" } },
      thinking: { type: "enabled", token_budget: 500 },
      stream: true,
      safety_mode: "STRICT",
      citation_options: { mode: "FAST" },
      priority: 1,
    });
    const { messages, ...rest } = request;
    expect(rest).toEqual({
      model: "command-a",
      tools: [{ type: "function", name: "f", description: "d", parameters: {}, strict: true }],
      toolChoice: { type: "required" },
      settings: {
        maxOutputTokens: 9,
        temperature: 0.3,
        topP: 0.75,
        topK: 3,
        stop: ["X"],
        seed: 1,
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
        logprobs: {},
      },
      responseFormat: { type: "json-schema", schema: { type: "object" } },
      reasoning: { mode: "budget", tokens: 500 },
      stream: true,
      ext: { cohere: { safety_mode: "STRICT", citation_options: { mode: "FAST" }, priority: 1 } },
    });
    expect(messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
      "assistant",
    ]);
    expect(JSON.parse(JSON.stringify(messages[2]?.parts))).toEqual([
      { type: "text", text: "P", ext: { cohere: {} } },
      { type: "tool-call", id: "t1", name: "f", args: '{"a": 1.0}', executor: "client" },
    ]);
    expect(messages[4]?.parts).toEqual([
      { type: "reasoning", text: "T", origin: { dialect: "cohere" } },
      {
        type: "text",
        text: "A",
        citations: [{ origin: "cohere", raw: { start: 0, end: 1, text: "A", sources: [] } }],
      },
    ]);
  });

  test("the client's own request comes out as it went in", () => {
    const json: JsonObject = {
      model: "command-a",
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "Q" },
        {
          role: "assistant",
          tool_plan: "P",
          tool_calls: [
            { id: "t1", type: "function", function: { name: "f", arguments: '{"a": 1.0}' } },
          ],
        },
        {
          role: "tool",
          tool_call_id: "t1",
          content: [{ type: "document", document: { id: "d", data: { x: "y" } } }],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "T" },
            { type: "text", text: "A" },
          ],
          citations: [{ start: 0, end: 1, text: "A", sources: [] }],
        },
        {
          role: "user",
          content: [
            { type: "text", text: "Q" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "low" } },
          ],
        },
      ],
      documents: ["plain", { id: "1", data: { title: "t", snippet: "s", year: 2 } }],
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      strict_tools: true,
      tool_choice: "NONE",
      stream: false,
      max_tokens: 9,
      p: 1,
      k: 900,
      stop_sequences: ["1", "2", "3", "4", "5", "6"],
      frequency_penalty: 1.5,
      response_format: { type: "json_object", json_schema: { type: "object" } },
      thinking: { type: "disabled" },
      safety_mode: "OFF",
      raw_prompting: true,
    };
    expect(again(json)).toEqual(json);
  });

  test("documents reach other wires as files of plain text before the question", () => {
    const request = decode({
      model: "m",
      messages: [{ role: "user", content: "A" }, { role: "assistant", content: "B" }, question],
      documents: [
        "plain",
        { id: "d1", data: { title: "T", text: "body" } },
        { data: { a: 1, b: "x" } },
      ],
    });
    const { body, warnings } = openaiChat.request.encode(request, target);
    const { messages } = JSON.parse(body);
    expect(messages.at(-1).content.map(({ text }: { text: string }) => text)).toEqual([
      "plain",
      "T\n\nbody",
      "a: 1\nb: x",
      "Q",
    ]);
    const reason = "answers of OpenAI chat cite no documents by their ids";
    expect(warnings).toEqual([{ field: "documents[].id", reason, target: target.provider }]);
  });

  test("a plan is the text before the calls to every other wire", () => {
    const request = decode({
      model: "m",
      messages: [
        question,
        {
          role: "assistant",
          tool_plan: "P",
          tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "t", content: "R" },
      ],
      tools: [{ type: "function", function: { name: "f" } }],
    });
    const { body, warnings } = openaiChat.request.encode(request, target);
    expect(JSON.parse(body).messages[1]).toMatchObject({ role: "assistant", content: "P" });
    expect(warnings).toEqual([]);
  });

  test("wrong fields are refused by name", () => {
    const table: [json: JsonObject, param: string][] = [
      [{ messages: [question] }, "model"],
      [{ model: "m" }, "messages"],
      [{ model: "m", messages: [] }, "messages"],
      [{ model: "m", messages: [{ role: "bot", content: "" }] }, "messages[0].role"],
      [{ model: "m", messages: [{ role: "user" }] }, "messages[0].content"],
      [
        { model: "m", messages: [{ role: "user", content: [{ type: "text" }] }] },
        "messages[0].content[0].text",
      ],
      [{ model: "m", messages: [{ role: "tool", content: "R" }] }, "messages[0].tool_call_id"],
      [
        { model: "m", messages: [{ role: "assistant", tool_calls: [{}] }] },
        "messages[0].tool_calls[0].function",
      ],
      [{ model: "m", messages: [question], documents: [7] }, "documents[0]"],
      [{ model: "m", messages: [question], tool_choice: "auto" }, "tool_choice"],
      [{ model: "m", messages: [question], thinking: { type: "maybe" } }, "thinking.type"],
      [
        { model: "m", messages: [question], response_format: { type: "x" } },
        "response_format.type",
      ],
      [{ model: "m", messages: [question], stop_sequences: [1] }, "stop_sequences[0]"],
      [{ model: "m", messages: [question], k: 0.5 }, "k"],
    ];
    for (const [json, param] of table) {
      try {
        decode(json);
        throw new Error(`${param} was not refused`);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_request", param });
      }
    }
  });
});

describe("encoding for Cohere", () => {
  test("tools: one that is demanded is offered alone; parameters are never missing", () => {
    const tools: ChatRequest["tools"] = [
      { type: "function", name: "f", strict: true },
      { type: "function", name: "g" },
    ];
    const { body, lost } = encode({ tools, toolChoice: { type: "tool", name: "g" } });
    expect(body["tools"]).toEqual([
      { type: "function", function: { name: "g", parameters: { type: "object", properties: {} } } },
    ]);
    expect(body["tool_choice"]).toBe("REQUIRED");
    expect(lost).toEqual(["tool_choice", "tools[].strict"]);
    expect(encode({ tools, toolChoice: { type: "none" } }).body["tool_choice"]).toBe("NONE");
    expect(encode({ tools, toolChoice: { type: "auto" } }).body).not.toHaveProperty("tool_choice");
    expect(encode({ tools: tools.slice(0, 1) }).body["strict_tools"]).toBe(true);
  });

  test("numbers are brought inside what Cohere takes, and told", () => {
    const { body, lost } = encode(
      {
        settings: {
          topP: 1,
          topK: 900,
          frequencyPenalty: -1,
          presencePenalty: 2,
          stop: ["1", "2", "3", "4", "5", "6"],
          maxOutputTokens: 100_000,
        },
      },
      { facts: { maxOutputTokens: 4000 } },
    );
    expect(body).toMatchObject({
      p: 0.99,
      k: 500,
      frequency_penalty: 0,
      presence_penalty: 1,
      stop_sequences: ["1", "2", "3", "4", "5"],
      max_tokens: 4000,
    });
    expect(lost).toEqual(["max_tokens", "top_k", "frequency_penalty", "presence_penalty", "stop"]);
  });

  test("thinking: a budget, also for a degree; not asked of models that do not", () => {
    const think = (reasoning: NonNullable<ChatRequest["reasoning"]>, reasons?: boolean) => {
      const facts = reasons === undefined ? {} : { reasoning: reasons };
      const { body, lost } = encode({ reasoning }, { facts });
      return [body["thinking"], lost];
    };
    const budget = { mode: "budget" as const, tokens: 9 };
    expect(think(budget, true)).toEqual([{ type: "enabled", token_budget: 9 }, []]);
    expect(think({ mode: "effort", effort: "high" }, true)).toEqual([
      { type: "enabled", token_budget: 4096 },
      [],
    ]);
    expect(think({ mode: "adaptive" }, true)).toEqual([{ type: "enabled" }, []]);
    expect(think(budget)).toEqual([undefined, ["reasoning"]]);
    const named = encode({ reasoning: budget }, { model: "command-a-reasoning-08-2025" });
    expect(named.body["thinking"]).toEqual({ type: "enabled", token_budget: 9 });
    expect(think({ mode: "off" }, true)).toEqual([{ type: "disabled" }, []]);
    expect(think({ mode: "off" })).toEqual([undefined, ["reasoning"]]);
    expect(think({ mode: "off" }, false)).toEqual([undefined, []]);
    expect(think({ mode: "adaptive" }, false)).toEqual([undefined, ["reasoning"]]);
  });

  test("JSON: a schema where it can stand, words where it cannot", () => {
    const schema = { type: "object" };
    const responseFormat = { type: "json-schema" as const, name: "n", schema };
    expect(encode({ responseFormat }).body["response_format"]).toEqual({
      type: "json_object",
      json_schema: schema,
    });
    const { body, lost } = encode({ responseFormat, tools: [{ type: "function", name: "f" }] });
    expect(body).not.toHaveProperty("response_format");
    expect(body["messages"]).toEqual([
      { role: "system", content: expect.stringContaining('{"type":"object"}') },
      { role: "user", content: "Q" },
    ]);
    expect(lost).toEqual(["response_format"]);
    const plain = encode({ responseFormat: { type: "json" } });
    expect(plain.body["response_format"]).toEqual({ type: "json_object" });
    expect(plain.body["messages"]).toHaveLength(2);
  });

  test("a conversation of another wire: plans, results, documents, what is lost", () => {
    const { body, lost } = encode({
      messages: [
        {
          role: "user",
          parts: [
            {
              type: "file",
              title: "t",
              source: { kind: "text", text: "doc", mediaType: "text/plain" },
            },
            { type: "text", text: "Q", cache: {} },
            {
              type: "file",
              source: { kind: "base64", data: "JVBE", mediaType: "application/pdf" },
            },
          ],
        },
        {
          role: "assistant",
          parts: [
            { type: "reasoning", text: "T", origin: { dialect: "anthropic-messages" } },
            { type: "text", text: "I look." },
            { type: "tool-call", id: "t1", name: "f", args: "", executor: "client" },
          ],
        },
        {
          role: "user",
          parts: [
            {
              type: "tool-result",
              callId: "t1",
              parts: [
                { type: "image", source: { kind: "base64", data: "AAAA", mediaType: "image/png" } },
              ],
              isError: true,
            },
            { type: "tool-result", callId: "t9", parts: [], isError: false },
          ],
        },
      ],
    });
    expect(body["documents"]).toEqual([{ data: { text: "doc", title: "t" } }]);
    expect(body["messages"]).toEqual([
      { role: "user", content: "Q" },
      {
        role: "assistant",
        tool_plan: "I look.",
        tool_calls: [{ id: "t1", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      {
        role: "tool",
        tool_call_id: "t1",
        content: "Error: The result is attached to the next message.",
      },
      { role: "tool", tool_call_id: "t9", content: "" },
      {
        role: "user",
        content: [
          { type: "text", text: "Attached to the result of tool call t1:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
        ],
      },
    ]);
    expect(lost).toEqual([
      "messages[0].content[1].cache_control",
      "messages[0].content[2]",
      "messages[1].content[0]",
      "messages[2].content[0].is_error",
      "messages",
    ]);
  });

  test("documents alone are a question's text", () => {
    const { body } = encode({
      messages: [
        {
          role: "user",
          parts: [{ type: "file", source: { kind: "text", text: "doc", mediaType: "text/plain" } }],
        },
      ],
    });
    expect(body["messages"]).toEqual([{ role: "user", content: "doc" }]);
    expect(body).not.toHaveProperty("documents");
  });
});

describe("hostile requests", () => {
  const keys = fc.constantFrom(
    "messages",
    "role",
    "content",
    "type",
    "text",
    "image_url",
    "url",
    "document",
    "data",
    "thinking",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "id",
    "tool_call_id",
    "documents",
    "tools",
    "citations",
    "response_format",
    "__proto__",
    "constructor",
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("user", "assistant", "tool", "text", "image_url", "document", "function", ""),
      fc.constantFrom(null, true, 0, -1, 1.5),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.array(fc.tuple(keys, tie("value")), { maxLength: 6 }).map((entries) => {
        const text = entries.map(
          ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
        );
        return JSON.parse(`{${text.join(",")}}`) as unknown;
      }),
    ),
  })).value;

  test("nothing but a GatewayError is thrown, no prototype is touched, and what is read can be written", () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 3 }), json, (messages, rest) => {
        const body = { ...(typeof rest === "object" ? rest : {}), model: "m", messages };
        const text = JSON.stringify(body);
        let value: ChatRequest;
        try {
          ({ value } = cohere.request.decode({ json: JSON.parse(text), text }));
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          return;
        }
        expect(() => JSON.parse(cohere.request.encode(value, target).body)).not.toThrow();
        expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});
