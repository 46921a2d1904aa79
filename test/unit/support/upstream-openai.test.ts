// The OpenAI double: what it refuses and how, what it answers, through the official SDK and byte by byte.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { startOpenAiUpstream } from "../../support/upstream/openai.ts";
import type { Upstream } from "../../support/upstream/upstream.ts";
import {
  refuseChat,
  refuseCompletions,
  refuseEmbeddings,
  refuseModerations,
} from "../../support/upstream/validate-openai.ts";

const user = { role: "user", content: "Hi." };
const base = { model: "gpt-4o", messages: [user] };
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const call = (id: string, args = "{}") => ({
  id,
  type: "function",
  function: { name: "get_weather", arguments: args },
});
const asked = { role: "assistant", content: null, tool_calls: [call("call_1")] };
const answered = { role: "tool", tool_call_id: "call_1", content: "sunny" };
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const image = (url: string) => ({
  ...base,
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
});
const closed = {
  type: "object",
  properties: { a: { type: "string" } },
  required: ["a"],
  additionalProperties: false,
};
const format = (schema: unknown, more: object = {}) => ({
  ...base,
  response_format: { type: "json_schema", json_schema: { name: "answer", schema, ...more } },
});
const strictTool = (parameters: unknown) => ({
  ...base,
  tools: [{ type: "function", function: { name: "f", strict: true, parameters } }],
});

describe("chat requests that are accepted", () => {
  const accepted: Record<string, unknown> = {
    "the least": base,
    "every sampling field": {
      ...base,
      temperature: 2,
      top_p: 0.5,
      n: 2,
      stop: ["a", "b", "c", "d"],
      presence_penalty: -2,
      frequency_penalty: 2,
      logit_bias: { "50256": -100 },
      seed: 1,
      logprobs: true,
      top_logprobs: 20,
      max_tokens: 16_384,
    },
    "nulls where they are allowed": {
      ...base,
      temperature: null,
      stop: null,
      stream: null,
      max_tokens: null,
    },
    "all roles": {
      ...base,
      messages: [
        { role: "system", content: "s" },
        { role: "developer", content: [{ type: "text", text: "d" }] },
        { ...user, name: "ann" },
        asked,
        answered,
        { role: "assistant", content: [{ type: "text", text: "x" }], refusal: null },
        user,
      ],
    },
    "parallel calls": {
      ...base,
      messages: [
        user,
        { role: "assistant", tool_calls: [call("call_1"), call("call_2")] },
        { role: "tool", tool_call_id: "call_2", content: [{ type: "text", text: "x" }] },
        answered,
      ],
    },
    "arguments that are no JSON, as models write them": {
      ...base,
      messages: [user, { ...asked, tool_calls: [call("call_1", '{"city":')] }, answered],
    },
    tools: {
      ...base,
      tools: [weather],
      tool_choice: { type: "function", function: { name: "get_weather" } },
      parallel_tool_calls: false,
    },
    "an image as data and as an address": {
      ...base,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            {
              type: "image_url",
              image_url: { url: `data:image/png;base64,${png}`, detail: "low" },
            },
            { type: "image_url", image_url: { url: "https://example.com/a.png" } },
          ],
        },
      ],
    },
    "a strict schema": format(closed, { strict: true }),
    "a loose schema": format({ type: "object", properties: {} }),
    "a strict tool": strictTool(closed),
    "json mode with the word": {
      ...base,
      messages: [{ role: "user", content: "Some JSON." }],
      response_format: { type: "json_object" },
    },
    "a stream with usage": { ...base, stream: true, stream_options: { include_usage: true } },
    "a reasoning model": {
      ...base,
      model: "o4-mini",
      max_completion_tokens: 100,
      reasoning_effort: "low",
      temperature: 1,
    },
    "sampling without reasoning": {
      ...base,
      model: "gpt-5.1",
      reasoning_effort: "none",
      temperature: 0.5,
    },
    "metadata that is stored": { ...base, store: true, metadata: { a: "b" } },
  };
  for (const [name, body] of Object.entries(accepted)) {
    test(name, () => expect(refuseChat(body)).toBeUndefined());
  }
});

