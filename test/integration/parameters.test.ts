// What operators and callers want done with request parameters: told, refused, dropped, forced through, removed, added.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";

/** Bodies and headers as they arrived upstream. */
const seen: { path: string; body: string; headers: Headers }[] = [];
let upstream: Bun.Server<undefined>;
let gateway: InProcess;

const answers: Record<string, unknown> = {
  "/v1/chat/completions": {
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  },
  "/v1/messages": {
    id: "m",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "ok" }],
    stop_reason: "end_turn",
    usage: { input_tokens: 1, output_tokens: 1 },
  },
};

beforeAll(async () => {
  upstream = Bun.serve({
    port: 0,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      seen.push({ path, body: await request.text(), headers: request.headers });
      return Response.json(answers[path]);
    },
  });
  const base_url = upstream.url.origin;
  gateway = await startInProcess({
    keys: {
      strict: { key: "key-strict-0123456789", unsupported: "error" },
      plain: "key-plain-0123456789",
    },
    providers: {
      claude: { type: "anthropic", base_url, api_key: "k" },
      shaped: {
        type: "openai-compatible",
        base_url,
        api_key: "k",
        drop_params: ["tools[*].function.strict", "user"],
        extra_body: { tier: 1 },
        extra_headers: { "x-team": "a" },
      },
      copy: { type: "anthropic-compatible", base_url, api_key: "k" },
      loose: { type: "anthropic", base_url, api_key: "k", allow_params: ["seed", "logit_bias"] },
    },
    models: {
      refusing: { unsupported: "error", deployments: [{ model: "claude/claude-sonnet-4-5" }] },
      quiet: { unsupported: "drop", deployments: [{ model: "claude/claude-sonnet-4-5" }] },
      second: {
        unsupported: "error",
        deployments: [{ model: "claude/claude-sonnet-4-5" }, { model: "shaped/m" }],
      },
      own: {
        deployments: [{ model: "shaped/m", drop_params: ["seed"], extra_body: { tier: 2 } }],
      },
    },
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop(true);
});
beforeEach(() => {
  seen.length = 0;
});

/** A chat with two fields that Anthropic does not have. */
const body = (model: string, over: object = {}): string =>
  JSON.stringify({
    model,
    messages: [{ role: "user", content: "Hi" }],
    seed: 7,
    logit_bias: { "1": 2 },
    ...over,
  });

const ask = (
  model: string,
  headers: Record<string, string> = {},
  text = body(model),
): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer key-plain-0123456789", ...headers },
    body: text,
  });

const lost = (answer: Response): string[] =>
  (JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]") as { field: string }[]).map(
    ({ field }) => field,
  );

describe("parameters that the target does not take", () => {
  test("are told by default, in the header and in the row", async () => {
    const answer = await ask("claude/claude-sonnet-4-5");
    expect(answer.status).toBe(200);
    expect(lost(answer)).toEqual(expect.arrayContaining(["seed", "logit_bias"]));
    const { usage } = await gateway.recorded(answer);
    expect(usage.warnings.map(({ field }) => field)).toEqual(lost(answer));
  });

  test.each([
    ["the route", "refusing", {}],
    ["the request", "claude/claude-sonnet-4-5", { "x-megallm-unsupported": "error" }],
    ["the key", "claude/claude-sonnet-4-5", { authorization: "Bearer key-strict-0123456789" }],
  ])("are refused where %s says so, before anything is sent", async (_who, model, headers) => {
    const answer = await ask(model, headers);
    const { error } = (await answer.json()) as { error: { message: string; param: string } };
    expect(answer.status).toBe(400);
    expect(error.message).toContain("`seed`");
    expect(error.message).toContain("x-megallm-unsupported: warn");
    expect(seen).toEqual([]);
  });

  test("the request's word goes before the key's and the route's", async () => {
    const headers = {
      authorization: "Bearer key-strict-0123456789",
      "x-megallm-unsupported": "warn",
    };
    expect((await ask("refusing", headers)).status).toBe(200);
  });

  test("are dropped without a word where that is wanted", async () => {
    const answer = await ask("quiet");
    expect([answer.status, lost(answer)]).toEqual([200, []]);
    expect(seen[0]?.body).not.toContain("seed");
  });

  test("lead to the next deployment, which takes them", async () => {
    const answer = await ask("second");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-megallm-provider")).toBe("shaped");
    expect(seen.map(({ path }) => path)).toEqual(["/v1/chat/completions"]);
  });

  test("a word that nobody knows is refused", async () => {
    const answer = await ask("quiet", { "x-megallm-unsupported": "maybe" });
    expect([answer.status, seen.length]).toEqual([400, 0]);
  });

  test("are forced through where the operator allows them", async () => {
    const answer = await ask("loose/claude-sonnet-4-5");
    expect(lost(answer)).toEqual([]);
    expect(JSON.parse(seen[0]?.body ?? "")).toMatchObject({ seed: 7, logit_bias: { "1": 2 } });
  });
});

test("what tells of the client's machine goes to its own vendor alone", async () => {
  const text = (model: string): string =>
    `{"model":"${model}","max_tokens":9,"safeguards":[{"cwd":"/home/u"}],"messages":[{"role":"user","content":"Hi"}]}`;
  const send = (model: string): Promise<Response> =>
    gateway.fetch("/v1/messages", {
      method: "POST",
      headers: { "x-api-key": "key-plain-0123456789" },
      body: text(model),
    });
  expect((await send("claude/m")).status).toBe(200);
  const other = await send("copy/m");
  expect([other.status, lost(other)]).toEqual([200, ["safeguards"]]);
  expect(seen.map(({ body: sent }) => sent.includes("/home/u"))).toEqual([true, false]);
});

describe("what the operator does to every body", () => {
  const tools = [
    { type: "function", function: { name: "a", strict: true, parameters: { n: 1.0 } } },
    { type: "function", function: { strict: false, name: "b" } },
  ];

  test("relayed bytes change only where they must", async () => {
    const text = `{ "model":"shaped/m", "user":"u",  "n":1.0,"tools":${JSON.stringify(tools)},"messages":[{"role":"user","content":"\\u00e9"}] }`;
    expect((await ask("shaped/m", {}, text)).status).toBe(200);
    expect(seen[0]?.body).toBe(
      `{ "tier":1,"model":"m", "n":1.0,"tools":[{"type":"function","function":{"name":"a","parameters":{"n":1}}},{"type":"function","function":{"name":"b"}}],"messages":[{"role":"user","content":"\\u00e9"}] }`,
    );
    expect(seen[0]?.headers.get("x-team")).toBe("a");
  });

  test("a deployment adds to its provider", async () => {
    expect((await ask("own", {}, body("own", { user: "u" }))).status).toBe(200);
    const sent = JSON.parse(seen[0]?.body ?? "") as object;
    expect(sent).toMatchObject({ tier: 2, model: "m", logit_bias: { "1": 2 } });
    expect(sent).not.toHaveProperty("seed");
    expect(sent).not.toHaveProperty("user");
  });

  test("translated bodies too", async () => {
    const answer = await gateway.fetch("/v1/messages", {
      method: "POST",
      headers: { "x-api-key": "key-plain-0123456789" },
      body: JSON.stringify({
        model: "shaped/m",
        max_tokens: 9,
        messages: [{ role: "user", content: "Hi" }],
        metadata: { user_id: "u" },
      }),
    });
    expect(answer.status).toBe(200);
    expect(JSON.parse(seen[0]?.body ?? "")).toMatchObject({ tier: 1 });
    expect(JSON.parse(seen[0]?.body ?? "")).not.toHaveProperty("user");
  });
});
