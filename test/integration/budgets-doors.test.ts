// B03: every door of the gateway, by a key whose budget is empty: the same refusal, and nobody upstream is asked.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Key, moneyProviders, openScene, type Scene, usd } from "../support/money/scene.ts";
import { startRealtimeUpstream } from "../support/upstream/openai-realtime.ts";
import { createMoneyUpstream } from "../support/money/upstream.ts";

const upstream = createMoneyUpstream();
const realtime = startRealtimeUpstream();
let scene: Scene;
let rich: Key;
let poor: Key;

const address = { base_url: "http://127.0.0.1:1/v1", api_key: "key-of-the-vendor" };
const config = {
  providers: {
    ...moneyProviders,
    vendor: { type: "openai", ...address },
    cohere: { type: "cohere", base_url: "http://127.0.0.1:1", api_key: "key-of-the-vendor" },
    live: { type: "openai", base_url: realtime.baseUrl, api_key: realtime.key },
  },
  models: {
    cheap: { deployments: ["openai/cheap"] },
    falls: { deployments: ["openai/cheap"], fallbacks: ["anthropic/dear"] },
    raced: {
      policy: "first",
      deployments: [
        { model: "openai/cheap", order: 1 },
        { model: "anthropic/dear", order: 2 },
      ],
      hedge: { after: "10ms", max_extra_spend: 1 },
    },
    continued: {
      policy: "first",
      on_midstream_failure: "continue",
      deployments: [
        { model: "openai/cheap", order: 1 },
        { model: "anthropic/dear", order: 2 },
      ],
    },
    retried: { deployments: ["openai/cheap"], retry: { retries: 3 } },
  },
  prices: { "*": { input: "1", output: "4" } },
  budgets: { default_price: { input: "1", output: "4", request: "0.10" } },
};

beforeAll(async () => {
  scene = await openScene(config, { upstream });
  rich = await scene.key();
  poor = await scene.key();
  await scene.budget([rich.subject], usd(1_000_000));
  await scene.budget([poor.subject], 1n);
});
afterAll(async () => {
  await scene.close();
  await realtime.stop();
});

interface Door {
  name: string;
  path: string;
  method?: string;
  body?: unknown;
  form?: Record<string, string>;
  headers?: Record<string, string>;
  /** What it answers to a key that can pay, where that is not 200. */
  status?: number;
  /** Nothing is billed for it. */
  isFree?: boolean;
}

const messages = [{ role: "user", content: "Say something." }];
const chat = (model: string, more: object = {}) => ({ model, messages, max_tokens: 16, ...more });

