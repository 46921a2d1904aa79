// Writing Anthropic Messages requests for clients of other wires.
import { describe, expect, test } from "bun:test";
import type { ModelFacts, Quirks } from "../../../src/dialects/dialect.ts";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import { modelFamily, traitsOf } from "../../../src/dialects/anthropic-messages/model.ts";
import { escapeName, unescapeName } from "../../../src/dialects/anthropic-messages/names.ts";
import { fitSchema } from "../../../src/dialects/anthropic-messages/schema.ts";
import type { ChatRequest, ImagePart, Message, Part, ReasoningPart } from "../../../src/ir/chat.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

interface Encoded {
  // A test reads what it knows to be there.
  body: Record<string, ReturnType<typeof JSON.parse>>;
  text: string;
  warnings: Warning[];
}

interface Aim {
  model?: string;
  quirks?: Quirks;
  facts?: ModelFacts;
}

const hi: Message = { role: "user", parts: [{ type: "text", text: "hi" }] };

function encode(request: Partial<ChatRequest>, aim: Aim = {}): Encoded {
  const { model = "claude-sonnet-4-5", quirks = {}, facts = {} } = aim;
  const whole: ChatRequest = {
    model: "x",
    messages: [hi],
    tools: [],
    settings: {},
    stream: false,
    ext: {},
    ...request,
  };
  const before = JSON.stringify(whole);
  const encoded = anthropicMessages.request.encode(whole, {
    provider: "anthropic",
    model,
    quirks,
    facts,
  });
  // A second deployment may be tried with the same request.
  expect(JSON.stringify(whole)).toBe(before);
  return { body: JSON.parse(encoded.body), text: encoded.body, warnings: encoded.warnings };
}

const fields = ({ warnings }: Encoded): string[] => warnings.map(({ field }) => field);
const text = (value: string): Part => ({ type: "text", text: value });
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const assistant = (...parts: Part[]): Message => ({ role: "assistant", parts });
const system = (value: string): Message => ({ role: "system", parts: [text(value)] });
const call = (id: string, args = "{}", name = "f"): Part => ({
  type: "tool-call",
  id,
  name,
  args,
  executor: "client",
});
const result = (callId: string, value = "ok"): Part => ({
  type: "tool-result",
  callId,
  parts: [{ type: "text", text: value }],
  isError: false,
});
const f = { type: "function", name: "f", parameters: { type: "object" } } as const;

describe("turns", () => {
  test("leading system messages become the system prompt, equal roles one turn", () => {
    const { body, warnings } = encode({
      messages: [
        system("a"),
        system("b"),
        user(text("1")),
        user(text("2")),
        assistant(text("3")),
        hi,
      ],
    });
    expect(body["system"]).toEqual([
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ]);
    expect(body["messages"]).toEqual([
      { role: "user", content: [text("1"), text("2")] },
      { role: "assistant", content: "3" },
      { role: "user", content: "hi" },
    ]);
    expect(warnings).toEqual([]);
  });

  test("a system message within stays one where the model takes it, behind the user's turn", () => {
    const messages = [user(text("1")), assistant(text("2")), system("French"), user(text("3"))];
    const newer = encode({ messages }, { model: "claude-opus-4-8" });
    expect(newer.body["messages"].map(({ role }: JsonObject) => role)).toEqual([
      "user",
      "assistant",
      "user",
      "system",
    ]);
    expect(newer.warnings[0]?.reason).toContain("moved behind");
    const older = encode({ messages });
    expect(older.body["messages"].at(-1)).toEqual({
      role: "user",
      content: [text("<system-reminder>\nFrench\n</system-reminder>"), text("3")],
    });
    expect(older.warnings[0]?.reason).toContain("system-reminder");
    // Nothing of the user's after the assistant's turn: the API takes no system message there.
    const last = encode(
      { messages: [hi, assistant(text("2")), system("x")] },
      { model: "claude-opus-5" },
    );
    expect(last.body["messages"].at(-1)?.role).toBe("user");
  });

  test("the first turn is a user's, blank texts go, a prefill does not end in white space", () => {
    const { body, warnings } = encode({
      messages: [assistant(text("a ")), user(text("  ")), assistant(text("b \n"))],
    });
    expect(body["messages"]).toEqual([
      { role: "user", content: "(start of conversation)" },
      { role: "assistant", content: [text("a "), text("b")] },
    ]);
    expect(warnings).toHaveLength(2);
    expect(encode({ messages: [] }).body["messages"]).toHaveLength(1);
  });

  test("a model that cannot continue a message is asked to go on", () => {
    const { body, warnings } = encode(
      { messages: [hi, assistant(text("a"))] },
      { model: "claude-opus-4-6" },
    );
    expect(body["messages"].at(-1)).toEqual({ role: "user", content: "Continue." });
    expect(warnings).toHaveLength(1);
  });

  test("results come first, in one turn, with images and errors", () => {
    const image: ImagePart = {
      type: "image",
      source: { kind: "base64", data: "AA", mediaType: "image/png" },
    };
    const { body, warnings } = encode({
      tools: [f],
      messages: [
        hi,
        assistant(text("look"), call("a"), call("b", '{"x":1.0}')),
        user(result("a")),
        user(text("also"), {
          type: "tool-result",
          callId: "b",
          parts: [{ type: "text", text: "bad" }, image],
          isError: true,
        }),
      ],
    });
    expect(body["messages"].at(-1).content.map(({ type }: JsonObject) => type)).toEqual([
      "tool_result",
      "tool_result",
      "text",
    ]);
    expect(body["messages"].at(-1).content[1]).toEqual({
      type: "tool_result",
      tool_use_id: "b",
      content: [
        text("bad"),
        { type: "image", source: { type: "base64", media_type: "image/png", data: "AA" } },
      ],
      is_error: true,
    });
    expect(warnings).toEqual([]);
  });

  test("a result that answers nothing is reported", () => {
    const encoded = encode({ tools: [f], messages: [hi, assistant(call("a")), user(result("b"))] });
    expect(encoded.warnings[0]?.reason).toContain("`b` answers no call");
  });
});

