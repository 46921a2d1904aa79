// Answers of Mistral chat completions and embeddings, whole and as a stream.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { pieces, tell, type Ask, type Told } from "./answer.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import { describeMedia, parseDataUrl } from "./media.ts";
import type { MistralModel } from "./mistral-models.ts";
import { mistralErrorBody } from "./mistral-wording.ts";
import { vectorOf } from "./openai-operations.ts";
import { askOf, countPrompt, prefixesOf } from "./openai-reply.ts";
import type { Exchange, Frame } from "./play.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { objects } from "./shape.ts";
import { countText } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";

/** Renders `answer` to an accepted chat request. */
export function mistralChatExchange(
  body: JsonObject,
  model: MistralModel,
  cache: PromptCache,
  answer: Answer,
): Exchange {
  const told = tell(answer, toAsk(body, model), made);
  for (const call of told.calls) if (call.id.startsWith(made)) call.id = createCallId();
  const stream = body["stream"] === true;
  const choices = typeof body["n"] === "number" ? body["n"] : 1;
  const prefixes = prefixesOf(body, { snapshot: model.name });
  const input = told.usage.input ?? countPrompt(body);
  const cached = told.usage.cached ?? cache.read(prefixes);
  cache.write(prefixes);
  const entry = createEntry({
    id: crypto.randomUUID().replaceAll("-", ""),
    model: model.name,
    inputTokens: input,
    cachedInputTokens: Math.min(cached, input),
    outputTokens: told.outputTokens * choices,
    reasoningTokens: told.reasoningTokens * choices,
    stream,
  });
  const scene: Scene = { told, entry, choices, begun: begunIn(body) };
  return {
    stream,
    headers: { "content-type": stream ? "text/event-stream; charset=utf-8" : "application/json" },
    frames: stream ? streamFrames(scene) : [plainFrame(scene)],
    terminalFrames: 2,
    entry,
    errorFrame: (type, message) => {
      const error = JSON.stringify(broken(type, message));
      return stream ? `data: ${error}\n\n` : error;
    },
  };
}

interface Scene {
  told: Told;
  entry: BillEntry;
  choices: number;
  begun: string;
}

const broken = (type = "internal_server_error", message = "Service unavailable."): JsonObject =>
  mistralErrorBody({ status: 500, type, message, code: "3700" });

/** Begins ids that no scenario states. */
const made = "made-";
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const createCallId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => letters[byte % 62]).join("");

/** The request as OpenAI's would be read, with what Mistral spells otherwise. */
function toAsk(body: JsonObject, model: MistralModel): Ask {
  const reasoning =
    model.reasoning === "always" ||
    (model.reasoning === "asked" && body["reasoning_effort"] === "high");
  const ask = askOf(body, { reasoning, defaultEffort: "high" });
  const choice = body["tool_choice"];
  const user = objects(body["messages"]).findLast((message) => message["role"] === "user");
  return {
    ...ask,
    reasoning,
    ...(choice === "any" ? { force: "any" as const } : {}),
    media: objects(user?.["content"]).flatMap(mediaOf),
  };
}

function mediaOf(chunk: JsonObject): string[] {
  const image = chunk["image_url"];
  const url = isObject(image) ? image["url"] : (image ?? chunk["document_url"]);
  if (typeof url !== "string") return [];
  const kind = image === undefined ? "file" : "image";
  const data = parseDataUrl(url);
  return [data ? describeMedia(kind, data.mediaType, data.data) : `[${kind} ${url}]`];
}

