// A request in the internal representation written as a chat completion body.
// https://platform.openai.com/docs/api-reference/chat/create
import type {
  CacheHint,
  ChatRequest,
  Message,
  OpaquePart,
  Part,
  Reasoning,
  ReasoningPart,
  ResponseFormat,
  Tool,
  ToolCallPart,
  ToolChoice,
  ToolResultPart,
} from "../../ir/chat.ts";
import { effortOfBudget } from "../../ir/effort.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { isMetUnasked } from "../bookkeeping.ts";
import { encodeCacheControl } from "../cache-control.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { defined } from "../fields.ts";
import { loneText } from "../lone-text.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { fitOutputLimit } from "../output-limit.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { encodeAudio, encodeFile, encodeImage } from "./media.ts";
import { encodeDetails, isDetail, needsDetail } from "./reasoning.ts";
import { type ModelTraits, traitsOf } from "./model.ts";
import { dialectId, fitCallId, foreignFields, ownExt, noForm } from "./wire.ts";

/**
 * @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs.
 */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const own = request.ext[dialectId];
  const isNative = own !== undefined;
  const scope: Scope = { request, target, losses, traits: traitsOf(target.model), isNative };
  const { stream_options: streamOptions, tool_choice: choice, ...extra } = own ?? {};
  const tools = encodeTools(scope);
  const format = encodeResponseFormat(request.responseFormat, scope);
  const body: JsonObject = {
    model: target.model,
    messages: request.messages.flatMap((message, index) =>
      encodeMessage(message, message.place ?? `messages[${index}]`, scope),
    ),
    ...encodeSettings(scope, tools.length > 0),
    ...encodeReasoning(scope, tools.length > 0),
    ...format?.fields,
    ...(tools.length > 0 ? { tools, ...encodeToolChoice(choice, scope) } : {}),
    ...(request.user === undefined ? {} : { user: request.user }),
    ...extra,
    ...encodeStream(streamOptions, scope),
  };
  if (!isNative) fitSettings(body, scope);
  if (tools.length === 0) loseToolChoice(request.toolChoice, losses);
  if (format?.instruction) addInstruction(body, format.instruction, scope);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: stringify(body), headers: {}, warnings: losses.warnings() };
}

interface Scope {
  request: ChatRequest;
  target: Target;
  losses: Losses;
  traits: ModelTraits;
  isNative: boolean;
}

function encodeSettings(scope: Scope, hasTools: boolean): JsonObject {
  const { request, target, losses, isNative } = scope;
  const { settings } = request;
  if (settings.topK !== undefined && !isNative) losses.lose("top_k", noForm);
  return defined({
    [target.quirks.maxTokensField ?? "max_tokens"]: outputLimit(scope),
    temperature: settings.temperature,
    top_p: settings.topP,
    top_k: isNative ? settings.topK : undefined,
    stop: settings.stop,
    seed: settings.seed,
    frequency_penalty: settings.frequencyPenalty,
    presence_penalty: settings.presencePenalty,
    n: settings.candidateCount,
    // Refused by OpenAI without tools, where it means nothing anyway.
    parallel_tool_calls: hasTools ? settings.parallelToolCalls : undefined,
  });
}

function outputLimit({ request, target, traits, losses, isNative }: Scope): number | undefined {
  const asked = request.settings.maxOutputTokens;
  if (isNative || asked === undefined) return asked;
  return fitOutputLimit(asked, [target.facts.maxOutputTokens, traits.maxOutputTokens], losses);
}

function encodeStream(options: unknown, { request, target }: Scope): JsonObject {
  if (!request.stream) return {};
  const asks = (target.quirks.usageInStream ?? "option") === "option";
  const fields = {
    ...(isObject(options) ? options : {}),
    ...(asks ? { include_usage: true } : {}),
  };
  return {
    stream: true,
    ...(Object.keys(fields).length > 0 ? { stream_options: fields } : {}),
  };
}

function encodeReasoning(scope: Scope, hasTools: boolean): JsonObject {
  const { request, target, traits, losses, isNative } = scope;
  const spelling = ownExt(request.reasoning?.ext);
  if (Object.keys(spelling).length > 0) return spelling;
  for (const path of request.reasoning?.beyond ?? []) losses.lose(path, noForm);
  const word = effortWord(request.reasoning, scope);
  if (!isNative && hasTools && traits.toolsWithReasoning !== "yes") {
    if (word !== undefined && word !== "none") {
      losses.lose(
        "reasoning",
        `\`${target.model}\` does not reason beside function tools on this wire`,
      );
    }
    // A model that reasons unasked must be told not to.
    return traits.toolsWithReasoning === "no" ? { reasoning_effort: "none" } : {};
  }
  return word === undefined ? {} : { reasoning_effort: word };
}

