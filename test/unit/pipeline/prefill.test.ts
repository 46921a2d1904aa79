// What is taken off an answer that repeats how the client began it.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ChatResponse, Message, Part } from "../../../src/ir/chat.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { collect } from "../../../src/ir/fold.ts";
import { begunText, withoutEcho } from "../../../src/pipeline/prefill.ts";

const text = (said: string): Part => ({ type: "text", text: said });
const responseOf = (...parts: Part[]): ChatResponse => ({
  id: "a",
  model: "m",
  candidates: [{ parts, finish: { reason: "stop" } }],
});
const textOf = ({ candidates }: ChatResponse): string[] =>
  (candidates[0]?.parts ?? []).map((part) => (part.type === "text" ? part.text : part.type));

test("the beginning is the text of an assistant's message at the end", () => {
  const said = (role: Message["role"], ...parts: Part[]): Message => ({ role, parts });
  expect(begunText({ messages: [said("user", text("Q")), said("assistant", text("A"))] })).toBe(
    "A",
  );
  expect(begunText({ messages: [said("assistant", text("A")), said("user", text("Q"))] })).toBe("");
  expect(begunText({ messages: [] })).toBe("");
});

describe("a whole answer", () => {
  test.each([
    ["A: yes", "yes"],
    ["A: ", ""],
    ["A: A: yes", "A: yes"],
    ["B: yes", "B: yes"],
    ["A", "A"],
    ["", ""],
  ])("%j is %j", (said, expected) => {
    const [shown = ""] = textOf(withoutEcho("A: ").answer(responseOf(text(said))));
    expect(shown).toBe(expected);
  });

  test("reasoning stands before it, later texts stay, and so does all else", () => {
    const thought: Part = { type: "reasoning", text: "A: T", origin: { dialect: "openai-chat" } };
    const response = { ...responseOf(thought, text("A: yes"), text("A: no")), createdMs: 5 };
    const shown = withoutEcho("A: ").answer(response);
    expect(textOf(shown)).toEqual(["reasoning", "yes", "A: no"]);
    expect(shown).toMatchObject({
      id: "a",
      createdMs: 5,
      candidates: [{ finish: { reason: "stop" } }],
    });
  });
});

test("however a stream is cut, it says the same; nothing is held that cannot be the echo", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.array(fc.string()),
      fc.boolean(),
      (begun, rest, echoes) => {
        const pieces = echoes ? [...begun.split(""), ...rest] : rest;
        const events: ChatEvent[] = [
          { type: "start", id: "a", model: "m" },
          { type: "part-start", candidate: 0, index: 0, part: text("") },
          ...pieces.map((piece): ChatEvent => ({
            type: "part-delta",
            candidate: 0,
            index: 0,
            delta: { type: "text", text: piece },
          })),
          { type: "part-end", candidate: 0, index: 0 },
          { type: "finish", candidate: 0, finish: { reason: "stop" } },
          { type: "end" },
        ];
        const whole = pieces.join("");
        const expected = whole.startsWith(begun) ? whole.slice(begun.length) : whole;
        const shown = collect(events.flatMap(withoutEcho(begun).events()));
        expect(textOf(shown).join("")).toBe(expected);
      },
    ),
  );
  const turn = withoutEcho("A: ").events();
  turn({ type: "part-start", candidate: 0, index: 0, part: text("") });
  const delta = (said: string): ChatEvent => ({
    type: "part-delta",
    candidate: 0,
    index: 0,
    delta: { type: "text", text: said },
  });
  expect(turn(delta("A"))).toEqual([]);
  expect(turn(delta("x"))).toEqual([delta("Ax")]);
  expect(turn(delta("y"))).toEqual([delta("y")]);
});
