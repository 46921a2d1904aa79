// The answer cache in a request's life: what is given again, in which form, at what price, and what callers may say of it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/log.ts";
import { openStore } from "../../src/store/store.ts";
import { anthropicCaller, callers, openAiCaller, postAs } from "../support/callers.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { json, type ScriptedUpstream, startScripted } from "../support/scripted-upstream.ts";
import { administer, makeKey } from "../support/virtual-keys.ts";
import { openAiAnswers, streamOf } from "../support/wire-answers.ts";

const { plain, frames } = openAiAnswers;
const hour = 3_600_000;

let upstream: ScriptedUpstream;
let running: InProcess;
let nowMs: number;
let restore: () => void;
let others: InProcess[];

const config = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  providers: {
    up: {
      type: "openai-compatible",
      base_url: upstream.url,
      api_key: "operator-key",
      prices: { "*": { input: 1, output: 2 } },
    },
  },
  models: { main: { deployments: ["up/m-1"] } },
  cache: { ttl: "1h" },
  ...more,
});

beforeAll(async () => {
  upstream = await startScripted();
});
beforeEach(async () => {
  nowMs = 20_000 * 24 * hour;
  restore = setClock({ now: () => nowMs });
  others = [];
  running = await startInProcess(config());
  upstream.answer(plain);
});
afterEach(async () => {
  await Promise.all([running, ...others].map((each) => each.close()));
  restore();
});
afterAll(() => upstream[Symbol.asyncDispose]());

const start = async (more: Record<string, unknown>, parts = {}): Promise<InProcess> => {
  const gateway = await startInProcess(config(more), parts);
  others.push(gateway);
  return gateway;
};

interface Ask {
  stream?: boolean;
  more?: Record<string, unknown>;
  headers?: Record<string, string>;
  gateway?: InProcess;
  caller?: (typeof callers)[number];
  model?: string;
  key?: string;
}

async function ask(asked: Ask = {}) {
  const { stream = false, more, headers, caller = openAiCaller, model = "main", key } = asked;
  const body = caller.body(model, { ...(stream && { stream }), ...more });
  const own: Record<string, string> =
    key === undefined ? {} : { authorization: `Bearer ${key}`, "x-api-key": key };
  const answer = await (asked.gateway ?? running).fetch(
    caller.paths[0],
    postAs(caller, body, { headers: { ...headers, ...own } }),
  );
  return { answer, text: await answer.text(), told: answer.headers.get("x-megallm-cache") };
}

