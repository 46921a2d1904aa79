// The Gemini double: what it refuses and how, what it answers, through the official SDK and byte by byte.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from "@google/genai";
import { findGeminiModel, plainGemini } from "../../support/upstream/gemini-models.ts";
import { signPart } from "../../support/upstream/gemini-signature.ts";
import { startGeminiUpstream } from "../../support/upstream/gemini.ts";
import type { Surface } from "../../support/upstream/gemini-messages.ts";
import type { Upstream, UpstreamOptions } from "../../support/upstream/upstream.ts";
import { plainSignatures, readGenerate } from "../../support/upstream/validate-gemini.ts";

const user = { role: "user", parts: [{ text: "Hi." }] };
const base = { contents: [user] };
const parameters = {
  type: "OBJECT",
  properties: { city: { type: "STRING" } },
  required: ["city"],
};
const weather = { name: "get_weather", parameters };
const tools = [{ functionDeclarations: [weather] }];
const call = (more: object = {}, args: object = { city: "Oslo" }) => ({
  functionCall: { name: "get_weather", args },
  ...more,
});
const result = (more: object = {}) => ({
  functionResponse: { name: "get_weather", response: { output: "sunny" }, ...more },
});
const round = (calls: unknown[], results: unknown[], more: object = {}) => ({
  tools,
  contents: [user, { role: "model", parts: calls }, { role: "user", parts: results }],
  ...more,
});
const declares = (schema: unknown) => ({
  ...base,
  tools: [{ functionDeclarations: [{ name: "f", parameters: schema }] }],
});
const configured = (generationConfig: object) => ({ ...base, generationConfig });
const thinking = (thinkingConfig: object) => configured({ thinkingConfig });

const judge = (body: unknown, name = "gemini-2.5-flash", surface: Surface = "gemini") =>
  readGenerate(body, {
    surface,
    model: findGeminiModel(name) ?? plainGemini(name),
    signatures: plainSignatures,
  });

describe("requests that are accepted", () => {
  const signed = { thoughtSignature: signPart(call()) };
  const accepted: Record<string, readonly [body: unknown, model?: string, surface?: Surface]> = {
    "the least": [{ contents: [{ parts: [{ text: "x" }] }] }],
    "snake_case and lower-case enums": [
      {
        contents: [
          { role: "user", parts: [{ inline_data: { mime_type: "text/plain", data: "eA" } }] },
        ],
        system_instruction: { parts: [{ text: "s" }] },
        tools: { function_declarations: [{ name: "f", parameters: { type: "object" } }] },
        generation_config: { max_output_tokens: "5", stop_sequences: ["a"] },
      },
    ],
    nulls: [{ ...base, generationConfig: { temperature: null }, tools: null }],
    "a round without signatures on an older model": [round([call()], [result()])],
    "a signed round": [round([call(signed), call()], [result(), result()]), "gemini-3-pro-preview"],
    "a signature in the other alphabet, without padding": [
      round(
        [
          call({
            thoughtSignature: signed.thoughtSignature
              .replaceAll("+", "-")
              .replaceAll("/", "_")
              .replaceAll("=", ""),
          }),
        ],
        [result()],
      ),
      "gemini-3-pro-preview",
    ],
    "a documented stand-in": [
      round([call({ thoughtSignature: "skip_thought_signature_validator" })], [result()]),
      "gemini-3-pro-preview",
    ],
    "an earlier turn without signatures": [
      {
        tools,
        contents: [
          user,
          { role: "model", parts: [call()] },
          { role: "user", parts: [result()] },
          { role: "model", parts: [{ text: "x" }] },
          user,
        ],
      },
      "gemini-3-pro-preview",
    ],
    "a free JSON Schema": [
      {
        ...base,
        tools: [
          {
            functionDeclarations: [
              {
                name: "f",
                parametersJsonSchema: {
                  $schema: "x",
                  type: "object",
                  properties: { a: { const: 1 } },
                  additionalProperties: false,
                },
              },
            ],
          },
        ],
      },
    ],
    "functions with JSON on a new model": [
      { ...base, tools, generationConfig: { responseMimeType: "application/json" } },
      "gemini-3-flash-preview",
    ],
    "thinking off": [thinking({ thinkingBudget: 0 })],
    "a level": [thinking({ thinkingLevel: "high", includeThoughts: true }), "gemini-3-pro-preview"],
    "labels on Vertex AI": [{ ...base, labels: { a: "b" } }, "gemini-2.5-pro", "vertex"],
  };
  for (const [name, [body, model, surface]] of Object.entries(accepted)) {
    test(name, () => expect(judge(body, model, surface)).toHaveProperty("body"));
  }
});

