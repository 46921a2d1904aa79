// What the score looks at: the last user turn and the shape of the conversation, taken out of a request.
import type { ChatRequest, Message } from "../../ir/chat.ts";
import { textLimit } from "./words.ts";

/** A request reduced to what tells how hard it is. */
export interface ComplexityInput {
  /** Text of the last user turn that has any; the length of the whole stands in `textLength`. */
  text: string;
  textLength: number;
  /** Text of the user turn before it, for an answer that says little by itself (`yes, do it`). */
  before: string;
  systemLength: number;
  /** Characters of everything: system, turns, tool calls and their results. */
  conversationLength: number;
  userTurns: number;
  toolsOffered: number;
  /** Calls made since the last user turn with text: how deep an agent is in its task. */
  callsSince: number;
  /** Calls of the whole conversation. */
  calls: number;
  /** Results since the last user turn with text that say they are an error. */
  failuresSince: number;
  images: number;
  audio: number;
  files: number;
  structured: "none" | "json" | "schema";
  /** What the client asks of reasoning: 0 off, 0.5 where it does not say, 1 the most. */
  reasoning: number;
}

/** Reduces a chat request to what the score looks at. */
export function complexityInput(request: ChatRequest): ComplexityInput {
  const input: ComplexityInput = {
    text: "",
    textLength: 0,
    before: "",
    systemLength: 0,
    conversationLength: 0,
    userTurns: 0,
    toolsOffered: request.toolChoice?.type === "none" ? 0 : request.tools.length,
    callsSince: 0,
    calls: 0,
    failuresSince: 0,
    images: 0,
    audio: 0,
    files: 0,
    structured: structuredOf(request),
    reasoning: reasoningOf(request),
  };
  for (const message of request.messages) addMessage(input, message);
  return input;
}

/** A lone prompt as a request would bring it. */
export function promptInput(text: string): ComplexityInput {
  return complexityInput({
    model: "",
    messages: [{ role: "user", parts: [{ type: "text", text }] }],
    tools: [],
    settings: {},
    stream: false,
    ext: {},
  });
}

function addMessage(input: ComplexityInput, message: Message): void {
  const texts: string[] = [];
  let length = 0;
  for (const part of message.parts) {
    switch (part.type) {
      case "text":
        if (!isInserted(part.text)) texts.push(part.text);
        length += part.text.length;
        break;
      case "image":
        input.images += 1;
        break;
      case "audio":
        input.audio += 1;
        break;
      case "file":
        input.files += 1;
        break;
      case "tool-call":
        input.calls += 1;
        input.callsSince += 1;
        length += part.args.length;
        break;
      case "tool-result":
        if (part.isError) input.failuresSince += 1;
        for (const each of part.parts) {
          if (each.type === "text") length += each.text.length;
          else if (each.type === "image") input.images += 1;
          else if (each.type === "file") input.files += 1;
        }
        break;
      case "reasoning":
      case "refusal":
        length += part.text.length;
        break;
      case "opaque":
        break;
      default:
        part satisfies never;
    }
  }
  input.conversationLength += length;
  if (message.role === "system") input.systemLength += length;
  if (message.role !== "user" || texts.every((text) => text.trim() === "")) return;
  input.userTurns += 1;
  input.callsSince = 0;
  input.failuresSince = 0;
  input.before = input.text;
  input.text = bounded(texts);
  input.textLength = texts.reduce((sum, text) => sum + text.length, texts.length - 1);
}

/** Coding agents put notes of their own, in a tag, beside what the user wrote. */
function isInserted(text: string): boolean {
  return /^\s*<(?:system-reminder|environment_context|environment_details|user_instructions)>/.test(
    text.slice(0, 80),
  );
}

/** The first and the last half of the limit, joined as `wordsOf` would. */
function bounded(texts: readonly string[]): string {
  const whole = texts.length === 1 ? (texts[0] ?? "") : texts.join("\n");
  const half = textLimit / 2;
  return whole.length <= textLimit
    ? whole
    : `${whole.slice(0, half - 1)}\n${whole.slice(whole.length - half)}`;
}

function structuredOf(request: ChatRequest): ComplexityInput["structured"] {
  switch (request.responseFormat?.type) {
    case "json":
      return "json";
    case "json-schema":
      return "schema";
    case "text":
    case undefined:
      return "none";
    default:
      return request.responseFormat satisfies never;
  }
}

const efforts: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 0.2,
  low: 0.35,
  medium: 0.6,
  high: 0.85,
  xhigh: 1,
  max: 1,
};

function reasoningOf(request: ChatRequest): number {
  const { reasoning } = request;
  if (!reasoning) return 0.5;
  switch (reasoning.mode) {
    case "off":
      return 0;
    case "budget":
      return Math.min(1, 0.4 + reasoning.tokens / 32_000);
    case "effort":
      return effortOf(reasoning.effort);
    case "adaptive":
      return reasoning.effort === undefined ? 0.5 : effortOf(reasoning.effort);
    default:
      return reasoning satisfies never;
  }
}

function effortOf(word: string): number {
  return Object.hasOwn(efforts, word) ? (efforts[word] ?? 0.5) : 0.5;
}
