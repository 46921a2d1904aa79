// Judges the bodies of requests as Cohere does: shape, model, then what fields and messages mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { isRemoved, type CohereModel } from "./cohere-models.ts";
import { cohereChat, cohereEmbed, cohereRerank } from "./cohere-shape.ts";
import { invalid, wordCohere } from "./cohere-wording.ts";
import { decodeBase64, imageType, parseDataUrl } from "./media.ts";
import { findProblems, objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

type FindModel = (name: string) => CohereModel | undefined;
type Rule = (body: JsonObject, model: CohereModel) => Refusal | undefined;

/** Judges the body of `POST /v2/chat`. */
export const refuseCohereChat = (body: unknown, find: FindModel): Refusal | undefined =>
  judge(body, find, { shape: cohereChat, endpoint: "chat", rules: chatRules });

/** Judges the body of `POST /v2/embed`. */
export const refuseCohereEmbed = (body: unknown, find: FindModel): Refusal | undefined =>
  judge(body, find, { shape: cohereEmbed, endpoint: "embed", rules: embedRules });

/** Judges the body of `POST /v2/rerank`. */
export const refuseCohereRerank = (body: unknown, find: FindModel): Refusal | undefined =>
  judge(body, find, { shape: cohereRerank, endpoint: "rerank", rules: rerankRules });

interface Operation {
  shape: Parameters<typeof findProblems>[0];
  endpoint: CohereModel["endpoint"];
  rules: readonly Rule[];
}

function judge(body: unknown, find: FindModel, operation: Operation): Refusal | undefined {
  if (!isObject(body)) return invalid("request body must be a JSON object");
  const [problem] = findProblems(operation.shape, body);
  if (problem !== undefined) return wordCohere(problem, operation.endpoint);
  const name = String(body["model"]);
  const model = find(name);
  if (model === undefined) return unknownModel(name);
  if (model.endpoint !== operation.endpoint) {
    return invalid(`model '${name}' is not supported by the ${operation.endpoint} endpoint`);
  }
  for (const rule of operation.rules) {
    const refusal = rule(body, model);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const unknownModel = (name: string): Refusal => ({
  status: 404,
  type: "not_found",
  message: isRemoved(name)
    ? `model '${name}' was removed on September 15, 2025. See https://docs.cohere.com/docs/models#command for a list of models you can use instead.`
    : `model '${name}' not found, make sure the correct model ID was used and that you have access to the model.`,
});

// ---- chat ----

function refuseFields(body: JsonObject, model: CohereModel): Refusal | undefined {
  const tools = objects(body["tools"]);
  const documents = Array.isArray(body["documents"]) ? body["documents"].length : 0;
  if (typeof body["tool_choice"] === "string" && tools.length === 0) {
    return invalid("tool_choice can only be specified when tools are provided");
  }
  if (body["strict_tools"] === true && tools.length === 0) {
    return invalid("strict_tools can only be specified when tools are provided");
  }
  const format = isObject(body["response_format"]) ? body["response_format"]["type"] : undefined;
  if (format === "json_object" && (tools.length > 0 || documents > 0)) {
    return invalid("response_format is not supported in combination with tools or documents");
  }
  const thinks = isObject(body["thinking"]) && body["thinking"]["type"] === "enabled";
  return thinks && !model.reasoning
    ? invalid(`thinking is not supported by model '${model.name}'`)
    : undefined;
}

const isEmpty = (content: unknown): boolean =>
  content === undefined ||
  content === null ||
  content === "" ||
  (Array.isArray(content) && content.length === 0);

function refuseContents(body: JsonObject, model: CohereModel): Refusal | undefined {
  for (const [index, message] of objects(body["messages"]).entries()) {
    const calls = objects(message["tool_calls"]);
    if (
      message["role"] === "assistant"
        ? isEmpty(message["content"]) && calls.length === 0
        : message["role"] !== "tool" && isEmpty(message["content"])
    ) {
      return invalid(`message at index ${index} must have content`);
    }
    for (const call of calls) {
      const args = isObject(call["function"]) ? String(call["function"]["arguments"]) : "";
      if (!isJson(args)) {
        return invalid(`tool call arguments of '${String(call["id"])}' must be valid JSON`);
      }
    }
    for (const part of objects(message["content"])) {
      const refusal = refuseImage(part, model);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function refuseImage(part: JsonObject, model: CohereModel): Refusal | undefined {
  if (!isObject(part["image_url"])) return undefined;
  if (!model.vision) return invalid(`image content is not supported by model '${model.name}'`);
  const url = String(part["image_url"]["url"]);
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return undefined;
  const data = parseDataUrl(url);
  const bytes = data && decodeBase64(data.data);
  return bytes !== undefined && imageType(bytes) !== undefined
    ? undefined
    : invalid("image_url must be a web URL or a base64 data URL of a PNG, JPEG, WEBP or GIF image");
}

function refuseOrder(body: JsonObject): Refusal | undefined {
  let open: string[] = [];
  let answering: readonly string[] = [];
  for (const message of objects(body["messages"])) {
    if (message["role"] !== "tool") {
      if (open.length > 0) return unanswered(open);
      open = objects(message["tool_calls"]).map((call) => String(call["id"]));
      answering = open;
      if (new Set(open).size < open.length) return invalid("tool call ids must be unique");
      continue;
    }
    const id = String(message["tool_call_id"]);
    if (answering.length === 0) {
      return invalid(
        "messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
      );
    }
    if (!answering.includes(id)) {
      return invalid(`tool_call_id '${id}' not found in 'tool_calls' of previous message`);
    }
    open = open.filter((one) => one !== id);
  }
  if (open.length > 0) return unanswered(open);
  const last = objects(body["messages"]).at(-1)?.["role"];
  return last === "user" || last === "tool"
    ? undefined
    : invalid("the last message must have the role 'user' or 'tool'");
}

const unanswered = (ids: readonly string[]): Refusal =>
  invalid(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids.join(", ")}`,
  );

const chatRules: readonly Rule[] = [refuseFields, refuseContents, refuseOrder];

// ---- embed and rerank ----

function refuseInputs(body: JsonObject, model: CohereModel): Refusal | undefined {
  const given = ["texts", "images", "inputs"].filter((name) => Array.isArray(body[name]));
  if (given.length !== 1) return invalid("exactly one of texts, images or inputs must be provided");
  const [name = "texts"] = given;
  const list = body[name];
  const count = Array.isArray(list) ? list.length : 0;
  if (count === 0) return invalid(`${name} must not be empty`);
  const most = name === "images" ? 1 : 96;
  if (count > most) {
    return invalid(`total number of ${name} must be at most ${most} - received ${count}`);
  }
  if (name === "images" && body["input_type"] !== "image") {
    return invalid("input_type must be 'image' when images are provided");
  }
  return typeof body["output_dimension"] === "number" && !model.anyDimension
    ? invalid(`output_dimension is not supported by model '${model.name}'`)
    : undefined;
}

const embedRules: readonly Rule[] = [refuseInputs];

function refuseDocuments(body: JsonObject): Refusal | undefined {
  const { documents, query } = body;
  const count = Array.isArray(documents) ? documents.length : 0;
  if (query === "") return invalid("query must not be empty");
  if (count === 0) return invalid("list of documents must not be empty");
  return count > 1000
    ? invalid(
        `too many documents: total number of documents must be at most 1000 - received ${count}`,
      )
    : undefined;
}

const rerankRules: readonly Rule[] = [refuseDocuments];
