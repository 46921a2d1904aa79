// From one dialect's client to another dialect's upstream: what is told of what cannot go along.
import { describe, expect, test } from "bun:test";
import type { AnswerContext, Target } from "../../../src/dialects/dialect.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatRequest, DialectId } from "../../../src/ir/chat.ts";
import { expand } from "../../../src/ir/fold.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

const target: Target = { provider: "acme", model: "up", quirks: {}, facts: {} };

interface Translated {
  body: ReturnType<typeof JSON.parse>;
  request: ChatRequest;
  fields: string[];
  warnings: Warning[];
}

function translate(from: DialectId, to: DialectId, json: JsonObject): Translated {
  const decoded = dialects[from].request.decode({ json, text: JSON.stringify(json) });
  const encoded = dialects[to].request.encode(decoded.value, target);
  const warnings = [...decoded.warnings, ...encoded.warnings];
  return {
    body: JSON.parse(encoded.body),
    request: decoded.value,
    fields: warnings.map((warning) => warning.field),
    warnings,
  };
}

const openai = (fields: JsonObject): JsonObject => ({
  model: "m",
  messages: [{ role: "user", content: "Hi" }],
  ...fields,
});
const anthropic = (fields: JsonObject): JsonObject => ({
  model: "m",
  max_tokens: 9000,
  messages: [{ role: "user", content: "Hi" }],
  ...fields,
});

describe("a message of which nothing is left is left out", () => {
  const toOpenai = (messages: JsonObject[], fields: JsonObject = {}): Translated =>
    translate("anthropic-messages", "openai-chat", anthropic({ messages, ...fields }));
  const lost = { type: "container_upload", file_id: "f" };

  test("of the user", () => {
    const { body, fields } = toOpenai([
      { role: "user", content: [lost] },
      { role: "user", content: "Hi" },
    ]);
    expect(body["messages"]).toEqual([{ role: "user", content: "Hi" }]);
    expect(fields).toEqual(["messages[0].content[0]", "messages[0]"]);
  });

  test("beside tool results", () => {
    const call = { type: "tool_use", id: "t", name: "f", input: {} };
    const { body, fields } = toOpenai([
      { role: "user", content: "Hi" },
      { role: "assistant", content: [call] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "1" }, lost] },
    ]);
    expect(body["messages"].map(({ role }: JsonObject) => role)).toEqual([
      "user",
      "assistant",
      "tool",
    ]);
    expect(fields).toHaveLength(1);
  });

  test("of the system", () => {
    const system = [{ type: "text", text: "x-anthropic-billing-header: cc_version=1" }];
    const { body, fields } = toOpenai([{ role: "user", content: "Hi" }], { system });
    expect(body["messages"]).toEqual([{ role: "user", content: "Hi" }]);
    expect(fields).toContain("system");
  });

  test("but not one that the client itself left empty", () => {
    const { body, fields } = toOpenai([
      { role: "user", content: "" },
      { role: "user", content: "Hi" },
    ]);
    expect(body["messages"]).toHaveLength(2);
    expect(fields).toEqual([]);
    const own = translate(
      "openai-chat",
      "openai-chat",
      openai({ messages: [{ role: "user", content: [] }] }),
    );
    expect(own.body["messages"]).toEqual([{ role: "user", content: "" }]);
    expect(own.fields).toEqual([]);
  });
});

describe("a vendor's own tools, refused elsewhere for the right reason", () => {
  const ask = (tool: JsonObject) => (): unknown =>
    translate("anthropic-messages", "openai-chat", anthropic({ tools: [tool] }));

  test.each([
    ["memory_20250818", "memory"],
    ["bash_20250124", "bash"],
    ["text_editor_20250728", "str_replace_based_edit_tool"],
    ["computer_20251124", "computer"],
  ])("%s is run by the client", (type, name) => {
    expect(ask({ type, name })).toThrow(
      `The tool \`${name}\` is defined by its vendor: the client runs it, but only that vendor's models know it.`,
    );
    const { warnings } = translate(
      "anthropic-messages",
      "openai-chat",
      anthropic({
        tools: [
          { type, name },
          { name: "f", input_schema: { type: "object" } },
        ],
      }),
    );
    expect(warnings).toMatchObject([
      { field: "tools[0]", reason: `only its own vendor's models know \`${name}\`` },
    ]);
  });

  test("web_search_20250305 is run by its provider", () => {
    expect(ask({ type: "web_search_20250305", name: "web_search" })).toThrow(
      "The tool `web_search` runs on its own provider's servers",
    );
  });
});

