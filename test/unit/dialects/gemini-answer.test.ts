// Gemini answers, whole and streamed, in and out.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { gemini } from "../../../src/dialects/gemini/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatResponse, Origin, Part } from "../../../src/ir/chat.ts";
import { type ErrorCode, GatewayError, type GatewayErrorOptions } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect, expand } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const origin: Origin = { dialect: "gemini", provider: "google", model: "gemini-3-flash-preview" };
const contextWith = (warnings: Warning[] = []): AnswerContext => ({
  model: "m",
  includeUsage: true,
  warn: (warning) => void warnings.push(warning),
});
const decode = (json: JsonObject): ChatResponse =>
  gemini.response.decode({ json, text: JSON.stringify(json) }, origin).value;
const candidate = (parts: JsonObject[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { role: "model", parts }, finishReason: "STOP", ...more }],
  responseId: "r",
  modelVersion: "v",
});
function events(chunks: readonly (JsonObject | string)[]): ChatEvent[] {
  const decoder = gemini.stream.decoder(origin);
  const frames = chunks.map((chunk) => ({
    data: typeof chunk === "string" ? chunk : JSON.stringify(chunk),
  }));
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}
const answerOf = (parts: Part[], more: Partial<ChatResponse> = {}): ChatResponse => ({
  id: "r",
  model: "v",
  candidates: [{ parts, finish: { reason: "stop" } }],
  ...more,
});
const encode = (response: ChatResponse, warnings: Warning[] = []): JsonObject =>
  JSON.parse(gemini.response.encode(response, contextWith(warnings))) as JsonObject;
const partsOf = (answer: JsonObject): JsonObject[] =>
  (answer["candidates"] as { content: { parts?: JsonObject[] } }[])[0]?.content.parts ?? [];

