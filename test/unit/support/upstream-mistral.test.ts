// The Mistral double: what it refuses and how, what it answers, byte by byte.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { startMistralUpstream } from "../../support/upstream/mistral.ts";
import type { Upstream } from "../../support/upstream/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startMistralUpstream();
});
afterAll(() => upstream.stop());
beforeEach(() => upstream.reset());

const model = "mistral-large-latest";
const user = { role: "user" as const, content: "Hello." };
const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const calls = (...ids: string[]) => ({
  role: "assistant" as const,
  content: "",
  tool_calls: ids.map((id) => ({ id, function: { name: "get_weather", arguments: "{}" } })),
});
const result = (id: string) => ({ role: "tool" as const, tool_call_id: id, content: "sunny" });

const post = (path: string, body: unknown, key = "k") =>
  fetch(upstream.baseUrl + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

describe("requests that are refused", () => {
  const chat = (messages: unknown[], more: object = {}) => ({ model, messages, ...more });
  const extra = (loc: unknown[], input: unknown) => ({
    detail: [
      {
        type: "extra_forbidden",
        loc: ["body", ...loc],
        msg: "Extra inputs are not permitted",
        input,
      },
    ],
  });
  const error = (message: string, type: string, code: string | null) => ({
    object: "error",
    message,
    type,
    param: null,
    code,
  });
  const order = (message: string) => error(message, "invalid_request_message_order", "3230");
  const badCall = (message: string) => error(message, "invalid_function_call", "3280");
  const cases: Record<string, readonly [body: unknown, status: number, told: unknown]> = {
    "a field of OpenAI": [
      chat([user], { max_completion_tokens: 5 }),
      422,
      extra(["max_completion_tokens"], 5),
    ],
    "`seed` and `stream_options`": [
      chat([user], { seed: 1, stream_options: {} }),
      422,
      { detail: [extra(["seed"], 1).detail[0], extra(["stream_options"], {}).detail[0]] },
    ],
    "`name` of a user": [
      chat([{ ...user, name: "n" }]),
      422,
      extra(["messages", 0, "user", "name"], "n"),
    ],
    "`reasoning_content`": [
      chat([user, { ...calls("123456789"), reasoning_content: "x" }, result("123456789")]),
      422,
      extra(["messages", 1, "assistant", "reasoning_content"], "x"),
    ],
    heat: [
      chat([user], { temperature: 2 }),
      422,
      {
        detail: [
          {
            type: "less_than_equal",
            loc: ["body", "temperature"],
            msg: "Input should be less than or equal to 1.5",
            input: 2,
          },
        ],
      },
    ],
    greed: [
      chat([user], { temperature: 0, top_p: 0.9 }),
      400,
      error("Top_p must be 1 when using greedy sampling.", "invalid_request_invalid_args", "3051"),
    ],
    "the assistant last": [
      chat([user, { role: "assistant", content: "x" }]),
      400,
      order(
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
      ),
    ],
    "a call's id": [
      chat([user, calls("call_1"), result("call_1")]),
      400,
      badCall("Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9."),
    ],
    "a tool's name": [
      chat([user], { tools: [{ function: { ...weather.function, name: "get.weather" } }] }),
      400,
      badCall(
        "Function name was get.weather but must be a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum length of 64.",
      ),
    ],
    "an unanswered call": [
      chat([user, calls("123456789", "abcdefghi"), result("123456789")]),
      400,
      order("Not the same number of function calls and responses"),
    ],
    "a user behind a result": [
      chat([user, calls("123456789"), result("123456789"), user]),
      400,
      order("Unexpected role 'user' after role 'tool'"),
    ],
    "a system behind an answer": [
      chat([user, { role: "assistant", content: "x" }, { role: "system", content: "y" }, user]),
      400,
      order("Unexpected role 'system' after role 'assistant'"),
    ],
    "a result behind a user": [
      chat([user, result("123456789")]),
      400,
      order("Unexpected role 'tool' after role 'user'"),
    ],
    "nothing said": [
      chat([user, { role: "assistant", content: "" }, user]),
      400,
      error(
        "Assistant message must have either content or tool_calls, but not none.",
        "invalid_request_assistant_message",
        "3240",
      ),
    ],
    "an unknown model": [
      { ...chat([user]), model: "gpt-4o" },
      400,
      error("Invalid model: gpt-4o", "invalid_model", "1500"),
    ],
  };
  for (const [name, [body, status, told]] of Object.entries(cases)) {
    test(name, async () => {
      const response = await post("/chat/completions", body);
      expect([response.status, await response.json()]).toEqual([status, told]);
    });
  }

  test("a foreign key, and vectors of another length", async () => {
    const foreign = await post("/chat/completions", chat([user]), "other");
    expect([foreign.status, await foreign.json()]).toEqual([401, { detail: "Unauthorized" }]);
    const longer = await post("/embeddings", {
      model: "mistral-embed",
      input: "x",
      output_dimension: 8,
    });
    expect(await longer.json()).toMatchObject({
      message: "This model does not support output_dimension.",
    });
  });
});

describe("answers", () => {
  const client = () =>
    new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl, maxRetries: 0 });

  test("text, a prefix, and their bill", async () => {
    const answer = await client().chat.completions.create({ model, messages: [user] });
    expect(answer.choices[0]?.message.content).toBe("Hello.");
    const prefix = { role: "assistant", content: "He", prefix: true };
    expect((await post("/chat/completions", { model, messages: [user, prefix] })).status).toBe(200);
    const [entry] = upstream.bill.entries;
    expect(answer.usage).toMatchObject({
      prompt_tokens: entry?.inputTokens,
      completion_tokens: entry?.outputTokens,
    });
  });

  test("calls come whole with the end of the stream, in ids of nine", async () => {
    const body = {
      model,
      messages: [{ role: "user", content: "use tool" }],
      tools: [weather],
      stream: true,
    };
    const text = await (await post("/chat/completions", body)).text();
    const chunks = text
      .split("\n\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)));
    expect(chunks.at(-1).choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      delta: {
        tool_calls: [
          {
            id: expect.stringMatching(/^[a-zA-Z0-9]{9}$/),
            function: { name: "get_weather", arguments: '{"city":"city"}' },
            index: 0,
          },
        ],
      },
    });
    expect(chunks.at(-1).usage.completion_tokens).toBe(upstream.bill.entries[0]?.outputTokens);
    expect(text).toEndWith("data: [DONE]\n\n");
    expect(upstream.bill.entries).toMatchObject([{ complete: true, stream: true }]);
  });

  test("thinking is a chunk of the content", async () => {
    upstream.script([
      { kind: "text", text: "4", reasoning: "2+2" },
      { kind: "text", text: "4", reasoning: "2+2" },
    ]);
    const ask = { model: "magistral-medium-latest", messages: [user] };
    const whole = (await (await post("/chat/completions", ask)).json()) as {
      choices: { message: unknown }[];
    };
    expect(whole.choices[0]?.message).toMatchObject({
      content: [
        { type: "thinking", thinking: [{ type: "text", text: "2+2" }] },
        { type: "text", text: "4" },
      ],
    });
    const streamed = await (await post("/chat/completions", { ...ask, stream: true })).text();
    expect(streamed).toContain(
      '"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"2+2"}]}]}',
    );
  });

  test("tools forced in Mistral's words, and pictures", async () => {
    const forced = await (
      await post("/chat/completions", {
        model,
        messages: [user],
        tools: [weather],
        tool_choice: "any",
      })
    ).json();
    expect(forced).toMatchObject({ choices: [{ finish_reason: "tool_calls" }] });
    const image = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
    const content = [
      { type: "text", text: "See" },
      { type: "image_url", image_url: image },
    ];
    const seen = await (
      await post("/chat/completions", { model, messages: [{ role: "user", content }] })
    ).json();
    expect(seen).toMatchObject({
      choices: [{ message: { content: "See [image image/gif 14 bytes]" } }],
    });
  });

  test("vectors", async () => {
    const made = await client().embeddings.create({
      model: "mistral-embed",
      input: ["a", "b"],
      encoding_format: "float",
    });
    expect(made.data.map((one) => one.embedding.length)).toEqual([1024, 1024]);
    expect(made.usage.prompt_tokens).toBe(upstream.bill.total().inputTokens);
  });
});
