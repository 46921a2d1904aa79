// A Responses request in no wire's terms, and what its prompt counts.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { Ask } from "./answer.ts";
import { describeMedia, parseDataUrl } from "./media.ts";
import type { OpenAiModel } from "./openai-models.ts";
import type { Prefix } from "./prompt-cache.ts";
import { responsesEffort } from "./responses-fields.ts";
import { objects, textOf } from "./shape.ts";
import { countText, countValue } from "./tokens.ts";

/** The input as items: a text is what the user says. */
export const inputItems = (body: JsonObject): JsonObject[] =>
  typeof body["input"] === "string"
    ? [{ type: "message", role: "user", content: [{ type: "input_text", text: body["input"] }] }]
    : objects(body["input"]);

/** `all` are the items of earlier responses too. */
export function askOfResponses(
  body: JsonObject,
  model: OpenAiModel,
  all: readonly JsonObject[],
): Ask {
  const user = all.findLast((item) => item["role"] === "user");
  const answered = all.slice(all.findLastIndex((item) => !isOutput(item)) + 1);
  const limit = body["max_output_tokens"];
  const format = formatOf(body);
  return {
    text: textOfContent(user?.["content"]),
    media: mediaOf(user?.["content"]),
    toolResults: answered.map((item) =>
      [textOfContent(item["output"]), ...mediaOf(item["output"])]
        .filter((part) => part !== "")
        .join(" "),
    ),
    tools: toolsOf([...objects(body["tools"]), ...toldTools(all)]),
    force: forceOf(body["tool_choice"]),
    parallel: body["parallel_tool_calls"] !== false,
    reasoning: model.reasoning && responsesEffort(body, model) !== "none",
    ...(format === undefined ? {} : { format }),
    ...(typeof limit === "number" ? { maxTokens: limit } : {}),
    stop: [],
  };
}

const isOutput = (item: JsonObject): boolean =>
  item["type"] === "function_call_output" || item["type"] === "custom_tool_call_output";

/** Tools that stand among the items. */
const toldTools = (items: readonly JsonObject[]): JsonObject[] =>
  items.flatMap((item) =>
    item["type"] === "additional_tools" || item["type"] === "tool_search_output"
      ? objects(item["tools"])
      : [],
  );

function toolsOf(tools: readonly JsonObject[]): Ask["tools"] {
  return tools.flatMap((tool) => {
    if (tool["type"] === "namespace") return toolsOf(objects(tool["tools"]));
    if (tool["type"] === "custom") {
      return [{ name: String(tool["name"]), schema: { type: "string" } }];
    }
    return tool["type"] === "function"
      ? [{ name: String(tool["name"]), schema: tool["parameters"] ?? { type: "object" } }]
      : [];
  });
}

/** What is known of the tool with this name, and the namespace it is in. */
export function findTool(
  body: JsonObject,
  items: readonly JsonObject[],
  name: string,
): { tool?: JsonObject; namespace?: string } {
  const tools = [...objects(body["tools"]), ...toldTools(items)];
  const plain = tools.find((tool) => tool["type"] !== "namespace" && tool["name"] === name);
  if (plain !== undefined) return { tool: plain };
  for (const group of tools) {
    const inner = objects(group["tools"]).find((tool) => tool["name"] === name);
    if (inner !== undefined) return { tool: inner, namespace: String(group["name"]) };
  }
  return {};
}

function textOfContent(content: unknown): string {
  if (typeof content === "string") return content;
  return objects(content)
    .flatMap((part) => (typeof part["text"] === "string" ? [part["text"]] : []))
    .join("\n");
}

function mediaOf(content: unknown): string[] {
  return objects(content).flatMap((part) => {
    const kind =
      part["type"] === "input_image" ? "image" : part["type"] === "input_file" ? "file" : undefined;
    if (kind === undefined) return [];
    const url = textOf(part["image_url"] ?? part["file_data"] ?? part["file_url"]) ?? "";
    const data = parseDataUrl(url);
    if (data !== undefined) return [describeMedia(kind, data.mediaType, data.data)];
    return [`[${kind} ${url === "" ? String(part["file_id"]) : url}]`];
  });
}

function formatOf(body: JsonObject): Ask["format"] {
  const format = isObject(body["text"]) ? body["text"]["format"] : undefined;
  if (!isObject(format) || format["type"] === "text") return undefined;
  return format["type"] === "json_object"
    ? { schema: { type: "object", properties: { answer: { type: "string" } } } }
    : { schema: format["schema"] };
}

function forceOf(choice: unknown): Ask["force"] {
  if (choice === "none") return "none";
  if (choice === "required") return "any";
  if (!isObject(choice)) return "auto";
  if (choice["type"] === "allowed_tools") return choice["mode"] === "required" ? "any" : "auto";
  return typeof choice["name"] === "string" ? { name: choice["name"] } : "auto";
}

/** Ids, and what is sealed, count nothing. */
function countItem(item: JsonObject): number {
  const { id: _id, encrypted_content: _sealed, ...rest } = item;
  return countValue(rest) + 3;
}

const countHead = (body: JsonObject): number =>
  countText(textOf(body["instructions"]) ?? "") + countValue(body["tools"]);

/** Tokens of a whole prompt. */
export const countResponses = (body: JsonObject, all: readonly JsonObject[]): number =>
  countHead(body) + all.reduce((sum, item) => sum + countItem(item), 0);

/** The prompt up to each item: a later request that begins the same reads it from the cache. */
export function prefixesOfResponses(
  body: JsonObject,
  model: OpenAiModel,
  all: readonly JsonObject[],
): Prefix[] {
  const head = [body["instructions"] ?? null, body["tools"] ?? null];
  let text = `${model.snapshot}\n${JSON.stringify(head)}`;
  let tokens = countHead(body);
  return all.map((item) => {
    text += `\n${JSON.stringify(item)}`;
    tokens += countItem(item);
    return { text, tokens };
  });
}
