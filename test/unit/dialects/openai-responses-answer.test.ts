// Answers in the Responses wire: whole and streamed, from its own servers and from any other.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import OpenAI from "openai";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import { openaiResponses } from "../../../src/dialects/openai-responses/index.ts";
import type { ChatRequest, ChatResponse, Finish, Origin, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent, Delta } from "../../../src/ir/event.ts";
import { collect, expand } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const claude: Origin = { dialect: "anthropic-messages", provider: "anthropic", model: "claude" };
const here: Origin = { dialect: "openai-responses", provider: "openai", model: "gpt-5" };

const contextOf = (rest: Partial<AnswerContext> = {}): AnswerContext & { warnings: Warning[] } => {
  const warnings: Warning[] = [];
  return {
    model: "asked",
    includeUsage: true,
    warn: (warning) => warnings.push(warning),
    ...rest,
    warnings,
  };
};
const decodeRequest = (json: JsonObject): ChatRequest =>
  openaiResponses.request.decode({ json, text: "" }, "chat").value;
const start: ChatEvent = {
  type: "start",
  id: "msg_7",
  model: "claude",
  createdMs: 1_700_000_000_000,
};
const begin = (index: number, part: Part): ChatEvent => ({
  type: "part-start",
  candidate: 0,
  index,
  part,
});
const delta = (index: number, value: Delta): ChatEvent => ({
  type: "part-delta",
  candidate: 0,
  index,
  delta: value,
});
const end = (index: number): ChatEvent => ({ type: "part-end", candidate: 0, index });
const over = (reason: Finish["reason"] = "stop"): ChatEvent[] => [
  { type: "finish", candidate: 0, finish: { reason } },
  { type: "end" },
];
const encode = (
  events: readonly ChatEvent[],
  context: AnswerContext = contextOf(),
): JsonObject[] => {
  const encoder = openaiResponses.stream.encoder(context);
  return events.flatMap((event) => encoder.push(event)).map(({ data }) => JSON.parse(data));
};
const names = (events: readonly JsonObject[]): unknown[] =>
  events.map(({ type }) => String(type).replace("response.", ""));
const lastOf = (events: readonly JsonObject[]): JsonObject => {
  const response = events.at(-1)?.["response"];
  return (response ?? {}) as JsonObject;
};
const outputOf = (events: readonly JsonObject[]): JsonObject[] =>
  lastOf(events)["output"] as JsonObject[];
const decode = (events: readonly JsonObject[], origin = here): ChatEvent[] => {
  const decoder = openaiResponses.stream.decoder(origin);
  const frames = events.map((event): Frame => ({ data: JSON.stringify(event) }));
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
};
const whole = (parts: Part[], finish: Finish = { reason: "stop" }): ChatResponse => ({
  id: "x",
  model: "m",
  candidates: [{ parts, finish }],
});
const encodeWhole = (response: ChatResponse, context: AnswerContext = contextOf()): JsonObject =>
  JSON.parse(openaiResponses.response.encode(response, context));

