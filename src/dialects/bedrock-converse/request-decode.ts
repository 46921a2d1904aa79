// A client's Converse request (or token-count request) read into the internal representation.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
import type {
  ChatRequest,
  Message,
  Operation,
  Part,
  ResponseFormat,
  Settings,
  Tool,
  ToolChoice,
} from "../../ir/chat.ts";
import { exactly } from "../../lib/exact-numbers.ts";
import {
  isObject,
  JsonError,
  type JsonObject,
  parse,
  parseObject,
  rawAt,
  scan,
} from "../../lib/json.ts";
import { bedrockInvoke } from "../anthropic-messages/envelopes.ts";
import { decodeRequest as decodeMessages } from "../anthropic-messages/request-decode.ts";
import type { Body, Decoded } from "../dialect.ts";
import { demandDialect, unwrapBody } from "../enveloped.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field, stringOr } from "../fields.ts";
import { createLosses, type Losses, loseUnknown } from "../losses.ts";
import { decodeBlocks, decodeCachePoint } from "./block-decode.ts";
import { decodeAdditional } from "./reasoning-decode.ts";
import {
  dialectId,
  objectAt,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalString,
  reject,
  requiredArray,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

/** @throws GatewayError `invalid_request` naming the field, e.g. `messages[2].content[0].image.source`. */
export function decodeRequest(body: Body, operation?: Operation): Decoded<ChatRequest> {
  return operation === "count-tokens" ? decodeCounted(body) : decodeChat(body, []);
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html */
function decodeCounted({ json, text }: Body): Decoded<ChatRequest> {
  const input = requiredObject(json, "input");
  const model = requiredString(json, "model");
  const invoke = optionalObject(input, "invokeModel", "input");
  if (invoke) return decodeInvoked(requiredString(invoke, "body", "input.invokeModel"), model);
  const converse = requiredObject(input, "converse", "input");
  return decodeChat({ json: { ...converse, model, stream: false }, text }, ["input", "converse"]);
}

/** An `InvokeModel` body in base64; of the vendors' own forms only Anthropic's can be read. */
function decodeInvoked(data: string, model: string): Decoded<ChatRequest> {
  const bytes = Buffer.from(data, "base64");
  try {
    demandDialect(scan(bytes), bedrockInvoke);
    const text = Buffer.from(unwrapBody(bytes, bedrockInvoke).bytes).toString("utf8");
    return decodeMessages({ json: { ...parseObject(text), model }, text }, "count-tokens");
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return reject("input.invokeModel.body", "it must be a JSON object in base64.");
  }
}

/** `prefix`: where the request stands in `text`. */
function decodeChat({ json, text }: Body, prefix: readonly string[]): Decoded<ChatRequest> {
  const model = requiredString(json, "model");
  const losses = createLosses(dialectId);
  const config = optionalObject(json, "inferenceConfig") ?? {};
  const output = optionalObject(json, "outputConfig") ?? {};
  const effort = optionalString(output, "effort", "outputConfig");
  const given = optionalObject(json, "additionalModelRequestFields") ?? {};
  const { reasoning, topK, rest } = decodeAdditional(given, effort);
  const format = decodeFormat(output);
  const { tools, choice } = decodeToolConfig(json, losses);
  const raws = rawTexts(json, text, prefix);
  const tier = optionalObject(json, "serviceTier");
  const metadata = optionalObject(json, "requestMetadata");
  const value: ChatRequest = {
    model,
    messages: [...decodeSystem(json), ...decodeTurns(json, raws)],
    tools,
    ...(choice ? { toolChoice: choice } : {}),
    settings: { ...decodeSettings(config), ...(topK === undefined ? {} : { topK }) },
    ...(reasoning ? { reasoning } : {}),
    ...(format ? { responseFormat: format } : {}),
    stream: optionalBoolean(json, "stream") ?? false,
    ...decodeAccount(tier, metadata),
    // Always there: it says that the client wrote this wire's fields, see `encodeRequest`.
    ext: {
      [dialectId]: extraFields(json, { config, output, rest, hasFormat: format !== undefined }),
    },
  };
  return { value, warnings: losses.warnings() };
}

const requestKeys = new Set([
  "model",
  "modelId",
  "stream",
  "messages",
  "system",
  "inferenceConfig",
  "toolConfig",
  "additionalModelRequestFields",
  "outputConfig",
  "serviceTier",
  "requestMetadata",
]);
const configKeys = new Set(["maxTokens", "temperature", "topP", "stopSequences"]);
const outputKeys = new Set(["textFormat", "effort"]);

/** What only this dialect understands, as the client wrote it. */
function extraFields(
  json: JsonObject,
  found: { config: JsonObject; output: JsonObject; rest: JsonObject; hasFormat: boolean },
): JsonObject {
  const extra = unknownFields(json, requestKeys) ?? {};
  const inference = unknownMembers(found.config, configKeys);
  if (inference) extra["inferenceConfig"] = inference;
  const kept = unknownMembers(found.output, outputKeys) ?? {};
  const format = field(found.output, "textFormat");
  if (format !== undefined && !found.hasFormat) kept["textFormat"] = format;
  if (Object.keys(kept).length > 0) extra["outputConfig"] = kept;
  const additional = unknownMembers(found.rest, new Set());
  if (additional) extra["additionalModelRequestFields"] = additional;
  return extra;
}

function decodeAccount(
  tier: JsonObject | undefined,
  metadata: JsonObject | undefined,
): Pick<ChatRequest, "account"> {
  const serviceTier = tier && optionalString(tier, "type", "serviceTier");
  const account = defined({ serviceTier, metadata });
  return Object.keys(account).length > 0 ? { account } : {};
}

function decodeSettings(config: JsonObject): Settings {
  const path = "inferenceConfig";
  const stops = optionalArray(config, "stopSequences", path);
  return defined({
    maxOutputTokens: optionalInteger(config, "maxTokens", path),
    temperature: optionalNumber(config, "temperature", path),
    topP: optionalNumber(config, "topP", path),
    stop: stops?.map((item, index) =>
      typeof item === "string"
        ? item
        : reject(`${path}.stopSequences[${index}]`, "it must be a string."),
    ),
  });
}

function decodeFormat(output: JsonObject): ResponseFormat | undefined {
  const format = optionalObject(output, "textFormat", "outputConfig");
  if (!format || field(format, "type") !== "json_schema") return undefined;
  const path = "outputConfig.textFormat.structure";
  const structure = requiredObject(format, "structure", "outputConfig.textFormat");
  const found = requiredObject(structure, "jsonSchema", path);
  const place = `${path}.jsonSchema`;
  const name = optionalString(found, "name", place);
  const description = optionalString(found, "description", place);
  return {
    type: "json-schema",
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    schema: parseSchema(requiredString(found, "schema", place), `${place}.schema`),
    strict: true,
  };
}

function parseSchema(text: string, path: string): unknown {
  try {
    return exactly(parse(text), text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return reject(path, "it must be a JSON Schema as text.");
  }
}

const specKeys = new Set(["name", "description", "inputSchema", "strict"]);
const choiceKeys = new Set(["tools", "toolChoice"]);

function decodeToolConfig(
  json: JsonObject,
  losses: Losses,
): { tools: Tool[]; choice?: ToolChoice } {
  const config = optionalObject(json, "toolConfig");
  if (!config) return { tools: [] };
  loseUnknown(config, choiceKeys, "toolConfig", losses);
  const tools: Tool[] = [];
  for (const [index, value] of (optionalArray(config, "tools", "toolConfig") ?? []).entries()) {
    const path = `toolConfig.tools[${index}]`;
    const item = objectAt(value, path);
    const cache = decodeCachePoint(item);
    const last = tools.at(-1);
    if (cache && last) tools[tools.length - 1] = { ...last, cache };
    else tools.push(decodeTool(item, path));
  }
  const choice = optionalObject(config, "toolChoice", "toolConfig");
  return { tools, ...(choice ? { choice: decodeChoice(choice) } : {}) };
}

function decodeTool(item: JsonObject, path: string): Tool {
  const spec = optionalObject(item, "toolSpec", path);
  if (!spec) {
    const [kind = "tool"] = Object.keys(item);
    const named = field(item, kind);
    const name = isObject(named) ? stringOr(field(named, "name")) : undefined;
    return { type: "provider", name: name ?? kind, origin: dialectId, raw: item };
  }
  const place = `${path}.toolSpec`;
  const description = optionalString(spec, "description", place);
  const strict = optionalBoolean(spec, "strict", place);
  const schema = requiredObject(spec, "inputSchema", place);
  return {
    type: "function",
    name: requiredString(spec, "name", place),
    ...(description === undefined ? {} : { description }),
    parameters: field(schema, "json") ?? reject(`${place}.inputSchema.json`, "it is required."),
    ...(strict === undefined ? {} : { strict }),
    ...withExt(unknownFields(spec, specKeys)),
  };
}

function decodeChoice(choice: JsonObject): ToolChoice {
  const path = "toolConfig.toolChoice";
  if (field(choice, "auto") !== undefined) return { type: "auto" };
  if (field(choice, "any") !== undefined) return { type: "required" };
  const tool = optionalObject(choice, "tool", path);
  if (tool) return { type: "tool", name: requiredString(tool, "name", `${path}.tool`) };
  return reject(path, "it must have one of `auto`, `any`, `tool`.");
}

/** The top-level system prompt is the first message. */
function decodeSystem(json: JsonObject): Message[] {
  const system = optionalArray(json, "system");
  if (!system || system.length === 0) return [];
  const parts = decodeContent(system, "system", new Map());
  return [{ role: "system", parts, place: "system" }];
}

const messageKeys = new Set(["role", "content"]);

function decodeTurns(json: JsonObject, raws: ReadonlyMap<string, string>): Message[] {
  const items = requiredArray(json, "messages");
  if (items.length === 0) reject("messages", "at least one message is required.");
  return items.map((value, index) => {
    const path = `messages[${index}]`;
    const item = objectAt(value, path);
    const role = requiredString(item, "role", path);
    if (role !== "user" && role !== "assistant" && role !== "system") {
      return reject(`${path}.role`, "it must be `user`, `assistant` or `system`.");
    }
    const content = requiredArray(item, "content", path);
    return {
      role,
      parts: decodeContent(content, `${path}.content`, raws),
      place: path,
      ...withExt(unknownFields(item, messageKeys)),
    };
  });
}

const decodeContent = (
  content: readonly unknown[],
  path: string,
  raws: ReadonlyMap<string, string>,
): Part[] =>
  decodeBlocks(content, path, {
    origin: { dialect: dialectId },
    isRequest: true,
    rawAt: (place) => raws.get(place),
  });

/** The exact text of every tool call's `input` and every `json` result, by path, so that numbers and key order keep their spelling. */
function rawTexts(
  json: JsonObject,
  text: string,
  prefix: readonly string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!/"(?:input|json)"/.test(text) || !Array.isArray(json["messages"])) return found;
  const content = [...prefix, "messages", "*", "content", "*"];
  const patterns = [
    [...content, "toolUse", "input"],
    [...content, "toolResult", "content", "*", "json"],
  ];
  for (const pattern of patterns) {
    for (const { path, text: raw } of rawAt(text, pattern)) {
      const steps = path.slice(prefix.length);
      found.set(
        steps
          .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
          .join("")
          .slice(1),
        raw,
      );
    }
  }
  return found;
}
