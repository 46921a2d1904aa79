// Messages of the internal representation as Ollama takes them: one text each, images beside it, every result its own.
// https://docs.ollama.com/api/chat
import type { ChatRequest, Message, Part, ToolCallPart, ToolResultPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import type { Losses } from "../losses.ts";
import { namedText } from "../openai-media.ts";
import { canReplay } from "../replay.ts";
import { markError } from "../tool-error.ts";
import { encodeInput } from "../tool-input.ts";
import { encodeImage } from "./images.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface Scope {
  request: ChatRequest;
  target: Target;
  losses: Losses;
  /** The client itself spoke this wire. */
  isNative: boolean;
}

export function encodeMessages(messages: readonly Message[], scope: Scope): JsonObject[] {
  const names = new Map<string, string>();
  return messages.flatMap((message, index) => {
    const path = message.place ?? `messages[${index}]`;
    for (const key of foreignFields(message.ext)) scope.losses.lose(`${path}.${key}`, noForm);
    if (message.name !== undefined) scope.losses.lose(`${path}.name`, noForm);
    for (const part of message.parts) if (part.type === "tool-call") names.set(part.id, part.name);
    return encodeMessage(message, path, { ...scope, names });
  });
}

interface MessageScope extends Scope {
  /** The tools of all calls so far, by the call's id. */
  names: ReadonlyMap<string, string>;
}

/** What the parts of one message come to. */
interface Draft {
  texts: string[];
  images: string[];
  thinking: string[];
  calls: JsonObject[];
  results: JsonObject[];
}

function encodeMessage(message: Message, path: string, scope: MessageScope): JsonObject[] {
  const draft: Draft = { texts: [], images: [], thinking: [], calls: [], results: [] };
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    losePartFields(part, place, scope);
    addPart(part, place, { draft, scope, isAssistant: message.role === "assistant" });
  }
  const { texts, images, thinking, calls, results } = draft;
  const isEmpty = [texts, images, thinking, calls].every((list) => list.length === 0);
  if (isEmpty) {
    if (results.length > 0) return results;
    if (!scope.isNative && message.parts.every((part) => part.type !== "text")) {
      scope.losses.lose(path, "a message without content is left out");
      return [];
    }
  }
  return [
    ...results,
    {
      role: message.role,
      // Pieces of an answer are one text; those of other messages stand apart.
      content: texts.join(message.role === "assistant" ? "" : "\n"),
      ...(thinking.length > 0 ? { thinking: thinking.join("\n") } : {}),
      ...(images.length > 0 ? { images } : {}),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
      ...ownExt(message.ext),
    },
  ];
}

function losePartFields(part: Part, place: string, { losses }: Scope): void {
  if (part.cache) losses.lose(`${place}.cache_control`, noForm);
  if (part.type === "reasoning") return;
  for (const key of foreignFields(part.ext)) losses.lose(`${place}.${key}`, noForm);
  if (part.type === "text" && part.citations?.length) losses.lose(`${place}.citations`, noForm);
  if (part.type === "image" && part.detail !== undefined) losses.lose(`${place}.detail`, noForm);
}

function addPart(
  part: Part,
  place: string,
  { draft, scope, isAssistant }: { draft: Draft; scope: MessageScope; isAssistant: boolean },
): void {
  const { losses } = scope;
  switch (part.type) {
    case "text":
    case "refusal":
      if (part.text !== "") draft.texts.push(part.text);
      return;
    case "image": {
      const image = encodeImage(part);
      if (image !== undefined) draft.images.push(image);
      else losses.lose(place, "Ollama takes images as base64 data only");
      return;
    }
    case "reasoning":
      if (!canReplay(part, dialectId, scope.target)) {
        losses.lose(place, "reasoning that another provider or model made cannot be sent back");
      } else if (part.text !== "") draft.thinking.push(part.text);
      return;
    case "tool-call":
      if (part.executor === "client") draft.calls.push(encodeCall(part, place, draft, scope));
      else losses.lose(place, `the call of \`${part.name}\` was run by another provider`);
      return;
    case "tool-result":
      if (!isAssistant) draft.results.push(encodeResult(part, place, scope));
      else {
        losses.lose(place, "the result of a tool that another provider ran is sent as text");
        draft.texts.push(...textsOf(part));
      }
      return;
    case "file":
      if (part.context !== undefined) losses.lose(`${place}.context`, noForm);
      if (part.source.kind === "text") {
        draft.texts.push(namedText(part.name ?? part.title, part.source.text));
        return;
      }
      if (part.source.kind === "base64" && part.source.mediaType.startsWith("image/")) {
        draft.images.push(part.source.data);
        return;
      }
      break;
    case "audio":
    case "opaque":
      break;
    default:
      return part satisfies never;
  }
  losses.lose(place, lostPart(part));
}

const textsOf = (part: ToolResultPart): string[] =>
  part.parts.flatMap((inner) => (inner.type === "text" ? [inner.text] : []));

function encodeCall(
  part: ToolCallPart,
  place: string,
  { calls }: Draft,
  { losses }: Scope,
): JsonObject {
  const { function: inner, ...outer } = ownExt(part.ext);
  const { input, problem } = encodeInput(part);
  if (problem !== undefined) losses.lose(`${place}.arguments`, problem);
  return {
    id: part.id,
    function: {
      index: calls.length,
      name: part.name,
      arguments: input,
      ...(isObject(inner) ? inner : {}),
    },
    ...outer,
  };
}

function encodeResult(part: ToolResultPart, place: string, scope: MessageScope): JsonObject {
  const { losses, names } = scope;
  const draft: Draft = { texts: [], images: [], thinking: [], calls: [], results: [] };
  for (const [index, inner] of part.parts.entries()) {
    const at = `${place}.content[${index}]`;
    losePartFields(inner, at, scope);
    addPart(inner, at, { draft, scope, isAssistant: false });
  }
  if (part.isError) {
    losses.lose(`${place}.is_error`, `${noForm}; the text says that it is an error`);
  }
  const name = names.get(part.callId);
  if (name === undefined && !scope.isNative) {
    losses.lose(place, `the tool result \`${part.callId.slice(0, 60)}\` answers no call before it`);
  }
  const blocks = draft.texts.map((text) => ({ type: "text", text }));
  if (part.isError) markError(blocks, "text");
  return {
    role: "tool",
    content: blocks.map(({ text }) => text).join("\n"),
    ...(draft.images.length > 0 ? { images: draft.images } : {}),
    ...(name === undefined ? {} : { tool_name: name }),
    tool_call_id: part.callId,
    ...ownExt(part.ext),
  };
}

/** What is told of a part that has no form here. */
function lostPart(part: Part): string {
  if (part.type !== "opaque") return `Ollama has no form for this ${part.type}`;
  const type = isObject(part.raw) ? wordOf(part.raw["type"]) : "unknown";
  return `only its own API understands \`${type.slice(0, 40)}\``;
}
