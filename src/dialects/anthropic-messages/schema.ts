// JSON Schemas made to fit what constrained decoding supports here.
// https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
import { ExactNumber, numberOf } from "../../lib/exact-numbers.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";

/** Keywords that the API refuses. What they ask is moved into the description, where the model reads it. */
const refused = new Set([
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "patternProperties",
]);

const formats = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid",
]);

/**
 * `lost` is called with each keyword that becomes mere words.
 * @example fitSchema({ type: "object", properties: { n: { type: "integer", minimum: 1 } } }, () => {})
 * // → { type: "object", properties: { n: { type: "integer", description: "{minimum: 1}" } }, additionalProperties: false }
 */
export function fitSchema(schema: unknown, lost: (keyword: string) => void): unknown {
  if (!isObject(schema) || schema instanceof ExactNumber) return schema;
  const words: string[] = [];
  const isObjectType = isTypeObject(schema["type"]);
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (key === "__proto__" || key === "$schema") return [];
    // Objects are closed here, whatever was asked.
    const isOpen = isObjectType && key === "additionalProperties" && value !== false;
    if (isOpen || isUnsupported(key, value)) {
      words.push(`${key}: ${JSON.stringify(value)}`);
      lost(key);
      return [];
    }
    if (key === "oneOf") return [["anyOf", fitList(value, lost)]];
    return [[key, fitMember(key, value, lost)]];
  });
  const fitted: JsonObject = Object.fromEntries(entries);
  if (words.length > 0) {
    const hint = `{${words.join(", ")}}`;
    const said = fitted["description"];
    fitted["description"] = typeof said === "string" && said !== "" ? `${said}\n\n${hint}` : hint;
  }
  if (isObjectType) fitted["additionalProperties"] = false;
  return fitted;
}

const isTypeObject = (type: unknown): boolean =>
  type === "object" || (Array.isArray(type) && type.includes("object"));

function isUnsupported(key: string, value: unknown): boolean {
  if (key === "minItems") return numberOf(value) !== 0 && numberOf(value) !== 1;
  if (key === "format") return typeof value !== "string" || !formats.has(value);
  return refused.has(key);
}

const fitList = (value: unknown, lost: (keyword: string) => void): unknown =>
  Array.isArray(value) ? value.map((item) => fitSchema(item, lost)) : value;

function fitMember(key: string, value: unknown, lost: (keyword: string) => void): unknown {
  switch (key) {
    case "properties":
    case "$defs":
    case "definitions":
      return isObject(value)
        ? Object.fromEntries(
            Object.entries(value)
              .filter(([name]) => name !== "__proto__")
              .map(([name, item]) => [name, fitSchema(item, lost)]),
          )
        : value;
    case "anyOf":
    case "allOf":
      return fitList(value, lost);
    case "items":
      return fitSchema(value, lost);
    default:
      // `enum`, `const`, `default` … hold values, not schemas.
      return value;
  }
}
