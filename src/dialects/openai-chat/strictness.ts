// Whether a client's body breaks rules of its provider that lie deeper than its top level: then it cannot be relayed.
import { isObject, JsonError, type JsonObject, parse, scan } from "../../lib/json.ts";
import type { Quirks } from "../dialect.ts";
import { endOfSystem, isEmptyTurn, isPrefill, isSystem, knowsField } from "./conversation-fit.ts";
import { isFixedCallId } from "./wire.ts";

/** True for a body that the provider would refuse, or read otherwise than meant. Bodies are parsed only where there are such rules. */
export function breaksRules(body: Uint8Array, quirks: Quirks): boolean {
  if (!hasRules(quirks)) return false;
  try {
    const members = scan(body);
    const list = (name: string): JsonObject[] => {
      const member = members.get(name);
      if (!member) return [];
      const { start, end } = member.value;
      const value = parse(Buffer.from(body.subarray(start, end)).toString("utf8"));
      return Array.isArray(value) ? value.filter(isObject) : [];
    };
    const messages = list("messages");
    return (
      messages.some((message) => breaksMessage(message, quirks)) ||
      breaksOrder(messages, quirks) ||
      (quirks.plainTools === true && list("tools").some((tool) => !isPlainTool(tool)))
    );
  } catch (error) {
    // Whether the whole is JSON was decided before.
    if (error instanceof JsonError) return false;
    throw error;
  }
}

const hasRules = (quirks: Quirks): boolean =>
  quirks.toolCallIdLength !== undefined ||
  quirks.dropMessageFields !== undefined ||
  quirks.acceptsMessageFields !== undefined ||
  quirks.prefillField !== undefined ||
  quirks.filePart === "document_url" ||
  quirks.imageDetails !== undefined ||
  quirks.systemRole === "system" ||
  quirks.noUserAfterTool === true ||
  quirks.systemFirst === true ||
  quirks.refusesEmptyTurns === true ||
  quirks.plainTools === true;

function breaksMessage(message: JsonObject, quirks: Quirks): boolean {
  const { role, content } = message;
  return (
    (role === "developer" && quirks.systemRole === "system") ||
    Object.keys(message).some((name) => !knowsField(role, name, quirks)) ||
    (quirks.refusesEmptyTurns === true && isEmptyTurn(message)) ||
    (quirks.toolCallIdLength !== undefined && breaksIds(message, quirks.toolCallIdLength)) ||
    (Array.isArray(content) && content.some((part) => isObject(part) && breaksPart(part, quirks)))
  );
}

const breaksIds = (message: JsonObject, length: number): boolean => {
  const { tool_calls: calls, tool_call_id: id } = message;
  const isWrong = (one: unknown): boolean => typeof one === "string" && !isFixedCallId(one, length);
  return (
    isWrong(id) ||
    (Array.isArray(calls) && calls.filter(isObject).some((call) => isWrong(call["id"])))
  );
};

function breaksPart(part: JsonObject, { filePart, imageDetails }: Quirks): boolean {
  const { file, image_url: image } = part;
  if (filePart === "document_url" && isObject(file)) return true;
  const detail = isObject(image) ? image["detail"] : undefined;
  return imageDetails !== undefined && typeof detail === "string" && !imageDetails.includes(detail);
}

function breaksOrder(messages: readonly JsonObject[], quirks: Quirks): boolean {
  const { noUserAfterTool, systemFirst } = quirks;
  if (
    noUserAfterTool &&
    messages.some(({ role }, index) => role === "user" && messages[index - 1]?.["role"] === "tool")
  ) {
    return true;
  }
  if (systemFirst && messages.slice(endOfSystem(messages)).some(({ role }) => isSystem(role))) {
    return true;
  }
  const last = messages.at(-1);
  const { prefillField } = quirks;
  return prefillField !== undefined && isPrefill(last) && !Object.hasOwn(last ?? {}, prefillField);
}

const isPlainTool = (tool: JsonObject): boolean => {
  const { function: called, type = "function" } = tool;
  return type === "function" && isObject(called) && isObject(called["parameters"]);
};
