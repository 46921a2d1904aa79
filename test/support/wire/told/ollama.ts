// Ollama's chat and generate: lines of JSON.
import { isObject } from "../../../../src/lib/json.ts";
import type { Payload } from "../payloads.ts";
import {
  type Call,
  count,
  inside,
  list,
  object,
  type Reader,
  realCalls,
  spellingOf,
  text,
  type Told,
} from "./told.ts";

function callsIn(payload: Payload): Call[] {
  const place = isObject(payload.json["message"]) ? ["message", "tool_calls"] : ["tool_calls"];
  const spelling = spellingOf(payload, [...place, "*", "function", "arguments"]);
  return list(inside(payload.json, ...place)).map((call, at) => ({
    name: text(inside(call, "function", "name")),
    args: spelling([...place, at, "function", "arguments"], inside(call, "function", "arguments")),
  }));
}

function stream(payloads: readonly Payload[]): Told {
  const lines = payloads.map(({ json }) => json);
  const messages = lines.map((line) => object(line["message"]));
  const last = lines.findLast((line) => line["done"] === true) ?? {};
  const word = text(last["done_reason"]);
  return {
    text:
      messages.map((message) => text(message["content"])).join("") +
      lines.map((line) => text(line["response"])).join(""),
    reasoning: [...messages, ...lines].map((place) => text(place["thinking"])).join(""),
    calls: realCalls(payloads.flatMap(callsIn)),
    citations: [],
    images: [...messages, ...lines].flatMap(({ images }) =>
      Array.isArray(images) ? images.map(text) : [],
    ),
    isRefused: false,
    finish: last["done"] !== true ? "none" : word === "length" ? "length" : "stop",
    usage:
      last["eval_count"] === undefined && last["prompt_eval_count"] === undefined
        ? null
        : {
            input: count(last["prompt_eval_count"]),
            cacheRead: 0,
            cacheWrite: 0,
            output: count(last["eval_count"]),
            reasoning: 0,
          },
  };
}

export const ollama: Reader = {
  whole: (payload) => stream([payload]),
  stream,
  failure: ({ error }) => (typeof error === "string" ? { message: error } : undefined),
  strangers: () => [],
};
