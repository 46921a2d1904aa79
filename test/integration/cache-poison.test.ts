// S31: what must never be kept is not: failures, what was cut, filtered, left or gone on with, calls of tools, fallbacks' answers.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { anthropicCaller, callers, openAiCaller, postAs } from "../support/callers.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  chunk,
  hang,
  json,
  reset,
  type Script,
  type ScriptedUpstream,
  startScripted,
  streamHead,
} from "../support/scripted-upstream.ts";
import { openAiAnswers, streamOf } from "../support/wire-answers.ts";

const { plain, frames, error, errorFrame } = openAiAnswers;

let upstream: ScriptedUpstream;
let second: ScriptedUpstream;
let running: InProcess[];

beforeAll(async () => {
  upstream = await startScripted();
  second = await startScripted();
});
afterEach(async () => {
  await Promise.all(running.map((each) => each.close()));
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

async function start(more: Record<string, unknown> = {}): Promise<InProcess> {
  const provider = { type: "openai-compatible", api_key: "k" };
  const gateway = await startInProcess({
    providers: {
      up: { ...provider, base_url: upstream.url },
      spare: { ...provider, base_url: second.url },
    },
    models: { main: { deployments: ["up/m-1"] } },
    cache: { ttl: "1h" },
    ...more,
  });
  running.push(gateway);
  return gateway;
}

const ask = (
  gateway: InProcess,
  { caller = openAiCaller, stream = false, more = {}, signal }: Asked = {},
): Promise<Response> =>
  gateway.fetch(
    caller.paths[0],
    postAs(caller, caller.body("main", { ...(stream && { stream }), ...more }), {
      ...(signal && { signal }),
    }),
  );

interface Asked {
  caller?: (typeof callers)[number];
  stream?: boolean;
  more?: Record<string, unknown>;
  signal?: AbortSignal;
}

/** Read as far as it goes. */
const drained = (answer: Response): Promise<string> => answer.text().catch(() => "");

/** The next request is answered anew, and soundly. */
async function isUnkept(gateway: InProcess, asked: Asked): Promise<void> {
  await gateway.idle();
  upstream.answer(asked.stream ? streamOf(...frames) : plain);
  const answer = await ask(gateway, asked);
  expect([answer.status, answer.headers.get("x-megallm-cache")]).toEqual([200, "miss"]);
  expect(await drained(answer)).toContain("Hello");
}

const choice = (message: object, finish: string) => [
  { index: 0, message: { role: "assistant", ...message }, finish_reason: finish },
];
const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const wholeOf = (message: object, finish: string): Script => [
  json(200, {
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m-1",
    choices: choice(message, finish),
    usage,
  }),
];
const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const piece = (delta: object, finish: string | null = null): string =>
  data({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "m-1",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
const streamedOf = (delta: object, finish: string): Script =>
  streamOf(
    piece({ role: "assistant", content: "" }),
    piece(delta),
    piece({}, finish),
    "data: [DONE]\n\n",
  );

const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];

describe.each(callers)("S31 $name", (caller) => {
  beforeAll(() => {
    running = [];
  });
  const cases: readonly [string, Script, boolean][] = [
    ["an error", [error(500, "server_error", "no")], false],
    ["an error, streamed", [error(429, "rate_limit", "no")], true],
    ["a refusal of the request", [error(400, "invalid_request_error", "no")], false],
    ["an error with status 200", [json(200, { error: { message: "no", type: "x" } })], false],
    [
      "no JSON",
      ["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n{"],
      false,
    ],
    ["an answer without choices", [json(200, { id: "c", choices: [], usage })], false],
    ["cut at its length", wholeOf({ content: "Hello" }, "length"), false],
    ["cut at its length, streamed", streamedOf({ content: "Hello" }, "length"), true],
    ["filtered", wholeOf({ content: "Hello" }, "content_filter"), false],
    ["filtered, streamed", streamedOf({ content: "Hello" }, "content_filter"), true],
    ["a refusal", wholeOf({ content: null, refusal: "I cannot." }, "stop"), false],
    ["calls of tools", wholeOf({ content: null, tool_calls: [call] }, "tool_calls"), false],
    [
      "calls of tools, streamed",
      streamedOf({ tool_calls: [{ index: 0, ...call }] }, "tool_calls"),
      true,
    ],
    ["a stream that is reset", [streamHead(), chunk(frames.slice(0, 3).join("")), reset], true],
    ["a stream that ends early", streamOf(...frames.slice(0, 3)), true],
    [
      "a stream with an error in it",
      streamOf(...frames.slice(0, 3), errorFrame("server_error", "no")),
      true,
    ],
  ];
  test.each(cases)("%s", async (_name, script, stream) => {
    const gateway = await start();
    const more = caller === openAiCaller ? { tools } : {};
    upstream.answer(script);
    await drained(await ask(gateway, { caller, stream, more }));
    await isUnkept(gateway, { caller, stream, more });
    expect((await gateway.store.check.verify()).wrong).toBe(0);
  });

  test("an answer whose client left in the middle", async () => {
    const gateway = await start();
    upstream.answer([streamHead(), chunk(frames.slice(0, 3).join("")), hang]);
    const leaving = new AbortController();
    const answer = await ask(gateway, { caller, stream: true, signal: leaving.signal });
    const reader = answer.body?.getReader();
    await reader?.read();
    leaving.abort();
    await reader?.cancel().catch(() => {});
    await isUnkept(gateway, { caller, stream: true });
  });

  test("calls of tools are kept where the operator wants that", async () => {
    const gateway = await start({ cache: { ttl: "1h", tool_calls: true } });
    upstream.answer(wholeOf({ content: null, tool_calls: [call] }, "tool_calls"));
    const first = await ask(gateway, { caller });
    const again = await ask(gateway, { caller });
    expect(again.headers.get("x-megallm-cache")).toBe("hit");
    expect(await again.text()).toBe(await first.text());
    const streamed = await drained(await ask(gateway, { caller, stream: true }));
    expect(streamed).toContain("call_1");
  });
});

describe("S31", () => {
  beforeAll(() => {
    running = [];
  });

  test("an answer that another deployment went on with", async () => {
    const gateway = await start({
      models: { main: { deployments: ["up/m-1", "spare/m-2"], on_midstream_failure: "continue" } },
    });
    upstream.answer([streamHead(), chunk(frames.slice(0, 3).join("")), reset]);
    second.answer(streamedOf({ content: " and more" }, "stop"));
    const text = await drained(await ask(gateway, { stream: true }));
    expect([text.includes("and more"), second.requests.length]).toEqual([true, 1]);
    await isUnkept(gateway, { stream: true });
  });

  test("a fallback's answer: the route's own model is asked again", async () => {
    const gateway = await start({
      models: { main: { deployments: ["up/m-1"], fallbacks: ["spare/m-2"] } },
    });
    upstream.answer([error(500, "server_error", "no")]);
    second.answer(plain);
    const answer = await ask(gateway);
    expect([answer.status, answer.headers.get("x-megallm-provider")]).toEqual([200, "spare"]);
    await drained(answer);
    await isUnkept(gateway, {});
  });

  test("an answer to a request of which something was left out", async () => {
    const gateway = await start();
    upstream.answer(plain);
    const asked = { caller: anthropicCaller, more: { top_k: 3 } };
    const first = await ask(gateway, asked);
    await drained(first);
    expect(first.headers.get("x-megallm-warnings")).toContain("top_k");
    await isUnkept(gateway, asked);
  });

  test("requests that let their provider act pass the cache by", async () => {
    const gateway = await start();
    upstream.answer(plain);
    const answer = await ask(gateway, {
      caller: anthropicCaller,
      more: { tools: [{ type: "web_search_20250305", name: "web_search" }] },
    });
    await drained(answer);
    expect(answer.headers.get("x-megallm-cache")).toBe("off");
  });

  test("an answer beyond the largest size, whole and streamed", async () => {
    const content = "Hello ".repeat(400);
    for (const stream of [false, true]) {
      const gateway = await start({ cache: { ttl: "1h", max_entry_size: "1kb" } });
      upstream.answer(stream ? streamedOf({ content }, "stop") : wholeOf({ content }, "stop"));
      await drained(await ask(gateway, { stream }));
      await isUnkept(gateway, { stream });
    }
  });

  test("a damaged entry is as good as none, and told in the log", async () => {
    const gateway = await start();
    upstream.answer(plain);
    await drained(await ask(gateway));
    for (let turn = 0; turn < 5_000; turn += 1) {
      if ((await gateway.store.cachedAnswers.size()).entries === 1) break;
      await Bun.sleep(1);
    }
    const explained = await gateway.fetch("/admin/explain", {
      method: "POST",
      headers: { authorization: "Bearer admin-key-of-this-test-0123456789" },
      body: JSON.stringify({ path: openAiCaller.paths[0], body: openAiCaller.body("main") }),
    });
    const { cache } = (await explained.json()) as { cache: { key: string } };
    const kept = await gateway.store.cachedAnswers.get(cache.key);
    if (!kept) throw new Error("nothing was kept");
    await gateway.store.cachedAnswers.put({ ...kept, body: Buffer.from("<html>") });
    upstream.answer(streamOf(...frames));
    // The other form has to be read.
    const answer = await ask(gateway, { stream: true });
    expect([answer.status, answer.headers.get("x-megallm-cache")]).toEqual([200, "miss"]);
    expect(await drained(answer)).toContain("Hello");
    expect(gateway.lines.join()).toContain("cache.not_read");
  });
});
