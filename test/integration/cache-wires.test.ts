// The answer cache at every path that a chat is posted to: kept whole and given as a stream, and the other way round.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";

const model = "demo/echo";
const inPath = encodeURIComponent(model);
const messages = [{ role: "user", content: "Hello there" }];
const chat = { model, messages };
const gemini = { contents: [{ role: "user", parts: [{ text: "Hello there" }] }] };
const converse = { messages: [{ role: "user", content: [{ text: "Hello there" }] }] };
const invoke = { anthropic_version: "bedrock-2023-05-31", max_tokens: 50, messages };
const vertex = { anthropic_version: "vertex-2023-10-16", max_tokens: 50, messages };
const models = `/v1beta/models/${inPath}`;
const publisher = `/v1/projects/p/locations/l/publishers/anthropic/models/${inPath}`;

type Door = readonly [path: string, body: object];

/** The whole answer's door, and the stream's. */
const doors: readonly (readonly [name: string, whole: Door, stream: Door])[] = [
  [
    "OpenAI chat",
    ["/v1/chat/completions", chat],
    ["/v1/chat/completions", { ...chat, stream: true }],
  ],
  [
    "OpenAI Responses",
    ["/v1/responses", { model, input: "Hello there" }],
    ["/v1/responses", { model, input: "Hello there", stream: true }],
  ],
  [
    "Anthropic",
    ["/v1/messages", { ...chat, max_tokens: 50 }],
    ["/v1/messages", { ...chat, max_tokens: 50, stream: true }],
  ],
  [
    "Gemini, events",
    [`${models}:generateContent`, gemini],
    [`${models}:streamGenerateContent?alt=sse`, gemini],
  ],
  [
    "Gemini, an array",
    [`${models}:generateContent`, gemini],
    [`${models}:streamGenerateContent`, gemini],
  ],
  ["Ollama chat", ["/api/chat", { ...chat, stream: false }], ["/api/chat", chat]],
  [
    "Ollama generate",
    ["/api/generate", { model, prompt: "Hello there", stream: false }],
    ["/api/generate", { model, prompt: "Hello there" }],
  ],
  [
    "Bedrock Converse",
    [`/model/${inPath}/converse`, converse],
    [`/model/${inPath}/converse-stream`, converse],
  ],
  [
    "Bedrock InvokeModel",
    [`/model/${inPath}/invoke`, invoke],
    [`/model/${inPath}/invoke-with-response-stream`, invoke],
  ],
  [
    "Vertex rawPredict",
    [`${publisher}:rawPredict`, vertex],
    [`${publisher}:streamRawPredict`, { ...vertex, stream: true }],
  ],
  ["Cohere", ["/v2/chat", chat], ["/v2/chat", { ...chat, stream: true }]],
];

let running: InProcess;
beforeAll(async () => {
  running = await startInProcess({ providers: { demo: {} }, cache: { ttl: "1h" } });
});
afterAll(() => running.close());

async function ask([path, body]: Door, marker: string) {
  const answer = await running.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    // Each test has answers of its own.
    body: JSON.stringify(body).replaceAll("Hello there", `Hello ${marker}`),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const { status, headers } = answer;
  return { status, told: headers.get("x-megallm-cache"), type: headers.get("content-type"), bytes };
}

/** What a model said, wherever a wire puts it: the demo repeats the question. */
const says = (bytes: Buffer, marker: string): boolean => {
  const text = bytes.toString("latin1");
  const packed = [...text.matchAll(/"bytes":"([A-Za-z0-9+/=]+)"/g)]
    .map(([, base64 = ""]) => Buffer.from(base64, "base64").toString())
    .join("");
  return (text + packed).includes(marker);
};

describe.each(doors)("%s", (name, whole, stream) => {
  test.each([
    ["kept whole", whole, stream],
    ["kept as a stream", stream, whole],
  ] as const)("%s", async (how, kept, given) => {
    const marker = `${name.replaceAll(/\W/g, "")}${how.length}`;
    const first = await ask(kept, marker);
    expect([first.status, first.told]).toEqual([200, "miss"]);
    const other = await ask(given, marker);
    expect([other.status, other.told, says(other.bytes, marker)]).toEqual([200, "hit", true]);
    const again = await ask(kept, marker);
    expect([again.told, again.type]).toEqual(["hit", first.type]);
    expect(again.bytes.equals(first.bytes)).toBe(true);
  });
});
