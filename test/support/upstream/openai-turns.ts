// OpenAI's rules for messages: content by role, media, calls and their results.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { decodeBase64, imageType, isPdf, parseDataUrl } from "./media.ts";
import { given } from "./openai-fields.ts";
import type { OpenAiModel } from "./openai-models.ts";
import { dotted, invalid } from "./openai-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export function refuseMessages(body: JsonObject, model: OpenAiModel): Refusal | undefined {
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
