// OpenAI chat for providers that are stricter than OpenAI: each quirk of fields, messages, tools and reasoning.
import { describe, expect, test } from "bun:test";
import type { Quirks, Target } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest, Message, Part, Reasoning } from "../../../src/ir/chat.ts";
import { collect } from "../../../src/ir/fold.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const base: Target = { provider: "acme", model: "up", quirks: {}, facts: {} };

const decode = (json: JsonObject): ChatRequest =>
  openaiChat.request.decode({ json, text: JSON.stringify(json) }).value;

const foreign = (messages: Message[], fields: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "m",
  messages,
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...fields,
});

interface Sent {
  body: JsonObject & { messages: JsonObject[] };
  /** `field: reason` */
  told: string[];
}

function encode(request: ChatRequest, quirks: Quirks, to: Partial<Target> = {}): Sent {
  const { body, warnings } = openaiChat.request.encode(request, { ...base, quirks, ...to });
  return {
    body: JSON.parse(body),
    told: warnings.map(({ field, reason }) => `${field}: ${reason}`),
  };
}

const text = (said: string): Part => ({ type: "text", text: said });
const user = (said: string): Message => ({ role: "user", parts: [text(said)] });
const assistant = (...parts: Part[]): Message => ({ role: "assistant", parts });
const call = (id: string): Part => ({
  type: "tool-call",
  id,
  name: "look",
  args: "{}",
  executor: "client",
});
const result = (callId: string): Part => ({
  type: "tool-result",
  callId,
  parts: [{ type: "text", text: "42" }],
  isError: false,
});
const look: ChatRequest["tools"][number] = {
  type: "function",
  name: "look",
  parameters: { type: "object", properties: {} },
};

const foreignTo = (body: JsonObject, quirks: Quirks): boolean =>
  openaiChat.carriesForeign?.(Buffer.from(JSON.stringify(body)), quirks) ?? false;

describe("ids of tool calls", () => {
  const quirks = { toolCallIdLength: 9 };
  const idsOf = (request: ChatRequest): [unknown, unknown] => {
    const { messages } = encode(request, quirks).body;
    const [made, given] = [messages[1], messages[2]];
    const calls = (made?.["tool_calls"] ?? []) as { id: string }[];
    return [calls[0]?.id, given?.["tool_call_id"]];
  };
  const round = (id: string): ChatRequest =>
    foreign([user("Q"), assistant(call(id)), { role: "user", parts: [result(id)] }]);

  test("are the same short one for the call and its result, in every request", () => {
    const [made, given] = idsOf(round("toolu_01A09q90qw90lq917835lq9"));
    expect(made).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(given).toBe(made);
    expect(idsOf(round("toolu_01A09q90qw90lq917835lq9"))[0]).toBe(made);
    expect(idsOf(round("toolu_01A09q90qw90lq917835lqA"))[0]).not.toBe(made);
  });

  test("stay where they are as wanted", () => {
    expect(idsOf(round("FI5qQGzDE"))).toEqual(["FI5qQGzDE", "FI5qQGzDE"]);
  });

  test("10,000 of them do not meet", () => {
    const messages = [
      user("Q"),
      assistant(...Array.from({ length: 10_000 }, (_, index) => call(`call_${index}`))),
    ];
    const calls = encode(foreign(messages), quirks).body.messages[1]?.["tool_calls"];
    expect(new Set((calls as { id: string }[]).map(({ id }) => id)).size).toBe(10_000);
  });

  test("of a client of this very wire are mapped too, and such a body is not relayed", () => {
    const body = {
      model: "m",
      messages: [
        { role: "user", content: "Q" },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: "" } }],
        },
        { role: "tool", tool_call_id: "call_1", content: "42" },
      ],
    };
    expect(foreignTo(body, quirks)).toBe(true);
    expect(foreignTo(body, {})).toBe(false);
    const short = JSON.parse(JSON.stringify(body).replaceAll("call_1", "abcdef123"));
    expect(foreignTo(short, quirks)).toBe(false);
    const [made, given] = idsOf(decode(body));
    expect([made, given]).toEqual([expect.stringMatching(/^[A-Za-z0-9]{9}$/), made]);
  });
});

