// `/providers/{provider}/…`: a provider's own API with this gateway's keys, ownership and ledger.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { toFile } from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { rawExchange, rawRequest } from "../support/raw-client.ts";
import { json, type ScriptedUpstream, startScripted, whole } from "../support/scripted-upstream.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const keys = { ada: "key-of-ada-0123456789", bob: "key-of-bob-0123456789" };
const providerKey = "sk-of-the-provider";
let upstream: Upstream;
let plain: ScriptedUpstream;
let gateway: InProcess;

beforeAll(async () => {
  upstream = await startOpenAiUpstream({ key: providerKey });
  plain = await startScripted([json(200, {})]);
  gateway = await startInProcess({
    keys,
    providers: {
      openai: { base_url: upstream.baseUrl, api_key: providerKey },
      plain: { type: "openai-compatible", base_url: `${plain.url}/api/v3`, api_key: "sk-plain-1" },
      gemini: { base_url: plain.url, api_key: "sk-gemini-1" },
      limited: {
        type: "openai-compatible",
        base_url: upstream.baseUrl,
        api_key: providerKey,
        models: ["gpt-4o"],
      },
    },
  });
});
afterEach(() => {
  upstream.reset();
  plain.answer([json(200, {})]);
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
  await plain[Symbol.asyncDispose]();
});

const ask = (path: string, init: RequestInit & { key?: string } = {}): Promise<Response> =>
  gateway.fetch(`/providers${path}`, {
    ...init,
    headers: { authorization: `Bearer ${init.key ?? keys.ada}`, ...(init.headers as object) },
  });

const post = (path: string, body: unknown, init: RequestInit & { key?: string } = {}) =>
  ask(path, {
    method: "POST",
    body: JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", ...(init.headers as object) },
  });

const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hi" }] };

