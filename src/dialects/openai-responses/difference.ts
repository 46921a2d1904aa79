// What has to be added to one JSON object to make it another: the counterpart of merging.
import { isObject } from "../../lib/json.ts";

/** Members of `after` that `before` lacks or has otherwise; undefined where nothing is to be added. Lists are taken whole. */
export function difference<T extends object>(before: object, after: T): T | undefined {
  const known = new Map<string, unknown>(Object.entries(before));
  const added = Object.entries(after).flatMap(([key, value]): [string, unknown][] => {
    const old = known.get(key);
    if (!known.has(key)) return [[key, value]];
    if (isObject(old) && isObject(value)) {
      const inner = difference(old, value);
      return inner ? [[key, inner]] : [];
    }
    // A list would be joined to the old one.
    return Array.isArray(value) || Bun.deepEquals(old, value) ? [] : [[key, value]];
  });
  return added.length === 0 ? undefined : (Object.fromEntries(added) as T);
}
