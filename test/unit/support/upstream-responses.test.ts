// The Responses double: what it refuses and how, what it answers, through the official SDK and byte by byte.
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { seal } from "../../support/upstream/responses-store.ts";
import { startResponsesUpstream } from "../../support/upstream/responses.ts";
import type { Upstream, UpstreamOptions } from "../../support/upstream/upstream.ts";
import { plainResponses, refuseResponses } from "../../support/upstream/validate-responses.ts";

const base = { model: "gpt-4o", input: "Hi." };
const thinks = { model: "gpt-5", input: "Hi." };
const user = { role: "user", content: "Hi." };
const weather = {
  type: "function" as const,
  name: "get_weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};
const call = (callId: string, more: object = {}) => ({
  type: "function_call",
  call_id: callId,
  name: "get_weather",
  arguments: "{}",
  ...more,
});
const output = (callId: string, told: unknown = "sunny") => ({
  type: "function_call_output",
  call_id: callId,
  output: told,
});
const thought = (id: string, more: object = {}) => ({
  type: "reasoning",
  id,
  summary: [],
  ...more,
});
const items = (...input: unknown[]) => ({ ...base, input });

describe("requests that are accepted", () => {
  const accepted: Record<string, unknown> = {
    "the least": base,
    "every kind of message": items(
      { role: "system", content: "s" },
      { role: "developer", content: [{ type: "input_text", text: "d" }] },
      { type: "message", ...user },
      { id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "x" }] },
      { role: "assistant", content: [{ type: "refusal", refusal: "x" }] },
      user,
    ),
    "calls and their outputs, in any order": items(
      user,
      call("call_1"),
      call("call_2"),
      output("call_2", [{ type: "input_text", text: "x" }]),
      output("call_1"),
    ),
    "a custom call": items(
      user,
      { type: "custom_tool_call", call_id: "c", name: "patch", input: "x" },
      { type: "custom_tool_call_output", call_id: "c", output: "x" },
    ),
    "sealed reasoning": {
      ...thinks,
      store: false,
      include: ["reasoning.encrypted_content"],
      input: [
        user,
        thought("rs_1", { encrypted_content: seal("rs_1", "Hm.") }),
        call("call_1"),
        output("call_1"),
      ],
    },
    "tools of every kind": {
      ...base,
      tools: [
        weather,
        {
          type: "custom",
          name: "patch",
          format: { type: "grammar", syntax: "lark", definition: "x" },
        },
        { type: "namespace", name: "n", description: "d", tools: [weather] },
        { type: "web_search" },
        { type: "file_search", vector_store_ids: ["vs_1"] },
        { type: "code_interpreter", container: { type: "auto" } },
        { type: "mcp", server_label: "m", server_url: "https://example.com" },
      ],
      tool_choice: { type: "function", name: "get_weather" },
    },
    "a reasoning model": { ...thinks, reasoning: { effort: "minimal", summary: "auto" } },
    "sampling without reasoning": { ...base, model: "gpt-5.1", temperature: 0.5 },
    "nulls where they are allowed": {
      ...base,
      temperature: null,
      previous_response_id: null,
      reasoning: null,
      tools: null,
      metadata: null,
    },
  };
  for (const [name, body] of Object.entries(accepted)) {
    test(name, () => expect(refuseResponses(body, plainResponses())).toBeUndefined());
  }
});

