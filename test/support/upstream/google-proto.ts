// JSON as Google's servers read it: by tables of fields, in camelCase or snake_case; faults are told in their words.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

export type Scalar =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "int64"
  | "float"
  | "duration"
  /** Any JSON object. */
  | "struct"
  /** Any JSON at all. */
  | "value";

export interface Enumeration {
  enum: string;
  values: readonly string[];
}

export interface Message {
  message: string;
  /** By their names in camelCase. */
  fields(): Readonly<Record<string, Field>>;
}

export type Kind = Scalar | Enumeration | Message;

export interface Field {
  kind: Kind;
  many?: "list" | "map";
  /** Of the fields with this name only one may be set. */
  oneof?: string;
}

export interface ProtoFault {
  /** The place as `BadRequest` names it; empty for the root. */
  field: string;
  description: string;
}

/** What was read: names in camelCase, enums in capitals, nulls left out. */
export interface ProtoReading {
  value: JsonObject;
  faults: ProtoFault[];
}

/**
 * Reads a request. `packageName` begins the names of types in faults.
 * https://protobuf.dev/programming-guides/json/
 */
export function readProto(message: Message, json: unknown, packageName: string): ProtoReading {
  const faults: ProtoFault[] = [];
  if (!isObject(json)) {
    const description =
      'Invalid JSON payload received. Unknown name "": Root element must be a message.';
    return { value: {}, faults: [{ field: "", description }] };
  }
  const value = readMessage(message, json, "", { faults, packageName });
  return { value, faults };
}

/** `functionDeclarations` → `function_declarations` */
export const snake = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const camel = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

interface Reader {
  faults: ProtoFault[];
  packageName: string;
}

function readMessage(message: Message, json: JsonObject, path: string, reader: Reader): JsonObject {
  const fields = message.fields();
  const value: JsonObject = {};
  const set = new Set<string>();
  for (const [key, item] of Object.entries(json)) {
    const name = camel(key);
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      reader.faults.push(unknownName(key, path, "Cannot find field."));
      continue;
    }
    if (item === null) continue;
    if (field.oneof !== undefined) {
      if (set.has(field.oneof)) {
        const place = path === "" ? "" : `'${path}' `;
        reader.faults.push({
          field: path,
          description: `Invalid value at ${place}(oneof), oneof field '${field.oneof}' is already set. Cannot set '${key}'`,
        });
        continue;
      }
      set.add(field.oneof);
    }
    const read = readField(field, item, { path, key, at: join(path, snake(name)) }, reader);
    if (read !== undefined) value[name] = read;
  }
  return value;
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

interface Place {
  /** Of the message the field is in. */
  path: string;
  /** As the request spells it. */
  key: string;
  at: string;
}

function readField(field: Field, item: unknown, place: Place, reader: Reader): unknown {
  if (field.many === "map") {
    if (!isObject(item)) return wrongType("Map", item, place, reader);
    return Object.fromEntries(
      Object.entries(item).map(([name, inner], index) => [
        name,
        readOne(
          field.kind,
          inner,
          { path: place.at, key: name, at: `${place.at}[${index}].value` },
          reader,
        ),
      ]),
    );
  }
  if (field.many === "list") {
    // One value stands for a list of one.
    const items = Array.isArray(item) ? item : [item];
    return items.map((inner, index) =>
      readOne(
        field.kind,
        inner,
        { ...place, at: Array.isArray(item) ? `${place.at}[${index}]` : place.at },
        reader,
      ),
    );
  }
  return readOne(field.kind, item, place, reader);
}

function readOne(kind: Kind, item: unknown, place: Place, reader: Reader): unknown {
  if (kind === "value") return item;
  if (Array.isArray(item)) {
    reader.faults.push(
      unknownName(place.key, place.path, "Proto field is not repeating, cannot start list."),
    );
    return undefined;
  }
  if (kind === "struct") {
    return isObject(item)
      ? item
      : wrong("type.googleapis.com/google.protobuf.Struct", item, place, reader);
  }
  if (typeof kind === "object" && "message" in kind) {
    return isObject(item)
      ? readMessage(kind, item, place.at, reader)
      : wrongType(kind.message, item, place, reader);
  }
  if (isObject(item)) {
    reader.faults.push(unknownName(place.key, place.path, "Starting an object on a scalar field"));
    return undefined;
  }
  if (typeof kind === "object") return readEnum(kind, item, place, reader);
  return readScalar(kind, item, place, reader);
}

function readEnum(kind: Enumeration, item: unknown, place: Place, reader: Reader): unknown {
  if (typeof item === "number" && kind.values[item] !== undefined) return kind.values[item];
  const name = typeof item === "string" ? item.toUpperCase().replaceAll("-", "_") : "";
  return kind.values.includes(name) ? name : wrongType(kind.enum, item, place, reader);
}

function readScalar(kind: Scalar, item: unknown, place: Place, reader: Reader): unknown {
  switch (kind) {
    case "string":
      return typeof item === "string" ? item : wrong("TYPE_STRING", item, place, reader);
    case "bool":
      return typeof item === "boolean" ? item : wrong("TYPE_BOOL", item, place, reader);
    case "bytes":
      return readBytes(item, place, reader);
    case "int32":
    case "int64": {
      const number = typeof item === "string" && /^-?\d+$/.test(item) ? Number(item) : item;
      const most = kind === "int32" ? 2 ** 31 : 2 ** 63;
      const fits =
        typeof number === "number" && Number.isInteger(number) && number >= -most && number < most;
      return fits ? number : wrong(`TYPE_${kind.toUpperCase()}`, item, place, reader);
    }
    case "float": {
      const number = typeof item === "string" && item.trim() !== "" ? Number(item) : item;
      return typeof number === "number" && Number.isFinite(number)
        ? number
        : wrong("TYPE_FLOAT", item, place, reader);
    }
    case "duration":
      return typeof item === "string" && /^-?\d+(?:\.\d{1,9})?s$/.test(item)
        ? item
        : wrong("type.googleapis.com/google.protobuf.Duration", item, place, reader);
    case "struct":
    case "value":
      return item;
    default:
      return kind satisfies never;
  }
}

function readBytes(item: unknown, place: Place, reader: Reader): unknown {
  if (typeof item !== "string") return wrong("TYPE_BYTES", item, place, reader);
  // Both alphabets are taken, with and without padding.
  if (/^[A-Za-z0-9+/_-]*={0,2}$/.test(item) && item.replaceAll("=", "").length % 4 !== 1) {
    return item;
  }
  reader.faults.push({
    field: place.at,
    description: `Invalid value at '${place.at}' (TYPE_BYTES), Base64 decoding failed for ${JSON.stringify(item)}`,
  });
  return undefined;
}

function unknownName(key: string, path: string, why: string): ProtoFault {
  const place = path === "" ? "" : ` at '${path}'`;
  return {
    field: path,
    description: `Invalid JSON payload received. Unknown name "${key}"${place}: ${why}`,
  };
}

const wrongType = (name: string, item: unknown, place: Place, reader: Reader): undefined =>
  wrong(`type.googleapis.com/${reader.packageName}.${name}`, item, place, reader);

function wrong(type: string, item: unknown, place: Place, reader: Reader): undefined {
  reader.faults.push({
    field: place.at,
    description: `Invalid value at '${place.at}' (${type}), ${JSON.stringify(item)}`,
  });
}
