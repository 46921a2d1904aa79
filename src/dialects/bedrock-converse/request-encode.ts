// A request in the internal representation written as a Converse body.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
import type { ChatRequest } from "../../ir/chat.ts";
import { mergeJson } from "../../ir/fold.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { encodeSampling } from "../anthropic-messages/request-encode.ts";
import { loseCitedIds } from "../cited-document.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { createLosses, loseRefused } from "../losses.ts";
import { loseAccount } from "../openai-account.ts";
import type { BlockScope } from "./block-encode.ts";
import { stopSequencePath } from "./finish.ts";
import { encodeConversation } from "./message-encode.ts";
import { traitsOf } from "./model.ts";
import { createDocumentNames } from "./names.ts";
import { encodeThinking, type Thinking } from "./thinking.ts";
import { encodeToolConfig, fitted } from "./tool-encode.ts";
import { dialectId, foreignFields, noForm } from "./wire.ts";

interface Scope extends BlockScope {
  request: ChatRequest;
}

/** @throws GatewayError `unsupported_feature` for tools that only another provider runs, and media by URL. */
export function encodeRequest(request: ChatRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  // Present exactly when the client itself spoke this wire: then its own fields go out as it wrote them.
  const own = request.ext[dialectId];
  const scope: Scope = {
    request,
    target,
    traits: traitsOf(target.model, target.facts),
    losses,
    isNative: own !== undefined,
    uniqueName: createDocumentNames(),
  };
  const {
    additionalModelRequestFields: kept,
    outputConfig: keptOutput,
    inferenceConfig: keptInference,
    ...extra
  } = own ?? {};
  const { system, turns } = encodeConversation(request.messages, scope);
  const thinking = encodeThinking({ ...scope, turns });
  const tools = encodeToolConfig({ ...scope, turns });
  const sampling = encodeSettings(scope, thinking);
  const output = encodeFormat(scope);
  if (output.instruction !== undefined) system.push({ text: output.instruction });
  if (!scope.isNative) limitCachePoints([system, ...turns.map((turn) => turn.content)], scope);
  const additional = [thinking.fields, sampling.fields, tools.fields].reduce(mergeObjects, {
    ...(isObject(kept) ? kept : {}),
  });
  const outputConfig = {
    ...(isObject(keptOutput) ? keptOutput : {}),
    ...(thinking.effort === undefined ? {} : { effort: thinking.effort }),
    ...(output.textFormat === undefined ? {} : { textFormat: output.textFormat }),
  };
  const body: JsonObject = {
    messages: turns.map(({ role, content, extra: fields }) => ({ role, content, ...fields })),
    ...some("system", system),
    ...some("inferenceConfig", {
      ...sampling.inferenceConfig,
      ...(isObject(keptInference) ? keptInference : {}),
    }),
    ...some("toolConfig", tools.toolConfig),
    ...some("additionalModelRequestFields", additional),
    ...some("outputConfig", outputConfig),
    ...encodeStopPath(scope),
    ...encodeAccount(scope),
    ...extra,
  };
  loseCitedIds(request, "Bedrock Converse", losses);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  loseRefused(body, target, losses);
  return { body: stringify(body), headers: {}, warnings: losses.warnings() };
}

const mergeObjects = (base: JsonObject, addition: JsonObject): JsonObject => {
  const merged = mergeJson(base, addition);
  return isObject(merged) ? merged : base;
};

/** Empty lists and objects are left out: some are refused. */
const some = (key: string, value: object | undefined): JsonObject =>
  value === undefined || Object.keys(value).length === 0 ? {} : { [key]: value };