describe("encoder", () => {
  test("text: every event in the vendor's order, numbered from 0", () => {
    const events = encode([
      start,
      begin(0, { type: "text", text: "" }),
      delta(0, { type: "text", text: "Hel" }),
      delta(0, { type: "text", text: "lo" }),
      end(0),
      {
        type: "usage",
        usage: createUsage({ total: 10, cacheRead: 4 }, { total: 3, reasoning: 1 }),
      },
      ...over(),
    ]);
    expect(names(events)).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    expect(events.map((event) => event["sequence_number"])).toEqual([...events.keys()]);
    const final = lastOf(events);
    expect(final).toMatchObject({
      id: "resp_msg_7",
      object: "response",
      created_at: 1_700_000_000,
      model: "claude",
      status: "completed",
      error: null,
      incomplete_details: null,
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 3,
        output_tokens_details: { reasoning_tokens: 1 },
        total_tokens: 13,
      },
    });
    expect(outputOf(events)).toMatchObject([
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hello" }] },
    ]);
    expect(events[0]).toMatchObject({
      response: { status: "in_progress", output: [], usage: null },
    });
  });

  test("what the request said is repeated", () => {
    const request = decodeRequest({
      model: "m",
      input: "x",
      instructions: "Be brief.",
      tools: [
        { type: "function", name: "f", parameters: { type: "object" }, strict: true },
        { type: "namespace", name: "n", description: "N", tools: [{ type: "custom", name: "g" }] },
      ],
      tool_choice: { type: "function", name: "f" },
      temperature: 0.5,
      max_output_tokens: 9,
      metadata: { a: "b" },
      text: { format: { type: "json_object" }, verbosity: "low" },
      reasoning: { effort: "low" },
      parallel_tool_calls: false,
      store: false,
      truncation: "auto",
      previous_response_id: "resp_0",
      user: "u",
    });
    const shown = encodeWhole(whole([]), contextOf({ request }));
    expect(shown).toMatchObject({
      instructions: "Be brief.",
      tools: [
        { type: "function", name: "f", strict: true },
        { type: "namespace", name: "n", description: "N", tools: [{ type: "custom", name: "g" }] },
      ],
      tool_choice: { type: "function", name: "f" },
      temperature: 0.5,
      top_p: 1,
      max_output_tokens: 9,
      metadata: { a: "b" },
      text: { format: { type: "json_object" }, verbosity: "low" },
      reasoning: { effort: "low", summary: null },
      parallel_tool_calls: false,
      store: false,
      truncation: "auto",
      previous_response_id: "resp_0",
      user: "u",
    });
    expect(encodeWhole(whole([]))).toMatchObject({ tools: [], tool_choice: "auto", metadata: {} });
  });

  test("parallel calls that interleave are items of their own", () => {
    const call = (id: string): Part => ({
      type: "tool-call",
      id,
      name: "f",
      args: "",
      executor: "client",
    });
    const events = encode([
      start,
      begin(0, call("a")),
      begin(1, call("b")),
      delta(0, { type: "args", args: '{"x":' }),
      delta(1, { type: "args", args: "{}" }),
      delta(0, { type: "args", args: "1.0}" }),
      end(1),
      end(0),
      ...over("tool-calls"),
    ]);
    expect(outputOf(events)).toMatchObject([
      { type: "function_call", call_id: "a", arguments: '{"x":1.0}', status: "completed" },
      { type: "function_call", call_id: "b", arguments: "{}" },
    ]);
    const done = events.filter(({ type }) => type === "response.output_item.done");
    expect(done.map((event) => event["output_index"])).toEqual([1, 0]);
  });

  test("a call of a grouped or free-form tool comes back as the client declared it", () => {
    const request = decodeRequest({
      model: "m",
      input: "x",
      tools: [
        { type: "function", name: "f", parameters: {} },
        {
          type: "namespace",
          name: "n",
          description: "",
          tools: [
            { type: "function", name: "f", parameters: {} },
            { type: "custom", name: "g" },
          ],
        },
      ],
    });
    const call = (name: string, args: string): Part => ({
      type: "tool-call",
      id: name,
      name,
      args,
      executor: "client",
    });
    const { output } = encodeWhole(
      whole([call("f", ""), call("n__f", "{}"), call("g", '{"input":"raw\\n"}')]),
      contextOf({ request }),
    ) as { output: JsonObject[] };
    expect(output).toMatchObject([
      { type: "function_call", name: "f", arguments: "{}" },
      { type: "function_call", name: "f", namespace: "n" },
      { type: "custom_tool_call", name: "g", namespace: "n", input: "raw\n" },
    ]);
    expect(output[0]).not.toHaveProperty("namespace");
  });

  test("refusals, citations, pictures", () => {
    const { output } = encodeWhole(
      whole([
        {
          type: "text",
          text: "Cited",
          citations: [
            {
              origin: "anthropic-messages",
              raw: { type: "web_search_result_location", url: "https://e.example", title: "E" },
            },
            {
              origin: "openai-chat",
              raw: {
                type: "url_citation",
                url_citation: { url: "https://f.example", start_index: 1, end_index: 2 },
              },
            },
          ],
        },
        { type: "refusal", text: "No." },
        { type: "image", source: { kind: "base64", data: "AAAA", mediaType: "image/png" } },
      ]),
    ) as { output: JsonObject[] };
    expect(output).toMatchObject([
      {
        type: "message",
        content: [
          {
            type: "output_text",
            annotations: [
              {
                type: "url_citation",
                url: "https://e.example",
                title: "E",
                start_index: 0,
                end_index: 5,
              },
              {
                type: "url_citation",
                url: "https://f.example",
                title: "",
                start_index: 1,
                end_index: 2,
              },
            ],
          },
          { type: "refusal", refusal: "No." },
        ],
      },
      { type: "image_generation_call", status: "completed", result: "AAAA" },
    ]);
  });

  test.each([
    ["length", "incomplete", "max_output_tokens"],
    ["context-window", "incomplete", "max_output_tokens"],
    ["content-filter", "incomplete", "content_filter"],
    ["stop", "completed", undefined],
    // Nothing else would tell, see below.
    ["refusal", "incomplete", "content_filter"],
    ["pause", "completed", undefined],
    ["tool-calls", "completed", undefined],
    ["other", "completed", undefined],
  ] as const)("%s ends as %s", (reason, status, why) => {
    const events = encode([start, ...over(reason)]);
    expect(events.at(-1)?.["type"]).toBe(`response.${status}`);
    expect(lastOf(events)).toMatchObject({
      status,
      incomplete_details: why === undefined ? null : { reason: why },
    });
    expect(encodeWhole(whole([], { reason }))["status"]).toBe(status);
  });

  test("an answer that holds its refusal is complete", () => {
    const events = encode([start, begin(0, { type: "refusal", text: "No." }), ...over("refusal")]);
    expect(lastOf(events)).toMatchObject({ status: "completed", incomplete_details: null });
  });

  test("an error is told twice, and then nothing more (R12)", () => {
    const error = new GatewayError("upstream_rejected", "Too long.", {
      upstream: { code: "context_length_exceeded" },
    });
    const events = encode([
      start,
      begin(0, { type: "text", text: "a" }),
      { type: "error", error },
      ...over(),
    ]);
    expect(names(events).slice(-2)).toEqual(["error", "failed"]);
    expect(events.at(-2)).toMatchObject({
      code: "context_length_exceeded",
      message: "Too long.",
      error: {
        code: "context_length_exceeded",
        message: "Too long.",
        type: "invalid_request_error",
      },
    });
    expect(lastOf(events)).toMatchObject({
      status: "failed",
      error: { code: "context_length_exceeded", message: "Too long." },
    });
  });

  test("what has no form is told, other candidates and events too", () => {
    const context = contextOf();
    encode(
      [
        start,
        begin(0, {
          type: "tool-call",
          id: "s",
          name: "web_search",
          args: "{}",
          executor: "provider",
        }),
        begin(1, { type: "audio", source: { kind: "base64", data: "", mediaType: "audio/wav" } }),
        { type: "part-start", candidate: 1, index: 0, part: { type: "text", text: "b" } },
        { type: "opaque", origin: "openai-chat", raw: {} },
        { type: "ping" },
        ...over(),
      ],
      context,
    );
    expect(context.warnings.map(({ field }) => field)).toEqual([
      "output",
      "output",
      "choices",
      "stream",
    ]);
  });

  test("the keep-alive is an event under the number of the one before it (R10)", () => {
    const { keepAlive } = openaiResponses.stream;
    const beat = (sequence: number): Frame => ({
      event: "keepalive",
      data: JSON.stringify({ type: "keepalive", sequence_number: sequence }),
    });
    // OpenAI's SDK takes no event before the first of the answer.
    expect(keepAlive(contextOf())).toBe(": ping\n");
    const encoder = openaiResponses.stream.encoder(contextOf());
    const last = encoder.push(start).at(-1);
    expect(keepAlive(contextOf(), last)).toEqual(beat(1));
    expect(keepAlive(contextOf(), beat(7))).toEqual(beat(7));
    expect(keepAlive(contextOf(), { data: "{}" })).toEqual(beat(0));
  });
});

