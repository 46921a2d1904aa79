// Parts of a content read into the representation: in requests strictly, in answers with forbearance.
// https://ai.google.dev/api/caching#Part
import type {
  Origin,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { decodeFunctionResponse } from "./function-response.ts";
import { decodeFileData, decodeInline, type MediaPart } from "./media.ts";
import { unescapeName } from "./names.ts";
import { isSeal, unsealReasoning } from "./origin.ts";
import {
  camel,
  opaque,
  optionalBoolean,
  optionalObject,
  optionalString,
  ownExt,
  withExt,
} from "./wire.ts";

export interface PartScope {
  /** Who made the content, as far as known. */
  origin: Origin;
  /** A request: what has the wrong type is refused. An answer is read as far as it goes. */
  isRequest: boolean;
  /** The exact text of a call's `args` or a result's `response`, where it is known. */
  jsonText?: string | undefined;
  /** The id of a call that has none of its own. */
  callId(name: string): string;
  /** The id of the call that a result without an id answers. */
  resultId(name: string): string;
}

/** One part, with the reasoning before it that its signature may hold. @throws GatewayError `invalid_request`, for requests only. */
export function decodePart(value: JsonObject, path: string, scope: PartScope): Part[] {
  const message = camel(value);
  const signature = stringOr(field(message, "thoughtSignature")) || undefined;
  const thoughts = signature !== undefined && isSeal(signature) ? unsealReasoning(signature) : [];
  const part = readPart(value, message, path, scope);
  if (!part) return thoughts;
  // What a seal says it says better than the bare thought beside it.
  if (thoughts.length > 0 && part.type === "reasoning") return thoughts;
  if (signature === undefined || isSeal(signature)) return [...thoughts, part];
  const { origin } = scope;
  return [
    part.type === "reasoning" ? { ...part, signature } : { ...part, proof: { signature, origin } },
  ];
}

const frameKeys = new Set(["thought", "thoughtSignature"]);
const keysWith = (...keys: string[]): ReadonlySet<string> => new Set([...frameKeys, ...keys]);
const textKeys = keysWith("text");
const inlineKeys = keysWith("inlineData");
const fileKeys = keysWith("fileData");
const callKeys = keysWith("functionCall");
const resultKeys = keysWith("functionResponse");

/** `value` is the part as it came, `message` in lowerCamelCase. Undefined for one without any data. */
function readPart(
  value: JsonObject,
  message: JsonObject,
  path: string,
  scope: PartScope,
): Part | undefined {
  const object = (key: string): JsonObject | undefined => {
    if (scope.isRequest) return optionalObject(message, key, path);
    const found = field(message, key);
    return isObject(found) ? found : undefined;
  };
  const isThought = scope.isRequest
    ? optionalBoolean(message, "thought", path) === true
    : field(message, "thought") === true;
  const text = scope.isRequest
    ? optionalString(message, "text", path)
    : stringOr(field(message, "text"));
  if (text !== undefined) {
    const ext = withExt(unknownFields(message, textKeys));
    if (!isThought) return { type: "text", text, ...ext } satisfies TextPart;
    return { type: "reasoning", text, origin: scope.origin, ...ext } satisfies ReasoningPart;
  }
  const call = object("functionCall");
  if (call) return decodeCall(camel(call), message, `${path}.functionCall`, scope);
  const result = object("functionResponse");
  if (result && scope.isRequest)
    return decodeResult(camel(result), message, `${path}.functionResponse`, scope);
  const inline = object("inlineData");
  const file = object("fileData");
  // A picture within the thoughts is nothing to show.
  if (inline && !isThought && (scope.isRequest || typeof field(inline, "data") === "string")) {
    const media = decodeInline(inline, `${path}.inlineData`);
    return withBeside(media, unknownFields(message, inlineKeys));
  }
  if (file && (scope.isRequest || typeof field(camel(file), "fileUri") === "string")) {
    const media = decodeFileData(file, `${path}.fileData`);
    return withBeside(media, unknownFields(message, fileKeys));
  }
  return decodeServerTool(value, message) ?? rest(value, message, isThought, scope);
}

function rest(
  value: JsonObject,
  message: JsonObject,
  isThought: boolean,
  { origin }: PartScope,
): Part | undefined {
  if (Object.keys(message).some((key) => !frameKeys.has(key))) return opaque(value);
  if (isThought) return { type: "reasoning", text: "", origin };
  // Clients that join streamed parts leave a signature alone.
  return field(message, "thoughtSignature") === undefined ? undefined : { type: "text", text: "" };
}

const withBeside = (media: MediaPart, fields: JsonObject | undefined): MediaPart =>
  fields ? { ...media, ...withExt({ ...ownExt(media.ext), ...fields }) } : media;

const calledKeys = new Set(["id", "name", "args", "partialArgs", "willContinue"]);

function decodeCall(
  call: JsonObject,
  message: JsonObject,
  path: string,
  scope: PartScope,
): ToolCallPart {
  const isStrict = scope.isRequest;
  const name =
    (isStrict ? optionalString(call, "name", path) : stringOr(field(call, "name"))) ?? "";
  const id =
    (isStrict ? optionalString(call, "id", path) : stringOr(field(call, "id"))) || undefined;
  const args = isStrict ? optionalObject(call, "args", path) : field(call, "args");
  const shown = isStrict ? name : unescapeName(name);
  return {
    type: "tool-call",
    id: id ?? scope.callId(shown),
    name: shown,
    args: args === undefined ? "{}" : (scope.jsonText ?? JSON.stringify(args)),
    executor: "client",
    ...withExt({ ...unknownFields(message, callKeys), ...unknownFields(call, calledKeys) }),
  };
}

function decodeResult(
  result: JsonObject,
  message: JsonObject,
  path: string,
  scope: PartScope,
): ToolResultPart {
  const name = optionalString(result, "name", path) ?? "";
  const id = optionalString(result, "id", path) || undefined;
  const part = decodeFunctionResponse(result, path, {
    callId: id ?? scope.resultId(name),
    text: scope.jsonText,
  });
  const beside = unknownFields(message, resultKeys);
  return beside ? { ...part, ...withExt({ ...ownExt(part.ext), ...beside }) } : part;
}

/** What Google's servers ran themselves: whole for this dialect, readable for any other. */
function decodeServerTool(value: JsonObject, message: JsonObject): Part | undefined {
  const inside = (key: string): JsonObject | undefined => {
    const found = field(message, key);
    return isObject(found) ? camel(found) : undefined;
  };
  const code = inside("executableCode");
  const call = inside("toolCall");
  if (code) return providerCall("executableCode", value, code, "code_execution", code);
  if (call) {
    const name = (stringOr(field(call, "toolType")) ?? "tool").toLowerCase();
    return providerCall("toolCall", value, call, name, field(call, "args") ?? {});
  }
  const output = inside("codeExecutionResult");
  if (output) {
    const outcome = stringOr(field(output, "outcome"));
    return providerResult("codeExecutionResult", value, output, {
      text: stringOr(field(output, "output")) ?? "",
      isError: outcome !== undefined && outcome !== "OUTCOME_OK",
    });
  }
  const response = inside("toolResponse");
  if (!response) return undefined;
  const said = field(response, "response");
  return providerResult("toolResponse", value, response, {
    text: said === undefined ? "" : JSON.stringify(said),
    isError: false,
  });
}

function providerCall(
  key: string,
  value: JsonObject,
  message: JsonObject,
  name: string,
  args: unknown,
): ToolCallPart {
  const id = stringOr(field(message, "id")) ?? "";
  const text = JSON.stringify(args);
  return {
    type: "tool-call",
    id,
    name,
    args: text,
    executor: "provider",
    ...withExt({ [key]: value }),
  };
}

function providerResult(
  key: string,
  value: JsonObject,
  message: JsonObject,
  { text, isError }: { text: string; isError: boolean },
): ToolResultPart {
  return {
    type: "tool-result",
    callId: stringOr(field(message, "id")) ?? "",
    parts: text === "" ? [] : [{ type: "text", text }],
    isError,
    ...withExt({ [key]: value }),
  };
}

/** Parts of {@link decodeServerTool} as they came. */
export const serverToolKeys = [
  "executableCode",
  "toolCall",
  "codeExecutionResult",
  "toolResponse",
] as const;
