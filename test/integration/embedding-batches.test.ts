// Embeddings beyond what a provider takes at once, on its OpenAI-compatible side too: split, and put together in order.
import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";

const sizes: number[] = [];
let gateway: InProcess;

/** Answers each input `n` with the vector [n], and takes whatever it is given. */
const upstream = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { input, model } = (await request.json()) as { input: string[]; model: string };
    sizes.push(input.length);
    return Response.json({
      object: "list",
      model,
      data: input.map((text, index) => ({
        object: "embedding",
        index,
        embedding: [Number(text)],
      })),
      usage: { prompt_tokens: input.length, total_tokens: input.length },
    });
  },
});

beforeAll(async () => {
  const place = { base_url: upstream.url.origin, api_key: "sk-of-the-provider" };
  gateway = await startInProcess({ providers: { cohere: place, gemini: place } });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop(true);
});

test.each([
  ["cohere/embed-v4.0", [96, 96, 58]],
  ["gemini/gemini-embedding-001", [100, 100, 50]],
])("%s", async (model, expected) => {
  sizes.length = 0;
  const client = new OpenAI({
    apiKey: "none",
    baseURL: "http://gateway/v1",
    maxRetries: 0,
    fetch: (url, init) => gateway.gateway.fetch(new Request(url as string, init)),
  });
  const answer = await client.embeddings.create({
    model,
    input: Array.from({ length: 250 }, (_, at) => String(at)),
    encoding_format: "float",
  });
  expect(sizes.toSorted((one, two) => two - one)).toEqual(expected);
  expect(answer.data.map(({ index, embedding }) => [index, ...embedding])).toEqual(
    Array.from({ length: 250 }, (_, at) => [at, at]),
  );
  expect(answer.usage.prompt_tokens).toBe(250);
});
