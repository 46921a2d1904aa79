// What strict servers refused of real clients' requests, each in small: encoders must not send it again.
import { describe, expect, test } from "bun:test";
import { bedrockInvoke } from "../../../src/dialects/anthropic-messages/envelopes.ts";
import type { Dialect } from "../../../src/dialects/dialect.ts";
import { wrapBody } from "../../../src/dialects/enveloped.ts";
import { spellFormat } from "../../../src/dialects/freeform.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatRequest, DialectId, Message, Part } from "../../../src/ir/chat.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const text = (words: string): Part => ({ type: "text", text: words });
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const asked = (messages: Message[], more: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "m",
  messages,
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...more,
});

interface Encoded {
  body: JsonObject & { messages: JsonObject[] };
  lost: string[];
}

function encode(dialect: Dialect, request: ChatRequest, model = "m"): Encoded {
  const target = { provider: "acme", model, quirks: {}, facts: {} };
  const { body, warnings } = dialect.request.encode(request, target);
  return {
    body: JSON.parse(body) as Encoded["body"],
    lost: warnings.map(({ field }) => field),
  };
}

/** A client's body, read by its own dialect and written for another one. */
function translate(from: DialectId, json: JsonObject, to: DialectId, model: string): Encoded {
  const { value } = dialects[from].request.decode({ json, text: JSON.stringify(json) });
  return encode(dialects[to], value, model);
}

describe("grammars of free-form tools", () => {
  const flat = { type: "grammar", syntax: "lark", definition: "start: /x/" };
  const nested = { type: "grammar", grammar: { syntax: "lark", definition: "start: /x/" } };

  test("are spelt as each of OpenAI's wires has them", () => {
    expect(spellFormat(flat, true)).toEqual(nested);
    expect(spellFormat(nested, false)).toEqual(flat);
    expect(spellFormat(nested, true)).toBe(nested);
    expect(spellFormat(flat, false)).toBe(flat);
    for (const other of [{ type: "text" }, undefined, 7, { type: "other", grammar: 1 }]) {
      expect(spellFormat(other, true)).toBe(other);
      expect(spellFormat(other, false)).toBe(other);
    }
  });

  test("cross from one to the other", () => {
    const tool = { type: "custom", name: "apply_patch" };
    const responses = { model: "m", input: "x", tools: [{ ...tool, format: flat }] };
    const chat = {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      tools: [{ type: "custom", custom: { name: "apply_patch", format: nested } }],
    };
    expect(
      translate("openai-responses", responses, "openai-chat", "gpt-5.1").body["tools"],
    ).toEqual(chat.tools);
    expect(translate("openai-chat", chat, "openai-responses", "gpt-5.1").body["tools"]).toEqual(
      responses.tools,
    );
  });
});

describe("a schema that OpenAI would refuse to enforce", () => {
  const open = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
  const closed = { ...open, additionalProperties: false };
  const encoded = (schema: object, model: string) =>
    encode(
      dialects["openai-chat"],
      asked([user(text("x"))], { responseFormat: { type: "json-schema", schema, strict: true } }),
      model,
    );
  const strictness = (body: JsonObject): unknown => body["response_format"];

  test("is sent without that wish, and told", () => {
    const { body, lost } = encoded(open, "gpt-5.1");
    expect(strictness(body)).toMatchObject({ json_schema: { strict: false } });
    expect(lost).toEqual(["response_format.json_schema.strict"]);
  });

  test.each([
    [closed, "gpt-5.1"],
    [open, "a-model-of-another-vendor"],
  ])("is not %j for %s", (schema, model) => {
    const { body, lost } = encoded(schema, model);
    expect(strictness(body)).toMatchObject({ json_schema: { strict: true } });
    expect(lost).toEqual([]);
  });
});

test("Gemini 3 Pro has two levels of thinking, and its successors three", () => {
  const request = asked([user(text("x"))], { reasoning: { mode: "effort", effort: "medium" } });
  const level = (model: string): unknown =>
    encode(dialects.gemini, request, model).body["generationConfig"];
  expect(level("gemini-3-pro-preview")).toMatchObject({ thinkingConfig: { thinkingLevel: "LOW" } });
  expect(level("gemini-3.1-pro-preview")).toMatchObject({
    thinkingConfig: { thinkingLevel: "MEDIUM" },
  });
});

