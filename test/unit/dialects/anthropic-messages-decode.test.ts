// Reading Anthropic Messages requests: what they mean, and how bad ones are refused.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import type { ChatRequest, Operation } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { JsonError, type JsonObject, parseObject } from "../../../src/lib/json.ts";

const decodeText = (text: string, operation?: Operation): ChatRequest =>
  anthropicMessages.request.decode({ json: parseObject(text), text }, operation).value;
const decode = (body: JsonObject, operation?: Operation): ChatRequest =>
  decodeText(JSON.stringify(body), operation);

const base = { model: "m", max_tokens: 10, messages: [{ role: "user", content: "hi" }] };
const withBlock = (block: unknown): JsonObject => ({
  ...base,
  messages: [{ role: "user", content: [{ type: "text", text: "a" }, block] }],
});

describe("refused requests name the field as the vendor does", () => {
  const block = "messages.0.content.1";
  const cases: [JsonObject, string][] = [
    [{ ...base, model: undefined }, "model: Field required"],
    [{ ...base, max_tokens: undefined }, "max_tokens: Field required"],
    [{ ...base, max_tokens: "10" }, "max_tokens: Input should be a valid integer"],
    [{ ...base, max_tokens: -1 }, "max_tokens: Input should be greater than or equal to 0"],
    [{ model: "m", max_tokens: 1 }, "messages: Field required"],
    [{ ...base, messages: {} }, "messages: Input should be a valid list"],
    [{ ...base, messages: [] }, "messages: at least one message is required"],
    [{ ...base, messages: ["hi"] }, "messages.0: Input should be a valid dictionary"],
    [{ ...base, messages: [{ role: "tool" }] }, "messages.0.role: Input should be"],
    [{ ...base, messages: [{ role: "user" }] }, "messages.0.content: Field required"],
    [{ ...base, messages: [{ role: "user", content: 1 }] }, "messages.0.content: Input should"],
    [withBlock("x"), `${block}: Input should be a valid dictionary`],
    [withBlock({}), `${block}.type: Field required`],
    [withBlock({ type: "image" }), `${block}.source: Field required`],
    [
      withBlock({ type: "image", source: { type: "base64", media_type: "image/png" } }),
      `${block}.source.data: Field required`,
    ],
    [withBlock({ type: "document", source: 1 }), `${block}.source: Input should be`],
    [withBlock({ type: "tool_use", id: "a", name: "b" }), `${block}.input: Field required`],
    [
      withBlock({ type: "tool_use", id: "a", name: "b", input: "{}" }),
      `${block}.input: Input should be a valid dictionary`,
    ],
    [withBlock({ type: "tool_result" }), `${block}.tool_use_id: Field required`],
    [
      withBlock({ type: "tool_result", tool_use_id: "a", content: [{ type: "text" }] }),
      `${block}.content.0.text: Field required`,
    ],
    [withBlock({ type: "thinking", thinking: "a", signature: 1 }), `${block}.signature: Input`],
    [{ ...base, system: 3 }, "system: Input should be a valid string or a valid list"],
    [{ ...base, tools: [{ name: "a" }] }, "tools.0.custom.input_schema: Field required"],
    [{ ...base, tools: {} }, "tools: Input should be a valid list"],
    [{ ...base, tool_choice: { type: "maybe" } }, "tool_choice: Input tag"],
    [{ ...base, thinking: { type: "enabled" } }, "thinking.enabled.budget_tokens: Field required"],
    [{ ...base, stream: "yes" }, "stream: Input should be a valid boolean"],
    [{ ...base, stop_sequences: "x" }, "stop_sequences: Input should be a valid list"],
    [{ ...base, metadata: { user_id: 1 } }, "metadata.user_id: Input should be a valid string"],
  ];
  test.each(cases)("%j", (body, message) => {
    const attempt = (): ChatRequest => decode(body, "chat");
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(GatewayError);
  });

  test("S47: numbers beyond every double", () => {
    const text =
      '{"model":"m","max_tokens":1,"temperature":1e400,"messages":[{"role":"user","content":"a"}]}';
    expect(() => decodeText(text)).toThrow("temperature: Input should be a valid number");
    expect(() => decodeText('{"model":"m","max_tokens":9007199254740993,"messages":[]}')).toThrow(
      "max_tokens: Input should be a valid integer",
    );
  });

  test("an output limit is not asked of a token count", () => {
    expect(decode({ ...base, max_tokens: undefined }, "count-tokens").messages).toHaveLength(1);
    expect(decode({ ...base, max_tokens: undefined }).messages).toHaveLength(1);
  });
});