describe("tool calls", () => {
  test("arguments go out as they are spelt", () => {
    const args = '{"b":1.0,"a":12345678901234567890,"2":1,"1":2}';
    const { text: raw, warnings } = encode({
      tools: [f],
      messages: [hi, assistant(call("a", args)), user(result("a"))],
    });
    expect(raw).toContain(`"input":${args}`);
    expect(warnings).toEqual([]);
  });

  test.each([
    ["", {}],
    ["  ", {}],
    ["[1]", { input: [1] }],
    ["{bad", { input: "{bad" }],
    ["null", { input: null }],
  ])("arguments %j become an object", (args, input) => {
    const encoded = encode({
      tools: [f],
      messages: [hi, assistant(call("a", args)), user(result("a"))],
    });
    expect(encoded.body["messages"][1].content[0].input).toEqual(input);
    expect(encoded.warnings).toHaveLength(args.trim() === "" ? 0 : 1);
  });

  test("ids and names are spelt as the wire wants, the same everywhere, and come back", () => {
    const { body } = encode({
      tools: [{ ...f, name: "files.read" }],
      toolChoice: { type: "tool", name: "files.read" },
      messages: [
        hi,
        assistant(call("functions.read:0", "{}", "files.read")),
        user(result("functions.read:0")),
      ],
    });
    const id = body["messages"][1].content[0].id;
    expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
    expect(body["messages"][2].content[0].tool_use_id).toBe(id);
    const name = body["tools"][0].name;
    expect(name).toMatch(/^[a-zA-Z0-9_-]{1,128}$/);
    expect(body["messages"][1].content[0].name).toBe(name);
    expect(body["tool_choice"].name).toBe(name);
    const answer = {
      content: [{ type: "tool_use", id: "toolu_1", name, input: {} }],
      stop_reason: "tool_use",
    };
    const { value } = anthropicMessages.response.decode(
      { json: answer, text: JSON.stringify(answer) },
      { dialect: "anthropic-messages" },
    );
    expect(value.candidates[0]?.parts[0]).toMatchObject({ name: "files.read" });
  });

  test.each(["a.b", "a:0", "é", "日本 x", "a_u2e_b", "_", "𝒳/"])(
    "%s is spelt and read back",
    (name) => {
      expect(escapeName(name)).toMatch(/^[a-zA-Z0-9_-]+$/);
      if (!name.includes("_u2e_") && !name.includes(" ")) {
        expect(unescapeName(escapeName(name))).toBe(name);
      }
    },
  );

  test("calls in the history declare their tools, which must not be called again", () => {
    const { body } = encode({ messages: [hi, assistant(call("a")), user(result("a"))] });
    expect(body["tools"]).toEqual([
      { name: "f", description: "No longer available.", input_schema: { type: "object" } },
    ]);
    expect(body["tool_choice"]).toEqual({ type: "none" });
  });

  test("tools, choice and parallel calls", () => {
    const { body, warnings } = encode({
      tools: [
        {
          type: "function",
          name: "a",
          description: "d",
          strict: true,
          parameters: { type: "object", properties: { n: { type: "integer", minimum: 1 } } },
        },
        { type: "function", name: "b", cache: { ttl: "1h" } },
        { type: "custom", name: "c", format: { type: "text" } },
      ],
      toolChoice: { type: "required" },
      settings: { parallelToolCalls: false },
    });
    expect(body["tools"][0]).toEqual({
      name: "a",
      description: "d",
      strict: true,
      input_schema: {
        type: "object",
        properties: { n: { type: "integer", description: "{minimum: 1}" } },
        additionalProperties: false,
      },
    });
    expect(body["tools"][1]).toEqual({
      name: "b",
      input_schema: { type: "object", properties: {} },
      cache_control: { type: "ephemeral", ttl: "1h" },
    });
    expect(body["tools"][2].input_schema.required).toEqual(["input"]);
    expect(body["tool_choice"]).toEqual({ type: "any", disable_parallel_tool_use: true });
    expect(warnings.map(({ field }) => field)).toEqual(["tools[0].parameters", "tools[2]"]);
  });

  test("tools that run at another provider only are refused", () => {
    expect(() =>
      encode({
        tools: [{ type: "provider", name: "file_search", origin: "openai-chat", raw: {} }],
      }),
    ).toThrow("file_search");
  });
});