const doors: Door[] = [
  { name: "OpenAI chat", path: "/v1/chat/completions", body: chat("cheap") },
  {
    name: "OpenAI chat, streamed",
    path: "/v1/chat/completions",
    body: chat("cheap", { stream: true }),
  },
  {
    name: "OpenAI chat without a limit",
    path: "/v1/chat/completions",
    body: { model: "cheap", messages },
  },
  { name: "OpenAI chat, the other path", path: "/chat/completions", body: chat("cheap") },
  {
    name: "OpenAI chat with tools",
    path: "/v1/chat/completions",
    body: chat("cheap", {
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    }),
  },
  {
    name: "OpenAI Responses",
    path: "/v1/responses",
    body: { model: "cheap", input: "Say something.", max_output_tokens: 16 },
  },
  {
    name: "a Responses answer made in the background",
    path: "/v1/responses",
    body: { model: "vendor/gpt-4o", input: "Say something.", background: true, store: true },
    status: 502,
  },
  {
    name: "Responses compaction",
    path: "/v1/responses/compact",
    body: { model: "vendor/gpt-4o", input: "Say something." },
  },
  { name: "Anthropic", path: "/v1/messages", body: chat("cheap") },
  { name: "Anthropic, streamed", path: "/v1/messages", body: chat("cheap", { stream: true }) },
  {
    name: "Gemini",
    path: "/v1beta/models/cheap:generateContent",
    body: { contents: [{ role: "user", parts: [{ text: "Say something." }] }] },
  },
  {
    name: "Gemini, streamed",
    path: "/v1beta/models/cheap:streamGenerateContent?alt=sse",
    body: { contents: [{ role: "user", parts: [{ text: "Say something." }] }] },
  },
  {
    name: "Bedrock",
    path: "/model/cheap/converse",
    body: { messages: [{ role: "user", content: [{ text: "Say something." }] }] },
  },
  {
    name: "Bedrock, streamed",
    path: "/model/cheap/converse-stream",
    body: { messages: [{ role: "user", content: [{ text: "Say something." }] }] },
  },
  { name: "Cohere", path: "/v2/chat", body: { model: "cheap", messages } },
  { name: "Ollama", path: "/api/chat", body: { model: "cheap", messages, stream: false } },
  {
    name: "Ollama's prompt",
    path: "/api/generate",
    body: { model: "cheap", prompt: "Say something.", stream: false },
  },
  { name: "a fallback to a dearer model", path: "/v1/chat/completions", body: chat("falls") },
  { name: "a race", path: "/v1/chat/completions", body: chat("raced", { stream: true }) },
  {
    name: "an answer that may be gone on with",
    path: "/v1/chat/completions",
    body: chat("continued", { stream: true }),
  },
  { name: "a route that retries", path: "/v1/chat/completions", body: chat("retried") },
  {
    name: "fallbacks of the request's own",
    path: "/v1/chat/completions",
    body: chat("cheap", { models: ["anthropic/dear"] }),
  },
  { name: "embeddings", path: "/v1/embeddings", body: { model: "openai/cheap", input: "a" } },
  {
    name: "rerank",
    path: "/v2/rerank",
    body: { model: "cohere/rerank-v3.5", query: "a", documents: ["b", "c"] },
    status: 502,
  },
  {
    name: "completions",
    path: "/v1/completions",
    body: { model: "openai/cheap", prompt: "a", max_tokens: 16 },
  },
  { name: "moderations", path: "/v1/moderations", body: { model: "vendor/omni", input: "a" } },
  {
    name: "images",
    path: "/v1/images/generations",
    body: { model: "vendor/gpt-image-1", prompt: "a" },
  },
  {
    name: "speech",
    path: "/v1/audio/speech",
    body: { model: "vendor/tts-1", input: "a", voice: "b" },
  },
  {
    name: "transcriptions",
    path: "/v1/audio/transcriptions",
    form: { model: "vendor/whisper-1", file: "sound" },
  },
  {
    name: "image edits",
    path: "/v1/images/edits",
    form: { model: "vendor/gpt-image-1", image: "picture" },
  },
  {
    name: "batches",
    path: "/v1/batches",
    body: { endpoint: "/v1/chat/completions", completion_window: "24h" },
    headers: { "x-megallm-provider": "vendor" },
  },
  {
    name: "Anthropic's batches",
    path: "/v1/messages/batches",
    body: { requests: [] },
    headers: { "x-megallm-provider": "anthropic" },
  },
  {
    name: "pass-through of what the gateway knows",
    path: "/providers/openai/v1/chat/completions",
    body: chat("cheap"),
  },
  {
    name: "pass-through with a slash behind it",
    path: "/providers/openai/v1/chat/completions/",
    body: chat("cheap"),
    status: -1,
  },
  {
    name: "pass-through in capitals",
    path: "/providers/openai/v1/Chat/Completions",
    body: chat("cheap"),
  },
  {
    name: "pass-through of what nobody knows",
    path: "/providers/openai/v1/something/new",
    body: { model: "cheap" },
  },
  {
    name: "pass-through under another method",
    path: "/providers/openai/v1/something/new",
    method: "PUT",
    body: { model: "cheap" },
  },
  {
    name: "counting tokens",
    path: "/v1/messages/count_tokens",
    body: { model: "cheap", messages },
    isFree: true,
  },
  {
    name: "uploads of files",
    path: "/v1/files",
    form: { purpose: "batch", file: "{}" },
    headers: { "x-megallm-provider": "vendor" },
    isFree: true,
  },
];

