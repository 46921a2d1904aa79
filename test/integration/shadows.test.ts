// Shadows: the client sees nothing of them, they cost it nothing, and they keep within their limits.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway } from "../../src/index.ts";
import { Secret } from "../../src/lib/secret.ts";
import type { ShadowPair } from "../../src/store/shadows.ts";
import { openStore } from "../../src/store/store.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { type Paired, startPaired } from "../support/paired-upstreams.ts";
import { until } from "../support/until.ts";

let one: Paired;
let two: Paired;
let running: InProcess[];

beforeEach(() => {
  one = startPaired("from one");
  two = startPaired("from two");
  running = [];
});
afterEach(async () => {
  two.release();
  for (const each of running) {
    each.gateway.drain();
    await each.idle();
    await each.close();
  }
  await Promise.all([one.stop(), two.stop()]);
});

const provider = (upstream: Paired, price: number, more: object = {}) => ({
  type: "openai-compatible",
  base_url: upstream.url,
  api_key: "k",
  prices: { m: { input: price, output: price } },
  ...more,
});

async function start(shadow: object | object[], more: Record<string, unknown> = {}) {
  const gateway = await startInProcess({
    keys: { app: "key-of-the-app-0123456789" },
    providers: { one: provider(one, 1), two: provider(two, 4) },
    models: {
      live: { deployments: ["one/m"], shadow },
      candidate: { deployments: ["two/m"] },
    },
    ...more,
  });
  running.push(gateway);
  return gateway;
}

const whole = { route: "candidate", share: 1 };
const messages = [{ role: "user", content: "Hi" }];
const headersOf = { authorization: "Bearer key-of-the-app-0123456789" };

const ask = (
  gateway: InProcess,
  body: object = {},
  { path = "/v1/chat/completions", headers = {} }: { path?: string; headers?: object } = {},
): Promise<Response> =>
  gateway.fetch(path, {
    method: "POST",
    headers: { ...headersOf, ...headers },
    body: JSON.stringify({ model: "live", messages, ...body }),
  });

/** The pairs, once there are so many and all is told of them. */
const pairs = (gateway: InProcess, count: number): Promise<ShadowPair[]> =>
  until(async () => {
    const found = (await gateway.store.shadows.list()).pairs;
    return found.length >= count && found.every(({ request }) => request) ? found : undefined;
  });

interface Listing {
  running: number;
  sent: number;
  skipped: Record<string, number>;
  shadows: { answers: unknown; shadow: { costUsd: string }; request: { finish: string } }[];
}

const listing = async (gateway: InProcess): Promise<Listing> => {
  const headers = { authorization: `Bearer ${adminKey}` };
  return (await (await gateway.fetch("/admin/shadows", { headers })).json()) as Listing;
};

/** How copies fared, once so many have been sent or not. */
const settled = (gateway: InProcess, count: number): Promise<Listing> =>
  until(async () => {
    const found = await listing(gateway);
    const others = Object.values(found.skipped).reduce((sum, each) => sum + each, 0);
    return found.running === 0 && found.sent + others === count ? found : undefined;
  });