describe("the choice among tools", () => {
  const choose = (toolChoice: ChatRequest["toolChoice"], quirks: Quirks): Sent =>
    encode(foreign([user("Q")], { tools: [look], toolChoice }), quirks);

  test("`required` in the provider's word", () => {
    const quirks: Quirks = { requiredToolChoice: "any" };
    expect(choose({ type: "required" }, quirks)).toMatchObject({
      body: { tool_choice: "any" },
      told: [],
    });
    expect(choose({ type: "auto" }, quirks).body["tool_choice"]).toBe("auto");
  });

  test("another than the provider takes becomes its first", () => {
    const quirks: Quirks = { toolChoices: ["auto"] };
    expect(choose({ type: "required" }, quirks)).toMatchObject({
      body: { tool_choice: "auto" },
      told: ["tool_choice: the provider does not let one demand any tool; `auto` is sent"],
    });
    expect(choose({ type: "tool", name: "look" }, quirks).body["tool_choice"]).toBe("auto");
    expect(choose({ type: "tool", name: "look" }, { toolChoices: ["auto", "tool"] }).told).toEqual(
      [],
    );
    const allowed = {
      model: "m",
      messages: [{ role: "user", content: "Q" }],
      tools: [{ type: "function", function: { name: "look", parameters: {} } }],
      tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
    };
    const kinds: Quirks = { toolChoices: ["auto", "none", "required", "tool"] };
    expect(encode(decode(allowed), kinds).body["tool_choice"]).toBe("auto");
  });

  test("`none` is said by leaving the tools out", () => {
    const { body, told } = choose({ type: "none" }, { toolChoices: ["auto"] });
    expect(body).not.toContainAnyKeys(["tools", "tool_choice"]);
    expect(told).toEqual([
      "tools: the provider cannot be told not to call tools: they are left out",
    ]);
  });
});