/** The word for `reasoning_effort`; undefined where the field is left out. */
function effortWord(
  reasoning: Reasoning | undefined,
  { target, traits, losses, isNative }: Scope,
): string | undefined {
  if (!reasoning) return undefined;
  if (reasoning.mode !== "off" && reasoning.display !== undefined) {
    losses.lose("thinking.display", noForm);
  }
  const wanted = wantedEffort(reasoning);
  if (isNative || wanted === undefined) return wanted;
  if (traits.efforts) return fitEffort(wanted, traits.efforts, losses);
  const { reasoning: can } = target.facts;
  if (wanted === "none") {
    // A model that never thinks may refuse the field; one that always does must be told.
    if (can === undefined) {
      losses.lose("reasoning", "unknown whether the model can be told not to think");
    }
    return can === true ? wanted : undefined;
  }
  if (can !== false) return wanted;
  losses.lose("reasoning", noReasoning);
  return undefined;
}

const noReasoning = "the model does not reason";

function wantedEffort(reasoning: Reasoning): string | undefined {
  switch (reasoning.mode) {
    case "off":
      return "none";
    case "effort":
    case "adaptive":
      return reasoning.effort;
    case "budget":
      return effortOfBudget(reasoning.tokens);
    default:
      return reasoning satisfies never;
  }
}

/** All words there are, least first. */
const effortOrder = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/** The nearest word that the model knows. */
function fitEffort(wanted: string, efforts: readonly string[], losses: Losses): string | undefined {
  if (efforts.includes(wanted)) return wanted;
  const [least] = efforts;
  if (least === undefined) {
    if (wanted !== "none") losses.lose("reasoning", noReasoning);
    return undefined;
  }
  const rank = effortOrder.indexOf(wanted);
  const thinking = efforts.filter((word) => word !== "none");
  const below = thinking.findLast((word) => effortOrder.indexOf(word) <= rank);
  const nearest = rank < 0 ? undefined : (below ?? thinking[0]);
  losses.lose(
    "reasoning",
    wanted === "none"
      ? `the model always thinks; it is asked for ${least} effort, the least there is`
      : `the model has no effort \`${wanted.slice(0, 40)}\`${nearest ? `; it is asked for ${nearest}` : ""}`,
  );
  return nearest;
}

/** Settings that the model refuses are left out; those that ask for its default it takes. */
function fitSettings(body: JsonObject, { traits, losses }: Scope): void {
  const drop = (key: string, isDefault: (value: unknown) => boolean, reason: string): void => {
    if (!Object.hasOwn(body, key) || isDefault(body[key])) return;
    delete body[key];
    // Other wires spell it so.
    losses.lose(key === "stop" ? "stop_sequences" : key, reason);
  };
  const isOne = (value: unknown): boolean => value === 1;
  const isZero = (value: unknown): boolean => value === 0;
  if (!traits.hasStop) drop("stop", () => false, "the model takes no stop sequences");
  if (traits.sampling === "always") return;
  for (const key of ["frequency_penalty", "presence_penalty"]) {
    drop(key, isZero, "the model takes no penalties");
  }
  const isResting = (body["reasoning_effort"] ?? traits.defaultEffort) === "none";
  if (traits.sampling === "effort-none" && isResting) return;
  for (const key of ["temperature", "top_p"]) {
    drop(key, isOne, "the model takes no sampling settings while it reasons");
  }
}

interface EncodedFormat {
  fields: JsonObject;
  /** What the model must be told in words, since the field cannot. */
  instruction?: string;
}

function encodeResponseFormat(
  format: ResponseFormat | undefined,
  { target, traits, losses, isNative }: Scope,
): EncodedFormat | undefined {
  if (!format) return undefined;
  switch (format.type) {
    case "text":
      return { fields: { response_format: { type: "text" } } };
    case "json":
      return { fields: { response_format: { type: "json_object" } } };
    case "json-schema": {
      const { type: _, name = "response", ...rest } = format;
      if (!target.quirks.noJsonSchema && (isNative || traits.hasJsonSchema)) {
        const schema = { name, ...rest };
        return { fields: { response_format: { type: "json_schema", json_schema: schema } } };
      }
      losses.lose(
        "response_format.json_schema",
        "no schema is enforced here; the model is asked for JSON and told the schema in words",
      );
      return {
        fields: { response_format: { type: "json_object" } },
        instruction: `Answer with one JSON value that fits this JSON Schema:\n${JSON.stringify(format.schema)}`,
      };
    }
    default:
      return format satisfies never;
  }
}

