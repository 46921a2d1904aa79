// Messages written as the items of an input.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
import type {
  ChatRequest,
  Message,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import { defined } from "../fields.ts";
import type { Losses } from "../losses.ts";
import type { ModelTraits } from "../openai-model.ts";
import { markError } from "../tool-error.ts";
import { encodeAnnotation } from "./annotations.ts";
import { breakpointKey, encodeAudio, encodeFile, encodeImage } from "./media.ts";
import { isInstructions } from "./request-decode.ts";
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

export interface InputScope {
  request: ChatRequest;
  target: Target;
  losses: Losses;
  traits: ModelTraits;
  /** The client itself wrote this wire: its fields go out as it wrote them. */
  isNative: boolean;
}

export interface EncodedInput {
  instructions?: string;
  input: JsonObject[];
}

export function encodeInput(scope: InputScope): EncodedInput {
  const { request } = scope;
  const sides = sidesOf(request);
  const input: JsonObject[] = [];
  let instructions: string | undefined;
  const calls = callKinds(request.messages);
  for (const [index, message] of request.messages.entries()) {
    input.push(...(sides.get(index) ?? []));
    const path = message.place ?? `messages[${index}]`;
    const text = index === 0 ? instructionsOf(message, scope) : undefined;
    if (text === undefined) input.push(...encodeMessage(message, path, calls, scope));
    else instructions = text;
  }
  const after = [...sides].filter(([at]) => at >= request.messages.length);
  input.push(...after.flatMap(([, items]) => items));
  return { input, ...(instructions === undefined ? {} : { instructions }) };
}

/** Items that are no message's, by the message that they stand before. */
function sidesOf(request: ChatRequest): Map<number, JsonObject[]> {
  const sides = new Map<number, JsonObject[]>();
  const found = frameOf(request.ext)["sides"];
  for (const side of Array.isArray(found) ? found.filter(isObject) : []) {
    const at = Number(side["at"]);
    if (isObject(side["item"])) sides.set(at, [...(sides.get(at) ?? []), side["item"]]);
  }
  return sides;
}

/** The text of a first message that can stand in `instructions`. */
function instructionsOf(message: Message, { isNative }: InputScope): string | undefined {
  const [part, ...others] = message.parts;
  if (message.role !== "system" || part?.type !== "text" || others.length > 0) return undefined;
  if (isNative) return isInstructions(message) ? part.text : undefined;
  const isPlain = part.cache === undefined && message.name === undefined;
  return isPlain && foreignFields(part.ext).length === 0 ? part.text : undefined;
}

/** Which calls were those of free-form tools, by id: their results are items of another type. */
const callKinds = (messages: readonly Message[]): ReadonlyMap<string, ToolCallPart> =>
  new Map(
    messages.flatMap((message) =>
      message.parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part]] : [])),
    ),
  );

function encodeMessage(
  message: Message,
  path: string,
  calls: ReadonlyMap<string, ToolCallPart>,
  scope: InputScope,
): JsonObject[] {
  const { losses } = scope;
  for (const key of foreignFields(message.ext)) losses.lose(`${path}.${key}`, noForm);
  if (message.name !== undefined) losses.lose(`${path}.name`, noForm);
  switch (message.role) {
    case "system":
    case "user":
      return encodeGiven(message, path, calls, scope);
    case "assistant":
      return encodeMade(message, path, scope);
    default:
      return message.role satisfies never;
  }
}

/** What the client says and its tools gave back, in order. */
function encodeGiven(
  message: Message,
  path: string,
  calls: ReadonlyMap<string, ToolCallPart>,
  scope: InputScope,
): JsonObject[] {
  const items: JsonObject[] = [];
  let content: JsonObject[] = [];
  const flush = (): void => {
    if (content.length > 0) items.push(messageItem(message, content, scope));
    content = [];
  };
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    if (part.type === "tool-result") {
      flush();
      items.push(encodeResult(part, place, calls, scope));
    } else if (part.type === "opaque" && isObject(frameOf(part.ext).item)) {
      flush();
      items.push(frameOf(part.ext).item ?? {});
    } else {
      const block = encodeContent(part, place, scope);
      if (block) content.push(block);
    }
  }
  flush();
  if (items.length > 0) return items;
  if (scope.isNative) return [messageItem(message, [], scope)];
  scope.losses.lose(path, "a message without content is left out");
  return [];
}

