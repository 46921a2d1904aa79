// A request in the internal representation written as a Responses body.
// https://platform.openai.com/docs/api-reference/responses/create
import type { ChatRequest, ResponseFormat } from "../../ir/chat.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { loseCitedIds } from "../cited-document.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { defined } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { encodeAccount } from "../openai-account.ts";
import { effortWord } from "../openai-effort.ts";
import { fitVerbosity, traitsOf } from "../openai-model.ts";
import { fitOutputLimit } from "../output-limit.ts";
import { plainSchema } from "../plain-schema.ts";
import { refuseLostTools } from "../vendor-tools.ts";
import type { InputScope } from "./content-encode.ts";
import { encodeInput } from "./input-encode.ts";
import { isStrictSchema } from "./strict-schema.ts";
import { encodeToolChoice, encodeTools, notStrict } from "./tool-encode.ts";
import { dialectId, foreignFields, frameOf, noForm, ownExt } from "./wire.ts";

/**
 * @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs.
 */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const isNative = request.ext[dialectId] !== undefined;
  const traits = traitsOf(target.model);
  const scope: InputScope = {
    request,
    target,
    losses,
    traits,
    isNative,
    takesFreeform: isNative || traits.hasFreeformTools,
  };
  const { tool_choice: choice, text, include: _, ...extra } = ownExt(request.ext);
  const tools = encodeTools(scope);
  refuseLostTools(request, tools.length, { dialectId, target });
  const { instructions, input } = encodeInput(scope);
  const format = encodeFormat(request.responseFormat, scope);
  if (format.instruction !== undefined) {
    input.unshift({ role: target.quirks.systemRole ?? "system", content: format.instruction });
  }
  const body: JsonObject = {
    model: target.model,
    ...(instructions === undefined ? {} : { instructions }),
    input,
    ...(tools.length > 0 ? { tools } : {}),
    ...encodeChoice(choice, tools.length, scope),
    ...encodeSettings(scope, tools.length),
    ...encodeReasoning(scope),
    ...encodeText(format.format, text, scope),
    ...encodeAccount(request, "safety_identifier"),
    ...keeping(scope),
    ...extra,
    ...(request.stream ? { stream: true } : {}),
  };
  if (!isNative) fitSampling(body, scope);
  loseSettings(scope);
  loseCitedIds(request, "OpenAI Responses", losses);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: stringify(body), headers: {}, warnings: losses.warnings() };
}

/** Least output limit that OpenAI takes on this wire. */
const minOutputTokens = 16;

function encodeSettings(scope: InputScope, tools: number): JsonObject {
  const { settings } = scope.request;
  return defined({
    max_output_tokens: outputLimit(scope),
    temperature: settings.temperature,
    top_p: settings.topP,
    top_logprobs: settings.logprobs?.top,
    parallel_tool_calls: tools > 0 || scope.isNative ? settings.parallelToolCalls : undefined,
  });
}

function outputLimit({
  request,
  target,
  traits,
  losses,
  isNative,
}: InputScope): number | undefined {
  const asked = request.settings.maxOutputTokens;
  if (isNative || asked === undefined) return asked;
  if (traits.efforts !== undefined && asked < minOutputTokens) {
    losses.lose(
      "max_tokens",
      `raised from ${asked} to ${minOutputTokens}, the least that is taken`,
    );
    return minOutputTokens;
  }
  return fitOutputLimit(asked, [target.facts.maxOutputTokens, traits.maxOutputTokens], losses);
}

function encodeChoice(raw: unknown, tools: number, scope: InputScope): JsonObject {
  const { request, losses, isNative } = scope;
  if (tools > 0 || isNative) return defined({ tool_choice: encodeToolChoice(raw, scope) });
  // OpenAI refuses a choice without tools. Only a demand for a call is a loss then.
  const wish = request.toolChoice?.type;
  if (wish === "required" || wish === "tool") {
    losses.lose("tool_choice", "there are no tools to choose from");
  }
  return {};
}

function encodeReasoning(scope: InputScope): JsonObject {
  const { reasoning } = scope.request;
  if (!reasoning) return {};
  const spelling = ownExt(reasoning.ext);
  if (Object.keys(spelling).length > 0) return { reasoning: spelling };
  for (const path of reasoning.beyond ?? []) scope.losses.lose(path, noForm);
  const effort = effortWord(reasoning, scope);
  const canThink = scope.traits.efforts?.length !== 0 && scope.target.facts.reasoning !== false;
  const fields = defined({
    effort,
    summary: canThink && effort !== "none" && wantsSummary(reasoning) ? "auto" : undefined,
  });
  return Object.keys(fields).length > 0 ? { reasoning: fields } : {};
}

