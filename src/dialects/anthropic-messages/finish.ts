// Stop reasons, both ways.
// https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
import type { Finish, FinishReason } from "../../ir/chat.ts";

const meanings: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  refusal: "refusal",
  model_context_window_exceeded: "context-window",
  // Context compaction paused the answer (beta).
  compaction: "other",
};

const words: Readonly<Record<FinishReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  refusal: "refusal",
  pause: "pause_turn",
  "context-window": "model_context_window_exceeded",
  other: "end_turn",
};

export function decodeFinish(reason: string | undefined, stopSequence: string | undefined): Finish {
  const known = reason !== undefined && Object.hasOwn(meanings, reason);
  return {
    reason: (known ? meanings[reason] : undefined) ?? "other",
    ...(reason === undefined ? {} : { raw: reason }),
    ...(stopSequence === undefined ? {} : { stopSequence }),
  };
}

export interface EncodedFinish {
  stop_reason: string;
  stop_sequence: string | null;
}

/** `calls`: the answer calls a client's tool. Clients run tools only when the reason says so. */
export function encodeFinish(finish: Finish, calls: boolean): EncodedFinish {
  const { reason, raw, stopSequence } = finish;
  // A server of this wire that says `end_turn` means it.
  const isEnd = (reason === "stop" || reason === "other") && raw !== "end_turn";
  if (isEnd && calls) return { stop_reason: "tool_use", stop_sequence: null };
  if (reason === "stop" && stopSequence !== undefined) {
    return { stop_reason: "stop_sequence", stop_sequence: stopSequence };
  }
  const own = reason === "other" && raw !== undefined && Object.hasOwn(meanings, raw);
  return { stop_reason: own ? raw : words[reason], stop_sequence: null };
}
