// One unmistakable value for each kind of secret, everything exercised at debug level, failures first: afterwards none of
// them stands in any output, file, answer or list of processes. (S33, S36)
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../support/daemon.ts";

/** Long enough to be found by nothing but itself. */
const canary = (name: string): string => `canary${name}${"Xq7".repeat(9)}${name.length}`;

const secrets: Record<string, string> = {
  providerKey: `sk-${canary("ProviderKey")}`,
  secondKey: `sk-${canary("SecondKey")}`,
  anthropicKey: `sk-ant-${canary("AnthropicKey")}`,
  geminiKey: `AIza${canary("GeminiKey")}`,
  variableKey: `sk-${canary("VariableKey")}`,
  fileKey: `sk-${canary("FileKey")}`,
  headerValue: canary("HeaderValue"),
  proxyPassword: canary("ProxyPassword"),
  awsSecret: canary("AwsSecret"),
  awsToken: canary("AwsSessionToken"),
  azureSecret: canary("AzureClientSecret"),
  configKey: canary("ConfigKey"),
  adminKey: canary("AdminKey"),
  keySecret: canary("KeySecret"),
  webhookSecret: canary("WebhookSecret"),
  webhookPath: canary("WebhookPath"),
  databasePassword: canary("DatabasePassword"),
  badConfig: canary("BadConfig"),
  wrongKey: canary("WrongKey"),
};
const secret = (name: string): string => secrets[name] ?? "";

/** As they stand, and as encodings leave them. */
const forms = (value: string): string[] => [
  value,
  encodeURIComponent(value),
  Buffer.from(value).toString("base64").replace(/=+$/, ""),
  Buffer.from(`user:${value}`).toString("base64").replace(/=+$/, ""),
  Buffer.from(value).toString("hex"),
];

let daemon: Daemon;
let upstream: ReturnType<typeof Bun.serve>;
/** All that anybody was told, by where. */
const heard: [string, string][] = [];
/** What of a request an upstream may be told of, is told back in every way there is. */
let way: "json" | "html" | "text" | "stream" | "message" | "headers" | "hang" | "good" = "good";
const virtual: string[] = [];

const config = (origin = String(upstream.url)): string => `
server: { require_key: always, drain_timeout: 1s }
log: { level: debug, format: json }
admin: { key: "${secret("adminKey")}", key_secret: "${secret("keySecret")}" }
keys: { app: "${secret("configKey")}" }
discover: { local: false, models: false }
alerts: { webhook: { url: "${origin}${secret("webhookPath")}", secret: "${secret("webhookSecret")}" } }
retry: { retries: 0 }
health: { enabled: false }
providers:
  echo:
    type: openai-compatible
    base_url: "${origin}v1"
    keys: ["${secret("providerKey")}", "${secret("secondKey")}"]
    headers: { x-internal-auth: "${secret("headerValue")}" }
  variable: { type: openai-compatible, base_url: "${origin}v1", api_key: "\${CANARY_KEY}" }
  file: { type: openai-compatible, base_url: "${origin}v1", api_key: "\${file:./key-of-a-provider}" }
  proxied:
    type: openai-compatible
    base_url: "http://nowhere.invalid/v1"
    api_key: "${secret("providerKey")}"
    proxy: "http://user:${secret("proxyPassword")}@127.0.0.1:1"
  anthropic: { base_url: "${origin}", api_key: "${secret("anthropicKey")}" }
  gemini: { base_url: "${origin}", api_key: "${secret("geminiKey")}" }
  bedrock:
    base_url: "${origin}"
    region: us-east-1
    access_key_id: AKIAEXAMPLEEXAMPLE12
    secret_access_key: "${secret("awsSecret")}"
    session_token: "${secret("awsToken")}"
`;

beforeAll(async () => {
  upstream = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: tellBack });
  const env = { CANARY_KEY: secret("variableKey") };
  // The folder has to be there before the configuration that names a file in it.
  daemon = await startDaemon({ config: "log: { level: debug }\n", env });
  await daemon.stop();
  const { folder } = daemon;
  writeFileSync(join(folder, "key-of-a-provider"), secret("fileKey"), { mode: 0o600 });
  heard.push(["first start", daemon.output()]);
  daemon = await startDaemon({ config: config(), folder, env });
}, 60_000);
afterAll(async () => {
  await daemon.dispose();
  await upstream.stop(true);
});

