// Files, batches and uploads: relayed to the provider that has them, each the property of the key that made it (S32).
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { json, startScripted } from "../support/scripted-upstream.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const keys = { ada: "key-of-ada-0123456789", bob: "key-of-bob-0123456789" };
let upstream: Upstream;
let gateway: InProcess;

const sdk = (key: string, headers: Record<string, string> = {}, within = gateway): OpenAI =>
  new OpenAI({
    apiKey: key,
    baseURL: "http://gateway/v1",
    maxRetries: 0,
    defaultHeaders: headers,
    fetch: (url, init) => within.gateway.fetch(new Request(url as string, init)),
  });

const failureOf = async (
  promise: PromiseLike<unknown>,
): Promise<{ status?: number; message: string }> =>
  promise.then(
    () => ({ message: "none" }),
    (error) => error,
  );

beforeAll(async () => {
  upstream = await startOpenAiUpstream({ key: "sk-of-the-provider" });
  gateway = await startInProcess({
    keys,
    providers: { openai: { base_url: upstream.baseUrl, api_key: upstream.key } },
  });
});
afterEach(() => upstream.reset());
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

const lines = () => toFile(Buffer.from('{"custom_id":"1"}\n'), "in.jsonl");

describe("a file", () => {
  test("is made, shown, read, listed and removed by the key that made it", async () => {
    const ada = sdk(keys.ada);
    const file = await ada.files.create({ file: await lines(), purpose: "batch" });
    expect(file).toMatchObject({ object: "file", bytes: 18, filename: "in.jsonl" });
    expect(await ada.files.retrieve(file.id)).toEqual(file);
    expect(await (await ada.files.content(file.id)).text()).toBe('{"custom_id":"1"}\n');
    expect((await ada.files.list()).data).toEqual([file]);
    expect(await ada.files.delete(file.id)).toMatchObject({ deleted: true });
    expect((await ada.files.list()).data).toEqual([]);
    expect(await gateway.newest()).toMatchObject({
      key: "ada",
      operation: "files",
      provider: "openai",
      status: "ok",
      costNanos: null,
    });
    expect(
      upstream.requests.every(
        ({ headers }) => headers["authorization"] === `Bearer ${upstream.key}`,
      ),
    ).toBe(true);
  });

  test("of another key is not there, whatever is asked of it", async () => {
    const file = await sdk(keys.ada).files.create({ file: await lines(), purpose: "batch" });
    const before = upstream.requests.length;
    const bob = sdk(keys.bob);
    for (const attempt of [
      bob.files.retrieve(file.id),
      bob.files.content(file.id),
      bob.files.delete(file.id),
      bob.batches.create({
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      }),
    ]) {
      expect(await failureOf(attempt)).toMatchObject({ status: 404 });
    }
    expect(upstream.requests).toHaveLength(before);
    expect((await bob.files.list()).data).toEqual([]);
    expect(await sdk(keys.ada).files.retrieve(file.id)).toEqual(file);
  });

  test("that the provider has but no key made is not there", async () => {
    const direct = new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl });
    const file = await direct.files.create({ file: await lines(), purpose: "batch" });
    expect(await failureOf(sdk(keys.ada).files.retrieve(file.id))).toMatchObject({ status: 404 });
    expect((await sdk(keys.ada).files.list()).data).toEqual([]);
  });

  test("of one's own is found behind any number of others'", async () => {
    const [ada, bob] = [sdk(keys.ada), sdk(keys.bob)];
    const own: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      own.unshift((await ada.files.create({ file: await lines(), purpose: "batch" })).id);
      for (let other = 0; other < 30; other += 1) {
        await bob.files.create({ file: await lines(), purpose: "batch" });
      }
    }
    const first = await ada.files.list({ limit: 2 });
    expect(first.data.map(({ id }) => id)).toEqual(own.slice(0, 2));
    expect(first.has_more).toBe(true);
    const all: string[] = [];
    for await (const file of ada.files.list({ limit: 2 })) all.push(file.id);
    expect(all).toEqual(own);
    const whole = await ada.files.list({ limit: 100 });
    expect(whole.has_more).toBe(false);
    expect(JSON.stringify(whole)).not.toContain("undefined");
    expect(await failureOf(ada.files.list({ limit: 0 }))).toMatchObject({ status: 400 });
  });

  test.each(["%2e%2e", "a%2fb", "a%5cb", "a%3fb", "a%23b", "a%00b", "a;b", "a%25b"])(
    "whose id is %s is refused",
    async (id) => {
      const answer = await gateway.fetch(`/v1/files/x/${id}`, {
        headers: { authorization: `Bearer ${keys.ada}` },
      });
      // Two dots lead to /v1/files itself before anybody looks.
      expect([400, id === "%2e%2e" ? 200 : 400]).toContain(answer.status);
    },
  );

  test("needs a key, and a method that there is", async () => {
    expect((await gateway.fetch("/v1/files")).status).toBe(401);
    const wrong = await gateway.fetch("/v1/files", { method: "PATCH" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, POST, DELETE"]);
  });
});

