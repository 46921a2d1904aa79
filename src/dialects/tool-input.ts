// A tool call's argument string as the object that some wires want, spelt as it came.
import type { ToolCallPart } from "../ir/chat.ts";
import { isObject, JsonError, parse, RawJson } from "../lib/json.ts";
import { wrapInput } from "./freeform.ts";

export interface EncodedInput {
  /** For `stringify`. */
  input: unknown;
  /** Why the arguments had to be wrapped. */
  problem?: string;
}

/** Arguments that are no JSON object are wrapped as `{ "input": … }`; none at all are `{}`. */
export function encodeInput({
  args,
  freeform,
}: Pick<ToolCallPart, "args" | "freeform">): EncodedInput {
  if (freeform) return { input: wrapInput(args) };
  if (args.trim() === "") return { input: {} };
  try {
    if (isObject(parse(args))) return { input: new RawJson(args.trim()) };
    return {
      input: { input: new RawJson(args.trim()) },
      problem: "the arguments are no JSON object",
    };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return { input: { input: args }, problem: "the arguments are no JSON" };
  }
}
