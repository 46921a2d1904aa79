// Answers of OpenAI chat completions, whole and as a stream.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { argumentPieces, pieces, tell, type Ask, type Call, type Told } from "./answer.ts";
import { describeMedia, parseDataUrl } from "./media.ts";
import { openAiBroken } from "./openai-error.ts";
import type { OpenAiModel } from "./openai-models.ts";
import type { Exchange, Frame } from "./play.ts";
import type { Prefix, PromptCache } from "./prompt-cache.ts";
import { objects, textOf } from "./shape.ts";
import { countText, countValue } from "./tokens.ts";
import { effortOf } from "./openai-fields.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

/** Renders `answer` to an accepted chat request. */
export function chatExchange(
  body: JsonObject,
  model: OpenAiModel,
  cache: PromptCache,
  answer: Answer,
): Exchange {
  const told = tell(answer, askOf(body, model), "call_");
  const choices = typeof body["n"] === "number" ? body["n"] : 1;
  const entry = billOf(body, model, cache, told, choices);
  const head: JsonObject = {
    id: entry.id,
    object: body["stream"] === true ? "chat.completion.chunk" : "chat.completion",
    created: Math.floor(now() / 1000),
    model: entry.model,
  };
  const scene: Scene = { body, told, entry, head, choices };
  const stream = body["stream"] === true;
  const frames = stream ? streamFrames(scene) : [plainFrame(scene)];
  return {
    stream,
    headers: { "content-type": stream ? "text/event-stream; charset=utf-8" : "application/json" },
    frames,
    terminalFrames: includesUsage(body) ? 3 : 2,
    entry,
    errorFrame: (type, message) => openAiBroken(stream, type, message),
  };
}

interface Scene {
  body: JsonObject;
  told: Told;
  entry: BillEntry;
  head: JsonObject;
  choices: number;
}

/** What the prompt counts. */
export function countPrompt(body: JsonObject): number {
  const messages = objects(body["messages"]);
  return (
    countValue(messages) +
    countValue(body["tools"]) +
    countValue(body["functions"]) +
    3 * messages.length
  );
}

// ---- the request, in no wire's terms ----

export function askOf(
  body: JsonObject,
  model: Pick<OpenAiModel, "reasoning" | "defaultEffort">,
): Ask {
  const messages = objects(body["messages"]);
  const user = messages.findLast((message) => message["role"] === "user");
  const answered = messages.slice(
    messages.findLastIndex((message) => message["role"] !== "tool") + 1,
  );
  const limit = body["max_completion_tokens"] ?? body["max_tokens"];
  const format = formatOf(body["response_format"]);
  return {
    text: textOfContent(user?.["content"]),
    media: Array.isArray(user?.["content"]) ? mediaOf(user["content"]) : [],
    toolResults: answered.map((message) => textOfContent(message["content"])),
    tools: [
      ...objects(body["tools"]).flatMap((tool) =>
        isObject(tool["function"]) ? [tool["function"]] : [],
      ),
      ...objects(body["functions"]),
    ].map((one) => ({
      name: String(one["name"]),
      schema: one["parameters"] ?? { type: "object" },
    })),
    force: forceOf(body["tool_choice"] ?? body["function_call"]),
    parallel: body["parallel_tool_calls"] !== false,
    reasoning: model.reasoning && effortOf(body, model) !== "none",
    ...(format === undefined ? {} : { format }),
    ...(typeof limit === "number" ? { maxTokens: limit } : {}),
    stop: Array.isArray(body["stop"])
      ? body["stop"].map(String)
      : typeof body["stop"] === "string"
        ? [body["stop"]]
        : [],
  };
}

function textOfContent(content: unknown): string {
  if (typeof content === "string") return content;
  return objects(content)
    .flatMap((part) => (typeof part["text"] === "string" ? [part["text"]] : []))
    .join("\n");
}

function mediaOf(content: unknown): string[] {
  return objects(content).flatMap((part) => {
    if (isObject(part["image_url"])) {
      const url = String(part["image_url"]["url"]);
      const data = parseDataUrl(url);
      return [data ? describeMedia("image", data.mediaType, data.data) : `[image ${url}]`];
    }
    if (isObject(part["file"])) {
      const data = parseDataUrl(textOf(part["file"]["file_data"]) ?? "");
      return [
        data
          ? describeMedia("file", data.mediaType, data.data)
          : `[file ${String(part["file"]["file_id"])}]`,
      ];
    }
    if (isObject(part["input_audio"])) {
      const { format, data } = part["input_audio"];
      return [describeMedia("audio", `audio/${String(format)}`, String(data))];
    }
    return [];
  });
}

