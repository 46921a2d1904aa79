// The Cohere double: what it refuses and how, what it answers, through the official SDK.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { CohereClientV2 } from "cohere-ai";
import { startCohereUpstream } from "../../support/upstream/cohere.ts";
import type { Upstream } from "../../support/upstream/upstream.ts";

let upstream: Upstream;
let client: CohereClientV2;
beforeAll(async () => {
  upstream = await startCohereUpstream();
  client = new CohereClientV2({
    token: upstream.key,
    environment: upstream.baseUrl,
    maxRetries: 0,
  });
});
afterAll(() => upstream.stop());
beforeEach(() => upstream.reset());

const model = "command-a-03-2025";
const user = { role: "user" as const, content: "Hello." };
const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const call = (id: string) => ({
  id,
  type: "function" as const,
  function: { name: "get_weather", arguments: "{}" },
});

const post = (path: string, body: unknown, key = "k") =>
  fetch(upstream.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

describe("requests that are refused", () => {
  const chat = (more: object) => ({ model, messages: [user], ...more });
  const loop = (...tail: unknown[]) =>
    chat({
      tools: [weather],
      messages: [user, { role: "assistant", tool_calls: [call("a")] }, ...tail],
    });
  const unknown = (name: string) =>
    `unknown field: parameter '${name}' is not a valid field. For proper usage, please refer to https://docs.cohere.com/reference/chat`;
  const cases: Record<string, readonly [body: unknown, status: number, message: string]> = {
    "a field of another vendor": [chat({ top_p: 1 }), 422, unknown("top_p")],
    "`strict` in a tool": [
      chat({ tools: [{ ...weather, function: { ...weather.function, strict: true } }] }),
      422,
      unknown("strict"),
    ],
    "`index` in a call": [
      chat({ messages: [user, { role: "assistant", tool_calls: [{ ...call("a"), index: 0 }] }] }),
      422,
      unknown("index"),
    ],
    "`name` in a result": [
      loop({ role: "tool", tool_call_id: "a", content: "x", name: "y" }),
      422,
      unknown("name"),
    ],
    "a wrong type": [
      chat({ messages: "x" }),
      400,
      "invalid type: parameter messages is of type string but should be of type array. For proper usage, please refer to https://docs.cohere.com/reference/chat",
    ],
    heat: [
      chat({ temperature: 1.5 }),
      400,
      "invalid request: temperature must be between 0 and 1 inclusive, received 1.5",
    ],
    "p of 1": [
      chat({ p: 1 }),
      400,
      "invalid request: p must be between 0.01 and 0.99 inclusive, received 1",
    ],
    k: [
      chat({ k: 501 }),
      400,
      "invalid request: k must be between 0 and 500 inclusive, received 501",
    ],
    "a role": [
      chat({ messages: [{ role: "developer", content: "x" }] }),
      400,
      "invalid request: messages.0.role must be one of [user, system, assistant, tool], received 'developer'",
    ],
    "the spelling of a choice": [
      chat({ tools: [weather], tool_choice: "required" }),
      400,
      "invalid request: tool_choice must be one of [REQUIRED, NONE], received 'required'",
    ],
    "an unanswered call": [
      loop(user),
      400,
      "invalid request: An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: a",
    ],
    "a result for nothing": [
      loop({ role: "tool", tool_call_id: "b", content: "x" }),
      400,
      "invalid request: tool_call_id 'b' not found in 'tool_calls' of previous message",
    ],
    "JSON with tools": [
      chat({ tools: [weather], response_format: { type: "json_object" } }),
      400,
      "invalid request: response_format is not supported in combination with tools or documents",
    ],
    "an unknown model": [
      chat({ model: "gpt-4o" }),
      404,
      "model 'gpt-4o' not found, make sure the correct model ID was used and that you have access to the model.",
    ],
    "a model that was removed": [
      chat({ model: "command-r" }),
      404,
      "model 'command-r' was removed on September 15, 2025. See https://docs.cohere.com/docs/models#command for a list of models you can use instead.",
    ],
  };
  for (const [name, [body, status, message]] of Object.entries(cases)) {
    test(name, async () => {
      const response = await post("/v2/chat", body);
      expect(await response.json()).toEqual({ id: expect.any(String), message });
      expect(response.status).toBe(status);
    });
  }

  test("a foreign key, too many texts, no documents", async () => {
    const foreign = await post("/v2/chat", chat({}), "other");
    expect([foreign.status, await foreign.json()]).toMatchObject([
      401,
      { message: "invalid api token" },
    ]);
    const texts = Array.from({ length: 97 }, () => "x");
    const many = await post("/v2/embed", {
      model: "embed-v4.0",
      input_type: "search_query",
      texts,
    });
    expect(await many.json()).toMatchObject({
      message: "invalid request: total number of texts must be at most 96 - received 97",
    });
    const none = await post("/v2/rerank", { model: "rerank-v3.5", query: "x", documents: [] });
    expect(await none.json()).toMatchObject({
      message: "invalid request: list of documents must not be empty",
    });
  });
});

describe("answers through the SDK", () => {
  test("text, and its bill", async () => {
    const answer = await client.chat({ model, messages: [user] });
    expect(answer.message.content).toEqual([{ type: "text", text: "Hello." }]);
    expect(answer.finishReason).toBe("COMPLETE");
    const total = upstream.bill.total(model);
    expect(answer.usage?.billedUnits).toMatchObject({
      inputTokens: total.inputTokens,
      outputTokens: total.outputTokens,
    });
    expect(answer.usage?.tokens?.inputTokens).toBe(total.inputTokens + 496);
  });

  test("a stream of thinking, plan and calls", async () => {
    upstream.script({
      kind: "tool-calls",
      reasoning: "Hm.",
      text: "I will look.",
      calls: [
        { name: "get_weather", args: { city: "x" } },
        { name: "get_weather", args: { city: "y" }, id: "c2" },
      ],
    });
    const events = await Array.fromAsync(
      await client.chatStream({ model, messages: [user], tools: [weather] }),
    );
    const of = (type: string) => events.filter((event) => event.type === type);
    expect(of("tool-call-start").map((event) => JSON.stringify(event))).toEqual([
      expect.stringMatching(/get_weather_[0-9a-f]{12}/),
      expect.stringContaining('"c2"'),
    ]);
    const spell = (type: string, pattern: RegExp) =>
      of(type)
        .map((event) => pattern.exec(JSON.stringify(event))?.[1] ?? "")
        .join("");
    expect(spell("tool-plan-delta", /"toolPlan":"([^"]*)"/)).toBe("I will look.");
    expect(spell("content-delta", /"thinking":"([^"]*)"/)).toBe("Hm.");
    const end = events.findLast((event) => event.type === "message-end");
    expect(end?.delta).toMatchObject({
      finishReason: "TOOL_CALL",
      usage: { billedUnits: { outputTokens: upstream.bill.entries[0]?.outputTokens } },
    });
    expect(upstream.bill.entries).toMatchObject([{ complete: true, stream: true }]);
  });

  test("a tool round is answered with a citation", async () => {
    const messages = [
      user,
      { role: "assistant" as const, toolCalls: [call("a")] },
      { role: "tool" as const, toolCallId: "a", content: "sunny" },
    ];
    const answer = await client.chat({ model, messages, tools: [weather] });
    expect(answer.message.citations).toMatchObject([
      { start: 15, end: 20, text: "sunny", sources: [{ type: "tool", id: "a:0" }] },
    ]);
  });

  test("vectors and ranks", async () => {
    const embedded = await client.embed({
      model: "embed-v4.0",
      inputType: "search_query",
      texts: ["ab", "cd"],
      embeddingTypes: ["float", "int8", "ubinary"],
      outputDimension: 256,
    });
    const { float, int8, ubinary } = embedded.embeddings;
    expect([float?.length, float?.[0]?.length, int8?.[1]?.length, ubinary?.[0]?.length]).toEqual([
      2, 256, 256, 32,
    ]);
    const ranked = await client.rerank({
      model: "rerank-v3.5",
      query: "red fox",
      documents: ["a hen", "a red fox"],
      topN: 1,
    });
    expect(ranked.results.map((one) => one.index)).toEqual([1]);
    expect(upstream.bill.entries.map((entry) => entry.model)).toEqual([
      "embed-v4.0",
      "rerank-v3.5",
    ]);
  });

  test("errors, before and within a stream", async () => {
    upstream.script([
      {
        kind: "error",
        status: 429,
        type: "too_many_requests",
        message: "You are using a Trial key",
      },
      { kind: "error-in-stream", message: "overloaded" },
    ]);
    const refused = await client.chat({ model, messages: [user] }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      statusCode: 429,
      body: { message: "You are using a Trial key" },
    });
    const events = await Array.fromAsync(await client.chatStream({ model, messages: [user] }));
    expect(events.at(-1)).toMatchObject({
      type: "message-end",
      delta: { finishReason: "ERROR", error: "overloaded" },
    });
  });
});
