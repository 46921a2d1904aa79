// Finish reasons, both ways.
// https://ai.google.dev/api/generate-content#FinishReason, and Vertex's own
import type { Finish, FinishReason } from "../../ir/chat.ts";

const meanings: Readonly<Record<string, FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  MODEL_ARMOR: "content-filter",
  IMAGE_SAFETY: "content-filter",
  IMAGE_PROHIBITED_CONTENT: "content-filter",
  IMAGE_RECITATION: "content-filter",
  JAILBREAK: "content-filter",
  // The answer goes on where its `continuation_token` is sent back.
  CONTINUATION: "pause",
  LANGUAGE: "other",
  OTHER: "other",
  FINISH_REASON_UNSPECIFIED: "other",
  MALFORMED_FUNCTION_CALL: "other",
  UNEXPECTED_TOOL_CALL: "other",
  TOO_MANY_TOOL_CALLS: "other",
  MISSING_THOUGHT_SIGNATURE: "other",
  MALFORMED_RESPONSE: "other",
  NO_IMAGE: "other",
  IMAGE_OTHER: "other",
};

const words: Readonly<Record<FinishReason, string>> = {
  stop: "STOP",
  "tool-calls": "STOP",
  length: "MAX_TOKENS",
  "context-window": "MAX_TOKENS",
  "content-filter": "SAFETY",
  refusal: "SAFETY",
  pause: "OTHER",
  other: "OTHER",
};

/** `calls`: the answer calls a client's function, which this wire ends with `STOP`. */
export function decodeFinish(word: string, calls: boolean): Finish {
  const known = Object.hasOwn(meanings, word) ? meanings[word] : undefined;
  const reason = known ?? "other";
  return { reason: reason === "stop" && calls ? "tool-calls" : reason, raw: word };
}

/** A prompt that was refused before there was any candidate: https://ai.google.dev/api/generate-content#BlockReason */
export const decodeBlock = (word: string): Finish => ({ reason: "content-filter", raw: word });

/** A reason of this wire's own is told in its own word. */
export function encodeFinish({ reason, raw }: Finish): string {
  const meaning = raw !== undefined && Object.hasOwn(meanings, raw) ? meanings[raw] : undefined;
  const isOwn = meaning === reason || (meaning === "stop" && reason === "tool-calls");
  return isOwn && raw !== undefined ? raw : words[reason];
}
