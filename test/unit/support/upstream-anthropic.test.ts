// The Anthropic double: what it refuses and how, what it answers, through the official SDK and byte by byte.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { startAnthropicUpstream } from "../../support/upstream/anthropic.ts";
import { sealThinking, signThinking } from "../../support/upstream/signature.ts";
import type { Upstream } from "../../support/upstream/upstream.ts";
import { plainTerms, type AnthropicTerms } from "../../support/upstream/anthropic-terms.ts";
import {
  refuseCountTokens,
  refuseMessagesRequest,
} from "../../support/upstream/validate-anthropic.ts";

const user = { role: "user", content: "Hi." };
const base = { model: "claude-sonnet-4-5", max_tokens: 100, messages: [user] };
const weather = {
  name: "get_weather",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const use = (id: string) => ({ type: "tool_use", id, name: "get_weather", input: { city: "x" } });
const result = (id: string, content: unknown = "sunny") => ({
  type: "tool_result",
  tool_use_id: id,
  content,
});
const says = (text: string, more: object = {}) => ({ type: "text", text, ...more });
const cached = (ttl?: string) => ({
  cache_control: { type: "ephemeral", ...(ttl === undefined ? {} : { ttl }) },
});
const asks = (...content: unknown[]) => ({ ...base, messages: [{ role: "user", content }] });
const loop = (assistant: unknown[], answer: unknown[], more: object = {}) => ({
  ...base,
  tools: [weather],
  ...more,
  messages: [user, { role: "assistant", content: assistant }, { role: "user", content: answer }],
});
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const image = (media_type: string, data: string) => ({
  type: "image",
  source: { type: "base64", media_type, data },
});
const enabled = { type: "enabled", budget_tokens: 1024 };
const thought = { type: "thinking", thinking: "Hm.", signature: signThinking("Hm.") };
const closed = {
  type: "object",
  properties: { a: { type: "string" } },
  required: ["a"],
  additionalProperties: false,
};
const withBetas = (...betas: string[]): AnthropicTerms => ({
  ...plainTerms,
  betas: new Set(betas),
});
const latest: AnthropicTerms = { ...plainTerms, version: "2026-10-21" };

describe("requests that are accepted", () => {
  const accepted: Record<string, readonly [body: unknown, terms?: AnthropicTerms]> = {
    "the least": [base],
    "every plain field": [
      {
        ...base,
        system: [says("Be brief.", cached())],
        temperature: 1,
        top_k: 5,
        stop_sequences: ["\n\nHuman:"],
        metadata: { user_id: "u" },
        service_tier: "auto",
        stream: true,
        tools: [{ ...weather, ...cached("1h") }],
        tool_choice: { type: "auto", disable_parallel_tool_use: true },
      },
    ],
    "turns of one role in a row": [
      {
        ...base,
        messages: [
          user,
          user,
          { role: "assistant", content: "x" },
          { role: "assistant", content: "y" },
          user,
        ],
      },
    ],
    "a prefilled answer": [{ ...base, messages: [user, { role: "assistant", content: "It is" }] }],
    "an empty final assistant": [{ ...base, messages: [user, { role: "assistant", content: "" }] }],
    "an image, a document, an address": [
      asks(
        image("image/png", png),
        {
          type: "document",
          source: { type: "text", media_type: "text/plain", data: "x" },
          title: "t",
        },
        { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
      ),
    ],
    "a tool round with parallel calls, an error and text behind": [
      loop(
        [says("Look."), use("toolu_1"), use("toolu_2")],
        [
          result("toolu_2", [says("x"), image("image/png", png)]),
          { ...result("toolu_1"), is_error: true },
          says("Go on."),
        ],
      ),
    ],
    "results in two user messages": [
      {
        ...base,
        tools: [weather],
        messages: [
          user,
          { role: "assistant", content: [use("a"), use("b")] },
          { role: "user", content: [result("a")] },
          { role: "user", content: [result("b")] },
        ],
      },
    ],
    "an id that a later turn uses again": [
      {
        ...base,
        tools: [weather],
        messages: [
          user,
          { role: "assistant", content: [use("a")] },
          { role: "user", content: [result("a")] },
          { role: "assistant", content: [use("a")] },
          { role: "user", content: [result("a")] },
        ],
      },
    ],
    thinking: [{ ...base, max_tokens: 2000, thinking: enabled, temperature: 1 }],
    "thinking that comes back": [
      loop([thought, use("a")], [result("a")], { max_tokens: 2000, thinking: enabled }),
    ],
    "hidden thinking that comes back": [
      loop([{ type: "redacted_thinking", data: sealThinking("x") }, use("a")], [result("a")], {
        max_tokens: 2000,
        thinking: enabled,
      }),
    ],
    "an earlier turn without its thinking": [
      {
        ...base,
        max_tokens: 2000,
        thinking: enabled,
        messages: [user, { role: "assistant", content: "x" }, user],
      },
    ],
    "a budget over the limit between tools": [
      { ...base, thinking: enabled, tools: [weather] },
      withBetas("interleaved-thinking-2025-05-14"),
    ],
    "adaptive thinking": [
      {
        ...base,
        model: "claude-opus-5-5",
        thinking: { type: "adaptive", display: "summarized" },
        output_config: { effort: "xhigh" },
      },
    ],
    "structured output": [
      { ...base, output_config: { format: { type: "json_schema", schema: closed } } },
    ],
    "a system message within the conversation": [
      {
        ...base,
        model: "claude-opus-4-8",
        messages: [user, { role: "system", content: "New rule." }],
      },
    ],
    "a server tool": [
      { ...base, tools: [{ type: "web_search_20250305", name: "web_search", max_uses: 1 }] },
    ],
    "a beta field with its beta": [
      { ...base, context_management: { edits: [] } },
      withBetas("context-management-2025-06-27"),
    ],
    "four breakpoints": [
      asks(
        says("1", cached("1h")),
        says("2", cached("1h")),
        says("3", cached()),
        says("4", cached("5m")),
      ),
    ],
    "a prompt only to be cached": [{ ...base, max_tokens: 0 }],
  };
  for (const [name, [body, terms]] of Object.entries(accepted)) {
    test(name, () => expect(refuseMessagesRequest(body, terms)).toBeUndefined());
  }
});

describe("requests that are refused, in Anthropic's words", () => {
  const opus = { ...base, model: "claude-opus-5-5" };
  const refused: [name: string, body: unknown, message: string, terms?: AnthropicTerms][] = [
    ["an unknown field", { ...base, foo: 1 }, "foo: Extra inputs are not permitted"],
    [
      "OpenAI's fields",
      { ...base, frequency_penalty: 1 },
      "frequency_penalty: Extra inputs are not permitted",
    ],
    ["no limit", { ...base, max_tokens: undefined }, "max_tokens: Field required"],
    [
      "a negative limit",
      { ...base, max_tokens: -1 },
      "max_tokens: Input should be greater than or equal to 0",
    ],
    [
      "a limit over the model's",
      { ...base, max_tokens: 70_000 },
      "max_tokens: 70000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5-20250929",
    ],
    ["no messages", { ...base, messages: [] }, "messages: at least one message is required"],
    [
      "a foreign role",
      { ...base, messages: [{ role: "tool", content: "x" }] },
      'messages.0: Unexpected role "tool".',
    ],
    [
      "a system role on an older model",
      { ...base, messages: [{ role: "system", content: "x" }, user] },
      "role 'system' is not supported on this model",
    ],
    [
      "a system message before a user",
      { ...opus, messages: [user, { role: "system", content: "x" }, user] },
      "messages.1: role 'system' must precede an 'assistant' message or end the array",
    ],
    [
      "empty content",
      { ...base, messages: [{ role: "user", content: "" }] },
      "messages.0: all messages must have non-empty content except for the optional final assistant message",
    ],
    ["an empty text", asks(says("")), "messages: text content blocks must be non-empty"],
    [
      "a blank text",
      asks(says(" \n")),
      "messages: text content blocks must contain non-whitespace text",
    ],
    [
      "an empty system text",
      { ...base, system: [says("")] },
      "system: text content blocks must be non-empty",
    ],
    [
      "a prefill with a blank",
      { ...base, messages: [user, { role: "assistant", content: "x " }] },
      "messages: final assistant content cannot end with trailing whitespace",
    ],
    [
      "a prefill on a newer model",
      { ...base, model: "claude-opus-4-6", messages: [user, { role: "assistant", content: "x" }] },
      "This model does not support assistant message prefill. The conversation must end with a user message.",
    ],
    [
      "a foreign block",
      asks({ type: "image_url", image_url: { url: "x" } }),
      "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the expected tags: 'text', 'image'",
    ],
    ["a block without its type", asks({ text: "x" }), "messages.0.content.0.type: Field required"],
    [
      "a field of a block",
      asks(says("x", { detail: "low" })),
      "messages.0.content.0.text.detail: Extra inputs are not permitted",
    ],
    [
      "tool_use by the user",
      asks(use("a")),
      "messages.0: `tool_use` blocks can only be in `assistant` messages",
    ],
    [
      "an id with a colon",
      loop([use("a:b")], [result("a:b")]),
      "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ],
    [
      "an input as text",
      loop([{ ...use("a"), input: "{}" }], [result("a")]),
      "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ],
    [
      "one id twice in a turn",
      loop([use("a"), use("a")], [result("a")]),
      "messages: `tool_use` ids must be unique",
    ],
    [
      "a call without its result",
      loop([use("a"), use("b")], [result("a")]),
      "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: b. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
    ],
    [
      "a call at the end",
      { ...base, tools: [weather], messages: [user, { role: "assistant", content: [use("a")] }] },
      "messages.1: `tool_use` ids were found without",
    ],
    [
      "text before the result",
      loop([use("a")], [says("x"), result("a")]),
      "messages.1: `tool_use` ids were found without",
    ],
    [
      "a result without its call",
      loop([says("x")], [result("a")]),
      "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
    ],
    [
      "two results of one call",
      loop([use("a")], [result("a"), result("a")]),
      "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: a",
    ],
    [
      "a tool name with a dot",
      { ...base, tools: [{ ...weather, name: "a.b" }] },
      "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ],
    [
      "one tool name twice",
      { ...base, tools: [weather, weather] },
      "tools: Tool names must be unique.",
    ],
    [
      "a schema without its type",
      { ...base, tools: [{ name: "f", input_schema: {} }] },
      "tools.0.custom.input_schema.type: Field required",
    ],
    [
      "a schema that is no object",
      { ...base, tools: [{ name: "f", input_schema: { type: "string" } }] },
      "tools.0.custom.input_schema.type: Input should be 'object'",
    ],
    [
      "anyOf at the top of a schema",
      { ...base, tools: [{ name: "f", input_schema: { type: "object", anyOf: [] } }] },
      "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    ],
    [
      "OpenAI's tool",
      { ...base, tools: [{ type: "function", function: { name: "f" } }] },
      "tools.0: Input tag 'function' found using 'type' does not match any of the expected tags: 'custom'",
    ],
    [
      "an open strict tool",
      { ...base, tools: [{ ...weather, strict: true }] },
      "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ],
    [
      "a choice without tools",
      { ...base, tool_choice: { type: "auto" } },
      "tool_choice may only be specified while providing tools",
    ],
    [
      "OpenAI's choice",
      { ...base, tools: [weather], tool_choice: "auto" },
      "tool_choice: Input should be a valid dictionary",
    ],
    [
      "a choice of no tool",
      { ...base, tools: [weather], tool_choice: { type: "tool", name: "x" } },
      "Tool 'x' not found in provided tools",
    ],
    [
      "a forced tool on a model that takes none",
      { ...opus, tools: [weather], tool_choice: { type: "any" } },
      'tool_choice: type "any" is not supported for this model.',
    ],
    [
      "a small budget",
      { ...base, thinking: { type: "enabled", budget_tokens: 1000 } },
      "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ],
    [
      "a budget over the limit",
      { ...base, thinking: enabled },
      "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ],
    [
      "thinking and temperature",
      { ...base, max_tokens: 2000, thinking: enabled, temperature: 0.5 },
      "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
    ],
    [
      "thinking and top_k",
      { ...base, max_tokens: 2000, thinking: enabled, top_k: 5 },
      "`top_k` must be unset when thinking is enabled or in adaptive mode.",
    ],
    [
      "thinking and a forced tool",
      {
        ...base,
        max_tokens: 2000,
        thinking: enabled,
        tools: [weather],
        tool_choice: { type: "any" },
      },
      "Thinking may not be enabled when tool_choice forces tool use.",
    ],
    [
      "a budget on a newer model",
      { ...opus, max_tokens: 2000, thinking: enabled },
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
    ],
    [
      "adaptive thinking on an older model",
      { ...base, thinking: { type: "adaptive" } },
      "adaptive thinking is not supported on this model",
    ],
    [
      "a tool loop without its thinking",
      loop([use("a")], [result("a")], { max_tokens: 2000, thinking: enabled }),
      "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block",
    ],
    [
      "changed thinking",
      loop([{ ...thought, thinking: "Hm!" }, use("a")], [result("a")], {
        max_tokens: 2000,
        thinking: enabled,
      }),
      "messages.1.content.0: Invalid `signature` in `thinking` block",
    ],
    [
      "a foreign signature",
      loop([{ ...thought, signature: "EoABCg==" }, use("a")], [result("a")]),
      "messages.1.content.0: Invalid `signature` in `thinking` block",
    ],
    [
      "a missing signature",
      loop([{ type: "thinking", thinking: "Hm." }, use("a")], [result("a")]),
      "messages.1.content.0.thinking.signature: Field required",
    ],
    [
      "changed hidden thinking",
      loop([{ type: "redacted_thinking", data: "AAAA" }, use("a")], [result("a")]),
      "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    ],
    [
      "a breakpoint on thinking",
      loop([{ ...thought, ...cached() }, use("a")], [result("a")]),
      "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ],
    [
      "an effort the model lacks",
      { ...base, model: "claude-opus-4-6", output_config: { effort: "xhigh" } },
      "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
    ],
    [
      "an effort on a model without",
      { ...base, output_config: { effort: "low" } },
      "This model does not support the effort parameter.",
    ],
    [
      "five breakpoints",
      asks(...["1", "2", "3", "4", "5"].map((text) => says(text, cached()))),
      "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ],
    [
      "a foreign lifetime",
      asks(says("x", cached("2h"))),
      "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ],
    [
      "a long lifetime after a short one",
      asks(says("1", cached()), says("2", cached("1h"))),
      "messages.0.content.1.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
    ],
    [
      "a foreign image type",
      asks(image("image/bmp", png)),
      "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
    ],
    [
      "an image of another type",
      asks(image("image/jpeg", png)),
      "messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media type, but the image appears to be a image/png image",
    ],
    [
      "broken base64",
      asks(image("image/png", `data:image/png;base64,${png}`)),
      "messages.0.content.0.image.source.base64: invalid base64 data",
    ],
    [
      "an image that is none",
      asks(image("image/png", "AAAA")),
      "messages.0.content.0.image.source.base64.data: Could not process image",
    ],
    [
      "an image address that is not safe",
      asks({ type: "image", source: { type: "url", url: "http://example.com/a.png" } }),
      "messages.0.content.0.image.source.url.url: Only HTTPS URLs are supported.",
    ],
    [
      "a temperature of 1.5",
      { ...base, temperature: 1.5 },
      "temperature: Input should be less than or equal to 1",
    ],
    [
      "temperature with top_p",
      { ...base, temperature: 0.5, top_p: 0.5 },
      "`temperature` and `top_p` cannot both be specified for this model.",
    ],
    [
      "temperature on a newer model",
      { ...opus, temperature: 0.5 },
      "`temperature` is deprecated for this model.",
    ],
    [
      "a blank stop sequence",
      { ...base, stop_sequences: ["\n"] },
      "stop_sequences: each stop sequence must contain non-whitespace",
    ],
    [
      "one stop sequence",
      { ...base, stop_sequences: "x" },
      "stop_sequences: Input should be a valid list",
    ],
    [
      "OpenAI's user",
      { ...base, metadata: { user: "x" } },
      "metadata.user: Extra inputs are not permitted",
    ],
    [
      "an open format",
      { ...base, output_config: { format: { type: "json_schema", schema: { type: "object" } } } },
      "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ],
    [
      "a keyword of a format",
      {
        ...base,
        output_config: { format: { type: "json_schema", schema: { type: "integer", minimum: 1 } } },
      },
      "output_config.format.schema: For 'integer' type, properties minimum are not supported",
    ],
    [
      "a beta field without its beta",
      { ...base, context_management: { edits: [] } },
      "context_management: Extra inputs are not permitted",
    ],
    [
      "a model with its provider's name",
      { ...base, model: "anthropic/claude-sonnet-4-5" },
      "model: anthropic/claude-sonnet-4-5",
    ],
    [
      "temperature under 2026-10-21",
      { ...base, temperature: 1 },
      "temperature: Extra inputs are not permitted",
      latest,
    ],
    [
      "a document by the assistant under 2026-10-21",
      {
        ...base,
        messages: [
          user,
          {
            role: "assistant",
            content: [
              { type: "document", source: { type: "text", media_type: "text/plain", data: "x" } },
            ],
          },
          user,
        ],
      },
      "messages.1.content.0: `document` blocks can only be in `user` messages",
      latest,
    ],
    [
      "citations by the user under 2026-10-21",
      asks(says("x", { citations: [{}] })),
      "messages.0.content.0.text.citations: `citations` may not be set",
      latest,
    ],
  ];
  for (const [name, body, message, terms] of refused) {
    test(name, () => {
      const refusal = refuseMessagesRequest(body, terms);
      expect(refusal?.message.slice(0, message.length)).toBe(message);
      expect(refusal?.type).toBe(
        message.startsWith("model: ") ? "not_found_error" : "invalid_request_error",
      );
    });
  }

  test("counting takes no limit, no stream and no temperature", () => {
    const { max_tokens: _, ...count } = base;
    expect(refuseCountTokens({ ...count, tools: [weather], system: "x" })).toBeUndefined();
    for (const field of ["max_tokens", "temperature", "stream"]) {
      expect(refuseCountTokens({ ...count, [field]: 1 })?.message).toBe(
        `${field}: Extra inputs are not permitted`,
      );
    }
  });
});

describe("through the official SDK", () => {
  let upstream: Upstream;
  let client: Anthropic;
  beforeAll(async () => {
    upstream = await startAnthropicUpstream({ cacheMinTokens: 16 });
    client = new Anthropic({ apiKey: upstream.key, baseURL: upstream.baseUrl, maxRetries: 0 });
  });
  beforeEach(() => upstream.reset());
  afterAll(() => upstream.stop());

  const said = (text: string): Anthropic.MessageParam[] => [{ role: "user", content: text }];
  const ask = {
    model: "claude-sonnet-4-6",
    max_tokens: 4000,
    messages: said("Good morning, Ann."),
  };
  const tools: Anthropic.Tool[] = [
    {
      name: "get_weather",
      input_schema: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
      },
    },
    { name: "get_time", input_schema: { type: "object", properties: {} } },
  ];

  test("an answer and its bill", async () => {
    const answer = await client.messages.create(ask);
    expect(answer.content).toMatchObject([{ type: "text", text: "Good morning, Ann." }]);
    expect(answer).toMatchObject({
      model: "claude-sonnet-4-6",
      stop_reason: "end_turn",
      stop_sequence: null,
    });
    const [entry] = upstream.bill.entries;
    expect(entry).toMatchObject({
      id: answer.id,
      complete: true,
      inputTokens: answer.usage.input_tokens,
      outputTokens: answer.usage.output_tokens,
    });
    const count = await client.messages.countTokens({ model: ask.model, messages: ask.messages });
    expect(count.input_tokens).toBe(answer.usage.input_tokens);
    expect(upstream.bill.entries).toHaveLength(1);
  });

  test("a stream is the same answer with the same bill", async () => {
    const whole = await client.messages.create(ask);
    const streamed = await client.messages.stream(ask).finalMessage();
    const content: unknown = streamed.content;
    expect(content).toEqual(whole.content);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    expect(upstream.bill.entries.map((entry) => [entry.outputTokens, entry.complete])).toEqual([
      [whole.usage.output_tokens, true],
      [whole.usage.output_tokens, true],
    ]);
  });

  for (const stream of [false, true]) {
    const send = (body: Anthropic.MessageCreateParamsNonStreaming): Promise<Anthropic.Message> =>
      stream ? client.messages.stream(body).finalMessage() : client.messages.create(body);
    const mode = stream ? "streamed" : "whole";

    test(`a tool round, ${mode}`, async () => {
      const first = await send({ ...ask, messages: said("Please use tools."), tools });
      expect(first.stop_reason).toBe("tool_use");
      const calls = first.content.flatMap((block) => (block.type === "tool_use" ? [block] : []));
      expect(calls.map((one) => [one.name, one.input])).toEqual([
        ["get_weather", { city: "city" }],
        ["get_time", {}],
      ]);
      const second = await send({
        ...ask,
        tools,
        messages: [
          ...said("Please use tools."),
          { role: "assistant", content: first.content },
          {
            role: "user",
            content: calls.map((one) => ({
              type: "tool_result" as const,
              tool_use_id: one.id,
              content: one.name,
            })),
          },
        ],
      });
      expect(second.content).toMatchObject([
        { type: "text", text: "The tool said: get_weather | get_time" },
      ]);
    });

    test(`two turns of thinking with tools, ${mode}: signatures must come back unchanged`, async () => {
      const thinking = { type: "enabled" as const, budget_tokens: 1024 };
      const first = await send({ ...ask, thinking, tools, messages: said("Please use tool.") });
      const [block, made] = first.content;
      if (block?.type !== "thinking" || made?.type !== "tool_use")
        throw new Error("no thinking and call");
      expect(block.thinking).toBe("The user wrote: Please use tool.");
      expect(first.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
      const next = (content: Anthropic.ContentBlockParam[]) =>
        send({
          ...ask,
          thinking,
          tools,
          messages: [
            ...said("Please use tool."),
            { role: "assistant", content },
            {
              role: "user",
              content: [{ type: "tool_result", tool_use_id: made.id, content: "sunny" }],
            },
          ],
        });
      const second = await next([block, made]);
      expect(second.content.map((one) => one.type)).toEqual(["thinking", "text"]);
      const failure = async (content: Anthropic.ContentBlockParam[]): Promise<string> => {
        const cause: unknown = await next(content).catch((error: unknown) => error);
        expect(cause).toBeInstanceOf(Anthropic.BadRequestError);
        return String(cause);
      };
      expect(await failure([made])).toContain(
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
      );
      expect(await failure([{ ...block, thinking: "Other." }, made])).toContain(
        "Invalid `signature` in `thinking` block",
      );
      expect(
        await failure([{ ...block, signature: `${block.signature.slice(0, -4)}AAA=` }, made]),
      ).toContain("Invalid `signature`");
    });
  }

  test("thinking that is not shown is still signed", async () => {
    const answer = await client.messages.create({
      ...ask,
      model: "claude-opus-5-5",
      thinking: { type: "adaptive" },
    });
    const [block] = answer.content;
    if (block?.type !== "thinking") throw new Error("no thinking");
    expect(block.thinking).toBe("");
    const messages: Anthropic.MessageParam[] = [
      ...ask.messages,
      { role: "assistant", content: answer.content },
      ...said("And?"),
    ];
    const next = await client.messages.create({ ...ask, model: "claude-opus-5-5", messages });
    expect(next.content).toMatchObject([{ type: "text", text: "And?" }]);
  });

  test("structured output, limits and stops", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    };
    const formatted = await client.messages.create({
      ...ask,
      output_config: { format: { type: "json_schema", schema } },
    });
    expect(formatted.content).toMatchObject([{ text: '{"city":"city"}' }]);
    const short = await client.messages.create({ ...ask, max_tokens: 2 });
    expect(short).toMatchObject({ stop_reason: "max_tokens", content: [{ text: "Good mor" }] });
    const stopped = await client.messages.create({ ...ask, stop_sequences: [","] });
    expect(stopped).toMatchObject({
      stop_reason: "stop_sequence",
      stop_sequence: ",",
      content: [{ text: "Good morning" }],
    });
  });

  test("breakpoints write the cache, then read it", async () => {
    const system: Anthropic.TextBlockParam[] = [
      {
        type: "text",
        text: "Be brief. ".repeat(50),
        cache_control: { type: "ephemeral", ttl: "1h" },
      },
    ];
    const one = await client.messages.create({ ...ask, system });
    const two = await client.messages.create({ ...ask, system, messages: said("Other.") });
    expect(one.usage).toMatchObject({
      cache_creation_input_tokens: 125,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_1h_input_tokens: 125 },
    });
    expect(two.usage).toMatchObject({
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 125,
    });
    expect(upstream.bill.entries[1]).toMatchObject({
      cachedInputTokens: 125,
      inputTokens: 125 + two.usage.input_tokens,
    });
    expect(upstream.bill.total()).toMatchObject({
      requests: 2,
      cacheWrite1hTokens: 125,
      cachedInputTokens: 125,
    });
  });

  test("scripted answers, hidden thinking, errors", async () => {
    upstream.script([
      { kind: "text", text: "one", redacted: "secret", usage: { input: 9, cached: 4, output: 5 } },
      { kind: "refusal", text: "" },
      {
        kind: "error",
        status: 529,
        type: "overloaded_error",
        message: "Overloaded",
        retryAfter: 3,
      },
    ]);
    const one = await client.messages.create(ask);
    expect(one.content.map((block) => block.type)).toEqual(["redacted_thinking", "text"]);
    expect(one.usage).toMatchObject({
      input_tokens: 5,
      cache_read_input_tokens: 4,
      output_tokens: 5,
    });
    const two = await client.messages.create(ask);
    expect(two).toMatchObject({ stop_reason: "refusal", content: [] });
    const error = await client.messages.create(ask).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({
      status: 529,
      error: { type: "error", error: { type: "overloaded_error" } },
    });
  });

  test("models, by page and by name", async () => {
    const names: string[] = [];
    for await (const model of client.models.list({ limit: 5 })) names.push(model.id);
    expect(names).toContain("claude-opus-5-5");
    expect(upstream.requests.length).toBeGreaterThan(1);
    const model = await client.models.retrieve("claude-haiku-4-5");
    expect(model).toMatchObject({ type: "model", display_name: "Claude Haiku 4.5" });
    const unknown = await client.models.retrieve("gpt-4o").catch((cause: unknown) => cause);
    expect(unknown).toMatchObject({ status: 404 });
  });

  test("a request for a thread is refused so that the SDK sends the whole conversation", async () => {
    const error = await client.beta.messages
      .create({ ...ask, thread: { type: "create" }, betas: ["message-threads-2026-08-12"] })
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      status: 400,
      error: { error: { details: { error_code: "thread_unsupported_request" } } },
    });
  });
});

describe("headers and bytes", () => {
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await startAnthropicUpstream({ key: "sk-1", models: ["my-model"] });
  });
  afterAll(() => upstream.stop());

  const version = { "anthropic-version": "2023-06-01" };
  const key = { "x-api-key": "sk-1" };
  const post = (headers: Record<string, string>, body: unknown = base) =>
    fetch(`${upstream.baseUrl}/v1/messages?beta=true`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  test("one credential, a version, known betas", async () => {
    expect((await post({ ...version, ...key })).status).toBe(200);
    expect((await post({ ...version, authorization: "Bearer sk-1" })).status).toBe(200);
    expect((await post(version)).status).toBe(401);
    expect((await post({ ...version, "x-api-key": "sk-2" })).status).toBe(401);
    expect((await post({ ...version, ...key, authorization: "Bearer sk-1" })).status).toBe(400);
    expect((await post(key)).status).toBe(400);
    expect((await post({ ...key, "anthropic-version": "2024-01-01" })).status).toBe(400);
    expect((await post({ ...key, ...version, "anthropic-beta": "nonsense" })).status).toBe(400);
    expect((await post({ ...key, ...version, "content-type": "text/plain" })).status).toBe(415);
    expect((await post({ ...key, ...version }, "{")).status).toBe(400);
    expect((await post({ ...key, ...version }, { ...base, model: "my-model" })).status).toBe(200);
    const other = await fetch(`${upstream.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...key, ...version, "content-type": "application/json" },
      body: "{}",
    });
    expect(await other.json()).toMatchObject({ type: "error", error: { type: "not_found_error" } });
  });

  test("the stream's events are the vendor's", async () => {
    const response = await post({ ...version, ...key }, { ...base, stream: true });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("request-id")).toStartWith("req_");
    const events = (await response.text()).split("\n\n");
    expect(events.pop()).toBe("");
    expect(events.map((event) => /^event: (\w+)\ndata: \{/.exec(event)?.[1])).toEqual([
      "message_start",
      "content_block_start",
      "ping",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(events[2]).toBe('event: ping\ndata: {"type": "ping"}');
  });
});
