// Every way around a key's model limits: refused or passed by, and nothing ever reaches what it may not use (fault S21).
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { dialects } from "../../src/dialects/index.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { administer, makeKey, makeTeam } from "../support/virtual-keys.ts";

let mine: Upstream;
let theirs: Upstream;
let router: Upstream;
let gateway: InProcess;
/** By what each of the keys is granted. All of them reach `mine` alone. */
const keys: Record<string, string> = {};
let admin = "";

const allowed = { byModel: "mine/gpt-4o", byRoute: "good", byTeam: "mine/gpt-4o" };

beforeAll(async () => {
  mine = await startOpenAiUpstream({ key: "key-of-mine-0123456789" });
  theirs = await startOpenAiUpstream({ key: "key-of-theirs-0123456789" });
  router = await startOpenAiUpstream({ key: "key-of-router-0123456789" });
  const at = (upstream: Upstream, more: object = {}) => ({
    type: "openai-compatible",
    base_url: upstream.baseUrl,
    api_key: upstream.key,
    ...more,
  });
  gateway = await startInProcess({
    providers: {
      mine: at(mine, { models: ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"] }),
      theirs: at(theirs),
      bedrock: { base_url: theirs.url, api_key: "key-of-bedrock-0123456789", region: "us-east-1" },
      gemini: { base_url: theirs.url, api_key: "key-of-gemini-0123456789" },
      claude: { type: "anthropic", base_url: theirs.url, api_key: "key-of-claude-0123456789" },
      openrouter: { base_url: router.baseUrl, api_key: router.key },
    },
    models: {
      good: {
        deployments: ["mine/gpt-4o"],
        fallbacks: { general: ["bad"], context_window: ["bad"], content_policy: ["bad"] },
      },
      bad: { deployments: ["theirs/gpt-4o"] },
      both: { deployments: ["mine/gpt-4o", "theirs/gpt-4o"] },
      backwards: { deployments: ["theirs/gpt-4o", "mine/gpt-4o"], policy: "first" },
      grouped: { deployments: [{ route: "bad" }, { model: "mine/gpt-4o" }] },
      hedged: {
        deployments: ["mine/gpt-4o", "theirs/gpt-4o"],
        policy: "first",
        hedge: { after: "1ms" },
      },
      continued: {
        deployments: ["mine/gpt-4o", "theirs/gpt-4o"],
        policy: "first",
        on_midstream_failure: "continue",
      },
      "wild-*": { deployments: ["theirs/*"] },
    },
    default_fallbacks: ["bad"],
    aliases: { nick: "bad", "nick-*": "bad" },
    server: { require_key: "always" },
  });
  const models = [allowed.byModel];
  const aliases = { own: "bad", "mine/gpt-4o-alias": "theirs/gpt-4o" };
  const team_id = await makeTeam(gateway, { models });
  keys["byModel"] = (await makeKey(gateway, { models, aliases })).key;
  keys["byRoute"] = (await makeKey(gateway, { models: ["good"], aliases })).key;
  keys["byTeam"] = (await makeKey(gateway, { team_id, models: ["*"], aliases })).key;
  admin = (await makeKey(gateway)).key;
});
afterEach(() => {
  for (const each of [mine, theirs, router]) each.reset();
});
afterAll(async () => {
  await gateway.close();
  for (const each of [mine, theirs, router]) await each.stop();
});

const send = (
  path: string,
  key: string,
  {
    body,
    headers = {},
    method = body === undefined ? "GET" : "POST",
  }: {
    body?: unknown;
    headers?: Record<string, string>;
    method?: string;
  } = {},
): Promise<Response> =>
  gateway.fetch(path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body instanceof FormData ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && {
      body: body instanceof FormData || typeof body === "string" ? body : JSON.stringify(body),
    }),
  });

const messages = [{ role: "user", content: "Hi" }];
const chat = (key: string, body: object, headers: Record<string, string> = {}) =>
  send("/v1/chat/completions", key, { body: { messages, ...body }, headers });

const nobodyElse = (): void => {
  expect(theirs.requests.map(({ path }) => path)).toEqual([]);
};

const among = (what: string, status: number, expected: readonly number[]): void => {
  if (!expected.includes(status)) throw new Error(`${what}: ${status}`);
};

const failing = { kind: "error", type: "server_error", status: 503, message: "down" } as const;