/** What else the inference parameters say, as far as this wire knows them. */
function encodeSettings(
  scope: Scope,
  thinking: Thinking,
): { inferenceConfig: JsonObject; fields: JsonObject } {
  const { request, losses, isNative } = scope;
  const { temperature, topP, topK } = sampleOf(scope, thinking);
  const stops = encodeStops(scope);
  const inferenceConfig: JsonObject = {
    ...(thinking.maxTokens === undefined ? {} : { maxTokens: thinking.maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stops.length > 0 ? { stopSequences: stops } : {}),
  };
  if (thinking.isAlone && !isNative) {
    for (const key of ["maxTokens", "temperature", "topP"]) {
      if (!Object.hasOwn(inferenceConfig, key)) continue;
      delete inferenceConfig[key];
      losses.lose(key, "not possible while the model thinks hard");
    }
  }
  const { seed, frequencyPenalty, presencePenalty, candidateCount } = request.settings;
  const { logprobs, verbosity } = request.settings;
  if (seed !== undefined) losses.lose("seed", noForm);
  if (frequencyPenalty) losses.lose("frequency_penalty", noForm);
  if (presencePenalty) losses.lose("presence_penalty", noForm);
  if (logprobs !== undefined) losses.lose("logprobs", noForm);
  if (verbosity !== undefined) losses.lose("verbosity", noForm);
  if (candidateCount !== undefined && candidateCount !== 1) {
    losses.lose("n", "Bedrock Converse gives one answer at a time");
  }
  return { inferenceConfig, fields: encodeTopK(topK, scope) };
}

interface Sample {
  temperature?: unknown;
  topP?: unknown;
  topK?: unknown;
}

function sampleOf(scope: Scope, thinking: Thinking): Sample {
  const { request, traits, losses, isNative } = scope;
  if (traits.claude) {
    const fields = encodeSampling({ ...scope, traits: traits.claude }, thinking);
    return { temperature: fields["temperature"], topP: fields["top_p"], topK: fields["top_k"] };
  }
  const { temperature, topP, topK } = request.settings;
  const isHigh = temperature !== undefined && temperature > 1 && !isNative;
  if (isHigh) losses.lose("temperature", "lowered to 1, the highest here");
  return { temperature: isHigh ? 1 : temperature, topP, topK };
}

function encodeTopK(topK: unknown, { traits, losses, isNative }: Scope): JsonObject {
  if (topK === undefined) return {};
  const path = traits.topK ?? (isNative ? ["top_k"] : undefined);
  if (!path) {
    losses.lose("top_k", "Bedrock has no way to tell this model");
    return {};
  }
  const [name = "", inner] = path;
  return { [name]: inner === undefined ? topK : { [inner]: topK } };
}

/** The API takes stop sequences only if they hold a visible character, and few of them. */
function encodeStops({ request, traits, losses, isNative }: Scope): string[] {
  const wanted = request.settings.stop ?? [];
  if (isNative) return wanted;
  const stops = wanted.filter((text) => text.trim() !== "");
  if (stops.length < wanted.length) {
    losses.lose("stop", "a stop sequence of white space only is refused here");
  }
  if (stops.length <= traits.maxStops) return stops;
  losses.lose("stop", `only the first ${traits.maxStops} stop sequences are taken here`);
  return stops.slice(0, traits.maxStops);
}

/** Only so do Anthropic's models tell which stop sequence it was. */
const encodeStopPath = ({ request, traits, isNative }: Scope): JsonObject =>
  !isNative && traits.claude && (request.settings.stop?.length ?? 0) > 0
    ? { additionalModelResponseFieldPaths: [stopSequencePath] }
    : {};

const tiers = new Set(["default", "flex", "priority", "reserved"]);

function encodeAccount({ request, losses }: Scope): JsonObject {
  const { serviceTier, metadata, ...others } = request.account ?? {};
  if (request.user !== undefined) losses.lose("user", noForm);
  loseAccount({ ...request, account: others }, noForm, losses);
  const isTier = serviceTier !== undefined && tiers.has(serviceTier);
  if (serviceTier !== undefined && !isTier && serviceTier !== "auto") {
    losses.lose("service_tier", "Bedrock knows no such tier");
  }
  const isPlain = metadata && Object.values(metadata).every((value) => typeof value === "string");
  if (metadata && !isPlain) losses.lose("metadata", "Bedrock takes texts only");
  return {
    ...(isTier ? { serviceTier: { type: serviceTier } } : {}),
    ...(isPlain ? some("requestMetadata", metadata) : {}),
  };
}

interface EncodedFormat {
  textFormat?: JsonObject;
  /** What the model must be told in words, since no field can. */
  instruction?: string;
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html */
function encodeFormat({ request, target, traits, losses, isNative }: Scope): EncodedFormat {
  const wanted = request.responseFormat;
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
  const { name, description } = wanted;
  const path = "response_format.json_schema";
  if (isNative || (traits.hasJsonSchema && !target.quirks.noJsonSchema)) {
    const schema =
      traits.claude && !isNative ? fitted(wanted.schema, `${path}.schema`, losses) : wanted.schema;
    const jsonSchema = {
      schema: typeof schema === "string" ? schema : JSON.stringify(schema),
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
    };
    return { textFormat: { type: "json_schema", structure: { jsonSchema } } };
  }
  losses.lose(path, "the model does not enforce a schema; it is told the schema in words");
  return {
    instruction: `Answer with one JSON value that fits this JSON Schema and nothing else, no prose, no code fence:\n${JSON.stringify(wanted.schema)}`,
  };
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html; tools have one of their own. */
const maxCachePoints = 4;

/** Of too many cache points the earliest in the messages go: later ones cover them. */
function limitCachePoints(places: readonly JsonObject[][], { request, losses }: Scope): void {
  const inTools = request.tools.filter((tool) => tool.cache).length;
  const isPoint = (block: JsonObject): boolean => "cachePoint" in block;
  const [system = [], ...turns] = places;
  let surplus = places.flat().filter(isPoint).length + inTools - maxCachePoints;
  if (surplus <= 0) return;
  losses.lose("cache_control", `only ${maxCachePoints} prompt-cache hints are taken here`);
  for (const blocks of [...turns, system]) {
    for (let at = 0; at < blocks.length && surplus > 0; at += 1) {
      const block = blocks[at];
      if (!block || !isPoint(block)) continue;
      blocks.splice(at, 1);
      at -= 1;
      surplus -= 1;
    }
  }
}
