// Faults of an OpenAI request in OpenAI's own words.
import { echoed, type Path, type Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export interface OpenAiFault {
  message: string;
  param?: string | null;
  code?: string | null;
}

/** A 400. */
export const invalid = ({ message, param = null, code = null }: OpenAiFault): Refusal => ({
  status: 400,
  type: "invalid_request_error",
  message,
  param,
  code,
});

/** `messages[0].content` */
export function dotted(path: Path): string {
  return path.reduce<string>(
    (text, step) =>
      typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`,
    "",
  );
}

/** The first fault found, worded. */
export function wordOpenAi(problem: Problem): Refusal {
  const param = dotted(problem.path);
  switch (problem.kind) {
    case "missing":
      if (param === "model") return invalid({ message: "you must provide a model parameter" });
      return invalid({
        message: `Missing required parameter: '${param}'.`,
        param,
        code: "missing_required_parameter",
      });
    case "extra":
      return problem.path.length === 1
        ? invalid({ message: `Unrecognized request argument supplied: ${problem.key}` })
        : invalid({ message: `Unknown parameter: '${param}'.`, param, code: "unknown_parameter" });
    case "type":
      return invalid({
        message: `Invalid type for '${param}': expected ${expectation(problem.expected)}, but got ${article(problem.value)} instead.`,
        param,
        code: "invalid_type",
      });
    case "choice":
      return invalid({
        message: `Invalid value: '${echoed(problem.value)}'. Supported values are: ${listed(problem.choices)}.`,
        param,
        code: "invalid_value",
      });
    case "tag":
      return invalid({
        message: `Invalid value: '${echoed(problem.tag)}'. Supported values are: ${listed(problem.choices)}.`,
        param: param === "" ? problem.tagName : `${param}.${problem.tagName}`,
        code: "invalid_value",
      });
    case "small":
    case "big":
      return outOfRange(problem, param);
    case "pattern":
      return invalid({
        message: `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '${problem.pattern}'.`,
        param,
        code: "invalid_value",
      });
    case "custom":
      return invalid({ message: problem.message, param });
    default:
      return problem satisfies never;
  }
}

/** `'a', 'b', and 'c'` */
export function listed(values: readonly unknown[]): string {
  const quoted = values.map((value) => `'${String(value)}'`);
  const last = quoted.pop() ?? "";
  if (quoted.length === 0) return last;
  return `${quoted.join(", ")}${quoted.length > 1 ? "," : ""} and ${last}`;
}

/** Fields that take numbers with a fraction. */
const decimals: ReadonlySet<string> = new Set([
  "temperature",
  "top_p",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
]);

function outOfRange(problem: Problem & { kind: "small" | "big" }, param: string): Refusal {
  const below = problem.kind === "small";
  if (problem.of === "array" || problem.of === "string" || problem.of === "object") {
    const got = sizeOf(problem.value);
    if (below && got === 0) {
      return invalid({
        message: `Invalid '${param}': empty ${problem.of}. Expected ${an(problem.of)} with minimum length ${problem.limit}, but got an empty ${problem.of} instead.`,
        param,
        code: `empty_${problem.of}`,
      });
    }
    return invalid({
      message: `Invalid '${param}': ${problem.of} too ${below ? "short" : "long"}. Expected ${an(problem.of)} with ${below ? "minimum" : "maximum"} length ${problem.limit}, but got ${an(problem.of)} with length ${got} instead.`,
      param,
      code: `${problem.of}_${below ? "below_min" : "above_max"}_length`,
    });
  }
  const kind = decimals.has(String(problem.path[0])) ? "decimal" : "integer";
  return invalid({
    message: `Invalid '${param}': ${kind} ${below ? "below minimum" : "above maximum"} value. Expected a value ${below ? ">=" : "<="} ${problem.limit}, but got ${echoed(problem.value)} instead.`,
    param,
    code: `${kind}_${below ? "below_min" : "above_max"}_value`,
  });
}

const sizeOf = (value: unknown): number => {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
};

const an = (name: string): string => (/^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`);

const names: Readonly<Record<string, string>> = {
  string: "a string",
  array: "an array",
  object: "an object",
  number: "a decimal",
  int: "an integer",
  boolean: "a boolean",
  record: "an object",
};

function expectation(expected: string): string {
  const kinds = expected.split(" or ").map((kind) => names[kind] ?? an(kind));
  return kinds.length > 1
    ? `one of ${kinds.join(" or ").replace("an array", "array of objects")}`
    : (kinds[0] ?? expected);
}

function article(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal";
  return an(typeof value);
}

/** A body that is no JSON object. */
export const badJson = (): Refusal =>
  invalid({
    message:
      "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)",
  });
