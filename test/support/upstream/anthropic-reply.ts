// Answers of Anthropic messages, whole and as a stream.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import {
  argumentPieces,
  countCall,
  pieces,
  tell,
  type Ask,
  type Call,
  type Told,
} from "./answer.ts";
import { anthropicErrorBody } from "./anthropic-error.ts";
import type { ClaudeModel } from "./anthropic-models.ts";
import { usePrompt } from "./anthropic-prompt.ts";
import { describeMedia } from "./media.ts";
import type { Exchange, Frame } from "./play.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { objects } from "./shape.ts";
import { sealThinking, signThinking } from "./signature.ts";
import { countText } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

export interface MessageTerms {
  model: ClaudeModel;
  cache: PromptCache;
  /** `anthropic-version` of the request: answers of a later one name every field. */
  version: string;
}

/** Renders `answer` to an accepted request for a message. */
export function messageExchange(body: JsonObject, terms: MessageTerms, answer: Answer): Exchange {
  const told = tell(answer, askOf(body), "toolu_01");
  const stream = body["stream"] === true;
  const entry = billOf(body, terms, told, stream);
  const scene: Scene = {
    told,
    entry,
    terms,
    shown: showsThinking(body, terms.model),
    tier: "standard",
  };
  return {
    stream,
    headers: { "content-type": stream ? "text/event-stream; charset=utf-8" : "application/json" },
    frames: stream ? streamFrames(scene) : [plainFrame(scene)],
    terminalFrames: 2,
    entry,
    errorFrame: (type = "overloaded_error", message = "Overloaded") => {
      const error = anthropicErrorBody({ status: 529, type, message });
      return stream ? event("error", error) : JSON.stringify(error);
    },
  };
}

interface Scene {
  told: Told;
  entry: BillEntry;
  terms: MessageTerms;
  /** The thinking is told, not only signed. */
  shown: boolean;
  tier: string;
}

// ---- the request, in no wire's terms ----

export function askOf(body: JsonObject): Ask {
  const messages = objects(body["messages"]).filter((message) => message["role"] !== "system");
  const user = messages.findLast(
    (message) => message["role"] === "user" && blocksOf(message).some(isSaid),
  );
  const lastBlocks = messages.at(-1)?.["role"] === "user" ? blocksOf(messages.at(-1) ?? {}) : [];
  const format = formatOf(body);
  const choice = isObject(body["tool_choice"]) ? body["tool_choice"] : {};
  return {
    text: blocksOf(user ?? {})
      .flatMap((block) => (block["type"] === "text" ? [String(block["text"])] : []))
      .join("\n"),
    media: blocksOf(user ?? {}).flatMap(mediaOf),
    toolResults: lastBlocks.filter((block) => block["type"] === "tool_result").map(resultText),
    tools: objects(body["tools"])
      .filter((tool) => isObject(tool["input_schema"]))
      .map((tool) => ({ name: String(tool["name"]), schema: tool["input_schema"] })),
    force: forceOf(choice),
    parallel: choice["disable_parallel_tool_use"] !== true,
    reasoning: thinks(body),
    ...(format === undefined ? {} : { format }),
    ...(typeof body["max_tokens"] === "number" ? { maxTokens: body["max_tokens"] } : {}),
    stop: Array.isArray(body["stop_sequences"]) ? body["stop_sequences"].map(String) : [],
  };
}

function blocksOf(message: JsonObject): JsonObject[] {
  const { content } = message;
  return typeof content === "string" ? [{ type: "text", text: content }] : objects(content);
}

const isSaid = (block: JsonObject): boolean =>
  ["text", "image", "document"].includes(String(block["type"]));

function mediaOf(block: JsonObject): string[] {
  const kind =
    block["type"] === "image" ? "image" : block["type"] === "document" ? "file" : undefined;
  const { source } = block;
  if (kind === undefined || !isObject(source)) return [];
  switch (source["type"]) {
    case "base64":
      return [describeMedia(kind, String(source["media_type"]), String(source["data"]))];
    case "url":
      return [`[${kind} ${String(source["url"])}]`];
    case "file":
      return [`[${kind} ${String(source["file_id"])}]`];
    default:
      return [`[${kind} text]`];
  }
}

function resultText(block: JsonObject): string {
  const { content } = block;
  const text =
    typeof content === "string"
      ? content
      : objects(content)
          .flatMap((part) => (part["type"] === "text" ? [String(part["text"])] : mediaOf(part)))
          .join("\n");
  return block["is_error"] === true ? `error: ${text}` : text;
}

