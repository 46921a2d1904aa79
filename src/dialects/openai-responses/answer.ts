// An answer as it grows: items with their events, and the response object that they amount to.
// https://platform.openai.com/docs/api-reference/responses-streaming
import type { Finish, Part } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import type { GatewayError } from "../../ir/error.ts";
import type { Usage } from "../../ir/usage.ts";
import { now } from "../../lib/clock.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { AnswerContext } from "../dialect.ts";
import { mergeJson } from "../../ir/fold.ts";
import { createNotices } from "../losses.ts";
import { noticePause } from "../lost-pause.ts";
import { errorBody } from "../openai-error.ts";
import { createCallWriter } from "./call-writer.ts";
import { echoOf } from "./echo.ts";
import { encodeFinish, type Ending } from "./finish.ts";
import { createMessageWriter } from "./message-writer.ts";
import { createReasoningWriter } from "./reasoning-writer.ts";
import { proofItem } from "./sealed.ts";
import { encodeUsage } from "./usage.ts";
import { vendorEvents } from "./vendor-events.ts";
import { dialectId, foreignFields, frameOf, noForm, ownExt } from "./wire.ts";

/** An event before it has its number. */
export interface WireEvent extends JsonObject {
  type: string;
}

/** Where a writer puts its item: numbers are given in order of beginning. */
export interface Output {
  /** A place for an item that begins. */
  begin(): Slot;
}

export interface Slot {
  readonly index: number;
  /** The item as it is in the end. */
  settle(item: JsonObject): void;
}

/** Writes one part; those of one item share it, see the writers. */
export interface PartWriter {
  push(delta: Delta): WireEvent[];
  end(): WireEvent[];
}

export interface Answer {
  push(event: ChatEvent): WireEvent[];
  /** The response object as far as the events go. */
  response(): JsonObject;
}

