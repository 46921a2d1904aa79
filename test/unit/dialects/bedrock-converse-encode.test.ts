// Requests for Bedrock: its rules, family by family, and what is told of what does not fit.
import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import { bedrockConverse } from "../../../src/dialects/bedrock-converse/index.ts";
import type { Quirks, Target } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest, Message, Part, ToolCallPart } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const sonnet45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const sonnet46 = "us.anthropic.claude-sonnet-4-6";
const nova = "us.amazon.nova-pro-v1:0";
const nova2 = "us.amazon.nova-2-lite-v1:0";
const llama = "us.meta.llama4-maverick-17b-instruct-v1:0";
const mistral = "mistral.mistral-large-3-675b-instruct";
const qwen = "qwen.qwen3-32b-v1:0";
const gptOss = "openai.gpt-oss-120b-1:0";

const targetOf = (model: string, more: Partial<Target> = {}): Target => ({
  provider: "bedrock",
  model,
  quirks: {},
  facts: {},
  ...more,
});

const text = (said: string): Part => ({ type: "text", text: said });
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const assistant = (...parts: Part[]): Message => ({ role: "assistant", parts });
const call = (id: string, more: Partial<ToolCallPart> = {}): Part => ({
  type: "tool-call",
  id,
  name: "f",
  args: "{}",
  executor: "client",
  ...more,
});
const result = (callId: string, said = "ok", isError = false): Part => ({
  type: "tool-result",
  callId,
  parts: said === "" ? [] : [{ type: "text", text: said }],
  isError,
});
const tool = { type: "function" as const, name: "f", parameters: { type: "object" } };

const requestOf = (more: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "any",
  messages: [user(text("hi"))],
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...more,
});

interface Encoded {
  body: JsonObject;
  lost: string[];
}

function encode(more: Partial<ChatRequest>, model = sonnet45, quirks: Quirks = {}): Encoded {
  const { body, warnings } = bedrockConverse.request.encode(
    requestOf(more),
    targetOf(model, { quirks }),
  );
  return { body: JSON.parse(body), lost: warnings.map(({ field }) => field) };
}

const turns = (messages: Message[], model = sonnet45): { role: string; content: unknown[] }[] =>
  encode({ messages }, model).body["messages"] as never;

describe("turns", () => {
  test("model and stream are in the path, nothing empty is sent", () => {
    expect(encode({ stream: true }).body).toEqual({
      messages: [{ role: "user", content: [{ text: "hi" }] }],
    });
  });

  test("roles alternate", () => {
    const messages = [
      user(text("a")),
      user(text("b")),
      assistant(text("c")),
      assistant(text("d")),
      user(text("e")),
    ];
    expect(turns(messages).map(({ role, content }) => [role, content.length])).toEqual([
      ["user", 2],
      ["assistant", 2],
      ["user", 1],
    ]);
  });

  test("the user begins, and answers last where the model continues nothing", () => {
    const { body, lost } = encode({ messages: [assistant(text("x"))] }, llama);
    expect(body["messages"]).toEqual([
      { role: "user", content: [{ text: "(start of conversation)" }] },
      { role: "assistant", content: [{ text: "x" }] },
      { role: "user", content: [{ text: "Continue." }] },
    ]);
    expect(lost).toEqual(["messages", "messages"]);
  });

  test("a prefill without space at its end where the model takes one", () => {
    expect(turns([user(text("a")), assistant(text("so: "))])[1]?.content).toEqual([
      { text: "so:" },
    ]);
    expect(turns([user(text("a")), assistant(text("so: "))], sonnet46)).toHaveLength(3);
  });

  test("blank text is left out, and a message of nothing else", () => {
    const { body, lost } = encode({
      messages: [user(text("a"), text(" \n")), assistant(text(""))],
    });
    expect(body["messages"]).toEqual([{ role: "user", content: [{ text: "a" }] }]);
    expect(lost).toEqual(["messages[1]"]);
  });

  test("a system prompt, and one within the conversation", () => {
    const system: Message = { role: "system", parts: [text("be kind")] };
    const { body, lost } = encode({
      messages: [system, user(text("a")), assistant(text("b")), system, user(text("c"))],
    });
    expect(body["system"]).toEqual([{ text: "be kind" }]);
    expect(body["messages"]).toHaveLength(3);
    expect(JSON.stringify(body["messages"])).toContain("<system-reminder>\\nbe kind");
    expect(lost).toEqual(["messages"]);
  });

  test("results stand first, all in one message, right behind their calls", () => {
    const messages = [
      user(text("go")),
      assistant(call("a"), text("calling"), call("b")),
      user(text("here"), result("b")),
      user(result("a")),
    ];
    const [, calls, results] = turns(messages);
    expect(calls?.content).toEqual([
      { text: "calling" },
      { toolUse: { toolUseId: "a", name: "f", input: {} } },
      { toolUse: { toolUseId: "b", name: "f", input: {} } },
    ]);
    expect(results?.content).toEqual([
      { toolResult: { toolUseId: "b", content: [{ text: "ok" }] } },
      { toolResult: { toolUseId: "a", content: [{ text: "ok" }] } },
      { text: "here" },
    ]);
  });

  test("a call without a result gets one, a result without a call becomes text", () => {
    const messages = [
      user(text("go")),
      assistant(call("a")),
      user(result("zzz", "lost")),
      assistant(text("x")),
      user(text("y")),
    ];
    const { body, lost } = encode({ messages });
    expect((body["messages"] as JsonObject[])[2]?.["content"]).toEqual([
      { toolResult: { toolUseId: "a", content: [{ text: "(no result)" }], status: "error" } },
      { text: "lost" },
    ]);
    expect(lost).toEqual(["messages", "messages"]);
  });

  test("a failed call always says something", () => {
    const messages = [user(text("go")), assistant(call("a")), user(result("a", "", true))];
    expect(turns(messages)[2]?.content).toEqual([
      { toolResult: { toolUseId: "a", content: [{ text: "(no output)" }], status: "error" } },
    ]);
  });

  test("results as objects where the model takes no others", () => {
    const messages = [
      user(text("go")),
      assistant(call("a"), call("b")),
      user(result("a", '{"x":1.0}'), result("b", "plain")),
    ];
    const { body } = bedrockConverse.request.encode(requestOf({ messages }), targetOf(mistral));
    expect(body).toContain('"content":[{"json":{"x":1.0}}]');
    expect(body).toContain('"content":[{"json":{"result":"plain"}}]');
  });
});