describe("the client", () => {
  const bodies = [
    ["a whole answer", {}],
    ["a stream", { stream: true }],
  ] as const;

  test.each(bodies)("%s is the same to the byte, with and without", async (_name, body) => {
    const without = await start([{ ...whole, share: 0 }]);
    const plain = await ask(without, body);
    const plainText = await plain.text();
    const gateway = await start(whole);
    const shadowed = await ask(gateway, body);
    expect(await shadowed.text()).toBe(plainText);
    const named = (answer: Response) => [...answer.headers.keys()].toSorted();
    expect(named(shadowed)).toEqual(named(plain));
    expect(shadowed.status).toBe(200);
    const [pair] = await pairs(gateway, 1);
    expect(pair).toMatchObject({
      route: "live",
      target: "candidate",
      request: { provider: "one", finish: "stop", costNanos: 15_000n, status: "ok" },
      shadow: { provider: "two", finish: "stop", costNanos: 60_000n, status: "ok" },
    });
  });

  test("is asked first: the copy leaves when its answer has begun", async () => {
    const gateway = await start(whole);
    one.next = ["hang"];
    const answer = ask(gateway);
    await until(() => one.bodies.length || undefined);
    await Bun.sleep(30);
    expect(two.bodies).toHaveLength(0);
    one.release();
    await (await answer).text();
    await pairs(gateway, 1);
    expect(two.bodies).toHaveLength(1);
  });

  test("has its answer while the copy hangs, and whatever the copy meets", async () => {
    const gateway = await start(whole);
    two.next = ["hang", "fail", "refuse"];
    for (const _ of [1, 2, 3]) expect((await ask(gateway)).status).toBe(200);
    two.release();
    const found = await pairs(gateway, 3);
    const codes = found.map(({ shadow }) => shadow.errorCode);
    expect(codes).toContain("upstream_unavailable");
    expect(codes).toContain("upstream_rejected");
    expect(found.every(({ request }) => request?.status === "ok")).toBe(true);
    // What copies meet is nobody else's experience.
    expect(gateway.gateway.inFlight).toBe(0);
  });
});

describe("the copy", () => {
  test("is the same body but for the model, without the client's key and wishes", async () => {
    const gateway = await start(whole);
    const body = { temperature: 0.5, models: ["one/m"], metadata: { a: "ü" }, store: true };
    const headers = { "x-megallm-timeout-ms": "5000", "idempotency-key": "once" };
    await (await ask(gateway, body, { headers })).text();
    await pairs(gateway, 1);
    expect(two.bodies[0]).toEqual({
      model: "m",
      messages,
      temperature: 0.5,
      metadata: { a: "ü" },
      store: false,
    });
    expect(JSON.stringify([...(two.headers[0] ?? [])])).not.toContain("key-of-the-app");
  });

  test("has a row of its own that no key is billed for", async () => {
    const gateway = await start(whole);
    const answer = await ask(gateway);
    await answer.text();
    await pairs(gateway, 1);
    const groups = await gateway.store.usage({ by: "key" });
    expect(groups.map(({ group, requests, costNanos }) => [group, requests, costNanos])).toEqual([
      ["(shadow)", 1, 60_000n],
      ["app", 1, 15_000n],
    ]);
    const { usage } = await gateway.recorded(answer);
    expect(usage.costNanos).toBe(15_000n);
  });

  test("is never copied itself, whatever its route says", async () => {
    const gateway = await start(whole, {
      models: {
        live: { deployments: ["one/m"], shadow: whole },
        candidate: { deployments: ["two/m"], shadow: { route: "live", share: 1 } },
      },
    });
    await (await ask(gateway)).text();
    await pairs(gateway, 1);
    await Bun.sleep(20);
    expect([one.bodies.length, two.bodies.length]).toEqual([1, 1]);
  });

  test("of embeddings is sent; of images, files and other makings never", async () => {
    const gateway = await start(whole);
    const path = "/v1/embeddings";
    await (await ask(gateway, { messages: undefined, input: "a" }, { path })).text();
    await pairs(gateway, 1);
    expect(two.bodies).toHaveLength(1);
    const image = { messages: undefined, prompt: "a cat" };
    await (await ask(gateway, image, { path: "/v1/images/generations" })).text();
    await Bun.sleep(20);
    expect(two.bodies).toHaveLength(1);
  });

  test("leaves no conversation behind", async () => {
    const gateway = await start(whole);
    const path = "/v1/responses";
    const answer = await ask(gateway, { messages: undefined, input: "Hi" }, { path });
    expect(answer.status).toBe(200);
    const { id } = (await answer.json()) as { id: string };
    await pairs(gateway, 1);
    expect((await gateway.store.items.get("answer", [id])).map(({ owner }) => owner)).toEqual([
      "app",
    ]);
  });

  test("is not made where it would act twice, or cannot be understood elsewhere", async () => {
    const gateway = await start(whole, {
      providers: {
        one: provider(one, 1, { dialects: ["openai-responses"] }),
        two: provider(two, 4),
      },
    });
    const path = "/v1/responses";
    const plain = { messages: undefined, input: "Hi" };
    const server = { type: "mcp", server_label: "mail", server_url: "https://mail.example/mcp" };
    await (await ask(gateway, { ...plain, tools: [server] }, { path })).text();
    await (await ask(gateway, { ...plain, background: true }, { path })).text();
    expect((await settled(gateway, 2)).skipped).toEqual({ provider_tools: 1, background: 1 });
    expect(two.bodies).toHaveLength(0);
  });

  test("several may be made, each by its own share", async () => {
    const gateway = await start([
      { route: "candidate", share: 1 },
      { route: "two/other", share: "100%" },
      { route: "one/m", share: 0 },
    ]);
    await (await ask(gateway)).text();
    const found = await pairs(gateway, 2);
    expect(found.map(({ target }) => target).toSorted()).toEqual(["candidate", "two/other"]);
  });

  test("a share is exact enough, and the same for the same ids", async () => {
    const gateway = await start({ ...whole, share: 0.25, max_concurrent: 1000 });
    for (let at = 0; at < 40; at += 1) {
      await Promise.all(Array.from({ length: 10 }, async () => (await ask(gateway)).text()));
    }
    const { sent } = await until(async () => {
      const found = await listing(gateway);
      return found.running === 0 ? found : undefined;
    });
    // 400 draws of a quarter: 5 standard deviations.
    expect(Math.abs(sent - 100)).toBeLessThan(44);
  });
});

