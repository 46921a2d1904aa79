// The official SDK reads what the gateway writes on Gemini's wire: answers, streams, errors, counts and embeddings.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ApiError, GoogleGenAI } from "@google/genai";
import type { AnswerContext } from "../../src/dialects/dialect.ts";
import { gemini } from "../../src/dialects/gemini/index.ts";
import { openaiChat } from "../../src/dialects/openai-chat/index.ts";
import type { ChatResponse, Origin, Part } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { expand } from "../../src/ir/fold.ts";
import { createUsage } from "../../src/ir/usage.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { sse } from "../../src/lib/sse.ts";
import { exchangesOf } from "../support/wire/exchange.ts";

interface Next {
  status?: number;
  type?: string;
  body: string;
}

let next: Next = { body: "{}" };
let asked: { path: string; body: JsonObject } = { path: "", body: {} };
let server: ReturnType<typeof Bun.serve>;
let client: GoogleGenAI;
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      asked = { path: url.pathname + url.search, body: (await request.json()) as JsonObject };
      const { status = 200, type = "application/json", body } = next;
      return new Response(body, { status, headers: { "content-type": type } });
    },
  });
  client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: server.url.origin } });
});
afterAll(() => server.stop(true));

const context = (): AnswerContext => ({ model: "m", includeUsage: true, warn: () => {} });
const ask = { model: "gemini-2.5-pro", contents: "Hi" };
const foreign: Origin = { dialect: "anthropic-messages", provider: "a", model: "claude" };

const answerOf = (parts: Part[], more: Partial<ChatResponse> = {}): ChatResponse => ({
  id: "r-1",
  model: "other",
  candidates: [{ parts, finish: { reason: "stop" } }],
  usage: createUsage({ total: 10, cacheRead: 4 }, { total: 7, reasoning: 2 }),
  ...more,
});

const everything = answerOf([
  { type: "reasoning", text: "Let me think.", signature: "sig", origin: foreign },
  { type: "text", text: "Grüße 👋" },
  { type: "image", source: { kind: "base64", data: "iVBORw0KGgo=", mediaType: "image/png" } },
  { type: "tool-call", id: "c1", name: "f", args: '{"a":1.0}', executor: "client" },
  { type: "tool-call", id: "c2", name: "g", args: "not json", executor: "client" },
]);

const streamOf = (response: ChatResponse): string => {
  const encoder = gemini.stream.encoder(context());
  const writer = sse.createWriter();
  const frames = expand(response).flatMap((event) => encoder.push(event));
  // A blank line between frames is how an idle stream is kept alive.
  return frames.map((frame) => `\n${Buffer.from(writer.write(frame)).toString()}`).join("");
};

const seen = async (response: ChatResponse, isStream: boolean) => {
  if (!isStream) {
    next = { body: gemini.response.encode(response, context()) };
    return [await client.models.generateContent(ask)];
  }
  next = { type: "text/event-stream", body: streamOf(response) };
  return Array.fromAsync(await client.models.generateContentStream(ask));
};

describe.each([false, true])("the SDK reads an answer (streamed: %p)", (isStream) => {
  test("with everything in it", async () => {
    const chunks = await seen(everything, isStream);
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    const text = parts
      .filter((part) => !part.thought)
      .map((part) => part.text ?? "")
      .join("");
    expect(text).toBe("Grüße 👋");
    expect(parts.filter((part) => part.thought).map((part) => part.text)).toEqual([
      "Let me think.",
    ]);
    expect(chunks.flatMap((chunk) => chunk.functionCalls ?? [])).toEqual([
      { id: "c1", name: "f", args: { a: 1 } },
      { id: "c2", name: "g", args: { input: "not json" } },
    ]);
    expect(parts.find((part) => part.inlineData)?.inlineData).toEqual({
      data: "iVBORw0KGgo=",
      mimeType: "image/png",
    });
    const last = chunks.at(-1);
    expect(last?.candidates?.[0]?.finishReason as string).toBe("STOP");
    expect(last?.usageMetadata).toEqual({
      promptTokenCount: 10,
      cachedContentTokenCount: 4,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 2,
      totalTokenCount: 17,
    });
    expect(last?.modelVersion).toBe("other");
    expect(last?.responseId).toBe("r-1");
  });

  test("of which a chat sends the foreign reasoning back", async () => {
    const chat = client.chats.create({ model: "gemini-2.5-pro" });
    if (isStream) {
      next = { type: "text/event-stream", body: streamOf(everything) };
      await Array.fromAsync(await chat.sendMessageStream({ message: "Hi" }));
    } else {
      next = { body: gemini.response.encode(everything, context()) };
      await chat.sendMessage({ message: "Hi" });
    }
    next = { body: gemini.response.encode(answerOf([{ type: "text", text: "Done" }]), context()) };
    await chat.sendMessage({
      message: [{ functionResponse: { id: "c1", name: "f", response: { output: "1" } } }],
    });
    const text = JSON.stringify(asked.body);
    expect(gemini.carriesForeign?.(Buffer.from(text), {})).toBe(true);
    const { value } = gemini.request.decode({ json: { ...asked.body, model: "m" }, text }, "chat");
    const [, answer] = value.messages;
    expect(answer?.parts.filter(({ type }) => type === "reasoning")).toEqual([
      { type: "reasoning", text: "Let me think.", signature: "sig", origin: foreign },
    ]);
    expect(answer?.parts.map(({ type }) => type)).toEqual([
      "reasoning",
      "text",
      "image",
      "tool-call",
      "tool-call",
    ]);
  });

  test("that a filter stopped", async () => {
    const blocked = answerOf([], {
      candidates: [{ parts: [], finish: { reason: "content-filter" } }],
    });
    const chunks = await seen(blocked, isStream);
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason as string).toBe("SAFETY");
  });
});

