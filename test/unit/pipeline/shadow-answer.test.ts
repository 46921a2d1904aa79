// What is noted of an answer is bounded, and what cannot be read is not known.
import { describe, expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import type { AnswerWatch, Conversations } from "../../../src/pipeline/conversations.ts";
import type { Inbound } from "../../../src/pipeline/inbound.ts";
import { createNoteTaker } from "../../../src/pipeline/shadow-answer.ts";

const from = { provider: "p", account: undefined, model: "m", keepsItself: false };
const inbound = { dialect: dialects["openai-chat"], operation: "chat" } as Inbound;

/** Conversations that note what they are shown themselves. */
function conversations(seen: string[]): Conversations {
  return {
    resume: async (given) => given,
    watch: () => ({
      frame: ({ data }) => seen.push(data),
      answer: () => seen.push("answer"),
    }),
    find: async () => null,
    close: async () => {},
    remove: async () => {},
  };
}

const chunk = (fields: object): string =>
  JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", ...fields });
const text = (content: string) => chunk({ choices: [{ index: 0, delta: { content } }] });
const end = chunk({ choices: [{ index: 0, delta: {}, finish_reason: "length" }] });

function taker(seen: string[] = []) {
  const notes = createNoteTaker(conversations(seen));
  const watch = (): AnswerWatch => {
    const made = notes.conversations.watch(inbound, null, from);
    if (!made) throw new Error("nothing is noted");
    return made;
  };
  return { notes, watch };
}

describe("notes", () => {
  test("hold how an answer ended and what it said, and hide nothing from conversations", () => {
    const seen: string[] = [];
    const { notes, watch } = taker(seen);
    const watched = watch();
    for (const data of [text("a"), text("b"), end, "[DONE]"]) watched.frame({ data });
    expect(notes.notes()).toEqual({ finish: "length", text: "ab" });
    expect(seen).toHaveLength(4);
  });

  test("are of the attempt that came to an end", () => {
    const { notes, watch } = taker();
    watch().frame({ data: text("lost") });
    const second = watch();
    for (const data of [text("won"), end]) second.frame({ data });
    watch();
    expect(notes.notes()).toEqual({ finish: "length", text: "won" });
  });

  test("of what is no answer are none", () => {
    const { notes, watch } = taker();
    watch().frame({ data: "{broken" });
    watch().answer({ nonsense: true });
    expect(notes.notes()).toEqual({ finish: null, text: null });
    expect(
      notes.conversations.watch({ ...inbound, operation: "embeddings" }, null, from),
    ).toBeDefined();
    expect(notes.notes().finish).toBeNull();
  });

  test("end where an answer is too long, and again when memory is free", () => {
    const { notes, watch } = taker();
    const watched = watch();
    for (let at = 0; at < 30; at += 1) watched.frame({ data: text("x".repeat(100_000)) });
    watched.frame({ data: end });
    expect(notes.notes().finish).toBeNull();

    // All together hold at most 64 million characters.
    const many = Array.from({ length: 40 }, () => taker());
    for (const each of many) {
      const own = each.watch();
      for (let at = 0; at < 19; at += 1) own.frame({ data: text("x".repeat(100_000)) });
      own.frame({ data: end });
    }
    const whole = () => many.filter((each) => each.notes.notes().finish === "length").length;
    expect(whole()).toBeGreaterThan(20);
    expect(whole()).toBeLessThan(40);
    notes.drop();
    for (const each of many) each.notes.drop();
    const later = taker();
    const own = later.watch();
    for (const data of [text("y".repeat(100_000)), end]) own.frame({ data });
    expect(later.notes.notes()).toEqual({ finish: "length", text: "y".repeat(50_000) });
    later.notes.drop();
    expect(later.notes.notes().finish).toBeNull();
  });
});
