// `/v1/realtime`: a WebSocket on either side, frames unchanged but for the model's name, a row for each response.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  realtimeUsage,
  type RealtimeUpstream,
  startRealtimeUpstream,
} from "../support/upstream/openai-realtime.ts";
import { until } from "../support/until.ts";

const keys = { ada: "key-of-ada-0123456789" };
let upstream: RealtimeUpstream;
let gateway: InProcess;
let port: number;

const config = () => ({
  keys,
  providers: { openai: { base_url: upstream.baseUrl, api_key: upstream.key } },
  models: { voice: { deployments: ["openai/gpt-realtime"] } },
});

beforeAll(async () => {
  upstream = startRealtimeUpstream();
  gateway = await startInProcess(config());
  ({ port } = await gateway.listen());
});
afterEach(async () => {
  await settled();
  for (const list of [upstream.frames, upstream.closes, upstream.upgrades]) list.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

async function settled(): Promise<void> {
  await until(() => upstream.open() === 0);
  await gateway.idle();
}

interface Session {
  socket: WebSocket;
  received: (string | Buffer)[];
  closed: Promise<{ code: number; reason: string }>;
}

async function open(
  query = "model=voice",
  options: Bun.WebSocketOptions = { headers: { authorization: `Bearer ${keys.ada}` } },
  at = port,
): Promise<Session> {
  const socket = new WebSocket(
    `ws://127.0.0.1:${at}/v1/realtime?${query}`,
    options as unknown as string[],
  );
  socket.binaryType = "nodebuffer";
  const received: (string | Buffer)[] = [];
  socket.addEventListener("message", ({ data }) => void received.push(data));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", (event) => reject(new Error(event.message)));
  });
  return { socket, received, closed };
}

const types = (received: readonly (string | Buffer)[]): unknown[] =>
  received.map((frame) => (typeof frame === "string" ? JSON.parse(frame).type : "binary"));

const ask = (type: string, more: object = {}): string => JSON.stringify({ type, ...more });

/** An upgrade that fails, as HTTP. */
const refusedUpgrade = (path: string, headers: Record<string, string> = {}, at = port) =>
  fetch(`http://127.0.0.1:${at}${path}`, {
    headers: {
      upgrade: "websocket",
      connection: "upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      ...headers,
    },
  });

describe("a session", () => {
  test("passes frames on unchanged but for the model's name, both ways, and counts each response", async () => {
    const { socket, received, closed } = await open();
    const update = '{ "type":"session.update", "session": { "n": 1.0, "model": "voice" } }';
    socket.send(update);
    socket.send(ask("response.create"));
    socket.send(ask("response.create"));
    socket.send(Buffer.from([0, 255, 1]));
    await until(() => received.length === 9);
    expect(types(received)).toEqual([
      "session.created",
      "session.updated",
      "response.created",
      "response.output_text.delta",
      "response.done",
      "response.created",
      "response.output_text.delta",
      "response.done",
      "binary",
    ]);
    expect(upstream.frames[0]).toBe(update.replace("voice", "gpt-realtime"));
    expect(received.at(-1)).toEqual(Buffer.from([0, 255, 1]));
    socket.close(1000, "done");
    expect(await closed).toMatchObject({ code: 1000 });
    await settled();
    expect(upstream.closes).toEqual([{ code: 1000, reason: "done" }]);
    const { rows } = await gateway.store.requests({ limit: 2 });
    for (const row of rows) {
      expect(row).toMatchObject({
        operation: "realtime",
        route: "voice",
        provider: "openai",
        model: "gpt-realtime",
        key: "ada",
        status: "ok",
        stream: true,
        inputTokens: realtimeUsage.input_tokens,
        inputAudioTokens: 13,
        cacheReadTokens: 64,
        outputTokens: realtimeUsage.output_tokens,
        outputAudioTokens: 91,
      });
      expect(row.costNanos).not.toBe(0n);
    }
    expect(new Set(rows.map(({ requestId }) => requestId)).size).toBe(2);
  });

  test("without any response has one row that says so", async () => {
    const { received, socket } = await open("model=openai%2Fgpt-realtime-mini&intent=x&other=1");
    await until(() => received.length === 1);
    socket.close();
    await settled();
    expect(await gateway.newest()).toMatchObject({
      operation: "realtime",
      model: "gpt-realtime-mini",
      inputTokens: 0,
      outputTokens: 0,
      httpStatus: 101,
    });
    expect(upstream.upgrades[0]?.target).toBe("/v1/realtime?intent=x&model=gpt-realtime-mini");
  });

  test("takes the key from the subprotocol that browsers have to use, and keeps it here", async () => {
    const { socket, received } = await open("model=voice", {
      protocols: ["realtime", `openai-insecure-api-key.${keys.ada}`, "openai-beta.realtime-v1"],
      headers: { cookie: "a=b", "openai-beta": "realtime=v1", "x-forwarded-for": "10.0.0.1" },
    });
    expect(socket.protocol).toBe("realtime");
    await until(() => received.length === 1);
    const [upgrade] = upstream.upgrades;
    expect(upgrade?.headers["sec-websocket-protocol"]).toBe("realtime, openai-beta.realtime-v1");
    expect(upgrade?.headers["openai-beta"]).toBe("realtime=v1");
    expect(upgrade?.headers["authorization"]).toBe(`Bearer ${upstream.key}`);
    expect(JSON.stringify(upstream.upgrades)).not.toMatch(/key-of-ada|a=b|10\.0\.0\.1/);
    socket.close();
    await settled();
    expect(await gateway.newest()).toMatchObject({ key: "ada" });
  });

  test("carries large frames, in order", async () => {
    const { socket, received } = await open();
    const audio = "A".repeat(3 * 1024 * 1024);
    for (let count = 0; count < 5; count += 1) {
      socket.send(ask("input_audio_buffer.append", { audio, count }));
    }
    const large = Buffer.alloc(8 * 1024 * 1024, 5);
    socket.send(large);
    await until(() => received.length === 2);
    expect((received[1] as Buffer).equals(large)).toBe(true);
    expect(upstream.frames.slice(0, 5).map((frame) => JSON.parse(String(frame)).count)).toEqual([
      0, 1, 2, 3, 4,
    ]);
    socket.close();
  });

  test("whose client does not read holds the provider back, and loses nothing", async () => {
    const { socket, received } = await open();
    await until(() => received.length === 1);
    const own = socket as unknown as { pause(): void; resume(): void };
    own.pause();
    for (let count = 0; count < 40; count += 1) socket.send(Buffer.alloc(1024 * 1024, count));
    await until(() => upstream.frames.length === 40);
    await Bun.sleep(50);
    own.resume();
    await until(() => received.length === 41);
    expect(received.slice(1).map((frame) => frame[0] as unknown)).toEqual(
      Array.from({ length: 40 }, (_, count) => count),
    );
    socket.close();
  });

  test("that sends a frame beyond the limit is ended on both sides", async () => {
    const { socket, closed } = await open();
    socket.send(Buffer.alloc(33 * 1024 * 1024));
    expect([1006, 1009]).toContain((await closed).code);
    await settled();
    expect(upstream.frames).toHaveLength(0);
  });
});