describe.each(Object.entries(allowed))("S21 a key granted %s", (kind, model) => {
  const key = (): string => keys[kind] ?? "";

  test("reaches what it may use", async () => {
    const answer = await chat(key(), { model });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(mine.requests).toHaveLength(1);
    nobodyElse();
  });

  test.each([
    "bad",
    "theirs/gpt-4o",
    "gpt-4o",
    "nick",
    "nick-1",
    "own",
    "mine/gpt-4o-alias",
    "wild-gpt-4o",
    "bad:floor",
    "bad:nitro",
    "theirs/gpt-4o:floor",
    "own:nitro",
    "openrouter/openai/gpt-4o",
    "mine/gpt-4o/../../theirs/gpt-4o",
    "mine%2Fgpt-4o",
    "MINE/GPT-4O",
    " theirs/gpt-4o",
    "theirs/gpt-4o ",
    "mine/gpt-4o\u0000theirs/gpt-4o",
    "*",
    "mine/*",
    "__proto__",
    "constructor",
  ])("cannot ask for %j", async (name) => {
    const answer = await chat(key(), { model: name });
    await answer.text();
    // A bare name is looked for where the key may go.
    const fine = name === "gpt-4o" ? [200, 403, 404] : [400, 403, 404];
    among(name, answer.status, fine);
    nobodyElse();
  });

  test.each([
    [{ models: ["bad"] }, {}],
    [{ models: ["theirs/gpt-4o", "nick", "own", "wild-gpt-4o"] }, {}],
    [{ fallbacks: ["bad"] }, {}],
    [{ fallbacks: [{ model: "bad" }, { model: "theirs/gpt-4o", messages: [] }] }, {}],
    [{}, { "x-megallm-fallbacks": "bad,theirs/gpt-4o,own,nick" }],
    [{ provider: { only: ["theirs"] } }, {}],
    [{ provider: { order: ["theirs"], allow_fallbacks: true } }, {}],
    [{ tags: ["theirs"] }, { "x-megallm-tags": "theirs" }],
    [{}, { "x-megallm-policy": "lowest-cost", "x-megallm-provider": "theirs" }],
  ])("cannot be helped by wishes: %j %j, whatever fails", async (body, headers) => {
    for (const failure of [failing, tooLong, filtered]) {
      mine.script(Array.from({ length: 9 }, () => failure));
      const answer = await chat(key(), { model, ...body }, headers);
      await answer.text();
      expect(answer.status).toBeGreaterThanOrEqual(400);
      nobodyElse();
      mine.reset();
    }
  });

  test.each(["both", "backwards", "grouped", "hedged", "continued"])(
    "gets of the route `%s` at most its own part",
    async (route) => {
      for (const stream of [false, true]) {
        for (const script of [
          [],
          [failing, failing],
          [{ kind: "slow", firstByteMs: 30 }],
          [{ kind: "cut", afterFrames: 2 }],
        ] as const) {
          mine.script(script);
          const answer = await chat(key(), { model: route, stream });
          await answer.text().catch(() => "");
          nobodyElse();
          mine.reset();
        }
      }
      await gateway.idle();
    },
  );

  test("by no path of any dialect, in body or URL", async () => {
    const asked: string[] = [];
    for (const dialect of Object.values(dialects)) {
      for (const { path, method } of dialect.routes) {
        for (const name of ["bad", "theirs%2Fgpt-4o", "nick", "own"]) {
          const body = {
            model: decodeURIComponent(name),
            ...plausible,
          };
          const at = path.replaceAll(/\{[^}]*\}/g, name);
          const answer = await send(at, key(), { body, method });
          await answer.text();
          asked.push(at);
          among(at, answer.status, [400, 403, 404]);
        }
      }
    }
    expect(asked.length).toBeGreaterThan(100);
    nobodyElse();
  });

  test("nor by a model in the body beside that of the URL", async () => {
    for (const path of [
      "/v1beta/models/bad:generateContent",
      "/v1beta/models/bad:embedContent",
      "/model/bad/invoke",
      "/model/bad/converse",
      "/openai/deployments/bad/chat/completions",
      "/providers/gemini/v1beta/models/bad:generateContent",
      "/providers/gemini/v1beta/models/bad:predictLongRunning",
      "/providers/bedrock/model/bad/converse",
      "/providers/bedrock/model/bad/async-invoke",
    ]) {
      const answer = await send(path, key(), { body: { model, ...plausible } });
      await answer.text();
      among(path, answer.status, [400, 403, 404]);
    }
    nobodyElse();
  });

  test.each([
    '{"model":"ALLOWED","model":"bad","messages":[{"role":"user","content":"x"}]}',
    '{"model":"bad","model":"ALLOWED","messages":[{"role":"user","content":"x"}]}',
    '{"model":"ALLOWED","mod\\u0065l":"bad","messages":[{"role":"user","content":"x"}]}',
    '{"mod\\u0065l":"bad","model":"ALLOWED","messages":[{"role":"user","content":"x"}]}',
    '{"mod\\u0065l":"bad","messages":[{"role":"user","content":"x"}]}',
    '{"model":["ALLOWED","bad"],"messages":[{"role":"user","content":"x"}]}',
    '{"model":{"toString":"bad"},"messages":[{"role":"user","content":"x"}]}',
    '{"__proto__":{"model":"bad"},"messages":[{"role":"user","content":"x"}]}',
  ])("by no trick of JSON: %s", async (text) => {
    for (const path of ["/v1/chat/completions", "/v1/images/generations", "/v1/audio/speech"]) {
      const answer = await send(path, key(), { body: text.replaceAll("ALLOWED", model) });
      await answer.text();
      among(path, answer.status, [400, 403]);
    }
    nobodyElse();
    expect(mine.requests).toEqual([]);
  });

  test("by no trick of forms", async () => {
    for (const names of [["bad"], [model, "bad"], ["bad", model], [model, "theirs/whisper-1"]]) {
      const form = new FormData();
      for (const name of names) form.append("model", name);
      form.append("file", new Blob(["RIFF"]), "a.wav");
      const answer = await send("/v1/audio/transcriptions", key(), { body: form });
      await answer.text();
      among(names.join(), answer.status, [400, 403]);
    }
    nobodyElse();
  });

  test("by no pass-through", async () => {
    for (const [path, body] of [
      ["/providers/theirs/v1/chat/completions", { model, messages }],
      ["/providers/theirs/v1/chat/completions", { model: "gpt-4o", messages }],
      ["/providers/theirs/v1/anything", { model }],
      ["/providers/theirs/v1/anything", { model: "gpt-4o" }],
      ["/providers/mine/v1/fine_tuning/jobs", { model: "gpt-4o", training_file: "x" }],
      ["/providers/mine/v1/threads/runs", { model: "gpt-4o", assistant: { model: "gpt-4.1" } }],
      ["/providers/mine/v1/engines/gpt-4.1/completions", { model: "gpt-4o" }],
      ["/providers/mine/v1/chat/completions/", { model: "gpt-4.1", messages }],
      ["/providers/mine/openai/deployments/gpt-4.1/chat/completions", { model: "gpt-4o" }],
      ["/providers/claude/v1/messages/batches", { model, requests: [] }],
      ["/providers/gemini/v1beta/models/x:batchGenerateContent", { model }],
    ] as const) {
      const answer = await send(path, key(), { body });
      await answer.text();
      among(path, answer.status, [400, 403, 404]);
    }
    nobodyElse();
    expect(mine.requests).toEqual([]);
  });

  test("S54 by no batch: what is not read needs the whole provider", async () => {
    const line = JSON.stringify({
      custom_id: "1",
      method: "POST",
      url: "/v1/chat/completions",
      body: { model: "gpt-4.1", messages },
    });
    const file = (more: Record<string, string>): FormData => {
      const form = new FormData();
      form.append("purpose", "batch");
      for (const [name, value] of Object.entries(more)) form.append(name, value);
      form.append("file", new Blob([line]), "lines.jsonl");
      return form;
    };
    const headers = { "x-megallm-provider": "mine" };
    for (const [path, body] of [
      ["/v1/files", file({})],
      ["/v1/files", file({ model })],
      ["/v1/files", file({ model: "gpt-4o" })],
      ["/v1/batches", { input_file_id: "file-1", endpoint: "/v1/chat/completions" }],
      ["/v1/batches", { model, input_file_id: "file-1", endpoint: "/v1/chat/completions" }],
      ["/v1/uploads", { model: "gpt-4o", purpose: "batch", filename: "x", bytes: 1 }],
    ] as const) {
      const answer = await send(path, key(), { body, headers });
      const text = await answer.text();
      among(path, answer.status, [403, 404]);
      if (answer.status === 403) expect(text).toContain("mine/*");
    }
    for (const door of ["/v1/messages/batches", "/messages/batches"]) {
      const requests = [
        { custom_id: "1", params: { model: "claude-opus-4-1", max_tokens: 1, messages } },
      ];
      const answer = await send(door, key(), { body: { model, requests } });
      expect(answer.status).toBe(403);
    }
    nobodyElse();
    expect(mine.requests).toEqual([]);
  });
});

