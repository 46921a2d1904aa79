// A client's tools, flat and in groups, and its choice among them.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
import type { Tool, ToolChoice } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { type Losses, loseUnknown } from "../losses.ts";
import {
  objectAt,
  optionalArray,
  optionalBoolean,
  optionalObject,
  optionalString,
  reject,
  requiredString,
} from "../openai-words.ts";
import { dialectId, frameOf, withExt } from "./wire.ts";

type OwnTool = Exclude<Tool, { type: "provider" }>;

/** What the wire says of a tool that stands in a group, in an item of the input, or under another name there. */
export interface ToolFrame extends JsonObject {
  /** Its name on the wire, where the representation has another one. */
  name?: string;
  /** Declared by an item of the input: it is not among `tools`. */
  isInput?: true;
  /** What the client wrote of the group: the same object for each of its tools. */
  group?: JsonObject;
}

export const toolFrame = (tool: OwnTool): ToolFrame => frameOf(tool.ext);

/** Reads lists of tools; all of them are known before the names are given. */
export interface ToolReader {
  /** `inInput`: the list stands in an item of the input, which keeps it. */
  read(tools: readonly unknown[], path: string, inInput: boolean): void;
  /** The name under which a call's tool is known. */
  nameOf(name: string, namespace: string | undefined): string;
  tools(): Tool[];
}

interface Draft {
  tool: Tool;
  name: string;
  namespace: string | undefined;
}

export function createToolReader(): ToolReader {
  const drafts: Draft[] = [];
  let names: Map<string, string> | undefined;

  const add = (tool: Tool, isInput: boolean, frame: ToolFrame = {}): void => {
    const namespace = tool.type === "provider" ? undefined : tool.namespace;
    // Tools that a search has found may have been declared before.
    const isKnown = drafts.some(
      (draft) => draft.name === tool.name && draft.namespace === namespace,
    );
    if (isInput && isKnown) return;
    const whole: ToolFrame = { ...frame, ...(isInput ? { isInput } : {}) };
    drafts.push({
      tool: tool.type === "provider" ? tool : framed(tool, whole),
      name: tool.name,
      namespace,
    });
  };

  const readGroup = (item: JsonObject, path: string, isInput: boolean): void => {
    const namespace = requiredString(item, "name", path);
    const group = unknownFields(item, groupKeys) ?? {};
    const description = optionalString(item, "description", path);
    const kept = description ? { namespace: unknownMembers({ description }, none) } : {};
    for (const [index, value] of (optionalArray(item, "tools", path) ?? []).entries()) {
      const place = `${path}.tools[${index}]`;
      const tool = decodeTool(objectAt(value, place), place, index === 0 ? kept : {});
      if (tool.type === "provider") reject(`${place}.type`, "expected `function` or `custom`");
      else add({ ...tool, namespace }, isInput, { group });
    }
  };

  const nameAll = (): Map<string, string> => (names ??= uniqueNames(drafts));

  return {
    read(tools, path, inInput) {
      for (const [index, value] of tools.entries()) {
        const place = `${path}[${index}]`;
        const item = objectAt(value, place);
        if (field(item, "type") === "namespace") readGroup(item, place, inInput);
        else {
          const tool = decodeTool(item, place);
          if (tool.type !== "provider" || !inInput) add(tool, inInput);
        }
      }
    },
    nameOf: (name, namespace) => nameAll().get(keyOf(name, namespace)) ?? name,
    tools: () =>
      drafts.map(({ tool, name, namespace }) => {
        const unique = nameAll().get(keyOf(name, namespace)) ?? name;
        if (tool.type === "provider" || unique === name) return tool;
        return { ...framed(tool, { ...toolFrame(tool), name }), name: unique };
      }),
  };
}

const groupKeys = new Set(["type", "name", "tools"]);
const none: ReadonlySet<string> = new Set();

const keyOf = (name: string, namespace: string | undefined): string =>
  JSON.stringify([namespace ?? null, name]);

