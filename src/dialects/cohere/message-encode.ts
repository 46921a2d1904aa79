// Messages of the internal representation as Cohere takes them: every tool result its own, documents beside them all.
// https://docs.cohere.com/reference/chat#request.body.messages
import type {
  ChatRequest,
  FilePart,
  ImagePart,
  Message,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import { wrapInput } from "../freeform.ts";
import { loneText } from "../lone-text.ts";
import type { Losses } from "../losses.ts";
import { dataUrlOf, namedText } from "../openai-media.ts";
import { canReplay } from "../replay.ts";
import { markError } from "../tool-error.ts";
import { encodeDocument } from "./document.ts";
import { dialectId, foreignFields, isPlan, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface Scope {
  request: ChatRequest;
  target: Target;
  losses: Losses;
  /** The client itself spoke this wire. */
  isNative: boolean;
  /** Filled by {@link encodeMessages}: the documents of all messages, which this wire has in one place. */
  documents: unknown[];
}

export function encodeMessages(messages: readonly Message[], scope: Scope): JsonObject[] {
  const encoded = messages.flatMap((message, index) => {
    const path = message.place ?? `messages[${index}]`;
    for (const key of foreignFields(message.ext)) scope.losses.lose(`${path}.${key}`, noForm);
    if (message.name !== undefined) scope.losses.lose(`${path}.name`, noForm);
    switch (message.role) {
      case "assistant":
        return encodeAssistant(message, path, scope);
      case "system":
      case "user":
        return encodePlain(message, path, scope);
      default:
        return message.role satisfies never;
    }
  });
  reportOrphans(encoded, scope);
  if (!scope.isNative) endWithUser(encoded, scope);
  return encoded;
}

/** The user or a tool has the last word on this wire. */
function endWithUser(messages: JsonObject[], { losses }: Scope): void {
  const last = messages.at(-1);
  const role = last?.["role"];
  if (!last || role === "assistant") {
    losses.lose("messages", "the user must speak last: a placeholder is put there");
    messages.push({ role: "user", content: last ? "Continue." : "(start of conversation)" });
  } else if (role === "system") {
    losses.lose("messages", "system text must not come last: it is sent as the user's");
    const from = messages.findLastIndex((message) => message["role"] !== "system") + 1;
    for (const message of messages.slice(from)) message["role"] = "user";
  }
}

function encodePlain(message: Message, path: string, scope: Scope): JsonObject[] {
  const results: JsonObject[] = [];
  const blocks: JsonObject[] = [];
  // A message of documents alone would be none.
  const hasQuestion = message.parts.some((part) => part.type === "text");
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    losePartFields(part, place, scope);
    if (part.type === "tool-result") results.push(...encodeResult(part, place, scope, blocks));
    else if (!hasQuestion || !takeDocument(part, scope))
      blocks.push(...encodeBlock(part, place, scope));
  }
  const isEmpty = blocks.every((block) => block["type"] === "text" && block["text"] === "");
  if (blocks.length === 0 || (isEmpty && !scope.isNative)) {
    if (results.length === 0) scope.losses.lose(path, "a message without content is left out");
    return results;
  }
  return [...results, { role: message.role, content: simplify(blocks), ...ownExt(message.ext) }];
}

const simplify = (blocks: JsonObject[]): string | JsonObject[] => loneText(blocks) ?? blocks;

/** True for a document, which is put with the others. */
function takeDocument(part: Part, { documents }: Scope): boolean {
  const document = part.type === "file" ? encodeDocument(part) : undefined;
  if (document === undefined) return false;
  documents.push(document);
  return true;
}

function losePartFields(part: Part, place: string, { losses }: Scope): void {
  if (part.cache) losses.lose(`${place}.cache_control`, noForm);
  if (part.type === "reasoning") return;
  for (const key of foreignFields(part.ext)) losses.lose(`${place}.${key}`, noForm);
  if (part.type === "file" && part.context !== undefined) losses.lose(`${place}.context`, noForm);
}

/** One content block; none, with a loss noted, where this wire has no form for it. */
function encodeBlock(
  part: Exclude<Part, ToolResultPart>,
  place: string,
  { losses }: Scope,
): JsonObject[] {
  switch (part.type) {
    case "text":
      return [{ type: "text", text: part.text, ...ownExt(part.ext) }];
    case "refusal":
      return [{ type: "text", text: part.text }];
    case "image": {
      if (part.detail !== undefined && !details.has(part.detail)) {
        losses.lose(`${place}.detail`, noForm);
      }
      const image = encodeImage(part);
      if (image) return [image];
      break;
    }
    case "file":
      if (part.source.kind === "base64" && part.source.mediaType.startsWith("image/")) {
        return [{ type: "image_url", image_url: { url: dataUrlOf(part.source) } }];
      }
      if (part.source.kind === "text") {
        return [{ type: "text", text: namedText(part.name ?? part.title, part.source.text) }];
      }
      break;
    case "opaque":
      if (part.origin === dialectId && isObject(part.raw)) return [part.raw];
      break;
    case "audio":
    case "reasoning":
    case "tool-call":
      break;
    default:
      return part satisfies never;
  }
  losses.lose(place, lostPart(part));
  return [];
}

/** Other words of other wires (`original`) it refuses. */
const details: ReadonlySet<string> = new Set(["auto", "low", "high"]);

/** Undefined for an image by a file's id. */
export function encodeImage({ source, detail, ext }: ImagePart): JsonObject | undefined {
  if (source.kind !== "url" && source.kind !== "base64") return undefined;
  const { image_url: inner, ...outer } = ownExt(ext);
  const isKnown = detail !== undefined && details.has(detail);
  return {
    type: "image_url",
    image_url: {
      url: source.kind === "url" ? source.url : dataUrlOf(source),
      ...(isKnown ? { detail } : {}),
      ...(isObject(inner) ? inner : {}),
    },
    ...outer,
  };
}

/** A `tool` message; what it cannot hold goes into the user's own `blocks` behind it. */
function encodeResult(
  part: ToolResultPart,
  place: string,
  scope: Scope,
  blocks: JsonObject[],
): JsonObject[] {
  const { losses } = scope;
  const content: JsonObject[] = [];
  const media: JsonObject[] = [];
  for (const [index, inner] of part.parts.entries()) {
    const at = `${place}.content[${index}]`;
    losePartFields(inner, at, scope);
    if (inner.type === "file") content.push(...encodeResultFile(inner, at, scope));
    else (inner.type === "image" ? media : content).push(...encodeBlock(inner, at, scope));
  }
  if (media.length > 0) {
    if (content.length === 0)
      content.push(textBlock("The result is attached to the next message."));
    blocks.push(textBlock(`Attached to the result of tool call ${part.callId}:`), ...media);
  }
  if (part.isError) {
    losses.lose(`${place}.is_error`, `${noForm}; the text says that it is an error`);
    markError(content, "text");
  }
  return [
    {
      role: "tool",
      tool_call_id: part.callId,
      content: content.length === 0 ? "" : simplify(content),
      ...ownExt(part.ext),
    },
  ];
}

const textBlock = (text: string): JsonObject => ({ type: "text", text });

function encodeResultFile(part: FilePart, place: string, scope: Scope): JsonObject[] {
  const document = encodeDocument(part);
  if (document === undefined) return encodeBlock(part, place, scope);
  return [{ type: "document", document }];
}

function encodeAssistant(message: Message, path: string, scope: Scope): JsonObject[] {
  const { losses, isNative } = scope;
  const calls = message.parts.filter(
    (part): part is ToolCallPart => part.type === "tool-call" && part.executor === "client",
  );
  const content: JsonObject[] = [];
  const plans: string[] = [];
  const citations: unknown[] = [];
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    losePartFields(part, place, scope);
    switch (part.type) {
      case "text":
        citations.push(...ownCitations(part, place, scope));
        // What is said before calls is the plan here.
        if (isPlan(part) || (!isNative && calls.length > 0)) plans.push(part.text);
        else content.push(...encodeBlock(part, place, scope));
        break;
      case "refusal":
      case "opaque":
        content.push(...encodeBlock(part, place, scope));
        break;
      case "reasoning":
        if (part.text === "" && part.encrypted === undefined) break;
        if (part.text !== "" && canReplay(part, dialectId, scope.target)) {
          content.push({ type: "thinking", thinking: part.text, ...ownExt(part.ext) });
        } else {
          losses.lose(place, "reasoning that another provider or model made cannot be sent back");
        }
        break;
      case "tool-call":
        if (part.executor === "client") break;
        losses.lose(place, `the call of \`${part.name}\` was run by another provider`);
        break;
      case "tool-result":
        losses.lose(place, "the result of a tool that another provider ran is sent as text");
        for (const inner of part.parts) {
          if (inner.type === "text") content.push(textBlock(inner.text));
        }
        break;
      case "image":
      case "audio":
      case "file":
        losses.lose(place, `an assistant message of this wire holds no ${part.type}`);
        break;
      default:
        part satisfies never;
    }
  }
  const plan = plans.filter((text) => text !== "").join("");
  if (content.length === 0 && calls.length === 0 && plan === "") {
    losses.lose(path, "a message without content is left out");
    return [];
  }
  return [
    {
      role: "assistant",
      ...(plan === "" ? {} : { tool_plan: plan }),
      ...(content.length > 0 ? { content: simplify(content) } : {}),
      ...(calls.length > 0 ? { tool_calls: calls.map((call) => encodeCall(call)) } : {}),
      ...(citations.length > 0 ? { citations } : {}),
      ...ownExt(message.ext),
    },
  ];
}

