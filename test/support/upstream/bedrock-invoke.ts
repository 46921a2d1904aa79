// InvokeModel: bodies in the models' own shapes; those of Claude are judged and answered here.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { plainClaude } from "./anthropic-models.ts";
import { messageExchange } from "./anthropic-reply.ts";
import { plainTerms } from "./anthropic-terms.ts";
import type { ThinkingSeal } from "./anthropic-turns.ts";
import { betasIn } from "./bedrock-claude.ts";
import { kindOf, refuseEmbed } from "./bedrock-embed.ts";
import { encodeEvent, encodeException, padding } from "./bedrock-frames.ts";
import type { BedrockModel } from "./bedrock-models.ts";
import { malformed, validation } from "./bedrock-wording.ts";
import type { Exchange, Frame } from "./play.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { objects, textOf } from "./shape.ts";
import type { Answer, Refusal } from "./upstream.ts";
import { refuseMessagesRequest } from "./validate-anthropic.ts";

const anthropicVersion = "bedrock-2023-05-31";

/** Judges the body of `InvokeModel` and `InvokeModelWithResponseStream`. */
export function refuseInvoke(
  body: unknown,
  model: BedrockModel,
  terms: { seal: ThinkingSeal },
): Refusal | undefined {
  if (!isObject(body)) {
    return validation(malformed(`#: expected type: JSONObject, found: ${kindOf(body)}`));
  }
  switch (model.invoke) {
    case "anthropic":
      return refuseAnthropic(body, model, terms.seal);
    case "titan-embed":
    case "cohere-embed":
    case "nova-embed":
      return refuseEmbed(body, model.invoke);
    case "none":
      return validation("This double does not serve InvokeModel for this model.");
    default:
      return model.invoke satisfies never;
  }
}

// ---- Claude ----

/** Fields of Anthropic's own platform. */
const notHere = ["container", "mcp_servers", "service_tier", "inference_geo", "speed", "thread"];

const toolTypes = [
  "bash_20250124",
  "custom",
  "text_editor_20250124",
  "text_editor_20250429",
  "text_editor_20250728",
];

function refuseAnthropic(
  body: JsonObject,
  model: BedrockModel,
  seal: ThinkingSeal,
): Refusal | undefined {
  const extraneous = ["stream", "model"].filter((key) => body[key] !== undefined);
  const faults = [
    ...(body["anthropic_version"] === undefined
      ? ["#: required key [anthropic_version] not found"]
      : []),
    ...extraneous.map((key) => `#: extraneous key [${key}] is not permitted`),
  ];
  if (faults.length > 0) return validation(malformed(...faults));
  if (body["anthropic_version"] !== anthropicVersion) {
    return validation(
      malformed(
        `#/anthropic_version: ${String(body["anthropic_version"])} is not a valid enum value`,
      ),
    );
  }
  const foreign = notHere.find((key) => body[key] !== undefined);
  if (foreign !== undefined) return validation(`${foreign}: Extra inputs are not permitted`);
  const refusal = refuseTools(body) ?? refuseSources(body);
  if (refusal !== undefined) return refusal;
  const { anthropic_version: _, anthropic_beta: __, ...rest } = body;
  const claude = model.claude ?? plainClaude(model.id);
  const wrong = refuseMessagesRequest(
    { ...rest, model: claude.snapshot },
    // Counting leaves the limit out.
    { ...plainTerms, betas: betasIn(body), find: () => claude, seal },
  );
  return wrong === undefined ? undefined : validation(wrong.message);
}

