// A request in the internal representation written as a v2 chat body.
// https://docs.cohere.com/reference/chat
import type { ChatRequest, ResponseFormat } from "../../ir/chat.ts";
import { budgetOfEffort } from "../../ir/effort.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { isMetUnasked } from "../bookkeeping.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { defined } from "../fields.ts";
import { freeformLoss, freeformSchema } from "../freeform.ts";
import { createLosses, loseRefused } from "../losses.ts";
import { loseWishes } from "../lost-wishes.ts";
import { fitOutputLimit } from "../output-limit.ts";
import { plainSchema } from "../plain-schema.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { encodeMessages, type Scope } from "./message-encode.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

/**
 * @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs.
 */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const own = request.ext[dialectId];
  const scope: Scope = { request, target, losses, isNative: own !== undefined, documents: [] };
  const messages = encodeMessages(request.messages, scope);
  const tools = encodeTools(scope);
  const choice = encodeToolChoice(scope, tools);
  const format = encodeFormat(scope, tools.length > 0);
  if (format.instruction !== undefined) addInstruction(messages, format.instruction);
  const body: JsonObject = {
    model: target.model,
    messages,
    ...(choice.tools.length > 0 ? { tools: choice.tools, ...choice.fields } : {}),
    ...encodeStrict(scope, tools.length > 0),
    ...(scope.documents.length > 0 ? { documents: scope.documents } : {}),
    ...format.fields,
    ...encodeSettings(scope),
    ...encodeThinking(scope),
    stream: request.stream,
    ...own,
  };
  loseWishes(request, noForm, losses);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: stringify(body), headers: {}, warnings: losses.warnings() };
}

/** https://docs.cohere.com/reference/chat: what is beyond these is refused. */
const bounds: Readonly<Record<string, { min: number; max: number }>> = {
  p: { min: 0.01, max: 0.99 },
  k: { min: 0, max: 500 },
  frequency_penalty: { min: 0, max: 1 },
  presence_penalty: { min: 0, max: 1 },
};

/** OpenAI's names for what is told of them. */
const otherNames: Readonly<Record<string, string>> = { p: "top_p", k: "top_k" };

const maxStop = 5;

function encodeSettings({ request, target, losses, isNative }: Scope): JsonObject {
  const { settings } = request;
  const { maxOutputTokens: limit, logprobs } = settings;
  const body: JsonObject = defined({
    max_tokens:
      limit === undefined || isNative
        ? limit
        : fitOutputLimit(limit, [target.facts.maxOutputTokens], losses),
    temperature: settings.temperature,
    p: settings.topP,
    k: settings.topK,
    stop_sequences: settings.stop,
    seed: settings.seed,
    frequency_penalty: settings.frequencyPenalty,
    presence_penalty: settings.presencePenalty,
    logprobs: logprobs ? true : undefined,
  });
  if (logprobs?.top) losses.lose("top_logprobs", noForm);
  if (isNative) return body;
  for (const [key, { min, max }] of Object.entries(bounds)) {
    const value = body[key];
    if (typeof value !== "number" || (value >= min && value <= max)) continue;
    body[key] = value < min ? min : max;
    // All of the probability mass is what 0.99 nearly is.
    if (key === "p" && value === 1) continue;
    losses.lose(
      otherNames[key] ?? key,
      `brought to ${String(body[key])}: ${min} to ${max} is taken here`,
    );
  }
  if (settings.stop && settings.stop.length > maxStop) {
    body["stop_sequences"] = settings.stop.slice(0, maxStop);
    losses.lose("stop", `at most ${maxStop} stop sequences are taken here: the first are sent`);
  }
  return body;
}

const saysThatItReasons = /reasoning/;
const leftToModel = "unknown whether the model reasons: it is left to do as it does";

function encodeThinking({ request, target, losses, isNative }: Scope): JsonObject {
  const { reasoning } = request;
  if (!reasoning) return {};
  const spelling = ownExt(reasoning.ext);
  if (Object.keys(spelling).length > 0) return spelling;
  for (const path of reasoning.beyond ?? []) losses.lose(path, noForm);
  if (reasoning.mode !== "off" && reasoning.display !== undefined) {
    losses.lose("thinking.display", noForm);
  }
  const can = target.facts.reasoning ?? (saysThatItReasons.test(target.model) ? true : undefined);
  if (!isNative && can !== true) {
    // A model that does not reason refuses the field; one that does reasons unasked.
    const isMet = can === false && reasoning.mode === "off";
    const reason = can === false ? "the model does not reason" : leftToModel;
    if (!isMet) losses.lose("reasoning", reason);
    return {};
  }
  switch (reasoning.mode) {
    case "off":
      return { thinking: { type: "disabled" } };
    case "budget":
      return { thinking: { type: "enabled", token_budget: reasoning.tokens } };
    case "effort":
    case "adaptive": {
      const { effort } = reasoning;
      const budget = effort === undefined ? {} : { token_budget: budgetOfEffort(effort) };
      return { thinking: { type: "enabled", ...budget } };
    }
    default:
      return reasoning satisfies never;
  }
}

