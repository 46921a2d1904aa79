// A value that conforms to a JSON Schema, always the same one.
import { isObject, type JsonObject } from "../../lib/json.ts";

/** Schemas may be recursive: beyond so many values the rest is null. */
const maxValues = 2_000;
const maxDepth = 24;
const maxItems = 100;
const maxLength = 1_000;

/**
 * Required properties only, first of an enumeration, least number in range. `pattern` is not honoured.
 * @example sampleOf({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }) // → { city: "sample" }
 */
export function sampleOf(schema: unknown): unknown {
  let left = maxValues;

  /** `index` tells the items of one array apart. */
  const sample = (given: unknown, depth: number, index: number): unknown => {
    left -= 1;
    if (left < 0 || depth > maxDepth || !isObject(given)) return null;
    const node = flatten(given, schema);
    if ("const" in node) return node["const"];
    const fixed = list(node["enum"]) ?? list(node["examples"]);
    if (fixed) return fixed[index % fixed.length];
    switch (typeOf(node)) {
      case "object":
        return sampleObject(node, depth);
      case "array":
        return sampleArray(node, depth);
      case "integer":
      case "number":
        return sampleNumber(node, index);
      case "boolean":
        return index % 2 === 0;
      case "null":
        return null;
      default:
        return sampleText(node, index);
    }
  };

  const sampleObject = (node: JsonObject, depth: number): JsonObject => {
    const properties = isObject(node["properties"]) ? node["properties"] : {};
    const required = Array.isArray(node["required"]) ? node["required"].filter(isText) : [];
    return Object.fromEntries(
      required.map((name) => [
        name,
        sample(Object.hasOwn(properties, name) ? properties[name] : {}, depth + 1, 0),
      ]),
    );
  };

  const sampleArray = (node: JsonObject, depth: number): unknown[] => {
    const fixed = Array.isArray(node["prefixItems"]) ? node["prefixItems"] : [];
    const most = number(node["maxItems"]) ?? maxItems;
    const least = Math.max(number(node["minItems"]) ?? 1, fixed.length);
    const length = Math.min(least, most, maxItems);
    return Array.from({ length }, (_, index) =>
      index < fixed.length
        ? sample(fixed[index], depth + 1, 0)
        : sample(node["items"] ?? {}, depth + 1, index),
    );
  };

  return sample(schema, 0, 0);
}

const isText = (value: unknown): value is string => typeof value === "string";
const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;
const list = (value: unknown): unknown[] | undefined =>
  Array.isArray(value) && value.length > 0 ? value : undefined;

/** The node with its reference followed and its first alternative taken. */
function flatten(given: JsonObject, root: unknown): JsonObject {
  let node = given;
  for (let step = 0; step < 16; step += 1) {
    const { $ref, allOf, anyOf, oneOf, ...rest } = node;
    const target = isText($ref) ? resolve($ref, root) : undefined;
    const parts = [target, ...(list(allOf) ?? []), (list(anyOf) ?? list(oneOf))?.[0]].filter(
      isObject,
    );
    if (parts.length === 0) return node;
    node = parts.reduce(merge, rest);
  }
  return node;
}

function merge(left: JsonObject, right: JsonObject): JsonObject {
  const properties = { ...asObject(left["properties"]), ...asObject(right["properties"]) };
  const required = [
    ...new Set([...(list(left["required"]) ?? []), ...(list(right["required"]) ?? [])]),
  ];
  return { ...left, ...right, properties, required };
}

const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** A reference inside the same document, e.g. `#/$defs/place`. */
function resolve(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#")) return undefined;
  let node = root;
  for (const step of reference.slice(1).split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!isObject(node) || !Object.hasOwn(node, key)) return undefined;
    node = node[key];
  }
  return node;
}

function typeOf(node: JsonObject): unknown {
  const { type } = node;
  if (Array.isArray(type)) return type.find((each) => each !== "null") ?? "null";
  if (type !== undefined) return type;
  if (isObject(node["properties"]) && Object.keys(node["properties"]).length > 0) return "object";
  if ("items" in node || "prefixItems" in node) return "array";
  return "minimum" in node || "maximum" in node ? "number" : "string";
}

function sampleNumber(node: JsonObject, index: number): number {
  const above = number(node["exclusiveMinimum"]);
  const below = number(node["exclusiveMaximum"]);
  const low = Math.max(number(node["minimum"]) ?? -Infinity, above ?? -Infinity);
  const high = Math.min(number(node["maximum"]) ?? Infinity, below ?? Infinity);
  const step = number(node["multipleOf"]) ?? 1;
  const isIn = (value: number): boolean =>
    value >= low && value <= high && value !== above && value !== below;
  const first = Math.ceil((Number.isFinite(low) ? low : Math.min(1, high)) / step) * step;
  const last = Math.floor(high / step) * step;
  const middle = (low + high) / 2;
  return [first + index * step, first, first + step, last, last - step, middle].find(isIn) ?? first;
}

const formats: Readonly<Record<string, string>> = {
  "date-time": "2025-01-01T00:00:00Z",
  date: "2025-01-01",
  time: "00:00:00Z",
  duration: "P1D",
  email: "sample@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function sampleText(node: JsonObject, index: number): string {
  const format = isText(node["format"]) ? formats[node["format"]] : undefined;
  if (format !== undefined) return format;
  const text = index === 0 ? "sample" : `sample-${index + 1}`;
  const least = Math.min(number(node["minLength"]) ?? 0, maxLength);
  return text.padEnd(least, "-").slice(0, number(node["maxLength"]) ?? maxLength);
}
