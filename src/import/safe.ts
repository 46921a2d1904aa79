// Values that are only carried when this gateway's own schema takes them.
import { headerName, headerValue } from "../config/header.ts";
import { parameterFields } from "../config/parameters.ts";
import { clientKey, proxyUrl } from "../config/schema-values.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import type { Text } from "./text.ts";

type ListField = "allow_params" | "drop_params";

/** Those of a list that the field takes, and those that it does not. */
export function splitParams(
  field: ListField,
  names: readonly string[],
): { good: string[]; bad: string[] } {
  const isGood = (name: string): boolean => parameterFields[field].safeParse([name]).success;
  return { good: names.filter(isGood), bad: names.filter((name) => !isGood(name)) };
}

/** Whether it may be put into every request: `model` and `stream` may not. */
export const isBodyField = (name: string, value: unknown): boolean =>
  parameterFields.extra_body.safeParse({ [name]: value }).success;

/** A header that can be sent; a variable's value is looked at later. */
export const isHeader = (name: string, value: Text): boolean =>
  headerName.safeParse(name).success &&
  (typeof value !== "string" || headerValue.safeParse(value).success);

/** Long and varied enough for a key of a client's, and for the administration's. */
export const isStrongKey = (text: string): boolean => clientKey.safeParse(text).success;

export const isProxy = (text: string): boolean => proxyUrl.safeParse(text).success;

/** The fields of a map that may be put into every request. */
export const bodyFields = (value: unknown): JsonObject =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([name, each]) => isBodyField(name, each)))
    : {};