const tooLong = {
  kind: "error",
  status: 400,
  type: "invalid_request_error",
  code: "context_length_exceeded",
  message: "This model's maximum context length is 8192 tokens.",
} as const;
const filtered = {
  kind: "error",
  status: 400,
  type: "invalid_request_error",
  code: "content_policy_violation",
  message: "Your request was rejected by our safety system.",
} as const;

/** A body that most operations of most dialects take. */
const plausible = {
  messages,
  contents: [{ role: "user", parts: [{ text: "Hi" }] }],
  content: { parts: [{ text: "Hi" }] },
  requests: [{ model: "models/bad", content: { parts: [{ text: "Hi" }] } }],
  input: "Hi",
  prompt: "Hi",
  inputText: "Hi",
  max_tokens: 5,
  anthropic_version: "bedrock-2023-05-31",
};

describe("S21 models that a body names besides its own", () => {
  test("lists that reach a provider which routes itself are taken out", async () => {
    const { key } = await makeKey(gateway, { models: ["openrouter/openai/gpt-4o"] });
    const named = { models: ["no-such/model"], fallbacks: ["x/y"], route: "fallback" };
    await (await chat(key, { model: "openrouter/openai/gpt-4o", ...named })).text();
    expect(router.requests).toHaveLength(1);
    expect(Object.keys(router.requests[0]?.parsed as object)).not.toContain("models");
    expect(Object.keys(router.requests[0]?.parsed as object)).not.toContain("fallbacks");
    router.reset();
    // Whoever may use everything may leave it to the provider.
    const models = ["no-such/model"];
    await (await chat(admin, { model: "openrouter/openai/gpt-4o", models })).text();
    expect(router.requests[0]?.parsed).toMatchObject({ models });
  });

  test("nor do they by the provider's own path", async () => {
    const { key } = await makeKey(gateway, { models: ["openrouter/openai/*"] });
    const path = "/providers/openrouter/v1/chat/completions";
    for (const more of [
      { models: ["anthropic/claude-opus-4.1"] },
      { "model\u0073": ["openai/gpt-4o", "x/y"] },
      { fallbacks: [{ model: "x/y" }] },
    ]) {
      const body = { model: "openai/gpt-4o", messages, ...more };
      expect((await send(path, key, { body })).status).toBe(403);
      const escaped = JSON.stringify(body).replace('"models"', String.raw`"model\u0073"`);
      expect((await send(path, key, { body: escaped })).status).toBe(403);
    }
    expect(router.requests).toEqual([]);
    await send(path, key, {
      body: { model: "openai/gpt-4o", messages, models: ["openai/gpt-4.1"] },
    });
    expect(router.requests).toHaveLength(1);
  });

  test("tools of the provider's", async () => {
    const { key } = await makeKey(gateway, { models: ["mine/gpt-4o", "claude/claude-haiku-4-5"] });
    const image = { type: "image_generation", model: "gpt-image-1" };
    const advisor = { type: "advisor_20260301", name: "advisor", model: "claude-opus-4-1" };
    for (const [path, body] of [
      ["/v1/responses", { model: "mine/gpt-4o", input: "x", tools: [image] }],
      ["/providers/mine/v1/responses", { model: "gpt-4o", input: "x", tools: [image] }],
      [
        "/v1/messages",
        { model: "claude/claude-haiku-4-5", max_tokens: 5, messages, tools: [advisor] },
      ],
    ] as const) {
      const answer = await send(path, key, { body });
      expect([path, answer.status]).toEqual([path, 403]);
      await answer.text();
    }
    nobodyElse();
    expect(mine.requests).toEqual([]);
  });
});

