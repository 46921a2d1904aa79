// Gemini requests, in and out: what each field becomes, and what of other wires' requests this one takes.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Target } from "../../../src/dialects/dialect.ts";
import { gemini } from "../../../src/dialects/gemini/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest, Message, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { scan, splice } from "../../../src/lib/json.ts";

const decode = (json: JsonObject, text = JSON.stringify(json)): ChatRequest =>
  gemini.request.decode({ json: { model: "m", ...json }, text }, "chat").value;
const ask = (...parts: JsonObject[]): JsonObject => ({ contents: [{ role: "user", parts }] });
const targetOf = (model: string): Target => ({ provider: "google", model, quirks: {}, facts: {} });
const request = (more: Partial<ChatRequest>): ChatRequest => ({
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "Hi" }] }],
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
function encode(more: Partial<ChatRequest>, model = "gemini-3-flash-preview"): Encoded {
  const { body, warnings } = gemini.request.encode(request(more), targetOf(model));
  return { body: JSON.parse(body) as JsonObject, lost: warnings.map(({ field }) => field) };
}
const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });
const google = { dialect: "gemini", provider: "google", model: "gemini-3-flash-preview" } as const;

describe("decode", () => {
  test("parts of every kind", () => {
    const [message] = decode(
      ask(
        { text: "a" },
        { text: "hm", thought: true, thoughtSignature: "s1" },
        { inlineData: { mimeType: "image/png", data: "_-8" } },
        { inline_data: { mime_type: "audio/mp3", data: "QQ==" } },
        { inlineData: { mimeType: "application/pdf", data: "JVBERi0=", displayName: "a.pdf" } },
        { fileData: { mimeType: "image/jpeg", fileUri: "https://example.com/a" } },
        {
          fileData: { fileUri: "gs://bucket/a.mp4", mimeType: "video/mp4" },
          videoMetadata: { fps: 1 },
        },
        { somethingNew: { x: 1 } },
      ),
    ).messages;
    expect(message?.parts).toEqual([
      { type: "text", text: "a" },
      { type: "reasoning", text: "hm", signature: "s1", origin: { dialect: "gemini" } },
      { type: "image", source: { kind: "base64", data: "/+8=", mediaType: "image/png" } },
      {
        type: "audio",
        source: { kind: "base64", data: "QQ==", mediaType: "audio/mp3" },
        format: "mp3",
      },
      {
        type: "file",
        source: { kind: "base64", data: "JVBERi0=", mediaType: "application/pdf" },
        name: "a.pdf",
      },
      {
        type: "image",
        source: { kind: "url", url: "https://example.com/a", mediaType: "image/jpeg" },
      },
      {
        type: "file",
        source: { kind: "file-id", id: "gs://bucket/a.mp4", mediaType: "video/mp4" },
        ext: { gemini: { videoMetadata: { fps: 1 } } },
      },
      { type: "opaque", origin: "gemini", raw: { somethingNew: { x: 1 } } },
    ]);
  });

  test("calls and results without ids find each other by name, in order; arguments keep their spelling", () => {
    const text =
      '{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1.0}},"thoughtSignature":"s"},{"functionCall":{"name":"f"}},{"functionCall":{"name":"g","id":"x"}}]},' +
      '{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"1"}}},{"functionResponse":{"name":"g","id":"x","response":{"error":"no"}}},{"functionResponse":{"name":"f","response":{"n":2.50}}},{"functionResponse":{"name":"f","response":{"output":[1.0]}}}]}]}';
    const { messages } = decode(JSON.parse(text), text);
    const proof = { signature: "s", origin: { dialect: "gemini" } };
    const call = { type: "tool-call", executor: "client" };
    const [asked] = messages;
    const given: unknown = asked?.parts;
    expect(given).toEqual([
      { ...call, id: "gemcall_0_0", name: "f", args: '{"a":1.0}', proof },
      { ...call, id: "gemcall_0_1", name: "f", args: "{}" },
      { ...call, id: "x", name: "g", args: "{}" },
    ]);
    const results = messages[1]?.parts.map((part) =>
      part.type === "tool-result" ? [part.callId, part.isError, part.parts] : [],
    );
    const said = (value: string) => [{ type: "text" as const, text: value }];
    expect(results).toEqual([
      ["gemcall_0_0", false, said("1")],
      ["x", true, said("no")],
      ["gemcall_0_1", false, said('{"n":2.50}')],
      ["gemcall_1_3_unasked", false, said("[1.0]")],
    ]);
  });

  test("chunks that a client kept apart are one answer", () => {
    const model = (...parts: JsonObject[]): JsonObject => ({ role: "model", parts });
    const { messages } = decode({
      contents: [
        { role: "user", parts: [{ text: "Hi" }] },
        model({ text: "Hel" }),
        model({ text: "lo" }),
        model({ functionCall: { name: "f" } }),
        model({ text: "" }),
      ],
    });
    expect(messages.map(({ role, parts }) => [role, parts.length])).toEqual([
      ["user", 1],
      ["assistant", 2],
    ]);
    expect(messages[1]?.parts[0]).toEqual({ type: "text", text: "Hello" });
  });

  test("settings, tools and the rest", () => {
    const decoded = decode({
      ...ask({ text: "Hi" }),
      system_instruction: { parts: { text: "Be brief." } },
      generationConfig: {
        maxOutputTokens: 9,
        stopSequences: ["x"],
        responseLogprobs: true,
        logprobs: 2,
        responseMimeType: "application/json",
        responseJsonSchema: { type: "OBJECT" },
        responseModalities: ["TEXT"],
        speechConfig: { languageCode: "de" },
        thinkingConfig: { includeThoughts: false, thinkingLevel: "HIGH" },
      },
      tools: [
        { functionDeclarations: [{ name: "f", parameters: { type: "OBJECT" } }], googleSearch: {} },
        { computerUse: {} },
      ],
      toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] } },
      labels: { a: "b" },
      serviceTier: "FLEX",
    });
    expect(decoded.messages[0]).toMatchObject({
      role: "system",
      parts: [{ type: "text", text: "Be brief." }],
    });
    expect(decoded.settings).toEqual({ maxOutputTokens: 9, stop: ["x"], logprobs: { top: 2 } });
    expect(decoded.responseFormat).toEqual({
      type: "json-schema",
      schema: { type: "object" },
      strict: true,
    });
    expect(decoded.reasoning).toMatchObject({ mode: "effort", effort: "high", display: "omitted" });
    expect(decoded.toolChoice).toEqual({ type: "tool", name: "f" });
    expect(decoded.tools).toEqual([
      { type: "function", name: "f", parameters: { type: "object" } },
      { type: "provider", name: "googleSearch", origin: "gemini", raw: { googleSearch: {} } },
      {
        type: "provider",
        name: "computerUse",
        origin: "gemini",
        raw: { computerUse: {} },
        executor: "client",
      },
    ]);
    expect(decoded.account).toEqual({ serviceTier: "flex" });
    // What only Google knows is lost elsewhere, by its own name; text alone is what others give anyway.
    const { warnings } = openaiChat.request.encode(
      { ...decoded, tools: [], toolChoice: { type: "auto" } },
      targetOf("m"),
    );
    const lost = warnings.map(({ field }) => field).filter((field) => field !== "thinking.display");
    expect(lost).toEqual(["labels", "generationConfig.speechConfig"]);
  });

  test.each<[JsonObject, string]>([
    [{}, "contents"],
    [{ contents: [] }, "contents"],
    [{ contents: [7] }, "contents[0]"],
    [{ contents: [{ role: "robot", parts: [] }] }, "contents[0].role"],
    [ask({ text: 7 }), "contents[0].parts[0].text"],
    [ask({ inlineData: { mimeType: "image/png" } }), "contents[0].parts[0].inlineData.data"],
    [ask({ functionCall: { name: "f", args: [] } }), "contents[0].parts[0].functionCall.args"],
    [
      { ...ask({ text: "a" }), generationConfig: { temperature: "hot" } },
      "generationConfig.temperature",
    ],
    [
      { ...ask({ text: "a" }), tools: [{ functionDeclarations: [{}] }] },
      "tools[0].functionDeclarations[0].name",
    ],
    [
      { ...ask({ text: "a" }), toolConfig: { functionCallingConfig: { mode: "SOME" } } },
      "toolConfig.functionCallingConfig.mode",
    ],
  ])("%j is refused, naming %s", (json, param) => {
    const refuse = (): unknown => decode(json);
    expect(refuse).toThrow(expect.objectContaining({ code: "invalid_request", param }));
  });

  test("whatever comes, nothing but a refusal is thrown", () => {
    const part = fc.dictionary(
      fc.constantFrom(
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "function_response",
        "inlineData",
        "toolCall",
        "__proto__",
      ),
      fc.jsonValue(),
    );
    const body = fc.record(
      {
        contents: fc.oneof(
          fc.jsonValue(),
          fc.array(fc.record({ role: fc.constantFrom("user", "model"), parts: fc.array(part) })),
        ),
        generationConfig: fc.jsonValue(),
        tools: fc.jsonValue(),
        toolConfig: fc.jsonValue(),
        systemInstruction: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(body, (json) => {
        try {
          const decoded = decode(JSON.parse(JSON.stringify(json)));
          gemini.request.encode(decoded, targetOf("gemini-2.5-pro"));
          openaiChat.request.encode(decoded, targetOf("m"));
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
      { numRuns: 300 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("encode", () => {
  test("turns alternate; results come first, in the order of their calls, by the function's name", () => {
    const call = (id: string, name: string) =>
      ({ type: "tool-call", id, name, args: `{"id":"${id}"}`, executor: "client" }) as const;
    const result = (callId: string, text: string, isError = false): Part => ({
      type: "tool-result",
      callId,
      parts: [{ type: "text", text }],
      isError,
    });
    const { body, lost } = encode(
      {
        messages: [
          { role: "system", parts: [{ type: "text", text: "Be brief." }], place: "messages[0]" },
          user("a"),
          user("b"),
          { role: "assistant", parts: [call("c1", "f"), call("c2", "g/h")] },
          { role: "user", parts: [{ type: "text", text: "and" }, result("c2", '{"x":1.0}')] },
          { role: "user", parts: [result("c1", "boom", true), result("c9", "?")] },
          { role: "system", parts: [{ type: "text", text: "Now German." }] },
        ],
      },
      "gemini-2.5-pro",
    );
    expect(body["systemInstruction"]).toEqual({ parts: [{ text: "Be brief." }] });
    expect(body["contents"]).toEqual([
      { role: "user", parts: [{ text: "a" }, { text: "b" }] },
      {
        role: "model",
        parts: [
          { functionCall: { id: "c1", name: "f", args: { id: "c1" } } },
          { functionCall: { id: "c2", name: "g_u2f_h", args: { id: "c2" } } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "c1", name: "f", response: { error: "boom" } } },
          { functionResponse: { id: "c2", name: "g_u2f_h", response: { x: 1 } } },
          { text: "and" },
          { text: "Result of tool call c9:\n?" },
          { text: "<system-reminder>\nNow German.\n</system-reminder>" },
        ],
      },
    ]);
    expect(lost).toEqual(["messages[5].content[1]", "messages"]);
  });

  test("pictures in results: within for those models that take them, else beside", () => {
    const messages: Message[] = [
      user("a"),
      {
        role: "assistant",
        parts: [{ type: "tool-call", id: "c", name: "f", args: "", executor: "client" }],
      },
      {
        role: "user",
        parts: [
          {
            type: "tool-result",
            callId: "c",
            isError: false,
            parts: [
              {
                type: "image",
                source: { kind: "base64", data: "iVBORw0KGgo=", mediaType: "image/png" },
              },
            ],
          },
        ],
      },
    ];
    const inlineData = { mimeType: "image/png", data: "iVBORw0KGgo=" };
    const response = { output: "The result is attached." };
    const lastOf = ({ body }: Encoded): unknown =>
      (body["contents"] as JsonObject[]).at(-1)?.["parts"];
    expect(lastOf(encode({ messages }))).toEqual([
      { functionResponse: { id: "c", name: "f", response, parts: [{ inlineData }] } },
    ]);
    expect(lastOf(encode({ messages }, "gemini-2.5-flash"))).toEqual([
      { functionResponse: { id: "c", name: "f", response } },
      { inlineData },
    ]);
  });

  test("signatures go back where they were made; other calls get the mark that lets them pass", () => {
    const parts: Message["parts"] = [
      { type: "reasoning", text: "hm", origin: google },
      {
        type: "tool-call",
        id: "gemcall_1",
        name: "f",
        args: "{}",
        executor: "client",
        proof: { signature: "s", origin: google },
      },
    ];
    const messages: Message[] = [user("a"), { role: "assistant", parts }, user("b")];
    const partsOf = ({ body }: Encoded): unknown =>
      (body["contents"] as JsonObject[])[1]?.["parts"];
    const same = encode({ messages });
    expect(partsOf(same)).toEqual([
      { text: "hm", thought: true },
      { functionCall: { name: "f", args: {} }, thoughtSignature: "s" },
    ]);
    expect(same.lost).toEqual([]);
    const other = encode({ messages }, "gemini-3.1-pro-preview");
    // In base64 the API would take it for a broken signature.
    const mark = "skip_thought_signature_validator";
    expect(partsOf(other)).toEqual([
      { functionCall: { name: "f", args: {} }, thoughtSignature: mark },
    ]);
    expect(other.lost).toEqual([
      "messages[1].content[0]",
      "messages[1].content[1].thoughtSignature",
      "messages",
    ]);
    expect(partsOf(encode({ messages }, "gemini-2.5-pro"))).toEqual([
      { functionCall: { name: "f", args: {} } },
    ]);
  });

  test.each<[string, ChatRequest["reasoning"], JsonObject | undefined, string[]]>([
    ["gemini-2.5-pro", { mode: "off" }, { thinkingBudget: 128 }, ["reasoning"]],
    ["gemini-2.5-flash", { mode: "off" }, { thinkingBudget: 0 }, []],
    [
      "gemini-2.5-flash",
      { mode: "effort", effort: "low" },
      { includeThoughts: true, thinkingBudget: 1024 },
      [],
    ],
    [
      "gemini-2.5-flash-lite",
      { mode: "budget", tokens: 9 },
      { includeThoughts: true, thinkingBudget: 512 },
      ["reasoning"],
    ],
    ["gemini-2.5-pro", { mode: "adaptive", display: "omitted" }, { thinkingBudget: -1 }, []],
    ["gemini-2.0-flash", { mode: "effort", effort: "high" }, undefined, ["reasoning"]],
    ["gemini-3-flash-preview", { mode: "off" }, { thinkingLevel: "MINIMAL" }, ["reasoning"]],
    [
      "gemini-3.8-flash",
      { mode: "effort", effort: "minimal" },
      { includeThoughts: true, thinkingLevel: "LOW" },
      ["reasoning"],
    ],
    [
      "gemini-3.1-pro-preview",
      { mode: "effort", effort: "xhigh" },
      { includeThoughts: true, thinkingLevel: "HIGH" },
      ["reasoning"],
    ],
    [
      "gemini-3-pro-preview",
      { mode: "budget", tokens: 31_999 },
      { includeThoughts: true, thinkingLevel: "HIGH" },
      ["reasoning"],
    ],
    ["gemini-3-pro-preview", { mode: "adaptive" }, { includeThoughts: true }, []],
    ["gemma-3-27b-it", { mode: "effort", effort: "high" }, undefined, ["reasoning"]],
  ])("%s thinks %j", (model, reasoning, config, lost) => {
    const encoded = encode(reasoning ? { reasoning } : {}, model);
    expect(encoded.body["generationConfig"]).toEqual(
      config ? { thinkingConfig: config } : undefined,
    );
    expect(encoded.lost).toEqual(lost);
  });

  test("settings that a model refuses are left out, with a word", () => {
    const settings = {
      maxOutputTokens: 128_000,
      temperature: 0.5,
      topK: 3,
      frequencyPenalty: 0.5,
      presencePenalty: 0,
      candidateCount: 2,
      seed: 2 ** 40,
      stop: ["a", "b", "c", "d", "e", "f"],
    };
    const { body, lost } = encode(
      { settings, user: "u", account: { metadata: { a: 1 }, serviceTier: "flex" } },
      "gemini-3.8-flash",
    );
    expect(body["generationConfig"]).toEqual({
      maxOutputTokens: 65_536,
      stopSequences: ["a", "b", "c", "d", "e"],
    });
    expect(body["serviceTier"]).toBe("flex");
    expect(lost).toEqual([
      "max_tokens",
      "stop",
      "temperature",
      "top_k",
      "frequency_penalty",
      "n",
      "seed",
      "user",
      "metadata",
    ]);
  });

  test("formats and tools", () => {
    const tools: ChatRequest["tools"] = [
      {
        type: "function",
        name: "f",
        parameters: { type: "object", properties: { a: { type: "string", pattern: "x" } } },
        strict: true,
      },
      { type: "custom", name: "patch", format: { type: "grammar" } },
    ];
    const responseFormat = {
      type: "json-schema",
      name: "n",
      schema: { $ref: "#/$defs/A", $defs: { A: { type: "object" } } },
    } as const;
    const { body, lost } = encode({
      tools,
      responseFormat,
      toolChoice: { type: "tool", name: "f" },
    });
    expect(body["tools"]).toEqual([
      {
        functionDeclarations: [
          {
            name: "f",
            description: "",
            parametersJsonSchema: {
              type: "object",
              properties: { a: { type: "string", description: '{pattern: "x"}' } },
            },
          },
          expect.objectContaining({ name: "patch" }),
        ],
      },
    ]);
    expect(body["toolConfig"]).toEqual({
      functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] },
    });
    expect(body["generationConfig"]).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: { type: "object" },
    });
    expect(lost).toEqual(["tools[0].strict", "tools[0].parameters", "tools[1]"]);
    const old = encode({ tools, responseFormat }, "gemini-2.5-flash");
    expect(old.body["generationConfig"]).toBeUndefined();
    expect(JSON.stringify(old.body["systemInstruction"])).toContain("JSON Schema");
    expect(() =>
      encode({
        tools: [{ type: "provider", name: "web_search", origin: "anthropic-messages", raw: {} }],
      }),
    ).toThrow(expect.objectContaining({ code: "unsupported_feature" }));
  });

  test("a conversation that ends with the model, for models that cannot go on", () => {
    const messages: Message[] = [
      user("a"),
      { role: "assistant", parts: [{ type: "text", text: "b" }] },
    ];
    expect((encode({ messages }, "gemini-3.8-flash").body["contents"] as unknown[]).length).toBe(3);
    expect((encode({ messages }, "gemini-2.5-pro").body["contents"] as unknown[]).length).toBe(2);
  });
});

test("another model's name is put wherever the body has one", () => {
  const body = Buffer.from(
    '{ "model":"models/a", "requests": [ {"content":{"model":"x"}, "model" : "models/a"}, {"model":"models/a"}, 7 ] }',
  );
  const edits = gemini.renameModel?.(body, scan(body), "b") ?? [];
  expect(Buffer.from(splice(body, edits)).toString()).toBe(
    '{ "model":"models/b", "requests": [ {"content":{"model":"x"}, "model" : "models/b"}, {"model":"models/b"}, 7 ] }',
  );
});

test("every path has one route", () => {
  const paths = gemini.routes.map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
  expect(paths).toContain(
    "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:streamGenerateContent",
  );
  expect(paths).toContain("/models/{model}:countTokens");
  // The AI SDK leaves the collection out of names with a slash. The template matches all others, too.
  expect(paths.indexOf("/v1beta/{model}:generateContent")).toBeGreaterThan(
    paths.indexOf("/v1beta/tunedModels/{model}:batchEmbedContents"),
  );
  expect(
    gemini.routes.filter(({ stream }) => stream).every(({ path }) => path.includes(":stream")),
  ).toBe(true);
});
