// Judges the bodies of Converse and CountTokens requests as Bedrock does: shape, conversation, model, then the model's vendor.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { plainTerms } from "./anthropic-terms.ts";
import { refuseUnthought, type ThinkingSeal } from "./anthropic-turns.ts";
import { betasIn, toAnthropic } from "./bedrock-claude.ts";
import { refuseInvoke } from "./bedrock-invoke.ts";
import { isProfile, type BedrockModel } from "./bedrock-models.ts";
import { converseShapes } from "./bedrock-shape.ts";
import { refuseConversation } from "./bedrock-turns.ts";
import { fromModel, malformed, unreadable, validation, wordBedrock } from "./bedrock-wording.ts";
import { findProblems, objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";
import { refuseCountTokens, refuseMessagesRequest } from "./validate-anthropic.ts";

export interface BedrockTerms {
  find(name: string): BedrockModel | undefined;
  seal: ThinkingSeal;
  /** What the service model does not know is dropped, as Amazon does, or a fault. */
  unknownMembers: "ignore" | "refuse";
  /** Claude models with adaptive thinking, too, want the thinking of a running tool loop back. */
  demandSignatures: boolean;
}

const invalidModel = validation("The provided model identifier is invalid.");

/** Judges the body of `Converse` and `ConverseStream`; `body` is what the service reads of it. */
export function judgeConverse(
  name: string,
  sent: unknown,
  terms: BedrockTerms,
): { refusal: Refusal } | { body: JsonObject; model: BedrockModel } {
  const read = readShape(sent, "converse", terms);
  if ("refusal" in read) return read;
  const model = terms.find(name);
  if (model === undefined) return { refusal: invalidModel };
  if (!model.converse) {
    return { refusal: validation("The provided model doesn't support the Converse operation.") };
  }
  const { body } = read;
  const refusal =
    refuseConversation(body, model) ??
    refuseFields(body, model) ??
    (model.claude === undefined
      ? refuseAdditional(body, model)
      : refuseByClaude(body, model, terms, false));
  return refusal === undefined ? { body, model } : { refusal };
}

/** Judges the body of `CountTokens`; `body` is the Anthropic request that is counted. */
export function judgeCountTokens(
  name: string,
  sent: unknown,
  terms: BedrockTerms,
): { refusal: Refusal } | { body: JsonObject } {
  const read = readShape(sent, "countTokens", terms);
  if ("refusal" in read) return read;
  const model = terms.find(name);
  if (model === undefined) return { refusal: invalidModel };
  if (!model.countTokens || model.claude === undefined || isProfile(name)) {
    return { refusal: validation("The provided model doesn't support counting tokens.") };
  }
  const input = isObject(read.body["input"]) ? read.body["input"] : {};
  if (isObject(input["converse"])) {
    const body = input["converse"];
    const refusal = refuseConversation(body, model) ?? refuseByClaude(body, model, terms, true);
    return refusal === undefined ? { body: toAnthropic(body, model) } : { refusal };
  }
  const invoked = isObject(input["invokeModel"]) ? String(input["invokeModel"]["body"]) : "";
  const body = parse(Buffer.from(invoked, "base64").toString());
  const refusal = refuseInvoke(body, model, terms);
  return refusal === undefined ? { body: isObject(body) ? body : {} } : { refusal };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readShape(
  sent: unknown,
  operation: "converse" | "countTokens",
  { unknownMembers }: BedrockTerms,
): { refusal: Refusal } | { body: JsonObject } {
  if (!isObject(sent)) return { refusal: unreadable };
  const shape = converseShapes(unknownMembers)[operation];
  const refusal = wordBedrock(findProblems(shape, sent));
  if (refusal !== undefined) return { refusal };
  const body = shape.parse(sent);
  return { body: isObject(body) ? body : {} };
}

/** What the model has no use for. */
function refuseFields(body: JsonObject, model: BedrockModel): Refusal | undefined {
  const without = (field: string): Refusal =>
    validation(`This model doesn't support the ${field} field. Remove ${field} and try again.`);
  const inference = isObject(body["inferenceConfig"]) ? body["inferenceConfig"] : {};
  const stops = inference["stopSequences"];
  if (!model.stopSequences && Array.isArray(stops) && stops.length > 0)
    return without("stopSequences");
  if (!model.system && objects(body["system"]).length > 0) {
    return validation(
      "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
    );
  }
  const config = body["toolConfig"];
  if (isObject(config)) {
    if (!model.tools) return validation("This model doesn't support tool use.");
    const choice = isObject(config["toolChoice"]) ? config["toolChoice"] : { auto: {} };
    const chosen =
      Object.keys(choice).find((key) => choice[key] !== undefined && choice[key] !== null) ??
      "auto";
    if (!model.toolChoice.includes(chosen)) return without(`toolConfig.toolChoice.${chosen}`);
    const tools = objects(config["tools"]);
    const names = tools.flatMap((tool) =>
      isObject(tool["toolSpec"]) ? [String(tool["toolSpec"]["name"])] : [],
    );
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) {
      return validation(
        `The tool ${twice} is already defined at toolConfig.tools.${names.indexOf(twice)}.`,
      );
    }
    if (!model.nova && tools.some((tool) => isObject(tool["systemTool"]))) {
      return without("toolConfig.tools.systemTool");
    }
  }
  return refuseCachePoints(body, model);
}

function refuseCachePoints(body: JsonObject, model: BedrockModel): Refusal | undefined {
  const config = isObject(body["toolConfig"]) ? body["toolConfig"] : {};
  const places = [
    objects(config["tools"]),
    objects(body["system"]),
    ...objects(body["messages"]).map((message) => objects(message["content"])),
  ];
  const count = places.flat().filter((block) => isObject(block["cachePoint"])).length;
  if (count > 0 && !model.caching) {
    return {
      status: 403,
      type: "AccessDeniedException",
      message:
        "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
    };
  }
  if (model.nova) {
    const at = objects(config["tools"]).findIndex((tool) => isObject(tool["cachePoint"]));
    if (at >= 0)
      return fromModel(
        malformed(`#/toolConfig/tools/${at}: extraneous key [cachePoint] is not permitted`),
      );
    if (count > 4)
      return fromModel(`A maximum of 4 cache checkpoints may be provided. Found ${count}.`);
  }
  for (const [index, blocks] of places.entries()) {
    if (!isObject(blocks[0]?.["cachePoint"])) continue;
    const place =
      index === 0
        ? "toolConfig.tools.0"
        : index === 1
          ? "system.0"
          : `messages.${index - 2}.content.0`;
    return validation(`The cachePoint at ${place} has no content before it to cache.`);
  }
  return undefined;
}

const novaFields = new Set(["inferenceConfig", "reasoningConfig", "additionalModelRequestFields"]);

function refuseAdditional(body: JsonObject, model: BedrockModel): Refusal | undefined {
  const fields = body["additionalModelRequestFields"];
  if (!model.nova || !isObject(fields)) return undefined;
  const foreign = Object.keys(fields).filter((key) => !novaFields.has(key));
  return foreign.length === 0
    ? undefined
    : fromModel(malformed(...foreign.map((key) => `#: extraneous key [${key}] is not permitted`)));
}

/** What Anthropic itself says of the request that Bedrock makes of this one. */
function refuseByClaude(
  body: JsonObject,
  model: BedrockModel,
  terms: BedrockTerms,
  counting: boolean,
): Refusal | undefined {
  const { claude } = model;
  if (claude === undefined) return undefined;
  const fields = body["additionalModelRequestFields"];
  const asked = toAnthropic(body, model);
  const anthropic = {
    ...plainTerms,
    betas: betasIn(isObject(fields) ? fields : {}),
    find: () => claude,
    seal: terms.seal,
  };
  const { max_tokens: _, temperature: __, top_p: ___, stop_sequences: ____, ...counted } = asked;
  const refusal = counting
    ? refuseCountTokens(counted, anthropic)
    : (refuseMessagesRequest(asked, anthropic) ??
      (terms.demandSignatures && thinks(asked) ? refuseUnthought(asked) : undefined));
  return refusal === undefined ? undefined : fromModel(refusal.message);
}

const thinks = (asked: JsonObject): boolean =>
  isObject(asked["thinking"]) &&
  ["enabled", "adaptive"].includes(String(asked["thinking"]["type"]));