describe("settings", () => {
  test("an output limit is always sent", () => {
    expect(encode({}, { model: "glm-9" }).body["max_tokens"]).toBe(4096);
    expect(encode({}, { facts: { maxOutputTokens: 50_000 } }).body["max_tokens"]).toBe(50_000);
    expect(encode({ settings: { maxOutputTokens: 7 } }).body["max_tokens"]).toBe(7);
  });

  test("an output limit beyond the model's own is lowered, for clients of other wires", () => {
    const settings = { maxOutputTokens: 128_000 };
    const facts = { maxOutputTokens: 64_000 };
    const lowered = encode({ settings }, { facts });
    expect(lowered.body["max_tokens"]).toBe(64_000);
    expect(fields(lowered)).toEqual(["max_tokens"]);
    const own = encode({ settings, ext: { "anthropic-messages": {} } }, { facts });
    expect([own.body["max_tokens"], own.warnings]).toEqual([128_000, []]);
  });

  test.each([
    ["claude-3-haiku-20240307", 4_096],
    ["claude-3-5-sonnet-latest", 8_192],
    ["claude-3-7-sonnet-20250219", 64_000],
    ["claude-opus-4-20250514", 32_000],
    ["claude-sonnet-4-20250514", 64_000],
    ["claude-opus-4-1", 32_000],
    ["claude-opus-4-5-20251101", 64_000],
    ["claude-haiku-4-5", 64_000],
    ["claude-sonnet-4-6", 128_000],
    ["claude-fable-5", 128_000],
    ["us.anthropic.claude-opus-5-5-v1:0", 128_000],
  ])("%s gives at most %d tokens", (model, most) => {
    expect(encode({}, { model }).body["max_tokens"]).toBe(most);
    const high = encode({ settings: { maxOutputTokens: 500_000 } }, { model });
    expect(high.body["max_tokens"]).toBe(most);
    expect(fields(high)).toEqual(["max_tokens"]);
    expect(encode({ settings: { maxOutputTokens: 100 } }, { model }).warnings).toEqual([]);
  });

  test("a picture is labelled by its bytes, unless the client wrote this wire", () => {
    const source = {
      kind: "base64",
      mediaType: "image/jpeg",
      data: "iVBORw0KGgoAAAANSUhEUgAA",
    } as const;
    for (const type of ["image", "file"] as const) {
      const messages: Message[] = [{ role: "user", parts: [{ type, source }] }];
      const typeOf = (ext: ChatRequest["ext"]): unknown =>
        encode({ messages, ext }).body["messages"][0].content[0].source.media_type;
      expect(typeOf({})).toBe("image/png");
      expect(typeOf({ "anthropic-messages": {} })).toBe("image/jpeg");
    }
  });

  test("what the wire does not know is reported", () => {
    const encoded = encode({
      settings: {
        temperature: 1.7,
        topP: 0.5,
        seed: 1,
        frequencyPenalty: 0.1,
        presencePenalty: 0,
        candidateCount: 2,
        stop: ["\n", "END"],
      },
      user: "u",
      ext: { "openai-chat": { logprobs: true, service_tier: "flex" } },
    });
    expect(encoded.body["temperature"]).toBe(1);
    expect(encoded.body["top_p"]).toBeUndefined();
    expect(encoded.body["stop_sequences"]).toEqual(["END"]);
    expect(encoded.body["metadata"]).toEqual({ user_id: "u" });
    expect(fields(encoded).toSorted()).toEqual([
      "frequency_penalty",
      "logprobs",
      "n",
      "seed",
      "service_tier",
      "stop",
      "temperature",
      "top_p",
    ]);
  });

  test("newer models take no sampling settings", () => {
    const { body, warnings } = encode(
      { settings: { temperature: 0, topK: 3 } },
      { model: "claude-opus-5-5" },
    );
    expect(body["temperature"]).toBeUndefined();
    expect(warnings).toHaveLength(2);
  });

  test("structured output by schema, by words, and JSON without a schema", () => {
    const responseFormat = {
      type: "json-schema",
      name: "n",
      schema: { type: "object", properties: { a: { type: "string", maxLength: 3 } } },
    } as const;
    const native = encode({ responseFormat });
    expect(native.body["output_config"].format).toMatchObject({
      type: "json_schema",
      schema: { additionalProperties: false, properties: { a: { description: "{maxLength: 3}" } } },
    });
    expect(native.warnings).toHaveLength(1);
    const words = encode({ responseFormat }, { quirks: { noJsonSchema: true } });
    expect(words.body["output_config"]).toBeUndefined();
    expect(words.body["system"]).toContain("maxLength");
    expect(words.warnings).toHaveLength(1);
    const json = encode({ responseFormat: { type: "json" }, messages: [system("a"), hi] });
    expect(json.body["system"]).toHaveLength(2);
    expect(json.warnings).toHaveLength(1);
  });

  test("at most four prompt-cache hints, the latest in the messages", () => {
    const marked = (value: string): Part => ({ type: "text", text: value, cache: {} });
    const { body, warnings } = encode({
      messages: [
        { role: "system", parts: [marked("s")] },
        ...["1", "2", "3", "4", "5"].flatMap((value) => [
          user(marked(value)),
          assistant(text("a")),
        ]),
        hi,
      ],
    });
    const kept = JSON.stringify(body).match(/cache_control/g);
    expect(kept).toHaveLength(4);
    expect(body["system"][0].cache_control).toEqual({ type: "ephemeral" });
    expect(body["messages"][0].content).toBe("1");
    expect(warnings).toHaveLength(1);
  });

  test("fields that a provider refuses are dropped", () => {
    const encoded = encode({ user: "u" }, { quirks: { drop: ["metadata"] } });
    expect(encoded.body["metadata"]).toBeUndefined();
    expect(fields(encoded)).toEqual(["metadata"]);
  });
});