describe("decode", () => {
  test("a signed piece is never joined to one that is not", () => {
    const { parts } = collect(
      events([
        candidate([{ text: "Let", thought: true }], { finishReason: undefined }),
        candidate([{ text: " me", thought: true, thoughtSignature: "t" }], {
          finishReason: undefined,
        }),
        candidate([{ text: "Hel" }], { finishReason: undefined }),
        candidate([{ text: "lo" }], { finishReason: undefined }),
        candidate([{ text: "", thoughtSignature: "s" }]),
      ]),
    ).candidates[0] ?? { parts: [] };
    expect(parts).toEqual([
      { type: "reasoning", text: "Let me", origin, signature: "t" },
      { type: "text", text: "Hello" },
      { type: "text", text: "", proof: { signature: "s", origin } },
    ]);
  });

  test("calls: arguments as they are spelt, ids made up where there are none", () => {
    const text =
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a_u2f_b","args":{ "n": 1.0 }},"thoughtSignature":"s"},{"functionCall":{"name":"g","id":"x"}}]},"finishReason":"STOP"}]}';
    const { candidates } = gemini.response.decode({ json: JSON.parse(text), text }, origin).value;
    expect(candidates[0]?.finish).toEqual({ reason: "tool-calls", raw: "STOP" });
    expect(candidates[0]?.parts).toEqual([
      {
        type: "tool-call",
        id: expect.stringMatching(/^gemcall_[0-9a-f]{32}$/),
        name: "a/b",
        args: '{ "n": 1.0 }',
        executor: "client",
        proof: { signature: "s", origin },
      },
      { type: "tool-call", id: "x", name: "g", args: "{}", executor: "client" },
    ]);
  });

  test("arguments that come in pieces; odd names are names like any other", () => {
    const piece = (jsonPath: string, value: JsonObject): JsonObject => ({ jsonPath, ...value });
    const call = (functionCall: JsonObject, more: JsonObject = {}): JsonObject =>
      candidate([{ functionCall }], { finishReason: undefined, ...more });
    const { candidates } = collect(
      events([
        call({ name: "f", willContinue: true }),
        call({
          partialArgs: [
            piece("$.a[0].b", { stringValue: "x", willContinue: true }),
            piece("$.a[0].b", { stringValue: "y" }),
            piece("$.__proto__.polluted", { boolValue: true }),
            piece('$["c.d"]', { nullValue: "NULL_VALUE" }),
          ],
          willContinue: true,
        }),
        call({}),
        call({ name: "g", willContinue: true }),
        call({ name: "h", args: { z: 1 } }, { finishReason: "STOP" }),
      ]),
    );
    const args = candidates[0]?.parts.map((part) =>
      part.type === "tool-call" ? [part.name, part.args] : [],
    );
    expect(args).toEqual([
      ["f", '{"a":[{"b":"xy"}],"__proto__":{"polluted":true},"c.d":null}'],
      ["g", "{}"],
      ["h", '{"z":1}'],
    ]);
    expect(({} as JsonObject)["polluted"]).toBeUndefined();
    const broken = events([
      call({
        name: "f",
        partialArgs: [piece("$.a[999999999]", { numberValue: 1 })],
        willContinue: true,
      }),
    ]);
    expect(broken.at(-1)).toMatchObject({ type: "error", error: { code: "upstream_invalid" } });
  });

  test.each([
    ["MAX_TOKENS", "length"],
    ["SAFETY", "content-filter"],
    ["RECITATION", "content-filter"],
    ["IMAGE_SAFETY", "content-filter"],
    ["PROHIBITED_CONTENT", "content-filter"],
    ["MALFORMED_FUNCTION_CALL", "other"],
    ["UNEXPECTED_TOOL_CALL", "other"],
    ["SOMETHING_NEW", "other"],
  ] as const)("%s is %s, and goes out in its own word", (word, reason) => {
    const value = decode(candidate([{ text: "a" }], { finishReason: word }));
    expect(value.candidates[0]?.finish).toEqual({ reason, raw: word });
    const known = word === "SOMETHING_NEW" ? "OTHER" : word;
    expect((encode(value)["candidates"] as JsonObject[])[0]?.["finishReason"]).toBe(known);
  });

  test("a refused prompt ends without a candidate, whole and streamed", () => {
    const blocked = {
      promptFeedback: { blockReason: "SAFETY" },
      usageMetadata: { promptTokenCount: 4, totalTokenCount: 4 },
      responseId: "r",
      modelVersion: "v",
    };
    for (const value of [decode(blocked), collect(events([blocked]))]) {
      expect(value.candidates).toEqual([
        { parts: [], finish: { reason: "content-filter", raw: "SAFETY" } },
      ]);
      expect(encode(value)).toEqual(blocked);
    }
    const encoder = gemini.stream.encoder(contextWith());
    const frames = events([blocked]).flatMap((event) => encoder.push(event));
    expect(frames.map(({ data }) => JSON.parse(data) as unknown)).toEqual([blocked]);
  });

  test("usage: thoughts are output, tools' prompts input, the cached is within", () => {
    const usageMetadata = {
      promptTokenCount: 100,
      cachedContentTokenCount: 40,
      toolUsePromptTokenCount: 7,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 5,
      totalTokenCount: 132,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 30 }],
      candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: 9 }],
    };
    const groundingMetadata = { webSearchQueries: ["a", "b"] };
    const body = { ...candidate([{ text: "a" }], { groundingMetadata }), usageMetadata };
    const expected = {
      input: { total: 107, cacheRead: 40, cacheWrite5m: 0, cacheWrite1h: 0, audio: 30 },
      output: { total: 25, reasoning: 5, audio: 9 },
      serverTools: { google_search: 2 },
      raw: usageMetadata,
    };
    expect(decode(body).usage).toEqual(expected);
    expect(gemini.usage("chat", body)).toEqual(expected);
    expect(gemini.usage("count-tokens", { totalTokens: 3 })).toBeUndefined();
    expect(encode(decode(body))["usageMetadata"]).toEqual(usageMetadata);
  });

  test("sources become citations that other wires show, once each", () => {
    const groundingMetadata = {
      groundingChunks: [{ web: { uri: "https://a.example", title: "A" } }],
      groundingSupports: [{ segment: { endIndex: 5, text: "Hello" }, groundingChunkIndices: [0] }],
    };
    const chunk = candidate([{ text: "" }], { groundingMetadata });
    const value = collect(
      events([candidate([{ text: "Hello" }], { finishReason: undefined }), chunk, chunk]),
    );
    const [part] = value.candidates[0]?.parts ?? [];
    expect(part).toMatchObject({
      type: "text",
      citations: [{ origin: "gemini", raw: { url: "https://a.example", title: "A" } }],
    });
    const shown = JSON.parse(openaiChat.response.encode(value, contextWith()));
    expect(shown.choices[0].message.annotations).toHaveLength(1);
    expect((encode(value)["candidates"] as JsonObject[])[0]?.["groundingMetadata"]).toEqual(
      groundingMetadata,
    );
  });

  test.each<[string, (JsonObject | string)[], string]>([
    [
      "an error as a chunk",
      [{ error: { code: 503, message: "Overloaded", status: "UNAVAILABLE" } }],
      "upstream_unavailable",
    ],
    [
      "an error in an array",
      ['[{"error":{"code":429,"message":"Slow","status":"RESOURCE_EXHAUSTED"}}]'],
      "upstream_rate_limited",
    ],
    [
      "an error behind content",
      [
        candidate([{ text: "a" }], { finishReason: undefined }),
        { error: { code: 500, message: "x" } },
      ],
      "upstream_unavailable",
    ],
    ["no JSON", ["{"], "upstream_invalid"],
    ["no object", ["7"], "upstream_invalid"],
    [
      "an end without a reason",
      [candidate([{ text: "a" }], { finishReason: undefined })],
      "upstream_invalid",
    ],
    [
      "a part of the wrong kind",
      [candidate([{ inlineData: { data: "QQ==", mimeType: 7 } }])],
      "upstream_invalid",
    ],
    ["nothing at all", [], "upstream_invalid"],
  ])("%s is an error, the last event", (_, chunks, code) => {
    expect(events(chunks).at(-1)).toMatchObject({ type: "error", error: { code } });
  });

  test("an error that comes as bare JSON between the events is read too", () => {
    const { framing, framingFor } = gemini.stream;
    const text = 'data: {"a":1}\r\n\r\n{\n  "error": {\n    "code": 503\n  }\n}\n\n: note\n\n';
    const splitter = framing.createSplitter();
    const blocks = [...splitter.push(Buffer.from(text)), splitter.end()];
    const found = blocks.map((block) => block && framing.parse(block)).filter(Boolean);
    expect(found.map((frame) => JSON.parse(frame?.data ?? "") as unknown)).toEqual([
      { a: 1 },
      { error: { code: 503 } },
    ]);
    expect(framingFor?.(new URL("http://x/m:streamGenerateContent?alt=sse")).id).toBe("sse");
    expect(framingFor?.(new URL("http://x/m:streamGenerateContent")).id).toBe("json-array");
  });

  test("a whole answer: errors are thrown, and what is no answer", () => {
    const isCode = (code: string): unknown => expect.objectContaining({ code });
    expect(() =>
      decode({ error: { code: 429, message: "x", status: "RESOURCE_EXHAUSTED" } }),
    ).toThrow(isCode("upstream_rate_limited"));
    expect(() => decode({ id: "chatcmpl", choices: [] })).toThrow(isCode("upstream_invalid"));
    expect(
      decode({ candidates: [{ content: { parts: [{ text: "a" }] } }] }).candidates[0]?.finish,
    ).toEqual({ reason: "other" });
  });

  test("whatever comes is read or is an error event", () => {
    const json = fc.jsonValue({ maxDepth: 2 });
    const part = fc.dictionary(
      fc.constantFrom(
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "inlineData",
        "executableCode",
        "toolResponse",
        "__proto__",
      ),
      json,
    );
    const chunk = fc.record(
      {
        candidates: fc.oneof(
          json,
          fc.array(
            fc.record({
              content: fc.record({ parts: fc.array(part) }),
              finishReason: json,
              groundingMetadata: json,
            }),
          ),
        ),
        usageMetadata: json,
        promptFeedback: json,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 4 }), (chunks) => {
        const read = events(chunks);
        expect(["error", "end"]).toContain(read.at(-1)?.type ?? "");
        const encoder = gemini.stream.encoder(contextWith());
        for (const event of read) for (const { data } of encoder.push(event)) JSON.parse(data);
      }),
      { numRuns: 100 },
    );
  });
});

