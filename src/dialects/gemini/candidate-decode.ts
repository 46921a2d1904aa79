// One candidate of an answer, chunk by chunk, read into events.
// https://ai.google.dev/api/generate-content#candidate
import type { Origin, Part, ReasoningPart, TextPart, ToolCallPart } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { mergeJson } from "../../ir/fold.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { citationsOf } from "./citations.ts";
import { decodeFinish } from "./finish.ts";
import { madeUpPrefix } from "./names.ts";
import { createPartialArgs, type PartialArgs } from "./partial-args.ts";
import { decodePart, type PartScope } from "./part-decode.ts";
import { camel, withExt } from "./wire.ts";

export interface CandidateDecoder {
  /** `data` is the chunk's text, in which the candidate stands at `position`. */
  push(candidate: JsonObject, place: { data: string; position: number }): ChatEvent[];
  /** Has the server told why it ended? */
  ended(): boolean;
  /** Closes what is open; `finish` comes last. */
  finish(): ChatEvent[];
}

const candidateKeys = new Set(["content", "finishReason", "index"]);

interface OpenCall {
  index: number;
  args: PartialArgs;
}

export function createCandidate(candidate: number, origin: Origin): CandidateDecoder {
  let nextIndex = 0;
  /** `sealed-text` takes sources, but no more text. */
  let open: { kind: "text" | "sealed-text" | "reasoning"; index: number } | undefined;
  let call: OpenCall | undefined;
  let word: string | undefined;
  let calls = false;
  const kept: JsonObject = {};

  const start = (part: Part): ChatEvent => {
    nextIndex += 1;
    return { type: "part-start", candidate, index: nextIndex - 1, part };
  };
  const change = (index: number, delta: Delta): ChatEvent => ({
    type: "part-delta",
    candidate,
    index,
    delta,
  });
  const end = (index: number): ChatEvent => ({ type: "part-end", candidate, index });

  const closeText = (): ChatEvent[] => {
    if (!open) return [];
    const { index } = open;
    open = undefined;
    return [end(index)];
  };
  const closeCall = (): ChatEvent[] => {
    if (!call) return [];
    const { index, args } = call;
    call = undefined;
    return [change(index, { type: "args", args: args.text() }), end(index)];
  };
  const close = (): ChatEvent[] => [...closeText(), ...closeCall()];

  /** A signed piece is never joined to one that is not: https://ai.google.dev/gemini-api/docs/thought-signatures */
  const addText = (part: TextPart): ChatEvent[] => {
    const { text, ...bare } = part;
    const isPlain = part.proof === undefined && part.ext === undefined;
    if (text === "" && isPlain) return [];
    if (!isPlain) {
      const isEmpty = text === "" && open !== undefined && open.kind !== "reasoning";
      const events = isEmpty ? [] : close();
      const index = nextIndex;
      events.push(start({ ...bare, text: "" }));
      // Sources that are told with it are those of the text before.
      if (isEmpty && open) {
        open.kind = "sealed-text";
        return [...events, end(index)];
      }
      if (text !== "") events.push(change(index, { type: "text", text }));
      open = { kind: "sealed-text", index };
      return events;
    }
    const events = open?.kind === "text" ? [] : close();
    if (open?.kind !== "text") {
      open = { kind: "text", index: nextIndex };
      events.push(start({ type: "text", text: "" }));
    }
    return [...events, change(open.index, { type: "text", text })];
  };

  const addReasoning = (part: ReasoningPart): ChatEvent[] => {
    const { text, signature, ...bare } = part;
    if (text === "" && signature === undefined) return [];
    const events = open?.kind === "reasoning" && part.ext === undefined ? [] : close();
    if (open?.kind !== "reasoning" || events.length > 0) {
      open = { kind: "reasoning", index: nextIndex };
      events.push(start({ ...bare, text: "" }));
    }
    const { index } = open;
    if (text !== "") events.push(change(index, { type: "reasoning", text }));
    if (signature === undefined) return events;
    return [...events, change(index, { type: "signature", signature }), ...closeText()];
  };

  const addCall = (part: ToolCallPart, message: JsonObject): ChatEvent[] => {
    calls = true;
    const isPartial =
      field(message, "willContinue") === true || field(message, "partialArgs") !== undefined;
    const events = close();
    const index = nextIndex;
    const { args, ...head } = part;
    events.push(start({ ...head, args: "" }));
    if (isPartial && field(message, "args") === undefined) {
      call = { index, args: createPartialArgs() };
      return [...events, ...continueCall(message)];
    }
    return [...events, change(index, { type: "args", args }), end(index)];
  };

  /** More of the call that is open; an empty one ends it. */
  const continueCall = (message: JsonObject): ChatEvent[] => {
    const found = field(message, "partialArgs");
    for (const piece of Array.isArray(found) ? found.filter(isObject) : []) {
      if (call && !call.args.add(piece)) {
        throw invalidAnswer(
          "The provider's stream is broken: a piece of a call's arguments has no place.",
          JSON.stringify(piece),
        );
      }
    }
    return field(message, "willContinue") === true ? [] : closeCall();
  };

  const addPart = (value: JsonObject, scope: PartScope): ChatEvent[] => {
    const found = field(camel(value), "functionCall");
    const called = isObject(found) ? camel(found) : undefined;
    if (called && !stringOr(field(called, "name"))) return call ? continueCall(called) : [];
    return decodePart(value, "", scope).flatMap((part) => {
      if (part.type === "text") return addText(part);
      if (part.type === "reasoning") return addReasoning(part);
      if (part.type === "tool-call" && called) return addCall(part, called);
      const events = close();
      const index = nextIndex;
      return [...events, start(part), end(index)];
    });
  };

  const cited = new Set<string>();
  /** A stream may tell its sources again with every chunk. */
  const cite = (message: JsonObject): ChatEvent[] => {
    const citations = citationsOf(message).filter(({ raw }) => {
      const text = JSON.stringify(raw);
      const isNew = !cited.has(text);
      cited.add(text);
      return isNew;
    });
    if (citations.length === 0) return [];
    const isOpen = open !== undefined && open.kind !== "reasoning";
    const events = isOpen ? [] : close();
    if (!isOpen || !open) {
      open = { kind: "text", index: nextIndex };
      events.push(start({ type: "text", text: "" }));
    }
    const { index } = open;
    return [...events, ...citations.map((item) => change(index, { type: "citation", ...item }))];
  };
  return {
    push(message, { data, position }) {
      const found = field(message, "content");
      const content = isObject(found) ? camel(found) : {};
      const listed = field(content, "parts");
      const parts = Array.isArray(listed) ? listed.filter(isObject) : [];
      const texts = argsTexts(parts, data, position);
      const events = parts.flatMap((value, index) =>
        addPart(value, {
          origin,
          isRequest: false,
          jsonText: texts.get(index),
          callId: () => createId(madeUpPrefix),
          resultId: () => "",
        }),
      );
      const extras = unknownFields(message, candidateKeys) ?? {};
      events.push(...cite(message));
      for (const [key, value] of Object.entries(extras)) kept[key] = joined(key, kept[key], value);
      word = stringOr(field(message, "finishReason")) ?? word;
      return events;
    },
    ended: () => word !== undefined,
    finish() {
      // A whole answer may have been left without a reason.
      const finish =
        word === undefined ? ({ reason: "other" } as const) : decodeFinish(word, calls);
      const { groundingMetadata: grounding, ...rest } = kept;
      const shown = isObject(grounding) && Object.keys(grounding).length === 0 ? rest : kept;
      return [...close(), { type: "finish", candidate, finish, ...withExt(shown) }];
    },
  };
}

/** Log probabilities are told piece by piece, everything else is told again as a whole. */
const joined = (key: string, before: unknown, value: unknown): unknown =>
  key === "logprobsResult" ? mergeJson(before ?? {}, value) : value;

/** The exact text of the calls' arguments, by the parts' positions. */
function argsTexts(
  parts: readonly JsonObject[],
  data: string,
  position: number,
): Map<number, string> {
  const keys = ["functionCall", "function_call"].filter((key) =>
    parts.some((part) => isObject(part[key])),
  );
  return new Map(
    (data === "" ? [] : keys).flatMap((key) =>
      rawAt(data, ["candidates", String(position), "content", "parts", "*", key, "args"]).map(
        ({ path, text }) => [Number(path[4]), text] as const,
      ),
    ),
  );
}
