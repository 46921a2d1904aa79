// Which wire a body is written in, told by its members.
import { expect, test } from "bun:test";
import { recognise } from "../../../src/dialects/recognise.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const said = [{ role: "user", content: "Hi" }];
const tool = { type: "function", function: { name: "f", parameters: {} } };

const bodies: [DialectId, JsonObject][] = [
  ["openai-chat", { messages: said, max_completion_tokens: 5 }],
  ["openai-chat", { messages: said, tools: [tool], stream_options: { include_usage: true } }],
  [
    "openai-chat",
    {
      messages: [
        { role: "user", content: [{ type: "image_url", image_url: { url: "https://a/b" } }] },
      ],
      max_tokens: 5,
      n: 2,
    },
  ],
  ["anthropic-messages", { messages: said, max_tokens: 5, system: "Be brief" }],
  ["anthropic-messages", { messages: said, max_tokens: 5 }],
  ["anthropic-messages", { messages: said, tools: [{ name: "f", input_schema: {} }] }],
  [
    "anthropic-messages",
    {
      messages: [
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "1" }] },
      ],
    },
  ],
  ["openai-responses", { input: "Hi" }],
  ["openai-responses", { input: said, max_output_tokens: 5, reasoning: { effort: "low" } }],
  ["gemini", { contents: [{ parts: [{ text: "Hi" }] }] }],
  ["gemini", { contents: [], generationConfig: { topK: 3 } }],
  ["ollama", { messages: said, options: { num_ctx: 10 } }],
  ["ollama", { prompt: "Hi", keep_alive: "5m" }],
  ["ollama", { messages: [{ role: "user", content: "Hi", images: ["aGk="] }] }],
  ["bedrock-converse", { messages: [{ role: "user", content: [{ text: "Hi" }] }] }],
  ["bedrock-converse", { messages: [], inferenceConfig: { maxTokens: 5 }, modelId: "m" }],
  ["cohere", { messages: said, documents: [{ data: { a: "b" } }] }],
  ["cohere", { messages: said, tools: [tool], tool_choice: "REQUIRED" }],
  ["cohere", { messages: said, p: 0.5, k: 3, max_tokens: 5 }],
];

test.each(bodies)("%s: %j", (dialect, body) => {
  const found = recognise({ model: "m", ...body });
  expect(found).toEqual({ dialect, by: expect.stringMatching(/^`/) });
});

test("a body that says nothing is the commonest wire's, and that is told", () => {
  expect(recognise({ model: "m", messages: said })).toEqual({ dialect: "openai-chat", by: null });
  expect(recognise({ model: "m", messages: said, temperature: 1, tools: [tool] }).by).toBeNull();
});

test("anything at all is looked at without harm", () => {
  for (const value of [null, 1, "x", [], {}, [null], [{ content: [null, 1] }]]) {
    const body = JSON.parse('{"__proto__":1,"constructor":2}') as JsonObject;
    expect(recognise({ ...body, messages: value, tools: value, documents: value }).dialect).toBe(
      value === null ? "openai-chat" : "cohere",
    );
  }
});
