// Events written as lines of a streamed answer, in the form of `/api/chat` or `/api/generate`.
// https://docs.ollama.com/api/streaming
import type { Finish, Part, ToolCallPart } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import type { Usage } from "../../ir/usage.ts";
import { monotonic } from "../../lib/clock.ts";
import type { Frame } from "../../lib/frame.ts";
import { type JsonObject, stringify } from "../../lib/json.ts";
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { createNotices } from "../losses.ts";
import { noticeProof } from "../lost-proof.ts";
import { createLine, encodeCall, type Head, type Said } from "./answer.ts";
import { errorBody } from "./error.ts";
import { encodeFinish } from "./finish.ts";
import { encodeImage } from "./images.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  const notice = createNotices(context, dialectId);
  const head: Head = { model: context.model };
  // Every line tells when it was written.
  const line = createLine(context, () => head);
  const frame = (value: JsonObject): Frame => ({ data: stringify(value) });
  const shown = (said: Said): Frame[] => [frame(line(said))];
  const watch = createWatch();
  /** Calls wait until their arguments are whole: this wire has no pieces of them. */
  const calls = new Map<number, ToolCallPart>();
  let callCount = 0;
  let usage: Usage | undefined;
  let finish: Finish = { reason: "other" };
  let extra: JsonObject = {};
  let isOver = false;

  const keep = (ext: Extract<ChatEvent, { type: "finish" }>["ext"]): void => {
    for (const key of foreignFields(ext)) notice(key, noForm);
    extra = { ...extra, ...ownExt(ext) };
  };

  const startPart = (index: number, part: Part): Frame[] => {
    switch (part.type) {
      case "text":
      case "refusal":
        if (part.type === "text" && part.citations?.length) notice("citations", noForm);
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        return part.text === "" ? [] : shown({ text: part.text });
      case "reasoning":
        noticeProof(part, noForm, notice);
        return part.text === "" ? [] : shown({ thinking: part.text });
      case "tool-call":
        if (part.executor === "client") calls.set(index, { ...part });
        else notice("content", `the provider's own call of \`${part.name}\` is not shown`);
        return [];
      case "image": {
        const image = encodeImage(part);
        if (image !== undefined) return shown({ images: [image] });
        break;
      }
      case "audio":
      case "file":
      case "tool-result":
      case "opaque":
        break;
      default:
        return part satisfies never;
    }
    notice("content", `${part.type}: ${noForm}`);
    return [];
  };

  const addDelta = (index: number, delta: Delta): Frame[] => {
    switch (delta.type) {
      case "text":
      case "refusal":
        return delta.text === "" ? [] : shown({ text: delta.text });
      case "reasoning":
        return delta.text === "" ? [] : shown({ thinking: delta.text });
      case "args": {
        const call = calls.get(index);
        if (call) call.args += delta.args;
        return [];
      }
      case "signature":
        notice("thinking.signature", noForm);
        return [];
      case "citation":
        notice("citations", noForm);
        return [];
      case "ext":
        for (const key of foreignFields(delta.ext)) notice(key, noForm);
        return [];
      default:
        return delta satisfies never;
    }
  };

  const endPart = (index: number): Frame[] => {
    const call = calls.get(index);
    if (!call) return [];
    calls.delete(index);
    callCount += 1;
    return shown({ calls: [encodeCall(call, callCount - 1, { place: "content", notice })] });
  };

  const end = (): Frame[] => {
    isOver = true;
    const { word, loss } = encodeFinish(finish);
    if (loss !== undefined) notice("done_reason", loss);
    const ending = {
      done: true,
      done_reason: word,
      ...watch.durations(),
      ...encodeUsage(usage),
      ...extra,
    };
    return [frame(line({}, ending))];
  };

  const isShown = (candidate: number): boolean => {
    if (candidate === 0) return true;
    notice("choices", "Ollama shows one answer of several");
    return false;
  };

  const push = (event: ChatEvent): Frame[] => {
    switch (event.type) {
      case "start":
        head.model = event.model || context.model;
        keep(event.ext);
        return [];
      case "part-start":
        watch.begin();
        return isShown(event.candidate) ? startPart(event.index, event.part) : [];
      case "part-delta":
        return isShown(event.candidate) ? addDelta(event.index, event.delta) : [];
      case "part-end":
        return isShown(event.candidate) ? endPart(event.index) : [];
      case "usage":
        usage = event.usage;
        return [];
      case "finish":
        if (!isShown(event.candidate)) return [];
        finish = event.finish;
        keep(event.ext);
        return [];
      case "end":
        return end();
      case "error":
        isOver = true;
        return [frame(errorBody(event.error))];
      case "opaque":
        notice("stream", "an event that only another wire knows is not shown");
        return [];
      case "ping":
        return [];
      default:
        return event satisfies never;
    }
  };

  return { push: (event) => (isOver ? [] : push(event)) };
}

/** Clients show tokens per second by these; as seen from here, where the server is another's. Nanoseconds. */
function createWatch(): { begin(): void; durations(): JsonObject } {
  const started = monotonic();
  let begun: number | undefined;
  const nanoseconds = (milliseconds: number): number => Math.max(1, Math.round(milliseconds * 1e6));
  return {
    begin() {
      begun ??= monotonic();
    },
    durations() {
      const ended = monotonic();
      return {
        total_duration: nanoseconds(ended - started),
        prompt_eval_duration: nanoseconds((begun ?? ended) - started),
        eval_duration: nanoseconds(ended - (begun ?? ended)),
      };
    },
  };
}
