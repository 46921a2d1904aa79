// Recorded Gemini traffic through the dialect and back: nothing may get lost.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { anthropicMessages } from "../../src/dialects/anthropic-messages/index.ts";
import type { AnswerContext, Target } from "../../src/dialects/dialect.ts";
import { gemini } from "../../src/dialects/gemini/index.ts";
import { openaiChat } from "../../src/dialects/openai-chat/index.ts";
import type { ChatRequest, Message, Operation, Origin } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { collect } from "../../src/ir/fold.ts";
import type { Frame } from "../../src/lib/frame.ts";
import type { Framing } from "../../src/lib/framing.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { jsonArray } from "../../src/lib/json-array.ts";
import { sse } from "../../src/lib/sse.ts";
import { randomPieces, singleBytes } from "../support/wire/random.ts";

interface Exchange {
  id: string;
  model: string | null;
  stream: boolean;
  request: { url: string; body: JsonObject } | null;
  response: { status: number; headers?: Record<string, string>; body: unknown };
}

const own = "test/contract/fixtures/gemini";
const shared = "../shared/wire";
const clients = "../shared/clients";

function load<T>(folder: string, name: RegExp): T[] {
  const files = readdirSync(folder).filter((file) => name.test(file));
  return files.toSorted().flatMap((file) => {
    const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
    const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
    const lines = text.trimEnd().split("\n");
    return lines.map((line): T => JSON.parse(line));
  });
}

const exchanges = load<Exchange>(own, /\.jsonl$/);
if (existsSync(shared)) {
  exchanges.push(
    ...load<Exchange>(shared, /\.gemini\.(generate|stream|count_tokens|embed)\.jsonl\.gz$/),
  );
  exchanges.push(...load<Exchange>(shared, /\.vertex\.predict\.jsonl\.gz$/));
} else console.log(`skipped: ${shared} is not here; the project's own fixtures are tested alone`);

const origin: Origin = { dialect: "gemini", provider: "recorded" };
const targetOf = (model: unknown, provider = "recorded"): Target => ({
  provider,
  model: String(model),
  quirks: {},
  facts: {},
});
const context = (): AnswerContext => ({ model: "any", includeUsage: true, warn: () => {} });

/** As the pipeline hands it over: the path's model and stream are in the JSON, not in the text. */
const bodyOf = (json: JsonObject, path: JsonObject = {}): { json: JsonObject; text: string } => ({
  json: { ...json, ...path },
  text: JSON.stringify(json),
});

interface Path {
  model: string;
  method: string;
  operation: Operation;
}

function pathOf(url: string): Path {
  const [, model = "", method = ""] = /models\/(.+):(\w+)/.exec(url) ?? [];
  const operation = method.includes("mbed")
    ? "embeddings"
    : method === "countTokens"
      ? "count-tokens"
      : "chat";
  return { model, method, operation };
}

const requests = exchanges.flatMap((exchange) =>
  exchange.request
    ? [{ ...exchange, ...pathOf(exchange.request.url), body: exchange.request.body }]
    : [],
);
const isEmbedding = (body: unknown): boolean =>
  isObject(body) && ["embedding", "embeddings", "predictions"].some((key) => key in body);
const isCount = (body: unknown): boolean => isObject(body) && "totalTokens" in body;
const answers = exchanges.filter(
  ({ response: { status, body } }) =>
    status === 200 && isObject(body) && !isEmbedding(body) && !isCount(body),
);
const streams = exchanges.filter(
  ({ response }) => response.status === 200 && typeof response.body === "string",
);
const failures = exchanges.filter(({ response }) => response.status !== 200);

const decode = (json: JsonObject, path: Path): ChatRequest =>
  gemini.request.decode(
    bodyOf(json, { model: path.model, stream: path.method.startsWith("stream") }),
    path.operation,
  ).value;

/** A call that nobody signed gets a signature that lets it pass. */
const mark =
  ',"proof":{"signature":"skip_thought_signature_validator","origin":{"dialect":"gemini"}}';