function addInstruction(body: JsonObject, content: string, { target }: Scope): void {
  const messages = body["messages"];
  if (!Array.isArray(messages)) return;
  const role = target.quirks.systemRole ?? "system";
  const after = messages.findIndex((message) => !isObject(message) || message["role"] !== role);
  messages.splice(after < 0 ? messages.length : after, 0, { role, content });
}

function encodeTools({ request, target, losses }: Scope): JsonObject[] {
  const tools = request.tools.flatMap((tool, index) => {
    const path = `tools[${index}]`;
    if (tool.type === "provider" && tool.origin !== dialectId) {
      losses.lose(path, vendorToolLoss(tool));
      return [];
    }
    const encoded = encodeTool(tool);
    if (tool.type !== "provider") {
      const lost = foreignFields(tool.ext).filter((key) => !isMetUnasked(key));
      for (const key of lost) losses.lose(`${path}.${key}`, noForm);
    }
    if (!tool.cache) return [encoded];
    return [{ ...encoded, ...encodeCache(tool.cache, path, target, losses) }];
  });
  refuseLostTools(request, tools.length, { dialectId, target });
  return tools;
}

function encodeTool(tool: Tool): JsonObject {
  switch (tool.type) {
    case "function": {
      const { function: inner, ...outer } = ownExt(tool.ext);
      return {
        type: "function",
        function: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          ...(tool.parameters === undefined ? {} : { parameters: tool.parameters }),
          ...(tool.strict === undefined ? {} : { strict: tool.strict }),
          ...(isObject(inner) ? inner : {}),
        },
        ...outer,
      };
    }
    case "custom": {
      const { custom: inner, ...outer } = ownExt(tool.ext);
      return {
        type: "custom",
        custom: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          ...(tool.format === undefined ? {} : { format: tool.format }),
          ...(isObject(inner) ? inner : {}),
        },
        ...outer,
      };
    }
    case "provider":
      return isObject(tool.raw) ? tool.raw : { type: tool.name };
    default:
      return tool satisfies never;
  }
}

function encodeToolChoice(raw: unknown, { request }: Scope): JsonObject {
  if (raw !== undefined) return { tool_choice: raw };
  const choice = request.toolChoice;
  if (!choice) return {};
  if (choice.type !== "tool") return { tool_choice: choice.type };
  const tool = request.tools.find((item) => item.name === choice.name);
  const type = tool?.type === "custom" ? "custom" : "function";
  return { tool_choice: { type, [type]: { name: choice.name } } };
}

/** OpenAI refuses `tool_choice` without tools. Only a demand for a call is a loss then. */
function loseToolChoice(choice: ToolChoice | undefined, losses: Losses): void {
  if (choice?.type === "required" || choice?.type === "tool") {
    losses.lose("tool_choice", "there are no tools to choose from");
  }
}

/** Spread into a part or tool. */
function encodeCache(
  cache: CacheHint | undefined,
  path: string,
  target: Target,
  losses: Losses,
): JsonObject {
  if (!cache) return {};
  if (!target.quirks.cacheControl) {
    losses.lose(`${path}.cache_control`, "the provider takes no prompt-cache hints on this wire");
    return {};
  }
  return encodeCacheControl(cache);
}

/** One message of the representation may be several here: tool results come first, each its own. */
function encodeMessage(message: Message, path: string, scope: Scope): JsonObject[] {
  for (const key of foreignFields(message.ext)) scope.losses.lose(`${path}.${key}`, noForm);
  switch (message.role) {
    case "system": {
      const role = scope.target.quirks.systemRole ?? "system";
      const content = encodeContent(message.parts, path, scope);
      return isEmptied(message, content, path, scope)
        ? []
        : [finishMessage(role, message, content)];
    }
    case "user":
      return encodeUser(message, path, scope);
    case "assistant":
      return [encodeAssistant(message, path, scope)];
    default:
      return message.role satisfies never;
  }
}

const finishMessage = (role: string, message: Message, content: unknown): JsonObject => ({
  role,
  content,
  ...(message.name === undefined ? {} : { name: message.name }),
  ...ownExt(message.ext),
});

