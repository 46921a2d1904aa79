// An answer that broke off and is gone on with: what the client has of it, and the next provider's events as its continuation.
import type { ChatRequest, Part } from "../ir/chat.ts";
import type { ChatEvent } from "../ir/event.ts";
import { sumUsage, type Usage } from "../ir/usage.ts";
import type { Frame } from "../lib/frame.ts";
import { withMembers } from "../lib/json-members.ts";
import { type Candidate, deploymentId } from "../routing/candidate.ts";
import { withoutEcho } from "./prefill.ts";

/** What the client has of an answer. */
export interface Progress {
  /** All that it was shown, as events. */
  readonly events: readonly ChatEvent[];
  /** The text so far; the next provider begins where it ends. */
  readonly text: string;
  /** Index of the text that is being written, null where none is. */
  readonly openText: number | null;
  /** Parts that were begun and not ended, the open text not among them. */
  readonly openOthers: readonly number[];
  /** The index of the next part. */
  readonly next: number;
  /** What the attempts so far used, as far as is known. */
  readonly used: Usage | undefined;
}

/** The progress that events tell of; null where nobody could go on: calls of tools, several answers, an answer that is over. */
export function progressOf(events: readonly ChatEvent[], used: Usage | undefined): Progress | null {
  const open = new Map<number, Part["type"]>();
  let text = "";
  let next = 0;
  for (const event of events) {
    if ("candidate" in event && event.candidate > 0) return null;
    if (event.type === "finish" || event.type === "end") return null;
    if (event.type === "part-start") {
      const { part, index } = event;
      if (part.type !== "text" && part.type !== "reasoning") return null;
      open.set(index, part.type);
      next = Math.max(next, index + 1);
      if (part.type === "text") text += part.text;
    }
    if (event.type === "part-delta" && event.delta.type === "text") text += event.delta.text;
    if (event.type === "part-end") open.delete(event.index);
  }
  const openText = [...open].find(([, type]) => type === "text")?.[0] ?? null;
  const openOthers = [...open.keys()].filter((index) => index !== openText);
  return { events, text, openText, openOthers, next, used };
}

/** Tells a model that takes no begun answer what is expected of it. */
const instruction =
  "Your last message in this conversation was cut off while it was being sent. Continue it exactly where it stops: do not repeat any of it, do not comment on the interruption, and do not start again.";

/** Nobody can go on with JSON that providers make whole by themselves, nor with one of several answers. */
export const canBeGoneOnWith = (
  { responseFormat, settings }: ChatRequest,
  { text }: Progress,
): boolean =>
  (text === "" || (responseFormat?.type ?? "text") === "text") &&
  (settings.candidateCount ?? 1) === 1;

/** Some providers refuse shorter answers. */
const shortest = 16;

/** What is left of the answer's length, and no more than `cap`; who thinks may need all of it again. */
export function withLimit(
  request: ChatRequest,
  { used }: Pick<Progress, "used">,
  cap: number | undefined,
): ChatRequest {
  const asked = request.settings.maxOutputTokens;
  const isThinking = request.reasoning !== undefined && request.reasoning.mode !== "off";
  const written = isThinking || !used ? 0 : used.output.total - used.output.reasoning;
  const left = asked === undefined ? undefined : Math.max(shortest, asked - written);
  const limits = [left, asked, cap].filter((limit) => limit !== undefined);
  if (limits.length === 0) return request;
  return { ...request, settings: { ...request.settings, maxOutputTokens: Math.min(...limits) } };
}

/** The first half of a character that was cut in two is no text. */
const cutCharacter = /[\ud800-\udbff]$/;

/** The request for who is to go on. `begins`: the model goes on from an assistant's last message by itself. */
export function requestToGoOn(request: ChatRequest, text: string, begins: boolean): ChatRequest {
  // Providers refuse messages of white space alone.
  if (text.trim() === "") return request;
  const whole = text.replace(cutCharacter, "");
  // Providers refuse white space at the end of a begun answer; what is stripped is not sent again.
  const begun = begins ? whole.trimEnd() : whole;
  const messages: ChatRequest["messages"] = [
    ...request.messages,
    { role: "assistant", parts: [{ type: "text", text: begun }] },
    ...(begins
      ? []
      : [{ role: "user" as const, parts: [{ type: "text" as const, text: instruction }] }]),
  ];
  return { ...request, messages };
}

/** What both used. The provider's own words would tell of one. */
const sumOf = (before: Usage, now: Usage): Usage => ({
  ...sumUsage(before, now),
  raw: undefined,
});

export interface Continuation {
  /** The next provider's events as those of the answer that broke off. */
  events: (event: ChatEvent) => ChatEvent[];
  /** The first frame says who goes on. */
  mark(frame: Frame): Frame;
}

export function continuation(progress: Progress, candidate: Candidate): Continuation {
  const { text } = progress;
  // Some say again what there is, some begin with the white space that their request left out.
  const echoes = [text, text.slice(text.trimEnd().length)]
    .filter((begun) => begun !== "")
    .map((begun) => withoutEcho(begun).events());
  /** Their index to ours. */
  const indexes = new Map<number, number>();
  let { next, openText } = progress;
  let isFirst = true;
  let isMarked = false;

  const closing = (): ChatEvent[] => {
    const left = [
      ...(isFirst ? progress.openOthers : []),
      ...(openText === null ? [] : [openText]),
    ];
    openText = null;
    isFirst = false;
    return left.map((index) => ({ type: "part-end", candidate: 0, index }));
  };

  const mapped = (event: ChatEvent): ChatEvent[] => {
    switch (event.type) {
      case "start":
        return [];
      case "part-start": {
        if (event.part.type === "text" && openText !== null) {
          const index = openText;
          indexes.set(event.index, index);
          openText = null;
          isFirst = false;
          const delta = { type: "text" as const, text: event.part.text };
          return delta.text === "" ? [] : [{ type: "part-delta", candidate: 0, index, delta }];
        }
        const ends = closing();
        indexes.set(event.index, next);
        next += 1;
        return [...ends, { ...event, index: next - 1 }];
      }
      case "part-delta":
      case "part-end":
        return [{ ...event, index: indexes.get(event.index) ?? event.index }];
      case "usage":
        return [progress.used ? { ...event, usage: sumOf(progress.used, event.usage) } : event];
      case "finish":
        return [...closing(), event];
      default:
        return [event];
    }
  };

  return {
    events: (event) =>
      echoes.reduce((events, fresh) => events.flatMap(fresh), [event]).flatMap(mapped),
    mark(frame) {
      if (isMarked || !frame.data.startsWith("{")) return frame;
      isMarked = true;
      const told = { megallm: { continued_by: deploymentId(candidate) } };
      return { ...frame, data: Buffer.from(withMembers(Buffer.from(frame.data), told)).toString() };
    },
  };
}
