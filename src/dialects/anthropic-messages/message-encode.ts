// Messages written as turns that the API accepts: alternating, a user's first, results before text.
// https://platform.claude.com/docs/en/api/messages and …/build-with-claude/mid-conversation-system-messages
import type { Message, Part } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import { type BlockScope as CodecScope, encodeBlock, isBlank } from "./block-encode.ts";
import type { ModelTraits } from "./model.ts";
import { escapeName } from "./names.ts";
import { foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";

export interface MessageScope extends CodecScope {
  traits: ModelTraits;
}

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

export function encodeConversation(
  messages: readonly Message[],
  scope: MessageScope,
): Conversation {
  const conversation: Conversation = { system: [], turns: [] };
  const { turns } = conversation;
  /** System messages that wait for the end of the user's turn. */
  let waiting: Turn | undefined;
  const settle = (): void => {
    if (waiting) placeSystem(turns, waiting, scope);
    waiting = undefined;
  };
  for (const [index, message] of messages.entries()) {
    const path = message.place ?? `messages[${index}]`;
    const turn = encodeMessage(message, path, scope);
    if (turn.role === "system" && turns.length === 0 && Object.keys(turn.extra).length === 0) {
      conversation.system.push(...turn.content);
    } else if (turn.role === "system") {
      waiting = joined(waiting, turn);
      if (!takesSystem(scope)) settle();
    } else {
      if (turn.content.length === 0) {
        scope.losses.lose(path, "a message without content is left out");
        continue;
      }
      if (turn.role === "assistant") settle();
      else if (waiting && takesSystem(scope)) {
        scope.losses.lose(path, "a system message before it is moved behind the user's turn");
      }
      append(turns, turn);
    }
  }
  settle();
  for (const turn of turns) if (turn.role === "user") resultsFirst(turn);
  if (!scope.isNative) mend(conversation, scope);
  mendIds(turns);
  reportOrphans(turns, scope);
  return conversation;
}

const takesSystem = ({ isNative, traits }: MessageScope): boolean =>
  isNative || traits.hasMidSystem;

function encodeMessage(message: Message, path: string, scope: MessageScope): Turn {
  const { losses, isNative } = scope;
  for (const key of foreignFields(message.ext)) losses.lose(`${path}.${key}`, noForm);
  if (message.name !== undefined) losses.lose(`${path}.name`, noForm);
  const parts = isNative ? message.parts : thoughtsFirst(message.parts);
  const content = parts.flatMap((part) => {
    const place = `${path}.content[${message.parts.indexOf(part)}]`;
    if (message.role !== "assistant" || part.type !== "tool-result") {
      return encodeBlock(part, place, scope);
    }
    return encodeProviderResult(part, place, scope);
  });
  return { role: message.role, content, extra: ownExt(message.ext) };
}

/** What another provider's own tool gave back stays readable. */
function encodeProviderResult(
  part: Extract<Part, { type: "tool-result" }>,
  path: string,
  scope: MessageScope,
): JsonObject[] {
  const [block] = encodeBlock(part, path, scope);
  if (!block || block["type"] !== "tool_result") return block ? [block] : [];
  scope.losses.lose(path, "the result of a tool that another provider ran is sent as text");
  const text = part.parts
    .flatMap((inner) => (inner.type === "text" ? [inner.text] : []))
    .join("\n");
  return isBlank(text) ? [] : [{ type: "text", text }];
}

/** The API wants thinking before the tool calls that it led to. */
const thoughtsFirst = (parts: readonly Part[]): Part[] => [
  ...parts.filter((part) => part.type === "reasoning"),
  ...parts.filter((part) => part.type !== "reasoning"),
];

/** Turns of one role are one turn. */
function append(turns: Turn[], turn: Turn): void {
  const last = turns.at(-1);
  if (last?.role === turn.role) turns[turns.length - 1] = joined(last, turn);
  else turns.push(turn);
}

const joined = (first: Turn | undefined, second: Turn): Turn =>
  first
    ? {
        role: first.role,
        content: [...first.content, ...second.content],
        extra: { ...first.extra, ...second.extra },
      }
    : second;

/**
 * A system message within the conversation must follow a user's turn, be followed by an assistant's or
 * nothing, and hold text only. Where it cannot stand it becomes text of the user's, marked as Claude Code marks it.
 */
function placeSystem(turns: Turn[], turn: Turn, scope: MessageScope): void {
  const last = turns.at(-1);
  const canStand =
    last?.role === "user" ||
    (last?.role === "assistant" && last.content.at(-1)?.["type"] === "server_tool_use");
  if (scope.isNative || (takesSystem(scope) && canStand)) {
    if (turn.content.length > 0 || Object.keys(turn.extra).length > 0) turns.push(turn);
    return;
  }
  if (turn.content.length === 0) return;
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

function resultsFirst(turn: Turn): void {
  const isResult = (block: JsonObject): boolean => block["type"] === "tool_result";
  turn.content = [
    ...turn.content.filter(isResult),
    ...turn.content.filter((block) => !isResult(block)),
  ];
}

/** What clients of other wires may send and this one refuses. */
function mend({ turns }: Conversation, { traits, losses }: MessageScope): void {
  if (turns[0]?.role !== "user") {
    losses.lose(
      "messages",
      "the conversation must begin with the user: a placeholder is put first",
    );
    turns.unshift({ role: "user", content: [textBlock("(start of conversation)")], extra: {} });
  }
  const last = turns.at(-1);
  if (last?.role !== "assistant") return;
  if (!traits.hasPrefill) {
    losses.lose("messages", "the model cannot continue an assistant message: the user asks it to");
    turns.push({ role: "user", content: [textBlock("Continue.")], extra: {} });
    return;
  }
  const block = last.content.at(-1);
  if (typeof block?.["text"] === "string") block["text"] = block["text"].trimEnd();
}

const textBlock = (text: string): JsonObject => ({ type: "text", text });

const idKeys = { tool_use: "id", tool_result: "tool_use_id" } as const;

/** Call ids that the wire refuses get another spelling, the same for a call and its result. */
function mendIds(turns: readonly Turn[]): void {
  for (const block of turns.flatMap((turn) => turn.content)) {
    const type = block["type"];
    if (type !== "tool_use" && type !== "tool_result") continue;
    const key = idKeys[type];
    block[key] = escapeName(wordOf(block[key])) || "unnamed";
  }
}

/** A result must answer a call of the turn right before it; the API refuses any other. */
function reportOrphans(turns: readonly Turn[], { losses }: MessageScope): void {
  let calls = new Set<unknown>();
  for (const { role, content } of turns) {
    if (role === "assistant") {
      calls = new Set(
        content.filter((block) => block["type"] === "tool_use").map((block) => block["id"]),
      );
      continue;
    }
    for (const block of content) {
      if (block["type"] !== "tool_result" || calls.has(block["tool_use_id"])) continue;
      losses.lose(
        "messages",
        `the tool result \`${wordOf(block["tool_use_id"]).slice(0, 60)}\` answers no call of the turn before it`,
      );
    }
    if (role === "user") calls = new Set();
  }
}
