// Files that are written down: what a model can take in at most is set aside, and what was billed is charged.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

let bill = 0n;

async function answer(request: Request): Promise<Response> {
  const form = await request.formData();
  const model = form.get("model");
  if (model === "whisper-1") {
    bill += 90n * 100_000n;
    if (form.get("response_format") === "text") return new Response("Hello.");
    return Response.json({ text: "Hello.", usage: { type: "duration", seconds: 90 } });
  }
  if (model === "unknown") return Response.json({ text: "Hello." });
  bill += 9_000n * 6_000n + 400n * 10_000n;
  const usage = {
    type: "tokens",
    input_tokens: 9_000,
    output_tokens: 400,
    total_tokens: 9_400,
    input_token_details: { text_tokens: 0, audio_tokens: 9_000 },
  };
  return Response.json({ text: "Hello.", usage });
}

let scene: Scene;
beforeAll(async () => {
  scene = await openScene(
    {
      prices: {},
      budgets: { default_price: { input: "1", output: "4", request: "0.02" } },
      providers: {
        vendor: { type: "openai", base_url: "http://127.0.0.1:1/v1", api_key: "key-of-the-vendor" },
      },
    },
    {
      egress: createEgress({
        env: {},
        resolve: async () => ["127.0.0.1"],
        fetch: async (url, { proxy: _proxy, ...init }) => answer(new Request(url, init)),
      }),
    },
  );
});
afterAll(() => scene.close());

async function write(key: Key, fields: Record<string, string>): Promise<number> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set("file", new Blob(["sound"]), "a.mp3");
  const { "content-type": _type, ...headers } = key.headers;
  const answered = await scene.running.fetch("/v1/audio/transcriptions", {
    method: "POST",
    headers,
    body: form,
  });
  await answered.text();
  return answered.status;
}

test.each([
  ["by tokens", "vendor/gpt-4o-transcribe", 1],
  ["by length", "vendor/whisper-1", 1],
])("%s: parallel requests pass no budget, and ledger − bill = 0", async (_name, model, amount) => {
  const key = await scene.key();
  const limit = usd(amount);
  const budget = await scene.budget([key.subject], limit);
  bill = 0n;
  const statuses = await Promise.all(Array.from({ length: 60 }, () => write(key, { model })));
  const { spent, charged, held, largest } = await scene.account(budget);
  expect(new Set(statuses)).toEqual(new Set([200, 402]));
  expect([spent, charged, held]).toEqual([bill, bill, 0n]);
  expect(largest).toBeLessThanOrEqual(limit);
  await scene.audit();
});

test("an answer that tells no usage is charged what was set aside; without a price, the default's", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(10));
  expect(await write(key, { model: "vendor/unknown" })).toBe(200);
  expect((await scene.account(budget)).spent).toBe(usd(0.02));
  expect(await write(key, { model: "vendor/whisper-1", response_format: "text" })).toBe(200);
  // An hour at $0.36.
  expect((await scene.account(budget)).spent).toBe(usd(0.38));
  await scene.audit();
});