describe("requests that are refused, in OpenAI's words", () => {
  const refused: [
    name: string,
    body: unknown,
    message: string,
    more?: { param?: string | null; code?: string | null; status?: number },
  ][] = [
    ["no JSON", undefined, "We could not parse the JSON body of your request."],
    ["no model", { input: "x" }, "Missing required parameter: 'model'.", { param: "model" }],
    [
      "no input",
      { model: "gpt-4o" },
      `One of "input" or "previous_response_id" or 'prompt' or 'conversation_id' must be provided.`,
    ],
    [
      "a field of chat",
      { ...base, messages: [] },
      "Unknown parameter: 'messages'.",
      { param: "messages", code: "unknown_parameter" },
    ],
    [
      "an effort of chat",
      { ...thinks, reasoning_effort: "low" },
      "Unknown parameter: 'reasoning_effort'.",
    ],
    [
      "a tool of chat",
      { ...base, tools: [{ type: "function", function: { name: "f" } }] },
      "Missing required parameter: 'tools[0].name'.",
      { param: "tools[0].name" },
    ],
    [
      "a foreign item",
      items({ type: "thinking" }),
      "Invalid value: 'thinking'. Supported values are: 'message', 'reasoning', 'function_call',",
      { param: "input[0]", code: "invalid_value" },
    ],
    [
      "a part of chat",
      items({ role: "user", content: [{ type: "text", text: "x" }] }),
      "Invalid value: 'text'. Supported values are: 'input_text', 'input_image', 'output_text', 'refusal', 'input_file', 'computer_screenshot', and 'summary_text'.",
      { param: "input[0].content[0]" },
    ],
    [
      "input of the assistant",
      items(user, { role: "assistant", content: [{ type: "input_text", text: "x" }] }),
      "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
      { param: "input[1].content[0]" },
    ],
    [
      "a role of chat",
      items({ role: "tool", content: "x" }),
      "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
      { param: "input[0].role" },
    ],
    [
      "arguments as an object",
      items(user, call("call_1", { arguments: {} }), output("call_1")),
      "Invalid type for 'input[1].arguments': expected a string, but got an object instead.",
    ],
    [
      "a long call id",
      items(user, call("x".repeat(65)), output("x")),
      "Invalid 'input[1].call_id': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
      { param: "input[1].call_id", code: "string_above_max_length" },
    ],
    [
      "a call without its output",
      items(user, call("call_1")),
      "No tool output found for function call call_1.",
      { param: "input", code: null },
    ],
    [
      "an output without its call",
      items(user, output("call_1")),
      "No tool call found for function call output with call_id call_1.",
      { param: "input" },
    ],
    [
      "a custom call without its output",
      items(user, { type: "custom_tool_call", call_id: "c", name: "n", input: "x" }),
      "No tool output found for custom tool call c.",
    ],
    [
      "an id of another kind",
      items(user, call("call_1", { id: "call_1" }), output("call_1")),
      "Invalid 'input[1].id': 'call_1'. Expected an ID that begins with 'fc'.",
      { param: "input[1].id", code: "invalid_value" },
    ],
    [
      "an empty id",
      items(user, call("call_1", { id: "" }), output("call_1")),
      "Invalid 'input[1].id': ''. Expected an ID that contains letters, numbers, underscores, or dashes",
    ],
    [
      "one id twice",
      items(
        user,
        { id: "msg_1", role: "assistant", content: "x" },
        { id: "msg_1", role: "assistant", content: "x" },
      ),
      "Duplicate item found with id msg_1.",
    ],
    [
      "reasoning that is nowhere",
      { ...thinks, store: false, input: [user, thought("rs_1"), call("c"), output("c")] },
      "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.",
      { status: 404, param: "input" },
    ],
    [
      "a reference to nothing",
      items(user, { type: "item_reference", id: "rs_1" }),
      "Item with id 'rs_1' not found.",
      { status: 404 },
    ],
    [
      "sealed reasoning of another vendor",
      items(user, thought("rs_1", { encrypted_content: "gAAAAABx" }), call("c"), output("c")),
      "The encrypted content for item rs_1 could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
      { code: "invalid_encrypted_content" },
    ],
    [
      "sealed reasoning that was altered",
      items(
        user,
        thought("rs_1", { encrypted_content: seal("rs_1", "Hm.").replace(/.$/, "") }),
        call("c"),
        output("c"),
      ),
      "could not be verified",
    ],
    [
      "sealed reasoning of another item",
      items(
        user,
        thought("rs_2", { encrypted_content: seal("rs_1", "Hm.") }),
        call("c"),
        output("c"),
      ),
      "Reason: Encrypted content item_id did not match the target item id.",
    ],
    [
      "reasoning at the end",
      items(user, thought("rs_1", { encrypted_content: seal("rs_1", "x") })),
      "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
      { param: "input", code: null },
    ],
    [
      "an unknown response",
      { ...base, previous_response_id: "resp_1" },
      "Previous response with id 'resp_1' not found.",
      { param: "previous_response_id", code: "previous_response_not_found" },
    ],
    [
      "an effort of a model that has none",
      { ...base, reasoning: { effort: "low" } },
      "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
      { param: "reasoning.effort", code: "unsupported_parameter" },
    ],
    [
      "an effort that the model lacks",
      { ...base, model: "gpt-5.1", reasoning: { effort: "minimal" } },
      "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported values are: 'none', 'low', 'medium', and 'high'.",
      { param: "reasoning.effort", code: "unsupported_value" },
    ],
    [
      "temperature on a reasoning model",
      { ...thinks, temperature: 1 },
      "Unsupported parameter: 'temperature' is not supported with this model.",
      { param: "temperature" },
    ],
    [
      "top_p on a reasoning model",
      { ...thinks, top_p: 0.5 },
      "Unsupported parameter: 'top_p' is not supported with this model.",
    ],
    [
      "sealed reasoning of a model that has none",
      { ...base, include: ["reasoning.encrypted_content"] },
      "Encrypted content is not supported with this model.",
      { param: "include" },
    ],
    [
      "too little output",
      { ...base, max_output_tokens: 1 },
      "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.",
      { code: "integer_below_min_value" },
    ],
    [
      "a tool name with a dot",
      { ...base, tools: [{ ...weather, name: "a.b" }] },
      "Invalid 'tools[0].name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
      { param: "tools[0].name" },
    ],
    [
      "an open strict tool",
      { ...base, tools: [{ ...weather, parameters: { type: "object", properties: {} } }] },
      "Invalid schema for function 'get_weather': In context=(), 'additionalProperties' is required to be supplied and to be false.",
      { param: "tools[0].parameters", code: "invalid_function_parameters" },
    ],
    [
      "one tool twice",
      { ...base, tools: [weather, weather] },
      "Duplicate tool names: 'get_weather'.",
    ],
    [
      "a choice of no tool",
      { ...base, tools: [weather], tool_choice: { type: "function", name: "x" } },
      "Tool choice 'function' not found in 'tools' parameter.",
      { param: "tool_choice" },
    ],
    [
      "a forced tool without tools",
      { ...base, tool_choice: "required" },
      "Tool choice 'required' must be specified with 'tools' parameter.",
    ],
    [
      "JSON mode without the word",
      { ...base, text: { format: { type: "json_object" } } },
      "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
      { param: "input" },
    ],
    [
      "an open strict format",
      {
        ...base,
        text: {
          format: { type: "json_schema", name: "a", strict: true, schema: { type: "object" } },
        },
      },
      "Invalid schema for response_format 'a': In context=(), 'additionalProperties' is required",
      { param: "text.format.schema" },
    ],
    [
      "a long metadata value",
      { ...base, metadata: { a: "x".repeat(513) } },
      "Invalid 'metadata.a': string too long. Expected a string with maximum length 512",
    ],
    [
      "too much metadata",
      { ...base, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [at, "x"])) },
      "Invalid 'metadata': too many properties.",
    ],
    [
      "stream options without a stream",
      { ...base, stream_options: { include_obfuscation: false } },
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ],
    [
      "a file that is no file",
      items({
        role: "user",
        content: [{ type: "input_file", filename: "a", file_data: "data:audio/mpeg;base64,AAAA" }],
      }),
      "Invalid file data: 'input[0].content[0].file_data'.",
    ],
    [
      "a picture that is none",
      items({
        role: "user",
        content: [{ type: "input_image", image_url: "data:image/png;base64,AAAA" }],
      }),
      "You uploaded an unsupported image.",
    ],
    [
      "a model of another endpoint",
      { ...base, model: "text-embedding-3-small" },
      "The requested model 'text-embedding-3-small' is not supported with the Responses API.",
    ],
  ];
  for (const [name, body, message, more = {}] of refused) {
    test(name, () => {
      const refusal = refuseResponses(body, plainResponses());
      expect(refusal?.message).toContain(message);
      expect(refusal).toMatchObject({ status: 400, ...more });
    });
  }
});