describe("chat requests that are refused, in OpenAI's words", () => {
  const refused: [
    name: string,
    body: unknown,
    message: string,
    param?: string | null,
    code?: string | null,
  ][] = [
    ["no JSON", undefined, "We could not parse the JSON body of your request."],
    [
      "an unknown field",
      { ...base, foo: 1 },
      "Unrecognized request argument supplied: foo",
      null,
      null,
    ],
    ["top_k", { ...base, top_k: 5 }, "Unrecognized request argument supplied: top_k"],
    [
      "thinking",
      { ...base, thinking: { type: "enabled" } },
      "Unrecognized request argument supplied: thinking",
    ],
    [
      "cache_control",
      {
        ...base,
        messages: [
          {
            role: "user",
            content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }],
          },
        ],
      },
      "Unknown parameter: 'messages[0].content[0].cache_control'.",
      "messages[0].content[0].cache_control",
      "unknown_parameter",
    ],
    [
      "a foreign message field",
      { ...base, messages: [user, { role: "assistant", content: "x", reasoning_content: "y" }] },
      "Unknown parameter: 'messages[1].reasoning_content'.",
      "messages[1].reasoning_content",
    ],
    ["no model", { messages: [user] }, "you must provide a model parameter"],
    [
      "no messages",
      { model: "gpt-4o" },
      "Missing required parameter: 'messages'.",
      "messages",
      "missing_required_parameter",
    ],
    [
      "empty messages",
      { ...base, messages: [] },
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages",
      "empty_array",
    ],
    [
      "a foreign role",
      { ...base, messages: [{ role: "model", content: "x" }] },
      "Invalid value: 'model'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
      "messages[0].role",
      "invalid_value",
    ],
    [
      "a content of the wrong type",
      { ...base, messages: [{ role: "user", content: 5 }] },
      "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer instead.",
      "messages[0].content",
      "invalid_type",
    ],
    [
      "a foreign part",
      { ...base, messages: [{ role: "user", content: [{ type: "image", source: {} }] }] },
      "Invalid value: 'image'. Supported values are: 'text', 'image_url', 'input_audio', and 'file'.",
      "messages[0].content[0].type",
    ],
    [
      "an assistant that says nothing",
      { ...base, messages: [user, { role: "assistant", content: null }] },
      "Invalid value for 'content': expected a string, got null.",
      "messages.[1].content",
    ],
    [
      "empty tool_calls",
      { ...base, messages: [user, { role: "assistant", content: "x", tool_calls: [] }] },
      "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages[1].tool_calls",
    ],
    [
      "arguments as an object",
      {
        ...base,
        messages: [
          user,
          {
            role: "assistant",
            tool_calls: [
              { id: "call_1", type: "function", function: { name: "f", arguments: {} } },
            ],
          },
        ],
      },
      "Invalid type for 'messages[1].tool_calls[0].function.arguments': expected a string, but got an object instead.",
      "messages[1].tool_calls[0].function.arguments",
    ],
    [
      "a long call id",
      { ...base, messages: [user, { ...asked, tool_calls: [call("x".repeat(41))] }] },
      "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length 41 instead.",
      "messages[1].tool_calls[0].id",
    ],
    [
      "a result without its call",
      { ...base, messages: [user, answered] },
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
      "messages.[1].role",
    ],
    [
      "a result of another call",
      { ...base, messages: [user, asked, { ...answered, tool_call_id: "call_9" }] },
      "Invalid parameter: 'tool_call_id' of 'call_9' not found in 'tool_calls' of previous message.",
    ],
    [
      "a call without its result",
      { ...base, messages: [user, asked, user] },
      "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: call_1",
      "messages.[2].role",
    ],
    [
      "a call at the end",
      { ...base, messages: [user, asked] },
      "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: call_1",
    ],
    [
      "a tool name with a dot",
      { ...base, tools: [{ type: "function", function: { name: "a.b" } }] },
      "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
      "tools[0].function.name",
    ],
    [
      "empty tools",
      { ...base, tools: [] },
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    ],
    [
      "a tool choice without tools",
      { ...base, tool_choice: "auto" },
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
      "tool_choice",
    ],
    [
      "parallel calls without tools",
      { ...base, parallel_tool_calls: true },
      "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
    ],
    [
      "a choice of no tool",
      { ...base, tools: [weather], tool_choice: { type: "function", function: { name: "x" } } },
      "Tool choice 'x' not found in 'tools' parameter.",
    ],
    [
      "parameters that are no object",
      {
        ...base,
        tools: [{ type: "function", function: { name: "f", parameters: { type: "string" } } }],
      },
      `Invalid schema for function 'f': schema must be a JSON Schema of 'type: "object"', got 'type: "string"'.`,
      "tools[0].function.parameters",
      "invalid_function_parameters",
    ],
    [
      "an array without items",
      {
        ...base,
        tools: [
          {
            type: "function",
            function: {
              name: "f",
              parameters: { type: "object", properties: { a: { type: "array" } } },
            },
          },
        ],
      },
      "Invalid schema for function 'f': In context=('properties', 'a'), array schema missing items.",
    ],
    [
      "an open strict tool",
      strictTool({ ...closed, additionalProperties: undefined }),
      "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to be false.",
    ],
    [
      "an optional property in a strict tool",
      strictTool({ ...closed, required: [] }),
      "Invalid schema for function 'f': In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'a'.",
    ],
    [
      "an open strict format",
      format({ type: "object", properties: {} }, { strict: true }),
      "Invalid schema for response_format 'answer': In context=(), 'additionalProperties' is required to be supplied and to be false.",
      "response_format",
    ],
    [
      "a format without a name",
      { ...base, response_format: { type: "json_schema", json_schema: { schema: closed } } },
      "Missing required parameter: 'response_format.json_schema.name'.",
      "response_format.json_schema.name",
    ],
    [
      "a format without a schema",
      { ...base, response_format: { type: "json_schema", json_schema: { name: "a" } } },
      "Missing required parameter: 'response_format.json_schema.schema'.",
    ],
    [
      "json mode without the word",
      { ...base, response_format: { type: "json_object" } },
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      "messages",
    ],
    [
      "stream options without a stream",
      { ...base, stream_options: { include_usage: true } },
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options",
    ],
    [
      "five stops",
      { ...base, stop: ["a", "b", "c", "d", "e"] },
      "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
      "stop",
      "array_above_max_length",
    ],
    [
      "a temperature of 3",
      { ...base, temperature: 3 },
      "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
      "temperature",
      "decimal_above_max_value",
    ],
    [
      "no output",
      { ...base, max_tokens: 0 },
      "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
      "max_tokens",
      "integer_below_min_value",
    ],
    [
      "too much output",
      { ...base, max_tokens: 20_000 },
      "max_tokens is too large: 20000. This model supports at most 16384 completion tokens, whereas you provided 20000.",
      "max_tokens",
    ],
    [
      "two limits",
      { ...base, max_tokens: 5, max_completion_tokens: 5 },
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    ],
    [
      "n of 0",
      { ...base, n: 0 },
      "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ],
    [
      "max_tokens on a reasoning model",
      { ...base, model: "gpt-5", max_tokens: 5 },
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "max_tokens",
      "unsupported_parameter",
    ],
    [
      "temperature on a reasoning model",
      { ...base, model: "o3", temperature: 0.5 },
      "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
      "temperature",
      "unsupported_value",
    ],
    [
      "a stop on o3",
      { ...base, model: "o3", stop: "x" },
      "Unsupported parameter: 'stop' is not supported with this model.",
    ],
    [
      "effort on a plain model",
      { ...base, reasoning_effort: "low" },
      "Unrecognized request argument supplied: reasoning_effort",
    ],
    [
      "an effort the model lacks",
      { ...base, model: "o3", reasoning_effort: "xhigh" },
      "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. Supported values are: 'low', 'medium', and 'high'.",
    ],
    [
      "tools while gpt-5.6 reasons",
      { ...base, model: "gpt-5.6-sol", tools: [weather] },
      "Function tools with reasoning_effort are not supported for gpt-5.6-sol in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
      "reasoning_effort",
    ],
    [
      "web search on a plain model",
      { ...base, web_search_options: {} },
      "Web search options not supported with this model.",
      "web_search_options",
    ],
    [
      "audio to a model that hears none",
      {
        ...base,
        messages: [
          {
            role: "user",
            content: [{ type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }],
          },
        ],
      },
      "Invalid 'messages[0]'. Content blocks are expected to be either text or image_url type.",
      "messages[0]",
    ],
    [
      "an image without data:",
      image(png),
      "Invalid 'messages[0].content[0].image_url.url'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.",
    ],
    [
      "an image that is none",
      image("data:image/png;base64,AAAA"),
      "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].",
      null,
      "invalid_image_format",
    ],
    ["broken base64", image("data:image/png;base64,*"), "Invalid base64 image_url."],
    [
      "top_logprobs alone",
      { ...base, top_logprobs: 2 },
      "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled.",
    ],
    [
      "metadata that is not stored",
      { ...base, metadata: { a: "b" } },
      "The 'metadata' parameter is only allowed when 'store' is enabled.",
    ],
    [
      "a model with its provider's name",
      { ...base, model: "openai/gpt-4o" },
      "The model `openai/gpt-4o` does not exist or you do not have access to it.",
      null,
      "model_not_found",
    ],
    [
      "a model of the completions endpoint",
      { ...base, model: "davinci-002" },
      "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?",
    ],
  ];
  for (const [name, body, message, param, code] of refused) {
    test(name, () => {
      const refusal = refuseChat(body);
      expect(refusal?.message.slice(0, message.length)).toBe(message);
      if (param !== undefined) expect(refusal?.param).toBe(param);
      if (code !== undefined) expect(refusal?.code).toBe(code);
    });
  }
});

