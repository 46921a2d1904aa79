// OpenAI's rules for tools, the choice among them, and response formats.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { functionSchemaFault, schemaFault } from "./openai-schema.ts";
import { invalid } from "./openai-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export function refuseTools(body: JsonObject): Refusal | undefined {
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

export function refuseFormat(body: JsonObject): Refusal | undefined {
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