function encodeUser(message: Message, path: string, scope: Scope): JsonObject[] {
  const results: JsonObject[] = [];
  const attachments: JsonObject[] = [];
  const rest: Part[] = [];
  for (const [index, part] of message.parts.entries()) {
    if (part.type !== "tool-result") {
      rest.push(part);
      continue;
    }
    const encoded = encodeToolResult(part, `${path}.content[${index}]`, scope);
    results.push(encoded.message);
    attachments.push(...encoded.attachments);
  }
  const content = encodeContent(rest, path, scope);
  if (attachments.length === 0) {
    const isDone = results.length > 0 && content === "";
    return isDone || isEmptied(message, content, path, scope)
      ? results
      : [...results, finishMessage("user", message, content)];
  }
  const own = typeof content === "string" ? textBlocks(content) : content;
  return [...results, finishMessage("user", message, [...attachments, ...own])];
}

/** A message of which nothing is left is left out: an empty one would be answered, or refused. */
function isEmptied(
  { parts }: Message,
  content: string | JsonObject[],
  path: string,
  { losses, isNative }: Scope,
): boolean {
  const isEmpty = content === "" && !parts.some((part) => part.type === "text");
  if (isEmpty && !isNative) losses.lose(path, "a message without content is left out");
  return isEmpty && !isNative;
}

const textBlocks = (text: string): JsonObject[] => (text === "" ? [] : [{ type: "text", text }]);

interface EncodedResult {
  message: JsonObject;
  /** What a `tool` message cannot hold, for the user message behind it. */
  attachments: JsonObject[];
}

function encodeToolResult(part: ToolResultPart, path: string, scope: Scope): EncodedResult {
  const { target, losses } = scope;
  const callId = scope.isNative ? part.callId : fitCallId(part.callId);
  for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  const blocks: JsonObject[] = [];
  const media: JsonObject[] = [];
  for (const [index, inner] of part.parts.entries()) {
    const block = encodePart(inner, `${path}.content[${index}]`, scope);
    if (!block) continue;
    if (inner.type === "image" || inner.type === "file") media.push(block);
    else blocks.push(block);
  }
  if (media.length > 0 && blocks.length === 0) {
    blocks.push({ type: "text", text: "The result is attached to the next message." });
  }
  if (part.isError) {
    losses.lose(
      `${path}.is_error`,
      "OpenAI chat has no such field; the text says that it is an error",
    );
    markError(blocks);
  }
  const last = blocks.at(-1);
  if (last) Object.assign(last, encodeCache(part.cache, path, target, losses));
  return {
    message: {
      role: "tool",
      tool_call_id: callId,
      content: simplify(blocks),
      ...ownExt(part.ext),
    },
    attachments:
      media.length === 0
        ? []
        : [{ type: "text", text: `Attached to the result of tool call ${callId}:` }, ...media],
  };
}

function markError(blocks: JsonObject[]): void {
  const first = blocks[0];
  const text = first?.["text"];
  if (first === undefined || typeof text !== "string") {
    blocks.unshift({ type: "text", text: "Error" });
  } else if (!/^\W*error/i.test(text)) {
    first["text"] = `Error: ${text}`;
  }
}

const simplify = (blocks: JsonObject[]): string | JsonObject[] =>
  blocks.length === 0 ? "" : (loneText(blocks) ?? blocks);

function encodeContent(parts: readonly Part[], path: string, scope: Scope): string | JsonObject[] {
  const blocks = parts.flatMap((part, index) => {
    const block = encodePart(part, `${path}.content[${index}]`, scope);
    return block ? [block] : [];
  });
  return simplify(blocks);
}

/** One content part; undefined, with a loss noted, where this wire has no form for it. */
function encodePart(part: Part, path: string, scope: Scope): JsonObject | undefined {
  const { target, losses, isNative } = scope;
  if (part.type !== "reasoning") {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
  }
  const finish = (block: JsonObject | undefined): JsonObject | undefined => {
    if (!block) {
      losses.lose(path, `OpenAI chat has no form for this ${part.type}`);
      return undefined;
    }
    const own = Object.entries(ownExt(part.ext)).map(([key, value]) => {
      const known = block[key];
      return [key, isObject(known) && isObject(value) ? { ...known, ...value } : value] as const;
    });
    const cache = encodeCache(part.cache, path, target, losses);
    return { ...block, ...Object.fromEntries(own), ...cache };
  };
  switch (part.type) {
    case "text":
      return finish({ type: "text", text: part.text });
    case "image":
      return finish(encodeImage(part));
    case "audio":
      return finish(encodeAudio(part));
    case "file":
      if (part.context !== undefined) losses.lose(`${path}.context`, noForm);
      return finish(encodeFile(part, isNative));
    case "refusal":
      return finish({ type: "refusal", refusal: part.text });
    case "opaque":
      return encodeOpaque(part, path, losses);
    case "reasoning":
    case "tool-call":
    case "tool-result":
      losses.lose(path, `a ${part.type} cannot stand here`);
      return undefined;
    default:
      return part satisfies never;
  }
}

