// Messages written as turns that Bedrock accepts: alternating, a user's first, every result right behind its call.
// https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html
import type { Message, Part } from "../../ir/chat.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { type BlockScope, encodeBlock, encodeCachePoint, isBlank } from "./block-encode.ts";
import { foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface Turn {
  role: "user" | "assistant" | "system";
  content: JsonObject[];
  /** Other fields of the message. */
  extra: JsonObject;
}

export interface Conversation {
  system: JsonObject[];
  turns: Turn[];
}

export function encodeConversation(messages: readonly Message[], scope: BlockScope): Conversation {
  const conversation: Conversation = { system: [], turns: [] };
  const { turns } = conversation;
  for (const [index, message] of messages.entries()) {
    const path = message.place ?? `messages[${index}]`;
    const turn = encodeMessage(message, path, scope);
    if (turn.role === "system" && turns.length === 0) conversation.system.push(...turn.content);
    else if (turn.role === "system") placeSystem(turns, turn, scope);
    else if (scope.isNative) turns.push(turn);
    else if (turn.content.length > 0) append(turns, turn);
    else scope.losses.lose(path, "a message without content is left out");
  }
  if (!scope.isNative) mend(conversation, scope);
  return conversation;
}

function encodeMessage(message: Message, path: string, scope: BlockScope): Turn {
  const { losses, isNative } = scope;
  for (const key of foreignFields(message.ext)) losses.lose(`${path}.${key}`, noForm);
  if (message.name !== undefined) losses.lose(`${path}.name`, noForm);
  const parts = isNative ? message.parts : callsLast(message, scope);
  const content = parts.flatMap((part) => {
    const place = `${path}.content[${message.parts.indexOf(part)}]`;
    if (message.role === "system") return encodeSystemBlock(part, place, scope);
    return message.role === "assistant" && part.type === "tool-result"
      ? encodeProviderResult(part, place, scope)
      : encodeBlock(part, place, scope);
  });
  return { role: message.role, content, extra: ownExt(message.ext) };
}

/** Reasoning comes before what it led to, and text before calls: some models refuse any other order. */
function callsLast({ role, parts }: Message, { traits }: BlockScope): readonly Part[] {
  if (role !== "assistant") return parts;
  const isThought = (part: Part): boolean => part.type === "reasoning";
  const isInterleaved =
    parts.findLastIndex(isThought) > parts.findIndex((part) => !isThought(part));
  // Thoughts between calls are signed in their places.
  if (traits.claude && isInterleaved) return parts;
  const rank = (part: Part): number =>
    isThought(part) ? 0 : part.type === "tool-call" && part.executor === "client" ? 2 : 1;
  return parts.toSorted((left, right) => rank(left) - rank(right));
}

function encodeSystemBlock(part: Part, path: string, scope: BlockScope): JsonObject[] {
  const isTaken = part.type === "text" || part.type === "opaque" || part.type === "image";
  if (isTaken && (part.type !== "image" || scope.isNative)) {
    const { cache, ...bare } = part;
    const blocks = encodeBlock(bare, path, scope);
    return blocks.length === 0 || !cache
      ? blocks
      : [...blocks, ...encodeCachePoint(cache, "system", path, scope)];
  }
  scope.losses.lose(path, `Bedrock Converse takes no ${part.type} in a system prompt`);
  return [];
}

/** What another provider's own tool gave back stays readable. */
function encodeProviderResult(
  part: Extract<Part, { type: "tool-result" }>,
  path: string,
  scope: BlockScope,
): JsonObject[] {
  if (typeof ownExt(part.ext)["type"] === "string") return encodeBlock(part, path, scope);
  for (const key of foreignFields(part.ext)) scope.losses.lose(`${path}.${key}`, noForm);
  scope.losses.lose(path, "the result of a tool that another provider ran is sent as text");
  const text = textOf(part.parts);
  return isBlank(text) ? [] : [{ text }];
}

const textOf = (parts: readonly Part[]): string =>
  parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");

/** Turns of one role are one turn. */
function append(turns: Turn[], turn: Turn): void {
  const last = turns.at(-1);
  if (last?.role !== turn.role) {
    turns.push(turn);
    return;
  }
  turns[turns.length - 1] = {
    role: turn.role,
    content: [...last.content, ...turn.content],
    extra: { ...last.extra, ...turn.extra },
  };
}

/** Within the conversation a system message is text of the user's, marked as Claude Code marks it, unless the model takes one. */
function placeSystem(turns: Turn[], turn: Turn, scope: BlockScope): void {
  if (scope.isNative) {
    turns.push(turn);
    return;
  }
  if (turn.content.length === 0) return;
  const canStand = turns.at(-1)?.role === "user" && (scope.traits.claude?.hasMidSystem ?? false);
  if (canStand) {
    append(turns, turn);
    return;
  }
  scope.losses.lose(
    "messages",
    "a system message within the conversation is sent as text of the user's, marked `<system-reminder>`",
  );
  const content = turn.content.map((block) =>
    typeof block["text"] === "string"
      ? { ...block, text: `<system-reminder>\n${block["text"]}\n</system-reminder>` }
      : block,
  );
  append(turns, { role: "user", content, extra: {} });
}

const idIn = (block: JsonObject, kind: "toolUse" | "toolResult"): string | undefined => {
  const value = block[kind];
  return isObject(value) ? wordOf(value["toolUseId"]) : undefined;
};

/** What clients of other wires may send and this one refuses. */
function mend(conversation: Conversation, scope: BlockScope): void {
  const { turns } = conversation;
  const { losses, traits } = scope;
  if (turns[0]?.role !== "user") {
    losses.lose(
      "messages",
      "the conversation must begin with the user: a placeholder is put first",
    );
    turns.unshift({ role: "user", content: [{ text: "(start of conversation)" }], extra: {} });
  }
  pairResults(turns, scope);
  for (const turn of turns) if (turn.role === "user") addWords(turn, scope);
  const last = turns.at(-1);
  if (last?.role !== "assistant") return;
  if (!traits.hasPrefill) {
    losses.lose("messages", "the model cannot continue an assistant message: the user asks it to");
    turns.push({ role: "user", content: [{ text: "Continue." }], extra: {} });
    return;
  }
  const block = last.content.findLast((item) => typeof item["text"] === "string");
  if (block && block === last.content.at(-1)) block["text"] = String(block["text"]).trimEnd();
}

/** A turn's results answer exactly the calls of the turn before, and stand first. */
function pairResults(turns: Turn[], { losses }: BlockScope): void {
  for (let at = 0; at < turns.length; at += 1) {
    const turn = turns[at];
    if (!turn || turn.role === "system") continue;
    const isCalls = turn.role === "assistant";
    const calls = isCalls ? turn.content.flatMap((block) => callIdOf(block) ?? []) : [];
    if (isCalls && calls.length > 0 && at + 1 < turns.length) {
      const next = turns[at + 1];
      if (next?.role !== "user") turns.splice(at + 1, 0, { role: "user", content: [], extra: {} });
    }
    if (isCalls) continue;
    const before = turns[at - 1];
    const open = new Set(
      before?.role === "assistant" ? before.content.flatMap((block) => callIdOf(block) ?? []) : [],
    );
    turn.content = settleResults(turn.content, open, losses);
  }
}

/** The id of a call that the client must answer. */
function callIdOf(block: JsonObject): string | undefined {
  const call = block["toolUse"];
  return isObject(call) && call["type"] === undefined ? idIn(block, "toolUse") : undefined;
}

function settleResults(
  content: readonly JsonObject[],
  open: Set<string>,
  losses: BlockScope["losses"],
): JsonObject[] {
  const results: JsonObject[] = [];
  const others: JsonObject[] = [];
  for (const [index, block] of content.entries()) {
    const id = idIn(block, "toolResult");
    // A cache point stays with what it stands behind.
    const follows =
      "cachePoint" in block && index > 0 && results.includes(content[index - 1] ?? {});
    if (id === undefined) (follows ? results : others).push(block);
    else if (open.delete(id)) results.push(block);
    else {
      losses.lose("messages", "a tool result that answers no call right before it is sent as text");
      others.push(...resultAsText(block));
    }
  }
  for (const id of open) {
    losses.lose("messages", "a tool call without a result gets one that says so");
    results.push({
      toolResult: { toolUseId: id, content: [{ text: "(no result)" }], status: "error" },
    });
  }
  return [...results, ...others];
}

function resultAsText(block: JsonObject): JsonObject[] {
  const result = block["toolResult"];
  const content = isObject(result) && Array.isArray(result["content"]) ? result["content"] : [];
  return content
    .filter(isObject)
    .map((item) => ("json" in item ? { text: stringify(item["json"]) } : item));
}

/** Documents are refused in a message without text. */
function addWords(turn: Turn, { losses }: BlockScope): void {
  const has = (kind: string): boolean => turn.content.some((block) => kind in block);
  if (!has("document") || has("text")) return;
  losses.lose("messages", "a document must come with text: a placeholder is put beside it");
  turn.content.push({ text: "(see the document)" });
}