describe("reasoning of another provider", () => {
  const thought: Part = { type: "reasoning", text: "", origin: claude };
  const events = [
    start,
    begin(0, thought),
    delta(0, { type: "reasoning", text: "Hm." }),
    delta(0, { type: "signature", signature: "SIG" }),
    end(0),
    begin(1, { type: "reasoning", text: "", encrypted: "HIDDEN", origin: claude }),
    end(1),
    begin(2, {
      type: "tool-call",
      id: "c1",
      name: "f",
      args: "{}",
      executor: "client",
      proof: { signature: "PROOF", origin: { dialect: "gemini", provider: "google", model: "g" } },
    }),
    end(2),
    ...over("tool-calls"),
  ];

  test("is shown as a summary and sealed; the client gives it back", () => {
    const output = outputOf(encode(events));
    expect(output.map(({ type }) => type)).toEqual([
      "reasoning",
      "reasoning",
      "reasoning",
      "function_call",
    ]);
    expect(output[0]).toMatchObject({ summary: [{ type: "summary_text", text: "Hm." }] });
    for (const item of output.slice(0, 3)) {
      expect(String(item["encrypted_content"])).toStartWith("megallm.");
    }
    const json = {
      model: "claude",
      input: [
        { role: "user", content: "q" },
        ...output,
        { type: "function_call_output", call_id: "c1", output: "1" },
      ],
    };
    const body = JSON.stringify(json);
    expect(openaiResponses.carriesForeign?.(new TextEncoder().encode(body), {})).toBe(true);
    const request = decodeRequest(json);
    expect(request.messages[1]?.parts).toEqual([
      { type: "reasoning", text: "Hm.", signature: "SIG", origin: claude },
      { type: "reasoning", text: "", encrypted: "HIDDEN", origin: claude },
      {
        type: "tool-call",
        id: "c1",
        name: "f",
        args: "{}",
        executor: "client",
        proof: {
          signature: "PROOF",
          origin: { dialect: "gemini", provider: "google", model: "g" },
        },
        ext: expect.anything(),
      },
    ]);
    const target = { provider: "anthropic", model: "claude", quirks: {}, facts: {} };
    const back = JSON.parse(anthropicMessages.request.encode(request, target).body) as {
      messages: JsonObject[];
    };
    expect(back.messages[1]?.["content"]).toMatchObject([
      { type: "thinking", thinking: "Hm.", signature: "SIG" },
      { type: "redacted_thinking", data: "HIDDEN" },
      { type: "tool_use", id: "c1" },
    ]);
    const elsewhere = openaiResponses.request.encode(request, { ...target, provider: "openai" });
    expect(elsewhere.body).not.toContain("megallm.");
    expect(elsewhere.warnings).toHaveLength(1);
  });

  test("a proof on an empty text is no message, which agents would take for the answer", () => {
    const proof = { signature: "PROOF", origin: { dialect: "gemini" as const } };
    const closing: Part = { type: "text", text: "", proof };
    const said = [begin(0, { type: "text", text: "Done." }), end(0)];
    const silent = outputOf(encode([start, ...said, begin(1, closing), end(1), ...over()]));
    expect(silent.map(({ type }) => type)).toEqual(["message", "reasoning"]);
    const spoken = [begin(1, closing), delta(1, { type: "text", text: "More." }), end(1)];
    expect(outputOf(encode([start, ...said, ...spoken, ...over()]))).toMatchObject([
      { content: [{ text: "Done." }] },
      { type: "reasoning" },
      { content: [{ text: "More." }] },
    ]);
    const input = [{ role: "user", content: "q" }, ...silent, { role: "user", content: "r" }];
    for (const items of [input, input.slice(0, -1)]) {
      const request = decodeRequest({ model: "gemini", input: items });
      expect(request.messages[1]?.parts).toMatchObject([
        { text: "Done." },
        { type: "text", text: "", proof },
      ]);
      expect(request.messages[2]?.parts ?? [{ text: "r" }]).toEqual([
        expect.not.objectContaining({ proof }),
      ]);
      const target = { provider: "anthropic", model: "claude", quirks: {}, facts: {} };
      const { body } = anthropicMessages.request.encode(request, target);
      expect(body).not.toContain('"text":""');
    }
  });

  test("without a text or a proof it is none", () => {
    expect(outputOf(encode([start, begin(0, thought), end(0), ...over()]))).toEqual([]);
  });
});