describe("other operations", () => {
  const embedding = { model: "text-embedding-3-small", input: "x" };
  test("embeddings", () => {
    expect(refuseEmbeddings(embedding)).toBeUndefined();
    expect(
      refuseEmbeddings({ ...embedding, input: [[1, 2]], encoding_format: "base64", dimensions: 4 }),
    ).toBeUndefined();
    expect(refuseEmbeddings({ ...embedding, input: "" })?.code).toBe("empty_string");
    expect(refuseEmbeddings({ ...embedding, encoding_format: "hex" })?.param).toBe(
      "encoding_format",
    );
    expect(refuseEmbeddings({ ...embedding, dimensions: 5000 })?.message).toContain(
      "Must be less than or equal to 1536",
    );
    expect(
      refuseEmbeddings({ ...embedding, model: "text-embedding-ada-002", dimensions: 5 })?.message,
    ).toBe("This model does not support specifying dimensions.");
    expect(refuseEmbeddings({ ...embedding, model: "gpt-4o" })?.status).toBe(403);
  });
  test("completions", () => {
    const body = { model: "gpt-3.5-turbo-instruct", prompt: "Say" };
    expect(refuseCompletions(body)).toBeUndefined();
    expect(refuseCompletions({ ...body, messages: [] })?.message).toBe(
      "Unrecognized request argument supplied: messages",
    );
    expect(refuseCompletions({ ...body, n: 3, best_of: 2 })?.param).toBe("best_of");
    expect(refuseCompletions({ ...body, model: "gpt-4o" })?.status).toBe(404);
  });
  test("moderations", () => {
    expect(refuseModerations({ input: "x" })).toBeUndefined();
    expect(refuseModerations({})?.message).toBe("Missing required parameter: 'input'.");
  });
});