describe("tools", () => {
  test("names and ids in Bedrock's characters, and back", () => {
    const named = { ...tool, name: "files.read" };
    const id = `call:${"x".repeat(90)}`;
    const messages = [
      user(text("go")),
      assistant(call(id, { name: "files.read" })),
      user(result(id)),
    ];
    const { body } = encode({
      messages,
      tools: [named],
      toolChoice: { type: "tool", name: "files.read" },
    });
    expect(body["toolConfig"]).toMatchObject({
      tools: [{ toolSpec: { name: "files_u2e_read" } }],
      toolChoice: { tool: { name: "files_u2e_read" } },
    });
    const found = JSON.stringify(body["messages"]).match(/"toolUseId":"[^"]+"/g) ?? [];
    expect(new Set(found).size).toBe(1);
    expect(found[0]).toMatch(/^"toolUseId":"[a-zA-Z0-9_-]{1,64}"$/);
    const answer = {
      output: {
        message: { content: [{ toolUse: { toolUseId: "t", name: "files_u2e_read", input: {} } }] },
      },
      stopReason: "tool_use",
    };
    const { value } = bedrockConverse.response.decode(
      { json: answer, text: JSON.stringify(answer) },
      { dialect: "bedrock-converse" },
    );
    expect(value.candidates[0]?.parts).toMatchObject([{ name: "files.read" }]);
  });

  test("a name too long to be told back is another deployment's", () => {
    expect(() => encode({ tools: [{ ...tool, name: "n".repeat(65) }] })).toThrow(
      expect.objectContaining({ code: "unsupported_feature", param: "tools[0].name" }),
    );
  });

  test("calls in the history need a declaration", () => {
    const messages = [user(text("go")), assistant(call("a")), user(result("a"))];
    expect(encode({ messages }).body["toolConfig"]).toMatchObject({
      tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object" } } } }],
    });
  });

  test("arguments that are no object are wrapped", () => {
    const messages = [user(text("go")), assistant(call("a", { args: "[1]" })), user(result("a"))];
    const { body, lost } = encode({ messages, tools: [tool] });
    expect(JSON.stringify(body["messages"])).toContain('"input":{"input":[1]}');
    expect(lost).toEqual(["messages[1].content[0].input"]);
  });

  test.each<[choice: ChatRequest["toolChoice"], model: string, expected: unknown, lost: string[]]>([
    [{ type: "auto" }, llama, { auto: {} }, []],
    [{ type: "required" }, sonnet45, { any: {} }, []],
    [{ type: "required" }, mistral, { any: {} }, []],
    [{ type: "required" }, llama, undefined, ["tool_choice"]],
    [{ type: "tool", name: "f" }, nova, { tool: { name: "f" } }, []],
    [{ type: "tool", name: "f" }, mistral, { any: {} }, ["tool_choice"]],
    [{ type: "tool", name: "f" }, qwen, undefined, ["tool_choice"]],
  ])("choice %j for %s", (toolChoice, model, expected, lost) => {
    const encoded = encode({ tools: [tool], ...(toolChoice ? { toolChoice } : {}) }, model);
    expect((encoded.body["toolConfig"] as JsonObject)["toolChoice"]).toEqual(expected as never);
    expect(encoded.lost).toEqual(lost);
  });

  test("none: the tools are withheld, unless the history needs them", () => {
    const toolChoice = { type: "none" as const };
    expect(encode({ tools: [tool], toolChoice }).body).not.toHaveProperty("toolConfig");
    const messages = [user(text("go")), assistant(call("a")), user(result("a"))];
    const { body, lost } = encode({ messages, tools: [tool], toolChoice });
    expect(body).toHaveProperty("toolConfig");
    expect(lost).toEqual(["tool_choice"]);
  });

  test("one call at a time", () => {
    const settings = { parallelToolCalls: false };
    expect(
      encode({ tools: [tool], settings, toolChoice: { type: "required" } }).body,
    ).toMatchObject({
      additionalModelRequestFields: {
        tool_choice: { type: "any", disable_parallel_tool_use: true },
      },
    });
    expect(encode({ tools: [tool], settings }, nova).lost).toEqual(["parallel_tool_calls"]);
  });

  test("a tool without parameters, one without description, a strict one", () => {
    const strict = {
      ...tool,
      strict: true,
      parameters: { type: "object", properties: { n: { type: "integer", minimum: 1 } } },
    };
    const { body, lost } = encode({
      tools: [{ type: "function", name: "a", description: " " }, strict],
    });
    expect(body["toolConfig"]).toMatchObject({
      tools: [
        { toolSpec: { name: "a", inputSchema: { json: { type: "object", properties: {} } } } },
        { toolSpec: { strict: true, inputSchema: { json: { additionalProperties: false } } } },
      ],
    });
    expect(JSON.stringify(body)).not.toContain('"description":" "');
    expect(lost).toEqual(["tools[1].parameters"]);
    expect(encode({ tools: [strict] }, nova).lost).toEqual(["tools[0].strict"]);
  });

  test("a vendor's own tool alone is refused", () => {
    const vendors = {
      type: "provider" as const,
      name: "web_search",
      origin: "openai-responses" as const,
      raw: {},
    };
    expect(() => encode({ tools: [vendors] })).toThrow(GatewayError);
    expect(encode({ tools: [vendors, tool] }).lost).toEqual(["tools[0]"]);
  });
});

