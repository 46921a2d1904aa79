// OpenAI's rules for JSON Schemas in tools and response formats.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

/**
 * What OpenAI finds wrong with a schema, or undefined.
 * Every schema: objects at the top (functions), arrays have items. Strict ones: closed objects, everything required,
 * https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas
 */
export function schemaFault(schema: JsonObject, strict: boolean): string | undefined {
  if (strict && schema["type"] !== "object") {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: "${typeName(schema["type"])}"'.`;
  }
  if (strict && Array.isArray(schema["anyOf"])) {
    return "In context=(), 'anyOf' is not permitted at the top level.";
  }
  return faultAt(schema, [], strict);
}

/** The function rule on top of {@link schemaFault}: parameters are an object. */
export function functionSchemaFault(schema: JsonObject, strict: boolean): string | undefined {
  if (schema["type"] !== "object" && Object.keys(schema).length > 0) {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: "${typeName(schema["type"])}"'.`;
  }
  if (Object.keys(schema).length === 0 && !strict) return undefined;
  return schemaFault(schema, strict);
}

const typeName = (type: unknown): string => (typeof type === "string" ? type : "None");

/** The place in a schema, as Python prints a tuple. */
function context(path: readonly string[]): string {
  const inner = path.map((step) => `'${step}'`).join(", ");
  return `In context=(${path.length === 1 ? `${inner},` : inner})`;
}

const unsupported = [
  "allOf",
  "not",
  "dependentRequired",
  "dependentSchemas",
  "if",
  "then",
  "else",
  "patternProperties",
];

function faultAt(schema: JsonObject, path: readonly string[], strict: boolean): string | undefined {
  const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]];
  if (
    types.includes("array") &&
    schema["items"] === undefined &&
    schema["prefixItems"] === undefined
  ) {
    return `${context(path)}, array schema missing items.`;
  }
  if (strict) {
    const fault = strictFault(schema, types, path);
    if (fault !== undefined) return fault;
  }
  for (const [name, child, childPath] of children(schema, path)) {
    if (!isObject(child)) {
      if (typeof child === "boolean") continue;
      return `${context(childPath)}, ${JSON.stringify(name)} is not of type 'object', 'boolean'.`;
    }
    const fault = faultAt(child, childPath, strict);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function strictFault(
  schema: JsonObject,
  types: readonly unknown[],
  path: readonly string[],
): string | undefined {
  const refused = unsupported.find((keyword) => schema[keyword] !== undefined);
  if (refused !== undefined) return `${context(path)}, '${refused}' is not permitted.`;
  const known = ["type", "anyOf", "enum", "const", "$ref"].some((key) => schema[key] !== undefined);
  if (!known) return `${context(path)}, schema must have a 'type' key.`;
  if (!types.includes("object")) return undefined;
  if (schema["additionalProperties"] !== false) {
    return `${context(path)}, 'additionalProperties' is required to be supplied and to be false.`;
  }
  const names = isObject(schema["properties"]) ? Object.keys(schema["properties"]) : [];
  const required: unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const missing = names.find((name) => !required.includes(name));
  if (missing !== undefined) {
    return `${context(path)}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
  }
  const extra = required.find((name) => !names.includes(String(name)));
  return extra === undefined
    ? undefined
    : `${context(path)}, 'required' is required to be supplied and to be an array including every key in properties. Extra required key '${JSON.stringify(extra)}' supplied.`;
}

function* children(
  schema: JsonObject,
  path: readonly string[],
): Generator<readonly [name: string, child: unknown, path: readonly string[]]> {
  for (const keyword of ["properties", "$defs", "definitions"]) {
    const group = schema[keyword];
    if (!isObject(group)) continue;
    for (const [name, child] of Object.entries(group))
      yield [name, child, [...path, keyword, name]];
  }
  for (const keyword of ["anyOf", "oneOf", "allOf", "prefixItems"]) {
    const group = schema[keyword];
    if (!Array.isArray(group)) continue;
    for (const [index, child] of group.entries())
      yield [keyword, child, [...path, keyword, String(index)]];
  }
  if (isObject(schema["items"])) yield ["items", schema["items"], [...path, "items"]];
}
