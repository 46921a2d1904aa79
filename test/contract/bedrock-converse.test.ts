// Recorded Bedrock Converse traffic through the dialect and back: nothing may get lost.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { bedrockConverse } from "../../src/dialects/bedrock-converse/index.ts";
import type { AnswerContext, Body, Target } from "../../src/dialects/dialect.ts";
import type { ChatResponse, Origin } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { collect, expand } from "../../src/ir/fold.ts";
import type { Warning } from "../../src/ir/warning.ts";
import { eventstream } from "../../src/lib/eventstream.ts";
import type { Frame } from "../../src/lib/frame.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { randomPieces, singleBytes } from "../support/wire/random.ts";

interface Exchange {
  id: string;
  model?: string | null;
  stream: boolean;
  request: { url?: string; body?: JsonObject } | null;
  response: {
    status: number;
    headers?: Record<string, string>;
    body?: JsonObject;
    body_base64?: string;
  };
  /** A stream's messages (own fixtures only), and the whole answer that it amounts to. */
  frames?: Frame[];
  truth?: JsonObject;
}

const own = "test/contract/fixtures/bedrock-converse";
const shared = "../shared/wire";

function load(folder: string, name: RegExp): Exchange[] {
  const files = readdirSync(folder).filter((file) => name.test(file));
  return files.flatMap((file) => {
    const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
    const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
    return text
      .trimEnd()
      .split("\n")
      .map((line): Exchange => JSON.parse(line));
  });
}

const exchanges = load(own, /\.jsonl$/);
if (existsSync(shared)) {
  exchanges.push(...load(shared, /bedrock\.(?:converse|converse_stream)\.jsonl\.gz$/));
} else console.log(`skipped: ${shared} is not here; the project's own fixtures are tested alone`);
const counted = existsSync(shared) ? load(shared, /bedrock\.count_tokens\.jsonl\.gz$/) : [];

const originOf = ({ model }: Exchange): Origin => ({
  dialect: "bedrock-converse",
  provider: "recorded",
  ...(model ? { model } : {}),
});
const targetOf = ({ model }: Exchange): Target => ({
  provider: "recorded",
  model: model ?? "any",
  quirks: {},
  facts: {},
});
const contextOf = (warnings: Warning[] = []): AnswerContext => ({
  model: "any",
  includeUsage: true,
  warn: (warning) => warnings.push(warning),
});
const bodyOf = (json: JsonObject, more: JsonObject = {}): Body => ({
  json: { ...json, ...more },
  text: JSON.stringify(json),
});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** What says the default may be left out. */
function normaliseBlock(block: unknown): unknown[] {
  if (!isObject(block)) return [block];
  // Empty text says nothing; some models say of each block what it is.
  const { type: _, ...rest } = block;
  if ("text" in block) return block["text"] === "" ? [] : [rest];
  const { toolUse, toolResult } = block;
  if (isObject(toolUse)) {
    const { type, ...call } = toolUse;
    return [{ toolUse: type === "server_tool_use" ? toolUse : call }];
  }
  if (isObject(toolResult)) {
    const { status, ...result } = toolResult;
    const isPlain = status === "success" && toolResult["type"] === undefined;
    return [{ toolResult: isPlain ? result : toolResult }];
  }
  return [block];
}

/** A schema is JSON as text: its spaces are no matter. */
function normaliseSchema(_key: string, value: unknown): unknown {
  if (!isObject(value) || typeof value["schema"] !== "string") return value;
  const schema: unknown = JSON.parse(value["schema"]);
  return { ...value, schema: JSON.stringify(schema) };
}

function normaliseRequest(given: JsonObject): unknown {
  const body: JsonObject = JSON.parse(JSON.stringify(given, normaliseSchema));
  const { messages, ...rest } = body;
  const kept = Object.entries(rest).filter(
    ([, value]) =>
      !(typeof value === "object" && value !== null && Object.keys(value).length === 0),
  );
  return sorted({
    ...Object.fromEntries(kept),
    messages: list(messages).map((item) =>
      isObject(item) ? { ...item, content: list(item["content"]).flatMap(normaliseBlock) } : item,
    ),
  });
}

/** Counts that stand there under two names, or are nil. */
function normaliseUsage(usage: unknown): unknown {
  if (!isObject(usage)) return usage;
  const doubles = new Set([
    "cacheReadInputTokenCount",
    "cacheWriteInputTokenCount",
    "pydantic_ai_gateway",
  ]);
  return Object.fromEntries(
    Object.entries(usage).filter(
      ([key, value]) =>
        !doubles.has(key) &&
        value !== 0 &&
        !(isObject(value) && Object.keys(value).length === 0) &&
        !(key === "cacheDetails"),
    ),
  );
}

