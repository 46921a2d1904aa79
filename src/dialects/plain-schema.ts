// JSON Schemas as clients of other wires spell them, in the spelling that everybody takes: nothing that they ask changes.
import { isObject, type JsonObject } from "../lib/json.ts";

const upperTypes: ReadonlySet<string> = new Set([
  "STRING",
  "NUMBER",
  "INTEGER",
  "BOOLEAN",
  "ARRAY",
  "OBJECT",
  "NULL",
]);
/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const single: ReadonlySet<string> = new Set([
  "items",
  "additionalProperties",
  "not",
  "if",
  "then",
  "else",
  "contains",
  "propertyNames",
]);
const lists: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "prefixItems", "items"]);
const named: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
]);

/**
 * Types in lower case, as Google's clients do not write them, and no `$schema`, which several vendors refuse.
 * A schema that needs no change is returned as it is.
 * @example plainSchema({ type: "OBJECT", properties: {} }) // → { type: "object", properties: {} }
 */
export function plainSchema(schema: JsonObject): JsonObject;
export function plainSchema(schema: unknown): unknown;
export function plainSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const changed = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    const plain = plainMember(key, value);
    return plain === value ? [] : [[key, plain]];
  });
  const hasDialect = Object.hasOwn(schema, "$schema");
  if (changed.length === 0 && !hasDialect) return schema;
  const { $schema: _, ...rest } = schema;
  return { ...rest, ...Object.fromEntries(changed) };
}

function plainMember(key: string, value: unknown): unknown {
  if (key === "type") return plainType(value);
  if (Array.isArray(value)) return lists.has(key) ? plainList(value) : value;
  if (!isObject(value)) return value;
  if (single.has(key)) return plainSchema(value);
  return named.has(key) ? plainMap(value) : value;
}

function plainType(type: unknown): unknown {
  if (Array.isArray(type)) return plainItems(type, plainType);
  return typeof type === "string" && upperTypes.has(type) ? type.toLowerCase() : type;
}

const plainList = (schemas: unknown[]): unknown[] => plainItems(schemas, plainSchema);

function plainItems(items: unknown[], plain: (item: unknown) => unknown): unknown[] {
  const all = items.map(plain);
  return all.some((item, index) => item !== items[index]) ? all : items;
}

function plainMap(schemas: JsonObject): JsonObject {
  const entries = Object.entries(schemas).filter(([name]) => name !== "__proto__");
  const plain = entries.map(([name, schema]) => [name, plainSchema(schema)] as const);
  const isSame = plain.every(([, schema], index) => schema === entries[index]?.[1]);
  return isSame ? schemas : Object.fromEntries(plain);
}
