// Reasoning models think in silence: streams live on, kept alive in the client's own wire (R09, R10, R11).
import Anthropic from "@anthropic-ai/sdk";
import { expect, test } from "bun:test";
import OpenAI from "openai";
import { startDaemon } from "../support/daemon.ts";
import { sdks } from "../support/sdks/all.ts";

/** Longer than the runtime's default idle limit and than the gateway's keep-alive and early opening. */
const silenceMs = 14_000;

test("R09 R10 silence before the answer and within it cuts no stream, and SDKs read the keep-alives", async () => {
  const encoder = new TextEncoder();
  const chunk = (delta: object, finish: string | null = null): Uint8Array =>
    encoder.encode(
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  const upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      // Half of them are silent before the headers, half after the first word.
      const early = text.includes("early");
      if (early) await Bun.sleep(silenceMs);
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(chunk({ role: "assistant", content: "one " }));
          if (!early) await Bun.sleep(silenceMs);
          controller.enqueue(chunk({ content: "two" }));
          controller.enqueue(chunk({}, "stop"));
          controller.enqueue(encoder.encode("data: [DONE]\n\n"));
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  const daemon = await startDaemon({
    // The runtime's own limit, which is some minutes otherwise: it must not count at all.
    env: { BUN_CONFIG_HTTP_IDLE_TIMEOUT: "5" },
    config: `providers:\n  up: { type: openai-compatible, base_url: "http://127.0.0.1:${upstream.port}/v1", api_key: k }\n`,
  });
  const openai = new OpenAI({ apiKey: "any", baseURL: `${daemon.url}/v1`, maxRetries: 0 });
  const anthropic = new Anthropic({ apiKey: "any", baseURL: daemon.url, maxRetries: 0 });
  try {
    const askOpenAi = async (when: string): Promise<string> => {
      const stream = await openai.chat.completions.create({
        model: "up/m",
        stream: true,
        messages: [{ role: "user", content: when }],
      });
      let text = "";
      for await (const event of stream) text += event.choices[0]?.delta.content ?? "";
      return text;
    };
    const askAnthropic = async (when: string): Promise<string> => {
      const stream = anthropic.messages.stream({
        model: "up/m",
        max_tokens: 100,
        messages: [{ role: "user", content: when }],
      });
      return stream.finalText();
    };
    const raw = async (
      path: string,
      body: Record<string, unknown>,
    ): Promise<{ text: string; headers: Headers }> => {
      const answer = await fetch(`${daemon.url}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      return { text: await answer.text(), headers: answer.headers };
    };
    const late = [{ role: "user", content: "late" }];
    const asked = { model: "up/m", stream: true, max_tokens: 100, messages: late };
    const gemini = { contents: [{ role: "user", parts: [{ text: "late" }] }] };
    const [texts, others, chat, messages, responses, google, ollama] = await Promise.all([
      Promise.all([
        askOpenAi("early"),
        askOpenAi("late"),
        askAnthropic("early"),
        askAnthropic("late"),
      ]),
      Promise.all(
        sdks.flatMap(({ name, connect }) =>
          ["early", "late"].map(async (prompt) => {
            const client = connect(daemon.url, "any");
            const { text } = await client.ask({ model: "up/m", prompt, stream: true });
            return [name, prompt, text];
          }),
        ),
      ),
      raw("/v1/chat/completions", asked),
      raw("/v1/messages", asked),
      raw("/v1/responses", { model: "up/m", stream: true, input: "late" }),
      raw("/v1beta/models/up/m:streamGenerateContent?alt=sse", gemini),
      raw("/api/chat", { model: "up/m", messages: late }),
    ]);
    expect(texts).toEqual(["one two", "one two", "one two", "one two"]);
    expect(others).toEqual(
      sdks.flatMap(({ name }) => ["early", "late"].map((when) => [name, when, "one two"])),
    );
    // An event, under the number of the one before it: comments do not reset Codex' idle timer.
    const numbers = Array.from(responses.text.matchAll(/"sequence_number":(\d+)/g), Number);
    expect(responses.text).toMatch(/^event: keepalive\ndata: \{"type":"keepalive"/m);
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    // Nothing but blank lines: Gemini CLI reads no comments.
    expect(google.text).toContain("\n\n\n");
    expect(google.text).not.toMatch(/^(?!data: |$)/m);
    for (const line of ollama.text.trim().split("\n")) JSON.parse(line);
    expect(ollama.text.match(/"content":""/g)?.length ?? 0).toBeGreaterThan(1);
    expect(chat.text).toMatch(/^: ?\w*\n/m);
    expect(messages.text).toContain("event: ping");
    expect(chat.headers.get("x-accel-buffering")).toBe("no");
    expect(chat.headers.get("cache-control")).toContain("no-transform");
  } finally {
    await daemon.dispose();
    await upstream.stop(true);
  }
}, 60_000);