function refuseTools(body: JsonObject): Refusal | undefined {
  const betas = betasIn(body);
  const allowed = [
    ...toolTypes,
    ...[...betas].flatMap((beta) =>
      beta.startsWith("computer-use-2025-01-24")
        ? ["computer_20250124"]
        : beta.startsWith("computer-use-2025-11-24")
          ? ["computer_20251124"]
          : beta.startsWith("context-management-")
            ? ["memory_20250818"]
            : [],
    ),
  ];
  for (const [index, tool] of objects(body["tools"]).entries()) {
    const type = textOf(tool["type"]) ?? "custom";
    if (allowed.includes(type)) continue;
    const tags = allowed.toSorted().map((tag) => `'${tag}'`);
    return validation(
      `tools.${index}: Input tag '${type}' found using 'type' does not match any of the expected tags: ${tags.join(", ")}`,
    );
  }
  return undefined;
}

/** The service fetches nothing and keeps no files. */
function refuseSources(body: JsonObject): Refusal | undefined {
  for (const [index, message] of objects(body["messages"]).entries()) {
    for (const [at, block] of objects(message["content"]).entries()) {
      const source = isObject(block["source"]) ? block["source"] : {};
      if (source["type"] !== "url" && source["type"] !== "file") continue;
      const tags = block["type"] === "image" ? "'base64'" : "'base64', 'content', 'text'";
      return validation(
        `messages.${index}.content.${at}.${String(block["type"])}.source: Input tag '${source["type"]}' found using 'type' does not match any of the expected tags: ${tags}`,
      );
    }
  }
  return undefined;
}

/** Anthropic's answer as InvokeModel hands it on. */
export function claudeExchange(
  body: JsonObject,
  { model, cache, stream }: { model: BedrockModel; cache: PromptCache; stream: boolean },
  answer: Answer,
): Exchange {
  const claude = model.claude ?? plainClaude(model.id);
  const asked = { ...body, model: claude.snapshot, stream };
  const exchange = messageExchange(asked, { model: claude, cache, version: "2023-06-01" }, answer);
  const { entry } = exchange;
  if (entry === undefined) return exchange;
  const anthropicId = entry.id;
  entry.id = entry.id.replace(/^msg_/, "msg_bdrk_");
  const named = exchange.frames.map((frame) => ({
    ...frame,
    text: frame.text.replace(anthropicId, entry.id),
  }));
  const counts = {
    "x-amzn-bedrock-input-token-count": String(entry.inputTokens),
    "x-amzn-bedrock-output-token-count": String(entry.outputTokens),
    "x-amzn-bedrock-invocation-latency": "300",
  };
  if (!stream) {
    return {
      ...exchange,
      headers: { "content-type": "application/json", ...counts },
      frames: named,
    };
  }
  const written = entry.cacheWrite5mTokens + entry.cacheWrite1hTokens;
  const invocation = {
    inputTokenCount: entry.inputTokens - entry.cachedInputTokens - written,
    outputTokenCount: entry.outputTokens,
    invocationLatency: 300,
    firstByteLatency: 100,
    cacheReadInputTokenCount: entry.cachedInputTokens,
    cacheWriteInputTokenCount: written,
  };
  return {
    ...exchange,
    headers: {
      "content-type": "application/vnd.amazon.eventstream",
      "x-amzn-bedrock-content-type": "application/json",
    },
    frames: named.flatMap((frame, index) => toChunk(frame, index, invocation)),
    errorFrame: (type = "modelStreamErrorException", message = "The model stream broke off.") =>
      encodeException(type, { message }),
  };
}

function toChunk(frame: Frame, index: number, invocation: JsonObject): Frame[] {
  const data = /^data: (.*)$/m.exec(frame.text)?.[1] ?? "{}";
  const event: unknown = JSON.parse(data);
  // Bedrock keeps Anthropic's pings to itself.
  if (!isObject(event) || event["type"] === "ping") return [];
  const last = event["type"] === "message_stop";
  const text = JSON.stringify(
    last ? { ...event, "amazon-bedrock-invocationMetrics": invocation } : event,
  );
  const bytes = Buffer.from(text).toString("base64");
  return [{ ...frame, bytes: encodeEvent("chunk", { bytes, p: padding(index + 1) }) }];
}
