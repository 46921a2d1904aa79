// Answers by id: kept here for providers that keep none, asked of the others; nobody sees another key's.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const keys = { ada: "key-of-ada-0123456789", bob: "key-of-bob-0123456789" };
let claude: Upstream;
let keeper: Upstream;
let gateway: InProcess;

beforeAll(async () => {
  claude = await startAnthropicUpstream({ key: "sk-ant-provider" });
  keeper = await startResponsesUpstream({ key: "sk-of-the-provider" });
  gateway = await startInProcess({
    keys,
    providers: {
      anthropic: { base_url: claude.url, api_key: claude.key },
      openai: { base_url: keeper.baseUrl, api_key: keeper.key },
    },
  });
});
afterEach(() => {
  claude.reset();
  keeper.reset();
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([claude.stop(), keeper.stop()]);
});

const sdk = (key = keys.ada, within = gateway): OpenAI =>
  new OpenAI({
    apiKey: key,
    baseURL: "http://gateway/v1",
    maxRetries: 0,
    fetch: (url, init) => within.gateway.fetch(new Request(url as string, init)),
  });

const failureOf = async (
  promise: PromiseLike<unknown>,
): Promise<{ status?: number; message: string }> =>
  promise.then(
    () => ({ message: "none" }),
    (error) => error,
  );

const local = "anthropic/claude-haiku-4-5";
const remote = "openai/gpt-5";

/** Texts of the last request's turns, as Anthropic got them. */
const turns = (): unknown[] => {
  const { messages } = claude.requests.at(-1)!.parsed as {
    messages: { role: string; content: unknown }[];
  };
  return messages.map(({ role, content }) => [
    role,
    typeof content === "string"
      ? content
      : (content as { text?: string }[]).map(({ text }) => text).join(""),
  ]);
};

async function streamed(model: string, input: string, previous?: string): Promise<string> {
  const events = await sdk().responses.create({
    model,
    input,
    stream: true,
    ...(previous !== undefined && { previous_response_id: previous }),
  });
  let id = "";
  for await (const event of events) if (event.type === "response.completed") id = event.response.id;
  return id;
}

