// R09: with the limits as they are by default, twenty minutes of silence cut nothing, before the first token or after it; under fake timers.
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { defaultTimeouts } from "../../../src/config/schema-timeouts.ts";
import { dialects } from "../../../src/dialects/index.ts";
import { createEgress, type EgressTimeouts } from "../../../src/egress.ts";
import type { Outbound } from "../../../src/pipeline/outbound.ts";
import { createClient } from "../../../src/pipeline/client.ts";
import { openStream } from "../../../src/pipeline/respond.ts";
import { defaultPacing } from "../../../src/pipeline/services.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const minutes = 60_000;
const encoder = new TextEncoder();
const chunk = (content: string, finish: string | null = null): Uint8Array =>
  encoder.encode(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: finish }] })}\n\n`,
  );

/** Lets time pass in small steps, and whatever waits for it happen. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5_000) {
    jest.advanceTimersByTime(Math.min(left, 5_000));
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }
}

const limits: EgressTimeouts = {
  connectMs: defaultTimeouts.connectMs ?? 0,
  firstByteMs: defaultTimeouts.firstByteMs ?? 0,
  idleMs: defaultTimeouts.idleMs ?? 0,
  totalMs: defaultTimeouts.totalMs ?? 0,
};

function exchange() {
  const answered = Promise.withResolvers<Response>();
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (source = controller),
  });
  const egress = createEgress({
    env: {},
    probe: async () => true,
    fetch: (_url, { signal, timeout }) => {
      // The runtime has a limit of its own, which no fake timer shows: six minutes, on real ones.
      expect(timeout).toBe(false);
      return Promise.race([
        answered.promise,
        new Promise<never>((_, reject) =>
          signal?.addEventListener("abort", () => reject(signal.reason)),
        ),
      ]);
    },
  });
  const sent = egress.send({
    url: new URL("http://127.0.0.1:1/v1"),
    method: "POST",
    headers: new Headers(),
    body: "{}",
    signal: new AbortController().signal,
    timeouts: limits,
    network: "private-allowed",
  });
  return {
    sent,
    answer: () =>
      answered.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } })),
    say: (bytes: Uint8Array) => source?.enqueue(bytes),
    end: () => source?.close(),
  };
}

test("twenty minutes before the headers, and twenty within the stream, with keep-alives all the while", async () => {
  const { sent, answer, say, end } = exchange();
  await pass(20 * minutes);
  answer();
  const upstream = await sent;
  say(chunk("one "));
  const body = await openStream(
    upstream,
    {
      dialect: dialects["openai-chat"],
      framing: dialects["openai-chat"].stream.framing,
      relayed: true,
      origin: { dialect: "openai-chat", provider: "up" },
      hidesUsage: false,
      candidate: { provider: { name: "up" } },
    } as Partial<Outbound> as Outbound,
    {
      client: createClient(dialects["openai-chat"], dialects["openai-chat"].stream.framing, {
        model: "m",
        includeUsage: true,
        warn: () => {},
      }),
      observer: { event: () => {}, content: () => {}, settle: () => Promise.resolve() },
      signal: new AbortController().signal,
      ...defaultPacing,
    },
  );
  const text = new Response(body).text();
  await pass(20 * minutes);
  say(chunk("two", "stop"));
  say(encoder.encode("data: [DONE]\n\n"));
  end();
  await pass(10_000);
  const seen = await text;
  expect(seen).toContain("one ");
  expect(seen).toContain("two");
  expect(seen).toContain("[DONE]");
  // One every ten seconds, so that nobody on the way hangs up at a minute or at 255 s.
  expect(seen.match(/^: ping/gm)?.length).toBeGreaterThanOrEqual(115);
});

test("half an hour is too much, and is told as what it is", async () => {
  const { sent } = exchange();
  const failure = sent.catch((error: unknown) => error);
  await pass(31 * minutes);
  expect(await failure).toMatchObject({
    code: "upstream_timeout",
    message: expect.stringContaining("first_byte"),
  });
});
