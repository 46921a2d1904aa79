// Free-form tools (OpenAI `custom`), whose input is plain text, on wires whose tools take JSON: a function with one string.
import type { ChatRequest, Tool, ToolCallPart } from "../ir/chat.ts";
import { isObject, JsonError, type JsonObject, parse } from "../lib/json.ts";

/** What is told of such a tool. */
export const freeformLoss =
  "a free-form tool is sent as a function with one string, its grammar in words";

/** JSON Schema of the function's arguments. */
export function freeformSchema({ format }: Extract<Tool, { type: "custom" }>): JsonObject {
  const grammar = format === undefined ? "" : ` in this format: ${JSON.stringify(format)}`;
  return {
    type: "object",
    properties: { input: { type: "string", description: `The whole input${grammar}` } },
    required: ["input"],
  };
}

/**
 * A grammar as both of OpenAI's wires spell it: its text in the format itself (Responses), or one level down (chat).
 * Any other format is what it was.
 */
export function spellFormat(format: unknown, isNested: boolean): unknown {
  if (!isObject(format) || format["type"] !== "grammar") return format;
  const { grammar, syntax, definition, ...rest } = format;
  if (isNested) {
    return isObject(grammar) ? format : { ...rest, grammar: { syntax, definition } };
  }
  return isObject(grammar) ? { ...rest, ...grammar } : format;
}

/** The function's arguments for an input. */
export const wrapInput = (input: string): JsonObject => ({ input });

/** The input in a function's arguments; arguments of any other form are taken as they are. */
export function unwrapInput(args: string): string {
  try {
    const value = parse(args);
    return isObject(value) && typeof value["input"] === "string" ? value["input"] : args;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return args;
  }
}

/** True for calls that came as a function's although the client declared the tool free-form. */
export function createFreeformCheck(
  request: ChatRequest | undefined,
): (call: ToolCallPart) => boolean {
  const names = new Set(
    (request?.tools ?? []).flatMap((tool) => (tool.type === "custom" ? [tool.name] : [])),
  );
  return (call) => !call.freeform && call.executor === "client" && names.has(call.name);
}