function ownCitations(part: TextPart, place: string, { losses }: Scope): unknown[] {
  const citations = part.citations ?? [];
  if (citations.some(({ origin }) => origin !== dialectId)) {
    losses.lose(`${place}.citations`, noForm);
  }
  return citations.filter(({ origin }) => origin === dialectId).map(({ raw }) => raw);
}

function encodeCall(part: ToolCallPart): JsonObject {
  const { function: inner, ...outer } = ownExt(part.ext);
  const args = part.freeform ? JSON.stringify(wrapInput(part.args)) : part.args;
  return {
    id: part.id,
    type: "function",
    function: {
      name: part.name,
      arguments: args.trim() === "" ? "{}" : args,
      ...(isObject(inner) ? inner : {}),
    },
    ...outer,
  };
}

/** A result must answer a call before it; the API refuses any other. */
function reportOrphans(messages: readonly JsonObject[], { losses }: Scope): void {
  const calls = new Set<unknown>();
  for (const message of messages) {
    const made = message["tool_calls"];
    if (Array.isArray(made)) for (const call of made) if (isObject(call)) calls.add(call["id"]);
    if (message["role"] !== "tool" || calls.has(message["tool_call_id"])) continue;
    const id = wordOf(message["tool_call_id"]).slice(0, 60);
    losses.lose("messages", `the tool result \`${id}\` answers no call before it`);
  }
}

/** What is told of a part that has no form here. */
function lostPart(part: Part): string {
  if (part.type !== "opaque") return `Cohere has no form for this ${part.type}`;
  const type = isObject(part.raw) ? wordOf(part.raw["type"]) : "unknown";
  return `only its own API understands \`${type.slice(0, 40)}\``;
}
