// Checks in the background: who dies is found without a client's request, who comes back is let in again, and what it costs is on record.
import { afterEach, describe, expect, test } from "bun:test";
import { checksKey } from "../../src/pipeline/health-check.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";

interface Upstream {
  server: Bun.Server<undefined>;
  lists: number;
  chats: { model: string; max_tokens?: number }[];
  /** Status of lists, and of chats. */
  list: number;
  chat: number;
}

const servers: Bun.Server<undefined>[] = [];
let gateway: InProcess | undefined;

afterEach(async () => {
  gateway?.gateway.drain();
  await gateway?.close();
  gateway = undefined;
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

function startUpstream(): Upstream {
  const upstream: Upstream = {
    lists: 0,
    chats: [],
    list: 200,
    chat: 200,
    server: Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const failed = (status: number) =>
          Response.json({ error: { message: `scripted ${status}` } }, { status });
        if (request.method === "GET") {
          upstream.lists += 1;
          if (upstream.list !== 200) return failed(upstream.list);
          return Response.json({ object: "list", data: [{ id: "m", object: "model" }] });
        }
        upstream.chats.push((await request.json()) as Upstream["chats"][number]);
        if (upstream.chat !== 200) return failed(upstream.chat);
        return Response.json({
          id: "c",
          object: "chat.completion",
          created: 1,
          model: "m",
          choices: [
            { index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" },
          ],
          usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
        });
      },
    }),
  };
  servers.push(upstream.server);
  return upstream;
}

const providerAt = ({ server }: Upstream, more: object = {}) => ({
  type: "openai-compatible",
  base_url: `${server.url.origin}/v1`,
  api_key: "k",
  ...more,
});

async function start(
  upstreams: Record<string, object>,
  checks: object = { enabled: true },
  more: Record<string, unknown> = {},
): Promise<InProcess> {
  gateway = await startInProcess({
    health: { enabled: true, checks: { every: "100ms", timeout: "1s", ...checks } },
    providers: upstreams,
    models: {
      pair: { deployments: Object.keys(upstreams).map((name) => ({ model: `${name}/m` })) },
    },
    ...more,
  });
  return gateway;
}

interface Row {
  scope: string;
  id: string;
  state: string;
  code?: string;
  nextTryAtMs: number | null;
  successRate?: number | null;
  attempts: number;
  lastError: { code: string } | null;
  check?: { by: string | null; checks: number; failures: number; passedOver: number };
}

async function rows(): Promise<Row[]> {
  const answer = await gateway?.fetch("/admin/health", {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  const report = (await answer?.json()) as { deployments: Row[] } | undefined;
  return report?.deployments ?? [];
}

const row = async (id: string): Promise<Row | undefined> =>
  (await rows()).find((each) => each.id === id && each.scope === "deployment");

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 25_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await Bun.sleep(20);
  }
}

const ask = (): Promise<Response> | undefined =>
  gateway?.fetch("/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model: "pair", messages: [{ role: "user", content: "Hi" }] }),
  });

describe("a deployment that dies", () => {
  test("is found without a request, goes last, and is let in again when it is back", async () => {
    const [one, two] = [startUpstream(), startUpstream()];
    await start({ one: providerAt(one), two: providerAt(two) });
    await until("both are checked", () => one.lists > 0 && two.lists > 0);
    expect(one.chats).toEqual([]);

    one.list = 503;
    one.chat = 503;
    await until("it rests", async () => (await row("one/m#default"))?.state === "open");
    const resting = await row("one/m#default");
    expect(resting).toMatchObject({
      code: "upstream_unavailable",
      lastError: { code: "upstream_unavailable" },
      successRate: null,
      attempts: 0,
    });
    expect(resting?.nextTryAtMs).toBeGreaterThan(Date.now() - 1000);
    const chats = one.chats.length;
    const answer = await ask();
    expect(answer?.headers.get("x-megallm-provider")).toBe("two");
    expect(answer?.headers.get("x-megallm-attempts")).toBe("1");
    expect((await row("two/m#default"))?.state).toBe("closed");

    one.list = 200;
    one.chat = 200;
    await until("it is back", async () => (await row("one/m#default"))?.state === "closed");
    // While it rested it was asked by chats, not by a client.
    expect(one.chats.length).toBeGreaterThan(chats);
    expect((await ask())?.headers.get("x-megallm-provider")).toBe("one");
    const events = gateway?.lines.filter((line) => /health\.(opened|closed)/.test(line)) ?? [];
    expect(events.map((line) => /health\.\w+/.exec(line)?.[0])).toEqual([
      "health.opened",
      "health.closed",
    ]);
  });

  test("rests at once when its key is refused, for all its models", async () => {
    const one = startUpstream();
    one.list = 401;
    one.chat = 401;
    await start({ one: providerAt(one) });
    await until("the key rests", async () =>
      (await rows()).some(({ scope, state }) => scope === "key" && state === "open"),
    );
    expect(one.chats.length).toBe(1);
  });
});

