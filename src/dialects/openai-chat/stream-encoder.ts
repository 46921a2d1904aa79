// Events written as chunks of a streamed chat completion, in the plainest form: one `data:` line each, no event names.
// https://platform.openai.com/docs/api-reference/chat-streaming
import type { Part, ReasoningPart } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import type { Usage } from "../../ir/usage.ts";
import { now } from "../../lib/clock.ts";
import type { Frame } from "../../lib/frame.ts";
import type { JsonObject } from "../../lib/json.ts";
import { noticeQuote } from "../cited-source.ts";
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { createFreeformCheck, unwrapInput } from "../freeform.ts";
import { createNotices } from "../losses.ts";
import { noticePause } from "../lost-pause.ts";
import { errorBody } from "../openai-error.ts";
import { encodeFinish } from "./finish.ts";
import {
  asksForFunctions,
  encodeAnnotation,
  encodeAudioAnswer,
  encodeImageAnswer,
} from "./message-encode.ts";
import { detailHead, encodeDetails, isDetail, needsDetail } from "./reasoning.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

/** What an open part needs for its deltas. */
type Open =
  | { kind: "text"; start: number }
  | { kind: "reasoning"; part: ReasoningPart; index: number }
  | { kind: "call"; index: number; freeform: boolean }
  /** The call of a free-form tool that came as a function's: its input is known when the arguments are whole. */
  | { kind: "free-call"; index: number; args: string }
  | { kind: "refusal" }
  | { kind: "hidden" };

