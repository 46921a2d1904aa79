// Answers of Converse, whole and as a binary stream of events.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { argumentPieces, countCall, pieces, tell, type Call, type Told } from "./answer.ts";
import { usePrompt } from "./anthropic-prompt.ts";
import { askOf } from "./anthropic-reply.ts";
import { toAnthropic } from "./bedrock-claude.ts";
import { encodeEvent, encodeException, padding } from "./bedrock-frames.ts";
import type { BedrockModel } from "./bedrock-models.ts";
import { createEntry } from "./entry.ts";
import type { Exchange, Frame } from "./play.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { sealThinking, signThinking } from "./signature.ts";
import { countText } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

export interface ConverseTerms {
  /** The identifier as the request names it. */
  name: string;
  model: BedrockModel;
  cache: PromptCache;
  stream: boolean;
}

/** Renders `answer` to an accepted Converse request. */
export function converseExchange(body: JsonObject, terms: ConverseTerms, answer: Answer): Exchange {
  const { model, stream, cache, name } = terms;
  const asked = toAnthropic(body, model);
  if (asked["thinking"] === undefined && reasons(body)) asked["thinking"] = { type: "enabled" };
  const told = tell(answer, askOf(asked), "tooluse_");
  const usage = usePrompt(asked, model.id, cache, told.usage);
  const entry = createEntry({
    id: createVendorId("converse-"),
    model: name,
    inputTokens: usage.input,
    cachedInputTokens: usage.read,
    cacheWrite5mTokens: usage.write5m,
    cacheWrite1hTokens: usage.write1h,
    outputTokens: told.outputTokens,
    reasoningTokens: told.reasoningTokens,
    stream,
  });
  const scene: Scene = { body, told, entry, model };
  return {
    stream,
    headers: {
      "content-type": stream ? "application/vnd.amazon.eventstream" : "application/json",
    },
    frames: stream ? streamFrames(scene) : [plainFrame(scene)],
    terminalFrames: 2,
    entry,
    errorFrame: (type = "modelStreamErrorException", message = "The model stream broke off.") =>
      stream ? encodeException(type, { message }) : JSON.stringify({ message }),
  };
}

interface Scene {
  body: JsonObject;
  told: Told;
  entry: BillEntry;
  model: BedrockModel;
}

/** Models of other vendors are told to think in the fields that go to the model. */
function reasons(body: JsonObject): boolean {
  const fields = isObject(body["additionalModelRequestFields"])
    ? body["additionalModelRequestFields"]
    : {};
  const config = fields["reasoningConfig"];
  return (
    (isObject(config) && config["type"] === "enabled") ||
    typeof fields["reasoning_effort"] === "string" ||
    typeof fields["reasoning_config"] === "string"
  );
}

// ---- rendering ----

interface Block {
  whole: JsonObject;
  /** Only calls have an event that opens them. */
  start?: JsonObject;
  deltas: readonly (readonly [delta: JsonObject, tokens: number])[];
  tokens: number;
}

/** Stands where the arguments go, so that they are sent in their exact spelling. */
const slot = (call: Call): string => `arguments of ${call.id}`;

function blocksFor({ told, model }: Scene): Block[] {
  const blocks: Block[] = [];
  if (told.reasoning !== "") blocks.push(reasoningBlock(told, model));
  if (told.redacted !== "") {
    // A blob on top of what the vendor itself spells in base64.
    const redactedContent = Buffer.from(sealThinking(told.redacted)).toString("base64");
    const reasoningContent = { redactedContent };
    blocks.push({
      whole: { reasoningContent },
      deltas: [[{ reasoningContent }, countText(told.redacted)]],
      tokens: 0,
    });
  }
  const said = told.refusal === "" ? told.text : told.refusal;
  if (said !== "") {
    blocks.push({
      whole: { text: said },
      deltas: pieces(said).map((text) => [{ text }, countText(text)] as const),
      tokens: 0,
    });
  }
  for (const call of told.calls) blocks.push(callBlock(call));
  return blocks;
}

function reasoningBlock({ reasoning, ...told }: Told, { claude, nova }: BedrockModel): Block {
  const signed = claude !== undefined || nova;
  const signature = told.signature ?? signThinking(reasoning);
  const deltas: [JsonObject, number][] = pieces(reasoning).map((text) => [
    { reasoningContent: { text } },
    countText(text),
  ]);
  if (signed) deltas.push([{ reasoningContent: { signature } }, 0]);
  return {
    whole: {
      reasoningContent: { reasoningText: { text: reasoning, ...(signed ? { signature } : {}) } },
    },
    deltas,
    tokens: 0,
  };
}

