// R23: a wall clock that jumps while requests run. Durations and rests go by the monotonic one.
import { expect } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import { chunk, lastChunk, streamHead } from "../support/scripted-upstream.ts";
import { type Course, course, expectWords } from "./course.ts";
import { until } from "../support/until.ts";

const hour = 3_600_000;

async function atHour<T>(hours: number, work: () => Promise<T>): Promise<T> {
  const restore = setClock({ now: () => Date.now() + hours * hour });
  try {
    return await work();
  } finally {
    restore();
  }
}

export const clockCourses: readonly Course[] = [
  course(
    "R23",
    "the clock jumps back an hour in the middle of an answer",
    "the answer goes on, its durations are true",
    async (scene) => {
      const { faulty, ask, wire, stream, gateway } = scene;
      const [opening = "", hello = "", ...rest] = wire.answers.frames;
      faulty.answer(
        stream
          ? [streamHead(), chunk(opening), chunk(hello), 30, ...rest.map(chunk), lastChunk]
          : [30, ...wire.answers.plain],
      );
      const asked = ask();
      await until(() => faulty.requests.length === 1);
      const answer = await atHour(-1, async () => {
        const got = await asked;
        await expectWords(scene, got);
        await gateway.idle();
        return got;
      });
      const { usage, attempts } = await gateway.recorded(answer);
      for (const { durationMs } of [usage, ...attempts]) {
        expect(durationMs).toBeGreaterThan(0);
        expect(durationMs).toBeLessThan(60_000);
      }
    },
  ),
  course(
    "R23",
    "the clock jumps ahead an hour while a deployment rests",
    "it rests as long as it was asked to",
    async ({ faulty, ask, wire }) => {
      const busy = { "retry-after": "40" };
      faulty.answer([wire.answers.error(429, "rate_limit_error", "Slow down.", busy)]);
      expect((await ask("keys")).status).toBe(429);
      const sent = faulty.requests.length;
      const answer = await atHour(1, () => ask("keys"));
      expect([answer.status, faulty.requests.length]).toEqual([429, sent]);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(30);
    },
  ),
];