function requestOf({ method = "POST", body, form, headers }: Door, key: Key): RequestInit {
  const own = { authorization: key.headers["authorization"] ?? "", ...headers };
  if (!form) {
    return {
      method,
      headers: { ...own, "content-type": "application/json" },
      body: JSON.stringify(body),
    };
  }
  const data = new FormData();
  for (const [name, value] of Object.entries(form)) {
    if (name === "file" || name === "image") data.append(name, new Blob([value]), "a.bin");
    else data.append(name, value);
  }
  return { method, headers: own, body: data };
}

describe("B03: a key whose budget is empty", () => {
  test.each(doors)("$name", async (door) => {
    upstream.reset();
    const asked = await scene.running.fetch(door.path, requestOf(door, rich));
    await asked.text();
    const { count } = upstream;
    // The door leads somewhere: somebody who can pay gets through it.
    if (door.status !== -1) {
      expect([door.name, asked.status]).not.toEqual([door.name, 402]);
      if (!door.isFree) expect(count).toBeGreaterThan(0);
    }
    upstream.reset();
    const refused = await scene.running.fetch(door.path, requestOf(door, poor));
    const text = await refused.text();
    if (door.isFree) {
      expect(refused.status).toBe(asked.status);
      return;
    }
    expect([refused.status, text]).toEqual([402, expect.stringContaining("budget")]);
    expect(upstream.count).toBe(0);
  });

  test.each([
    ["end user", (): object => ({ user: "u-1" }), {}],
    ["tag by header", (): object => ({}), { "x-megallm-tags": "t-1" }],
    ["tag by body", (): object => ({ metadata: { tags: ["t-1"] } }), {}],
  ] as const)("the budget of a %s", async (_name, body, headers) => {
    await budgetOnce("end_user", "u-1");
    await budgetOnce("tag", "t-1");
    upstream.reset();
    const free = await scene.key();
    const door = { name: "", path: "/v1/chat/completions", headers };
    const plain = await scene.running.fetch(
      "/v1/chat/completions",
      requestOf({ name: "", path: "", body: chat("cheap") }, free),
    );
    expect(plain.status).toBe(200);
    await plain.text();
    const named = await scene.running.fetch(
      door.path,
      requestOf({ ...door, body: chat("cheap", body()) }, free),
    );
    expect(named.status).toBe(402);
    await named.text();
    expect(upstream.count).toBe(1);
  });

  test("the budget of a tag, at doors whose bodies are not read, and for keys that may not choose", async () => {
    await budgetOnce("tag", "t-1");
    upstream.reset();
    const free = await scene.key();
    const headers = { "x-megallm-tags": "t-1" };
    for (const door of [
      {
        name: "",
        path: "/v1/images/generations",
        body: { model: "vendor/gpt-image-1", prompt: "a" },
      },
      { name: "", path: "/providers/openai/v1/something", body: {} },
      { name: "", path: "/providers/openai/v1/chat/completions", body: chat("cheap") },
    ]) {
      const answer = await scene.running.fetch(door.path, requestOf({ ...door, headers }, free));
      expect([door.path, answer.status]).toEqual([door.path, 402]);
      await answer.text();
    }
    const bound = await scene.key({ defaults: { overrides: false } });
    const body = chat("cheap", { metadata: { tags: ["t-1"] } });
    const answer = await scene.running.fetch(
      "/v1/chat/completions",
      requestOf({ name: "", path: "", body }, bound),
    );
    expect(answer.status).toBe(402);
    await answer.text();
    expect(upstream.count).toBe(0);
  });

  test("the budget of a model, under every name that leads to it", async () => {
    const key = await scene.key({ aliases: { mine: "cheap" } });
    await scene.budget([key.subject], 1n, { model: "cheap" });
    upstream.reset();
    for (const model of ["cheap", "mine", "cheap:floor"]) {
      const answer = await scene.running.fetch(
        "/v1/chat/completions",
        requestOf({ name: "", path: "", body: chat(model) }, key),
      );
      expect([model, answer.status]).toEqual([model, 402]);
      await answer.text();
    }
    expect(upstream.count).toBe(0);
    const other = await scene.key();
    await scene.budget([other.subject], 1n, { model: "openai/cheap" });
    for (const model of ["cheap", "openai/cheap"]) {
      const answer = await scene.running.fetch(
        "/v1/chat/completions",
        requestOf({ name: "", path: "", body: chat(model) }, other),
      );
      expect([model, answer.status]).toEqual([model, 402]);
      await answer.text();
    }
    // Another model is none of its business; a fallback to it is not, either.
    const answer = await scene.running.fetch(
      "/v1/chat/completions",
      requestOf({ name: "", path: "", body: chat("falls") }, other),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-megallm-model")).toBe("dear");
    await answer.text();
  });

  test("budgets of the team, the organization, the user and the whole gateway", async () => {
    const { directory } = scene.store;
    const by = { actor: "test" };
    const organization = await directory.organizations.create({ name: "o" }, by);
    const team = await directory.teams.create({ organizationId: organization.id, name: "t" }, by);
    const user = await directory.users.create({ email: "u@example.com" }, by);
    await directory.memberships.create(
      { userId: user.id, organizationId: organization.id, teamId: team.id, role: "member" },
      by,
    );
    for (const kind of ["organization", "team", "user"] as const) {
      const id = { organization, team, user }[kind].id;
      const key = await scene.key({
        organizationId: organization.id,
        teamId: team.id,
        userId: user.id,
        kind: "user",
      });
      const budget = await scene.budget([{ kind, id }], 1n);
      upstream.reset();
      const answer = await scene.running.fetch(
        "/v1/chat/completions",
        requestOf({ name: "", path: "", body: chat("cheap") }, key),
      );
      expect([kind, answer.status]).toEqual([kind, 402]);
      await answer.text();
      expect(upstream.count).toBe(0);
      await directory.budgets.delete(budget, by);
    }
  });
});

const made = new Set<string>();
async function budgetOnce(kind: "end_user" | "tag", id: string): Promise<void> {
  if (made.has(kind)) return;
  made.add(kind);
  await scene.budget([{ kind, id }], 1n);
}

describe("B03: a realtime session", () => {
  const open = async (key: Key): Promise<{ code: number; frames: string[] } | WebSocket> => {
    const { port } = await scene.running.listen();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/realtime?model=live/gpt-realtime`, {
      headers: { authorization: `Bearer ${key.secret}` },
    } as unknown as string[]);
    const { promise, resolve } = Promise.withResolvers<WebSocket | { code: number; frames: [] }>();
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => resolve({ code: 402, frames: [] }));
    return promise;
  };

  test("is not opened on an empty budget", async () => {
    const before = realtime.upgrades.length;
    const session = await open(poor);
    expect(session instanceof WebSocket).toBe(false);
    expect(realtime.upgrades.length).toBe(before);
  });

  test("has as many responses as its budget pays, however many are asked for at once", async () => {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(0.35));
    const session = await open(key);
    if (!(session instanceof WebSocket)) throw new Error("it was not opened");
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      session.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    realtime.frames.length = 0;
    const create = '{"type":"response\\u002ecreate"}';
    for (let turn = 0; turn < 50; turn += 1)
      session.send(turn % 2 ? create : '{"type":"response.create"}');
    const { code, reason } = await closed;
    expect(code).toBe(1008);
    expect(reason).toContain("budget");
    await scene.running.idle();
    await Bun.sleep(20);
    const used = await scene.account(budget);
    // At $0.0483 each (32,000 tokens in, 4,096 out) until it is known what one was.
    expect(realtime.frames.length).toBe(7);
    expect(used.spent).toBeGreaterThan(0n);
    expect(used.spent + used.held).toBeLessThanOrEqual(usd(0.35));
    await scene.audit();
  });
});
