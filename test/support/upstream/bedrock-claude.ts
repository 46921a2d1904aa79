// A Converse request as the Anthropic request that Bedrock makes of it, by which the model judges and answers it.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { BedrockModel } from "./bedrock-models.ts";
import { objects, textOf } from "./shape.ts";

/** The body for Anthropic's rules, bill and answer. Positions in `messages` stay, but for cache points. */
export function toAnthropic(body: JsonObject, model: BedrockModel): JsonObject {
  const inference = objectOf(body["inferenceConfig"]);
  const config = objectOf(body["toolConfig"]);
  const system = withCachePoints(objects(body["system"]), systemBlock);
  const tools = withCachePoints(objects(config["tools"]), toolOf);
  const extra = model.claude === undefined ? {} : objectOf(body["additionalModelRequestFields"]);
  const { anthropic_beta: _, ...fields } = extra;
  return {
    model: model.claude?.snapshot ?? model.id,
    max_tokens: inference["maxTokens"] ?? model.claude?.maxOutputTokens ?? 4096,
    messages: objects(body["messages"]).map((message) => ({
      role: message["role"],
      content: withCachePoints(objects(message["content"]), contentBlock),
    })),
    ...(system.length === 0 ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools }),
    ...some("tool_choice", toolChoice(config["toolChoice"])),
    ...some("temperature", inference["temperature"]),
    ...some("top_p", inference["topP"]),
    ...some("stop_sequences", inference["stopSequences"]),
    ...some("output_config", outputConfig(body["outputConfig"])),
    ...fields,
  };
}

/** Names in `anthropic_beta` of the fields that go to the model. */
export function betasIn(fields: JsonObject): ReadonlySet<string> {
  const names = fields["anthropic_beta"];
  return new Set(Array.isArray(names) ? names.map(String) : []);
}

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});

const some = (name: string, value: unknown): JsonObject =>
  value === undefined || value === null ? {} : { [name]: value };

/** A cache point becomes a mark on the block before it. */
function withCachePoints(
  blocks: readonly JsonObject[],
  translate: (block: JsonObject) => JsonObject,
): JsonObject[] {
  const result: JsonObject[] = [];
  for (const [at, block] of blocks.entries()) {
    const point = block["cachePoint"];
    const last = result.at(-1);
    if (isSeparator(blocks, at)) continue;
    if (!isObject(point)) result.push(translate(block));
    else if (last !== undefined) {
      last["cache_control"] = { type: "ephemeral", ...some("ttl", point["ttl"]) };
    }
  }
  return result;
}

/** Blank text is refused, but for the line end that keeps a document and a cache point apart. */
export const isSeparator = (blocks: readonly JsonObject[], at: number): boolean =>
  blocks[at]?.["text"] === "\n" && isObject(blocks[at - 1]?.["document"]);

function systemBlock(block: JsonObject): JsonObject {
  const guarded = objectOf(block["guardContent"]);
  return { type: "text", text: block["text"] ?? objectOf(guarded["text"])["text"] };
}

function toolOf(tool: JsonObject): JsonObject {
  const spec = objectOf(tool["toolSpec"]);
  return {
    name: spec["name"],
    ...some("description", spec["description"]),
    input_schema: objectOf(spec["inputSchema"])["json"],
    ...some("strict", spec["strict"]),
  };
}

function toolChoice(choice: unknown): unknown {
  if (!isObject(choice)) return undefined;
  if (isObject(choice["tool"])) return { type: "tool", name: choice["tool"]["name"] };
  return { type: isObject(choice["any"]) ? "any" : "auto" };
}