describe("media", () => {
  const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

  test("pictures by their bytes; a wrong label is mended", () => {
    const image: Part = {
      type: "image",
      source: { kind: "base64", data: png, mediaType: "image/jpeg" },
    };
    expect(turns([user(image)])[0]?.content).toEqual([
      { image: { format: "png", source: { bytes: png } } },
    ]);
  });

  test("media by URL are another deployment's, those in a bucket are not", () => {
    const image: Part = {
      type: "image",
      source: { kind: "url", url: "https://example.com/a.png" },
    };
    expect(() => turns([user(image)])).toThrow(
      expect.objectContaining({ code: "unsupported_feature", retryable: true }),
    );
    const stored: Part = { type: "image", source: { kind: "url", url: "s3://bucket/a.jpg" } };
    expect(turns([user(stored)])[0]?.content).toEqual([
      { image: { format: "jpeg", source: { s3Location: { uri: "s3://bucket/a.jpg" } } } },
    ]);
  });

  test("documents: names of their own in Bedrock's characters, text beside them", () => {
    const document = (name: string): Part => ({
      type: "file",
      name,
      source: { kind: "base64", data: "JVBERi0xLjQK", mediaType: "application/pdf" },
    });
    const [turn] = turns([
      user(document("my  report_v1.pdf"), document("my report-v1-pdf"), document("???")),
    ]);
    expect(
      turn?.content.map((block) => (block as { document?: JsonObject }).document?.["name"]),
    ).toEqual(["my report-v1-pdf", "my report-v1-pdf (2)", "---", undefined]);
    expect(turn?.content.at(-1)).toEqual({ text: "(see the document)" });
  });

  test.each([
    ["text/plain", "txt"],
    ["text/markdown", "md"],
    ["text/csv", "csv"],
    ["application/json", "txt"],
    ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"],
  ])("a file of %s is a document of %s", (mediaType, format) => {
    const file: Part = { type: "file", source: { kind: "base64", data: "YQ==", mediaType } };
    expect(turns([user(text("see"), file)])[0]?.content[1]).toMatchObject({ document: { format } });
  });

  test("video, audio, and what there is no form for", () => {
    const video: Part = {
      type: "file",
      source: { kind: "base64", data: "AA==", mediaType: "video/quicktime" },
    };
    const audio: Part = {
      type: "audio",
      format: "mp3",
      source: { kind: "base64", data: "AA==", mediaType: "audio/mpeg" },
    };
    const archive: Part = {
      type: "file",
      source: { kind: "base64", data: "AA==", mediaType: "application/zip" },
    };
    const uploaded: Part = { type: "file", source: { kind: "file-id", id: "file-1" } };
    const { body, lost } = encode({
      messages: [user(text("see"), video, audio, archive, uploaded)],
    });
    expect((body["messages"] as JsonObject[])[0]?.["content"]).toEqual([
      { text: "see" },
      { video: { format: "mov", source: { bytes: "AA==" } } },
      { audio: { format: "mp3", source: { bytes: "AA==" } } },
    ]);
    expect(lost).toEqual(["messages[0].content[3]", "messages[0].content[4]"]);
  });
});

