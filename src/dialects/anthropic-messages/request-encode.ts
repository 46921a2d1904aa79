// A request in the internal representation written as a Messages body.
// https://platform.claude.com/docs/en/api/messages
import type { ChatRequest, ResponseFormat, Tool } from "../../ir/chat.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { loseCitedIds } from "../cited-document.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { freeformLoss, freeformSchema } from "../freeform.ts";
import { loneText } from "../lone-text.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { loseAccount } from "../openai-account.ts";
import { plainSchema } from "../plain-schema.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { encodeCache } from "./block-encode.ts";
import { encodeConversation, type Turn } from "./message-encode.ts";
import { type ModelTraits, traitsOf } from "./model.ts";
import { escapeName } from "./names.ts";
import { fitSchema } from "./schema.ts";
import { planThinking, type ThinkingPlan, thinkingFields } from "./thinking.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

/**
 * @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs.
 */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const own = request.ext[dialectId];
  const traits = traitsOf(target.model, target.facts);
  const scope: Scope = { request, target, traits, losses, isNative: own !== undefined };
  const { output_config: config, metadata, ...extra } = own ?? {};
  const { system, turns } = encodeConversation(request.messages, scope);
  const plan = planThinking({ ...scope, turns });
  const format = encodeFormat(scope);
  if (format.instruction !== undefined) system.push({ type: "text", text: format.instruction });
  const tools = encodeTools(scope, turns);
  const outputConfig = {
    ...(isObject(config) ? config : {}),
    ...(plan.effort === undefined ? {} : { effort: plan.effort }),
    ...(format.format === undefined ? {} : { format: format.format }),
  };
  if (!scope.isNative)
    limitBreakpoints([tools, system, ...turns.map((turn) => turn.content)], losses);
  const body: JsonObject = {
    model: target.model,
    max_tokens: plan.maxTokens,
    ...(system.length > 0 ? { system: simplify(system) } : {}),
    messages: turns.map(({ role, content, extra: fields }) => ({
      role,
      ...(content.length > 0 ? { content: simplify(content) } : {}),
      ...fields,
    })),
    ...(tools.length > 0 ? { tools } : {}),
    ...encodeToolChoice(scope, tools.length > 0),
    ...thinkingFields(plan),
    ...(Object.keys(outputConfig).length > 0 ? { output_config: outputConfig } : {}),
    ...encodeSampling(scope, plan),
    ...encodeStop(scope),
    ...(request.stream ? { stream: true } : {}),
    ...encodeMetadata(request.user, metadata),
    ...extra,
  };
  loseSettings(scope);
  loseCitedIds(request, "Anthropic Messages", losses);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: stringify(body), headers: betaHeader(turns), warnings: losses.warnings() };
}

interface Scope {
  request: ChatRequest;
  target: Target;
  traits: ModelTraits;
  losses: Losses;
  isNative: boolean;
}

const simplify = (blocks: JsonObject[]): string | JsonObject[] => loneText(blocks) ?? blocks;

function encodeMetadata(user: string | undefined, kept: unknown): JsonObject {
  const metadata = {
    ...(isObject(kept) ? kept : {}),
    ...(user === undefined ? {} : { user_id: user }),
  };
  return Object.keys(metadata).length > 0 ? { metadata } : {};
}

/** The API takes stop sequences only if they hold a visible character. */
function encodeStop({ request, losses }: Scope): JsonObject {
  const wanted = request.settings.stop ?? [];
  const stop = wanted.filter((text) => text.trim() !== "");
  if (stop.length < wanted.length) {
    losses.lose("stop", "a stop sequence of white space only is refused here");
  }
  return stop.length > 0 ? { stop_sequences: stop } : {};
}

/** The sampling settings as far as the model takes them. */
export function encodeSampling(
  { request, traits, losses, isNative }: Omit<Scope, "target">,
  plan: Pick<ThinkingPlan, "isOn">,
): JsonObject {
  const { temperature, topP, topK } = request.settings;
  const fields: JsonObject = {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(topK === undefined ? {} : { top_k: topK }),
  };
  if (isNative) return fields;
  const drop = (key: string, reason: string): void => {
    if (!Object.hasOwn(fields, key)) return;
    delete fields[key];
    losses.lose(key, reason);
  };
  if (traits.sampling === "none") {
    for (const key of Object.keys(fields)) drop(key, "the model takes no sampling settings");
    return fields;
  }
  if (plan.isOn) {
    if (temperature !== 1) drop("temperature", "not possible while the model thinks");
    drop("top_k", "not possible while the model thinks");
    if (topP !== undefined && topP < 0.95) {
      drop("top_p", "below 0.95 not possible while the model thinks");
    }
  }
  if (temperature !== undefined && temperature > 1 && Object.hasOwn(fields, "temperature")) {
    fields["temperature"] = 1;
    losses.lose("temperature", "lowered to 1, the highest here");
  }
  if (traits.sampling === "one" && Object.hasOwn(fields, "temperature")) {
    drop("top_p", "the model takes temperature or top_p, not both");
  }
  return fields;
}

