// The ollama dialect against its vendor's SDK and against recorded traffic: nothing may get lost.
import { describe, expect, test } from "bun:test";
import { Ollama } from "ollama";
import type { AnswerContext, Body, Target } from "../../src/dialects/dialect.ts";
import { ollama } from "../../src/dialects/ollama/index.ts";
import type { ChatRequest, ChatResponse, Origin } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { collect, expand } from "../../src/ir/fold.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { createDialectFetch, eventsOf, written } from "../support/dialect-fetch.ts";
import { type Recorded, recordedIn } from "../support/recorded.ts";

const origin: Origin = { dialect: "ollama", provider: "recorded" };

/** What another vendor's model answered. */
const foreign: ChatResponse = {
  id: "msg_1",
  model: "claude",
  candidates: [
    {
      parts: [
        { type: "reasoning", text: "Hm.", origin: { dialect: "anthropic-messages" } },
        { type: "text", text: "Hello, wörld" },
        { type: "tool-call", id: "t1", name: "f", args: '{"a": {"b": [1]}}', executor: "client" },
      ],
      finish: { reason: "tool-calls" },
    },
  ],
  usage: createUsage({ total: 11 }, { total: 22 }),
};

describe("the vendor's SDK", () => {
  const seen: ChatRequest[] = [];
  const { fetch } = createDialectFetch(ollama, {
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
      vectors: inputs.map((_, index) => [index, -0.5]),
      usage: createUsage({ total: 2 }),
    }),
  });
  const client = new Ollama({ host: "http://gateway.test", fetch });
  const messages = [{ role: "user", content: "Q" }];
  const calls = [{ id: "t1", function: { index: 0, name: "f", arguments: { a: { b: [1] } } } }];

  test("a whole chat", async () => {
    const answer = await client.chat({ model: "m", messages, stream: false, think: true });
    expect(answer).toMatchObject({
      model: "claude",
      message: { role: "assistant", content: "Hello, wörld", thinking: "Hm.", tool_calls: calls },
      done: true,
      done_reason: "stop",
      prompt_eval_count: 11,
      eval_count: 22,
    });
    expect(seen.at(-1)).toMatchObject({ stream: false, reasoning: { mode: "adaptive" } });
  });

  test("a streamed chat, keep-alives between all lines", async () => {
    const stream = await client.chat({ model: "m", messages, stream: true });
    let [text, thinking] = ["", ""];
    const found: unknown[] = [];
    let last: JsonObject = {};
    for await (const chunk of stream) {
      text += chunk.message.content;
      thinking += chunk.message.thinking ?? "";
      found.push(...(chunk.message.tool_calls ?? []));
      last = { ...chunk };
    }
    expect([text, thinking, found]).toEqual(["Hello, wörld", "Hm.", calls]);
    expect(last).toMatchObject({ done: true, prompt_eval_count: 11, eval_count: 22 });
  });

  test("generate, whole and streamed", async () => {
    const request = { model: "m", prompt: "Q", system: "S" };
    const answer = await client.generate({ ...request, stream: false });
    expect(answer).toMatchObject({ response: "Hello, wörld", thinking: "Hm.", done: true });
    expect(seen.at(-1)?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
    let text = "";
    for await (const chunk of await client.generate({ ...request, stream: true })) {
      text += chunk.response;
    }
    expect(text).toBe("Hello, wörld");
  });

  test("errors, before a stream and in it", async () => {
    const messageOf = (error: unknown): unknown => (error instanceof Error ? error.message : error);
    const refused = client.chat({ model: "missing", messages });
    expect(await refused.catch(messageOf)).toBe("no such model");
    const stream = await client.chat({ model: "breaks", messages, stream: true });
    const read = async (): Promise<void> => {
      for await (const chunk of stream) expect(chunk.done).toBe(false);
    };
    expect(await read().catch(messageOf)).toBe("it broke");
  });

  test("embeddings, both paths", async () => {
    const { embeddings } = await client.embed({ model: "e", input: ["a", "b"] });
    expect(embeddings).toEqual([
      [0, -0.5],
      [1, -0.5],
    ]);
    expect((await client.embeddings({ model: "e", prompt: "a" })).embedding).toEqual([0, -0.5]);
  });
});