describe("what the gateway understands", () => {
  test.each(["/v1/chat/completions", "/chat/completions"])(
    "goes the usual way to that provider alone: %s",
    async (path) => {
      const answer = await post(`/openai${path}`, chat);
      expect(answer.status).toBe(200);
      await answer.text();
      const { usage } = await gateway.recorded(answer);
      expect(usage).toMatchObject({
        operation: "chat",
        provider: "openai",
        model: "gpt-4o",
        key: "ada",
      });
      expect(usage.costNanos).toBeGreaterThan(0n);
      expect(usage.inputTokens).toBe(upstream.bill.total().inputTokens);
    },
  );

  test("streams, and its usage is exact", async () => {
    const client = new OpenAI({
      apiKey: keys.ada,
      baseURL: "http://gateway/providers/openai/v1",
      fetch: (url, init) => gateway.gateway.fetch(new Request(url as string, init)),
    });
    const stream = await client.chat.completions.create({
      model: "gpt-4o",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).not.toBe("");
    expect(await gateway.newest()).toMatchObject({
      operation: "chat",
      outputTokens: upstream.bill.total().outputTokens,
      usageEstimated: false,
    });
  });

  test("takes media the same way", async () => {
    const answer = await post("/openai/v1/images/generations", {
      model: "gpt-image-1",
      prompt: "x",
    });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(await gateway.newest()).toMatchObject({ operation: "images", outputTokens: 272 });
  });

  test("has the model in its path where the wire has it there", async () => {
    plain.answer([
      json(200, {
        candidates: [{ content: { role: "model", parts: [{ text: "yo" }] }, finishReason: "STOP" }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
      }),
    ]);
    const answer = await post("/gemini/v1beta/models/gemini-2.5-flash:generateContent", {
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
    });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(plain.requests[0]?.target).toStartWith(
      "/v1beta/models/gemini-2.5-flash:generateContent",
    );
    expect(await gateway.newest()).toMatchObject({
      operation: "chat",
      model: "gemini-2.5-flash",
      inputTokens: 3,
      outputTokens: 2,
    });
  });

  test("is not served for models that the operator did not list", async () => {
    const answer = await post("/limited/v1/chat/completions", { ...chat, model: "o3" });
    expect([answer.status, upstream.requests.length]).toEqual([404, 0]);
    const other = await post("/limited/v1/other", { model: "o3" });
    expect([other.status, upstream.requests.length]).toEqual([404, 0]);
  });
});

describe("everything else", () => {
  test("goes through with its method, path, query and body, and the provider's answer comes back", async () => {
    plain.answer([
      whole(202, '{"ok":1.0}', {
        "x-own": "1",
        "set-cookie": "a=b",
        "content-type": "application/json",
      }),
    ]);
    const answer = await ask("/plain/things/a:b/c?x=1&y=%20z&x=2", {
      method: "PUT",
      body: '{ "n": 1.0 }',
      headers: { "content-type": "application/json", "x-feature": "on" },
    });
    expect([answer.status, await answer.text()]).toEqual([202, '{"ok":1.0}']);
    expect([answer.headers.get("x-own"), answer.headers.get("set-cookie")]).toEqual(["1", null]);
    expect(plain.requests[0]).toMatchObject({
      method: "PUT",
      target: "/api/v3/things/a:b/c?x=1&y=+z&x=2",
      body: '{ "n": 1.0 }',
    });
    expect(plain.requests[0]?.headers).toMatchObject({
      "x-feature": "on",
      authorization: "Bearer sk-plain-1",
    });
    const { usage } = await gateway.recorded(answer);
    expect(usage).toMatchObject({
      operation: "pass-through",
      provider: "plain",
      key: "ada",
      status: "ok",
      httpStatus: 202,
      costNanos: null,
    });
  });

  test("is charged where the answer tells what it used", async () => {
    plain.answer([json(200, { output: [], usage: { input_tokens: 1_000, output_tokens: 500 } })]);
    const answer = await post("/plain/special/answers", { model: "gpt-4o" });
    await answer.text();
    const { usage } = await gateway.recorded(answer);
    expect(usage).toMatchObject({ model: "gpt-4o", inputTokens: 1_000, outputTokens: 500 });
    plain.answer([json(200, { usage: { input_tokens: 1_000, output_tokens: 500 } })]);
    const looked = await ask("/plain/special/answers/1");
    await looked.text();
    expect((await gateway.recorded(looked)).usage).toMatchObject({
      inputTokens: 0,
      costNanos: null,
    });
  });

  test("that fails is told in the provider's words, with its status", async () => {
    plain.answer([json(418, { error: { message: "I am a teapot", type: "tea" } })]);
    const answer = await ask("/plain/brew");
    expect([answer.status, await answer.json()]).toEqual([
      418,
      { error: { message: "I am a teapot", type: "tea" } },
    ]);
  });

  test.each([
    ["/v3/x", "/api/v3/x"],
    ["/v1/x", "/api/v1/x"],
    ["/x", "/api/v3/x"],
    ["/api/v3/x", "/api/v3/x"],
  ])("keeps to the base URL: %s is %s", async (path, target) => {
    await (await ask(`/plain${path}`)).text();
    expect(plain.requests[0]?.target).toBe(target);
  });
});

describe("the caller's own", () => {
  test("key, cookies and addresses never reach a provider (S16)", async () => {
    const answer = await ask(`/plain/x?key=${keys.ada}&api_key=${keys.ada}&q=${keys.ada}&ok=1`, {
      headers: {
        "x-api-key": keys.ada,
        cookie: "session=1",
        "proxy-authorization": "Basic eA==",
        "x-forwarded-for": "10.1.1.1",
        "x-real-ip": "10.1.1.1",
        forwarded: "for=10.1.1.1",
        "x-megallm-provider": "plain",
        connection: "x-secret",
        "x-secret": "s",
        te: "trailers",
        referer: "http://inside/",
        "xi-api-key": "sk-somewhere",
        "x-note": `my key is ${keys.ada}`,
        "openai-organization": "org-1",
      },
    });
    expect(answer.status).toBe(200);
    const [request] = plain.requests;
    expect(request?.target).toBe("/api/v3/x?ok=1");
    expect(JSON.stringify(request)).not.toMatch(
      /key-of-ada|session=1|10\.1\.1\.1|sk-somewhere|org-1|x-secret|x-megallm|referer/,
    );
    expect(request?.headers["authorization"]).toBe("Bearer sk-plain-1");
  });

  test("key is asked for", async () => {
    const answer = await gateway.fetch("/providers/plain/x");
    expect([answer.status, plain.requests.length]).toEqual([401, 0]);
  });
});

describe("paths", () => {
  test.each([
    "/plain/..%2f..%2fadmin",
    "/plain/%2e%2e%2fadmin",
    "/plain/a%5c..%5cb",
    "/plain/a%00b",
    "/plain/a%3fb",
    "/plain/a%23b",
    "/plain//x",
    "/plain/a/%2f/b",
    "/plain/a;x=1",
    "/plain/%252e%252e/x",
    "/plain/%zz",
  ])("that could lead elsewhere are refused (S11): %s", async (path) => {
    const answer = await ask(path);
    expect([answer.status, plain.requests.length]).toEqual([400, 0]);
  });

  test("with dots end at the gateway's own doors, which ask for their own keys", async () => {
    const { port } = await gateway.listen();
    const request = rawRequest(port, "GET /providers/plain/../../admin/status", {
      headers: [`authorization: Bearer ${keys.ada}`],
    });
    expect((await rawExchange(port, request)).status).toBe(401);
    expect(plain.requests).toHaveLength(0);
  });

  test("of an unknown provider are not there", async () => {
    const answer = await ask("/nobody/x");
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining("nobody")]);
  });

  test("are no WebSockets", async () => {
    const answer = await ask("/plain/x", {
      headers: { upgrade: "websocket", connection: "upgrade" },
    });
    expect(answer.status).toBe(426);
  });
});

