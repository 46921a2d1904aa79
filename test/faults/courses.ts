// Faults that take more than one answer to show: retries, rests, and clients that leave.
import { expect } from "bun:test";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { hang, reset, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { openAiAnswers, streamOf } from "../support/wire-answers.ts";
import type { Client } from "./clients.ts";

export interface Setting {
  client: Client;
  stream: boolean;
  faulty: ScriptedUpstream;
  sound: ScriptedUpstream;
}

export interface Course {
  item: string;
  name: string;
  stated: string;
  run(setting: Setting): Promise<void>;
}

interface Scene extends Setting {
  gateway: InProcess;
  ask(model?: string, init?: RequestInit): Promise<Response>;
}

/** Routes: `alone` and `backed`, both with two retries. */
const course = (
  item: string,
  name: string,
  stated: string,
  play: (scene: Scene) => Promise<void>,
  over: Record<string, unknown> = {},
): Course => ({
  item,
  name,
  stated,
  async run(setting) {
    const { client, stream, faulty, sound } = setting;
    const good = stream ? streamOf(...openAiAnswers.frames) : openAiAnswers.plain;
    faulty.answer(good);
    sound.answer(good);
    const entry = { type: "openai-compatible" };
    const gateway = await startInProcess({
      health: { enabled: true },
      retry: { retries: 2 },
      providers: {
        faulty: { ...entry, base_url: faulty.url, keys: ["operator-key-a", "operator-key-b"] },
        sound: { ...entry, base_url: sound.url, api_key: "operator-key-c" },
      },
      models: {
        alone: { deployments: [{ model: "faulty/m", key: "key-1" }] },
        backed: { deployments: [{ model: "faulty/m", key: "key-1" }], fallbacks: ["sound/m"] },
        keys: { deployments: [{ model: "faulty/m" }] },
        replay: { deployments: [{ model: "faulty/m", key: "key-1" }], retry: { replay: true } },
        single: { deployments: [{ model: "faulty/m", key: "key-1", max_concurrent: 1 }] },
      },
      ...over,
    });
    try {
      await play({
        ...setting,
        gateway,
        ask: (model = "alone", init = {}) => {
          const [path, base] = client.request(model, stream);
          const headers = { ...(base.headers as object), ...(init.headers as object) };
          return gateway.fetch(path, { ...base, ...init, headers });
        },
      });
      await gateway.idle();
    } finally {
      await gateway.close();
    }
  },
});

const broken = openAiAnswers.error(500, "api_error", "Oh no.");
const refused = openAiAnswers.error(401, "authentication_error", "Incorrect key.");
const busy = openAiAnswers.error(429, "rate_limit_error", "Slow down.", { "retry-after": "40" });

async function waitingAt(gateway: InProcess): Promise<number> {
  const answer = await gateway.fetch("/admin/health", {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  return ((await answer.json()) as { load: { waiting: number } }).load.waiting;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it never came to that");
    await Bun.sleep(1);
  }
}

const goodOf = ({ stream }: Setting) =>
  stream ? streamOf(...openAiAnswers.frames) : openAiAnswers.plain;

async function expectWords({ client }: Setting, answer: Response): Promise<void> {
  expect(answer.status).toBe(200);
  const { text, complete, error } = await client.read(answer);
  expect({ text, complete, error }).toEqual({
    text: "Hello there",
    complete: true,
    error: undefined,
  });
}

async function expectLeft({ gateway }: Scene, attempts: number): Promise<void> {
  await gateway.idle();
  expect(await gateway.newest()).toMatchObject({ status: "client_closed", attempts });
  expect((await gateway.store.requests({ limit: 10 })).rows.length).toBe(1);
}

export const courses: readonly Course[] = [
  course(
    "R02",
    "the client leaves a silent provider",
    "the upstream is closed, no further attempt, one row",
    async (scene) => {
      const { faulty, sound, ask } = scene;
      faulty.answer([hang]);
      const leave = new AbortController();
      const answer = ask("backed", { signal: leave.signal });
      await until(() => faulty.requests.length === 1);
      leave.abort();
      await answer;
      await expectLeft(scene, 1);
      await until(() => faulty.open() === 0);
      expect([faulty.requests.length, sound.requests.length]).toEqual([1, 0]);
    },
  ),
  course(
    "R02",
    "the client leaves in a pause before a retry",
    "no further attempt, one row",
    async (scene) => {
      const { faulty, ask, gateway } = scene;
      faulty.answer([openAiAnswers.error(503, "api_error", "Later.", { "retry-after": "2" })]);
      const leave = new AbortController();
      const answer = ask("alone", { signal: leave.signal });
      await until(() => gateway.lines.some((line) => line.includes("attempt.failed")));
      leave.abort();
      await answer;
      await expectLeft(scene, 1);
      expect(faulty.requests.length).toBe(1);
    },
  ),
  course(
    "R02",
    "the client leaves the queue",
    "nothing is sent, its place is free, one row",
    async (scene) => {
      const { faulty, ask, gateway } = scene;
      faulty.answer([hang]);
      const [first, second] = [new AbortController(), new AbortController()];
      const taking = ask("single", { signal: first.signal });
      await until(() => faulty.requests.length === 1);
      const waiting = ask("single", { signal: second.signal });
      await until(async () => (await waitingAt(gateway)) === 1);
      second.abort();
      const { usage, attempts } = await (async () => {
        const answer = await waiting;
        first.abort();
        await taking;
        return gateway.recorded(answer);
      })();
      expect([usage.status, attempts]).toEqual(["client_closed", []]);
      expect(faulty.requests.length).toBe(1);
      faulty.answer(goodOf(scene));
      await expectWords(scene, await ask("single"));
    },
  ),
  course(
    "R25",
    "one of two keys is refused",
    "the other answers; the first is left alone from then on",
    async (scene) => {
      const { faulty, ask } = scene;
      faulty.answer([refused], goodOf(scene));
      await expectWords(scene, await ask("keys"));
      const keys = faulty.requests.map(({ headers }) => headers["authorization"]);
      expect(new Set(keys).size).toBe(2);
      faulty.answer(goodOf(scene));
      for (let turn = 0; turn < 3; turn += 1) await expectWords(scene, await ask("keys"));
      expect(new Set(faulty.requests.map(({ headers }) => headers["authorization"]))).toEqual(
        new Set([keys[1]]),
      );
    },
  ),
  course(
    "R26",
    "all keys are at their limit",
    "429 with Retry-After, nothing is sent",
    async ({ faulty, ask, client }) => {
      faulty.answer([busy]);
      expect((await ask("keys")).status).toBe(429);
      expect(faulty.requests.length).toBe(2);
      const answer = await ask("keys");
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(30);
      expect((await client.read(answer)).error).toBeDefined();
      expect(faulty.requests.length).toBe(2);
    },
  ),
  course("R27", "two failures, then an answer", "the third attempt's answer", async (scene) => {
    const { faulty, ask, gateway } = scene;
    faulty.answer([broken], [broken], goodOf(scene));
    const answer = await ask();
    await expectWords(scene, answer);
    const { attempts } = await gateway.recorded(answer);
    expect(attempts.map(({ httpStatus }) => httpStatus)).toEqual([500, 500, 200]);
  }),
  course(
    "R27",
    "a deployment that keeps failing",
    "rests after 5 of 5, the fallback answers at once",
    async (scene) => {
      const { faulty, sound, ask } = scene;
      faulty.answer([broken]);
      for (let turn = 0; turn < 8; turn += 1) await expectWords(scene, await ask("backed"));
      expect([faulty.requests.length, sound.requests.length]).toEqual([5, 8]);
    },
  ),
  course(
    "R28",
    "a caller that tries again itself",
    "its header caps the attempts",
    async ({ faulty, ask }) => {
      faulty.answer([broken]);
      expect((await ask("alone", { headers: { "x-megallm-max-attempts": "1" } })).status).toBe(502);
      expect(faulty.requests.length).toBe(1);
    },
  ),
  course(
    "R29",
    "reset after the request was sent",
    "not sent again to the same; the fallback answers",
    async (scene) => {
      const { faulty, sound, ask } = scene;
      faulty.answer([reset]);
      expect((await ask()).status).toBe(502);
      expect(faulty.requests.length).toBe(1);
      await expectWords(scene, await ask("backed"));
      expect(sound.requests.length).toBe(1);
    },
  ),
  course(
    "R29",
    "the same, where replaying is allowed",
    "sent again, each attempt on record",
    async (scene) => {
      const { faulty, ask, gateway } = scene;
      faulty.answer([reset], goodOf(scene));
      const answer = await ask("replay");
      await expectWords(scene, answer);
      expect((await gateway.recorded(answer)).attempts.length).toBe(2);
    },
  ),
  course(
    "R48",
    "one more than there are places, and no queue",
    "429 with Retry-After",
    async (scene) => {
      const { faulty, ask, client } = scene;
      faulty.answer([hang]);
      const leave = new AbortController();
      const taking = ask("single", { signal: leave.signal });
      await until(() => faulty.requests.length === 1);
      const answer = await ask("single");
      expect([answer.status, Number(answer.headers.get("retry-after")) >= 1]).toEqual([429, true]);
      expect((await client.read(answer)).error).toBeDefined();
      expect(faulty.requests.length).toBe(1);
      leave.abort();
      await taking;
    },
    { queue: { max: 0 } },
  ),
];
