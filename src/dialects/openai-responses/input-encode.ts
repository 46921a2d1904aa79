// Messages written as the items of an input.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
import type { ChatRequest, Message, ToolCallPart, ToolResultPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { markError } from "../tool-error.ts";
import { encodeContent, idsOf, type InputScope, noCacheHints } from "./content-encode.ts";
import { encodeMade } from "./made-encode.ts";
import { isInstructions } from "./request-decode.ts";
import { fitCallId, foreignFields, frameOf, noForm, ownExt } from "./wire.ts";

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
    losses.lose(`${path}.cache_control`, noCacheHints);
  }
  const isFree = calls.get(part.callId)?.freeform === true && scope.takesFreeform;
  const kind = isFree ? "custom_tool_call" : "function_call";
  return {
    type: isNative && typeof frame["type"] === "string" ? frame["type"] : `${kind}_output`,
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
