// Faults of a Cohere request in Cohere's own words.
import { echoed, type Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** A 400. */
export const invalid = (message: string): Refusal => ({
  status: 400,
  type: "bad_request",
  message: `invalid request: ${message}`,
});

/** The first fault found, worded. `page` is the operation's page of the reference. */
export function wordCohere(problem: Problem, page: string): Refusal {
  const name = problem.path.join(".");
  const usage = `For proper usage, please refer to https://docs.cohere.com/reference/${page}`;
  switch (problem.kind) {
    case "missing":
      return invalid(`${name} is required`);
    case "extra":
      return {
        status: 422,
        type: "unprocessable_entity",
        message: `unknown field: parameter '${problem.key}' is not a valid field. ${usage}`,
      };
    case "type":
      return {
        status: 400,
        type: "bad_request",
        message: `invalid type: parameter ${name} is of type ${kindOf(problem.value)} but should be of type ${kinds[problem.expected] ?? problem.expected}. ${usage}`,
      };
    case "choice":
      return invalid(
        `${name} must be one of [${problem.choices.map(String).join(", ")}], received '${echoed(problem.value)}'`,
      );
    case "tag":
      return invalid(
        `${name === "" ? "" : `${name}.`}${problem.tagName} must be one of [${problem.choices.join(", ")}], received '${echoed(problem.tag)}'`,
      );
    case "small":
    case "big":
      return wordBound(problem, name);
    case "pattern":
    case "custom":
      return invalid(`${name} is not valid`);
    default:
      return problem satisfies never;
  }
}

function wordBound(problem: Problem & { kind: "small" | "big" }, name: string): Refusal {
  const bound = problem.kind === "big" ? "at most" : "at least";
  if (problem.of !== "array" && problem.of !== "string") {
    const range = ranges[name];
    return invalid(
      range === undefined
        ? `${name} must be ${bound} ${problem.limit}`
        : `${name} must be between ${range[0]} and ${range[1]} inclusive, received ${echoed(problem.value)}`,
    );
  }
  const count = Array.isArray(problem.value) ? problem.value.length : echoed(problem.value).length;
  return invalid(`${name} must have ${bound} ${problem.limit} elements - received ${count}`);
}

const ranges: Readonly<Record<string, readonly [low: number, high: number]>> = {
  temperature: [0, 1],
  p: [0.01, 0.99],
  k: [0, 500],
  frequency_penalty: [0, 1],
  presence_penalty: [0, 1],
};

const kinds: Readonly<Record<string, string>> = {
  string: "string",
  number: "number",
  int: "integer",
  array: "array",
  record: "object",
};

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
