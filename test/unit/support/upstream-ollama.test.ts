// The Ollama double: what it refuses and how, what it answers, through the official client.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Ollama } from "ollama";
import { startOllamaUpstream } from "../../support/upstream/ollama.ts";
import type { Upstream } from "../../support/upstream/upstream.ts";

let upstream: Upstream;
let client: Ollama;
beforeAll(async () => {
  upstream = await startOllamaUpstream();
  client = new Ollama({ host: upstream.baseUrl });
});
afterAll(() => upstream.stop());
beforeEach(() => upstream.reset());

const messages = [{ role: "user", content: "Hello." }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tells the weather.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("requests that are refused", () => {
  const chat = (more: object, model = "llama3.1") => ({ model, messages, ...more });
  const cases: Record<string, readonly [body: unknown, status: number, error: string]> = {
    "an unknown model": [chat({}, "x"), 404, "model 'x' not found"],
    "no model": [{ messages }, 400, "invalid model name"],
    thinking: [chat({ think: true }), 400, '"llama3.1" does not support thinking'],
    "a level of thinking": [
      chat({ think: "high" }, "qwen3"),
      400,
      'think value "high" is not supported for this model',
    ],
    "another level": [
      chat({ think: "xhigh" }, "gpt-oss:20b"),
      400,
      'invalid think value: "xhigh" (must be "high", "medium", "low", true, or false)',
    ],
    tools: [
      chat({ tools: [weather] }, "llama3"),
      400,
      "registry.ollama.ai/library/llama3:latest does not support tools",
    ],
    "chat with a model for vectors": [
      chat({}, "all-minilm"),
      400,
      '"all-minilm" does not support chat',
    ],
    "content as parts": [
      { model: "llama3", messages: [{ role: "user", content: [{ type: "text", text: "x" }] }] },
      400,
      "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
    ],
    "arguments as text": [
      {
        model: "llama3.1",
        messages: [
          ...messages,
          { role: "assistant", tool_calls: [{ function: { name: "a", arguments: "{}" } }] },
        ],
      },
      400,
      "json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls.function.arguments of type map[string]interface {}",
    ],
    "a data URL": [
      {
        model: "llava",
        messages: [{ role: "user", content: "x", images: [`data:image/png;base64,${png}`] }],
      },
      400,
      "illegal base64 data at input byte 4",
    ],
    "a picture for the blind": [
      { model: "llama3", messages: [{ role: "user", content: "x", images: [png] }] },
      500,
      "Failed to create new sequence: failed to process inputs: this model is missing data required for image input",
    ],
    "an option's type": [
      chat({ options: { temperature: "hot" } }),
      500,
      'option "temperature" must be of type float32',
    ],
    "a list of options": [
      chat({ options: { stop: "x" } }),
      500,
      'option "stop" must be of type array',
    ],
    "a duration": [chat({ keep_alive: "soon" }), 400, 'time: invalid duration "soon"'],
    "a format": [
      chat({ format: "xml" }),
      500,
      'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object',
    ],
  };
  for (const [name, [body, status, error]] of Object.entries(cases)) {
    test(name, async () => {
      const response = await fetch(`${upstream.url}/api/chat`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      expect([response.status, await response.json()]).toEqual([status, { error }]);
    });
  }

  test("what the server overlooks is a fault where that is asked for", async () => {
    const strict = await startOllamaUpstream({
      unknownFields: "refuse",
      requireKey: true,
      key: "s",
    });
    const bodies = [
      chat({ max_tokens: 1 }),
      chat({ options: { max_tokens: 1 } }),
      chat({ messages: [{ role: "developer", content: "x" }] }),
      chat({ stream: false }),
    ];
    const statuses = (double: Upstream) =>
      Promise.all(
        bodies.map(async (body) => {
          const response = await fetch(`${double.url}/api/chat`, {
            method: "POST",
            headers: { authorization: "Bearer s" },
            body: JSON.stringify(body),
          });
          await response.text();
          return response.status;
        }),
      );
    expect(await statuses(upstream)).toEqual([200, 200, 200, 200]);
    expect(await statuses(strict)).toEqual([400, 400, 400, 200]);
    const anonymous = await fetch(`${strict.url}/api/tags`);
    await strict.stop();
    expect(anonymous.status).toBe(401);
  });
});

describe("answers through the client", () => {
  test("text, and its bill", async () => {
    const answer = await client.chat({ model: "llama3", messages });
    expect(answer.message).toEqual({ role: "assistant", content: "Hello." });
    const [entry] = upstream.bill.entries;
    expect([answer.done_reason, answer.prompt_eval_count, answer.eval_count]).toEqual([
      "stop",
      entry?.inputTokens ?? 0,
      entry?.outputTokens ?? 0,
    ]);
  });

  test("lines are the default, with thinking and calls", async () => {
    upstream.script({
      kind: "tool-calls",
      reasoning: "Hm hm.",
      calls: [
        { name: "get_weather", args: { city: "x" } },
        { name: "get_weather", args: {} },
      ],
    });
    const raw = await fetch(`${upstream.url}/api/chat`, {
      method: "POST",
      body: JSON.stringify({ model: "qwen3", messages, tools: [weather] }),
    });
    expect(raw.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = (await raw.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.message.thinking ?? "").join("")).toBe("Hm hm.");
    expect(lines.at(-2).message.tool_calls).toMatchObject([
      { function: { index: 0, name: "get_weather", arguments: { city: "x" } } },
      { function: { index: 1 } },
    ]);
    expect(lines.map((line) => line.done)).toEqual([...lines.slice(1).map(() => false), true]);
    expect(upstream.bill.entries).toMatchObject([
      { complete: true, stream: true, reasoningTokens: 2 },
    ]);
  });

  test("the client reads a stream; limits, formats and pictures", async () => {
    const parts = await Array.fromAsync(
      await client.chat({ model: "llama3", messages, stream: true }),
    );
    expect(parts.map((part) => part.message.content).join("")).toBe("Hello.");
    const cut = await client.chat({ model: "llama3", messages, options: { num_predict: 1 } });
    expect([cut.message.content, cut.done_reason]).toEqual(["Hell", "length"]);
    const made = await client.chat({
      model: "llama3",
      messages,
      format: { type: "object", properties: { a: { type: "integer" } } },
    });
    expect(made.message.content).toBe('{"a":1}');
    const seen = await client.generate({ model: "llava", prompt: "See", images: [png] });
    expect(seen.response).toBe("See [image image/png 70 bytes]");
  });

  test("vectors, and what tells of the models", async () => {
    const { embeddings, prompt_eval_count: tokens } = await client.embed({
      model: "all-minilm",
      input: ["abcd", "efgh"],
    });
    expect([embeddings.length, embeddings[0]?.length, tokens]).toEqual([2, 384, 2]);
    const { models } = await client.list();
    expect(models.map((model) => model.name)).toContain("llama3:latest");
    expect((await client.show({ model: "gpt-oss" })).capabilities).toEqual([
      "completion",
      "tools",
      "thinking",
    ]);
    expect(await client.version()).toEqual({ version: "0.13.5" });
    expect((await client.ps()).models.length).toBe(1);
  });

  test("an error within a stream", async () => {
    upstream.script({ kind: "error-in-stream", message: "llama runner process no longer running" });
    const stream = await client.chat({ model: "llama3", messages, stream: true });
    const broken = await Array.fromAsync(stream).catch((error: unknown) => error);
    expect(String(broken)).toContain("llama runner process no longer running");
  });
});
