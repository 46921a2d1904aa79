// Faults of an Anthropic request in Anthropic's own words.
import { isObject } from "../../../src/lib/json.ts";
import { echoed, type Path, type Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** A 400. */
export const invalid = (message: string): Refusal => ({
  status: 400,
  type: "invalid_request_error",
  message,
});

/** The first fault found, worded. `root` is the whole body: the vendor names union members on the way to a fault. */
export function wordAnthropic(problem: Problem, root: unknown): Refusal {
  return invalid(`${where(problem.path, root)}: ${what(problem)}`);
}

/** `messages.0.content.1.text.cache_control.ephemeral.ttl` */
export function where(path: Path, root: unknown): string {
  const steps: (string | number)[] = [];
  let at = root;
  for (const [index, step] of path.entries()) {
    steps.push(step);
    at = Array.isArray(at) ? at[Number(step)] : isObject(at) ? at[step] : undefined;
    const last = index === path.length - 1;
    const union = typeof step === "number" || unions.has(step);
    if (!last && union && isObject(at)) steps.push(...memberName(at, path[index - 1]));
  }
  return steps.join(".");
}

/** Fields whose value is one of several kinds, told apart by its type. */
const unions: ReadonlySet<string> = new Set([
  "source",
  "cache_control",
  "thinking",
  "tool_choice",
  "format",
  "output_format",
  "caller",
  "tool",
  "task_budget",
]);

function memberName(value: Record<string, unknown>, holder: unknown): string[] {
  if (typeof value["type"] === "string") return [value["type"]];
  return holder === "tools" ? ["custom"] : [];
}

/** Pydantic's sentence for a fault. */
export function what(problem: Problem): string {
  switch (problem.kind) {
    case "missing":
      return "Field required";
    case "extra":
      return "Extra inputs are not permitted";
    case "type":
      return `Input should be ${expectation(problem.expected)}`;
    case "choice":
      return `Input should be ${alternatives(problem.choices)}`;
    case "tag":
      return problem.tagName === "role"
        ? `Unexpected role ${JSON.stringify(problem.tag)}. Allowed roles are "user", "assistant" and "system".`
        : `Input tag '${echoed(problem.tag)}' found using '${problem.tagName}' does not match any of the expected tags: ${problem.choices.map((one) => `'${one}'`).join(", ")}`;
    case "small":
      return bound(problem, "at least", "greater than or equal to");
    case "big":
      return bound(problem, "at most", "less than or equal to");
    case "pattern":
      return `String should match pattern '${problem.pattern}'`;
    case "custom":
      return problem.message;
    default:
      return problem satisfies never;
  }
}

function bound(
  problem: Problem & { kind: "small" | "big" },
  length: string,
  value: string,
): string {
  if (problem.of === "string")
    return `String should have ${length} ${problem.limit} character${problem.limit === 1 ? "" : "s"}`;
  if (problem.of === "array")
    return `List should have ${length} ${problem.limit} item${problem.limit === 1 ? "" : "s"}`;
  return `Input should be ${value} ${problem.limit}`;
}

const types: Readonly<Record<string, string>> = {
  string: "a valid string",
  number: "a valid number",
  int: "a valid integer",
  boolean: "a valid boolean",
  array: "a valid list",
  object: "a valid dictionary",
  record: "a valid dictionary",
};

const expectation = (expected: string): string =>
  expected
    .split(" or ")
    .map((kind) => types[kind] ?? kind)
    .join(" or ");

function alternatives(choices: readonly unknown[]): string {
  const quoted = choices.map((choice) => `'${String(choice)}'`);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}
