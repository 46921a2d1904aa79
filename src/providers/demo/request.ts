// What the demo provider accepts as a chat request: OpenAI's rules, with OpenAI's complaints.
import { isObject, type JsonObject } from "../../lib/json.ts";
import { DemoFailure, invalid } from "./failure.ts";

/** A tool on offer. */
export interface DemoTool {
  name: string;
  /** A free-form tool takes text instead of JSON. */
  freeform: boolean;
  parameters: unknown;
}

/** A checked request. */
export interface DemoRequest {
  model: string;
  messages: JsonObject[];
  tools: DemoTool[];
  /** Names of tools that must be called; empty: none must; null: none may. */
  forced: readonly string[] | null;
  parallel: boolean;
  stop: string[];
  maxTokens: number;
  choices: number;
  stream: boolean;
  includeUsage: boolean;
  reasons: boolean;
  /** `json_object` and `json_schema` ask for JSON, the latter for this kind. */
  json: { schema?: unknown } | null;
}

/** https://platform.openai.com/docs/api-reference/chat/create */
const parameters: ReadonlySet<string> = new Set(
  `model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
   max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
   prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier
   stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options`.split(
    /\s+/,
  ),
);

/** @throws DemoFailure 400 */
export function parseChat(body: JsonObject): DemoRequest {
  for (const key of Object.keys(body)) {
    if (!parameters.has(key)) throw invalid(`Unrecognized request argument supplied: ${key}`, key);
  }
  const messages = parseMessages(body["messages"]);
  inRange(body, "temperature", 0, 2);
  inRange(body, "top_p", 0, 1);
  inRange(body, "frequency_penalty", -2, 2);
  inRange(body, "presence_penalty", -2, 2);
  const tools = parseTools(body["tools"]);
  const stream = flag(body, "stream") ?? false;
  const parallel = flag(body, "parallel_tool_calls");
  if (parallel !== undefined && tools.length === 0) {
    throw invalid(
      "'parallel_tool_calls' is only allowed when 'tools' are specified.",
      "parallel_tool_calls",
    );
  }
  return {
    model: parseModel(body),
    messages,
    tools,
    forced: parseToolChoice(body["tool_choice"], tools),
    parallel: parallel ?? true,
    stop: parseStop(body["stop"]),
    maxTokens: parseMaxTokens(body),
    choices: whole(body, "n", 1, 128) ?? 1,
    stream,
    includeUsage: parseStreamOptions(body["stream_options"], stream),
    reasons: parseEffort(body["reasoning_effort"]),
    json: parseFormat(body["response_format"], messages),
  };
}

export function parseModel(body: JsonObject): string {
  const { model } = body;
  if (model === undefined || model === "") {
    throw new DemoFailure(400, "you must provide a model parameter");
  }
  if (typeof model !== "string") throw wrongType("model", "a string", model);
  return model;
}

const given = (value: unknown): boolean => value !== undefined && value !== null;

function kind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

const wrongType = (param: string, wanted: string, value: unknown): DemoFailure =>
  invalid(
    `Invalid type for '${param}': expected ${wanted}, but got ${kind(value)} instead.`,
    param,
    "invalid_type",
  );

const wrongValue = (param: string, value: unknown, supported: string): DemoFailure =>
  invalid(
    `Invalid value: '${String(value).slice(0, 100)}'. Supported values are: ${supported}.`,
    param,
    "invalid_value",
  );

function inRange(body: JsonObject, param: string, least: number, most: number): number | undefined {
  const value = body[param];
  if (!given(value)) return undefined;
  if (typeof value !== "number") throw wrongType(param, "a decimal", value);
  if (value < least) throw outOfRange(param, value, `>= ${least}`, "decimal_below_min_value");
  if (value > most) throw outOfRange(param, value, `<= ${most}`, "decimal_above_max_value");
  return value;
}

const outOfRange = (param: string, value: number, wanted: string, code: string): DemoFailure =>
  invalid(`Invalid '${param}': expected a value ${wanted}, but got ${value} instead.`, param, code);

export function whole(
  body: JsonObject,
  param: string,
  least: number,
  most: number,
): number | undefined {
  const value = body[param];
  if (!given(value)) return undefined;
  if (!Number.isInteger(value)) throw wrongType(param, "an integer", value);
  return inRange(body, param, least, most);
}

export function flag(body: JsonObject, param: string): boolean | undefined {
  const value = body[param];
  if (!given(value)) return undefined;
  if (typeof value !== "boolean") throw wrongType(param, "a boolean", value);
  return value;
}

