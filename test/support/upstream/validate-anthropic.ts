// Judges requests as Anthropic does: headers, shape, betas, what the model allows, what fields mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { refuseMessages, refuseText, type ThinkingSeal } from "./anthropic-messages.ts";
import { findClaudeModel, type ClaudeModel } from "./anthropic-models.ts";
import { ttlOf } from "./anthropic-prompt.ts";
import { countTokensRequest, messagesRequest } from "./anthropic-shape.ts";
import { invalid, wordAnthropic } from "./anthropic-wording.ts";
import { findProblems, objects } from "./shape.ts";
import { isSealed, verifyThinking } from "./signature.ts";
import type { Refusal } from "./upstream.ts";

/** What besides the body a request is judged by. */
export interface AnthropicTerms {
  /** `anthropic-version`. */
  version: string;
  /** Names in `anthropic-beta`; `any` takes every beta field. */
  betas: ReadonlySet<string> | "any";
  find(name: string): ClaudeModel | undefined;
  seal: ThinkingSeal;
}

/** The oldest version still spoken, this vendor's own models, and only thinking that this process signed. */
export const plainTerms: AnthropicTerms = {
  version: "2023-06-01",
  betas: new Set(),
  find: findClaudeModel,
  seal: { verify: verifyThinking, isSealed },
};

/** https://platform.claude.com/docs/en/api/versioning */
const versions: ReadonlySet<string> = new Set(["2023-01-01", "2023-06-01", "2026-10-21"]);

const bodyLimit = 32 * 1024 * 1024;

/** Refuses a missing or foreign key, two credentials, an unknown version or beta, another content type, too long a body. */
export function refuseAnthropicHeaders(
  headers: Readonly<Record<string, string>>,
  key: string,
  body: Uint8Array | undefined,
): Refusal | undefined {
  const apiKey = headers["x-api-key"];
  const authorization = headers["authorization"];
  const failed = (message: string): Refusal => ({
    status: 401,
    type: "authentication_error",
    message,
  });
  if (apiKey === undefined && authorization === undefined)
    return failed("x-api-key header is required");
  // The vendor prefers one of two; a gateway that sends both has leaked the caller's.
  if (apiKey !== undefined && authorization !== undefined) {
    return invalid("Only one of the headers `x-api-key` and `authorization` may be sent.");
  }
  if (apiKey !== undefined && apiKey !== key) return failed("invalid x-api-key");
  if (authorization !== undefined && authorization !== `Bearer ${key}`)
    return failed("Invalid bearer token");
  const version = headers["anthropic-version"];
  if (version === undefined) return invalid("anthropic-version: header is required");
  if (!versions.has(version))
    return invalid(`anthropic-version: "${version}" is not a valid version`);
  const unknown = [...betasOf(headers)].find(
    (beta) => !/^[a-z][a-z0-9-]*-\d{4}-?\d{2}-?\d{2}$/.test(beta),
  );
  if (unknown !== undefined) {
    return invalid(
      `Unexpected value(s) \`${unknown}\` for the \`anthropic-beta\` header. Please consult our documentation at platform.claude.com/docs or try again without the header.`,
    );
  }
  if (body === undefined) return undefined;
  if (body.length > bodyLimit) {
    return { status: 413, type: "request_too_large", message: "Request exceeds the maximum size" };
  }
  if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) {
    return {
      status: 415,
      type: "invalid_request_error",
      message: "Content-Type must be application/json",
    };
  }
  return headers["content-encoding"] === undefined
    ? undefined
    : invalid("The request body is encoded, which this server does not take.");
}

