// Messages and their parts, written for a provider.
// https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
import type {
  ImagePart,
  Message,
  OpaquePart,
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { wrapInput } from "../freeform.ts";
import { loneText } from "../lone-text.ts";
import type { Losses } from "../losses.ts";
import { markError } from "../tool-error.ts";
import { knowsField } from "./conversation-fit.ts";
import { callIdFor, encodeCache, type Scope, takesFreeform } from "./encode-scope.ts";
import { encodeAudio, encodeDocument, encodeFile, encodeImage } from "./media.ts";
import { encodeDetails, encodeThinking, isDetail, needsDetail } from "./reasoning.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

/** One message of the representation may be several here: tool results come first, each its own. */
export function encodeMessage(message: Message, path: string, scope: Scope): JsonObject[] {
  for (const key of foreignFields(message.ext)) scope.losses.lose(`${path}.${key}`, noForm);
  switch (message.role) {
    case "system": {
      const role = scope.target.quirks.systemRole ?? "system";
      const content = encodeContent(message.parts, path, scope);
      return isEmptied(message, content, path, scope)
        ? []
        : [finishMessage(role, message, content)];
    }
    case "user":
      return encodeUser(message, path, scope);
    case "assistant":
      return [encodeAssistant(message, path, scope)];
    default:
      return message.role satisfies never;
  }
}

const finishMessage = (role: string, message: Message, content: unknown): JsonObject => ({
  role,
  content,
  ...(message.name === undefined ? {} : { name: message.name }),
  ...ownExt(message.ext),
});

function encodeUser(message: Message, path: string, scope: Scope): JsonObject[] {
  const results: JsonObject[] = [];
  const attachments: JsonObject[] = [];
  const rest: Part[] = [];
  for (const [index, part] of message.parts.entries()) {
    if (part.type !== "tool-result") {
      rest.push(part);
      continue;
    }
    const encoded = encodeToolResult(part, `${path}.content[${index}]`, scope);
    results.push(encoded.message);
    attachments.push(...encoded.attachments);
  }
  const content = encodeContent(rest, path, scope);
  if (attachments.length === 0) {
    const isDone = results.length > 0 && content === "";
    return isDone || isEmptied(message, content, path, scope)
      ? results
      : [...results, finishMessage("user", message, content)];
  }
  const own = typeof content === "string" ? textBlocks(content) : content;
  return [...results, finishMessage("user", message, [...attachments, ...own])];
}

/** A message of which nothing is left is left out: an empty one would be answered, or refused. */
function isEmptied(
  { parts }: Message,
  content: string | JsonObject[],
  path: string,
  { losses, isNative }: Scope,
): boolean {
  const isEmpty = content === "" && !parts.some((part) => part.type === "text");
  if (isEmpty && !isNative) losses.lose(path, "a message without content is left out");
  return isEmpty && !isNative;
}

const textBlocks = (text: string): JsonObject[] => (text === "" ? [] : [{ type: "text", text }]);

interface EncodedResult {
  message: JsonObject;
  /** What a `tool` message cannot hold, for the user message behind it. */
  attachments: JsonObject[];
}

function encodeToolResult(part: ToolResultPart, path: string, scope: Scope): EncodedResult {
  const { target, losses } = scope;
  const callId = callIdFor(part.callId, scope);
  for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  const blocks: JsonObject[] = [];
  const media: JsonObject[] = [];
  for (const [index, inner] of part.parts.entries()) {
    const block = encodePart(inner, `${path}.content[${index}]`, scope);
    if (!block) continue;
    if (inner.type === "image" || inner.type === "file") media.push(block);
    else blocks.push(block);
  }
  if (media.length > 0 && blocks.length === 0) {
    blocks.push({ type: "text", text: "The result is attached to the next message." });
  }
  if (part.isError) {
    losses.lose(
      `${path}.is_error`,
      "OpenAI chat has no such field; the text says that it is an error",
    );
    markError(blocks, "text");
  }
  const last = blocks.at(-1);
  if (last) Object.assign(last, encodeCache(part.cache, path, target, losses));
  return {
    message: {
      role: "tool",
      tool_call_id: callId,
      content: simplify(blocks),
      ...ownExt(part.ext),
    },
    attachments:
      media.length === 0
        ? []
        : [{ type: "text", text: `Attached to the result of tool call ${callId}:` }, ...media],
  };
}

const simplify = (blocks: JsonObject[]): string | JsonObject[] =>
  blocks.length === 0 ? "" : (loneText(blocks) ?? blocks);

function encodeContent(parts: readonly Part[], path: string, scope: Scope): string | JsonObject[] {
  const blocks = parts.flatMap((part, index) => {
    const block = encodePart(part, `${path}.content[${index}]`, scope);
    return block ? [block] : [];
  });
  return simplify(blocks);
}

/** One content part; undefined, with a loss noted, where this wire has no form for it. */
function encodePart(part: Part, path: string, scope: Scope): JsonObject | undefined {
  const { target, losses, isNative } = scope;
  if (part.type !== "reasoning") {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  }
  const finish = (block: JsonObject | undefined): JsonObject | undefined => {
    if (!block) {
      losses.lose(path, `OpenAI chat has no form for this ${part.type}`);
      return undefined;
    }
    const own = Object.entries(ownExt(part.ext)).map(([key, value]) => {
      const known = block[key];
      return [key, isObject(known) && isObject(value) ? { ...known, ...value } : value] as const;
    });
    const cache = encodeCache(part.cache, path, target, losses);
    return { ...block, ...Object.fromEntries(own), ...cache };
  };
  switch (part.type) {
    case "text":
      return finish({ type: "text", text: part.text });
    case "image":
      return finish(encodeImage(fitDetail(part, path, scope)));
    case "audio":
      return finish(encodeAudio(part));
    case "file":
      if (part.context !== undefined) losses.lose(`${path}.context`, noForm);
      return finish(
        target.quirks.filePart === "document_url"
          ? encodeDocument(part)
          : encodeFile(part, isNative),
      );
    case "refusal":
      return finish({ type: "refusal", refusal: part.text });
    case "opaque":
      return encodeOpaque(part, path, losses);
    case "reasoning":
    case "tool-call":
    case "tool-result":
      losses.lose(path, `a ${part.type} cannot stand here`);
      return undefined;
    default:
      return part satisfies never;
  }
}

function fitDetail(part: ImagePart, path: string, { target, losses }: Scope): ImagePart {
  const { imageDetails } = target.quirks;
  const { detail, ...rest } = part;
  if (detail === undefined || !imageDetails || imageDetails.includes(detail)) return part;
  losses.lose(`${path}.image_url.detail`, `the provider takes only ${imageDetails.join(", ")}`);
  return rest;
}

function encodeOpaque(part: OpaquePart, path: string, losses: Losses): JsonObject | undefined {
  if (part.origin === dialectId && isObject(part.raw)) return part.raw;
  const type = isObject(part.raw) ? wordOf(part.raw["type"]) : "unknown";
  losses.lose(path, `only its own API understands \`${type}\``);
  return undefined;
}

function encodeAssistant(message: Message, path: string, scope: Scope): JsonObject {
  const { losses } = scope;
  const content: Part[] = [];
  const thoughts: (ReasoningPart | OpaquePart)[] = [];
  const calls: JsonObject[] = [];
  const refusals: string[] = [];
  const annotations: unknown[] = [];
  const fields: JsonObject = {};
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    if (part.type === "reasoning") {
      if (canReplay(part, scope)) thoughts.push(part);
      else losses.lose(place, "reasoning that another provider or model made cannot be sent back");
    } else if (part.type === "opaque" && isDetail(part)) thoughts.push(part);
    else if (part.type === "tool-call" && part.executor === "client") {
      if (part.cache) encodeCache(part.cache, place, scope.target, losses);
      for (const key of foreignFields(part.ext)) losses.lose(`${place}.${key}`, noForm);
      calls.push(encodeToolCall(part, scope));
    } else if (part.type === "tool-call") {
      losses.lose(place, `the call of \`${part.name}\` was run by another provider`);
    } else if (part.type === "tool-result") {
      losses.lose(place, "the result of a tool that another provider ran is sent as text");
      content.push(...part.parts.filter((inner) => inner.type === "text"));
    } else if (part.type === "refusal") {
      if (knowsField("assistant", "refusal", scope.target.quirks)) refusals.push(part.text);
      else content.push({ type: "text", text: part.text });
    } else if (part.type === "audio" && part.source.kind === "file-id") {
      fields["audio"] = { id: part.source.id };
    } else if (part.type === "image" || part.type === "audio" || part.type === "file") {
      losses.lose(place, `an assistant message of this wire holds no ${part.type}`);
    } else {
      content.push(part);
      if (part.type !== "text") continue;
      for (const { origin, raw } of part.citations ?? []) {
        if (origin === dialectId) annotations.push(raw);
        else losses.lose(`${place}.citations`, noForm);
      }
    }
  }
  const said = encodeContent(content, path, scope);
  const { blocks, ...thought } = encodeThoughts(thoughts, path, scope);
  const encoded =
    blocks.length === 0
      ? said
      : [...blocks, ...(typeof said === "string" ? textBlocks(said) : said)];
  const isSilent = encoded === "" && (calls.length > 0 || refusals.length > 0 || "audio" in fields);
  return {
    ...finishMessage("assistant", message, isSilent ? null : encoded),
    ...thought.fields,
    ...(refusals.length > 0 ? { refusal: refusals.join("") } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
    ...fields,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function encodeToolCall(part: ToolCallPart, scope: Scope): JsonObject {
  const { function: called, custom, ...outer } = ownExt(part.ext);
  const isFree = part.freeform === true && takesFreeform(scope);
  const type = isFree ? "custom" : "function";
  const inner = isFree ? custom : called;
  const args = part.freeform && !isFree ? JSON.stringify(wrapInput(part.args)) : part.args;
  return {
    id: callIdFor(part.id, scope),
    type,
    [type]: {
      name: part.name,
      [isFree ? "input" : "arguments"]: args,
      ...(isObject(inner) ? inner : {}),
    },
    ...outer,
  };
}

/** Reasoning goes back only where it was made; without a named origin the client sent it to this wire itself. */
function canReplay({ origin }: ReasoningPart, { target }: Scope): boolean {
  return (
    origin.dialect === dialectId &&
    (origin.provider === undefined || origin.provider === target.provider) &&
    (origin.model === undefined || origin.model === target.model)
  );
}

interface Thoughts {
  /** What stands in the content. */
  blocks: JsonObject[];
  /** What stands beside it. */
  fields: JsonObject;
}

function encodeThoughts(
  thoughts: readonly (ReasoningPart | OpaquePart)[],
  path: string,
  { target, losses }: Scope,
): Thoughts {
  if (target.quirks.reasoningPart !== undefined) {
    const blocks = thoughts.flatMap((part) => {
      if (part.type === "reasoning" && part.text !== "") return [encodeThinking(part)];
      losses.lose(
        `${path}.reasoning_details`,
        "the provider takes only reasoning that can be read",
      );
      return [];
    });
    return { blocks, fields: {} };
  }
  const details: unknown[] = [];
  let plain = "";
  for (const part of thoughts) {
    if (part.type === "opaque") details.push(part.raw);
    else if (needsDetail(part)) {
      details.push(...encodeDetails(part, { index: details.length, isForClient: false }));
    } else plain += part.text;
  }
  const { reasoningField } = target.quirks;
  if (plain !== "" && reasoningField === undefined) {
    losses.lose(`${path}.reasoning_content`, "the provider does not take reasoning back");
  }
  return {
    blocks: [],
    fields: {
      ...(plain !== "" && reasoningField !== undefined ? { [reasoningField]: plain } : {}),
      ...(details.length > 0 ? { reasoning_details: details } : {}),
    },
  };
}