describe("the end of one side ends the other", () => {
  test.each([
    [1000, "bye", 1000],
    [1001, "going", 1001],
    [4001, "session expired", 4001],
  ])("with its own code %d", async (code, reason, expected) => {
    const { closed, received } = await open();
    await until(() => received.length === 1);
    upstream.end(code, reason);
    expect(await closed).toEqual({ code: expected, reason });
  });

  test("with 1011 when the provider breaks off, which is on record", async () => {
    const { closed, received } = await open();
    await until(() => received.length === 1);
    upstream.end();
    expect(await closed).toMatchObject({ code: 1011 });
    await settled();
    expect(await gateway.newest()).toMatchObject({
      status: "error",
      errorCode: "upstream_unavailable",
    });
  });

  test("when the client breaks off", async () => {
    const { socket, received } = await open();
    await until(() => received.length === 1);
    (socket as unknown as { terminate(): void }).terminate();
    await settled();
    expect(upstream.closes).toHaveLength(1);
  });

  test("with 1001 when the gateway drains, and no new one begins", async () => {
    const own = await startInProcess(config());
    const listening = await own.listen();
    const { closed, received } = await open(undefined, undefined, listening.port);
    await until(() => received.length === 1);
    own.gateway.drain();
    expect(await closed).toMatchObject({ code: 1001 });
    await until(() => upstream.open() === 0);
    expect(upstream.closes[0]).toMatchObject({ code: 1001 });
    const late = await refusedUpgrade(
      "/v1/realtime?model=voice",
      { authorization: `Bearer ${keys.ada}` },
      listening.port,
    );
    expect(late.status).toBe(503);
    await own.close();
  });
});

describe("an upgrade", () => {
  const authorization = `Bearer ${keys.ada}`;
  test.each([
    ["without a key", "/v1/realtime?model=voice", {}, 401],
    ["with a wrong key", "/v1/realtime?model=voice", { authorization: "Bearer nope-nope" }, 401],
    ["without a model", "/v1/realtime", { authorization }, 400],
    ["for an unknown model", "/realtime?model=nobody/x", { authorization }, 404],
    [
      "from another site",
      "/v1/realtime?model=voice",
      { authorization, origin: "https://evil.example" },
      403,
    ],
    ["for another host", "/v1/realtime?model=voice", { authorization, host: "evil.example" }, 403],
    ["of something else", "/v1/chat/completions", { authorization }, 405],
    ["of responses", "/v1/responses", { authorization }, 426],
  ])(
    "%s is refused before anything is asked of a provider",
    async (_what, path, headers, status) => {
      const answer = await refusedUpgrade(path, headers);
      expect([answer.status, upstream.upgrades.length]).toEqual([status, 0]);
    },
  );

  test("that the provider refuses is told with a status", async () => {
    const own = await startInProcess({
      providers: { openai: { base_url: upstream.baseUrl, api_key: "sk-wrong-key" } },
    });
    const listening = await own.listen();
    const wrongKey = await refusedUpgrade(
      "/v1/realtime?model=openai/gpt-realtime",
      {},
      listening.port,
    );
    expect([wrongKey.status, await wrongKey.text()]).toEqual([502, expect.stringContaining("401")]);
    expect(await own.newest()).toMatchObject({ status: "error", errorCode: "upstream_auth" });
    await own.close();
    const badModel = await refusedUpgrade("/v1/realtime?model=openai/other", { authorization });
    expect(badModel.status).toBe(400);
  });

  test("goes on to the next deployment where one cannot be reached", async () => {
    const own = await startInProcess({
      providers: {
        gone: { type: "openai-compatible", base_url: "http://127.0.0.1:1/v1", api_key: "x" },
        openai: { base_url: upstream.baseUrl, api_key: upstream.key },
      },
      models: { voice: { deployments: ["gone/x", "openai/gpt-realtime"] } },
    });
    const listening = await own.listen();
    const { received, socket } = await open("model=voice", {}, listening.port);
    await until(() => received.length === 1);
    socket.close();
    await until(() => upstream.open() === 0);
    expect(await own.newest()).toMatchObject({ provider: "openai", attempts: 2, status: "ok" });
    await own.close();
  });

  test("is not served where there is no listener", async () => {
    const answer = await gateway.fetch("/v1/realtime?model=voice");
    expect(answer.status).toBe(426);
  });
});