/** Settings that this wire does not know. Those that ask for the default lose nothing. */
function loseSettings({ request, losses }: Scope): void {
  const { seed, frequencyPenalty, presencePenalty, candidateCount } = request.settings;
  const { logprobs, verbosity } = request.settings;
  if (seed !== undefined) losses.lose("seed", noForm);
  if (frequencyPenalty) losses.lose("frequency_penalty", noForm);
  if (presencePenalty) losses.lose("presence_penalty", noForm);
  if (candidateCount !== undefined && candidateCount !== 1) {
    losses.lose("n", "Anthropic Messages gives one answer at a time");
  }
  if (logprobs) losses.lose("logprobs", noForm);
  if (logprobs?.top !== undefined) losses.lose("top_logprobs", noForm);
  if (verbosity !== undefined) losses.lose("verbosity", noForm);
  loseAccount(request, noForm, losses);
}

interface EncodedFormat {
  format?: JsonObject;
  /** What the model must be told in words, since no field can. */
  instruction?: string;
}

function encodeFormat({ request, target, traits, losses, isNative }: Scope): EncodedFormat {
  const wanted: ResponseFormat | undefined = request.responseFormat;
  if (!wanted || wanted.type === "text") return {};
  if (wanted.type === "json") {
    losses.lose(
      "response_format",
      "no JSON mode without a schema here; the model is told in words",
    );
    return {
      instruction: "Answer with one JSON object and nothing else: no prose, no code fence.",
    };
  }
  if (isNative) return { format: { type: "json_schema", schema: wanted.schema } };
  if (traits.hasJsonSchema && !target.quirks.noJsonSchema) {
    if (wanted.description) losses.lose("response_format.json_schema.description", noForm);
    const lost = new Set<string>();
    const schema = fitSchema(wanted.schema, (keyword) => lost.add(keyword));
    loseKeywords(lost, "response_format.json_schema.schema", losses);
    return { format: { type: "json_schema", schema } };
  }
  losses.lose(
    "response_format.json_schema",
    "the model does not enforce a schema; it is told the schema in words",
  );
  return {
    instruction: `Answer with one JSON value that fits this JSON Schema and nothing else, no prose, no code fence:\n${JSON.stringify(wanted.schema)}`,
  };
}

function loseKeywords(lost: ReadonlySet<string>, path: string, losses: Losses): void {
  if (lost.size === 0) return;
  losses.lose(path, `not enforced here, told the model in words: ${[...lost].join(", ")}`);
}

function encodeTools(scope: Scope, turns: readonly Turn[]): JsonObject[] {
  const { request, target, losses } = scope;
  const tools = request.tools.flatMap((tool, index) => {
    const path = `tools[${index}]`;
    if (tool.type === "provider") {
      if (tool.origin === dialectId && isObject(tool.raw)) return [{ ...tool.raw }];
      losses.lose(path, vendorToolLoss(tool));
      return [];
    }
    for (const key of foreignFields(tool.ext)) losses.lose(`${path}.${key}`, noForm);
    return [{ ...encodeTool(tool, path, scope), ...encodeCache(tool.cache) }];
  });
  refuseLostTools(request, tools.length, { dialectId, target });
  return tools.length > 0 || scope.isNative ? tools : calledTools(turns);
}

/** Calls in the history are refused where no tools are declared; other wires have no such rule. */
function calledTools(turns: readonly Turn[]): JsonObject[] {
  const calls = turns
    .flatMap((turn) => turn.content)
    .filter((block) => block["type"] === "tool_use");
  return [...new Set(calls.map((block) => block["name"]))].map((name) => ({
    name,
    description: "No longer available.",
    input_schema: { type: "object" },
  }));
}

type OwnTool = Exclude<Tool, { type: "provider" }>;

