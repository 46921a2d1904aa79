// Where in a file Portkey's configs are: alone, in lists, and as its own API gives them.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Job } from "./importer.ts";

export interface Found {
  values: JsonObject;
  path: Path;
  name: string | undefined;
  namePath: Path | undefined;
}

const isConfig = (value: JsonObject): boolean =>
  ["targets", "options", "provider", "virtual_key", "virtualKey"].some(
    (key) => value[key] !== undefined,
  );

/** Configs alone, in lists, and as Portkey's own API gives them. */
export function findConfigs(value: unknown, path: Path): Found[] {
  if (path.length > 6) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => findConfigs(item, [...path, index]));
  if (!isObject(value)) return [];
  if (isConfig(value)) return [{ values: value, path, name: undefined, namePath: undefined }];
  const nameKey = ["slug", "name", "id"].find((key) => typeof value[key] === "string");
  return Object.entries(value).flatMap(([key, item]) =>
    findConfigs(item, [...path, key]).map((found) => ({
      ...found,
      name:
        found.name ??
        (nameKey === undefined
          ? key === "config" || key === "data"
            ? undefined
            : key
          : String(value[nameKey])),
      namePath: found.namePath ?? (nameKey === undefined ? undefined : [...path, nameKey]),
    })),
  );
}

/** What stands around the configs in an answer of Portkey's API. */
export function explainAround(value: unknown, path: Path, found: readonly Found[], job: Job): void {
  if (
    found.some(
      (each) =>
        each.path.length === path.length && each.path.every((step, index) => path[index] === step),
    )
  )
    return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) explainAround(item, [...path, index], found, job);
  } else if (isObject(value)) {
    const holds = (key: string): boolean =>
      found.some(
        (each) =>
          each.path.length > path.length &&
          each.path[path.length] === key &&
          path.every((step, index) => each.path[index] === step),
      );
    for (const [key, item] of Object.entries(value))
      if (holds(key)) explainAround(item, [...path, key], found, job);
    const others = Object.fromEntries(Object.entries(value).filter(([key]) => !holds(key)));
    const own = "Portkey's own bookkeeping";
    job.report.explain(
      path,
      others,
      Object.fromEntries(Object.keys(others).map((key) => [key, own])),
    );
  }
}