describe("encode", () => {
  const claude: Origin = { dialect: "anthropic-messages", provider: "a", model: "claude-x" };

  test("foreign reasoning is shown, and travels sealed on the part behind it", () => {
    const answer = encode(
      answerOf([
        { type: "reasoning", text: "Hm.", signature: "sig", origin: claude },
        { type: "reasoning", text: "", encrypted: "secret", origin: claude },
        { type: "tool-call", id: "c", name: "f", args: '{"a":1.0}', executor: "client" },
        { type: "tool-call", id: "gemcall_1", name: "g", args: "oops", executor: "client" },
      ]),
    );
    const [thought, call, other, ...rest] = partsOf(answer);
    expect(rest).toEqual([]);
    expect(thought).toEqual({ text: "Hm.", thought: true });
    expect(call).toEqual({
      functionCall: { id: "c", name: "f", args: { a: 1 } },
      thoughtSignature: expect.stringMatching(/^bWVnYWxsbS57[A-Za-z0-9+/]+=*$/),
    });
    expect(other).toEqual({ functionCall: { name: "g", args: { input: "oops" } } });

    // Gemini CLI forgets the thoughts, Python's SDK spells the bytes anew: what comes back is whole all the same.
    const seal = String(call?.["thoughtSignature"]).replaceAll("+", "-").replaceAll("/", "_");
    const json = { contents: [{ role: "model", parts: [{ ...call, thoughtSignature: seal }] }] };
    const text = JSON.stringify(json);
    expect(gemini.carriesForeign?.(Buffer.from(text), {})).toBe(true);
    const { messages } = gemini.request.decode(
      { json: { ...json, model: "m" }, text },
      "chat",
    ).value;
    expect(messages[0]?.parts.slice(0, 2)).toEqual([
      { type: "reasoning", text: "Hm.", signature: "sig", origin: claude },
      { type: "reasoning", text: "", encrypted: "secret", origin: claude },
    ]);
    const request = { model: "m", messages, tools: [], settings: {}, stream: false, ext: {} };
    const target = { provider: "a", model: "claude-x", quirks: {}, facts: {} };
    const sent = JSON.parse(anthropicMessages.request.encode(request, target).body);
    expect(sent.messages.at(-2).content.slice(0, 2)).toEqual([
      { type: "thinking", thinking: "Hm.", signature: "sig" },
      { type: "redacted_thinking", data: "secret" },
    ]);
    // To Google itself it does not go.
    const own = gemini.request.encode(request, { ...target, model: "gemini-2.5-pro" });
    expect(own.body).not.toContain("sig");
    expect(own.warnings.map(({ field }) => field)).toContain("contents[0].content[0]");
  });

  test("a broken seal is no reasoning, and no fault of the client", () => {
    const parts = [{ text: "a", thoughtSignature: `bWVnYWxsbS57${"x".repeat(9)}` }];
    const json = { contents: [{ role: "model", parts }] };
    const { messages } = gemini.request.decode({
      json: { ...json, model: "m" },
      text: JSON.stringify(json),
    }).value;
    expect(messages[0]?.parts).toEqual([{ type: "text", text: "a" }]);
  });

  test("own reasoning keeps its signature in the thought", () => {
    const answer = encode(
      answerOf([
        { type: "reasoning", text: "Hm.", signature: "s", origin },
        { type: "text", text: "a", proof: { signature: "p", origin } },
      ]),
    );
    expect(partsOf(answer)).toEqual([
      { text: "Hm.", thought: true, thoughtSignature: "s" },
      { text: "a", thoughtSignature: "p" },
    ]);
  });

  test("citations of other wires become grounding metadata", () => {
    const raw = {
      type: "web_search_result_location",
      url: "https://a.example",
      title: "A",
      supported_text: "x",
    };
    const warnings: Warning[] = [];
    const answer = encode(
      answerOf([
        { type: "text", text: "Grüße. " },
        {
          type: "text",
          text: "Hello",
          citations: [
            { origin: "anthropic-messages", raw },
            { origin: "cohere", raw: { document: 1 } },
          ],
        },
      ]),
      warnings,
    );
    expect((answer["candidates"] as JsonObject[])[0]?.["groundingMetadata"]).toEqual({
      groundingChunks: [{ web: { uri: "https://a.example", title: "A" } }],
      groundingSupports: [
        { segment: { startIndex: 9, endIndex: 14, text: "Hello" }, groundingChunkIndices: [0] },
      ],
    });
    expect(warnings.map(({ field }) => field)).toEqual(["citations"]);
  });

  test("a stream: calls whole, one line a frame, the end with reason and usage", () => {
    const encoder = gemini.stream.encoder(contextWith());
    const response = answerOf(
      [
        { type: "text", text: "Hi" },
        { type: "tool-call", id: "c", name: "f", args: '{\n"a": 1.0\n}', executor: "client" },
      ],
      { usage: createUsage({ total: 3 }, { total: 2 }) },
    );
    const frames = expand(response).flatMap((event) => encoder.push(event));
    expect(frames.every(({ data, event }) => event === undefined && !data.includes("\n"))).toBe(
      true,
    );
    expect(frames[1]?.data).toContain('"args":{ "a": 1.0 }');
    const head = { modelVersion: "v", responseId: "r" };
    const content = (parts: JsonObject[]): JsonObject => ({
      content: { parts, role: "model" },
      index: 0,
    });
    expect(frames.map(({ data }) => JSON.parse(data) as unknown)).toEqual([
      { candidates: [content([{ text: "Hi" }])], ...head },
      {
        candidates: [content([{ functionCall: { id: "c", name: "f", args: { a: 1 } } }])],
        ...head,
      },
      {
        candidates: [{ ...content([{ text: "" }]), finishReason: "STOP" }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
        ...head,
      },
    ]);
    expect(gemini.stream.keepAlive(contextWith())).toBe("\n");
  });

  test("what decode reads, encode writes: for every answer of this wire's own", () => {
    const text = fc.string({ minLength: 1 });
    const part = fc.oneof(
      text.map((value): Part => ({
        type: "text",
        text: value,
        proof: { signature: "cw==", origin },
      })),
      text.map((value): Part => ({ type: "reasoning", text: value, signature: "dA==", origin })),
      fc.tuple(text, fc.dictionary(fc.string(), fc.jsonValue())).map(([name, args]): Part => ({
        type: "tool-call",
        id: "c",
        name: name.toWellFormed(),
        args: JSON.stringify(args),
        executor: "client",
      })),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const response = answerOf(parts, { usage: createUsage({ total: 1 }, { total: 1 }) });
        const encoded = gemini.response.encode(response, contextWith());
        const again = gemini.response.decode(
          { json: JSON.parse(encoded) as JsonObject, text: encoded },
          origin,
        ).value;
        const shown = again.candidates[0]?.parts.map((each) =>
          each.type === "tool-call" ? { ...each, args: JSON.parse(each.args) as unknown } : each,
        );
        expect(shown as unknown).toEqual(
          parts.map((each) =>
            each.type === "tool-call" ? { ...each, args: JSON.parse(each.args) as unknown } : each,
          ),
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("errors", () => {
  const decodeError = (status: number, body: unknown): GatewayError =>
    gemini.error.decode(
      status,
      new Headers(),
      typeof body === "string" ? body : JSON.stringify(body),
    );
  const google = (
    code: number,
    status: string,
    message: string,
    details?: JsonObject[],
  ): JsonObject => ({
    error: { code, status, message, ...(details ? { details } : {}) },
  });

  test.each<[string, number, unknown, string]>([
    [
      "a wrong key",
      400,
      google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
      "upstream_auth",
    ],
    [
      "a wrong key by its reason",
      400,
      google(400, "INVALID_ARGUMENT", "x", [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" },
      ]),
      "upstream_auth",
    ],
    ["no permission", 403, google(403, "PERMISSION_DENIED", "x"), "upstream_auth"],
    [
      "a place without service",
      400,
      google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
      "upstream_auth",
    ],
    ["a wrong field", 400, google(400, "INVALID_ARGUMENT", "x"), "upstream_rejected"],
    ["no such model", 404, google(404, "NOT_FOUND", "x"), "upstream_rejected"],
    [
      "too busy",
      503,
      google(503, "UNAVAILABLE", "The model is overloaded."),
      "upstream_unavailable",
    ],
    ["too slow", 504, google(504, "DEADLINE_EXCEEDED", "x"), "upstream_timeout"],
    ["a page", 502, "<html>Bad gateway</html>", "upstream_unavailable"],
    ["nothing", 500, "", "upstream_unavailable"],
    ["an array", 429, [google(429, "RESOURCE_EXHAUSTED", "x")], "upstream_rate_limited"],
  ])("%s", (_, status, body, code) => {
    expect(decodeError(status, body).code).toBe(code as never);
  });

  test("a delay, a field, a prompt that is too long", () => {
    const type = (name: string): string => `type.googleapis.com/google.rpc.${name}`;
    const slow = decodeError(
      429,
      google(429, "RESOURCE_EXHAUSTED", "x", [{ "@type": type("RetryInfo"), retryDelay: "34.4s" }]),
    );
    expect(slow.retryAfterMs).toBe(34_400);
    const wrong = decodeError(
      400,
      google(400, "INVALID_ARGUMENT", "x", [
        { "@type": type("BadRequest"), fieldViolations: [{ field: "contents[0]" }] },
      ]),
    );
    expect(wrong.param).toBe("contents[0]");
    const long = decodeError(
      400,
      google(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      ),
    );
    expect(long.upstream?.code).toBe("context_length_exceeded");
  });

  test.each<[ErrorCode, GatewayErrorOptions, number, string]>([
    ["invalid_request", { param: "contents" }, 400, "INVALID_ARGUMENT"],
    ["unauthenticated", {}, 401, "UNAUTHENTICATED"],
    ["budget_exceeded", {}, 402, "FAILED_PRECONDITION"],
    ["model_not_found", {}, 404, "NOT_FOUND"],
    ["rate_limited", { retryAfterMs: 1500 }, 429, "RESOURCE_EXHAUSTED"],
    ["internal", {}, 500, "INTERNAL"],
    ["upstream_unavailable", {}, 502, "UNAVAILABLE"],
    ["upstream_timeout", {}, 504, "DEADLINE_EXCEEDED"],
  ])("%s is told as google.rpc.Status", (name, options, code, status) => {
    const error = new GatewayError(name, "x", options);
    const { details, ...said } = JSON.parse(gemini.error.encode(error, "req_1")).error;
    expect(said).toEqual({ code, message: "x", status });
    const again = decodeError(code, { error: { ...said, details } });
    expect(again.retryAfterMs).toBe(error.retryAfterMs);
    expect(again.upstream?.requestId).toBe("req_1");
    expect(again.param).toBe(error.param);
  });
});

describe("embeddings", () => {
  const codec = gemini.embeddings;
  if (!codec) throw new Error("no embeddings");
  const target = { provider: "google", model: "gemini-embedding-001", quirks: {}, facts: {} };

  test("another wire's request, and what is lost of it", () => {
    const { body, warnings } = codec.encodeRequest(
      {
        model: "m",
        inputs: [
          { type: "text", text: "a" },
          { type: "parts", parts: [{ type: "text", text: "b" }] },
        ],
        dimensions: 8,
        purpose: "query",
        truncate: "end",
        user: "u",
        encoding: "int8",
        ext: { cohere: { x: 1 } },
      },
      target,
    );
    const settings = {
      model: "models/gemini-embedding-001",
      taskType: "RETRIEVAL_QUERY",
      outputDimensionality: 8,
    };
    expect(JSON.parse(body)).toEqual({
      requests: [
        { ...settings, content: { parts: [{ text: "a" }] } },
        { ...settings, content: { parts: [{ text: "b" }] } },
      ],
    });
    expect(warnings.map(({ field }) => field)).toEqual([
      "encoding_format",
      "truncate",
      "user",
      "x",
    ]);
    expect(() =>
      codec.encodeRequest(
        { model: "m", inputs: [{ type: "tokens", tokens: [1] }], ext: {} },
        target,
      ),
    ).toThrow(GatewayError);
  });

  test("one content is answered with one vector; inputs that ask for different things are told", () => {
    const one = {
      content: { parts: [{ text: "a" }] },
      embedContentConfig: { taskType: "CLUSTERING", autoTruncate: true },
      model: "m",
    };
    const { value } = codec.decodeRequest({ json: one, text: "{}", form: "single" });
    expect(value).toMatchObject({
      single: true,
      purpose: "clustering",
      truncate: "end",
      inputs: [{ type: "text", text: "a" }],
    });
    expect(
      JSON.parse(codec.encodeResponse({ model: "m", vectors: [[1]] }, value, () => {})),
    ).toEqual({ embedding: { values: [1] } });
    const item = { content: { parts: [{ text: "a" }] } };
    const { warnings } = codec.decodeRequest({
      json: { model: "m", requests: [item, { ...item, taskType: "CLUSTERING" }] },
      text: "{}",
    });
    expect(warnings.map(({ field }) => field)).toEqual(["requests"]);
    const refuse =
      (json: JsonObject): (() => unknown) =>
      () =>
        codec.decodeRequest({ json: { model: "m", ...json }, text: "{}" });
    expect(refuse({ requests: [{}] })).toThrow(
      expect.objectContaining({ param: "requests[0].content" }),
    );
    expect(refuse({})).toThrow(expect.objectContaining({ param: "content" }));
  });

  test("fewer vectors than inputs are no answer; Vertex's older form is one", () => {
    const request = { model: "m", inputs: [{ type: "text" as const, text: "a" }], ext: {} };
    const read = (json: JsonObject): unknown =>
      codec.decodeResponse({ json, text: JSON.stringify(json) }, { dialect: "gemini" }, request)
        .value;
    expect(() => read({ embeddings: [] })).toThrow(
      expect.objectContaining({ code: "upstream_invalid" }),
    );
    expect(() => read({ x: 1 })).toThrow(expect.objectContaining({ code: "upstream_invalid" }));
    const predictions = [{ embeddings: { values: [0.5], statistics: { token_count: 5 } } }];
    expect(read({ predictions })).toMatchObject({
      vectors: [[0.5]],
      usage: { input: { total: 5 } },
    });
  });
});
