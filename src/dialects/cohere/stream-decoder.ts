// Events of a streamed v2 chat answer turned into those of the internal representation.
// https://docs.cohere.com/docs/streaming
import type { Origin, Part } from "../../ir/chat.ts";
import type { GatewayError } from "../../ir/error.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import type { Frame } from "../../lib/frame.ts";
import { createId } from "../../lib/id.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import type { StreamDecoder } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError } from "./error.ts";
import { decodeFinish, failureStatus } from "./finish.ts";
import { argsOf, decodeCallHead, emptyArgs } from "./response-decode.ts";
import { decodeUsage } from "./usage.ts";
import { dialectId, opaque, planPart, withExt } from "./wire.ts";

/** A part that is open; text waits for citations of it until something else begins. */
interface Open {
  kind: "plan" | "text" | "reasoning" | "call" | "opaque";
  index: number;
  /** Arguments that may be those of a tool that takes nothing, see {@link emptyArgs}. */
  held: string;
}

export function createStreamDecoder(origin: Origin): StreamDecoder {
  let isStarted = false;
  let isOver = false;
  let nextIndex = 0;
  let open: Open | undefined;
  let lastText: number | undefined;
  let hasCalls = false;
  const logprobs: unknown[] = [];

  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };
  const start = (event?: JsonObject): ChatEvent[] => {
    if (isStarted) return [];
    isStarted = true;
    const id = stringOr(event && field(event, "id")) || createId("chat");
    const model = stringOr(event && field(event, "model")) ?? "";
    return [{ type: "start", id, model }];
  };
  const delta = (index: number, change: Delta): ChatEvent => ({
    type: "part-delta",
    candidate: 0,
    index,
    delta: change,
  });
  const close = (): ChatEvent[] => {
    if (!open) return [];
    const { index, held } = open;
    open = undefined;
    const args = held === emptyArgs ? "{}" : held;
    return [
      ...(args === "" ? [] : [delta(index, { type: "args", args })]),
      { type: "part-end", candidate: 0, index },
    ];
  };
  const begin = (kind: Open["kind"], part: Part): ChatEvent[] => {
    const events = [...start(), ...close()];
    open = { kind, index: nextIndex, held: "" };
    if (kind === "text" || kind === "plan") lastText = nextIndex;
    nextIndex += 1;
    events.push({ type: "part-start", candidate: 0, index: open.index, part });
    return events;
  };
  const ensure = (kind: "plan" | "text" | "reasoning"): ChatEvent[] => {
    if (open?.kind === kind) return [];
    if (kind === "plan") return begin(kind, planPart(""));
    return begin(
      kind,
      kind === "text" ? { type: kind, text: "" } : { type: kind, text: "", origin },
    );
  };
  const add = (kind: "plan" | "text" | "reasoning", text: string | undefined): ChatEvent[] => {
    if (!text) return [];
    const events = ensure(kind);
    const type = kind === "reasoning" ? kind : "text";
    if (open) events.push(delta(open.index, { type, text }));
    return events;
  };
  const addArgs = (args: string): ChatEvent[] => {
    if (open?.kind !== "call" || args === "") return [];
    open.held += args;
    if (emptyArgs.startsWith(open.held)) return [];
    const { held } = open;
    open.held = "";
    return [delta(open.index, { type: "args", args: held })];
  };

  const startContent = (block: JsonObject): ChatEvent[] => {
    const type = field(block, "type");
    if (type !== undefined && type !== "text" && type !== "thinking") {
      return begin("opaque", opaque(block));
    }
    const kind = type === "thinking" ? "reasoning" : "text";
    // Text that goes on behind its citations would be another block.
    const events = close();
    events.push(...ensure(kind));
    return [...events, ...addContent(block)];
  };
  const addContent = (block: JsonObject): ChatEvent[] => [
    ...add("reasoning", stringOr(field(block, "thinking"))),
    ...add("text", stringOr(field(block, "text"))),
  ];
  const addCitation = (raw: unknown): ChatEvent[] => {
    const events = lastText === undefined ? ensure("text") : [];
    events.push(delta(lastText ?? 0, { type: "citation", origin: dialectId, raw }));
    return events;
  };

  const finish = (event: JsonObject): ChatEvent[] => {
    const found = field(event, "delta");
    const end = isObject(found) ? found : {};
    const word = stringOr(field(end, "finish_reason"));
    const error = field(end, "error");
    const status = failureStatus(word);
    if (status !== undefined || error !== undefined) return fail(decodeInlineError(end, status));
    isOver = true;
    const usage = decodeUsage(field(end, "usage"));
    const ext = {
      ...unknownFields(end, endKeys),
      ...(logprobs.length > 0 ? { logprobs } : {}),
    };
    return [
      ...start(event),
      ...close(),
      ...(usage ? [{ type: "usage" as const, usage }] : []),
      { type: "finish", candidate: 0, finish: decodeFinish(word, hasCalls), ...withExt(ext) },
      { type: "end" },
    ];
  };

  const read = (event: JsonObject, type: unknown): ChatEvent[] => {
    const message = messageIn(event);
    const content = objectIn(message, "content");
    const call = objectIn(message, "tool_calls");
    const probability = field(event, "logprobs");
    if (probability !== undefined) logprobs.push(probability);
    switch (type) {
      case "message-start":
        return start(event);
      case "content-start":
        return startContent(content);
      case "content-delta":
        return addContent(content);
      case "tool-plan-delta":
        return add("plan", stringOr(field(message, "tool_plan")));
      case "tool-call-start":
        hasCalls = true;
        return [...begin("call", decodeCallHead(call)), ...addArgs(pieceOf(call))];
      case "tool-call-delta":
        return addArgs(pieceOf(call));
      case "tool-call-end":
        return close();
      case "citation-start":
        return citationsIn(message).flatMap(addCitation);
      case "content-end":
      case "citation-end":
        return [];
      case "message-end":
        return finish(event);
      case "error":
        return fail(decodeInlineError(event));
      default:
        return field(event, "error") === undefined
          ? [{ type: "opaque", origin: dialectId, raw: event }]
          : fail(decodeInlineError(event));
    }
  };

  return {
    push(frame: Frame) {
      const data = frame.data.trim();
      // `[DONE]` follows `message-end`, which has said all.
      if (isOver || data === "" || data === "[DONE]") return [];
      try {
        const event = parse(data);
        if (isObject(event)) return read(event, field(event, "type") ?? frame.event);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
      }
      return fail(
        invalidAnswer("The provider's stream holds something that is no JSON object.", data),
      );
    },
    end: () =>
      isOver
        ? []
        : fail(invalidAnswer("The provider's stream broke off before the answer was whole.")),
  };
}

const endKeys = new Set(["finish_reason", "usage", "error"]);

function objectIn(object: JsonObject, key: string): JsonObject {
  const value = field(object, key);
  return isObject(value) ? value : {};
}

const messageIn = (event: JsonObject): JsonObject => objectIn(objectIn(event, "delta"), "message");

/** One citation, or a list of them. */
function citationsIn(message: JsonObject): unknown[] {
  const citations = field(message, "citations");
  if (Array.isArray(citations)) return citations;
  return citations === undefined ? [] : [citations];
}

/** A piece of the arguments as it is: only the whole may be {@link emptyArgs}. */
function pieceOf(call: JsonObject): string {
  const args = field(objectIn(call, "function"), "arguments");
  return typeof args === "string" ? args : argsOf(call);
}
