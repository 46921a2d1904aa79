// Streams in odd pieces and odd grammar, and clients that leave them.
import { expect } from "bun:test";
import { chunk, hang, lastChunk, streamHead } from "../support/scripted-upstream.ts";
import { streamOf } from "../support/wire-answers.ts";
import { type Course, course, expectLeft, expectWords, seen } from "./course.ts";
import { until } from "../support/until.ts";

export const streamCourses: readonly Course[] = [
  course(
    "R01",
    "the client leaves midway",
    "the upstream is closed, one row, charged for what was shown (R04)",
    async (scene) => {
      const { faulty, ask, wire } = scene;
      const [opening = "", hello = ""] = wire.answers.frames;
      faulty.answer([streamHead(), chunk(opening), chunk(hello), hang]);
      const leave = new AbortController();
      const answer = await ask("backed", { signal: leave.signal });
      await seen(answer, "Hello");
      leave.abort();
      await until(() => faulty.open() === 0);
      await expectLeft(scene, 1);
      const row = await scene.gateway.newest();
      expect(row?.outputTokens).toBeGreaterThan(0);
      expect(row?.costNanos).toBeGreaterThan(0n);
    },
    { streamOnly: true },
  ),
  course(
    "R03",
    "the client leaves right behind the end",
    "recorded as answered",
    async ({ faulty, ask, wire, gateway }) => {
      faulty.answer([streamHead(), ...wire.answers.frames.map(chunk), hang]);
      const leave = new AbortController();
      const answer = await ask("alone", { signal: leave.signal });
      await seen(answer, "there");
      await until(() => gateway.lines.some((line) => line.includes("request.settled")));
      leave.abort();
      expect(await gateway.newest()).toMatchObject({ status: "ok", outputTokens: 3 });
    },
    // At Google the end of the connection is the end.
    { streamOnly: true, wires: ["OpenAI", "Anthropic"] },
  ),
  course("R06", "one byte a packet", "the same words as in one piece", async (scene) => {
    const { faulty, ask, wire, stream } = scene;
    const { plain, frames } = wire.answers;
    const bytes = Buffer.from(stream ? frames.join("") : String(plain[0]), "latin1");
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
    faulty.answer(
      stream
        ? [streamHead(), ...pieces.map((byte) => chunk(String.fromCharCode(...byte))), lastChunk]
        : pieces,
    );
    await expectWords(scene, await ask());
  }),
  course(
    "R07",
    "every freedom of the SSE grammar",
    "the same words; comments never become data",
    async (scene) => {
      const { faulty, ask, wire } = scene;
      const odd = wire.answers.frames.map((frame, at) =>
        [
          ": a comment\n",
          at === 0 ? "retry: 3000\n" : "",
          `id: ${at}\nx-unknown: 1\n`,
          frame.replaceAll("data: ", at % 2 === 0 ? "data:" : "data: "),
        ].join(""),
      );
      const ended = odd.map((frame, at) =>
        frame.replaceAll("\n", ["\n", "\r\n", "\r"][at % 3] ?? ""),
      );
      faulty.answer([streamHead(), chunk(`\ufeff${ended.join("")}`), lastChunk]);
      await expectWords(scene, await ask());
    },
    { streamOnly: true },
  ),
  course(
    "R08",
    "one event of 1 MB",
    "passes whole",
    async ({ faulty, ask, wire, client }) => {
      const long = "x".repeat(1_000_000);
      const frames = wire.answers.frames.map((frame) => frame.replace(" there", long));
      faulty.answer(streamOf(...frames));
      const { text, complete } = await client.read(await ask());
      expect([text.length, complete]).toEqual([long.length + "Hello".length, true]);
    },
    { streamOnly: true },
  ),
  course(
    "R11",
    "buffering on the way",
    "no-transform, X-Accel-Buffering: no, the first words at once",
    async ({ faulty, ask, wire }) => {
      const [opening = "", hello = ""] = wire.answers.frames;
      faulty.answer([streamHead(), chunk(opening), chunk(hello), hang]);
      const leave = new AbortController();
      const answer = await ask("alone", { signal: leave.signal });
      expect(answer.headers.get("x-accel-buffering")).toBe("no");
      expect(answer.headers.get("cache-control")).toContain("no-transform");
      await seen(answer, "Hello");
      leave.abort();
    },
    { streamOnly: true },
  ),
];