function parseMaxTokens(body: JsonObject): number {
  const old = whole(body, "max_tokens", 1, Infinity);
  const current = whole(body, "max_completion_tokens", 1, Infinity);
  if (old !== undefined && current !== undefined) {
    throw invalid(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  }
  return current ?? old ?? Infinity;
}

export function parseStop(stop: unknown): string[] {
  if (!given(stop)) return [];
  const list: unknown[] = Array.isArray(stop) ? stop : [stop];
  if (list.length > 4) {
    throw invalid(
      `Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length ${list.length} instead.`,
      "stop",
      "array_above_max_length",
    );
  }
  return list.map((each) => {
    if (typeof each !== "string") throw wrongType("stop", "a string or an array of strings", each);
    return each;
  });
}

export function parseStreamOptions(options: unknown, stream: boolean): boolean {
  if (!given(options)) return false;
  if (!isObject(options)) throw wrongType("stream_options", "an object", options);
  if (!stream) {
    throw invalid(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options",
    );
  }
  return flag(options, "include_usage") ?? false;
}

const efforts = ["none", "minimal", "low", "medium", "high", "xhigh"];

function parseEffort(effort: unknown): boolean {
  if (!given(effort)) return false;
  if (typeof effort !== "string" || !efforts.includes(effort)) {
    throw wrongValue("reasoning_effort", effort, efforts.map((each) => `'${each}'`).join(", "));
  }
  return effort !== "none";
}

function parseTools(tools: unknown): DemoTool[] {
  if (!given(tools)) return [];
  if (!Array.isArray(tools)) throw wrongType("tools", "an array of objects", tools);
  if (tools.length === 0) {
    throw invalid(
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "tools",
      "empty_array",
    );
  }
  return tools.map((tool: unknown, index) => {
    const param = `tools[${index}]`;
    if (!isObject(tool)) throw wrongType(param, "an object", tool);
    const { type } = tool;
    if (type !== "function" && type !== "custom") {
      throw wrongValue(`${param}.type`, type, "'function' and 'custom'");
    }
    const inner = tool[type];
    if (!isObject(inner)) {
      throw invalid(
        `Missing required parameter: '${param}.${type}'.`,
        `${param}.${type}`,
        "missing_required_parameter",
      );
    }
    const { name } = inner;
    if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
      throw invalid(
        `Invalid '${param}.${type}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
        `${param}.${type}.name`,
        "invalid_value",
      );
    }
    const parameter = inner["parameters"];
    if (
      given(parameter) &&
      (!isObject(parameter) || (parameter["type"] ?? "object") !== "object")
    ) {
      throw invalid(
        `Invalid schema for function '${name}': schema must be a JSON Schema of 'type: "object"'.`,
        `${param}.function.parameters`,
        "invalid_function_parameters",
      );
    }
    return { name, freeform: type === "custom", parameters: parameter ?? { type: "object" } };
  });
}

function parseToolChoice(choice: unknown, tools: readonly DemoTool[]): readonly string[] | null {
  if (!given(choice)) return [];
  if (choice === "none") return null;
  if (tools.length === 0) {
    throw invalid("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice");
  }
  const names = tools.map((tool) => tool.name);
  if (choice === "auto") return [];
  if (choice === "required") return names;
  if (!isObject(choice)) throw wrongValue("tool_choice", choice, "'none', 'auto', and 'required'");
  const allowed = choice["allowed_tools"];
  if (choice["type"] === "allowed_tools" && isObject(allowed)) {
    const list: unknown[] = Array.isArray(allowed["tools"]) ? allowed["tools"] : [];
    const wanted = list.map((each) => (isObject(each) ? namedTool(each, names) : ""));
    return allowed["mode"] === "required" ? wanted : [];
  }
  return [namedTool(choice, names)];
}

function namedTool(choice: JsonObject, names: readonly string[]): string {
  const { type } = choice;
  const inner = type === "function" || type === "custom" ? choice[type] : undefined;
  const name = isObject(inner) ? inner["name"] : undefined;
  if (typeof name !== "string" || !names.includes(name)) {
    throw invalid(
      `Invalid value for 'tool_choice': the tool '${String(name).slice(0, 100)}' is not among 'tools'.`,
      "tool_choice",
    );
  }
  return name;
}

function parseFormat(format: unknown, messages: readonly JsonObject[]): DemoRequest["json"] {
  if (!given(format)) return null;
  if (!isObject(format)) throw wrongType("response_format", "an object", format);
  switch (format["type"]) {
    case "text":
      return null;
    case "json_object":
      if (!/json/i.test(JSON.stringify(messages))) {
        throw invalid(
          "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
          "messages",
        );
      }
      return {};
    case "json_schema": {
      const wanted = format["json_schema"];
      for (const key of ["name", "schema"]) {
        if (isObject(wanted) && given(wanted[key])) continue;
        const param = `response_format.json_schema${isObject(wanted) ? `.${key}` : ""}`;
        throw invalid(
          `Missing required parameter: '${param}'.`,
          param,
          "missing_required_parameter",
        );
      }
      return isObject(wanted) ? { schema: wanted["schema"] } : {};
    }
    default:
      throw wrongValue(
        "response_format.type",
        format["type"],
        "'json_object', 'json_schema', and 'text'",
      );
  }
}

const roles = ["system", "assistant", "user", "function", "tool", "developer"];
const partTypes: Readonly<Record<string, readonly string[]>> = {
  user: ["text", "image_url", "input_audio", "file"],
  assistant: ["text", "refusal"],
};

function parseMessages(messages: unknown): JsonObject[] {
  if (!given(messages)) {
    throw invalid(
      "Missing required parameter: 'messages'.",
      "messages",
      "missing_required_parameter",
    );
  }
  if (!Array.isArray(messages)) throw wrongType("messages", "an array of objects", messages);
  if (messages.length === 0) {
    throw invalid(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages",
      "empty_array",
    );
  }
  let open = new Set<string>();
  const parsed = messages.map((message: unknown, index) => {
    const param = `messages[${index}]`;
    if (!isObject(message)) throw wrongType(param, "an object", message);
    const role = message["role"];
    if (typeof role !== "string" || !roles.includes(role)) {
      throw wrongValue(`${param}.role`, role, roles.map((each) => `'${each}'`).join(", "));
    }
    checkContent(message, role, param);
    if (role === "tool") answerCall(message, open, param);
    else {
      checkAnswered(open, param);
      open = new Set(role === "assistant" ? callIds(message, param) : []);
    }
    return message;
  });
  checkAnswered(open, "messages");
  return parsed;
}

function checkContent(message: JsonObject, role: string, param: string): void {
  const { content } = message;
  if (typeof content === "string") return;
  const mayBeEmpty =
    role === "assistant" &&
    (given(message["tool_calls"]) ||
      given(message["refusal"]) ||
      given(message["audio"]) ||
      given(message["function_call"]));
  if (!given(content)) {
    if (mayBeEmpty) return;
    throw invalid(
      `Invalid value for 'content': expected a string, got ${content === null ? "null" : "nothing"}.`,
      `${param}.content`,
    );
  }
  if (!Array.isArray(content))
    throw wrongType(`${param}.content`, "a string or an array of objects", content);
  for (const [index, part] of content.entries()) {
    const place = `${param}.content[${index}]`;
    if (!isObject(part)) throw wrongType(place, "an object", part);
    const supported = partTypes[role] ?? ["text"];
    const { type } = part;
    if (typeof type !== "string" || !supported.includes(type)) {
      throw wrongValue(`${place}.type`, type, supported.map((each) => `'${each}'`).join(", "));
    }
    if (!given(part[type])) {
      throw invalid(
        `Missing required parameter: '${place}.${type}'.`,
        `${place}.${type}`,
        "missing_required_parameter",
      );
    }
  }
}

function callIds(message: JsonObject, param: string): string[] {
  const calls = message["tool_calls"];
  if (!given(calls)) return [];
  if (!Array.isArray(calls)) throw wrongType(`${param}.tool_calls`, "an array of objects", calls);
  return calls.map((call: unknown, index) => {
    const id = isObject(call) ? call["id"] : undefined;
    if (typeof id === "string") return id;
    const place = `${param}.tool_calls[${index}].id`;
    throw invalid(`Missing required parameter: '${place}'.`, place, "missing_required_parameter");
  });
}

function answerCall(message: JsonObject, open: Set<string>, param: string): void {
  const id = message["tool_call_id"];
  if (typeof id !== "string") {
    throw invalid(
      `Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.`,
      `${param}.tool_call_id`,
    );
  }
  if (!open.delete(id)) {
    throw invalid(
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
      `${param}.role`,
    );
  }
}

function checkAnswered(open: ReadonlySet<string>, param: string): void {
  if (open.size === 0) return;
  throw invalid(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(", ")}`,
    param,
  );
}
