// A client's generateContent (or countTokens) request read into the internal representation.
// https://ai.google.dev/api/generate-content
import type { ChatRequest, Message, Operation, Tool } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { createLosses } from "../losses.ts";
import { decodeConfig, decodeToolConfig } from "./config-decode.ts";
import { decodeContents, decodeSystem } from "./content-decode.ts";
import { toJsonSchema } from "./schema.ts";
import {
  camel,
  dialectId,
  listAt,
  messageIn,
  objectAt,
  optionalObject,
  optionalString,
  rejectMissing,
  unasked,
  withExt,
} from "./wire.ts";

const requestKeys = new Set([
  "model",
  "stream",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "generationConfig",
  "serviceTier",
]);

/** @throws GatewayError `invalid_request` naming the field, e.g. `contents[0].parts[1].inlineData.data`. */
export function decodeRequest(body: Body, operation?: Operation): Decoded<ChatRequest> {
  const outer = camel(body.json);
  const model = optionalString(outer, "model") ?? rejectMissing("model");
  const { json, prefix } = requestIn(outer, operation);
  const config = decodeConfig(messageIn(json, "generationConfig") ?? {});
  const tools = decodeToolConfig(messageIn(json, "toolConfig") ?? {});
  const tier = optionalString(json, "serviceTier")?.toLowerCase();
  const messages: Message[] = [
    ...decodeSystem(field(json, "systemInstruction")),
    ...decodeContents(json, { text: body.text, prefix }),
  ];
  const value: ChatRequest = {
    model: model.replace(/^models\//, ""),
    messages,
    tools: decodeTools(json),
    ...(tools.choice ? { toolChoice: tools.choice } : {}),
    settings: config.settings,
    ...(config.reasoning ? { reasoning: config.reasoning } : {}),
    ...(config.format ? { responseFormat: config.format } : {}),
    stream: field(outer, "stream") === true,
    ...(tier === undefined || tier === "unspecified" ? {} : { account: { serviceTier: tier } }),
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: {
      [dialectId]: {
        ...unknownFields(json, requestKeys),
        ...(config.kept ? { generationConfig: config.kept } : {}),
        ...(tools.kept ? { toolConfig: tools.kept } : {}),
        ...(config.unasked ? { [unasked]: config.unasked } : {}),
      },
    },
  };
  return { value, warnings: createLosses(dialectId).warnings() };
}

/** A countTokens body may hold a whole request: https://ai.google.dev/api/tokens */
function requestIn(
  outer: JsonObject,
  operation: Operation | undefined,
): { json: JsonObject; prefix: readonly string[] } {
  const inner = operation === "chat" ? undefined : optionalObject(outer, "generateContentRequest");
  return inner
    ? { json: camel(inner), prefix: ["generateContentRequest"] }
    : { json: outer, prefix: [] };
}

const functionKeys = new Set(["name", "description", "parameters", "parametersJsonSchema"]);

function decodeTools(json: JsonObject): Tool[] {
  return (listAt(json, "tools") ?? []).flatMap((item, index) => {
    const path = `tools[${index}]`;
    const tool = camel(objectAt(item, path));
    const functions = (listAt(tool, "functionDeclarations", path) ?? []).map((each, at) =>
      decodeFunction(each, `${path}.functionDeclarations[${at}]`),
    );
    const others = Object.entries(tool)
      .filter(
        ([key, value]) => key !== "functionDeclarations" && key !== "__proto__" && value !== null,
      )
      .map(([key, value]) => vendorTool(key, value));
    return [...functions, ...others];
  });
}

function decodeFunction(value: unknown, path: string): Tool {
  const item = camel(objectAt(value, path));
  const name = optionalString(item, "name", path) ?? rejectMissing(`${path}.name`);
  const description = optionalString(item, "description", path);
  const schema = field(item, "parametersJsonSchema") ?? optionalObject(item, "parameters", path);
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    ...(schema === undefined ? {} : { parameters: toJsonSchema(schema) }),
    ...withExt(unknownFields(item, functionKeys)),
  };
}

/** Its own kind of member is the tool: `{ googleSearch: {} }`. */
function vendorTool(key: string, value: unknown): Tool {
  const type = isObject(value) ? stringOr(field(value, "type")) : undefined;
  return {
    type: "provider",
    name: type ?? key,
    origin: dialectId,
    raw: { [key]: value },
    // The client moves the mouse itself.
    ...(key === "computerUse" ? { executor: "client" as const } : {}),
  };
}
