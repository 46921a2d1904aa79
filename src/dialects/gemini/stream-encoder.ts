// Events written as a stream of GenerateContentResponse: bare `data:` lines, each function call whole.
// https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
import type { ChatEvent } from "../../ir/event.ts";
import type { Usage } from "../../ir/usage.ts";
import type { Frame } from "../../lib/frame.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { createNotices } from "../losses.ts";
import { type CandidateWriter, createCandidateWriter } from "./candidate-encode.ts";
import { errorBody } from "./error.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

type FinishEvent = Extract<ChatEvent, { type: "finish" }>;

export function createEncoder(context: AnswerContext): StreamEncoder {
  const notice = createNotices(context, dialectId);
  const writers = new Map<number, CandidateWriter>();
  const finishes = new Map<number, FinishEvent>();
  let head: JsonObject = {};
  /** Top-level fields that are sent once, with the next chunk. */
  let extra: JsonObject = {};
  let usage: Usage | undefined;
  let isOver = false;

  // Arguments keep their spelling, line feeds too; Gemini CLI reads one line.
  const frame = (value: JsonObject): Frame => ({
    data: stringify(value).replaceAll(/[\r\n]+/g, " "),
  });
  const chunk = (candidates: JsonObject[], more: JsonObject = {}): Frame => {
    const fields = extra;
    extra = {};
    return frame({ ...(candidates.length > 0 ? { candidates } : {}), ...more, ...head, ...fields });
  };
  const writerOf = (candidate: number): CandidateWriter => {
    const known = writers.get(candidate);
    if (known) return known;
    const writer = createCandidateWriter(notice);
    writers.set(candidate, writer);
    return writer;
  };

  const onEnd = (): Frame[] => {
    isOver = true;
    const feedback = extra["promptFeedback"];
    const isBlocked = isObject(feedback) && writers.size === 0 && "blockReason" in feedback;
    const indexes = [...new Set([...writers.keys(), ...finishes.keys()])].toSorted((a, b) => a - b);
    const candidates = indexes.map((index) => {
      const { parts, fields } = writerOf(index).finish(finishes.get(index));
      const content = { parts: parts.length > 0 ? parts : [{ text: "" }], role: "model" };
      return { content, index, ...fields };
    });
    const counts = usage ? { usageMetadata: encodeUsage(usage) } : {};
    return [chunk(isBlocked ? [] : candidates, counts)];
  };

  const push = (event: ChatEvent): Frame[] => {
    switch (event.type) {
      case "start": {
        for (const key of foreignFields(event.ext)) notice(key, noForm);
        extra = { ...ownExt(event.ext) };
        head = headOf(event, context);
        return [];
      }
      case "part-start":
      case "part-delta":
      case "part-end": {
        const parts = writerOf(event.candidate).push(event);
        if (parts.length === 0) return [];
        return [chunk([{ content: { parts, role: "model" }, index: event.candidate }])];
      }
      case "usage":
        usage = event.usage;
        return [];
      case "finish":
        finishes.set(event.candidate, event);
        return [];
      case "end":
        return onEnd();
      case "error":
        isOver = true;
        return [frame(errorBody(event.error))];
      case "opaque":
        if (event.origin === dialectId && isObject(event.raw)) extra = { ...extra, ...event.raw };
        else notice("stream", "an event that only another wire knows is not shown");
        return [];
      case "ping":
        return [];
      default:
        return event satisfies never;
    }
  };

  return { push: (event) => (isOver ? [] : push(event)) };
}

/** What every chunk of an answer repeats. */
export const headOf = (
  { id, model, createdMs }: { id: string; model: string; createdMs?: number },
  context: AnswerContext,
): JsonObject => ({
  modelVersion: model || context.model,
  ...(createdMs === undefined ? {} : { createTime: new Date(createdMs).toISOString() }),
  responseId: id || createId("resp"),
});
