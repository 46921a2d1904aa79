// OpenRouter's paths: a base URL, and what a key is told of itself.
import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI from "openai";
import { adminKey } from "../support/in-process.ts";
import { type LitellmGround, startLitellm } from "../support/litellm.ts";

let ground: LitellmGround;
let key = "";
beforeAll(async () => {
  ground = await startLitellm({
    keys: { own: { key: "key-of-the-configuration-0123", budget: { amount: "2", window: "1d" } } },
  });
  const made = await ground.ask("POST", "/key/generate", {
    body: { max_budget: 1.5, budget_duration: "30d", duration: "1d" },
  });
  ({ key } = made.body);
});
afterAll(() => ground.close());

const chat = { model: "fast", max_tokens: 10, messages: [{ role: "user", content: "hello" }] };

test("chat works below /api/v1, for the OpenAI SDK, too", async () => {
  const client = new OpenAI({
    apiKey: key,
    baseURL: "http://127.0.0.1:6342/api/v1",
    maxRetries: 0,
    fetch: (url, init) => ground.running.gateway.fetch(new Request(url as string, init)),
  });
  const answer = await client.chat.completions.create({
    model: "fast",
    max_tokens: 10,
    messages: [{ role: "user", content: "hello" }],
  });
  expect(answer.object).toBe("chat.completion");
  await ground.running.idle();
  const messages = await ground.ask("POST", "/api/v1/messages", { key, body: chat });
  expect(messages.body).toMatchObject({ type: "message", role: "assistant" });
  const responses = await ground.ask("POST", "/api/v1/responses", {
    key,
    body: { model: "fast", input: "hello", max_output_tokens: 20 },
  });
  expect(responses.body.object).toBe("response");
  await ground.running.idle();
});

test("errors there are OpenAI's, and Ollama's stay its own", async () => {
  const wrong = await ground.ask("GET", "/api/v1/chat/completions", { key });
  expect(wrong.status).toBe(405);
  expect(wrong.body.error.message).toContain("POST");
  const missing = await ground.ask("GET", "/api/v1/nothing", { key });
  expect(missing.body.error.message).toBeString();
  const ollama = await ground.ask("POST", "/api/show", { key, body: {} });
  expect(ollama.body.error).toBeString();
  expect((await ground.ask("GET", "/api/tags", { key })).body.models.length).toBeGreaterThan(0);
});

test("a key is told its limit, what is left, and what it used", async () => {
  const spent = (await ground.ask("GET", `/key/info?key=${key}`)).body.info.spend;
  expect(spent).toBeGreaterThan(0);
  const { body } = await ground.ask("GET", "/api/v1/key", { key });
  expect(body.data).toMatchObject({
    label: `sk-mega-...${key.slice(-4)}`,
    limit: 1.5,
    limit_reset: "monthly",
    usage: spent,
    usage_daily: spent,
    usage_monthly: spent,
    is_free_tier: false,
    is_management_key: false,
  });
  expect(body.data.limit_remaining).toBeCloseTo(1.5 - spent, 9);
  expect(Date.parse(body.data.expires_at)).toBeGreaterThan(Date.now());
  expect((await ground.ask("GET", "/api/v1/auth/key", { key })).body).toEqual(body);
  const credits = await ground.ask("GET", "/api/v1/credits", { key });
  expect(credits.body).toEqual({ data: { total_credits: 1.5, total_usage: spent } });
});

test("so is a key of the configuration, and who holds the admin key is told of everything", async () => {
  const own = "key-of-the-configuration-0123";
  await ground.chat(own);
  const { body } = await ground.ask("GET", "/api/v1/key", { key: own });
  expect(body.data).toMatchObject({ label: "own", limit: 2, limit_reset: "daily" });
  const admin = await ground.ask("GET", "/api/v1/key", { key: adminKey });
  expect(admin.body.data).toMatchObject({ label: "admin", limit: null, is_management_key: true });
  expect(admin.body.data.usage).toBeGreaterThan(body.data.usage);
  expect((await ground.ask("GET", "/api/v1/key", { key: null })).status).toBe(401);
});

test("a generation is shown to the key that asked for it", async () => {
  const answer = await ground.chat(key);
  const id = answer.headers.get("x-request-id");
  const { body } = await ground.ask("GET", `/api/v1/generation?id=${id}`, { key });
  expect(body.data).toMatchObject({
    id,
    model: "fast",
    provider_name: "up",
    total_cost: Number(answer.headers.get("x-megallm-cost-usd")),
    tokens_prompt: answer.body.usage.prompt_tokens,
    tokens_completion: answer.body.usage.completion_tokens,
    finish_reason: "stop",
    streamed: false,
    cancelled: false,
  });
  const stranger = "key-of-the-configuration-0123";
  expect((await ground.ask("GET", `/api/v1/generation?id=${id}`, { key: stranger })).status).toBe(
    404,
  );
  expect((await ground.ask("GET", `/api/v1/generation?id=${id}`, { key: adminKey })).status).toBe(
    200,
  );
  expect((await ground.ask("GET", "/api/v1/generation", { key })).status).toBe(404);
});

test("models have OpenRouter's form", async () => {
  const { body } = await ground.ask("GET", "/api/v1/models", { key });
  expect(body.data.map(({ id }: { id: string }) => id)).toContain("fast");
  expect(body.data[0]).toMatchObject({
    id: "fast",
    name: "fast",
    pricing: { prompt: "0.001", completion: "0.001" },
    architecture: { output_modalities: ["text"] },
  });
});