function normaliseAnswer(body: JsonObject): unknown {
  const { output, usage, ...rest } = body;
  const message = isObject(output) && isObject(output["message"]) ? output["message"] : {};
  return sorted({
    ...rest,
    usage: normaliseUsage(usage),
    role: message["role"],
    content: list(message["content"]).flatMap(normaliseBlock),
  });
}

/** Ids and times differ from run to run. */
const withoutIds = (response: ChatResponse): unknown => ({ ...response, id: "" });

const tally = (what: string, faults: readonly string[], count: number): void => {
  console.log(`bedrock-converse ${what}: ${count - faults.length} of ${count}`);
};

describe("requests", () => {
  const requests = exchanges.filter(({ request }) => request?.body);

  test(`decoded and encoded again (${requests.length})`, () => {
    const faults: string[] = [];
    for (const exchange of requests) {
      const body = exchange.request?.body ?? {};
      const given = bodyOf(body, { model: exchange.model ?? "m", stream: exchange.stream });
      const decoded = bedrockConverse.request.decode(given, "chat");
      const encoded = bedrockConverse.request.encode(decoded.value, targetOf(exchange));
      const [before, after] = [body, JSON.parse(encoded.body) as JsonObject].map(normaliseRequest);
      if (!Bun.deepEquals(before, after)) faults.push(exchange.id);
      if (encoded.warnings.length > 0 || decoded.warnings.length > 0) {
        faults.push(
          `${exchange.id}: ${JSON.stringify([...decoded.warnings, ...encoded.warnings])}`,
        );
      }
      expect(decoded.value.stream).toBe(exchange.stream);
    }
    tally("requests", faults, requests.length);
    expect(faults).toEqual([]);
  });

  test(`token counts (${counted.length})`, () => {
    const results = counted.map(({ request, model, response }) => {
      try {
        const given = bodyOf(request?.body ?? {}, { model: model ?? "m" });
        return bedrockConverse.request.decode(given, "count-tokens").value.messages.length > 0;
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError);
        return response.status >= 400 ? "refused" : false;
      }
    });
    tally(
      "token counts",
      results.flatMap((ok) => (ok === false ? ["fault"] : [])),
      results.length,
    );
    expect(results).not.toContain(false);
  });

  test("tool input keeps its exact spelling", () => {
    const text =
      '{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{"2":1.0,"1":1e400,"big":12345678901234567890}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"json":{"b":1.50,"a":2}}]}}]}]}';
    const json = { ...(JSON.parse(text) as JsonObject), model: "m" };
    const { value } = bedrockConverse.request.decode({ json, text }, "chat");
    const target = targetOf({ model: "m" } as Exchange);
    const { body } = bedrockConverse.request.encode(value, target);
    expect(body).toContain('"input":{"2":1.0,"1":1e400,"big":12345678901234567890}');
    expect(body).toContain('"json":{"b":1.50,"a":2}');
  });
});

describe("answers", () => {
  const answers = exchanges.filter(
    ({ response }) => response.status === 200 && isObject(response.body),
  );

  test(`decoded and encoded again (${answers.length})`, () => {
    const faults: string[] = [];
    for (const exchange of answers) {
      const body = exchange.response.body ?? {};
      const decoded = bedrockConverse.response.decode(bodyOf(body), originOf(exchange));
      const warnings: Warning[] = [];
      const encoded = bedrockConverse.response.encode(decoded.value, contextOf(warnings));
      const after = JSON.parse(encoded) as JsonObject;
      const { metrics: _, ...bare } = after;
      const again = "metrics" in body ? after : bare;
      if (!Bun.deepEquals(normaliseAnswer(body), normaliseAnswer(again)) || warnings.length > 0) {
        faults.push(exchange.id);
      }
      const folded = collect(expand(decoded.value));
      if (!Bun.deepEquals(folded, decoded.value)) faults.push(`${exchange.id} folded`);
    }
    tally("answers", faults, answers.length);
    expect(faults).toEqual([]);
  });

  test("usage: cached tokens are counted once", () => {
    const answer = exchanges.find(({ id }) => id === "own-answer");
    const { value } = bedrockConverse.response.decode(
      bodyOf(answer?.response.body ?? {}),
      originOf(answer as Exchange),
    );
    expect(value.usage?.input).toEqual({
      total: 1958,
      cacheRead: 1712,
      cacheWrite5m: 43,
      cacheWrite1h: 200,
      audio: 0,
    });
    for (const { id, response } of answers) {
      const usage = bedrockConverse.usage("chat", response.body ?? {});
      const told = response.body?.["usage"];
      const total = isObject(told) ? Number(told["totalTokens"]) : 0;
      expect([id, (usage?.input.total ?? 0) + (usage?.output.total ?? 0)]).toEqual([id, total]);
    }
  });

  const refusals = exchanges.filter(({ response }) => response.status >= 400);
  test(`errors keep their words (${refusals.length})`, () => {
    for (const { response } of refusals) {
      const { status, headers, body } = response;
      const error = bedrockConverse.error.decode(
        status,
        new Headers(headers),
        JSON.stringify(body),
      );
      expect(error).toMatchObject({
        code: "upstream_rejected",
        status,
        message: body?.["message"],
      });
      expect(JSON.parse(bedrockConverse.error.encode(error, "r"))).toEqual(body as JsonObject);
    }
    tally("errors", [], refusals.length);
  });
});

