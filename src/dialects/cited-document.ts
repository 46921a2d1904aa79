// Documents that a client wants cited by an id of its own, on their way to a wire whose answers cite none so.
import type { ChatRequest, Part } from "../ir/chat.ts";
import type { Losses } from "./losses.ts";

/** `wire`: its name in words. */
export function loseCitedIds({ messages }: ChatRequest, wire: string, losses: Losses): void {
  const visit = (part: Part): void => {
    if (part.type === "tool-result") part.parts.forEach(visit);
    else if (part.type === "file" && part.citedAs !== undefined) {
      losses.lose("documents[].id", `answers of ${wire} cite no documents by their ids`);
    }
  };
  for (const { role, parts } of messages) if (role === "user") parts.forEach(visit);
}
