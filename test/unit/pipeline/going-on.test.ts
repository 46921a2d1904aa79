// The pump between two upstreams: who leaves meanwhile, what fails meanwhile, and what the second one is told.
import { expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import type { EgressResponse } from "../../../src/egress.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { backgroundFailures } from "../../../src/lib/background.ts";
import { createClient } from "../../../src/pipeline/client.ts";
import { progressOf } from "../../../src/pipeline/continuation.ts";
import type { Outbound } from "../../../src/pipeline/outbound.ts";
import { openStream, type Resumed } from "../../../src/pipeline/respond.ts";

const dialect = dialects["openai-chat"];
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

interface Answer extends EgressResponse {
  cancelled: number;
  begins: number;
}

/** Pieces, then a failure, or silence. */
function answerOf(pieces: string[], end: "break" | "silence"): Answer {
  const left = [...pieces];
  const answer = {
    cancelled: 0,
    begins: 0,
    async read() {
      await Bun.sleep(1);
      const piece = left.shift();
      if (piece !== undefined) return new TextEncoder().encode(piece);
      if (end === "break") throw new GatewayError("upstream_unavailable", "It broke off.");
      return new Promise<Uint8Array>(() => {});
    },
    cancel: () => void (answer.cancelled += 1),
    begun: () => void (answer.begins += 1),
  } as Partial<Answer> as Answer;
  return answer;
}

const outboundOf = (name: string): Outbound =>
  ({
    dialect,
    framing: dialect.stream.framing,
    relayed: true,
    origin: { dialect: "openai-chat", provider: name },
    hidesUsage: false,
    candidate: { provider: { name }, model: "m" },
  }) as Partial<Outbound> as Outbound;

interface Scene {
  /** How often the reader was said to have left. */
  left: number;
  settled: [string, string | null][];
  contents: string[];
}

const observed = (name: string, { settled, contents }: Scene) => ({
  event: () => {},
  content: () => void contents.push(name),
  settle: async (error: GatewayError | null) => void settled.push([name, error?.code ?? null]),
});

type Resume = (scene: Scene) => Promise<Resumed | null>;

const resumed = (answer: EgressResponse, scene: Scene): Resumed => {
  const progress = progressOf([], undefined);
  if (!progress) throw new Error("no progress");
  return {
    answer,
    outbound: { ...outboundOf("second"), relayed: false },
    context: { model: "any", includeUsage: true, warn: () => {} },
    progress,
    observer: observed("second", scene),
  };
};

async function opened(resume: Resume, signal = new AbortController().signal) {
  const scene: Scene = { left: 0, settled: [], contents: [] };
  const body = await openStream(
    answerOf([chunk({ content: "one " })], "break"),
    outboundOf("first"),
    {
      client: createClient(dialect, dialect.stream.framing, {
        model: "any",
        includeUsage: true,
        warn: () => {},
      }),
      observer: observed("first", scene),
      resume: () => resume(scene),
      signal,
      left: () => void (scene.left += 1),
      holdMs: 1,
      keepAliveMs: 10,
      frozenMs: 60_000,
    },
  );
  return { scene, body };
}

test("who leaves while somebody is sought is not answered: what was found is ended", async () => {
  const failures = backgroundFailures();
  const late = answerOf([chunk({ content: "two" })], "silence");
  const found = Promise.withResolvers<void>();
  const { body, scene } = await opened(async (own) => {
    await found.promise;
    return resumed(late, own);
  });
  const reader = body.getReader();
  let text = "";
  while (!text.includes("ping")) text += Buffer.from((await reader.read()).value ?? []).toString();
  await reader.cancel();
  expect(scene.left).toBe(1);
  expect(scene.settled).toEqual([["first", "client_closed"]]);
  found.resolve();
  await Bun.sleep(5);
  expect(late.cancelled).toBeGreaterThan(0);
  expect(scene.settled).toEqual([
    ["first", "client_closed"],
    ["second", "client_closed"],
  ]);
  expect(backgroundFailures()).toBe(failures);
});

test.each([
  ["the gateway's own fault", new Error("a bug"), "internal"],
  ["a refusal of the gateway", new GatewayError("unavailable", "The ledger rests."), "unavailable"],
])("what fails meanwhile ends the stream in the client's words: %s", async (_, thrown, code) => {
  const { body, scene } = await opened(() => Promise.reject(thrown));
  const text = await new Response(body).text();
  expect(text).toContain("one ");
  expect(text).toContain('"error"');
  expect(text).not.toContain("a bug");
  expect(scene.settled).toEqual([["first", code]]);
});

test("the daemon's end is told as such", async () => {
  const shutdown = new AbortController();
  const { body, scene } = await opened(async () => {
    shutdown.abort(new GatewayError("unavailable", "The gateway stops."));
    throw new GatewayError("client_closed", "the client closed the request");
  }, shutdown.signal);
  expect(await new Response(body).text()).toContain("The gateway stops.");
  expect(scene.settled).toEqual([["first", "unavailable"]]);
});

test("the second one's content is its own: its wait for a first token ends there", async () => {
  const second = answerOf(
    [
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "two" }),
      chunk({}, "stop"),
      "data: [DONE]\n\n",
    ],
    "silence",
  );
  const { body, scene } = await opened(async (own) => resumed(second, own));
  expect(await new Response(body).text()).toContain("two");
  expect(scene.contents).toEqual(["first", "second"]);
  expect(second.begins).toBe(1);
});