describe("limits", () => {
  test("no more copies at once than are allowed, and the rest are counted", async () => {
    const gateway = await start({ ...whole, max_concurrent: 2 });
    two.next = ["hang", "hang"];
    for (let at = 0; at < 6; at += 1) await (await ask(gateway)).text();
    await until(async () => ((await listing(gateway)).skipped["busy"] === 4 ? true : undefined));
    expect(two.bodies).toHaveLength(2);
    expect((await listing(gateway)).running).toBe(2);
  });

  test("large bodies are not copied", async () => {
    const gateway = await start(whole);
    const content = "x".repeat(4 * 1024 * 1024);
    await (await ask(gateway, { messages: [{ role: "user", content }] })).text();
    expect((await settled(gateway, 1)).skipped).toEqual({ too_large: 1 });
  });

  test("the day's money, over restarts", async () => {
    // Each copy costs $0.00006.
    const capped = { ...whole, max_cost_per_day: "$0.00012" };
    const first = await start(capped);
    await (await ask(first)).text();
    await pairs(first, 1);
    const second = await startInProcess(
      {
        keys: { app: "key-of-the-app-0123456789" },
        providers: { one: provider(one, 1), two: provider(two, 4) },
        models: {
          live: { deployments: ["one/m"], shadow: capped },
          candidate: { deployments: ["two/m"] },
        },
      },
      { store: first.store, adminKey: () => new Secret(adminKey) },
    );
    for (let at = 0; at < 3; at += 1) {
      await (await ask(second)).text();
      await settled(second, at + 1);
    }
    expect(two.bodies).toHaveLength(2);
    expect((await listing(second)).skipped).toEqual({ max_cost_per_day: 2 });
  });

  test("a model whose price nobody knows gets one copy at most where money is limited", async () => {
    const gateway = await start({ route: "two/unknown", share: 1, max_cost_per_day: 5 });
    for (let at = 0; at < 3; at += 1) {
      await (await ask(gateway)).text();
      await settled(gateway, at + 1);
    }
    expect(two.bodies).toHaveLength(1);
    expect((await listing(gateway)).skipped).toEqual({ price_unknown: 2 });
  });

  test("a copy gives its place at a full deployment to a client at once", async () => {
    const gateway = await start(whole, {
      queue: { max: 0, max_wait: 1 },
      providers: { one: provider(one, 1), two: provider(two, 4, { max_concurrent: 1 }) },
    });
    two.next = ["hang"];
    await (await ask(gateway)).text();
    await until(() => two.bodies.length || undefined);
    const answer = await ask(gateway, { model: "candidate" });
    expect(answer.status).toBe(200);
    const [pair] = await pairs(gateway, 1);
    expect(pair?.shadow).toMatchObject({ status: "error", errorCode: "unavailable" });
  });

  test("a faulty request is not copied", async () => {
    const gateway = await start(whole);
    one.next = ["refuse"];
    expect((await ask(gateway)).status).toBe(400);
    expect((await settled(gateway, 1)).skipped).toEqual({ request_failed: 1 });
  });

  test("a provider's failure is: the two sides can be compared", async () => {
    const gateway = await start(whole);
    one.next = ["fail"];
    expect((await ask(gateway)).status).toBe(502);
    const [pair] = await pairs(gateway, 1);
    expect([pair?.request?.status, pair?.shadow.status]).toEqual(["error", "ok"]);
  });

  test("a stopping gateway ends copies, and their rows say so", async () => {
    const gateway = await start(whole);
    two.next = ["hang"];
    await (await ask(gateway)).text();
    await until(() => two.bodies.length || undefined);
    gateway.gateway.drain();
    await gateway.idle();
    const [pair] = await pairs(gateway, 1);
    expect(pair?.shadow.status).toBe("client_closed");
  });

  test("a program that closes its gateway waits for their rows, not for them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "megallm-shadow-"));
    const database = join(folder, "ledger.db");
    two.next = ["hang"];
    const library = createGateway({
      database,
      config: {
        providers: { one: provider(one, 1), two: provider(two, 4) },
        models: { live: { deployments: ["one/m"], shadow: { route: "two/m", share: 1 } } },
      },
    });
    const body = JSON.stringify({ model: "live", messages });
    const answer = await library.fetch("http://x/v1/chat/completions", { method: "POST", body });
    await answer.text();
    await until(() => two.bodies.length || undefined);
    await library.close();
    const store = await openStore({ path: database, readOnly: true });
    const { pairs: found } = await store.shadows.list();
    expect(found.map(({ shadow }) => shadow.status)).toEqual(["client_closed"]);
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
});

describe("texts", () => {
  test("are kept where that is wished, of both sides, streamed or not", async () => {
    const gateway = await start({ ...whole, keep_answers: true });
    await (await ask(gateway)).text();
    await (await ask(gateway, { stream: true })).text();
    const shown = await until(async () => {
      const { shadows } = await listing(gateway);
      return shadows.length === 2 && shadows.every(({ answers }) => answers) ? shadows : undefined;
    });
    for (const { answers, request, shadow } of shown) {
      expect(answers).toEqual({ request: "from one", shadow: "from two" });
      expect([request.finish, shadow.costUsd]).toEqual(["stop", "0.000060000"]);
    }
  });

  const clients: [string, string, object][] = [
    ["Anthropic", "/v1/messages", { max_tokens: 9, messages }],
    ["Responses", "/v1/responses", { input: "Hi" }],
    ["Ollama", "/api/chat", { messages }],
    ["Cohere", "/v2/chat", { messages }],
    ["completions' own", "/v1/chat/completions", { messages }],
  ];

  test.each(clients)("are read in the client's protocol: %s", async (_name, path, body) => {
    const gateway = await start({ ...whole, keep_answers: true });
    for (const stream of [false, true]) {
      await (await ask(gateway, { messages: undefined, ...body, stream }, { path })).text();
    }
    await settled(gateway, 2);
    const shown = (await listing(gateway)).shadows;
    expect(shown.map(({ answers, request }) => [answers, request.finish])).toEqual(
      Array.from({ length: 2 }, () => [{ request: "from one", shadow: "from two" }, "stop"]),
    );
  });

  test("are not kept otherwise", async () => {
    const gateway = await start(whole);
    await (await ask(gateway)).text();
    const [pair] = await pairs(gateway, 1);
    const id = pair?.shadow.requestId ?? "";
    await settled(gateway, 1);
    expect(await gateway.store.items.get("shadow-answer", [id])).toEqual([]);
  });
});