/** Starts a double and its client; both end with the test. */
const running: Upstream[] = [];
afterEach(async () => {
  for (const upstream of running.splice(0)) await upstream.stop();
});
async function start(options: UpstreamOptions = {}) {
  const upstream = await startResponsesUpstream(options);
  running.push(upstream);
  const client = new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl, maxRetries: 0 });
  return { upstream, client };
}
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((cause: unknown) => cause);

const ask = { model: "gpt-4o", input: "Good morning, Ann." };
const tools = [weather];

describe("through the official SDK", () => {
  test("text, usage, bill", async () => {
    const { upstream, client } = await start();
    const answer = await client.responses.create({ ...ask, metadata: { a: "b" } });
    expect(answer.output_text).toBe("Good morning, Ann.");
    expect(answer).toMatchObject({
      object: "response",
      status: "completed",
      model: "gpt-4o-2024-08-06",
      metadata: { a: "b" },
      store: true,
    });
    const [entry] = upstream.bill.entries;
    expect(entry).toMatchObject({ id: answer.id, complete: true, stream: false });
    expect(answer.usage).toEqual({
      input_tokens: entry?.inputTokens ?? 0,
      input_tokens_details: { cached_tokens: 0 } as never,
      output_tokens: entry?.outputTokens ?? 0,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: (entry?.inputTokens ?? 0) + (entry?.outputTokens ?? 0),
    });
  });

  test("a stream tells the same, every event numbered", async () => {
    const { upstream, client } = await start();
    const stream = client.responses.stream({
      model: "gpt-5",
      input: "Good morning, Ann.",
      reasoning: { summary: "auto" },
      include: ["reasoning.encrypted_content"],
    });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at));
    const types = [...new Set(events.map((event) => event.type))];
    expect(types as string[]).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.reasoning_summary_part.added",
      "response.reasoning_summary_text.delta",
      "response.reasoning_summary_text.done",
      "response.reasoning_summary_part.done",
      "response.output_item.done",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.completed",
    ]);
    const final = await stream.finalResponse();
    expect(final.output_text).toBe("Good morning, Ann.");
    expect(final.output.map((item) => item.id?.slice(0, 3))).toEqual(["rs_", "msg"]);
    const [entry] = upstream.bill.entries;
    expect(entry).toMatchObject({ id: final.id, stream: true, complete: true });
    expect(final.usage?.output_tokens).toBe(entry?.outputTokens ?? 0);
    expect(entry?.reasoningTokens).toBeGreaterThan(0);
  });

  test("calls in a stream: parallel, custom, in a namespace", async () => {
    const { upstream, client } = await start();
    upstream.script({
      kind: "tool-calls",
      text: "Look.",
      calls: [
        { name: "get_weather", args: '{"city": "Oslo"}', id: "call_1" },
        { name: "patch", args: "*** Begin", id: "call_2" },
        { name: "lookup", args: {}, id: "call_3" },
      ],
    });
    const lookup = { type: "function" as const, name: "lookup", parameters: {}, strict: false };
    const stream = client.responses.stream({
      ...ask,
      tools: [
        ...tools,
        { type: "custom", name: "patch" },
        { type: "namespace", name: "books", description: "d", tools: [lookup] },
      ],
    });
    const final = await stream.finalResponse();
    expect(final.output).toMatchObject([
      { type: "message" },
      { type: "function_call", call_id: "call_1", arguments: '{"city": "Oslo"}' },
      { type: "custom_tool_call", call_id: "call_2", input: "*** Begin" },
      { type: "function_call", call_id: "call_3", name: "lookup", namespace: "books" },
    ]);
  });

  test("a tool loop by the response before, and by items", async () => {
    const { client } = await start();
    const one = await client.responses.create({
      model: "gpt-5",
      input: "Use tool.",
      tools,
    });
    const made = one.output.find((item) => item.type === "function_call");
    expect(made).toMatchObject({ name: "get_weather", arguments: '{"city":"city"}' });
    const callId = made?.call_id ?? "";
    const told = { type: "function_call_output" as const, call_id: callId, output: "sunny" };
    const two = await client.responses.create({
      model: "gpt-5",
      previous_response_id: one.id,
      input: [told],
      tools,
    });
    expect(two.output_text).toBe("The tool said: sunny");
    const rest = { model: "gpt-5", tools };
    const whole: OpenAI.Responses.ResponseInput = [{ role: "user", content: "x" }];
    const again = await client.responses.create({
      ...rest,
      input: [...whole, ...(one.output as OpenAI.Responses.ResponseInput), told],
    });
    expect(again.output_text).toBe("The tool said: sunny");
    const referred = one.output.map((item) => ({
      type: "item_reference" as const,
      id: item.id ?? "",
    }));
    const byReference = await client.responses.create({
      ...rest,
      input: [...whole, ...referred, told],
    });
    expect(byReference.output_text).toBe("The tool said: sunny");
    const torn = one.output.filter((item) => item.type !== "reasoning");
    const error = await caught(
      client.responses.create({
        ...rest,
        input: [...whole, ...(torn as OpenAI.Responses.ResponseInput), told],
      }),
    );
    expect(String(error)).toContain(
      `Item '${made?.id}' of type 'function_call' was provided without its required 'reasoning' item: '${one.output[0]?.id}'.`,
    );
    const open = await caught(
      client.responses.create({ ...rest, previous_response_id: one.id, input: "Go on." }),
    );
    expect(String(open)).toContain(`No tool output found for function call ${callId}.`);
  });

  test("without a store, sealed reasoning must come back as it was", async () => {
    const { client } = await start({ demandSignatures: true });
    const rest = {
      model: "gpt-5",
      store: false,
      include: ["reasoning.encrypted_content" as const],
      tools,
    };
    const one = await client.responses.create({ ...rest, input: "Use tool." });
    const [reasoning, made] = one.output;
    if (reasoning?.type !== "reasoning" || made?.type !== "function_call") {
      throw new Error("expected reasoning and a call");
    }
    const told = { type: "function_call_output" as const, call_id: made.call_id, output: "sunny" };
    const question = { role: "user" as const, content: "Use tool." };
    const bare = { type: made.type, call_id: made.call_id, name: made.name, arguments: "{}" };
    const send = (...input: OpenAI.Responses.ResponseInput) =>
      client.responses
        .create({ ...rest, input })
        .then((answer) => answer.output_text)
        .catch((cause: unknown) => (cause instanceof Error ? cause.message : ""));
    expect(await send(question, reasoning, made, told)).toBe("The tool said: sunny");
    const { id: _, ...unnamed } = reasoning;
    expect(await send(question, unnamed as typeof reasoning, bare, told)).toBe(
      "The tool said: sunny",
    );
    expect(await send(question, bare, told)).toContain("without its required 'reasoning' item");
    const sealed = reasoning.encrypted_content ?? "";
    const altered = { ...reasoning, encrypted_content: sealed.replace(/.{4}$/, "AAAA") };
    expect(await send(question, altered, made, told)).toContain("could not be verified");
    const gone = { ...reasoning, encrypted_content: null };
    expect(await send(question, gone, made, told)).toContain("Items are not persisted");
    const kept = await caught(client.responses.retrieve(one.id));
    expect(kept).toMatchObject({ status: 404 });
  });

  test("JSON answers fit the schema", async () => {
    const { client } = await start();
    const parsed = await client.responses.parse({
      ...ask,
      text: { format: zodTextFormat(z.object({ n: z.number() }), "answer") },
    });
    expect(parsed.output_parsed).toEqual({ n: 1 });
  });

  test("refusals, pages, pictures, limits", async () => {
    const { upstream, client } = await start();
    upstream.script([
      { kind: "refusal", text: "No." },
      { kind: "text", text: "So.", sources: [{ title: "a", url: "https://example.com/" }] },
      { kind: "text", text: "See.", images: [{ mediaType: "image/png", data: "iVBORw0KGgo=" }] },
      { kind: "text", text: "word ".repeat(100) },
      { kind: "text", text: "x", finish: "content_filter" },
    ]);
    const refused = await client.responses.stream(ask).finalResponse();
    expect(refused.output[0]).toMatchObject({ content: [{ type: "refusal", refusal: "No." }] });
    const search = { ...ask, tools: [{ type: "web_search" as const }] };
    const page = await client.responses.stream(search).finalResponse();
    expect(page.output[0]).toMatchObject({ type: "web_search_call", status: "completed" });
    expect(page.output[1]).toMatchObject({
      content: [{ annotations: [{ type: "url_citation", url: "https://example.com/" }] }],
    });
    const picture = await client.responses.create(ask);
    expect(picture.output[0]).toMatchObject({
      type: "image_generation_call",
      result: "iVBORw0KGgo=",
    });
    const short = await client.responses.create({ ...ask, max_output_tokens: 16 });
    expect(short).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      usage: { output_tokens: 16 },
    });
    const filtered = await client.responses.create(ask);
    expect(filtered.incomplete_details?.reason).toBe("content_filter");
  });

  test("kept responses: retrieve, list, resume, delete, cancel", async () => {
    const { client } = await start();
    const one = await client.responses.create(ask);
    expect(await client.responses.retrieve(one.id)).toMatchObject({ output: one.output });
    const listed = await client.responses.inputItems.list(one.id);
    expect(listed.data).toMatchObject([{ type: "message", role: "user" }]);
    const resumed = await client.responses.retrieve(one.id, { stream: true, starting_after: 1 });
    const numbers: number[] = [];
    for await (const event of resumed) numbers.push(event.sequence_number);
    expect(numbers[0]).toBe(2);
    expect(await caught(client.responses.cancel(one.id))).toMatchObject({ status: 400 });
    await client.responses.delete(one.id);
    expect(await caught(client.responses.retrieve(one.id))).toMatchObject({ status: 404 });
    const later = await client.responses.create({ ...ask, background: true });
    expect(later).toMatchObject({ status: "queued", output: [] });
    expect((await client.responses.retrieve(later.id)).status).toBe("completed");
    expect((await client.responses.cancel(later.id)).status).toBe("cancelled");
  });

  test("compaction and counting", async () => {
    const { upstream, client } = await start();
    const counted = await client.responses.inputTokens.count(ask);
    const answer = await client.responses.create(ask);
    expect(counted.input_tokens).toBe(answer.usage?.input_tokens ?? 0);
    const compact = await client.responses.compact({
      model: "gpt-4o",
      previous_response_id: answer.id,
      input: [],
    });
    expect(compact.object).toBe("response.compaction");
    expect(compact.output.map((item) => item.type)).toEqual(["message", "compaction"]);
    expect(upstream.bill.entries.at(-1)?.id).toBe(compact.id);
    const next = await client.responses.create({
      ...ask,
      input: [
        ...(compact.output as OpenAI.Responses.ResponseInput),
        { role: "user", content: "Go on." },
      ],
    });
    expect(next.output_text).toBe("Go on.");
  });

  test("a prompt that begins like an earlier one is read from the cache", async () => {
    const { upstream, client } = await start();
    const instructions = "long ".repeat(1_000);
    await client.responses.create({ ...ask, instructions });
    const one = await client.responses.create({ ...ask, instructions });
    expect(one.usage?.input_tokens_details.cached_tokens).toBe(1_152);
    expect(upstream.bill.entries[1]?.cachedInputTokens).toBe(1_152);
  });

  test("errors before and within a stream", async () => {
    const { upstream, client } = await start();
    upstream.script([
      {
        kind: "error",
        status: 429,
        type: "tokens",
        message: "Rate limit reached.",
        code: "rate_limit_exceeded",
        retryAfter: 7,
      },
      { kind: "error-in-stream", afterFrames: 4, message: "Broken." },
    ]);
    const limited = await caught(client.responses.create(ask));
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError);
    if (limited instanceof OpenAI.RateLimitError) {
      expect(limited.headers.get("retry-after")).toBe("7");
    }
    const stream = await client.responses.create({ ...ask, stream: true });
    const told = (async () => {
      for await (const _ of stream);
    })();
    expect(String(await caught(told))).toContain("Broken.");
  });
});

