// What OpenAI demands of a schema that it is to enforce.
// https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
import { isObject } from "../../lib/json.ts";
import { field } from "../fields.ts";

/**
 * Every object within must be closed and demand all of its properties; `$ref`s are taken on trust.
 * @example isStrictSchema({ type: "object", properties: {} }) // → false: it may have other properties
 */
export function isStrictSchema(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrictSchema);
  if (!isObject(schema)) return true;
  const properties = field(schema, "properties");
  if (isObject(properties) || field(schema, "type") === "object") {
    const required = field(schema, "required");
    const names = isObject(properties) ? Object.keys(properties) : [];
    const isClosed = field(schema, "additionalProperties") === false;
    const demands = Array.isArray(required) ? required : [];
    if (!isClosed || !names.every((name) => demands.includes(name))) return false;
  }
  const groups = [properties, field(schema, "$defs"), field(schema, "definitions")];
  return (
    groups.filter(isObject).every((group) => Object.values(group).every(isStrictSchema)) &&
    isStrictSchema(field(schema, "items")) &&
    isStrictSchema(field(schema, "anyOf"))
  );
}
