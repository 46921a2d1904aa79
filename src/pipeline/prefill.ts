// Answers that begin with what the client began them with, which it does not want to hear again.
import type { ChatRequest, ChatResponse } from "../ir/chat.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createCollector, expand } from "../ir/fold.ts";

/** What is done to an answer on its way to the client. */
export interface Reshaping {
  /** @throws GatewayError `upstream_invalid` */
  answer(response: ChatResponse): ChatResponse;
  /** For one stream: events of the upstream to events for the client. */
  events(): (event: ChatEvent) => ChatEvent[];
}

/** The text at the end of a conversation that its answer is to go on from; empty where there is none. */
export function begunText({ messages }: Pick<ChatRequest, "messages">): string {
  const last = messages.at(-1);
  if (last?.role !== "assistant") return "";
  return last.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/**
 * Takes `begun` off the beginning of an answer, where it stands there. An answer that begins otherwise stays as it is.
 * @example withoutEcho("A: ").answer(response) // "A: yes" → "yes"
 */
export function withoutEcho(begun: string): Reshaping {
  return {
    answer(response) {
      const turn = createTurn(begun);
      const collector = createCollector();
      for (const event of expand(response).flatMap(turn)) collector.push(event);
      return { ...response, ...collector.response() };
    },
    events: () => createTurn(begun),
  };
}

/** The first text of a candidate, as long as it may yet be the echo. */
interface Draft {
  index: number;
  /** What was held back. */
  held: string;
}

function createTurn(begun: string): (event: ChatEvent) => ChatEvent[] {
  /** By candidate; null when its beginning is known. */
  const drafts = new Map<number, Draft | null>();

  const read = (candidate: number, draft: Draft, isWhole: boolean): ChatEvent[] => {
    const { held, index } = draft;
    const isEcho = held.startsWith(begun);
    if (!isEcho && !isWhole && begun.startsWith(held)) return [];
    drafts.set(candidate, null);
    const text = isEcho ? held.slice(begun.length) : held;
    if (text === "") return [];
    return [{ type: "part-delta", candidate, index, delta: { type: "text", text } }];
  };

  return (event) => {
    switch (event.type) {
      case "part-start": {
        const { candidate, index, part } = event;
        if (part.type !== "text" || drafts.has(candidate)) return [event];
        const draft = { index, held: part.text };
        drafts.set(candidate, draft);
        return [{ ...event, part: { ...part, text: "" } }, ...read(candidate, draft, false)];
      }
      case "part-delta": {
        const { candidate, index, delta } = event;
        const draft = drafts.get(candidate);
        if (!draft || draft.index !== index || delta.type !== "text") return [event];
        draft.held += delta.text;
        return read(candidate, draft, false);
      }
      case "part-end": {
        const { candidate, index } = event;
        const draft = drafts.get(candidate);
        return draft?.index === index ? [...read(candidate, draft, true), event] : [event];
      }
      default:
        return [event];
    }
  };
}
