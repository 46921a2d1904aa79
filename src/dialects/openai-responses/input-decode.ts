// The items of a client's input read into messages.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
import type {
  AudioPart,
  FilePart,
  ImagePart,
  Message,
  OpaquePart,
  Part,
  RefusalPart,
  TextPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr, wordOf } from "../fields.ts";
import {
  kindOf,
  objectAt,
  optionalArray,
  optionalString,
  reject,
  rejectMissing,
  requiredString,
} from "../openai-words.ts";
import { decodeItem, endFrame } from "./item-decode.ts";
import { breakpointKey, breakpointOf, decodeAudio, decodeFile, decodeImage } from "./media.ts";
import { readSeal } from "./sealed.ts";
import type { ToolReader } from "./tool-decode.ts";
import { decodeVendorResult } from "./vendor-items.ts";
import { dialectId, opaque, withExt } from "./wire.ts";

/** An item that is no message's: put back before the message at `at`. */
export interface SideItem extends JsonObject {
  at: number;
  item: JsonObject;
}

export interface DecodedInput {
  messages: Message[];
  sides: SideItem[];
}

/** Reads the tools that items declare into `reader` on the way. */
export function decodeInput(input: unknown, reader: ToolReader): DecodedInput {
  if (typeof input === "string") {
    const parts: Part[] = [{ type: "text", text: input }];
    return { messages: [{ role: "user", parts, place: "input" }], sides: [] };
  }
  if (!Array.isArray(input)) {
    return reject("input", `expected a string or an array of items, got ${kindOf(input)}`);
  }
  const items = input.map((value, index) => objectAt(value, `input[${index}]`));
  for (const [index, item] of items.entries()) readTools(item, `input[${index}]`, reader);
  const builder = createBuilder(reader);
  for (const [index, item] of items.entries()) builder.add(item, `input[${index}]`);
  return builder.result();
}

/** Items that declare tools. */
function readTools(item: JsonObject, path: string, reader: ToolReader): void {
  const type = field(item, "type");
  if (type !== "additional_tools" && type !== "tool_search_output") return;
  reader.read(optionalArray(item, "tools", path) ?? [], `${path}.tools`, true);
}

interface Builder {
  add(item: JsonObject, path: string): void;
  result(): DecodedInput;
}

const results: ReadonlySet<string> = new Set(["function_call_output", "custom_tool_call_output"]);
/** Items that a client adds, and that only OpenAI understands. */
const clientItems: ReadonlySet<string> = new Set([
  "mcp_approval_response",
  "compaction_trigger",
  "configuration_update",
]);

function createBuilder(reader: ToolReader): Builder {
  const messages: Message[] = [];
  const sides: SideItem[] = [];
  /** What items of one side in a row are gathered in. */
  let run: Message | undefined;
  /** Calls that OpenAI ran itself: their results are no client's. */
  const ranThere = new Set<string>();
  /** Proof that stands before what it proves. */
  let proof: Part["proof"];

  const gather = (role: "user" | "assistant", path: string): Message => {
    if (run?.role !== role) messages.push((run = { role, parts: [], place: path }));
    return run;
  };
  const addMade = (item: JsonObject, path: string): void => {
    const sealed = readSeal(item);
    if (sealed?.proof) {
      proof = sealed.proof;
      return;
    }
    const scope = { origin: { dialect: dialectId }, isRequest: true };
    const parts = sealed?.part ? [sealed.part] : decodeItem(item, path, scope);
    const { parts: gathered } = gather("assistant", path);
    for (const part of parts) {
      if (part.type === "tool-call") {
        part.name = reader.nameOf(part.name, part.namespace);
        if (part.executor === "provider") ranThere.add(part.id);
      }
      if (proof) part.proof = proof;
      proof = undefined;
      gathered.push(part);
    }
  };
  /** A proof that nothing follows stood on the empty end of a text. */
  const endTurn = (): void => {
    if (proof) gather("assistant", "input").parts.push({ type: "text", text: "", proof });
    proof = undefined;
  };
  const given = (path: string): Message => {
    endTurn();
    return gather("user", path);
  };
  const addMessage = (item: JsonObject, path: string): void => {
    const role = requiredString(item, "role", path);
    if (role === "assistant") return addMade({ ...item, type: "message" }, path);
    endTurn();
    if (role !== "user" && role !== "system" && role !== "developer") {
      reject(
        `${path}.role`,
        `\`${role.slice(0, 40)}\` is none of user, assistant, system, developer`,
      );
    }
    run = undefined;
    messages.push(decodeMessage(item, path));
  };

  return {
    add(item, path) {
      const type =
        optionalString(item, "type", path) ??
        (field(item, "role") === undefined ? rejectMissing(`${path}.type`) : "message");
      if (type === "message") addMessage(item, path);
      else if (type === "additional_tools") {
        endTurn();
        run = undefined;
        sides.push({ at: messages.length, item });
      } else if (results.has(type)) given(path).parts.push(decodeResult(item, path));
      else if (type.endsWith("_call_output") && !ranThere.has(wordOf(field(item, "call_id")))) {
        given(path).parts.push(decodeVendorResult(item));
      } else if (clientItems.has(type)) given(path).parts.push(ownItem(item));
      else if (type === "tool_search_output" && field(item, "execution") === "client") {
        given(path).parts.push(ownItem(item));
      } else addMade(item, path);
    },
    result() {
      endTurn();
      return { messages, sides };
    },
  };
}

