// Tools and their choice written as `toolConfig`.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
import type { ChatRequest, Tool } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { fitSchema } from "../anthropic-messages/schema.ts";
import { freeformLoss, freeformSchema } from "../freeform.ts";
import type { Losses } from "../losses.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { type BlockScope, encodeCachePoint } from "./block-encode.ts";
import type { Turn } from "./message-encode.ts";
import { encodeToolName } from "./names.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";
import { wordOf } from "../fields.ts";
import { plainSchema } from "../plain-schema.ts";

export interface ToolScope extends BlockScope {
  request: ChatRequest;
  turns: readonly Turn[];
}

export interface EncodedTools {
  toolConfig?: JsonObject;
  /** For `additionalModelRequestFields`. */
  fields: JsonObject;
}

/** @throws GatewayError `unsupported_feature` when the request is about tools that only another provider runs. */
export function encodeToolConfig(scope: ToolScope): EncodedTools {
  const { request, turns, isNative } = scope;
  const tools = encodeTools(scope);
  refuseLostTools(request, tools.length, { dialectId, target: scope.target });
  const called = calledNames(turns);
  if (tools.length === 0 && called.length > 0 && !isNative) {
    // Calls in the history are refused where no tools are declared; other wires have no such rule.
    return { toolConfig: { tools: called.map(formerTool) }, fields: {} };
  }
  if (tools.length === 0) {
    const choice = request.toolChoice?.type;
    if ((choice === "required" || choice === "tool") && !isNative) {
      scope.losses.lose("tool_choice", "there are no tools to choose from");
    }
    return { fields: {} };
  }
  if (request.toolChoice?.type === "none" && called.length === 0) return { fields: {} };
  const choice = encodeChoice(scope, called.length > 0);
  const fields = encodeParallel(scope);
  return {
    toolConfig: {
      tools,
      ...(choice && Object.keys(fields).length === 0 ? { toolChoice: choice } : {}),
    },
    fields,
  };
}

function calledNames(turns: readonly Turn[]): string[] {
  const calls = turns.flatMap((turn) => turn.content).map((block) => block["toolUse"]);
  return [...new Set(calls.filter(isObject).map((call) => wordOf(call["name"])))];
}

const formerTool = (name: string): JsonObject => ({
  toolSpec: {
    name,
    description: "No longer available.",
    inputSchema: { json: { type: "object" } },
  },
});

function encodeTools(scope: ToolScope): JsonObject[] {
  const { request, losses } = scope;
  return request.tools.flatMap((tool, index) => {
    const path = `tools[${index}]`;
    const point = tool.cache ? encodeCachePoint(tool.cache, "tools", path, scope) : [];
    if (tool.type === "provider") {
      if (tool.origin === dialectId && isObject(tool.raw)) return [{ ...tool.raw }, ...point];
      losses.lose(path, vendorToolLoss(tool));
      return [];
    }
    for (const key of foreignFields(tool.ext)) losses.lose(`${path}.${key}`, noForm);
    return [{ toolSpec: encodeSpec(tool, path, scope) }, ...point];
  });
}

type OwnTool = Exclude<Tool, { type: "provider" }>;

function encodeSpec(tool: OwnTool, path: string, scope: ToolScope): JsonObject {
  const { losses, traits, isNative } = scope;
  const isDescribed = tool.description !== undefined && tool.description.trim() !== "";
  const head = {
    name: isNative ? tool.name : encodeToolName(tool.name, `${path}.name`),
    ...(isDescribed ? { description: tool.description } : {}),
  };
  if (tool.type === "custom") {
    losses.lose(path, freeformLoss);
    return { ...head, inputSchema: { json: freeformSchema(tool) } };
  }
  const isStrict = tool.strict === true && (isNative || (traits.claude?.hasJsonSchema ?? false));
  if (tool.strict === true && !isStrict) {
    losses.lose(`${path}.strict`, "the model does not enforce a schema");
  }
  const json = isNative
    ? tool.parameters
    : encodeParameters(tool.parameters, isStrict, `${path}.parameters`, losses);
  return {
    ...head,
    inputSchema: { json },
    ...(isStrict ? { strict: true } : isNative && tool.strict === false ? { strict: false } : {}),
    ...ownExt(tool.ext),
  };
}

/** The schema must be an object's. */
function encodeParameters(
  parameters: unknown,
  isStrict: boolean,
  path: string,
  losses: Losses,
): unknown {
  if (!isObject(parameters)) return { type: "object", properties: {} };
  const plain = plainSchema(parameters);
  const schema = plain["type"] === undefined ? { type: "object", ...plain } : plain;
  return isStrict ? fitted(schema, path, losses) : schema;
}

/** A schema without the keywords that Anthropic's models refuse to enforce. */
export function fitted(schema: unknown, path: string, losses: Losses): unknown {
  const lost = new Set<string>();
  const fit = fitSchema(schema, (keyword) => lost.add(keyword));
  if (lost.size > 0) {
    losses.lose(path, `not enforced here, told the model in words: ${[...lost].join(", ")}`);
  }
  return fit;
}

function encodeChoice(scope: ToolScope, hasCalls: boolean): JsonObject | undefined {
  const { request, traits, losses, isNative } = scope;
  const choice = request.toolChoice;
  switch (choice?.type) {
    case undefined:
      return undefined;
    case "auto":
      return { auto: {} };
    case "none":
      if (hasCalls)
        losses.lose("tool_choice", "calls cannot be forbidden here while tools are declared");
      return undefined;
    case "required":
      if (isNative || traits.toolChoices.includes("any")) return { any: {} };
      losses.lose("tool_choice", "the model cannot be made to call a tool; it is left to choose");
      return undefined;
    case "tool":
      return encodeNamed(choice.name, scope);
    default:
      return choice satisfies undefined;
  }
}

function encodeNamed(
  name: string,
  { traits, losses, isNative }: ToolScope,
): JsonObject | undefined {
  if (isNative) return { tool: { name } };
  if (traits.toolChoices.includes("tool")) {
    return { tool: { name: encodeToolName(name, "tool_choice") } };
  }
  if (traits.toolChoices.includes("any")) {
    losses.lose("tool_choice", "the model can be made to call some tool, not a certain one");
    return { any: {} };
  }
  losses.lose("tool_choice", "the model cannot be made to call a tool; it is left to choose");
  return undefined;
}

/** One call at a time can be asked of Anthropic's models, in their own words. */
function encodeParallel({ request, traits, losses }: ToolScope): JsonObject {
  if (request.settings.parallelToolCalls !== false) return {};
  const choice = request.toolChoice;
  if (!traits.claude?.hasJsonSchema || choice?.type === "none") {
    losses.lose("parallel_tool_calls", noForm);
    return {};
  }
  const single = { disable_parallel_tool_use: true };
  const isForced = traits.toolChoices.includes("any");
  if (choice?.type === "required" && isForced) return { tool_choice: { type: "any", ...single } };
  if (choice?.type === "tool" && isForced) {
    return {
      tool_choice: { type: "tool", name: encodeToolName(choice.name, "tool_choice"), ...single },
    };
  }
  return { tool_choice: { type: "auto", ...single } };
}
