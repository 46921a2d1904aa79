// Finish reasons, both ways.
import type { Finish, FinishReason } from "../../ir/chat.ts";

/** OpenAI's five, then what compatible servers were seen or are documented to say. */
const meanings: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
  // Together
  eos: "stop",
  stop_sequence: "stop",
  end_turn: "stop",
  max_tokens: "length",
  // Mistral
  model_length: "context-window",
  // Z.ai
  sensitive: "content-filter",
  refusal: "refusal",
};

const words: Readonly<Record<FinishReason, string>> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  refusal: "content_filter",
  pause: "stop",
  "context-window": "length",
  other: "stop",
};

export interface FinishFacts {
  /** The answer calls a tool: then that is why it ended, although some servers say `stop`. */
  calls: boolean;
  /** The answer holds a refusal, which this wire ends with `stop`. */
  refused: boolean;
  stopSequence?: string;
}

/** `word` as the server spelt it: empty or absent on some servers although the answer is whole. */
export function decodeFinish(word: string | undefined, facts: FinishFacts): Finish {
  const meaning = word
    ? Object.hasOwn(meanings, word)
      ? (meanings[word] ?? "other")
      : "other"
    : word === ""
      ? "stop"
      : "other";
  const ended = meaning === "stop" || meaning === "other";
  const reason = ended && facts.calls ? "tool-calls" : ended && facts.refused ? "refusal" : meaning;
  return {
    reason,
    ...(word ? { raw: word } : {}),
    ...(facts.stopSequence === undefined ? {} : { stopSequence: facts.stopSequence }),
  };
}

/** `legacy`: the client asked with `functions`, so a call ends with `function_call`. */
export function encodeFinish(finish: Finish, legacy: boolean): string {
  if (finish.reason === "tool-calls" && legacy) return "function_call";
  if (finish.reason === "refusal" && finish.raw === "stop") return "stop";
  return words[finish.reason];
}
