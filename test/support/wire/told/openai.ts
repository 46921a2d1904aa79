// OpenAI's chat completions, and what the servers that copy them write.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import {
  addresses,
  type Call,
  count,
  type Finish,
  inside,
  list,
  type Reader,
  realCalls,
  says,
  text,
  type ToldUsage,
} from "./told.ts";

const finishes: Readonly<Record<string, Finish>> = {
  length: "length",
  model_length: "length",
  max_tokens: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "filtered",
};

const finishOf = (word: unknown): Finish => finishes[text(word)] ?? "stop";

export function usageOf(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const prompt = value["prompt_tokens_details"];
  const input = count(value["prompt_tokens"]);
  const output = count(value["completion_tokens"]);
  const reported =
    count(inside(value["completion_tokens_details"], "reasoning_tokens")) ||
    count(value["reasoning_tokens"]);
  const hidden = count(value["total_tokens"]) - input - output;
  // Reasoning that stands in the total alone belongs to the output.
  const isHidden = hidden > 0 && (hidden === reported || reported === 0);
  return {
    input,
    cacheRead:
      count(inside(prompt, "cached_tokens")) ||
      count(value["cached_tokens"]) ||
      count(value["prompt_cache_hit_tokens"]),
    cacheWrite:
      count(inside(prompt, "cache_write_tokens")) || count(value["cache_creation_input_tokens"]),
    output: output + (isHidden ? hidden : 0),
    reasoning: isHidden ? hidden : reported,
  };
}

const detailsText = (value: unknown): string =>
  list(value)
    .map((item) => text(item["text"]) + text(item["summary"]))
    .join("");

/** Mistral has thinking among the blocks of the content. */
const thinkingIn = (content: unknown): string =>
  list(content)
    .filter((part) => part["type"] === "thinking")
    .map((part) => text(part["thinking"]) || detailsText(part["thinking"]))
    .join("");

const reasoningOf = (message: JsonObject): string =>
  text(message["reasoning_content"]) ||
  text(message["reasoning"]) ||
  detailsText(message["reasoning_details"]) ||
  thinkingIn(message["content"]);

const contentText = (content: unknown): string =>
  text(content) ||
  list(content)
    .map((part) => text(part["text"]))
    .join("");

function callOf(call: JsonObject): Call {
  const { function: named, custom } = call;
  const args = inside(named, "arguments");
  return isObject(custom) && custom["name"] !== ""
    ? { name: text(custom["name"]), args: text(custom["input"]) }
    : {
        name: text(inside(named, "name")),
        args: isObject(args) ? JSON.stringify(args) : text(args),
      };
}

const urlsIn = (message: JsonObject): unknown[] =>
  list(message["annotations"]).map(
    (note) => inside(note, "url_citation", "url") ?? inside(note, "url"),
  );

const imagesIn = (message: JsonObject): string[] =>
  list(message["images"]).map((image) =>
    text(inside(image, "image_url", "url")).replace(/^data:[^,]*,/, ""),
  );

export const openai: Reader = {
  whole({ json }) {
    const [choice = {}] = list(json["choices"]);
    const message = isObject(choice["message"]) ? choice["message"] : {};
    const calls = realCalls(
      [...list(message["tool_calls"]), { function: message["function_call"] }].map(callOf),
    );
    const refusal = text(message["refusal"]);
    return {
      text: contentText(message["content"]) + refusal,
      reasoning: reasoningOf(message),
      calls,
      citations: addresses(urlsIn(message)),
      images: imagesIn(message),
      isRefused: refusal !== "",
      finish: finishOf(choice["finish_reason"]),
      usage: usageOf(json["usage"]),
    };
  },
  stream(payloads) {
    const calls = new Map<number, Call>();
    let [content, reasoning] = ["", ""];
    let usage: ToldUsage | null = null;
    let refusal = "";
    let word: unknown;
    const urls: unknown[] = [];
    const images: string[] = [];
    for (const { json: chunk } of payloads) {
      const choice = list(chunk["choices"]).find((item) => count(item["index"]) === 0);
      usage =
        usageOf(chunk["usage"] ?? inside(chunk["x_groq"], "usage") ?? inside(choice, "usage")) ??
        usage;
      const delta = isObject(choice?.["delta"]) ? choice["delta"] : {};
      content += contentText(delta["content"]);
      reasoning += reasoningOf(delta);
      refusal += text(delta["refusal"]);
      urls.push(...urlsIn(delta));
      images.push(...imagesIn(delta));
      const legacy = delta["function_call"];
      const pieces = list(delta["tool_calls"]);
      if (isObject(legacy)) pieces.push({ index: 0, function: legacy });
      for (const piece of pieces) {
        const { name, args } = callOf(piece);
        const known = calls.get(count(piece["index"]));
        if (known) known.args += args;
        else calls.set(count(piece["index"]), { name, args });
      }
      word = choice?.["finish_reason"] ?? word;
    }
    return {
      text: content + refusal,
      reasoning,
      calls: realCalls(calls.values()),
      citations: addresses(urls),
      images,
      isRefused: refusal !== "",
      finish: finishOf(word),
      usage,
    };
  },
  failure({ error }) {
    if (typeof error === "string" && error !== "") return { message: error };
    return isObject(error) ? { message: text(error["message"]) } : undefined;
  },
  strangers(frame) {
    const choices = list(frame["choices"]);
    const shown = choices.flatMap((choice) => [choice, choice["message"], choice["delta"]]);
    return [
      ...(choices.some((choice) => count(choice["index"]) > 0) ? ["choices"] : []),
      ...shown
        .filter(isObject)
        .flatMap((place) => ["logprobs", "audio"].filter((name) => says(place[name]))),
    ];
  },
};