describe("S21 what was begun while more was allowed", () => {
  test("no conversation leads back to it", async () => {
    const { key, id } = await makeKey(gateway);
    const first = await send("/v1/responses", key, {
      body: { model: "theirs/gpt-4o", input: "Hi" },
    });
    const { id: answered } = (await first.json()) as { id: string };
    expect(first.status).toBe(200);
    await gateway.idle();
    theirs.reset();
    await administer(gateway, "PATCH", `/keys/${id}`, { models: ["mine/gpt-4o"] });
    for (const model of ["theirs/gpt-4o", "mine/gpt-4o"]) {
      const body = { model, input: "And?", previous_response_id: answered };
      await (await send("/v1/responses", key, { body })).text();
    }
    nobodyElse();
  });

  test("no file of a provider that it may no longer use", async () => {
    const { key, id } = await makeKey(gateway);
    const form = new FormData();
    form.append("purpose", "user_data");
    form.append("file", new Blob(["x"]), "x.txt");
    const headers = { "x-megallm-provider": "theirs" };
    const made = await send("/v1/files", key, { body: form, headers });
    const file = (await made.json()) as { id: string };
    expect(made.status).toBe(200);
    theirs.reset();
    await administer(gateway, "PATCH", `/keys/${id}`, { models: ["mine/gpt-4o"] });
    for (const [method, below] of [
      ["GET", ""],
      ["GET", "/content"],
      ["DELETE", ""],
    ]) {
      const answer = await send(`/v1/files/${file.id}${below}`, key, { method: method ?? "GET" });
      expect(answer.status).toBe(403);
    }
    nobodyElse();
  });
});

