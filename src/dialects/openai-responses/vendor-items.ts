// Items of tools that OpenAI defines (web search, code interpreter, shell ...): kept whole, and readable for others.
// https://platform.openai.com/docs/guides/tools
import type { Part, ToolCallPart, ToolResultPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { pictureOf } from "./media.ts";
import { opaque, withExt } from "./wire.ts";

/** Calls that are no tool's use: only this wire makes anything of them. */
const notCalls: ReadonlySet<string> = new Set(["tool_search_call"]);

/** The parts of an item that is no message, reasoning or call of the client's own tools. */
export function decodeVendorItem(item: JsonObject): Part[] {
  const type = stringOr(field(item, "type")) ?? "";
  if (type === "image_generation_call") {
    const source = pictureOf(field(item, "result"));
    const { result: _, ...rest } = item;
    if (source) return [{ type: "image", source, ...withExt(undefined, { item: rest }) }];
  }
  if (type.endsWith("_call_output")) return [decodeVendorResult(item)];
  if (!type.endsWith("_call") || notCalls.has(type)) return [opaque(item)];
  const call = decodeVendorCall(item, type);
  const shown = shadowOf(item, call.id);
  return shown ? [call, shown] : [call];
}

function decodeVendorCall(item: JsonObject, type: string): ToolCallPart {
  return {
    type: "tool-call",
    id: vendorCallId(item),
    name: stringOr(field(item, "name")) || type.slice(0, -"_call".length),
    args: argsOf(item),
    executor: isClients(item, type) ? "client" : "provider",
    ...withExt(undefined, { item }),
  };
}

const vendorCallId = (item: JsonObject): string =>
  stringOr(field(item, "call_id")) || stringOr(field(item, "id")) || "";

/** Fields that say what is to be done, first wins. */
const wishes = ["action", "operation", "actions"] as const;
const told = ["code", "queries", "prompt"] as const;

function argsOf(item: JsonObject): string {
  const given = field(item, "arguments");
  if (typeof given === "string") return given;
  const wish = given ?? wishes.map((key) => field(item, key)).find((value) => value !== undefined);
  if (wish !== undefined) return JSON.stringify(wish);
  const fields = told.flatMap((key) => {
    const value = field(item, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return JSON.stringify(Object.fromEntries(fields));
}

const clientTools: ReadonlySet<string> = new Set([
  "computer_call",
  "local_shell_call",
  "apply_patch_call",
]);

/** Tools that the client runs. A shell is the client's unless it has a container. */
function isClients(item: JsonObject, type: string): boolean {
  if (clientTools.has(type)) return true;
  if (type !== "shell_call") return false;
  const environment = field(item, "environment");
  return !isObject(environment) || field(environment, "type") === "local";
}

/** What a tool gave back, where the call's own item has it: for wires that show results apart. */
function shadowOf(item: JsonObject, callId: string): ToolResultPart | undefined {
  const results = ["output", "outputs", "results", "error"].map((key) => field(item, key));
  const text = results.flatMap(readable).join("\n");
  if (text === "") return undefined;
  return {
    type: "tool-result",
    callId,
    parts: [{ type: "text", text }],
    isError: field(item, "error") !== undefined,
    ...withExt(undefined, { isShadow: true }),
  };
}

/** The answer to a call of OpenAI's own tools: a client's, or one that ran in OpenAI's container. */
export function decodeVendorResult(item: JsonObject): ToolResultPart {
  const output = field(item, "output");
  const url = isObject(output) ? stringOr(field(output, "image_url")) : undefined;
  const text = url === undefined ? readable(output).join("\n") : "";
  return {
    type: "tool-result",
    callId: vendorCallId(item),
    parts: [
      ...(text === "" ? [] : [{ type: "text" as const, text }]),
      ...(url === undefined ? [] : [{ type: "image" as const, source: screenshotOf(url) }]),
    ],
    isError: field(item, "status") === "failed",
    ...withExt(undefined, { item }),
  };
}

const screenshotOf = (url: string): Extract<Part, { type: "image" }>["source"] =>
  url.startsWith("data:")
    ? (pictureOf(url.slice(url.indexOf(",") + 1)) ?? { kind: "url", url })
    : { kind: "url", url };

const readableKeys = ["filename", "text", "logs", "stdout", "stderr", "message", "content", "url"];

/** The texts in a tool's result that mean something to a reader. */
function readable(value: unknown): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(readable);
  if (!isObject(value)) return [];
  return readableKeys.flatMap((key) => readable(field(value, key)));
}