test("threads are refused so that the vendor's SDK sends the whole history", () => {
  try {
    decode({ ...base, thread: { type: "create" } });
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    expect(error.status).toBe(400);
    const body = JSON.parse(anthropicMessages.error.encode(error, "req_1"));
    expect(body).toEqual({
      type: "error",
      error: {
        type: "invalid_request_error",
        message: error.message,
        details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
      },
      request_id: "req_1",
    });
  }
  expect(decode({ ...base, thread: null }).messages).toHaveLength(1);
});

test("arguments keep their spelling", () => {
  const input = '{"b": 1.0, "a": 12345678901234567890, "10": "\\u00e9", "2": []}';
  const text = `{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"text","text":"input"},{"type":"tool_use","id":"toolu_1","name":"f","input":${input}}]}]}`;
  expect(decodeText(text).messages[0]?.parts[1]).toEqual({
    type: "tool-call",
    id: "toolu_1",
    name: "f",
    args: input,
    executor: "client",
  });
});

test("S46: of two inputs the last counts, as for every parser", () => {
  const text =
    '{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1},"input":{"y":2}}]}]}';
  expect(decodeText(text).messages[0]?.parts[0]).toMatchObject({ args: '{"y":2}' });
});

test("system prompts come first, those inside keep their places", () => {
  const { messages } = decode({
    ...base,
    system: [
      { type: "text", text: "x-anthropic-billing-header: cc_version=2" },
      { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
    ],
    messages: [
      { role: "user", content: "hi" },
      { role: "system", content: "French", output_config: { effort: "low" } },
    ],
  });
  expect(messages.map(({ role }) => role)).toEqual(["system", "user", "system"]);
  // The header is for Anthropic alone: other providers' prompt caches must not see it change.
  expect(messages[0]?.parts.map(({ type }) => type)).toEqual(["opaque", "text"]);
  expect(messages[0]?.parts[1]?.cache).toEqual({ ttl: "1h" });
  expect(messages[2]?.ext).toEqual({ "anthropic-messages": { output_config: { effort: "low" } } });
});

test("thinking, effort, tools and the rest have meanings of their own", () => {
  const request = decode({
    ...base,
    thinking: { type: "enabled", budget_tokens: 31_999, display: "omitted" },
    tools: [
      { name: "f", input_schema: { type: "object" }, strict: true, defer_loading: true },
      { type: "web_search_20250305", name: "web_search" },
    ],
    tool_choice: { type: "any", disable_parallel_tool_use: true },
    output_config: { effort: "high", format: { type: "json_schema", schema: { type: "object" } } },
    metadata: { user_id: "u" },
    safeguards: [{ type: "x" }],
  });
  expect(request.reasoning).toMatchObject({ mode: "budget", tokens: 31_999, display: "omitted" });
  expect(request.tools[0]).toMatchObject({ type: "function", strict: true });
  expect(request.tools[1]).toMatchObject({ type: "provider", name: "web_search" });
  expect(request.toolChoice).toEqual({ type: "required" });
  expect(request.settings).toEqual({ maxOutputTokens: 10, parallelToolCalls: false });
  expect(request.responseFormat).toMatchObject({ type: "json-schema" });
  expect(request.user).toBe("u");
  expect(request.ext).toEqual({ "anthropic-messages": { safeguards: [{ type: "x" }] } });
  expect(decode({ ...base, thinking: { type: "adaptive" } }).reasoning?.mode).toBe("adaptive");
  expect(decode({ ...base, thinking: { type: "disabled" } }).reasoning?.mode).toBe("off");
  expect(decode({ ...base, output_config: { effort: "max" } }).reasoning).toMatchObject({
    mode: "effort",
    effort: "max",
  });
});

test("S45: no prototype is touched", () => {
  const text =
    '{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"model":"m","max_tokens":1,"metadata":{"__proto__":{"x":1},"user_id":"u"},"messages":[{"role":"user","__proto__":{"x":1},"content":[{"type":"text","text":"a","__proto__":{"x":1}},{"type":"new","__proto__":{"x":1}}]}],"tools":[{"name":"f","input_schema":{"__proto__":{"x":1}},"__proto__":{"x":1}}]}';
  const request = decodeText(text);
  expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  const target = { provider: "p", model: "m", quirks: {}, facts: {} };
  anthropicMessages.request.encode(request, target);
  const plain: Record<string, unknown> = {};
  expect(plain["x"]).toBeUndefined();
  const ext = request.ext["anthropic-messages"] ?? {};
  expect(Object.getPrototypeOf(ext)).toBe(Object.prototype);
  expect(ext["x"]).toBeUndefined();
});

test("any JSON at all decodes or is refused as invalid_request", () => {
  const type = fc.constantFrom(
    "text",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "search_result",
    "server_tool_use",
    "web_search_tool_result",
    "new",
  );
  const any = fc.jsonValue({ maxDepth: 3 });
  /** Nearly always of the right form, so that what lies deeper is reached. */
  const mostly = <T>(valid: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({ arbitrary: valid, weight: 30 }, { arbitrary: any, weight: 1 });
  const word = mostly(fc.string());
  const object = mostly(fc.dictionary(fc.string(), any, { maxKeys: 3 }));
  const kind = fc.constantFrom("base64", "text", "url", "file", "content", "new");
  const source = mostly(
    fc.record({ type: kind, data: word, media_type: word, url: word, file_id: word, content: any }),
  );
  const inner = fc.record({ type, text: word, source, content: mostly(fc.constant([])) });
  const block = mostly(
    fc.record({
      type,
      text: word,
      source,
      id: word,
      name: word,
      input: object,
      tool_use_id: word,
      content: mostly(fc.array(inner, { maxLength: 2 })),
      thinking: word,
      signature: mostly(fc.constantFrom("c2ln", "megallm.eyJ4", "megallm.eyJvcmlnaW4iOnt9fQ")),
      data: word,
      cache_control: object,
    }),
  );
  const content = mostly(fc.oneof(fc.string(), fc.array(block, { maxLength: 3 })));
  const role = fc.constantFrom("user", "assistant", "system");
  const tool = fc.record({ name: word, input_schema: object });
  const request = fc.record(
    {
      model: mostly(fc.constant("m")),
      max_tokens: mostly(fc.nat()),
      system: content,
      messages: mostly(fc.array(fc.record({ role, content }), { minLength: 1, maxLength: 4 })),
      tools: mostly(fc.array(mostly(tool), { maxLength: 2 })),
      tool_choice: mostly(fc.record({ type: fc.constantFrom("auto", "any", "none") })),
      thinking: mostly(fc.record({ type: word, budget_tokens: mostly(fc.nat()) })),
      output_config: mostly(fc.record({ effort: word })),
      metadata: object,
      stream: mostly(fc.boolean()),
      stop_sequences: mostly(fc.array(fc.string())),
    },
    { requiredKeys: ["model", "messages"] },
  );
  const target = { provider: "p", model: "claude-opus-4-8", quirks: {}, facts: {} };
  let decoded = 0;
  fc.assert(
    fc.property(request, (body) => {
      const text = JSON.stringify(body);
      let value: ChatRequest;
      try {
        value = decodeText(text);
      } catch (error) {
        if (error instanceof JsonError) return;
        expect(error).toBeInstanceOf(GatewayError);
        expect((error as GatewayError).code).toBe("invalid_request");
        return;
      }
      decoded += 1;
      JSON.parse(anthropicMessages.request.encode(value, target).body);
    }),
    { numRuns: 2000 },
  );
  expect(decoded).toBeGreaterThan(200);
});