test("S21 operations: one that is not granted is refused at every door", async () => {
  const { key } = await makeKey(gateway, { operations: ["embeddings"] });
  for (const [path, body] of [
    ["/v1/chat/completions", { model: "good", messages }],
    ["/v1/messages", { model: "good", messages, max_tokens: 5 }],
    ["/v1/responses", { model: "good", input: "x" }],
    ["/v1/completions", { model: "good", prompt: "x" }],
    ["/v1/images/generations", { model: "good", prompt: "x" }],
    ["/v1beta/models/good:generateContent", { contents: plausible.contents }],
    ["/api/chat", { model: "good", messages }],
    ["/providers/mine/v1/chat/completions", { model: "gpt-4o", messages }],
    ["/providers/mine/v1/anything", { model: "gpt-4o" }],
    ["/v1/batches", { input_file_id: "file-1" }],
  ] as const) {
    const answer = await send(path, key, { body, headers: { "x-megallm-provider": "mine" } });
    await answer.text();
    among(path, answer.status, [403, 404]);
  }
  expect(mine.requests).toEqual([]);
  const body = { model: "mine/text-embedding-3-small", input: "x" };
  expect((await send("/v1/embeddings", key, { body })).status).toBe(200);
});

test("S21 arms of an experiment: only those that the key may use", async () => {
  const own = await startInProcess({
    providers: {
      mine: { type: "openai-compatible", base_url: mine.baseUrl, api_key: mine.key },
      theirs: { type: "openai-compatible", base_url: theirs.baseUrl, api_key: theirs.key },
    },
    models: {
      tried: {
        experiment: {
          name: "which",
          arms: { one: { model: "mine/gpt-4o" }, two: { model: "theirs/gpt-4o" } },
        },
      },
      other: { deployments: ["theirs/gpt-4o"] },
      copied: { deployments: ["mine/gpt-4o"], shadow: { route: "other", share: 1 } },
    },
    server: { require_key: "always" },
  });
  try {
    const { key } = await makeKey(own, { models: ["mine/gpt-4o"] });
    for (let count = 0; count < 60; count += 1) {
      const answer = await own.fetch("/v1/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "tried", messages: [{ role: "user", content: `${count}` }] }),
      });
      await answer.text();
      expect(answer.status).toBe(200);
    }
    nobodyElse();
    expect(mine.requests).toHaveLength(60);
    // A shadow is the operator's own request: nothing of it reaches the client, and the key does not pay.
    const answer = await own.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "copied", messages }),
    });
    await answer.text();
    expect(answer.headers.get("x-megallm-provider")).toBe("mine");
    await own.gateway.shadowsEnded();
    const { rows } = await own.store.requests({ limit: 100 });
    const copies = rows.filter(({ provider }) => provider === "theirs");
    expect(copies.every((row) => row.key === "(shadow)" && row.keyId === null)).toBe(true);
  } finally {
    await own.close();
  }
});
