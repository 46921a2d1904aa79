// Bedrock's ConverseStream read into events.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_ResponseSyntax
import type { Origin, Part } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import type { Frame } from "../../lib/frame.ts";
import { createId } from "../../lib/id.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../../lib/json.ts";
import { unescapeName } from "../anthropic-messages/names.ts";
import { decodeException, statusOfException } from "../aws-exception.ts";
import type { StreamDecoder } from "../dialect.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeFinish } from "./finish.ts";
import { createHeldBlock, type HeldBlock } from "./held-block.ts";
import { originOf } from "./origin.ts";
import { keptOf } from "./response-decode.ts";
import { decodeUsage } from "./usage.ts";
import { dialectId, objectIn, withExt } from "./wire.ts";

/** A block that has begun and not ended. */
interface OpenBlock {
  index: number;
  kind: Part["type"];
  /** Whole only when the block ends, because no delta can add to it. */
  held?: HeldBlock;
  hasArgs?: boolean;
}

export function createDecoder(origin: Origin): StreamDecoder {
  let hasStarted = false;
  let isOver = false;
  let nextIndex = 0;
  /** `messageStop` and `metadata`, mostly in this order; together they are the end. */
  let ending: JsonObject | undefined;
  let metadata: JsonObject | undefined;
  const open = new Map<unknown, OpenBlock>();

  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };
  const invalid = (problem: string, body?: string): ChatEvent[] =>
    fail(invalidAnswer(`The provider's stream is broken: ${problem}.`, body));
  const changed = (index: number, delta: Delta): ChatEvent => ({
    type: "part-delta",
    candidate: 0,
    index,
    delta,
  });
  const ended = (index: number): ChatEvent => ({ type: "part-end", candidate: 0, index });
  const started = (index: number, part: Part): ChatEvent => ({
    type: "part-start",
    candidate: 0,
    index,
    part,
  });

  const begin = (): ChatEvent[] => {
    if (hasStarted) return [];
    hasStarted = true;
    return [{ type: "start", id: createId("converse"), model: "" }];
  };

  const hold = (key: unknown, held: HeldBlock): OpenBlock => {
    const block: OpenBlock = { index: nextIndex++, kind: "opaque", held };
    open.set(key, block);
    return block;
  };

  const onBlockStart = (json: JsonObject): ChatEvent[] => {
    const key = field(json, "contentBlockIndex");
    const start = objectIn(json, "start");
    const call = field(start, "toolUse");
    if (isObject(call)) {
      const type = stringOr(field(call, "type"));
      const isServers = type !== undefined && type !== "tool_use";
      const index = nextIndex++;
      open.set(key, { index, kind: "tool-call" });
      const part: Part = {
        type: "tool-call",
        id: stringOr(field(call, "toolUseId")) ?? "",
        name: unescapeName(stringOr(field(call, "name")) ?? ""),
        args: "",
        executor: isServers ? "provider" : "client",
        ...(isServers ? withExt({ type }) : {}),
      };
      return [started(index, part)];
    }
    // Text has no start here; should one come, its first delta opens the block.
    if (Object.keys(start).length > 0 && !("text" in start) && !("reasoningContent" in start)) {
      hold(key, createHeldBlock(start));
    }
    return [];
  };

  /** The open block of this kind, opened by this delta where none is. */
  const blockOf = (key: unknown, part: () => Part): { block: OpenBlock; events: ChatEvent[] } => {
    const known = open.get(key);
    if (known) return { block: known, events: [] };
    const opening = part();
    const block: OpenBlock = { index: nextIndex++, kind: opening.type };
    open.set(key, block);
    return { block, events: [started(block.index, opening)] };
  };

  const onText = (key: unknown, delta: Delta): ChatEvent[] => {
    if (delta.type === "text" && delta.text === "") return [];
    const { block, events } = blockOf(key, () => ({ type: "text", text: "" }));
    return [...events, changed(block.index, delta)];
  };

  const onReasoning = (key: unknown, said: JsonObject): ChatEvent[] => {
    const redacted = stringOr(field(said, "redactedContent"));
    if (redacted !== undefined) {
      const held = open.get(key)?.held ?? hold(key, createHeldBlock({ redacted: {} }, origin)).held;
      held?.add({ redacted });
      return [];
    }
    const text = stringOr(field(said, "text")) ?? "";
    const signature = stringOr(field(said, "signature"));
    if (text === "" && !signature) return [];
    const { block, events } = blockOf(key, () => ({
      type: "reasoning",
      text: "",
      origin: originOf(origin, false),
    }));
    if (text !== "") events.push(changed(block.index, { type: "reasoning", text }));
    if (signature) events.push(changed(block.index, { type: "signature", signature }));
    return events;
  };

  const onDelta = (json: JsonObject, data: string): ChatEvent[] => {
    const key = field(json, "contentBlockIndex");
    const delta = objectIn(json, "delta");
    const known = open.get(key);
    const text = field(delta, "text");
    const said = field(delta, "reasoningContent");
    const call = field(delta, "toolUse");
    if (known?.held && !isObject(said)) {
      known.held.add(delta);
      return [];
    }
    if (typeof text === "string") return onText(key, { type: "text", text });
    if (isObject(said)) return onReasoning(key, said);
    const citation = field(delta, "citation");
    if (citation !== undefined) {
      return onText(key, { type: "citation", origin: dialectId, raw: citation });
    }
    if (isObject(call)) {
      if (known?.kind !== "tool-call") return invalid("a tool call goes on that never began", data);
      const args = stringOr(field(call, "input")) ?? "";
      if (args === "") return [];
      known.hasArgs = true;
      return [changed(known.index, { type: "args", args })];
    }
    if (Object.keys(delta).length > 0) hold(key, createHeldBlock({})).held?.add(delta);
    return [];
  };

  const close = (block: OpenBlock): ChatEvent[] => {
    const { index, held, kind, hasArgs } = block;
    if (held) return [started(index, held.part()), ended(index)];
    return kind === "tool-call" && !hasArgs
      ? [changed(index, { type: "args", args: "{}" }), ended(index)]
      : [ended(index)];
  };

  const onBlockStop = (json: JsonObject): ChatEvent[] => {
    const key = field(json, "contentBlockIndex");
    const block = open.get(key);
    open.delete(key);
    return block ? close(block) : [];
  };

  const closeAll = (): ChatEvent[] => {
    const events = [...open.values()].flatMap(close);
    open.clear();
    return events;
  };

  const finishAll = (): ChatEvent[] => {
    isOver = true;
    const whole = { ...ending, ...metadata };
    const finish = decodeFinish(
      stringOr(field(whole, "stopReason")),
      field(whole, "additionalModelResponseFields"),
    );
    return [
      { type: "finish", candidate: 0, finish, ...withExt(keptOf(withoutPadding(whole))) },
      { type: "end" },
    ];
  };

  const onMetadata = (json: JsonObject): ChatEvent[] => {
    metadata = { ...metadata, ...json };
    const usage = decodeUsage(field(json, "usage"));
    return [...begin(), ...(usage ? [{ type: "usage" as const, usage }] : [])];
  };

  const read = ({ event, data, exception }: Frame): ChatEvent[] => {
    if (exception || statusOfException(event) !== undefined)
      return fail(decodeException(event, data));
    const json = parseObject(data.trim() === "" ? "{}" : data);
    switch (event) {
      case "messageStart":
        return begin();
      case "contentBlockStart":
        return [...begin(), ...onBlockStart(json)];
      case "contentBlockDelta":
        return [...begin(), ...onDelta(json, data)];
      case "contentBlockStop":
        return onBlockStop(json);
      case "messageStop":
        ending = json;
        return [...begin(), ...closeAll(), ...(metadata ? finishAll() : [])];
      case "metadata":
        return [...onMetadata(json), ...(ending ? finishAll() : [])];
      case "initial-response":
        return [];
      default:
        return [{ type: "opaque", origin: dialectId, raw: { [event ?? "unknown"]: json } }];
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
    end() {
      if (isOver) return [];
      return ending ? finishAll() : invalid("it ends without `messageStop`");
    },
  };
}

/** Every event is filled up to hide its length. */
function withoutPadding(event: JsonObject): JsonObject {
  const { p: _, ...rest } = event;
  return rest;
}
