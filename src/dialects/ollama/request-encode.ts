// A request in the internal representation written as a body for `/api/chat`.
// https://docs.ollama.com/api/chat
import type { ChatRequest, Reasoning, ResponseFormat } from "../../ir/chat.ts";
import { effortOfBudget } from "../../ir/effort.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { loseCitedIds } from "../cited-document.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { freeformLoss, freeformSchema } from "../freeform.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { fitOutputLimit } from "../output-limit.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { isMetUnasked } from "../bookkeeping.ts";
import { loseWishes } from "../lost-wishes.ts";
import { plainSchema } from "../plain-schema.ts";
import { encodeMessages, type Scope } from "./message-encode.ts";
import { encodeOptions } from "./options.ts";
import { asksForGenerate, dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

/**
 * @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs.
 */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const own = request.ext[dialectId];
  const scope: Scope = { request, target, losses, isNative: own !== undefined };
  const { options, ...extra } = ownFields(scope);
  const { maxOutputTokens: limit, logprobs } = request.settings;
  const settings = {
    ...request.settings,
    ...(limit === undefined || scope.isNative
      ? {}
      : { maxOutputTokens: fitOutputLimit(limit, [target.facts.maxOutputTokens], losses) }),
  };
  const tools = encodeTools(scope);
  const body: JsonObject = {
    model: target.model,
    messages: encodeMessages(request.messages, scope),
    ...(tools.length > 0 ? { tools } : {}),
    // A stream is what a request without this field gets.
    stream: request.stream,
    ...encodeFormat(request.responseFormat, losses),
    ...encodeOptions(settings, options),
    ...encodeThink(scope),
    ...(logprobs ? { logprobs: true } : {}),
    ...(logprobs?.top === undefined ? {} : { top_logprobs: logprobs.top }),
    ...extra,
  };
  loseWishes(request, noForm, losses);
  loseToolChoice(request, losses);
  loseCitedIds(request, "Ollama", losses);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: stringify(body), headers: {}, warnings: losses.warnings() };
}

const generateOnly = ["template", "suffix", "raw", "context", "width", "height", "steps"];

/** The client's own fields, but for those that only `/api/generate` takes. */
function ownFields({ request, losses }: Scope): JsonObject {
  const fields = ownExt(request.ext);
  if (!asksForGenerate(request)) return fields;
  const kept = { ...fields };
  for (const key of generateOnly) {
    if (!Object.hasOwn(kept, key)) continue;
    delete kept[key];
    losses.lose(key, "only `/api/generate` takes it, and the request is sent to `/api/chat`");
  }
  return kept;
}

function encodeFormat(format: ResponseFormat | undefined, losses: Losses): JsonObject {
  switch (format?.type) {
    case undefined:
    case "text":
      return {};
    case "json":
      return { format: "json" };
    case "json-schema":
      if (format.description) losses.lose("response_format.json_schema.description", noForm);
      return { format: format.schema };
    default:
      return format satisfies undefined;
  }
}

/** Only these models know degrees; all others think or do not. */
const knowsDegrees = /(?:^|[/:])gpt-oss/;

function encodeThink({ request, target, losses, isNative }: Scope): JsonObject {
  const { reasoning } = request;
  if (!reasoning) return {};
  for (const path of reasoning.beyond ?? []) losses.lose(path, noForm);
  if (reasoning.mode === "off") return { think: false };
  if (reasoning.display !== undefined) losses.lose("thinking.display", noForm);
  const degree = degreeOf(reasoning);
  if (isNative) return { think: degree ?? true };
  const { reasoning: can } = target.facts;
  const isGraded = knowsDegrees.test(target.model);
  if (can !== true && !isGraded) {
    // A model that does not think refuses the field; one that does thinks unasked.
    losses.lose("reasoning", can === false ? "the model does not reason" : leftToModel);
    return {};
  }
  if (degree === undefined) return { think: true };
  if (!isGraded) {
    losses.lose("reasoning", "the model is told to think, not how hard");
    return { think: true };
  }
  const nearest = nearestDegrees[degree] ?? degree;
  if (nearest !== degree) losses.lose("reasoning", `asked for ${nearest} effort, the nearest here`);
  return { think: nearest };
}

const leftToModel = "unknown whether the model reasons: it is left to do as it does";

const nearestDegrees: Readonly<Record<string, string>> = {
  minimal: "low",
  xhigh: "high",
  max: "high",
};

function degreeOf(reasoning: Exclude<Reasoning, { mode: "off" }>): string | undefined {
  switch (reasoning.mode) {
    case "effort":
    case "adaptive":
      return reasoning.effort;
    case "budget":
      return effortOfBudget(reasoning.tokens);
    default:
      return reasoning satisfies never;
  }
}

function encodeTools({ request, target, losses }: Scope): JsonObject[] {
  // The only way to say that none may be called.
  if (request.toolChoice?.type === "none") return [];
  const tools = request.tools.flatMap((tool, index) => {
    const path = `tools[${index}]`;
    if (tool.type === "provider") {
      losses.lose(path, vendorToolLoss(tool));
      return [];
    }
    const lost = foreignFields(tool.ext).filter((key) => !isMetUnasked(key));
    for (const key of lost) losses.lose(`${path}.${key}`, noForm);
    if (tool.cache) losses.lose(`${path}.cache_control`, noForm);
    if (tool.type === "custom") losses.lose(path, freeformLoss);
    else if (tool.strict === true) losses.lose(`${path}.strict`, noForm);
    const { function: inner, ...outer } = ownExt(tool.ext);
    const parameters = tool.type === "custom" ? freeformSchema(tool) : plainSchema(tool.parameters);
    return [
      {
        type: "function",
        function: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          ...(parameters === undefined ? {} : { parameters }),
          ...(isObject(inner) ? inner : {}),
        },
        ...outer,
      },
    ];
  });
  refuseLostTools(request, tools.length, { dialectId, target });
  return tools;
}

function loseToolChoice({ toolChoice: choice }: ChatRequest, losses: Losses): void {
  if (choice?.type === "required" || choice?.type === "tool") {
    losses.lose("tool_choice", "Ollama leaves it to the model whether to call a tool");
  }
}