describe("its own reasoning seen by clients of other wires", () => {
  const answer = whole([
    {
      type: "reasoning",
      text: "Hm.",
      origin: here,
      ext: { "openai-responses": { "#frame": { id: "rs_1" } } },
    },
    {
      type: "reasoning",
      text: "",
      encrypted: "ENC",
      origin: here,
      ext: { "openai-responses": { "#frame": { id: "rs_1", end: true } } },
    },
    { type: "tool-call", id: "c1", name: "f", args: "{}", executor: "client" },
  ]);
  const target = { provider: "openai", model: "gpt-5", quirks: {}, facts: {} };

  test("comes back from a client of Anthropic's, with its id", () => {
    const shown = JSON.parse(anthropicMessages.response.encode(answer, contextOf())) as JsonObject;
    const json: JsonObject = {
      model: "gpt-5",
      max_tokens: 1024,
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: shown["content"] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "1" }] },
      ],
    };
    const request = anthropicMessages.request.decode({ json, text: JSON.stringify(json) }).value;
    const { input } = JSON.parse(openaiResponses.request.encode(request, target).body) as {
      input: JsonObject[];
    };
    expect(input[1]).toEqual({
      type: "reasoning",
      id: "rs_1",
      summary: [{ type: "summary_text", text: "Hm." }],
      encrypted_content: "ENC",
    });
  });

  test("comes back from a client of OpenAI chat", () => {
    const shown = JSON.parse(openaiChat.response.encode(answer, contextOf())) as {
      choices: { message: JsonObject }[];
    };
    const request = openaiChat.request.decode({
      json: {
        model: "gpt-5",
        messages: [
          { role: "user", content: "q" },
          shown.choices[0]?.message,
          { role: "tool", tool_call_id: "c1", content: "1" },
        ],
      },
      text: "",
    }).value;
    const { input } = JSON.parse(openaiResponses.request.encode(request, target).body) as {
      input: JsonObject[];
    };
    expect(input[1]).toMatchObject({
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Hm." }],
      encrypted_content: "ENC",
    });
  });
});