describe("through the official SDK", () => {
  let upstream: Upstream;
  let client: OpenAI;
  beforeAll(async () => {
    upstream = await startOpenAiUpstream({ cacheMinTokens: 16 });
    client = new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl, maxRetries: 0 });
  });
  beforeEach(() => upstream.reset());
  afterAll(() => upstream.stop());

  const chat = {
    model: "gpt-4o",
    messages: [{ role: "user" as const, content: "Good morning, Ann." }],
  };
  const tools = [
    {
      type: "function" as const,
      function: { name: "get_weather", parameters: weather.function.parameters },
    },
    {
      type: "function" as const,
      function: { name: "get_time", parameters: { type: "object", properties: {} } },
    },
  ];

  test("an answer and its bill", async () => {
    const answer = await client.chat.completions.create(chat);
    expect(answer.choices[0]?.message.content).toBe("Good morning, Ann.");
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(answer.model).toBe("gpt-4o-2024-08-06");
    const [entry] = upstream.bill.entries;
    expect(entry).toMatchObject({ id: answer.id, complete: true, aborted: false, stream: false });
    expect(entry?.inputTokens).toBe(answer.usage?.prompt_tokens);
    expect(entry?.outputTokens).toBe(answer.usage?.completion_tokens);
    expect(answer.usage?.total_tokens).toBe((entry?.inputTokens ?? 0) + (entry?.outputTokens ?? 0));
    expect(upstream.requests[0]).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      status: 200,
    });
    expect(JSON.parse(new TextDecoder().decode(upstream.requests[0]?.body))).toEqual(chat);
  });

  test("a stream is the same answer with the same bill", async () => {
    const whole = await client.chat.completions.create(chat);
    const stream = client.chat.completions.stream({
      ...chat,
      stream_options: { include_usage: true },
    });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
    expect(streamed.usage).toEqual(whole.usage);
    expect(upstream.bill.entries[1]?.outputTokens).toBe(whole.usage?.completion_tokens);
    expect(upstream.bill.total("gpt-4o-2024-08-06")).toMatchObject({ requests: 2 });
  });

  test("a tool round", async () => {
    const first = await client.chat.completions.create({
      ...chat,
      messages: [{ role: "user", content: "Please use tool." }],
      tools,
    });
    const message = first.choices[0]?.message;
    const made = message?.tool_calls?.[0];
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    expect(message?.content).toBeNull();
    if (message === undefined || made?.type !== "function") throw new Error("no call was made");
    expect(made.function.name).toBe("get_weather");
    expect(JSON.parse(made.function.arguments)).toEqual({ city: "city" });
    const second = await client.chat.completions.create({
      ...chat,
      tools,
      messages: [
        { role: "user", content: "Please use tool." },
        message,
        { role: "tool", tool_call_id: made.id, content: "sunny" },
      ],
    });
    expect(second.choices[0]?.message.content).toBe("The tool said: sunny");
  });

  test("parallel and forced calls, streamed", async () => {
    const many = await client.chat.completions
      .stream({ ...chat, messages: [{ role: "user", content: "Use tools!" }], tools })
      .finalChatCompletion();
    expect(
      many.choices[0]?.message.tool_calls?.map(
        (one) => one.type === "function" && one.function.name,
      ),
    ).toEqual(["get_weather", "get_time"]);
    const forced = await client.chat.completions
      .stream({ ...chat, tools, tool_choice: { type: "function", function: { name: "get_time" } } })
      .finalChatCompletion();
    expect(forced.choices[0]?.message.tool_calls).toHaveLength(1);
    expect(forced.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("structured output fits its schema", async () => {
    const shape = z.object({
      city: z.string(),
      degrees: z.number(),
      tags: z.array(z.enum(["a", "b"])),
    });
    const answer = await client.chat.completions.parse({
      ...chat,
      response_format: zodResponseFormat(shape, "weather"),
    });
    expect(answer.choices[0]?.message.parsed).toEqual({ city: "city", degrees: 1, tags: ["a"] });
  });

  test("limits and stops cut the answer", async () => {
    const short = await client.chat.completions.create({ ...chat, max_tokens: 2 });
    expect(short.choices[0]).toMatchObject({
      finish_reason: "length",
      message: { content: "Good mor" },
    });
    expect(short.usage?.completion_tokens).toBe(2);
    const stopped = await client.chat.completions.create({ ...chat, stop: [","] });
    expect(stopped.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: "Good morning" },
    });
  });

  test("reasoning is counted, not shown; images are named", async () => {
    const answer = await client.chat.completions.create({
      model: "o4-mini",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "See:" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toBe("See: [image image/png 70 bytes]");
    expect(answer.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
  });

  test("a prompt that begins like an earlier one is read from the cache", async () => {
    const long = { role: "system" as const, content: "Be brief. ".repeat(100) };
    const one = await client.chat.completions.create({
      ...chat,
      messages: [long, ...chat.messages],
    });
    const two = await client.chat.completions.create({
      ...chat,
      messages: [long, { role: "user", content: "Other." }],
    });
    expect(one.usage?.prompt_tokens_details?.cached_tokens).toBe(0);
    expect(two.usage?.prompt_tokens_details?.cached_tokens).toBe(128);
    expect(upstream.bill.entries[1]?.cachedInputTokens).toBe(128);
  });

  test("embeddings, completions, moderations, models", async () => {
    const vectors = await client.embeddings.create({
      model: "text-embedding-3-small",
      input: ["a", "b"],
      dimensions: 4,
    });
    expect(vectors.data.map((one) => one.embedding.length)).toEqual([4, 4]);
    const floats = await client.embeddings.create({
      model: "text-embedding-3-small",
      input: "a",
      dimensions: 4,
      encoding_format: "float",
    });
    expect(floats.data[0]?.embedding).toEqual(vectors.data[0]?.embedding ?? []);
    const text = await client.completions.create({
      model: "gpt-3.5-turbo-instruct",
      prompt: "Say it",
      max_tokens: 5,
    });
    expect(text.choices[0]).toMatchObject({ text: "Say it", finish_reason: "stop" });
    const moderation = await client.moderations.create({ input: "violence" });
    expect(moderation.results[0]?.flagged).toBe(true);
    const names = (await client.models.list()).data.map((model) => model.id);
    expect(names).toContain("gpt-4o");
    expect((await client.models.retrieve("gpt-4o")).id).toBe("gpt-4o");
    const unknown = await client.models.retrieve("vendor/x").catch((cause: unknown) => cause);
    expect(unknown).toMatchObject({ status: 404, code: "model_not_found" });
  });

  test("scripted answers come in order, then the default", async () => {
    upstream.script([
      { kind: "text", text: "one", usage: { input: 7, cached: 3, output: 5, reasoning: 2 } },
      { kind: "tool-calls", calls: [{ name: "f", args: '{"a":1.0,' }] },
      { kind: "refusal", text: "No." },
      {
        kind: "error",
        status: 429,
        type: "rate_limit_error",
        message: "Slow down.",
        code: "rate_limit_exceeded",
        retryAfter: 7,
      },
    ]);
    const one = await client.chat.completions.create(chat);
    expect(one.usage).toMatchObject({
      prompt_tokens: 7,
      completion_tokens: 5,
      prompt_tokens_details: { cached_tokens: 3 },
      completion_tokens_details: { reasoning_tokens: 2 },
    });
    const two = await client.chat.completions.create(chat);
    expect(two.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: "f", arguments: '{"a":1.0,' },
    });
    const three = await client.chat.completions.create(chat);
    expect(three.choices[0]?.message).toMatchObject({ content: null, refusal: "No." });
    const error = await client.chat.completions.create(chat).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    if (error instanceof OpenAI.RateLimitError) expect(error.headers.get("retry-after")).toBe("7");
    expect((await client.chat.completions.create(chat)).choices[0]?.message.content).toBe(
      "Good morning, Ann.",
    );
  });

  test("refusals reach the caller in the vendor's shape and are recorded", async () => {
    const error = await client.chat.completions
      .create({ ...chat, top_k: 3 } as OpenAI.ChatCompletionCreateParamsNonStreaming)
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(upstream.requests[0]?.refusal?.message).toBe(
      "Unrecognized request argument supplied: top_k",
    );
    expect(upstream.requests[0]?.status).toBe(400);
    expect(upstream.bill.entries).toHaveLength(0);
  });
});