/** An item that only this wire understands, in a turn of the client's. */
const ownItem = (item: JsonObject): OpaquePart => ({
  ...opaque(item),
  ...withExt(undefined, { item }),
});

const messageKeys = new Set(["type", "role", "content", "id", "status"]);

function decodeMessage(item: JsonObject, path: string): Message {
  const role = field(item, "role") === "user" ? "user" : "system";
  const spelling = role === "system" ? { role: field(item, "role") } : {};
  const { end: _, ...frame } = endFrame(item, true);
  return {
    role,
    parts: decodeContent(field(item, "content"), `${path}.content`),
    place: path,
    ...withExt(unknownFields(item, messageKeys), { ...frame, ...spelling }),
  };
}

const resultKeys = new Set(["type", "id", "status", "call_id", "output"]);

function decodeResult(item: JsonObject, path: string): ToolResultPart {
  const output = field(item, "output");
  const parts = output === undefined ? [] : decodeContent(output, `${path}.output`);
  return {
    type: "tool-result",
    callId: requiredString(item, "call_id", path),
    parts: parts.flatMap((part, index) => {
      if (part.type === "text" && part.text === "" && typeof output === "string") return [];
      return part.type === "audio" || part.type === "refusal"
        ? [opaque(Array.isArray(output) ? output[index] : output)]
        : [part];
    }),
    isError: false,
    ...withExt(unknownFields(item, resultKeys), {
      ...endFrame(item, true),
      type: stringOr(field(item, "type")),
    }),
  };
}

type ContentPart = TextPart | ImagePart | FilePart | AudioPart | RefusalPart | OpaquePart;

function decodeContent(content: unknown, path: string): ContentPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) {
    return reject(path, `expected a string or an array of content parts, got ${kindOf(content)}`);
  }
  return content.map((value, index) => {
    const place = `${path}[${index}]`;
    const item = objectAt(value, place);
    const part = decodePart(item, place);
    const mark = breakpointOf(item);
    if (!isObject(mark) || part.type === "opaque") return part;
    const fields = part.ext?.[dialectId];
    const { ext: _, ...bare } = part;
    return { ...bare, cache: {}, ...withExt(fields, { breakpoint: mark }) };
  });
}

const textKeys = new Set(["type", "text", "annotations", "logprobs", breakpointKey]);

function decodePart(part: JsonObject, path: string): ContentPart {
  switch (requiredString(part, "type", path)) {
    case "input_text":
    case "output_text":
    case "text":
      return {
        type: "text",
        text: requiredString(part, "text", path),
        ...withExt(unknownFields(part, textKeys)),
      };
    case "input_image":
      return decodeImage(part, path);
    case "input_file":
      return decodeFile(part, path);
    case "input_audio":
      return decodeAudio(part, path);
    case "refusal":
      return { type: "refusal", text: requiredString(part, "refusal", path) };
    default:
      return opaque(part);
  }
}
