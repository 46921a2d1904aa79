// Chunks of a streamed chat completion turned into events. Servers differ: nothing but the text is taken for granted.
// https://platform.openai.com/docs/api-reference/chat-streaming
import type { OpaquePart, Origin, Part, ReasoningPart } from "../../ir/chat.ts";
import type { GatewayError } from "../../ir/error.ts";
import type { ChatEvent } from "../../ir/event.ts";
import type { Frame } from "../../lib/frame.ts";
import { createId } from "../../lib/id.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import type { StreamDecoder } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError, errorOf } from "../openai-error.ts";
import { decodeFinish } from "./finish.ts";
import { decodeDetail, plainReasoning } from "./reasoning.ts";
import {
  argsOf,
  callId,
  choiceKeys,
  createdOf,
  decodeAudioAnswer,
  decodeContent,
  decodeImages,
  indexOf,
  messageKeys,
  stopSequenceOf,
  topKeys,
} from "./response-decode.ts";
import { decodeUsage } from "../openai-usage.ts";
import { dialectId, ownExt, withExt } from "./wire.ts";

export function createStreamDecoder(origin: Origin): StreamDecoder {
  const candidates = new Map<number, CandidateDecoder>();
  const head: Head = { started: false, id: "", model: "", ext: {} };
  let isOver = false;

  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };

  /** `start` waits for the first chunk with content: Azure sends its prompt filter's results before, without id or model. */
  const start = (): ChatEvent[] => {
    if (head.started) return [];
    head.started = true;
    head.id ||= createId("chatcmpl");
    const { id, model, createdMs, ext } = head;
    const own = Object.keys(ext).length > 0 ? ext : undefined;
    return [
      {
        type: "start",
        id,
        model,
        ...(createdMs === undefined ? {} : { createdMs }),
        ...withExt(own),
      },
    ];
  };

  const finishAll = (): ChatEvent[] => {
    isOver = true;
    if (candidates.size === 0) {
      return fail(invalidAnswer("The provider's stream ended without an answer."));
    }
    return [
      ...[...candidates.values()].flatMap((candidate) => candidate.finish()),
      { type: "end" },
    ];
  };

  const readHead = (chunk: JsonObject): ChatEvent[] => {
    head.id ||= stringOr(field(chunk, "id")) ?? "";
    head.model ||= stringOr(field(chunk, "model")) ?? "";
    head.createdMs ??= createdOf(chunk).createdMs;
    const late: JsonObject = {};
    for (const [key, value] of Object.entries(unknownFields(chunk, topKeys) ?? {})) {
      if (!Object.hasOwn(head.ext, key)) late[key] = value;
    }
    if (Object.keys(late).length === 0) return [];
    Object.assign(head.ext, late);
    return head.started ? [{ type: "opaque", origin: dialectId, raw: late }] : [];
  };

  const readChunk = (chunk: JsonObject): ChatEvent[] => {
    const error = errorOf(chunk);
    if (error !== undefined) return fail(decodeInlineError(error));
    const events = readHead(chunk);
    const found = field(chunk, "choices");
    const choices = Array.isArray(found) ? found.filter(isObject) : [];
    if (choices.length > 0) events.push(...start());
    for (const [position, choice] of choices.entries()) {
      const failure = errorOf(choice);
      if (failure !== undefined) return [...events, ...fail(decodeInlineError(failure))];
      const index = indexOf(choice, position);
      const known = candidates.get(index);
      const candidate = known ?? createCandidate(index, `${head.id}_${index}`, origin);
      if (!known) candidates.set(index, candidate);
      events.push(...candidate.push(choice));
    }
    const usage = decodeUsage(usageOf(chunk, choices));
    if (usage) events.push(...start(), { type: "usage", usage });
    return events;
  };

  return {
    push(frame: Frame) {
      if (isOver) return [];
      const data = frame.data.trim();
      if (data === "") return [];
      if (data === "[DONE]") return finishAll();
      let chunk: unknown;
      try {
        chunk = parse(data);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        return fail(invalidAnswer(`The provider's stream holds something that is not JSON.`, data));
      }
      if (frame.event === "error") return fail(decodeInlineError(inner(chunk)));
      if (!isObject(chunk)) {
        return fail(invalidAnswer("The provider's stream holds a chunk that is no object.", data));
      }
      return readChunk(chunk);
    },
    end() {
      if (isOver) return [];
      const isWhole = candidates.size > 0 && [...candidates.values()].every((item) => item.ended());
      if (isWhole) return finishAll();
      return fail(invalidAnswer("The provider's stream broke off before the answer was whole."));
    },
  };
}

