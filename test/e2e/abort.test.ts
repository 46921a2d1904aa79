// A client that leaves: the upstream is cancelled, the row is written (R01, R02, F04).
import { expect, test } from "bun:test";
import { startDaemon } from "../support/daemon.ts";
import { percentile, repeats } from "../support/numbers.ts";

test("R01 R02 client abort reaches the upstream in milliseconds, in every phase", async () => {
  const rounds = repeats("ABORTS", 60);
  const gone = new Map<string, () => void>();
  const encoder = new TextEncoder();
  const upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { messages } = (await request.json()) as { messages: { content: string }[] };
      const [phase, id] = messages[0]!.content.split(" ") as [string, string];
      request.signal.addEventListener("abort", () => gone.get(id)?.());
      if (phase === "silent") return new Promise<Response>(() => {});
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          controller.enqueue(
            encoder.encode(
              `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n`,
            ),
          );
          await Bun.sleep(5);
          if (phase === "stalled") await new Promise(() => {});
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  const daemon = await startDaemon({
    config: `providers:\n  up: { type: openai-compatible, base_url: "http://127.0.0.1:${upstream.port}/v1", api_key: k }\n`,
  });
  try {
    const paths = { "/v1/chat/completions": {}, "/v1/messages": { max_tokens: 10 } };
    for (const [path, extra] of Object.entries(paths)) {
      for (const phase of ["streaming", "stalled", "silent"]) {
        const delays: number[] = [];
        for (let round = 0; round < rounds; round += 1) {
          const id = `${path}-${phase}-${round}`;
          const noticed = new Promise<number>((resolve) =>
            gone.set(id, () => resolve(performance.now())),
          );
          const controller = new AbortController();
          const body = {
            model: "up/m",
            stream: true,
            ...extra,
            messages: [{ role: "user", content: `${phase} ${id}` }],
          };
          const answer = fetch(`${daemon.url}${path}`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
            signal: controller.signal,
          });
          if (phase === "silent") {
            answer.catch(() => {});
            await Bun.sleep(20);
          } else {
            const reader = (await answer).body!.getReader();
            await reader.read();
            reader.read().catch(() => {});
          }
          const before = performance.now();
          controller.abort();
          const at = await Promise.race([noticed, Bun.sleep(5_000)]);
          if (at === undefined) throw new Error(`${id}: the upstream was not told within 5 s`);
          delays.push(at - before);
        }
        console.log(
          `abort ${path} ${phase}: ${rounds} times, p50 ${percentile(delays, 0.5).toFixed(2)} ms, p99 ${percentile(delays, 0.99).toFixed(2)} ms`,
        );
        expect(delays.length).toBe(rounds);
      }
    }
    await Bun.sleep(100);
    const usage = await daemon.cli(
      "usage",
      "--by",
      "status",
      "--config",
      daemon.configPath,
      "--json",
    );
    const groups = JSON.parse(usage.stdout).groups as { group: string; requests: number }[];
    expect(groups.find((group) => group.group === "client_closed")?.requests).toBe(rounds * 6);
  } finally {
    await daemon.dispose();
    await upstream.stop(true);
  }
}, 60_000);