describe("prompt caching", () => {
  const cached = (said: string, ttl?: "1h"): Part => ({
    type: "text",
    text: said,
    cache: ttl ? { ttl } : {},
  });

  test("a cache point behind what it covers", () => {
    const messages: Message[] = [
      { role: "system", parts: [cached("s", "1h")] },
      user(cached("a"), text("b")),
    ];
    const tools = [{ ...tool, cache: {} }];
    const { body } = encode({ messages, tools });
    expect(body).toMatchObject({
      system: [{ text: "s" }, { cachePoint: { type: "default", ttl: "1h" } }],
      messages: [{ content: [{ text: "a" }, { cachePoint: { type: "default" } }, { text: "b" }] }],
      toolConfig: { tools: [{ toolSpec: {} }, { cachePoint: { type: "default" } }] },
    });
  });

  test("Nova has none in tools, others have none at all", () => {
    const messages = [user(cached("a"))];
    const tools = [{ ...tool, cache: {} }];
    expect(encode({ messages, tools }, nova).lost).toEqual(["tools[0].cache_control"]);
    expect(encode({ messages, tools }, llama).lost).toHaveLength(2);
    expect(JSON.stringify(encode({ messages, tools }, llama).body)).not.toContain("cachePoint");
  });

  test("four at most, and none right behind a document", () => {
    const many = [user(...["a", "b", "c", "d", "e", "f"].map((each) => cached(each)))];
    expect(JSON.stringify(encode({ messages: many }).body).match(/cachePoint/g)).toHaveLength(4);
    const document: Part = {
      type: "file",
      source: { kind: "base64", data: "JVBERi0=", mediaType: "application/pdf" },
      cache: {},
    };
    expect(turns([user(text("see"), document)])[0]?.content.slice(2)).toEqual([
      { text: "\n" },
      { cachePoint: { type: "default" } },
    ]);
  });
});

