// Anthropic's rules for the messages of a conversation: roles, order, tool calls and their results, thinking, media.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { invalid } from "./anthropic-wording.ts";
import type { ClaudeModel } from "./anthropic-models.ts";
import { decodeBase64, imageType, isPdf } from "./media.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** How thinking that comes back is told from thinking that was tampered with. */
export interface ThinkingSeal {
  verify(text: string, signature: string): boolean;
  isSealed(data: string): boolean;
}

/** One block and where it stands. */
interface Placed {
  block: JsonObject;
  /** Index of the message. */
  message: number;
  /** Index in the message's content. */
  at: number;
}

/** Messages of one role in a row are one turn; `system` messages stand between turns and are none. */
interface Turn {
  role: "user" | "assistant";
  blocks: Placed[];
}

/** The first rule that the messages break. */
export function refuseMessages(
  body: JsonObject,
  model: ClaudeModel,
  seal: ThinkingSeal,
): Refusal | undefined {
  const messages = objects(body["messages"]);
  const last = messages.length - 1;
  if (last < 0) return invalid("messages: at least one message is required");
  for (const [index, message] of messages.entries()) {
    const refusal =
      refuseMessage(message, { index, last, model }) ?? refuseSystem(messages, index, model);
    if (refusal !== undefined) return refusal;
  }
  const turns = turnsOf(messages);
  return (
    refuseEnding(body, messages, model) ??
    refuseToolOrder(turns) ??
    refuseServerTools(turns) ??
    refuseSignatures(turns, seal) ??
    refuseMissingThinking(body, turns)
  );
}

interface Position {
  index: number;
  last: number;
  model: ClaudeModel;
}

function blocksOf(message: JsonObject): JsonObject[] {
  const { content } = message;
  return typeof content === "string" ? [{ type: "text", text: content }] : objects(content);
}

function turnsOf(messages: readonly JsonObject[]): Turn[] {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    const { role } = message;
    if (role !== "user" && role !== "assistant") continue;
    const blocks = blocksOf(message).map((block, at) => ({ block, message: index, at }));
    const previous = turns.at(-1);
    if (previous?.role === role) previous.blocks.push(...blocks);
    else turns.push({ role, blocks });
  }
  return turns;
}

// ---- one message ----

const onlyAssistant = new Set([
  "tool_use",
  "server_tool_use",
  "mcp_tool_use",
  "thinking",
  "redacted_thinking",
]);
const onlyUser = new Set(["tool_result", "image", "search_result"]);

