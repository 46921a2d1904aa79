// Requests, answers and errors of Bedrock Converse as they are read: what is refused, and what hostile JSON does.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import { bedrockConverse } from "../../../src/dialects/bedrock-converse/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { AnswerContext, Target } from "../../../src/dialects/dialect.ts";
import type { ChatRequest, ChatResponse, Origin } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const origin: Origin = { dialect: "bedrock-converse", provider: "bedrock", model: claude };
const context: AnswerContext = { model: "m", includeUsage: true, warn: () => {} };
const targetOf = (model: string): Target => ({ provider: "p", model, quirks: {}, facts: {} });

function decode(json: JsonObject): ChatRequest {
  const text = JSON.stringify(json);
  return bedrockConverse.request.decode(
    { json: { model: "m", stream: false, ...json }, text },
    "chat",
  ).value;
}

const hi = { role: "user", content: [{ text: "hi" }] };
const withContent = (...content: unknown[]): JsonObject => ({
  messages: [{ role: "user", content }],
});

describe("requests", () => {
  test.each<[field: string, json: JsonObject]>([
    ["messages", {}],
    ["messages", { messages: [] }],
    ["messages", { messages: "hi" }],
    ["messages[0]", { messages: [null] }],
    ["messages[0].role", { messages: [{ content: [] }] }],
    ["messages[0].role", { messages: [{ role: "tool", content: [] }] }],
    ["messages[0].content", { messages: [{ role: "user", content: "hi" }] }],
    ["messages[0].content[0]", withContent("hi")],
    ["messages[0].content[0]", withContent({})],
    ["messages[0].content[0].text", withContent({ text: 7 })],
    ["messages[0].content[0].image", withContent({ image: "x" })],
    ["messages[0].content[0].image.source", withContent({ image: { format: "png" } })],
    ["messages[0].content[0].image.source", withContent({ image: { format: "png", source: {} } })],
    ["messages[0].content[0].toolUse.name", withContent({ toolUse: { toolUseId: "a" } })],
    [
      "messages[0].content[0].toolUse.input",
      withContent({ toolUse: { toolUseId: "a", name: "f", input: "x" } }),
    ],
    ["messages[0].content[0].toolResult.content", withContent({ toolResult: { toolUseId: "a" } })],
    [
      "messages[0].content[0].toolResult.content[0]",
      withContent({ toolResult: { toolUseId: "a", content: [1] } }),
    ],
    ["messages[0].content[0].guardContent.text.text", withContent({ guardContent: { text: {} } })],
    ["system", { messages: [hi], system: "s" }],
    ["inferenceConfig.maxTokens", { messages: [hi], inferenceConfig: { maxTokens: 1.5 } }],
    [
      "inferenceConfig.stopSequences[0]",
      { messages: [hi], inferenceConfig: { stopSequences: [1] } },
    ],
    [
      "toolConfig.tools[0].toolSpec.inputSchema",
      { messages: [hi], toolConfig: { tools: [{ toolSpec: { name: "f" } }] } },
    ],
    ["toolConfig.toolChoice", { messages: [hi], toolConfig: { tools: [], toolChoice: {} } }],
    [
      "outputConfig.textFormat.structure.jsonSchema.schema",
      {
        messages: [hi],
        outputConfig: {
          textFormat: { type: "json_schema", structure: { jsonSchema: { schema: "{" } } },
        },
      },
    ],
    ["additionalModelRequestFields", { messages: [hi], additionalModelRequestFields: [] }],
  ])("the field `%s` is named", (param, json) => {
    expect(() => decode(json)).toThrow(expect.objectContaining({ code: "invalid_request", param }));
  });

  test.each<[fields: JsonObject, reasoning: unknown]>([
    [{ thinking: { type: "enabled", budget_tokens: 2000 } }, { mode: "budget", tokens: 2000 }],
    [{ thinking: { type: "disabled" } }, { mode: "off" }],
    [
      { thinking: { type: "adaptive" }, output_config: { effort: "max" } },
      { mode: "adaptive", effort: "max" },
    ],
    [{ reasoning_effort: "low" }, { mode: "effort", effort: "low" }],
    [{ reasoning_config: "high" }, { mode: "effort", effort: "high" }],
    [
      { reasoning_config: { type: "enabled", budget_tokens: 1024 } },
      { mode: "budget", tokens: 1024 },
    ],
    [
      { reasoningConfig: { type: "enabled", maxReasoningEffort: "medium" } },
      { mode: "effort", effort: "medium" },
    ],
  ])("reasoning asked as %j", (additionalModelRequestFields, reasoning) => {
    const request = decode({ messages: [hi], additionalModelRequestFields });
    expect(request.reasoning).toMatchObject(reasoning as object);
    expect(request.ext["bedrock-converse"]).toEqual({});
  });

  test("what others lose of it is told by its own path", () => {
    const request = decode({
      messages: [hi],
      additionalModelRequestFields: { top_k: 5, anthropic_beta: ["x"] },
      guardrailConfig: { guardrailIdentifier: "g" },
      inferenceConfig: { maxTokens: 5, novelty: 1 },
    });
    expect(request.settings).toEqual({ maxOutputTokens: 5, topK: 5 });
    const { warnings } = anthropicMessages.request.encode(request, targetOf("claude-sonnet-4-5"));
    expect(warnings.map(({ field }) => field).toSorted()).toEqual([
      "additionalModelRequestFields.anthropic_beta",
      "guardrailConfig",
      "inferenceConfig.novelty",
    ]);
  });

  test("a conversation with tools and reasoning reaches other wires whole", () => {
    const request = decode({
      messages: [
        hi,
        {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "t", signature: "sig" } } },
            { toolUse: { toolUseId: "tooluse_1", name: "f", input: { a: 1 } } },
          ],
        },
        {
          role: "user",
          content: [
            { toolResult: { toolUseId: "tooluse_1", content: [{ text: "x" }], status: "error" } },
          ],
        },
      ],
      toolConfig: {
        tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object" } } } }],
      },
    });
    const claudes = anthropicMessages.request.encode(request, targetOf("claude-sonnet-4-5"));
    expect(claudes.warnings).toEqual([]);
    expect(JSON.parse(claudes.body).messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "t", signature: "sig" },
          { type: "tool_use", id: "tooluse_1", name: "f", input: { a: 1 } },
        ],
      },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "tooluse_1", content: "x", is_error: true }],
      },
    ]);
    const openais = openaiChat.request.encode(request, targetOf("gpt-5"));
    expect(JSON.parse(openais.body).messages.map(({ role }: JsonObject) => role)).toEqual([
      "user",
      "assistant",
      "tool",
    ]);
  });

  test.each([
    ["no base64 of JSON", { invokeModel: { body: "!!!" } }, "input.invokeModel.body"],
    ["another vendor's form", { invokeModel: { body: btoa('{"inputText":"hi"}') } }, "messages"],
    ["nothing", {}, "input.converse"],
  ])("a token count of %s", (_name, input, param) => {
    const json = { model: "m", input };
    const read = (): unknown =>
      bedrockConverse.request.decode({ json, text: JSON.stringify(json) }, "count-tokens");
    expect(read).toThrow(expect.objectContaining({ code: "invalid_request", param }));
  });
});

