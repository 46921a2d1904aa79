// `first_token`: a stream that shows signs of life and no content is given up, and the next deployment answers one clean stream.
import { afterEach, describe, expect, test } from "bun:test";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";

type Act = object | string | { waitMs: number };

interface Upstream {
  server: Bun.Server<undefined>;
  count: number;
  /** Connections that were closed before their end. */
  left: number;
  /** What a stream does, in turn; texts are written as they are. */
  script: Act[];
}

const upstreams: Upstream[] = [];
let gateway: InProcess;

afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map(({ server }) => server.stop(true)));
});

const isWait = (act: Act): act is { waitMs: number } => typeof act === "object" && "waitMs" in act;

function startUpstream(script: Act[]): Upstream {
  const upstream: Upstream = {
    script,
    count: 0,
    left: 0,
    server: Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      async fetch(request) {
        upstream.count += 1;
        request.signal.addEventListener("abort", () => (upstream.left += 1));
        await request.text();
        const acts = [...upstream.script];
        const [first] = acts;
        if (first && isWait(first)) {
          await Bun.sleep(first.waitMs);
          acts.shift();
        }
        const encoder = new TextEncoder();
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            const act = acts.shift();
            if (act === undefined) controller.close();
            else if (isWait(act)) {
              await Bun.sleep(act.waitMs);
              controller.enqueue(encoder.encode(": alive\n\n"));
            } else {
              const text = typeof act === "string" ? act : `data: ${JSON.stringify(act)}\n\n`;
              controller.enqueue(encoder.encode(text));
            }
          },
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      },
    }),
  };
  upstreams.push(upstream);
  return upstream;
}

const chunk = (delta: object, finish: string | null = null) => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const role = chunk({ role: "assistant", content: "" });
const done = "data: [DONE]\n\n";
const answers = (text: string): Act[] => [role, chunk({ content: text }), chunk({}, "stop"), done];
const beats = (count: number): Act[] => Array.from({ length: count }, () => ({ waitMs: 60 }));

async function start(one: Upstream, two: Upstream, more: Record<string, unknown> = {}) {
  const at = ({ server }: Upstream) => ({
    type: "openai-compatible",
    base_url: `${server.url.origin}/v1`,
    api_key: "k",
  });
  gateway = await startInProcess(
    {
      health: { enabled: true },
      providers: { one: at(one), two: at(two) },
      models: { pair: { deployments: ["one/m", "two/m"] } },
      ...more,
    },
    // So that without the limit the start would have been shown long before.
    { pacing: { holdMs: 20, openEarlyMs: 100, keepAliveMs: 50 } },
  );
}

const ask = (body: object = {}, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers,
    body: JSON.stringify({
      model: "pair",
      stream: true,
      messages: [{ role: "user", content: "Hi" }],
      ...body,
    }),
  });

interface Chunk {
  choices: { delta: { role?: string; content?: string }; finish_reason: string | null }[];
}

