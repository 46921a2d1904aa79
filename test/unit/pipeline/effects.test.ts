// Which requests may be asked of two deployments at once.
import { expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import type { Operation } from "../../../src/ir/chat.ts";
import { racingOf } from "../../../src/pipeline/effects.ts";
import { inspect } from "../../../src/pipeline/inbound.ts";

const racing = (dialect: keyof typeof dialects, body: object, operation: Operation = "chat") =>
  racingOf(
    inspect(
      Buffer.from(JSON.stringify({ model: "m", ...body })),
      new Request("http://localhost/", { method: "POST" }),
      { dialect: dialects[dialect], operation },
    ),
  );

const messages = [{ role: "user", content: "Hi" }];
const look = { type: "object", properties: {} };

test.each([
  ["plain", "openai-chat", { messages }, false],
  [
    "the client's functions",
    "openai-chat",
    { messages, tools: [{ type: "function", function: { name: "f", parameters: look } }] },
    false,
  ],
  [
    "the client's tools",
    "anthropic-messages",
    { messages, max_tokens: 5, tools: [{ name: "f", input_schema: look }] },
    false,
  ],
  [
    "code that the provider runs",
    "anthropic-messages",
    {
      messages,
      max_tokens: 5,
      tools: [{ type: "code_execution_20250522", name: "code_execution" }],
    },
    true,
  ],
  [
    "servers that it calls",
    "anthropic-messages",
    { messages, max_tokens: 5, mcp_servers: [{ type: "url", url: "https://a.test", name: "a" }] },
    true,
  ],
  [
    "remote tools",
    "openai-responses",
    { input: "Hi", tools: [{ type: "mcp", server_label: "a", server_url: "https://a.test" }] },
    true,
  ],
  [
    "a search",
    "gemini",
    { contents: [{ role: "user", parts: [{ text: "Hi" }] }], tools: [{ googleSearch: {} }] },
    true,
  ],
  ["in the background", "openai-responses", { input: "Hi", background: true }, true],
  [
    "not in the background",
    "openai-responses",
    { input: "Hi", background: false, conversation: null },
    false,
  ],
  ["a conversation by its name", "openai-responses", { input: "Hi", conversation: "conv_1" }, true],
  [
    "a conversation as an object",
    "openai-responses",
    { input: "Hi", conversation: { id: "conv_1" } },
    true,
  ],
  ["tools that cannot be read", "openai-chat", { messages, tools: 5 }, true],
] as [string, keyof typeof dialects, object, boolean][])(
  "chat: %s",
  (_, dialect, body, expected) => {
    expect(racing(dialect, body)?.hasEffects()).toBe(expected);
  },
);

test("embeddings and the like have none; what makes, keeps or judges something is never raced", () => {
  for (const operation of ["completions", "embeddings", "rerank"] as const) {
    expect(racing("openai-chat", {}, operation)?.hasEffects()).toBe(false);
  }
  for (const operation of [
    "images",
    "image-edits",
    "speech",
    "transcriptions",
    "moderations",
    "files",
    "batches",
    "pass-through",
    "realtime",
    "compact",
    "count-tokens",
  ] as const) {
    expect(racing("openai-chat", {}, operation)).toBeUndefined();
  }
});