describe("of a provider that keeps none", () => {
  test("an answer is shown, its input is listed, it is removed", async () => {
    claude.script({ kind: "text", text: "Hello Ada." });
    const made = await sdk().responses.create({ model: local, input: "hi" });
    const shown = await sdk().responses.retrieve(made.id);
    expect(shown).toMatchObject({ id: made.id, status: "completed", output: made.output });
    const items = await sdk().responses.inputItems.list(made.id);
    expect(items.data).toMatchObject([
      { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
    ]);
    expect(await failureOf(sdk().responses.cancel(made.id))).toMatchObject({ status: 400 });
    await sdk().responses.delete(made.id);
    expect(await failureOf(sdk().responses.retrieve(made.id))).toMatchObject({ status: 404 });
    expect(claude.requests).toHaveLength(1);
  });

  test.each([false, true])("three turns go on from one another (streamed: %p)", async (stream) => {
    const say = async (input: string, previous?: string): Promise<string> =>
      stream
        ? streamed(local, input, previous)
        : (
            await sdk().responses.create({
              model: local,
              input,
              ...(previous !== undefined && { previous_response_id: previous }),
            })
          ).id;
    claude.script([
      { kind: "text", text: "one" },
      { kind: "text", text: "two" },
      { kind: "text", text: "three" },
    ]);
    const first = await say("a");
    const second = await say("b", first);
    const third = await say("c", second);
    expect((await sdk().responses.retrieve(third)).previous_response_id).toBe(second);
    expect(turns()).toEqual([
      ["user", "a"],
      ["assistant", "one"],
      ["user", "b"],
      ["assistant", "two"],
      ["user", "c"],
    ]);
    const page = await sdk().responses.inputItems.list(third, { order: "asc", limit: 2 });
    expect(page.data.map((item) => (item as { role?: string }).role)).toEqual([
      "user",
      "assistant",
    ]);
    const roles: unknown[] = [];
    for await (const item of sdk().responses.inputItems.list(third, { order: "asc", limit: 2 })) {
      roles.push((item as { role?: string }).role);
    }
    expect(roles).toEqual(["user", "assistant", "user", "assistant", "user"]);
    const newest = await sdk().responses.inputItems.list(third, { limit: 1 });
    expect(newest.data[0]).toMatchObject({ role: "user", content: [{ text: "c" }] });
    expect(newest.has_more).toBe(true);
  });

  test("the conversation goes on with another provider's model, and back", async () => {
    claude.script([
      { kind: "text", text: "one" },
      { kind: "text", text: "three" },
    ]);
    keeper.script({ kind: "text", text: "two" });
    const first = await sdk().responses.create({ model: local, input: "a" });
    const second = await sdk().responses.create({
      model: remote,
      input: "b",
      previous_response_id: first.id,
    });
    expect(second.output_text).toBe("two");
    const sent = keeper.requests.at(-1)?.parsed as {
      input: unknown[];
      previous_response_id?: string;
    };
    expect(sent.previous_response_id).toBeUndefined();
    expect(JSON.stringify(sent.input)).toContain("one");
    // What the other keeps itself cannot be put before a request that goes elsewhere.
    const back = await failureOf(
      sdk().responses.create({ model: local, input: "c", previous_response_id: second.id }),
    );
    expect(back.message).toContain("not found");
  });

  test("nothing is kept that is not to be", async () => {
    const made = await sdk().responses.create({ model: local, input: "hi", store: false });
    expect(await failureOf(sdk().responses.retrieve(made.id))).toMatchObject({ status: 404 });
    const next = sdk().responses.create({
      model: local,
      input: "b",
      previous_response_id: made.id,
    });
    expect((await failureOf(next)).message).toContain("not found");
  });

  test("its conversations are refused, since it has none", async () => {
    const failed = sdk().responses.create({ model: local, input: "hi", conversation: "conv_1" });
    expect(await failureOf(failed)).toMatchObject({ status: 404 });
    expect(claude.requests).toHaveLength(0);
  });
});

describe("of a provider that keeps its own", () => {
  test("everything is asked of it, and looking costs nothing", async () => {
    const made = await sdk().responses.create({ model: remote, input: "hi" });
    const made2 = await sdk().responses.create({
      model: remote,
      input: "again",
      previous_response_id: made.id,
    });
    expect(keeper.requests.at(-1)?.parsed as object).toMatchObject({
      previous_response_id: made.id,
    });
    expect(await sdk().responses.retrieve(made.id)).toMatchObject({ id: made.id });
    expect(await gateway.newest()).toMatchObject({
      operation: "pass-through",
      provider: "openai",
      inputTokens: 0,
      costNanos: null,
    });
    expect((await sdk().responses.inputItems.list(made2.id)).data.length).toBeGreaterThan(0);
    expect(await failureOf(sdk().responses.cancel(made.id))).toMatchObject({
      status: 400,
      message: expect.stringContaining("Cannot cancel"),
    });
    await sdk().responses.delete(made.id);
    expect(await failureOf(sdk().responses.retrieve(made.id))).toMatchObject({ status: 404 });
  });

  test("a stream can be asked for by its id", async () => {
    const id = await streamed(remote, "hi");
    expect(await sdk().responses.retrieve(id)).toMatchObject({ id, status: "completed" });
  });

  test("an answer from the background is paid for once, when it is done", async () => {
    const made = await sdk().responses.create({ model: remote, input: "hi", background: true });
    expect(["queued", "in_progress"]).toContain(made.status ?? "");
    expect(await gateway.newest()).toMatchObject({ inputTokens: 0, costNanos: null });
    await sdk().responses.retrieve(made.id);
    const first = await gateway.newest();
    await sdk().responses.retrieve(made.id);
    expect(await gateway.newest()).toMatchObject({ inputTokens: 0 });
    expect(first?.inputTokens).toBeGreaterThan(0);
    expect(first).toMatchObject({ model: "gpt-5", provider: "openai" });
  });
});

describe("another key's", () => {
  test.each([local, remote])("answer of %s is not there, whatever is asked", async (model) => {
    const made = await sdk().responses.create({ model, input: "secret" });
    const [one, two] = [claude.requests.length, keeper.requests.length];
    const bob = sdk(keys.bob);
    for (const attempt of [
      bob.responses.retrieve(made.id),
      bob.responses.delete(made.id),
      bob.responses.cancel(made.id),
      bob.responses.inputItems.list(made.id),
    ]) {
      const failed = await failureOf(attempt);
      expect(failed).toMatchObject({ status: 404 });
      expect(failed.message).toContain(`Response with id '${made.id}' not found.`);
    }
    const next = bob.responses.create({ model, input: "b", previous_response_id: made.id });
    expect((await failureOf(next)).message).toContain("not found");
    expect([claude.requests.length, keeper.requests.length]).toEqual([one, two]);
    expect(await sdk().responses.retrieve(made.id)).toMatchObject({ id: made.id });
  });

  test("is not there behind the provider's name either", async () => {
    const made = await sdk().responses.create({ model: remote, input: "secret" });
    const path = `/providers/openai/v1/responses/${made.id}`;
    const ask = (key: string) =>
      gateway.fetch(path, { headers: { authorization: `Bearer ${key}` } });
    expect((await ask(keys.bob)).status).toBe(404);
    expect((await ask(keys.ada)).status).toBe(200);
    const elsewhere = await gateway.fetch(`/providers/anthropic/v1/responses/${made.id}`, {
      headers: { authorization: `Bearer ${keys.bob}` },
    });
    expect(elsewhere.status).toBe(404);
  });

  test.each(["compact", "input_tokens"])("answer is not there for %s either", async (action) => {
    const made = await sdk().responses.create({ model: remote, input: "secret" });
    const before = keeper.requests.length;
    const ask = (key: string) =>
      gateway.fetch(`/v1/responses/${action}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: remote, input: "b", previous_response_id: made.id }),
      });
    const refused = await ask(keys.bob);
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("not found"),
    ]);
    expect(keeper.requests).toHaveLength(before);
    await (await ask(keys.ada)).text();
    expect(keeper.requests).toHaveLength(before + 1);
  });

  test.each([
    ["file_id", "file\\u005fid"],
    ["conversation", "conv\\u0065rsation"],
  ])("object is not there where %s is spelt %s", async (_name, spelling) => {
    const content = `[{"role":"user","content":[{"type":"input_file","${spelling}":"file-x"}]}]`;
    const rest = spelling.startsWith("conv")
      ? `"${spelling}":"conv_x","input":"a"`
      : `"input":${content}`;
    const answer = await gateway.fetch("/v1/responses", {
      method: "POST",
      headers: { authorization: `Bearer ${keys.bob}` },
      body: `{"model":"${remote}",${rest}}`,
    });
    expect(answer.status).toBe(404);
    expect(keeper.requests).toHaveLength(0);
  });

  test("file is not there for a model either", async () => {
    const failed = sdk(keys.bob).responses.create({
      model: remote,
      input: [
        { role: "user", content: [{ type: "input_file", file_id: "file-of-somebody-else" }] },
      ],
    });
    expect(await failureOf(failed)).toMatchObject({ status: 404 });
    expect(keeper.requests).toHaveLength(0);
  });
});

describe("requests that make no sense", () => {
  const get = (path: string, init: RequestInit = {}) =>
    gateway.fetch(path, { ...init, headers: { authorization: `Bearer ${keys.ada}` } });

  test.each([
    ["GET", "/v1/responses/resp_nope", 404],
    ["GET", "/v1/responses/resp_nope/input_items", 404],
    ["GET", "/v1/responses/resp_nope/other", 404],
    ["PATCH", "/v1/responses/resp_nope", 405],
    ["GET", "/v1/responses/a%2f..%2fb", 400],
    ["GET", "/v1/responses", 426],
    ["GET", "/responses", 426],
  ])("%s %s is answered %d", async (method, path, status) => {
    expect((await get(path, { method })).status).toBe(status);
  });

  test("an upgrade at /v1/responses is answered 426, by a listener too", async () => {
    const { port } = await gateway.listen();
    const answer = await fetch(`http://127.0.0.1:${port}/v1/responses`, {
      headers: {
        upgrade: "websocket",
        connection: "upgrade",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
      },
    });
    expect(answer.status).toBe(426);
  });

  test.each(["limit=0", "limit=101", "limit=x", "order=up", "after=nope"])(
    "a list with %s is refused",
    async (query) => {
      const made = await sdk().responses.create({ model: local, input: "hi" });
      const answer = await get(`/v1/responses/${made.id}/input_items?${query}`);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { param: query.split("=")[0] } });
    },
  );
});
