// What OpenAI's models refuse is left out and named; other vendors' models get what was asked.
import { describe, expect, test } from "bun:test";
import type { Target } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import { traitsOf } from "../../../src/dialects/openai-model.ts";
import type { ChatRequest, Reasoning, Tool } from "../../../src/ir/chat.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

function encode(model: string, more: Partial<ChatRequest>, facts: Target["facts"] = {}) {
  const request: ChatRequest = {
    model,
    messages: [{ role: "user", parts: [{ type: "text", text: "x" }] }],
    tools: [],
    settings: {},
    stream: false,
    ext: {},
    ...more,
  };
  const target: Target = { provider: "openai", model, quirks: {}, facts };
  const encoded = openaiChat.request.encode(request, target);
  return {
    body: JSON.parse(encoded.body) as JsonObject,
    lost: encoded.warnings.map(({ field }) => field),
  };
}

const tool: Tool = { type: "function", name: "f", parameters: { type: "object", properties: {} } };
const effort = (word: string): Reasoning => ({ mode: "effort", effort: word });

describe("reasoning", () => {
  test.each([
    // Words that the model knows are sent as they are.
    ["o4-mini", effort("low"), "low", 0],
    ["gpt-5", effort("minimal"), "minimal", 0],
    ["gpt-5.1-2025-11-13", { mode: "off" }, "none", 0],
    ["gpt-5.6-sol", effort("max"), "max", 0],
    ["gpt-6-astra", effort("xhigh"), "xhigh", 0],
    // Others become the nearest.
    ["o3", effort("xhigh"), "high", 1],
    ["o3", effort("minimal"), "low", 1],
    ["gpt-5.1", effort("minimal"), "low", 1],
    ["gpt-5.2", effort("max"), "xhigh", 1],
    ["o3", effort("heroic"), undefined, 1],
    // Models that always think.
    ["o3", { mode: "off" }, "low", 1],
    ["gpt-5", { mode: "off" }, "minimal", 1],
    ["gpt-6.1-sol", { mode: "off" }, "low", 1],
    ["gpt-6.1-terra", { mode: "off" }, "none", 0],
    // Models that never do.
    ["gpt-4o", effort("high"), undefined, 1],
    ["chatgpt-4o-latest", { mode: "budget", tokens: 2048 }, undefined, 1],
    ["gpt-5-chat-latest", effort("low"), undefined, 1],
    ["gpt-4.1-nano", { mode: "off" }, undefined, 0],
    // Other vendors' models.
    ["llama-9", effort("heroic"), "heroic", 0],
    ["gpt-oss-120b", effort("max"), "max", 0],
    ["openai/gpt-4o", effort("high"), "high", 0],
  ] as [string, Reasoning, string | undefined, number][])(
    "%s asked for %j",
    (model, reasoning, word, warnings) => {
      const { body, lost } = encode(model, { reasoning });
      expect(body["reasoning_effort"]).toBe(word);
      expect(lost).toEqual(Array(warnings).fill("reasoning"));
    },
  );

  test("models that do not reason beside function tools", () => {
    const asked = { tools: [tool], reasoning: effort("high") };
    expect(encode("gpt-5.4-mini", asked)).toMatchObject({ lost: ["reasoning"] });
    expect(encode("gpt-5.4-mini", asked).body).not.toHaveProperty("reasoning_effort");
    expect(encode("gpt-5.6-sol", asked)).toMatchObject({
      body: { reasoning_effort: "none" },
      lost: ["reasoning"],
    });
    // This one reasons unasked and then refuses the tools.
    expect(encode("gpt-5.6-sol", { tools: [tool] })).toMatchObject({
      body: { reasoning_effort: "none" },
      lost: [],
    });
    expect(encode("gpt-5.6-sol", {}).body).not.toHaveProperty("reasoning_effort");
    expect(encode("gpt-6-sol", asked)).toMatchObject({
      body: { reasoning_effort: "high" },
      lost: [],
    });
  });
});

describe("settings", () => {
  const settings = { temperature: 0.5, topP: 0.9, frequencyPenalty: 1, stop: ["END"] };
  test.each([
    ["gpt-4o", undefined, []],
    ["gpt-4o-search-preview", undefined, ["frequency_penalty", "temperature", "top_p"]],
    ["o1", undefined, ["frequency_penalty", "temperature", "top_p"]],
    ["o4-mini", undefined, ["stop_sequences", "frequency_penalty", "temperature", "top_p"]],
    ["gpt-5", undefined, ["stop_sequences", "frequency_penalty", "temperature", "top_p"]],
    ["gpt-5.1", undefined, ["stop_sequences", "frequency_penalty"]],
    ["gpt-5.1", effort("low"), ["stop_sequences", "frequency_penalty", "temperature", "top_p"]],
    ["gpt-5.6", undefined, ["stop_sequences", "frequency_penalty", "temperature", "top_p"]],
    ["gpt-5.6", { mode: "off" }, ["stop_sequences", "frequency_penalty"]],
    ["llama-9", undefined, []],
  ] as [string, Reasoning | undefined, string[]][])("%s with %j", (model, reasoning, dropped) => {
    const { body, lost } = encode(model, { settings, ...(reasoning ? { reasoning } : {}) });
    expect(lost).toEqual(dropped);
    const fields = dropped.map((field) => field.replace("stop_sequences", "stop"));
    for (const field of fields) expect(body).not.toHaveProperty(field);
  });

  test("what asks for the default loses nothing", () => {
    const { body, lost } = encode("o3", {
      settings: { temperature: 1, topP: 1, presencePenalty: 0 },
    });
    expect(body).toMatchObject({ temperature: 1, top_p: 1, presence_penalty: 0 });
    expect(lost).toEqual([]);
  });

  test.each([
    ["gpt-5.1", "low", "low", []],
    ["gpt-4o", "medium", "medium", []],
    ["gpt-4o", "low", undefined, ["verbosity"]],
    ["o4-mini", "high", undefined, ["verbosity"]],
    ["llama-9", "low", "low", []],
  ] as const)("%s with verbosity %s", (model, verbosity, sent, dropped) => {
    const { body, lost } = encode(model, { settings: { verbosity } });
    expect([body["verbosity"], lost]).toEqual([sent, [...dropped]]);
  });

  test("a client of this wire gets what it wrote", () => {
    const { body, lost } = encode("o3", {
      settings,
      reasoning: { mode: "off" },
      ext: { "openai-chat": {} },
    });
    expect(body).toMatchObject({ temperature: 0.5, stop: ["END"], reasoning_effort: "none" });
    expect(lost).toEqual([]);
  });
});

test("models from before structured output are told the schema in words", () => {
  const responseFormat = { type: "json-schema", schema: { type: "object" } } as const;
  for (const model of ["gpt-3.5-turbo", "gpt-4", "gpt-4-turbo-2024-04-09", "gpt-4o-2024-05-13"]) {
    expect(traitsOf(model).hasJsonSchema).toBe(false);
    expect(encode(model, { responseFormat })).toMatchObject({
      body: { response_format: { type: "json_object" } },
      lost: ["response_format.json_schema"],
    });
  }
  for (const model of ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3", "gpt-5", "mixtral"]) {
    expect(encode(model, { responseFormat }).lost).toEqual([]);
  }
});