describe("what is sent", () => {
  test("a list that fails where the model answers is not held against it, and not asked again", async () => {
    const one = startUpstream();
    one.list = 500;
    await start({ one: providerAt(one) });
    await until("it is checked thrice", () => one.chats.length >= 3);
    expect(one.lists).toBe(1);
    expect(await row("one/m#default")).toMatchObject({
      state: "closed",
      check: { by: "chat", failures: 0 },
    });
  });

  test("chats are short, ask the model that is named, and are on record under a key of their own", async () => {
    const one = startUpstream();
    await start(
      {
        one: providerAt(one, {
          health_check: { model: "small" },
          prices: { small: { input: "1", output: "2" } },
        }),
      },
      { enabled: false },
    );
    await until("it is checked", () => one.chats.length > 0);
    await until("it is on record", async () => (await gateway?.newest()) !== undefined);
    expect(one.lists).toBe(0);
    expect(one.chats[0]).toMatchObject({ model: "small", max_tokens: 16 });
    expect(await gateway?.newest()).toMatchObject({
      key: checksKey,
      operation: "chat",
      provider: "one",
      model: "small",
      status: "ok",
      inputTokens: 9,
      outputTokens: 1,
      costNanos: 11_000n,
    });
  });

  test("a refusal shows that it lives, a missing model is told and not held against it", async () => {
    const one = startUpstream();
    one.chat = 400;
    await start({ one: providerAt(one) }, { enabled: true, by: "chat" });
    await until("it is checked", () => one.chats.length >= 2);
    expect(await row("one/m#default")).toMatchObject({ state: "closed", check: { failures: 0 } });
    one.chat = 404;
    await until("it is told", async () => ((await row("one/m#default"))?.check?.failures ?? 0) > 2);
    expect((await row("one/m#default"))?.state).toBe("closed");
  });

  test("nothing to whoever has just answered a request", async () => {
    const one = startUpstream();
    await start({ one: providerAt(one) }, { enabled: true, every: "400ms" });
    let asked = 0;
    await until("rounds are passed over", async () => {
      await (await ask())?.text();
      asked += 1;
      return ((await row("one/m#default"))?.check?.passedOver ?? 0) > 2;
    });
    // The first round may have come before the first answer.
    expect(one.lists).toBeLessThanOrEqual(1);
    expect(one.chats).toHaveLength(asked);
  });
});

describe("checks that are off", () => {
  test.each([
    ["by default", {}, {}],
    ["for the provider", { enabled: true }, { health_check: "off" }],
  ])("send nothing: %s", async (_name, checks, own) => {
    const one = startUpstream();
    await start({ one: providerAt(one, own) }, checks);
    await Bun.sleep(400);
    expect([one.lists, one.chats.length]).toEqual([0, 0]);
    expect(await row("one/m#default")).toMatchObject({ state: "closed" });
  });

  test("a reload begins and ends them, and draining ends them", async () => {
    const one = startUpstream();
    let isOn = false;
    const { configFromObject } = await import("../../src/config/load.ts");
    const { providers } = await import("../../src/providers/index.ts");
    gateway = await startInProcess(
      {},
      {
        source: () =>
          configFromObject(
            {
              discover: { models: false },
              health: { checks: { enabled: isOn, every: "100ms" } },
              providers: { one: providerAt(one) },
              models: { pair: { deployments: ["one/m"] } },
            },
            { env: {}, presets: providers },
          ),
      },
    );
    isOn = true;
    await gateway.gateway.reload();
    await until("it is checked", () => one.lists >= 2);
    isOn = false;
    await gateway.gateway.reload();
    await Bun.sleep(150);
    const after = one.lists;
    await Bun.sleep(400);
    expect(one.lists).toBe(after);
    isOn = true;
    await gateway.gateway.reload();
    await until("it is checked again", () => one.lists > after);
    gateway.gateway.drain();
    await Bun.sleep(150);
    const drained = one.lists;
    await Bun.sleep(400);
    expect(one.lists).toBe(drained);
  });
});
