// Events written as a ConverseStream, in AWS's order: one block after the other, then the stop, then the counts.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_ResponseSyntax
import type { Finish } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { createUsage, type Usage } from "../../ir/usage.ts";
import { monotonic } from "../../lib/clock.ts";
import type { Frame } from "../../lib/frame.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { exceptionOfStatus } from "../aws-exception.ts";
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { createNotices } from "../losses.ts";
import { noticePause } from "../lost-pause.ts";
import { type BlockWriter, createBlockWriter } from "./block-writer.ts";
import { errorBody } from "./error.ts";
import { encodeFinish } from "./finish.ts";
import { isClientCall, stopSequenceFields } from "./response-encode.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

/** One part on its way out: clients expect one block at a time, the events may have several open. */
interface Pending {
  writer: BlockWriter;
  /** Deltas that came while an earlier block was open. */
  deltas: Delta[];
  hasEnded: boolean;
}

export function createEncoder(context: AnswerContext): StreamEncoder {
  const notice = createNotices(context, dialectId);
  const begunMs = monotonic();
  let hasStarted = false;
  let isOver = false;
  let usage: Usage | undefined;
  let finish: Finish = { reason: "other" };
  let kept: JsonObject = {};
  let calls = false;
  let nextIndex = 0;
  const queue: Pending[] = [];
  const byIndex = new Map<number, Pending>();

  const begin = (): Frame[] => {
    if (hasStarted) return [];
    hasStarted = true;
    return [frame("messageStart", { role: "assistant" })];
  };

  /** Writes what may be written: the first part as far as it goes, later ones once those before have ended. */
  const drain = (): Frame[] => {
    const frames: Frame[] = [];
    for (let first = queue[0]; first; first = queue[0]) {
      frames.push(...first.writer.start());
      for (const delta of first.deltas) frames.push(...first.writer.push(delta));
      first.deltas = [];
      if (!first.hasEnded) break;
      frames.push(...first.writer.end());
      queue.shift();
    }
    return frames;
  };

  const onPart = ({ part, index }: Extract<ChatEvent, { type: "part-start" }>): Frame[] => {
    calls ||= isClientCall(part);
    const writer = createBlockWriter(part, {
      place: `content[${index}]`,
      notice,
      number: () => nextIndex++,
    });
    const pending: Pending = { writer, deltas: [], hasEnded: false };
    queue.push(pending);
    byIndex.set(index, pending);
    return queue[0] === pending ? drain() : [];
  };

  const onEnd = (): Frame[] => {
    for (const pending of queue) pending.hasEnded = true;
    const frames = [...begin(), ...drain()];
    isOver = true;
    noticePause(finish, notice);
    const { additionalModelResponseFields: additional, ...rest } = kept;
    return [
      ...frames,
      frame("messageStop", {
        stopReason: encodeFinish(finish, calls),
        ...stopSequenceFields(finish.stopSequence, kept),
        ...(additional === undefined ? {} : { additionalModelResponseFields: additional }),
      }),
      frame("metadata", {
        usage: encodeUsage(usage ?? createUsage({ total: context.inputTokens ?? 0 })),
        metrics: { latencyMs: Math.round(monotonic() - begunMs) },
        ...rest,
      }),
    ];
  };

  const write = (event: ChatEvent): Frame[] => {
    if ("candidate" in event && event.candidate !== 0) {
      notice("choices", "Bedrock Converse shows one answer of several");
      return [];
    }
    switch (event.type) {
      case "start":
        for (const key of foreignFields(event.ext)) notice(key, noForm);
        return begin();
      case "usage":
        usage = event.usage;
        return [];
      case "ping":
        // The wire has nothing of the kind.
        return [];
      case "part-start":
        return [...begin(), ...onPart(event)];
      case "part-delta": {
        const pending = byIndex.get(event.index);
        if (!pending || pending.hasEnded) return [];
        pending.deltas.push(event.delta);
        return queue[0] === pending ? drain() : [];
      }
      case "part-end": {
        const pending = byIndex.get(event.index);
        if (!pending) return [];
        pending.hasEnded = true;
        byIndex.delete(event.index);
        return drain();
      }
      case "finish":
        finish = event.finish;
        for (const key of foreignFields(event.ext)) notice(key, noForm);
        kept = ownExt(event.ext);
        return [];
      case "end":
        return onEnd();
      case "error":
        isOver = true;
        return [
          {
            event: exceptionOfStatus(event.error.status),
            data: errorBody(event.error),
            exception: true,
          },
        ];
      case "opaque":
        if (event.origin === dialectId && isObject(event.raw)) {
          const [[name, value] = []] = Object.entries(event.raw);
          if (name !== undefined && isObject(value)) return [...begin(), frame(name, value)];
        }
        notice("stream", "an event that only its own API understands is not shown");
        return [];
      default:
        return event satisfies never;
    }
  };

  return { push: (event) => (isOver ? [] : write(event)) };
}

const frame = (event: string, data: JsonObject): Frame => ({ event, data: stringify(data) });