const bodyOf = (json: JsonObject, form?: string): Body => ({
  json,
  text: JSON.stringify(json),
  ...(form && { form }),
});

const formOf = ({ request }: Recorded): string | undefined => {
  const path = request && new URL(request.url).pathname;
  return ollama.routes.find((route) => route.path === path)?.form;
};

const chats = recordedIn("ollama", ["ollama.ollama.chat", "ollama.ollama.generate"]);

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** What an answer says, read off its lines without the dialect. */
function told({ response }: Recorded): JsonObject {
  const { body } = response;
  const lines: JsonObject[] =
    typeof body === "string"
      ? body
          .trimEnd()
          .split("\n")
          .map((line): JsonObject => JSON.parse(line))
      : [body as JsonObject];
  const messages = lines.map((line) => (isObject(line["message"]) ? line["message"] : line));
  const join = (...keys: string[]): string =>
    messages.map((message) => keys.map((key) => text(message[key])).join("")).join("");
  const calls = messages.flatMap(({ tool_calls: found }) => (Array.isArray(found) ? found : []));
  const last = lines.at(-1) ?? {};
  return {
    text: join("content", "response"),
    thinking: join("thinking"),
    calls: calls.map((call: { function: { name: string; arguments: unknown } }) => [
      call.function.name,
      JSON.stringify(call.function.arguments),
    ]),
    input: last["prompt_eval_count"] ?? 0,
    output: last["eval_count"] ?? 0,
    reason: last["done_reason"] ?? "stop",
    context: last["context"],
  };
}

describe(`recorded chats and generations (${chats.length})`, () => {
  for (const record of chats) {
    const { response, request, stream } = record;
    const asked =
      request?.body && ollama.request.decode(bodyOf(request.body, formOf(record))).value;

    test(`${record.id}: the request, through the representation and back`, () => {
      if (!asked || !request?.body) throw new Error("no request was recorded");
      const target: Target = { provider: "recorded", model: asked.model, quirks: {}, facts: {} };
      const { body, warnings } = ollama.request.encode(asked, target);
      const again = ollama.request.decode(bodyOf(JSON.parse(body))).value;
      // Both forms are one to an upstream: what the other had besides is told.
      const plain = (value: ChatRequest): unknown =>
        JSON.parse(
          JSON.stringify({
            ...value,
            messages: value.messages.map((message) => ({ ...message, place: undefined })),
          }),
        );
      expect(plain(again)).toEqual(plain(asked));
      expect(warnings).toEqual([]);
      expect(asked.stream).toBe(stream);
    });

    test(`${record.id}: the answer, read and written again`, () => {
      const answer =
        typeof response.body === "string"
          ? collect(eventsOf(ollama, [Buffer.from(response.body)], origin))
          : ollama.response.decode(bodyOf(response.body as JsonObject), origin).value;
      const context: AnswerContext = {
        model: "shown",
        includeUsage: true,
        ...(asked && { request: asked }),
        warn: ({ field }) => expect(field).toBe("nothing is lost"),
      };
      const whole = JSON.parse(ollama.response.encode(answer, context));
      const lines = Buffer.from(written(ollama, expand(answer), context)).toString();
      const say = (body: unknown): JsonObject =>
        told({ ...record, response: { ...response, body } });
      expect(say(whole)).toEqual(told(record));
      expect(say(lines)).toEqual(told(record));
    });
  }
});

const embeds = recordedIn("ollama", ["ollama.ollama.embeddings"]);

describe(`recorded embeddings (${embeds.length})`, () => {
  for (const record of embeds) {
    test(record.id, () => {
      const codec = ollama.embeddings;
      const body = record.response.body as JsonObject;
      if (!codec || !record.request?.body) throw new Error("no request was recorded");
      const request = codec.decodeRequest(bodyOf(record.request.body, formOf(record))).value;
      const answer = codec.decodeResponse(bodyOf(body), origin, request).value;
      const shown = codec.encodeResponse(answer, request, () => {});
      expect(JSON.parse(shown)).toEqual(body);
    });
  }
});

test("counts", () => {
  console.log(
    `ollama: ${chats.length} chats and generations (${chats.filter(({ stream }) => stream).length} streamed), ${embeds.length} embeddings`,
  );
  expect(chats.length).toBeGreaterThanOrEqual(5);
});
