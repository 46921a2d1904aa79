// Google's rules for the schemas of functions and answers, beyond the fields they may have.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { objects } from "./shape.ts";

/**
 * What is wrong with a schema that was read as a `Schema` message, each with its place.
 * `top` is true for the parameters of a function, which may be an object without properties.
 */
export function schemaFaults(schema: JsonObject, place: string, top: boolean): string[] {
  const faults: string[] = [];
  const tell = (field: string, why: string): void => void faults.push(`${place}${field}: ${why}`);
  const type = schema["type"];
  const properties = isObject(schema["properties"]) ? schema["properties"] : undefined;
  const names = Object.keys(properties ?? {});
  const alternatives = objects(schema["anyOf"]);
  const refers = schema["ref"] !== undefined;
  if ((type === undefined || type === "TYPE_UNSPECIFIED") && alternatives.length === 0 && !refers) {
    tell(".type", "must be specified when not using one_of, any_of or all_of fields");
  }
  if (type === "OBJECT" && names.length === 0 && !top) {
    tell(".properties", "should be non-empty for OBJECT type");
  }
  if (type !== undefined && type !== "OBJECT") {
    if (properties !== undefined) tell(".properties", "only allowed for OBJECT type");
    if (schema["required"] !== undefined) tell(".required", "only allowed for OBJECT type");
  }
  if (type === "ARRAY" && schema["items"] === undefined) tell(".items", "missing field.");
  if (type !== undefined && type !== "ARRAY" && schema["items"] !== undefined) {
    tell(".items", "only allowed for ARRAY type");
  }
  for (const [index, name] of textsOf(schema["required"]).entries()) {
    if (type === "OBJECT" && !names.includes(name)) {
      tell(`.required[${index}]`, "property is not defined");
    }
  }
  for (const [index, value] of textsOf(schema["enum"]).entries()) {
    if (value === "") tell(`.enum[${index}]`, "cannot be empty");
  }
  if (schema["enum"] !== undefined && type !== "STRING" && type !== undefined) {
    tell(".enum", "only allowed for STRING type");
  }
  const formats = typeof type === "string" ? formatsOf[type] : undefined;
  const format = schema["format"];
  if (formats !== undefined && typeof format === "string" && format !== "") {
    if (!formats.includes(format)) {
      const allowed = formats.map((one) => `'${one}'`).join(" and ");
      tell(".format", `only ${allowed} are supported for ${String(type)} type`);
    }
  }
  for (const [name, inner] of Object.entries(properties ?? {})) {
    if (isObject(inner)) faults.push(...schemaFaults(inner, `${place}.properties[${name}]`, false));
  }
  if (isObject(schema["items"])) {
    faults.push(...schemaFaults(schema["items"], `${place}.items`, false));
  }
  for (const [index, inner] of alternatives.entries()) {
    faults.push(...schemaFaults(inner, `${place}.any_of[${index}]`, false));
  }
  return faults;
}

const formatsOf: Readonly<Record<string, readonly string[]>> = {
  STRING: ["enum", "date-time"],
  NUMBER: ["float", "double"],
  INTEGER: ["int32", "int64"],
};

/** True where a schema, or one inside it, has other fields beside `any_of`. */
export function mixesAnyOf(schema: JsonObject): boolean {
  const { anyOf, ...rest } = schema;
  // What is only told to people may stand there.
  const beside = Object.keys(rest).filter(
    (key) => !["description", "title", "nullable"].includes(key),
  );
  if (anyOf !== undefined && beside.length > 0) return true;
  const inner = [
    ...Object.values(isObject(schema["properties"]) ? schema["properties"] : {}),
    schema["items"],
    ...objects(anyOf),
  ];
  return inner.some((one) => isObject(one) && mixesAnyOf(one));
}

/** A schema of Google's kind as plain JSON Schema. */
export function plainSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const { type, properties, items, anyOf, ...rest } = schema;
  return {
    ...rest,
    ...(typeof type === "string" ? { type: type.toLowerCase() } : {}),
    ...(isObject(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, inner]) => [name, plainSchema(inner)]),
          ),
        }
      : {}),
    ...(items === undefined ? {} : { items: plainSchema(items) }),
    ...(anyOf === undefined ? {} : { anyOf: objects(anyOf).map(plainSchema) }),
  };
}

export const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