/** The chunks of a stream that is whole: one beginning, one end, nothing of anybody else. */
async function whole(answer: Response): Promise<string> {
  const text = await answer.text();
  expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
  const chunks = [...text.matchAll(/^data: (\{.*)$/gm)].map(
    ([, json]) => JSON.parse(json!) as Chunk,
  );
  const choices = chunks.flatMap((each) => each.choices);
  expect(choices.filter(({ delta }) => delta.role !== undefined)).toHaveLength(1);
  expect(choices.filter(({ finish_reason: reason }) => reason !== null)).toHaveLength(1);
  return choices.map(({ delta }) => delta.content ?? "").join("");
}

const deployments = async () => {
  const answer = await gateway.fetch("/admin/health", {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  return ((await answer.json()) as { deployments: { id: string; failures: number }[] }).deployments;
};
const failuresOf = async (id: string): Promise<number | undefined> =>
  (await deployments()).find((each) => each.id === id)?.failures;

describe("a stream without content within `first_token`", () => {
  test.each([
    ["after its role, with signs of life", [role, ...beats(40), ...answers("late")]],
    ["before its headers", [{ waitMs: 2_000 }, ...answers("late")]],
    ["with empty deltas", [role, { waitMs: 60 }, role, { waitMs: 60 }, role, ...beats(40)]],
  ] as [string, Act[]][])("%s: the next deployment answers", async (_name, script) => {
    const [one, two] = [startUpstream(script), startUpstream(answers("good"))];
    await start(one, two, { timeouts: { first_token: "300ms" } });
    const answer = await ask();
    expect(await whole(answer)).toBe("good");
    const { attempts } = await gateway.recorded(
      await gateway.newest().then((row) => row!.requestId),
    );
    expect(
      attempts.map(({ provider, status, errorCode }) => [provider, status, errorCode]),
    ).toEqual([
      ["one", "error", "upstream_timeout"],
      ["two", "ok", null],
    ]);
    expect(await failuresOf("one/m#default")).toBe(1);
  });

  test("reasoning and tool calls are content, and after it the limit means nothing", async () => {
    const call = { index: 0, id: "t", type: "function", function: { name: "f", arguments: "{}" } };
    for (const first of [{ reasoning_content: "Hm." }, { tool_calls: [call] }]) {
      const one = startUpstream([role, chunk(first), ...beats(10), chunk({}, "stop"), done]);
      const two = startUpstream(answers("no"));
      await start(one, two, { timeouts: { first_token: "300ms" } });
      await (await ask()).text();
      expect([one.count, two.count]).toEqual([1, 0]);
      await gateway.close();
    }
    await start(upstreams[0]!, upstreams[1]!);
  });

  test("a deployment's own limit goes before the general one, and without one nothing is given up", async () => {
    const slow = [role, ...beats(8), ...answers("one").slice(1)];
    const [one, two] = [startUpstream(slow), startUpstream(answers("two"))];
    await start(one, two, {
      timeouts: { first_token: "5s" },
      models: {
        pair: { deployments: [{ model: "one/m", timeouts: { first_token: "200ms" } }, "two/m"] },
        free: { deployments: ["one/m", "two/m"], timeouts: { first_token: "off" } },
      },
    });
    expect(await whole(await ask())).toBe("two");
    expect(await whole(await ask({ model: "free" }))).toBe("one");
  });

  test("a whole answer has no first token", async () => {
    const [one, two] = [startUpstream([]), startUpstream([])];
    await start(one, two, { timeouts: { first_token: "1ms" } });
    expect((await ask({ stream: false })).status).toBe(502);
    const { attempts } = await gateway.recorded((await gateway.newest())!.requestId);
    expect(attempts.map(({ errorCode }) => errorCode)).not.toContain("upstream_timeout");
  });
});

describe("the caller's own limits", () => {
  const silent: Act[] = [role, ...beats(40), ...answers("late")];
  test.each([
    ["header", {}, { "x-megallm-first-token-timeout-ms": "200" }],
    ["LiteLLM's header", {}, { "x-litellm-stream-timeout": "0.2" }],
    ["LiteLLM's body", { stream_timeout: 0.2 }, {}],
  ] as [string, object, Record<string, string>][])(
    "%s: the next deployment answers, and nobody is blamed",
    async (_name, body, headers) => {
      const [one, two] = [startUpstream(silent), startUpstream(answers("good"))];
      await start(one, two);
      expect(await whole(await ask(body, headers))).toBe("good");
      expect(await failuresOf("one/m#default")).toBe(0);
    },
  );

  test("silence in the middle ends the stream with an error, and nobody is blamed", async () => {
    const one = startUpstream([role, chunk({ content: "a" }), { waitMs: 3_000 }, ...answers("b")]);
    await start(one, startUpstream([]));
    const text = await (await ask({}, { "x-megallm-idle-timeout-ms": "150" })).text();
    expect(text).toContain("150 ms");
    expect(text).not.toContain("[DONE]");
    await gateway.idle();
    expect(await failuresOf("one/m#default")).toBe(0);
    // The upstream learns it a moment later.
    for (let wait = 0; wait < 200 && one.left === 0; wait += 1) await Bun.sleep(10);
    expect(one.left).toBe(1);
  });

  test("none of them makes the operator's limits longer", async () => {
    const [one, two] = [startUpstream(silent), startUpstream(answers("good"))];
    await start(one, two, { timeouts: { first_token: "200ms" } });
    const wish = { "x-megallm-first-token-timeout-ms": "60000" };
    expect(await whole(await ask({}, wish))).toBe("good");
    expect(await failuresOf("one/m#default")).toBe(1);
  });

  test.each([
    ["x-megallm-first-token-timeout-ms", {}, { "x-megallm-first-token-timeout-ms": "0" }],
    ["x-megallm-idle-timeout-ms", {}, { "x-megallm-idle-timeout-ms": "1.5" }],
    ["x-litellm-timeout", {}, { "x-litellm-timeout": "soon" }],
    ["timeout", { timeout: "6" }, {}],
    ["stream_timeout", { stream_timeout: -1 }, {}],
  ] as [string, object, Record<string, string>][])(
    "%s is refused when it cannot be read",
    async (name, body, headers) => {
      const one = startUpstream([]);
      await start(one, one);
      const answer = await ask(body, headers);
      expect([
        answer.status,
        ((await answer.json()) as { error: { param: string } }).error.param,
      ]).toEqual([400, name]);
    },
  );

  test("LiteLLM's `timeout` is for all of it", async () => {
    const one = startUpstream([{ waitMs: 3_000 }]);
    await start(one, startUpstream(answers("no")));
    const answer = await ask({ timeout: 0.1, stream: false });
    expect(answer.status).toBe(504);
    expect(await failuresOf("one/m#default")).toBe(0);
  });
});
