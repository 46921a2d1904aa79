// Requests of the openai-chat dialect, both ways.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Target } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest, Message, Part, Reasoning } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

const decode = (json: JsonObject): ChatRequest =>
  openaiChat.request.decode({ json, text: JSON.stringify(json) }).value;

const ask = (fields: JsonObject = {}): JsonObject => ({
  model: "m",
  messages: [{ role: "user", content: "Hi" }],
  ...fields,
});

const target: Target = { provider: "acme", model: "up", quirks: {}, facts: {} };

interface Sent {
  body: { messages: JsonObject[] } & JsonObject;
  fields: string[];
  reasons: string[];
}

function encode(request: ChatRequest, to: Partial<Target> = {}): Sent {
  const { body, warnings } = openaiChat.request.encode(request, { ...target, ...to });
  return {
    body: JSON.parse(body),
    fields: warnings.map((warning) => warning.field),
    reasons: warnings.map((warning) => warning.reason),
  };
}

/** A request as another dialect's client would have it. */
const foreign = (messages: Message[], fields: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "m",
  messages,
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...fields,
});

function problem(json: JsonObject): GatewayError {
  try {
    decode(json);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("decoding", () => {
  test("consecutive tool messages are one user turn, apart from the user's own", () => {
    const { messages } = decode(
      ask({
        messages: [
          { role: "developer", content: "Be brief" },
          { role: "assistant", content: null, tool_calls: [call("a"), call("b")] },
          { role: "tool", tool_call_id: "a", content: "1" },
          { role: "tool", tool_call_id: "b", content: [{ type: "text", text: "2" }] },
          { role: "user", content: "and?" },
        ],
      }),
    );
    expect(messages.map(({ role, parts }) => [role, parts.map((part) => part.type)])).toEqual([
      ["system", ["text"]],
      ["assistant", ["tool-call", "tool-call"]],
      ["user", ["tool-result", "tool-result"]],
      ["user", ["text"]],
    ]);
  });

  test("media: data URLs become base64, with the type told or seen", () => {
    const [message] = decode(
      ask({
        messages: [
          {
            role: "user",
            content: [
              { type: "image_url", image_url: { url: "data:image/PNG;charset=x;base64,QUJD" } },
              { type: "image_url", image_url: { url: "data:;base64,/9j/4AAQ" } },
              { type: "image_url", image_url: "https://example.com/a.png" },
              { type: "input_audio", input_audio: { data: "QQ==", format: "mp3" } },
              { type: "file", file: { file_data: "JVBERi0x" } },
            ],
          },
        ],
      }),
    ).messages;
    expect(message?.parts.map((part) => "source" in part && part.source)).toEqual([
      { kind: "base64", data: "QUJD", mediaType: "image/png" },
      { kind: "base64", data: "/9j/4AAQ", mediaType: "image/jpeg" },
      { kind: "url", url: "https://example.com/a.png" },
      { kind: "base64", data: "QQ==", mediaType: "audio/mpeg" },
      { kind: "base64", data: "JVBERi0x", mediaType: "application/pdf" },
    ]);
  });

  test("settings, and nothing for null", () => {
    const request = decode(
      ask({
        max_tokens: 5,
        max_completion_tokens: 9,
        stop: "x",
        n: 2,
        top_k: 3,
        temperature: null,
        tools: null,
        stream: null,
        user: "u",
        response_format: { type: "json_object" },
      }),
    );
    expect(request.settings).toEqual({
      maxOutputTokens: 9,
      stop: ["x"],
      candidateCount: 2,
      topK: 3,
    });
    expect(request).toMatchObject({ tools: [], stream: false, user: "u" });
    expect(request.responseFormat).toEqual({ type: "json" });
    expect(request.ext).toEqual({ "openai-chat": {} });
  });

  test.each([
    [{ reasoning_effort: "low" }, { mode: "effort", effort: "low" }],
    [{ reasoning_effort: "none" }, { mode: "off" }],
    [{ reasoning: { effort: "none" } }, { mode: "off" }],
    [{ reasoning: { max_tokens: 900 } }, { mode: "budget", tokens: 900 }],
    [{ reasoning: { enabled: true, exclude: true } }, { mode: "adaptive", display: "omitted" }],
    [{ reasoning: { enabled: false } }, { mode: "off" }],
    [{ thinking: { type: "disabled" } }, { mode: "off" }],
    [{ thinking: { type: "enabled", budget_tokens: 70 } }, { mode: "budget", tokens: 70 }],
    [
      { enable_thinking: true, thinking_budget: 50 },
      { mode: "budget", tokens: 50 },
    ],
    [{ enable_thinking: false }, { mode: "off" }],
  ] as [JsonObject, Reasoning][])("reasoning asked for by %j", (fields, expected) => {
    const request = decode(ask(fields));
    expect(request.reasoning).toMatchObject(expected);
    expect(encode(request).body).toMatchObject(fields);
  });

  test("a vendor's field that is no wish to think stays a field", () => {
    const request = decode(ask({ thinking: { clear_thinking: false } }));
    expect(request.reasoning).toBeUndefined();
    expect(request.ext["openai-chat"]).toEqual({ thinking: { clear_thinking: false } });
  });

  test("the form before `tools` becomes tools, calls and results", () => {
    const request = decode(
      ask({
        functions: [{ name: "f", parameters: { type: "object" } }],
        function_call: { name: "f" },
        messages: [
          { role: "assistant", content: null, function_call: { name: "f", arguments: "{1" } },
          { role: "function", name: "f", content: "one" },
          { role: "assistant", content: null, function_call: { name: "f", arguments: "{2" } },
          { role: "function", name: "f", content: "two" },
          { role: "function", name: "g", content: "three" },
        ],
      }),
    );
    expect(request.tools).toMatchObject([{ type: "function", name: "f" }]);
    expect(request.toolChoice).toEqual({ type: "tool", name: "f" });
    const ids = request.messages.flatMap(({ parts }) =>
      parts.map((part) => (part.type === "tool-result" ? part.callId : "id" in part && part.id)),
    );
    expect(ids).toEqual([0, 0, 1, 1, 2].map((count) => `call_function_${count}`));
  });

  test.each([
    [{ model: undefined }, "model"],
    [{ model: 5 }, "model"],
    [{ messages: undefined }, "messages"],
    [{ messages: "hi" }, "messages"],
    [{ messages: [] }, "messages"],
    [{ messages: [5] }, "messages[0]"],
    [{ messages: [{ content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "user" }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: 5 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages[0].content[0].text"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
      "messages[0].content[0].image_url.url",
    ],
    [{ messages: [{ role: "tool", content: "x" }] }, "messages[0].tool_call_id"],
    [
      { messages: [{ role: "assistant", tool_calls: [{ id: "a", function: {} }] }] },
      "messages[0].tool_calls[0].function.name",
    ],
    [{ temperature: "hot" }, "temperature"],
    [{ n: 1.5 }, "n"],
    [{ max_tokens: Number.POSITIVE_INFINITY }, "max_tokens"],
    [{ stop: [1] }, "stop[0]"],
    [{ stream: "yes" }, "stream"],
    [{ tools: {} }, "tools"],
    [{ tools: [{ type: "function" }] }, "tools[0].function"],
    [{ tools: [{ type: "function", function: { name: 1 } }] }, "tools[0].function.name"],
    [{ tool_choice: "perhaps" }, "tool_choice"],
    [{ tool_choice: { type: "function" } }, "tool_choice.function"],
    [{ response_format: { type: "json_schema" } }, "response_format.json_schema"],
    [{ reasoning_effort: 3 }, "reasoning_effort"],
    [{ user: {} }, "user"],
  ] as [JsonObject, string][])("%j is refused, naming %s (R24)", (fields, param) => {
    const error = problem(ask(fields));
    expect(error).toMatchObject({ code: "invalid_request", status: 400, param });
    expect(error.message).toContain(`\`${param}\``);
  });

  test("a Responses body on this path is told so", () => {
    const error = problem({ model: "m", input: "Hi" });
    expect(error.message).toContain("/v1/responses");
  });

  test("what OpenAI accepts is accepted: unknown fields, parts and tools are kept", () => {
    const json = ask({
      messages: [
        { role: "user", content: [{ type: "video_url", video_url: { url: "v" } }], extra: 1 },
      ],
      tools: [{ type: "openrouter:web_search", parameters: { a: 1 } }],
      logprobs: true,
      plugins: [{ id: "x" }],
    });
    expect(encode(decode(json)).body).toMatchObject({ ...json, model: "up" });
    expect(encode(decode(json)).fields).toEqual([]);
  });

  test("no input does more than fail (S45, S47)", () => {
    const key = fc.constantFrom(
      ..."model messages tools tool_choice functions function_call role content type text image_url url file file_data input_audio data format tool_calls function name arguments custom input id tool_call_id reasoning reasoning_details reasoning_content signature response_format json_schema schema stop stream stream_options n max_tokens cache_control ttl annotations audio refusal thinking allowed_tools mode __proto__ constructor prototype toString".split(
        " ",
      ),
    );
    const word = fc.constantFrom(
      ..."system developer user assistant tool function text image_url input_audio file custom allowed_tools json_schema reasoning.text reasoning.encrypted data:image/png;base64,AA== megallm/%E0/a/b/c auto".split(
        " ",
      ),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        word,
        fc.string(),
        fc.constantFrom(null, true, 0, -1, 1.5, Number.MAX_SAFE_INTEGER + 2),
        fc.array(tie("value"), { maxLength: 4 }),
        fc
          .array(fc.tuple(key, tie("value")), { maxLength: 6 })
          .map((entries) =>
            JSON.parse(
              `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`).join()}}`,
            ),
          ),
      ),
    }));
    const message = fc.record({
      role: word,
      content: value,
      tool_calls: value,
      reasoning_details: value,
    });
    fc.assert(
      fc.property(value, fc.array(fc.oneof(message, value)), (fields, messages) => {
        const json: JsonObject = { model: "m", messages, ...(isObject(fields) ? fields : {}) };
        try {
          const { value: request } = openaiChat.request.decode({ json, text: "" });
          openaiChat.request.encode(request, target);
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          expect(error.code).toBe("invalid_request");
        }
      }),
      { numRuns: 3000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
  });

  test("`__proto__` is nobody's field (S45)", () => {
    const json = JSON.parse(
      '{"model":"m","__proto__":{"polluted":1},"messages":[{"role":"user","__proto__":{"polluted":1},"content":[{"type":"text","text":"x","__proto__":{"polluted":1}}]}]}',
    );
    const { body } = openaiChat.request.encode(decode(json), target);
    expect(body).not.toContain("polluted");
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
  });
});

describe("encoding", () => {
  test("an output limit beyond the model's own is lowered, for clients of other wires", () => {
    const facts = { maxOutputTokens: 16_384 };
    const settings = { maxOutputTokens: 32_000 };
    const hello = [{ role: "user", parts: [{ type: "text", text: "U" }] }] satisfies Message[];
    const lowered = encode(foreign(hello, { settings }), { facts });
    expect(lowered.body["max_tokens"]).toBe(16_384);
    expect(lowered.fields).toEqual(["max_tokens"]);
    const own = encode(foreign(hello, { settings, ext: { "openai-chat": {} } }), { facts });
    expect([own.body["max_tokens"], own.fields]).toEqual([32_000, []]);
  });

  test("quirks: field names, roles, dropped fields, usage in streams", () => {
    const request = foreign(
      [
        { role: "system", parts: [{ type: "text", text: "S" }] },
        { role: "user", parts: [{ type: "text", text: "U" }] },
      ],
      { settings: { maxOutputTokens: 7, seed: 1 }, stream: true },
    );
    expect(encode(request).body).toEqual({
      model: "up",
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "U" },
      ],
      max_tokens: 7,
      seed: 1,
      stream: true,
      stream_options: { include_usage: true },
    });
    const { body, fields } = encode(request, {
      quirks: {
        maxTokensField: "max_completion_tokens",
        systemRole: "developer",
        usageInStream: "always",
        drop: ["seed", "logprobs"],
      },
    });
    expect(body).toMatchObject({ max_completion_tokens: 7, stream: true });
    expect(body.messages[0]).toEqual({ role: "developer", content: "S" });
    expect(body).not.toHaveProperty("stream_options");
    expect(body).not.toHaveProperty("seed");
    expect(fields).toEqual(["seed"]);
  });

  test("tool results go first, their media behind them in a user message, errors into the text", () => {
    const { body, fields } = encode(
      foreign([
        {
          role: "user",
          parts: [
            {
              type: "tool-result",
              callId: "a",
              isError: true,
              parts: [{ type: "text", text: "no such file" }],
            },
            {
              type: "tool-result",
              callId: "b",
              isError: false,
              parts: [
                {
                  type: "image",
                  source: { kind: "base64", data: "QQ==", mediaType: "image/png" },
                },
              ],
            },
            { type: "text", text: "Go on" },
          ],
        },
      ]),
    );
    expect(body.messages).toEqual([
      { role: "tool", tool_call_id: "a", content: "Error: no such file" },
      {
        role: "tool",
        tool_call_id: "b",
        content: "The result is attached to the next message.",
      },
      {
        role: "user",
        content: [
          { type: "text", text: "Attached to the result of tool call b:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,QQ==" } },
          { type: "text", text: "Go on" },
        ],
      },
    ]);
    expect(fields).toEqual(["messages[0].content[0].is_error"]);
  });

  test("call ids that OpenAI refuses as too long become short ones, the same for call and result", () => {
    const [long, other] = [`toolu_${"x".repeat(50)}1`, `toolu_${"x".repeat(50)}2`];
    const made = (id: string): Part => ({
      type: "tool-call",
      id,
      name: "f",
      args: "{}",
      executor: "client",
    });
    const result = (callId: string): Part => ({
      type: "tool-result",
      callId,
      parts: [{ type: "text", text: callId }],
      isError: false,
    });
    const messages: Message[] = [
      { role: "assistant", parts: [made(long), made(other), made("toolu_01short")] },
      { role: "user", parts: [result(other), result(long), result("toolu_01short")] },
    ];
    const idsOf = (request: ChatRequest): unknown[] => {
      const [assistant, ...tools] = encode(request).body["messages"];
      const calls = assistant?.["tool_calls"] as JsonObject[];
      return [...calls.map(({ id }) => id), ...tools.map((message) => message["tool_call_id"])];
    };
    const [first, second, third, ...results] = idsOf(foreign(messages, {}));
    expect(results).toEqual([second, first, third]);
    expect(new Set([first, second, third]).size).toBe(3);
    expect(third).toBe("toolu_01short");
    for (const id of [first, second]) expect(id).toMatch(/^call_[\w-]{35}$/);
    // A client of this wire gets what it wrote.
    expect(idsOf({ ...foreign(messages, {}), ext: { "openai-chat": {} } })[0]).toBe(long);
  });

  test("reasoning goes back only where it was made", () => {
    const origin = { dialect: "openai-chat" as const, provider: "acme", model: "up" };
    const request = foreign([
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "T", origin },
          { type: "text", text: "A" },
        ],
      },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "X", signature: "s", origin: { ...origin, model: "old" } },
          {
            type: "reasoning",
            text: "Y",
            signature: "s",
            origin: { dialect: "anthropic-messages" },
          },
          { type: "text", text: "B" },
        ],
      },
    ]);
    const shown = encode(request, { quirks: { reasoningField: "reasoning_content" } });
    expect(shown.body.messages).toEqual([
      { role: "assistant", content: "A", reasoning_content: "T" },
      { role: "assistant", content: "B" },
    ]);
    // The last: an answer begun may be answered anew.
    expect(shown.fields).toEqual(["messages[1].content[0]", "messages[1]"]);
    expect(shown.reasons[0]).toContain("(2 places)");
    const hidden = encode(request);
    expect(hidden.body.messages[0]).toEqual({ role: "assistant", content: "A" });
    expect(hidden.fields).toContain("messages[0].reasoning_content");
  });

  test.each([
    [{ mode: "off" }, {}, undefined, 1],
    [{ mode: "off" }, { reasoning: true }, "none", 0],
    [{ mode: "off" }, { reasoning: false }, undefined, 0],
    [{ mode: "effort", effort: "xhigh" }, {}, "xhigh", 0],
    [{ mode: "effort", effort: "high" }, { reasoning: false }, undefined, 1],
    [{ mode: "budget", tokens: 1024 }, {}, "low", 0],
    [{ mode: "budget", tokens: 31_999 }, {}, "high", 0],
    [{ mode: "adaptive" }, {}, undefined, 0],
    [{ mode: "adaptive", effort: "medium" }, {}, "medium", 0],
  ] as [Reasoning, Target["facts"], string | undefined, number][])(
    "reasoning %j for a model with %j",
    (reasoning, facts, expected, warnings) => {
      const { body, fields } = encode(foreign([user("x")], { reasoning }), { facts });
      expect(body["reasoning_effort"]).toBe(expected);
      expect(fields).toHaveLength(warnings);
    },
  );

  test("what the wire lacks is dropped with a warning: top_k, foreign fields, cache hints, opaque parts", () => {
    const request = foreign(
      [
        {
          role: "user",
          parts: [
            { type: "text", text: "a", cache: {} },
            {
              type: "text",
              text: "b",
              cache: { ttl: "1h" },
              ext: { "anthropic-messages": { x: 1 } },
            },
            { type: "opaque", origin: "anthropic-messages", raw: { type: "search_result" } },
            { type: "file", source: { kind: "url", url: "https://example.com/a.pdf" } },
          ],
        },
      ],
      { settings: { topK: 4 }, ext: { "anthropic-messages": { context_management: {} } } },
    );
    const { body, fields, reasons } = encode(request);
    expect(body.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ]);
    expect(fields.toSorted()).toEqual([
      "context_management",
      "messages[0].content[0].cache_control",
      "messages[0].content[1].x",
      "messages[0].content[2]",
      "messages[0].content[3]",
      "top_k",
    ]);
    expect(reasons.join()).toContain("(2 places)");
    const cached = encode(request, { quirks: { cacheControl: true } }).body.messages[0];
    expect(cached?.["content"]).toEqual([
      { type: "text", text: "a", cache_control: { type: "ephemeral" } },
      { type: "text", text: "b", cache_control: { type: "ephemeral", ttl: "1h" } },
    ]);
  });

  test("a client of this very wire keeps top_k and its own fields", () => {
    const { body, fields } = encode(decode(ask({ top_k: 4, min_p: 0.1, safety_identifier: "s" })));
    expect(body).toMatchObject({ top_k: 4, min_p: 0.1, user: "s" });
    expect(fields).toEqual([]);
  });

  test("a provider without JSON schemas is asked for JSON and told the schema", () => {
    const request = foreign([{ role: "system", parts: [{ type: "text", text: "S" }] }, user("x")], {
      responseFormat: { type: "json-schema", schema: { type: "object", title: "T" } },
    });
    const { body, fields } = encode(request, { quirks: { noJsonSchema: true } });
    expect(body["response_format"]).toEqual({ type: "json_object" });
    expect(body.messages.map(({ role }) => role)).toEqual(["system", "system", "user"]);
    expect(body.messages[1]?.["content"]).toContain('{"type":"object","title":"T"}');
    expect(fields).toEqual(["response_format.json_schema"]);
    expect(encode(request).body["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { name: "response", schema: { type: "object", title: "T" } },
    });
  });

  test("tools that another provider runs: dropped beside others, refused when they are the point", () => {
    const search = {
      type: "provider" as const,
      name: "web_search_20250305",
      origin: "anthropic-messages" as const,
      raw: {},
    };
    const own = { type: "function" as const, name: "f", parameters: { type: "object" } };
    const both = encode(foreign([user("x")], { tools: [search, own] }));
    expect(both.body["tools"]).toHaveLength(1);
    expect(both.fields).toEqual(["tools[0]"]);
    for (const fields of [
      { tools: [search] },
      { tools: [search, own], toolChoice: { type: "tool" as const, name: search.name } },
    ]) {
      expect(() => encode(foreign([user("x")], fields))).toThrow(
        expect.objectContaining({ code: "unsupported_feature" }),
      );
    }
  });

  test("without tools there is no choice and no parallelism to speak of", () => {
    const { body, fields } = encode(
      foreign([user("x")], {
        toolChoice: { type: "required" },
        settings: { parallelToolCalls: false },
      }),
    );
    expect(Object.keys(body)).toEqual(["model", "messages"]);
    expect(fields).toEqual(["tool_choice"]);
  });

  test("documents as text and silent assistant turns keep their place", () => {
    const { body } = encode(
      foreign([
        {
          role: "user",
          parts: [
            {
              type: "file",
              title: "Notes",
              source: { kind: "text", text: "body", mediaType: "text/plain" },
            },
          ],
        },
        { role: "assistant", parts: [] },
        {
          role: "assistant",
          parts: [{ type: "tool-call", id: "a", name: "f", args: "{ }", executor: "client" }],
        },
      ]),
    );
    expect(body.messages).toEqual([
      { role: "user", content: "Notes\n\nbody" },
      { role: "assistant", content: "" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{ }" } }],
      },
    ]);
  });
});

function call(id: string): JsonObject {
  return { id, type: "function", function: { name: "f", arguments: "{}" } };
}

function user(text: string): Message {
  return { role: "user", parts: [{ type: "text", text }] };
}

test("a bucket's address is not sent as the id of a file", () => {
  const file: Part = { type: "file", source: { kind: "file-id", id: "s3://b/k" }, ext: {} };
  const text: Part = { type: "text", text: "Hi", ext: {} };
  const { body, fields } = encode(foreign([{ role: "user", parts: [file, text], ext: {} }]));
  expect(JSON.stringify(body)).not.toContain("s3://");
  expect(fields).toEqual(["messages[0].content[0]"]);
});