interface Head {
  started: boolean;
  id: string;
  model: string;
  createdMs?: number | undefined;
  /** Unknown top-level fields, each as first seen. */
  ext: JsonObject;
}

const inner = (value: unknown): unknown =>
  isObject(value) ? (field(value, "error") ?? value) : value;

/** Beside OpenAI's place for usage: Moonshot puts it in the choice, Groq in `x_groq`. */
function usageOf(chunk: JsonObject, choices: readonly JsonObject[]): unknown {
  const usage = field(chunk, "usage");
  if (usage !== undefined) return usage;
  const groq = field(chunk, "x_groq");
  return (
    choices.map((choice) => field(choice, "usage")).find(isObject) ??
    (isObject(groq) ? field(groq, "usage") : undefined)
  );
}

interface CandidateDecoder {
  push(choice: JsonObject): ChatEvent[];
  /** Has the server told why it ended? */
  ended(): boolean;
  /** Closes what is open; `finish` comes last. */
  finish(): ChatEvent[];
}

interface Call {
  /** Undefined until the name is known, which an Anthropic-like wire needs first. */
  part?: number;
  id: string;
  name: string;
  args: string;
  freeform: boolean;
  ext: JsonObject | undefined;
}

type OpenKind = "text" | "reasoning" | "refusal";