describe("headers and bytes", () => {
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await startOpenAiUpstream({ key: "sk-1", models: ["my-model"] });
  });
  afterAll(() => upstream.stop());

  const post = (headers: Record<string, string>, body: unknown = base) =>
    fetch(`${upstream.baseUrl}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const key = { authorization: "Bearer sk-1" };

  test("the key, and nothing but the key", async () => {
    expect((await post({})).status).toBe(401);
    expect((await post({ authorization: "Bearer sk-2" })).status).toBe(401);
    expect((await post({ ...key, "x-api-key": "sk-1" })).status).toBe(400);
    expect((await post({ ...key, "anthropic-version": "2023-06-01" })).status).toBe(400);
    expect((await post({ ...key, "content-type": "text/plain" })).status).toBe(415);
    expect((await post(key, "{")).status).toBe(400);
    expect((await post(key, { ...base, model: "my-model" })).status).toBe(200);
  });

  test("unknown addresses and methods", async () => {
    const at = (path: string, method: string) =>
      fetch(upstream.url + path, { method, headers: key });
    expect((await at("/v1/messages", "GET")).status).toBe(404);
    expect((await at("/v1/chat/completions", "GET")).status).toBe(405);
    expect((await at("/chat/completions", "POST")).status).toBe(415);
  });

  test("the stream's frames are the vendor's", async () => {
    const response = await post(key, {
      ...base,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("x-request-id")).toStartWith("req_");
    const frames = (await response.text()).split("\n\n");
    expect(frames.pop()).toBe("");
    expect(frames.pop()).toBe("data: [DONE]");
    const chunks = frames.map(
      (frame) => JSON.parse(frame.replace(/^data: /, "")) as OpenAI.ChatCompletionChunk,
    );
    const last = chunks.pop();
    expect(last?.choices).toEqual([]);
    expect(last?.usage?.completion_tokens).toBe(1);
    expect(chunks.every((chunk) => chunk.usage === null)).toBe(true);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "", refusal: null });
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ delta: {}, finish_reason: "stop" });
    const plain = await (await post(key, { ...base, stream: true })).text();
    expect(plain).not.toContain('"usage"');
  });
});