function outputConfig(config: unknown): unknown {
  if (!isObject(config)) return undefined;
  const format = objectOf(objectOf(objectOf(config["textFormat"])["structure"])["jsonSchema"]);
  const schema = typeof format["schema"] === "string" ? parsed(format["schema"]) : undefined;
  return {
    ...some("effort", config["effort"]),
    ...some("format", schema === undefined ? undefined : { type: "json_schema", schema }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function contentBlock(block: JsonObject): JsonObject {
  const [key = "", value] =
    Object.entries(block).find(([, one]) => one !== undefined && one !== null) ?? [];
  const given = objectOf(value);
  switch (key) {
    case "text":
      return { type: "text", text: value };
    case "image":
      return { type: "image", source: bytesSource(given, `image/${String(given["format"])}`) };
    case "document":
      return documentBlock(given);
    case "toolUse":
      return {
        type: "tool_use",
        id: given["toolUseId"],
        name: given["name"],
        input: given["input"],
      };
    case "toolResult":
      return {
        type: "tool_result",
        tool_use_id: given["toolUseId"],
        content: objects(given["content"]).filter(reachesModel).map(resultBlock),
        ...(given["status"] === "error" ? { is_error: true } : {}),
      };
    case "reasoningContent":
      return reasoningBlock(given);
    case "guardContent":
      return { type: "text", text: objectOf(given["text"])["text"] };
    case "citationsContent":
      return {
        type: "text",
        text: objects(given["content"])
          .map((part) => String(part["text"]))
          .join(""),
      };
    case "searchResult":
      return {
        type: "search_result",
        source: given["source"],
        title: given["title"],
        content: objects(given["content"]).map((part) => ({ type: "text", text: part["text"] })),
      };
    default:
      return { type: "text", text: `[${key} ${describe(given)}]` };
  }
}

/** A document of a result that lies in S3 is lost on the way, without a word. */
const reachesModel = (block: JsonObject): boolean =>
  !isObject(objectOf(objectOf(block["document"])["source"])["s3Location"]);

const resultBlock = (block: JsonObject): JsonObject =>
  block["json"] === undefined || block["json"] === null
    ? contentBlock(block)
    : { type: "text", text: JSON.stringify(block["json"]) };

function reasoningBlock(block: JsonObject): JsonObject {
  const text = block["reasoningText"];
  if (isObject(text)) {
    return {
      type: "thinking",
      thinking: text["text"],
      ...some("signature", text["signature"]),
    };
  }
  return {
    type: "redacted_thinking",
    data: Buffer.from(String(block["redactedContent"]), "base64").toString(),
  };
}

function documentBlock(document: JsonObject): JsonObject {
  const source = objectOf(document["source"]);
  const format = document["format"] ?? "txt";
  const title = some("title", document["name"]);
  const rest = {
    ...title,
    ...some("context", document["context"]),
    ...some("citations", document["citations"]),
  };
  if (typeof source["text"] === "string")
    return { type: "document", source: textSource(source["text"]), ...rest };
  if (Array.isArray(source["content"])) {
    const content = objects(source["content"]).map((part) => ({
      type: "text",
      text: part["text"],
    }));
    return { type: "document", source: { type: "content", content }, ...rest };
  }
  if (format === "pdf" || source["bytes"] === undefined) {
    return { type: "document", source: bytesSource(document, "application/pdf"), ...rest };
  }
  const bytes = Buffer.from(textOf(source["bytes"]) ?? "", "base64");
  // The service reads office formats itself and hands the model their text.
  const text = isTextFormat(format) ? bytes.toString() : describe(document);
  return { type: "document", source: textSource(text), ...rest };
}

/** Formats that reach the model as text. */
export const isTextFormat = (format: unknown): boolean =>
  ["txt", "md", "csv", "html"].includes(String(format));

const textSource = (data: string): JsonObject => ({ type: "text", media_type: "text/plain", data });

/** What lies in S3 has no source that the model knows. */
function bytesSource(block: JsonObject, mediaType: string): JsonObject {
  const { bytes } = objectOf(block["source"]);
  return typeof bytes === "string" ? { type: "base64", media_type: mediaType, data: bytes } : {};
}

function describe(block: JsonObject): string {
  const source = objectOf(block["source"]);
  const size = Buffer.from(textOf(source["bytes"]) ?? "", "base64").length;
  const from = isObject(source["s3Location"])
    ? String(source["s3Location"]["uri"])
    : `${size} bytes`;
  return `${String(block["format"])} ${from}`;
}