function createCandidate(candidate: number, answerId: string, origin: Origin): CandidateDecoder {
  let nextIndex = 0;
  let open: { kind: OpenKind; index: number; detail?: unknown } | undefined;
  let word: string | undefined;
  let stopSequence: string | undefined;
  let hasRefusal = false;
  const calls: Call[] = [];
  const callByIndex = new Map<number, Call>();
  const citations: unknown[] = [];
  const audio = new Map<string, unknown>();
  const kept: JsonObject = {};

  const startPart = (part: Part): ChatEvent => {
    nextIndex += 1;
    return { type: "part-start", candidate, index: nextIndex - 1, part };
  };
  const close = (): ChatEvent[] => {
    if (!open) return [];
    const { index } = open;
    open = undefined;
    return [{ type: "part-end", candidate, index }];
  };
  /** Makes sure that a part of this kind is open; `detail` tells reasoning blocks apart. */
  const ensure = (kind: OpenKind, part: () => Part, detail?: unknown): ChatEvent[] => {
    const isSame = open?.kind === kind && (detail === undefined || open.detail === detail);
    if (isSame) return [];
    const events = close();
    open = { kind, index: nextIndex, detail };
    events.push(startPart(part()));
    return events;
  };
  const whole = (part: Part): ChatEvent[] => {
    const events = close();
    const index = nextIndex;
    events.push(startPart(part), { type: "part-end", candidate, index });
    return events;
  };
  const openIndex = (): number => open?.index ?? 0;

  const addText = (text: string): ChatEvent[] => [
    ...ensure("text", () => ({ type: "text", text: "" })),
    { type: "part-delta", candidate, index: openIndex(), delta: { type: "text", text } },
  ];
  const addReasoning = (text: string): ChatEvent[] => [
    ...ensure("reasoning", () => ({ type: "reasoning", text: "", origin })),
    { type: "part-delta", candidate, index: openIndex(), delta: { type: "reasoning", text } },
  ];
  /** Pieces of one thought follow one another; its signature comes last. */
  const addThought = ({ text, signature }: ReasoningPart): ChatEvent[] => {
    const events = text === "" && signature === undefined ? [] : addReasoning(text);
    if (signature === undefined) return events;
    const delta = { type: "signature" as const, signature };
    return [...events, { type: "part-delta", candidate, index: openIndex(), delta }];
  };
  const addRefusal = (text: string): ChatEvent[] => {
    hasRefusal = true;
    return [
      ...ensure("refusal", () => ({ type: "refusal", text: "" })),
      { type: "part-delta", candidate, index: openIndex(), delta: { type: "refusal", text } },
    ];
  };

  const addDetail = (part: ReasoningPart | OpaquePart): ChatEvent[] => {
    if (part.type === "opaque" || part.encrypted !== undefined) return whole(part);
    const { text, signature } = part;
    if (text === "" && signature === undefined) return [];
    const { index: detail } = ownExt(part.ext);
    const { signature: _, ...bare } = part;
    const events = ensure("reasoning", () => ({ ...bare, text: "" }), detail);
    const index = openIndex();
    if (text !== "") {
      events.push({ type: "part-delta", candidate, index, delta: { type: "reasoning", text } });
    }
    if (signature !== undefined) {
      events.push({
        type: "part-delta",
        candidate,
        index,
        delta: { type: "signature", signature },
      });
    }
    return events;
  };
  /** The plain field repeats what the details say, where they say it readably. */
  const readReasoning = (delta: JsonObject): ChatEvent[] => {
    const found = field(delta, "reasoning_details");
    const details = Array.isArray(found) ? found.map((item) => decodeDetail(item, origin)) : [];
    const isShown = details.some((part) => part.type === "reasoning" && part.text !== "");
    const plain = plainReasoning(delta);
    return [
      ...(plain !== undefined && !isShown ? addReasoning(plain) : []),
      ...details.flatMap(addDetail),
    ];
  };
  const readContent = (content: unknown): ChatEvent[] =>
    decodeContent(content, origin).flatMap((part) => {
      if (part.type === "text") return part.text === "" ? [] : addText(part.text);
      if (part.type === "reasoning") return addThought(part);
      if (part.type === "refusal") return addRefusal(part.text);
      return whole(part);
    });

  const addCitations = (): ChatEvent[] => {
    if (open?.kind !== "text" || citations.length === 0) return [];
    const index = openIndex();
    return citations.splice(0).map((raw) => ({
      type: "part-delta",
      candidate,
      index,
      delta: { type: "citation", origin: dialectId, raw },
    }));
  };

  const newCall = (id: string | undefined, slot: number | undefined): Call => {
    const call: Call = {
      id: id ?? callId(answerId, calls.length),
      name: "",
      args: "",
      freeform: false,
      ext: undefined,
    };
    calls.push(call);
    if (slot !== undefined) callByIndex.set(slot, call);
    return call;
  };
  /** Some servers leave out the index, some give every call the same one, some repeat the id in every chunk. */
  const findCall = (delta: JsonObject, name: string | undefined): Call => {
    const id = stringOr(field(delta, "id")) || undefined;
    const found = field(delta, "index");
    const slot = typeof found === "number" ? found : undefined;
    const known = slot === undefined ? undefined : callByIndex.get(slot);
    if (known) {
      const isOther =
        id !== undefined && name !== undefined && id !== known.id && known.name !== "";
      return isOther ? newCall(id, slot) : known;
    }
    if (slot !== undefined) return newCall(id, slot);
    if (id !== undefined) return calls.find((call) => call.id === id) ?? newCall(id, slot);
    const last = calls.at(-1);
    return last && name === undefined ? last : newCall(id, slot);
  };
  const readCall = (delta: JsonObject): ChatEvent[] => {
    const custom = field(delta, "custom");
    const isCustom =
      field(delta, "type") === "custom" ||
      (isObject(custom) && !isObject(field(delta, "function")));
    const found = isCustom ? custom : field(delta, "function");
    const called = isObject(found) ? found : {};
    const name = stringOr(field(called, "name")) || undefined;
    const args = argsOf(field(called, isCustom ? "input" : "arguments"));
    const call = findCall(delta, name);
    call.ext = mergeExt(call.ext, unknownFields(delta, callKeys));
    if (call.part !== undefined) {
      if (args === "") return [];
      return [{ type: "part-delta", candidate, index: call.part, delta: { type: "args", args } }];
    }
    call.args += args;
    call.name ||= name ?? "";
    call.freeform ||= isCustom;
    const id = stringOr(field(delta, "id"));
    if (id) call.id = id;
    return call.name === "" ? [] : startCall(call);
  };
  const startCall = (call: Call): ChatEvent[] => {
    const events = close();
    const index = nextIndex;
    call.part = index;
    events.push(
      startPart({
        type: "tool-call",
        id: call.id,
        name: call.name,
        args: "",
        executor: "client",
        ...(call.freeform ? { freeform: true } : {}),
        ...withExt(call.ext),
      }),
    );
    if (call.args !== "") {
      events.push({
        type: "part-delta",
        candidate,
        index,
        delta: { type: "args", args: call.args },
      });
    }
    return events;
  };
  const readCalls = (delta: JsonObject): ChatEvent[] => {
    const found = field(delta, "tool_calls");
    const events = Array.isArray(found) ? found.filter(isObject).flatMap(readCall) : [];
    const legacy = field(delta, "function_call");
    if (isObject(legacy)) {
      const isEmpty = !field(legacy, "name") && !field(legacy, "arguments");
      if (!isEmpty) events.push(...readCall({ index: -1, function: legacy }));
    }
    return events;
  };

  const readAudio = (delta: JsonObject): void => {
    const found = field(delta, "audio");
    if (!isObject(found)) return;
    for (const [key, value] of Object.entries(found)) {
      if (key === "__proto__" || value === null) continue;
      const isFragment = key === "data" || key === "transcript";
      audio.set(
        key,
        isFragment ? (stringOr(audio.get(key)) ?? "") + (stringOr(value) ?? "") : value,
      );
    }
  };

  const keep = (choice: JsonObject, delta: JsonObject): void => {
    const extras = unknownFields(delta, messageKeys);
    const fields = unknownFields(choice, choiceKeys);
    if (fields) absorb(kept, fields);
    if (extras) absorb(kept, { message: extras });
  };

  return {
    push(choice) {
      // A few servers send whole messages in a stream.
      const found = field(choice, "delta") ?? field(choice, "message");
      const delta = isObject(found) ? found : {};
      const events = [...readReasoning(delta), ...readContent(contentOf(choice, delta))];
      const refusal = stringOr(field(delta, "refusal"));
      if (refusal) events.push(...addRefusal(refusal));
      const annotations = field(delta, "annotations");
      if (Array.isArray(annotations)) citations.push(...(annotations as unknown[]));
      events.push(...addCitations());
      events.push(...decodeImages(field(delta, "images")).flatMap(whole));
      readAudio(delta);
      events.push(...readCalls(delta));
      keep(choice, delta);
      word = stringOr(field(choice, "finish_reason")) ?? word;
      stopSequence = stopSequenceOf(choice) ?? stopSequence;
      return events;
    },
    ended: () => word !== undefined,
    finish() {
      const events: ChatEvent[] = [];
      if (citations.length > 0) {
        events.push(...ensure("text", () => ({ type: "text", text: "" })), ...addCitations());
      }
      events.push(...close());
      const spoken = decodeAudioAnswer(Object.fromEntries(audio));
      if (spoken) events.push(...whole(spoken));
      for (const call of calls) {
        if (call.part === undefined) events.push(...startCall(call));
        if (call.part !== undefined) events.push({ type: "part-end", candidate, index: call.part });
      }
      const finish = decodeFinish(word, {
        calls: calls.length > 0,
        refused: hasRefusal,
        ...(stopSequence === undefined ? {} : { stopSequence }),
      });
      const ext = withExt(Object.keys(kept).length > 0 ? kept : undefined);
      events.push({ type: "finish", candidate, finish, ...ext });
      return events;
    },
  };
}

/** A chunk of the older completions API has its text in the choice: read so that such a stream can be observed too. */
const contentOf = (choice: JsonObject, delta: JsonObject): unknown =>
  field(delta, "content") ?? field(choice, "text");

/**
 * Adds `addition` to `base` in place, since it happens for every chunk: arrays (log probabilities) grow,
 * objects are merged, anything else is replaced.
 */
function absorb(base: JsonObject, addition: JsonObject): void {
  for (const [key, value] of Object.entries(addition)) {
    if (key === "__proto__") continue;
    const known = Object.hasOwn(base, key) ? base[key] : undefined;
    if (Array.isArray(known) && Array.isArray(value)) for (const item of value) known.push(item);
    else if (isObject(known) && isObject(value)) absorb(known, value);
    else base[key] = value;
  }
}

const callKeys = new Set(["id", "type", "index", "function", "custom"]);

function mergeExt(
  base: JsonObject | undefined,
  addition: JsonObject | undefined,
): JsonObject | undefined {
  if (!addition) return base;
  return { ...base, ...addition };
}
