// Lines of a streamed answer, from `/api/chat` or `/api/generate`, turned into events.
// https://docs.ollama.com/api/streaming
import type { Origin, Part } from "../../ir/chat.ts";
import type { GatewayError } from "../../ir/error.ts";
import type { ChatEvent } from "../../ir/event.ts";
import { createId } from "../../lib/id.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import type { StreamDecoder } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeInlineError } from "./error.ts";
import { decodeFinish } from "./finish.ts";
import { imageOf } from "./images.ts";
import { createdOf, decodeCalls, messageKeys, saidIn, topKeys } from "./response-decode.ts";
import { decodeUsage } from "./usage.ts";
import { withExt } from "./wire.ts";

export function createStreamDecoder(origin: Origin): StreamDecoder {
  let isStarted = false;
  let isOver = false;
  let nextIndex = 0;
  let open: { kind: "text" | "reasoning"; index: number } | undefined;
  let hasCalls = false;
  const extras: JsonObject = {};
  const logprobs: unknown[] = [];

  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };
  const start = (line: JsonObject): ChatEvent[] => {
    if (isStarted) return [];
    isStarted = true;
    const model = stringOr(field(line, "model")) ?? "";
    return [{ type: "start", id: createId("chat"), model, ...createdOf(line) }];
  };
  const close = (): ChatEvent[] => {
    if (!open) return [];
    const { index } = open;
    open = undefined;
    return [{ type: "part-end", candidate: 0, index }];
  };
  const begin = (part: Part): ChatEvent[] => {
    const events = close();
    events.push({ type: "part-start", candidate: 0, index: nextIndex, part });
    nextIndex += 1;
    return events;
  };
  const whole = (part: Part): ChatEvent[] => [
    ...begin(part),
    { type: "part-end", candidate: 0, index: nextIndex - 1 },
  ];
  const add = (kind: "text" | "reasoning", text: string): ChatEvent[] => {
    if (text === "") return [];
    const events =
      open?.kind === kind
        ? []
        : begin(kind === "text" ? { type: kind, text: "" } : { type: kind, text: "", origin });
    open = { kind, index: nextIndex - 1 };
    const { index } = open;
    return [...events, { type: "part-delta", candidate: 0, index, delta: { type: kind, text } }];
  };
  const keep = (line: JsonObject, message: JsonObject): void => {
    const { logprobs: found, ...rest } = {
      ...unknownFields(line, topKeys),
      ...unknownFields(message, messageKeys),
    };
    if (Array.isArray(found)) for (const item of found) logprobs.push(item);
    Object.assign(extras, rest);
  };
  const finish = (line: JsonObject): ChatEvent[] => {
    isOver = true;
    const usage = decodeUsage(line);
    const ext = { ...extras, ...(logprobs.length > 0 ? { logprobs } : {}) };
    return [
      ...close(),
      ...(usage ? [{ type: "usage" as const, usage }] : []),
      {
        type: "finish",
        candidate: 0,
        finish: decodeFinish(stringOr(field(line, "done_reason")), hasCalls),
        ...withExt(ext),
      },
      { type: "end" },
    ];
  };

  const read = (line: JsonObject, text: string): ChatEvent[] => {
    if (field(line, "error") !== undefined) return fail(decodeInlineError(line));
    const said = saidIn(line);
    const calls = decodeCalls(line, text);
    hasCalls ||= calls.length > 0;
    keep(line, said.message);
    const events = [
      ...start(line),
      ...add("reasoning", said.thinking),
      ...add("text", said.text),
      ...[...said.images.map(imageOf), ...calls].flatMap(whole),
    ];
    if (field(line, "done") === true) events.push(...finish(line));
    return events;
  };

  return {
    push({ data }) {
      if (isOver) return [];
      try {
        const line = parse(data);
        if (isObject(line)) return read(line, data);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
      }
      return fail(
        invalidAnswer("The provider's stream holds a line that is no JSON object.", data),
      );
    },
    end: () =>
      isOver
        ? []
        : fail(invalidAnswer("The provider's stream broke off before the answer was whole.")),
  };
}
