// Fields that one dialect alone understands: kept with what they belong to, and counted as losses by all others.
import type { DialectId, Ext, OpaquePart } from "../ir/chat.ts";
import { isObject, type JsonObject } from "../lib/json.ts";

/** The fields that `known` does not name and that say something; undefined when there are none. */
export function unknownFields(
  object: JsonObject,
  known: ReadonlySet<string>,
): JsonObject | undefined {
  // Nearly always there are none, and every event of a stream asks: nothing is made then.
  let entries: [string, unknown][] | undefined;
  for (const key of Object.keys(object)) {
    const value = known.has(key) || key === "__proto__" ? undefined : object[key];
    if (value !== null && value !== undefined) (entries ??= []).push([key, value]);
  }
  return entries && Object.fromEntries(entries);
}

/**
 * Where a dialect keeps how its wire framed something (ids of items, fields that are echoed): nothing of what was
 * said, so no other dialect loses anything.
 */
export const frameKey = "#frame";

const rest = Symbol("rest");

/**
 * {@link unknownFields} of an object within, to be kept under that object's name: a loss is then told by
 * the field's own path, since the object itself is understood.
 * @example { image_url: unknownMembers({ url, min_pixels: 9 }, new Set(["url"])) } // lost as `image_url.min_pixels`
 */
export function unknownMembers(
  object: JsonObject,
  known: ReadonlySet<string>,
): JsonObject | undefined {
  const fields = unknownFields(object, known);
  return fields && Object.defineProperty(fields, rest, { value: true });
}

const pathsOf = ([key, value]: [string, unknown]): string[] =>
  isObject(value) && rest in value
    ? Object.entries(value).flatMap((member) => pathsOf(member).map((path) => `${key}.${path}`))
    : [key];

/** How one dialect reads and writes the fields that only it understands. */
export interface ExtOf {
  /** `{ ext }` to be spread into a part, message or tool; empty when there is nothing to keep. */
  withExt(fields: JsonObject | undefined): { ext?: Ext };
  /** This dialect's own fields of a part, message, tool or request. */
  ownExt(ext: Ext | undefined): JsonObject;
  /** Paths of the fields of other dialects, which this wire cannot carry. */
  foreignFields(ext: Ext | undefined): string[];
  /** A wire object that only this dialect understands, kept whole. */
  opaque(raw: unknown): OpaquePart;
}

export const createExt = (dialectId: DialectId): ExtOf => ({
  withExt: (fields) =>
    fields && Object.keys(fields).length > 0 ? { ext: { [dialectId]: fields } } : {},
  ownExt: (ext) => ext?.[dialectId] ?? {},
  foreignFields: (ext) =>
    Object.entries(ext ?? {})
      .filter(([dialect]) => dialect !== dialectId)
      .flatMap(([, fields]) => Object.entries(fields ?? {}))
      .filter(([key]) => key !== frameKey)
      .flatMap(pathsOf),
  opaque: (raw) => ({ type: "opaque", origin: dialectId, raw }),
});