/** Without where things stood, and with the user's turns joined as the encoder joins them. */
function meaningOf(request: ChatRequest): unknown {
  const messages: Message[] = [];
  for (const { place: _, ...message } of request.messages) {
    const last = messages.at(-1);
    if (last?.role === message.role) last.parts = [...last.parts, ...message.parts];
    else messages.push({ ...message, parts: [...message.parts] });
  }
  return JSON.parse(
    JSON.stringify({ ...request, messages })
      .replaceAll(/gemcall_\d+_\d+/g, "gemcall")
      .replaceAll(mark, ""),
  );
}

describe("requests", () => {
  const chats = requests.filter(({ operation }) => operation !== "embeddings");
  test(`decoded, encoded and decoded again they mean the same (${chats.length})`, () => {
    let warned = 0;
    for (const { id, body, ...path } of chats) {
      const first = decode(body, path);
      const encoded = gemini.request.encode(first, targetOf(path.model));
      const second = decode(JSON.parse(encoded.body), path);
      warned += encoded.warnings.length;
      expect({ id, request: meaningOf(second) }).toEqual({ id, request: meaningOf(first) });
    }
    console.log(`gemini requests round trip: ${chats.length}, warnings: ${warned}`);
  });

  test(`every field that was sent is sent again (${chats.length})`, () => {
    const missing = new Map<string, string[]>();
    for (const { id, body, ...path } of chats) {
      const encoded = gemini.request.encode(decode(body, path), targetOf(path.model));
      const sent = leaves(JSON.parse(encoded.body));
      for (const leaf of leaves(body)) {
        if (!sent.has(leaf)) missing.set(leaf.slice(0, 120), [...(missing.get(leaf) ?? []), id]);
      }
    }
    expect([...missing]).toEqual([]);
  });

  test(`every request is taken by other wires (${chats.length})`, () => {
    const refused = new Map<string, number>();
    for (const { body, ...path } of chats) {
      for (const dialect of [openaiChat, anthropicMessages]) {
        try {
          const encoded = dialect.request.encode(decode(body, path), targetOf("m", "other"));
          dialect.request.decode({ json: JSON.parse(encoded.body), text: encoded.body });
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          expect(error.code).toBe("unsupported_feature");
          refused.set(error.message, (refused.get(error.message) ?? 0) + 1);
        }
      }
    }
    console.log("gemini requests refused by other wires:", Object.fromEntries(refused));
  });
});

/** Texts, numbers and flags of a request by the last two names above them, whatever spelling these have. */
function leaves(value: unknown): Set<string> {
  const found = new Set<string>();
  const skipped = new Set([
    "model",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
    "role",
    "args",
    "response",
  ]);
  const visit = (item: unknown, names: readonly string[]): void => {
    if (Array.isArray(item)) for (const each of item) visit(each, names);
    else if (isObject(item)) {
      for (const [key, inner] of Object.entries(item)) {
        const name = key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
        if (!skipped.has(name)) visit(inner, [...names, name]);
      }
    } else if (item !== null && item !== "") {
      const text =
        typeof item === "string"
          ? item.replaceAll("-", "+").replaceAll("_", "/").replaceAll("=", "")
          : JSON.stringify(item);
      found.add(`${names.slice(-2).join(".")} = ${text}`);
    }
  };
  visit(value, []);
  return found;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

/** What the wire may leave out: empty contents and parts, the index of the first candidate. */
function normaliseAnswer(body: unknown): unknown {
  if (!isObject(body)) return body;
  const { candidates, createTime, usageMetadata: usage, ...rest } = body;
  // Without a count it is no usage.
  const isCounted = isObject(usage) && "totalTokenCount" in usage;
  return {
    ...rest,
    ...(isCounted ? { usage } : {}),
    createdMs: Date.parse(String(createTime)) || undefined,
    candidates: (Array.isArray(candidates) ? candidates : []).map((item: JsonObject, at) => {
      const content = isObject(item["content"]) ? item["content"] : {};
      const parts = (Array.isArray(content["parts"]) ? content["parts"] : []).filter(
        (part: JsonObject) => part["text"] !== "" || part["thoughtSignature"] !== undefined,
      );
      const { groundingMetadata: grounding, ...others } = item;
      const isGrounded = isObject(grounding) && Object.keys(grounding).length > 0;
      const shown = isGrounded ? { ...others, groundingMetadata: grounding } : others;
      return { ...shown, index: item["index"] ?? at, content: parts.map(withArgs) };
    }),
  };
}

const withArgs = (part: JsonObject): JsonObject =>
  isObject(part["functionCall"])
    ? { ...part, functionCall: { args: {}, ...part["functionCall"] } }
    : part;

const decodeStream = (
  text: string,
  framing: Framing,
  pieces: readonly Uint8Array[],
): ChatEvent[] => {
  const splitter = framing.createSplitter();
  const decoder = gemini.stream.decoder(origin);
  const rest = (): Uint8Array[] => [splitter.end()].filter((block) => block !== null);
  const blocks = [...pieces.flatMap((piece) => splitter.push(piece)), ...rest()];
  expect(Buffer.concat(blocks).toString()).toBe(text);
  const frames = blocks.map((block) => framing.parse(block)).filter((frame) => frame !== null);
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
};

const encodeStream = (events: readonly ChatEvent[]): Frame[] => {
  const encoder = gemini.stream.encoder(context());
  return events.flatMap((event) => encoder.push(event));
};

const written = (frames: readonly Frame[], framing: Framing): string => {
  const writer = framing.createWriter();
  return Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]).toString();
};