const answerOf = (content: unknown[]): JsonObject => ({
  output: { message: { role: "assistant", content } },
  stopReason: "end_turn",
  usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
  metrics: { latencyMs: 5 },
});
const decodeAnswer = (json: JsonObject, from: Origin = origin): ChatResponse =>
  bedrockConverse.response.decode({ json, text: JSON.stringify(json) }, from).value;

describe("answers", () => {
  test("what is no answer", () => {
    expect(() => decodeAnswer({ message: "hi" })).toThrow(
      expect.objectContaining({ code: "upstream_invalid" }),
    );
  });

  test("blocks of wrong forms are kept or read as far as they go, never refused", () => {
    const content = [
      null,
      7,
      { text: 5 },
      { image: { format: 9 } },
      { toolUse: {} },
      { guardContent: {} },
      {},
    ];
    const { candidates } = decodeAnswer(answerOf(content));
    expect(candidates[0]?.parts.map(({ type }) => type)).toEqual([
      "text",
      "opaque",
      "tool-call",
      "opaque",
      "opaque",
    ]);
  });

  test("Claude's signature is shown to Anthropic's clients as it is", () => {
    const reasoningContent = { reasoningText: { text: "t", signature: "sig" } };
    const redacted = { redactedContent: Buffer.from("EroB").toString("base64") };
    const answer = decodeAnswer(
      answerOf([{ reasoningContent }, { reasoningContent: redacted }, { text: "x" }]),
    );
    expect(JSON.parse(anthropicMessages.response.encode(answer, context)).content).toEqual([
      { type: "thinking", thinking: "t", signature: "sig" },
      { type: "redacted_thinking", data: "EroB" },
      { type: "text", text: "x" },
    ]);
  });

  test("other models' reasoning comes back to them through Anthropic's clients", () => {
    const from: Origin = {
      dialect: "bedrock-converse",
      provider: "p",
      model: "us.deepseek.r1-v1:0",
    };
    const answer = decodeAnswer(
      answerOf([{ reasoningContent: { reasoningText: { text: "t" } } }, { text: "x" }]),
      from,
    );
    const { content } = JSON.parse(anthropicMessages.response.encode(answer, context));
    expect(content[0].thinking).toBe("t");
    expect(content[0].signature).toStartWith("megallm.");
    const json = {
      model: "m",
      max_tokens: 9,
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content },
        { role: "user", content: "go" },
      ],
    };
    const { value } = anthropicMessages.request.decode(
      { json, text: JSON.stringify(json) },
      "chat",
    );
    const { body } = bedrockConverse.request.encode(value, targetOf("us.deepseek.r1-v1:0"));
    expect(JSON.parse(body).messages[1].content[0]).toEqual({
      reasoningContent: { reasoningText: { text: "t" } },
    });
  });

  test("what another provider alone can read comes back through this wire's clients", () => {
    const from: Origin = { dialect: "openai-responses", provider: "openai", model: "gpt-5" };
    const part = { type: "reasoning" as const, text: "", encrypted: "gAAAA", origin: from };
    const answer: ChatResponse = {
      id: "x",
      model: "gpt-5",
      candidates: [{ parts: [part, { type: "text", text: "hi" }], finish: { reason: "stop" } }],
    };
    const shown = JSON.parse(bedrockConverse.response.encode(answer, context));
    const { content } = shown.output.message;
    const json = { messages: [hi, { role: "assistant", content }, hi] };
    expect(bedrockConverse.carriesForeign?.(Buffer.from(JSON.stringify(json)), {})).toBe(true);
    expect(decode(json).messages[1]?.parts[0]).toEqual(part);
    expect(bedrockConverse.carriesForeign?.(Buffer.from('{"text":"megallm"}'), {})).toBe(false);
  });

  test("which stop sequence it was", () => {
    const json = {
      ...answerOf([{ text: "x" }]),
      stopReason: "stop_sequence",
      additionalModelResponseFields: { stop_sequence: "END" },
    };
    const answer = decodeAnswer(json);
    expect(answer.candidates[0]?.finish).toEqual({
      reason: "stop",
      raw: "stop_sequence",
      stopSequence: "END",
    });
    expect(JSON.parse(anthropicMessages.response.encode(answer, context))).toMatchObject({
      stop_reason: "stop_sequence",
      stop_sequence: "END",
    });
  });

  test("what an OpenAI client is told loses nothing it misses", () => {
    const fields: string[] = [];
    const json = {
      ...answerOf([{ text: "x" }]),
      performanceConfig: { latency: "standard" },
      serviceTier: { type: "default" },
    };
    openaiChat.response.encode(decodeAnswer(json), {
      ...context,
      warn: ({ field }) => fields.push(field),
    });
    expect(fields).toEqual([]);
  });
});

