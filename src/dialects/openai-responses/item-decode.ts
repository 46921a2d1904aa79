// Items that a model made read into parts: in requests strictly, in answers with forbearance.
// https://platform.openai.com/docs/api-reference/responses/object
import type { Origin, Part, ReasoningPart, TextPart, ToolCallPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field, stringOr } from "../fields.ts";
import { kindOf, reject, requiredString } from "../openai-words.ts";
import { decodeVendorItem } from "./vendor-items.ts";
import { dialectId, type ItemFrame, opaque, withExt } from "./wire.ts";

export interface ItemScope {
  /** Who made the content, as far as known. */
  origin: Origin;
  /** A request: whatever is missing or of the wrong type is refused. An answer is read as far as it goes. */
  isRequest: boolean;
}

/** @throws GatewayError `invalid_request`, for requests only. */
export function decodeItem(item: JsonObject, path: string, scope: ItemScope): Part[] {
  switch (field(item, "type")) {
    case "message":
      return decodeMessage(item, path, scope);
    case "reasoning":
      return decodeReasoning(item, scope);
    case "function_call":
    case "custom_tool_call":
      return [decodeCall(item, path, scope)];
    default:
      return decodeVendorItem(item);
  }
}

const readString = (
  object: JsonObject,
  key: string,
  path: string,
  { isRequest }: ItemScope,
): string => (isRequest ? requiredString(object, key, path) : (stringOr(field(object, key)) ?? ""));

/**
 * What an item's last part says of it. In an answer a status is told only where it is not the usual one; a client
 * gets back what it wrote.
 */
export function endFrame(item: JsonObject, isRequest: boolean): ItemFrame {
  const status = stringOr(field(item, "status"));
  const isUsual = !isRequest && (status === "completed" || status === "in_progress");
  return { ...idFrame(item), end: true, ...(status && !isUsual ? { status } : {}) };
}

export const idFrame = (item: JsonObject): ItemFrame =>
  defined({ id: stringOr(field(item, "id")) || undefined });

const messageKeys = new Set(["type", "role", "content", "id", "status", "phase"]);

function decodeMessage(item: JsonObject, path: string, scope: ItemScope): Part[] {
  const content = readContent(item, path, scope);
  const phase = stringOr(field(item, "phase"));
  const extra = unknownMembers(item, messageKeys);
  return content.map((value, index) => {
    const isLast = index === content.length - 1;
    const frame = isLast
      ? { ...endFrame(item, scope.isRequest), ...(phase === undefined ? {} : { phase }) }
      : idFrame(item);
    const kept = isLast && extra ? { message: extra } : {};
    return decodeContent(value, `${path}.content[${index}]`, { scope, frame, kept });
  });
}

function readContent(item: JsonObject, path: string, scope: ItemScope): unknown[] {
  const content = field(item, "content");
  if (typeof content === "string") return [{ type: "output_text", text: content }];
  if (Array.isArray(content)) return content;
  if (!scope.isRequest) return [];
  return reject(
    `${path}.content`,
    `expected a string or an array of content parts, got ${kindOf(item["content"])}`,
  );
}

const textKeys = new Set(["type", "text", "annotations", "logprobs", "parsed"]);
const refusalKeys = new Set(["type", "refusal"]);

interface ContentScope {
  scope: ItemScope;
  frame: ItemFrame;
  kept: JsonObject;
}

function decodeContent(value: unknown, path: string, { scope, frame, kept }: ContentScope): Part {
  if (!isObject(value)) {
    if (scope.isRequest) reject(path, `expected an object, got ${kindOf(value)}`);
    return { ...opaque(value), ...withExt(kept, { ...frame, isContent: true }) };
  }
  switch (readString(value, "type", path, scope)) {
    case "output_text":
    case "input_text":
    case "text": {
      const logprobs = field(value, "logprobs");
      const extra = { ...unknownFields(value, textKeys), ...kept };
      if (Array.isArray(logprobs) && logprobs.length > 0) extra["logprobs"] = logprobs;
      return {
        type: "text",
        text: readString(value, "text", path, scope),
        ...citationsOf(value),
        ...withExt(extra, frame),
      };
    }
    case "refusal":
      return {
        type: "refusal",
        text: readString(value, "refusal", path, scope),
        ...withExt({ ...unknownFields(value, refusalKeys), ...kept }, frame),
      };
    default:
      return { ...opaque(value), ...withExt(kept, { ...frame, isContent: true }) };
  }
}

function citationsOf(value: JsonObject): Pick<TextPart, "citations"> {
  const annotations = field(value, "annotations");
  if (!Array.isArray(annotations) || annotations.length === 0) return {};
  return { citations: annotations.map((raw: unknown) => ({ origin: dialectId, raw })) };
}

const reasoningKeys = new Set(["type", "id", "status", "summary", "content", "encrypted_content"]);

/** The parts of a reasoning item: each text, then what only the provider can read. At least one, since its id may stand for all. */
function decodeReasoning(item: JsonObject, { origin, isRequest }: ItemScope): Part[] {
  const encrypted = stringOr(field(item, "encrypted_content")) || undefined;
  const id = idFrame(item);
  const drafts: { said: Pick<ReasoningPart, "text" | "encrypted">; frame: ItemFrame }[] = [
    ...textsOf(field(item, "summary")).map((text) => ({ said: { text }, frame: id })),
    ...textsOf(field(item, "content")).map((text) => ({
      said: { text },
      frame: { ...id, isContent: true as const },
    })),
    ...(encrypted === undefined ? [] : [{ said: { text: "", encrypted }, frame: id }]),
  ];
  if (drafts.length === 0) drafts.push({ said: { text: "" }, frame: id });
  const extra = unknownFields(item, reasoningKeys);
  return drafts.map(({ said, frame }, index) => ({
    type: "reasoning",
    ...said,
    origin,
    ...(index === drafts.length - 1
      ? withExt(extra, { ...frame, ...endFrame(item, isRequest), ...statusOf(item) })
      : withExt(undefined, frame)),
  }));
}

/** Most servers give reasoning no status at all, some do. */
const statusOf = (item: JsonObject): ItemFrame =>
  defined({ status: stringOr(field(item, "status")) });

/** Texts of `summary` or `content`. */
export const textsOf = (list: unknown): string[] =>
  Array.isArray(list)
    ? list.filter(isObject).map((part) => stringOr(field(part, "text")) ?? "")
    : [];

const callKeys = new Set([
  "type",
  "id",
  "status",
  "call_id",
  "name",
  "namespace",
  "arguments",
  "input",
  // The OpenAI SDK's own addition.
  "parsed_arguments",
]);

export function decodeCall(item: JsonObject, path: string, scope: ItemScope): ToolCallPart {
  const isCustom = field(item, "type") === "custom_tool_call";
  const namespace = stringOr(field(item, "namespace")) || undefined;
  const given = field(item, isCustom ? "input" : "arguments");
  if (scope.isRequest && given !== undefined && typeof given !== "string") {
    reject(
      `${path}.${isCustom ? "input" : "arguments"}`,
      `expected a string, got ${kindOf(given)}`,
    );
  }
  return {
    type: "tool-call",
    id: readString(item, "call_id", path, scope) || (idFrame(item).id ?? ""),
    name: readString(item, "name", path, scope),
    // Some servers send the arguments as an object.
    args: typeof given === "string" ? given : given === undefined ? "" : JSON.stringify(given),
    executor: "client",
    ...(isCustom ? { freeform: true } : {}),
    ...(namespace === undefined ? {} : { namespace }),
    ...withExt(unknownFields(item, callKeys), endFrame(item, scope.isRequest)),
  };
}