describe("decoder", () => {
  const response = { id: "resp_1", model: "m", created_at: 1, output: [] };
  const created = { type: "response.created", response };

  test("servers that leave out the beginnings and ends are read all the same", () => {
    const events = decode([
      { type: "response.output_text.delta", item_id: "a", delta: "Hi" },
      { type: "response.function_call_arguments.delta", item_id: "b", delta: "{" },
      {
        type: "response.completed",
        response: {
          ...response,
          status: "completed",
          output: [
            { type: "message", id: "a", content: [{ type: "output_text", text: "Hi there" }] },
            { type: "function_call", id: "b", call_id: "c", name: "f", arguments: '{"a":1}' },
          ],
        },
      },
    ]);
    expect(collect(events).candidates[0]).toMatchObject({
      parts: [
        { type: "text", text: "Hi there" },
        { type: "tool-call", id: "c", name: "f", args: '{"a":1}' },
      ],
      finish: { reason: "tool-calls" },
    });
    expect(events.at(-1)?.type).toBe("end");
  });

  test("an item that was never announced comes with the whole answer", () => {
    const output = [{ type: "message", id: "a", content: [{ type: "output_text", text: "Hi" }] }];
    const events = decode([
      created,
      { type: "response.completed", response: { ...response, output } },
    ]);
    expect(collect(events).candidates[0]?.parts).toMatchObject([{ type: "text", text: "Hi" }]);
  });

  test("log probabilities and annotations gather with their text", () => {
    const token = (value: string): JsonObject => ({ token: value, logprob: 0 });
    const place = { output_index: 0, content_index: 0, item_id: "a" };
    const note = { type: "url_citation", url: "u", title: "t", start_index: 0, end_index: 1 };
    const events = decode([
      created,
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { type: "message", id: "a", content: [] },
      },
      { type: "response.output_text.delta", ...place, delta: "A", logprobs: [token("A")] },
      { type: "response.output_text.delta", ...place, delta: "B", logprobs: [token("B")] },
      {
        type: "response.output_text.annotation.added",
        ...place,
        annotation_index: 0,
        annotation: note,
      },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: {
          type: "message",
          id: "a",
          content: [
            {
              type: "output_text",
              text: "AB",
              annotations: [note],
              logprobs: [token("A"), token("B")],
            },
          ],
        },
      },
      { type: "response.completed", response: { ...response, output: null } },
    ]);
    expect(collect(events).candidates[0]?.parts).toEqual([
      {
        type: "text",
        text: "AB",
        citations: [{ origin: "openai-responses", raw: note }],
        ext: {
          "openai-responses": {
            logprobs: [token("A"), token("B")],
            "#frame": { id: "a", end: true },
          },
        },
      },
    ]);
  });

  test.each([
    [
      { type: "error", code: "rate_limit_exceeded", message: "Slow down." },
      "upstream_rate_limited",
    ],
    [
      { type: "error", error: { type: "server_error", message: "Slow down." } },
      "upstream_unavailable",
    ],
    [
      {
        type: "response.failed",
        response: { error: { code: "server_error", message: "Slow down." } },
      },
      "upstream_unavailable",
    ],
    [{ error: { code: 429, message: "Slow down." } }, "upstream_rate_limited"],
  ] as [JsonObject, string][])("%j is an error", (event, code) => {
    const [last] = decode([created, event, { type: "response.completed", response }]).slice(-1);
    expect(last).toMatchObject({ type: "error", error: { code, message: "Slow down." } });
  });

  test("what is no answer is told as such", () => {
    const decoder = openaiResponses.stream.decoder(here);
    expect(decoder.push({ data: "{" })).toMatchObject([
      { type: "error", error: { code: "upstream_invalid" } },
    ]);
    expect(decode([created]).at(-1)).toMatchObject({
      type: "error",
      error: { code: "upstream_invalid" },
    });
    const reading = (json: JsonObject) => () =>
      openaiResponses.response.decode({ json, text: "" }, here);
    expect(reading({})).toThrow(GatewayError);
    expect(reading({ status: "failed", error: { code: "server_error", message: "No." } })).toThrow(
      "No.",
    );
  });

  test("a keep-alive before the first event begins no answer", () => {
    const beat = { type: "keepalive", sequence_number: 0 };
    const events = decode([beat, created, beat, { type: "response.completed", response }]);
    const own = decode([created, { type: "response.completed", response }]);
    expect(events.filter(({ type }) => type !== "ping")).toEqual(own);
    expect(events.filter(({ type }) => type === "ping")).toHaveLength(2);
  });

  test("progress of the provider's tools is a sign of life; what nobody knows is kept", () => {
    const types = decode([
      created,
      { type: "response.web_search_call.searching", output_index: 0, item_id: "w" },
      { type: "response.shell_call_command.delta", output_index: 0, delta: "l" },
      { type: "response.new_thing", x: 1 },
      { type: "response.completed", response },
    ]).map(({ type }) => type);
    expect(types).toEqual(["start", "ping", "ping", "opaque", "finish", "end"]);
  });

  test("no stream does more than fail", () => {
    const type = fc.constantFrom(
      ..."created in_progress completed incomplete failed output_item.added output_item.done content_part.added content_part.done output_text.delta output_text.done output_text.annotation.added refusal.delta refusal.done function_call_arguments.delta function_call_arguments.done custom_tool_call_input.delta reasoning_summary_part.added reasoning_summary_text.delta reasoning_text.done web_search_call.searching error"
        .split(" ")
        .map((name) => `response.${name}`),
    );
    const kind = fc.constantFrom(
      ..."message reasoning function_call custom_tool_call web_search_call mcp_call image_generation_call shell_call_output tool_search_call thing output_text refusal reasoning_text".split(
        " ",
      ),
    );
    const small = fc.oneof(fc.string(), fc.constantFrom(null, 0, 1, -1, true, {}, [], [null]));
    const part = fc.record({ type: kind, text: small, refusal: small, annotations: small });
    const item = fc.record(
      {
        type: kind,
        id: small,
        call_id: small,
        name: small,
        arguments: small,
        input: small,
        content: fc.oneof(fc.array(part, { maxLength: 3 }), small),
        summary: fc.oneof(fc.array(part, { maxLength: 2 }), small),
        encrypted_content: small,
        results: small,
        result: small,
        status: small,
      },
      { requiredKeys: [] },
    );
    const event = fc.record(
      {
        type,
        output_index: fc.constantFrom(0, 1, null, "x"),
        content_index: small,
        summary_index: small,
        item_id: small,
        delta: small,
        text: small,
        annotation: small,
        part: fc.oneof(part, small),
        item: fc.oneof(item, small),
        response: fc.oneof(
          fc.record({
            id: small,
            output: fc.oneof(fc.array(item, { maxLength: 3 }), small),
            usage: small,
            status: small,
          }),
          small,
        ),
      },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (list) => {
        const events = decode(list);
        const open = new Set<number>();
        for (const one of events) {
          if (one.type === "part-start") open.add(one.index);
          if (one.type === "part-end") expect(open.delete(one.index)).toBe(true);
          if (one.type === "part-delta") expect(open.has(one.index)).toBe(true);
        }
        for (const dialect of [openaiResponses, openaiChat, anthropicMessages]) {
          const encoder = dialect.stream.encoder(contextOf());
          for (const one of events) encoder.push(one);
        }
        if (events.at(-1)?.type === "end") {
          expect(open.size).toBe(0);
          encodeWhole(collect(events));
        }
      }),
      { numRuns: 3000 },
    );
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
  });
});

