// What a model made in an earlier turn, as the items that it was.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
import type { Message, Part, TextPart, ToolCallPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { wrapInput } from "../freeform.ts";
import type { Losses } from "../losses.ts";
import { encodeAnnotation } from "./annotations.ts";
import { idsOf, type InputScope, noCacheHints, onlyIts } from "./content-encode.ts";
import { createThoughts } from "./thoughts.ts";
import { toolFrame } from "./tool-decode.ts";
import {
  dialectId,
  fitCallId,
  foreignFields,
  frameOf,
  type ItemFrame,
  noForm,
  ownExt,
} from "./wire.ts";

/** What a model made: every item in turn, those of one message together. */
export function encodeMade(message: Message, path: string, scope: InputScope): JsonObject[] {
  const { losses, isNative } = scope;
  const items: JsonObject[] = [];
  let content: JsonObject[] = [];
  let frame: ItemFrame = {};
  let extra: JsonObject = {};
  const flush = (): void => {
    if (content.length > 0) items.push(madeMessage(content, frame, extra));
    content = [];
    frame = {};
    extra = {};
  };
  const thoughts = createThoughts(scope);
  const settle = (): void => {
    flush();
    items.push(...thoughts.end());
  };
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    const ownFrame = frameOf(part.ext);
    if (part.type === "reasoning") {
      flush();
      items.push(...thoughts.add(part, place));
      continue;
    }
    const block = madeContent(part, place, scope);
    if (block) {
      items.push(...thoughts.end());
      content.push(block);
      const { message: kept } = ownExt(part.ext);
      frame = { ...frame, ...ownFrame };
      extra = { ...extra, ...(isObject(kept) ? kept : {}) };
      if (ownFrame.end) flush();
      continue;
    }
    const item = madeItem(part, place, scope);
    if (!item) continue;
    settle();
    items.push(item);
  }
  settle();
  // OpenAI refuses reasoning that led to nothing.
  while (!isNative && items.at(-1)?.["type"] === "reasoning") {
    items.pop();
    losses.lose(path, "reasoning without anything that follows from it cannot be sent back");
  }
  if (items.length === 0 && !isNative) {
    losses.lose(path, "a message without content is left out");
  }
  const isRespelt = message.parts.some((part) => part.type === "reasoning" && part.restored);
  return isNative && !isRespelt
    ? items
    : items.map((item, index) => loosened(item, items[index + 1]));
}

/**
 * A client that keeps no ids sends a message without its own: reasoning that is named by id would then miss what follows
 * from it. Its sealed content says whose it is without the id.
 */
function loosened(item: JsonObject, next: JsonObject | undefined): JsonObject {
  const isNamed = item["type"] === "reasoning" && typeof item["encrypted_content"] === "string";
  if (!isNamed || next?.["role"] !== "assistant" || next["id"] !== undefined) return item;
  const { id: _, ...unnamed } = item;
  return unnamed;
}

function madeMessage(content: JsonObject[], frame: ItemFrame, extra: JsonObject): JsonObject {
  const { id, phase } = frame;
  const [only, ...others] = content;
  const text = only?.["type"] === "output_text" ? only["text"] : undefined;
  const isBare =
    id === undefined &&
    others.length === 0 &&
    text !== undefined &&
    Object.keys(only ?? {}).length === 3;
  const hasNotes = isBare && Array.isArray(only?.["annotations"]) && only["annotations"].length > 0;
  return {
    ...(isBare && !hasNotes ? {} : { type: "message" }),
    ...idsOf(frame),
    role: "assistant",
    content: isBare && !hasNotes ? text : content,
    ...(phase === undefined ? {} : { phase }),
    ...extra,
  };
}

/** A piece of a message's content; undefined for what is an item of its own, or nothing. */
function madeContent(part: Part, path: string, scope: InputScope): JsonObject | undefined {
  const { losses } = scope;
  const { message: _, ...own } = ownExt(part.ext);
  switch (part.type) {
    case "text":
      for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
      return {
        type: "output_text",
        text: part.text,
        annotations: notesOf(part, path, losses),
        ...own,
      };
    case "refusal":
      return { type: "refusal", refusal: part.text, ...own };
    case "opaque":
      return frameOf(part.ext).isContent && isObject(part.raw) ? part.raw : undefined;
    case "tool-result": {
      const frame = frameOf(part.ext);
      if (frame.isShadow || frame.item) return undefined;
      losses.lose(path, "the result of a tool that another provider ran is sent as text");
      const text = part.parts.flatMap((inner) => (inner.type === "text" ? [inner.text] : []));
      return { type: "output_text", text: text.join("\n"), annotations: [] };
    }
    case "reasoning":
    case "tool-call":
    case "image":
    case "audio":
    case "file":
      return undefined;
    default:
      return part satisfies never;
  }
}

function notesOf(part: TextPart, path: string, losses: Losses): unknown[] {
  return (part.citations ?? []).flatMap((citation) => {
    const annotation = encodeAnnotation(citation, { start: 0, end: part.text.length });
    if (annotation === undefined) losses.lose(`${path}.citations`, noForm);
    return annotation === undefined ? [] : [annotation];
  });
}

/** A part that is an item of its own. */
function madeItem(part: Part, path: string, scope: InputScope): JsonObject | undefined {
  const { losses } = scope;
  const { item, isShadow } = frameOf(part.ext);
  if (isShadow) return undefined;
  if (isObject(item)) {
    return part.type === "image" && part.source.kind === "base64"
      ? { ...item, result: part.source.data }
      : item;
  }
  if (part.type === "opaque" && part.origin === dialectId && isObject(part.raw)) return part.raw;
  if (part.type === "tool-call" && part.executor === "client") return encodeCall(part, path, scope);
  if (part.type === "tool-call") {
    losses.lose(path, `the call of \`${part.name}\` was run by another provider`);
  } else if (part.type === "opaque") losses.lose(path, onlyIts(part.raw));
  else losses.lose(path, `an assistant message of this wire holds no ${part.type}`);
  return undefined;
}

function encodeCall(part: ToolCallPart, path: string, scope: InputScope): JsonObject {
  const { request, losses, isNative } = scope;
  for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  if (part.cache) {
    losses.lose(`${path}.cache_control`, noCacheHints);
  }
  const tool = request.tools.find((known) => known.type !== "provider" && known.name === part.name);
  const name = tool && tool.type !== "provider" ? toolFrame(tool).name : undefined;
  const isFree = part.freeform === true && scope.takesFreeform;
  return {
    type: isFree ? "custom_tool_call" : "function_call",
    ...idsOf(frameOf(part.ext)),
    call_id: isNative ? part.id : fitCallId(part.id),
    name: name ?? part.name,
    ...(part.namespace === undefined ? {} : { namespace: part.namespace }),
    [isFree ? "input" : "arguments"]:
      part.freeform && !isFree ? JSON.stringify(wrapInput(part.args)) : part.args,
    ...ownExt(part.ext),
  };
}