export function createAnswer(context: AnswerContext): Answer {
  const notice = createNotices(context, dialectId);
  const output: JsonObject[] = [];
  const parts = new Map<number, PartWriter>();
  let head: JsonObject = { id: "", object: "response", created_at: 0, model: context.model };
  let echo: JsonObject = {};
  let ending: Ending = { status: "in_progress", incomplete_details: null };
  let failure: JsonObject | null = null;
  let finish: Finish = { reason: "other" };
  let usage: Usage | undefined;
  let refuses = false;

  const slots: Output = {
    begin() {
      const index = output.length;
      output.push({});
      return {
        index,
        settle(item) {
          output[index] = item;
        },
      };
    },
  };
  const message = createMessageWriter(slots, notice);
  const reasoning = createReasoningWriter(slots);
  const calls = createCallWriter(slots, context.request);

  const response = (): JsonObject => ({
    ...head,
    ...ending,
    error: failure,
    output: output.filter((item) => "type" in item),
    ...echo,
    usage: usage ? encodeUsage(usage) : null,
  });

  const whole = (item: JsonObject): WireEvent[] => {
    const slot = slots.begin();
    slot.settle(item);
    return vendorEvents(item, slot.index);
  };

  /** What other kinds of part end. */
  const settle = (kind: Part["type"]): WireEvent[] => [
    ...(kind === "text" || kind === "refusal" ? [] : message.close()),
    ...(kind === "reasoning" ? [] : reasoning.close()),
  ];

  const openPart = (index: number, part: Part): WireEvent[] => {
    const frame = frameOf(part.ext);
    if (frame.isShadow) return [];
    if (part.type === "refusal") refuses = true;
    const isInMessage = part.type === "opaque" && part.origin === dialectId && frame.isContent;
    const events = isInMessage ? reasoning.close() : settle(part.type);
    if (part.proof) events.push(...message.close(), ...whole(proofItem(part.proof)));
    const open = (begun: { events: WireEvent[]; writer: PartWriter }): WireEvent[] => {
      parts.set(index, begun.writer);
      return [...events, ...begun.events];
    };
    if (isInMessage) return [...events, ...message.add(part)];
    const item = isObject(frame.item) ? ownItem(part, frame.item) : undefined;
    if (item) return [...events, ...whole(item)];
    switch (part.type) {
      case "text":
        // Gemini signs the end of an answer by an empty text: a message of it would be taken for the answer.
        return part.text === "" && part.proof
          ? open({ events: [], writer: onceSaid(() => message.open(part)) })
          : open(message.open(part));
      case "refusal":
        return open(message.open(part));
      case "reasoning":
        return open(reasoning.open(part));
      case "tool-call":
        if (part.executor === "client") return open(calls.open(part));
        notice("output", `the provider's own call of \`${part.name}\` is not shown`);
        return events;
      case "opaque":
        if (part.origin === dialectId && isObject(part.raw)) return [...events, ...whole(part.raw)];
        break;
      case "image":
        if (part.source.kind === "base64") {
          const picture = {
            id: createId("ig"),
            type: "image_generation_call",
            status: "completed",
            result: part.source.data,
          };
          return [...events, ...whole(picture)];
        }
        break;
      case "audio":
      case "file":
      case "tool-result":
        break;
      default:
        part satisfies never;
    }
    notice("output", `a ${part.type} in an answer is not shown`);
    return events;
  };

  const closeAll = (): WireEvent[] => {
    const events = [...parts.values()].flatMap((writer) => writer.end());
    parts.clear();
    return [...events, ...message.close(), ...reasoning.close()];
  };

  const start = (event: Extract<ChatEvent, { type: "start" }>): WireEvent[] => {
    for (const key of foreignFields(event.ext)) notice(key, noForm);
    head = {
      id: event.ext?.[dialectId] ? event.id : responseId(event.id),
      object: "response",
      created_at: Math.floor((event.createdMs ?? now()) / 1000),
      model: event.model || context.model,
    };
    echo = { ...echoOf(context.request), ...frameOf(event.ext), ...ownExt(event.ext) };
    if (context.resumedFrom !== undefined) echo["previous_response_id"] = context.resumedFrom;
    const shown = response();
    return [
      { type: "response.created", response: shown },
      { type: "response.in_progress", response: shown },
    ];
  };

  const end = (): WireEvent[] => {
    const events = closeAll();
    noticePause(finish, notice);
    ending = encodeFinish(finish, refuses);
    if (ending.status === "completed") head = { ...head, completed_at: Math.floor(now() / 1000) };
    const type = ending.status === "incomplete" ? "response.incomplete" : "response.completed";
    return [...events, { type, response: response() }];
  };

  const fail = (error: GatewayError): WireEvent[] => {
    const told = errorBody(error)["error"];
    const { message: text, code } = isObject(told) ? told : {};
    ending = { status: "failed", incomplete_details: null };
    failure = { code, message: text };
    return [
      {
        type: "error",
        ...(isObject(told) ? { code, message: text, param: told["param"] } : {}),
        error: told,
      },
      { type: "response.failed", response: response() },
    ];
  };

  return {
    response,
    push(event) {
      if ("candidate" in event && event.candidate !== 0) {
        notice("choices", "OpenAI Responses shows one answer of several");
        return [];
      }
      switch (event.type) {
        case "start":
          return start(event);
        case "part-start":
          return openPart(event.index, event.part);
        case "part-delta":
          return parts.get(event.index)?.push(event.delta) ?? [];
        case "part-end": {
          const events = parts.get(event.index)?.end() ?? [];
          parts.delete(event.index);
          return events;
        }
        case "usage":
          usage = event.usage;
          return [];
        case "finish": {
          finish = event.finish;
          for (const key of foreignFields(event.ext)) notice(key, noForm);
          echo = mergeJson(echo, { ...frameOf(event.ext), ...ownExt(event.ext) }) as JsonObject;
          return [];
        }
        case "end":
          return end();
        case "error":
          return fail(event.error);
        case "opaque":
          notice("stream", "an event that only its own API understands is not shown");
          return [];
        case "ping":
          return [];
        default:
          return event satisfies never;
      }
    },
  };
}

/** Begins when there is something to write. */
function onceSaid(begin: () => { events: WireEvent[]; writer: PartWriter }): PartWriter {
  let writer: PartWriter | undefined;
  return {
    end: () => writer?.end() ?? [],
    push(delta) {
      if (writer) return writer.push(delta);
      const begun = begin();
      ({ writer } = begun);
      return [...begun.events, ...writer.push(delta)];
    },
  };
}

/** An item of this wire's own, with what its part holds of it. */
const ownItem = (part: Part, item: JsonObject): JsonObject =>
  part.type === "image" && part.source.kind === "base64"
    ? { ...item, result: part.source.data }
    : item;

/** Clients know responses by their prefix. @example responseId("chatcmpl-1") // → "resp_chatcmpl-1" */
const responseId = (id: string): string => {
  if (id === "") return createId("resp");
  return id.startsWith("resp") ? id : `resp_${id.replace(/[^\w-]/g, "_")}`;
};
