// A provider's Messages stream read into events.
// https://platform.claude.com/docs/en/build-with-claude/streaming
import type { Origin, Part } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { createId } from "../../lib/id.ts";
import type { Frame } from "../../lib/frame.ts";
import { isObject, JsonError, type JsonObject, parseObject, rawAt } from "../../lib/json.ts";
import { decodeException } from "../aws-exception.ts";
import type { StreamDecoder } from "../dialect.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeBlock } from "./block-decode.ts";
import { decodeInlineError } from "./error.ts";
import { decodeEnding } from "./response-decode.ts";
import { decodeUsage, mergeUsage } from "./usage.ts";
import { dialectId, withExt } from "./wire.ts";

/** A block that has begun and not ended. */
interface OpenBlock {
  index: number;
  /** Held back until the block ends, because only its end completes it. */
  held?: JsonObject;
  isCall: boolean;
  hasArgs: boolean;
  /** The input that came with the start, which deltas would replace. */
  initialArgs: string;
}

export function createDecoder(origin: Origin): StreamDecoder {
  /** The message's own fields as far as they are known; absent before `message_start`. */
  let message: JsonObject | undefined;
  let nextIndex = 0;
  let isOver = false;
  const open = new Map<unknown, OpenBlock>();

  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };
  const invalid = (problem: string, body?: string): ChatEvent[] =>
    fail(invalidAnswer(`The provider's stream is broken: ${problem}.`, body));
  const started = (index: number, part: Part): ChatEvent => ({
    type: "part-start",
    candidate: 0,
    index,
    part,
  });
  const changed = (index: number, delta: Delta): ChatEvent => ({
    type: "part-delta",
    candidate: 0,
    index,
    delta,
  });
  const ended = (index: number): ChatEvent => ({ type: "part-end", candidate: 0, index });
  const whole = (part: Part): ChatEvent[] => {
    const index = nextIndex;
    nextIndex += 1;
    return [started(index, part), ended(index)];
  };

  const onStart = (json: JsonObject, data: string): ChatEvent[] => {
    const found = field(json, "message");
    const start = isObject(found) ? found : {};
    const id = stringOr(field(start, "id"));
    if (message) {
      // Some servers say it twice; another message within this one would make two answers into one.
      return id === field(message, "id") && nextIndex === 0
        ? []
        : invalid("a second message begins within the first", data);
    }
    const { content, ...fields } = start;
    message = fields;
    const events: ChatEvent[] = [
      {
        type: "start",
        id: id || createId("msg"),
        model: stringOr(field(start, "model")) ?? "",
      },
    ];
    events.push(...usageEvents(field(start, "usage")));
    if (!Array.isArray(content)) return events;
    // Answers that continue a provider's own program come with their content at once.
    const inputs = new Map(
      rawAt(data, ["message", "content", "*", "input"]).map((item) => [
        Number(item.path[2]),
        item.text,
      ]),
    );
    for (const [index, block] of content.filter(isObject).entries()) {
      const inputText = inputs.get(index);
      const scope = { origin, isRequest: false, ...(inputText === undefined ? {} : { inputText }) };
      events.push(...whole(decodeBlock(block, "", scope)));
    }
    return events;
  };

  const usageEvents = (value: unknown): ChatEvent[] => {
    if (!message || !isObject(value)) return [];
    const before = field(message, "usage");
    const merged = isObject(before) ? mergeUsage(before, value) : value;
    message["usage"] = merged;
    const usage = decodeUsage(merged);
    return usage ? [{ type: "usage", usage }] : [];
  };

  const onBlockStart = (json: JsonObject, data: string): ChatEvent[] => {
    const block = field(json, "content_block");
    if (!isObject(block)) return invalid("a block without content begins", data);
    const index = nextIndex;
    nextIndex += 1;
    const part = decodeBlock(block, "", { origin, isRequest: false });
    const isCall = part.type === "tool-call";
    const state: OpenBlock = { index, isCall, hasArgs: false, initialArgs: "" };
    open.set(field(json, "index"), state);
    if (part.type === "opaque") {
      state.held = { ...block };
      return [];
    }
    if (!isCall) return [started(index, part)];
    const [input] = rawAt(data, ["content_block", "input"]);
    state.initialArgs = input?.text ?? "{}";
    return [started(index, { ...part, args: "" })];
  };

  const onDelta = (json: JsonObject, data: string): ChatEvent[] => {
    const state = open.get(field(json, "index"));
    const delta = field(json, "delta");
    if (!state) return invalid("a block continues that never began", data);
    if (!isObject(delta)) return [];
    if (state.held) {
      extend(state.held, delta);
      return [];
    }
    const read = readDelta(delta);
    if (!read) return [{ type: "opaque", origin: dialectId, raw: json }];
    if (read.type === "args") {
      if (read.args === "") return [];
      state.hasArgs = true;
    }
    return [changed(state.index, read)];
  };

  const onBlockStop = (json: JsonObject): ChatEvent[] => {
    const key = field(json, "index");
    const state = open.get(key);
    if (!state) return [];
    open.delete(key);
    return close(state);
  };

  const close = (state: OpenBlock): ChatEvent[] => {
    const { index, held, isCall, hasArgs, initialArgs } = state;
    if (held) {
      return [started(index, decodeBlock(held, "", { origin, isRequest: false })), ended(index)];
    }
    return isCall && !hasArgs
      ? [changed(index, { type: "args", args: initialArgs }), ended(index)]
      : [ended(index)];
  };

  const onMessageDelta = (json: JsonObject): ChatEvent[] => {
    if (!message) return [];
    const { type: _type, delta, usage, ...rest } = json;
    const fields = { ...rest, ...(isObject(delta) ? delta : {}) };
    for (const [key, value] of Object.entries(fields)) {
      if (value !== null && key !== "__proto__") message[key] = value;
    }
    return usageEvents(usage);
  };

  const onStop = (data: string): ChatEvent[] => {
    if (!message) return invalid("it ends before it begins", data);
    const events = [...open.values()].flatMap(close);
    open.clear();
    const { finish, refusal, kept } = decodeEnding(message);
    if (refusal) events.push(...whole(refusal));
    isOver = true;
    return [...events, { type: "finish", candidate: 0, finish, ...withExt(kept) }, { type: "end" }];
  };

  const read = ({ event, data, exception }: Frame): ChatEvent[] => {
    // The cloud that carries the stream ends it in its own way.
    if (exception) return fail(decodeException(event, data));
    if (data.trim() === "" || data.trim() === "[DONE]") return [];
    const json = parseObject(data);
    const type = stringOr(field(json, "type")) ?? event;
    switch (type) {
      case "message_start":
        return onStart(json, data);
      case "content_block_start":
        return message ? onBlockStart(json, data) : invalid("no `message_start`", data);
      case "content_block_delta":
        return onDelta(json, data);
      case "content_block_stop":
        return onBlockStop(json);
      case "message_delta":
        return onMessageDelta(json);
      case "message_stop":
        return onStop(data);
      case "ping":
        return [{ type: "ping" }];
      case "error":
        return fail(decodeInlineError(json));
      default:
        // Some servers report an error without saying that it is one.
        return isObject(field(json, "error"))
          ? fail(decodeInlineError(json))
          : [{ type: "opaque", origin: dialectId, raw: json }];
    }
  };

  return {
    push(frame) {
      if (isOver) return [];
      try {
        return read(frame);
      } catch (error) {
        if (error instanceof GatewayError) return fail(error);
        const problem =
          error instanceof JsonError ? "an event is no JSON object" : "an event cannot be read";
        return invalid(problem, frame.data);
      }
    },
    end: () => (isOver ? [] : invalid("it ends without `message_stop`")),
  };
}

function readDelta(delta: JsonObject): Delta | undefined {
  switch (field(delta, "type")) {
    case "text_delta":
      return { type: "text", text: stringOr(field(delta, "text")) ?? "" };
    case "input_json_delta":
      return { type: "args", args: stringOr(field(delta, "partial_json")) ?? "" };
    case "thinking_delta":
      return { type: "reasoning", text: stringOr(field(delta, "thinking")) ?? "" };
    case "signature_delta":
      return { type: "signature", signature: stringOr(field(delta, "signature")) ?? "" };
    case "citations_delta":
      return { type: "citation", origin: dialectId, raw: field(delta, "citation") };
    default:
      return undefined;
  }
}

/** Adds a delta of a kind that nobody knows to a block of such a kind: texts and lists grow, anything else is replaced. */
function extend(block: JsonObject, delta: JsonObject): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === "type" || key === "__proto__" || value === null) continue;
    const before = field(block, key);
    if (typeof before === "string" && typeof value === "string") block[key] = before + value;
    else if (Array.isArray(before) && Array.isArray(value)) block[key] = [...before, ...value];
    else block[key] = value;
  }
}