interface EncodedFormat {
  fields: JsonObject;
  /** What the model must be told in words, since the field cannot. */
  instruction?: string;
}

function encodeFormat(scope: Scope, hasTools: boolean): EncodedFormat {
  const { request, target, losses, isNative, documents } = scope;
  const format: ResponseFormat | undefined = request.responseFormat;
  if (!format) return { fields: {} };
  if (format.type === "text") {
    return { fields: isNative ? { response_format: { type: "text" } } : {} };
  }
  const schema = format.type === "json-schema" ? format.schema : undefined;
  const wanted =
    schema === undefined
      ? "Answer with one JSON object and nothing else."
      : `Answer with one JSON value that fits this JSON Schema and nothing else:\n${JSON.stringify(schema)}`;
  if (isNative || (!hasTools && documents.length === 0)) {
    if (format.type === "json-schema" && format.description) {
      losses.lose("response_format.json_schema.description", noForm);
    }
    const isEnforced = schema !== undefined && !target.quirks.noJsonSchema;
    if (schema !== undefined && !isEnforced) {
      losses.lose(
        "response_format.json_schema",
        "no schema is enforced here; the model is told it",
      );
    }
    return {
      fields: {
        response_format: { type: "json_object", ...(isEnforced ? { json_schema: schema } : {}) },
      },
      // Without a word about JSON in the prompt the model may never end.
      ...(isEnforced || isNative ? {} : { instruction: wanted }),
    };
  }
  losses.lose(
    "response_format",
    "not possible beside tools or documents here; the model is told in words",
  );
  return { fields: {}, instruction: wanted };
}

function addInstruction(messages: JsonObject[], content: string): void {
  const after = messages.findIndex(({ role }) => role !== "system");
  messages.splice(after < 0 ? messages.length : after, 0, { role: "system", content });
}

function encodeTools({ request, target, losses }: Scope): JsonObject[] {
  const tools = request.tools.flatMap((tool, index) => {
    const path = `tools[${index}]`;
    if (tool.type === "provider") {
      if (tool.origin === dialectId && isObject(tool.raw)) return [tool.raw];
      losses.lose(path, vendorToolLoss(tool));
      return [];
    }
    const lost = foreignFields(tool.ext).filter((key) => !isMetUnasked(key));
    for (const key of lost) losses.lose(`${path}.${key}`, noForm);
    if (tool.cache) losses.lose(`${path}.cache_control`, noForm);
    if (tool.type === "custom") losses.lose(path, freeformLoss);
    const { function: inner, ...outer } = ownExt(tool.ext);
    return [
      {
        type: "function",
        function: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          // Demanded, also of a tool that takes nothing.
          parameters:
            tool.type === "custom"
              ? freeformSchema(tool)
              : plainSchema(tool.parameters ?? { type: "object", properties: {} }),
          ...(isObject(inner) ? inner : {}),
        },
        ...outer,
      },
    ];
  });
  refuseLostTools(request, tools.length, { dialectId, target });
  return tools;
}

/** One switch for all tools. */
function encodeStrict({ request, losses }: Scope, hasTools: boolean): JsonObject {
  const strict = request.tools.map((tool) => tool.type === "function" && tool.strict === true);
  if (!hasTools || !strict.includes(true)) return {};
  if (strict.every(Boolean)) return { strict_tools: true };
  losses.lose("tools[].strict", "enforced for all tools or for none here: for none");
  return {};
}

/** No single tool can be demanded, but all others can be left out. */
function encodeToolChoice(
  { request, losses }: Scope,
  tools: JsonObject[],
): { tools: JsonObject[]; fields: JsonObject } {
  const { toolChoice: choice } = request;
  if (tools.length === 0) {
    if (choice?.type === "required" || choice?.type === "tool") {
      losses.lose("tool_choice", "there are no tools to choose from");
    }
    return { tools, fields: {} };
  }
  switch (choice?.type) {
    case undefined:
    case "auto":
      return { tools, fields: {} };
    case "none":
      return { tools, fields: { tool_choice: "NONE" } };
    case "required":
      return { tools, fields: { tool_choice: "REQUIRED" } };
    case "tool": {
      const named = tools.filter(
        (tool) => isObject(tool["function"]) && tool["function"]["name"] === choice.name,
      );
      if (named.length < tools.length) {
        losses.lose("tool_choice", "a tool cannot be demanded by name: it is offered alone");
      }
      return { tools: named.length > 0 ? named : tools, fields: { tool_choice: "REQUIRED" } };
    }
    default:
      return choice satisfies undefined;
  }
}
