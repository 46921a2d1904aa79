// Stop reasons, both ways.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax
import type { Finish, FinishReason } from "../../ir/chat.ts";
import { isObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";

const meanings: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  guardrail_intervened: "content-filter",
  content_filtered: "content-filter",
  model_context_window_exceeded: "context-window",
  malformed_model_output: "other",
  malformed_tool_use: "other",
};

const words: Readonly<Record<FinishReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "content_filtered",
  refusal: "content_filtered",
  pause: "end_turn",
  "context-window": "model_context_window_exceeded",
  other: "end_turn",
};

/** Asked for, it tells which stop sequence ended the answer of an Anthropic model. */
export const stopSequencePath = "/stop_sequence";

/** `additional`: the answer's `additionalModelResponseFields`. */
export function decodeFinish(reason: string | undefined, additional: unknown): Finish {
  const known = reason !== undefined && Object.hasOwn(meanings, reason);
  const stopSequence = isObject(additional)
    ? stringOr(field(additional, stopSequencePath.slice(1)))
    : undefined;
  return {
    reason: (known ? meanings[reason] : undefined) ?? "other",
    ...(reason === undefined ? {} : { raw: reason }),
    ...(stopSequence === undefined ? {} : { stopSequence }),
  };
}

/** `calls`: the answer calls a client's tool. Clients run tools only when the reason says so. */
export function encodeFinish({ reason, raw, stopSequence }: Finish, calls: boolean): string {
  if (raw !== undefined && Object.hasOwn(meanings, raw) && meanings[raw] === reason) return raw;
  if (calls && (reason === "stop" || reason === "other")) return "tool_use";
  return reason === "stop" && stopSequence !== undefined ? "stop_sequence" : words[reason];
}
