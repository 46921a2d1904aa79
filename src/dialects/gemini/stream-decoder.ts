// A provider's answer, streamed or whole, read into events: each chunk is a GenerateContentResponse.
// https://ai.google.dev/api/generate-content#generatecontentresponse
import type { Origin } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { ChatEvent } from "../../ir/event.ts";
import { createId } from "../../lib/id.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import type { StreamDecoder } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { type CandidateDecoder, createCandidate } from "./candidate-decode.ts";
import { decodeInlineError, errorOf } from "./error.ts";
import { decodeBlock } from "./finish.ts";
import { countSearches, decodeUsage } from "./usage.ts";
import { camel, dialectId, withExt } from "./wire.ts";

const topKeys = new Set([
  "candidates",
  "usageMetadata",
  "modelVersion",
  "responseId",
  "createTime",
  "error",
]);

export interface DecoderOptions {
  /** The one chunk is the whole answer: it has ended even where it does not say why. */
  isWhole?: boolean;
}

export interface AnswerDecoder extends StreamDecoder {
  /** A chunk that was parsed already; `data` is its text. */
  pushParsed(value: JsonObject, data: string): ChatEvent[];
}

export function createDecoder(origin: Origin, options: DecoderOptions = {}): AnswerDecoder {
  const candidates = new Map<number, CandidateDecoder>();
  const searches = new Map<number, number>();
  /** Unknown top-level fields, each as last seen. */
  const known: JsonObject = {};
  let usage: JsonObject = {};
  let isStarted = false;
  let isOver = false;
  let block: string | undefined;

  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };

  const readHead = (chunk: JsonObject): ChatEvent[] => {
    const extras = unknownFields(chunk, topKeys) ?? {};
    if (!isStarted) {
      isStarted = true;
      Object.assign(known, extras);
      const createdMs = Date.parse(stringOr(field(chunk, "createTime")) ?? "");
      return [
        {
          type: "start",
          id: stringOr(field(chunk, "responseId")) || createId("resp"),
          model: stringOr(field(chunk, "modelVersion")) ?? "",
          ...(Number.isNaN(createdMs) ? {} : { createdMs }),
          ...withExt(extras),
        },
      ];
    }
    const changed = Object.entries(extras).filter(
      ([key, value]) => JSON.stringify(known[key]) !== JSON.stringify(value),
    );
    if (changed.length === 0) return [];
    const late: JsonObject = Object.fromEntries(changed);
    Object.assign(known, late);
    return [{ type: "opaque", origin: dialectId, raw: late }];
  };

  const readUsage = (chunk: JsonObject): ChatEvent[] => {
    const found = field(chunk, "usageMetadata");
    if (!isObject(found)) return [];
    usage = { ...usage, ...found };
    const total = [...searches.values()].reduce((sum, count) => sum + count, 0);
    const read = decodeUsage(usage, total);
    return read ? [{ type: "usage", usage: read }] : [];
  };

  const readChunk = (value: JsonObject, data: string): ChatEvent[] => {
    const chunk = camel(value);
    if (errorOf(chunk) !== undefined) return fail(decodeInlineError(chunk));
    const events = readHead(chunk);
    const feedback = field(chunk, "promptFeedback");
    block ??= isObject(feedback) ? stringOr(field(camel(feedback), "blockReason")) : undefined;
    const found = field(chunk, "candidates");
    const items = Array.isArray(found) ? found.filter(isObject) : [];
    for (const [position, item] of items.entries()) {
      const candidate = camel(item);
      const given = field(candidate, "index");
      const index =
        typeof given === "number" && Number.isSafeInteger(given) && given >= 0 ? given : position;
      const reader = candidates.get(index) ?? createCandidate(index, origin);
      candidates.set(index, reader);
      searches.set(index, Math.max(searches.get(index) ?? 0, countSearches(candidate)));
      events.push(...reader.push(candidate, { data, position }));
    }
    events.push(...readUsage(chunk));
    return events;
  };

  const finishAll = (): ChatEvent[] => {
    isOver = true;
    if (candidates.size === 0) {
      if (block === undefined) {
        return fail(invalidAnswer("The provider's answer holds no candidate."));
      }
      return [{ type: "finish", candidate: 0, finish: decodeBlock(block) }, { type: "end" }];
    }
    return [
      ...[...candidates.values()].flatMap((candidate) => candidate.finish()),
      { type: "end" },
    ];
  };

  /** What a part's readers refuse is here the provider's fault. */
  const attempt = (read: () => ChatEvent[], data: string): ChatEvent[] => {
    try {
      return read();
    } catch (error) {
      if (error instanceof JsonError) {
        return fail(invalidAnswer("The provider's answer holds something that is not JSON.", data));
      }
      if (!(error instanceof GatewayError)) throw error;
      const isUnreadable = error.code === "invalid_request";
      return fail(
        isUnreadable ? invalidAnswer(`The provider's answer: ${error.message}`, data) : error,
      );
    }
  };

  const isWhole = (): boolean =>
    candidates.size > 0
      ? [...candidates.values()].every((item) => item.ended())
      : block !== undefined;

  return {
    isWhole: () => !isOver && isWhole(),
    push({ data }) {
      if (isOver || data.trim() === "" || data.trim() === "[DONE]") return [];
      return attempt(() => {
        const value = parse(data);
        const [first] = Array.isArray(value) ? value : [value];
        if (isObject(first)) return readChunk(first, Array.isArray(value) ? "" : data);
        return fail(invalidAnswer("The provider's answer holds a chunk that is no object.", data));
      }, data);
    },
    pushParsed: (value, data) => (isOver ? [] : attempt(() => readChunk(value, data), data)),
    end() {
      if (isOver) return [];
      if (isWhole() || options.isWhole) return finishAll();
      return fail(invalidAnswer("The provider's stream broke off before the answer was whole."));
    },
  };
}
