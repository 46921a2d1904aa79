// A Bedrock client's stream from another provider that falls silent within a block gets deltas without content, and the same answer.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventstream } from "../../src/lib/eventstream.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

let goOn: () => void = () => {};
let gateway: InProcess;

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

/** Says one word, and the other when the client has had a sign of life. */
const upstream = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  fetch() {
    const seen = Promise.withResolvers<void>();
    goOn = seen.resolve;
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(encoder.encode(chunk({ role: "assistant", content: "one" })));
        await seen.promise;
        controller.enqueue(encoder.encode(`${chunk({ content: " two" })}${chunk({}, "stop")}`));
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  },
});

beforeAll(async () => {
  const one = {
    type: "openai-compatible",
    base_url: `${upstream.url.origin}/v1`,
    api_key: "k",
  };
  gateway = await startInProcess({ providers: { one } }, { pacing: { keepAliveMs: 20 } });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop(true);
});

test("silence within a block", async () => {
  const answer = await gateway.fetch("/model/one%2Fm/converse-stream", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: [{ text: "Hi" }] }] }),
  });
  expect(answer.status).toBe(200);
  const splitter = eventstream.createSplitter();
  const texts: string[] = [];
  const events: string[] = [];
  for await (const piece of answer.body ?? []) {
    for (const block of splitter.push(piece)) {
      const frame = eventstream.parse(block);
      if (!frame) continue;
      events.push(frame.event ?? "");
      if (frame.event !== "contentBlockDelta") continue;
      const { delta } = JSON.parse(frame.data) as { delta: { text: string } };
      texts.push(delta.text);
      if (delta.text === "") goOn();
    }
  }
  expect(texts).toContain("");
  expect(texts.join("")).toBe("one two");
  expect(events.at(-1)).toBe("metadata");
});