describe("messages", () => {
  test("an answer begun is marked, or told to be begun anew", () => {
    const begun = foreign([user("Q"), assistant(text("A:"))]);
    expect(encode(begun, { prefillField: "prefix" })).toMatchObject({
      body: { messages: [{}, { role: "assistant", content: "A:", prefix: true }] },
      told: [],
    });
    expect(encode(begun, {}).told).toEqual([
      "messages[1]: the provider may answer anew instead of going on with this message",
    ]);
    const [, , last] = encode(foreign([user("Q"), assistant(text("A")), user("R")]), {
      prefillField: "partial",
    }).body.messages;
    expect(last).toEqual({ role: "user", content: "R" });
    const wire = {
      model: "m",
      messages: [
        { role: "user", content: "Q" },
        { role: "assistant", content: "A:" },
      ],
    };
    expect(foreignTo(wire, { prefillField: "prefix" })).toBe(true);
    const marked = { ...wire, messages: [{ role: "assistant", content: "A:", prefix: true }] };
    expect(foreignTo(marked, { prefillField: "prefix" })).toBe(false);
    expect(encode(decode(marked), { prefillField: "prefix" }).body.messages).toEqual(
      marked.messages,
    );
  });

  test("a user's message after a tool's result has an assistant's before it", () => {
    const { body, told } = encode(
      foreign([
        user("Q"),
        assistant(call("a")),
        { role: "user", parts: [result("a"), text("And?")] },
      ]),
      { noUserAfterTool: true },
    );
    expect(body.messages.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
    expect(body.messages[3]).toEqual({ role: "assistant", content: "OK" });
    expect(told).toHaveLength(1);
    const wire = {
      messages: [
        { role: "tool", tool_call_id: "a", content: "" },
        { role: "user", content: "" },
      ],
    };
    expect(foreignTo(wire, { noUserAfterTool: true })).toBe(true);
    expect(foreignTo({ messages: wire.messages.toReversed() }, { noUserAfterTool: true })).toBe(
      false,
    );
  });

  test("fields that are refused, by name or because they are not known", () => {
    const wire = {
      model: "m",
      messages: [
        { role: "user", content: "Q", name: "ann" },
        { role: "assistant", content: "A", refusal: null, annotations: [] },
      ],
    };
    const dropped = encode(decode(wire), { dropMessageFields: ["name"] });
    expect(dropped.body.messages[0]).toEqual({ role: "user", content: "Q" });
    expect(dropped.told).toEqual(["messages[0].name: the provider refuses this field"]);
    const accepts = {
      system: ["role", "content"],
      user: ["role", "content"],
      assistant: ["role", "content", "tool_calls"],
      tool: ["role", "content", "tool_call_id", "name"],
    };
    expect(encode(decode(wire), { acceptsMessageFields: accepts }).body.messages).toEqual([
      { role: "user", content: "Q" },
      { role: "assistant", content: "A" },
    ]);
    expect(foreignTo(wire, { acceptsMessageFields: accepts })).toBe(true);
    expect(foreignTo(wire, { dropMessageFields: ["name"] })).toBe(true);
    expect(foreignTo({ messages: [wire.messages[1]] }, { dropMessageFields: ["name"] })).toBe(
      false,
    );
  });

  test("a refusal is text where the provider knows no refusals", () => {
    const refused = foreign([user("Q"), assistant({ type: "refusal", text: "No." }), user("R")]);
    expect(encode(refused, { dropMessageFields: ["refusal"] }).body.messages[1]).toEqual({
      role: "assistant",
      content: "No.",
    });
    expect(encode(refused, {}).body.messages[1]).toMatchObject({ content: null, refusal: "No." });
  });

  test("late system messages are the user's, empty turns go", () => {
    const late = foreign([
      { role: "system", parts: [text("S")] },
      user("Q"),
      { role: "system", parts: [text("T")] },
      assistant(text("A")),
      assistant(),
      user("R"),
      { role: "system", parts: [text("U")] },
    ]);
    const { body, told } = encode(late, { systemFirst: true, refusesEmptyTurns: true });
    expect(body.messages.map(({ role, content }) => [role, content])).toEqual([
      ["system", "S"],
      ["user", "Q"],
      ["system", "T"],
      ["assistant", "A"],
      ["user", "R"],
      ["user", "U"],
    ]);
    expect(told.map((line) => line.split(":")[0])).toEqual(["messages[4]", "messages[6]"]);
    const wire = (...roles: string[]): JsonObject => ({
      messages: roles.map((role) => ({ role, content: "x" })),
    });
    expect(foreignTo(wire("system", "user"), { systemFirst: true })).toBe(false);
    expect(foreignTo(wire("user", "system"), { systemFirst: true })).toBe(true);
    expect(foreignTo(wire("developer", "user"), { systemRole: "system" })).toBe(true);
    expect(foreignTo(wire("developer", "user"), {})).toBe(false);
  });

  test("files, pictures' detail and free-form tools as the provider has them", () => {
    const quirks: Quirks = {
      filePart: "document_url",
      imageDetails: ["low", "auto", "high"],
      plainTools: true,
    };
    const wire = {
      model: "m",
      messages: [
        {
          role: "user",
          content: [
            {
              type: "file",
              file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" },
            },
            {
              type: "image_url",
              image_url: { url: "https://x.example/a.png", detail: "original" },
            },
          ],
        },
      ],
      tools: [
        { type: "custom", custom: { name: "patch" } },
        { type: "function", function: { name: "f" } },
      ],
    };
    expect(foreignTo(wire, quirks)).toBe(true);
    const { body, told } = encode(decode(wire), quirks);
    expect(body.messages[0]?.["content"]).toEqual([
      {
        type: "document_url",
        document_url: "data:application/pdf;base64,JVBE",
        document_name: "a.pdf",
      },
      { type: "image_url", image_url: { url: "https://x.example/a.png" } },
    ]);
    expect(body["tools"]).toMatchObject([
      { type: "function", function: { name: "patch", parameters: { required: ["input"] } } },
      { type: "function", function: { name: "f", parameters: { type: "object" } } },
    ]);
    expect(told.map((line) => line.split(":")[0])).toEqual([
      "tools[0]",
      "messages[0].content[1].image_url.detail",
    ]);
  });
});

describe("how reasoning is asked for", () => {
  const wish = (reasoning: Reasoning, quirks: Quirks, to: Partial<Target> = {}) => {
    const { body, told } = encode(foreign([user("Q")], { reasoning }), quirks, to);
    const { model: _, messages: __, ...fields } = body;
    return { fields, told: told.length };
  };
  const off: Reasoning = { mode: "off" };
  const high: Reasoning = { mode: "effort", effort: "high" };
  const budget: Reasoning = { mode: "budget", tokens: 5000 };
  const adaptive: Reasoning = { mode: "adaptive" };
  const words = ["low", "high"];

  test.each<[Quirks, Reasoning, JsonObject, number]>([
    [{ reasoningRequest: "thinking" }, off, { thinking: { type: "disabled" } }, 0],
    [{ reasoningRequest: "thinking" }, adaptive, { thinking: { type: "enabled" } }, 0],
    [{ reasoningRequest: "thinking" }, high, { thinking: { type: "enabled" } }, 1],
    [{ reasoningRequest: "thinking" }, budget, { thinking: { type: "enabled" } }, 1],
    [
      { reasoningRequest: "thinking", reasoningEfforts: words },
      high,
      { thinking: { type: "enabled" }, reasoning_effort: "high" },
      0,
    ],
    [
      { reasoningRequest: "thinking", reasoningEfforts: words },
      { mode: "effort", effort: "medium" },
      { thinking: { type: "enabled" }, reasoning_effort: "low" },
      1,
    ],
    [{ reasoningRequest: "enable_thinking" }, off, { enable_thinking: false }, 0],
    [
      { reasoningRequest: "enable_thinking" },
      high,
      { enable_thinking: true, thinking_budget: 4096 },
      0,
    ],
    [
      { reasoningRequest: "enable_thinking" },
      budget,
      { enable_thinking: true, thinking_budget: 5000 },
      0,
    ],
    [{ reasoningRequest: "reasoning" }, off, { reasoning: { enabled: false } }, 0],
    [{ reasoningRequest: "reasoning" }, high, { reasoning: { effort: "high" } }, 0],
    [{ reasoningRequest: "reasoning" }, budget, { reasoning: { max_tokens: 5000 } }, 0],
    [
      { reasoningRequest: "reasoning" },
      { mode: "adaptive", display: "omitted" },
      { reasoning: { enabled: true, exclude: true } },
      0,
    ],
    [{ reasoningEfforts: ["none", "high"] }, off, { reasoning_effort: "none" }, 0],
    [{ reasoningEfforts: ["none", "high"] }, high, { reasoning_effort: "high" }, 0],
    [
      { reasoningEfforts: ["none", "high"] },
      { mode: "effort", effort: "low" },
      { reasoning_effort: "high" },
      1,
    ],
    [{ reasoningEfforts: ["none", "high"] }, { mode: "effort", effort: "huge" }, {}, 1],
    [{}, high, { reasoning_effort: "high" }, 0],
  ])("%j: %j is %j", (quirks, reasoning, fields, told) => {
    expect(wish(reasoning, quirks)).toEqual({ fields, told });
  });

  test("a model that does not reason is not asked", () => {
    const facts = { reasoning: false };
    expect(wish(high, { reasoningRequest: "thinking" }, { facts })).toEqual({
      fields: {},
      told: 1,
    });
    expect(wish(off, { reasoningRequest: "thinking" }, { facts })).toEqual({ fields: {}, told: 0 });
  });
});

describe("reasoning as a part of the content", () => {
  const quirks: Quirks = { reasoningPart: "thinking" };
  const thinking = (said: string): JsonObject => ({
    type: "thinking",
    thinking: [{ type: "text", text: said }],
  });
  const mine = { dialect: "openai-chat", provider: "acme", model: "up" } as const;

  test("goes back where it was made", () => {
    const messages = [
      user("Q"),
      assistant({ type: "reasoning", text: "T", origin: mine }, text("A"), call("a")),
      assistant({ type: "reasoning", text: "T", origin: { ...mine, model: "other" } }, text("B")),
      user("R"),
    ];
    const { body, told } = encode(foreign(messages), quirks);
    expect(body.messages[1]).toMatchObject({
      content: [thinking("T"), { type: "text", text: "A" }],
      tool_calls: [{ id: "a" }],
    });
    expect(body.messages[2]?.["content"]).toBe("B");
    expect(told).toHaveLength(1);
  });

  test("what only its maker can read stays out", () => {
    const sealed: Part = { type: "reasoning", text: "", encrypted: "x", origin: mine };
    const { body, told } = encode(
      foreign([user("Q"), assistant(sealed, text("A")), user("R")]),
      quirks,
    );
    expect(body.messages[1]?.["content"]).toBe("A");
    expect(told).toEqual([
      "messages[1].reasoning_details: the provider takes only reasoning that can be read",
    ]);
  });

  test("a client's own is read, and written for others as they want it", () => {
    const json = {
      model: "m",
      messages: [
        { role: "user", content: "Q" },
        {
          role: "assistant",
          content: [
            { ...thinking("T"), closed: true },
            { type: "text", text: "A" },
          ],
        },
        { role: "user", content: "R" },
      ],
    };
    const request = decode(json);
    expect(request.messages[1]?.parts[0]).toMatchObject({ type: "reasoning", text: "T" });
    expect(encode(request, quirks).body.messages[1]).toEqual({
      role: "assistant",
      content: [thinking("T"), { type: "text", text: "A" }],
    });
    expect(encode(request, { reasoningField: "reasoning_content" }).body.messages[1]).toEqual({
      role: "assistant",
      content: "A",
      reasoning_content: "T",
    });
    // More than text: nobody else could read it.
    const rich = { type: "thinking", thinking: [{ type: "reference", reference_ids: [1] }] };
    const kept = decode({ model: "m", messages: [{ role: "assistant", content: [rich] }] });
    expect(encode(kept, quirks).body.messages[0]?.["content"]).toEqual([rich]);
  });

  test("answers, whole and streamed, tell it as reasoning", () => {
    const signed = { ...thinking("T"), signature: "s" };
    const content = [signed, { type: "text", text: "A" }];
    const answer = {
      id: "c",
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    };
    const whole = openaiChat.response.decode(
      { json: answer, text: JSON.stringify(answer) },
      { dialect: "openai-chat" },
    ).value;
    const decoder = openaiChat.stream.decoder({ dialect: "openai-chat" });
    const pieces = [[thinking("T")], [{ ...thinking(""), signature: "s" }], "A"];
    const events = pieces.flatMap((piece, index) =>
      decoder.push({
        data: JSON.stringify({
          id: "c",
          model: "m",
          choices: [
            { index: 0, delta: { content: piece }, finish_reason: index < 2 ? null : "stop" },
          ],
        }),
      }),
    );
    const streamed = collect([...events, ...decoder.push({ data: "[DONE]" })]);
    for (const { candidates } of [whole, streamed]) {
      expect(candidates[0]?.parts).toMatchObject([
        { type: "reasoning", text: "T", signature: "s" },
        { type: "text", text: "A" },
      ]);
    }
  });
});

test("hostile bodies break no check, and none is looked at without a rule", () => {
  const strict: Quirks = {
    toolCallIdLength: 9,
    acceptsMessageFields: { system: [], user: [], assistant: [], tool: [] },
    noUserAfterTool: true,
    systemFirst: true,
    refusesEmptyTurns: true,
    plainTools: true,
    prefillField: "prefix",
    filePart: "document_url",
    imageDetails: ["low"],
  };
  for (const body of [
    '{"messages":null}',
    '{"messages":[null,1,"x",[],{}]}',
    '{"messages":[{"role":{"toString":1},"content":[null,{"file":null,"image_url":{"detail":{}}}],"tool_calls":[null,{"id":{}}]}]}',
    '{"messages":[{"__proto__":{"role":"tool"},"role":"toString"}],"tools":[null,{}]}',
    '{"messages":[nonsense]}',
  ]) {
    expect(openaiChat.carriesForeign?.(Buffer.from(body), strict)).toBeBoolean();
    expect(openaiChat.carriesForeign?.(Buffer.from(body), {})).toBe(false);
  }
});