function finishOf({ told }: Scene): string {
  if (told.finish !== undefined) return told.finish;
  switch (told.cause) {
    case "tool":
      return "tool_calls";
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

const usageOf = (entry: BillEntry): JsonObject => ({
  prompt_tokens: entry.inputTokens,
  total_tokens: entry.inputTokens + entry.outputTokens,
  completion_tokens: entry.outputTokens,
  prompt_tokens_details: { cached_tokens: entry.cachedInputTokens },
});

const thinkingChunk = (text: string): JsonObject => ({
  type: "thinking",
  thinking: [{ type: "text", text }],
});

const saidBy = ({ told, begun }: Scene): string =>
  begun + (told.refusal === "" ? told.text : told.refusal);

/** An answer that goes on from the assistant's last message repeats it. */
function begunIn(body: JsonObject): string {
  const last = objects(body["messages"]).at(-1);
  if (last?.["prefix"] !== true) return "";
  const { content } = last;
  return typeof content === "string"
    ? content
    : objects(content)
        .map(({ text }) => (typeof text === "string" ? text : ""))
        .join("");
}

const callsOf = (told: Told): JsonObject[] =>
  told.calls.map((call, index) => ({
    id: call.id,
    function: { name: call.name, arguments: call.args },
    index,
  }));

function plainFrame(scene: Scene): Frame {
  const { told, entry } = scene;
  const said = saidBy(scene);
  const content =
    told.reasoning === ""
      ? said
      : [thinkingChunk(told.reasoning), ...(said === "" ? [] : [{ type: "text", text: said }])];
  const choices = Array.from({ length: scene.choices }, (_, index) => ({
    index,
    finish_reason: finishOf(scene),
    message: {
      role: "assistant",
      tool_calls: told.calls.length === 0 ? null : callsOf(told),
      content,
    },
  }));
  const { outputTokens, reasoningTokens } = entry;
  return {
    text: JSON.stringify({ ...headOf(entry, "chat.completion"), choices, usage: usageOf(entry) }),
    generated: { outputTokens, reasoningTokens },
  };
}

const headOf = (entry: BillEntry, object: string): JsonObject => ({
  id: entry.id,
  object,
  created: Math.floor(now() / 1000),
  model: entry.model,
});

function streamFrames(scene: Scene): Frame[] {
  const { told, entry } = scene;
  const frames: Frame[] = [];
  let output = 0;
  const add = (index: number, delta: JsonObject, tokens: number, rest: JsonObject = {}): void => {
    const { finish = null, ...tail } = rest;
    output = Math.min(output + tokens, entry.outputTokens);
    const chunk = {
      ...headOf(entry, "chat.completion.chunk"),
      choices: [{ index, delta, finish_reason: finish }],
      ...tail,
      ...(frames.length === 0 ? {} : { p: letters.slice(0, (frames.length * 7) % 36) }),
    };
    frames.push({
      text: `data: ${JSON.stringify(chunk)}\n\n`,
      generated: { outputTokens: output, reasoningTokens: Math.min(output, entry.reasoningTokens) },
    });
  };
  for (let index = 0; index < scene.choices; index += 1) {
    add(index, { role: "assistant", content: "" }, 0);
    for (const piece of pieces(told.reasoning)) {
      add(index, { content: [thinkingChunk(piece)] }, countText(piece));
    }
    for (const piece of pieces(saidBy(scene))) add(index, { content: piece }, countText(piece));
    // All calls come whole, with the end.
    const calls = told.calls.length === 0 ? {} : { tool_calls: callsOf(told) };
    const usage = index === scene.choices - 1 ? { usage: usageOf(entry) } : {};
    add(index, { content: "", ...calls }, entry.outputTokens, {
      finish: finishOf(scene),
      ...usage,
    });
  }
  frames.push({ text: "data: [DONE]\n\n", generated: frames.at(-1)?.generated });
  return frames;
}

/** Renders the answer to an accepted request for vectors. */
export function mistralEmbeddingsExchange(body: JsonObject, model: MistralModel): Exchange {
  const inputs = Array.isArray(body["input"]) ? body["input"].map(String) : [String(body["input"])];
  const size =
    typeof body["output_dimension"] === "number" ? body["output_dimension"] : model.dimensions;
  const entry = createEntry({
    id: crypto.randomUUID().replaceAll("-", ""),
    model: model.name,
    inputTokens: inputs.reduce((sum, input) => sum + countText(input), 0),
  });
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, size);
    const packed = body["encoding_format"] === "base64";
    const embedding = packed
      ? Buffer.from(Float32Array.from(vector).buffer).toString("base64")
      : vector;
    return { object: "embedding", embedding, index };
  });
  const usage = {
    prompt_tokens: entry.inputTokens,
    total_tokens: entry.inputTokens,
    completion_tokens: 0,
    prompt_audio_seconds: null,
  };
  return bodyExchange({ id: entry.id, object: "list", data, model: model.name, usage }, broken, {
    entry,
  });
}
