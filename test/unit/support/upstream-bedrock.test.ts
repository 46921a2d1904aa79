// The Bedrock double: signatures, what it refuses and how, what it answers, through the official SDK and byte by byte.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  type ConverseCommandInput,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { bedrockCredentials, startBedrockUpstream } from "../../support/upstream/bedrock.ts";
import { encodeMessage } from "../../support/upstream/bedrock-frames.ts";
import type { Upstream } from "../../support/upstream/upstream.ts";

let upstream: Upstream;
let client: BedrockRuntimeClient;
beforeAll(async () => {
  upstream = await startBedrockUpstream();
  client = clientFor(upstream);
});
afterAll(async () => {
  client.destroy();
  await upstream.stop();
});
beforeEach(() => upstream.reset());

function clientFor(double: Upstream, credentials = bedrockCredentials): BedrockRuntimeClient {
  const { region, ...keys } = credentials;
  return new BedrockRuntimeClient({
    endpoint: double.url,
    region,
    credentials: keys,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler(),
  });
}

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const user = (text: string) => ({ role: "user" as const, content: [{ text }] });
const weather = {
  toolSpec: {
    name: "get_weather",
    inputSchema: {
      json: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
};
const toolConfig = { tools: [weather] };
const call = (toolUseId: string) => ({ toolUse: { toolUseId, name: "get_weather", input: {} } });
const result = (toolUseId: string) => ({ toolResult: { toolUseId, content: [{ text: "sunny" }] } });
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("who calls", () => {
  const post = (headers: Record<string, string>, body = '{"messages":[]}') =>
    fetch(`${upstream.url}/model/${claude}/converse`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });

  test("the SDK's signature is taken, whatever its path and session", async () => {
    const token = { ...bedrockCredentials, sessionToken: "session/token+=" };
    const double = await startBedrockUpstream({ credentials: token });
    const signer = clientFor(double, token);
    const modelId = `arn:aws:bedrock:us-east-1:000000000000:inference-profile/${claude}`;
    await signer.send(new ConverseCommand({ modelId, messages: [user("Hi (you)!")] }));
    const bare = clientFor(double);
    const refused = bare.send(new ConverseCommand({ modelId: claude, messages: [user("x")] }));
    const error: unknown = await refused.catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("The security token included in the request is invalid.");
    await double.stop();
  });

  test("a wrong secret, a foreign key, another region", async () => {
    const wrong: [Partial<typeof bedrockCredentials>, string, string][] = [
      [
        { secretAccessKey: "x" },
        "InvalidSignatureException",
        "The request signature we calculated",
      ],
      [{ accessKeyId: "AKIAOTHER" }, "UnrecognizedClientException", "The security token included"],
      [
        { region: "eu-west-1" },
        "InvalidSignatureException",
        "Credential should be scoped to a valid",
      ],
    ];
    for (const [part, name, words] of wrong) {
      const foreign = clientFor(upstream, { ...bedrockCredentials, ...part });
      const sent = foreign.send(new ConverseCommand({ modelId: claude, messages: [user("x")] }));
      const error: unknown = await sent.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name, $metadata: { httpStatusCode: 403 } });
      expect(String(error)).toContain(words);
    }
  });

  test("a clock that is late", async () => {
    const late = new BedrockRuntimeClient({
      endpoint: upstream.url,
      region: "us-east-1",
      credentials: bedrockCredentials,
      systemClockOffset: -6 * 60_000,
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler(),
    });
    const sent = late.send(new ConverseCommand({ modelId: claude, messages: [user("x")] }));
    expect(String(await sent.catch((thrown: unknown) => thrown))).toMatch(
      /InvalidSignatureException: Signature expired: \d{8}T\d{6}Z is now earlier than/,
    );
  });

  test("no credential, a Bearer key, a foreign Bearer key", async () => {
    const none = await post({});
    expect(none.status).toBe(403);
    expect(none.headers.get("x-amzn-errortype")).toStartWith(
      "MissingAuthenticationTokenException:",
    );
    expect(await none.json()).toEqual({ message: "Missing Authentication Token" });
    expect((await post({ authorization: "Bearer k" })).status).toBe(400);
    const foreign = await post({ authorization: "Bearer other" });
    expect([foreign.status, await foreign.json()]).toEqual([
      403,
      { Message: "Authentication failed: Please make sure your API Key is valid." },
    ]);
  });

  test("a body that was changed behind the signature", async () => {
    const { headers } = await signed();
    const response = await post({ ...headers }, JSON.stringify({ messages: [user("Hi?")] }));
    expect(response.headers.get("x-amzn-errortype")).toStartWith("InvalidSignatureException");
  });

  async function signed(): Promise<{ headers: Record<string, string> }> {
    await client.send(new ConverseCommand({ modelId: claude, messages: [user("Hi!")] }));
    const headers: Record<string, string> = upstream.requests[0]?.headers ?? {};
    const {
      authorization = "",
      "x-amz-date": date = "",
      "x-amz-content-sha256": sha = "",
    } = headers;
    return { headers: { authorization, "x-amz-date": date, "x-amz-content-sha256": sha } };
  }
});