describe("reasoning", () => {
  const effort = (word: string): Partial<ChatRequest> => ({
    reasoning: { mode: "effort", effort: word },
  });

  test.each([
    ["claude-3-5-haiku-20241022", undefined, undefined],
    ["claude-sonnet-4-5", { type: "enabled", budget_tokens: 4096 }, undefined],
    ["claude-opus-4-6", { type: "adaptive", display: "summarized" }, "high"],
    ["claude-opus-5-5", { type: "adaptive", display: "summarized" }, "high"],
    ["kimi-k2", { type: "enabled", budget_tokens: 4096 }, undefined],
  ])("high effort for %s", (model, thinking, word) => {
    const { body } = encode({ ...effort("high"), settings: { maxOutputTokens: 9000 } }, { model });
    expect(body["thinking"]).toEqual(thinking);
    expect(body["output_config"]?.effort).toBe(word);
  });

  test("a budget leaves room for the answer", () => {
    const free = encode(effort("high"), { model: "glm-9" });
    expect(free.body["max_tokens"]).toBe(8192);
    const tight = encode({ ...effort("high"), settings: { maxOutputTokens: 3000 } });
    expect(tight.body["thinking"].budget_tokens).toBe(1500);
    expect(tight.warnings).toHaveLength(1);
    const tiny = encode({ ...effort("low"), settings: { maxOutputTokens: 500 } });
    expect(tiny.body).toMatchObject({ max_tokens: 1524, thinking: { budget_tokens: 1024 } });
    const none = encode(
      { ...effort("low"), settings: { maxOutputTokens: 500 } },
      { facts: { maxOutputTokens: 1000 } },
    );
    expect(none.body["thinking"]).toBeUndefined();
    expect(none.warnings).toHaveLength(1);
  });

  test("a budget becomes effort where no budget is taken, an unknown effort the nearest", () => {
    const budget = encode(
      { reasoning: { mode: "budget", tokens: 2048 } },
      { model: "claude-opus-4-7" },
    );
    expect(budget.body["output_config"]).toEqual({ effort: "medium" });
    expect(encode(effort("minimal"), { model: "claude-opus-5" }).body["output_config"].effort).toBe(
      "low",
    );
    expect(encode(effort("xhigh"), { model: "claude-opus-4-6" }).body["output_config"].effort).toBe(
      "high",
    );
    expect(encode(effort("xhigh"), { model: "claude-opus-4-7" }).warnings).toEqual([]);
  });

  test("thinking restricts sampling and forced calls", () => {
    const { body } = encode({
      ...effort("low"),
      settings: { temperature: 0.2, topK: 5, topP: 0.5, maxOutputTokens: 9000 },
    });
    expect([body["temperature"], body["top_k"], body["top_p"]]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const forced = encode({
      ...effort("low"),
      tools: [f],
      toolChoice: { type: "tool", name: "f" },
    });
    expect(forced.body["thinking"]).toBeUndefined();
    expect(forced.body["tool_choice"]).toEqual({ type: "tool", name: "f" });
    expect(fields(forced)).toEqual(["reasoning"]);
    const unforced = encode(
      { tools: [f], toolChoice: { type: "required" } },
      { model: "claude-opus-5-5" },
    );
    expect(unforced.body["tool_choice"]).toEqual({ type: "auto" });
    expect(fields(unforced)).toEqual(["tool_choice"]);
  });

  test("turned off where that is possible", () => {
    const off = { reasoning: { mode: "off" } } as const;
    expect(encode(off).body["thinking"]).toBeUndefined();
    expect(encode(off, { model: "claude-opus-5" }).body["thinking"]).toEqual({ type: "disabled" });
    expect(encode(off, { model: "claude-fable-5" }).body["output_config"]).toEqual({
      effort: "low",
    });
  });

  const thought = (
    origin: Partial<ReasoningPart["origin"]>,
    rest: Partial<ReasoningPart> = {},
  ): Part => ({
    type: "reasoning",
    text: "hm",
    signature: "c2ln",
    origin: { dialect: "anthropic-messages", ...origin },
    ...rest,
  });

  test("signed reasoning goes back where it was made, and nowhere else", () => {
    const replay = (part: Part): Encoded =>
      encode({
        tools: [f],
        messages: [hi, assistant(text("a"), part, call("a")), user(result("a"))],
      });
    const own = { provider: "anthropic", model: "claude-sonnet-4-5-20250929" };
    expect(replay(thought(own)).body["messages"][1].content[0]).toEqual({
      type: "thinking",
      thinking: "hm",
      signature: "c2ln",
    });
    expect(replay(thought({ ...own, model: "claude-opus-5" })).warnings).toHaveLength(1);
    expect(replay(thought({ ...own, provider: "other" })).warnings).toHaveLength(1);
    expect(replay(thought({ dialect: "openai-chat" })).warnings).toHaveLength(1);
    expect(replay(thought({}, { signature: undefined })).warnings).toHaveLength(1);
    const hidden = replay(thought(own, { text: "", signature: undefined, encrypted: "cmVk" }));
    expect(hidden.body["messages"][1].content[0]).toEqual({
      type: "redacted_thinking",
      data: "cmVk",
    });
  });

  test("a loop that began without this model's thinking goes on without", () => {
    const messages = [hi, assistant(call("a")), user(result("a"))];
    const budgeted = encode({ ...effort("low"), tools: [f], messages });
    expect(budgeted.body["thinking"]).toBeUndefined();
    expect(fields(budgeted)).toEqual(["reasoning"]);
    const adaptive = encode({ ...effort("low"), tools: [f], messages }, { model: "claude-opus-5" });
    expect(adaptive.body["thinking"].type).toBe("adaptive");
  });
});

test("media in every form, and what has none is reported", () => {
  const pdf = { kind: "base64", data: "JVBERi0=", mediaType: "application/pdf" } as const;
  const encoded = encode({
    messages: [
      user(
        { type: "image", source: { kind: "url", url: "https://a/b.png" }, detail: "high" },
        { type: "file", source: pdf, name: "r.pdf" },
        { type: "file", source: { kind: "base64", data: "aGk=", mediaType: "text/csv" } },
        { type: "file", source: { kind: "base64", data: "AA==", mediaType: "image/png" } },
        { type: "file", source: { kind: "file-id", id: "file-openai" } },
        { type: "file", source: { kind: "base64", data: "AA==", mediaType: "application/zip" } },
        { type: "audio", source: { kind: "base64", data: "AA==", mediaType: "audio/wav" } },
        text("?"),
      ),
    ],
  });
  expect(encoded.body["messages"][0].content).toEqual([
    { type: "image", source: { type: "url", url: "https://a/b.png" } },
    {
      type: "document",
      source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" },
      title: "r.pdf",
    },
    { type: "document", source: { type: "text", media_type: "text/plain", data: "hi" } },
    { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
    text("?"),
  ]);
  expect(encoded.warnings).toHaveLength(4);
});

test("model names tell what a model takes", () => {
  const thinking = (model: string): string => traitsOf(model, {}).thinking;
  expect(thinking("claude-3-5-sonnet-20241022")).toBe("none");
  expect(thinking("claude-3-7-sonnet-latest")).toBe("budget");
  expect(thinking("claude-opus-4-20250514")).toBe("budget");
  expect(thinking("us.anthropic.claude-haiku-4-5-20251001-v1:0")).toBe("budget");
  expect(thinking("anthropic/claude-sonnet-4.6")).toBe("both");
  expect(thinking("claude-opus-4-7")).toBe("adaptive");
  expect(thinking("claude-mythos-preview")).toBe("adaptive");
  expect(traitsOf("claude-opus-4-8", {}).hasMidSystem).toBe(true);
  expect(traitsOf("claude-opus-5", { reasoning: false }).thinking).toBe("none");
  expect(modelFamily("claude-sonnet-4-5-20250929")).toBe(
    modelFamily("anthropic/claude-sonnet-4.5"),
  );
  expect(modelFamily("us.anthropic.claude-opus-4-1-20250805-v1:0")).toBe("claude-opus-4-1");
  expect(modelFamily("claude-opus-4-1")).not.toBe(modelFamily("claude-opus-4-5"));
});

test("schemas keep what is enforced and say the rest", () => {
  const lost: string[] = [];
  const fitted = fitSchema(
    {
      $schema: "x",
      type: "object",
      properties: {
        minimum: { type: "number", minimum: 0, maximum: 1, description: "d" },
        list: {
          type: "array",
          minItems: 2,
          items: { oneOf: [{ type: "string", format: "uri" }, { $ref: "#/$defs/a" }] },
        },
      },
      $defs: { a: { type: ["object", "null"], properties: {} } },
      enum: [{ minimum: 1 }],
    },
    (keyword) => lost.push(keyword),
  );
  expect(fitted).toEqual({
    type: "object",
    properties: {
      minimum: { type: "number", description: "d\n\n{minimum: 0, maximum: 1}" },
      list: {
        type: "array",
        items: { anyOf: [{ type: "string", format: "uri" }, { $ref: "#/$defs/a" }] },
        description: "{minItems: 2}",
      },
    },
    $defs: { a: { type: ["object", "null"], properties: {}, additionalProperties: false } },
    enum: [{ minimum: 1 }],
    additionalProperties: false,
  });
  expect(lost).toEqual(["minimum", "maximum", "minItems"]);
});
