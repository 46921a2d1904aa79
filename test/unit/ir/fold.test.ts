// collect and expand: a stream and a whole answer are the same thing twice.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ChatResponse, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect, createCollector, expand, mergeJson } from "../../../src/ir/fold.ts";
import { createUsage } from "../../../src/ir/usage.ts";

const origin = { dialect: "openai-chat" as const, provider: "p", model: "m" };

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ type: fc.constant("text" as const), text: fc.string() }),
  fc.record({
    type: fc.constant("text" as const),
    text: fc.string(),
    citations: fc.array(fc.record({ origin: fc.constant(origin.dialect), raw: fc.jsonValue() }), {
      minLength: 1,
    }),
  }),
  fc.record(
    {
      type: fc.constant("reasoning" as const),
      text: fc.string(),
      signature: fc.string({ minLength: 1 }),
      encrypted: fc.string(),
      origin: fc.constant(origin),
    },
    { requiredKeys: ["type", "text", "origin"] },
  ),
  fc.record({
    type: fc.constant("tool-call" as const),
    id: fc.string(),
    name: fc.string(),
    args: fc.string(),
    executor: fc.constantFrom("client" as const, "provider" as const),
  }),
  fc.record({ type: fc.constant("refusal" as const), text: fc.string() }),
  fc.record({
    type: fc.constant("opaque" as const),
    origin: fc.constant(origin.dialect),
    raw: fc.jsonValue(),
  }),
);

const response: fc.Arbitrary<ChatResponse> = fc.record(
  {
    id: fc.string(),
    model: fc.string(),
    createdMs: fc.nat(),
    candidates: fc.array(
      fc.record(
        {
          parts: fc.array(part, { maxLength: 6 }),
          finish: fc.record({ reason: fc.constantFrom("stop" as const, "length" as const) }),
          ext: fc.constant({ "openai-chat": { logprobs: { content: [1] } } }),
        },
        { requiredKeys: ["parts", "finish"] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
    usage: fc.constant(createUsage({ total: 3 }, { total: 2 })),
    ext: fc.constant({ "openai-chat": { system_fingerprint: "fp" } }),
  },
  { requiredKeys: ["id", "model", "candidates"] },
);

describe("fold", () => {
  test("collect undoes expand, whatever the answer", () => {
    fc.assert(
      fc.property(response, (value) => {
        expect(collect(expand(value))).toEqual(value);
      }),
    );
  });

  test("expand changes nothing in the answer it reads, nor does collect in the events", () => {
    const value: ChatResponse = {
      id: "a",
      model: "m",
      candidates: [{ parts: [{ type: "text", text: "hi" }], finish: { reason: "stop" } }],
    };
    const before = structuredClone(value);
    const events = expand(value);
    const copy = structuredClone(events);
    collect(events);
    collect(events);
    expect(value).toEqual(before);
    expect(events).toEqual(copy);
  });

  test("interleaved parts of several candidates come apart again", () => {
    const events: ChatEvent[] = [
      { type: "start", id: "x", model: "m" },
      call(1, 0, "b"),
      call(0, 0, "a0"),
      call(0, 1, "a1"),
      args(0, 1, "{1"),
      args(0, 0, "{0"),
      args(1, 0, "{b}"),
      args(0, 1, "}"),
      args(0, 0, "}"),
      { type: "ping" },
      { type: "opaque", origin: "openai-chat", raw: { odd: true } },
      { type: "usage", usage: createUsage({ total: 1 }) },
      { type: "usage", usage: createUsage({ total: 9 }) },
      { type: "finish", candidate: 1, finish: { reason: "tool-calls" } },
      { type: "finish", candidate: 0, finish: { reason: "tool-calls" } },
      { type: "end" },
    ];
    const answer = collect(events);
    expect(
      answer.candidates.map((item) => item.parts.map((found) => "args" in found && found.args)),
    ).toEqual([["{0}", "{1}"], ["{b}"]]);
    expect(answer.usage?.input.total).toBe(9);
  });

  test("a broken stream: collect throws its error, a collector still has what came (R12)", () => {
    const error = new GatewayError("upstream_invalid", "broke off");
    const events: ChatEvent[] = [
      { type: "start", id: "x", model: "m" },
      { type: "part-start", candidate: 0, index: 0, part: { type: "text", text: "" } },
      { type: "part-delta", candidate: 0, index: 0, delta: { type: "text", text: "half" } },
      { type: "error", error },
    ];
    expect(() => collect(events)).toThrow(error);
    const collector = createCollector();
    for (const event of events) collector.push(event);
    expect(collector.error()).toBe(error);
    expect(collector.response().candidates).toEqual([
      { parts: [{ type: "text", text: "half" }], finish: { reason: "other" } },
    ]);
  });

  test("ext deltas join arrays and never touch prototypes (S45)", () => {
    expect(mergeJson({ a: [1], b: { c: 1 } }, { a: [2], b: { d: 2 }, e: 3 })).toEqual({
      a: [1, 2],
      b: { c: 1, d: 2 },
      e: 3,
    });
    mergeJson(
      {},
      JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    );
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

const call = (candidate: number, index: number, id: string): ChatEvent => ({
  type: "part-start",
  candidate,
  index,
  part: { type: "tool-call", id, name: "f", args: "", executor: "client" },
});

const args = (candidate: number, index: number, text: string): ChatEvent => ({
  type: "part-delta",
  candidate,
  index,
  delta: { type: "args", args: text },
});