describe("requests that are refused, in Google's words", () => {
  const altered = signPart(call()).replace(/^.../, "abc");
  const refused: [
    name: string,
    body: unknown,
    message: string,
    model?: string,
    surface?: Surface,
  ][] = [
    ["no JSON", undefined, "Invalid JSON payload received. Unexpected end of string."],
    [
      "an unknown field",
      { ...base, top_k: 1 },
      'Invalid JSON payload received. Unknown name "top_k": Cannot find field.',
    ],
    [
      "two unknown fields deep inside",
      declares({ type: "OBJECT", properties: { a: { type: "STRING", const: "x" } }, $schema: "y" }),
      `Invalid JSON payload received. Unknown name "const" at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field.\nInvalid JSON payload received. Unknown name "$schema" at 'tools[0].function_declarations[0].parameters': Cannot find field.`,
    ],
    [
      "additionalProperties",
      declares({ ...parameters, additionalProperties: false }),
      `Unknown name "additionalProperties" at 'tools[0].function_declarations[0].parameters': Cannot find field.`,
    ],
    [
      "a list of types",
      declares({ type: "OBJECT", properties: { a: { type: ["STRING", "NULL"] } } }),
      `Unknown name "type" at 'tools[0].function_declarations[0].parameters.properties[0].value': Proto field is not repeating, cannot start list.`,
    ],
    [
      "a type nobody knows",
      declares({ type: "OBJECT", properties: { a: { type: "any" } } }),
      `Invalid value at 'tools[0].function_declarations[0].parameters.properties[0].value.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), "any"`,
    ],
    [
      "numbers in an enum",
      declares({ type: "OBJECT", properties: { a: { type: "STRING", enum: [1] } } }),
      `Invalid value at 'tools[0].function_declarations[0].parameters.properties[0].value.enum[0]' (TYPE_STRING), 1`,
    ],
    [
      "a text for an instruction",
      { ...base, systemInstruction: "x" },
      `Invalid value at 'system_instruction' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), "x"`,
    ],
    [
      "two kinds of data in a part",
      { contents: [{ parts: [{ text: "x", functionCall: { name: "f" } }] }] },
      `Invalid value at 'contents[0].parts[0]' (oneof), oneof field 'data' is already set. Cannot set 'functionCall'`,
    ],
    [
      "a result that is a list",
      round([call()], [result({ response: ["x"] })]),
      `Unknown name "response" at 'contents[2].parts[0].function_response': Proto field is not repeating, cannot start list.`,
    ],
    [
      "bytes that are no base64",
      { contents: [{ parts: [{ inlineData: { mimeType: "image/png", data: "data:x" } }] }] },
      "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed for",
    ],
    ["no contents", {}, "* GenerateContentRequest.contents: contents is not specified\n"],
    [
      "no parts",
      { contents: [{ role: "user", parts: [] }] },
      "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n",
    ],
    [
      "an empty part",
      { contents: [{ role: "user", parts: [{}] }] },
      "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must have one initialized field\n",
    ],
    [
      "a foreign role",
      { contents: [{ ...user, role: "assistant" }] },
      "Please use a valid role: user, model.",
    ],
    [
      "a call at the beginning",
      {
        contents: [
          { role: "model", parts: [call()] },
          { role: "user", parts: [result()] },
        ],
      },
      "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
    ],
    [
      "a call without its response",
      round([call(), call()], [result()]),
      "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
    ],
    [
      "responses in two contents",
      {
        tools,
        contents: [
          user,
          { role: "model", parts: [call(), call()] },
          { role: "user", parts: [result()] },
          { role: "user", parts: [result()] },
        ],
      },
      "Please ensure that the number of function response parts is equal",
    ],
    [
      "a response of another name",
      round([call()], [result({ name: "call_1" })]),
      "Please ensure that the names of the function response parts are equal",
    ],
    [
      "a response without a call",
      { contents: [user, { role: "user", parts: [result()] }] },
      "Please ensure that function response turn comes immediately after a function call turn.",
    ],
    [
      "a name with a space",
      { ...base, tools: [{ functionDeclarations: [{ name: "a b" }] }] },
      "* GenerateContentRequest.tools[0].function_declarations[0].name: Invalid function name.",
    ],
    [
      "one name twice",
      { ...base, tools: [{ functionDeclarations: [weather, weather] }] },
      "Duplicate function declaration found: get_weather",
    ],
    [
      "a required property nobody declared",
      declares({ ...parameters, required: ["town"] }),
      "* GenerateContentRequest.tools[0].function_declarations[0].parameters.required[0]: property is not defined\n",
    ],
    [
      "an array without items",
      declares({ type: "OBJECT", properties: { a: { type: "ARRAY" } } }),
      "* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties[a].items: missing field.\n",
    ],
    [
      "an inner object without properties",
      declares({ type: "OBJECT", properties: { a: { type: "OBJECT" } } }),
      "parameters.properties[a].properties: should be non-empty for OBJECT type",
    ],
    [
      "properties of a string",
      declares({ type: "OBJECT", properties: { a: { type: "STRING", required: ["b"] } } }),
      "parameters.properties[a].required: only allowed for OBJECT type",
    ],
    [
      "a foreign format",
      declares({ type: "OBJECT", properties: { a: { type: "STRING", format: "uri" } } }),
      "parameters.properties[a].format: only 'enum' and 'date-time' are supported for STRING type",
    ],
    [
      "any_of beside other fields on Vertex AI",
      declares({
        type: "OBJECT",
        properties: { a: { type: "STRING", anyOf: [{ type: "STRING" }] } },
      }),
      "When using any_of, it must be the only field set.",
      "gemini-2.5-flash",
      "vertex",
    ],
    [
      "functions with JSON",
      { ...base, tools, generationConfig: { responseMimeType: "application/json" } },
      "Function calling with a response mime type: 'application/json' is unsupported",
    ],
    [
      "functions with a search",
      { ...base, tools: [...tools, { googleSearch: {} }] },
      "Tool use with function calling is unsupported",
    ],
    [
      "functions with a search on a new model",
      { ...base, tools: [...tools, { googleSearch: {} }] },
      "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.",
      "gemini-3-flash-preview",
    ],
    [
      "allowed names without force",
      {
        ...base,
        tools,
        toolConfig: { functionCallingConfig: { allowedFunctionNames: ["get_weather"] } },
      },
      "Please set allowed_function_names only when function calling mode is ANY.",
    ],
    [
      "a schema without its type",
      configured({ responseSchema: { type: "STRING" } }),
      "response_schema: only allowed when response_mime_type is application/json",
    ],
    [
      "budget and level",
      thinking({ thinkingBudget: 128, thinkingLevel: "LOW" }),
      "You can only set only one of thinking budget and thinking level.",
      "gemini-3-pro-preview",
    ],
    [
      "a level on an older model",
      thinking({ thinkingLevel: "LOW" }),
      "Thinking level is not supported for this model.",
    ],
    [
      "a level that the model lacks",
      thinking({ thinkingLevel: "MEDIUM" }),
      "Thinking level MEDIUM is not supported for this model. Please retry with other thinking level.",
      "gemini-3-pro-preview",
    ],
    [
      "no thinking where it cannot stop",
      thinking({ thinkingBudget: 0 }),
      "Budget 0 is invalid. This model only works in thinking mode.",
      "gemini-2.5-pro",
    ],
    [
      "too small a budget",
      thinking({ thinkingBudget: 100 }),
      "The thinking budget 100 is invalid. Please choose a value between 128 and 32768.",
      "gemini-2.5-pro",
    ],
    [
      "thoughts of a model that has none",
      thinking({ includeThoughts: true }),
      "Thinking is not enabled for models/gemini-2.0-flash",
      "gemini-2.0-flash",
    ],
    [
      "too much output",
      configured({ maxOutputTokens: 100_000 }),
      "it has a maxOutputTokens value of 100000 but the supported range is from 1 (inclusive) to 65537 (exclusive)",
    ],
    [
      "six stops",
      configured({ stopSequences: ["a", "b", "c", "d", "e", "f"] }),
      "the number of stop_sequences must not exceed 5",
    ],
    [
      "a temperature of 3",
      configured({ temperature: 3 }),
      "temperature must be in the range [0.0, 2.0]",
    ],
    [
      "a call of the turn under way without its signature",
      round([call()], [result()]),
      "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:get_weather` , position 2.",
      "gemini-3-pro-preview",
    ],
    [
      "the same on Vertex AI",
      round([call()], [result()]),
      "function call `get_weather` in the 2. content block is missing a `thought_signature`",
      "gemini-3-pro-preview",
      "vertex",
    ],
    [
      "an altered signature, even on an older model",
      round([call({ thoughtSignature: altered })], [result()]),
      "Corrupted thought signature.",
    ],
    [
      "a signature of another call",
      round([call({ thoughtSignature: signPart(call({}, { city: "Rome" })) })], [result()]),
      "Corrupted thought signature.",
    ],
    [
      "a field that only Vertex AI knows",
      { ...base, labels: { a: "b" } },
      'Unknown name "labels": Cannot find field.',
    ],
    [
      "a cached content nobody made",
      { ...base, cachedContent: "cachedContents/x" },
      "CachedContent not found (or permission denied)",
    ],
  ];
  for (const [name, body, message, model, surface] of refused) {
    test(name, () => {
      const reading = judge(body, model, surface);
      expect("refusal" in reading ? reading.refusal.message : "accepted").toContain(message);
    });
  }
});

