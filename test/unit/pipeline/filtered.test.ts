// Which answers are nothing but filtered, and until when that matters.
import { expect, test } from "bun:test";
import type { FinishReason } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { filterWatch } from "../../../src/pipeline/filtered.ts";
import type { Candidate } from "../../../src/routing/candidate.ts";

const yielding = { yieldsTo: ["content_policy"] } as unknown as Candidate;
const finish = (reason: FinishReason): ChatEvent => ({
  type: "finish",
  candidate: 0,
  finish: { reason, raw: "SAFETY" },
});
const start: ChatEvent = { type: "start", id: "1", model: "m" };
const part = (text: string): ChatEvent => ({
  type: "part-start",
  candidate: 0,
  index: 0,
  part: { type: "text", text },
});
const delta = (text: string): ChatEvent => ({
  type: "part-delta",
  candidate: 0,
  index: 0,
  delta: { type: "text", text },
});

const outcome = (events: ChatEvent[], candidate = yielding, shownAfter = Infinity): unknown => {
  const watch = filterWatch(candidate);
  if (!watch) return "not watched";
  try {
    for (const [at, event] of events.entries()) {
      if (at === shownAfter) watch.shown();
      watch.see(event);
    }
  } catch (error) {
    return error instanceof GatewayError ? [error.code, error.kind, error.upstream?.type] : error;
  }
  return "fine";
};

const refused = ["upstream_rejected", "content_policy", "SAFETY"];

test.each([
  ["at once", [start, finish("content-filter")], refused],
  ["after nothing", [start, part(""), delta(""), finish("content-filter")], refused],
  ["a classifier's refusal", [start, finish("refusal")], refused],
  ["after a word", [start, part(""), delta("a"), finish("content-filter")], "fine"],
  ["after a part with words", [start, part("a"), finish("content-filter")], "fine"],
  ["an ordinary end", [start, finish("stop")], "fine"],
  ["an end by length", [start, finish("length")], "fine"],
] as [string, ChatEvent[], unknown][])("%s", (_name, events, expected) => {
  expect(outcome(events)).toEqual(expected);
});

test("what the client has a part of stays with it", () => {
  expect(outcome([start, finish("content-filter")], yielding, 1)).toBe("fine");
});

test("where nobody stands ready, it is the answer", () => {
  expect(outcome([finish("content-filter")], {} as Candidate)).toBe("not watched");
  const other = { yieldsTo: ["context_window"] } as unknown as Candidate;
  expect(outcome([finish("content-filter")], other)).toBe("not watched");
});
