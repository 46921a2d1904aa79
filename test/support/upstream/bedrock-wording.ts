// Faults of a Bedrock request in Amazon's own words.
import { isObject } from "../../../src/lib/json.ts";
import { echoed, type Path, type Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** A 400 of the service itself. */
export const validation = (message: string): Refusal => ({
  status: 400,
  type: "ValidationException",
  message,
});

/** What the model behind the service said. */
export const fromModel = (message: string): Refusal =>
  validation(`The model returned the following errors: ${message}`);

/** A body that Amazon's own schemas refuse; several faults stand in a row. */
export const malformed = (...faults: string[]): string =>
  `Malformed input request: ${faults.join("")}, please reformat your input and try again.`;

const serialization = (message: string): Refusal => ({
  status: 400,
  type: "SerializationException",
  message,
});

export const unreadable = serialization("Unable to parse the request body as JSON.");

/** All constraint violations in one sentence, as the service does; a wrong JSON type comes before them. */
export function wordBedrock(problems: readonly Problem[]): Refusal | undefined {
  const mistyped = problems.find((problem) => problem.kind === "type");
  if (mistyped !== undefined) return wordType(mistyped);
  const unset = problems.find((problem) => problem.kind === "custom");
  if (unset?.kind === "custom") {
    return validation(unset.message.replace("{path}", unset.path.join(".")));
  }
  const violations = problems.map(wordViolation);
  if (violations.length === 0) return undefined;
  const count = `${violations.length} validation error${violations.length === 1 ? "" : "s"} detected`;
  return validation(`${count}: ${violations.join("; ")}`);
}

/** `messages.1.member.content.2.member.toolUse.name` */
export const memberPath = (path: Path): string =>
  path.map((step) => (typeof step === "number" ? `${step + 1}.member` : step)).join(".");

function wordType(problem: Problem & { kind: "type" }): Refusal {
  const { value } = problem;
  if (Array.isArray(value)) return serialization("Start of list found where not expected");
  if (typeof value === "object" && value !== null) {
    return serialization("Start of structure or map found where not expected.");
  }
  if (value === null) {
    return validation(
      `1 validation error detected: Value null at '${memberPath(problem.path)}' failed to satisfy constraint: Member must not be null`,
    );
  }
  const names: Readonly<Record<string, string>> = {
    string: "a String",
    number: "a Float",
    int: "an Integer",
    boolean: "a Boolean",
    array: "a List",
  };
  const found = `${typeof value === "boolean" ? String(value).toUpperCase() : typeof value === "number" ? "NUMBER" : "STRING"}_VALUE`;
  return serialization(
    `${found} can not be converted to ${names[problem.expected] ?? "a Structure"}`,
  );
}

function wordViolation(problem: Problem): string {
  const at = `at '${memberPath(problem.path)}' failed to satisfy constraint`;
  const value =
    isObject(problem.value) || Array.isArray(problem.value)
      ? "Value"
      : `Value '${echoed(problem.value)}'`;
  switch (problem.kind) {
    case "missing":
      return `Value null ${at}: Member must not be null`;
    case "choice":
      return `${value} ${at}: Member must satisfy enum value set: [${problem.choices.join(", ")}]`;
    case "small":
    case "big":
      return `${value} ${at}: Member must have ${measure(problem.of)} ${problem.kind === "small" ? "greater" : "less"} than or equal to ${problem.limit}`;
    case "pattern":
      return `${value} ${at}: Member must satisfy regular expression pattern: ${problem.pattern.replace(/^\^|\$$/g, "")}`;
    case "extra":
      return `Value ${at}: Unknown member '${problem.key}'`;
    case "tag":
    case "type":
    case "custom":
      return `${value} ${at}`;
    default:
      return problem satisfies never;
  }
}

const measure = (of: string): string => (of === "string" || of === "array" ? "length" : "value");