/** The names in `anthropic-beta`. */
export function betasOf(headers: Readonly<Record<string, string>>): ReadonlySet<string> {
  return new Set(
    (headers["anthropic-beta"] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  );
}

type Rule = (body: JsonObject, model: ClaudeModel, terms: AnthropicTerms) => Refusal | undefined;

/** Judges the body of `POST /v1/messages`. */
export function refuseMessagesRequest(
  body: unknown,
  terms: AnthropicTerms = plainTerms,
): Refusal | undefined {
  return judge(body, terms, messagesRequest, messagesRules);
}

/** Judges the body of `POST /v1/messages/count_tokens`. */
export function refuseCountTokens(
  body: unknown,
  terms: AnthropicTerms = plainTerms,
): Refusal | undefined {
  return judge(body, terms, countTokensRequest, sharedRules);
}

function judge(
  body: unknown,
  terms: AnthropicTerms,
  shape: Parameters<typeof findProblems>[0],
  rules: readonly Rule[],
): Refusal | undefined {
  if (!isObject(body)) return invalid("The request body is not valid JSON: expected an object");
  const removed = refuseRemoved(body, terms);
  if (removed !== undefined) return removed;
  const [problem] = findProblems(shape, body);
  if (problem !== undefined) return wordAnthropic(problem, body);
  const name = String(body["model"]);
  const model = terms.find(name);
  if (model === undefined)
    return { status: 404, type: "not_found_error", message: `model: ${name}` };
  for (const rule of rules) {
    const refusal = rule(body, model, terms);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** https://platform.claude.com/docs/en/api/migration-2026-10-21 */
function refuseRemoved(body: JsonObject, { version }: AnthropicTerms): Refusal | undefined {
  if (version < "2026-10-21") return undefined;
  for (const name of ["temperature", "top_p", "top_k"]) {
    if (body[name] !== undefined) return invalid(`${name}: Extra inputs are not permitted`);
  }
  for (const [index, message] of objects(body["messages"]).entries()) {
    for (const [at, block] of objects(message["content"]).entries()) {
      const place = `messages.${index}.content.${at}`;
      if (message["role"] === "assistant" && block["type"] === "document") {
        return invalid(`${place}: \`document\` blocks can only be in \`user\` messages`);
      }
      const texts = block["type"] === "search_result" ? objects(block["content"]) : [block];
      const cited = texts.some(
        (one) => Array.isArray(one["citations"]) && one["citations"].length > 0,
      );
      if (message["role"] === "user" && cited) {
        return invalid(
          `${place}.text.citations: \`citations\` may not be set in \`user\` messages`,
        );
      }
    }
  }
  return undefined;
}

// ---- betas ----

/** Fields that need one of these betas. A field without its beta is one nobody knows. */
const betaFields: readonly (readonly [
  path: string,
  find: (body: JsonObject) => boolean,
  betas: readonly string[],
])[] = [
  [
    "context_management",
    (body) => body["context_management"] !== undefined,
    ["context-management-2025-06-27", "compact-2026-01-12", "compact-2026-09-04"],
  ],
  [
    "mcp_servers",
    (body) => body["mcp_servers"] !== undefined,
    ["mcp-client-2025-04-04", "mcp-client-2025-11-20"],
  ],
  [
    "output_format",
    (body) => body["output_format"] !== undefined,
    ["structured-outputs-2025-11-13"],
  ],
  ["safeguards", (body) => body["safeguards"] !== undefined, ["dangerous-tool-use-2026-09-03"]],
  ["thread", (body) => body["thread"] !== undefined, ["message-threads-2026-08-12"]],
  [
    "output_config.task_budget",
    (body) => isObject(body["output_config"]) && body["output_config"]["task_budget"] !== undefined,
    ["task-budgets-2026-03-13"],
  ],
  [
    "thinking.adaptive.display",
    (body) => isObject(body["thinking"]) && body["thinking"]["display"] === "updates",
    ["thinking-display-updates-2026-08-18"],
  ],
  [
    "thinking.block_binding",
    (body) => isObject(body["thinking"]) && body["thinking"]["block_binding"] !== undefined,
    ["thinking-binding-controls-2026-08-01"],
  ],
  [
    "messages.output_config",
    (body) => inMessages(body, (message) => message["output_config"] !== undefined),
    ["mid-conversation-output-config-2026-07-01", "per-turn-control-2026-07-01"],
  ],
  [
    "messages.clear_at",
    (body) => inMessages(body, (message) => message["clear_at"] !== undefined),
    ["mid-conversation-system-clear-at-2026-08-21"],
  ],
  [
    "messages.content.tool_addition",
    (body) => inBlocks(body, ["tool_addition", "tool_removal"]),
    ["mid-conversation-tool-changes-2026-07-01", "inline-tools-2026-09-15"],
  ],
  [
    "messages.content.compaction",
    (body) => inBlocks(body, ["compaction"]),
    ["compact-2026-01-12", "compact-2026-09-04"],
  ],
  [
    "messages.content.mcp_tool_use",
    (body) => inBlocks(body, ["mcp_tool_use", "mcp_tool_result"]),
    ["mcp-client-2025-04-04", "mcp-client-2025-11-20"],
  ],
  [
    "tools.computer",
    (body) => objects(body["tools"]).some((tool) => /^computer_202[45]/.test(String(tool["type"]))),
    ["computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24"],
  ],
  [
    "tools.advisor",
    (body) => objects(body["tools"]).some((tool) => tool["type"] === "advisor_20260301"),
    ["advisor-tool-2026-03-01"],
  ],
];

const inMessages = (body: JsonObject, test: (message: JsonObject) => boolean): boolean =>
  objects(body["messages"]).some(test);

const inBlocks = (body: JsonObject, types: readonly string[]): boolean =>
  inMessages(body, (message) =>
    objects(message["content"]).some((block) => types.includes(String(block["type"]))),
  );

function refuseWithoutBeta(
  body: JsonObject,
  _model: ClaudeModel,
  { betas }: AnthropicTerms,
): Refusal | undefined {
  if (betas === "any") return undefined;
  for (const [path, find, names] of betaFields) {
    if (find(body) && !names.some((name) => betas.has(name))) {
      return invalid(`${path}: Extra inputs are not permitted`);
    }
  }
  return undefined;
}

/** The double keeps no conversations, and says so as the vendor does where threads cannot be had. */
function refuseThread(body: JsonObject): Refusal | undefined {
  if (body["thread"] === undefined) return undefined;
  return {
    ...invalid("thread: this request cannot use a message thread"),
    details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
  };
}

// ---- limits and sampling ----

function refuseOutputLimit(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  const limit = Number(body["max_tokens"]);
  return limit <= model.maxOutputTokens
    ? undefined
    : invalid(
        `max_tokens: ${limit} > ${model.maxOutputTokens}, which is the maximum allowed number of output tokens for ${model.snapshot}`,
      );
}

function refuseSampling(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  if (!model.sampling) {
    // The defaults of the parameters are taken on models that take no others.
    const set = ["temperature", "top_p", "top_k"].find(
      (name) => body[name] !== undefined && body[name] !== 1,
    );
    return set === undefined ? undefined : invalid(`\`${set}\` is deprecated for this model.`);
  }
  return !model.samplingTogether && body["temperature"] !== undefined && body["top_p"] !== undefined
    ? invalid(
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
      )
    : undefined;
}

function refuseStopSequences(body: JsonObject): Refusal | undefined {
  const sequences: readonly unknown[] = Array.isArray(body["stop_sequences"])
    ? body["stop_sequences"]
    : [];
  return sequences.some((sequence) => String(sequence).trim() === "")
    ? invalid("stop_sequences: each stop sequence must contain non-whitespace")
    : undefined;
}

// ---- thinking ----

const consult =
  "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking";

function refuseThinking(
  body: JsonObject,
  model: ClaudeModel,
  { betas }: AnthropicTerms,
): Refusal | undefined {
  const thinking = isObject(body["thinking"]) ? body["thinking"] : undefined;
  if (thinking === undefined) return undefined;
  const wrongType = refuseThinkingType(String(thinking["type"]), body, model);
  if (wrongType !== undefined) return wrongType;
  const thinks = thinking["type"] === "enabled" || thinking["type"] === "adaptive";
  if (!thinks) return undefined;
  if (body["temperature"] !== undefined && body["temperature"] !== 1) {
    return invalid(
      `\`temperature\` may only be set to 1 when thinking is enabled or in adaptive mode. ${consult}`,
    );
  }
  if (body["top_k"] !== undefined)
    return invalid(
      `\`top_k\` must be unset when thinking is enabled or in adaptive mode. ${consult}`,
    );
  if (typeof body["top_p"] === "number" && body["top_p"] < 0.95) {
    return invalid(
      `\`top_p\` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode. ${consult}`,
    );
  }
  if (thinking["type"] !== "enabled") return undefined;
  const interleaved =
    betas === "any" || [...betas].some((name) => name.startsWith("interleaved-thinking-"));
  const tools = objects(body["tools"]).length > 0;
  const limit = body["max_tokens"];
  if (
    typeof limit === "number" &&
    limit <= Number(thinking["budget_tokens"]) &&
    !(interleaved && tools)
  ) {
    return invalid(
      `\`max_tokens\` must be greater than \`thinking.budget_tokens\`. ${consult}#max-tokens-and-context-window-size`,
    );
  }
  const choice = isObject(body["tool_choice"]) ? body["tool_choice"]["type"] : "auto";
  return choice === "any" || choice === "tool"
    ? invalid("Thinking may not be enabled when tool_choice forces tool use.")
    : undefined;
}

function refuseThinkingType(
  type: string,
  body: JsonObject,
  model: ClaudeModel,
): Refusal | undefined {
  const known = model.thinking.some((one) => one === type);
  if (!known && type === "enabled" && model.thinking.includes("adaptive")) {
    return invalid(
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
    );
  }
  if (!known && type === "adaptive")
    return invalid("adaptive thinking is not supported on this model");
  if (!known) return invalid(`"thinking.type.${type}" is not supported for this model.`);
  const effort = isObject(body["output_config"]) ? body["output_config"]["effort"] : undefined;
  return type === "disabled" && !model.disabledAboveHigh && (effort === "xhigh" || effort === "max")
    ? invalid(`"thinking.type.disabled" is not supported at effort '${effort}' for this model.`)
    : undefined;
}

function refuseEffort(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  const efforts = [body, ...objects(body["messages"])].flatMap((holder) => {
    const effort = isObject(holder["output_config"])
      ? holder["output_config"]["effort"]
      : undefined;
    return typeof effort === "string" ? [effort] : [];
  });
  if (efforts.length > 0 && model.efforts.length === 0) {
    return invalid("This model does not support the effort parameter.");
  }
  const unknown = efforts.find((effort) => !model.efforts.includes(effort));
  return unknown === undefined
    ? undefined
    : invalid(
        `This model does not support effort level '${unknown}'. Supported levels: ${model.efforts.toSorted().join(", ")}.`,
      );
}

// ---- tools and formats ----

function refuseTools(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  const tools = objects(body["tools"]);
  const names = tools.flatMap((tool) => (typeof tool["name"] === "string" ? [tool["name"]] : []));
  if (new Set(names).size < names.length) return invalid("tools: Tool names must be unique.");
  for (const [index, tool] of tools.entries()) {
    const refusal = refuseInputSchema(tool, index);
    if (refusal !== undefined) return refusal;
  }
  if (tools.length > 0 && tools.every((tool) => tool["defer_loading"] === true)) {
    return invalid(
      "At least one tool must have defer_loading=false. All tools cannot be deferred.",
    );
  }
  return refuseToolChoice(body, tools, names, model);
}

function refuseInputSchema(tool: JsonObject, index: number): Refusal | undefined {
  const schema = tool["input_schema"];
  if (!isObject(schema)) return undefined;
  const place = `tools.${index}.custom`;
  if (["oneOf", "allOf", "anyOf"].some((key) => schema[key] !== undefined)) {
    return invalid(
      `${place}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`,
    );
  }
  if (tool["strict"] !== true) return undefined;
  const fault = closedSchemaFault(schema);
  return fault === undefined ? undefined : invalid(`${place}: ${fault}`);
}

function refuseToolChoice(
  body: JsonObject,
  tools: readonly JsonObject[],
  names: readonly string[],
  model: ClaudeModel,
): Refusal | undefined {
  const choice = body["tool_choice"];
  if (!isObject(choice)) return undefined;
  if (tools.length === 0 && body["mcp_servers"] === undefined) {
    return invalid("tool_choice may only be specified while providing tools");
  }
  const forced = choice["type"] === "any" || choice["type"] === "tool";
  if (forced && !model.forcedTools) {
    return invalid(
      `tool_choice: type "${String(choice["type"])}" is not supported for this model.`,
    );
  }
  return choice["type"] === "tool" && !names.includes(String(choice["name"]))
    ? invalid(`Tool '${String(choice["name"])}' not found in provided tools`)
    : undefined;
}

function refuseFormat(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  const config = isObject(body["output_config"]) ? body["output_config"] : {};
  for (const [place, format] of [
    ["output_config.format", config["format"]],
    ["output_format", body["output_format"]],
  ] as const) {
    if (!isObject(format) || !isObject(format["schema"])) continue;
    if (!model.structuredOutput)
      return invalid(`'${model.snapshot}' does not support output format.`);
    const fault = closedSchemaFault(format["schema"]);
    if (fault !== undefined) return invalid(`${place}.schema: ${fault}`);
  }
  return undefined;
}

const refusedKeywords: Readonly<Record<string, readonly string[]>> = {
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  string: ["minLength", "maxLength"],
  array: ["maxItems", "uniqueItems"],
  object: ["minProperties", "maxProperties", "patternProperties"],
};

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations */
function closedSchemaFault(schema: JsonObject): string | undefined {
  const types = Array.isArray(schema["type"])
    ? schema["type"].map(String)
    : [String(schema["type"])];
  if (types.includes("object") && schema["additionalProperties"] !== false) {
    return "For 'object' type, 'additionalProperties' must be explicitly set to false";
  }
  for (const type of types) {
    const refused = (refusedKeywords[type] ?? []).filter(
      (keyword) => schema[keyword] !== undefined,
    );
    if (refused.length > 0)
      return `For '${type}' type, properties ${refused.toSorted().join(", ")} are not supported`;
  }
  const groups = ["properties", "$defs", "definitions"].flatMap((key) =>
    isObject(schema[key]) ? Object.values(schema[key]) : [],
  );
  const lists = ["anyOf", "oneOf", "allOf"].flatMap((key) =>
    Array.isArray(schema[key]) ? schema[key] : [],
  );
  for (const child of [...groups, ...lists, schema["items"]]) {
    const fault = isObject(child) ? closedSchemaFault(child) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

// ---- system and caching ----

function refuseSystem(body: JsonObject): Refusal | undefined {
  for (const [index, block] of objects(body["system"]).entries()) {
    const refusal = refuseText(block, "system", `system.${index}`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Cache breakpoints in the order in which the vendor reads a request: tools, system, messages. */
function* breakpoints(body: JsonObject): Generator<readonly [place: string, ttl: string]> {
  const own = (block: JsonObject, place: string): [string, string][] =>
    isObject(block["cache_control"]) ? [[place, ttlOf(block["cache_control"])]] : [];
  for (const [index, tool] of objects(body["tools"]).entries()) yield* own(tool, `tools.${index}`);
  for (const [index, block] of objects(body["system"]).entries())
    yield* own(block, `system.${index}`);
  for (const [index, message] of objects(body["messages"]).entries()) {
    for (const [at, block] of objects(message["content"]).entries()) {
      const place = `messages.${index}.content.${at}`;
      for (const [inside, part] of objects(block["content"]).entries())
        yield* own(part, `${place}.content.${inside}`);
      yield* own(block, place);
    }
  }
  yield* own(body, "");
}

function refuseCaching(body: JsonObject): Refusal | undefined {
  const found = [...breakpoints(body)];
  if (found.length > 4) {
    return invalid(
      `A maximum of 4 blocks with cache_control may be provided. Found ${found.length}.`,
    );
  }
  let short = false;
  for (const [place, ttl] of found) {
    if (ttl === "1h" && short) {
      return invalid(
        `${place === "" ? "" : `${place}.`}cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: \`tools\`, \`system\`, \`messages\`.`,
      );
    }
    short ||= ttl === "5m";
  }
  return undefined;
}

const sharedRules: readonly Rule[] = [
  refuseWithoutBeta,
  refuseThinking,
  refuseEffort,
  refuseTools,
  refuseFormat,
  refuseSystem,
  refuseCaching,
  (body, model, { seal }) => refuseMessages(body, model, seal),
];

const messagesRules: readonly Rule[] = [
  refuseThread,
  refuseOutputLimit,
  refuseSampling,
  refuseStopSequences,
  ...sharedRules,
];