function framed(tool: OwnTool, frame: ToolFrame): OwnTool {
  const { ext, ...bare } = tool;
  const fields = ext?.[dialectId];
  return { ...bare, ...withExt(fields, frame) };
}

/** Names of grouped tools that are taken already get their group's name before them; those outside a group keep theirs. */
function uniqueNames(drafts: readonly Draft[]): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  for (const { name } of drafts) counts.set(name, (counts.get(name) ?? 0) + 1);
  const give = ({ name, namespace }: Draft, wanted: string): void => {
    const key = keyOf(name, namespace);
    if (names.has(key)) return;
    let unique = wanted;
    for (let number = 2; taken.has(unique); number += 1) unique = `${wanted}_${number}`;
    taken.add(unique);
    names.set(key, unique);
  };
  for (const draft of drafts) {
    if (draft.namespace === undefined || counts.get(draft.name) === 1) give(draft, draft.name);
  }
  for (const draft of drafts) give(draft, `${draft.namespace ?? ""}__${draft.name}`);
  return names;
}

const functionKeys = new Set(["type", "name", "description", "parameters", "strict"]);
const customKeys = new Set(["type", "name", "description", "format"]);

function decodeTool(item: JsonObject, path: string, kept: JsonObject = {}): Tool {
  const type = requiredString(item, "type", path);
  if (type !== "function" && type !== "custom") {
    return {
      type: "provider",
      name: type,
      origin: dialectId,
      raw: item,
      ...(isClients(item, type) ? { executor: "client" } : {}),
    };
  }
  const name = requiredString(item, "name", path);
  const description = optionalString(item, "description", path);
  const told = description === undefined ? {} : { description };
  if (type === "custom") {
    const format = optionalObject(item, "format", path);
    return {
      type,
      name,
      ...told,
      ...(format === undefined ? {} : { format }),
      ...withExt({ ...unknownFields(item, customKeys), ...kept }),
    };
  }
  const parameters = optionalObject(item, "parameters", path);
  const strict = optionalBoolean(item, "strict", path);
  return {
    type,
    name,
    ...told,
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    ...withExt({ ...unknownFields(item, functionKeys), ...kept }),
  };
}

const clientTools = /^(?:local_shell|apply_patch|computer.*)$/;

function isClients(item: JsonObject, type: string): boolean {
  if (type === "tool_search") return field(item, "execution") === "client";
  if (type !== "shell") return clientTools.test(type);
  const environment = field(item, "environment");
  return !isObject(environment) || field(environment, "type") === "local";
}

const namedKeys = new Set(["type", "name"]);

/** What other dialects understand of it; the rest stays with the request, see {@link isOwnChoice}. */
export function decodeToolChoice(
  json: JsonObject,
  reader: ToolReader,
  losses: Losses,
): ToolChoice | undefined {
  const choice = field(json, "tool_choice");
  if (choice === undefined) return undefined;
  if (choice === "auto" || choice === "none" || choice === "required") return { type: choice };
  if (!isObject(choice)) {
    return reject("tool_choice", "expected `none`, `auto`, `required` or an object");
  }
  const type = requiredString(choice, "type", "tool_choice");
  if (type === "allowed_tools") {
    return { type: field(choice, "mode") === "required" ? "required" : "auto" };
  }
  if (type !== "function" && type !== "custom") return { type: "tool", name: type };
  loseUnknown(choice, namedKeys, "tool_choice", losses);
  const name = requiredString(choice, "name", "tool_choice");
  const known = reader.nameOf(name, undefined);
  const grouped = reader
    .tools()
    .find((tool) => tool.type !== "provider" && (toolFrame(tool).name ?? tool.name) === name);
  const isPlain = reader.tools().some((tool) => tool.name === known);
  return { type: "tool", name: isPlain ? known : (grouped?.name ?? known) };
}

/** A choice that only this wire has in full. */
export function isOwnChoice(choice: unknown): choice is JsonObject {
  if (!isObject(choice)) return false;
  const type = stringOr(field(choice, "type"));
  return type !== "function" && type !== "custom";
}