function callBlock(call: Call): Block {
  const head = { toolUseId: call.id, name: call.name };
  return {
    whole: { toolUse: { ...head, input: slot(call) } },
    start: { toolUse: head },
    deltas: argumentPieces(call.args).map(
      (input) => [{ toolUse: { input } }, countText(input)] as const,
    ),
    tokens: countCall(call) - countText(call.args),
  };
}

function stopReason({ told }: Scene): string {
  switch (told.cause) {
    case "end":
    case "pause":
      return "end_turn";
    case "length":
      return "max_tokens";
    case "stop":
      return "stop_sequence";
    case "tool":
      return "tool_use";
    case "refusal":
      return "content_filtered";
    default:
      return told.cause satisfies never;
  }
}

/** The service leaves cached tokens out of `inputTokens`, and counts them in `totalTokens`. */
function usageOf({ entry, model }: Scene): JsonObject {
  const { cachedInputTokens: read, cacheWrite5mTokens: short, cacheWrite1hTokens: long } = entry;
  const written = short + long;
  const details = [
    ...(long === 0 ? [] : [{ ttl: "1h", inputTokens: long }]),
    ...(short === 0 ? [] : [{ ttl: "5m", inputTokens: short }]),
  ];
  const cached = {
    cacheReadInputTokenCount: read,
    cacheReadInputTokens: read,
    cacheWriteInputTokenCount: written,
    cacheWriteInputTokens: written,
    ...(details.length === 0 ? {} : { cacheDetails: details }),
  };
  return {
    ...(model.caching ? cached : {}),
    inputTokens: entry.inputTokens - read - written,
    outputTokens: entry.outputTokens,
    serverToolUsage: {},
    totalTokens: entry.inputTokens + entry.outputTokens,
  };
}

/** What the request asks back besides the answer. */
function echoes({ body, told }: Scene, inStop: boolean): JsonObject {
  const paths = body["additionalModelResponseFieldPaths"];
  const wants = Array.isArray(paths) && paths.includes("/stop_sequence");
  const echoed = ["performanceConfig", "serviceTier"].filter((name) => isObject(body[name]));
  return {
    ...(wants && inStop
      ? { additionalModelResponseFields: { stop_sequence: told.stopSequence ?? null } }
      : {}),
    ...(inStop ? {} : Object.fromEntries(echoed.map((name) => [name, body[name]]))),
  };
}

const metrics = { latencyMs: 300 };

function plainFrame(scene: Scene): Frame {
  const { told, entry } = scene;
  const content = blocksFor(scene).map((block) => block.whole);
  let text = JSON.stringify({
    ...echoes(scene, true),
    metrics,
    output: { message: { content, role: "assistant" } },
    ...echoes(scene, false),
    stopReason: stopReason(scene),
    usage: usageOf(scene),
  });
  for (const call of told.calls) {
    text = text.replace(JSON.stringify(slot(call)), () => objectText(call.args));
  }
  const { outputTokens, reasoningTokens } = entry;
  return { text, generated: { outputTokens, reasoningTokens } };
}

function objectText(args: string): string {
  try {
    return isObject(JSON.parse(args)) ? args : "{}";
  } catch {
    return "{}";
  }
}

function streamFrames(scene: Scene): Frame[] {
  const { entry } = scene;
  const frames: Frame[] = [];
  let output = 0;
  const add = (type: string, payload: JsonObject, tokens = 0): void => {
    output = Math.min(output + tokens, entry.outputTokens);
    frames.push({
      text: "",
      bytes: encodeEvent(type, { ...payload, p: padding(frames.length + 1) }),
      generated: {
        outputTokens: output,
        reasoningTokens: Math.min(output, entry.reasoningTokens),
      },
    });
  };
  add("messageStart", { role: "assistant" });
  for (const [contentBlockIndex, block] of blocksFor(scene).entries()) {
    if (block.start)
      add("contentBlockStart", { contentBlockIndex, start: block.start }, block.tokens);
    for (const [delta, tokens] of block.deltas) {
      add("contentBlockDelta", { contentBlockIndex, delta }, tokens);
    }
    add("contentBlockStop", { contentBlockIndex });
  }
  add("messageStop", { ...echoes(scene, true), stopReason: stopReason(scene) });
  add("metadata", { metrics, ...echoes(scene, false), usage: usageOf(scene) });
  return frames;
}