function formatOf(format: unknown): Ask["format"] {
  if (!isObject(format)) return undefined;
  if (format["type"] === "json_object") {
    return { schema: { type: "object", properties: { answer: { type: "string" } } } };
  }
  return isObject(format["json_schema"]) ? { schema: format["json_schema"]["schema"] } : undefined;
}

function forceOf(choice: unknown): Ask["force"] {
  if (choice === "none") return "none";
  if (choice === "required") return "any";
  if (!isObject(choice)) return "auto";
  if (isObject(choice["allowed_tools"]))
    return choice["allowed_tools"]["mode"] === "required" ? "any" : "auto";
  const named = isObject(choice["function"])
    ? choice["function"]
    : isObject(choice["custom"])
      ? choice["custom"]
      : choice;
  return { name: String(named["name"]) };
}

// ---- the bill ----

function billOf(
  body: JsonObject,
  model: OpenAiModel,
  cache: PromptCache,
  told: Told,
  choices: number,
): BillEntry {
  const prefixes = prefixesOf(body, model);
  const input = told.usage.input ?? countPrompt(body);
  // https://developers.openai.com/api/docs/guides/prompt-caching: hits come in steps of 128 tokens.
  const cached = told.usage.cached ?? Math.floor(cache.read(prefixes) / 128) * 128;
  cache.write(prefixes);
  return {
    id: createVendorId("chatcmpl-"),
    requestId: "",
    path: "",
    model: model.snapshot,
    inputTokens: input,
    cachedInputTokens: Math.min(cached, input),
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    outputTokens: told.outputTokens * choices,
    reasoningTokens: told.reasoningTokens * choices,
    stream: body["stream"] === true,
    complete: false,
    aborted: false,
  };
}

/** The prompt up to each message: a later request that begins the same reads it from the cache. */
export function prefixesOf(body: JsonObject, model: Pick<OpenAiModel, "snapshot">): Prefix[] {
  let text = `${model.snapshot}\n${JSON.stringify(body["tools"] ?? null)}`;
  let tokens = countValue(body["tools"]);
  return objects(body["messages"]).map((message) => {
    text += `\n${JSON.stringify(message)}`;
    tokens += countValue(message) + 3;
    return { text, tokens };
  });
}

