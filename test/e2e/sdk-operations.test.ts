// What vendors' SDKs ask besides chat, over HTTP to the executable: lists, embeddings, reranking, kept answers, keys.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { GoogleGenAI } from "@google/genai";
import { embedMany } from "ai";
import { CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { startCohereUpstream } from "../support/upstream/cohere.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import { startOllamaUpstream } from "../support/upstream/ollama.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const key = "canary-key-of-the-gateway-0123456789";
let upstreams: Upstream[];
let daemon: Daemon;
let url: string;
beforeAll(async () => {
  const [openai, cohere, ollama] = await Promise.all([
    startOpenAiUpstream(),
    startCohereUpstream(),
    startOllamaUpstream(),
  ]);
  upstreams = [openai, cohere, ollama];
  const providers = {
    demo: {},
    openai: { type: "openai-compatible", base_url: openai.baseUrl, api_key: "k" },
    cohere: { base_url: cohere.baseUrl, api_key: "k" },
    ollama: { base_url: ollama.baseUrl, api_key: "k" },
  };
  const models = { vectors: "openai/text-embedding-3-small" };
  // JSON is YAML too.
  const config = JSON.stringify({ keys: { sdk: key }, providers, models });
  daemon = await startDaemon({ config, args: ["--log-level", "debug"] });
  ({ url } = daemon);
});
afterAll(async () => {
  await Promise.all([daemon.dispose(), ...upstreams.map((one) => one.stop())]);
});

const openaiClient = () => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
const googleClient = (apiVersion: string) =>
  new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, apiVersion } });
const ollamaClient = () => new Ollama({ host: url, headers: { authorization: `Bearer ${key}` } });
const cohereClient = () => new CohereClientV2({ token: key, environment: url, maxRetries: 0 });

