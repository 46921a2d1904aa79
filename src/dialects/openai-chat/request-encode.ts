// A request in the internal representation written as a chat completion body.
// https://platform.openai.com/docs/api-reference/chat/create
import type { ChatRequest, ResponseFormat } from "../../ir/chat.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { loseCitedIds } from "../cited-document.ts";
import type { EncodedRequest, Target } from "../dialect.ts";
import { defined } from "../fields.ts";
import { draftOf } from "../draft.ts";
import { createLosses } from "../losses.ts";
import { encodeAccount } from "../openai-account.ts";
import { effortWord, noReasoning } from "../openai-effort.ts";
import { fitVerbosity, traitsOf } from "../openai-model.ts";
import { isStrictSchema } from "../openai-responses/strict-schema.ts";
import { fitOutputLimit } from "../output-limit.ts";
import { plainSchema } from "../plain-schema.ts";
import { encodeMessage } from "./conversation-encode.ts";
import { fitConversation } from "./conversation-fit.ts";
import type { Scope } from "./encode-scope.ts";
import { fitFields } from "./field-fit.ts";
import { encodeWish } from "./reasoning-request.ts";
import { encodeToolChoice, encodeTools, loseToolChoice } from "./tool-encode.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

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
    messages: fitConversation(
      request.messages.flatMap((message, index) => {
        const path = message.place ?? `messages[${index}]`;
        return encodeMessage(message, path, scope).map((encoded) => ({ message: encoded, path }));
      }),
      scope,
    ),
    ...encodeSettings(scope, tools.length > 0),
    ...encodeReasoning(scope, tools.length > 0),
    ...format?.fields,
    ...(tools.length > 0 ? { tools, ...encodeToolChoice(choice, scope) } : {}),
    ...encodeAccount(request, "user"),
    ...extra,
    ...encodeStream(streamOptions, scope),
  };
  if (!isNative) fitSettings(body, scope);
  if (tools.length === 0) loseToolChoice(request.toolChoice, losses);
  if (format?.instruction) addInstruction(body, format.instruction, scope);
  loseCitedIds(request, "OpenAI chat", losses);
  for (const key of foreignFields(request.ext)) losses.lose(key, noForm);
  fitFields(draftOf(body, losses), target);
  return { body: stringify(body), headers: {}, warnings: losses.warnings() };
}

function encodeSettings(scope: Scope, hasTools: boolean): JsonObject {
  const { request, target, traits, losses, isNative } = scope;
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
    logprobs: settings.logprobs ? true : undefined,
    top_logprobs: settings.logprobs?.top,
    verbosity: isNative ? settings.verbosity : fitVerbosity(settings.verbosity, traits, losses),
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
  const { reasoning } = request;
  const way = target.quirks.reasoningRequest ?? "reasoning_effort";
  const isShown = way === "reasoning" && reasoning?.mode !== "off";
  if (reasoning && reasoning.mode !== "off" && reasoning.display !== undefined && !isShown) {
    losses.lose("thinking.display", noForm);
  }
  if (reasoning && !isNative && way !== "reasoning_effort") {
    if (target.facts.reasoning !== false) return encodeWish(reasoning, target.quirks, losses.lose);
    if (reasoning.mode !== "off") losses.lose("reasoning", noReasoning);
    return {};
  }
  const word = reasoning && effortWord(reasoning, scope);
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
        // What other vendors' models are held to is not known.
        const isOpenAi = traits.efforts !== undefined;
        const isLoose =
          !isNative && isOpenAi && rest.strict === true && !isStrictSchema(rest.schema);
        if (isLoose) {
          losses.lose(
            "response_format.json_schema.strict",
            "the schema is open or has optional members, which this wire does not enforce",
          );
        }
        const plain = isNative ? rest.schema : plainSchema(rest.schema);
        const schema = { name, ...rest, schema: plain, ...(isLoose ? { strict: false } : {}) };
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
