// A client's request to `/api/chat` or `/api/generate` read into the internal representation.
// https://docs.ollama.com/api/chat and …/api/generate
import type {
  ChatRequest,
  Message,
  Part,
  Reasoning,
  ResponseFormat,
  Settings,
  Tool,
} from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { field } from "../fields.ts";
import { createLosses, type Losses } from "../losses.ts";
import { decodeImages } from "./images.ts";
import { decodeMessages } from "./message-decode.ts";
import { decodeOptions } from "./options.ts";
import {
  dialectId,
  generateForm,
  kindOf,
  objectAt,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalObject,
  optionalString,
  reject,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

/** @throws GatewayError `invalid_request` naming the field, e.g. `messages[2].tool_calls[0].function.name`. */
export function decodeRequest(body: Body): Decoded<ChatRequest> {
  const { json } = body;
  const model = requiredString(json, "model");
  const losses = createLosses(dialectId);
  const isGenerate = isGenerateForm(body);
  const { settings, rest } = decodeOptions(json);
  const logprobs = decodeLogprobs(json);
  const reasoning = decodeThink(json);
  const responseFormat = decodeFormat(json);
  const extra = unknownFields(json, isGenerate ? generateKeys : chatKeys) ?? {};
  const value: ChatRequest = {
    model,
    messages: isGenerate ? decodePrompt(json) : decodeMessages(body, losses),
    tools: isGenerate ? [] : decodeTools(json, losses),
    settings: { ...settings, ...logprobs },
    ...(reasoning ? { reasoning } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    stream: optionalBoolean(json, "stream") ?? true,
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: {
      [dialectId]: {
        ...(isGenerate ? withoutNothing(extra) : extra),
        ...(rest ? { options: rest } : {}),
        ...(isGenerate ? { [generateForm]: true } : {}),
      },
    },
  };
  return { value, warnings: losses.warnings() };
}

/** Both forms may come with a model alone, which loads it: documented so for `/api/generate`. */
export const isGenerateForm = ({ json, form }: Pick<Body, "json" | "form">): boolean =>
  form === undefined ? !Object.hasOwn(json, "messages") : form === "generate";

const commonKeys = ["model", "options", "logprobs", "top_logprobs", "think", "format", "stream"];
const chatKeys = new Set([...commonKeys, "messages", "tools"]);
const generateKeys = new Set([...commonKeys, "prompt", "system", "images"]);

/** SDKs fill in every field of `/api/generate`: `template: ""`, `context: []`, `raw: false` say nothing. */
const withoutNothing = (extra: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(extra).filter(
      ([, value]) =>
        value !== "" && value !== false && !(Array.isArray(value) && value.length === 0),
    ),
  );

function decodePrompt(json: JsonObject): Message[] {
  const system = optionalString(json, "system") ?? "";
  const prompt = optionalString(json, "prompt") ?? "";
  const images = decodeImages(json, "");
  const text: Part[] = prompt === "" ? [] : [{ type: "text", text: prompt }];
  const parts = [...images, ...text];
  return [
    ...(system === ""
      ? []
      : [{ role: "system" as const, parts: [textPart(system)], place: "system" }]),
    ...(parts.length === 0 ? [] : [{ role: "user" as const, parts, place: "prompt" }]),
  ];
}

const textPart = (text: string): Part => ({ type: "text", text });

function decodeLogprobs(json: JsonObject): Pick<Settings, "logprobs"> {
  const isAsked = optionalBoolean(json, "logprobs") ?? false;
  const top = optionalInteger(json, "top_logprobs");
  return isAsked ? { logprobs: top === undefined ? {} : { top } } : {};
}

/** `think`: yes or no, or how hard (`low`, `medium`, `high`), which some models know. */
function decodeThink(json: JsonObject): Reasoning | undefined {
  const think = field(json, "think");
  if (think === undefined || think === "") return undefined;
  if (typeof think === "string") return { mode: "effort", effort: think };
  if (typeof think !== "boolean") {
    return reject("think", `expected boolean or string, got ${kindOf(think)}`);
  }
  return think ? { mode: "adaptive" } : { mode: "off" };
}

function decodeFormat(json: JsonObject): ResponseFormat | undefined {
  const format = field(json, "format");
  if (format === undefined || format === "") return undefined;
  if (format === "json") return { type: "json" };
  if (isObject(format)) return { type: "json-schema", schema: format };
  return reject("format", "expected `json` or a JSON schema");
}

const toolKeys = new Set(["type", "function"]);
const functionKeys = new Set(["name", "description", "parameters"]);

function decodeTools(json: JsonObject, losses: Losses): Tool[] {
  return (optionalArray(json, "tools") ?? []).flatMap((item, index): Tool[] => {
    const path = `tools[${index}]`;
    const tool = objectAt(item, path);
    const type = optionalString(tool, "type", path) ?? "function";
    if (type !== "function" && !isObject(field(tool, "function"))) {
      losses.lose(path, `Ollama knows no tools of type \`${type.slice(0, 40)}\``);
      return [];
    }
    const called = requiredObject(tool, "function", path);
    const description = optionalString(called, "description", `${path}.function`);
    const parameters = optionalObject(called, "parameters", `${path}.function`);
    const inner = unknownMembers(called, functionKeys);
    const outer = unknownFields(tool, toolKeys);
    return [
      {
        type: "function",
        name: requiredString(called, "name", `${path}.function`),
        ...(description === undefined ? {} : { description }),
        ...(parameters === undefined ? {} : { parameters }),
        ...withExt(inner ? { ...outer, function: inner } : outer),
      },
    ];
  });
}