function messageItem(message: Message, content: JsonObject[], scope: InputScope): JsonObject {
  const { id, role, status } = frameOf(message.ext);
  const own = ownExt(message.ext);
  const system = typeof role === "string" ? role : systemRole(scope);
  const [only, ...others] = content;
  const isPlain =
    only?.["type"] === "input_text" && others.length === 0 && Object.keys(only).length === 2;
  const isBare = isPlain && id === undefined;
  return {
    ...(isBare ? {} : { type: "message" }),
    ...(id === undefined ? {} : { id }),
    role: message.role === "system" ? system : "user",
    content: isBare ? only["text"] : content,
    ...(status === undefined ? {} : { status }),
    ...own,
  };
}

/** OpenAI's own word, where the model is OpenAI's; servers that copy the wire know the older one. */
const systemRole = ({ target, traits }: InputScope): string =>
  target.quirks.systemRole ?? (traits.efforts ? "developer" : "system");

/** One content part; undefined, with a loss noted, where this wire has no form for it. */
function encodeContent(part: Part, path: string, scope: InputScope): JsonObject | undefined {
  const { losses } = scope;
  const finish = (block: JsonObject | undefined): JsonObject | undefined => {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
    const mark = frameOf(part.ext)["breakpoint"];
    if (part.cache && mark === undefined) {
      losses.lose(`${path}.cache_control`, "the provider takes no prompt-cache hints on this wire");
    }
    if (!block) losses.lose(path, `OpenAI Responses has no form for this ${part.type}`);
    return block && mark !== undefined ? { ...block, [breakpointKey]: mark } : block;
  };
  switch (part.type) {
    case "text":
    case "refusal":
      return finish({ type: "input_text", text: part.text, ...ownExt(part.ext) });
    case "image":
      return finish(encodeImage(part));
    case "audio":
      return finish(encodeAudio(part));
    case "file":
      if (part.context !== undefined) losses.lose(`${path}.context`, noForm);
      return finish(encodeFile(part));
    case "opaque":
      if (part.origin === dialectId && isObject(part.raw)) return part.raw;
      losses.lose(path, onlyIts(part.raw));
      return undefined;
    case "reasoning":
    case "tool-call":
    case "tool-result":
      losses.lose(path, `a ${part.type} cannot stand here`);
      return undefined;
    default:
      return part satisfies never;
  }
}

const onlyIts = (raw: unknown): string =>
  `only its own API understands \`${isObject(raw) ? String(raw["type"]) : "unknown"}\``;

function encodeResult(
  part: ToolResultPart,
  path: string,
  calls: ReadonlyMap<string, ToolCallPart>,
  scope: InputScope,
): JsonObject {
  const { losses, isNative } = scope;
  const frame = frameOf(part.ext);
  if (isObject(frame.item)) return frame.item;
  for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  const blocks = part.parts.flatMap((inner, index) => {
    const block = encodeContent(inner, `${path}.content[${index}]`, scope);
    return block ? [block] : [];
  });
  if (part.isError) {
    losses.lose(`${path}.is_error`, `${noForm}; the text says that it is an error`);
    markError(blocks, "input_text");
  }
  if (part.cache) {
    losses.lose(`${path}.cache_control`, "the provider takes no prompt-cache hints on this wire");
  }
  const kind = calls.get(part.callId)?.freeform ? "custom_tool_call" : "function_call";
  return {
    type: typeof frame["type"] === "string" ? frame["type"] : `${kind}_output`,
    ...idsOf(frame),
    call_id: isNative ? part.callId : fitCallId(part.callId),
    output: simplify(blocks),
    ...ownExt(part.ext),
  };
}

function simplify(blocks: JsonObject[]): string | JsonObject[] {
  const [only, ...others] = blocks;
  if (!only) return "";
  const isPlain = only["type"] === "input_text" && Object.keys(only).length === 2;
  return isPlain && others.length === 0 ? String(only["text"]) : blocks;
}

/** An item of this wire's own gets back what it came with. */
const idsOf = ({ id, status }: ItemFrame): JsonObject => defined({ id, status });

/** What a model made: every item in turn, those of one message together. */
function encodeMade(message: Message, path: string, scope: InputScope): JsonObject[] {
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
  return items;
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
    losses.lose(`${path}.cache_control`, "the provider takes no prompt-cache hints on this wire");
  }
  const tool = request.tools.find((known) => known.type !== "provider" && known.name === part.name);
  const name = tool && tool.type !== "provider" ? toolFrame(tool).name : undefined;
  return {
    type: part.freeform ? "custom_tool_call" : "function_call",
    ...idsOf(frameOf(part.ext)),
    call_id: isNative ? part.id : fitCallId(part.id),
    name: name ?? part.name,
    ...(part.namespace === undefined ? {} : { namespace: part.namespace }),
    [part.freeform ? "input" : "arguments"]: part.args,
    ...ownExt(part.ext),
  };
}
