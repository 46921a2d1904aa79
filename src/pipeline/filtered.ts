// Answers that say nothing but that they were filtered: as good as a refusal, where somebody else stands ready for that.
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import type { Candidate } from "../routing/candidate.ts";

export interface FilterWatch {
  /** @throws GatewayError of the kind `content_policy`, until {@link FilterWatch.shown} */
  see(event: ChatEvent): void;
  /** The client has a part of the answer, or is about to: nobody else can be asked. */
  shown(): void;
}

/** Null where such an answer is the answer. */
export function filterWatch({ yieldsTo }: Candidate): FilterWatch | null {
  if (!yieldsTo?.includes("content_policy")) return null;
  let isOver = false;
  return {
    see(event) {
      if (isOver) return;
      if (event.type === "finish" && isFiltered(event.finish.reason)) {
        throw new GatewayError("upstream_rejected", "The provider's filter stopped the answer.", {
          kind: "content_policy",
          upstream: { code: "content_policy", ...(event.finish.raw && { type: event.finish.raw }) },
        });
      }
      if (saysSomething(event)) isOver = true;
    },
    shown() {
      isOver = true;
    },
  };
}

const isFiltered = (reason: string): boolean => reason === "content-filter" || reason === "refusal";

function saysSomething(event: ChatEvent): boolean {
  if (event.type === "part-start") {
    const { part } = event;
    return part.type === "text" ? part.text !== "" : part.type !== "reasoning";
  }
  if (event.type !== "part-delta") return false;
  const { delta } = event;
  return delta.type === "text" || delta.type === "refusal"
    ? delta.text !== ""
    : delta.type === "args";
}
