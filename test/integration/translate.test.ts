// POST /v1/translate: the outbound request and its warnings, and nobody is called.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";

let gateway: InProcess;
let calls = 0;
const upstream = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch() {
    calls += 1;
    return new Response("{}", { status: 500 });
  },
});

beforeAll(async () => {
  gateway = await startInProcess({
    discover: { local: false, environment: false },
    providers: {
      up: {
        type: "openai",
        base_url: `http://127.0.0.1:${upstream.port}/v1`,
        api_key: "sk-secret-upstream",
        headers: { "x-team": "secret-team" },
        extra_body: { tag: "secret-tag", depth: 3 },
      },
      claude: {
        type: "anthropic",
        base_url: `http://127.0.0.1:${upstream.port}`,
        api_key: "sk-secret-b",
      },
      strict: {
        type: "openai-compatible",
        base_url: `http://127.0.0.1:${upstream.port}/v1`,
        api_key: "sk-secret-c",
      },
    },
    models: {
      both: { deployments: [{ model: "up/gpt-4o" }, { model: "claude/claude-sonnet-4-5" }] },
      picky: { deployments: [{ model: "up/gpt-4o" }], unsupported: "error" },
    },
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop(true);
});

const ask = async (
  query: string,
  body: unknown,
  headers: Record<string, string> = { authorization: `Bearer ${adminKey}` },
) => {
  const answer = await gateway.fetch(`/v1/translate?${query}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text) };
};

const claude = (fields: object = {}) => ({
  model: "both",
  max_tokens: 100,
  system: "Be brief",
  messages: [{ role: "user", content: "Hi" }],
  ...fields,
});

describe("translate", () => {
  test("shows what leaves and what is lost, and calls nobody", async () => {
    const { status, json } = await ask("to=openai-chat", claude({ top_k: 5 }));
    expect(status).toBe(200);
    expect(json).toMatchObject({
      from: "anthropic-messages",
      recognised: "`system`, `top_k`, `max_tokens`",
      to: "openai-chat",
      provider: "up",
      model: "gpt-4o",
      relayed: false,
      method: "POST",
      url: `http://127.0.0.1:${upstream.port}/v1/chat/completions`,
      body: {
        model: "gpt-4o",
        messages: [
          { role: "system", content: "Be brief" },
          { role: "user", content: "Hi" },
        ],
        max_completion_tokens: 100,
      },
    });
    expect(json.warnings).toEqual([
      { field: "top_k", reason: expect.stringContaining("no form for it"), target: "openai" },
    ]);
    expect(calls).toBe(0);
    expect(await gateway.newest()).toBeUndefined();
  });

  test("picks the deployment that speaks the dialect; its own client is relayed byte for byte", async () => {
    const body =
      '{"model":"both", "max_tokens":100,"temperature":1.0,"messages":[{"role":"user","content":"H\\u0069"}]}';
    const { json, text } = await ask("to=anthropic-messages&from=anthropic-messages", body);
    expect(json).toMatchObject({
      relayed: true,
      provider: "claude",
      recognised: null,
      warnings: [],
    });
    expect(text).toContain(`"body":${body.replace('"both"', '"claude-sonnet-4-5"')}`);
  });

  test("without a dialect: what the model's first deployment would get", async () => {
    const { json } = await ask("", claude());
    expect(json).toMatchObject({ to: "openai-chat", provider: "up" });
  });

  test("a dialect that nobody here speaks, or a model that nobody has, is shown for its vendor", async () => {
    const { json } = await ask("to=gemini", claude());
    expect(json).toMatchObject({
      to: "gemini",
      provider: "gemini",
      url: null,
      body: { contents: [{ role: "user", parts: [{ text: "Hi" }] }] },
    });
    const other = await ask("to=openai-responses&model=nobody/has-it", claude());
    expect(other.json).toMatchObject({
      url: null,
      body: { model: "nobody/has-it", input: expect.anything() },
    });
    const none = await ask("model=nobody/has-it", claude());
    expect(none.status).toBe(404);
  });

  test.each([
    "openai-chat",
    "openai-responses",
    "anthropic-messages",
    "gemini",
    "ollama",
    "bedrock-converse",
    "cohere",
  ])("%s as a target", async (to) => {
    const { json, status } = await ask(`to=${to}`, claude());
    expect([status, json.to]).toEqual([200, to]);
  });

  test("wires with the model in their path: it stands in the query or beside the rest", async () => {
    const contents = [{ role: "user", parts: [{ text: "Hi" }] }];
    const first = await ask("to=openai-chat&model=both&stream=true", { contents });
    expect(first.json).toMatchObject({
      from: "gemini",
      body: { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hi" }] },
      warnings: [],
    });
    const second = await ask("to=openai-chat", { model: "both", contents });
    expect(second.json).toMatchObject({ body: { model: "gpt-4o" }, warnings: [] });
    const own = await ask("to=gemini&model=gemini-2.5-pro", { model: "x", contents });
    expect(own.json.body).toEqual({ contents });
    const converse = await ask("to=anthropic-messages", {
      modelId: "both",
      messages: [{ role: "user", content: [{ text: "Hi" }] }],
    });
    expect(converse.json).toMatchObject({ from: "bedrock-converse", provider: "claude" });
    const nowhere = await ask("to=gemini", { contents });
    expect([nowhere.status, nowhere.json.error.message]).toEqual([
      400,
      expect.stringContaining("Nothing says the model"),
    ]);
  });

  test("a body of Bedrock's Invoke is taken out of its wrapping", async () => {
    const { json } = await ask("to=openai-chat&model=both", {
      anthropic_version: "bedrock-2023-05-31",
      max_tokens: 100,
      messages: [{ role: "user", content: "Hi" }],
    });
    expect(json).toMatchObject({ from: "anthropic-messages", provider: "up", warnings: [] });
  });

  test("another model than the body's", async () => {
    const { json } = await ask("to=openai-chat&model=up/o3", {
      model: "both",
      messages: [{ role: "user", content: "Hi" }],
      n: 2,
    });
    expect(json.body).toMatchObject({ model: "o3" });
  });

  test("no secret is in the answer", async () => {
    const own = await ask("to=openai-chat", claude());
    expect(own.json.headers["x-team"]).toBe("***");
    expect(own.json.body).toMatchObject({ tag: "***", depth: 3 });
    const loose = await ask("to=openai-chat&model=strict/m", claude());
    for (const { text } of [own, loose]) {
      expect(text).not.toContain("secret");
      expect(text).not.toContain(adminKey);
    }
  });

  test("losses are errors where that is wanted", async () => {
    const { status, json } = await ask("to=openai-chat", claude({ model: "picky", top_k: 5 }));
    expect([status, json.error.message]).toEqual([400, expect.stringContaining("`top_k`")]);
    const header = await ask("to=openai-chat", claude({ top_k: 5 }), {
      authorization: `Bearer ${adminKey}`,
      "x-megallm-unsupported": "error",
    });
    expect(header.status).toBe(400);
  });

  test.each([
    ["to=foo", claude(), 400, "`foo` is not a dialect"],
    ["to=gemini&frm=x", claude(), 400, "`frm` is no parameter"],
    ["to=gemini&stream=maybe", claude(), 400, "`stream` must be"],
    ["to=gemini", "{", 400, "not acceptable JSON"],
    ["to=gemini", "[]", 400, "not acceptable JSON"],
    ["to=openai-chat", claude({ max_tokens: "x" }), 400, "max_tokens"],
  ])("%s with %j is refused", async (query, body, status, message) => {
    const answer = await ask(query, body);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(message)]);
  });

  test("only behind the admin key", async () => {
    const wrong: Record<string, string>[] = [{}, { authorization: "Bearer wrong" }];
    for (const headers of wrong) {
      expect((await ask("to=gemini", claude(), headers)).status).toBe(401);
    }
    expect(calls).toBe(0);
  });
});
