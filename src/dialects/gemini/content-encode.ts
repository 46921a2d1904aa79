// Messages written as contents that the API accepts: alternating, results first and in the order of their calls.
// https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling
import type { Message, Part } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { encodePart, type PartScope, serverToolPart } from "./part-encode.ts";
import { foreignFields, noForm, ownExt } from "./wire.ts";

export interface Conversation {
  system: JsonObject[];
  contents: JsonObject[];
}

interface Turn {
  role: "user" | "model";
  parts: JsonObject[];
  extra: JsonObject;
}

export type ConversationScope = Omit<PartScope, "names">;

export function encodeConversation(
  messages: readonly Message[],
  scope: ConversationScope,
): Conversation {
  const { losses } = scope;
  const names = new Map<string, string>();
  const parts: PartScope = { ...scope, names };
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    const path = message.place ?? `messages[${index}]`;
    for (const key of foreignFields(message.ext)) losses.lose(`${path}.${key}`, noForm);
    if (message.name !== undefined) losses.lose(`${path}.name`, noForm);
    for (const part of message.parts) if (part.type === "tool-call") names.set(part.id, part.name);
    const encoded = encodeMessage(message, path, parts);
    if (message.role === "system" && turns.length === 0) {
      system.push(...encoded);
      continue;
    }
    if (message.role === "system" && encoded.length > 0) {
      losses.lose(
        "messages",
        "a system message within the conversation is sent as text of the user's, marked `<system-reminder>`",
      );
    }
    if (encoded.length === 0) {
      losses.lose(path, "a message without content is left out");
      continue;
    }
    const role = message.role === "assistant" ? "model" : "user";
    const shown = message.role === "system" ? encoded.map(asReminder) : encoded;
    append(turns, { role, parts: shown, extra: { ...ownExt(message.ext) } });
  }
  for (const [index, turn] of turns.entries()) {
    if (turn.role === "user") resultsFirst(turn, turns[index - 1]);
  }
  mend(turns, scope);
  if (scope.traits.needsSignature) signCalls(turns, scope);
  return {
    system,
    contents: turns.map(({ role, parts: content, extra }) => ({ role, parts: content, ...extra })),
  };
}

function encodeMessage(message: Message, path: string, scope: PartScope): JsonObject[] {
  return message.parts.flatMap((part, index) => {
    const place = `${path}.content[${index}]`;
    return message.role === "assistant" && part.type === "tool-result" && !serverToolPart(part)
      ? encodeForeignResult(part, place, scope)
      : encodePart(part, place, scope);
  });
}

const asReminder = (part: JsonObject): JsonObject =>
  typeof part["text"] === "string"
    ? { ...part, text: `<system-reminder>\n${part["text"]}\n</system-reminder>` }
    : part;

/** What another provider's own tool gave back stays readable. */
function encodeForeignResult(
  part: Extract<Part, { type: "tool-result" }>,
  path: string,
  { losses }: PartScope,
): JsonObject[] {
  losses.lose(path, "the result of a tool that another provider ran is sent as text");
  const text = part.parts
    .flatMap((inner) => (inner.type === "text" ? [inner.text] : []))
    .join("\n");
  return text.trim() === "" ? [] : [{ text }];
}

/** Turns of one role are one turn. */
function append(turns: Turn[], turn: Turn): void {
  const last = turns.at(-1);
  if (last?.role !== turn.role) {
    turns.push(turn);
    return;
  }
  last.parts.push(...turn.parts);
  Object.assign(last.extra, turn.extra);
}

const calledIn = (part: JsonObject): JsonObject | undefined => objectIn(part, "functionCall");
const resultIn = (part: JsonObject): JsonObject | undefined => objectIn(part, "functionResponse");

function objectIn(part: JsonObject, key: string): JsonObject | undefined {
  const value = part[key];
  return isObject(value) ? value : undefined;
}

/** Results without ids are told apart by their order alone. */
function resultsFirst(turn: Turn, before: Turn | undefined): void {
  const order = (before?.parts ?? []).flatMap((part) => {
    const call = calledIn(part);
    return call ? [call["id"]] : [];
  });
  const rank = (part: JsonObject): number => {
    const at = order.indexOf(resultIn(part)?.["id"]);
    return at < 0 ? order.length : at;
  };
  const results = turn.parts.filter((part) => resultIn(part));
  turn.parts = [
    ...results.toSorted((left, right) => rank(left) - rank(right)),
    ...turn.parts.filter((part) => !resultIn(part)),
  ];
}

/** What clients of other wires may send and this one refuses. */
function mend(turns: Turn[], { traits, losses, isNative }: ConversationScope): void {
  const [first] = turns;
  const isCall = first?.role === "model" && first.parts.some(calledIn);
  if (!first || (isCall && !isNative)) {
    losses.lose(
      "messages",
      "the conversation must begin with the user: a placeholder is put first",
    );
    turns.unshift({ role: "user", parts: [{ text: "(start of conversation)" }], extra: {} });
  }
  if (turns.at(-1)?.role === "model" && !traits.hasPrefill && !isNative) {
    losses.lose("messages", "the model cannot continue a message of its own: the user asks it to");
    turns.push({ role: "user", parts: [{ text: "Continue." }], extra: {} });
  }
}

/**
 * Documented for histories that another model made. The word itself: in base64, as the field's type would have it,
 * the API takes it for a broken signature (https://github.com/langchain-ai/langchain-google/pull/1972).
 * https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
 */
const anySignature = "skip_thought_signature_validator";

/** The first call of every step must be signed; one that this model did not make is marked as such. */
function signCalls(turns: readonly Turn[], { losses }: ConversationScope): void {
  for (const { role, parts } of turns) {
    const first = role === "model" ? parts.find(calledIn) : undefined;
    if (!first || typeof first["thoughtSignature"] === "string") continue;
    first["thoughtSignature"] = anySignature;
    losses.lose(
      "messages",
      "function calls that this model did not sign are sent with a mark that skips the check; it does not see what was thought before them",
    );
  }
}
