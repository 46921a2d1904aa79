// Anthropic's rules for tools, the choice among them, and output formats.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { ClaudeModel } from "./anthropic-models.ts";
import { invalid } from "./anthropic-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export function refuseTools(body: JsonObject, model: ClaudeModel): Refusal | undefined {
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

export function refuseFormat(body: JsonObject, model: ClaudeModel): Refusal | undefined {
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