async function tellBack(request: Request): Promise<Response> {
  const said = [
    request.url,
    ...[...request.headers].map(([name, value]) => `${name}: ${value}`),
  ].join("\n");
  const error = { message: `Incorrect API key provided: ${said}`, type: "invalid_request_error" };
  switch (way) {
    case "json":
      return Response.json({ error: { ...error, code: "invalid_api_key" } }, { status: 401 });
    case "html":
      return new Response(`<html><pre>at proxy-7.internal.example\n${said}</pre></html>`, {
        status: 502,
        headers: { "content-type": "text/html" },
      });
    case "text":
      return new Response(said, { status: 500 });
    case "message":
      return Response.json({ error: { ...error, param: said, code: said } }, { status: 400 });
    case "headers":
      return Response.json(
        { error },
        {
          status: 429,
          headers: { "retry-after": "1", "x-request-id": said.replaceAll("\n", " ").slice(0, 900) },
        },
      );
    case "stream":
      return new Response(`data: ${JSON.stringify({ error })}\n\n`, {
        headers: { "content-type": "text/event-stream" },
      });
    case "hang":
      return new Promise(() => {});
    case "good":
      return Response.json({
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [
          { index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" },
        ],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      });
    default:
      return way satisfies never;
  }
}

async function ask(path: string, init: RequestInit & { key?: string | null } = {}) {
  const { key = secret("configKey"), ...more } = init;
  const answer = await fetch(`${daemon.url}${path}`, {
    ...more,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      "content-type": "application/json",
      ...(more.headers as Record<string, string>),
    },
    signal: AbortSignal.timeout(5_000),
  }).catch((error: unknown) => {
    heard.push([path, String(error)]);
    return null;
  });
  const text = (await answer?.text().catch(() => "")) ?? "";
  heard.push([`${init.method ?? "GET"} ${path.split("?")[0]}`, text]);
  heard.push([`headers of ${path.split("?")[0]}`, JSON.stringify([...(answer?.headers ?? [])])]);
  return { status: answer?.status ?? 0, text };
}

const messages = [{ role: "user", content: "Hi" }];
const chat = (model: string, more: object = {}, init: RequestInit & { key?: string } = {}) =>
  ask("/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model, messages, ...more }),
    ...init,
  });
