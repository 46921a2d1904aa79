// Realtime sessions that transcribe: each stretch of sound is paid for, by tokens or by its length, and no budget is passed.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type Key, openScene, type Scene, usd } from "../support/money/scene.ts";
import { until } from "../support/until.ts";

interface Frame {
  type: string;
  event_id?: string;
  session?: { audio?: { input?: { transcription?: { model: string } | null } } };
}

interface Vendor {
  baseUrl: string;
  /** Nano-dollars, by its own price list. */
  bill: bigint;
  transcribed: number;
  open: number;
  stop(): Promise<void>;
}

/** Transcribes what is committed, by the model that the session names. */
function startVendor(): Vendor {
  interface Data {
    model: string | null;
    only: boolean;
  }
  const server = Bun.serve<Data>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, own) {
      const query = new URL(request.url).searchParams;
      const only = query.get("intent") === "transcription";
      const data = { model: only ? query.get("model") : null, only };
      return own.upgrade(request, { data }) ? undefined : new Response(null, { status: 426 });
    },
    websocket: {
      open(socket) {
        vendor.open += 1;
        socket.send(JSON.stringify({ type: "session.created", session: { type: "realtime" } }));
      },
      message(socket, message) {
        const frame = JSON.parse(String(message)) as Frame;
        if (frame.type === "session.update") {
          const chosen = frame.session?.audio?.input?.transcription;
          if (chosen !== undefined) socket.data.model = chosen?.model ?? null;
          socket.send(JSON.stringify({ ...frame, type: "session.updated" }));
        }
        if (frame.type !== "input_audio_buffer.commit") return;
        if (frame.event_id === "empty") {
          const error = { code: "input_audio_buffer_commit_empty", message: "no sound" };
          socket.send(JSON.stringify({ type: "error", error }));
          return;
        }
        const item_id = `item_${vendor.transcribed}`;
        socket.send(JSON.stringify({ type: "input_audio_buffer.committed", item_id }));
        const { model } = socket.data;
        if (model === null) return;
        vendor.transcribed += 1;
        if (frame.event_id === "fails") {
          const type = "conversation.item.input_audio_transcription.failed";
          socket.send(JSON.stringify({ type, item_id, error: {} }));
          return;
        }
        const isTimed = model === "whisper-1";
        vendor.bill += isTimed ? 40n * 100_000n : 3_000n * 6_000n + 20n * 2_500n + 200n * 10_000n;
        if (frame.event_id === "hangs") return;
        const usage = isTimed
          ? { type: "duration", seconds: 40 }
          : {
              type: "tokens",
              total_tokens: 3_220,
              input_tokens: 3_020,
              output_tokens: 200,
              input_token_details: { text_tokens: 20, audio_tokens: 3_000 },
            };
        const type = "conversation.item.input_audio_transcription.completed";
        socket.send(JSON.stringify({ type, item_id, transcript: "Hello.", usage }));
      },
      close() {
        vendor.open -= 1;
      },
    },
  });
  const vendor: Vendor = {
    baseUrl: `http://127.0.0.1:${server.port}/v1`,
    bill: 0n,
    transcribed: 0,
    open: 0,
    stop: () => server.stop(true),
  };
  return vendor;
}

const vendor = startVendor();
let scene: Scene;

beforeAll(async () => {
  scene = await openScene({
    providers: { live: { type: "openai", base_url: vendor.baseUrl, api_key: "key-of-the-vendor" } },
  });
});
afterEach(async () => {
  await until(() => vendor.open === 0);
  await scene.running.idle();
  vendor.bill = 0n;
  vendor.transcribed = 0;
});
afterAll(async () => {
  await scene.close();
  await vendor.stop();
});

