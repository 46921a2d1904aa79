// Reasoning shown to a client whose wire has no place for what proves it.
import type { ReasoningPart } from "../ir/chat.ts";
import type { Notice } from "./losses.ts";

/** Tells of a signature and of what only the provider can read; `reason` says whose wire it is. */
export function noticeProof(part: ReasoningPart, reason: string, notice: Notice): void {
  if (part.signature !== undefined) notice("thinking.signature", reason);
  if (part.encrypted !== undefined) notice("thinking.encrypted", reason);
}