const administer = (method: string, path: string, body?: unknown) =>
  ask(path, {
    method,
    key: secret("adminKey"),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** Asks without writing down what comes: a new key is shown once, on purpose. */
async function newKey(path: string, body: object): Promise<{ id: string; key: string }> {
  const answer = await fetch(`${daemon.url}/admin/v1${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${secret("adminKey")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  });
  expect([200, 201]).toContain(answer.status);
  const made = (await answer.json()) as { id: string; key: string };
  virtual.push(made.key);
  return made;
}

describe("S33 a day in the life of a daemon", () => {
  test("keys are made, used by every carrier, rotated, blocked, deleted", async () => {
    way = "good";
    const { id, key } = await newKey("/keys", { name: "one", kind: "service" });
    expect((await chat("echo/m", {}, { key })).status).toBe(200);
    await ask("/v1/models", { key: null, headers: { "x-api-key": key } });
    await ask(`/v1/models?key=${key}`, { key: null });
    await ask(`/nothing/here?key=${key}`, { key: null });
    await ask(`/v1/realtime?model=x&key=${key}`, { key: null });
    await ask("/v1/models", { key: null, headers: { authorization: `Basic ${btoa(`u:${key}`)}` } });
    await ask("/v1/models", { key, headers: { "x-api-key": secret("configKey") } });
    await ask("/admin/v1/keys", { key });
    await ask("/admin/status", { key });
    for (const provider of ["echo", "nobody"]) {
      await ask(`/providers/${provider}/v1/anything?key=${key}&api_key=${secret("configKey")}`, {
        key,
      });
    }
    await newKey(`/keys/${id}/rotate`, { grace_ms: 60_000 });
    await administer("PATCH", `/admin/v1/keys/${id}`, { blocked: true });
    expect((await chat("echo/m", {}, { key })).status).toBe(403);
    await administer("DELETE", `/admin/v1/keys/${id}`);
    expect((await chat("echo/m", {}, { key })).status).toBe(401);
  });

  test("guesses", async () => {
    const key = secret("wrongKey");
    for (const path of ["/v1/models", "/admin/status", "/admin/v1/keys", "/v1/feedback"]) {
      await ask(path, { key });
      await ask(path, { key: null, headers: { authorization: key } });
      await ask(`${path}?key=${key}`, { key: null });
    }
    await chat("echo/m", {}, { key });
    await chat("echo/m", { metadata: { tags: ["x"] } }, { key });
  });

  test("S36 upstreams that repeat what they were sent, in every way, in every dialect", async () => {
    for (const each of ["json", "html", "text", "message", "headers", "stream"] as const) {
      way = each;
      for (const model of [
        "echo/m",
        "echo/m",
        "variable/m",
        "file/m",
        "proxied/m",
        "anthropic/m",
        "gemini/m",
        "bedrock/m",
      ]) {
        for (const stream of [false, true]) {
          await chat(model, { stream });
          const body = JSON.stringify({ model, messages, max_tokens: 5, stream });
          await ask("/v1/messages", { method: "POST", body });
        }
        const input = JSON.stringify({ model, input: "Hi", prompt: "Hi" });
        for (const path of ["/v1/responses", "/v1/embeddings", "/v1/images/generations"]) {
          await ask(path, { method: "POST", body: input });
        }
        await ask(`/v1beta/models/${encodeURIComponent(model)}:generateContent`, {
          method: "POST",
          body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Hi" }] }] }),
        });
      }
      for (const provider of ["echo", "gemini", "anthropic", "bedrock", "proxied"]) {
        await ask(`/providers/${provider}/v1/anything`);
        await ask(`/providers/${provider}/v1/anything`, { method: "POST", body: "{}" });
        await ask(`/providers/${provider}/v1/files`);
      }
      await ask("/v1/files", { headers: { "x-megallm-provider": "echo" } });
      await ask(`/v1/realtime?model=echo/m`, { headers: { upgrade: "websocket" } });
    }
    way = "good";
    const shown = heard.filter(([, text]) => text.includes("proxy-7.internal.example"));
    // What is passed through unread is the provider's own answer.
    expect(
      shown.filter(([where]) => !where.includes("/providers/") && !where.includes("/v1/files")),
    ).toEqual([]);
  }, 120_000);

  test("the whole administration, as its own document lists it", async () => {
    const { paths } = JSON.parse((await ask("/openapi.json")).text) as {
      paths: Record<string, object>;
    };
    await ask("/docs");
    expect(Object.keys(paths).length).toBeGreaterThan(10);
    for (const [path, methods] of Object.entries(paths)) {
      if (!("get" in methods)) continue;
      await administer("GET", path.replace("{id}", "echo"));
      await administer("GET", path.replace("{id}", "1"));
    }
    for (const path of [
      "/admin/status",
      "/admin/health",
      "/admin/usage",
      "/admin/usage?by=key",
      "/admin/requests?limit=1000",
      "/admin/experiments",
      "/admin/v1/audit?limit=500",
    ]) {
      await administer("GET", path);
    }
    await administer("POST", "/admin/explain", { body: { model: "echo/m", messages } });
    await administer("POST", "/v1/translate?to=anthropic-messages", { model: "echo/m", messages });
    for (const path of [
      "/key/info",
      "/key/list",
      "/user/list",
      "/team/list",
      "/model/info",
      "/spend/logs",
      "/health",
      "/v1/model/info",
    ]) {
      await administer("GET", path);
    }
  });

  test("the command line", async () => {
    const { configPath } = daemon;
    for (const words of [
      ["status"],
      ["status", "--json"],
      ["models"],
      ["usage"],
      ["check", configPath],
      ["check", "--json", configPath],
      ["keys", "list"],
      ["keys", "list", "--json"],
      ["audit", "list"],
      ["audit", "verify"],
      ["ledger", "verify"],
      ["requests", "list"],
      ["explain", "--model", "echo/m"],
      ["budgets", "list", "--json"],
      ["alerts"],
    ]) {
      const { stdout, stderr } = await daemon.cli(
        ...words,
        ...(words[0] === "check" ? [] : ["--config", configPath]),
      );
      heard.push([`megallm ${words.join(" ")}`, stdout + stderr]);
    }
  }, 120_000);

  test("configurations that are refused, with secrets wherever they do not belong", async () => {
    const bad = secret("badConfig");
    for (const text of [
      `providers: { echo: { api_key: "${bad}", type: nobody } }`,
      `providers: { echo: "${bad}" }`,
      `providers:\n  echo:\n    api_key: ${bad}\n   broken: [`,
      `keys: { app: { key: "${bad}", models: 3 } }`,
      `keys: ["${bad}"]`,
      `admin: { key: { "${bad}": 1 } }`,
      `admin: { key_secret: "${bad.slice(0, 5)}" }`,
      `store: "postgres://user:${bad}@/x?sslmode=${bad}"`,
      `providers: { echo: { base_url: "http://user:${bad}@x/v1" } }`,
      `providers: { echo: { proxy: "ftp://user:${bad}@x" } }`,
      `alerts: { webhook: { url: "https://user:${bad}@x/y", secret: "whsec_${bad}" } }`,
      `providers: { echo: { headers: { "bad name": "${bad}" } } }`,
      `providers: { echo: { api_key: "${bad}\\n" } }`,
    ]) {
      writeFileSync(daemon.configPath, text);
      const { status } = await administer("POST", "/admin/reload");
      expect([200, 422]).toContain(status);
      await administer("GET", "/admin/status");
      const { stdout, stderr } = await daemon.cli("check", daemon.configPath);
      heard.push(["megallm check", stdout + stderr]);
    }
    writeFileSync(daemon.configPath, config());
    expect((await administer("POST", "/admin/reload")).status).toBe(200);
    daemon.process.kill("SIGHUP");
  }, 60_000);

  test("requests that run when it is killed, and the start after that", async () => {
    way = "hang";
    const { key } = await newKey("/keys", { name: "running", kind: "service" });
    const running = [chat("echo/m", { stream: true }, { key }), chat("anthropic/m", {}, { key })];
    await Bun.sleep(300);
    list("while it runs");
    heard.push(["output before the kill", daemon.output()]);
    await daemon.stop("SIGKILL");
    await Promise.all(running);
    sweepFiles("after the kill");
    way = "good";
    const env = { CANARY_KEY: secret("variableKey") };
    daemon = await startDaemon({ config: config(), folder: daemon.folder, env });
    expect((await chat("echo/m")).status).toBe(200);
    list("after the start");
  }, 60_000);

  test("a database that cannot be reached", async () => {
    const url = `postgres://megallm:${secret("databasePassword")}@127.0.0.1:1/ledger`;
    const failing = await startDaemon({
      config: `store: "${url}"\nlog: { level: debug }\n`,
    }).catch((error: unknown) => error);
    expect(failing).toBeInstanceOf(Error);
    heard.push(["a start without a database", String(failing)]);
  }, 60_000);
});

/** Processes and their arguments. */
function list(when: string): void {
  const { stdout } = Bun.spawnSync(["ps", "-eo", "args"]);
  heard.push([`ps ${when}`, stdout.toString()]);
}

/** All that the daemon wrote, but for the two files that are there to hold a secret. */
function sweepFiles(when: string): void {
  for (const name of readdirSync(daemon.dataDir, { recursive: true }).map(String)) {
    const path = join(daemon.dataDir, name);
    if (!statSync(path).isFile() || name === "admin.key" || name === "key-secret") continue;
    heard.push([`file ${name} ${when}`, readFileSync(path).toString("latin1")]);
  }
}

test("S33 no secret is anywhere in what was heard", async () => {
  await daemon.stop();
  heard.push(["output", daemon.output()]);
  sweepFiles("at the end");
  const wanted = [
    ...Object.entries(secrets),
    ...virtual.map((key) => ["virtual key", key] as const),
  ];
  expect(virtual.length).toBeGreaterThan(2);
  const hits: string[] = [];
  for (const [where, text] of heard) {
    for (const [name, value] of wanted) {
      const found = forms(value).find((form) => text.includes(form));
      if (found === undefined) continue;
      const at = text.indexOf(found);
      hits.push(`${name} in ${where}: …${text.slice(Math.max(0, at - 80), at + 20)}`);
    }
  }
  console.log(
    `${wanted.length} secrets looked for in ${heard.length} outputs: ${hits.length} hits`,
  );
  expect([...new Set(hits.map((hit) => hit.slice(0, 400)))].slice(0, 40)).toEqual([]);
  expect(heard.length).toBeGreaterThan(500);
  // It was written at all, and at that level.
  expect(heard.map(([, text]) => text).join("\n")).toContain('"level":"debug"');
});
