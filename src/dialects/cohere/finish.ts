// Finish reasons, both ways.
// https://docs.cohere.com/reference/chat#response.body.finish_reason
import type { Finish, FinishReason } from "../../ir/chat.ts";

const meanings: Readonly<Record<string, FinishReason>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  TOOL_CALL: "tool-calls",
  ERROR_TOXIC: "content-filter",
  ERROR_LIMIT: "context-window",
};

/** Reasons that are failures, and the status that each stands for. */
const failures: Readonly<Record<string, number>> = { ERROR: 500, TIMEOUT: 504 };

/** Undefined for a reason that is none. */
export const failureStatus = (word: string | undefined): number | undefined =>
  word !== undefined && Object.hasOwn(failures, word) ? failures[word] : undefined;

/** `calls`: the answer calls a tool. */
export function decodeFinish(word: string | undefined, calls: boolean): Finish {
  const known = word !== undefined && Object.hasOwn(meanings, word);
  const meaning = (known ? meanings[word] : undefined) ?? "other";
  const ended = meaning === "stop" || meaning === "other";
  return {
    reason: ended && calls ? "tool-calls" : meaning,
    ...(word === undefined ? {} : { raw: word }),
  };
}

export interface EncodedFinish {
  word: string;
  /** What the word does not tell. */
  loss?: string;
}

export function encodeFinish({ reason, raw, stopSequence }: Finish): EncodedFinish {
  switch (reason) {
    case "stop":
      return {
        word: stopSequence !== undefined || raw === "STOP_SEQUENCE" ? "STOP_SEQUENCE" : "COMPLETE",
      };
    case "length":
    case "context-window":
      return { word: "MAX_TOKENS" };
    case "tool-calls":
      return { word: "TOOL_CALL" };
    case "content-filter":
      return { word: "ERROR_TOXIC" };
    case "other":
      return { word: "COMPLETE" };
    case "refusal":
    case "pause":
      return { word: "COMPLETE", loss: `Cohere has no word for \`${reason}\`` };
    default:
      return reason satisfies never;
  }
}
