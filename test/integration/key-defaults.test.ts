// What holds for a virtual key's requests that do not say otherwise: policy, unsupported parameters, place in the queue.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { administer, makeKey } from "../support/virtual-keys.ts";

interface Upstream {
  server: Bun.Server<undefined>;
  /** What came, in order. */
  texts: string[];
  /** While it is set, answers wait for it. */
  gate: Promise<void> | null;
}

function startUpstream(): Upstream {
  const upstream: Upstream = {
    texts: [],
    gate: null,
    server: Bun.serve({
      port: 0,
      async fetch(request) {
        const body = (await request.json()) as { messages?: { content: string }[] };
        upstream.texts.push(body.messages?.[0]?.content ?? "");
        await upstream.gate;
        return Response.json({
          id: "c",
          object: "chat.completion",
          created: 1,
          model: "m",
          data: [],
          choices: [
            { index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" },
          ],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        });
      },
    }),
  };
  return upstream;
}

let dear: Upstream;
let cheap: Upstream;
let gateway: InProcess;

beforeEach(async () => {
  [dear, cheap] = [startUpstream(), startUpstream()];
  const provider = ({ server }: Upstream, price: string) => ({
    type: "openai-compatible",
    base_url: `${server.url.origin}/v1`,
    api_key: "k",
    prices: { "*": { input: price, output: price } },
  });
  gateway = await startInProcess({
    server: { require_key: "always" },
    providers: {
      dear: provider(dear, "90"),
      cheap: { ...provider(cheap, "1"), max_concurrent: 1 },
    },
    models: {
      both: { deployments: ["dear/m", "cheap/m"] },
      alone: "cheap/m",
    },
    queue: { max_wait: "30s" },
  });
});
afterEach(async () => {
  await gateway.close();
  for (const { server } of [dear, cheap]) await server.stop(true);
});

const ask = (
  key: string,
  { model = "both", path = "/v1/chat/completions", headers = {}, text = "hi", more = {} } = {},
): Promise<Response> =>
  gateway.fetch(path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model, messages: [{ role: "user", content: text }], ...more }),
  });

const askedOf = async (key: string, options: Parameters<typeof ask>[1] = {}): Promise<string> => {
  const answer = await ask(key, options);
  expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
  return answer.headers.get("x-megallm-provider") ?? "";
};

describe("policy", () => {
  test("orders the routes of requests that name none; what the request says goes before it", async () => {
    const plain = await makeKey(gateway);
    const thrifty = await makeKey(gateway, { defaults: { policy: "lowest-cost" } });
    expect(await askedOf(plain.key)).toBe("dear");
    expect(await askedOf(thrifty.key)).toBe("cheap");
    expect(await askedOf(thrifty.key, { headers: { "x-megallm-policy": "first" } })).toBe("dear");
    expect(await askedOf(thrifty.key, { more: { provider: { order: ["dear"] } } })).toBe("dear");
    // What is no chat has the same order.
    const media = { path: "/v1/images/generations", more: { prompt: "a cat" } };
    expect(await askedOf(plain.key, media)).toBe("dear");
    expect(await askedOf(thrifty.key, media)).toBe("cheap");
  });

  test("holds for a key whose requests may not choose, too", async () => {
    const bound = await makeKey(gateway, { defaults: { policy: "lowest-cost", overrides: false } });
    expect(await askedOf(bound.key)).toBe("cheap");
    const answer = await ask(bound.key, { headers: { "x-megallm-policy": "first" } });
    expect(answer.status).toBe(403);
  });

  test("a name that is no policy's is refused when the key is made, and means nothing on record", async () => {
    const refused: unknown = await makeKey(gateway, { defaults: { policy: "cheapest" } }).catch(
      String,
    );
    expect(refused).toMatch(/400 .*defaults\.policy/);
    const { id, key } = await makeKey(gateway);
    await gateway.store.directory.keys.update(
      id,
      { defaults: { policy: "__proto__" } },
      { actor: "test" },
    );
    expect(await askedOf(key)).toBe("dear");
  });

  test("a change holds for the next request", async () => {
    const { id, key } = await makeKey(gateway);
    expect(await askedOf(key)).toBe("dear");
    await administer(gateway, "PATCH", `/keys/${id}`, { defaults: { policy: "lowest-cost" } });
    expect(await askedOf(key)).toBe("cheap");
  });
});

describe("unsupported", () => {
  // OpenAI's protocol has no `top_k`.
  const other = { path: "/v1/messages", model: "dear/m", more: { max_tokens: 9, top_k: 7 } };
  test.each([
    ["warn", 200, true],
    ["drop", 200, false],
    ["error", 400, false],
  ] as const)("%s", async (unsupported, status, isTold) => {
    const { key } = await makeKey(gateway, { defaults: { unsupported } });
    const answer = await ask(key, other);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-megallm-warnings")?.includes("top_k") ?? false).toBe(isTold);
    // The request's own wish goes before it.
    const headers = { "x-megallm-unsupported": "warn" };
    const own = await ask(key, { ...other, headers });
    expect([own.status, own.headers.get("x-megallm-warnings")]).toEqual([
      200,
      expect.stringContaining("top_k"),
    ]);
  });
});

describe("priority", () => {
  test("says who leaves the queue first", async () => {
    const [usual, low, high] = [
      await makeKey(gateway),
      await makeKey(gateway, { defaults: { priority: -3 } }),
      await makeKey(gateway, { defaults: { priority: 700 } }),
    ];
    const open = Promise.withResolvers<void>();
    cheap.gate = open.promise;
    const asked: Promise<Response>[] = [];
    const come = async (key: string, text: string, headers = {}): Promise<void> => {
      asked.push(ask(key, { model: "alone", text, headers }));
      while ((await waiting()) < asked.length - 1) await Bun.sleep(1);
    };
    await come(usual.key, "in front");
    while (cheap.texts.length === 0) await Bun.sleep(1);
    await come(low.key, "low");
    await come(usual.key, "usual");
    // A request can put itself further back, not further to the front.
    await come(high.key, "meek", { "x-megallm-priority": "1" });
    await come(low.key, "bold", { "x-megallm-priority": "9" });
    await come(high.key, "high");
    open.resolve();
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
    expect(cheap.texts).toEqual(["in front", "high", "usual", "meek", "low", "bold"]);
  });
});

/** Requests in the queue. */
const waiting = async (): Promise<number> =>
  Number((await administer(gateway, "GET", "/health"))["waiting"]);
