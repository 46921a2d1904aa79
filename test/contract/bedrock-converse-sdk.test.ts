// Amazon's own SDK reads what the dialect writes, and the dialect reads what the SDK sends.
import { afterAll, describe, expect, test } from "bun:test";
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  type ConverseStreamOutput,
  CountTokensCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { bedrockInvoke } from "../../src/dialects/anthropic-messages/envelopes.ts";
import { bedrockConverse } from "../../src/dialects/bedrock-converse/index.ts";
import type { AnswerContext } from "../../src/dialects/dialect.ts";
import type { ChatRequest, ChatResponse, Part } from "../../src/ir/chat.ts";
import { type ErrorCode, GatewayError } from "../../src/ir/error.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { expand } from "../../src/ir/fold.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { eventstream } from "../../src/lib/eventstream.ts";
import type { Frame } from "../../src/lib/frame.ts";
import type { Framing } from "../../src/lib/framing.ts";
import type { JsonObject } from "../../src/lib/json.ts";

let answer: () => Response = () => new Response(null, { status: 500 });
let asked: { path: string; text: string } = { path: "", text: "" };

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    asked = { path: new URL(request.url).pathname, text: await request.text() };
    return answer();
  },
});
const client = new BedrockRuntimeClient({
  region: "us-east-1",
  endpoint: server.url.href,
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  requestHandler: new NodeHttpHandler(),
  maxAttempts: 1,
});
afterAll(async () => {
  client.destroy();
  await server.stop(true);
});

const context: AnswerContext = { model: "m", includeUsage: true, warn: () => {} };
const modelId = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const messages = [{ role: "user" as const, content: [{ text: "hi" }] }];

/** What the gateway holds of the SDK's request. */
function received(): ChatRequest {
  const json = { ...(JSON.parse(asked.text) as JsonObject), model: modelId };
  return bedrockConverse.request.decode({ json, text: asked.text }, "chat").value;
}

const foreign = (part: Partial<Part>): Part =>
  ({ origin: { dialect: "openai-responses", provider: "openai", model: "gpt" }, ...part }) as Part;

const response: ChatResponse = {
  id: "chatcmpl-1",
  model: "gpt",
  candidates: [
    {
      parts: [
        foreign({ type: "reasoning", text: "let me see", encrypted: "gAAAA" }),
        { type: "text", text: "I look é" },
        {
          type: "tool-call",
          id: "call_1",
          name: "get_weather",
          args: '{"city":"Paris"}',
          executor: "client",
        },
        { type: "tool-call", id: "call.2", name: "now", args: "", executor: "client" },
      ],
      finish: { reason: "tool-calls", raw: "tool_calls" },
    },
  ],
  usage: createUsage({ total: 100, cacheRead: 40, cacheWrite1h: 10 }, { total: 7 }),
};
const usage = {
  inputTokens: 50,
  outputTokens: 7,
  totalTokens: 107,
  cacheReadInputTokens: 40,
  cacheWriteInputTokens: 10,
  cacheDetails: [{ ttl: "1h", inputTokens: 10 }],
};
const calls = [
  { toolUse: { toolUseId: "call_1", name: "get_weather", input: { city: "Paris" } } },
  { toolUse: { toolUseId: "call_u2e_2", name: "now", input: {} } },
];

function streamed(frames: readonly Frame[], framing: Framing = eventstream): Response {
  const writer = framing.createWriter();
  const bytes = Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]);
  return new Response(bytes, { headers: { "content-type": framing.contentType } });
}

function encoded(events: readonly ChatEvent[]): Frame[] {
  const encoder = bedrockConverse.stream.encoder(context);
  return events.flatMap((event) => encoder.push(event));
}