describe("errors", () => {
  test.each<[status: number, type: string, body: string, code: string]>([
    [400, "ValidationException", '{"message":"no"}', "upstream_rejected"],
    [400, "ServiceQuotaExceededException", '{"message":"no"}', "upstream_rate_limited"],
    [403, "AccessDeniedException", '{"message":"no"}', "upstream_auth"],
    [
      403,
      "UnrecognizedClientException",
      '{"message":"The security token is invalid"}',
      "upstream_auth",
    ],
    [404, "ResourceNotFoundException", '{"message":"no"}', "upstream_rejected"],
    [408, "ModelTimeoutException", '{"message":"no"}', "upstream_timeout"],
    [424, "ModelErrorException", '{"message":"no"}', "upstream_unavailable"],
    [
      429,
      "ThrottlingException:http://internal.amazon.com/coral/",
      '{"message":"no"}',
      "upstream_rate_limited",
    ],
    [429, "ModelNotReadyException", "{}", "upstream_rate_limited"],
    [500, "InternalServerException", "", "upstream_unavailable"],
    [503, "ServiceUnavailableException", '{"Message":"no"}', "upstream_unavailable"],
  ])("%d %s", (status, type, body, code) => {
    const error = bedrockConverse.error.decode(
      status,
      new Headers({ "x-amzn-errortype": type }),
      body,
    );
    expect(error.code).toBe(code as never);
    expect(error.upstream?.type).toBe(type.split(":")[0]);
  });

  test("a kind in the body, an id in a header", () => {
    const headers = new Headers({ "x-amzn-requestid": "req-7" });
    const body = '{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}';
    expect(bedrockConverse.error.decode(403, headers, body).upstream).toMatchObject({
      type: "AccessDeniedException",
      requestId: "req-7",
    });
  });

  test("a prompt that is too long is known by Bedrock's words, both ways", () => {
    const body = '{"message":"Input is too long for requested model."}';
    const error = bedrockConverse.error.decode(400, new Headers(), body);
    expect(error.upstream?.code).toBe("context_length_exceeded");
    expect(bedrockConverse.error.encode(error, "r")).toBe(body);
    const other = openaiChat.error.decode(
      400,
      new Headers(),
      '{"error":{"message":"m","code":"context_length_exceeded"}}',
    );
    expect(bedrockConverse.error.encode(other, "r")).toStartWith('{"message":"Input is too long');
  });
});