/** Ids that were made up differ from run to run. */
const withoutIds = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(/(gemcall|resp)_01[0-9a-f]{30}/g, "$1_id"));

describe("answers", () => {
  test(`decoded and encoded they are what they were (${answers.length})`, () => {
    for (const { id, response } of answers) {
      const text = JSON.stringify(response.body);
      const { value } = gemini.response.decode({ json: response.body as JsonObject, text }, origin);
      const encoded: unknown = JSON.parse(gemini.response.encode(value, context()));
      const fields = new Set(Object.keys(response.body as JsonObject));
      const shown = normaliseAnswer(encoded) as JsonObject;
      for (const key of ["modelVersion", "responseId"]) if (!fields.has(key)) delete shown[key];
      expect({ id, answer: withoutNulls(shown) }).toEqual({
        id,
        answer: withoutNulls(normaliseAnswer(response.body)),
      });
    }
    console.log(`gemini answers round trip: ${answers.length}`);
  });

  test(`usage and ends are read (${answers.length + streams.length})`, () => {
    const ends = new Map<string, number>();
    for (const { id, response } of answers) {
      const body = response.body as JsonObject;
      const { value } = gemini.response.decode({ json: body, text: JSON.stringify(body) }, origin);
      for (const { finish } of value.candidates) {
        const key = `${finish.raw} → ${finish.reason}`;
        ends.set(key, (ends.get(key) ?? 0) + 1);
      }
      const counts = body["usageMetadata"];
      if (!isObject(counts) || counts["promptTokenCount"] === undefined) continue;
      const total = (value.usage?.input.total ?? 0) + (value.usage?.output.total ?? 0);
      expect({ id, total }).toEqual({ id, total: Number(counts["totalTokenCount"]) });
      expect(gemini.usage("chat", body)?.output).toEqual(value.usage?.output as never);
    }
    console.log("gemini ends:", Object.fromEntries(ends));
  });

  test(`answers are shown to other wires (${answers.length})`, () => {
    for (const { response } of answers) {
      const body = { json: response.body as JsonObject, text: JSON.stringify(response.body) };
      const { value } = gemini.response.decode(body, origin);
      for (const dialect of [openaiChat, anthropicMessages]) {
        JSON.parse(dialect.response.encode(value, context()));
      }
    }
  });
});

