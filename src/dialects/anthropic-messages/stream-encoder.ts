// Events written as a Messages stream, strictly in the vendor's order.
// https://platform.claude.com/docs/en/build-with-claude/streaming
import type { Finish, Part, ReasoningPart, ToolCallPart } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { createUsage, type Usage } from "../../ir/usage.ts";
import type { Frame } from "../../lib/frame.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { createNotices, type Notice } from "../losses.ts";
import { encodeInput } from "../tool-input.ts";
import { errorBody } from "./error.ts";
import { encodeFinish } from "./finish.ts";
import {
  callHead,
  isClientCall,
  isShownRefusal,
  messageId,
  ownBlock,
  redacted,
  signatureOf,
  stopDetails,
} from "./response-encode.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

/** One part on its way out: the wire has one block open at a time, the events may have several. */
interface Pending {
  writer: BlockWriter;
  /** Deltas that came while an earlier block was open. */
  deltas: Delta[];
  ended: boolean;
}

export function createEncoder(context: AnswerContext): StreamEncoder {
  const notice = createNotices(context, dialectId);
  /** `message_start` waits for the event after `start`, which may tell the input tokens. */
  let head: Extract<ChatEvent, { type: "start" }> | undefined;
  let isStarted = false;
  let isOver = false;
  let usage: Usage | undefined;
  let finish: Finish = { reason: "other" };
  let kept: JsonObject = {};
  let calls = false;
  const refusals: Part[] = [];
  let nextIndex = 0;
  const queue: Pending[] = [];
  const byIndex = new Map<number, Pending>();

  const begin = (): Frame[] => {
    if (isStarted) return [];
    isStarted = true;
    for (const key of foreignFields(head?.ext)) notice(key, noForm);
    return [
      frame({
        type: "message_start",
        message: {
          id: messageId(head?.id ?? ""),
          type: "message",
          role: "assistant",
          model: head?.model || context.model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: {
            ...encodeUsage(usage ?? estimated(context)),
            output_tokens: usage?.output.total ?? 0,
          },
        },
      }),
    ];
  };

  /** Writes what may be written: the first part in full as far as it goes, later ones once those before have ended. */
  const drain = (): Frame[] => {
    const frames: Frame[] = [];
    for (let first = queue[0]; first; first = queue[0]) {
      frames.push(...first.writer.start());
      for (const delta of first.deltas) frames.push(...first.writer.push(delta));
      first.deltas = [];
      if (!first.ended) break;
      frames.push(...first.writer.end());
      queue.shift();
    }
    return frames;
  };

  const onPart = (event: Extract<ChatEvent, { type: "part-start" }>): Frame[] => {
    const { part, index } = event;
    calls ||= isClientCall(part);
    if (part.type === "refusal") refusals.push(part);
    const place = `content[${index}]`;
    const pending: Pending = {
      writer: createWriter(part, place, notice, () => nextIndex++),
      deltas: [],
      ended: false,
    };
    queue.push(pending);
    byIndex.set(index, pending);
    return queue[0] === pending ? drain() : [];
  };

  const onEnd = (): Frame[] => {
    for (const pending of queue) pending.ended = true;
    const frames = [...begin(), ...drain()];
    isOver = true;
    const { context_management: management, ...rest } = kept;
    const counts = usage ?? estimated(context);
    return [
      ...frames,
      frame({
        type: "message_delta",
        delta: { ...encodeFinish(finish, calls), ...stopDetails(refusals), ...rest },
        usage: encodeUsage(counts),
        ...(management === undefined ? {} : { context_management: management }),
      }),
      frame({ type: "message_stop" }),
    ];
  };

  const write = (event: ChatEvent): Frame[] => {
    if ("candidate" in event && event.candidate !== 0) {
      notice("choices", "Anthropic Messages shows one answer of several");
      return [];
    }
    switch (event.type) {
      case "start":
        head ??= event;
        return [];
      case "usage":
        usage = event.usage;
        return head ? begin() : [];
      case "ping":
        // Nothing may stand before `message_start`.
        return head ? [...begin(), pingFrame] : [];
      case "part-start":
        return [...begin(), ...onPart(event)];
      case "part-delta": {
        const pending = byIndex.get(event.index);
        if (!pending || pending.ended) return [];
        pending.deltas.push(event.delta);
        return queue[0] === pending ? drain() : [];
      }
      case "part-end": {
        const pending = byIndex.get(event.index);
        if (!pending) return [];
        pending.ended = true;
        byIndex.delete(event.index);
        return drain();
      }
      case "finish":
        finish = event.finish;
        for (const key of foreignFields(event.ext)) notice(key, noForm);
        kept = ownExt(event.ext);
        return begin();
      case "end":
        return onEnd();
      case "error":
        isOver = true;
        return [{ event: "error", data: JSON.stringify(errorBody(event.error)) }];
      case "opaque":
        if (
          event.origin === dialectId &&
          isObject(event.raw) &&
          typeof event.raw["type"] === "string"
        ) {
          // An unknown delta belongs to a block whose number may be another here.
          if (!("index" in event.raw)) return [...begin(), frame(event.raw as Typed)];
        }
        notice("stream", "an event that only its own API understands is not shown");
        return [];
      default:
        return event satisfies never;
    }
  };

  return { push: (event) => (isOver ? [] : write(event)) };
}

interface Typed extends JsonObject {
  type: string;
}

const frame = (data: Typed): Frame => ({ event: data.type, data: JSON.stringify(data) });

const pingFrame = frame({ type: "ping" });

/** What is known of the input before the provider tells. */
const estimated = (context: AnswerContext): Usage =>
  createUsage({ total: context.inputTokens ?? 0 });

