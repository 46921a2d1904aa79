// Load: places at deployments, providers and the gateway, the queue in front of them, and the answer beyond it (faults R02, R22, R48).
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { startRealtimeUpstream } from "../support/upstream/openai-realtime.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { until } from "../support/until.ts";

interface Waiting {
  name: string;
  /** Lets the answer go on to its end. */
  finish(): void;
  /** Breaks it off. */
  fail(): void;
  /** The gateway has hung up. */
  readonly gone: Promise<void>;
}

/** Answers begin when the test says so; streams begin at once and end when the test says so. */
interface Upstream {
  server: Bun.Server<undefined>;
  /** Requests that have come and are not over, in the order of their coming. */
  here: Waiting[];
  /** Every name that ever came. */
  seen: string[];
}

const base = { id: "c", object: "chat.completion", created: 1, model: "m" };
const chunk = (content: string, finish: string | null): string =>
  `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

function startUpstream(): Upstream {
  const upstream: Upstream = {
    here: [],
    seen: [],
    server: Bun.serve({
      port: 0,
      error: () => new Response(null, { status: 500 }),
      async fetch(request) {
        const { stream, messages } = (await request.json()) as {
          stream?: boolean;
          messages: { content: string }[];
        };
        const name = messages[0]?.content ?? "";
        upstream.seen.push(name);
        const end = Promise.withResolvers<"finish" | "fail">();
        const gone = Promise.withResolvers<void>();
        const entry: Waiting = {
          name,
          finish: () => end.resolve("finish"),
          fail: () => end.resolve("fail"),
          gone: gone.promise,
        };
        upstream.here.push(entry);
        const leave = (): void => {
          upstream.here = upstream.here.filter((each) => each !== entry);
        };
        request.signal.addEventListener("abort", () => {
          leave();
          gone.resolve();
        });
        if (!stream) {
          const how = await end.promise;
          leave();
          if (how === "fail") return Response.json({ error: { message: "no" } }, { status: 500 });
          return Response.json({
            ...base,
            choices: [
              { index: 0, message: { role: "assistant", content: name }, finish_reason: "stop" },
            ],
            usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
          });
        }
        return new Response(
          (async function* () {
            yield chunk(name, null);
            const how = await end.promise;
            leave();
            if (how === "fail") return;
            yield `${chunk("", "stop")}data: [DONE]\n\n`;
          })(),
          { headers: { "content-type": "text/event-stream" } },
        );
      },
    }),
  };
  return upstream;
}

let one: Upstream;
let two: Upstream;
let gateway: InProcess;

async function start({
  provider = {},
  deployment = {},
  ...over
}: Record<string, unknown> = {}): Promise<void> {
  const entry = ({ server }: Upstream, more: unknown) => ({
    type: "openai-compatible",
    base_url: `${server.url.origin}/v1`,
    api_key: "k",
    ...(more as object),
  });
  gateway = await startInProcess({
    providers: { one: entry(one, provider), two: entry(two, {}) },
    models: {
      alone: { deployments: [{ model: "one/m", ...(deployment as object) }] },
      pair: { deployments: [{ model: "one/m", ...(deployment as object) }, { model: "two/m" }] },
    },
    ...over,
  });
}

beforeEach(() => {
  one = startUpstream();
  two = startUpstream();
});
afterEach(async () => {
  for (const { here } of [one, two]) for (const entry of here) entry.finish();
  await gateway.idle();
  expect(await load()).toEqual({ waiting: 0, inside: {} });
  await gateway.close();
  await Promise.all([one, two].map(({ server }) => server.stop(true)));
});

interface Extra {
  model?: string;
  stream?: boolean;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

const ask = (
  name: string,
  { model = "alone", stream = false, signal, headers = {} }: Extra = {},
): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers,
    ...(signal && { signal }),
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: name }] }),
  });

async function load(): Promise<{ waiting: number; inside: Record<string, number> }> {
  const answer = await gateway.fetch("/admin/health", {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  return ((await answer.json()) as { load: never }).load;
}

const names = ({ here }: Upstream): string[] => here.map(({ name }) => name);
const waiting = (count: number) => async (): Promise<boolean> => (await load()).waiting === count;
const inside = (count: number) => (): boolean => one.here.length === count;

describe("places", () => {
  test.each([
    ["a deployment", { deployment: { max_concurrent: 2 } }, "deployment one/m"],
    ["a provider", { provider: { max_concurrent: 2 } }, "provider one"],
    ["the gateway", { server: { max_concurrent: 2 } }, "gateway"],
  ])(
    "%s takes as many as it may, the others come in as places are free",
    async (_, limits, gate) => {
      await start(limits);
      const answers = ["a", "b", "c"].map((name) => ask(name));
      await until(waiting(1));
      await until(inside(2));
      expect((await load()).inside).toEqual({ [gate]: 2 });
      expect(one.seen.length).toBe(2);
      one.here[0]?.finish();
      await until(() => one.seen.length === 3);
      for (const entry of one.here) entry.finish();
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
    },
  );

  test("without limits nothing is counted and nobody waits", async () => {
    await start();
    const answers = Array.from({ length: 30 }, (_, index) => ask(`${index}`));
    await until(inside(30));
    expect(await load()).toEqual({ waiting: 0, inside: {} });
    for (const entry of one.here) entry.finish();
    await Promise.all(answers);
  });

  test("what a deployment has no place for goes on to the next that is free", async () => {
    await start({ deployment: { max_concurrent: 1 } });
    const first = ask("a", { model: "pair" });
    await until(inside(1));
    const second = ask("b", { model: "pair" });
    await until(() => two.here.length === 1);
    two.here[0]?.finish();
    expect((await second).headers.get("x-megallm-provider")).toBe("two");
    one.here[0]?.finish();
    expect((await first).headers.get("x-megallm-provider")).toBe("one");
  });

  test("who was passed over because it was full is still tried when the other fails", async () => {
    await start({ deployment: { max_concurrent: 1 } });
    const first = ask("a", { model: "pair" });
    await until(inside(1));
    const second = ask("b", { model: "pair" });
    await until(() => two.here.length === 1);
    one.here[0]?.finish();
    await first;
    two.here[0]?.fail();
    await until(() => names(one).includes("b"));
    one.here[0]?.finish();
    const answer = await second;
    expect([answer.status, answer.headers.get("x-megallm-attempts")]).toEqual([200, "2"]);
  });

  test("a failed attempt leaves its place", async () => {
    await start({ deployment: { max_concurrent: 1 } });
    const first = ask("a");
    await until(inside(1));
    one.here[0]?.fail();
    expect((await first).status).toBe(502);
    expect((await load()).inside).toEqual({});
  });

  test("a stream holds its place until it is over, however it ends", async () => {
    await start({ deployment: { max_concurrent: 1 }, queue: { max: 0 } });
    for (const end of ["finish", "fail", "leave"] as const) {
      const leave = new AbortController();
      const answer = await ask(end, { stream: true, signal: leave.signal });
      const reader = answer.body?.getReader();
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain(end);
      expect((await ask("other")).status).toBe(429);
      const [entry] = one.here;
      if (end === "leave") leave.abort();
      else entry?.[end]();
      while (end !== "leave" && !(await reader?.read())?.done);
      if (end === "leave") await entry?.gone;
      await until(async () => (await load()).inside["deployment one/m"] === undefined);
    }
  });

  test("a realtime session holds its place until it is closed, not until its first response", async () => {
    const voice = startRealtimeUpstream();
    await start({
      providers: {
        openai: { base_url: voice.baseUrl, api_key: voice.key, max_concurrent: 1 },
      },
      models: {},
      queue: { max: 0 },
    });
    const { port } = await gateway.listen();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/realtime?model=openai/gpt-realtime`);
    const types: string[] = [];
    socket.addEventListener("message", ({ data }) => {
      types.push((JSON.parse(String(data)) as { type: string }).type);
    });
    await until(() => types.length > 0);
    socket.send(JSON.stringify({ type: "response.create" }));
    await until(() => types.includes("response.done"));
    await gateway.idle();
    expect((await load()).inside).toEqual({ "provider openai": 1 });
    expect((await ask("other", { model: "openai/gpt-4o" })).status).toBe(429);
    socket.close();
    await until(async () => (await load()).inside["provider openai"] === undefined);
    await voice.stop();
  });

  test("tokens that the gateway counts itself hold no place for longer than that", async () => {
    await start({ provider: { max_concurrent: 1 } });
    for (let turn = 0; turn < 3; turn += 1) {
      const answer = await gateway.fetch("/v1/messages/count_tokens", {
        method: "POST",
        body: JSON.stringify({ model: "alone", messages: [{ role: "user", content: "Hi" }] }),
      });
      expect(answer.status).toBe(200);
    }
    expect((await load()).inside).toEqual({});
  });
});

