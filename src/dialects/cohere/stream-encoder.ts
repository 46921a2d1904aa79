// Events written as those of a streamed v2 chat answer, in the plainest form: Cohere's SDK reads nothing else.
// https://docs.cohere.com/docs/streaming
import type { Finish, Part, ToolCallPart } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { createUsage, type Usage } from "../../ir/usage.ts";
import type { Frame } from "../../lib/frame.ts";
import { createId } from "../../lib/id.ts";
import type { JsonObject } from "../../lib/json.ts";
import { noticeQuote } from "../cited-source.ts";
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { wrapInput } from "../freeform.ts";
import { createNotices } from "../losses.ts";
import { noticeProof } from "../lost-proof.ts";
import { encodeCitation } from "./citation.ts";
import { encodeFinish } from "./finish.ts";
import { encodeCall } from "./response-encode.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, isPlan, noForm, ownExt } from "./wire.ts";

/** What an open part needs for its deltas. `index` counts blocks and calls apart. */
type Open =
  | { kind: "text"; index: number; text: string }
  | { kind: "thinking"; index: number }
  | { kind: "plan"; text: string }
  | { kind: "call"; index: number }
  /** The call of a free-form tool: its input is wrapped when it is whole. */
  | { kind: "free-call"; index: number; part: ToolCallPart }
  | { kind: "hidden" };

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  const notice = createNotices(context, dialectId);
  const open = new Map<number, Open>();
  const counts = { blocks: 0, calls: 0, citations: 0 };
  let usage: Usage | undefined;
  let finish: Finish = { reason: "other" };
  let extra: JsonObject = {};
  let isOver = false;

  const frame = (type: string, fields: JsonObject): Frame => ({
    event: type,
    data: JSON.stringify({ type, ...fields }),
  });
  const said = (type: string, index: number | undefined, message: JsonObject): Frame =>
    frame(type, { ...(index === undefined ? {} : { index }), delta: { message } });
  const keep = (ext: Extract<ChatEvent, { type: "finish" }>["ext"]): void => {
    for (const key of foreignFields(ext)) notice(key, noForm);
    extra = { ...extra, ...ownExt(ext) };
  };
  const hide = (index: number, name: string, reason: string): Frame[] => {
    open.set(index, { kind: "hidden" });
    notice(name, reason);
    return [];
  };

  const startPart = (index: number, part: Part): Frame[] => {
    switch (part.type) {
      case "text":
      case "refusal": {
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        const isPlanned = part.type === "text" && isPlan(part);
        const citations = part.type === "text" ? (part.citations ?? []) : [];
        const begun = isPlanned ? startPlan(index) : startText(index);
        const cited = citations.map(({ origin, raw }): Delta => ({
          type: "citation",
          origin,
          raw,
        }));
        const deltas: Delta[] = [{ type: "text", text: part.text }, ...cited];
        return [...begun, ...deltas.flatMap((delta) => addDelta(index, delta))];
      }
      case "reasoning": {
        noticeProof(part, noForm, notice);
        const at = counts.blocks;
        counts.blocks += 1;
        open.set(index, { kind: "thinking", index: at });
        const content = { type: "thinking", thinking: "" };
        return [
          said("content-start", at, { content }),
          ...addDelta(index, { type: "reasoning", text: part.text }),
        ];
      }
      case "tool-call":
        if (part.executor === "client") return startCall(index, part);
        return hide(index, "content", `the provider's own call of \`${part.name}\` is not shown`);
      case "image":
      case "audio":
      case "file":
      case "tool-result":
      case "opaque":
        return hide(index, "content", `${part.type}: ${noForm}`);
      default:
        return part satisfies never;
    }
  };
  const startPlan = (index: number): Frame[] => {
    open.set(index, { kind: "plan", text: "" });
    return [];
  };
  const startText = (index: number): Frame[] => {
    const at = counts.blocks;
    counts.blocks += 1;
    open.set(index, { kind: "text", index: at, text: "" });
    return [said("content-start", at, { content: { type: "text", text: "" } })];
  };
  const startCall = (index: number, part: ToolCallPart): Frame[] => {
    const at = counts.calls;
    counts.calls += 1;
    const isFree = part.freeform ?? false;
    open.set(
      index,
      isFree ? { kind: "free-call", index: at, part: { ...part } } : { kind: "call", index: at },
    );
    const shown = encodeCall(part, isFree ? "" : part.args);
    return [said("tool-call-start", at, { tool_calls: shown })];
  };

  const addDelta = (index: number, delta: Delta): Frame[] => {
    const part = open.get(index);
    if (!part || part.kind === "hidden") return [];
    switch (delta.type) {
      case "text":
      case "refusal":
        if ((part.kind !== "text" && part.kind !== "plan") || delta.text === "") return [];
        part.text += delta.text;
        return part.kind === "plan"
          ? [said("tool-plan-delta", undefined, { tool_plan: delta.text })]
          : [said("content-delta", part.index, { content: { text: delta.text } })];
      case "reasoning":
        if (part.kind !== "thinking" || delta.text === "") return [];
        return [said("content-delta", part.index, { content: { thinking: delta.text } })];
      case "args":
        if (part.kind === "free-call") part.part.args += delta.args;
        if (part.kind !== "call" || delta.args === "") return [];
        return [argsPiece(part.index, delta.args)];
      case "citation":
        return addCitation(part, delta);
      case "signature":
        notice("thinking.signature", noForm);
        return [];
      case "ext":
        for (const key of foreignFields(delta.ext)) notice(key, noForm);
        return [];
      default:
        return delta satisfies never;
    }
  };
  const argsPiece = (index: number, args: string): Frame =>
    said("tool-call-delta", index, { tool_calls: { function: { arguments: args } } });
  const addCitation = (part: Open, delta: Extract<Delta, { type: "citation" }>): Frame[] => {
    const isCited = part.kind === "text" || part.kind === "plan";
    const shown = isCited ? encodeCitation(delta, part.text) : undefined;
    if (shown === undefined) {
      notice("citations", noForm);
      return [];
    }
    if (shown !== delta.raw) noticeQuote(delta.raw, noForm, notice);
    const at = counts.citations;
    counts.citations += 1;
    return [said("citation-start", at, { citations: shown }), frame("citation-end", { index: at })];
  };

  const endPart = (index: number): Frame[] => {
    const part = open.get(index);
    open.delete(index);
    switch (part?.kind) {
      case "text":
      case "thinking":
        return [frame("content-end", { index: part.index })];
      case "call":
        return [frame("tool-call-end", { index: part.index })];
      case "free-call":
        return [
          argsPiece(part.index, JSON.stringify(wrapInput(part.part.args))),
          frame("tool-call-end", { index: part.index }),
        ];
      case "plan":
      case "hidden":
      case undefined:
        return [];
      default:
        return part satisfies undefined;
    }
  };

  const end = (): Frame[] => {
    isOver = true;
    const { word, loss } = encodeFinish(finish);
    if (loss !== undefined) notice("finish_reason", loss);
    const told = usage ?? createUsage({ total: context.inputTokens ?? 0 });
    const delta = { finish_reason: word, usage: encodeUsage(told), ...extra };
    return [frame("message-end", { delta }), { data: "[DONE]" }];
  };
  const isShown = (candidate: number): boolean => {
    if (candidate === 0) return true;
    notice("choices", "Cohere shows one answer of several");
    return false;
  };

  const push = (event: ChatEvent): Frame[] => {
    switch (event.type) {
      case "start": {
        keep(event.ext);
        const message = {
          role: "assistant",
          content: [],
          tool_plan: "",
          tool_calls: [],
          citations: [],
        };
        return [frame("message-start", { id: event.id || createId("chat"), delta: { message } })];
      }
      case "part-start":
        return isShown(event.candidate) ? startPart(event.index, event.part) : [];
      case "part-delta":
        return isShown(event.candidate) ? addDelta(event.index, event.delta) : [];
      case "part-end":
        return isShown(event.candidate) ? endPart(event.index) : [];
      case "usage":
        usage = event.usage;
        return [];
      case "finish":
        if (!isShown(event.candidate)) return [];
        finish = event.finish;
        keep(event.ext);
        return [];
      case "end":
        return end();
      case "error":
        isOver = true;
        return [
          frame("message-end", { delta: { finish_reason: "ERROR", error: event.error.message } }),
        ];
      case "opaque":
        notice("stream", "an event that only another wire knows is not shown");
        return [];
      case "ping":
        return [];
      default:
        return event satisfies never;
    }
  };

  return { push: (event) => (isOver ? [] : push(event)) };
}