describe("a batch", () => {
  test("and the files it makes are of the key that made it", async () => {
    const [ada, bob] = [sdk(keys.ada), sdk(keys.bob)];
    const input = await ada.files.create({ file: await lines(), purpose: "batch" });
    const batch = await ada.batches.create({
      input_file_id: input.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    expect(batch.status).toBe("validating");
    expect(await failureOf(bob.batches.retrieve(batch.id))).toMatchObject({ status: 404 });
    expect(await failureOf(bob.batches.cancel(batch.id))).toMatchObject({ status: 404 });
    const done = await ada.batches.retrieve(batch.id);
    expect(done.status).toBe("completed");
    const output = done.output_file_id ?? "";
    expect(await (await ada.files.content(output)).text()).toContain("custom_id");
    expect(await failureOf(bob.files.content(output))).toMatchObject({ status: 404 });
    expect((await ada.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
    expect((await bob.batches.list()).data).toEqual([]);
    expect((await ada.batches.cancel(batch.id)).status).toBe("cancelling");
  });
});

describe("an upload", () => {
  test("in parts becomes a file of the same key", async () => {
    const ada = sdk(keys.ada);
    const upload = await ada.uploads.create({
      filename: "big.jsonl",
      purpose: "batch",
      bytes: 6,
      mime_type: "application/jsonl",
    });
    const part = async (text: string) =>
      ada.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(text), "part") });
    const parts = [await part("abc"), await part("def")];
    expect(
      await failureOf(sdk(keys.bob).uploads.complete(upload.id, { part_ids: [] })),
    ).toMatchObject({ status: 404 });
    const done = await ada.uploads.complete(upload.id, { part_ids: parts.map(({ id }) => id) });
    const id = done.file?.id ?? "";
    expect(await (await ada.files.content(id)).text()).toBe("abcdef");
    expect(await failureOf(sdk(keys.bob).files.content(id))).toMatchObject({ status: 404 });
  });
});

describe("of several providers", () => {
  test("the one is asked that is named, or that has the object, with the account that made it", async () => {
    const other = await startOpenAiUpstream({ key: "sk-of-the-other" });
    const both = await startInProcess({
      keys,
      providers: {
        openai: { base_url: upstream.baseUrl, api_key: upstream.key },
        second: {
          type: "openai",
          base_url: other.baseUrl,
          keys: [
            { name: "wrong", key: "sk-wrong-account" },
            { name: "right", key: other.key },
          ],
        },
      },
    });
    try {
      const unnamed = sdk(keys.ada, {}, both);
      const failed = await failureOf(
        unnamed.files.create({ file: await lines(), purpose: "batch" }),
      );
      expect(failed).toMatchObject({ status: 400 });
      expect(failed.message).toContain("x-megallm-provider");
      const named = sdk(keys.ada, { "x-megallm-provider": "second" }, both);
      const file = await named.files.create({ file: await lines(), purpose: "batch" });
      other.requests.length = 0;
      // Every time: whose turn it is among the keys does not matter.
      for (let count = 0; count < 4; count += 1) await unnamed.files.retrieve(file.id);
      expect(other.requests.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const batch = await unnamed.batches.create({
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
      expect(batch.input_file_id).toBe(file.id);
      const query = await both.fetch("/v1/files?provider=second", {
        headers: { authorization: `Bearer ${keys.ada}` },
      });
      expect(await query.json()).toMatchObject({ data: [{ id: file.id }] });
      expect(other.requests.at(-1)?.query).not.toContain("provider");
    } finally {
      await both.close();
      await other.stop();
    }
  });

  test("none has them: it is said so", async () => {
    const none = await startInProcess({ providers: { anthropic: { api_key: "k-anthropic" } } });
    try {
      const answer = await none.fetch("/v1/batches");
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain("No provider here has batches");
    } finally {
      await none.close();
    }
  });
});

describe("without keys", () => {
  test("whatever the provider has is there", async () => {
    const open = await startInProcess({
      providers: { openai: { base_url: upstream.baseUrl, api_key: upstream.key } },
    });
    try {
      const direct = new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl });
      const file = await direct.files.create({ file: await lines(), purpose: "batch" });
      expect(await sdk("unused", {}, open).files.retrieve(file.id)).toMatchObject({ id: file.id });
      expect((await sdk("unused", {}, open).files.list()).data).toHaveLength(1);
      const unknown = await failureOf(sdk("unused", {}, open).files.retrieve("file-nope"));
      expect(unknown.message).toContain("No such File object: file-nope");
    } finally {
      await open.close();
    }
  });
});

describe("Anthropic's", () => {
  test("batches and files are kept apart too, and their links lead here", async () => {
    const batch = {
      id: "msgbatch_1",
      type: "message_batch",
      processing_status: "ended",
      results_url: "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results",
    };
    await using vendor = await startScripted(
      [json(200, batch)],
      [json(200, batch)],
      [
        json(200, {
          data: [batch, { ...batch, id: "msgbatch_2" }],
          has_more: false,
          first_id: "msgbatch_1",
          last_id: "msgbatch_2",
        }),
      ],
      [json(200, { custom_id: "1", result: { type: "succeeded" } })],
    );
    const own = await startInProcess({
      keys,
      providers: { anthropic: { base_url: vendor.url, api_key: "sk-ant-provider" } },
    });
    const client = (key: string): Anthropic =>
      new Anthropic({
        apiKey: key,
        baseURL: "http://gateway",
        maxRetries: 0,
        fetch: (url, init) => own.gateway.fetch(new Request(url as string, init)),
      });
    try {
      const requests = [
        {
          custom_id: "1",
          params: {
            model: "claude-haiku-4-5",
            max_tokens: 5,
            messages: [{ role: "user" as const, content: "hi" }],
          },
        },
      ];
      const made = await client(keys.ada).messages.batches.create({ requests });
      expect(made.results_url).toBe("http://gateway/v1/messages/batches/msgbatch_1/results");
      const unknown = await failureOf(client(keys.bob).messages.batches.retrieve("msgbatch_1"));
      expect(unknown).toMatchObject({ status: 404, error: { type: "error" } });
      expect((await client(keys.ada).messages.batches.retrieve("msgbatch_1")).id).toBe(
        "msgbatch_1",
      );
      const listed = await client(keys.ada).messages.batches.list();
      expect(listed.data.map(({ id }) => id)).toEqual(["msgbatch_1"]);
      expect(listed.last_id).toBe("msgbatch_1");
      const results = await own.fetch("/v1/messages/batches/msgbatch_1/results", {
        headers: { "x-api-key": keys.ada, "anthropic-version": "2023-06-01" },
      });
      expect(await results.json()).toMatchObject({ custom_id: "1" });
      expect(
        vendor.requests.map(({ method, target }) => `${method} ${target.split("?")[0]}`),
      ).toEqual([
        "POST /v1/messages/batches",
        "GET /v1/messages/batches/msgbatch_1",
        "GET /v1/messages/batches",
        "GET /v1/messages/batches/msgbatch_1/results",
      ]);
      expect(
        vendor.requests.every(({ headers }) => headers["x-api-key"] === "sk-ant-provider"),
      ).toBe(true);
      expect(JSON.stringify(vendor.requests)).not.toContain(keys.ada);
      const foreign = await own.fetch("/v1/files/file_1", {
        headers: { "x-api-key": keys.ada, "anthropic-version": "2023-06-01" },
      });
      expect([foreign.status, await foreign.json()]).toMatchObject([404, { type: "error" }]);
    } finally {
      await own.close();
    }
  });
});
