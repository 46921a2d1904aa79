// Why an answer ended, as `status` and `incomplete_details`, both ways.
// https://platform.openai.com/docs/api-reference/responses/object#responses/object-status
import type { Finish, FinishReason, Part } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";

const reasons: Readonly<Record<string, FinishReason>> = {
  max_output_tokens: "length",
  max_tokens: "length",
  length: "length",
  content_filter: "content-filter",
};

/** `response`: the last state of it; `parts`: what it says. */
export function decodeFinish(response: JsonObject, parts: readonly Part[]): Finish {
  const status = stringOr(field(response, "status"));
  const details = field(response, "incomplete_details");
  const word = isObject(details) ? stringOr(field(details, "reason")) : undefined;
  if (status === "incomplete" || (word !== undefined && status !== "completed")) {
    const known = word !== undefined && Object.hasOwn(reasons, word) ? reasons[word] : undefined;
    return { reason: known ?? "other", raw: word ?? "incomplete" };
  }
  // Some servers leave the status out, or spell it otherwise.
  const isDone = status === undefined || status.startsWith("complete");
  if (!isDone) return { reason: "other", raw: status };
  const raw = status === undefined ? {} : { raw: status };
  const calls = parts.some((part) => part.type === "tool-call" && part.executor === "client");
  if (calls) return { reason: "tool-calls", ...raw };
  return { reason: parts.some((part) => part.type === "refusal") ? "refusal" : "stop", ...raw };
}

/** States in which a response in the background is not over yet, or never will be. */
const otherStates: ReadonlySet<string> = new Set(["queued", "in_progress", "cancelled"]);

export interface Ending extends JsonObject {
  status: string;
  incomplete_details: { reason: string } | null;
}

/** `refuses`: the answer holds a refusal, which tells itself; without one only the status can tell. */
export function encodeFinish({ reason, raw }: Finish, refuses: boolean): Ending {
  switch (reason) {
    case "length":
    case "context-window":
      return { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
    case "content-filter":
      return { status: "incomplete", incomplete_details: { reason: "content_filter" } };
    case "other":
      if (raw !== undefined && otherStates.has(raw))
        return { status: raw, incomplete_details: null };
      return { status: "completed", incomplete_details: null };
    case "refusal":
      return refuses
        ? { status: "completed", incomplete_details: null }
        : { status: "incomplete", incomplete_details: { reason: "content_filter" } };
    case "stop":
    case "tool-calls":
    case "pause":
      return { status: "completed", incomplete_details: null };
    default:
      return reason satisfies never;
  }
}