describe("Converse", () => {
  test("an answer of another provider", async () => {
    answer = () =>
      new Response(bedrockConverse.response.encode(response, context), {
        headers: { "content-type": "application/json" },
      });
    const told = await client.send(new ConverseCommand({ modelId, messages }));
    expect(asked.path).toBe(`/model/${encodeURIComponent(modelId)}/converse`);
    expect(told.stopReason).toBe("tool_use");
    expect(told.usage).toEqual(usage as typeof told.usage);
    expect(told.metrics?.latencyMs).toBeNumber();
    const content = told.output?.message?.content ?? [];
    expect(content[0]?.reasoningContent?.reasoningText).toMatchObject({ text: "let me see" });
    expect(content.slice(1)).toEqual([{ text: "I look é" }, ...calls] as typeof content);
    // The SDK sends its history back as it is: the foreign reasoning finds its way to whoever made it.
    const turn = { role: "assistant" as const, content };
    const results = content.flatMap(({ toolUse }) =>
      toolUse ? [{ toolResult: { toolUseId: toolUse.toolUseId, content: [{ text: "ok" }] } }] : [],
    );
    await client.send(
      new ConverseCommand({
        modelId,
        messages: [...messages, turn, { role: "user", content: results }],
      }),
    );
    const [, history, last] = received().messages;
    expect(history?.parts.map((part) => ({ ...part, ext: undefined }))).toEqual(
      response.candidates[0]?.parts.map((part) => ({
        ...part,
        ...(part.type === "tool-call" && part.args === "" ? { args: "{}" } : {}),
        ext: undefined,
      })) as never,
    );
    expect(last?.parts).toMatchObject([{ callId: "call_1" }, { callId: "call.2" }]);
    expect(bedrockConverse.carriesForeign?.(Buffer.from(asked.text), {})).toBe(true);
  });

  test("everything that the SDK can say is understood", async () => {
    const bytes = Buffer.from("iVBORw0KGgo=", "base64");
    await client.send(
      new ConverseCommand({
        modelId,
        system: [{ text: "be brief" }, { cachePoint: { type: "default" } }],
        messages: [
          {
            role: "user",
            content: [
              { text: "look" },
              { image: { format: "png", source: { bytes } } },
              { document: { format: "pdf", name: "a b", source: { bytes } } },
              { video: { format: "mp4", source: { s3Location: { uri: "s3://b/v" } } } },
            ],
          },
        ],
        inferenceConfig: { maxTokens: 9, temperature: 0.5, topP: 0.9, stopSequences: ["X"] },
        toolConfig: {
          tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object" } } } }],
          toolChoice: { any: {} },
        },
        additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2048 } },
        outputConfig: {
          textFormat: {
            type: "json_schema",
            structure: { jsonSchema: { schema: '{"type":"object"}', name: "n" } },
          },
        },
        serviceTier: { type: "flex" },
        requestMetadata: { team: "blue" },
      }),
    );
    const request = received();
    expect(request).toMatchObject({
      model: modelId,
      tools: [{ type: "function", name: "f", parameters: { type: "object" } }],
      toolChoice: { type: "required" },
      settings: { maxOutputTokens: 9, temperature: 0.5, topP: 0.9, stop: ["X"] },
      reasoning: { mode: "budget", tokens: 2048 },
      responseFormat: { type: "json-schema", name: "n", schema: { type: "object" } },
      account: { serviceTier: "flex", metadata: { team: "blue" } },
    });
    expect(request.messages[0]?.parts).toMatchObject([{ text: "be brief", cache: {} }]);
    expect(request.messages[1]?.parts).toMatchObject([
      { type: "text", text: "look" },
      { type: "image", source: { kind: "base64", data: "iVBORw0KGgo=", mediaType: "image/png" } },
      { type: "file", name: "a b", source: { kind: "base64", mediaType: "application/pdf" } },
      { type: "file", source: { kind: "file-id", id: "s3://b/v" } },
    ]);
  });

  test.each<[code: ErrorCode, status: number, name: string]>([
    ["invalid_request", 400, "ValidationException"],
    ["unauthenticated", 401, "AccessDeniedException"],
    ["forbidden", 403, "AccessDeniedException"],
    ["model_not_found", 404, "ResourceNotFoundException"],
    ["rate_limited", 429, "ThrottlingException"],
    ["internal", 500, "InternalServerException"],
    ["no_route", 503, "ServiceUnavailableException"],
    ["upstream_timeout", 504, "ModelTimeoutException"],
  ])("the error %s (%d) is the SDK's %s", async (code, status, name) => {
    const error = new GatewayError(code, "this and that");
    answer = () =>
      new Response(bedrockConverse.error.encode(error, "req_1"), {
        status: error.status,
        headers: { "content-type": "application/json", ...bedrockConverse.error.headers?.(error) },
      });
    const caught = await client
      .send(new ConverseCommand({ modelId, messages }))
      .catch((each) => each);
    expect(error.status).toBe(status);
    expect(caught).toMatchObject({ name, message: "this and that" });
    expect(caught.$metadata.httpStatusCode).toBe(status);
    expect(caught.constructor.name).toBe(name);
  });
});

async function eventsOf(command: ConverseStreamCommand): Promise<ConverseStreamOutput[]> {
  const { stream } = await client.send(command);
  const events: ConverseStreamOutput[] = [];
  for await (const event of stream ?? []) events.push(event);
  return events;
}

