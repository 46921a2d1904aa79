// Answers of Cohere v2 chat, whole and as a stream.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { argumentPieces, pieces, tell, type Ask, type Call, type Told } from "./answer.ts";
import type { CohereModel } from "./cohere-models.ts";
import { createEntry } from "./entry.ts";
import { describeMedia, parseDataUrl } from "./media.ts";
import type { Exchange, Frame } from "./play.ts";
import { objects } from "./shape.ts";
import { countText, countValue } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";

/** Begins ids that no scenario states. */
const made = "made-";
/** What the template of the model adds to the tokens that are billed. */
const templateTokens = 496;

/** Renders `answer` to an accepted chat request. */
export function cohereChatExchange(body: JsonObject, model: CohereModel, answer: Answer): Exchange {
  const told = tell(answer, askOf(body, model), made);
  for (const call of told.calls) {
    if (call.id.startsWith(made)) call.id = `${call.name}_${shortId()}`;
  }
  const stream = body["stream"] === true;
  const input = told.usage.input ?? countPrompt(body);
  const entry = createEntry({
    id: crypto.randomUUID(),
    model: model.name,
    inputTokens: input,
    cachedInputTokens: told.usage.cached ?? 0,
    outputTokens: told.outputTokens,
    reasoningTokens: told.reasoningTokens,
    stream,
  });
  const scene: Scene = {
    told,
    entry,
    citations: citationsOf(body, told),
    stated: told.usage.input !== undefined,
  };
  return {
    stream,
    headers: {
      "content-type": stream ? "text/event-stream" : "application/json",
      num_tokens: String(entry.inputTokens + entry.outputTokens),
    },
    frames: stream ? streamFrames(scene) : [plainFrame(scene)],
    terminalFrames: 2,
    entry,
    errorFrame: (_type, message = "stream failed") =>
      stream
        ? event({ type: "message-end", delta: { error: message, finish_reason: "ERROR" } })
        : JSON.stringify({ id: entry.id, message }),
  };
}

interface Scene {
  told: Told;
  entry: BillEntry;
  citations: JsonObject[];
  /** The scenario states the tokens itself. */
  stated: boolean;
}

const shortId = (): string => crypto.randomUUID().replaceAll("-", "").slice(0, 12);

const countPrompt = (body: JsonObject): number =>
  countValue(body["messages"]) + countValue(body["tools"]) + countValue(body["documents"]);

// ---- the request, in no wire's terms ----

function askOf(body: JsonObject, model: CohereModel): Ask {
  const messages = objects(body["messages"]);
  const user = messages.findLast((message) => message["role"] === "user");
  const answered = messages.slice(messages.findLastIndex((one) => one["role"] !== "tool") + 1);
  const format = isObject(body["response_format"]) ? body["response_format"] : {};
  const disabled = isObject(body["thinking"]) && body["thinking"]["type"] === "disabled";
  return {
    text: textOf(user?.["content"]),
    media: objects(user?.["content"]).flatMap(mediaOf),
    toolResults: answered.map((message) => textOf(message["content"])),
    tools: objects(body["tools"]).flatMap((tool) =>
      isObject(tool["function"])
        ? [{ name: String(tool["function"]["name"]), schema: tool["function"]["parameters"] }]
        : [],
    ),
    force:
      body["tool_choice"] === "REQUIRED" ? "any" : body["tool_choice"] === "NONE" ? "none" : "auto",
    parallel: true,
    reasoning: model.reasoning && !disabled,
    ...(format["type"] === "json_object"
      ? {
          format: {
            schema: format["json_schema"] ??
              format["schema"] ?? { type: "object", properties: { answer: { type: "string" } } },
          },
        }
      : {}),
    ...(typeof body["max_tokens"] === "number" ? { maxTokens: body["max_tokens"] } : {}),
    stop: Array.isArray(body["stop_sequences"]) ? body["stop_sequences"].map(String) : [],
  };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return objects(content)
    .flatMap((part) =>
      typeof part["text"] === "string"
        ? [part["text"]]
        : isObject(part["document"])
          ? [JSON.stringify(part["document"]["data"])]
          : [],
    )
    .join("\n");
}

function mediaOf(part: JsonObject): string[] {
  if (!isObject(part["image_url"])) return [];
  const url = String(part["image_url"]["url"]);
  const data = parseDataUrl(url);
  return [data ? describeMedia("image", data.mediaType, data.data) : `[image ${url}]`];
}

