// R30: the same `Idempotency-Key` again.
import { expect } from "bun:test";
import { reset } from "../support/scripted-upstream.ts";
import { streamOf } from "../support/wire-answers.ts";
import { type Course, course, expectWords, goodOf } from "./course.ts";

export const idempotencyCourses: readonly Course[] = [
  course(
    "R30",
    "an Idempotency-Key twice",
    "one upstream call, the same bytes, the second costs nothing",
    async (scene) => {
      const { faulty, ask, gateway } = scene;
      const headers = { "idempotency-key": "key-1" };
      const first = await ask("alone", { headers });
      const second = await ask("alone", { headers });
      const text = await first.clone().text();
      await expectWords(scene, first);
      expect(await second.text()).toBe(text);
      expect(second.headers.get("idempotent-replayed")).toBe("true");
      expect(faulty.requests.length).toBe(1);
      expect((await gateway.recorded(second)).usage).toMatchObject({ costNanos: 0n, attempts: 0 });
    },
  ),
  course(
    "R30",
    "an Idempotency-Key four times at once",
    "one upstream call, the same bytes for all",
    async ({ faulty, ask, wire, stream }) => {
      const { plain, frames } = wire.answers;
      faulty.answer([30, ...(stream ? streamOf(...frames) : plain)]);
      const headers = { "idempotency-key": "key-1" };
      const answers = await Promise.all([1, 2, 3, 4].map(() => ask("alone", { headers })));
      const texts = await Promise.all(answers.map((answer) => answer.text()));
      expect([new Set(texts).size, faulty.requests.length]).toEqual([1, 1]);
    },
  ),
  course(
    "R30",
    "an Idempotency-Key with another body",
    "422, nothing is sent",
    async ({ faulty, ask, client, stream }) => {
      const headers = { "idempotency-key": "key-1" };
      await (await ask("alone", { headers })).text();
      const [, { body }] = client.request("alone", stream);
      if (typeof body !== "string") throw new Error("the body is no text");
      const other = body.replace("Say hello.", "Say something else.");
      const answer = await ask("alone", { headers, body: other });
      expect([answer.status, faulty.requests.length]).toEqual([422, 1]);
      expect((await client.read(answer)).error).toContain("Idempotency-Key");
    },
  ),
  course(
    "R30",
    "an Idempotency-Key after a failure that cost nothing",
    "asked again",
    async (scene) => {
      const { faulty, ask, wire } = scene;
      faulty.answer([wire.answers.error(400, "invalid_request_error", "No.")], goodOf(scene));
      const headers = { "idempotency-key": "key-1" };
      expect((await ask("alone", { headers })).status).toBe(400);
      await expectWords(scene, await ask("alone", { headers }));
      expect(faulty.requests.length).toBe(2);
    },
  ),
  course(
    "R30",
    "an Idempotency-Key after a reset behind the request",
    "the same failure, not sent again until `resend`",
    async (scene) => {
      const { faulty, ask } = scene;
      faulty.answer([reset]);
      const headers = { "idempotency-key": "key-1" };
      for (let turn = 0; turn < 2; turn += 1) {
        expect((await ask("alone", { headers })).status).toBe(502);
        expect(faulty.requests.length).toBe(1);
      }
      faulty.answer(goodOf(scene));
      const again = { ...headers, "x-megallm-idempotency": "resend" };
      await expectWords(scene, await ask("alone", { headers: again }));
    },
  ),
];