/** The frames of one block. */
interface BlockWriter {
  start(): Frame[];
  push(delta: Delta): Frame[];
  end(): Frame[];
}

/** The frames that are the same for every kind of block: opened once, closed once, numbered in order of opening. */
interface Block {
  open(content: JsonObject): Frame[];
  delta(delta: JsonObject): Frame[];
  close(): Frame[];
}

function createBlock(number: () => number): Block {
  let index: number | undefined;
  return {
    open(content) {
      if (index !== undefined) return [];
      index = number();
      return [frame({ type: "content_block_start", index, content_block: content })];
    },
    delta: (delta) => [frame({ type: "content_block_delta", index, delta })],
    close: () => (index === undefined ? [] : [frame({ type: "content_block_stop", index })]),
  };
}

const silent: BlockWriter = { start: () => [], push: () => [], end: () => [] };

function createWriter(
  part: Part,
  place: string,
  notice: Notice,
  number: () => number,
): BlockWriter {
  const block = createBlock(number);
  switch (part.type) {
    case "text":
      for (const key of foreignFields(part.ext)) notice(key, noForm);
      return createTextWriter(
        { text: part.text, extra: ownExt(part.ext), citations: part.citations ?? [] },
        block,
        notice,
      );
    case "refusal": {
      const isShown = isShownRefusal({ ...part, text: part.text || "?" });
      return isShown
        ? createTextWriter({ text: part.text, extra: {}, citations: [] }, block, notice)
        : silent;
    }
    case "reasoning":
      return createThinkingWriter(part, block);
    case "tool-call":
      return createCallWriter(part, place, block, notice);
    case "tool-result":
    case "opaque":
    case "image":
    case "audio":
    case "file": {
      const own = ownBlock(part);
      if (!own) {
        notice(place, `${part.type}: ${noForm}`);
        return silent;
      }
      return {
        start: () => block.open(own),
        push: () => [],
        end: () => [...block.open(own), ...block.close()],
      };
    }
    default:
      return part satisfies never;
  }
}

interface InitialText {
  text: string;
  extra: JsonObject;
  citations: readonly { origin: string; raw: unknown }[];
}

/** Opened by its first content only: an empty text block would be refused when the client sends it back. */
function createTextWriter(
  { text, extra, citations }: InitialText,
  block: Block,
  notice: Notice,
): BlockWriter {
  const open = (): Frame[] => block.open({ type: "text", text: "", ...extra });
  const say = (more: string): Frame[] =>
    more === "" ? [] : [...open(), ...block.delta({ type: "text_delta", text: more })];
  const cite = (origin: string, raw: unknown): Frame[] => {
    if (origin === dialectId) {
      return [...open(), ...block.delta({ type: "citations_delta", citation: raw })];
    }
    notice("citations", noForm);
    return [];
  };
  return {
    start: once(() => [...say(text), ...citations.flatMap(({ origin, raw }) => cite(origin, raw))]),
    push(delta) {
      if (delta.type === "text" || delta.type === "refusal") return say(delta.text);
      return delta.type === "citation" ? cite(delta.origin, delta.raw) : [];
    },
    end: () => block.close(),
  };
}

const once = (write: () => Frame[]): (() => Frame[]) => {
  let isDone = false;
  return () => {
    if (isDone) return [];
    isDone = true;
    return write();
  };
};

/** Opened by its first text. SDKs take a signature as one piece, so it is written whole, last. */
function createThinkingWriter(part: ReasoningPart, block: Block): BlockWriter {
  let { text, signature = "" } = part;
  const open = (): Frame[] => block.open({ type: "thinking", thinking: "", signature: "" });
  const say = (more: string): Frame[] =>
    more === "" ? [] : [...open(), ...block.delta({ type: "thinking_delta", thinking: more })];
  return {
    start: once(() => say(part.text)),
    push(delta) {
      if (delta.type === "signature") signature += delta.signature;
      if (delta.type !== "reasoning") return [];
      text += delta.text;
      return say(delta.text);
    },
    end() {
      // What only the provider can read is a redacted block, unless readable text came with it.
      if (text === "" && part.encrypted !== undefined) {
        return [...block.open(redacted(part)), ...block.close()];
      }
      if (text === "" && signature === "") return [];
      const seal = signatureOf({ ...part, text, ...(signature === "" ? {} : { signature }) });
      return [
        ...open(),
        ...(seal === "" ? [] : block.delta({ type: "signature_delta", signature: seal })),
        ...block.close(),
      ];
    },
  };
}

function createCallWriter(
  part: ToolCallPart,
  place: string,
  block: Block,
  notice: Notice,
): BlockWriter {
  const head = callHead(part, place, notice);
  if (!head) return silent;
  let args = "";
  /** Arguments that begin as an object are told as they come; others must be wrapped in one when they are whole. */
  let isObjectText = false;
  const piece = (text: string): Frame[] =>
    text === "" ? [] : block.delta({ type: "input_json_delta", partial_json: text });
  const say = (more: string): Frame[] => {
    args += more;
    if (isObjectText) return piece(more);
    isObjectText = !part.freeform && args.trimStart().startsWith("{");
    return isObjectText ? piece(args) : [];
  };
  return {
    start: once(() => [...block.open({ ...head, input: {} }), ...say(part.args)]),
    push: (delta) => (delta.type === "args" ? say(delta.args) : []),
    end: () => [
      ...(isObjectText || (args.trim() === "" && !part.freeform)
        ? []
        : piece(
            stringify(encodeInput({ args, ...(part.freeform ? { freeform: true } : {}) }).input),
          )),
      ...block.close(),
    ],
  };
}
