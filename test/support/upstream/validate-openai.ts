// Judges requests as OpenAI does: shape first, then what the model allows, then what fields mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { decodeBase64, imageType, isPdf, parseDataUrl } from "./media.ts";
import { findOpenAiModel, type OpenAiModel } from "./openai-models.ts";
import { functionSchemaFault, schemaFault } from "./openai-schema.ts";
import {
  chatRequest,
  completionsRequest,
  embeddingsRequest,
  moderationsRequest,
} from "./openai-shape.ts";
import { dotted, invalid, listed, wordOpenAi } from "./openai-wording.ts";
import { findProblems, objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";
import type { z } from "zod";

export type FindModel = (name: string) => OpenAiModel | undefined;

type Rule = (body: JsonObject, model: OpenAiModel) => Refusal | undefined;

/**
 * Refuses what must not be in the headers: a missing or foreign key, a second credential, another content type.
 * `hasBody` is false for GET.
 */
export function refuseOpenAiHeaders(
  headers: Readonly<Record<string, string>>,
  key: string,
  hasBody: boolean,
): Refusal | undefined {
  const authorization = headers["authorization"];
  if (authorization === undefined) {
    return unauthorized(
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.",
      null,
    );
  }
  if (authorization !== `Bearer ${key}`) {
    const shown = authorization.replace(/^Bearer /, "");
    return unauthorized(
      `Incorrect API key provided: ${shown.slice(0, 2)}${"*".repeat(6)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
      "invalid_api_key",
    );
  }
  // The vendor ignores a second credential; a gateway that sends one has leaked it.
  const foreign = ["x-api-key", "api-key", "x-goog-api-key", "anthropic-version"].find(
    (name) => headers[name] !== undefined,
  );
  if (foreign !== undefined)
    return invalid({ message: `The header '${foreign}' does not belong to this API.` });
  if (hasBody && !/^application\/json\b/i.test(headers["content-type"] ?? "")) {
    const sent = headers["content-type"] ?? "";
    return {
      ...invalid({
        message: `Unsupported content type: '${sent}'. This API method only accepts 'application/json' requests, but you specified the header 'Content-Type: ${sent}'. Please try again with a supported content type.`,
        code: "unsupported_content_type",
      }),
      status: 415,
    };
  }
  if (headers["content-encoding"] !== undefined) return badJson();
  return undefined;
}

const unauthorized = (message: string, code: string | null): Refusal => ({
  status: 401,
  type: "invalid_request_error",
  message,
  param: null,
  code,
});

const badJson = (): Refusal =>
  invalid({
    message:
      "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)",
  });

/** Judges the body of `POST /v1/chat/completions`. */
export function refuseChat(body: unknown, find: FindModel = findOpenAiModel): Refusal | undefined {
  return judge(body, chatRequest, "chat", chatRules, find);
}

/** Judges the body of `POST /v1/embeddings`. */
export function refuseEmbeddings(
  body: unknown,
  find: FindModel = findOpenAiModel,
): Refusal | undefined {
  return judge(body, embeddingsRequest, "embeddings", [refuseDimensions], find);
}

/** Judges the body of `POST /v1/completions`. */
export function refuseCompletions(
  body: unknown,
  find: FindModel = findOpenAiModel,
): Refusal | undefined {
  return judge(
    body,
    completionsRequest,
    "completions",
    [refuseStreamOptions, refuseBestOf, refuseOutputLimit],
    find,
  );
}

/** Judges the body of `POST /v1/moderations`. */
export function refuseModerations(
  body: unknown,
  find: FindModel = findOpenAiModel,
): Refusal | undefined {
  if (isObject(body) && body["model"] === undefined) {
    return judge(
      { ...body, model: "omni-moderation-latest" },
      moderationsRequest,
      "moderations",
      [],
      find,
    );
  }
  return judge(body, moderationsRequest, "moderations", [], find);
}

function judge(
  body: unknown,
  shape: z.ZodType,
  endpoint: OpenAiModel["endpoint"],
  rules: readonly Rule[],
  find: FindModel,
): Refusal | undefined {
  if (!isObject(body)) return badJson();
  const problems = findProblems(shape, body);
  // An argument nobody knows is told before what is wrong with the known ones.
  const first =
    problems.find((one) => one.kind === "extra" && one.path.length === 1) ?? problems[0];
  if (first !== undefined) return wordOpenAi(first);
  const name = String(body["model"]);
  const model = find(name);
  if (model === undefined) return unknownModel(name);
  if (model.endpoint !== endpoint) return wrongEndpoint(model.endpoint, endpoint, name);
  for (const rule of rules) {
    const refusal = rule(body, model);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export const unknownModel = (name: string): Refusal => ({
  status: 404,
  type: "invalid_request_error",
  message: `The model \`${name}\` does not exist or you do not have access to it.`,
  param: null,
  code: "model_not_found",
});

function wrongEndpoint(
  has: OpenAiModel["endpoint"],
  asked: OpenAiModel["endpoint"],
  name: string,
): Refusal {
  const notChat =
    "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?";
  const chat =
    "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?";
  if (asked === "chat" && has === "responses") {
    return {
      ...invalid({
        message: `This model is only supported in v1/responses and not in v1/chat/completions.`,
        param: "model",
      }),
      status: 404,
    };
  }
  if (asked === "chat") return { ...invalid({ message: notChat, param: "model" }), status: 404 };
  if (asked === "completions" && has === "chat")
    return { ...invalid({ message: chat, param: "model" }), status: 404 };
  return {
    ...invalid({
      message: `The model \`${name}\` is not supported on this endpoint.`,
      param: "model",
    }),
    status: 403,
  };
}

// ---- what fields mean together ----

const given = (value: unknown): boolean => value !== undefined && value !== null;

/** The effort the model thinks with. */
export function effortOf(body: JsonObject, model: OpenAiModel): string | undefined {
  return typeof body["reasoning_effort"] === "string"
    ? body["reasoning_effort"]
    : model.defaultEffort;
}

const unsupportedParameter = (param: string, hint = ""): Refusal =>
  invalid({
    message: `Unsupported parameter: '${param}' is not supported with this model.${hint}`,
    param,
    code: "unsupported_parameter",
  });

const unsupportedValue = (param: string, value: unknown, rest: string): Refusal =>
  invalid({
    message: `Unsupported value: '${param}' does not support ${JSON.stringify(value)?.replaceAll('"', "'")} with this model. ${rest}`,
    param,
    code: "unsupported_value",
  });

function refuseStreamOptions(body: JsonObject): Refusal | undefined {
  if (!given(body["stream_options"]) || body["stream"] === true) return undefined;
  return invalid({
    message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    param: "stream_options",
  });
}

function refuseOutputLimit(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  if (model.reasoning && given(body["max_tokens"])) {
    return unsupportedParameter("max_tokens", " Use 'max_completion_tokens' instead.");
  }
  if (given(body["max_tokens"]) && given(body["max_completion_tokens"])) {
    return invalid({
      message:
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      code: "invalid_parameter_combination",
    });
  }
  for (const param of ["max_tokens", "max_completion_tokens"]) {
    const limit = body[param];
    if (typeof limit !== "number" || limit <= model.maxOutputTokens) continue;
    return invalid({
      message: `${param} is too large: ${limit}. This model supports at most ${model.maxOutputTokens} completion tokens, whereas you provided ${limit}.`,
      param,
      code: "invalid_value",
    });
  }
  return undefined;
}

/** https://developers.openai.com/api/docs/guides/reasoning#limitations */
function refuseForReasoning(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  const effort = body["reasoning_effort"];
  if (!model.reasoning) {
    if (given(effort))
      return invalid({ message: "Unrecognized request argument supplied: reasoning_effort" });
    if (given(body["verbosity"]) && body["verbosity"] !== "medium") {
      return unsupportedValue("verbosity", body["verbosity"], "Supported values are: 'medium'.");
    }
    return undefined;
  }
  if (typeof effort === "string" && !model.efforts.includes(effort)) {
    return unsupportedValue(
      "reasoning_effort",
      effort,
      `Supported values are: ${listed(model.efforts)}.`,
    );
  }
  for (const param of ["presence_penalty", "frequency_penalty"]) {
    if (given(body[param]) && body[param] !== 0) return unsupportedParameter(param);
  }
  if (given(body["logit_bias"])) return unsupportedParameter("logit_bias");
  if (given(body["stop"]) && !model.stop) return unsupportedParameter("stop");
  const samples = model.sampling === "effort-none" && effortOf(body, model) === "none";
  if (samples) return undefined;
  if (given(body["temperature"]) && body["temperature"] !== 1) {
    return unsupportedValue(
      "temperature",
      body["temperature"],
      "Only the default (1) value is supported.",
    );
  }
  if (given(body["top_p"]) && body["top_p"] !== 1) return unsupportedParameter("top_p");
  for (const param of ["logprobs", "top_logprobs"]) {
    if (given(body[param]) && body[param] !== false) return unsupportedParameter(param);
  }
  return undefined;
}

function refuseToolsWithReasoning(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  if (!objects(body["tools"]).some((tool) => tool["type"] === "function")) return undefined;
  const stated = body["reasoning_effort"];
  const reasons =
    model.toolsWithReasoning === "no"
      ? effortOf(body, model) !== "none"
      : model.toolsWithReasoning === "unstated" && given(stated) && stated !== "none";
  if (!reasons) return undefined;
  return invalid({
    message: `Function tools with reasoning_effort are not supported for ${String(body["model"])} in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.`,
    param: "reasoning_effort",
  });
}

function refuseForSearchAndAudio(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  if (given(body["web_search_options"]) && !model.search) {
    return invalid({
      message: "Web search options not supported with this model.",
      param: "web_search_options",
    });
  }
  if (model.search) {
    for (const param of [
      "temperature",
      "top_p",
      "n",
      "presence_penalty",
      "frequency_penalty",
      "seed",
    ]) {
      if (!given(body[param])) continue;
      return invalid({ message: `Model incompatible request argument supplied: ${param}` });
    }
  }
  const modalities: readonly unknown[] = Array.isArray(body["modalities"])
    ? body["modalities"]
    : [];
  if (!modalities.includes("audio")) return undefined;
  if (!model.audio) {
    return unsupportedValue("modalities", "audio", "Supported values are: 'text'.");
  }
  return given(body["audio"])
    ? undefined
    : invalid({
        message: "Missing required parameter: 'audio'.",
        param: "audio",
        code: "missing_required_parameter",
      });
}

function refuseLogprobs(body: JsonObject): Refusal | undefined {
  if (!given(body["top_logprobs"]) || body["logprobs"] === true) return undefined;
  return invalid({
    message:
      "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled.",
    param: "top_logprobs",
  });
}

function refuseMetadata(body: JsonObject): Refusal | undefined {
  if (!isObject(body["metadata"])) return undefined;
  const count = Object.keys(body["metadata"]).length;
  if (count > 16) {
    return invalid({
      message: `Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with ${count} properties instead.`,
      param: "metadata",
      code: "object_above_max_properties",
    });
  }
  return body["store"] === true
    ? undefined
    : invalid({
        message: "The 'metadata' parameter is only allowed when 'store' is enabled.",
        param: "metadata",
      });
}

function refuseBestOf(body: JsonObject): Refusal | undefined {
  const best = body["best_of"];
  if (typeof best !== "number") return undefined;
  if (best > 1 && body["stream"] === true) {
    return invalid({
      message: "You cannot stream results with 'best_of' greater than 1.",
      param: "best_of",
    });
  }
  const count = typeof body["n"] === "number" ? body["n"] : 1;
  return best >= count
    ? undefined
    : invalid({
        message:
          "You requested that the server return more choices than it will generate (HINT: 'best_of' must be greater than or equal to 'n').",
        param: "best_of",
      });
}

function refuseDimensions(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  const dimensions = body["dimensions"];
  if (typeof dimensions !== "number") return undefined;
  if (String(body["model"]).endsWith("ada-002")) {
    return invalid({ message: "This model does not support specifying dimensions." });
  }
  const most = model.dimensions ?? 0;
  return dimensions <= most
    ? undefined
    : invalid({
        message: `Invalid value for 'dimensions' = ${dimensions}. Must be less than or equal to ${most}.`,
      });
}

// ---- tools ----

function refuseTools(body: JsonObject): Refusal | undefined {
  const tools = objects(body["tools"]);
  for (const [index, tool] of tools.entries()) {
    if (!isObject(tool["function"])) continue;
    const refusal = refuseFunction(tool["function"], `tools[${index}].function.parameters`);
    if (refusal !== undefined) return refusal;
  }
  for (const [index, one] of objects(body["functions"]).entries()) {
    const refusal = refuseFunction(one, `functions[${index}].parameters`);
    if (refusal !== undefined) return refusal;
  }
  return refuseToolChoice(body, tools);
}

function refuseFunction(definition: JsonObject, param: string): Refusal | undefined {
  const strict = definition["strict"] === true;
  if (!isObject(definition["parameters"])) return undefined;
  const fault = functionSchemaFault(definition["parameters"], strict);
  return fault === undefined
    ? undefined
    : invalid({
        message: `Invalid schema for function '${String(definition["name"])}': ${fault}`,
        param,
        code: "invalid_function_parameters",
      });
}

function refuseToolChoice(body: JsonObject, tools: readonly JsonObject[]): Refusal | undefined {
  const onlyWithTools = (param: string): Refusal =>
    invalid({
      message: `Invalid value for '${param}': '${param}' is only allowed when 'tools' are specified.`,
      param,
    });
  const choice = body["tool_choice"];
  if (tools.length === 0) {
    if (choice !== undefined && choice !== "none") return onlyWithTools("tool_choice");
    return body["parallel_tool_calls"] === undefined
      ? undefined
      : onlyWithTools("parallel_tool_calls");
  }
  if (!isObject(choice) || choice["type"] === "allowed_tools") return undefined;
  const kind = String(choice["type"]);
  const named = isObject(choice[kind]) ? choice[kind]["name"] : undefined;
  const known = tools.some((tool) => isObject(tool[kind]) && tool[kind]["name"] === named);
  return known
    ? undefined
    : invalid({
        message: `Tool choice '${String(named)}' not found in 'tools' parameter.`,
        param: "tool_choice",
      });
}

function refuseFormat(body: JsonObject): Refusal | undefined {
  const format = body["response_format"];
  if (!isObject(format)) return undefined;
  if (format["type"] === "json_object") {
    return /json/i.test(JSON.stringify(body["messages"]))
      ? undefined
      : invalid({
          message:
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
          param: "messages",
        });
  }
  const definition = format["json_schema"];
  if (!isObject(definition) || !isObject(definition["schema"])) return undefined;
  const fault = schemaFault(definition["schema"], definition["strict"] === true);
  return fault === undefined
    ? undefined
    : invalid({
        message: `Invalid schema for response_format '${String(definition["name"])}': ${fault}`,
        param: "response_format",
      });
}

// ---- messages ----

function refuseMessages(body: JsonObject, model: OpenAiModel): Refusal | undefined {
  const messages = objects(body["messages"]);
  for (const [index, message] of messages.entries()) {
    const refusal = refuseContent(message, index, model);
    if (refusal !== undefined) return refusal;
  }
  return refuseToolOrder(messages);
}

function refuseContent(
  message: JsonObject,
  index: number,
  model: OpenAiModel,
): Refusal | undefined {
  if (message["role"] === "assistant") {
    const other = ["tool_calls", "function_call", "refusal", "audio"].some((key) =>
      given(message[key]),
    );
    if (!given(message["content"]) && !other) {
      return invalid({
        message: `Invalid value for 'content': expected a string, got null.`,
        param: `messages.[${index}].content`,
      });
    }
  }
  if (!Array.isArray(message["content"])) return undefined;
  for (const [at, part] of objects(message["content"]).entries()) {
    const refusal = refusePart(part, ["messages", index, "content", at], model);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refusePart(
  part: JsonObject,
  path: readonly (string | number)[],
  model: OpenAiModel,
): Refusal | undefined {
  const message = dotted(path.slice(0, 2));
  switch (part["type"]) {
    case "image_url":
      return refuseImage(
        String(isObject(part["image_url"]) ? part["image_url"]["url"] : ""),
        dotted([...path, "image_url"]),
      );
    case "input_audio":
      if (!model.audio) {
        return invalid({
          message: `Invalid '${message}'. Content blocks are expected to be either text or image_url type.`,
          param: message,
          code: "invalid_value",
        });
      }
      return isObject(part["input_audio"]) &&
        decodeBase64(String(part["input_audio"]["data"])) === undefined
        ? invalid({
            message: `Invalid '${dotted([...path, "input_audio", "data"])}': the value is not valid base64.`,
            param: dotted(path),
          })
        : undefined;
    case "file":
      return refuseFile(isObject(part["file"]) ? part["file"] : {}, [...path, "file"]);
    default:
      return undefined;
  }
}

const imageTypes: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/jpg",
  "image/gif",
  "image/webp",
]);

function refuseImage(url: string, param: string): Refusal | undefined {
  if (/^https?:\/\//i.test(url)) {
    return URL.canParse(url)
      ? undefined
      : invalid({
          message: `Invalid image URL: '${param}.url'. Expected a valid URL, but got a value with an invalid format.`,
          param,
          code: "invalid_value",
        });
  }
  const data = parseDataUrl(url);
  if (data === undefined) {
    return invalid({
      message: `Invalid '${param}.url'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.`,
      param: `${param}.url`,
      code: "invalid_value",
    });
  }
  const bytes = decodeBase64(data.data);
  if (bytes === undefined)
    return invalid({ message: "Invalid base64 image_url.", param, code: "invalid_base64" });
  if (!imageTypes.has(data.mediaType) || imageType(bytes) === undefined) {
    return invalid({
      message:
        "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].",
      code: "invalid_image_format",
    });
  }
  return undefined;
}

function refuseFile(file: JsonObject, path: readonly (string | number)[]): Refusal | undefined {
  if (given(file["file_id"])) return undefined;
  if (!given(file["file_data"])) {
    const param = dotted([...path, "file_id"]);
    return invalid({
      message: `Missing required parameter: '${param}'.`,
      param,
      code: "missing_required_parameter",
    });
  }
  if (!given(file["filename"])) {
    const param = dotted([...path, "filename"]);
    return invalid({
      message: `Missing required parameter: '${param}'.`,
      param,
      code: "missing_required_parameter",
    });
  }
  const data = parseDataUrl(String(file["file_data"]));
  const param = dotted([...path, "file_data"]);
  if (data === undefined) {
    return invalid({
      message: `Invalid '${param}'. Expected a base64-encoded data URL with an application/pdf MIME type (e.g. 'data:application/pdf;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.`,
      param,
      code: "invalid_value",
    });
  }
  const bytes = decodeBase64(data.data);
  if (bytes === undefined || (data.mediaType === "application/pdf" && !isPdf(bytes))) {
    return invalid({ message: "Invalid file data.", param, code: "invalid_value" });
  }
  return undefined;
}

/** Every call is answered at once, and only calls are answered. */
function refuseToolOrder(messages: readonly JsonObject[]): Refusal | undefined {
  let open: string[] = [];
  let askedAt = 0;
  const unanswered = (index: number): Refusal =>
    invalid({
      message: `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(", ")}`,
      param: `messages.[${index}].role`,
    });
  let answering: ReadonlySet<string> = new Set();
  for (const [index, message] of messages.entries()) {
    if (message["role"] === "tool") {
      const id = String(message["tool_call_id"]);
      if (answering.size === 0) {
        return invalid({
          message:
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          param: `messages.[${index}].role`,
        });
      }
      if (!answering.has(id)) {
        return invalid({
          message: `Invalid parameter: 'tool_call_id' of '${id}' not found in 'tool_calls' of previous message.`,
          param: `messages.[${index}].tool_call_id`,
        });
      }
      open = open.filter((one) => one !== id);
      continue;
    }
    if (open.length > 0) return unanswered(index);
    askedAt = index;
    const calls = objects(message["tool_calls"]);
    open = calls.map((call) => String(call["id"]));
    answering = new Set(open);
  }
  return open.length > 0 ? unanswered(askedAt) : undefined;
}

const chatRules: readonly Rule[] = [
  refuseStreamOptions,
  refuseOutputLimit,
  refuseForReasoning,
  refuseToolsWithReasoning,
  refuseForSearchAndAudio,
  refuseLogprobs,
  refuseMetadata,
  refuseTools,
  refuseFormat,
  refuseMessages,
];