describe("hostile JSON", () => {
  const keys = fc.constantFrom(
    ..."messages role content text image document video audio toolUse toolResult toolUseId name input format source bytes s3Location uri status system cachePoint ttl guardContent reasoningContent reasoningText signature redactedContent citationsContent citations searchResult toolConfig tools toolSpec inputSchema json toolChoice any auto tool inferenceConfig maxTokens stopSequences outputConfig textFormat structure jsonSchema schema effort additionalModelRequestFields thinking type budget_tokens output message stopReason usage inputTokens contentBlockIndex delta start citation __proto__ constructor toString".split(
      " ",
    ),
  );
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      fc.constantFrom(
        null,
        true,
        0,
        -1,
        1.5,
        "",
        "user",
        "assistant",
        "text",
        "enabled",
        "json_schema",
        "AAAA",
      ),
      fc.array(tie("any"), { maxLength: 3 }),
      fc
        .array(fc.tuple(keys, tie("any")), { maxLength: 5 })
        .map((entries) =>
          JSON.parse(
            `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`).join(",")}}`,
          ),
        ),
    ),
  })).any;
  const object = fc
    .array(fc.tuple(keys, value), { maxLength: 6 })
    .map((entries): JsonObject =>
      JSON.parse(
        `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`).join(",")}}`,
      ),
    );
  const onlyGatewayErrors = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(GatewayError);
    }
  };
  const unpolluted = (): void => {
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  };

  test("requests: a GatewayError or a request that can be encoded", () => {
    fc.assert(
      fc.property(object, fc.array(value, { maxLength: 3 }), (json, content) => {
        const body = {
          ...json,
          messages: [
            { role: "user", content },
            { role: "assistant", content },
          ],
        };
        for (const each of [json, body, { input: { converse: body } }]) {
          const text = JSON.stringify(each);
          for (const operation of ["chat", "count-tokens"] as const) {
            onlyGatewayErrors(() => {
              const given = { json: { model: "m", ...each } as JsonObject, text };
              const { value: request } = bedrockConverse.request.decode(given, operation);
              onlyGatewayErrors(() => {
                const { body: again } = bedrockConverse.request.encode(request, targetOf(claude));
                JSON.parse(again);
              });
              onlyGatewayErrors(() => {
                anthropicMessages.request.encode(request, targetOf("claude-sonnet-4-5"));
              });
            });
          }
        }
        unpolluted();
      }),
      { numRuns: 400 },
    );
  });

  test("answers and errors", () => {
    fc.assert(
      fc.property(object, fc.array(value, { maxLength: 4 }), (json, content) => {
        for (const each of [json, { ...json, ...answerOf(content) }]) {
          onlyGatewayErrors(() => {
            const answer = decodeAnswer(each);
            JSON.parse(bedrockConverse.response.encode(answer, context));
            JSON.parse(anthropicMessages.response.encode(answer, context));
          });
          expect(
            bedrockConverse.error.decode(400, new Headers(), JSON.stringify(each)),
          ).toBeInstanceOf(GatewayError);
          bedrockConverse.usage("chat", each);
        }
        unpolluted();
      }),
      { numRuns: 400 },
    );
  });

  test("streams: events, and an error event at worst", () => {
    const names = [
      "messageStart",
      "contentBlockStart",
      "contentBlockDelta",
      "contentBlockStop",
      "messageStop",
      "metadata",
      "x",
    ];
    const frame = fc.record({
      event: fc.constantFrom(...names),
      json: object,
      at: fc.nat({ max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), (frames) => {
        const decoder = bedrockConverse.stream.decoder(origin);
        const encoder = bedrockConverse.stream.encoder(context);
        const events = [
          ...frames.flatMap(({ event, json, at }) =>
            decoder.push({ event, data: JSON.stringify({ contentBlockIndex: at, ...json }) }),
          ),
          ...decoder.end(),
        ];
        expect(["end", "error"]).toContain(events.at(-1)?.type ?? "none");
        for (const { data } of events.flatMap((event) => encoder.push(event))) JSON.parse(data);
        unpolluted();
      }),
      { numRuns: 400 },
    );
  });
});
