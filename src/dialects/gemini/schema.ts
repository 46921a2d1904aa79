// Schemas of this wire: Google's OpenAPI form read as JSON Schema, and what of JSON Schema the API takes.
// https://ai.google.dev/api/caching#Schema, https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
import { ExactNumber } from "../../lib/exact-numbers.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { SchemaRules } from "../json-schema.ts";
import { camel } from "./wire.ts";

export const schemaRules: SchemaRules = {
  keywords: new Set([
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
  ]),
  enums: "texts-and-numbers",
};

const types = new Set(["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]);

/**
 * Either form as plain JSON Schema: types in lower case, `nullable` as a type, properties in their `propertyOrdering`.
 * @example toJsonSchema({ type: "STRING", nullable: true }) // → { type: ["string", "null"] }
 */
export function toJsonSchema(schema: unknown): unknown {
  if (!isObject(schema) || schema instanceof ExactNumber) return schema;
  const given = isOpenApi(schema) ? camel(schema) : schema;
  const { nullable, propertyOrdering, ...rest } = given;
  const entries = Object.entries(rest).flatMap(([key, value]): [string, unknown][] => {
    if (key === "__proto__") return [];
    return readMember(key, value, propertyOrdering);
  });
  const read: JsonObject = Object.fromEntries(entries);
  return nullable === true ? withNull(read) : read;
}

/** Upper-case types, or fields that only this form has. */
const isOpenApi = ({
  type,
  any_of,
  min_items,
  max_items,
  property_ordering,
}: JsonObject): boolean =>
  (typeof type === "string" && types.has(type)) ||
  [any_of, min_items, max_items, property_ordering].some((value) => value !== undefined);

function readMember(key: string, value: unknown, ordering: unknown): [string, unknown][] {
  switch (key) {
    case "type":
      return value === "TYPE_UNSPECIFIED" ? [] : [[key, lower(value)]];
    case "format":
      return value === "enum" ? [] : [[key, value]];
    case "properties":
    case "$defs":
    case "defs":
    case "definitions":
      return [[key === "defs" ? "$defs" : key, readMap(value, ordering)]];
    case "ref":
      return [["$ref", value]];
    case "items":
    case "additionalProperties":
    case "not":
      return [[key, Array.isArray(value) ? value.map(toJsonSchema) : toJsonSchema(value)]];
    case "anyOf":
    case "oneOf":
    case "allOf":
    case "prefixItems":
      return [[key, Array.isArray(value) ? value.map(toJsonSchema) : value]];
    case "minItems":
    case "maxItems":
    case "minLength":
    case "maxLength":
    case "minProperties":
    case "maxProperties":
      // 64-bit numbers are texts in this form.
      return [[key, typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value]];
    default:
      return [[key, value]];
  }
}

function lower(type: unknown): unknown {
  if (Array.isArray(type)) return type.map(lower);
  return typeof type === "string" && types.has(type) ? type.toLowerCase() : type;
}

function readMap(value: unknown, ordering: unknown): unknown {
  if (!isObject(value)) return value;
  const names = Object.keys(value).filter((name) => name !== "__proto__");
  const order = Array.isArray(ordering) ? ordering.map(String) : [];
  const first = order.filter((name) => names.includes(name));
  const sorted = [...new Set([...first, ...names])];
  return Object.fromEntries(sorted.map((name) => [name, toJsonSchema(value[name])]));
}

function withNull(schema: JsonObject): JsonObject {
  const { type } = schema;
  if (typeof type === "string") return { ...schema, type: [...new Set([type, "null"])] };
  const choices = schema["anyOf"];
  return Array.isArray(choices) ? { ...schema, anyOf: [...choices, { type: "null" }] } : schema;
}
