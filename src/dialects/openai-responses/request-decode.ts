// A client's Responses request read into the internal representation.
// https://platform.openai.com/docs/api-reference/responses/create
import type { ChatRequest, Message, Reasoning, ResponseFormat, Settings } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { frameKey, unknownFields, unknownMembers } from "../ext.ts";
import { defined, field, wordOf } from "../fields.ts";
import { createLosses, type Losses, loseUnknown } from "../losses.ts";
import { accountKeys, decodeAccount } from "../openai-account.ts";
import {
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalString,
  rejectMissing,
  requiredObject,
  requiredString,
} from "../openai-words.ts";
import { decodeInput } from "./input-decode.ts";
import { createToolReader, decodeToolChoice, isOwnChoice } from "./tool-decode.ts";
import { dialectId, withExt } from "./wire.ts";

/** @throws GatewayError `invalid_request` naming the field, e.g. `input[2].content[0].image_url`. */
export function decodeRequest(body: Body): Decoded<ChatRequest> {
  const { json } = body;
  const losses = createLosses(dialectId);
  const model = requiredString(json, "model");
  const reader = createToolReader();
  reader.read(optionalArray(json, "tools") ?? [], "tools", false);
  const { messages, sides } = decodeInput(readInput(json), reader);
  const instructions = decodeInstructions(json);
  const reasoning = decodeReasoning(json);
  const toolChoice = decodeToolChoice(json, reader, losses);
  const responseFormat = decodeFormat(json, losses);
  const user = optionalString(json, "user") ?? optionalString(json, "safety_identifier");
  const account = decodeAccount(json);
  const include = includeOf(json);
  const shift = instructions.length;
  const frame = {
    ...(include.length > 0 ? { include } : {}),
    ...(sides.length > 0 ? { sides: sides.map(({ at, item }) => ({ at: at + shift, item })) } : {}),
  };
  const value: ChatRequest = {
    model,
    messages: [...instructions, ...messages],
    tools: reader.tools(),
    ...(toolChoice ? { toolChoice } : {}),
    settings: decodeSettings(json),
    ...(reasoning ? { reasoning } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    stream: optionalBoolean(json, "stream") ?? false,
    ...(user === undefined ? {} : { user }),
    ...(account ? { account } : {}),
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: {
      [dialectId]: {
        ...extraFields(json, responseFormat !== undefined),
        ...(Object.keys(frame).length > 0 ? { [frameKey]: frame } : {}),
      },
    },
  };
  return { value, warnings: losses.warnings() };
}

/** What stands for the input where there is none. */
const inputSources = ["previous_response_id", "conversation", "prompt"] as const;

function readInput(json: JsonObject): unknown {
  const input = field(json, "input");
  if (input !== undefined) return input;
  const hasOther = inputSources.some((key) => field(json, key) !== undefined);
  return hasOther || field(json, "instructions") !== undefined ? [] : rejectMissing("input");
}

/** A text; some clients send items, as the answer shows them. */
function decodeInstructions(json: JsonObject): Message[] {
  const given = field(json, "instructions");
  if (given === undefined || given === "") return [];
  if (Array.isArray(given)) {
    const { messages } = decodeInput(given, createToolReader());
    return messages.map((message) => ({ ...message, place: "instructions" }));
  }
  const text = requiredString(json, "instructions");
  return [
    {
      role: "system",
      parts: [{ type: "text", text }],
      place: "instructions",
      ...withExt(undefined, { isInstructions: true }),
    },
  ];
}

const requestKeys = new Set([
  "model",
  "input",
  "instructions",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "max_output_tokens",
  "temperature",
  "top_p",
  "reasoning",
  "text",
  "include",
  "stream",
  "user",
]);

const textKeys = new Set(["format", "verbosity"]);

/** What only this dialect understands, as the client wrote it. */
function extraFields(json: JsonObject, hasFormat: boolean): JsonObject {
  const extra = unknownFields(json, requestKeys) ?? {};
  for (const key of accountKeys(json)) delete extra[key];
  if (typeof field(json, "top_logprobs") === "number" && asksForLogprobs(json)) {
    delete extra["top_logprobs"];
  }
  const choice = field(json, "tool_choice");
  if (isOwnChoice(choice)) extra["tool_choice"] = choice;
  const text = optionalObject(json, "text") ?? {};
  const format = field(text, "format");
  const kept = {
    ...unknownFields(text, textKeys),
    ...(format !== undefined && !hasFormat ? { format } : {}),
  };
  const members = unknownMembers(kept, none);
  if (members) extra["text"] = members;
  const others = includeOf(json).filter((value) => !readIncludes.has(wordOf(value)));
  if (others.length > 0) extra["include"] = others;
  return extra;
}

const none: ReadonlySet<string> = new Set();

const logprobsInclude = "message.output_text.logprobs";
/** Values of `include` that other wires meet in their own ways. */
const readIncludes: ReadonlySet<string> = new Set(["reasoning.encrypted_content", logprobsInclude]);

const includeOf = (json: JsonObject): unknown[] => optionalArray(json, "include") ?? [];

function asksForLogprobs(json: JsonObject): boolean {
  const top = field(json, "top_logprobs");
  return includeOf(json).includes(logprobsInclude) || (typeof top === "number" && top > 0);
}

function decodeSettings(json: JsonObject): Settings {
  const top = field(json, "top_logprobs");
  const text = optionalObject(json, "text") ?? {};
  return defined({
    maxOutputTokens: optionalInteger(json, "max_output_tokens"),
    temperature: optionalNumber(json, "temperature"),
    topP: optionalNumber(json, "top_p"),
    parallelToolCalls: optionalBoolean(json, "parallel_tool_calls"),
    logprobs: asksForLogprobs(json) ? (typeof top === "number" ? { top } : {}) : undefined,
    verbosity: optionalString(text, "verbosity", "text"),
  });
}

const wishKeys = new Set(["effort", "summary", "generate_summary"]);

/** How hard to think, and whether it is shown. The spelling stays for this dialect's own encoder. */
function decodeReasoning(json: JsonObject): Reasoning | undefined {
  const wish = optionalObject(json, "reasoning");
  if (!wish || Object.values(wish).every((value) => value === null)) return undefined;
  const effort = optionalString(wish, "effort", "reasoning");
  const summary = field(wish, "summary") ?? field(wish, "generate_summary");
  const display = summary === undefined ? {} : { display: "summarized" };
  const beyond = Object.keys(unknownFields(wish, wishKeys) ?? {}).map((key) => `reasoning.${key}`);
  const kept = { ...withExt({ ...wish }), ...(beyond.length > 0 ? { beyond } : {}) };
  if (effort === "none") return { mode: "off", ...kept };
  if (effort !== undefined) return { mode: "effort", effort, ...display, ...kept };
  return { mode: "adaptive", ...display, ...kept };
}

const formatKeys = new Set(["type", "name", "description", "schema", "strict"]);

function decodeFormat(json: JsonObject, losses: Losses): ResponseFormat | undefined {
  const format = optionalObject(optionalObject(json, "text") ?? {}, "format", "text");
  if (!format) return undefined;
  const path = "text.format";
  const type = requiredString(format, "type", path);
  if (type === "text") return { type };
  if (type === "json_object") return { type: "json" };
  // Grammars and the like stay with this dialect.
  if (type !== "json_schema") return undefined;
  loseUnknown(format, formatKeys, path, losses);
  const name = optionalString(format, "name", path);
  const description = optionalString(format, "description", path);
  const strict = optionalBoolean(format, "strict", path);
  return {
    type: "json-schema",
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    schema: requiredObject(format, "schema", path),
    ...(strict === undefined ? {} : { strict }),
  };
}

/** The instructions that the client wrote as such. */
export const isInstructions = (message: Message): boolean => {
  const frame = message.ext?.[dialectId]?.[frameKey];
  return isObject(frame) && field(frame, "isInstructions") === true;
};