describe("models are listed to", () => {
  test("openai", async () => {
    const ids = (await Array.fromAsync(openaiClient().models.list())).map(({ id }) => id);
    expect(ids).toContain("demo/echo");
    expect(await openaiClient().models.retrieve("vectors")).toMatchObject({ id: "vectors" });
  });

  test("@anthropic-ai/sdk", async () => {
    const client = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
    const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id);
    expect(ids).toContain("demo/echo");
    expect(await client.models.retrieve("demo/echo")).toMatchObject({ type: "model" });
  });

  test.each(["v1", "v1beta"])("@google/genai, %s", async (version) => {
    const { models } = googleClient(version);
    const names = (await Array.fromAsync(await models.list())).map(({ name }) => name);
    expect(names).toContain("models/demo/echo");
    expect(await models.get({ model: "models/demo/echo" })).toMatchObject({
      name: "models/demo/echo",
    });
  });

  test("ollama: list, show, ps, version, as VS Code's Copilot asks them", async () => {
    const client = ollamaClient();
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toContain("demo/echo");
    for (const model of ["demo/echo", "vectors"]) {
      const { capabilities, model_info: info } = await client.show({ model });
      expect(capabilities).toContain("completion");
      // The context length stands under the architecture's name.
      expect(Object.keys(info)).toContain("general.architecture");
    }
    expect(await client.ps()).toEqual({ models: [] });
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe("embeddings for", () => {
  const texts = ["one", "two", "three"];

  test.each(["openai/text-embedding-3-small", "cohere/embed-v4.0", "ollama/nomic-embed-text"])(
    "all SDKs, by %s",
    async (model) => {
      const counts = await Promise.all([
        ollamaClient()
          .embed({ model, input: texts })
          .then(({ embeddings }) => embeddings),
        googleClient("v1beta")
          .models.embedContent({ model, contents: texts })
          .then(({ embeddings = [] }) => embeddings.map(({ values = [] }) => values)),
        cohereClient()
          .embed({ model, texts, inputType: "search_document", embeddingTypes: ["float"] })
          .then(({ embeddings }) => embeddings.float ?? []),
        embedMany({
          model: createGoogleGenerativeAI({ apiKey: key, baseURL: `${url}/v1beta` }).embedding(
            model,
          ),
          values: texts,
          maxRetries: 0,
        }).then(({ embeddings }) => embeddings),
        // The others' own servers speak OpenAI's wire, too: relayed, it proves nothing here.
        ...(model.startsWith("openai/")
          ? [
              openaiClient()
                .embeddings.create({ model, input: texts })
                .then(({ data }) => data.map(({ embedding }) => embedding)),
            ]
          : []),
      ]);
      const [first] = counts;
      expect(first).toHaveLength(3);
      for (const vectors of counts) {
        expect(vectors.map(({ length }) => length)).toEqual(first.map(({ length }) => length));
        for (const [index, vector] of vectors.entries()) {
          expect(vector[0]).toBeCloseTo(first[index]?.[0] ?? Infinity, 5);
        }
      }
    },
  );
});

test("cohere-ai: rerank", async () => {
  const { results } = await cohereClient().rerank({
    model: "cohere/rerank-v3.5",
    query: "capital",
    documents: ["Paris is a capital.", "Bread is baked."],
    topN: 1,
  });
  expect(results).toHaveLength(1);
  expect(results[0]?.relevanceScore).toBeNumber();
});

describe("ollama", () => {
  test("generate, streamed and not", async () => {
    const client = ollamaClient();
    const question = { model: "demo/fixed:hello", prompt: "x" };
    expect((await client.generate(question)).response).toBe("hello");
    const pieces = await Array.fromAsync(await client.generate({ ...question, stream: true }));
    expect(pieces.map(({ response }) => response).join("")).toBe("hello");
    expect(pieces.at(-1)?.done).toBe(true);
  });

  test("thinking is told beside the answer", async () => {
    const [, , ollama] = upstreams;
    ollama?.script({ kind: "text", text: "Yes.", reasoning: "Is it?" });
    const question = {
      model: "ollama/qwen3-vl",
      messages: [{ role: "user", content: "Is it?" }],
      think: true,
    };
    const { message } = await ollamaClient().chat(question);
    expect([message.thinking, message.content]).toEqual(["Is it?", "Yes."]);
  });
});

describe("openai: an answer that is gone on from", () => {
  test.each([false, true])("streamed: %p", async (stream) => {
    const { responses } = openaiClient();
    const ask = (body: { input: string; previous_response_id?: string }) =>
      stream
        ? responses.stream({ model: "demo/echo", ...body }).finalResponse()
        : responses.create({ model: "demo/echo", ...body });
    const first = await ask({ input: "My name is Ada." });
    const second = await ask({ input: "And?", previous_response_id: first.id });
    expect(second.usage?.input_tokens ?? 0).toBeGreaterThan(first.usage?.input_tokens ?? 0);
    const kept = await responses.retrieve(second.id);
    expect(kept.output_text ?? "").toContain("And?");
    const items = await Array.fromAsync(responses.inputItems.list(second.id));
    expect(JSON.stringify(items)).toContain("My name is Ada.");
    await responses.delete(second.id);
    expect(await statusOfFailure(responses.retrieve(second.id))).toBe(404);
    expect(await statusOfFailure(ask({ input: "x", previous_response_id: "resp_none" }))).toBe(
      // As OpenAI says it: a wrong parameter.
      400,
    );
  });
});

async function statusOfFailure(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return (error as { status?: number }).status;
  }
}

describe("the key", () => {
  const text = [{ role: "user", content: "x" }];
  const doors: [dialect: string, path: string, body: Record<string, unknown>][] = [
    ["OpenAI chat", "/v1/chat/completions", { model: "demo/echo", messages: text }],
    ["OpenAI Responses", "/v1/responses", { model: "demo/echo", input: "x" }],
    ["Anthropic", "/v1/messages", { model: "demo/echo", max_tokens: 9, messages: text }],
    [
      "Gemini",
      "/v1beta/models/demo/echo:generateContent",
      { contents: [{ role: "user", parts: [{ text: "x" }] }] },
    ],
    ["Ollama", "/api/chat", { model: "demo/echo", messages: text, stream: false }],
    ["Cohere", "/v2/chat", { model: "demo/echo", messages: text }],
    [
      "Bedrock Converse",
      "/model/demo%2Fecho/converse",
      { messages: [{ role: "user", content: [{ text: "x" }] }] },
    ],
    [
      "Bedrock Invoke",
      "/model/demo%2Fecho/invoke",
      { anthropic_version: "bedrock-2023-05-31", max_tokens: 9, messages: text },
    ],
    [
      "Vertex",
      "/v1/projects/p/locations/l/publishers/anthropic/models/demo%2Fecho:rawPredict",
      { anthropic_version: "vertex-2023-10-16", max_tokens: 9, messages: text },
    ],
    ["embeddings", "/v1/embeddings", { model: "vectors", input: "x" }],
  ];
  const places: [
    place: string,
    (secret: string) => { headers?: Record<string, string>; query?: string },
  ][] = [
    ["Authorization", (secret) => ({ headers: { authorization: `Bearer ${secret}` } })],
    ["x-api-key", (secret) => ({ headers: { "x-api-key": secret } })],
    ["api-key", (secret) => ({ headers: { "api-key": secret } })],
    ["x-goog-api-key", (secret) => ({ headers: { "x-goog-api-key": secret } })],
    ["?key=", (secret) => ({ query: `?key=${secret}` })],
  ];
  const lists = [
    "/v1/models",
    "/v1beta/models",
    "/models",
    "/api/tags",
    "/v1beta/models/demo/echo",
  ];

  async function call(
    path: string,
    secret: string,
    place: (typeof places)[number][1],
    body?: unknown,
  ) {
    const { headers, query = "" } = place(secret);
    const answer = await fetch(`${url}${path}${query}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  describe.each(places)("in %s", (_name, place) => {
    test.each(doors)("%s", async (_dialect, path, body) => {
      expect(await call(path, key, place, body)).toMatchObject({ status: 200 });
      const refused = await call(path, "another-canary-key-987654", place, body);
      expect(refused.status).toBe(401);
      expect(refused.text).not.toContain("another-canary");
    });

    test.each(lists)("GET %s", async (path) => {
      expect(await call(path, key, place)).toMatchObject({ status: 200 });
      expect(await call(path, "another-canary-key-987654", place)).toMatchObject({ status: 401 });
    });
  });

  test("stands nowhere that anybody could read it", async () => {
    await Bun.sleep(300);
    const rows = await fetch(`${url}/admin/requests?limit=500`, {
      headers: { authorization: `Bearer ${daemon.adminKey}` },
    });
    const ledger = await rows.text();
    for (const secret of [key, "another-canary"]) {
      expect(ledger).not.toContain(secret);
      expect(daemon.output()).not.toContain(secret);
      for (const { requests } of upstreams) {
        for (const { headers, query, body } of requests) {
          const seen = JSON.stringify(headers) + query + new TextDecoder().decode(body);
          expect(seen).not.toContain(secret);
        }
      }
    }
  });
});