async function open(key: Key, query: string) {
  const { port } = await scene.running.listen();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/realtime?${query}`, {
    headers: { authorization: `Bearer ${key.secret}` },
  } as unknown as string[]);
  const heard: string[] = [];
  socket.addEventListener("message", ({ data }) => void heard.push(String(data)));
  let isOver = false;
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => {
      isOver = true;
      resolve(code);
    });
  });
  const opened = await new Promise<boolean>((resolve) => {
    socket.addEventListener("open", () => resolve(true));
    socket.addEventListener("error", () => resolve(false));
  });
  const count = (type: string): number => heard.filter((each) => each.includes(type)).length;
  return { socket, closed, opened, count, isOver: () => isOver };
}

const append = JSON.stringify({ type: "input_audio_buffer.append", audio: "AAAA" });
const commit = (event_id = "works"): string =>
  JSON.stringify({ type: "input_audio_buffer.commit", event_id });
const choose = (model: string | null): string =>
  JSON.stringify({
    type: "session.update",
    session: { audio: { input: { transcription: model === null ? null : { model } } } },
  });

const kinds = [
  ["by tokens, in a session for it", "intent=transcription&model=live/gpt-4o-transcribe", null, 1],
  ["by length, in a session for it", "intent=transcription&model=live/whisper-1", null, 1.2],
  ["by tokens, beside a conversation", "model=live/gpt-realtime", "gpt-4o-transcribe", 8],
  ["by length, beside a conversation", "model=live/gpt-realtime", "whisper-1", 8],
] as const;

test.each(kinds)("%s: parallel sessions", async (_name, query, model, amount) => {
  const key = await scene.key();
  const limit = usd(amount);
  const budget = await scene.budget([key.subject], limit);
  const sessions = await Promise.all(Array.from({ length: 5 }, () => open(key, query)));
  const running = sessions.filter(({ opened }) => opened);
  expect(running.length).toBeGreaterThan(0);
  await Promise.all(
    running.map(async ({ socket, isOver, count }) => {
      if (model !== null) socket.send(choose(model));
      for (let at = 1; at <= 60 && !isOver(); at += 1) {
        socket.send(append);
        socket.send(commit());
        await until(() => isOver() || count("transcription.completed") === at);
      }
    }),
  );
  expect(running.some(({ isOver }) => isOver())).toBe(true);
  for (const { socket } of sessions) socket.close();
  await until(() => vendor.open === 0);
  const { spent, held, largest, charged } = await scene.account(budget);
  expect(vendor.transcribed).toBeGreaterThan(0);
  expect([spent, charged, held]).toEqual([vendor.bill, vendor.bill, 0n]);
  expect(vendor.bill).toBeLessThanOrEqual(limit);
  expect(largest).toBeLessThanOrEqual(limit);
  const { rows } = await scene.store.requests({ limit: 1_000 });
  const own = rows.filter((row) => row.keyId === key.id && row.operation === "transcriptions");
  expect(own.length).toBe(vendor.transcribed);
  await scene.audit();
});

test("many that are committed at once: what is cut short is charged in full, and no budget is passed", async () => {
  const key = await scene.key();
  const limit = usd(1);
  const budget = await scene.budget([key.subject], limit);
  const query = "intent=transcription&model=live/gpt-4o-transcribe";
  const sessions = await Promise.all(Array.from({ length: 4 }, () => open(key, query)));
  for (const { socket, opened } of sessions) {
    for (let at = 0; opened && at < 50; at += 1) socket.send(commit());
  }
  await until(() => sessions.every(({ opened, isOver }) => !opened || isOver()));
  await until(() => vendor.open === 0);
  const { spent, held, largest } = await scene.account(budget);
  expect(vendor.bill).toBeGreaterThan(0n);
  expect(spent).toBeGreaterThanOrEqual(vendor.bill);
  expect(largest).toBeLessThanOrEqual(limit);
  expect(held).toBe(0n);
  await scene.audit();
});

test("one that fails costs nothing; one that is never told of is charged what was set aside", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(10));
  const query = "intent=transcription&model=live/gpt-4o-transcribe";
  const session = await open(key, query);
  session.socket.send(commit("fails"));
  await until(() => session.count("transcription.failed") === 1);
  session.socket.send(commit("hangs"));
  await until(() => session.count("buffer.committed") === 2);
  session.socket.close();
  await until(() => vendor.open === 0);
  const { spent } = await scene.account(budget);
  expect(spent).toBeGreaterThanOrEqual(vendor.bill);
  const { charges } = await scene.store.accounts.unresolved({ limit: 1_000 });
  expect(charges.filter(({ budgetId }) => budgetId === budget)).toMatchObject([
    { deployment: "live/gpt-4o-transcribe", nanos: spent },
  ]);
  await scene.audit();
});

test("a commit without any sound is refused by the vendor, and costs nothing when the session ends", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(10));
  const session = await open(key, "intent=transcription&model=live/gpt-4o-transcribe");
  session.socket.send(commit());
  await until(() => session.count("transcription.completed") === 1);
  session.socket.send(commit("empty"));
  session.socket.send(commit("empty"));
  await until(() => session.count("commit_empty") === 2);
  session.socket.close();
  await until(() => vendor.open === 0);
  expect((await scene.account(budget)).spent).toBe(vendor.bill);
  await scene.audit();
});

test("nothing is set aside where nothing is transcribed, or no longer", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(10));
  const session = await open(key, "model=live/gpt-realtime");
  const held = async (): Promise<bigint> => (await scene.account(budget, true)).held;
  const before = await held();
  session.socket.send(choose("whisper-1"));
  await until(() => session.count("session.updated") === 1);
  session.socket.send(append);
  session.socket.send(choose(null));
  await until(() => session.count("session.updated") === 2);
  session.socket.send(commit());
  await until(() => session.count("buffer.committed") === 1);
  let now = await held();
  for (let tries = 0; tries < 500 && now !== before; tries += 1) {
    await Bun.sleep(2);
    now = await held();
  }
  expect(now).toBe(before);
  session.socket.close();
  await until(() => vendor.open === 0);
  expect((await scene.account(budget)).spent).toBe(0n);
  await scene.audit();
});
