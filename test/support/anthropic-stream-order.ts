// The order of events that an Anthropic Messages stream must keep, checked frame by frame.
// https://platform.claude.com/docs/en/build-with-claude/streaming
import type { Frame } from "../../src/lib/frame.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";

export interface StreamOrderOptions {
  /** The stream may end with an `error` event instead of `message_stop`. Default false. */
  mayFail?: boolean;
}

const deltasOf: Readonly<Record<string, readonly string[]>> = {
  text: ["text_delta", "citations_delta"],
  thinking: ["thinking_delta", "signature_delta"],
  redacted_thinking: [],
  tool_use: ["input_json_delta"],
  server_tool_use: ["input_json_delta"],
  mcp_tool_use: ["input_json_delta"],
};

const stopReasons = new Set([
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "pause_turn",
  "refusal",
  "model_context_window_exceeded",
  "compaction",
]);

/** Every breach of the vendor's order, as readable lines; empty when the stream is in order. */
export function checkStreamOrder(
  frames: readonly Frame[],
  { mayFail = false }: StreamOrderOptions = {},
): string[] {
  const problems: string[] = [];
  let state: "before" | "blocks" | "closing" | "over" = "before";
  let open: { index: number; type: string; json: string; isSigned: boolean } | undefined;
  let nextIndex = 0;
  const blame = (position: number, problem: string): void => {
    problems.push(`frame ${position}: ${problem}`);
  };
  for (const [position, { event, data }] of frames.entries()) {
    const json = readData(data);
    if (!json) {
      blame(position, "data is no JSON object");
      continue;
    }
    const type = String(json["type"]);
    if (event !== type) blame(position, `event name \`${event}\` differs from type \`${type}\``);
    if (data.includes("\n")) blame(position, "data holds a line break");
    if (state === "over") blame(position, `\`${type}\` after the end`);
    switch (type) {
      case "message_start":
        if (state !== "before") blame(position, "a second message_start");
        state = "blocks";
        for (const problem of checkStart(json)) blame(position, problem);
        break;
      case "content_block_start": {
        if (state !== "blocks") blame(position, `a block begins in state ${state}`);
        if (open) blame(position, `a block begins while block ${open.index} is open`);
        const block = isObject(json["content_block"]) ? json["content_block"] : {};
        if (json["index"] !== nextIndex) {
          blame(position, `index ${String(json["index"])} where ${nextIndex} is next`);
        }
        open = { index: nextIndex, type: String(block["type"]), json: "", isSigned: false };
        nextIndex += 1;
        for (const problem of checkBlock(block)) blame(position, problem);
        break;
      }
      case "content_block_delta": {
        const delta = isObject(json["delta"]) ? json["delta"] : {};
        const kind = String(delta["type"]);
        if (!open || json["index"] !== open.index) {
          blame(position, "a delta for a block that is not open");
          break;
        }
        const allowed = Object.hasOwn(deltasOf, open.type) ? (deltasOf[open.type] ?? []) : [];
        if (!allowed.includes(kind)) blame(position, `${kind} in a ${open.type} block`);
        if (kind === "input_json_delta") open.json += String(delta["partial_json"]);
        if (kind === "signature_delta") {
          if (open.isSigned) blame(position, "a second signature");
          open.isSigned = true;
        } else if (kind === "thinking_delta" && open.isSigned) {
          blame(position, "thinking after its signature");
        }
        break;
      }
      case "content_block_stop":
        if (!open || json["index"] !== open.index) blame(position, "a block ends that is not open");
        else if (open.json !== "" && !isJson(open.json)) {
          blame(position, `the input of block ${open.index} is no JSON`);
        }
        open = undefined;
        break;
      case "message_delta":
        if (open) blame(position, `message_delta while block ${open.index} is open`);
        if (state !== "blocks" && state !== "closing") blame(position, `message_delta in ${state}`);
        state = "closing";
        for (const problem of checkMessageDelta(json)) blame(position, problem);
        break;
      case "message_stop":
        if (state !== "closing") blame(position, `message_stop in state ${state}`);
        state = "over";
        break;
      case "error":
        if (!mayFail) blame(position, `error event: ${data.slice(0, 200)}`);
        for (const problem of checkError(json)) blame(position, problem);
        state = "over";
        break;
      case "ping":
        if (state === "before") blame(position, "ping before message_start");
        break;
      default:
        if (state === "before") blame(position, `\`${type}\` before message_start`);
    }
  }
  if (state !== "over") problems.push("the stream has no end");
  return problems;
}

function readData(data: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

function checkStart(json: JsonObject): string[] {
  const message = isObject(json["message"]) ? json["message"] : {};
  const usage = isObject(message["usage"]) ? message["usage"] : {};
  return [
    ...(/^msg_[\w-]+$/.test(String(message["id"])) ? [] : [`id \`${String(message["id"])}\``]),
    ...(message["type"] === "message" && message["role"] === "assistant" ? [] : ["no message"]),
    ...(typeof message["model"] === "string" && message["model"] !== "" ? [] : ["no model"]),
    ...(Array.isArray(message["content"]) ? [] : ["content is no list"]),
    ...(isCount(usage["input_tokens"]) && isCount(usage["output_tokens"]) ? [] : ["no usage"]),
  ];
}

function checkBlock(block: JsonObject): string[] {
  switch (block["type"]) {
    case "text":
      return block["text"] === "" ? [] : ["a text block begins with text"];
    case "thinking":
      return block["thinking"] === "" ? [] : ["a thinking block begins with thinking"];
    case "redacted_thinking":
      return typeof block["data"] === "string" ? [] : ["redacted thinking without data"];
    case "tool_use":
      return [
        ...(/^[\w-]+$/.test(String(block["id"])) ? [] : [`tool id \`${String(block["id"])}\``]),
        ...(typeof block["name"] === "string" && block["name"] !== "" ? [] : ["no tool name"]),
        ...(JSON.stringify(block["input"]) === "{}" ? [] : ["a tool call begins with input"]),
      ];
    default:
      return [];
  }
}

function checkMessageDelta(json: JsonObject): string[] {
  const delta = isObject(json["delta"]) ? json["delta"] : {};
  const usage = isObject(json["usage"]) ? json["usage"] : {};
  const reason = String(delta["stop_reason"]);
  return [
    ...(stopReasons.has(reason) ? [] : [`stop_reason \`${reason}\``]),
    ...("stop_sequence" in delta ? [] : ["no stop_sequence"]),
    ...(isCount(usage["output_tokens"]) ? [] : ["no output_tokens"]),
  ];
}

function checkError(json: JsonObject): string[] {
  const error = isObject(json["error"]) ? json["error"] : {};
  const isNative = typeof error["type"] === "string" && typeof error["message"] === "string";
  return isNative ? [] : ["an error without type and message"];
}