function usageOf(entry: BillEntry): JsonObject {
  return {
    prompt_tokens: entry.inputTokens,
    completion_tokens: entry.outputTokens,
    total_tokens: entry.inputTokens + entry.outputTokens,
    prompt_tokens_details: { cached_tokens: entry.cachedInputTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: entry.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

// ---- rendering ----

const tail: JsonObject = { service_tier: "default", system_fingerprint: "fp_44709d6fcb" };

const isLegacy = (body: JsonObject): boolean => body["functions"] !== undefined;

function finishOf({ told, body }: Scene): string {
  switch (told.cause) {
    case "tool":
      return isLegacy(body) ? "function_call" : "tool_calls";
    case "length":
      return "length";
    case "end":
    case "stop":
    case "refusal":
    case "pause":
      return "stop";
    default:
      return told.cause satisfies never;
  }
}

const isCustom = (body: JsonObject, name: string): boolean =>
  objects(body["tools"]).some(
    (tool) => isObject(tool["custom"]) && tool["custom"]["name"] === name,
  );

function plainFrame(scene: Scene): Frame {
  const { told, body, entry } = scene;
  const said = told.text !== "" || (told.calls.length === 0 && told.refusal === "");
  const calls = told.calls.map((call) =>
    isCustom(body, call.name)
      ? { id: call.id, type: "custom", custom: { name: call.name, input: call.args } }
      : { id: call.id, type: "function", function: { name: call.name, arguments: call.args } },
  );
  const message: JsonObject = {
    role: "assistant",
    content: said ? told.text : null,
    ...(calls.length > 0 && !isLegacy(body) ? { tool_calls: calls } : {}),
    ...(calls.length > 0 && isLegacy(body) ? { function_call: calls[0]?.function } : {}),
    refusal: told.refusal === "" ? null : told.refusal,
    annotations: [],
  };
  const choices = Array.from({ length: scene.choices }, (_, index) => ({
    index,
    message,
    logprobs: null,
    finish_reason: finishOf(scene),
  }));
  const answer = { ...scene.head, choices, usage: usageOf(entry), ...tail };
  return { text: JSON.stringify(answer), generated: totals(entry) };
}

const totals = (entry: BillEntry) => ({
  outputTokens: entry.outputTokens,
  reasoningTokens: entry.reasoningTokens,
});

const includesUsage = (body: JsonObject): boolean =>
  isObject(body["stream_options"]) && body["stream_options"]["include_usage"] === true;

function streamFrames(scene: Scene): Frame[] {
  const { body, told, entry } = scene;
  const usage: JsonObject = includesUsage(body) ? { usage: null } : {};
  const padded =
    !isObject(body["stream_options"]) || body["stream_options"]["include_obfuscation"] !== false;
  let output = entry.reasoningTokens;
  const frame = (choices: unknown[], rest: JsonObject = usage, tokens = 0): Frame => {
    output = Math.min(output + tokens, entry.outputTokens);
    const chunk = {
      ...scene.head,
      ...tail,
      choices,
      ...rest,
      ...(padded ? { obfuscation: padding(choices) } : {}),
    };
    return {
      text: `data: ${JSON.stringify(chunk)}\n\n`,
      generated: { outputTokens: output, reasoningTokens: entry.reasoningTokens },
    };
  };
  const frames: Frame[] = [];
  for (let index = 0; index < scene.choices; index += 1) {
    const choice = (delta: JsonObject, finish: string | null = null) => [
      { index, delta, logprobs: null, finish_reason: finish },
    ];
    for (const [part, tokens] of deltas(told, body))
      frames.push(frame(choice(part), usage, tokens));
    frames.push(frame(choice({}, finishOf(scene))));
  }
  if (includesUsage(body)) frames.push(frame([], { usage: usageOf(entry) }));
  frames.push({ text: "data: [DONE]\n\n", generated: totals(entry) });
  return frames;
}

/** Random text that hides the length of what is told, as the vendor pads its chunks. */
const padding = (choices: unknown[]): string =>
  choices.length === 0
    ? ""
    : createVendorId("").slice(0, 16 - (JSON.stringify(choices).length % 10));

function* deltas(
  told: Told,
  body: JsonObject,
): Generator<readonly [delta: JsonObject, tokens: number]> {
  const only =
    told.calls.length === 1 && told.text === "" && !isLegacy(body) ? told.calls[0] : undefined;
  if (told.refusal !== "") {
    yield [{ role: "assistant", content: null, refusal: "" }, 0];
    for (const piece of pieces(told.refusal)) yield [{ refusal: piece }, countText(piece)];
    return;
  }
  if (only !== undefined)
    yield [
      { role: "assistant", content: null, ...opening(only, 0, body), refusal: null },
      countText(only.name),
    ];
  else
    yield [
      {
        role: "assistant",
        content: told.calls.length > 0 && told.text === "" ? null : "",
        refusal: null,
      },
      0,
    ];
  for (const piece of pieces(told.text)) yield [{ content: piece }, countText(piece)];
  for (const [index, call] of told.calls.entries()) {
    if (call !== only) yield [opening(call, index, body), countText(call.name)];
    for (const piece of argumentPieces(call.args))
      yield [more(call, index, piece, body), countText(piece)];
  }
}

function opening(call: Call, index: number, body: JsonObject): JsonObject {
  if (isLegacy(body)) return { function_call: { name: call.name, arguments: "" } };
  return isCustom(body, call.name)
    ? {
        tool_calls: [
          { index, id: call.id, type: "custom", custom: { name: call.name, input: "" } },
        ],
      }
    : {
        tool_calls: [
          { index, id: call.id, type: "function", function: { name: call.name, arguments: "" } },
        ],
      };
}

function more(call: Call, index: number, piece: string, body: JsonObject): JsonObject {
  if (isLegacy(body)) return { function_call: { arguments: piece } };
  return isCustom(body, call.name)
    ? { tool_calls: [{ index, custom: { input: piece } }] }
    : { tool_calls: [{ index, function: { arguments: piece } }] };
}