describe("streams", () => {
  test(`encoded and decoded again they say the same (${streams.length})`, () => {
    for (const { id, response } of streams) {
      const text = String(response.body);
      const events = decodeStream(text, sse, [Buffer.from(text)]);
      const first = collect(events);
      const frames = encodeStream(events);
      for (const frame of frames) expect(frame.event).toBeUndefined();
      for (const framing of [sse, jsonArray]) {
        const again = written(frames, framing);
        const second = collect(decodeStream(again, framing, [Buffer.from(again)]));
        expect({ id, answer: withoutIds(second) }).toEqual({ id, answer: withoutIds(first) });
      }
    }
    console.log(`gemini streams round trip: ${streams.length}`);
  });

  test(`cut anywhere they give the same events (${streams.length})`, () => {
    let cuts = 0;
    for (const { id, response } of streams) {
      const text = String(response.body);
      const bytes = Buffer.from(text);
      const whole = withoutIds(decodeStream(text, sse, [bytes]));
      const ways = [randomPieces(bytes, id), randomPieces(bytes, `${id} again`)];
      if (bytes.length < 40_000) ways.push(singleBytes(bytes));
      for (const pieces of ways) {
        cuts += pieces.length;
        expect({ id, events: withoutIds(decodeStream(text, sse, pieces)) }).toEqual({
          id,
          events: whole,
        });
      }
    }
    console.log(`gemini streams cut: ${cuts} pieces`);
  });
});

describe("errors, counts, embeddings", () => {
  test(`errors keep their words (${failures.length})`, () => {
    for (const { id, response } of failures) {
      const text =
        typeof response.body === "string" ? response.body : JSON.stringify(response.body);
      const error = gemini.error.decode(response.status, new Headers(response.headers), text);
      expect({ id, is: error instanceof GatewayError }).toEqual({ id, is: true });
      const encoded = JSON.parse(gemini.error.encode(error, "req_1"));
      const recorded = isObject(response.body) ? response.body["error"] : undefined;
      if (!isObject(recorded)) continue;
      expect({ id, ...encoded.error, details: undefined }).toEqual({
        id,
        ...recorded,
        details: undefined,
      });
    }
  });

  const embeddings = requests.filter(
    ({ operation, response }) => operation === "embeddings" && response.status === 200,
  );
  test(`embeddings both ways (${embeddings.length})`, () => {
    const codec = gemini.embeddings;
    if (!codec) throw new Error("no embeddings");
    for (const { id, body, model, method, response } of embeddings) {
      const form = method === "embedContent" ? "single" : "batch";
      const { value: request } = codec.decodeRequest({ ...bodyOf(body, { model }), form });
      const encoded = codec.encodeRequest(request, targetOf(model));
      const again = codec.decodeRequest({
        ...bodyOf(JSON.parse(encoded.body), { model }),
        form: "batch",
      });
      expect({
        id,
        inputs: again.value.inputs,
        purpose: again.value.purpose,
        dimensions: again.value.dimensions,
      }).toEqual({
        id,
        inputs: request.inputs,
        purpose: request.purpose,
        dimensions: request.dimensions,
      });
      const text = JSON.stringify(response.body);
      const { value } = codec.decodeResponse(
        { json: response.body as JsonObject, text },
        origin,
        request,
      );
      const shown = JSON.parse(codec.encodeResponse(value, request, () => {}));
      const recorded = response.body as JsonObject;
      expect({ id, embedding: shown.embedding, embeddings: shown.embeddings }).toEqual({
        id,
        embedding: recorded["embedding"],
        embeddings: recorded["embeddings"],
      } as never);
    }
    console.log(`gemini embeddings both ways: ${embeddings.length}`);
  });
});

interface Sent {
  n: number;
  method: string;
  path: string;
  body?: unknown;
}

describe.skipIf(!existsSync(clients))("client programs", () => {
  const sent = existsSync(clients)
    ? load<Sent>(clients, /^(gemini-cli|google-genai|ai-sdk)\.jsonl$/).filter(
        ({ path, body }) =>
          /models\/.+:(?:stream)?[gG]enerateContent|:countTokens/.test(path) && isObject(body),
      )
    : [];
  test(`their requests are read, and taken by every wire (${sent.length})`, () => {
    for (const { path, body } of sent) {
      const request = decode(body as JsonObject, pathOf(path));
      expect(request.messages.length).toBeGreaterThan(0);
      for (const dialect of [gemini, openaiChat, anthropicMessages]) {
        if (dialect !== gemini && request.tools.some(({ type }) => type === "provider")) continue;
        JSON.parse(dialect.request.encode(request, targetOf("m", "other")).body);
      }
    }
    console.log(`gemini client requests: ${sent.length}`);
  });
});