describe("Cohere", () => {
  const sent = (...messages: Message[]) => encode(dialects.cohere, asked(messages));
  const system: Message = { role: "system", parts: [text("Plan mode is on.")] };
  const assistant: Message = { role: "assistant", parts: [text("Half an")] };

  test("system text that comes last is the user's", () => {
    const { body, lost } = sent(system, user(text("x")), system, system);
    expect(body.messages.map(({ role }) => role)).toEqual(["system", "user", "user", "user"]);
    expect(lost).toEqual(["messages"]);
    expect(sent(system).body.messages).toEqual([{ role: "user", content: "Plan mode is on." }]);
  });

  test("an answer that is to be continued is followed by the user", () => {
    const { body, lost } = sent(user(text("x")), assistant);
    expect(body.messages.at(-1)).toEqual({ role: "user", content: "Continue." });
    expect(lost).toEqual(["messages"]);
  });

  test("a message without words is none, and a conversation has one", () => {
    const { body, lost } = sent(user(text("")));
    expect(body.messages).toEqual([{ role: "user", content: "(start of conversation)" }]);
    expect(lost).toEqual(["messages[0]", "messages"]);
    expect(sent(user(text("")), user(text("x"))).body.messages).toHaveLength(1);
  });

  test("a picture's detail is one of three words", () => {
    const picture = (detail: string): Part => ({
      type: "image",
      source: { kind: "url", url: "https://example.com/a.png" },
      detail,
    });
    const { body, lost } = sent(user(text("x"), picture("original"), picture("low")));
    expect(JSON.stringify(body)).not.toContain("original");
    expect(JSON.stringify(body)).toContain('"detail":"low"');
    expect(lost).toEqual(["messages[0].content[1].detail"]);
  });

  test("its client's own request ends as it ends", () => {
    const json = { model: "m", messages: [{ role: "assistant", content: "Half an" }] };
    const { body, lost } = translate("cohere", json, "cohere", "m");
    expect(body.messages).toEqual(json.messages);
    expect(lost).toEqual([]);
  });
});

describe("Amazon's InvokeModel", () => {
  const wrapped = (body: JsonObject): [JsonObject, string[]] => {
    const lost: string[] = [];
    const bytes = wrapBody(Buffer.from(JSON.stringify(body)), bedrockInvoke, {
      headers: new Headers(),
      warn: (field) => lost.push(field),
    });
    return [JSON.parse(Buffer.from(bytes).toString("utf8")) as JsonObject, lost];
  };

  test("knows nothing of the betas that some members belong to", () => {
    const [body, lost] = wrapped({
      messages: [
        { role: "user", content: "x" },
        { role: "system", content: "y", output_config: { effort: "low" } },
      ],
      safeguards: [],
      thinking: { type: "adaptive", display: "updates" },
      output_config: { effort: "high" },
    });
    expect(body).toEqual({
      anthropic_version: "bedrock-2023-05-31",
      messages: [
        { role: "user", content: "x" },
        { role: "system", content: "y" },
      ],
      thinking: { type: "adaptive" },
      output_config: { effort: "high" },
    });
    expect(lost).toEqual(["safeguards", "messages[*].output_config", "thinking.display"]);
  });

  test("thinking that it knows, or that is none, stays", () => {
    for (const thinking of [{ type: "adaptive", display: "omitted" }, "x", null, []]) {
      const [body, lost] = wrapped({ messages: [], thinking });
      expect(body["thinking"]).toEqual(thinking);
      expect(lost).toEqual([]);
    }
  });
});

describe("thinking that Anthropic's clients asked for in their own words", () => {
  const call = { type: "tool_use", id: "toolu_1", name: "f", input: {} };
  const thought = { type: "thinking", thinking: "Hm.", signature: "c2ln" };
  const round = (...content: JsonObject[]): JsonObject => ({
    model: "m",
    max_tokens: 8000,
    thinking: { type: "enabled", budget_tokens: 2000 },
    tools: [{ name: "f", input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: "x" },
      { role: "assistant", content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "y" }] },
    ],
  });
  const own = (json: JsonObject) =>
    translate("anthropic-messages", json, "anthropic-messages", "claude-sonnet-4-5");

  test("cannot begin in the middle of a round of tools", () => {
    const { body, lost } = own(round(call));
    expect(body).not.toHaveProperty("thinking");
    expect(lost).toEqual(["thinking"]);
  });

  test("goes on where it began", () => {
    const { body, lost } = own(round(thought, call));
    expect(body["thinking"]).toEqual({ type: "enabled", budget_tokens: 2000 });
    expect(lost).toEqual([]);
  });

  test("is shown on Bedrock in the ways that it has", () => {
    const json = {
      model: "m",
      max_tokens: 8000,
      thinking: { type: "adaptive", display: "updates" },
      messages: [{ role: "user", content: "x" }],
    };
    const { body, lost } = translate(
      "anthropic-messages",
      json,
      "bedrock-converse",
      "anthropic.claude-opus-4-8",
    );
    expect(body["additionalModelRequestFields"]).toMatchObject({
      thinking: { type: "adaptive", display: "summarized" },
    });
    expect(lost).toContain("thinking.display");
  });
});

describe("sealed reasoning before a message that has lost its id", () => {
  const reasoning: Part = {
    type: "reasoning",
    text: "Hm.",
    encrypted: "sealed",
    origin: { dialect: "openai-responses", provider: "acme", model: "gpt-5" },
    ext: { "openai-responses": { "#frame": { id: "rs_1" } } },
  };
  const said = (...parts: Part[]) =>
    encode(
      dialects["openai-responses"],
      asked([user(text("x")), { role: "assistant", parts }, user(text("y"))]),
      "gpt-5",
    ).body["input"];

  test("is known by its seal alone", () => {
    const input = said(reasoning, text("So."));
    expect(input).toMatchObject([{}, { type: "reasoning", encrypted_content: "sealed" }, {}, {}]);
    expect(JSON.stringify(input)).not.toContain("rs_1");
  });

  test("keeps its id before a call", () => {
    const call: Part = { type: "tool-call", id: "c", name: "f", args: "{}", executor: "client" };
    expect(JSON.stringify(said(reasoning, call))).toContain("rs_1");
  });
});