function refuseMessage(message: JsonObject, { index, last }: Position): Refusal | undefined {
  const role = String(message["role"]);
  const { content } = message;
  const empty = content === "" || (Array.isArray(content) && content.length === 0);
  // A system message may hold its settings alone.
  const excused =
    (role === "assistant" && index === last) ||
    (role === "system" && isObject(message["output_config"]));
  if (empty && !excused) {
    return invalid(
      `messages.${index}: all messages must have non-empty content except for the optional final assistant message`,
    );
  }
  if (empty) return undefined;
  for (const [at, block] of blocksOf(message).entries()) {
    const refusal = refuseBlock(block, role, `messages.${index}.content.${at}`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refuseBlock(block: JsonObject, role: string, place: string): Refusal | undefined {
  const type = String(block["type"]);
  const message = place.replace(/\.content.*/, "");
  if (role !== "assistant" && onlyAssistant.has(type)) {
    return invalid(`${message}: \`${type}\` blocks can only be in \`assistant\` messages`);
  }
  if (role === "assistant" && onlyUser.has(type)) {
    return invalid(`${message}: \`${type}\` blocks can only be in \`user\` messages`);
  }
  switch (type) {
    case "text":
      return refuseText(block, "messages", `${place}.text`);
    case "image":
      return refuseImage(block, `${place}.image`);
    case "document":
      return refuseDocument(block, `${place}.document`);
    case "tool_result":
      return refuseResultContent(block, `${place}.tool_result`);
    default:
      return undefined;
  }
}

/** `owner` is what the vendor names: `messages` or `system`. */
export function refuseText(block: JsonObject, owner: string, place: string): Refusal | undefined {
  const text = String(block["text"]);
  if (text === "" && isObject(block["cache_control"])) {
    return invalid(`${place}: cache_control cannot be set for empty text blocks`);
  }
  if (text === "") return invalid(`${owner}: text content blocks must be non-empty`);
  if (text.trim() === "")
    return invalid(`${owner}: text content blocks must contain non-whitespace text`);
  return undefined;
}

function refuseResultContent(block: JsonObject, place: string): Refusal | undefined {
  for (const [at, part] of objects(block["content"]).entries()) {
    const inside = `${place}.content.${at}`;
    const refusal =
      part["type"] === "image"
        ? refuseImage(part, `${inside}.image`)
        : part["type"] === "document"
          ? refuseDocument(part, `${inside}.document`)
          : part["type"] === "text"
            ? refuseText(part, "messages", `${inside}.text`)
            : undefined;
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refuseImage(block: JsonObject, place: string): Refusal | undefined {
  const source = isObject(block["source"]) ? block["source"] : {};
  if (source["type"] === "url") return refuseUrl(source, `${place}.source.url`);
  if (source["type"] !== "base64") return undefined;
  const bytes = decodeBase64(String(source["data"]));
  if (bytes === undefined) return invalid(`${place}.source.base64: invalid base64 data`);
  const found = imageType(bytes);
  if (found === undefined) return invalid(`${place}.source.base64.data: Could not process image`);
  return found === source["media_type"]
    ? undefined
    : invalid(
        `${place}.source.base64.data: The image was specified using the ${String(source["media_type"])} media type, but the image appears to be a ${found} image`,
      );
}

function refuseDocument(block: JsonObject, place: string): Refusal | undefined {
  const source = isObject(block["source"]) ? block["source"] : {};
  if (source["type"] === "url") return refuseUrl(source, `${place}.source.url`);
  if (source["type"] !== "base64") return undefined;
  const bytes = decodeBase64(String(source["data"]));
  if (bytes === undefined) return invalid(`${place}.source.base64: invalid base64 data`);
  return isPdf(bytes)
    ? undefined
    : invalid(`${place}.source.base64.data: The PDF specified was not valid.`);
}

function refuseUrl(source: JsonObject, place: string): Refusal | undefined {
  const url = String(source["url"]);
  return /^https:\/\//i.test(url) && URL.canParse(url)
    ? undefined
    : invalid(`${place}.url: Only HTTPS URLs are supported.`);
}

/** https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages */
function refuseSystem(
  messages: readonly JsonObject[],
  index: number,
  model: ClaudeModel,
): Refusal | undefined {
  if (messages[index]?.["role"] !== "system") return undefined;
  if (!model.systemMessages) return invalid("role 'system' is not supported on this model");
  const next = messages.slice(index + 1).find((message) => message["role"] !== "system");
  if (next !== undefined && next["role"] !== "assistant") {
    return invalid(
      `messages.${index}: role 'system' must precede an 'assistant' message or end the array`,
    );
  }
  const previous = messages.slice(0, index).findLast((message) => message["role"] !== "system");
  return previous?.["role"] === "user"
    ? undefined
    : invalid(`messages.${index}: role 'system' must follow a 'user' message`);
}

// ---- the end ----

function refuseEnding(
  body: JsonObject,
  messages: readonly JsonObject[],
  model: ClaudeModel,
): Refusal | undefined {
  const final = messages.at(-1);
  if (final?.["role"] !== "assistant") return undefined;
  const block = blocksOf(final).at(-1);
  if (block?.["type"] !== "text") return undefined;
  if (!model.prefill) {
    return invalid(
      "This model does not support assistant message prefill. The conversation must end with a user message.",
    );
  }
  const thinks = isObject(body["thinking"]) && body["thinking"]["type"] === "enabled";
  if (thinks && blocksOf(final)[0]?.["type"] === "text")
    return expectedThinking(messages.length - 1, 0, "text");
  const text = String(block["text"]);
  return text !== text.trimEnd()
    ? invalid("messages: final assistant content cannot end with trailing whitespace")
    : undefined;
}

// ---- tools ----

/** Each call is answered first thing in the next user turn, and only calls are answered. */
function refuseToolOrder(turns: readonly Turn[]): Refusal | undefined {
  for (const [index, turn] of turns.entries()) {
    const refusal =
      turn.role === "user"
        ? refuseResults(turn, turns[index - 1])
        : (refuseRepeatedIds(turn) ?? refuseUnanswered(turn, turns[index + 1]));
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const callIds = (turn: Turn | undefined): string[] =>
  (turn?.blocks ?? [])
    .filter(({ block }) => block["type"] === "tool_use")
    .map(({ block }) => String(block["id"]));

/** Ids are unique within a turn; a later turn may use one again. */
function refuseRepeatedIds(turn: Turn): Refusal | undefined {
  const ids = callIds(turn);
  return new Set(ids).size < ids.length
    ? invalid("messages: `tool_use` ids must be unique")
    : undefined;
}

function refuseUnanswered(turn: Turn, next: Turn | undefined): Refusal | undefined {
  const answered = new Set<string>();
  for (const { block } of next?.blocks ?? []) {
    // Results behind other content do not count.
    if (block["type"] !== "tool_result") break;
    answered.add(String(block["tool_use_id"]));
  }
  const missing = callIds(turn).filter((id) => !answered.has(id));
  if (missing.length === 0) return undefined;
  const index = turn.blocks.findLast(({ block }) => block["type"] === "tool_use")?.message ?? 0;
  return invalid(
    `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}

function refuseResults(turn: Turn, previous: Turn | undefined): Refusal | undefined {
  const asked = new Set(callIds(previous));
  const found = new Set<string>();
  for (const { block, message, at } of turn.blocks) {
    if (block["type"] !== "tool_result") continue;
    const id = String(block["tool_use_id"]);
    if (!asked.has(id)) {
      return invalid(
        `messages.${message}.content.${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    if (found.has(id)) {
      return invalid(
        `messages.${message}.content.${at}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`,
      );
    }
    found.add(id);
  }
  return undefined;
}

/** Results of tools that the vendor ran follow their calls in the same turn. */
function refuseServerTools(turns: readonly Turn[]): Refusal | undefined {
  for (const turn of turns) {
    const asked = new Set<string>();
    for (const { block, message, at } of turn.blocks) {
      const type = String(block["type"]);
      if (type === "server_tool_use" || type === "mcp_tool_use") asked.add(String(block["id"]));
      if (!type.endsWith("_tool_result") || type === "tool_result") continue;
      const id = String(block["tool_use_id"]);
      const call = type === "mcp_tool_result" ? "mcp_tool_use" : "server_tool_use";
      if (asked.has(id)) continue;
      return invalid(
        `messages.${message}.content.${at}: unexpected \`tool_use_id\` found in \`${type}\` blocks: ${id}. Each \`${type}\` block must have a corresponding \`${call}\` block before it.`,
      );
    }
  }
  return undefined;
}

// ---- thinking ----

function refuseSignatures(turns: readonly Turn[], seal: ThinkingSeal): Refusal | undefined {
  for (const turn of turns) {
    for (const { block, message, at } of turn.blocks) {
      const place = `messages.${message}.content.${at}`;
      if (
        block["type"] === "thinking" &&
        !seal.verify(String(block["thinking"]), String(block["signature"]))
      ) {
        return invalid(`${place}: Invalid \`signature\` in \`thinking\` block`);
      }
      if (block["type"] === "redacted_thinking" && !seal.isSealed(String(block["data"]))) {
        return invalid(`${place}: Invalid \`data\` in \`redacted_thinking\` block`);
      }
    }
  }
  return undefined;
}

/** While a tool loop runs, the assistant turn that called the tools must still begin with its thinking. */
function refuseMissingThinking(body: JsonObject, turns: readonly Turn[]): Refusal | undefined {
  if (!isObject(body["thinking"]) || body["thinking"]["type"] !== "enabled") return undefined;
  return refuseUnthoughtLoop(turns);
}

/** The same, whatever the request says of thinking. */
export const refuseUnthought = (body: JsonObject): Refusal | undefined =>
  refuseUnthoughtLoop(turnsOf(objects(body["messages"])));

function refuseUnthoughtLoop(turns: readonly Turn[]): Refusal | undefined {
  const inLoop = turns.at(-1)?.blocks.some(({ block }) => block["type"] === "tool_result") ?? false;
  const turn = inLoop ? turns.at(-2) : undefined;
  const first = turn?.blocks[0];
  if (turn?.role !== "assistant" || first === undefined) return undefined;
  const type = String(first.block["type"]);
  if (type === "thinking" || type === "redacted_thinking") return undefined;
  return expectedThinking(first.message, first.at, type);
}

const expectedThinking = (message: number, at: number, found: string): Refusal =>
  invalid(
    `messages.${message}.content.${at}.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${found}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable \`thinking\`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking`,
  );