/** What is written is written behind the client's back. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let turn = 0; !(await holds()); turn += 1) {
    if (turn > 20_000) throw new Error("it never came to that");
    await Bun.sleep(1);
  }
}

const tolds = async (...all: Ask[]): Promise<(string | null)[]> => {
  const found = [];
  for (const each of all) found.push((await ask(each)).told);
  return found;
};

describe.each(callers)("$name", (caller) => {
  describe.each([false, true])("stream: %p", (stream) => {
    test("the second gets the first one's bytes, at no cost, and nobody is asked", async () => {
      upstream.answer(stream ? streamOf(...frames) : plain);
      const first = await ask({ caller, stream });
      expect([first.answer.status, first.told]).toEqual([200, "miss"]);
      nowMs += 2_500;
      const second = await ask({ caller, stream });
      expect(second.text).toBe(first.text);
      expect([second.told, second.answer.headers.get("age")]).toEqual(["hit", "2"]);
      for (const name of ["content-type", "x-megallm-provider", "x-megallm-model"]) {
        expect(second.answer.headers.get(name)).toBe(first.answer.headers.get(name));
      }
      expect(second.answer.headers.get("x-megallm-attempts")).toBe("0");
      expect(Number(second.answer.headers.get("x-megallm-cost-usd"))).toBe(0);
      expect(upstream.requests.length).toBe(1);
      const one = await running.recorded(first.answer);
      const two = await running.recorded(second.answer);
      expect(one.usage.costNanos).toBeGreaterThan(0n);
      expect(two.attempts).toEqual([]);
      expect(two.usage).toMatchObject({
        status: "ok",
        httpStatus: 200,
        attempts: 0,
        inputTokens: 0,
        outputTokens: 0,
        costNanos: 0n,
        priceSource: "cache",
        stream,
      });
      expect(two.usage.savedNanos).toBe(one.usage.costNanos ?? undefined);
      expect((await running.store.check.verify()).wrong).toBe(0);
    });

    test("the other form is made of what was kept, and says the same", async () => {
      upstream.answer(stream ? streamOf(...frames) : plain);
      await ask({ caller, stream });
      const other = await ask({ caller, stream: !stream });
      expect(other.told).toBe("hit");
      if (stream) {
        expect(other.answer.headers.get("content-type")).toBe("application/json");
        expect(caller.textOf(other.text)).toBe("Hello there");
        expect(JSON.stringify(JSON.parse(other.text)["usage"])).toMatch(/:7\b.*:3\b/);
      } else {
        const reading = await caller.read(new Response(other.text, other.answer));
        expect(reading).toMatchObject({ text: "Hello there", complete: true, unreadable: [] });
      }
      expect(upstream.requests.length).toBe(1);
    });
  });

  test("another dialect shares nothing", async () => {
    await ask({ caller });
    const other = caller === openAiCaller ? anthropicCaller : openAiCaller;
    expect(await tolds({ caller: other }, { caller })).toEqual(["miss", "hit"]);
  });
});

describe("embeddings and rerank", () => {
  const embed = (input: string) =>
    running.fetch("/v1/embeddings", postAs(openAiCaller, { model: "main", input }));

  test("embeddings are given again", async () => {
    const body = {
      object: "list",
      model: "m-1",
      data: [{ object: "embedding", index: 0, embedding: [0.1, 0.2] }],
      usage: { prompt_tokens: 5, total_tokens: 5 },
    };
    upstream.answer([json(200, body)]);
    const [first, second, third] = [await embed("a"), await embed("a"), await embed("b")];
    expect(await second.text()).toBe(await first.text());
    expect([first, second, third].map((each) => each.headers.get("x-megallm-cache"))).toEqual([
      "miss",
      "hit",
      "miss",
    ]);
    expect((await running.recorded(second)).usage).toMatchObject({
      operation: "embeddings",
      priceSource: "cache",
      costNanos: 0n,
      savedNanos: 5n * 1_000n,
    });
  });

  test("so is an order of documents", async () => {
    const gateway = await start({
      providers: { up: { type: "cohere", base_url: upstream.url, api_key: "k" } },
    });
    upstream.answer([
      json(200, { id: "r", results: [{ index: 0, relevance_score: 0.5 }], meta: {} }),
    ]);
    const rerank = () =>
      gateway.fetch(
        "/v2/rerank",
        postAs(openAiCaller, { model: "main", query: "q", documents: ["a"] }),
      );
    const [first, second] = [await rerank(), await rerank()];
    expect([first.status, second.headers.get("x-megallm-cache")]).toEqual([200, "hit"]);
    expect(await second.text()).toBe(await first.text());
  });

  test("other operations are left alone", async () => {
    upstream.answer([json(200, { id: "m", model: "m-1", results: [] })]);
    const moderate = () =>
      running.fetch("/v1/moderations", postAs(openAiCaller, { model: "main", input: "a" }));
    await moderate();
    expect((await moderate()).headers.get("x-megallm-cache")).not.toBe("hit");
    expect(upstream.requests.length).toBe(2);
  });
});

describe("off unless the operator says so", () => {
  test("without a word of it there is no header, nothing is kept, and nobody can switch it on", async () => {
    const gateway = await start({ cache: {} });
    for (const more of [{}, { cache: { ttl: 600, "use-cache": true } }]) {
      expect(await tolds({ gateway, more }, { gateway, more })).toEqual([null, null]);
    }
    for (const headers of [{ "x-megallm-cache": "ttl=60" }, { "x-megallm-cache": "refresh" }]) {
      expect(await tolds({ gateway, headers }, { gateway, headers })).toEqual(["off", "off"]);
    }
    const only = await ask({ gateway, headers: { "x-megallm-cache": "only" } });
    expect([only.answer.status, only.told]).toEqual([412, "off"]);
    expect(await gateway.store.cachedAnswers.size()).toEqual({ entries: 0, bytes: 0 });
  });

  test("by route: its own time, its own scope, or none", async () => {
    const gateway = await start({
      cache: { ttl: "1h" },
      models: {
        main: { deployments: ["up/m-1"], cache: { ttl: "10s" } },
        never: { deployments: ["up/m-1"], cache: "off" },
        "any-*": { deployments: ["up/*"], cache: "off" },
        group: { deployments: [{ route: "never" }] },
      },
    });
    expect(await tolds({ gateway }, { gateway })).toEqual(["miss", "hit"]);
    nowMs += 10_000;
    expect(await tolds({ gateway })).toEqual(["miss"]);
    for (const model of ["never", "any-m-1", "group"]) {
      expect(await tolds({ gateway, model }, { gateway, model })).toEqual([null, null]);
    }
    const model = "up/m-2";
    expect(await tolds({ gateway, model }, { gateway, model })).toEqual(["miss", "hit"]);
  });

  test("a route may have one where the gateway has none; alternatives must all allow it", async () => {
    const gateway = await start({
      cache: {},
      models: {
        main: { deployments: ["up/m-1"], cache: {} },
        mixed: { deployments: ["up/m-2", { route: "main" }] },
        strict: { deployments: [{ route: "main" }, { route: "short" }] },
        short: { deployments: ["up/m-3"], cache: { ttl: "5s" } },
      },
    });
    expect(await tolds({ gateway }, { gateway })).toEqual(["miss", "hit"]);
    expect(await tolds({ gateway, model: "mixed" })).toEqual([null]);
    expect(await tolds({ gateway, model: "strict" }, { gateway, model: "strict" })).toEqual([
      "miss",
      "hit",
    ]);
    nowMs += 5_000;
    expect(await tolds({ gateway, model: "strict" })).toEqual(["miss"]);
  });

  test("keys that pass it by: of the configuration, by their defaults, by anybody's metadata", async () => {
    const secret = "a-key-of-the-configuration-1";
    const gateway = await start({
      keys: { plain: "another-configured-key-22", never: { key: secret, cache: "off" } },
    });
    expect(await tolds({ gateway, key: secret }, { gateway, key: secret })).toEqual(["off", "off"]);
    const { id } = await administer(gateway, "POST", "/organizations", {
      name: "Acme",
      metadata: { cache: "off" },
    });
    const refusing = [
      { defaults: { cache: "off" } },
      { metadata: { cache: "off" } },
      { metadata: { cache: false } },
      // What the organization forbids, its key does not allow again.
      { organization_id: String(id), metadata: { cache: "on" } },
    ];
    for (const fields of refusing) {
      const { key } = await makeKey(gateway, fields);
      expect(await tolds({ gateway, key }, { gateway, key })).toEqual(["off", "off"]);
    }
    const { key } = await makeKey(gateway);
    expect(await tolds({ gateway, key }, { gateway, key })).toEqual(["miss", "hit"]);
  });
});

describe("S30: a caller only tightens", () => {
  const header = (text: string): Ask => ({ headers: { "x-megallm-cache": text } });

  test("`off` neither looks nor keeps", async () => {
    expect(await tolds(header("off"), {}, header("off"), {})).toEqual([
      "off",
      "miss",
      "off",
      "hit",
    ]);
  });

  test("`refresh` asks anew, and keeps the new one", async () => {
    const first = await ask();
    upstream.answer([json(200, { ...JSON.parse(first.text), id: "chatcmpl-2" })]);
    const second = await ask(header("refresh"));
    expect([second.told, second.text.includes("chatcmpl-2")]).toEqual(["refresh", true]);
    expect((await ask()).text).toBe(second.text);
  });

  test("`only` is the cache or nothing, in the client's own words", async () => {
    const { answer, text } = await ask(header("only"));
    expect(answer.status).toBe(412);
    expect(openAiCaller.errorOf(text).message).toContain("there is none");
    expect(upstream.requests.length).toBe(0);
    await ask();
    expect(await tolds(header("only"))).toEqual(["hit"]);
  });

  test("`ttl` asks for a younger one, and keeps for no longer", async () => {
    await ask();
    nowMs += 30_000;
    expect(await tolds(header("ttl=31"), header("ttl=30"))).toEqual(["hit", "miss"]);
    nowMs += 30_000;
    expect(await tolds({})).toEqual(["miss"]);
  });

  test("nobody keeps one longer than the operator says", async () => {
    await ask({
      ...header("ttl=1000000"),
      more: { cache: { ttl: 1_000_000, "s-maxage": 1_000_000 } },
    });
    nowMs += hour - 1;
    expect(await tolds(header("ttl=1000000"))).toEqual(["hit"]);
    nowMs += 1;
    expect(await tolds(header("ttl=1000000"))).toEqual(["miss"]);
  });

  test("LiteLLM's field, which no provider gets to see", async () => {
    const more = (cache: object): Ask => ({ more: { cache } });
    expect(await tolds(more({}), more({ "no-cache": true }), more({ "s-maxage": 10 }))).toEqual([
      "miss",
      "refresh",
      "hit",
    ]);
    expect(upstream.requests.every(({ body }) => !body.includes('"cache"'))).toBe(true);
    expect(await tolds(more({ namespace: "a" }), more({ namespace: "b" }))).toEqual([
      "miss",
      "miss",
    ]);
    expect(await tolds(more({ namespace: "a" }), more({ namespace: "b" }))).toEqual(["hit", "hit"]);
    const temperature = { temperature: 0.5 };
    const unkept = { more: { ...temperature, cache: { "no-store": true } } };
    expect(await tolds(unkept, { more: temperature })).toEqual(["miss", "miss"]);
    const { answer, text } = await ask(more({ ttl: "soon" }));
    expect([answer.status, openAiCaller.errorOf(text).message]).toEqual([
      400,
      "`cache.ttl` must be a number of seconds, a year at most.",
    ]);
  });

  test("Cache-Control", async () => {
    const control = (text: string): Ask => ({ headers: { "cache-control": text } });
    expect(
      await tolds(
        control("no-store"),
        control("no-cache"),
        control("max-age=60"),
        control("max-age=0"),
        control("no-cache, no-store"),
      ),
    ).toEqual(["miss", "refresh", "hit", "miss", "off"]);
  });

  test("what cannot be read is refused, and costs nothing", async () => {
    for (const text of ["on", "only, refresh", "ttl=0", "x".repeat(5_000)]) {
      const { answer } = await ask(header(text));
      expect(answer.status).toBe(400);
    }
    expect(upstream.requests.length).toBe(0);
  });

  test("a key that may not choose how it is routed may tighten all the same", async () => {
    const { key } = await makeKey(running, { defaults: { overrides: false } });
    expect(
      await tolds(
        { key, more: { cache: { "no-store": true } } },
        { key, headers: { "x-megallm-cache": "refresh" } },
        { key },
      ),
    ).toEqual(["miss", "refresh", "hit"]);
  });
});

describe("money and limits", () => {
  test("a hit needs no budget and takes none of it", async () => {
    const { id, key } = await makeKey(running);
    const more = { max_tokens: 4 };
    expect(await tolds({ key, more })).toEqual(["miss"]);
    await administer(running, "POST", "/budgets", {
      name: "nothing left",
      amount_usd: "0.000000001",
      window: "1d",
      subjects: [`key:${id}`],
    });
    // Nothing that costs anything can be asked any more, and what costs nothing can.
    expect((await ask({ key, more: { max_tokens: 5 } })).answer.status).toBe(402);
    expect(await tolds({ key, more }, { key, more, stream: true })).toEqual(["hit", "hit"]);
    expect((await running.store.accounts.verify()).wrong).toBe(0);
    expect((await running.store.check.verify()).wrong).toBe(0);
  });

  test("S31: rate limits, keys and models are asked each time", async () => {
    const gateway = await start({
      models: { main: { deployments: ["up/m-1"] }, other: { deployments: ["up/m-1"] } },
    });
    const { id, key } = await makeKey(gateway, { models: ["main"] });
    await administer(gateway, "POST", "/limits", {
      subject: `key:${id}`,
      unit: "requests",
      window: "minute",
      amount: 4,
    });
    const more = { max_tokens: 4 };
    expect(await tolds({ gateway, key, more }, { gateway, key, more })).toEqual(["miss", "hit"]);
    const hit = await ask({ gateway, key, more });
    expect(hit.answer.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    expect((await ask({ gateway, key, more, model: "other" })).answer.status).toBe(403);
    expect(await tolds({ gateway, key, more })).toEqual(["hit"]);
    const limited = await ask({ gateway, key, more });
    expect([limited.answer.status, limited.told]).toEqual([429, null]);
    await administer(gateway, "PATCH", `/keys/${id}`, { blocked: true });
    expect((await ask({ gateway, key, more })).answer.status).toBe(403);
  });

  test("reports and the administration API tell of hits and of what they saved", async () => {
    await ask();
    await ask();
    await ask({ stream: true });
    const told = await administer(running, "GET", "/cache");
    expect(told).toMatchObject({
      entries: 1,
      max_bytes: 256 * 1024 ** 2,
      oldest_at_ms: nowMs,
      hits: 2,
      saved_usd: "0.000026000",
    });
    const [group] = await running.store.usage({ by: "status" });
    expect(group).toMatchObject({ requests: 3, attempts: 1, inputTokens: 7, unpriced: 0 });
  });
});

describe("together with the rest", () => {
  test("an Idempotency-Key: its own answer first, whatever the cache has", async () => {
    const keyed = { headers: { "idempotency-key": "key-1" } };
    const first = await ask(keyed);
    const again = await ask({ headers: { ...keyed.headers, "x-megallm-cache": "refresh" } });
    expect([first.told, again.told, again.text]).toEqual(["miss", null, first.text]);
    expect(again.answer.headers.get("idempotent-replayed")).toBe("true");
    const hit = await ask({ headers: { "idempotency-key": "key-2" } });
    expect([hit.told, hit.text]).toEqual(["hit", first.text]);
    expect(upstream.requests.length).toBe(1);
  });

  test("an experiment: a hit is of the arm that the request was given, and no sample of it", async () => {
    const gateway = await start({
      models: {
        main: {
          experiment: {
            arms: { a: { model: "up/m-1", weight: 50 }, b: { model: "up/m-2", weight: 50 } },
          },
        },
      },
    });
    const seen = [];
    for (let turn = 0; turn < 8; turn += 1) seen.push(await ask({ gateway }));
    const hits = seen.filter(({ told }) => told === "hit");
    expect([seen.length - hits.length, hits.length]).toEqual([2, 6]);
    expect(new Set(hits.map(({ answer }) => answer.headers.get("x-megallm-model"))).size).toBe(2);
    expect(hits.every(({ answer }) => !answer.headers.has("x-megallm-experiment"))).toBe(true);
    await gateway.idle();
    const arms = await gateway.store.experiments.figures();
    expect(arms.map(({ requests }) => requests)).toEqual([1, 1]);
  });

  test("a shadow neither finds nor keeps, and a hit has none", async () => {
    const gateway = await start({
      models: { main: { deployments: ["up/m-1"], shadow: { route: "up/m-2", share: 1 } } },
    });
    await ask({ gateway });
    await until(() => upstream.requests.length === 2);
    expect(await tolds({ gateway }, { gateway })).toEqual(["hit", "hit"]);
    await gateway.idle();
    expect(upstream.requests.length).toBe(2);
    expect((await gateway.store.cachedAnswers.size()).entries).toBeLessThanOrEqual(1);
  });

  test("bodies are recorded of hits, too", async () => {
    const gateway = await start({
      models: { main: { deployments: ["up/m-1"], store_bodies: true } },
    });
    await ask({ gateway });
    const { answer, text } = await ask({ gateway });
    const id = answer.headers.get("x-request-id") ?? "";
    await until(async () => (await gateway.store.bodies.get(id)).length === 2);
    const kept = await gateway.store.bodies.get(id);
    expect(kept.map(({ part }) => part)).toEqual(["request", "response"]);
    expect(JSON.parse(kept[1]?.text ?? "")).toEqual(JSON.parse(text));
  });

  test("`explain` says whether it would be looked in, and under which key, and looks into nothing", async () => {
    const explain = async (headers: Record<string, string> = {}) => {
      const body = openAiCaller.body("main");
      const answer = await running.fetch("/admin/explain", {
        method: "POST",
        headers: { authorization: `Bearer ${adminKey}` },
        body: JSON.stringify({ path: openAiCaller.paths[0], headers, body }),
      });
      return ((await answer.json()) as { cache: Record<string, unknown> | null }).cache;
    };
    const told = await explain();
    expect(told).toMatchObject({
      looks: true,
      keeps: true,
      scope: "key",
      max_age_ms: hour,
      ttl_ms: hour,
      why_not: null,
    });
    await ask();
    const key = String(told?.["key"]);
    await until(async () => (await running.store.cachedAnswers.get(key)) !== null);
    expect(await explain({ "x-megallm-cache": "refresh, ttl=5" })).toMatchObject({
      looks: false,
      keeps: true,
      max_age_ms: 5_000,
      ttl_ms: 5_000,
    });
    expect(await explain({ "x-megallm-cache": "off" })).toMatchObject({
      key: null,
      why_not: "the request wants none",
    });
  });

  test("S31: a guardrail for answers looks at a hit again, as it is by then", async () => {
    const log = createLogger({ level: "debug", write: () => {} });
    const store = await openStore({ path: ":memory:", log });
    const kept = { ...store, close: async () => {} };
    const guarded = (words: string[]) => ({
      guardrails: { taste: { type: "words", words, mode: "output", default_on: true } },
    });
    const before = await start(guarded(["nobody says this"]), { store: kept });
    expect((await ask({ gateway: before })).text).toContain("Hello there");
    await before.idle();
    await until(async () => (await store.cachedAnswers.size()).entries === 1);
    const after = await start(guarded(["there"]), { store: kept });
    for (const stream of [false, true]) {
      const { answer, text } = await ask({ gateway: after, stream });
      expect([answer.status, text.includes("Hello")]).toEqual([400, false]);
    }
    expect(upstream.requests.length).toBe(1);
    await store.close();
  });

  test("LiteLLM's paths and header", async () => {
    const gateway = await start({ compat: { litellm: true } });
    const admin = (path: string, body?: object) =>
      gateway.fetch(path, {
        method: body ? "POST" : "GET",
        headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
    await ask({ gateway });
    const { answer } = await ask({ gateway });
    const key = answer.headers.get("x-litellm-cache-key") ?? "";
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(await (await admin("/cache/ping")).json()).toMatchObject({ status: "healthy" });
    expect((await admin("/cache/delete", { keys: ["no such key", key] })).status).toBe(200);
    expect(await tolds({ gateway }, { gateway })).toEqual(["miss", "hit"]);
    expect((await admin("/cache/flushall", {})).status).toBe(200);
    expect(await tolds({ gateway })).toEqual(["miss"]);
    expect((await admin("/cache/delete", { keys: [] })).status).toBe(400);
    expect((await gateway.fetch("/cache/ping")).status).toBe(401);
  });
});

describe("what outlives what", () => {
  test("entries outlive the gateway; a reload that switches it off ends it", async () => {
    const log = createLogger({ level: "debug", write: () => {} });
    const store = await openStore({ path: ":memory:", log });
    const kept = { ...store, close: async () => {} };
    const first = await start({}, { store: kept });
    const { text } = await ask({ gateway: first });
    await until(async () => (await store.cachedAnswers.size()).entries === 1);
    const second = await start({}, { store: kept });
    const again = await ask({ gateway: second });
    expect([again.told, again.text]).toEqual(["hit", text]);
    const third = await start({ cache: {} }, { store: kept });
    expect((await ask({ gateway: third })).told).toBeNull();
    await store.close();
  });

  test("an administrator forgets all, or those of one model; the audit log says who", async () => {
    const gateway = await start({
      models: { main: { deployments: ["up/m-1"] }, other: { deployments: ["up/m-1"] } },
    });
    await tolds({ gateway }, { gateway, model: "other" });
    await gateway.idle();
    await until(async () => (await gateway.store.cachedAnswers.size()).entries === 2);
    expect(await administer(gateway, "DELETE", "/cache?model=other")).toEqual({ removed: 1 });
    expect(await tolds({ gateway }, { gateway, model: "other" })).toEqual(["hit", "miss"]);
    expect(Number((await administer(gateway, "DELETE", "/cache"))["removed"])).toBeGreaterThan(0);
    expect(await tolds({ gateway })).toEqual(["miss"]);
    // Also what has not been written yet.
    await Promise.all(Array.from({ length: 20 }, (_, n) => tolds({ gateway, more: { seed: n } })));
    await administer(gateway, "DELETE", "/cache");
    expect((await gateway.store.cachedAnswers.size()).entries).toBe(0);
    const { rows } = await gateway.store.audit.list({ action: "cache.clear" });
    expect(rows.map(({ actor }) => actor)).toEqual(["admin", "admin", "admin"]);
  });

  test("S31: a store that cannot be read or written fails no request", async () => {
    const store = await openStore({ path: ":memory:" });
    const fail = async (): Promise<never> => {
      throw new Error("the cache is away");
    };
    const cachedAnswers = { ...store.cachedAnswers, get: fail, put: fail, size: fail };
    const gateway = await start({}, { store: { ...store, cachedAnswers } });
    const first = await ask({ gateway });
    expect([first.answer.status, first.told]).toEqual([200, "miss"]);
    await until(() => gateway.lines.join().includes("cache.not_kept"));
    const second = await ask({ gateway, stream: false });
    expect([second.answer.status, second.told]).toEqual([200, "miss"]);
  });
});