describe("requests that are refused", () => {
  const loop = (assistant: unknown[], answer: unknown[], more: object = {}) => ({
    toolConfig,
    messages: [
      user("x"),
      { role: "assistant", content: assistant },
      { role: "user", content: answer },
    ],
    ...more,
  });
  const says = (content: unknown[]) => ({ messages: [{ role: "user", content }] });
  const thought = { reasoningContent: { reasoningText: { text: "Hm.", signature: "forged" } } };
  const cases: Record<string, readonly [body: unknown, message: string, model?: string]> = {
    "nothing said": [
      { messages: [] },
      "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    ],
    "two user turns": [
      { messages: [user("a"), user("b")] },
      "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
    ],
    "no content": [
      says([]),
      "The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again.",
    ],
    "blank text": [
      says([{ text: "" }]),
      "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.",
    ],
    "no member": [
      says([{}]),
      "ContentBlock object at messages.0.content.0 must set one of the following keys: text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult.",
    ],
    "two members": [
      says([{ text: "x", cachePoint: { type: "default" } }]),
      "ContentBlock object at messages.0.content.0 must set one",
    ],
    "null content": [
      { messages: [{ role: "user" }] },
      "1 validation error detected: Value null at 'messages.1.member.content' failed to satisfy constraint: Member must not be null",
    ],
    "a string for a list": [
      { messages: [{ role: "user", content: "x" }] },
      "STRING_VALUE can not be converted to a List",
    ],
    "a foreign role and a hot temperature": [
      { messages: [{ ...user("x"), role: "tool" }], inferenceConfig: { temperature: 2 } },
      "2 validation errors detected: Value 'tool' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]; Value '2' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1",
    ],
    "a call's name": [
      loop([{ toolUse: { toolUseId: "a", name: "get.weather", input: {} } }], [result("a")]),
      "Value 'get.weather' at 'messages.2.member.content.1.member.toolUse.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
    ],
    "an unanswered call": [
      loop([call("a"), call("b")], [result("a")]),
      "Expected toolResult blocks at messages.2.content for the following Ids: b",
    ],
    "a result for nothing": [
      says([result("a")]),
      "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn.",
    ],
    "tools unknown": [
      loop([call("a")], [result("a")], { toolConfig: undefined }),
      "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    ],
    "arguments that are no object": [
      loop([{ toolUse: { toolUseId: "a", name: "get_weather", input: "{}" } }], [result("a")]),
      "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object for the field and try again.",
    ],
    "an empty error": [
      loop([call("a")], [{ toolResult: { toolUseId: "a", content: [], status: "error" } }]),
      "The content field at messages.2.content.0.toolResult cannot be empty when status value is error.",
    ],
    "a document's name": [
      says([
        { text: "x" },
        { document: { name: "a.pdf", format: "pdf", source: { bytes: "JVBERi0=" } } },
      ]),
      "The document file name can only contain alphanumeric characters",
    ],
    "a document alone": [
      says([{ document: { name: "a", format: "pdf", source: { bytes: "JVBERi0=" } } }]),
      "A text block must be included when using documents.",
    ],
    "an image's format": [
      says([{ image: { format: "jpg", source: { bytes: png } } }]),
      "Value 'jpg' at 'messages.1.member.content.1.member.image.format' failed to satisfy constraint: Member must satisfy enum value set: [png, jpeg, gif, webp]",
    ],
    "an image that is another": [
      says([{ image: { format: "jpeg", source: { bytes: png } } }]),
      "The model returned the following errors: messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media type",
    ],
    "too many cache points": [
      {
        messages: [
          {
            role: "user",
            content: Array.from({ length: 5 }, () => [
              { text: "x" },
              { cachePoint: { type: "default" } },
            ]).flat(),
          },
        ],
      },
      "The model returned the following errors: A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ],
    "a field no Claude knows": [
      { messages: [user("x")], additionalModelRequestFields: { frequency_penalty: 1 } },
      "The model returned the following errors: frequency_penalty: Extra inputs are not permitted",
    ],
    "a field Nova does not know": [
      { messages: [user("x")], additionalModelRequestFields: { top_k: 1 } },
      "The model returned the following errors: Malformed input request: #: extraneous key [top_k] is not permitted, please reformat your input and try again.",
      "amazon.nova-lite-v1:0",
    ],
    "a forged signature": [
      loop([thought, call("a")], [result("a")]),
      "The model returned the following errors: messages.1.content.0: Invalid `signature` in `thinking` block",
    ],
    "thinking left out": [
      loop([call("a")], [result("a")], {
        additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 1024 } },
      }),
      "The model returned the following errors: messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
    ],
    "an unknown model": [
      { messages: [user("x")] },
      "The provided model identifier is invalid.",
      "anthropic.claude-nothing-v1:0",
    ],
    "a turn that mixes, for Llama": [
      loop([call("a")], [result("a"), { text: "Go on." }]),
      "messages.2.content: Conversation blocks and tool result blocks cannot be provided in the same turn.",
      "us.meta.llama4-maverick-17b-instruct-v1:0",
    ],
  };
  for (const [name, [body, message, model = claude]] of Object.entries(cases)) {
    test(name, async () => {
      const response = await fetch(`${upstream.url}/model/${encodeURIComponent(model)}/converse`, {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const told = (await response.json()) as { message: string };
      expect(told.message).toContain(message);
      expect(response.status).toBe(400);
    });
  }

  test("unknown members fall away, or are a fault where that is asked for", async () => {
    const strict = await startBedrockUpstream({ unknownMembers: "refuse" });
    const statuses: number[] = [];
    for (const double of [upstream, strict]) {
      const response = await fetch(`${double.url}/model/${claude}/converse`, {
        method: "POST",
        headers: { authorization: "Bearer k" },
        body: JSON.stringify({ messages: [user("x")], topK: 1 }),
      });
      statuses.push(response.status);
    }
    await strict.stop();
    expect(statuses).toEqual([200, 400]);
  });

  test("adaptive thinking, too, is wanted back where that is asked for", async () => {
    const strict = await startBedrockUpstream({ demandSignatures: true });
    const body = loop([call("a")], [result("a")], {
      additionalModelRequestFields: { thinking: { type: "adaptive" } },
    });
    const response = await fetch(`${strict.url}/model/us.anthropic.claude-sonnet-4-6/converse`, {
      method: "POST",
      headers: { authorization: "Bearer k" },
      body: JSON.stringify(body),
    });
    await strict.stop();
    expect(await response.json()).toMatchObject({
      message: expect.stringContaining("but found `tool_use`"),
    });
  });
});

describe("answers through the SDK", () => {
  const converse = (input: Partial<ConverseCommandInput>) =>
    client.send(new ConverseCommand({ modelId: claude, messages: [user("Hello.")], ...input }));

  async function streamed(input: Partial<ConverseCommandInput>) {
    const answer = await client.send(
      new ConverseStreamCommand({ modelId: claude, messages: [user("Hello.")], ...input }),
    );
    return Array.fromAsync(answer.stream ?? []);
  }

  test("text, and its bill", async () => {
    const answer = await converse({});
    expect(answer.output?.message?.content).toEqual([{ text: "Hello." }]);
    expect(answer.stopReason).toBe("end_turn");
    const total = upstream.bill.total(claude);
    expect(answer.usage).toMatchObject({
      inputTokens: total.inputTokens,
      outputTokens: total.outputTokens,
      totalTokens: total.inputTokens + total.outputTokens,
    });
    expect(upstream.bill.entries).toMatchObject([{ complete: true, stream: false }]);
  });

  test("a stream tells the same, with checksums that the SDK believes", async () => {
    upstream.script({
      kind: "tool-calls",
      text: "Look.",
      reasoning: "Hm.",
      calls: [
        { name: "get_weather", args: '{"city": "Å"}', id: "tooluse_1" },
        { name: "get_weather", args: {} },
      ],
    });
    const events = await streamed({ toolConfig });
    const deltas = events.flatMap((event) =>
      event.contentBlockDelta ? [event.contentBlockDelta] : [],
    );
    const text = deltas.map((one) => one.delta?.text ?? "").join("");
    const args = deltas
      .filter((one) => one.contentBlockIndex === 2)
      .map((one) => one.delta?.toolUse?.input ?? "")
      .join("");
    expect([text, args]).toEqual(["Look.", '{"city": "Å"}']);
    expect(deltas.some((one) => (one.delta?.reasoningContent?.signature ?? "") !== "")).toBe(true);
    expect(events.at(-2)?.messageStop?.stopReason).toBe("tool_use");
    const [entry] = upstream.bill.entries;
    expect(events.at(-1)?.metadata?.usage).toMatchObject({
      inputTokens: entry?.inputTokens,
      outputTokens: entry?.outputTokens,
    });
    expect(entry).toMatchObject({ complete: true, stream: true });
  });

  test("reasoning comes back signed, and is taken back", async () => {
    const additionalModelRequestFields = { thinking: { type: "enabled", budget_tokens: 1024 } };
    const messages = [user("use tool")];
    const first = await converse({ messages, toolConfig, additionalModelRequestFields });
    const said = first.output?.message ?? { role: "assistant", content: [] };
    const id = said.content?.find((block) => block.toolUse)?.toolUse?.toolUseId ?? "";
    const second = await converse({
      messages: [...messages, said, { role: "user", content: [result(id)] }],
      toolConfig,
      additionalModelRequestFields,
    });
    expect(second.output?.message?.content?.at(-1)).toEqual({ text: "The tool said: sunny" });
  });

  test("the cache is written once, then read", async () => {
    const system = [
      { text: "x".repeat(8000) },
      { cachePoint: { type: "default" as const, ttl: "1h" as const } },
    ];
    const [first, second] = [await converse({ system }), await converse({ system })];
    expect(first.usage?.cacheDetails).toEqual([{ ttl: "1h", inputTokens: 2000 }]);
    expect(second.usage).toMatchObject({ cacheReadInputTokens: 2000, cacheWriteInputTokens: 0 });
    expect(upstream.bill.total()).toMatchObject({
      cachedInputTokens: 2000,
      cacheWrite1hTokens: 2000,
    });
  });

  test("pictures, JSON and limits", async () => {
    const image = {
      image: { format: "png" as const, source: { bytes: Buffer.from(png, "base64") } },
    };
    const seen = await converse({
      messages: [{ role: "user", content: [{ text: "See" }, image] }],
    });
    expect(seen.output?.message?.content).toEqual([{ text: "See [image image/png 70 bytes]" }]);
    const schema = JSON.stringify({
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    });
    const made = await converse({
      outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema: { schema } } } },
    });
    expect(made.output?.message?.content).toEqual([{ text: '{"a":1}' }]);
    const cut = await converse({ inferenceConfig: { maxTokens: 1 } });
    expect(cut.stopReason).toBe("max_tokens");
    const stopped = await converse({
      inferenceConfig: { stopSequences: ["l"] },
      additionalModelResponseFieldPaths: ["/stop_sequence"],
    });
    expect([stopped.stopReason, stopped.additionalModelResponseFields]).toEqual([
      "stop_sequence",
      { stop_sequence: "l" },
    ]);
  });

  test("errors, before and within a stream", async () => {
    upstream.script([
      { kind: "error", status: 429, type: "ThrottlingException", message: "Too many requests." },
      { kind: "error-in-stream", type: "throttlingException", message: "Slow down." },
    ]);
    expect(await converse({}).catch((error: unknown) => error)).toMatchObject({
      name: "ThrottlingException",
      message: "Too many requests.",
    });
    expect(await streamed({}).catch((error: unknown) => error)).toMatchObject({
      name: "ThrottlingException",
      message: "Slow down.",
    });
  });

  test("a stream that is dripped is whole; one that is cut is billed for what it told", async () => {
    const answer = { kind: "text", text: "one two three four" } as const;
    upstream.script([
      { kind: "drip", bytes: 3, answer },
      { kind: "cut", afterFrames: 3, answer },
    ]);
    const dripped = await streamed({});
    expect(dripped.map((event) => event.contentBlockDelta?.delta?.text ?? "").join("")).toBe(
      answer.text,
    );
    expect(await streamed({}).catch(() => "broken")).toBe("broken");
    expect(upstream.bill.entries).toMatchObject([
      { complete: true },
      { complete: false, outputTokens: 2 },
    ]);
  });

  test("Claude's own body, whole and as a stream", async () => {
    const body = JSON.stringify({
      anthropic_version: "bedrock-2023-05-31",
      max_tokens: 50,
      messages: [{ role: "user", content: "Hello." }],
    });
    const whole = await client.send(new InvokeModelCommand({ modelId: claude, body }));
    expect(JSON.parse(whole.body.transformToString())).toMatchObject({
      id: expect.stringMatching(/^msg_bdrk_/),
      content: [{ type: "text", text: "Hello." }],
    });
    const stream = await client.send(
      new InvokeModelWithResponseStreamCommand({ modelId: claude, body }),
    );
    const events = (await Array.fromAsync(stream.body ?? [])).map((event) =>
      JSON.parse(new TextDecoder().decode(event.chunk?.bytes)),
    );
    expect(events.map((event) => event.type)).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(events.at(-1)["amazon-bedrock-invocationMetrics"].outputTokenCount).toBe(
      upstream.bill.entries[1]?.outputTokens,
    );
    const wrong = client.send(
      new InvokeModelCommand({
        modelId: claude,
        body: JSON.stringify({ model: "x", stream: true, messages: [] }),
      }),
    );
    expect(await wrong.catch((error: unknown) => error)).toMatchObject({
      name: "ValidationException",
      message:
        "Malformed input request: #: required key [anthropic_version] not found#: extraneous key [stream] is not permitted#: extraneous key [model] is not permitted, please reformat your input and try again.",
    });
  });

  test("tokens counted, vectors, too many texts", async () => {
    const counted = await client.send(
      new CountTokensCommand({
        modelId: "anthropic.claude-sonnet-4-5-20250929-v1:0",
        input: { converse: { messages: [user("Hello.")] } },
      }),
    );
    expect(counted.inputTokens).toBe(5);
    const embed = async (modelId: string, body: unknown) => {
      const answer = await client.send(
        new InvokeModelCommand({ modelId, body: JSON.stringify(body) }),
      );
      return JSON.parse(answer.body.transformToString());
    };
    const titan = await embed("amazon.titan-embed-text-v2:0", {
      inputText: "abcd",
      dimensions: 256,
    });
    expect([titan.embedding.length, titan.inputTextTokenCount]).toEqual([256, 1]);
    const cohere = await embed("cohere.embed-english-v3", {
      texts: ["a", "b"],
      input_type: "search_query",
    });
    expect(cohere.embeddings.map((one: number[]) => one.length)).toEqual([1024, 1024]);
    const many = embed("cohere.embed-english-v3", {
      texts: Array.from({ length: 97 }, () => "x"),
      input_type: "search_query",
    });
    expect(String(await many.catch((error: unknown) => error))).toContain(
      "#/texts: expected maximum item count: 96, found: 97",
    );
  });
});

test("a frame is what the description says, byte by byte", () => {
  const frame = encodeMessage({ a: "b" }, new TextEncoder().encode("{}"));
  expect(Buffer.from(frame).toString("hex")).toStartWith("0000001800000006");
  expect(Buffer.from(frame).subarray(12, 20).toString("hex")).toBe("0161070001627b7d");
  expect(frame.length).toBe(24);
});