describe("ConverseStream", () => {
  test("an answer of another provider, calls interleaved", async () => {
    const events = expand(response);
    // Both calls open at once.
    const second = events.findIndex((event) => event.type === "part-start" && event.index === 3);
    const [opening] = events.splice(second, 1);
    const first = events.findIndex((event) => event.type === "part-start" && event.index === 2);
    if (opening) events.splice(first + 1, 0, opening);
    answer = () => streamed(encoded(events));
    const got = await eventsOf(new ConverseStreamCommand({ modelId, messages }));
    expect(Object.keys(got[0] ?? {})).toEqual(["messageStart"]);
    expect(got.at(-2)?.messageStop).toEqual({ stopReason: "tool_use" });
    expect(got.at(-1)?.metadata?.usage).toEqual(usage as never);
    expect(got.at(-1)?.metadata?.metrics?.latencyMs).toBeNumber();
    expect(blocksOf(got)).toEqual([
      { reasoning: "let me see", signature: expect.stringMatching(/^megallm\./) },
      { text: "I look é" },
      { name: "get_weather", id: "call_1", input: '{"city":"Paris"}' },
      { name: "now", id: "call_u2e_2", input: "{}" },
    ]);
  });

  test.each<[code: ErrorCode, name: string]>([
    ["upstream_rate_limited", "ThrottlingException"],
    ["upstream_unavailable", "InternalServerException"],
    ["unavailable", "ServiceUnavailableException"],
    ["upstream_rejected", "ValidationException"],
  ])("%s in the middle is the SDK's %s", async (code, name) => {
    const events: ChatEvent[] = [
      { type: "start", id: "x", model: "m" },
      { type: "part-start", candidate: 0, index: 0, part: { type: "text", text: "so far" } },
      { type: "error", error: new GatewayError(code, "no luck") },
      { type: "end" },
    ];
    answer = () => streamed(encoded(events));
    const { stream } = await client.send(new ConverseStreamCommand({ modelId, messages }));
    const seen: ConverseStreamOutput[] = [];
    const read = async (): Promise<void> => {
      for await (const event of stream ?? []) seen.push(event);
    };
    const caught = await read().then(
      () => undefined,
      (error: Error) => error,
    );
    expect(caught).toMatchObject({ name, message: "no luck" });
    expect(seen.map((event) => Object.keys(event)[0])).toEqual([
      "messageStart",
      "contentBlockDelta",
    ]);
  });
});

/** The blocks of a stream, as agents gather them. */
function blocksOf(events: readonly ConverseStreamOutput[]): Record<string, string>[] {
  const blocks: Record<string, string>[] = [];
  for (const { contentBlockStart: start, contentBlockDelta: change } of events) {
    const at = start?.contentBlockIndex ?? change?.contentBlockIndex;
    if (at === undefined) continue;
    const block = (blocks[at] ??= {});
    const add = (key: string, value: string | undefined): void => {
      if (value !== undefined) block[key] = (block[key] ?? "") + value;
    };
    add("name", start?.start?.toolUse?.name);
    add("id", start?.start?.toolUse?.toolUseId);
    add("text", change?.delta?.text);
    add("input", change?.delta?.toolUse?.input);
    add("reasoning", change?.delta?.reasoningContent?.text);
    add("signature", change?.delta?.reasoningContent?.signature);
  }
  return blocks;
}

test("CountTokens", async () => {
  answer = () =>
    new Response(bedrockConverse.encodeTokenCount?.(42), {
      headers: { "content-type": "application/json" },
    });
  const anthropic = {
    anthropic_version: "bedrock-2023-05-31",
    messages: [{ role: "user", content: "hi" }],
    system: "be brief",
  };
  const inputs = [
    { converse: { messages, system: [{ text: "be brief" }] } },
    { invokeModel: { body: Buffer.from(JSON.stringify(anthropic)) } },
  ];
  for (const input of inputs) {
    const { inputTokens } = await client.send(new CountTokensCommand({ modelId, input }));
    expect(inputTokens).toBe(42);
    const json = { ...(JSON.parse(asked.text) as JsonObject), model: modelId };
    const { value } = bedrockConverse.request.decode({ json, text: asked.text }, "count-tokens");
    expect(value.messages.map(({ role, parts }) => [role, parts])).toMatchObject([
      ["system", [{ text: "be brief" }]],
      ["user", [{ text: "hi" }]],
    ]);
  }
});

describe("InvokeModelWithResponseStream", () => {
  const read = async (frames: readonly Frame[]): Promise<string[]> => {
    answer = () => streamed(frames, bedrockInvoke.framing);
    const { body } = await client.send(
      new InvokeModelWithResponseStreamCommand({
        modelId,
        body: "{}",
        contentType: "application/json",
      }),
    );
    const texts: string[] = [];
    for await (const { chunk } of body ?? []) texts.push(new TextDecoder().decode(chunk?.bytes));
    return texts;
  };

  test("Anthropic's events as chunks", async () => {
    const data = ['{"type":"message_start"}', '{"type":"message_stop","é":1}'];
    const frames = data.map((each) => ({ event: "message_start", data: each }));
    expect(await read(frames)).toEqual(data);
  });

  test("Anthropic's error as an exception", async () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const caught = await read([{ event: "error", data: JSON.stringify(error) }]).catch(
      (each) => each,
    );
    expect(caught).toMatchObject({ name: "ServiceUnavailableException", message: "Overloaded" });
  });
});
