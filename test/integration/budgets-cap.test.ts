// B06, B07: requests that leave it open how long the answer may be: what is set aside for, is what is asked for.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

/** What reached the provider, and nothing comes back: the reservation can be read while it waits. */
const sent: { url: string; body: Record<string, unknown> }[] = [];
const egress = createEgress({
  env: {},
  resolve: async () => ["127.0.0.1"],
  fetch: async (url, init) => {
    sent.push({
      url,
      body: JSON.parse(Buffer.from(init.body as Uint8Array | string).toString()) as Record<
        string,
        unknown
      >,
    });
    return new Response(
      new ReadableStream({
        start(controller) {
          init.signal?.addEventListener("abort", () => controller.error(new Error("left")));
        },
      }),
      { headers: { "content-type": "application/json" } },
    );
  },
});

const own = { base_url: "http://127.0.0.1:1", api_key: "key-of-the-vendor" };
/** Providers by the dialect that they are asked in. */
const providers = {
  "openai-chat": {
    type: "openai-compatible",
    base_url: "http://127.0.0.1:1/v1",
    api_key: "key-of-the-vendor",
  },
  "openai-responses": {
    type: "openai-compatible",
    base_url: "http://127.0.0.1:1/v1",
    api_key: "key-of-the-vendor",
    dialects: ["openai-responses"],
  },
  "anthropic-messages": { type: "anthropic", ...own },
  gemini: {
    type: "gemini",
    base_url: "http://127.0.0.1:1/v1beta",
    api_key: "key-of-the-vendor",
    dialects: ["gemini"],
  },
  ollama: { type: "ollama", base_url: "http://127.0.0.1:1", dialects: ["ollama"] },
  "bedrock-converse": { type: "bedrock", ...own, region: "us-east-1" },
  cohere: { type: "cohere", ...own },
} as const;
type Dialect = keyof typeof providers;
const dialects = Object.keys(providers) as Dialect[];

const question = "How long is a piece of string?";
const input = 0.000001;
const output = 0.000004;

/** A request without any limit, as each client sends it. Anthropic's wire demands one. */
const requests: Record<
  Exclude<Dialect, "anthropic-messages">,
  (model: string) => [string, object]
> = {
  "openai-chat": (model) => [
    "/v1/chat/completions",
    { model, messages: [{ role: "user", content: question }] },
  ],
  "openai-responses": (model) => ["/v1/responses", { model, input: question }],
  gemini: (model) => [
    `/v1beta/models/${model}:generateContent`,
    { contents: [{ role: "user", parts: [{ text: question }] }] },
  ],
  ollama: (model) => [
    "/api/chat",
    { model, stream: false, messages: [{ role: "user", content: question }] },
  ],
  "bedrock-converse": (model) => [
    `/model/${encodeURIComponent(model)}/converse`,
    { messages: [{ role: "user", content: [{ text: question }] }] },
  ],
  cohere: (model) => ["/v2/chat", { model, messages: [{ role: "user", content: question }] }],
};

let scene: Scene;
beforeAll(async () => {
  scene = await openScene(
    {
      providers,
      models: Object.fromEntries(
        dialects.map((dialect) => [`by-${dialect}`, { deployments: [`${dialect}/m-1`] }]),
      ),
      prices: { "*": { input: "1", output: "4" } },
    },
    { egress },
  );
});
afterAll(() => scene.close());

/** The limit in a body, wherever its dialect has it. */
function limitIn(dialect: Dialect, body: Record<string, unknown>): unknown {
  const at = (name: string, inner: string): unknown =>
    (body[name] as Record<string, unknown> | undefined)?.[inner];
  switch (dialect) {
    case "openai-chat":
      return body["max_completion_tokens"] ?? body["max_tokens"];
    case "openai-responses":
      return body["max_output_tokens"];
    case "gemini":
      return at("generationConfig", "maxOutputTokens");
    case "ollama":
      return at("options", "num_predict");
    case "bedrock-converse":
      return at("inferenceConfig", "maxTokens");
    default:
      return body["max_tokens"];
  }
}

/** Sends it, and tells what reached the provider and what is held meanwhile. */
async function reach(
  key: Key,
  budget: string,
  [path, body]: [string, object],
): Promise<{ status: number; body: Record<string, unknown> | undefined; held: bigint }> {
  sent.length = 0;
  const left = new AbortController();
  const asking = scene.running.fetch(path, {
    method: "POST",
    headers: key.headers,
    body: JSON.stringify(body),
    signal: left.signal,
  });
  const until = performance.now() + 25_000;
  let status = 0;
  void asking.then(
    (answer) => (status = answer.status),
    () => {},
  );
  while (sent.length === 0 && status === 0 && performance.now() < until) await Bun.sleep(1);
  const { createdMs } = (await scene.store.directory.budgets.get(budget)) ?? { createdMs: 0 };
  const [state] = await scene.store.accounts.states([`${budget}@${createdMs}`]);
  const before = status;
  left.abort();
  const answer = await asking.catch(() => null);
  if (before > 402) throw new Error(`${path}: ${before} ${await answer?.text()}`);
  await answer?.text();
  await scene.running.idle();
  return { status: before, body: sent[0]?.body, held: state?.heldNanos ?? 0n };
}

const nanos = (dollars: number): number => Math.round(dollars * 1e9);

