// The pump on a stream that stands still, or breaks: what the client is told fits what it was told before.
import { describe, expect, test } from "bun:test";
import type { DialectId } from "../../../src/ir/chat.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { EgressResponse } from "../../../src/egress.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { createSseParser } from "../../../src/lib/sse.ts";
import type { Outbound } from "../../../src/pipeline/outbound.ts";
import { createClient } from "../../../src/pipeline/client.ts";
import { openStream } from "../../../src/pipeline/respond.ts";

const chunk = (delta: object): string =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`;

/** What a client gets of an upstream that sends `pieces`, waits `silenceMs` after each, and breaks off. */
async function broken(from: DialectId, to: DialectId, pieces: string[], silenceMs = 0) {
  const left = [...pieces];
  const answer = {
    async read() {
      if (left.length < pieces.length) await Bun.sleep(silenceMs);
      const piece = left.shift();
      if (piece === undefined) throw new GatewayError("upstream_unavailable", "It broke off.");
      return new TextEncoder().encode(piece);
    },
    cancel() {},
  } as Partial<EgressResponse> as EgressResponse;
  const outbound = {
    dialect: dialects[from],
    framing: dialects[from].stream.framing,
    relayed: from === to,
    origin: { dialect: from, provider: "up" },
    hidesUsage: false,
    candidate: { provider: { name: "up" } },
  } as Partial<Outbound> as Outbound;
  const body = await openStream(answer, outbound, {
    client: createClient(dialects[to], dialects[to].stream.framing, {
      model: "any",
      includeUsage: true,
      warn: () => {},
    }),
    observer: { event: () => {}, content: () => {}, settle: () => Promise.resolve() },
    signal: new AbortController().signal,
    holdMs: 1,
    keepAliveMs: 20,
    frozenMs: 60_000,
  });
  const parser = createSseParser();
  const frames = parser.push(await new Response(body).bytes());
  return frames.map(({ data }) => JSON.parse(data) as JsonObject);
}

describe("to a client of OpenAI Responses", () => {
  test("a stream that breaks fails as the answer that it was", async () => {
    const events = await broken("openai-chat", "openai-responses", [chunk({ content: "one " })]);
    const ids = events.flatMap(({ response }) =>
      response ? [(response as JsonObject)["id"]] : [],
    );
    expect(events.at(-1)?.["type"]).toBe("response.failed");
    expect(new Set(ids)).toEqual(new Set(["resp_c1"]));
    expect(events.map((event) => event["sequence_number"])).toEqual([...events.keys()]);
  });

  test.each(["openai-chat", "openai-responses"] as const)(
    "silence of %s is broken by events under the last number",
    async (from) => {
      const created = {
        type: "response.created",
        sequence_number: 4,
        response: { id: "resp_1", object: "response", created_at: 1, model: "m", output: [] },
      };
      const first =
        from === "openai-chat" ? chunk({ content: "one" }) : `data: ${JSON.stringify(created)}\n\n`;
      const events = await broken(from, "openai-responses", [first], 70);
      const beats = events.filter(({ type }) => type === "keepalive");
      expect(beats.length).toBeGreaterThan(0);
      const before = events[events.findIndex(({ type }) => type === "keepalive") - 1];
      for (const beat of beats) {
        expect(beat["sequence_number"]).toBe(before?.["sequence_number"] ?? -1);
      }
    },
  );
});

test("a wire without a terminal marker ends soon after its finish, although the connection stays", async () => {
  const told = {
    responseId: "r",
    candidates: [{ content: { role: "model", parts: [{ text: "Hi" }] }, finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  };
  const pieces = [`data: ${JSON.stringify(told)}\n\n`];
  let cancelled = 0;
  const answer = {
    read: async () => {
      const piece = pieces.shift();
      return piece === undefined
        ? await new Promise<Uint8Array>(() => {})
        : new TextEncoder().encode(piece);
    },
    cancel: () => void (cancelled += 1),
  } as Partial<EgressResponse> as EgressResponse;
  const { gemini } = dialects;
  const settled: (GatewayError | null)[] = [];
  const body = await openStream(
    answer,
    {
      dialect: gemini,
      framing: gemini.stream.framing,
      relayed: false,
      origin: { dialect: "gemini", provider: "up" },
      hidesUsage: false,
      candidate: { provider: { name: "up" } },
    } as Partial<Outbound> as Outbound,
    {
      client: createClient(dialects["openai-chat"], dialects["openai-chat"].stream.framing, {
        model: "any",
        includeUsage: true,
        warn: () => {},
      }),
      observer: {
        event: () => {},
        content: () => {},
        settle: async (error) => void settled.push(error),
      },
      signal: new AbortController().signal,
      holdMs: 1,
      keepAliveMs: 60_000,
      frozenMs: 60_000,
    },
  );
  expect(await new Response(body).text()).toEndWith("data: [DONE]\n\n");
  expect(settled).toEqual([null]);
  expect(cancelled).toBeGreaterThan(0);
});