function encodeOpaque(part: OpaquePart, path: string, losses: Losses): JsonObject | undefined {
  if (part.origin === dialectId && isObject(part.raw)) return part.raw;
  const type = isObject(part.raw) ? String(part.raw["type"]) : "unknown";
  losses.lose(path, `only its own API understands \`${type}\``);
  return undefined;
}

function encodeAssistant(message: Message, path: string, scope: Scope): JsonObject {
  const { losses } = scope;
  const content: Part[] = [];
  const thoughts: (ReasoningPart | OpaquePart)[] = [];
  const calls: JsonObject[] = [];
  const refusals: string[] = [];
  const annotations: unknown[] = [];
  const fields: JsonObject = {};
  for (const [index, part] of message.parts.entries()) {
    const place = `${path}.content[${index}]`;
    if (part.type === "reasoning") {
      if (canReplay(part, scope)) thoughts.push(part);
      else losses.lose(place, "reasoning that another provider or model made cannot be sent back");
    } else if (part.type === "opaque" && isDetail(part)) thoughts.push(part);
    else if (part.type === "tool-call" && part.executor === "client") {
      if (part.cache) encodeCache(part.cache, place, scope.target, losses);
      for (const key of foreignFields(part.ext)) losses.lose(`${place}.${key}`, noForm);
      calls.push(encodeToolCall(part, scope));
    } else if (part.type === "tool-call") {
      losses.lose(place, `the call of \`${part.name}\` was run by another provider`);
    } else if (part.type === "tool-result") {
      losses.lose(place, "the result of a tool that another provider ran is sent as text");
      content.push(...part.parts.filter((inner) => inner.type === "text"));
    } else if (part.type === "refusal") refusals.push(part.text);
    else if (part.type === "audio" && part.source.kind === "file-id") {
      fields["audio"] = { id: part.source.id };
    } else if (part.type === "image" || part.type === "audio" || part.type === "file") {
      losses.lose(place, `an assistant message of this wire holds no ${part.type}`);
    } else {
      content.push(part);
      if (part.type !== "text") continue;
      for (const { origin, raw } of part.citations ?? []) {
        if (origin === dialectId) annotations.push(raw);
        else losses.lose(`${place}.citations`, noForm);
      }
    }
  }
  const encoded = encodeContent(content, path, scope);
  const isSilent = encoded === "" && (calls.length > 0 || refusals.length > 0 || "audio" in fields);
  return {
    ...finishMessage("assistant", message, isSilent ? null : encoded),
    ...encodeThoughts(thoughts, path, scope),
    ...(refusals.length > 0 ? { refusal: refusals.join("") } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
    ...fields,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function encodeToolCall(part: ToolCallPart, { isNative }: Scope): JsonObject {
  const { function: called, custom, ...outer } = ownExt(part.ext);
  const type = part.freeform ? "custom" : "function";
  const inner = part.freeform ? custom : called;
  return {
    id: isNative ? part.id : fitCallId(part.id),
    type,
    [type]: {
      name: part.name,
      [part.freeform ? "input" : "arguments"]: part.args,
      ...(isObject(inner) ? inner : {}),
    },
    ...outer,
  };
}

/** Reasoning goes back only where it was made; without a named origin the client sent it to this wire itself. */
function canReplay({ origin }: ReasoningPart, { target }: Scope): boolean {
  return (
    origin.dialect === dialectId &&
    (origin.provider === undefined || origin.provider === target.provider) &&
    (origin.model === undefined || origin.model === target.model)
  );
}

function encodeThoughts(
  thoughts: readonly (ReasoningPart | OpaquePart)[],
  path: string,
  { target, losses }: Scope,
): JsonObject {
  const details: unknown[] = [];
  let plain = "";
  for (const part of thoughts) {
    if (part.type === "opaque") details.push(part.raw);
    else if (needsDetail(part)) {
      details.push(...encodeDetails(part, { index: details.length, isForClient: false }));
    } else plain += part.text;
  }
  const { reasoningField } = target.quirks;
  if (plain !== "" && reasoningField === undefined) {
    losses.lose(`${path}.reasoning_content`, "the provider does not take reasoning back");
  }
  return {
    ...(plain !== "" && reasoningField !== undefined ? { [reasoningField]: plain } : {}),
    ...(details.length > 0 ? { reasoning_details: details } : {}),
  };
}
