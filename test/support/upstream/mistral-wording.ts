// Faults of a Mistral request in Mistral's own words.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { what } from "./anthropic-wording.ts";
import type { Path, Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** A 400; `code` is a number spelled as text. */
export const invalid = (message: string, type: string, code: string | null = null): Refusal => ({
  status: 400,
  type,
  message,
  param: null,
  code,
});

export const badOrder = (message: string): Refusal =>
  invalid(message, "invalid_request_message_order", "3230");

export const badCall = (message: string): Refusal =>
  invalid(message, "invalid_function_call", "3280");

/** The list of faults that the framework finds: a 422. */
export function wordMistral(problems: readonly Problem[], root: unknown): Refusal {
  const detail = problems.map((problem) => ({
    type: pydanticType(problem),
    loc: ["body", ...location(problem.path, root)],
    msg: what(problem),
    input: problem.kind === "extra" ? inputOf(problem) : (problem.value ?? null),
  }));
  const [first] = detail;
  return {
    status: 422,
    type: "invalid_request_error",
    message: first === undefined ? "" : `${first.loc.join(".")}: ${first.msg}`,
    details: { detail },
  };
}

/** https://docs.mistral.ai/resources/error-glossary */
export function mistralErrorBody(refusal: Refusal): JsonObject {
  if (refusal.details !== undefined) return refusal.details;
  if (refusal.status === 401) return { detail: refusal.message };
  const { message, type, param = null, code = null } = refusal;
  return { object: "error", message, type, param, code };
}

const inputOf = (problem: Problem & { kind: "extra" }): unknown =>
  isObject(problem.value) && Object.hasOwn(problem.value, problem.key)
    ? problem.value[problem.key]
    : problem.value;

/** The framework names the member of a union behind its place: the role of a message, the type of a chunk. */
function location(path: Path, root: unknown): (string | number)[] {
  const steps: (string | number)[] = [];
  let at = root;
  for (const [index, step] of path.entries()) {
    steps.push(step);
    at = Array.isArray(at) ? at[Number(step)] : isObject(at) ? at[step] : undefined;
    if (index === path.length - 1 || typeof step !== "number" || !isObject(at)) continue;
    const holder = path[index - 1];
    if (holder === "messages") steps.push(String(at["role"]));
    if (holder === "content" || holder === "thinking") steps.push(String(at["type"]));
  }
  return steps;
}

function pydanticType(problem: Problem): string {
  switch (problem.kind) {
    case "missing":
      return "missing";
    case "extra":
      return "extra_forbidden";
    case "type":
      return `${typeNames[problem.expected] ?? problem.expected}_type`;
    case "choice":
      return "literal_error";
    case "tag":
      return "union_tag_invalid";
    case "small":
      return problem.of === "number" || problem.of === "int" ? "greater_than_equal" : "too_short";
    case "big":
      return problem.of === "number" || problem.of === "int" ? "less_than_equal" : "too_long";
    case "pattern":
      return "string_pattern_mismatch";
    case "custom":
      return "value_error";
    default:
      return problem satisfies never;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  number: "float",
  boolean: "bool",
  array: "list",
  object: "model_attributes",
  record: "dict",
};