/** Wires that ask for a budget, or leave it to the model, show what it thinks unless told not to. */
function wantsSummary(reasoning: NonNullable<ChatRequest["reasoning"]>): boolean {
  if (reasoning.mode === "off") return false;
  if (reasoning.display !== undefined) return reasoning.display !== "omitted";
  return reasoning.mode !== "effort";
}

/** What comes back of the answer's making, and whether OpenAI keeps it. */
function keeping({ request, target, traits, isNative }: InputScope): JsonObject {
  const logprobs = request.settings.logprobs ? ["message.output_text.logprobs"] : [];
  if (isNative) {
    const { include } = frameOf(request.ext);
    return Array.isArray(include) ? { include } : {};
  }
  // Models that do not reason refuse to be asked for it.
  const canThink = traits.efforts
    ? traits.efforts.length > 0
    : (target.facts.reasoning ?? request.reasoning !== undefined);
  const include = [...(canThink ? ["reasoning.encrypted_content"] : []), ...logprobs];
  return {
    store: request.account?.store ?? false,
    ...(include.length > 0 ? { include } : {}),
  };
}

interface EncodedFormat {
  format?: JsonObject;
  /** What the model must be told in words, since the field cannot. */
  instruction?: string;
}

function encodeFormat(wanted: ResponseFormat | undefined, scope: InputScope): EncodedFormat {
  const { target, traits, losses, isNative } = scope;
  if (!wanted) return {};
  if (wanted.type === "text") return { format: { type: "text" } };
  if (wanted.type === "json") return { format: { type: "json_object" } };
  const { type: _, name = "response", strict, ...rest } = wanted;
  if (!target.quirks.noJsonSchema && (isNative || traits.hasJsonSchema)) {
    const isStrict = strict === true && (isNative || isStrictSchema(wanted.schema));
    if (strict === true && !isStrict) losses.lose("response_format.json_schema.strict", notStrict);
    const asked = strict === undefined ? {} : { strict: isStrict };
    const schema = isNative ? wanted.schema : plainSchema(wanted.schema);
    const named = { type: "json_schema", name: fitName(name, isNative) };
    return { format: { ...named, ...rest, schema, ...asked } };
  }
  losses.lose(
    "response_format.json_schema",
    "no schema is enforced here; the model is asked for JSON and told the schema in words",
  );
  return {
    format: { type: "json_object" },
    instruction: `Answer with one JSON value that fits this JSON Schema:\n${JSON.stringify(wanted.schema)}`,
  };
}

/** OpenAI's rule: letters, digits, `_` and `-`, at most 64. */
const fitName = (name: string, isNative: boolean): string =>
  isNative ? name : name.replace(/[^\w-]/g, "_").slice(0, 64) || "response";

function encodeText(format: JsonObject | undefined, own: unknown, scope: InputScope): JsonObject {
  const { request, traits, losses, isNative } = scope;
  const asked = request.settings.verbosity;
  const verbosity = isNative ? asked : fitVerbosity(asked, traits, losses);
  const text = {
    ...(isObject(own) ? own : {}),
    ...(format === undefined ? {} : { format }),
    ...(verbosity === undefined ? {} : { verbosity }),
  };
  return Object.keys(text).length > 0 ? { text } : {};
}

/** Sampling settings that the model refuses are left out, even those that ask for its default. */
function fitSampling(body: JsonObject, { traits, losses }: InputScope): void {
  if (traits.sampling === "always") return;
  const reasoning = body["reasoning"];
  const effort = isObject(reasoning) ? reasoning["effort"] : undefined;
  const isResting = (effort ?? traits.defaultEffort) === "none";
  if (traits.sampling === "effort-none" && isResting) return;
  for (const key of ["temperature", "top_p"]) {
    if (!Object.hasOwn(body, key)) continue;
    const isDefault = body[key] === 1;
    delete body[key];
    if (isDefault) continue;
    losses.lose(key, "the model takes no sampling settings while it reasons");
  }
}

/** Settings that this wire does not know. Those that ask for the default lose nothing. */
function loseSettings({ request, losses }: { request: ChatRequest; losses: Losses }): void {
  const { topK, stop, seed, frequencyPenalty, presencePenalty, candidateCount } = request.settings;
  if (topK !== undefined) losses.lose("top_k", noForm);
  if (stop !== undefined && stop.length > 0) losses.lose("stop", noForm);
  if (seed !== undefined) losses.lose("seed", noForm);
  if (frequencyPenalty) losses.lose("frequency_penalty", noForm);
  if (presencePenalty) losses.lose("presence_penalty", noForm);
  if (candidateCount !== undefined && candidateCount !== 1) {
    losses.lose("n", "OpenAI Responses gives one answer at a time");
  }
}