function encodeTool(tool: OwnTool, path: string, scope: Scope): JsonObject {
  const { losses, traits, isNative } = scope;
  const head = {
    name: encodeToolName(tool.name, path, losses),
    ...(tool.description === undefined ? {} : { description: tool.description }),
  };
  if (tool.type === "custom") {
    losses.lose(path, freeformLoss);
    return { ...head, input_schema: freeformSchema(tool), ...ownExt(tool.ext) };
  }
  const isStrict = tool.strict === true && (isNative || traits.hasJsonSchema);
  if (tool.strict === true && !isStrict) {
    losses.lose(`${path}.strict`, "the model does not enforce a schema");
  }
  return {
    ...head,
    input_schema: encodeParameters(tool.parameters, isStrict, `${path}.parameters`, scope),
    ...(isStrict ? { strict: true } : isNative && tool.strict === false ? { strict: false } : {}),
    ...ownExt(tool.ext),
  };
}

/** The schema must be an object's; a tool without parameters has none on other wires. */
function encodeParameters(
  parameters: unknown,
  isStrict: boolean,
  path: string,
  { losses, isNative }: Scope,
): unknown {
  if (!isObject(parameters)) return { type: "object", properties: {} };
  if (isNative) return parameters;
  const plain = plainSchema(parameters);
  const schema = plain["type"] === undefined ? { type: "object", ...plain } : plain;
  if (!isStrict) return schema;
  const lost = new Set<string>();
  const fitted = fitSchema(schema, (keyword) => lost.add(keyword));
  loseKeywords(lost, path, losses);
  return fitted;
}

const maxToolName = 128;

/** Names with other characters are spelt out and turned back in the answer, see `names.ts`. */
function encodeToolName(name: string, path: string, losses: Losses): string {
  const escaped = escapeName(name);
  if (escaped.length > maxToolName) {
    losses.lose(`${path}.name`, `names longer than ${maxToolName} characters are refused here`);
  }
  return escaped;
}

function encodeToolChoice(scope: Scope, hasTools: boolean): JsonObject {
  const { request, traits, losses, isNative } = scope;
  const { toolChoice: choice, settings } = request;
  if (!hasTools && !isNative) {
    if (choice?.type === "required" || choice?.type === "tool") {
      losses.lose("tool_choice", "there are no tools to choose from");
    }
    return {};
  }
  // Tools declared only for calls in the history must not be called again.
  if (request.tools.length === 0 && !isNative) return { tool_choice: { type: "none" } };
  const single = settings.parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  const isSingle = settings.parallelToolCalls === false;
  switch (choice?.type) {
    case undefined:
      return isSingle ? { tool_choice: { type: "auto", ...single } } : {};
    case "none":
      return { tool_choice: { type: "none" } };
    case "auto":
      return { tool_choice: { type: "auto", ...single } };
    case "required":
    case "tool":
      if (!isNative && !traits.hasForcedTool) {
        losses.lose("tool_choice", "the model cannot be made to call a tool; it is left to choose");
        return { tool_choice: { type: "auto", ...single } };
      }
      return choice.type === "required"
        ? { tool_choice: { type: "any", ...single } }
        : { tool_choice: { type: "tool", name: escapeName(choice.name), ...single } };
    default:
      return choice satisfies undefined;
  }
}

/** https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const maxBreakpoints = 4;

/** Of too many prompt-cache hints the earliest in the messages go: later ones cover them. */
function limitBreakpoints(places: readonly JsonObject[][], losses: Losses): void {
  const marked = places.map((blocks) => blocks.filter((block) => "cache_control" in block));
  const [tools = [], system = [], ...turns] = marked;
  const surplus = marked.flat().length - maxBreakpoints;
  if (surplus <= 0) return;
  for (const block of [...turns.flat(), ...system, ...tools].slice(0, surplus)) {
    delete block["cache_control"];
  }
  losses.lose("cache_control", `only ${maxBreakpoints} prompt-cache hints are taken here`);
}

/** The beta that uploaded files need; the client's own header is only there on a relay. */
const betaHeader = (turns: readonly Turn[]): Record<string, string> =>
  turns.some((turn) => hasUpload(turn.content)) ? { "anthropic-beta": "files-api-2025-04-14" } : {};

const hasUpload = (blocks: readonly unknown[]): boolean =>
  blocks.filter(isObject).some(({ type, source, content }) => {
    const isFile = isObject(source) && source["type"] === "file";
    return isFile || type === "container_upload" || (Array.isArray(content) && hasUpload(content));
  });