describe("settings", () => {
  test("where each is said", () => {
    const settings = { maxOutputTokens: 100, temperature: 0.5, topK: 20, stop: ["a"] };
    expect(encode({ settings }).body).toMatchObject({
      inferenceConfig: { maxTokens: 100, temperature: 0.5, stopSequences: ["a"] },
      additionalModelRequestFields: { top_k: 20 },
      additionalModelResponseFieldPaths: ["/stop_sequence"],
    });
    expect(encode({ settings }, nova).body).toMatchObject({
      additionalModelRequestFields: { inferenceConfig: { topK: 20 } },
    });
    expect(encode({ settings }, llama).lost).toEqual(["top_k"]);
  });

  test("stop sequences: few, none blank; the highest temperature", () => {
    const settings = { stop: ["a", " ", "b", "c", "d", "e"], temperature: 1.7 };
    const { body, lost } = encode({ settings }, llama);
    expect(body["inferenceConfig"]).toEqual({
      temperature: 1,
      stopSequences: ["a", "b", "c", "d"],
    });
    expect(lost).toEqual(["temperature", "stop", "stop"]);
  });

  test("what has no form is told", () => {
    const { lost } = encode({
      settings: {
        seed: 1,
        frequencyPenalty: 1,
        presencePenalty: 1,
        candidateCount: 2,
        logprobs: {},
        verbosity: "low",
      },
      user: "u",
      account: { store: true, promptCacheKey: "k", serviceTier: "scale", metadata: { a: 1 } },
      ext: { "openai-chat": { prediction: {} } },
    });
    expect(lost.toSorted()).toEqual(
      [
        ["seed", "frequency_penalty", "presence_penalty", "n", "logprobs", "verbosity", "user"],
        ["store", "prompt_cache_key", "service_tier", "metadata", "prediction"],
      ]
        .flat()
        .toSorted(),
    );
  });

  test("service tier and metadata that Bedrock knows", () => {
    const { body, lost } = encode({
      account: { serviceTier: "priority", metadata: { team: "blue" } },
    });
    expect(body).toMatchObject({
      serviceTier: { type: "priority" },
      requestMetadata: { team: "blue" },
    });
    expect(lost).toEqual([]);
  });

  test("structured output, enforced or told in words", () => {
    const responseFormat = { type: "json-schema" as const, name: "n", schema: { type: "object" } };
    expect(encode({ responseFormat }, qwen).body["outputConfig"]).toEqual({
      textFormat: {
        type: "json_schema",
        structure: { jsonSchema: { schema: '{"type":"object"}', name: "n" } },
      },
    });
    const { body, lost } = encode({ responseFormat }, llama);
    expect(JSON.stringify(body["system"])).toContain("JSON Schema");
    expect(lost).toEqual(["response_format.json_schema"]);
    expect(encode({ responseFormat }, qwen, { noJsonSchema: true }).body).not.toHaveProperty(
      "outputConfig",
    );
  });
});

describe("reasoning", () => {
  test.each<[reasoning: ChatRequest["reasoning"], model: string, fields: unknown]>([
    [
      { mode: "budget", tokens: 2048 },
      sonnet45,
      { thinking: { type: "enabled", budget_tokens: 2048 } },
    ],
    [
      { mode: "effort", effort: "high" },
      sonnet46,
      { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "high" } },
    ],
    [
      { mode: "effort", effort: "low" },
      nova2,
      { reasoningConfig: { type: "enabled", maxReasoningEffort: "low" } },
    ],
    [{ mode: "effort", effort: "high" }, gptOss, { reasoning_effort: "high" }],
    [{ mode: "budget", tokens: 10_000 }, qwen, { reasoning_config: "high" }],
    [{ mode: "effort", effort: "high" }, llama, undefined],
    [{ mode: "off" }, gptOss, undefined],
  ])("%j for %s", (reasoning, model, fields) => {
    const { body } = encode(reasoning ? { reasoning } : {}, model);
    expect(body["additionalModelRequestFields"]).toEqual(fields as never);
  });

  test("Nova thinks hard alone", () => {
    const settings = { maxOutputTokens: 9, temperature: 0.3, topP: 0.4 };
    const { body, lost } = encode(
      { settings, reasoning: { mode: "effort", effort: "high" } },
      nova2,
    );
    expect(body).not.toHaveProperty("inferenceConfig");
    expect(lost).toEqual(["maxTokens", "temperature", "topP"]);
  });

  const claudes = { dialect: "anthropic-messages" as const };
  const replay = (part: Partial<Part>, model: string): unknown =>
    turns(
      [
        user(text("a")),
        assistant({ type: "reasoning", text: "t", ...part } as Part, text("b")),
        user(text("c")),
      ],
      model,
    )[1]?.content.length;

  test.each<[name: string, part: Partial<Part>, model: string, blocks: number]>([
    ["Claude's to Claude", { signature: "s", origin: claudes }, sonnet45, 2],
    [
      "Claude's to another model of Claude's",
      { signature: "s", origin: { ...claudes, model: sonnet46 } },
      sonnet45,
      1,
    ],
    [
      "Claude's under another name of it",
      { signature: "s", origin: { ...claudes, model: "claude-sonnet-4-5" } },
      sonnet45,
      2,
    ],
    [
      "Claude's of another provider",
      { signature: "s", origin: { ...claudes, provider: "x" } },
      sonnet45,
      1,
    ],
    ["Claude's to Nova", { signature: "s", origin: claudes }, nova, 1],
    ["unsigned to Claude", { origin: claudes }, sonnet45, 1],
    ["OpenAI's", { signature: "s", origin: { dialect: "openai-responses" } }, sonnet45, 1],
    [
      "DeepSeek's own, unsigned",
      { origin: { dialect: "bedrock-converse" } } as never,
      "us.deepseek.r1-v1:0",
      2,
    ],
    ["gpt-oss's own, unsigned", { origin: { dialect: "bedrock-converse" } }, gptOss, 1],
  ])("sent back: %s", (_name, part, model, blocks) => {
    expect(replay(part, model)).toBe(blocks);
  });

  test("signed thoughts between calls stay in their places", () => {
    const thought = (said: string): Part => ({
      type: "reasoning",
      text: said,
      signature: "s",
      origin: claudes,
    });
    const messages = [
      user(text("go")),
      assistant(thought("a"), call("1"), thought("b"), text("c")),
      user(result("1")),
    ];
    const kinds = (model: string) =>
      turns(messages, model)[1]?.content.map((block) => Object.keys(block as object)[0]);
    expect(kinds(sonnet45)).toEqual(["reasoningContent", "toolUse", "reasoningContent", "text"]);
    expect(kinds(nova)).toEqual(["text", "toolUse"]);
  });

  test("redacted reasoning keeps its bytes between Anthropic's wire and this one", () => {
    const [, turn] = turns([
      user(text("a")),
      assistant({ type: "reasoning", text: "", encrypted: "EroB+/=", origin: claudes }, text("b")),
      user(text("c")),
    ]);
    expect(turn?.content[0]).toEqual({
      reasoningContent: { redactedContent: Buffer.from("EroB+/=").toString("base64") },
    });
  });
});

