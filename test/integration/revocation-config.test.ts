// A key of the configuration that a reload takes away while its requests run: an end to what is under way.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { configFromObject } from "../../src/config/load.ts";
import { providers } from "../../src/providers/index.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import {
  type RealtimeUpstream,
  startRealtimeUpstream,
} from "../support/upstream/openai-realtime.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { until } from "../support/until.ts";

const [leaving, staying] = ["key-that-is-taken-away-0123", "key-that-stays-0123456789"];

let upstream: Upstream;
let anthropic: Upstream;
let live: RealtimeUpstream;
let gateway: InProcess;
let keys: Record<string, { key: string }>;
let required: "always" | "never";

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  anthropic = await startAnthropicUpstream();
  live = startRealtimeUpstream();
});
beforeEach(async () => {
  upstream.reset();
  anthropic.reset();
  keys = { leaving: { key: leaving }, staying: { key: staying } };
  required = "always";
  const source = () =>
    configFromObject(
      {
        discover: { models: false },
        retry: { retries: 0 },
        health: { enabled: false },
        affinity: { enabled: false },
        providers: {
          up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
          claude: { type: "anthropic", base_url: anthropic.baseUrl, api_key: anthropic.key },
          openai: { base_url: live.baseUrl, api_key: live.key },
        },
        server: { require_key: required },
        keys,
      },
      { env: {}, presets: providers },
    );
  gateway = await startInProcess({}, { source, pacing: { holdMs: 50, openEarlyMs: 100 } });
});
afterEach(() => gateway.close());
afterAll(async () => {
  await upstream.stop();
  await anthropic.stop();
  await live.stop();
});

const hanging = { kind: "hang", afterFrames: 3 } as const;

const ask = (key: string, path: string, body: object, headers: Record<string, string> = {}) =>
  gateway.fetch(path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ messages: [{ role: "user", content: "Say a lot." }], ...body }),
  });
const chat = (key: string, more: object = {}, headers: Record<string, string> = {}) =>
  ask(key, "/v1/chat/completions", { model: "up/gpt-4o", stream: true, ...more }, headers);

const ways: Record<string, () => void> = {
  removed: () => {
    delete keys["leaving"];
  },
  "given another secret": () => {
    keys["leaving"] = { key: "another-secret-of-the-same-key" };
  },
};

for (const [way, take] of Object.entries(ways)) {
  test(`${way}: its stream ends in its own wire, others' go on`, async () => {
    upstream.script([hanging, hanging]);
    anthropic.script(hanging);
    const [mine, other] = [await chat(leaving), await chat(staying)];
    const words = await ask(leaving, "/v1/messages", {
      model: "claude/claude-sonnet-4-5",
      stream: true,
      max_tokens: 50,
    });
    const [text, event] = [mine.text(), words.text()];
    take();
    expect(await gateway.gateway.reload()).toEqual({ applied: true, problems: [] });
    expect(await text).toMatch(/"error":\{.*configuration no more/);
    expect(await text).not.toContain("[DONE]");
    expect(await event).toMatch(/event: error\ndata: .*authentication_error/);
    await until(() => upstream.aborts.length === 1 && anthropic.aborts.length === 1);
    expect((await chat(leaving)).status).toBe(401);
    expect(gateway.gateway.inFlight).toBe(1);
    await other.body?.cancel();
    const { usage } = await gateway.recorded(mine);
    expect(usage).toMatchObject({ key: "leaving", status: "error", errorCode: "unauthenticated" });
  });
}

test("gets no late answer either, with an `Idempotency-Key` or without", async () => {
  upstream.script([{ kind: "hang" }, { kind: "hang" }]);
  const once = { "idempotency-key": "only-once" };
  const answers = [chat(leaving, { stream: false }), chat(leaving, { stream: false }, once)];
  await until(() => upstream.requests.length === 2);
  delete keys["leaving"];
  await gateway.gateway.reload();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401]);
  await until(() => upstream.aborts.length === 2);
});

test("loses its realtime session", async () => {
  const { port } = await gateway.listen();
  const options = { headers: { authorization: `Bearer ${leaving}` } };
  const socket = new WebSocket(
    `ws://127.0.0.1:${port}/v1/realtime?model=openai/gpt-realtime`,
    options as unknown as string[],
  );
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  delete keys["leaving"];
  await gateway.gateway.reload();
  expect(await closed).toBe(1008);
  await until(() => live.open() === 0);
  await gateway.idle();
});

test("a reload that leaves the key as it is, or asks for none any more, ends nothing", async () => {
  upstream.script(hanging);
  const answer = await chat(leaving);
  await gateway.gateway.reload();
  required = "never";
  delete keys["leaving"];
  await gateway.gateway.reload();
  await Bun.sleep(20);
  expect(gateway.gateway.inFlight).toBe(1);
  await answer.body?.cancel();
  await gateway.idle();
});

test("a configuration that is refused takes no key away", async () => {
  upstream.script(hanging);
  const answer = await chat(leaving);
  keys = { leaving: { key: "" } };
  expect((await gateway.gateway.reload()).applied).toBe(false);
  await Bun.sleep(20);
  expect(gateway.gateway.inFlight).toBe(1);
  await answer.body?.cancel();
  await gateway.idle();
});