describe("the official SDK", () => {
  const read = (events: readonly ChatEvent[]) => {
    const encoder = openaiResponses.stream.encoder(contextOf());
    const body = events
      .flatMap((event) => encoder.push(event))
      .map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`)
      .join("");
    const sdk = new OpenAI({
      apiKey: "k",
      baseURL: "http://gateway.example/v1",
      maxRetries: 0,
      fetch: () =>
        Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } })),
    });
    return sdk.responses.stream({ model: "m", input: "x" }).finalResponse();
  };

  test("puts together what comes from another provider", async () => {
    const call = (id: string): Part => ({
      type: "tool-call",
      id,
      name: "f",
      args: "",
      executor: "client",
    });
    const final = await read([
      start,
      begin(0, { type: "reasoning", text: "", origin: claude }),
      delta(0, { type: "reasoning", text: "Hm." }),
      end(0),
      begin(1, { type: "text", text: "" }),
      delta(1, { type: "text", text: "Hi" }),
      end(1),
      begin(2, { type: "text", text: " there" }),
      end(2),
      begin(3, call("a")),
      begin(4, call("b")),
      delta(4, { type: "args", args: "{}" }),
      delta(3, { type: "args", args: '{"x":1}' }),
      end(3),
      end(4),
      begin(5, { type: "refusal", text: "No." }),
      end(5),
      ...over("tool-calls"),
    ]);
    expect(final.output_text).toBe("Hi there");
    expect(final.output.map(({ type }) => type)).toEqual([
      "reasoning",
      "message",
      "function_call",
      "function_call",
      "message",
    ]);
    expect(final.output[2]).toMatchObject({ call_id: "a", arguments: '{"x":1}' });
  });

  test("puts together any answer", async () => {
    const text = fc.string({ maxLength: 8 });
    const part: fc.Arbitrary<Part> = fc.oneof(
      fc.record({ type: fc.constant("text" as const), text }),
      fc.record({ type: fc.constant("refusal" as const), text }),
      fc.record({
        type: fc.constant("reasoning" as const),
        text,
        signature: text,
        origin: fc.constantFrom(claude, here),
      }),
      fc.record({
        type: fc.constant("tool-call" as const),
        id: fc.uuid(),
        name: fc.constantFrom("f", "g"),
        args: fc.constantFrom("", "{}", '{"a":1}'),
        executor: fc.constant("client" as const),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const final = await read(expand(whole(parts)));
        const said = parts.flatMap((one) => (one.type === "text" ? [one.text] : []));
        expect(final.output_text).toBe(said.join(""));
        const calls = parts.filter(({ type }) => type === "tool-call");
        expect(final.output.filter(({ type }) => type === "function_call")).toHaveLength(
          calls.length,
        );
      }),
      { numRuns: 150 },
    );
  });
});