describe("the SDK reads", () => {
  const streams = exchangesOf("openai-chat").filter(
    ({ response }) => response.status === 200 && typeof response.body === "object",
  );
  test(`answers of another wire (${streams.length})`, async () => {
    let count = 0;
    for (const { response } of streams.slice(0, 150)) {
      const json = response.body as JsonObject;
      let value: ChatResponse;
      try {
        value = openaiChat.response.decode(
          { json, text: JSON.stringify(json) },
          { dialect: "openai-chat" },
        ).value;
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        continue;
      }
      const parts = value.candidates[0]?.parts ?? [];
      const text = parts
        .map((part) => (part.type === "text" || part.type === "refusal" ? part.text : ""))
        .join("");
      const names = parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : []));
      for (const isStream of [false, true]) {
        const chunks = await seen(value, isStream);
        const shown = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
        expect(shown.map((part) => (part.thought ? "" : (part.text ?? ""))).join("")).toBe(text);
        expect(
          chunks.flatMap((chunk) => (chunk.functionCalls ?? []).map(({ name }) => name ?? "")),
        ).toEqual(names);
      }
      count += 1;
    }
    console.log(`answers of OpenAI chat read by @google/genai, whole and streamed: ${count}`);
  });

  test("an error answer, and an error inside a stream", async () => {
    const error = new GatewayError("rate_limited", "Slow down.", { retryAfterMs: 1500 });
    next = { status: 429, body: gemini.error.encode(error, "req_1") };
    const failure = await client.models.generateContent(ask).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(ApiError);
    expect((failure as ApiError).status).toBe(429);
    expect((failure as ApiError).message).toContain("RESOURCE_EXHAUSTED");

    const encoder = gemini.stream.encoder(context());
    const broken = [
      ...expand(answerOf([{ type: "text", text: "Half" }])).slice(0, 3),
      { type: "error" as const, error: new GatewayError("upstream_unavailable", "Gone.") },
    ].flatMap((event) => encoder.push(event));
    const writer = sse.createWriter();
    const body = Buffer.concat(broken.map((frame) => writer.write(frame))).toString();
    next = { type: "text/event-stream", body };
    const stream = await client.models.generateContentStream(ask);
    const ended = await Array.fromAsync(stream).catch((thrown: unknown) => thrown);
    expect(String(ended)).toContain("Gone.");
    expect(encoder.push({ type: "end" })).toEqual([]);
  });

  test("token counts and embeddings", async () => {
    next = { body: gemini.encodeTokenCount?.(42) ?? "" };
    expect((await client.models.countTokens(ask)).totalTokens).toBe(42);
    next = {
      body:
        gemini.embeddings?.encodeResponse(
          { model: "m", vectors: [[0.5], [1]], usage: createUsage({ total: 3 }) },
          { model: "m", inputs: [], ext: {} },
          () => {},
        ) ?? "",
    };
    const embedded = await client.models.embedContent({ model: "e", contents: ["a", "b"] });
    expect(embedded.embeddings?.map(({ values }) => values)).toEqual([[0.5], [1]]);
    const { value } = gemini.embeddings?.decodeRequest({
      json: { ...asked.body, model: "e" },
      text: JSON.stringify(asked.body),
      form: "batch",
    }) ?? { value: undefined };
    expect(value?.inputs).toEqual([
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ]);
  });
});