describe("B06: without a limit of its own", () => {
  for (const [client, request] of Object.entries(requests)) {
    for (const dialect of dialects) {
      test(`${client} → ${dialect}: the cap that is paid for is sent, and one that is lowered, too`, async () => {
        const rich = await scene.key();
        const vast = await scene.budget([rich.subject], usd(1_000));
        const asked = request(`by-${dialect}`);
        const whole = await reach(rich, vast, asked);
        const cap = Number(whole.body && limitIn(dialect, whole.body));
        expect(cap).toBeGreaterThan(1_000);
        // So many answer tokens and no more are in what is held.
        const rest = Number(whole.held) - cap * nanos(output);
        expect(rest).toBeGreaterThan(0);
        expect(rest).toBeLessThan(3_000 * nanos(input));
        // B07: a tenth of it is left: the cap is lowered to what that pays.
        const poor = await scene.key();
        const limit = BigInt(rest) + BigInt(Math.floor(cap / 10)) * BigInt(nanos(output));
        const small = await scene.budget([poor.subject], limit);
        const lowered = await reach(poor, small, asked);
        expect(Number(lowered.body && limitIn(dialect, lowered.body))).toBe(Math.floor(cap / 10));
        expect(lowered.held).toBeLessThanOrEqual(limit);
        // Hardly anything is left: refused, not sent.
        const empty = await scene.key();
        const none = await scene.budget(
          [empty.subject],
          BigInt(rest) + 100n * BigInt(nanos(output)),
        );
        const refused = await reach(empty, none, asked);
        expect(refused).toEqual({ status: 402, body: undefined, held: 0n });
      });
    }
  }

  test("without a budget nothing is put into the request", async () => {
    const key = await scene.key();
    sent.length = 0;
    const left = new AbortController();
    const [path, body] = requests["openai-chat"]("by-openai-chat");
    const asking = scene.running.fetch(path, {
      method: "POST",
      headers: key.headers,
      body: JSON.stringify(body),
      signal: left.signal,
    });
    while (sent.length === 0) await Bun.sleep(1);
    left.abort();
    await asking.catch(() => {});
    expect(Object.keys(sent[0]?.body ?? {})).toEqual(["model", "messages"]);
    await scene.running.idle();
  });
});

describe("B07: with a limit of its own", () => {
  test("a request that cannot be paid in full is refused, not shortened", async () => {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(0.002));
    const [path, body] = requests["openai-chat"]("by-openai-chat");
    const refused = await reach(key, budget, [path, { ...body, max_tokens: 1_000 }]);
    expect(refused.status).toBe(402);
    const passed = await reach(key, budget, [path, { ...body, max_tokens: 300 }]);
    expect(passed.body?.["max_tokens"]).toBe(300);
  });

  test.each([
    ["two limits: the higher one counts", { max_tokens: 5, max_completion_tokens: 100_000 }, 402],
    ["a negative limit is none", { max_tokens: -1 }, 200],
    ["a limit in a text is none", { max_tokens: "100000" }, 200],
    ["a limit beyond all numbers", { max_tokens: 1e300 }, 200],
    ["more answers than can be paid", { max_tokens: 16, n: 100_000 }, 402],
    ["answers in a text", { max_tokens: 16, n: "100000" }, 402],
    ["no number of answers at all", { max_tokens: 16, n: 1e300 }, 402],
    ["a half answer", { max_tokens: 16, n: 0.5 }, 200],
    ["fewer than no answers", { max_tokens: 16, n: -3 }, 200],
  ])("%s", async (_name, more, status) => {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(0.01));
    const [path, body] = requests["openai-chat"]("by-openai-chat");
    const asked = await reach(key, budget, [path, { ...body, ...more }]).catch(
      (error: unknown) => error,
    );
    if (asked instanceof Error) {
      // What cannot be read is refused as such, and is no failure of the gateway.
      expect(asked.message).not.toMatch(/ 5\d\d /);
      return;
    }
    expect((asked as { status: number }).status).toBe(status === 200 ? 0 : status);
    expect((asked as { held: bigint }).held).toBeLessThanOrEqual(usd(0.01));
  });

  test("what lies elsewhere counts for the whole window of the model", async () => {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(10));
    const content = [
      { type: "text", text: "Read it." },
      {
        type: "file",
        file: {
          filename: "a.pdf",
          file_data: `data:application/pdf;base64,${btoa("%PDF-1.7 tiny")}`,
        },
      },
    ];
    const [path] = requests["openai-chat"]("");
    const asked = await reach(key, budget, [
      path,
      { model: "by-openai-chat", max_tokens: 16, messages: [{ role: "user", content }] },
    ]);
    expect(asked.held).toBeGreaterThanOrEqual(BigInt(200_000 * nanos(input)));
  });

  test("a text that speaks of audio and of caches costs nothing more", async () => {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(10));
    const [path] = requests["openai-chat"]("");
    const held = async (content: string): Promise<bigint> =>
      (
        await reach(key, budget, [
          path,
          { model: "by-openai-chat", max_tokens: 16, messages: [{ role: "user", content }] },
        ])
      ).held;
    const plain = await held('about "somex" and "cachexcontrol" and "xile_id"');
    expect(await held('about "audio" and "cache_control" and "file_id"')).toBe(plain);
  });
});
