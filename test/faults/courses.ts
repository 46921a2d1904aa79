// Faults that take more than one answer to show: retries, rests, and clients that leave.
import { expect } from "bun:test";
import { adminKey, type InProcess } from "../support/in-process.ts";
import { hang, reset } from "../support/scripted-upstream.ts";
import { type Course, course, expectLeft, expectWords, goodOf, type Setting } from "./course.ts";
import { until } from "../support/until.ts";

const broken = ({ wire }: Setting): string => wire.answers.error(500, "api_error", "Oh no.");
const refused = ({ wire }: Setting): string =>
  wire.answers.error(401, "authentication_error", "Incorrect key.");
const busy = ({ wire }: Setting): string =>
  wire.answers.error(429, "rate_limit_error", "Slow down.", { "retry-after": "40" });

async function waitingAt(gateway: InProcess): Promise<number> {
  const answer = await gateway.fetch("/admin/health", {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  return ((await answer.json()) as { load: { waiting: number } }).load.waiting;
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
      faulty.answer([scene.wire.answers.error(503, "api_error", "Later.", { "retry-after": "2" })]);
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
      const { faulty, ask, wire } = scene;
      faulty.answer([refused(scene)], goodOf(scene));
      await expectWords(scene, await ask("keys"));
      const keys = faulty.requests.map(wire.keyOf);
      expect(new Set(keys).size).toBe(2);
      faulty.answer(goodOf(scene));
      for (let turn = 0; turn < 3; turn += 1) await expectWords(scene, await ask("keys"));
      expect(new Set(faulty.requests.map(wire.keyOf))).toEqual(new Set([keys[1]]));
    },
  ),
  course(
    "R26",
    "all keys are at their limit",
    "429 with Retry-After, nothing is sent",
    async (scene) => {
      const { faulty, ask, client } = scene;
      faulty.answer([busy(scene)]);
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
    faulty.answer([broken(scene)], [broken(scene)], goodOf(scene));
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
      faulty.answer([broken(scene)]);
      for (let turn = 0; turn < 8; turn += 1) await expectWords(scene, await ask("backed"));
      expect([faulty.requests.length, sound.requests.length]).toEqual([5, 8]);
    },
  ),
  course(
    "R28",
    "a caller that tries again itself",
    "its header caps the attempts",
    async (scene) => {
      const { faulty, ask } = scene;
      faulty.answer([broken(scene)]);
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