describe("other clients", () => {
  test("a request of Claude Code's kind to Claude on Bedrock loses nothing", () => {
    const json = {
      model: "any",
      max_tokens: 4096,
      system: [{ type: "text", text: "s", cache_control: { type: "ephemeral" } }],
      thinking: { type: "enabled", budget_tokens: 2000 },
      tools: [{ name: "f", description: "d", input_schema: { type: "object", properties: {} } }],
      messages: [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "t", signature: "sig" },
            { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } },
          ],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "toolu_1",
              content: "x",
              cache_control: { type: "ephemeral" },
            },
          ],
        },
      ],
    };
    const decoded = anthropicMessages.request.decode({ json, text: JSON.stringify(json) }, "chat");
    const { body, warnings } = bedrockConverse.request.encode(decoded.value, targetOf(sonnet45));
    expect(warnings).toEqual([]);
    expect(JSON.parse(body)).toEqual({
      messages: [
        { role: "user", content: [{ text: "hi" }] },
        {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "t", signature: "sig" } } },
            { toolUse: { toolUseId: "toolu_1", name: "f", input: { a: 1 } } },
          ],
        },
        {
          role: "user",
          content: [
            { toolResult: { toolUseId: "toolu_1", content: [{ text: "x" }] } },
            { cachePoint: { type: "default" } },
          ],
        },
      ],
      system: [{ text: "s" }, { cachePoint: { type: "default" } }],
      inferenceConfig: { maxTokens: 4096 },
      toolConfig: {
        tools: [
          {
            toolSpec: {
              name: "f",
              description: "d",
              inputSchema: { json: { type: "object", properties: {} } },
            },
          },
        ],
      },
      additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2000 } },
    });
  });

  test("an OpenAI client's request", () => {
    const json = {
      model: "any",
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: "hi" },
        {
          role: "assistant",
          tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: "" } }],
        },
        { role: "tool", tool_call_id: "call_1", content: "x" },
      ],
      reasoning_effort: "low",
    };
    const decoded = openaiChat.request.decode({ json, text: JSON.stringify(json) }, "chat");
    const { body } = bedrockConverse.request.encode(decoded.value, targetOf(gptOss));
    expect(JSON.parse(body)).toMatchObject({
      system: [{ text: "s" }],
      messages: [
        { role: "user" },
        { role: "assistant", content: [{ toolUse: { toolUseId: "call_1", input: {} } }] },
        { role: "user", content: [{ toolResult: { toolUseId: "call_1" } }] },
      ],
      additionalModelRequestFields: { reasoning_effort: "low" },
    });
  });
});
