// Whether a client's body breaks rules of its provider that lie deeper than its top level: then it cannot be relayed.
import { isObject, JsonError, type JsonObject, parse, scan } from "../../lib/json.ts";
import type { Quirks } from "../dialect.ts";
import { isEmptyTurn, isPrefill, knowsField } from "./conversation-fit.ts";
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
    (quirks.filePart === "document_url" && Array.isArray(content) && content.some(isOpenAiFile))
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

const isOpenAiFile = (part: unknown): boolean =>
  isObject(part) && part["type"] === "file" && isObject(part["file"]);

function breaksOrder(messages: readonly JsonObject[], quirks: Quirks): boolean {
  let isLate = false;
  let previous: unknown;
  for (const { role } of messages) {
    if (quirks.noUserAfterTool && previous === "tool" && role === "user") return true;
    if (quirks.systemFirst && isLate && (role === "system" || role === "developer")) return true;
    isLate ||= role === "assistant" || role === "tool";
    previous = role;
  }
  const last = messages.at(-1);
  const { prefillField } = quirks;
  return prefillField !== undefined && isPrefill(last) && !Object.hasOwn(last ?? {}, prefillField);
}

const isPlainTool = (tool: JsonObject): boolean => {
  const { function: called, type = "function" } = tool;
  return type === "function" && isObject(called) && isObject(called["parameters"]);
};
