// One line of an answer in the form that the client asked for: the same in a whole answer and in a stream.
import type { ToolCallPart } from "../../ir/chat.ts";
import { now } from "../../lib/clock.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { AnswerContext } from "../dialect.ts";
import type { Notice } from "../losses.ts";
import { encodeInput } from "../tool-input.ts";
import { asksForGenerate, ownExt } from "./wire.ts";

/** What a line says. */
export interface Said {
  text?: string;
  thinking?: string;
  images?: string[];
  calls?: JsonObject[];
}

/** Writes the lines of one answer. */
export type LineOf = (said: Said, ending?: JsonObject) => JsonObject;

export interface Head {
  model: string;
  /** Milliseconds since the epoch; absent: now. */
  createdMs?: number | undefined;
}

/** `ending` holds `done: true` and all that goes with it; without it the answer goes on. */
export function createLine(context: AnswerContext, head: () => Head): LineOf {
  const isGenerate = asksForGenerate(context.request);
  return (said, ending = { done: false }) => {
    const { model, createdMs } = head();
    const shown = {
      ...(said.thinking ? { thinking: said.thinking } : {}),
      ...(said.images?.length ? { images: said.images } : {}),
      ...(said.calls?.length ? { tool_calls: said.calls } : {}),
    };
    const text = said.text ?? "";
    return {
      model: model || context.model,
      created_at: new Date(createdMs ?? now()).toISOString(),
      ...(isGenerate
        ? { response: text, ...shown }
        : { message: { role: "assistant", content: text, ...shown } }),
      ...ending,
    };
  };
}

/** A call in an answer: `arguments` is an object here. */
export function encodeCall(
  part: ToolCallPart,
  index: number,
  { place, notice }: { place: string; notice: Notice },
): JsonObject {
  const { input, problem } = encodeInput(part);
  if (problem !== undefined) notice(`${place}.arguments`, problem);
  return {
    id: part.id,
    function: { index, name: part.name, arguments: input },
    ...ownExt(part.ext),
  };
}