function formatOf(body: JsonObject): Ask["format"] {
  const config = isObject(body["output_config"])
    ? body["output_config"]["format"]
    : body["output_format"];
  return isObject(config) ? { schema: config["schema"] } : undefined;
}

function forceOf(choice: JsonObject): Ask["force"] {
  switch (choice["type"]) {
    case "none":
      return "none";
    case "any":
      return "any";
    case "tool":
      return { name: String(choice["name"]) };
    default:
      return "auto";
  }
}

const thinkingOf = (body: JsonObject): JsonObject =>
  isObject(body["thinking"]) ? body["thinking"] : {};
const thinks = (body: JsonObject): boolean =>
  ["enabled", "adaptive"].includes(String(thinkingOf(body)["type"]));

function showsThinking(body: JsonObject, model: ClaudeModel): boolean {
  const display = thinkingOf(body)["display"] ?? (model.omitsThinking ? "omitted" : "summarized");
  return display !== "omitted";
}

// ---- the bill ----

function billOf(
  body: JsonObject,
  { model, cache }: MessageTerms,
  told: Told,
  stream: boolean,
): BillEntry {
  const usage = usePrompt(body, model.snapshot, cache, told.usage);
  return {
    id: createVendorId("msg_01"),
    requestId: "",
    path: "",
    model: model.snapshot,
    inputTokens: usage.input,
    cachedInputTokens: usage.read,
    cacheWrite5mTokens: usage.write5m,
    cacheWrite1hTokens: usage.write1h,
    outputTokens: told.outputTokens,
    reasoningTokens: told.reasoningTokens,
    stream,
    complete: false,
    aborted: false,
  };
}

/** The vendor's `input_tokens` leaves out what was read from and written to the cache. */
function inputUsage(entry: BillEntry): JsonObject {
  const written = entry.cacheWrite5mTokens + entry.cacheWrite1hTokens;
  return {
    input_tokens: entry.inputTokens - entry.cachedInputTokens - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: entry.cachedInputTokens,
  };
}

function usageOf({ entry, terms, tier }: Scene, outputTokens: number): JsonObject {
  return {
    ...inputUsage(entry),
    cache_creation: {
      ephemeral_5m_input_tokens: entry.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: entry.cacheWrite1hTokens,
    },
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: entry.reasoningTokens },
    service_tier: tier,
    inference_geo: "global",
    ...(isLatest(terms) ? { server_tool_use: null, speed: "standard" } : {}),
  };
}

const isLatest = ({ version }: MessageTerms): boolean => version >= "2026-10-21";

// ---- rendering ----

function stopReason({ told }: Scene): string {
  switch (told.cause) {
    case "end":
      return "end_turn";
    case "length":
      return "max_tokens";
    case "stop":
      return "stop_sequence";
    case "tool":
      return "tool_use";
    case "refusal":
      return "refusal";
    case "pause":
      return "pause_turn";
    default:
      return told.cause satisfies never;
  }
}

function stopFields(scene: Scene): JsonObject {
  const refused = scene.told.cause === "refusal";
  return {
    stop_reason: stopReason(scene),
    stop_sequence: scene.told.cause === "stop" ? (scene.told.stopSequence ?? null) : null,
    stop_details: refused ? { type: "refusal", category: null, explanation: null } : null,
  };
}

function messageHead({ entry, terms }: Scene): JsonObject {
  const latest = isLatest(terms) ? { container: null, diagnostics: null } : {};
  return { model: entry.model, id: entry.id, type: "message", role: "assistant", ...latest };
}

/** Stands where the arguments go, so that they are sent in their exact spelling. */
const slot = (call: Call): string => `arguments of ${call.id}`;