describe("objects", () => {
  test("belong to the key that made them here too, however the path is spelt (S32)", async () => {
    const client = (key: string, base: string): OpenAI =>
      new OpenAI({
        apiKey: key,
        baseURL: `http://gateway${base}`,
        maxRetries: 0,
        fetch: (url, init) => gateway.gateway.fetch(new Request(url as string, init)),
      });
    const file = await client(keys.ada, "/providers/openai/v1").files.create({
      file: await toFile(Buffer.from("{}\n"), "a.jsonl"),
      purpose: "batch",
    });
    const id = file.id;
    const before = upstream.requests.length;
    for (const path of [
      `/v1/files/${id}`,
      `/files/${id}/content`,
      `/v1/%66iles/${id}`,
      `/v1/Files/${id}`,
      `/v1/files/${id.replace("-", "%2d")}`,
    ]) {
      const answer = await ask(`/openai${path}`, { key: keys.bob });
      expect([path, answer.status]).toEqual([path, 404]);
    }
    const trained = await post(
      "/openai/v1/fine_tuning/jobs",
      { model: "gpt-4o", training_file: id },
      { key: keys.bob },
    );
    expect(trained.status).toBe(404);
    const inVectors = await post("/openai/v1/vector_stores", { file_ids: [id] }, { key: keys.bob });
    expect(inVectors.status).toBe(404);
    expect(upstream.requests).toHaveLength(before);
    expect((await client(keys.bob, "/providers/openai/v1").files.list()).data).toEqual([]);
    expect(
      (
        await client(keys.ada, "/v1").files.retrieve(id, {
          headers: { "x-megallm-provider": "openai" },
        })
      ).id,
    ).toBe(id);
    expect((await client(keys.ada, "/providers/openai/v1").files.delete(id)).deleted).toBe(true);
  });
});

describe("what no key of the gateway made", () => {
  test.each([
    ["GET", "/plain/chat/completions/chatcmpl-x"],
    ["GET", "/plain/responses/resp-x/input_items"],
    ["GET", "/openai/v1/chat/completions/chatcmpl-x/messages"],
    ["GET", "/openai/v1/Responses/resp-x"],
    ["GET", "/plain/batch/jobs/x"],
    ["DELETE", "/plain/models/ft:x"],
  ])("is not there: %s %s", async (method, path) => {
    const [one, two] = [upstream.requests.length, plain.requests.length];
    expect((await ask(path, { method })).status).toBe(404);
    expect([upstream.requests.length, plain.requests.length]).toEqual([one, two]);
  });

  test.each([
    ["text/json", '{"input_file_id":"file-x"}'],
    ["text/plain", '  {"input_file_id":"file-x"}'],
    ["application/x-www-form-urlencoded", "input_file_id=file-x"],
    ["multipart/form-data; boundary=b", form("file_ids[]", "file-x")],
  ])("cannot be named in a body of %s", async (type, body) => {
    const before = plain.requests.length;
    const answer = await ask("/plain/jobs", {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    expect(answer.status).toBe(404);
    expect(plain.requests).toHaveLength(before);
  });

  test.each([
    "multipart/form-data",
    `multipart/form-data; boundary=${"b".repeat(71)}`,
    "multipart/form-data; boundary=b; boundary=c",
  ])("cannot be hidden in a form that is not read: %s", async (type) => {
    const before = plain.requests.length;
    const answer = await ask("/plain/jobs", {
      method: "POST",
      headers: { "content-type": type },
      body: form("file_ids[]", "file-x"),
    });
    expect(answer.status).toBe(400);
    expect(plain.requests).toHaveLength(before);
  });

  test("cannot be named to a model of images", async () => {
    const before = upstream.requests.length;
    const answer = await post("/openai/v1/images/edits", {
      model: "gpt-image-1",
      prompt: "a",
      images: [{ file_id: "file-x" }],
    });
    expect(answer.status).toBe(404);
    expect(upstream.requests).toHaveLength(before);
  });

  test("is not shown in a list, which is asked for without parameters that the client did not send", async () => {
    plain.answer([json(200, { cachedContents: [{ name: "cachedContents/x" }] })]);
    const answer = await ask("/gemini/v1beta/cachedContents");
    expect(await answer.json()).toEqual({ cachedContents: [] });
    expect(plain.requests.at(-1)?.target).toBe("/v1beta/cachedContents");
  });
});

function form(name: string, value: string): string {
  return `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--b--\r\n`;
}