interface CandidateState {
  open: Map<number, Open>;
  begun: boolean;
  calls: number;
  details: number;
  textLength: number;
}

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  const notice = createNotices(context, dialectId);
  const isLegacy = asksForFunctions(context);
  const isFreeform = createFreeformCheck(context.request);
  const candidates = new Map<number, CandidateState>();
  let base: JsonObject = {
    id: "",
    object: "chat.completion.chunk",
    created: Math.floor(now() / 1000),
    model: context.model,
  };
  /** Top-level fields that are sent once, with the next chunk. */
  let extra: JsonObject = {};
  let usage: Usage | undefined;
  let isOver = false;

  const frame = (value: JsonObject): Frame => ({ data: JSON.stringify(value) });
  const chunk = (choices: JsonObject[], shown: unknown = null): Frame => {
    const fields = extra;
    extra = {};
    return frame({
      ...base,
      choices,
      ...fields,
      ...(context.includeUsage ? { usage: shown } : {}),
    });
  };
  const stateOf = (candidate: number): CandidateState => {
    const known = candidates.get(candidate);
    if (known) return known;
    const state = { open: new Map(), begun: false, calls: 0, details: 0, textLength: 0 };
    candidates.set(candidate, state);
    return state;
  };
  /** The first chunk of every candidate says whose turn it is. */
  const choice = (candidate: number, delta: JsonObject, finish: JsonObject = {}): Frame[] => {
    const state = stateOf(candidate);
    const frames: Frame[] = [];
    if (!state.begun) {
      state.begun = true;
      const first = { role: "assistant", content: "" };
      frames.push(chunk([{ index: candidate, delta: first, logprobs: null, finish_reason: null }]));
    }
    frames.push(
      chunk([{ index: candidate, delta, logprobs: null, finish_reason: null, ...finish }]),
    );
    return frames;
  };

  const startPart = (candidate: number, index: number, part: Part): Frame[] => {
    const state = stateOf(candidate);
    const open = (value: Open): Open => {
      state.open.set(index, value);
      return value;
    };
    switch (part.type) {
      case "text": {
        open({ kind: "text", start: state.textLength });
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        state.textLength += part.text.length;
        const shown = part.text === "" ? [] : choice(candidate, { content: part.text });
        const cited = (part.citations ?? []).flatMap(({ origin, raw }) =>
          addDelta(candidate, index, { type: "citation", origin, raw }),
        );
        return [...shown, ...cited];
      }
      case "reasoning": {
        open({ kind: "reasoning", part, index: state.details });
        state.details += 1;
        const content = part.text === "" ? {} : { reasoning_content: part.text };
        const isBare =
          part.text === "" && part.encrypted === undefined && part.signature === undefined;
        if (isBare) return [];
        const details = needsDetail(part)
          ? {
              reasoning_details: encodeDetails(part, {
                index: state.details - 1,
                isForClient: true,
              }),
            }
          : {};
        return choice(candidate, { ...content, ...details });
      }
      case "refusal":
        open({ kind: "refusal" });
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        return part.text === "" ? [] : choice(candidate, { refusal: part.text });
      case "tool-call": {
        if (part.executor === "provider") {
          open({ kind: "hidden" });
          notice("content", `the provider's own call of \`${part.name}\` is not shown`);
          return [];
        }
        const at = state.calls;
        state.calls += 1;
        const isFree = part.freeform ?? false;
        if (isFreeform(part)) {
          open({ kind: "free-call", index: at, args: part.args });
          const custom = { name: part.name, input: "" };
          return choice(candidate, {
            tool_calls: [{ index: at, id: part.id, type: "custom", custom, ...ownExt(part.ext) }],
          });
        }
        // The form before `tools` knows one call only.
        open(
          isLegacy && at > 0 ? { kind: "hidden" } : { kind: "call", index: at, freeform: isFree },
        );
        if (isLegacy) {
          if (at > 0) notice("content", "`function_call` holds one call only");
          const call = { name: part.name, arguments: part.args };
          return at > 0 ? [] : choice(candidate, { function_call: call });
        }
        const called = isFree
          ? { type: "custom", custom: { name: part.name, input: part.args } }
          : { type: "function", function: { name: part.name, arguments: part.args } };
        return choice(candidate, {
          tool_calls: [{ index: at, id: part.id, ...called, ...ownExt(part.ext) }],
        });
      }
      case "image": {
        open({ kind: "hidden" });
        const image = encodeImageAnswer(part);
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        if (image) return choice(candidate, { images: [image] });
        break;
      }
      case "audio": {
        open({ kind: "hidden" });
        const audio = encodeAudioAnswer(part);
        if (audio) return choice(candidate, { audio });
        break;
      }
      case "opaque":
        open({ kind: "hidden" });
        if (isDetail(part)) return choice(candidate, { reasoning_details: [part.raw] });
        if (part.origin === dialectId) return choice(candidate, { content: [part.raw] });
        break;
      case "file":
      case "tool-result":
        open({ kind: "hidden" });
        break;
      default:
        return part satisfies never;
    }
    notice("content", `a ${part.type} in an answer is not shown`);
    return [];
  };

  const addDelta = (candidate: number, index: number, delta: Delta): Frame[] => {
    const state = stateOf(candidate);
    const open = state.open.get(index);
    if (!open || open.kind === "hidden") return [];
    switch (delta.type) {
      case "text":
        state.textLength += delta.text.length;
        return choice(candidate, { content: delta.text });
      case "reasoning": {
        if (open.kind !== "reasoning") return [];
        const shown = { reasoning_content: delta.text };
        if (!needsDetail(open.part)) return choice(candidate, shown);
        const { type: _, ...fields } = detail(open);
        const isSummary = ownExt(open.part.ext)["type"] === "reasoning.summary";
        const said = isSummary
          ? { type: "reasoning.summary", summary: delta.text }
          : { type: "reasoning.text", text: delta.text };
        return choice(candidate, { ...shown, reasoning_details: [{ ...said, ...fields }] });
      }
      case "signature": {
        if (open.kind !== "reasoning" || delta.signature === "") return [];
        const { signature } = delta;
        return choice(candidate, { reasoning_details: [{ ...detail(open), signature }] });
      }
      case "args": {
        if (open.kind === "free-call") open.args += delta.args;
        if (open.kind !== "call" || delta.args === "") return [];
        if (isLegacy) return choice(candidate, { function_call: { arguments: delta.args } });
        const called = open.freeform
          ? { custom: { input: delta.args } }
          : { function: { arguments: delta.args } };
        return choice(candidate, { tool_calls: [{ index: open.index, ...called }] });
      }
      case "refusal":
        return choice(candidate, { refusal: delta.text });
      case "citation": {
        const start = open.kind === "text" ? open.start : state.textLength;
        const annotation = encodeAnnotation(delta, { start, end: state.textLength });
        if (annotation === undefined) {
          notice("citations", noForm);
          return [];
        }
        noticeQuote(delta.raw, noForm, notice);
        return choice(candidate, { annotations: [annotation] });
      }
      case "ext":
        for (const key of foreignFields(delta.ext)) notice(key, noForm);
        return [];
      default:
        return delta satisfies never;
    }
  };

  const endPart = (candidate: number, index: number): Frame[] => {
    const state = stateOf(candidate);
    const open = state.open.get(index);
    state.open.delete(index);
    if (open?.kind !== "free-call") return [];
    const custom = { input: unwrapInput(open.args) };
    return choice(candidate, { tool_calls: [{ index: open.index, custom }] });
  };

  const detail = (open: Extract<Open, { kind: "reasoning" }>): JsonObject => ({
    type: "reasoning.text",
    ...detailHead(open.part, { index: open.index, isForClient: true }),
  });

  const push = (event: ChatEvent): Frame[] => {
    switch (event.type) {
      case "start": {
        const { id, model, createdMs } = event;
        base = {
          ...base,
          id,
          model: model || context.model,
          ...(createdMs === undefined ? {} : { created: Math.floor(createdMs / 1000) }),
        };
        // OpenAI repeats its fingerprint in every chunk; everything else is said once.
        const { system_fingerprint: fingerprint, ...rest } = ownExt(event.ext);
        if (fingerprint !== undefined) base["system_fingerprint"] = fingerprint;
        extra = { ...extra, ...rest };
        for (const key of foreignFields(event.ext)) notice(key, noForm);
        stateOf(0).begun = true;
        const first = { role: "assistant", content: "" };
        return [chunk([{ index: 0, delta: first, logprobs: null, finish_reason: null }])];
      }
      case "part-start":
        return startPart(event.candidate, event.index, event.part);
      case "part-delta":
        return addDelta(event.candidate, event.index, event.delta);
      case "part-end":
        return endPart(event.candidate, event.index);
      case "usage":
        usage = event.usage;
        return [];
      case "finish": {
        const { message, ...kept } = ownExt(event.ext);
        for (const key of foreignFields(event.ext)) notice(key, noForm);
        noticePause(event.finish, notice);
        const word = encodeFinish(event.finish, isLegacy);
        const delta = typeof message === "object" && message !== null ? { ...message } : {};
        return choice(event.candidate, delta, { finish_reason: word, ...kept });
      }
      case "end": {
        isOver = true;
        const counted = context.includeUsage && usage ? [chunk([], encodeUsage(usage))] : [];
        return [...counted, { data: "[DONE]" }];
      }
      case "error":
        isOver = true;
        return [frame(errorBody(event.error))];
      case "opaque":
        if (event.origin === dialectId && typeof event.raw === "object") {
          extra = { ...extra, ...event.raw };
        } else notice("stream", "an event that only another wire knows is not shown");
        return [];
      case "ping":
        return [];
      default:
        return event satisfies never;
    }
  };

  return { push: (event) => (isOver ? [] : push(event)) };
}