describe("headers and bytes", () => {
  test("the key, the address, the frames", async () => {
    const { upstream } = await start({ key: "sk-1", models: ["my-model"] });
    const post = (headers: Record<string, string>, body: unknown, path = "/v1/responses") =>
      fetch(upstream.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    const key = { authorization: "Bearer sk-1" };
    expect((await post({}, base)).status).toBe(401);
    expect((await post({ ...key, "x-api-key": "sk-1" }, base)).status).toBe(400);
    expect((await post(key, base, "/v1/chat/completions")).status).toBe(404);
    expect((await post(key, base, "/v1/responses/resp_1")).status).toBe(404);
    const body = { model: "my-model", input: "Hi.", stream: true };
    const response = await post(key, body);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const frames = (await response.text()).split("\n\n");
    expect(frames.pop()).toBe("");
    for (const frame of frames) {
      const [event = "", data = ""] = frame.split("\n");
      expect(event).toBe(`event: ${String(JSON.parse(data.slice(6)).type)}`);
    }
    expect(frames.at(-1)).toStartWith("event: response.completed\n");
    expect(frames.join()).toContain('"obfuscation"');
    const bare = await post(key, { ...body, stream_options: { include_obfuscation: false } });
    expect(await bare.text()).not.toContain('"obfuscation"');
    upstream.script({
      kind: "error-in-stream",
      afterFrames: 2,
      type: "server_error",
      message: "x",
    });
    const broken = (await (await post(key, body)).text()).split("\n\n");
    expect(broken.at(-3)).toStartWith("event: error\n");
    expect(broken.at(-2)).toStartWith("event: response.failed\n");
  });
});

describe("hostile bodies", () => {
  test("any JSON is accepted or refused, never thrown at", () => {
    const names = [
      "type",
      "role",
      "content",
      "id",
      "call_id",
      "output",
      "tools",
      "__proto__",
      "toString",
    ];
    const words = ["message", "reasoning", "function_call", "item_reference", "user", "rs_1"];
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.jsonValue(),
        fc.constantFrom(...words),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie("tree"), {
          maxKeys: 4,
          noNullPrototype: true,
        }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const terms = plainResponses();
        refuseResponses({ ...base, input: value }, terms);
        refuseResponses({ ...base, tools: value, text: value }, terms);
        refuseResponses(value, terms);
      }),
      { numRuns: 300 },
    );
  });
});

describe("faults", () => {
  test("streams break as they are told to, and what was told is billed", async () => {
    const { upstream } = await start();
    upstream.script([
      { kind: "half-stream", answer: { kind: "text", text: "One two three." } },
      { kind: "cut", afterFrames: 5, answer: { kind: "text", text: "One two three." } },
    ]);
    const post = () =>
      fetch(`${upstream.baseUrl}/responses`, {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify({ ...base, stream: true }),
      });
    const half = await (await post()).text();
    expect(half).toContain("response.output_item.done");
    expect(half).not.toContain("response.completed");
    const cut = await post()
      .then((response) => response.text())
      .catch(() => "broken");
    expect(cut).toBe("broken");
    const [first, second] = upstream.bill.entries;
    expect(first?.outputTokens).toBeGreaterThan(second?.outputTokens ?? 0);
    expect(second).toMatchObject({ outputTokens: 1, complete: false });
  });
});