/** Starts a double and its client; both end with the test. */
const running: Upstream[] = [];
afterEach(async () => {
  for (const upstream of running.splice(0)) await upstream.stop();
});
async function start(options: UpstreamOptions = {}) {
  const upstream = await startGeminiUpstream(options);
  running.push(upstream);
  const client = new GoogleGenAI({
    apiKey: upstream.key,
    httpOptions: { baseUrl: upstream.baseUrl },
  });
  return { upstream, client };
}

const ask = { model: "gemini-2.5-flash", contents: "Good morning, Ann." };
const functions = [
  {
    functionDeclarations: [
      {
        name: "get_weather",
        parametersJsonSchema: { type: "object", properties: { city: { type: "string" } } },
      },
    ],
  },
];

describe("through the official SDK", () => {
  test("text, thoughts, usage, bill", async () => {
    const { upstream, client } = await start();
    const answer = await client.models.generateContent({
      ...ask,
      config: { thinkingConfig: { includeThoughts: true } },
    });
    expect(answer.text).toBe("Good morning, Ann.");
    expect(answer.candidates?.[0]).toMatchObject({ finishReason: "STOP", index: 0 });
    const thoughts = answer.candidates?.[0]?.content?.parts?.filter((part) => part.thought);
    expect(thoughts?.[0]?.text).toStartWith("The user wrote:");
    const [entry] = upstream.bill.entries;
    const usage = answer.usageMetadata;
    expect(usage?.promptTokenCount).toBe(entry?.inputTokens ?? 0);
    expect(usage?.thoughtsTokenCount).toBe(entry?.reasoningTokens ?? 0);
    expect((usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0)).toBe(
      entry?.outputTokens ?? 0,
    );
    expect(usage?.totalTokenCount).toBe((entry?.inputTokens ?? 0) + (entry?.outputTokens ?? 0));
    expect(entry).toMatchObject({ complete: true, model: "gemini-2.5-flash" });
  });

  test("a stream tells the same, piece by piece", async () => {
    const { upstream, client } = await start();
    const stream = await client.models.generateContentStream({
      ...ask,
      config: { thinkingConfig: { includeThoughts: true } },
    });
    let text = "";
    let thoughts = "";
    let last;
    for await (const chunk of stream) {
      for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
        if (part.thought) thoughts += part.text;
        else text += part.text ?? "";
      }
      last = chunk;
    }
    expect(text).toBe("Good morning, Ann.");
    expect(thoughts).toStartWith("The user wrote:");
    expect(last?.candidates?.[0]?.finishReason).toBe("STOP" as never);
    const [entry] = upstream.bill.entries;
    expect(last?.usageMetadata?.totalTokenCount).toBe(
      (entry?.inputTokens ?? 0) + (entry?.outputTokens ?? 0),
    );
    expect(entry).toMatchObject({ stream: true, complete: true });
  });

  test("parallel calls, signatures that come back, and what happens when they do not", async () => {
    const { upstream, client } = await start();
    upstream.script({
      kind: "tool-calls",
      reasoning: "I need the weather.",
      calls: [
        { name: "get_weather", args: { city: "Oslo" } },
        { name: "get_weather", args: { city: "Rome" } },
      ],
    });
    const chat = client.chats.create({
      model: "gemini-3-flash-preview",
      config: { tools: functions },
    });
    const answer = await chat.sendMessage({ message: "Weather?" });
    expect(answer.functionCalls?.map((one) => one.args)).toEqual([
      { city: "Oslo" },
      { city: "Rome" },
    ]);
    const parts = answer.candidates?.[0]?.content?.parts ?? [];
    expect(parts.map((part) => part.thoughtSignature !== undefined)).toEqual([true, false]);
    const results = (answer.functionCalls ?? []).map(({ id, name }) => ({
      functionResponse: {
        ...(id === undefined ? {} : { id }),
        name,
        response: { output: "sunny" },
      },
    }));
    const next = await chat.sendMessage({ message: results });
    expect(next.text).toBe("The tool said: sunny | sunny");
    const history = chat.getHistory(false).slice(0, 2);
    const bare = history.map((content) => ({
      ...content,
      parts: content.parts?.map((part) => ({ ...part, thoughtSignature: undefined })),
    }));
    const error = await client.models
      .generateContent({
        model: "gemini-3-flash-preview",
        contents: [...bare, { role: "user", parts: results }],
        config: { tools: functions },
      })
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 400 });
    expect(upstream.requests.at(-1)?.refusal?.message).toContain("missing a thought_signature");
  });

  test("a demanding double wants its signatures back from every model", async () => {
    const { upstream, client } = await start({ demandSignatures: true });
    upstream.script({
      kind: "tool-calls",
      reasoning: "Hm.",
      calls: [{ name: "get_weather", args: { city: "Oslo" } }],
    });
    const request = { ...ask, config: { tools: functions } };
    const answer = await client.models.generateContent(request);
    const [part] = answer.candidates?.[0]?.content?.parts ?? [];
    expect(part?.thoughtSignature).toBeString();
    const again = (model: object) =>
      client.models
        .generateContent({
          ...request,
          contents: [
            { role: "user", parts: [{ text: "x" }] },
            { role: "model", parts: [model] },
            { role: "user", parts: [result()] },
            { role: "model", parts: [{ text: "x" }] },
            { role: "user", parts: [{ text: "x" }] },
          ],
        })
        .then((told) => told.text)
        .catch((cause: unknown) => (cause instanceof ApiError ? cause.status : cause));
    expect(await again(part ?? {})).toBe("x");
    expect(await again({ functionCall: part?.functionCall })).toBe(400);
    const standIn = { thoughtSignature: "skip_thought_signature_validator" };
    expect(await again({ functionCall: part?.functionCall, ...standIn })).toBe(400);
    // A call that another vendor made has no signature to bring.
    expect(await again(call({}, { city: "Paris" }))).toBe("x");
  });

  test("JSON answers fit the schema; forced tools are called", async () => {
    const { client } = await start();
    const json = await client.models.generateContent({
      ...ask,
      config: {
        responseMimeType: "application/json",
        responseSchema: {
          type: "OBJECT" as never,
          properties: { n: { type: "INTEGER" as never } },
        },
      },
    });
    expect(JSON.parse(json.text ?? "")).toEqual({ n: 1 });
    const forced = await client.models.generateContent({
      ...ask,
      config: {
        tools: functions,
        toolConfig: {
          functionCallingConfig: {
            mode: FunctionCallingConfigMode.ANY,
            allowedFunctionNames: ["get_weather"],
          },
        },
      },
    });
    expect(forced.functionCalls?.[0]).toMatchObject({
      name: "get_weather",
      args: { city: "city" },
    });
  });

  test("pictures, pages, blocks and other endings", async () => {
    const { upstream, client } = await start();
    upstream.script([
      { kind: "text", text: "See.", images: [{ mediaType: "image/png", data: "iVBORw0KGgo=" }] },
      {
        kind: "text",
        text: "So it is.",
        sources: [{ title: "a", url: "https://example.com/" }],
        usage: { input: 10, toolPrompt: 5 },
      },
      { kind: "text", text: "", blocked: "PROHIBITED_CONTENT" },
      { kind: "refusal", text: "No." },
      { kind: "text", text: "x", finish: "RECITATION" },
      { kind: "tool-calls", calls: [{ name: "get_weather", args: '{"city":' }] },
    ]);
    const picture = await client.models.generateContent(ask);
    expect(picture.data).toBe("iVBORw0KGgo=");
    const page = await client.models.generateContent(ask);
    expect(page.candidates?.[0]?.groundingMetadata?.groundingChunks?.[0]?.web?.uri).toBe(
      "https://example.com/",
    );
    expect(page.usageMetadata).toMatchObject({ promptTokenCount: 10, toolUsePromptTokenCount: 5 });
    expect(upstream.bill.entries.at(-1)?.inputTokens).toBe(15);
    const blocked = await client.models.generateContent(ask);
    expect(blocked.promptFeedback?.blockReason).toBe("PROHIBITED_CONTENT" as never);
    expect(blocked.candidates).toBeUndefined();
    expect(upstream.bill.entries.at(-1)?.outputTokens).toBe(0);
    const endings: unknown[] = [];
    for (let index = 0; index < 3; index += 1) {
      const ended = await client.models.generateContent(ask);
      endings.push(ended.candidates?.[0]?.finishReason);
    }
    expect(endings).toEqual(["SAFETY", "RECITATION", "MALFORMED_FUNCTION_CALL"]);
  });

  test("limits and stop sequences", async () => {
    const { upstream, client } = await start();
    const config = { thinkingConfig: { thinkingBudget: 0 } };
    const short = await client.models.generateContent({
      ...ask,
      config: { ...config, maxOutputTokens: 2 },
    });
    expect(short.text).toBe("Good mor");
    expect(short.candidates?.[0]?.finishReason).toBe("MAX_TOKENS" as never);
    expect(upstream.bill.entries[0]?.outputTokens).toBe(2);
    const stopped = await client.models.generateContent({
      ...ask,
      config: { ...config, stopSequences: [","] },
    });
    expect(stopped.text).toBe("Good morning");
  });

  test("a prompt that begins like an earlier one is read from the cache", async () => {
    const { upstream, client } = await start({ cacheMinTokens: 10 });
    const first = { role: "user", parts: [{ text: "long ".repeat(100) }] };
    await client.models.generateContent({ ...ask, contents: [first] });
    const two = await client.models.generateContent({
      ...ask,
      contents: [first, { role: "model", parts: [{ text: "x" }] }, user],
    });
    expect(two.usageMetadata?.cachedContentTokenCount).toBeGreaterThan(100);
    expect(upstream.bill.entries[1]?.cachedInputTokens).toBe(
      two.usageMetadata?.cachedContentTokenCount ?? 0,
    );
  });

  test("counting, embeddings, the catalogue", async () => {
    const { client } = await start({ models: ["vendor/my-model"] });
    const counted = await client.models.countTokens(ask);
    const answer = await client.models.generateContent(ask);
    expect(counted.totalTokens).toBe(answer.usageMetadata?.promptTokenCount ?? 0);
    const vectors = await client.models.embedContent({
      model: "gemini-embedding-001",
      contents: ["a", "b"],
      config: { outputDimensionality: 4 },
    });
    expect(vectors.embeddings?.map((one) => one.values?.length)).toEqual([4, 4]);
    const pager = await client.models.list({ config: { pageSize: 5 } });
    const names: unknown[] = [];
    for await (const model of pager) names.push(model.name);
    expect(names).toContain("models/vendor/my-model");
    expect(new Set(names).size).toBe(names.length);
    expect((await client.models.get({ model: "gemini-2.5-pro" })).inputTokenLimit).toBe(1_048_576);
    const slashed = await client.models.generateContent({
      ...ask,
      model: "models/vendor/my-model",
    });
    expect(slashed.text).toBe("Good morning, Ann.");
    const wrong = client.models.generateContent({ ...ask, model: "gemini-embedding-001" });
    expect(await wrong.catch((cause: unknown) => (cause as ApiError).status)).toBe(404);
  });

  test("errors of every kind arrive as errors", async () => {
    const { upstream, client } = await start();
    upstream.script([
      {
        kind: "error",
        status: 429,
        type: "RESOURCE_EXHAUSTED",
        message: "Quota exceeded.",
        retryAfter: 7,
      },
      { kind: "error-in-stream", type: "UNAVAILABLE", message: "Overloaded." },
    ]);
    const limited = await client.models.generateContent(ask).catch((cause: unknown) => cause);
    expect(limited).toMatchObject({ status: 429 });
    expect(String(limited)).toContain('"retryDelay":"7s"');
    const stream = await client.models.generateContentStream(ask);
    const broken = (async () => {
      for await (const _ of stream);
    })();
    expect(await broken.catch((cause: unknown) => String(cause))).toContain("Overloaded.");
  });
});

