// Reasoning written as items of its own: OpenAI's with its parts together, anybody else's each apart and sealed.
// https://platform.openai.com/docs/api-reference/responses-streaming/response/reasoning_summary_part
import type { ReasoningPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Output, PartWriter, Slot, WireEvent } from "./answer.ts";
import { sealOf } from "./sealed.ts";
import { frameOf, isOwn, type ItemFrame, ownExt } from "./wire.ts";

export interface ReasoningWriter {
  open(part: ReasoningPart): { events: WireEvent[]; writer: PartWriter };
  /** Ends the item as soon as its last open part has ended. */
  close(): WireEvent[];
}

interface Open {
  slot: Slot;
  id: string;
  summary: JsonObject[];
  content: JsonObject[];
  encrypted: string | undefined;
  frame: ItemFrame;
  extra: JsonObject;
  openParts: number;
  isClosing: boolean;
  isDone: boolean;
}

export function createReasoningWriter(output: Output): ReasoningWriter {
  let current: Open | undefined;

  const begin = (frame: ItemFrame): { at: Open; events: WireEvent[] } => {
    const slot = output.begin();
    const id = frame.id ?? createId("rs");
    const at: Open = {
      slot,
      id,
      summary: [],
      content: [],
      encrypted: undefined,
      frame,
      extra: {},
      openParts: 0,
      isClosing: false,
      isDone: false,
    };
    const item = { id, type: "reasoning", summary: [] };
    return {
      at,
      events: [{ type: "response.output_item.added", output_index: slot.index, item }],
    };
  };

  const finish = (at: Open): WireEvent[] => {
    if (at.openParts > 0 || !at.isClosing || at.isDone) return [];
    at.isDone = true;
    const item = {
      id: at.id,
      type: "reasoning",
      summary: at.summary,
      ...(at.content.length > 0 ? { content: at.content } : {}),
      ...(at.encrypted === undefined ? {} : { encrypted_content: at.encrypted }),
      ...(at.frame.status === undefined ? {} : { status: at.frame.status }),
      ...at.extra,
    };
    at.slot.settle(item);
    return [{ type: "response.output_item.done", output_index: at.slot.index, item }];
  };

  const close = (at: Open | undefined = current): WireEvent[] => {
    if (!at) return [];
    at.isClosing = true;
    if (at === current) current = undefined;
    return finish(at);
  };

  /** One text of `summary`, or of `content`. */
  const createText = (at: Open, isContent: boolean) => {
    const list = isContent ? at.content : at.summary;
    const index = list.length;
    const type = isContent ? "reasoning_text" : "summary_text";
    const place = {
      item_id: at.id,
      output_index: at.slot.index,
      ...(isContent ? { content_index: index } : { summary_index: index }),
    };
    const part = isContent ? "response.content_part" : "response.reasoning_summary_part";
    const word = isContent ? "response.reasoning_text" : "response.reasoning_summary_text";
    let said = "";
    list.push({ type, text: "" });
    return {
      added: { type: `${part}.added`, ...place, part: { type, text: "" } },
      say(text: string): WireEvent[] {
        if (text === "") return [];
        said += text;
        return [{ type: `${word}.delta`, ...place, delta: text }];
      },
      done(): WireEvent[] {
        const whole = { type, text: said };
        list[index] = whole;
        return [
          { type: `${word}.done`, ...place, text: said },
          { type: `${part}.done`, ...place, part: whole },
        ];
      },
    };
  };

  const openOwn = (part: ReasoningPart): { events: WireEvent[]; writer: PartWriter } => {
    const frame = frameOf(part.ext);
    const isOther =
      current !== undefined &&
      (current.encrypted !== undefined || (frame.id !== undefined && frame.id !== current.id));
    const closed = isOther ? close() : [];
    const events: WireEvent[] = [...closed];
    if (!current) {
      const begun = begin(frame);
      current = begun.at;
      events.push(...begun.events);
    }
    const at = current;
    at.openParts += 1;
    at.encrypted ??= part.encrypted;
    const take = (itemFrame: ItemFrame, own: JsonObject): void => {
      const { isContent: _, ...rest } = itemFrame;
      at.frame = { ...at.frame, ...rest };
      at.extra = { ...at.extra, ...own };
    };
    take(frame, ownExt(part.ext));
    let text: ReturnType<typeof createText> | undefined;
    const say = (more: string): WireEvent[] => {
      if (more === "") return [];
      if (text) return text.say(more);
      text = createText(at, frame.isContent ?? false);
      return [text.added, ...text.say(more)];
    };
    let isEnded = false;
    return {
      events: [...events, ...say(part.text)],
      writer: {
        push(delta) {
          if (delta.type === "reasoning") return say(delta.text);
          if (delta.type === "ext") take(frameOf(delta.ext), ownExt(delta.ext));
          return [];
        },
        end() {
          if (isEnded) return [];
          isEnded = true;
          at.openParts -= 1;
          const done = text?.done() ?? [];
          return [...done, ...(at.frame.end ? close(at) : finish(at))];
        },
      },
    };
  };

  /** The item begins with the first text: reasoning that says nothing and proves nothing is none. */
  const openForeign = (part: ReasoningPart): { events: WireEvent[]; writer: PartWriter } => {
    let at: Open | undefined;
    let text: ReturnType<typeof createText> | undefined;
    let signature = part.signature ?? "";
    let ext = part.ext;
    let isEnded = false;
    const start = (): WireEvent[] => {
      if (at) return [];
      const begun = begin({});
      at = begun.at;
      return begun.events;
    };
    const say = (more: string): WireEvent[] => {
      if (more === "") return [];
      const events = start();
      if (!text && at) {
        text = createText(at, false);
        events.push(text.added);
      }
      return [...events, ...(text?.say(more) ?? [])];
    };
    return {
      events: say(part.text),
      writer: {
        push(delta) {
          if (delta.type === "signature") signature += delta.signature;
          if (delta.type === "ext") ext = { ...ext, ...delta.ext };
          return delta.type === "reasoning" ? say(delta.text) : [];
        },
        end() {
          if (isEnded) return [];
          isEnded = true;
          if (!text && signature === "" && part.encrypted === undefined) return [];
          const events = start();
          if (!at) return events;
          const proof = signature === "" ? {} : { signature };
          at.encrypted = sealOf({ ...part, ...proof, ...(ext ? { ext } : {}) });
          return [...events, ...(text?.done() ?? []), ...close(at)];
        },
      },
    };
  };

  return {
    close,
    open: (part) => {
      if (isOwn(part)) return openOwn(part);
      const closed = close();
      const { events, writer } = openForeign(part);
      return { events: [...closed, ...events], writer };
    },
  };
}
