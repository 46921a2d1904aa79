// Retries, fallbacks, cooldowns and sessions, through the whole gateway against upstreams that fail on command.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";

interface Upstream {
  server: Bun.Server<undefined>;
  /** Requests that came. */
  count: number;
  /** Statuses of the next answers; 200 when there are none left. */
  next: (number | "reset")[];
  headers: Record<string, string>;
}

function startUpstream(): Upstream {
  const upstream: Upstream = {
    count: 0,
    next: [],
    headers: {},
    server: Bun.serve({
      port: 0,
      // An answer that is cut off on purpose is nothing to print.
      error: () => new Response(null, { status: 500 }),
      async fetch(request) {
        upstream.count += 1;
        const { stream } = (await request.json()) as { stream?: boolean };
        const status = upstream.next.shift() ?? 200;
        if (status === "reset") {
          return new Response(new ReadableStream({ start: (c) => c.error(new Error("cut")) }));
        }
        if (status !== 200) {
          return Response.json(
            { error: { message: `scripted ${status}`, type: "server_error" } },
            { status, headers: upstream.headers },
          );
        }
        const base = { id: "c", object: "chat.completion", created: 1, model: "m" };
        if (stream) {
          const chunk = {
            ...base,
            choices: [{ index: 0, delta: { content: "ok" }, finish_reason: "stop" }],
          };
          return new Response(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`, {
            headers: { "content-type": "text/event-stream" },
          });
        }
        return Response.json({
          ...base,
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

let one: Upstream;
let two: Upstream;
let gateway: InProcess;

async function start(over: Record<string, unknown> = {}): Promise<void> {
  const provider = ({ server }: Upstream) => ({
    type: "openai-compatible",
    base_url: `${server.url.origin}/v1`,
    api_key: "k",
  });
  gateway = await startInProcess({
    health: { enabled: true },
    providers: { one: provider(one), two: provider(two) },
    models: {
      pair: { deployments: [{ model: "one/m" }, { model: "two/m" }] },
      alone: { deployments: [{ model: "one/m" }], retry: { retries: 2 } },
      shares: { policy: "round-robin", deployments: [{ model: "one/m" }, { model: "two/m" }] },
    },
    ...over,
  });
}

beforeEach(() => {
  one = startUpstream();
  two = startUpstream();
});
afterEach(async () => {
  await gateway.close();
  await Promise.all([one, two].map(({ server }) => server.stop(true)));
});

const ask = (
  model: string,
  body: object = {},
  headers: Record<string, string> = {},
): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers,
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }], ...body }),
  });

const provider = (answer: Response): string | null => answer.headers.get("x-megallm-provider");

describe("retries", () => {
  test("the same deployment is asked again where there is no other, and each attempt is on record", async () => {
    await start();
    one.next = [503, 500];
    const answer = await ask("alone");
    expect([answer.status, answer.headers.get("x-megallm-attempts")]).toEqual([200, "3"]);
    const { attempts } = await gateway.recorded(answer);
    expect(attempts.map(({ status, httpStatus }) => [status, httpStatus])).toEqual([
      ["error", 503],
      ["error", 500],
      ["ok", 200],
    ]);
  });

  test.each([400, 404, 413, 422])(
    "R24 a %i is the caller's: one attempt, nobody rests",
    async (status) => {
      await start();
      one.next = [status];
      const answer = await ask("pair");
      expect([answer.status, one.count, two.count]).toEqual([status, 1, 0]);
      expect((await ask("pair")).headers.get("x-megallm-provider")).toBe("one");
    },
  );

  test("R28 the caller's header caps all attempts", async () => {
    await start();
    one.next = [500, 500, 500];
    const answer = await ask("alone", {}, { "x-megallm-max-attempts": "1" });
    expect([answer.status, one.count]).toEqual([502, 1]);
  });

  test("R29 what may be at work is not asked twice, but somebody else is", async () => {
    await start();
    one.next = ["reset", "reset"];
    expect((await ask("alone")).status).toBe(502);
    expect(one.count).toBe(1);
    const answer = await ask("pair");
    expect([answer.status, provider(answer)]).toEqual([200, "two"]);
  });
});

describe("health", () => {
  test("R26 after a 429 a deployment rests as long as it asked for", async () => {
    await start();
    one.headers = { "retry-after": "30" };
    one.next = [429];
    expect(provider(await ask("pair"))).toBe("two");
    expect(provider(await ask("pair"))).toBe("two");
    expect(one.count).toBe(1);
    const health = await gateway.fetch("/admin/health", {
      headers: { authorization: `Bearer ${adminKey}` },
    });
    const { deployments } = (await health.json()) as { deployments: Record<string, unknown>[] };
    const resting = deployments.find(({ id }) => String(id).startsWith("one/m"));
    expect(resting).toMatchObject({ state: "open", kind: "rate-limit" });
    expect(resting?.["restsForMs"]).toBeGreaterThan(25_000);
  });

  test("R25 refused credentials rest the key, not the model", async () => {
    await start();
    one.next = [401];
    expect(provider(await ask("pair"))).toBe("two");
    expect(provider(await ask("pair"))).toBe("two");
    expect(one.count).toBe(1);
  });

  test("when all are at their limit the client is told when to come back", async () => {
    await start();
    for (const upstream of [one, two]) {
      upstream.headers = { "retry-after": "20" };
      upstream.next = [429, 429];
    }
    expect((await ask("pair")).status).toBe(429);
    const answer = await ask("pair");
    expect([answer.status, one.count, two.count]).toEqual([429, 1, 1]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(10);
  });

  test("a lone deployment is asked all the same", async () => {
    await start();
    one.next = Array.from({ length: 40 }, () => 500);
    for (let turn = 0; turn < 12; turn += 1)
      await ask("alone", {}, { "x-megallm-max-attempts": "1" });
    expect(one.count).toBe(12);
    one.next = [];
    expect((await ask("alone")).status).toBe(200);
  });

  test("R13 an error inside a stream counts, and the client sees it", async () => {
    await start();
    expect((await ask("pair", { stream: true })).status).toBe(200);
    one.next = [500];
    const answer = await ask("pair", { stream: true });
    expect([answer.status, provider(answer)]).toEqual([200, "two"]);
    expect(await answer.text()).toContain("[DONE]");
  });
});

describe("auto", () => {
  const hard =
    "Prove that the halting problem is undecidable, then derive step by step why Rice's theorem follows from it, and explain each reduction with a counterexample where the argument would fail.";

  const routeOf = (slider?: number) => ({
    policy: "auto",
    ...(slider !== undefined && { slider }),
    deployments: [
      { model: "one/m", quality: 1 },
      { model: "two/m", quality: 2 },
    ],
  });
  const say = async (model: string, content: string): Promise<string | null> =>
    provider(await ask(model, { messages: [{ role: "user", content }] }));

  test("an easy request goes to the simple tier, a hard one to the best; the slider decides for all", async () => {
    await start({ models: { auto: routeOf(), cheap: routeOf(0), best: routeOf(1) } });
    expect(await say("auto", "Hi!")).toBe("one");
    expect(await say("auto", hard)).toBe("two");
    expect([await say("cheap", hard), await say("best", "Hi!")]).toEqual(["one", "two"]);
  });

  test("the other tier is the fallback", async () => {
    await start({ models: { auto: routeOf() } });
    one.next = [503];
    expect(await say("auto", "Hi!")).toBe("two");
  });
});

test("a key may be kept from choosing for itself", async () => {
  await start({
    keys: { held: { key: "key-held-0123456789", overrides: false }, free: "key-free-0123456789" },
  });
  const wish = { "x-megallm-policy": "round-robin" };
  const held = await ask("pair", {}, { ...wish, authorization: "Bearer key-held-0123456789" });
  expect(held.status).toBe(403);
  const free = await ask("pair", {}, { ...wish, authorization: "Bearer key-free-0123456789" });
  expect(free.status).toBe(200);
});

describe("sessions", () => {
  test("a conversation stays where it was; others take turns", async () => {
    await start({ affinity: { enabled: true } });
    const names: (string | null)[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      names.push(provider(await ask("shares", {}, { "x-session-id": "a" })));
    }
    expect(new Set(names).size).toBe(1);
    const off: (string | null)[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      off.push(
        provider(await ask("shares", {}, { "x-session-id": "a", "x-megallm-affinity": "off" })),
      );
    }
    expect(new Set(off).size).toBe(2);
  });

  test("a conversation leaves a deployment that fails", async () => {
    await start({ affinity: { enabled: true } });
    const first = provider(await ask("shares", {}, { "x-session-id": "b" }));
    const [mine, other] = first === "one" ? [one, "two"] : [two, "one"];
    mine.next = [503, 503, 503];
    expect(provider(await ask("shares", {}, { "x-session-id": "b" }))).toBe(other);
    expect(provider(await ask("shares", {}, { "x-session-id": "b" }))).toBe(other);
  });
});
