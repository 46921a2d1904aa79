// A value that fits a JSON Schema, always the same one.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

const deepest = 8;

/**
 * Makes a value for `schema`: every required property, and all properties where none is required.
 * References into the schema's own definitions are followed.
 * @example schemaValue({ type: "object", properties: { city: { type: "string" } } }) // → { city: "city" }
 */
export function schemaValue(schema: unknown, name = "text"): unknown {
  return valueOf(schema, { root: schema, name, depth: 0 });
}

interface Place {
  root: unknown;
  /** The property's name: the text that strings are made of. */
  name: string;
  depth: number;
}

function valueOf(schema: unknown, place: Place): unknown {
  if (!isObject(schema)) return place.name;
  if (typeof schema["$ref"] === "string") {
    return place.depth > deepest
      ? null
      : valueOf(resolve(place.root, schema["$ref"]), { ...place, depth: place.depth + 1 });
  }
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const choice = firstOf(schema["anyOf"]) ?? firstOf(schema["oneOf"]);
  if (choice !== undefined) return valueOf(choice, place);
  if (Array.isArray(schema["allOf"])) {
    return valueOf(Object.assign({}, schema, { allOf: undefined }, ...schema["allOf"]), place);
  }
  switch (typeName(schema)) {
    case "object":
      return objectOf(schema, place);
    case "array":
      return arrayOf(schema, place);
    case "integer":
      return Math.ceil(numberOf(schema));
    case "number":
      return numberOf(schema);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return textOf(schema, place.name);
  }
}

function typeName(schema: JsonObject): unknown {
  const type = Array.isArray(schema["type"])
    ? schema["type"].find((one) => one !== "null")
    : schema["type"];
  if (type !== undefined) return type;
  if (isObject(schema["properties"])) return "object";
  return schema["items"] === undefined ? "string" : "array";
}

function objectOf(schema: JsonObject, place: Place): JsonObject {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const names =
    required.length > 0
      ? required.filter((one): one is string => typeof one === "string")
      : Object.keys(properties);
  if (place.depth > deepest) return {};
  return Object.fromEntries(
    names.map((name) => [
      name,
      valueOf(properties[name], { root: place.root, name, depth: place.depth + 1 }),
    ]),
  );
}

function arrayOf(schema: JsonObject, place: Place): unknown[] {
  const least = typeof schema["minItems"] === "number" ? schema["minItems"] : 1;
  if (place.depth > deepest) return [];
  return Array.from({ length: Math.max(least, 1) }, () =>
    valueOf(schema["items"], { ...place, depth: place.depth + 1 }),
  );
}

function numberOf(schema: JsonObject): number {
  if (typeof schema["minimum"] === "number") return schema["minimum"];
  if (typeof schema["exclusiveMinimum"] === "number") return schema["exclusiveMinimum"] + 1;
  return typeof schema["maximum"] === "number" ? Math.min(schema["maximum"], 1) : 1;
}

const formats: Readonly<Record<string, string>> = {
  date: "2026-01-02",
  "date-time": "2026-01-02T03:04:05Z",
  time: "03:04:05Z",
  email: "user@example.com",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function textOf(schema: JsonObject, name: string): string {
  const format = formats[String(schema["format"])];
  if (format !== undefined) return format;
  const least = typeof schema["minLength"] === "number" ? schema["minLength"] : 0;
  const most = typeof schema["maxLength"] === "number" ? schema["maxLength"] : Infinity;
  return name.padEnd(least, "x").slice(0, Math.min(most, 1_000));
}

const firstOf = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);

function resolve(root: unknown, reference: string): unknown {
  let at = root;
  for (const step of reference.replace(/^#\/?/, "").split("/")) {
    if (step === "") continue;
    at = isObject(at)
      ? at[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")]
      : undefined;
  }
  return at;
}
