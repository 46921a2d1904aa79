// Text and refusals written as the content of messages: parts in a row are one message.
import type { OpaquePart, RefusalPart, TextPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { noticeQuote } from "../cited-source.ts";
import type { Notice } from "../losses.ts";
import { encodeAnnotation } from "./annotations.ts";
import type { Output, PartWriter, Slot, WireEvent } from "./answer.ts";
import { foreignFields, frameOf, type ItemFrame, noForm, ownExt } from "./wire.ts";

export interface MessageWriter {
  open(part: TextPart | RefusalPart): { events: WireEvent[]; writer: PartWriter };
  /** A whole piece of content that only this wire knows. */
  add(part: OpaquePart): WireEvent[];
  /** Ends the message as soon as its last open part has ended. */
  close(): WireEvent[];
}

interface Open {
  slot: Slot;
  id: string;
  content: JsonObject[];
  openParts: number;
  isClosing: boolean;
  isDone: boolean;
  frame: ItemFrame;
  extra: JsonObject;
}

export function createMessageWriter(output: Output, notice: Notice): MessageWriter {
  let current: Open | undefined;

  const begin = (frame: ItemFrame): { at: Open; events: WireEvent[] } => {
    if (current) return { at: current, events: [] };
    const slot = output.begin();
    const id = frame.id ?? createId("msg");
    const at: Open = {
      slot,
      id,
      content: [],
      openParts: 0,
      isClosing: false,
      isDone: false,
      frame,
      extra: {},
    };
    current = at;
    const item = { id, type: "message", status: "in_progress", content: [], role: "assistant" };
    const phase = frame.phase === undefined ? {} : { phase: frame.phase };
    const shown = { ...item, ...phase };
    return {
      at,
      events: [{ type: "response.output_item.added", output_index: slot.index, item: shown }],
    };
  };

  const finish = (at: Open): WireEvent[] => {
    if (at.openParts > 0 || !at.isClosing || at.isDone) return [];
    at.isDone = true;
    const { status = "completed", phase } = at.frame;
    const item = {
      id: at.id,
      type: "message",
      status,
      content: at.content,
      role: "assistant",
      ...(phase === undefined ? {} : { phase }),
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

  /** The item's own fields, which its last part brings. */
  const take = (at: Open, frame: ItemFrame, own: JsonObject): void => {
    at.frame = { ...at.frame, ...frame };
    if (isObject(own["message"])) at.extra = { ...at.extra, ...own["message"] };
  };

  return {
    close,
    add(part) {
      const frame = frameOf(part.ext);
      const { at, events } = begin(frame);
      const { isContent: _, ...rest } = frame;
      take(at, rest, ownExt(part.ext));
      const place = placeOf(at, at.content.length);
      const content = isObject(part.raw) ? part.raw : {};
      at.content.push(content);
      return [
        ...events,
        { type: "response.content_part.added", ...place, part: content },
        { type: "response.content_part.done", ...place, part: content },
        ...(frame.end ? close(at) : []),
      ];
    },
    open(part) {
      const frame = frameOf(part.ext);
      const { at, events } = begin(frame);
      const place = placeOf(at, at.content.length);
      const isText = part.type === "text";
      const annotations: unknown[] = [];
      const logprobs: unknown[] = [];
      let said = "";
      let extra: JsonObject = {};
      let isEnded = false;
      const shown = (): JsonObject =>
        isText
          ? { type: "output_text", annotations, logprobs, text: said, ...extra }
          : { type: "refusal", refusal: said, ...extra };
      at.content.push({});
      at.openParts += 1;
      const keep = (found: JsonObject, itemFrame: ItemFrame): void => {
        const { message: _, logprobs: tokens, ...own } = found;
        if (Array.isArray(tokens)) for (const token of tokens) logprobs.push(token);
        extra = { ...extra, ...own };
        take(at, itemFrame, found);
      };
      const say = (text: string): WireEvent[] => {
        if (text === "") return [];
        said += text;
        return isText
          ? [{ type: "response.output_text.delta", ...place, delta: text, logprobs: [] }]
          : [{ type: "response.refusal.delta", ...place, delta: text }];
      };
      const cite = (citation: NonNullable<TextPart["citations"]>[number]): WireEvent[] => {
        const annotation = encodeAnnotation(citation, { start: 0, end: said.length });
        if (annotation === undefined) {
          notice("citations", noForm);
          return [];
        }
        annotations.push(annotation);
        noticeQuote(citation.raw, noForm, notice);
        const number = annotations.length - 1;
        const type = "response.output_text.annotation.added";
        return [{ type, ...place, annotation_index: number, annotation }];
      };
      const end = (): WireEvent[] => {
        if (isEnded) return [];
        isEnded = true;
        const content = shown();
        at.content[place.content_index] = content;
        at.openParts -= 1;
        const done = isText
          ? { type: "response.output_text.done", ...place, text: said, logprobs }
          : { type: "response.refusal.done", ...place, refusal: said };
        return [
          done,
          { type: "response.content_part.done", ...place, part: content },
          ...(at.frame.end ? close(at) : finish(at)),
        ];
      };
      const added = { type: "response.content_part.added", ...place, part: { ...emptyOf(isText) } };
      for (const key of foreignFields(part.ext)) notice(key, noForm);
      keep(ownExt(part.ext), frame);
      const citations = part.type === "text" ? (part.citations ?? []) : [];
      return {
        events: [...events, added, ...say(part.text), ...citations.flatMap(cite)],
        writer: {
          end,
          push(delta) {
            switch (delta.type) {
              case "text":
              case "refusal":
                return say(delta.text);
              case "citation":
                return isText ? cite(delta) : [];
              case "ext":
                for (const key of foreignFields(delta.ext)) notice(key, noForm);
                keep(ownExt(delta.ext), frameOf(delta.ext));
                return [];
              case "reasoning":
              case "signature":
              case "args":
                return [];
              default:
                return delta satisfies never;
            }
          },
        },
      };
    },
  };
}

const placeOf = (at: Open, index: number) => ({
  item_id: at.id,
  output_index: at.slot.index,
  content_index: index,
});

const emptyOf = (isText: boolean): JsonObject =>
  isText
    ? { type: "output_text", annotations: [], logprobs: [], text: "" }
    : { type: "refusal", refusal: "" };
