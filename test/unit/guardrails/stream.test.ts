// A guarded stream: cut as it may be, it shows what the whole text would show, and never more than it may.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { configFromObject } from "../../../src/config/load.ts";
import { createEgress } from "../../../src/egress.ts";
import type { Finding } from "../../../src/guardrails/guardrail.ts";
import { createGuardrails } from "../../../src/guardrails/guardrails.ts";
import { createStreamGuard } from "../../../src/guardrails/stream.ts";
import { createTextCheck } from "../../../src/guardrails/text-check.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { sse } from "../../../src/lib/sse.ts";

const guardrailsOf = (guardrails: Record<string, unknown>) =>
  createGuardrails(configFromObject({ guardrails }, { env: {}, presets: [] }).config.guardrails, {
    egress: createEgress(),
    log: silentLogger,
  }).select(Object.keys(guardrails)).guardrails;

const masking = guardrailsOf({
  words: { type: "words", words: ["zebra", "blue whale"], action: "mask" },
  pii: { type: "pii", action: "mask" },
  secrets: { type: "secrets", action: "mask" },
});
const blocking = guardrailsOf({ words: { type: "words", words: ["zebra"] } });

const facts = {
  direction: "output",
  model: "m",
  requestId: "r",
  signal: new AbortController().signal,
} as const;

const frame = (message: object): Buffer => Buffer.from(`data: ${JSON.stringify(message)}\n\n`);
const delta = (content: string, index = 0) => ({ choices: [{ index, delta: { content } }] });

function open(guardrails: ReturnType<typeof guardrailsOf>) {
  const findings: Finding[] = [];
  const frames: string[] = [];
  const guard = createStreamGuard({
    guardrails,
    framing: sse,
    facts,
    found: (finding) => findings.push(finding),
    onFrame: ({ data }) => frames.push(data),
  });
  const texts = (): string[] =>
    frames.map(
      (data) => (JSON.parse(data) as ReturnType<typeof delta>).choices[0]?.delta.content ?? "",
    );
  return { guard, findings, frames, texts };
}

const words = fc.constantFrom(
  "zebra",
  "blue",
  "whale",
  "jo@example.com",
  "4111 1111 1111 1111",
  "+49 30 1234567",
  "sk-abcdefghijklmnopqrstuvwx",
  "a",
  " ",
  ", ",
  "\u200b",
  "ｚ",
  "\ud83e\udd93",
  "\n",
);
const texts = fc.array(words, { maxLength: 8 }).map((parts) => parts.join(""));

describe("masks", () => {
  test("are the same in a stream, however it is cut, as in the whole", async () => {
    await fc.assert(
      fc.asyncProperty(
        texts,
        fc.array(fc.nat({ max: 100 }), { maxLength: 6 }),
        async (text, cuts) => {
          const places = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length].toSorted(
            (one, other) => one - other,
          );
          const pieces = places.slice(1).map((end, at) => text.slice(places[at], end));
          const stream = open(masking);
          const shown: Uint8Array[] = [];
          for (const piece of pieces) shown.push(await stream.guard.push(frame(delta(piece))));
          shown.push(await stream.guard.finish());
          const whole = await createTextCheck(masking).check(text);
          // Half a sign stands for itself in JSON, and two halves for one sign.
          expect(stream.texts().join("")).toBe(whole.text);
          expect(Buffer.concat(shown).toString()).toBe(
            stream.frames.map((data) => `data: ${data}\n\n`).join(""),
          );
        },
      ),
    );
  });

  test("what is not masked leaves with its bytes, comments and all", async () => {
    const bytes = Buffer.from(
      `: ping\n\nevent: x\ndata: {"choices": [ {"delta":{"content":"w\\u0065ll. "}} ], "n":1.0}\n\ndata: [DONE]\n\n`,
    );
    const { guard } = open(masking);
    expect(Buffer.concat([await guard.push(bytes), await guard.finish()])).toEqual(bytes);
  });
});

describe("what is held", () => {
  test("is what could begin a match, and nothing else", async () => {
    const { guard, texts: shown } = open(blocking);
    await guard.push(frame(delta("a goldfish ")));
    expect(shown()).toEqual(["a goldfish "]);
    await guard.push(frame(delta("and a ze")));
    expect(shown()).toHaveLength(1);
    await guard.push(frame(delta("ro")));
    expect(shown()).toEqual(["a goldfish ", "and a ze", "ro"]);
  });

  test("keeps its order with all that follows", async () => {
    const { guard, frames } = open(blocking);
    await guard.push(frame(delta("ze")));
    await guard.push(frame({ other: 1 }));
    expect(frames).toEqual([]);
    await guard.push(frame(delta("bu. ")));
    expect(frames.map((data) => data.slice(0, 9))).toEqual(['{"choices', '{"other":', '{"choices']);
  });

  test("is let go where its block ends", async () => {
    const { guard, frames } = open(blocking);
    const piece = {
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text: "a ze" },
    };
    await guard.push(frame(piece));
    expect(frames).toEqual([]);
    await guard.push(frame({ type: "content_block_stop", index: 0 }));
    expect(frames).toHaveLength(2);
  });

  test("answers beside each other are not read as one", async () => {
    const { guard, texts: shown } = open(blocking);
    await guard.push(frame(delta("ze", 0)));
    await guard.push(frame(delta("bra", 1)));
    await guard.finish();
    expect(shown()).toEqual(["ze", "bra"]);
  });
});

describe("a block", () => {
  test("comes before anything of the match is shown", async () => {
    const { guard, texts: shown, findings } = open(blocking);
    await guard.push(frame(delta("well. a ze")));
    const thrown: unknown = await guard.push(frame(delta("bra."))).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ code: "guardrail_blocked" });
    expect(shown()).toEqual([]);
    expect(findings).toEqual([
      {
        guardrail: "words",
        kind: "word",
        direction: "output",
        place: "choices[0].delta.content",
        action: "block",
      },
    ]);
  });

  test("of a text that goes on in another part of a list", async () => {
    const { guard } = open(blocking);
    const parts = (...all: string[]) => ({
      candidates: [{ content: { parts: all.map((text) => ({ text })) } }],
    });
    await guard.push(frame(parts("well, ", "a ze")));
    const thrown: unknown = await guard.push(frame(parts("bra."))).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "guardrail_blocked" });
  });

  test("of a whole text that an event repeats", async () => {
    const { guard } = open(blocking);
    const done = { type: "response.output_text.done", item_id: "i", text: "a zebra" };
    const thrown: unknown = await guard.push(frame(done)).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "guardrail_blocked" });
  });

  test("of arguments that are escaped", async () => {
    const { guard, frames } = open(blocking);
    const piece = (args: string) => ({
      choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: args } }] } }],
    });
    await guard.push(frame(piece('{"q":"\\u007ae')));
    await guard.push(frame(piece('bra"}')));
    expect(frames).toEqual([]);
    const thrown: unknown = await guard.finish().catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "guardrail_blocked" });
  });
});

test("whatever an upstream streams, nothing but a verdict is thrown", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.json(), texts), { maxLength: 5 }), async (messages) => {
      const { guard } = open(masking);
      for (const message of messages) {
        await guard.push(Buffer.from(`data: ${message.replaceAll(/[\r\n]/g, " ")}\n\n`));
      }
      await guard.finish();
    }),
  );
});
