// Realtime sessions and what their key may do: model limits, budgets, rate limits, calls of others. (S21, S32, S53)
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  type RealtimeUpstream,
  startRealtimeUpstream,
} from "../support/upstream/openai-realtime.ts";
import { administer, makeKey } from "../support/virtual-keys.ts";
import { until } from "../support/until.ts";

let upstream: RealtimeUpstream;
let gateway: InProcess;
let port: number;

beforeAll(async () => {
  upstream = startRealtimeUpstream();
  gateway = await startInProcess({
    providers: { openai: { base_url: upstream.baseUrl, api_key: upstream.key } },
    models: {
      voice: { deployments: ["openai/gpt-realtime"] },
      small: { deployments: ["openai/gpt-realtime-mini"] },
    },
    budgets: { default_price: { input: "5", output: "25", request: "0.10" } },
    server: { require_key: "always" },
  });
  ({ port } = await gateway.listen());
});
afterEach(async () => {
  await until(() => upstream.open() === 0);
  await gateway.idle();
  for (const list of [upstream.frames, upstream.closes, upstream.upgrades]) list.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

async function open(key: string, query = "model=voice") {
  const options = { headers: { authorization: `Bearer ${key}` } };
  const socket = new WebSocket(
    `ws://127.0.0.1:${port}/v1/realtime?${query}`,
    options as unknown as string[],
  );
  const received: string[] = [];
  socket.addEventListener("message", ({ data }) => void received.push(String(data)));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", (event) => reject(new Error(event.message)));
  });
  const done = (): number => received.filter((each) => each.includes('"response.done"')).length;
  return { socket, received, closed, done };
}

const upgrade = (key: string, query: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/v1/realtime?${query}`, {
    headers: {
      authorization: `Bearer ${key}`,
      upgrade: "websocket",
      connection: "upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
    },
  });

const respond = JSON.stringify({ type: "response.create" });
const naming = (model: string) => JSON.stringify({ type: "session.update", session: { model } });

const rowsOf = async (id: string) =>
  (await gateway.store.requests({ limit: 100 })).rows.filter(({ keyId }) => keyId === id);

describe("S21 a key limited to one model", () => {
  test.each(["model=small", "model=openai/gpt-realtime-mini", "model=gpt-realtime-mini"])(
    "is refused another at the upgrade: %s",
    async (query) => {
      const { key } = await makeKey(gateway, { models: ["voice"] });
      expect((await upgrade(key, query)).status).toBe(403);
      expect(upstream.upgrades).toEqual([]);
    },
  );

  test("takes the first `model` of several, as does the provider", async () => {
    const { key } = await makeKey(gateway, { models: ["voice"] });
    const session = await open(key, "model=voice&model=gpt-realtime-mini");
    expect(upstream.upgrades.map(({ target }) => target)).toEqual([
      "/v1/realtime?model=gpt-realtime",
    ]);
    session.socket.close();
  });

  test.each([
    naming("gpt-realtime-mini"),
    naming("small"),
    JSON.stringify({ type: "response.create", response: { model: "gpt-realtime-mini" } }),
    JSON.stringify({
      type: "session.update",
      session: { audio: { input: { transcription: { model: "whisper-1" } } } },
    }),
  ])("and in no frame: %s", async (frame) => {
    const { key, id } = await makeKey(gateway, { models: ["voice"] });
    const { socket, closed } = await open(key);
    socket.send(naming("voice"));
    socket.send(frame);
    socket.send(respond);
    const { code, reason } = await closed;
    expect(code).toBe(1008);
    expect(reason).toMatch(/session is of|may not use/);
    await until(() => upstream.open() === 0);
    await gateway.idle();
    expect(upstream.frames.every((each) => each === naming("gpt-realtime"))).toBe(true);
    await until(async () => (await rowsOf(id)).length === 1);
    expect((await rowsOf(id))[0]).toMatchObject({ status: "error", errorCode: "forbidden" });
  });
});

test("S53 a session keeps its model whatever its key may use: it is priced by that", async () => {
  const { key } = await makeKey(gateway);
  const { socket, closed } = await open(key);
  socket.send(naming("gpt-realtime-mini"));
  expect((await closed).code).toBe(1008);
  expect(upstream.frames).toEqual([]);
});

describe("S53 money", () => {
  const budgetOf = (id: string, amount: string) =>
    administer(gateway, "POST", "/budgets", {
      name: `of ${id}`,
      amount_usd: amount,
      window: "total",
      subjects: [`key:${id}`],
    });

  test("a key over its budget is refused at the upgrade, and nothing is opened", async () => {
    const { key, id } = await makeKey(gateway);
    await budgetOf(id, "0.000001");
    const answer = await upgrade(key, "model=voice");
    expect(answer.status).toBe(402);
    await answer.text();
    expect(upstream.upgrades).toEqual([]);
  });

  test("a session ends once the next response cannot be paid, with a row for each", async () => {
    const { key, id } = await makeKey(gateway);
    // A response of this model can cost $1.29, and costs less than a cent.
    await budgetOf(id, "1.4");
    const session = await open(key);
    let asked = 0;
    let isOver = false;
    void session.closed.then(() => (isOver = true));
    while (!isOver && asked < 20_000) {
      asked += 1;
      session.socket.send(respond);
      const mine = asked;
      await until(() => isOver || session.done() >= mine);
    }
    expect(await session.closed).toMatchObject({ code: 1008 });
    await until(() => upstream.open() === 0);
    await gateway.idle();
    const rows = await rowsOf(id);
    expect(rows.length).toBeGreaterThanOrEqual(session.done());
    expect(session.done()).toBeGreaterThan(0);
    expect(upstream.frames.length).toBe(session.done());
  });
});

test("S53 a rate limit ends a session at the response that is too much", async () => {
  const { key, id } = await makeKey(gateway);
  await administer(gateway, "POST", "/limits", {
    subject: `key:${id}`,
    unit: "requests",
    window: "hour",
    amount: 3,
  });
  const session = await open(key);
  for (let asked = 0; asked < 6; asked += 1) session.socket.send(respond);
  expect(await session.closed).toMatchObject({ code: 1008 });
  await until(() => upstream.open() === 0);
  expect(upstream.frames.length).toBeLessThanOrEqual(3);
  expect((await upgrade(key, "model=voice")).status).toBe(429);
});

test("S32 a call that another key began, or nobody here, is as good as none", async () => {
  const { key } = await makeKey(gateway);
  for (const query of ["call_id=rtc_other", "call_id=", "call_id=a&call_id=b"]) {
    expect((await upgrade(key, `model=voice&${query}`)).status).toBe(404);
  }
  expect(upstream.upgrades).toEqual([]);
});
