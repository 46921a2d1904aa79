// Mistral's rules for the messages of a conversation: order of roles, calls and their results, media.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { decodeBase64, imageType, parseDataUrl } from "./media.ts";
import type { MistralModel } from "./mistral-models.ts";
import { badCall, badOrder, invalid } from "./mistral-wording.ts";
import { objects, textOf } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** The first rule that the messages break. */
export function refuseMistralMessages(body: JsonObject, model: MistralModel): Refusal | undefined {
  const messages = objects(body["messages"]);
  for (const message of messages) {
    const refusal = refuseCalls(message) ?? refuseEmpty(message) ?? refuseMedia(message, model);
    if (refusal !== undefined) return refusal;
  }
  return refuseOrder(messages) ?? refuseRounds(messages) ?? refuseEnding(messages);
}

const idPattern = /^[a-zA-Z0-9]{9}$/;

function refuseCalls(message: JsonObject): Refusal | undefined {
  for (const call of objects(message["tool_calls"])) {
    const refusal = refuseId(call["id"]) ?? refuseName(call["function"]);
    if (refusal !== undefined) return refusal;
  }
  if (message["role"] !== "tool") return undefined;
  return typeof message["tool_call_id"] === "string"
    ? refuseId(message["tool_call_id"])
    : badCall("Tool call id has to be defined.");
}

const refuseId = (id: unknown): Refusal | undefined =>
  typeof id === "string" && idPattern.test(id)
    ? undefined
    : badCall(
        id === undefined
          ? "Tool call id has to be defined."
          : `Tool call id was ${textOf(id)} but must be a-z, A-Z, 0-9, with a length of 9.`,
      );

/** Names of functions, in calls and in tools. */
export function refuseName(holder: unknown): Refusal | undefined {
  const name = isObject(holder) ? String(holder["name"]) : "";
  return /^[a-zA-Z0-9_-]{1,64}$/.test(name)
    ? undefined
    : badCall(
        `Function name was ${name} but must be a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum length of 64.`,
      );
}

const isEmpty = (content: unknown): boolean =>
  content === undefined ||
  content === null ||
  content === "" ||
  (Array.isArray(content) && content.length === 0);

function refuseEmpty(message: JsonObject): Refusal | undefined {
  if (message["role"] !== "assistant") return undefined;
  return isEmpty(message["content"]) && objects(message["tool_calls"]).length === 0
    ? invalid(
        "Assistant message must have either content or tool_calls, but not none.",
        "invalid_request_assistant_message",
        "3240",
      )
    : undefined;
}

function refuseMedia(message: JsonObject, model: MistralModel): Refusal | undefined {
  for (const chunk of objects(message["content"])) {
    const { image_url: image, document_url: document } = chunk;
    if (image !== undefined) {
      if (!model.vision) {
        return invalid(
          "Image input is not enabled for this model",
          "invalid_request_invalid_args",
          "3051",
        );
      }
      const refusal = refuseImage(textOf(isObject(image) ? image["url"] : image) ?? "");
      if (refusal !== undefined) return refusal;
    }
    if (
      document !== undefined &&
      !isAddress(textOf(document) ?? "") &&
      parseDataUrl(textOf(document) ?? "") === undefined
    ) {
      return invalid(
        "Document URL is not valid, must start with https or be a data URL",
        "invalid_file",
        "3310",
      );
    }
  }
  return undefined;
}

const isAddress = (url: string): boolean => /^https?:\/\//i.test(url) && URL.canParse(url);

function refuseImage(url: string): Refusal | undefined {
  if (isAddress(url)) return undefined;
  // Bare base64 is taken as an image too.
  const bytes = decodeBase64(parseDataUrl(url)?.data ?? url);
  const known = bytes !== undefined && imageType(bytes) !== undefined;
  return known
    ? undefined
    : invalid("Image could not be loaded as a valid image (base64 or url)", "invalid_file", "3310");
}

// ---- order ----

const followers: Readonly<Record<string, readonly string[]>> = {
  system: ["system", "user", "assistant"],
  user: ["user", "assistant", "system"],
  assistant: ["assistant", "user", "tool"],
  tool: ["tool", "assistant"],
};

function refuseOrder(messages: readonly JsonObject[]): Refusal | undefined {
  let previous: string | undefined;
  for (const message of messages) {
    const role = String(message["role"]);
    if (previous === undefined) {
      if (role === "tool") return badOrder(`Unexpected role 'tool' as first message`);
    } else if (!(followers[previous] ?? []).includes(role)) {
      return badOrder(`Unexpected role '${role}' after role '${previous}'`);
    }
    previous = role;
  }
  return undefined;
}

/** Every call has one result before anything else is said, and only calls have. */
function refuseRounds(messages: readonly JsonObject[]): Refusal | undefined {
  for (const [index, message] of messages.entries()) {
    if (message["role"] === "tool") continue;
    const ids = objects(message["tool_calls"]).map((call) => String(call["id"]));
    const rest = messages.slice(index + 1);
    const end = rest.findIndex((one) => one["role"] !== "tool");
    const answers = (end < 0 ? rest : rest.slice(0, end)).map((one) => String(one["tool_call_id"]));
    if (answers.length !== ids.length) {
      return badOrder("Not the same number of function calls and responses");
    }
    const foreign = answers.find((id) => !ids.includes(id));
    if (foreign !== undefined)
      return badOrder(`Unexpected tool call id ${foreign} in tool results`);
    if (new Set(answers).size < answers.length) {
      return badOrder("Duplicate tool call id in tool results");
    }
  }
  return undefined;
}

function refuseEnding(messages: readonly JsonObject[]): Refusal | undefined {
  const early = messages.slice(0, -1).some((message) => message["prefix"] === true);
  if (early) return badOrder("Assistant message with prefix True must be last message");
  const last = messages.at(-1) ?? {};
  const role = String(last["role"]);
  if (role === "user" || role === "tool" || (role === "assistant" && last["prefix"] === true)) {
    return undefined;
  }
  return badOrder(
    `Expected last role User or Tool (or Assistant with prefix True) for serving but got ${role}`,
  );
}