describe("headers and bytes", () => {
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await startGeminiUpstream({ key: "g-1" });
  });
  afterAll(() => upstream.stop());

  const path = "/v1beta/models/gemini-2.5-flash:generateContent";
  const vertex =
    "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent";
  const post = (address: string, headers: Record<string, string> = {}, body: unknown = base) =>
    fetch(upstream.url + address, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const key = { "x-goog-api-key": "g-1" };

  test("the key in its places, and no other", async () => {
    expect((await post(path, key)).status).toBe(200);
    expect(upstream.requests.at(-1)?.credential).toBe("x-goog-api-key");
    expect((await post(`${path}?key=g-1`)).status).toBe(200);
    expect(upstream.requests.at(-1)?.credential).toBe("?key=");
    const wrong = await post(path, { "x-goog-api-key": "g-2" });
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toEqual({
      error: {
        code: 400,
        message: "API key not valid. Please pass a valid API key.",
        status: "INVALID_ARGUMENT",
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            reason: "API_KEY_INVALID",
            domain: "googleapis.com",
            metadata: { service: "generativelanguage.googleapis.com" },
          },
        ],
      },
    });
    expect((await post(path)).status).toBe(403);
    expect((await post(path, { authorization: "Bearer g-1" })).status).toBe(401);
    expect((await post(path, { ...key, "x-api-key": "g-1" })).status).toBe(400);
    expect((await post(vertex, { authorization: "Bearer g-1" })).status).toBe(200);
    expect(upstream.requests.at(-1)?.credential).toBe("authorization");
    expect((await post(vertex, { authorization: "Bearer g-2" })).status).toBe(401);
    expect((await post(vertex)).status).toBe(401);
  });

  test("faults of fields come with their places", async () => {
    const refused = await post(path, key, { ...base, foo: 1, contents: [{ role: 5 }] });
    expect(await refused.json()).toMatchObject({
      error: {
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            fieldViolations: [
              {
                field: "contents[0].role",
                description: "Invalid value at 'contents[0].role' (TYPE_STRING), 5",
              },
              {
                description:
                  'Invalid JSON payload received. Unknown name "foo": Cannot find field.',
              },
            ],
          },
        ],
      },
    });
  });

  test("a stream is events with alt=sse, else a list; so are its errors", async () => {
    const streamed = path.replace(":generate", ":streamGenerate");
    const events = await post(`${streamed}?alt=sse`, key);
    expect(events.headers.get("content-type")).toBe("text/event-stream");
    const frames = (await events.text()).split("\r\n\r\n");
    expect(frames.pop()).toBe("");
    expect(frames.every((frame) => frame.startsWith("data: {"))).toBe(true);
    const list: unknown = await (await post(streamed, key)).json();
    expect(Array.isArray(list) && list.length).toBe(frames.length);
    const refused: unknown = await (await post(streamed, key, {})).json();
    expect(Array.isArray(refused)).toBe(true);
    const plain: unknown = await (await post(`${streamed}?alt=sse`, key, {})).json();
    expect(plain).toHaveProperty("error");
    upstream.script({ kind: "error-in-stream", message: "x" });
    const broken = await (await post(`${streamed}?alt=sse`, key)).text();
    expect(broken.split("\r\n\r\n").at(-1)).toBe(
      '{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}',
    );
  });

  test("addresses and models that do not exist", async () => {
    const status = async (address: string) => (await post(address, key)).status;
    expect(await status("/v1beta/models/gemini-9:generateContent")).toBe(404);
    expect(await status("/v1beta/models/gemini-2.5-flash:predict")).toBe(404);
    expect(await status("/v1/chat/completions")).toBe(404);
    expect(await status("/v1/models/gemini-2.5-flash:toString")).toBe(404);
  });

  test("arguments come piece by piece on Vertex AI where they are asked for so", async () => {
    upstream.script({
      kind: "tool-calls",
      reasoning: "Hm.",
      calls: [
        { name: "get_weather", args: { city: "Oslo by the fjord", days: [1, true] } },
        { name: "get_weather", args: {} },
      ],
    });
    const response = await post(
      `${vertex.replace(":generate", ":streamGenerate")}?alt=sse`,
      { authorization: "Bearer g-1" },
      {
        ...base,
        tools,
        toolConfig: { functionCallingConfig: { streamFunctionCallArguments: true } },
      },
    );
    const frames = (await response.text()).trimEnd().split("\r\n\r\n");
    const calls = frames
      .map((frame) => JSON.parse(frame.slice(6)).candidates[0].content.parts[0])
      .filter((part) => part.functionCall !== undefined);
    expect(calls[0]).toMatchObject({ functionCall: { name: "get_weather", willContinue: true } });
    expect(calls[0].thoughtSignature).toBeString();
    const told = calls.flatMap((part) => part.functionCall.partialArgs ?? []);
    const city = told.filter((one) => one.jsonPath === "$.city");
    expect(city.map((one) => one.stringValue).join("")).toBe("Oslo by the fjord");
    expect(city.at(-1)).toEqual({ jsonPath: "$.city", stringValue: "" });
    expect(told.slice(-2)).toEqual([
      { jsonPath: "$.days[0]", numberValue: 1 },
      { jsonPath: "$.days[1]", boolValue: true },
    ]);
    expect(calls.slice(-2).map((part) => part.functionCall)).toEqual([{}, { name: "get_weather" }]);
  });

  test("streams break as they are told to, and what was told is billed", async () => {
    upstream.reset();
    upstream.script([
      { kind: "half-stream", answer: { kind: "text", text: "One two three." } },
      { kind: "cut", afterFrames: 1, answer: { kind: "text", text: "One two three." } },
    ]);
    const streamed = `${path.replace(":generate", ":streamGenerate")}?alt=sse`;
    const half = await (await post(streamed, key)).text();
    expect(half).toContain("three.");
    expect(half).not.toContain("finishReason");
    const cut = await post(streamed, key)
      .then((response) => response.text())
      .catch(() => "broken");
    expect(cut).toBe("broken");
    const [first, second] = upstream.bill.entries;
    expect(first).toMatchObject({ complete: false });
    expect(first?.outputTokens).toBeGreaterThan(second?.outputTokens ?? 0);
    expect(second?.outputTokens).toBeGreaterThan(0);
  });
});

describe("hostile bodies", () => {
  test("any JSON is accepted or refused, never thrown at", () => {
    const names = [
      "contents",
      "parts",
      "text",
      "tools",
      "functionDeclarations",
      "__proto__",
      "toString",
    ];
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.jsonValue(),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie("tree"), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(Object.keys(judge({ ...base, ...(value as object) })).length).toBe(1);
        expect(Object.keys(judge(value)).length).toBe(1);
      }),
      { numRuns: 300 },
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
