// One candidate of an answer, event by event, written as parts of a content.
// https://ai.google.dev/api/generate-content#candidate
import type { Part, ReasoningPart } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { createId } from "../../lib/id.ts";
import type { Notice } from "../losses.ts";
import { noticeQuote, webSource } from "../cited-source.ts";
import { encodeInput } from "../tool-input.ts";
import { type Cited, groundingOf } from "./citations.ts";
import { encodeFinish } from "./finish.ts";
import { encodeMedia, ownOf } from "./media.ts";
import { isMadeUp } from "./names.ts";
import { isOwn, sealReasoning } from "./origin.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";
import { serverToolPart } from "./part-encode.ts";

type PartEvent = Extract<ChatEvent, { type: "part-start" | "part-delta" | "part-end" }>;
type FinishEvent = Extract<ChatEvent, { type: "finish" }>;

export interface CandidateWriter {
  /** Parts that the event completes, or that can be shown already. */
  push(event: PartEvent): JsonObject[];
  /** What is left to be shown, and the candidate's own fields. */
  finish(event: FinishEvent | undefined): { parts: JsonObject[]; fields: JsonObject };
}

interface Open {
  part: Part;
  /** Shown already, up to here. */
  isShown: boolean;
  /** Where its text begins, in bytes of the whole text. */
  start: number;
  text: string;
}

export function createCandidateWriter(notice: Notice): CandidateWriter {
  const open = new Map<number, Open>();
  /** Foreign reasoning that waits for a part to travel on. */
  let thoughts: ReasoningPart[] = [];
  const cited: Cited[] = [];
  let length = 0;

  /** Adds to a part the seal of the thoughts before it. */
  const sealed = (part: JsonObject): JsonObject[] => {
    if (thoughts.length === 0) return [part];
    const thoughtSignature = sealReasoning(thoughts);
    thoughts = [];
    return part["thoughtSignature"] === undefined
      ? [{ ...part, thoughtSignature }]
      : [{ text: "", thoughtSignature }, part];
  };
  const signatureOf = ({ proof }: Part): JsonObject =>
    proof?.origin.dialect === dialectId ? { thoughtSignature: proof.signature } : {};

  const say = (state: Open, text: string): JsonObject[] => {
    if (text === "") return [];
    const { part } = state;
    length += Buffer.byteLength(text);
    state.text += text;
    const head = state.isShown ? {} : { ...ownExt(part.ext), ...signatureOf(part) };
    state.isShown = true;
    return sealed({ text, ...head });
  };
  const think = (state: Open, text: string): JsonObject[] => {
    state.text += text;
    return text === "" ? [] : [{ text, thought: true }];
  };

  const begin = (event: Extract<PartEvent, { type: "part-start" }>): JsonObject[] => {
    const { part } = event;
    const state: Open = { part: { ...part }, isShown: false, start: length, text: "" };
    open.set(event.index, state);
    if (part.type === "text" || part.type === "refusal") return say(state, part.text);
    return part.type === "reasoning" ? think(state, part.text) : [];
  };

  const change = (state: Open, delta: Delta): JsonObject[] => {
    const { part } = state;
    switch (delta.type) {
      case "text":
        return part.type === "text" ? say(state, delta.text) : [];
      case "refusal":
        return part.type === "refusal" ? say(state, delta.text) : [];
      case "reasoning":
        return part.type === "reasoning" ? think(state, delta.text) : [];
      case "signature":
        if (part.type === "reasoning") part.signature = (part.signature ?? "") + delta.signature;
        return [];
      case "args":
        if (part.type === "tool-call") part.args += delta.args;
        return [];
      case "citation":
        if (part.type === "text")
          (part.citations ??= []).push({ origin: delta.origin, raw: delta.raw });
        return [];
      case "ext":
        for (const key of foreignFields(delta.ext)) notice(key, noForm);
        return [];
      default:
        return delta satisfies never;
    }
  };

  const end = ({ part, isShown, start, text }: Open, place: string): JsonObject[] => {
    const server = serverToolPart(part);
    if (server) return [{ ...server, ...signatureOf(part) }];
    switch (part.type) {
      case "text":
        for (const citation of part.citations ?? []) {
          if (citation.origin === dialectId) continue;
          if (webSource(citation.raw)) {
            cited.push({ citation, start, text });
            noticeQuote(citation.raw, noForm, notice);
          } else notice("citations", noForm);
        }
        return isShown || !part.proof ? [] : sealed({ text: "", ...signatureOf(part) });
      case "refusal":
        return [];
      case "reasoning":
        if (!isOwn(part)) {
          thoughts.push({ ...part, text });
          return [];
        }
        return part.signature === undefined
          ? []
          : [{ text: "", thought: true, thoughtSignature: part.signature }];
      case "tool-call": {
        if (part.executor === "provider") {
          notice(place, `the provider's own call of \`${part.name}\` is not shown`);
          return [];
        }
        const { input, problem } = encodeInput(part);
        if (problem !== undefined)
          notice(`${place}.args`, `${problem}; they are shown as \`input\``);
        // Google's own servers often give none, and clients then make one up.
        const id = isMadeUp(part.id) ? {} : { id: part.id || createId("call") };
        const functionCall = { ...id, name: part.name, args: input };
        return sealed({ functionCall, ...ownExt(part.ext), ...signatureOf(part) });
      }
      case "image":
      case "audio":
      case "file": {
        const encoded = encodeMedia(part, { isNative: false });
        if (typeof encoded === "string") {
          notice(place, encoded);
          return [];
        }
        return sealed({ ...encoded, ...ownOf(part), ...signatureOf(part) });
      }
      case "opaque":
        if (part.origin === dialectId && isObject(part.raw)) return [part.raw];
        notice(place, "only its own API understands it");
        return [];
      case "tool-result":
        notice(place, "the result of a tool that another provider ran is not shown");
        return [];
      default:
        return part satisfies never;
    }
  };

  return {
    push(event) {
      if (event.type === "part-start") return begin(event);
      const state = open.get(event.index);
      if (!state) return [];
      if (event.type === "part-delta") return change(state, event.delta);
      open.delete(event.index);
      for (const key of foreignFields(
        state.part.type === "reasoning" ? undefined : state.part.ext,
      )) {
        notice(key, noForm);
      }
      return end(state, `content.parts[${event.index}]`);
    },
    finish(event) {
      const parts = [...open].flatMap(([index, state]) => end(state, `content.parts[${index}]`));
      open.clear();
      if (thoughts.length > 0) parts.push(...sealed({ text: "" }));
      for (const key of foreignFields(event?.ext)) notice(key, noForm);
      const own = ownExt(event?.ext);
      const grounding = own["groundingMetadata"] === undefined ? groundingOf(cited) : undefined;
      return {
        parts,
        fields: {
          finishReason: encodeFinish(event?.finish ?? { reason: "other" }),
          ...own,
          ...(grounding ? { groundingMetadata: grounding } : {}),
        },
      };
    },
  };
}