function plainFrame(scene: Scene): Frame {
  const { told, entry } = scene;
  const content = blocksFor(scene).map((one) => one.whole);
  let text = JSON.stringify({
    ...messageHead(scene),
    content,
    ...stopFields(scene),
    usage: usageOf(scene, entry.outputTokens),
  });
  for (const call of told.calls) {
    const args = isJsonObject(call.args) ? call.args : "{}";
    text = text.replace(JSON.stringify(slot(call)), () => args);
  }
  return {
    text,
    generated: { outputTokens: entry.outputTokens, reasoningTokens: entry.reasoningTokens },
  };
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

interface Block {
  whole: JsonObject;
  start: JsonObject;
  deltas: readonly (readonly [delta: JsonObject, tokens: number])[];
  /** Tokens told by the start itself. */
  tokens: number;
}

function blocksFor(scene: Scene): Block[] {
  const { told, terms } = scene;
  const blocks: Block[] = [];
  if (told.reasoning !== "") blocks.push(thinkingBlock(told, scene.shown));
  if (told.redacted !== "") {
    const block = { type: "redacted_thinking", data: sealThinking(told.redacted) };
    blocks.push({ whole: block, start: block, deltas: [], tokens: countText(told.redacted) });
  }
  const said = told.refusal === "" ? told.text : told.refusal;
  if (said !== "") blocks.push(textBlock(said, terms));
  for (const call of told.calls) blocks.push(callBlock(call, terms));
  return blocks;
}

function thinkingBlock({ reasoning, ...told }: Told, shown: boolean): Block {
  const thinking = shown ? reasoning : "";
  const signature = told.signature ?? signThinking(thinking);
  const tokens = countText(reasoning);
  return {
    whole: { type: "thinking", thinking, signature },
    start: { type: "thinking", thinking: "", signature: "" },
    deltas: [
      ...pieces(thinking).map((piece) => [{ type: "thinking_delta", thinking: piece }, 0] as const),
      [{ type: "signature_delta", signature }, tokens],
    ],
    tokens: 0,
  };
}

function textBlock(text: string, terms: MessageTerms): Block {
  const more = isLatest(terms) ? { citations: null } : {};
  return {
    whole: { type: "text", text, ...more },
    start: { type: "text", text: "", ...more },
    deltas: pieces(text).map(
      (piece) => [{ type: "text_delta", text: piece }, countText(piece)] as const,
    ),
    tokens: 0,
  };
}

function callBlock(call: Call, terms: MessageTerms): Block {
  const head = { type: "tool_use", id: call.id, name: call.name };
  const more = isLatest(terms) ? { caller: { type: "direct" } } : {};
  const parts = argumentPieces(call.args);
  return {
    whole: { ...head, input: slot(call), ...more },
    start: { ...head, input: {}, ...more },
    deltas: [
      // The vendor begins every call with an empty piece.
      [{ type: "input_json_delta", partial_json: "" }, 0],
      ...parts.map(
        (piece) => [{ type: "input_json_delta", partial_json: piece }, countText(piece)] as const,
      ),
    ],
    tokens: countCall(call) - countText(call.args),
  };
}

function streamFrames(scene: Scene): Frame[] {
  const { entry } = scene;
  const frames: Frame[] = [];
  let output = 0;
  const add = (name: string, data: JsonObject, tokens = 0): void => {
    output = Math.min(output + tokens, entry.outputTokens);
    const reasoningTokens = Math.min(output, entry.reasoningTokens);
    frames.push({
      text: event(name, data, frames.length),
      generated: { outputTokens: output, reasoningTokens },
    });
  };
  const message = {
    ...messageHead(scene),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: usageOf(
      { ...scene, entry: { ...entry, reasoningTokens: 0 } },
      Math.min(1, entry.outputTokens),
    ),
  };
  add("message_start", { type: "message_start", message });
  for (const [index, block] of blocksFor(scene).entries()) {
    add(
      "content_block_start",
      { type: "content_block_start", index, content_block: block.start },
      block.tokens,
    );
    if (index === 0)
      frames.push({
        text: 'event: ping\ndata: {"type": "ping"}\n\n',
        generated: frames.at(-1)?.generated,
      });
    for (const [delta, tokens] of block.deltas) {
      add("content_block_delta", { type: "content_block_delta", index, delta }, tokens);
    }
    add("content_block_stop", { type: "content_block_stop", index });
  }
  const { output_tokens_details } = usageOf(scene, 0);
  const usage = { ...inputUsage(entry), output_tokens: entry.outputTokens, output_tokens_details };
  const latest = isLatest(scene.terms) ? { container: null } : {};
  add("message_delta", {
    type: "message_delta",
    delta: { ...stopFields(scene), ...latest },
    usage,
  });
  add("message_stop", { type: "message_stop" });
  return frames;
}

/** An event in the vendor's spelling: blanks before the last brace hide its length. */
export function event(name: string, data: unknown, position = 0): string {
  const blanks = " ".repeat((position * 7) % 16);
  return `event: ${name}\ndata: ${JSON.stringify(data).replace(/\}$/, `${blanks}}`)}\n\n`;
}
