// Results of functions: an object on this wire, text on most others.
// https://ai.google.dev/api/caching#FunctionResponse
import type { ToolResultPart } from "../../ir/chat.ts";
import { isObject, JsonError, type JsonObject, parse, RawJson, rawAt } from "../../lib/json.ts";
import { unknownFields } from "../ext.ts";
import { field } from "../fields.ts";
import { decodeFileData, decodeInline } from "./media.ts";
import { camel, listAt, objectAt, opaque, optionalObject, withExt } from "./wire.ts";

const knownKeys = new Set(["id", "name", "response", "parts"]);

export interface ResponseScope {
  callId: string;
  /** The exact text of `response`, where it is known. */
  text?: string | undefined;
}

/** `message` in lowerCamelCase. */
export function decodeFunctionResponse(
  message: JsonObject,
  path: string,
  { callId, text }: ResponseScope,
): ToolResultPart {
  const response = optionalObject(message, "response", path) ?? {};
  const said = readResponse(response, text);
  const media = (listAt(message, "parts", path) ?? []).map((item, index) =>
    decodeMediaPart(objectAt(item, `${path}.parts[${index}]`), `${path}.parts[${index}]`),
  );
  return {
    type: "tool-result",
    callId,
    parts: [...(said.text === "" ? [] : [{ type: "text" as const, text: said.text }]), ...media],
    isError: said.isError,
    ...withExt(unknownFields(message, knownKeys)),
  };
}

function decodeMediaPart(item: JsonObject, path: string): ToolResultPart["parts"][number] {
  const part = camel(item);
  const inline = optionalObject(part, "inlineData", path);
  const file = optionalObject(part, "fileData", path);
  const media = inline
    ? decodeInline(inline, `${path}.inlineData`)
    : file && decodeFileData(file, `${path}.fileData`);
  return media && media.type !== "audio" ? media : opaque(item);
}

/** `output` and `error` are the documented members; a response without them is the result itself. */
function readResponse(
  response: JsonObject,
  text: string | undefined,
): { text: string; isError: boolean } {
  const error = field(response, "error");
  const isError = error !== undefined && error !== "" && error !== false;
  const keys = Object.keys(response);
  if (keys.length === 0) return { text: "", isError };
  const only = keys.length === 1 ? (isError ? "error" : "output") : undefined;
  if (only === undefined || !Object.hasOwn(response, only)) {
    return { text: text ?? JSON.stringify(response), isError };
  }
  const value = response[only];
  if (typeof value === "string") return { text: value, isError };
  const [raw] = text === undefined ? [] : rawAt(text, [only]);
  return { text: raw?.text ?? JSON.stringify(value ?? null), isError };
}

/**
 * The object for a result's text: JSON objects are sent as they are, all else as `output` or `error`.
 * @example encodeResponse("42", false) // → { output: "42" }
 */
export function encodeResponse(text: string, isError: boolean): unknown {
  const value = structureOf(text);
  if (isError) {
    if (isObject(value) && Object.hasOwn(value, "error")) return new RawJson(text.trim());
    return { error: value === undefined ? text || "The call failed." : new RawJson(text.trim()) };
  }
  if (isObject(value)) return new RawJson(text.trim());
  return { output: value === undefined ? text : new RawJson(text.trim()) };
}

/** The object or list that a text is; undefined for any other text. */
function structureOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return undefined;
  }
}