describe("the queue", () => {
  test("goes by priority, then by time; a caller can only put itself back", async () => {
    const keys = { "key-low": 2, "key-mid": 5, "key-top": 9 };
    const secret = (name: string): string => `${name}-0123456789abc`;
    await start({
      deployment: { max_concurrent: 1 },
      keys: Object.fromEntries(
        Object.entries(keys).map(([name, priority]) => [name, { key: secret(name), priority }]),
      ),
    });
    const as = (key: string, wish?: string): Extra => ({
      headers: {
        authorization: `Bearer ${secret(key)}`,
        ...(wish !== undefined && { "x-megallm-priority": wish }),
      },
    });
    const answers = [ask("first", as("key-mid"))];
    await until(inside(1));
    const coming: [string, Extra][] = [
      ["low, asks for 9", as("key-low", "9")],
      ["mid", as("key-mid")],
      ["mid, asks for 0", as("key-mid", "0")],
      ["mid, later", as("key-mid", "nonsense")],
      ["top", as("key-top")],
    ];
    for (const [at, [name, extra]] of coming.entries()) {
      answers.push(ask(name, extra));
      await until(waiting(at + 1));
    }
    for (let turn = 0; turn < answers.length; turn += 1) {
      await until(() => one.seen.length === turn + 1 && one.here.length === 1);
      one.here[0]?.finish();
      await until(() => one.seen.length === turn + 2 || one.here.length === 0);
    }
    await Promise.all(answers);
    expect(one.seen).toEqual([
      "first",
      "top",
      "mid",
      "mid, later",
      "low, asks for 9",
      "mid, asks for 0",
    ]);
  });

  test("has an end in time", async () => {
    await start({ deployment: { max_concurrent: 1 }, queue: { max_wait: "30ms" } });
    const first = ask("a");
    await until(inside(1));
    const late = await ask("b");
    expect([late.status, Number(late.headers.get("retry-after")) >= 1]).toEqual([429, true]);
    expect(one.seen).toEqual(["a"]);
    one.here[0]?.finish();
    await first;
  });

  test.each([
    ["a deployment", { deployment: { max_concurrent: 1 } }, 429],
    ["the gateway", { server: { max_concurrent: 1 } }, 503],
  ])("R48 beyond the queue of %s: told at once when to come back", async (_, limits, status) => {
    await start({ ...limits, queue: { max: 2 } });
    const answers = ["a", "b", "c"].map((name) => ask(name));
    await until(waiting(2));
    const refused = await Promise.all(
      Array.from({ length: 200 }, (_each, index) => ask(`${index}`, { stream: index % 2 === 0 })),
    );
    for (const answer of refused) {
      expect([answer.status, Number(answer.headers.get("retry-after")) >= 1]).toEqual([
        status,
        true,
      ]);
      expect(answer.headers.get("x-megallm-attempts")).toBe("0");
      expect((await answer.json()) as object).toHaveProperty("error.message");
    }
    for (let turn = 0; turn < 3; turn += 1) {
      await until(inside(1));
      one.here[0]?.finish();
      await until(() => one.here.length === 0 || one.seen.length === turn + 2);
    }
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(one.seen).toEqual(["a", "b", "c"]);
  });

  test("R02 a client that leaves while it waits: nothing is sent, one row, its place in the queue is free", async () => {
    await start({ deployment: { max_concurrent: 1 }, queue: { max: 1 } });
    const first = ask("a");
    await until(inside(1));
    const leave = new AbortController();
    const second = ask("b", { signal: leave.signal });
    await until(waiting(1));
    leave.abort();
    const gone = await second;
    expect((await load()).waiting).toBe(0);
    const { usage, attempts } = await (async () => {
      one.here[0]?.finish();
      await first;
      return gateway.recorded(gone);
    })();
    expect([usage.status, usage.httpStatus, attempts]).toEqual(["client_closed", 499, []]);
    expect(one.seen).toEqual(["a"]);
  });

  // The runtime of the tests sends 256 requests at once at most; more go through the executable (test/e2e/load.test.ts).
  test("R22 as many streams as there are places all start, the next is told at once", async () => {
    await start({ server: { max_concurrent: 200 }, queue: { max: 0 } });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => ask(`${index}`, { stream: true })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await load()).inside).toEqual({ gateway: 200 });
    expect((await ask("one too many", { stream: true })).status).toBe(503);
    for (const entry of one.here) entry.finish();
    await Promise.all(answers.map((answer) => answer.text()));
  });
});
