// The messages of a client's chat request, and which result answers which call.
import type { Message, Part, ToolCallPart, ToolResultPart } from "../../ir/chat.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import type { Body } from "../dialect.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import type { Losses } from "../losses.ts";
import { decodeImages } from "./images.ts";
import {
  dialectId,
  kindOf,
  objectAt,
  optionalArray,
  optionalString,
  reject,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

/** An empty list loads the model. */
export function decodeMessages(body: Body, losses: Losses): Message[] {
  const messages: Message[] = [];
  const calls = createCalls(losses);
  const spelt = createSpelling(body);
  let results: Message | undefined;
  for (const [index, value] of (optionalArray(body.json, "messages") ?? []).entries()) {
    const path = `messages[${index}]`;
    const item = objectAt(value, path);
    const role = requiredString(item, "role", path);
    if (role === "tool") {
      // Consecutive results are one turn.
      if (!results) messages.push((results = { role: "user", parts: [], place: path }));
      results.parts.push(decodeResult(item, path, calls));
      continue;
    }
    results = undefined;
    if (role !== "system" && role !== "user" && role !== "assistant") {
      return reject(`${path}.role`, "expected one of system, user, assistant, tool");
    }
    const thinking = optionalString(item, "thinking", path) ?? "";
    const parts: Part[] = [
      ...(thinking === ""
        ? []
        : [{ type: "reasoning" as const, text: thinking, origin: { dialect: dialectId } }]),
      ...decodeImages(item, path),
      ...contentOf(item, path),
    ];
    for (const [at, call] of (optionalArray(item, "tool_calls", path) ?? []).entries()) {
      const place = `${path}.tool_calls[${at}]`;
      parts.push(calls.open(decodeCall(objectAt(call, place), place, spelt(index, at))));
    }
    messages.push({ role, parts, place: path, ...withExt(unknownFields(item, messageKeys)) });
  }
  return messages;
}

const messageKeys = new Set(["role", "content", "thinking", "images", "tool_calls"]);

function contentOf(item: JsonObject, path: string): Part[] {
  const content = field(item, "content");
  if (content === undefined || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  return reject(`${path}.content`, `expected string, got ${kindOf(content)}`);
}

/** A call without `id` has an empty one until it gets its own. */
function decodeCall(call: JsonObject, path: string, spelt: string | undefined): ToolCallPart {
  const called = requiredObject(call, "function", path);
  return {
    type: "tool-call",
    id: optionalString(call, "id", path) ?? "",
    name: requiredString(called, "name", `${path}.function`),
    args: decodeArguments(called, `${path}.function`, spelt),
    executor: "client",
    ...withCallExt(call, called),
  };
}

const callKeys = new Set(["id", "type", "function"]);
const calledKeys = new Set(["index", "name", "arguments", "description"]);

function withCallExt(call: JsonObject, called: JsonObject): ReturnType<typeof withExt> {
  const inner = unknownMembers(called, calledKeys);
  const outer = unknownFields(call, callKeys);
  return withExt(inner ? { ...outer, function: inner } : outer);
}

/** An object as it is spelt; some clients send OpenAI's string. */
function decodeArguments(called: JsonObject, path: string, spelt: string | undefined): string {
  const args = field(called, "arguments");
  if (args === undefined) return "";
  if (typeof args === "string") return args;
  if (!isObject(args)) return reject(`${path}.arguments`, `expected object, got ${kindOf(args)}`);
  return spelt ?? JSON.stringify(args);
}

/** The arguments of calls as the client spelt them, by the places of message and call. */
function createSpelling({
  json,
  text,
}: Body): (message: number, call: number) => string | undefined {
  const messages = field(json, "messages");
  const hasCalls =
    Array.isArray(messages) &&
    messages.some((item) => isObject(item) && field(item, "tool_calls") !== undefined);
  if (!hasCalls) return () => undefined;
  const pattern = ["messages", "*", "tool_calls", "*", "function", "arguments"];
  const found = new Map(
    rawAt(text, pattern).map(({ path, text: spelt }) => [`${path[1]}.${path[3]}`, spelt]),
  );
  return (message, call) => found.get(`${message}.${call}`);
}

const resultKeys = new Set(["role", "content", "images", "tool_name", "tool_call_id", "name"]);

function decodeResult(item: JsonObject, path: string, calls: Calls): ToolResultPart {
  const name = optionalString(item, "tool_name", path) ?? optionalString(item, "name", path);
  const id = optionalString(item, "tool_call_id", path);
  const parts = [...contentOf(item, path), ...decodeImages(item, path)];
  return {
    type: "tool-result",
    callId: calls.answer({ id, name, path }),
    parts: parts.filter((part) => part.type === "text" || part.type === "image"),
    isError: false,
    ...withExt(unknownFields(item, resultKeys)),
  };
}

interface Calls {
  /** The call with an id: its own, or one that stays the same whenever this conversation is sent. */
  open(call: ToolCallPart): ToolCallPart;
  /** The id of the call that a result answers. */
  answer(result: { id: string | undefined; name: string | undefined; path: string }): string;
}

/**
 * Matches results to calls: by id; older versions of this wire have none, then by the tool's name; where that is missing
 * too, in order. Ids that the gateway gives are counted, not random: they become part of what a provider caches.
 */
function createCalls(losses: Losses): Calls {
  const waiting: { id: string; name: string }[] = [];
  const used = new Set<string>();
  let count = 0;
  const nextId = (): string => {
    do count += 1;
    while (used.has(`call_${count}`));
    return `call_${count}`;
  };
  return {
    open(call) {
      const id = call.id === "" ? nextId() : call.id;
      used.add(id);
      waiting.push({ id, name: call.name });
      return { ...call, id };
    },
    answer({ id, name, path }) {
      const byId = id ? waiting.findIndex((call) => call.id === id) : -1;
      const byName = name ? waiting.findIndex((call) => call.name === name) : -1;
      const unnamed = id || name ? -1 : 0;
      const index = [byId, byName].find((place) => place >= 0) ?? unnamed;
      const [call] = index < 0 ? [] : waiting.splice(index, 1);
      if (call) return call.id;
      const what = stringOr(id ?? name)?.slice(0, 60);
      losses.lose(
        path,
        what === undefined
          ? "this tool result answers no call before it"
          : `the tool result of \`${what}\` answers no call before it`,
      );
      return id ? id : nextId();
    },
  };
}
