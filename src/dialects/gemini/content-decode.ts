// The conversation of a client's request: turns of one role joined, calls and results matched where they have no ids.
// https://ai.google.dev/api/caching#Content
import type { Message, Part } from "../../ir/chat.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import { unknownFields } from "../ext.ts";
import { madeUpPrefix } from "./names.ts";
import { decodePart, type PartScope } from "./part-decode.ts";
import {
  camel,
  dialectId,
  listAt,
  objectAt,
  optionalString,
  reject,
  rejectMissing,
  withExt,
} from "./wire.ts";

/** The system prompt, whatever its role; Google takes a bare text too. */
export function decodeSystem(value: unknown): Message[] {
  if (value === undefined) return [];
  const place = "systemInstruction";
  if (typeof value === "string") {
    return value === "" ? [] : [{ role: "system", parts: [{ type: "text", text: value }], place }];
  }
  const content = camel(objectAt(value, place));
  const calls = createCalls();
  const parts = decodeParts(content, place, { calls, texts: new Map(), key: "" });
  return parts.length === 0 ? [] : [{ role: "system", parts, place }];
}

export interface Spelling {
  /** The body as it came. */
  text: string;
  /** Where in it `json` stands. */
  prefix: readonly string[];
}

const contentKeys = new Set(["role", "parts"]);

export function decodeContents(json: JsonObject, spelling: Spelling): Message[] {
  const items = listAt(json, "contents");
  if (!items || items.length === 0) return rejectMissing("contents");
  const calls = createCalls();
  const texts = jsonTexts(items, spelling);
  const messages: Message[] = [];
  for (const [index, item] of items.entries()) {
    const place = `contents[${index}]`;
    const content = camel(objectAt(item, place));
    const role = roleOf(content, place);
    const parts = decodeParts(content, place, { calls, texts, key: String(index) });
    const message: Message = {
      role,
      parts,
      place,
      ...withExt(unknownFields(content, contentKeys)),
    };
    const last = messages.at(-1);
    // Clients that stream keep each chunk as a content of its own.
    if (role === "assistant" && last?.role === "assistant") join(last, message);
    else messages.push(message);
  }
  return messages;
}

function roleOf(content: JsonObject, place: string): "user" | "assistant" {
  const role = optionalString(content, "role", place) ?? "user";
  switch (role) {
    case "user":
    case "function":
    case "":
      return "user";
    case "model":
      return "assistant";
    default:
      return reject(`${place}.role`, "Please use a valid role: user, model");
  }
}

function join(message: Message, next: Message): void {
  const last = message.parts.at(-1);
  const [first, ...rest] = next.parts;
  if (last?.type === "text" && first?.type === "text" && isBare(last) && isBare(first)) {
    message.parts[message.parts.length - 1] = { type: "text", text: last.text + first.text };
    message.parts.push(...rest);
  } else message.parts.push(...next.parts);
  if (next.ext) message.ext = { ...message.ext, ...next.ext };
  message.parts = withoutRepeated(message.parts.filter((part) => !isNothing(part)));
}

const isBare = (part: Part): boolean => part.proof === undefined && part.ext === undefined;

interface Reading {
  calls: Calls;
  texts: ReadonlyMap<string, string>;
  /** Index of the content. */
  key: string;
}

function decodeParts(content: JsonObject, place: string, { calls, texts, key }: Reading): Part[] {
  const items = listAt(content, "parts", place) ?? [];
  const parts = items.flatMap((item, index) => {
    const scope: PartScope = {
      origin: { dialect: dialectId },
      isRequest: true,
      jsonText: texts.get(`${key}.${index}`),
      callId: () => `${madeUpPrefix}_${key}_${index}`,
      resultId: (name) => calls.answered(name) ?? `${madeUpPrefix}_${key}_${index}_unasked`,
    };
    const decoded = decodePart(
      objectAt(item, `${place}.parts[${index}]`),
      `${place}.parts[${index}]`,
      scope,
    );
    for (const part of decoded) {
      if (part.type === "tool-call") calls.add(part.name, part.id);
      if (part.type === "tool-result") calls.remove(part.callId);
    }
    return decoded;
  });
  return withoutRepeated(parts);
}

/** Streams end with an empty text, which clients send back among the rest. */
const isNothing = (part: Part): boolean => part.type === "text" && part.text === "" && isBare(part);

/** Thoughts that a seal holds whole are not taken a second time from the bare part that showed them. */
function withoutRepeated(parts: Part[]): Part[] {
  const isSealed = (part: Part): boolean =>
    part.type === "reasoning" && part.origin.dialect !== dialectId;
  if (!parts.some(isSealed)) return parts;
  return parts.filter(
    (part) => part.type !== "reasoning" || isSealed(part) || part.signature !== undefined,
  );
}

/** Calls that wait for their results: without ids they are matched by name, in order. */
interface Calls {
  add(name: string, id: string): void;
  remove(id: string): void;
  answered(name: string): string | undefined;
}

function createCalls(): Calls {
  const open: { name: string; id: string }[] = [];
  return {
    add: (name, id) => void open.push({ name, id }),
    remove(id) {
      const index = open.findIndex((call) => call.id === id);
      if (index >= 0) open.splice(index, 1);
    },
    answered: (name) => open.find((call) => call.name === name)?.id,
  };
}

const jsonKeys = [
  ["functionCall", "args"],
  ["function_call", "args"],
  ["functionResponse", "response"],
  ["function_response", "response"],
] as const;

/** The exact text of calls' arguments and of results, by indexes of content and part. */
function jsonTexts(items: readonly unknown[], { text, prefix }: Spelling): Map<string, string> {
  const found = new Map<string, string>();
  const starts = prefix.length > 0 ? [prefix, ["generate_content_request"]] : [prefix];
  for (const [outer, inner] of jsonKeys) {
    const isThere = items.some(
      (item) =>
        isObject(item) &&
        Array.isArray(item["parts"]) &&
        item["parts"].some((part) => isObject(part) && Object.hasOwn(part, outer)),
    );
    if (!isThere) continue;
    for (const start of starts) {
      const pattern = [...start, "contents", "*", "parts", "*", outer, inner];
      for (const { path, text: raw } of rawAt(text, pattern)) {
        const [content, , part] = path.slice(start.length + 1);
        found.set(`${content}.${part}`, raw);
      }
    }
  }
  return found;
}
