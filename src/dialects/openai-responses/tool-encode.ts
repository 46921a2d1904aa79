// Tools, their groups and the choice among them, written for a provider or echoed to a client.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
import type { ChatRequest, Tool } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { isMetUnasked } from "../bookkeeping.ts";
import { unknownFields } from "../ext.ts";
import { defined } from "../fields.ts";
import { freeformLoss, freeformSchema, spellFormat } from "../freeform.ts";
import type { Losses } from "../losses.ts";
import { plainSchema } from "../plain-schema.ts";
import { vendorToolLoss } from "../vendor-tools.ts";
import { isStrictSchema } from "./strict-schema.ts";
import { toolFrame } from "./tool-decode.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

type OwnTool = Exclude<Tool, { type: "provider" }>;

export interface ToolScope {
  request: ChatRequest;
  /** The client itself wrote this wire: its tools go out as it wrote them. */
  isNative: boolean;
  /** Free-form tools go out as such; otherwise each is a function with one string. */
  takesFreeform: boolean;
  losses: Losses;
}

/** Tools as they stand in `tools`: those that items of the input declare stand there. */
export function encodeTools(scope: ToolScope): JsonObject[] {
  const { request, losses } = scope;
  const encoded: JsonObject[] = [];
  /** The group that the last tool stood in. */
  let open: { group: unknown; namespace: string; tools: JsonObject[] } | undefined;
  for (const [index, tool] of request.tools.entries()) {
    const path = `tools[${index}]`;
    if (tool.type === "provider") {
      open = undefined;
      if (tool.origin === dialectId) encoded.push(isObject(tool.raw) ? tool.raw : {});
      else losses.lose(path, vendorToolLoss(tool));
      continue;
    }
    const frame = toolFrame(tool);
    if (frame.isInput) continue;
    loseOf(tool, path, losses);
    const written = encodeTool(tool, path, scope);
    const { namespace } = tool;
    if (namespace === undefined) {
      open = undefined;
      encoded.push(written);
    } else if (open?.namespace === namespace && open.group === frame.group) {
      open.tools.push(written);
    } else {
      open = { group: frame.group, namespace, tools: [written] };
      const group = isObject(frame.group) ? frame.group : {};
      const head = { type: "namespace", name: namespace, description: "" };
      encoded.push({ ...head, ...group, tools: open.tools });
    }
  }
  return encoded;
}

function loseOf(tool: OwnTool, path: string, losses: Losses): void {
  const lost = foreignFields(tool.ext).filter((key) => !isMetUnasked(key));
  for (const key of lost) losses.lose(`${path}.${key}`, noForm);
  if (tool.cache) {
    losses.lose(`${path}.cache_control`, "the provider takes no prompt-cache hints on this wire");
  }
}

const groupNote = new Set(["namespace"]);

function encodeTool(tool: OwnTool, path: string, scope: ToolScope): JsonObject {
  const { isNative, takesFreeform, losses } = scope;
  const { description } = tool;
  const name = toolFrame(tool).name ?? tool.name;
  // What was kept of the group stands in the group.
  const extra = unknownFields(ownExt(tool.ext), groupNote) ?? {};
  if (tool.type === "custom" && !takesFreeform) {
    losses.lose(path, freeformLoss);
    const parameters = freeformSchema(tool);
    return { type: "function", name, ...defined({ description }), parameters, strict: false };
  }
  if (tool.type === "custom") {
    const format = spellFormat(tool.format, false);
    return { type: "custom", name, ...defined({ description, format }), ...extra };
  }
  const parameters = isNative ? tool.parameters : plainSchema(tool.parameters);
  if (isNative) {
    const { strict } = tool;
    return { type: "function", name, ...defined({ description, parameters, strict }), ...extra };
  }
  const isStrict = tool.strict === true && isStrictSchema(parameters);
  if (tool.strict === true && !isStrict) losses.lose(`${path}.strict`, notStrict);
  return {
    type: "function",
    name,
    ...defined({ description }),
    parameters: parameters ?? { type: "object", properties: {} },
    // Without a word this wire enforces the schema, and refuses those that it cannot.
    strict: isStrict,
    ...extra,
  };
}

/** Why a schema is not enforced. */
export const notStrict =
  "OpenAI enforces only schemas whose objects are closed and demand all properties";

/** `raw`: a choice that only this wire has in full, as the client wrote it. */
export function encodeToolChoice(
  raw: unknown,
  { request, takesFreeform }: Pick<ToolScope, "request" | "takesFreeform">,
): unknown {
  if (raw !== undefined) return raw;
  const choice = request.toolChoice;
  if (!choice) return undefined;
  if (choice.type !== "tool") return choice.type;
  const tool = request.tools.find((item) => item.name === choice.name);
  if (tool?.type === "provider") return { type: choice.name };
  const name = tool ? (toolFrame(tool).name ?? tool.name) : choice.name;
  return { type: tool?.type === "custom" && takesFreeform ? "custom" : "function", name };
}
