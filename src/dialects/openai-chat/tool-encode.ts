// Tools and the choice among them, written for a provider.
import type { Tool, ToolChoice } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { isMetUnasked } from "../bookkeeping.ts";
import { freeformLoss, freeformSchema, spellFormat } from "../freeform.ts";
import type { Losses } from "../losses.ts";
import { plainSchema } from "../plain-schema.ts";
import { refuseLostTools, vendorToolLoss } from "../vendor-tools.ts";
import { encodeCache, type Scope, takesFreeform } from "./encode-scope.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

export function encodeTools(scope: Scope): JsonObject[] {
  const { request, target, losses } = scope;
  const tools = request.tools.flatMap((tool, index) => {
    const path = `tools[${index}]`;
    if (tool.type === "provider" && tool.origin !== dialectId) {
      losses.lose(path, vendorToolLoss(tool));
      return [];
    }
    const encoded = encodeTool(tool, scope);
    if (tool.type === "custom" && !takesFreeform(scope)) losses.lose(path, freeformLoss);
    if (tool.type !== "provider") {
      const lost = foreignFields(tool.ext).filter((key) => !isMetUnasked(key));
      for (const key of lost) losses.lose(`${path}.${key}`, noForm);
    }
    if (!tool.cache) return [encoded];
    return [{ ...encoded, ...encodeCache(tool.cache, path, target, losses) }];
  });
  refuseLostTools(request, tools.length, { dialectId, target });
  return tools;
}

function encodeTool(tool: Tool, scope: Scope): JsonObject {
  switch (tool.type) {
    case "function": {
      const { function: inner, ...outer } = ownExt(tool.ext);
      const parameters = encodeParameters(tool.parameters, scope);
      return {
        type: "function",
        function: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          ...(parameters === undefined ? {} : { parameters }),
          ...(tool.strict === undefined ? {} : { strict: tool.strict }),
          ...(isObject(inner) ? inner : {}),
        },
        ...outer,
      };
    }
    case "custom": {
      if (!takesFreeform(scope)) {
        const { name, description } = tool;
        const told = description === undefined ? {} : { description };
        const parameters = freeformSchema(tool);
        return { type: "function", function: { name, ...told, parameters } };
      }
      const { custom: inner, ...outer } = ownExt(tool.ext);
      return {
        type: "custom",
        custom: {
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          ...(tool.format === undefined ? {} : { format: spellFormat(tool.format, true) }),
          ...(isObject(inner) ? inner : {}),
        },
        ...outer,
      };
    }
    case "provider":
      return isObject(tool.raw) ? tool.raw : { type: tool.name };
    default:
      return tool satisfies never;
  }
}

/** Other wires' schemas in the usual spelling; `{}` is a tool without parameters where those are demanded. */
function encodeParameters(parameters: unknown, { target, isNative }: Scope): unknown {
  if (parameters === undefined) {
    return target.quirks.plainTools ? { type: "object", properties: {} } : undefined;
  }
  return isNative ? parameters : plainSchema(parameters);
}

export function encodeToolChoice(raw: unknown, scope: Scope): JsonObject {
  const { request } = scope;
  if (raw !== undefined) return { tool_choice: raw };
  const choice = request.toolChoice;
  if (!choice) return {};
  if (choice.type !== "tool") return { tool_choice: choice.type };
  const tool = request.tools.find((item) => item.name === choice.name);
  const type = tool?.type === "custom" && takesFreeform(scope) ? "custom" : "function";
  return { tool_choice: { type, [type]: { name: choice.name } } };
}

/** OpenAI refuses `tool_choice` without tools. Only a demand for a call is a loss then. */
export function loseToolChoice(choice: ToolChoice | undefined, losses: Losses): void {
  if (choice?.type === "required" || choice?.type === "tool") {
    losses.lose("tool_choice", "there are no tools to choose from");
  }
}
