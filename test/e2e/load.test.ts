// Many streams at once: all start, none waits silently (M10, R22).
import { expect, test } from "bun:test";
import { startDaemon } from "../support/daemon.ts";
import { percentile, repeats } from "../support/numbers.ts";

test("M10 R22 more than 256 upstream streams really run at once", async () => {
  const count = repeats("STREAMS", 2_000);
  const encoder = new TextEncoder();
  let open = 0;
  let most = 0;
  const chunk = encoder.encode(
    `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}\n\n`,
  );
  const end = encoder.encode(
    `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
  );
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch() {
      open += 1;
      most = Math.max(most, open);
      return new Response(
        new ReadableStream<Uint8Array>({
          async start(controller) {
            controller.enqueue(chunk);
            await released;
            controller.enqueue(end);
            controller.close();
            open -= 1;
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    },
  });
  const daemon = await startDaemon({
    config: `log: { level: warn }\nproviders:\n  up: { type: openai-compatible, base_url: "http://127.0.0.1:${upstream.port}/v1", api_key: k }\n`,
  });
  // Its own process: the test runner's HTTP client has the same limit of 256.
  const client = Bun.spawn([process.execPath, "-e", clientScript, daemon.url, String(count)], {
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "65535" },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    const lines = client.stdout.getReader();
    const first = Buffer.from((await lines.read()).value ?? []).toString("utf8");
    const startedMs = JSON.parse(first) as number[];
    release();
    const second = Buffer.from((await lines.read()).value ?? []).toString("utf8");
    console.log(
      `${count} streams: ${most} open upstream at once, first chunk p50 ${percentile(startedMs, 0.5).toFixed(0)} ms, last ${Math.max(...startedMs).toFixed(0)} ms`,
    );
    expect(most).toBe(count);
    expect(startedMs.length).toBe(count);
    expect(JSON.parse(second)).toBe(count);
  } finally {
    client.kill();
    await daemon.dispose();
    await upstream.stop(true);
  }
}, 120_000);

const clientScript = `
const [url, count] = process.argv.slice(-2);
const began = performance.now();
const started = [];
let whole = 0;
let allStarted;
const everyone = new Promise((resolve) => (allStarted = resolve));
const run = async () => {
  const answer = await fetch(url + "/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model: "up/m", stream: true, messages: [{ role: "user", content: "x" }] }),
  });
  const reader = answer.body.getReader();
  let text = Buffer.from((await reader.read()).value).toString();
  started.push(performance.now() - began);
  if (started.length === Number(count)) allStarted();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  if (text.includes("[DONE]")) whole += 1;
};
const all = Array.from({ length: Number(count) }, run);
await everyone;
process.stdout.write(JSON.stringify(started) + "\\n");
await Promise.all(all);
process.stdout.write(JSON.stringify(whole) + "\\n");
`;