const streams = exchanges.flatMap((exchange) => {
  const { frames, response } = exchange;
  const writer = eventstream.createWriter();
  if (frames) return [{ exchange, bytes: Buffer.concat(frames.map((each) => writer.write(each))) }];
  const { body_base64: data } = response;
  return data === undefined ? [] : [{ exchange, bytes: Buffer.from(data, "base64") }];
});

function framesOf(chunks: readonly Uint8Array[]): Frame[] {
  const splitter = eventstream.createSplitter();
  const blocks = chunks.flatMap((chunk) => splitter.push(chunk));
  expect(splitter.end()).toBeNull();
  return blocks.flatMap((block) => eventstream.parse(block) ?? []);
}

function eventsOf(frames: readonly Frame[], origin: Origin): ChatEvent[] {
  const decoder = bedrockConverse.stream.decoder(origin);
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}

describe("streams", () => {
  test(`cut anywhere: the same messages (${streams.length})`, () => {
    for (const { exchange, bytes } of streams) {
      const whole = framesOf([bytes]);
      expect(framesOf(randomPieces(bytes, exchange.id))).toEqual(whole);
      if (bytes.length < 20_000) expect(framesOf(singleBytes(bytes))).toEqual(whole);
    }
  });

  test(`written again: the same bytes (${streams.length})`, () => {
    const faults: string[] = [];
    for (const { exchange, bytes } of streams) {
      const writer = eventstream.createWriter();
      const again = Buffer.concat(framesOf([bytes]).map((frame) => writer.write(frame)));
      if (!again.equals(bytes)) faults.push(exchange.id);
    }
    tally("streams as bytes", faults, streams.length);
    expect(faults).toEqual([]);
  });

  test(`decoded, encoded and decoded again (${streams.length})`, () => {
    const faults: string[] = [];
    for (const { exchange, bytes } of streams) {
      const origin = originOf(exchange);
      const events = eventsOf(framesOf([bytes]), origin);
      expect(events.at(-1)).toEqual({ type: "end" });
      const warnings: Warning[] = [];
      const encoder = bedrockConverse.stream.encoder(contextOf(warnings));
      const written = events.flatMap((event) => encoder.push(event));
      const [before, after] = [events, eventsOf(written, origin)].map((each) =>
        withoutIds(collect(each.map(withoutLatency))),
      );
      // The order of members in a usage object is no matter.
      if (!Bun.deepEquals(stripRaw(before), stripRaw(after)) || warnings.length > 0) {
        faults.push(exchange.id);
      }
    }
    tally("streams", faults, streams.length);
    expect(faults).toEqual([]);
  });

  test("own streams amount to the whole answer", () => {
    for (const { exchange, bytes } of streams.filter(({ exchange: each }) => each.truth)) {
      const response = collect(eventsOf(framesOf([bytes]), originOf(exchange)));
      const answer = JSON.parse(
        bedrockConverse.response.encode(response, contextOf()),
      ) as JsonObject;
      expect([exchange.id, normaliseAnswer(answer)]).toEqual([
        exchange.id,
        normaliseAnswer(exchange.truth ?? {}),
      ]);
      const whole = bedrockConverse.response.decode(
        bodyOf(exchange.truth ?? {}),
        originOf(exchange),
      );
      expect(normaliseContent(withoutIds(response))).toEqual(
        normaliseContent(withoutIds(whole.value)),
      );
    }
  });
});

/** Where a recording was tidied, the time is told only the second time. */
function withoutLatency(event: ChatEvent): ChatEvent {
  if (event.type !== "finish") return event;
  const { metrics: _, ...kept } = event.ext?.["bedrock-converse"] ?? {};
  return { ...event, ext: { "bedrock-converse": kept } };
}

/** The counts without the provider's own spelling; those of nothing are none. */
function stripRaw(value: unknown): unknown {
  if (!isObject(value) || !isObject(value["usage"])) return value;
  const { usage, ...rest } = value;
  const { raw, ...counts } = usage;
  const isNone = isObject(raw) && raw["totalTokens"] === 0;
  return isNone ? rest : { ...rest, usage: counts };
}

/** A whole text's empty list of citations says nothing. */
const normaliseContent = (value: unknown): unknown => stripRaw(JSON.parse(JSON.stringify(value)));