/** Every tool result that the answer repeats is cited. */
function citationsOf(body: JsonObject, told: Told): JsonObject[] {
  const messages = objects(body["messages"]);
  return messages
    .slice(messages.findLastIndex((one) => one["role"] !== "tool") + 1)
    .flatMap((message) => {
      const content = textOf(message["content"]);
      const start = content === "" ? -1 : told.text.indexOf(content);
      if (start < 0) return [];
      const id = `${String(message["tool_call_id"])}:0`;
      return [
        {
          start,
          end: start + content.length,
          text: content,
          sources: [{ type: "tool", id, tool_output: { content } }],
          type: "TEXT_CONTENT",
        },
      ];
    });
}

// ---- rendering ----

function finishOf({ told }: Scene): string {
  if (told.finish !== undefined) return told.finish;
  switch (told.cause) {
    case "tool":
      return "TOOL_CALL";
    case "length":
      return "MAX_TOKENS";
    case "stop":
      return "STOP_SEQUENCE";
    case "end":
    case "refusal":
    case "pause":
      return "COMPLETE";
    default:
      return told.cause satisfies never;
  }
}

function usageOf({ entry, stated }: Scene): JsonObject {
  const { inputTokens: input, outputTokens: output, cachedInputTokens: cached } = entry;
  return {
    billed_units: { input_tokens: input, output_tokens: output },
    tokens: { input_tokens: stated ? input : input + templateTokens, output_tokens: output },
    cached_tokens: cached,
  };
}

const saidBy = (told: Told): string => (told.refusal === "" ? told.text : told.refusal);

const callBody = (call: Call, args = call.args): JsonObject => ({
  id: call.id,
  type: "function",
  function: { name: call.name, arguments: args },
});

function plainFrame(scene: Scene): Frame {
  const { told, entry, citations } = scene;
  const said = saidBy(told);
  const content = [
    ...(told.reasoning === "" ? [] : [{ type: "thinking", thinking: told.reasoning }]),
    ...(said === "" || told.calls.length > 0 ? [] : [{ type: "text", text: said }]),
  ];
  const message = {
    role: "assistant",
    ...(told.calls.length === 0
      ? {}
      : { tool_plan: said, tool_calls: told.calls.map((call) => callBody(call)) }),
    ...(content.length === 0 ? {} : { content }),
    ...(citations.length === 0 ? {} : { citations }),
  };
  const { outputTokens, reasoningTokens } = entry;
  return {
    text: JSON.stringify({
      id: entry.id,
      message,
      finish_reason: finishOf(scene),
      usage: usageOf(scene),
    }),
    generated: { outputTokens, reasoningTokens },
  };
}

const event = (data: JsonObject): string =>
  `event: ${String(data["type"])}\ndata: ${JSON.stringify(data)}\n\n`;

function streamFrames(scene: Scene): Frame[] {
  const { told, entry } = scene;
  const frames: Frame[] = [];
  let output = 0;
  const add = (data: JsonObject, tokens = 0): void => {
    output = Math.min(output + tokens, entry.outputTokens);
    frames.push({
      text: event(data),
      generated: { outputTokens: output, reasoningTokens: Math.min(output, entry.reasoningTokens) },
    });
  };
  const block = (index: number, key: "thinking" | "text", text: string): void => {
    const delta = (content: JsonObject): JsonObject => ({ index, delta: { message: { content } } });
    add({ type: "content-start", ...delta({ type: key, [key]: "" }) });
    for (const piece of pieces(text)) {
      add({ type: "content-delta", ...delta({ [key]: piece }) }, countText(piece));
    }
    if (key === "text") {
      for (const [at, citation] of scene.citations.entries()) {
        add({ type: "citation-start", index: at, delta: { message: { citations: citation } } });
        add({ type: "citation-end", index: at });
      }
    }
    add({ type: "content-end", index });
  };
  const empty = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
  add({ id: entry.id, type: "message-start", delta: { message: empty } });
  let index = 0;
  if (told.reasoning !== "") block(index++, "thinking", told.reasoning);
  const said = saidBy(told);
  if (told.calls.length === 0 && said !== "") block(index, "text", said);
  if (told.calls.length > 0) {
    for (const piece of pieces(said)) {
      add({ type: "tool-plan-delta", delta: { message: { tool_plan: piece } } }, countText(piece));
    }
  }
  for (const [at, call] of told.calls.entries()) {
    const wrap = (calls: JsonObject): JsonObject => ({
      index: at,
      delta: { message: { tool_calls: calls } },
    });
    add({ type: "tool-call-start", ...wrap(callBody(call, "")) }, countText(call.name));
    for (const piece of argumentPieces(call.args)) {
      add(
        { type: "tool-call-delta", ...wrap({ function: { arguments: piece } }) },
        countText(piece),
      );
    }
    add({ type: "tool-call-end", index: at });
  }
  add({ type: "message-end", delta: { finish_reason: finishOf(scene), usage: usageOf(scene) } });
  frames.push({ text: "data: [DONE]\n\n", generated: frames.at(-1)?.generated });
  return frames;
}
