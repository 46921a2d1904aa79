// A request in the internal representation written as a generateContent body. The model and the stream are in the path.
// https://ai.google.dev/api/generate-content
import type { ChatRequest, Tool } from "../../ir/chat.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { isMetUnasked } from "../bookkeeping.ts";
import { loseCitedIds } from "../cited-document.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { defined } from "../fields.ts";
import { freeformLoss, freeformSchema } from "../freeform.ts";
import { fitSchema } from "../json-schema.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { fitOutputLimit } from "../output-limit.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { encodeConversation } from "./content-encode.ts";
import { type ModelTraits, traitsOf } from "./model.ts";
import { escapeName } from "./names.ts";
import { schemaRules } from "./schema.ts";
import { encodeThinking } from "./thinking.ts";
import { dialectId, foreignFields, noForm, ownExt, unasked } from "./wire.ts";

/**
 * @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs.
 */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const own = request.ext[dialectId];
  const isNative = own !== undefined;
  const scope: Scope = {
    request,
    target,
    losses,
    traits: traitsOf(target.model, target.facts),
    isNative,
  };
  const { generationConfig: config, toolConfig, ...extra } = own ?? {};
  const quiet: unknown = own && Object.getOwnPropertyDescriptor(own, unasked)?.value;
  const { system, contents } = encodeConversation(request.messages, scope);
  const tools = encodeTools(scope);
  const format = encodeFormat(scope, tools.length > 0);
  if (format.instruction !== undefined) system.push({ text: format.instruction });
  const generationConfig = {
    ...encodeSettings(scope),
    ...encodeThinking(scope),
    ...format.fields,
    ...(isObject(quiet) ? quiet : {}),
    ...(isObject(config) ? config : {}),
  };
  const body: JsonObject = {
    contents,
    ...(system.length > 0 ? { systemInstruction: { parts: system } } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...encodeToolConfig(toolConfig, scope),
    ...(Object.keys(generationConfig).length > 0 ? { generationConfig } : {}),
    ...encodeAccount(scope),
    ...Object.fromEntries(Object.entries(extra)),
  };
  loseCitedIds(request, "Gemini", losses);
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

/** https://ai.google.dev/api/generate-content#generationconfig */
const maxStops = 5;
const maxLogprobs = 20;
const maxInt32 = 2 ** 31 - 1;

function encodeSettings(scope: Scope): JsonObject {
  const { request, traits, losses, isNative } = scope;
  const { settings } = request;
  const { logprobs } = settings;
  const fields = defined({
    maxOutputTokens: outputLimit(scope),
    temperature: settings.temperature,
    topP: settings.topP,
    topK: settings.topK,
    stopSequences: encodeStop(scope),
    seed: settings.seed,
    presencePenalty: settings.presencePenalty,
    frequencyPenalty: settings.frequencyPenalty,
    candidateCount: settings.candidateCount,
    responseLogprobs: logprobs ? true : undefined,
    logprobs: logprobs?.top,
  }) as JsonObject;
  if (isNative) return fields;
  const drop = (key: string, field: string, reason: string): void => {
    if (!Object.hasOwn(fields, key)) return;
    delete fields[key];
    losses.lose(field, reason);
  };
  if (!traits.hasSampling) {
    const reason = "the model takes no sampling settings";
    drop("temperature", "temperature", reason);
    drop("topP", "top_p", reason);
    drop("topK", "top_k", reason);
  }
  if (!traits.hasPenalties) {
    if (settings.presencePenalty === 0) delete fields["presencePenalty"];
    if (settings.frequencyPenalty === 0) delete fields["frequencyPenalty"];
    drop("presencePenalty", "presence_penalty", "the model takes no penalties");
    drop("frequencyPenalty", "frequency_penalty", "the model takes no penalties");
  }
  if (settings.candidateCount === 1) delete fields["candidateCount"];
  else if (!traits.hasCandidates)
    drop("candidateCount", "n", "the model gives one answer at a time");
  if (settings.seed !== undefined && Math.abs(settings.seed) > maxInt32) {
    drop("seed", "seed", "the seed must fit 32 bits");
  }
  if ((logprobs?.top ?? 0) > maxLogprobs) {
    fields["logprobs"] = maxLogprobs;
    losses.lose("top_logprobs", `lowered to ${maxLogprobs}, all that there is`);
  }
  if (settings.parallelToolCalls === false && request.tools.length > 0) {
    losses.lose("parallel_tool_calls", noForm);
  }
  if (settings.verbosity !== undefined) losses.lose("verbosity", noForm);
  return fields;
}

function outputLimit({ request, target, traits, losses, isNative }: Scope): number | undefined {
  const asked = request.settings.maxOutputTokens;
  if (isNative || asked === undefined) return asked;
  return fitOutputLimit(asked, [target.facts.maxOutputTokens, traits.maxOutputTokens], losses);
}

function encodeStop({ request, losses, isNative }: Scope): string[] | undefined {
  const { stop } = request.settings;
  if (isNative || !stop) return stop;
  const wanted = stop.filter((text) => text !== "");
  if (wanted.length > maxStops) {
    losses.lose("stop", `only the first ${maxStops} stop sequences are taken here`);
  }
  return wanted.length > 0 ? wanted.slice(0, maxStops) : undefined;
}

interface EncodedFormat {
  fields: JsonObject;
  /** What the model must be told in words, since no field can. */
  instruction?: string;
}

const json = { responseMimeType: "application/json" };

function encodeFormat(scope: Scope, hasTools: boolean): EncodedFormat {
  const { request, target, traits, losses, isNative } = scope;
  const wanted = request.responseFormat;
  if (!wanted) return { fields: {} };
  if (wanted.type === "text") return { fields: isNative ? { responseMimeType: "text/plain" } : {} };
  const isFree = isNative || !hasTools || traits.hasSchemaWithTools;
  if (!isFree) {
    losses.lose("response_format", "not possible beside tools; the model is told in words");
    const schema =
      wanted.type === "json" ? "" : ` that fits this JSON Schema: ${JSON.stringify(wanted.schema)}`;
    const instruction = `Give your final answer as one JSON value${schema}. No prose, no code fence.`;
    return { fields: {}, instruction };
  }
  if (wanted.type === "json") return { fields: json };
  if (isNative) return { fields: { ...json, responseJsonSchema: wanted.schema } };
  if (target.quirks.noJsonSchema) {
    losses.lose(
      "response_format.json_schema",
      "no schema is enforced here; the model is asked for JSON and told the schema in words",
    );
    const instruction = `Answer with one JSON value that fits this JSON Schema:\n${JSON.stringify(wanted.schema)}`;
    return { fields: json, instruction };
  }
  const schema = fit(wanted.schema, "response_format.json_schema.schema", losses);
  const description = wanted.description === undefined ? {} : { description: wanted.description };
  return { fields: { ...json, responseJsonSchema: { ...description, ...schema } } };
}

function fit(schema: unknown, path: string, losses: Losses): JsonObject {
  const lost = new Set<string>();
  const fitted = fitSchema(schema, schemaRules, (keyword) => lost.add(keyword));
  if (lost.size > 0) {
    losses.lose(path, `not enforced here, told the model in words: ${[...lost].join(", ")}`);
  }
  return fitted;
}

type OwnTool = Exclude<Tool, { type: "provider" }>;

function encodeTools(scope: Scope): JsonObject[] {
  const { request, target, losses } = scope;
  const functions: JsonObject[] = [];
  const tools: JsonObject[] = [];
  for (const [index, tool] of request.tools.entries()) {
    const path = `tools[${index}]`;
    if (tool.type === "provider") {
      if (tool.origin === dialectId && isObject(tool.raw)) tools.push({ ...tool.raw });
      else losses.lose(path, vendorToolLoss(tool));
    } else {
      if (functions.length === 0) tools.push({ functionDeclarations: functions });
      functions.push(encodeFunction(tool, path, scope));
    }
    if (tool.cache) {
      losses.lose(`${path}.cache_control`, "Gemini caches by itself and takes no hints");
    }
  }
  refuseLostTools(request, tools.length, { dialectId, target });
  return tools;
}

const maxName = 128;

function encodeFunction(tool: OwnTool, path: string, { losses, isNative }: Scope): JsonObject {
  const lost = foreignFields(tool.ext).filter((key) => !isMetUnasked(key));
  for (const key of lost) losses.lose(`${path}.${key}`, noForm);
  const name = escapeName(tool.name);
  if (name.length > maxName || !/^[a-z_]/i.test(name)) {
    losses.lose(
      `${path}.name`,
      `names must begin with a letter or underscore and have at most ${maxName} characters here`,
    );
  }
  const description =
    tool.description === undefined && isNative ? {} : { description: tool.description ?? "" };
  if (tool.type === "custom") {
    losses.lose(path, freeformLoss);
    return {
      name,
      ...description,
      parametersJsonSchema: freeformSchema(tool),
      ...ownExt(tool.ext),
    };
  }
  if (tool.strict === true) {
    losses.lose(`${path}.strict`, "a call is only sure to fit its schema where one is demanded");
  }
  const { parameters } = tool;
  const schema =
    isNative || parameters === undefined ? parameters : fitParameters(parameters, path, losses);
  return {
    name,
    ...description,
    ...(schema === undefined ? {} : { parametersJsonSchema: schema }),
    ...ownExt(tool.ext),
  };
}

/** The schema must be an object's. */
function fitParameters(parameters: unknown, path: string, losses: Losses): JsonObject {
  const schema = fit(parameters, `${path}.parameters`, losses);
  return schema["type"] === undefined ? { type: "object", ...schema } : schema;
}

function encodeToolConfig(kept: unknown, scope: Scope): JsonObject {
  const { functionCallingConfig: calling, ...outer } = isObject(kept) ? kept : {};
  const mode = callingMode(scope);
  const inner = { ...mode, ...(isObject(calling) ? calling : {}) };
  const toolConfig = {
    ...(Object.keys(inner).length > 0 ? { functionCallingConfig: inner } : {}),
    ...outer,
  };
  return Object.keys(toolConfig).length > 0 ? { toolConfig } : {};
}

function callingMode({ request, losses, isNative }: Scope): JsonObject {
  const { tools, toolChoice } = request;
  if (!toolChoice) return {};
  if (!isNative && !tools.some((tool) => tool.type !== "provider")) {
    if (toolChoice.type === "required" || toolChoice.type === "tool") {
      losses.lose("tool_choice", "there are no functions to choose from");
    }
    return {};
  }
  switch (toolChoice.type) {
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [escapeName(toolChoice.name)] };
    default:
      return toolChoice satisfies never;
  }
}

const tiers = new Set(["standard", "flex", "priority"]);

function encodeAccount({ request, losses }: Scope): JsonObject {
  const { serviceTier: tier, ...others } = request.account ?? {};
  if (request.user !== undefined) losses.lose("user", noForm);
  for (const [key, value] of Object.entries(others)) {
    if (value !== undefined)
      losses.lose(
        key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        noForm,
      );
  }
  if (tier === undefined || tier === "auto" || tier === "default") return {};
  if (tiers.has(tier)) return { serviceTier: tier };
  losses.lose("service_tier", `Gemini has no tier \`${tier.slice(0, 40)}\``);
  return {};
}
