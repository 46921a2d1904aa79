// The demo provider, through the official SDK and by hand.
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { demo } from "../../../src/providers/demo.ts";

const serve = async (request: Request): Promise<Response> => demo.serve!(request);

const client = new OpenAI({
  apiKey: "none",
  baseURL: "http://demo.invalid/v1",
  maxRetries: 0,
  fetch: async (input, init) =>
    serve(input instanceof Request ? input : new Request(String(input), init)),
});

const post = (path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
  serve(
    new Request(`http://demo.invalid/v1${path}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal,
    }),
  );

interface WireError {
  error: { message: string; type: string; param: string | null; code: string | null };
}

const user = (content: string) => [{ role: "user" as const, content }];

const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string" },
        unit: { type: "string", enum: ["celsius", "fahrenheit"] },
        days: { type: "integer", minimum: 3 },
        note: { type: "string" },
      },
      required: ["city", "unit", "days"],
    },
  },
};
const clock = {
  type: "function" as const,
  function: { name: "clock", parameters: { type: "object", properties: {} } },
};

describe("chat", () => {
  test("echo repeats the last user text, with honest counts and unique ids", async () => {
    const ask = () =>
      client.chat.completions.create({
        model: "echo",
        messages: [
          { role: "system", content: "Be nice." },
          ...user("first"),
          { role: "assistant", content: "a" },
          ...user("hello world"),
        ],
      });
    const [answer, again] = [await ask(), await ask()];
    expect(answer.choices[0]).toMatchObject({
      index: 0,
      finish_reason: "stop",
      message: { role: "assistant", content: "hello world" },
    });
    const texts = ["Be nice.", "first", "a", "hello world"].map((text) => countTokens(text));
    const prompt = 3 + 4 * 4 + texts.reduce((sum, count) => sum + count, 0);
    expect(answer.usage).toMatchObject({
      prompt_tokens: prompt,
      completion_tokens: 2,
      total_tokens: prompt + 2,
    });
    expect(answer.id).toStartWith("chatcmpl_");
    expect(again.id).not.toBe(answer.id);
    expect({ ...again, id: "", created: 0 }).toEqual({ ...answer, id: "", created: 0 });
  });

  test("a stream adds up to the same answer, and reports usage when asked", async () => {
    const stream = client.chat.completions.stream({
      model: "echo",
      messages: user("  one two\nthree 世界 "),
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    const whole = await stream.finalChatCompletion();
    expect(whole.choices[0]?.message.content).toBe("  one two\nthree 世界 ");
    expect(chunks.length).toBeGreaterThan(6);
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { completion_tokens: countTokens("  one two\nthree 世界 ") },
    });
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  });

  test("without asking there is no usage in the stream", async () => {
    const response = await post("/chat/completions", {
      model: "echo",
      messages: user("hi"),
      stream: true,
    });
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    const text = await response.text();
    expect(text).not.toContain("usage");
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("fixed says its text, whatever is asked", async () => {
    const answer = await client.chat.completions.create({
      model: "demo/fixed:one: two",
      messages: user("x"),
    });
    expect(answer.choices[0]?.message.content).toBe("one: two");
  });

  test("slow waits before each word, and stops when the client leaves", async () => {
    const started = performance.now();
    const stream = await client.chat.completions.create({
      model: "slow",
      messages: user("a b c"),
      stream: true,
    });
    await Array.fromAsync(stream);
    expect(performance.now() - started).toBeGreaterThanOrEqual(290);

    const controller = new AbortController();
    const response = await post(
      "/chat/completions",
      { model: "slow", messages: user("a ".repeat(100)), stream: true },
      controller.signal,
    );
    const reader = response.body!.getReader();
    await reader.read();
    const left = performance.now();
    controller.abort();
    const rest = async (): Promise<string> => {
      try {
        while (!(await reader.read()).done);
        return "ended";
      } catch {
        return "failed";
      }
    };
    expect(await rest()).toBe("failed");
    expect(performance.now() - left).toBeLessThan(10_000);
  });

  test.each([400, 401, 403, 404, 418, 429, 500, 503, 529])("error-%i", async (status) => {
    const response = await post("/chat/completions", {
      model: `error-${status}`,
      messages: user("x"),
      stream: true,
    });
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as WireError;
    expect(Object.keys(error)).toEqual(["message", "type", "param", "code"]);
    expect(response.headers.get("retry-after")).toBe(status === 429 || status === 503 ? "1" : null);
  });

  test("n, stop, max_tokens", async () => {
    const several = await client.chat.completions.create({
      model: "echo",
      n: 3,
      messages: user("hello world"),
    });
    expect(several.choices.map((choice) => [choice.index, choice.message.content])).toEqual([
      [0, "hello world"],
      [1, "hello world"],
      [2, "hello world"],
    ]);
    expect(several.usage?.completion_tokens).toBe(6);
    const stopped = await client.chat.completions.create({
      model: "echo",
      stop: ["END", "zzz"],
      messages: user("before END after"),
    });
    expect(stopped.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: "before " },
    });
    const short = await client.chat.completions.create({
      model: "echo",
      max_tokens: 2,
      messages: user("one two three four"),
    });
    expect(short.choices[0]).toMatchObject({
      finish_reason: "length",
      message: { content: "one two" },
    });
    expect(short.usage?.completion_tokens).toBe(2);
    const exact = await client.chat.completions.create({
      model: "echo",
      max_completion_tokens: 4,
      messages: user("one two three four"),
    });
    expect(exact.choices[0]?.finish_reason).toBe("stop");
  });

  test("reasoning is shown and counted when asked for", async () => {
    const answer = await client.chat.completions.create({
      model: "echo",
      reasoning_effort: "low",
      messages: user("hi"),
    });
    const message = answer.choices[0]!.message as { reasoning_content?: string };
    expect(message.reasoning_content).toContain("2 characters");
    const thought = countTokens(message.reasoning_content!);
    expect(answer.usage?.completion_tokens_details?.reasoning_tokens).toBe(thought);
    expect(answer.usage?.completion_tokens).toBe(thought + 1);
    const cut = await client.chat.completions.create({
      model: "echo",
      reasoning_effort: "low",
      max_completion_tokens: 5,
      messages: user("hi"),
    });
    expect(cut.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "" } });
    expect(cut.usage?.completion_tokens).toBe(5);
    const off = await client.chat.completions.create({
      model: "echo",
      reasoning_effort: "none",
      messages: user("hi"),
    });
    expect(off.choices[0]?.message).not.toHaveProperty("reasoning_content");
  });

  test("media are acknowledged", async () => {
    const answer = await client.chat.completions.create({
      model: "echo",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AAAAAAAA" } },
            { type: "image_url", image_url: { url: "https://e.test/a.png" } },
            { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
            {
              type: "file",
              file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" },
            },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toBe(
      "look\n[image: image/png, about 6 bytes]\n[image: https://e.test/a.png]\n[audio: wav]\n[file: a.pdf]",
    );
  });
});

describe("tools", () => {
  const call = async (more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) => {
    const answer = await client.chat.completions.create({
      model: "echo",
      messages: user("hi"),
      tools: [weather, clock],
      ...more,
    });
    return { finish: answer.choices[0]!.finish_reason, message: answer.choices[0]!.message };
  };
  const names = (message: OpenAI.ChatCompletionMessage): string[] =>
    (message.tool_calls ?? []).map((each) =>
      each.type === "function" ? each.function.name : each.custom.name,
    );

  test("are called when the user names them, with arguments by their schema", async () => {
    const { finish, message } = await call({ messages: user("please use get_weather now") });
    expect(finish).toBe("tool_calls");
    expect(message.content).toBeNull();
    expect(message.tool_calls).toMatchObject([
      {
        type: "function",
        function: { name: "get_weather", arguments: '{"city":"sample","unit":"celsius","days":3}' },
      },
    ]);
  });

  test("are called although instructions follow the user's words, and not again after their results", async () => {
    const asked: OpenAI.ChatCompletionMessageParam[] = [
      ...user("please use get_weather now"),
      { role: "system", content: "Today is Monday." },
    ];
    const { message } = await call({ messages: asked });
    expect(names(message)).toEqual(["get_weather"]);
    const result = {
      role: "tool",
      tool_call_id: message.tool_calls?.[0]?.id ?? "",
      content: "12 °C",
    };
    const after = await call({
      messages: [
        ...asked,
        message,
        result as OpenAI.ChatCompletionToolMessageParam,
        ...asked.slice(1),
      ],
    });
    expect([names(after.message), after.message.content]).toEqual([[], "12 °C"]);
  });

  test("are called when they must be, and not when they must not", async () => {
    expect(names((await call({ tool_choice: "required" })).message)).toEqual(["get_weather"]);
    expect(
      names(
        (await call({ tool_choice: { type: "function", function: { name: "clock" } } })).message,
      ),
    ).toEqual(["clock"]);
    expect(names((await call({})).message)).toEqual([]);
    expect(
      names((await call({ messages: user("get_weather"), tool_choice: "none" })).message),
    ).toEqual([]);
    expect(names((await call({ messages: user("the clockwork") })).message)).toEqual([]);
    expect(
      names(
        (
          await call({
            tool_choice: {
              type: "allowed_tools",
              allowed_tools: {
                mode: "required",
                tools: [{ type: "function", function: { name: "clock" } }],
              },
            },
          })
        ).message,
      ),
    ).toEqual(["clock"]);
  });

  test("several at once, unless that is forbidden", async () => {
    const both = user("get_weather and clock");
    const { message } = await call({ messages: both });
    expect(names(message)).toEqual(["get_weather", "clock"]);
    expect(new Set(message.tool_calls!.map((each) => each.id)).size).toBe(2);
    expect(names((await call({ messages: both, parallel_tool_calls: false })).message)).toEqual([
      "get_weather",
    ]);
  });

  test("free-form tools get text", async () => {
    const { message } = await call({
      tools: [{ type: "custom", custom: { name: "shell" } }],
      tool_choice: "required",
    });
    expect(message.tool_calls).toMatchObject([
      { type: "custom", custom: { name: "shell", input: "sample" } },
    ]);
  });

  test("a stream of calls adds up, and the SDK's tool loop ends with the result", async () => {
    const runner = client.chat.completions.runTools({
      model: "echo",
      stream: true,
      messages: user("get_weather please"),
      tools: [
        {
          type: "function",
          function: {
            ...weather.function,
            description: "The weather of a city",
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: (given: { city: string }) => `sunny in ${given.city}`,
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("sunny in sample");
    expect(runner.messages.map((message) => message.role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
  });
});

describe("structured output", () => {
  const ask = async (schema: Record<string, unknown>): Promise<unknown> => {
    const answer = await client.chat.completions.create({
      model: "echo",
      messages: user("x"),
      response_format: {
        type: "json_schema",
        json_schema: { name: "thing", schema, strict: true },
      },
    });
    return JSON.parse(answer.choices[0]!.message.content!);
  };

  test.each<[string, Record<string, unknown>, unknown]>([
    [
      "required properties only",
      {
        type: "object",
        properties: { a: { type: "string" }, b: { type: "number" } },
        required: ["a"],
      },
      { a: "sample" },
    ],
    [
      "references",
      {
        type: "object",
        properties: { p: { $ref: "#/$defs/point" } },
        required: ["p"],
        $defs: {
          point: { type: "object", properties: { x: { type: "integer" } }, required: ["x"] },
        },
      },
      { p: { x: 1 } },
    ],
    [
      "a union with null",
      { type: "object", properties: { a: { type: ["null", "boolean"] } }, required: ["a"] },
      { a: true },
    ],
    [
      "alternatives",
      {
        anyOf: [
          { type: "object", properties: { k: { const: "v" } }, required: ["k"] },
          { type: "null" },
        ],
      },
      { k: "v" },
    ],
    [
      "parts of a whole",
      {
        allOf: [
          { type: "object", properties: { a: { const: 1 } }, required: ["a"] },
          { properties: { b: { const: 2 } }, required: ["b"] },
        ],
      },
      { a: 1, b: 2 },
    ],
    [
      "lists",
      { type: "array", items: { enum: ["a", "b"] }, minItems: 3, uniqueItems: false },
      ["a", "b", "a"],
    ],
    ["a list without room", { type: "array", items: { type: "string" }, maxItems: 0 }, []],
    [
      "tuples",
      { type: "array", prefixItems: [{ type: "string" }, { type: "null" }], items: false },
      ["sample", null],
    ],
    [
      "ranges",
      {
        type: "array",
        prefixItems: [
          { type: "number", exclusiveMinimum: 0, maximum: 0.5 },
          { type: "integer", minimum: 7, multipleOf: 5 },
          { type: "integer", maximum: -3 },
          { type: "number", exclusiveMinimum: 1, exclusiveMaximum: 2 },
        ],
      },
      [0.25, 10, -3, 1.5],
    ],
    [
      "formats and lengths",
      {
        type: "array",
        prefixItems: [
          { type: "string", format: "date" },
          { type: "string", minLength: 8 },
          { type: "string", maxLength: 3 },
        ],
      },
      ["2025-01-01", "sample--", "sam"],
    ],
  ])("%s", async (_name, schema, expected) => {
    expect(await ask(schema)).toEqual(expected);
  });

  test("a schema that recurses for ever ends", async () => {
    const started = performance.now();
    const node = {
      type: "object",
      properties: { l: { $ref: "#" }, r: { $ref: "#" } },
      required: ["l", "r"],
    };
    expect(await ask(node)).toBeObject();
    expect(await ask({ $ref: "#" })).toBeDefined();
    expect(
      await ask({
        type: "array",
        minItems: 1e9,
        items: { type: "array", minItems: 1e9, items: { type: "string", minLength: 1e9 } },
      }),
    ).toBeArray();
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test("JSON without a schema", async () => {
    const answer = await client.chat.completions.create({
      model: "echo",
      messages: user("say json"),
      response_format: { type: "json_object" },
    });
    expect(answer.choices[0]?.message.content).toBe('{"text":"say json"}');
  });
});

describe("bad requests are refused as OpenAI refuses them", () => {
  const chat = (more: Record<string, unknown>) => ({ model: "echo", messages: user("x"), ...more });
  const calling = {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
  };
  test.each<[Record<string, unknown>, string | null, RegExp]>([
    [{ messages: user("x") }, null, /you must provide a model parameter/],
    [chat({ model: 7 }), "model", /expected a string, but got an integer/],
    [{ model: "echo" }, "messages", /Missing required parameter: 'messages'/],
    [chat({ messages: [] }), "messages", /empty array/],
    [chat({ messages: "x" }), "messages", /expected an array/],
    [
      chat({ messages: [{ role: "bot", content: "x" }] }),
      "messages[0].role",
      /Invalid value: 'bot'/,
    ],
    [
      chat({ messages: [{ role: "user", content: null }] }),
      "messages[0].content",
      /expected a string, got null/,
    ],
    [
      chat({ messages: [{ role: "user", content: [{ type: "video" }] }] }),
      "messages[0].content[0].type",
      /Supported values are: 'text'/,
    ],
    [
      chat({ messages: [{ role: "user", content: [{ type: "image_url" }] }] }),
      "messages[0].content[0].image_url",
      /Missing required/,
    ],
    [
      chat({ messages: [{ role: "tool", content: "x", tool_call_id: "c1" }] }),
      "messages[0].role",
      /must be a response to a preceeding message/,
    ],
    [chat({ messages: [...user("x"), calling] }), "messages", /did not have response messages: c1/],
    [
      chat({ messages: [...user("x"), calling, ...user("y")] }),
      "messages[2]",
      /did not have response messages: c1/,
    ],
    [chat({ temperature: 3 }), "temperature", /<= 2/],
    [chat({ top_p: "1" }), "top_p", /expected a decimal, but got a string/],
    [chat({ n: 0 }), "n", />= 1/],
    [chat({ max_tokens: 1.5 }), "max_tokens", /expected an integer, but got a decimal/],
    [chat({ max_tokens: 1, max_completion_tokens: 1 }), "max_tokens", /at the same time/],
    [chat({ stop: ["a", "b", "c", "d", "e"] }), "stop", /maximum length 4/],
    [chat({ stream: "yes" }), "stream", /expected a boolean/],
    [
      chat({ stream_options: { include_usage: true } }),
      "stream_options",
      /only allowed when 'stream' is enabled/,
    ],
    [chat({ tools: [] }), "tools", /empty array/],
    [
      chat({ tools: [{ type: "function", function: { name: "a b" } }] }),
      "tools[0].function.name",
      /does not match pattern/,
    ],
    [chat({ tools: [{ type: "web" }] }), "tools[0].type", /'function' and 'custom'/],
    [chat({ tool_choice: "auto" }), "tool_choice", /only allowed when 'tools' are specified/],
    [
      chat({ tools: [weather], tool_choice: { type: "function", function: { name: "nope" } } }),
      "tool_choice",
      /'nope'/,
    ],
    [chat({ parallel_tool_calls: true }), "parallel_tool_calls", /only allowed when 'tools'/],
    [chat({ reasoning_effort: "ultra" }), "reasoning_effort", /Supported values are: 'none'/],
    [
      chat({ response_format: { type: "json_object" } }),
      "messages",
      /must contain the word 'json'/,
    ],
    [
      chat({ response_format: { type: "json_schema", json_schema: { name: "n" } } }),
      "response_format.json_schema.schema",
      /Missing required/,
    ],
    [chat({ response_format: { type: "xml" } }), "response_format.type", /Invalid value: 'xml'/],
    [chat({ top_k: 5 }), "top_k", /Unrecognized request argument supplied: top_k/],
  ])("%j", async (body, param, message) => {
    const response = await post("/chat/completions", body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as WireError;
    expect(error).toMatchObject({ type: "invalid_request_error", param });
    expect(error.message).toMatch(message);
  });

  test("bodies that are no JSON object", async () => {
    for (const body of ["", "{", "[]", "null", '"x"']) {
      expect((await post("/chat/completions", body)).status).toBe(400);
    }
  });

  test("unknown models and paths", async () => {
    for (const model of ["nope", "error-200", "error-999", "fixed", "constructor"]) {
      const response = await post("/chat/completions", { model, messages: user("x") });
      expect([model, response.status]).toEqual([model, 404]);
      expect(((await response.json()) as WireError).error.code).toBe("model_not_found");
    }
    expect((await post("/responses", {})).status).toBe(404);
    expect((await serve(new Request("http://demo.invalid/v1/chat/completions"))).status).toBe(404);
  });
});

describe("the other endpoints", () => {
  test("models", async () => {
    const ids = (await Array.fromAsync(client.models.list())).map((model) => model.id);
    expect(ids).toEqual(["echo", "slow", "fixed:hello", "error-429", "error-500"]);
    expect((await client.models.retrieve("echo")).owned_by).toBe("demo");
    const missing = await serve(new Request("http://demo.invalid/v1/models/nope"));
    expect(missing.status).toBe(404);
  });

  test("embeddings are of length 1, repeatable, and alike for like texts", async () => {
    const embed = async (input: string | string[], dimensions?: number): Promise<number[][]> =>
      (
        await client.embeddings.create({
          model: "echo",
          input,
          ...(dimensions === undefined ? {} : { dimensions }),
        })
      ).data.map((each) => each.embedding);
    const dot = (left: number[], right: number[]): number =>
      left.reduce((sum, value, index) => sum + value * right[index]!, 0);
    const [cat, cats, tax] = await embed([
      "the cat sat on the mat",
      "a cat sat on a mat",
      "income tax returns",
    ]);
    expect(cat).toHaveLength(256);
    expect(dot(cat!, cat!)).toBeCloseTo(1, 5);
    expect(dot(cat!, cats!)).toBeGreaterThan(dot(cat!, tax!));
    expect((await embed("the cat sat on the mat"))[0]).toEqual(cat);
    expect((await embed("x", 8))[0]).toHaveLength(8);
    const raw = (await (
      await post("/embeddings", { model: "echo", input: "hi there" })
    ).json()) as { data: { embedding: number[] }[]; usage: object };
    expect(raw.data[0]?.embedding).toHaveLength(256);
    expect(raw.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
    for (const input of ["", [], 7, [""], undefined]) {
      expect((await post("/embeddings", { model: "echo", input })).status).toBe(400);
    }
    expect((await post("/embeddings", { model: "error-429", input: "x" })).status).toBe(429);
  });

  test("completions, whole and streamed", async () => {
    const whole = await client.completions.create({
      model: "echo",
      prompt: ["one two", "three"],
      stop: "two",
    });
    expect(whole.choices.map((choice) => choice.text)).toEqual(["one ", "three"]);
    expect(whole.usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: countTokens("one ") + 1,
      total_tokens: 3 + countTokens("one ") + 1,
    });
    const stream = await client.completions.create({
      model: "echo",
      prompt: "one two three",
      max_tokens: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join("")).toBe("one two");
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("length");
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(2);
  });

  test("moderations flag what names a category", async () => {
    const { results } = await client.moderations.create({
      model: "echo",
      input: ["a lot of violence", "a lot of flowers"],
    });
    expect(results.map((result) => result.flagged)).toEqual([true, false]);
    expect(results[0]?.categories.violence).toBe(true);
    expect(results[0]?.category_scores.violence).toBe(1);
  });
});

test("a large prompt does not hold others up (S43)", async () => {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const started = performance.now();
  const response = await post("/chat/completions", {
    model: "echo",
    messages: user("a".repeat(10_000_000)),
    max_tokens: 10,
  });
  expect(response.status).toBe(200);
  clearInterval(timer);
  expect(performance.now() - started).toBeLessThan(25_000);
  expect(longest).toBeLessThan(1_000);
});
