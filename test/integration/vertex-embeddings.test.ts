// Embeddings of Vertex AI reach clients of every wire: by `predict` for models of texts, by `embedContent` for the others.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
let gateway: InProcess;

beforeAll(async () => {
  upstream = await startGeminiUpstream({ key: "ya29" });
  const place = { project: "p", location: "europe-west4", access_token: "ya29" };
  gateway = await startInProcess({
    providers: { vertex: { base_url: upstream.baseUrl, ...place } },
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

const models = "/v1/projects/p/locations/europe-west4/publishers/google/models";

/** The bodies that reached the upstream, with their paths, since the last call. */
let seen = 0;
function sent(): { path: string; body: unknown }[] {
  const recorded = upstream.requests.slice(seen);
  seen = upstream.requests.length;
  return recorded.map(({ path, parsed }) => ({ path, body: parsed }));
}

const post = (path: string, body: unknown): Promise<Response> =>
  gateway.gateway.fetch(
    new Request(`http://gateway${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );

const openai = (): OpenAI =>
  new OpenAI({
    apiKey: "none",
    baseURL: "http://gateway/v1",
    maxRetries: 0,
    fetch: (url, init) => gateway.gateway.fetch(new Request(url as string, init)),
  });

describe("predict", () => {
  test("many texts in one request", async () => {
    const answer = await openai().embeddings.create({
      model: "vertex/text-embedding-004",
      input: ["one", "two"],
      dimensions: 16,
      encoding_format: "float",
    });
    expect(answer.data.map(({ embedding }) => embedding.length)).toEqual([16, 16]);
    expect(answer.usage.prompt_tokens).toBeGreaterThan(0);
    expect(sent()).toEqual([
      {
        path: `${models}/text-embedding-004:predict`,
        body: {
          instances: [{ content: "one" }, { content: "two" }],
          parameters: { outputDimensionality: 16 },
        },
      },
    ]);
  });

  test("more than it takes at once are split and put together in order", async () => {
    const input = Array.from({ length: 260 }, (_, at) => `text ${at}`);
    const model = "vertex/text-embedding-004";
    const answer = await openai().embeddings.create({ model, input, encoding_format: "float" });
    expect(answer.data).toHaveLength(260);
    const sizes = sent().map(({ body }) => (body as { instances: unknown[] }).instances.length);
    expect(sizes.toSorted((one, two) => two - one)).toEqual([250, 10]);
    const alone = await openai().embeddings.create({
      model,
      input: "text 255",
      encoding_format: "float",
    });
    expect(alone.data[0]?.embedding).toEqual(answer.data[255]?.embedding ?? []);
    sent();
  });

  test("Gemini's first embedder takes one at a time", async () => {
    const answer = await openai().embeddings.create({
      model: "vertex/gemini-embedding-001",
      input: ["one", "two"],
      encoding_format: "float",
    });
    expect(answer.data).toHaveLength(2);
    expect(sent().map(({ body }) => body)).toEqual(
      expect.arrayContaining([
        { instances: [{ content: "one" }] },
        { instances: [{ content: "two" }] },
      ]),
    );
  });

  test("what the vectors are for, and what becomes of long texts, in Cohere's words", async () => {
    const answer = await post("/v2/embed", {
      model: "vertex/text-embedding-004",
      texts: ["one"],
      input_type: "search_query",
      embedding_types: ["float"],
      truncate: "NONE",
    });
    expect(answer.status).toBe(200);
    expect(sent()[0]?.body).toEqual({
      instances: [{ content: "one", task_type: "RETRIEVAL_QUERY" }],
      parameters: { autoTruncate: false },
    });
  });

  test("a client of Gemini's own wire", async () => {
    const answer = await post("/v1beta/models/vertex/text-embedding-004:embedContent", {
      content: { parts: [{ text: "one" }] },
      taskType: "RETRIEVAL_DOCUMENT",
      title: "T",
    });
    expect(answer.status).toBe(200);
    const { embedding } = (await answer.json()) as { embedding: { values: number[] } };
    expect(embedding.values).toHaveLength(768);
    expect(sent()[0]?.body).toEqual({
      instances: [{ content: "one", task_type: "RETRIEVAL_DOCUMENT", title: "T" }],
    });
  });

  test("pictures are refused in words, and nothing is sent", async () => {
    const inlineData = { mimeType: "image/png", data: "iVBORw0KGgo=" };
    const answer = await post("/v1beta/models/vertex/text-embedding-004:embedContent", {
      content: { parts: [{ inlineData }] },
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("embeds texts only");
    expect(sent()).toEqual([]);
  });
});

test("later embedders are asked by `embedContent`, one content at a time", async () => {
  const answer = await post("/v1beta/models/vertex/gemini-embedding-2:batchEmbedContents", {
    requests: ["one", "two"].map((text) => ({
      model: "models/gemini-embedding-2",
      content: { parts: [{ text }] },
      outputDimensionality: 8,
    })),
  });
  expect(answer.status).toBe(200);
  const { embeddings } = (await answer.json()) as { embeddings: { values: number[] }[] };
  expect(embeddings.map(({ values }) => values.length > 0)).toEqual([true, true]);
  const requests = sent();
  expect(requests.map(({ path }) => path)).toEqual([
    `${models}/gemini-embedding-2:embedContent`,
    `${models}/gemini-embedding-2:embedContent`,
  ]);
  expect(requests[0]?.body).toEqual({
    content: { parts: [{ text: "one" }] },
    embedContentConfig: { outputDimensionality: 8 },
  });
});

test("Claude embeds nothing", async () => {
  const asked = openai().embeddings.create({ model: "vertex/claude-sonnet-4-5", input: "x" });
  expect(await asked.catch((error: { status: number }) => error.status)).toBe(400);
});
