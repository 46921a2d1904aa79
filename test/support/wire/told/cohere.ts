// Cohere's chat, version 2.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import {
  addresses,
  type Call,
  count,
  type Finish,
  inside,
  list,
  object,
  type Reader,
  realCalls,
  says,
  text,
  type ToldUsage,
} from "./told.ts";

const finishes: Readonly<Record<string, Finish>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  ERROR_LIMIT: "length",
  TOOL_CALL: "tool-calls",
  ERROR_TOXIC: "filtered",
};

/** What is billed counts; cached tokens come first of all off the preamble that is not billed. */
function usageOf(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const { billed_units: billed, tokens } = value;
  if (!isObject(billed) && !isObject(tokens)) return null;
  const counted = (key: string): number => count(inside(billed, key) ?? inside(tokens, key));
  const input = counted("input_tokens");
  const unbilled = Math.max(0, count(inside(tokens, "input_tokens")) - input);
  return {
    input,
    cacheRead: Math.min(input, Math.max(0, count(value["cached_tokens"]) - unbilled)),
    cacheWrite: 0,
    output: counted("output_tokens"),
    reasoning: 0,
  };
}

const callOf = (call: JsonObject): Call => {
  const args = text(inside(call, "function", "arguments"));
  return { name: text(inside(call, "function", "name")), args: args === "null" ? "{}" : args };
};

/** A source names its address in what it cites. */
const urlsIn = (citations: unknown): unknown[] =>
  list(citations).flatMap((citation) =>
    list(citation["sources"]).map((source) => inside(source, "document", "url")),
  );

export const cohere: Reader = {
  whole({ json }) {
    const message = object(json["message"]);
    const { content } = message;
    return {
      text:
        text(message["tool_plan"]) +
        (text(content) ||
          list(content)
            .map((block) => text(block["text"]))
            .join("")),
      reasoning: list(content)
        .map((block) => text(block["thinking"]))
        .join(""),
      calls: realCalls(list(message["tool_calls"]).map(callOf)),
      citations: addresses(urlsIn(message["citations"])),
      images: [],
      isRefused: false,
      finish: finishes[text(json["finish_reason"])] ?? "none",
      usage: usageOf(json["usage"]),
    };
  },
  stream(payloads) {
    let [said, thought, word] = ["", "", ""];
    let usage: unknown;
    const calls = new Map<number, Call>();
    const urls: unknown[] = [];
    for (const { json: event } of payloads) {
      const message = object(inside(event["delta"], "message"));
      const content = object(message["content"]);
      said += text(message["tool_plan"]) + text(content["text"]);
      thought += text(content["thinking"]);
      urls.push(...urlsIn(list([message["citations"]])));
      const call = message["tool_calls"];
      if (isObject(call)) {
        const { name, args } = callOf(call);
        const known = calls.get(count(event["index"]));
        if (known) known.args += args;
        else calls.set(count(event["index"]), { name, args });
      }
      if (event["type"] === "message-end") {
        word = text(inside(event["delta"], "finish_reason"));
        usage = inside(event["delta"], "usage");
      }
    }
    return {
      text: said,
      reasoning: thought,
      calls: realCalls(
        [...calls.values()].map(({ name, args }) => ({
          name,
          args: args === "null" ? "{}" : args,
        })),
      ),
      citations: addresses(urls),
      images: [],
      isRefused: false,
      finish: finishes[word] ?? "none",
      usage: usageOf(usage),
    };
  },
  failure(event) {
    const error = event["error"] ?? inside(event["delta"], "error");
    if (typeof error === "string") return { message: error };
    const word = event["finish_reason"] ?? inside(event["delta"], "finish_reason");
    return word === "ERROR" || word === "TIMEOUT" ? { message: "" } : undefined;
  },
  strangers(json) {
    const message = object(json["message"] ?? inside(json["delta"], "message"));
    const citations = Array.isArray(message["citations"])
      ? message["citations"]
      : [message["citations"]];
    return [
      ...list(message["content"])
        .map((block) => text(block["type"]))
        .filter((type) => type !== "text" && type !== "thinking"),
      ...(says(json["logprobs"]) ? ["logprobs"] : []),
      ...(list(citations).some((citation) =>
        list(citation["sources"]).some((source) => inside(source, "document", "url") === undefined),
      )
        ? ["citations"]
        : []),
    ];
  },
};
