// The cohere dialect against its vendor's SDK and against recorded traffic: nothing may get lost.
import { describe, expect, test } from "bun:test";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { cohere } from "../../src/dialects/cohere/index.ts";
import type { AnswerContext, Body, Target } from "../../src/dialects/dialect.ts";
import type { ChatRequest, ChatResponse, Origin } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { collect, expand } from "../../src/ir/fold.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { createDialectFetch, eventsOf, written } from "../support/dialect-fetch.ts";
import { type Recorded, recordedIn } from "../support/recorded.ts";

const origin: Origin = { dialect: "cohere", provider: "recorded" };

/** What another vendor's model answered. */
const foreign: ChatResponse = {
  id: "msg_1",
  model: "claude",
  candidates: [
    {
      parts: [
        { type: "reasoning", text: "Hm.", origin: { dialect: "anthropic-messages" } },
        { type: "text", text: "Hello, wörld" },
        { type: "tool-call", id: "t1", name: "f", args: '{"a": 1}', executor: "client" },
      ],
      finish: { reason: "tool-calls" },
    },
  ],
  usage: createUsage({ total: 11 }, { total: 22 }),
};

describe("the vendor's SDK", () => {
  const seen: ChatRequest[] = [];
  const { fetch } = createDialectFetch(cohere, {
    chat(request) {
      seen.push(request);
      if (request.model === "missing") throw new GatewayError("model_not_found", "no such model");
      return foreign;
    },
    events(request) {
      const events = expand(foreign);
      if (request.model !== "breaks") return events;
      const error = new GatewayError("upstream_unavailable", "it broke");
      return [...events.slice(0, 4), { type: "error", error }];
    },
    embed: ({ inputs }) => ({
      model: "e",
      vectors: inputs.map((_, index) => [index, -2]),
      usage: createUsage({ total: 2 }),
    }),
    rerank: ({ documents, topN }) => ({
      model: "r",
      results: documents.map((_, index) => ({ index, score: 1 / (index + 1) })).slice(0, topN),
    }),
  });
  const options = { token: "t", environment: "http://gateway.test", fetch, maxRetries: 0 };
  const client = new CohereClientV2(options);
  const messages = [{ role: "user" as const, content: "Q" }];

  test("a whole chat", async () => {
    const answer = await client.chat({
      model: "m",
      messages,
      toolChoice: "REQUIRED",
      tools: [{ type: "function", function: { name: "f", parameters: {} } }],
      thinking: { type: "enabled", tokenBudget: 9 },
      documents: [{ id: "d", data: { text: "doc" } }],
    });
    expect(answer).toMatchObject({
      id: "msg_1",
      finishReason: "TOOL_CALL",
      message: {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm." },
          { type: "text", text: "Hello, wörld" },
        ],
        toolCalls: [{ id: "t1", type: "function", function: { name: "f", arguments: '{"a": 1}' } }],
      },
      usage: {
        billedUnits: { inputTokens: 11, outputTokens: 22 },
        tokens: { inputTokens: 11, outputTokens: 22 },
      },
    });
    expect(seen.at(-1)).toMatchObject({
      toolChoice: { type: "required" },
      reasoning: { mode: "budget", tokens: 9 },
      messages: [{ parts: [{ type: "file", source: { text: "doc" } }, { type: "text" }] }],
    });
  });

  test("a streamed chat, keep-alives between all events", async () => {
    let [text, thinking, args] = ["", "", ""];
    const types: string[] = [];
    for await (const event of await client.chatStream({ model: "m", messages })) {
      types.push(event.type);
      if (event.type === "content-delta") {
        text += event.delta?.message?.content?.text ?? "";
        thinking += event.delta?.message?.content?.thinking ?? "";
      }
      if (event.type === "tool-call-delta") {
        args += event.delta?.message?.toolCalls?.function?.arguments ?? "";
      }
      if (event.type === "message-end") {
        expect(event.delta).toMatchObject({
          finishReason: "TOOL_CALL",
          usage: { tokens: { inputTokens: 11, outputTokens: 22 } },
        });
      }
    }
    expect([text, thinking, args]).toEqual(["Hello, wörld", "Hm.", '{"a": 1}']);
    expect(types).toEqual([
      "message-start",
      "content-start",
      "content-delta",
      "content-end",
      "content-start",
      "content-delta",
      "content-end",
      "tool-call-start",
      "tool-call-delta",
      "tool-call-end",
      "message-end",
    ]);
  });

  test("errors, before a stream and in it", async () => {
    const refused: unknown = await client
      .chat({ model: "missing", messages })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      statusCode: 404,
      body: { message: "no such model" },
    });
    const ends: unknown[] = [];
    for await (const event of await client.chatStream({ model: "breaks", messages })) {
      if (event.type === "message-end") ends.push(event.delta);
    }
    expect(ends).toMatchObject([{ finishReason: "ERROR", error: "it broke" }]);
  });

  test("embeddings of v2 and v1, and rerank", async () => {
    const request = { model: "e", texts: ["a", "b"], inputType: "search_query" as const };
    const vectors = [
      [0, -2],
      [1, -2],
    ];
    expect(await client.embed(request)).toMatchObject({
      embeddings: { float: vectors },
      texts: ["a", "b"],
      meta: { billedUnits: { inputTokens: 2 } },
    });
    const packed = await client.embed({ ...request, embeddingTypes: ["base64"] });
    expect(packed.embeddings.base64).toEqual(["AAAAAAAAAMA=", "AACAPwAAAMA="]);
    expect(await new CohereClient(options).embed(request)).toMatchObject({
      responseType: "embeddings_floats",
      embeddings: vectors,
    });
    const ranked = await client.rerank({ model: "r", query: "q", documents: ["a", "b"], topN: 1 });
    expect(ranked.results).toEqual([{ index: 0, relevanceScore: 1 }]);
    const old = await new CohereClient(options).rerank({
      model: "r",
      query: "q",
      documents: ["a", "b"],
      returnDocuments: true,
    });
    expect(old.results.map(({ document }) => document?.text)).toEqual(["a", "b"]);
  });
});