describe("free-form tools on a wire that has none", () => {
  const tools = [
    { type: "custom", custom: { name: "run", format: { type: "text" } } },
    { type: "function", function: { name: "f", parameters: { type: "object" } } },
  ];
  const input = 'print("1")\n';
  const asked = openai({ tools });

  const { request } = translate("openai-chat", "anthropic-messages", asked);
  const answer = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "up",
    content: [
      { type: "tool_use", id: "t1", name: "run", input: { input } },
      { type: "tool_use", id: "t2", name: "f", input: { input: "x" } },
    ],
    stop_reason: "tool_use",
    usage: { input_tokens: 1, output_tokens: 1 },
  };
  const decoded = dialects["anthropic-messages"].response.decode(
    { json: answer, text: JSON.stringify(answer) },
    { dialect: "anthropic-messages" },
  ).value;
  const context: AnswerContext = { model: "m", includeUsage: false, request, warn: () => {} };
  const called = [
    { id: "t1", type: "custom", custom: { name: "run", input } },
    { id: "t2", type: "function", function: { name: "f", arguments: '{"input":"x"}' } },
  ];

  test("the call comes back in the form that the client declared", () => {
    const whole = JSON.parse(dialects["openai-chat"].response.encode(decoded, context));
    expect(whole.choices[0].message.tool_calls).toEqual(called);
    expect(whole.choices[0].finish_reason).toBe("tool_calls");
  });

  test("also in a stream, its input whole at its end", () => {
    const encoder = dialects["openai-chat"].stream.encoder(context);
    const pieces = expand(decoded)
      .flatMap((event) => encoder.push(event))
      .flatMap(({ data }) => (data === "[DONE]" ? [] : JSON.parse(data).choices))
      .flatMap(({ delta }) => delta.tool_calls ?? []);
    expect(pieces).toEqual([
      { index: 0, id: "t1", type: "custom", custom: { name: "run", input: "" } },
      { index: 0, custom: { input } },
      { index: 1, id: "t2", type: "function", function: { name: "f", arguments: "" } },
      { index: 1, function: { arguments: '{"input":"x"}' } },
    ]);
  });

  test("the next turn's history has the call as the model made it", () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: null, tool_calls: called },
      { role: "tool", tool_call_id: "t1", content: "1" },
      { role: "tool", tool_call_id: "t2", content: "2" },
    ];
    const { body } = translate("openai-chat", "anthropic-messages", openai({ tools, messages }));
    expect(body["messages"][1].content).toEqual(answer.content);
  });
});

describe("unknown members of known objects", () => {
  test("what a vendor says beside the wish to think", () => {
    const asked = openai({ thinking: { type: "enabled", clear_thinking: false } });
    const there = translate("openai-chat", "anthropic-messages", asked);
    expect(there.fields).toContain("thinking.clear_thinking");
    expect(there.fields).not.toContain("thinking");
    const own = translate("openai-chat", "openai-chat", asked);
    expect(own.body["thinking"]).toEqual({ type: "enabled", clear_thinking: false });
    expect(own.fields).toEqual([]);
    const router = openai({ reasoning: { effort: "low", summary: "auto" } });
    expect(translate("openai-chat", "anthropic-messages", router).fields).toContain(
      "reasoning.summary",
    );
  });

  test.each(["enabled", "adaptive", "disabled"])("Anthropic's thinking, %s", (type) => {
    const asked = anthropic({ thinking: { type, budget_tokens: 2000, keep: "all" } });
    expect(translate("anthropic-messages", "openai-chat", asked).fields).toContain("thinking.keep");
    const own = translate("anthropic-messages", "anthropic-messages", asked);
    expect(own.body["thinking"]).toMatchObject({ type, keep: "all" });
    expect(own.fields).toEqual([]);
  });

  test("of parts, tools, calls and options: kept for their own dialect, named for others", () => {
    const picture = { url: "https://example.com/a.png", min_pixels: 9 };
    const asked = openai({
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
      messages: [{ role: "user", content: [{ type: "image_url", image_url: picture }] }],
      tools: [{ type: "function", function: { name: "f", x_limit: 3 } }],
    });
    const own = translate("openai-chat", "openai-chat", asked);
    expect(own.fields).toEqual([]);
    expect(own.body["messages"][0].content[0].image_url).toEqual(picture);
    expect(own.body["tools"][0].function).toEqual({ name: "f", x_limit: 3 });
    expect(translate("openai-chat", "anthropic-messages", asked).fields.toSorted()).toEqual([
      "messages[0].content[0].image_url.min_pixels",
      "stream_options.include_obfuscation",
      "tools[0].function.x_limit",
    ]);
  });

  test("of a format or tool choice: read by nobody, so named for all", () => {
    const asked = openai({
      response_format: { type: "json_schema", json_schema: { name: "n", schema: {}, x: 1 }, y: 1 },
      tools: [{ type: "function", function: { name: "f" } }],
      tool_choice: { type: "function", function: { name: "f", z: 1 } },
    });
    const named = ["response_format.json_schema.x", "response_format.y", "tool_choice.function.z"];
    for (const to of ["openai-chat", "anthropic-messages"] as const) {
      expect(translate("openai-chat", to, asked).fields).toEqual(expect.arrayContaining(named));
    }
    const other = anthropic({
      tools: [{ name: "f", input_schema: { type: "object" } }],
      tool_choice: { type: "auto", mode: "x" },
      output_config: { format: { type: "json_schema", schema: {}, name: "n" } },
      metadata: { user_id: "u", team: "t" },
    });
    expect(translate("anthropic-messages", "openai-chat", other).fields.toSorted()).toEqual([
      "metadata.team",
      "output_config.format.name",
      "tool_choice.mode",
    ]);
  });

  test("S45 `__proto__` is nobody's member", () => {
    const text =
      '{"model":"m","messages":[{"role":"user","content":"a"}],"thinking":{"type":"enabled","__proto__":{"x":1}}}';
    const json: unknown = JSON.parse(text);
    if (!isObject(json)) throw new Error("no object");
    expect(translate("openai-chat", "anthropic-messages", json).fields).not.toContain(
      "thinking.__proto__",
    );
  });
});