const bodyOf = (json: JsonObject): Body => ({ json, text: JSON.stringify(json) });
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const object = (value: unknown): JsonObject => (isObject(value) ? value : {});
const list = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** What a client's request says, whichever way it is spelt. */
function asked(body: JsonObject): unknown {
  const { stream, ...rest } = body;
  const clean = JSON.parse(
    JSON.stringify(rest, (_key, value: unknown) => (value === null ? undefined : value)),
  ) as JsonObject;
  const messages = list(clean["messages"]).map((message) => {
    const { content } = message;
    const [only, ...others] = Array.isArray(content) ? content : [];
    const isPlain = object(only)["type"] === "text" && others.length === 0;
    return { ...message, content: isPlain ? object(only)["text"] : content || undefined };
  });
  return { ...clean, messages, stream: stream === true };
}

const chats = recordedIn("cohere", ["cohere.cohere.v2.chat"]);

interface Told {
  text: string;
  plan: string;
  thinking: string;
  calls: unknown[];
  citations: unknown[];
  reason: string;
  billed: unknown;
}

/** What an answer says, read off the wire without the dialect. */
function told(body: unknown): Told {
  const found: Told = {
    text: "",
    plan: "",
    thinking: "",
    calls: [],
    citations: [],
    reason: "",
    billed: null,
  };
  const end = (value: JsonObject): void => {
    found.reason = text(value["finish_reason"]);
    found.billed = object(value["usage"])["billed_units"];
  };
  const addCall = (call: JsonObject, args: string): void => {
    found.calls.push([call["id"], object(call["function"])["name"], args === "null" ? "{}" : args]);
  };
  if (typeof body !== "string") {
    const answer = object(body);
    const message = object(answer["message"]);
    for (const block of list(message["content"])) {
      found.text += text(block["text"]);
      found.thinking += text(block["thinking"]);
    }
    found.plan = text(message["tool_plan"]);
    for (const call of list(message["tool_calls"])) {
      addCall(call, text(object(call["function"])["arguments"]));
    }
    found.citations = list(message["citations"]);
    end(answer);
    return found;
  }
  const open: { call: JsonObject; args: string }[] = [];
  for (const block of body.split(/\n\n+/)) {
    const data = /^data: (\{.*)$/m.exec(block)?.[1];
    if (data === undefined) continue;
    const event: JsonObject = JSON.parse(data);
    const message = object(object(event["delta"])["message"]);
    const content = object(message["content"]);
    found.text += text(content["text"]);
    found.thinking += text(content["thinking"]);
    found.plan += text(message["tool_plan"]);
    const call = object(message["tool_calls"]);
    const args = text(object(call["function"])["arguments"]);
    const last = open.at(-1);
    if (event["type"] === "tool-call-start") open.push({ call, args });
    else if (event["type"] === "tool-call-delta" && last) last.args += args;
    if (event["type"] === "citation-start") found.citations.push(message["citations"]);
    if (event["type"] === "message-end") end(object(event["delta"]));
  }
  for (const { call, args } of open) addCall(call, args);
  return found;
}

describe(`recorded chats (${chats.length})`, () => {
  for (const { id, request, response } of chats) {
    const body = request?.body;
    if (body) {
      test(`${id}: the request, through the representation and back`, () => {
        const { value } = cohere.request.decode(bodyOf(body));
        const target: Target = { provider: "recorded", model: value.model, quirks: {}, facts: {} };
        const encoded = cohere.request.encode(value, target);
        expect(asked(JSON.parse(encoded.body))).toEqual(asked(body));
        expect(encoded.warnings).toEqual([]);
      });
    }
    test(`${id}: the answer, read and written again`, () => {
      const answer =
        typeof response.body === "string"
          ? collect(eventsOf(cohere, [Buffer.from(response.body)], origin))
          : cohere.response.decode(bodyOf(object(response.body)), origin).value;
      const context: AnswerContext = {
        model: "shown",
        includeUsage: true,
        warn: ({ field }) => expect(field).toBe("nothing is lost"),
      };
      const whole: unknown = JSON.parse(cohere.response.encode(answer, context));
      const stream = Buffer.from(written(cohere, expand(answer), context)).toString();
      expect(told(whole)).toEqual(told(response.body));
      expect(told(stream)).toEqual(told(response.body));
    });
  }
});

/** Answers whose requests were not recorded belong to one that fits them. */
const embeds = recordedIn("cohere", ["cohere.cohere.embed"]);
const ranks = recordedIn("cohere", [
  "cohere.cohere.rerank",
  "together.cohere.rerank",
  "voyage.voyage.rerank",
  "bedrock.bedrock.rerank",
]);

describe(`recorded embeddings (${embeds.length})`, () => {
  for (const { id, request, response } of embeds) {
    test(id, () => {
      const codec = cohere.embeddings;
      if (!codec) throw new Error("no embeddings");
      const body = object(response.body);
      const known = request?.body ?? {
        model: "m",
        texts: body["texts"],
        embedding_types: ["float"],
      };
      const { value } = codec.decodeRequest(bodyOf(known));
      const target: Target = { provider: "recorded", model: value.model, quirks: {}, facts: {} };
      const { body: again, warnings } = codec.encodeRequest(value, target);
      const clean = Object.entries(known).filter(([, item]) => item !== null);
      expect(JSON.parse(again)).toMatchObject(Object.fromEntries(clean));
      expect(warnings).toEqual([]);
      const answer = codec.decodeResponse(bodyOf(body), origin, value).value;
      const shown: JsonObject = JSON.parse(codec.encodeResponse(answer, value, () => {}));
      expect(shown["embeddings"]).toEqual(body["embeddings"]);
      const billed = object(object(body["meta"])["billed_units"]);
      expect(answer.usage?.input.total).toBe(billed["input_tokens"] as never);
    });
  }
});

describe(`recorded reranks (${ranks.length})`, () => {
  for (const { id, file, request, response } of ranks) {
    test(`${file} ${id}`, () => {
      const codec = cohere.rerank;
      if (!codec) throw new Error("no rerank");
      const body = object(response.body);
      const results = list(body["results"] ?? body["data"]);
      const known: JsonObject = request?.body ?? {
        model: "m",
        query: "q",
        documents: Array.from({ length: 9 }, (_, index) => `document ${index}`),
      };
      const isVoyage = body["data"] !== undefined;
      const { value } = codec.decodeRequest(bodyOf(known));
      const target: Target = {
        provider: "recorded",
        model: value.model,
        quirks: isVoyage ? { rename: { top_n: "top_k" }, rerankResults: "data" } : {},
        facts: {},
      };
      const encoded = codec.encodeRequest(value, target);
      expect(JSON.parse(encoded.body)).toEqual(known);
      expect(encoded.warnings).toEqual([]);
      const answer = codec.decodeResponse(bodyOf(body), origin, value).value;
      expect(answer.results.map(({ index, score }) => [index, score])).toEqual(
        results.map((item) => [
          item["index"],
          item["relevance_score"] ?? item["relevanceScore"],
        ]) as never,
      );
      const tokens = object(body["usage"])["total_tokens"];
      if (tokens !== undefined) expect(answer.usage?.input.total).toBe(tokens as never);
      if (request && isVoyage) {
        const shown: unknown = JSON.parse(codec.encodeResponse(answer, value, () => {}));
        expect(shown).toEqual(body);
      }
    });
  }
});

test("counts", () => {
  const streams = chats.filter(({ stream }) => stream).length;
  const v1: Recorded[] = recordedIn("cohere", [
    "cohere.cohere.v1.chat",
    "cohere.cohere.v1.generate",
  ]);
  console.log(
    `cohere: ${chats.length} chats (${streams} streamed), ${embeds.length} embeddings, ${ranks.length} reranks; ` +
      `not covered: ${v1.length} of /v1/chat and /v1/generate, which are no form of this dialect`,
  );
  expect(chats.length).toBeGreaterThanOrEqual(3);
});
